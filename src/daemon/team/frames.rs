//! Frames of the websocket as messages of the hub, and how much nonsense is put up with.

use std::io::Read;
use std::time::Duration;

use flate2::read::GzDecoder;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::wire::hub::{Downward, MAX_DOWNWARD};

/// Worthless frames that are put up with at once.
const AT_ONCE: u32 = 100;
/// One more for each such time.
const EVERY: Duration = Duration::from_millis(100);

/// What a frame holds.
#[derive(Debug, PartialEq)]
pub(super) enum Frame {
    /// A message.
    Message(Box<Downward>),
    /// Nothing for us: the library has answered it.
    Nothing,
    /// The hub ends the conversation.
    End {
        /// Its code, when it gives one.
        code: Option<u16>,
        /// Why.
        because: String,
    },
    /// It cannot be read, for this reason.
    Nonsense(String),
}

/// Reads a frame; a compressed one up to the same size as one that is not.
pub(super) fn read(frame: &Message) -> Frame {
    let read = match frame {
        Message::Text(text) => Downward::read(text.as_bytes()).map_err(|error| error.to_string()),
        Message::Binary(bytes) => {
            unpacked(bytes).and_then(|text| Downward::read(&text).map_err(|error| error.to_string()))
        }
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Frame::Nothing,
        Message::Close(reason) => {
            let words = reason.as_ref().map(|close| match close.reason.as_str() {
                "" => format!("code {}", u16::from(close.code)),
                words => super::client::plain(words),
            });
            return Frame::End {
                code: reason.as_ref().map(|close| close.code.into()),
                because: words.unwrap_or_else(|| "it gave no reason".to_owned()),
            };
        }
    };
    match read {
        Ok(message) => Frame::Message(Box::new(message)),
        Err(because) => Frame::Nonsense(because),
    }
}

fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let limit = MAX_DOWNWARD as u64 + 1;
    GzDecoder::new(bytes)
        .take(limit)
        .read_to_end(&mut text)
        .map_err(|_| "a binary frame is not gzip".to_owned())?;
    match text.len() > MAX_DOWNWARD {
        true => Err(format!("a compressed frame has more than {MAX_DOWNWARD} bytes")),
        false => Ok(text),
    }
}

/// How much a hub may say that is worth nothing: pings, and what cannot be read.
#[derive(Debug)]
pub(super) struct Patience {
    left: u32,
    since: Instant,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self {
            left: AT_ONCE,
            since: Instant::now(),
        }
    }

    /// One more; `false` when it is too much.
    pub(super) fn bear(&mut self) -> bool {
        let regained = self.since.elapsed().as_millis() / EVERY.as_millis();
        if regained > 0 {
            let regained = u32::try_from(regained).unwrap_or(u32::MAX);
            self.left = self.left.saturating_add(regained).min(AT_ONCE);
            self.since = Instant::now();
        }
        let is_borne = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_borne
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::json;
    use tokio_tungstenite::tungstenite::protocol::CloseFrame;

    use super::*;

    fn packed(text: &[u8]) -> Message {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        Message::Binary(encoder.finish().unwrap().into())
    }

    #[test]
    fn a_message_is_read_with_and_without_compression() {
        let ping = Frame::Message(Box::new(Downward::Ping { ping: json!(3) }));
        assert_eq!(read(&Message::Text(r#"{"ping":3}"#.into())), ping);
        assert_eq!(read(&packed(br#"{"ping":3}"#)), ping);
    }

    #[test]
    fn g3_bombs_and_nonsense_are_bounded() {
        let bomb = packed(&vec![b' '; MAX_DOWNWARD + 1000]);
        assert!(matches!(&bomb, Message::Binary(bytes) if bytes.len() < 100_000));
        assert!(matches!(read(&bomb), Frame::Nonsense(because) if because.contains("more than")));
        for text in [
            "",
            "{",
            "[]",
            "7",
            "{\"x\": 1}",
            "{\"command\": 7}",
            "{\"data\": []}",
            "\u{0}",
        ] {
            assert!(
                matches!(read(&Message::Text(text.into())), Frame::Nonsense(_)),
                "{text:?}"
            );
        }
        let deep = "[".repeat(100_000);
        assert!(matches!(read(&Message::Text(deep.into())), Frame::Nonsense(_)));
        assert!(matches!(
            read(&Message::Binary(vec![1, 2, 3].into())),
            Frame::Nonsense(_)
        ));
    }

    #[test]
    fn a_close_says_why_in_plain_words() {
        let close = |code: u16, reason: &str| {
            let reason = reason.to_owned().into();
            read(&Message::Close(Some(CloseFrame {
                code: code.into(),
                reason,
            })))
        };
        let end = |code, because: &str| Frame::End {
            code,
            because: because.to_owned(),
        };
        assert_eq!(close(1012, ""), end(Some(1012), "code 1012"));
        assert_eq!(
            close(4001, "the key\nwas taken back"),
            end(Some(4001), "the key was taken back")
        );
        assert_eq!(read(&Message::Close(None)), end(None, "it gave no reason"));
    }

    #[test]
    fn patience_ends() {
        let mut patience = Patience::new();
        let borne = (0..10_000).take_while(|_| patience.bear()).count();
        assert!((AT_ONCE as usize..1_000).contains(&borne), "{borne}");
    }
}
