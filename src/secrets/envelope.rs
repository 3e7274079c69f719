//! Secrets in a database: each encrypted with a key of its own, which is wrapped by a master key from outside (security model
//! 10.8, threat F9).
//!
//! A stored secret is bound to its row: its id, its owner and its kind go into both seals, so that a row that is copied over
//! another opens nothing. A new master key wraps the small keys again and leaves the secrets as they are.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use thiserror::Error;

/// Bytes of a key.
const KEY: usize = 32;

/// Bytes of the mark that an encryption leaves beside its text.
const TAG: usize = 16;

/// What a stored secret begins with: the version of the form.
const MARK: &str = "sdme1";

/// What stands before a master key in files.
const PREFIX: &str = "sdm-master-key-";

/// Largest secret in bytes.
pub const LARGEST_SECRET: usize = 64 * 1024;

/// Why a secret cannot be stored or opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EnvelopeError {
    /// The text is no master key.
    #[error("it holds no master key of `sdm secret master-key`")]
    NotAKey,
    /// What is stored has another form.
    #[error("it is not a stored secret")]
    NotStored,
    /// It was stored with a master key that is not here.
    #[error("it was stored with the master key {0}, which is not here")]
    OtherKey(String),
    /// It was altered, or belongs to another row.
    #[error("it was altered, or belongs to another row")]
    Altered,
    /// It is too long.
    #[error("it is longer than {LARGEST_SECRET} bytes")]
    TooLong,
    /// Randomness or memory cannot be had.
    #[error("the cryptographic library failed")]
    Library,
}

/// The row that a secret belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// Its id.
    pub id: &'a str,
    /// Whose it is.
    pub owner: &'a str,
    /// What it is: `shared_secret`, `user_token`, `install_key` or the like.
    pub kind: &'a str,
}

impl Row<'_> {
    /// Bytes that no other row has: each part with its length before it.
    fn bytes(&self, part: &str) -> Vec<u8> {
        let parts = [MARK, part, self.id, self.owner, self.kind];
        let sized = parts.iter().flat_map(|part| {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes();
            length.into_iter().chain(part.bytes())
        });
        sized.collect()
    }
}

/// A key that wraps the keys of secrets.
pub struct MasterKey {
    id: String,
    key: RandomizedNonceKey,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MasterKey({})", self.id)
    }
}

impl MasterKey {
    /// The text of a fresh one, for a file of mode 0600 or a keeper of secrets.
    ///
    /// # Errors
    /// [`EnvelopeError::Library`].
    pub fn fresh_text() -> Result<SecretString, EnvelopeError> {
        let key = random()?;
        Ok(format!("{PREFIX}{}", BASE64_STANDARD.encode(key.expose_secret())).into())
    }

    /// Reads the first line that is a master key.
    ///
    /// # Errors
    /// [`EnvelopeError::NotAKey`].
    pub fn parse(text: &SecretString) -> Result<Self, EnvelopeError> {
        let mut lines = text.expose_secret().lines().map(str::trim);
        let encoded = lines.find_map(|line| line.strip_prefix(PREFIX));
        let bytes = encoded.and_then(|encoded| BASE64_STANDARD.decode(encoded).ok());
        let bytes = bytes.filter(|bytes| bytes.len() == KEY).map(SecretSlice::from);
        let bytes = bytes.ok_or(EnvelopeError::NotAKey)?;
        let id = digest(
            &SHA256,
            &[MARK.as_bytes(), b" id ", bytes.expose_secret()].concat(),
        );
        Ok(Self {
            id: hex::encode(&id.as_ref()[..8]),
            key: sealing(bytes.expose_secret())?,
        })
    }

    /// Tells it from other keys and says nothing of it.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// The master keys of a hub: one that wraps, and those before it, which only unwrap.
#[derive(Debug)]
pub struct MasterKeys {
    current: MasterKey,
    earlier: Vec<MasterKey>,
}

impl MasterKeys {
    /// One that wraps, and those before it.
    pub fn new(current: MasterKey, earlier: Vec<MasterKey>) -> Self {
        Self { current, earlier }
    }

    /// The one that wraps.
    pub fn current(&self) -> &MasterKey {
        &self.current
    }

    /// Encrypts a secret for its row; twice is two different texts.
    ///
    /// # Errors
    /// It is too long, or the library fails.
    pub fn store(&self, row: Row<'_>, secret: &SecretSlice<u8>) -> Result<String, EnvelopeError> {
        if secret.expose_secret().len() > LARGEST_SECRET {
            return Err(EnvelopeError::TooLong);
        }
        let key = random()?;
        let content = seal(
            &sealing(key.expose_secret())?,
            &row.bytes("content"),
            secret.expose_secret(),
        )?;
        let wrapped = seal(&self.current.key, &row.bytes("key"), key.expose_secret())?;
        Ok(text(&self.current.id, &wrapped, &content))
    }

