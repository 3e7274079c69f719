//! What servers can do, remembered, so that a fetch of a known commit need not ask what a repository has.
//!
//! Over http a fetch begins with a question whose answer is all references. Whoever fetches a commit by its id needs of it only
//! what the server can do, and that hardly ever changes. So a fetch that says what it wants is given an answer made of the
//! remembered abilities and references that are the wanted commits; it sends one request instead of two. A server that does not
//! give the commits out like that, or can no longer do what it could, is asked properly (see `mirror::download`).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use git2::Oid;
use reqwest::Url;
use tokio::time::Instant;

/// How long abilities are believed.
const FRESH: Duration = Duration::from_secs(3600);
/// Servers' repositories remembered at once; with more the oldest goes.
const MOST: usize = 256;
/// Longest list of abilities that is remembered, in bytes.
const LONGEST: usize = 4096;
/// What begins an answer, before its references.
const SERVICE: &[u8] = b"001e# service=git-upload-pack\n0000";
/// What ends it.
const FLUSH: &[u8] = b"0000";

/// Abilities of one repository's server.
struct Known {
    at: Instant,
    base: Url,
    abilities: Vec<u8>,
}

/// Abilities by the address that is asked for them.
#[derive(Default)]
pub(super) struct Capabilities(Mutex<HashMap<Url, Known>>);

impl Capabilities {
    /// Remembers what an answer, or its beginning, says. `base` is where the repository is after redirects.
    pub(super) fn learn(&self, asked: Url, base: Url, answer: &[u8]) {
        self.learn_at(Instant::now(), asked, base, answer);
    }

    fn learn_at(&self, at: Instant, asked: Url, base: Url, answer: &[u8]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(abilities) = abilities(answer) else {
            all.remove(&asked);
            return;
        };
        if all.len() == MOST && !all.contains_key(&asked) {
            let oldest = all.iter().min_by_key(|(_, known)| known.at);
            if let Some(oldest) = oldest.map(|(asked, _)| asked.clone()) {
                all.remove(&oldest);
            }
        }
        let known = Known {
            at,
            base,
            abilities: abilities.to_vec(),
        };
        all.insert(asked, known);
    }

    /// The answer that a server would give of which these commits are all references, and where the repository is.
    pub(super) fn assume(&self, asked: &Url, wanted: &[Oid]) -> Option<(Url, Bytes)> {
        self.assume_at(Instant::now(), asked, wanted)
    }

    fn assume_at(&self, now: Instant, asked: &Url, wanted: &[Oid]) -> Option<(Url, Bytes)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(asked).filter(|known| known.at + FRESH > now)?;
        Some((known.base.clone(), answer(&known.abilities, wanted)))
    }
}

/// The list of abilities in an answer: behind the NUL of its first reference.
fn abilities(answer: &[u8]) -> Option<&[u8]> {
    let first = answer.strip_prefix(SERVICE)?;
    let length = std::str::from_utf8(first.get(..4)?).ok()?;
    let packet = first.get(4..usize::from_str_radix(length, 16).ok()?)?;
    let nul = packet.iter().position(|byte| *byte == 0)?;
    let abilities = packet[nul + 1..].trim_ascii();
    (!abilities.is_empty() && abilities.len() <= LONGEST).then_some(abilities)
}

fn answer(abilities: &[u8], wanted: &[Oid]) -> Bytes {
    let mut answer = SERVICE.to_vec();
    for (number, id) in wanted.iter().enumerate() {
        let mut reference = format!("{id} refs/sdm/wanted/{number}").into_bytes();
        if number == 0 {
            reference.push(0);
            reference.extend_from_slice(abilities);
        }
        reference.push(b'\n');
        answer.extend_from_slice(format!("{:04x}", reference.len() + 4).as_bytes());
        answer.extend_from_slice(&reference);
    }
    answer.extend_from_slice(FLUSH);
    answer.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1234567890123456789012345678901234567890";
    const ABILITIES: &str = "multi_ack_detailed side-band-64k agent=git/2";

    fn url(number: u32) -> Url {
        Url::parse(&format!("http://h/{number}")).unwrap()
    }

    fn said(id: &str) -> Vec<u8> {
        let reference = format!("{id} refs/heads/main\0{ABILITIES}\n");
        let packet = format!("{:04x}{reference}", reference.len() + 4);
        [SERVICE, packet.as_bytes(), FLUSH].concat()
    }

    #[test]
    fn a_made_answer_says_what_the_server_can_and_what_is_wanted() {
        let (known, begun) = (Capabilities::default(), Instant::now());
        known.learn_at(begun, url(1), url(2), &said(ID));
        let wanted = [
            Oid::from_str(ID).unwrap(),
            Oid::from_str(&"a".repeat(40)).unwrap(),
        ];
        let (base, made) = known.assume_at(begun, &url(1), &wanted).unwrap();
        assert_eq!(base, url(2));
        assert_eq!(abilities(&made), Some(ABILITIES.as_bytes()));
        let text = String::from_utf8_lossy(&made);
        assert!(text.contains(&format!("{ID} refs/sdm/wanted/0\0")), "{text}");
        assert!(
            text.ends_with(&format!("003f{} refs/sdm/wanted/1\n0000", "a".repeat(40))),
            "{text}"
        );
        assert_eq!(known.assume_at(begun + FRESH, &url(1), &wanted), None);
        assert_eq!(known.assume_at(begun, &url(3), &wanted), None);
    }

    #[test]
    fn what_is_no_answer_is_forgotten() {
        let known = Capabilities::default();
        for nonsense in [
            &b""[..],
            b"001e# service=git-upload-pack\n0000zzzz",
            b"ok",
            &said("")[..40],
        ] {
            known.learn(url(1), url(1), &said(ID));
            known.learn(url(1), url(1), nonsense);
            assert_eq!(known.assume(&url(1), &[]), None, "{nonsense:?}");
        }
    }

    #[test]
    fn b7_what_is_remembered_does_not_pile_up() {
        let (known, begun) = (Capabilities::default(), Instant::now());
        for number in 0..1000_u32 {
            let at = begun + Duration::from_micros(number.into());
            known.learn_at(at, url(number), url(0), &said(ID));
        }
        assert_eq!(known.0.lock().unwrap().len(), MOST);
        let endless = [SERVICE, b"fff0", ID.as_bytes(), b" r\0", &[b'x'; 0xffff]].concat();
        assert_eq!(abilities(&endless), None);
    }
}
