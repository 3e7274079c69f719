//! API keys (security model 10.2): `hub_<kind>_<id>_<secret><check>`, of which only a digest is kept.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};

use crate::model::Timestamp;
use crate::ports::hub::StoredKey;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID: usize = 12;
/// As many characters as 32 random bytes have.
const SECRET: usize = 43;
const CHECK: usize = 6;

/// How long a key lasts when nobody says.
pub const USUAL_LIFE: Duration = Duration::from_secs(90 * 24 * 3_600);
/// How long a key lasts at most.
pub const LONGEST_LIFE: Duration = Duration::from_secs(366 * 24 * 3_600);
/// Most keys of one owner that are good at a time.
pub const MOST_OF_AN_OWNER: usize = 10;

/// Whose key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// A person's.
    Person,
    /// A machine's.
    Addon,
}

impl KeyKind {
    const fn letter(self) -> char {
        match self {
            Self::Person => 'p',
            Self::Addon => 'a',
        }
    }

    /// As owners are written: `person:<name>`, `addon:<name>`.
    pub fn owner(self, name: &str) -> String {
        match self {
            Self::Person => format!("person:{name}"),
            Self::Addon => format!("addon:{name}"),
        }
    }
}

/// Random letters and digits, from a source that cannot be guessed.
///
/// # Panics
/// The system has no randomness, without which there is no security.
pub fn random_text(length: usize) -> String {
    let random = SystemRandom::new();
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut bytes = [0_u8; 64];
        random.fill(&mut bytes).expect("the system gives random bytes");
        // 248 is the largest multiple of 62 in a byte: beyond it some characters would come more often.
        let fair = bytes.iter().filter(|byte| **byte < 248);
        let characters = fair.map(|byte| char::from(ALPHABET[usize::from(byte % 62)]));
        text.extend(characters.take(length - text.len()));
    }
    text
}

/// A key's text, read and found whole. `Debug` does not show its secret.
pub struct KeyText {
    id: String,
    secret: String,
}

impl std::fmt::Debug for KeyText {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("KeyText")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl KeyText {
    /// Reads a key; `None` when it cannot be one, as after a typing error.
    pub fn read(text: &str) -> Option<Self> {
        let (start, check) = text.split_at_checked(text.len().checked_sub(CHECK)?)?;
        if checksum(start) != check {
            return None;
        }
        let mut parts = start.split('_');
        let (hub, kind, id, secret) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_whole = hub == "hub"
            && (kind == "p" || kind == "a")
            && id.len() == ID
            && secret.len() == SECRET
            && parts.next().is_none();
        is_whole.then(|| Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
        })
    }

    /// Its public part.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether its secret is the one of this digest; takes the same time whatever it is.
    pub fn matches(&self, stored: &str) -> bool {
        verify_slices_are_equal(digest_of(&self.secret).as_bytes(), stored.as_bytes()).is_ok()
    }
}

/// SHA-256 in hexadecimal. A random secret needs no slow hash.
pub fn digest_of(secret: &str) -> String {
    hex::encode(digest(&SHA256, secret.as_bytes()))
}

fn checksum(text: &str) -> String {
    let mut crc = flate2::Crc::new();
    crc.update(text.as_bytes());
    let mut rest = crc.sum();
    let mut check = [b'0'; CHECK];
    for place in check.iter_mut().rev() {
        *place = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    check.iter().map(|byte| char::from(*byte)).collect()
}

/// What a new key is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Whose.
    pub kind: KeyKind,
    /// Name of the owner.
    pub name: String,
    /// Workspaces.
    pub workspaces: Vec<String>,
    /// Scopes.
    pub scopes: Vec<String>,
    /// Repositories, as selectors; all when none is named.
    pub repositories: Vec<String>,
    /// Whether an administrator chose all this, and so agrees to it.
    pub is_chosen: bool,
    /// How long it lasts.
    pub life: Duration,
}

impl NewKey {
    /// The key to keep, and its text, which is shown once.
    pub fn make(&self, now: Timestamp) -> (StoredKey, String) {
        let (id, secret) = (random_text(ID), random_text(SECRET));
        let start = format!("hub_{}_{id}_{secret}", self.kind.letter());
        let text = format!("{start}{}", checksum(&start));
        let key = StoredKey {
            id,
            digest: digest_of(&secret),
            owner: self.kind.owner(&self.name),
            workspaces: self.workspaces.clone(),
            scopes: self.scopes.clone(),
            repositories: self.repositories.clone(),
            is_chosen: self.is_chosen,
            created: now,
            expires: now.plus(self.life.min(LONGEST_LIFE)),
            revoked: None,
            last_used: None,
        };
        (key, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_key() -> (StoredKey, String) {
        let new = NewKey {
            kind: KeyKind::Addon,
            name: "build".to_owned(),
            workspaces: vec!["main".to_owned()],
            scopes: Vec::new(),
            repositories: Vec::new(),
            is_chosen: true,
            life: Duration::MAX,
        };
        new.make(Timestamp::from_micros(0))
    }

    #[test]
    fn a_key_is_known_by_its_secret_and_nothing_of_it_is_kept() {
        let (key, text) = new_key();
        let read = KeyText::read(&text).unwrap();
        assert_eq!(read.id(), key.id);
        assert!(read.matches(&key.digest));
        assert!(!read.matches("") && !read.matches(&digest_of("other")));
        let secret = text.rsplit('_').next().unwrap();
        assert!(!format!("{key:?} {read:?}").contains(&secret[..SECRET]));
        assert_eq!(
            key.expires,
            Timestamp::from_micros(0).plus(LONGEST_LIFE),
            "never longer"
        );
    }

    #[test]
    fn a_mistyped_key_is_no_key() {
        let (_, text) = new_key();
        let swapped = text.replacen("hub_a_", "hub_p_", 1);
        for wrong in [
            "",
            "hub",
            "äöü€äö",
            &text[1..],
            &text[..text.len() - 1],
            &swapped,
            &format!("{text}0"),
        ] {
            assert!(KeyText::read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn random_text_is_of_the_alphabet_and_never_the_same() {
        let (one, other) = (random_text(43), random_text(43));
        assert_ne!(one, other);
        assert!(one.len() == 43 && one.bytes().all(|byte| ALPHABET.contains(&byte)));
    }
}