    /// Opens what was stored for this row.
    ///
    /// # Errors
    /// It was altered, belongs to another row, or needs a key that is not here.
    pub fn open(&self, row: Row<'_>, stored: &str) -> Result<SecretSlice<u8>, EnvelopeError> {
        let stored = Stored::parse(stored)?;
        let key = self.unwrapped(row, &stored)?;
        open(
            &sealing(key.expose_secret())?,
            &row.bytes("content"),
            &stored.content,
        )
    }

    /// What is to be stored instead after a new master key came: the same secret, wrapped by the current one. `None` when it
    /// already is.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn wrap_again(&self, row: Row<'_>, stored: &str) -> Result<Option<String>, EnvelopeError> {
        let stored = Stored::parse(stored)?;
        if stored.key_id == self.current.id {
            return Ok(None);
        }
        let key = self.unwrapped(row, &stored)?;
        let wrapped = seal(&self.current.key, &row.bytes("key"), key.expose_secret())?;
        Ok(Some(text(&self.current.id, &wrapped, &stored.content)))
    }

    fn unwrapped(&self, row: Row<'_>, stored: &Stored<'_>) -> Result<SecretSlice<u8>, EnvelopeError> {
        let mut keys = std::iter::once(&self.current).chain(&self.earlier);
        let master = keys.find(|key| key.id == stored.key_id);
        let master = master.ok_or_else(|| EnvelopeError::OtherKey(stored.key_id.to_owned()))?;
        open(&master.key, &row.bytes("key"), &stored.wrapped)
    }
}

/// Id of the master key that wraps what is stored.
///
/// # Errors
/// [`EnvelopeError::NotStored`].
pub fn wrapped_by(stored: &str) -> Result<&str, EnvelopeError> {
    Stored::parse(stored).map(|stored| stored.key_id)
}

/// A stored secret, taken apart.
struct Stored<'a> {
    key_id: &'a str,
    wrapped: Vec<u8>,
    content: Vec<u8>,
}

impl<'a> Stored<'a> {
    fn parse(text: &'a str) -> Result<Self, EnvelopeError> {
        let parts: Vec<&str> = text.split('.').collect();
        let [MARK, key_id, wrapped, content] = parts[..] else {
            return Err(EnvelopeError::NotStored);
        };
        let is_id = key_id.len() == 16 && key_id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let decoded = |part: &str| {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).ok();
            bytes
                .filter(|bytes| bytes.len() >= NONCE_LEN + TAG)
                .ok_or(EnvelopeError::NotStored)
        };
        if !is_id || text.len() > 2 * LARGEST_SECRET {
            return Err(EnvelopeError::NotStored);
        }
        Ok(Self {
            key_id,
            wrapped: decoded(wrapped)?,
            content: decoded(content)?,
        })
    }
}

fn text(key_id: &str, wrapped: &[u8], content: &[u8]) -> String {
    let encoded = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    format!("{MARK}.{key_id}.{}.{}", encoded(wrapped), encoded(content))
}

fn random() -> Result<SecretSlice<u8>, EnvelopeError> {
    let mut bytes = vec![0; KEY];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| EnvelopeError::Library)?;
    Ok(SecretSlice::from(bytes))
}

fn sealing(key: &[u8]) -> Result<RandomizedNonceKey, EnvelopeError> {
    RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| EnvelopeError::Library)
}

/// The nonce and the ciphertext.
fn seal(key: &RandomizedNonceKey, bound: &[u8], plain: &[u8]) -> Result<Vec<u8>, EnvelopeError> {
    let mut content = plain.to_vec();
    let nonce = key
        .seal_in_place_append_tag(Aad::from(bound), &mut content)
        .map_err(|_| EnvelopeError::Library)?;
    Ok([nonce.as_ref().as_slice(), &content].concat())
}

