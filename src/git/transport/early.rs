//! One request less for a small fetch over http.
//!
//! libgit2 first asks which of twenty commits the server knows, then sends the same with `done` to get the pack. What a
//! mirror has came from that very server, so the answer is nearly always yes: we say `done` at once, give libgit2 the
//! acknowledgements as the answer to its question, and the pack that follows them as the answer to its second request.
//! When the server knows none of the commits the pack would be everything; that answer is thrown away unread and the
//! conversation goes on as libgit2 leads it.

/// What git ends a round of negotiation with.
const FLUSH: &[u8] = b"0000";
/// What git ends the negotiation with.
const DONE: &[u8] = b"0009done\n";
/// "None", or after acknowledgements: "no more".
pub(super) const NAK: &[u8] = b"0008NAK\n";

/// Longest run of acknowledgements that is looked at: twenty of some sixty bytes, twice.
pub(super) const MAX_ACKNOWLEDGEMENTS: usize = 8 * 1024;

/// The question turned into a request for the pack, if it is a question about commits we have.
pub(super) fn with_done(question: &[u8]) -> Option<Vec<u8>> {
    let rounds = question.strip_suffix(FLUSH)?;
    let has = |needle: &[u8]| rounds.windows(needle.len()).any(|window| window == needle);
    (has(b"0032have ") && has(b" multi_ack_detailed")).then(|| [rounds, DONE].concat())
}

/// Whether a request asks for the pack.
pub(super) fn is_done(request: &[u8]) -> bool {
    request.ends_with(DONE)
}

/// How an answer begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// More has to be read to tell.
    Unclear,
    /// So many bytes of acknowledgements; what follows is the last one and the pack.
    Known(usize),
    /// The server knows nothing of what we have.
    Unknown,
    /// Something else, for libgit2 to read as it is: an error.
    Other,
}

/// Reads packets from the start of an answer until it is clear what it is.
pub(super) fn beginning(answer: &[u8]) -> Beginning {
    let mut offset = 0;
    loop {
        let rest = &answer[offset..];
        let Some(length) = rest.get(..4) else {
            return Beginning::Unclear;
        };
        let length = std::str::from_utf8(length)
            .ok()
            .and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let Some(length) = length.filter(|length| *length > 4) else {
            return Beginning::Other;
        };
        let Some(packet) = rest.get(4..length) else {
            return Beginning::Unclear;
        };
        let text = packet.strip_suffix(b"\n").unwrap_or(packet);
        match text.strip_prefix(b"ACK ") {
            // The last acknowledgement has the id alone.
            Some(acknowledged) if acknowledged.len() == 40 && offset > 0 => return Beginning::Known(offset),
            Some(acknowledged) if acknowledged.len() > 40 => offset += length,
            None if text == b"NAK" && offset == 0 => return Beginning::Unknown,
            Some(_) | None => return Beginning::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1234567890123456789012345678901234567890";

    fn packet(text: &str) -> Vec<u8> {
        format!("{:04x}{text}", text.len() + 4).into_bytes()
    }

    #[test]
    fn a_question_about_commits_becomes_a_request_for_the_pack() {
        let want = packet(&format!("want {ID} multi_ack_detailed ofs-delta\n"));
        let have = packet(&format!("have {ID}\n"));
        let question = [want.as_slice(), FLUSH, &have, FLUSH].concat();
        let request = with_done(&question).unwrap();
        assert!(is_done(&request) && request.starts_with(&question[..question.len() - 4]));
        assert!(with_done(&[want.as_slice(), FLUSH].concat()).is_none());
        assert!(with_done(&request).is_none());
    }

    #[test]
    fn the_acknowledgements_end_at_the_last_one() {
        let common = packet(&format!("ACK {ID} common\n"));
        let ready = packet(&format!("ACK {ID} ready\n"));
        let last = packet(&format!("ACK {ID}\n"));
        let answer = [common.as_slice(), &ready, &last, b"0008PACK"].concat();
        assert_eq!(beginning(&answer), Beginning::Known(common.len() + ready.len()));
        for end in 0..common.len() + ready.len() + last.len() {
            assert_eq!(beginning(&answer[..end]), Beginning::Unclear);
        }
        assert_eq!(beginning(NAK), Beginning::Unknown);
        assert_eq!(
            beginning(&packet("ERR upload-pack: not our ref")),
            Beginning::Other
        );
        assert_eq!(beginning(b"zzzz"), Beginning::Other);
        assert_eq!(beginning(&last), Beginning::Other);
    }
}