fn open(key: &RandomizedNonceKey, bound: &[u8], sealed: &[u8]) -> Result<SecretSlice<u8>, EnvelopeError> {
    let (nonce, content) = sealed
        .split_first_chunk::<NONCE_LEN>()
        .ok_or(EnvelopeError::NotStored)?;
    let mut plain = content.to_vec();
    let opened = key
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(bound), &mut plain)
        .map_err(|_| EnvelopeError::Altered)?
        .len();
    plain.truncate(opened);
    Ok(SecretSlice::from(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: Row<'static> = Row {
        id: "7",
        owner: "addon:build",
        kind: "shared_secret",
    };

    fn key() -> (SecretString, MasterKey) {
        let text = MasterKey::fresh_text().unwrap();
        let key = MasterKey::parse(&text).unwrap();
        (text, key)
    }

    fn keys() -> MasterKeys {
        MasterKeys::new(key().1, Vec::new())
    }

    fn secret(bytes: &[u8]) -> SecretSlice<u8> {
        SecretSlice::from(bytes.to_vec())
    }

    #[test]
    fn what_is_stored_opens_in_its_row_alone() {
        let keys = keys();
        for plain in [b"".as_slice(), b"hunter2", &[0xff; LARGEST_SECRET]] {
            let stored = keys.store(ROW, &secret(plain)).unwrap();
            assert_ne!(stored, keys.store(ROW, &secret(plain)).unwrap());
            assert_eq!(keys.open(ROW, &stored).unwrap().expose_secret(), plain);
        }
        let stored = keys.store(ROW, &secret(b"hunter2")).unwrap();
        let others = [
            Row { id: "8", ..ROW },
            Row {
                owner: "addon:other",
                ..ROW
            },
            Row {
                kind: "user_token",
                ..ROW
            },
            // The same letters, cut elsewhere.
            Row {
                id: "7addon",
                owner: ":build",
                ..ROW
            },
        ];
        for other in others {
            assert_eq!(
                keys.open(other, &stored).unwrap_err(),
                EnvelopeError::Altered,
                "{other:?}"
            );
        }
        let large = secret(&[0; LARGEST_SECRET + 1]);
        assert_eq!(keys.store(ROW, &large).unwrap_err(), EnvelopeError::TooLong);
    }

    #[test]
    fn f9_without_the_master_key_nothing_opens() {
        let keys = keys();
        let stored = keys.store(ROW, &secret(b"hunter2-canary")).unwrap();
        assert!(!stored.contains("canary"));
        let stolen = self::keys().open(ROW, &stored).unwrap_err();
        assert_eq!(stolen, EnvelopeError::OtherKey(keys.current().id().to_owned()));
        assert_eq!(format!("{keys:?}").matches("sdm-master-key").count(), 0);
    }

    #[test]
    fn a_new_master_key_wraps_again_and_leaves_the_secret_as_it_is() {
        let (old_text, old) = key();
        let stored = MasterKeys::new(old, Vec::new())
            .store(ROW, &secret(b"hunter2"))
            .unwrap();
        let (new_text, new) = key();
        let both = MasterKeys::new(new, vec![MasterKey::parse(&old_text).unwrap()]);
        assert_eq!(both.open(ROW, &stored).unwrap().expose_secret(), b"hunter2");
        let wrapped = both.wrap_again(ROW, &stored).unwrap().unwrap();
        assert_eq!(
            wrapped.rsplit('.').next(),
            stored.rsplit('.').next(),
            "the content is the same"
        );
        assert_eq!(both.wrap_again(ROW, &wrapped), Ok(None));
        let alone = MasterKeys::new(MasterKey::parse(&new_text).unwrap(), Vec::new());
        assert_eq!(alone.open(ROW, &wrapped).unwrap().expose_secret(), b"hunter2");
        assert!(alone.open(ROW, &stored).is_err());
        assert!(
            both.wrap_again(Row { id: "8", ..ROW }, &stored).is_err(),
            "a row is not moved by that either"
        );
    }

    #[test]
    fn every_altered_letter_is_noticed() {
        let keys = keys();
        let stored = keys.store(ROW, &secret(b"x")).unwrap();
        for position in 0..stored.len() {
            let mut altered = stored.clone().into_bytes();
            altered[position] = if altered[position] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert!(keys.open(ROW, &altered).is_err(), "{position}");
        }
        for cut in 0..stored.len() {
            assert!(keys.open(ROW, &stored[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn nonsense_is_no_key() {
        for text in [
            "",
            "sdm-master-key-",
            "sdm-master-key-AAAA",
            "sdm-secret-key-AAAA",
        ] {
            assert_eq!(
                MasterKey::parse(&text.into()).unwrap_err(),
                EnvelopeError::NotAKey,
                "{text}"
            );
        }
        let (text, key) = key();
        let commented = format!("# of the hub\n  {}  \n", text.expose_secret());
        assert_eq!(MasterKey::parse(&commented.into()).unwrap().id(), key.id());
    }
}
