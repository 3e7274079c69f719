//! Encrypted values: an ephemeral X25519 key agrees with the machine's on a key for AES-256-GCM.
//!
//! A sealed value is base64 of `sdm1`, the ephemeral public key (32 bytes), a nonce (12) and the ciphertext with its tag. Both
//! public keys go into the derivation, so no part can be exchanged for another.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey, X25519};
use aws_lc_rs::encoding::{AsBigEndian, Curve25519SeedBin};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use thiserror::Error;

/// What every sealed value begins with: the version of the form.
const MARK: &[u8] = b"sdm1";

/// Bytes of a key.
const KEY: usize = 32;

/// Largest value in bytes.
pub const LARGEST_VALUE: usize = 64 * 1024;

/// What stands before the two halves of a key pair in files.
const PRIVATE_PREFIX: &str = "sdm-secret-key-";
const PUBLIC_PREFIX: &str = "sdm-public-key-";

/// Why a value cannot be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SealError {
    /// The text is no key.
    #[error("the key file holds no key of `sdm secret key`")]
    NotAKey,
    /// The text is no sealed value.
    #[error("it is not what `sdm secret encrypt` prints")]
    NotSealed,
    /// It was sealed for another key, or altered.
    #[error("it was not encrypted for this machine's key, or was altered")]
    WrongKey,
    /// The value is too long.
    #[error("it is longer than {LARGEST_VALUE} bytes")]
    TooLong,
    /// Randomness or memory cannot be had.
    #[error("the cryptographic library failed")]
    Library,
}

/// The machine's key, which opens.
pub struct MachineKey(PrivateKey);

/// Its public half, which seals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; KEY]);

impl MachineKey {
    /// A fresh key.
    ///
    /// # Errors
    /// [`SealError::Library`].
    pub fn fresh() -> Result<Self, SealError> {
        Ok(Self(
            PrivateKey::generate(&X25519).map_err(|_| SealError::Library)?,
        ))
    }

    /// Reads what [`MachineKey::to_text`] wrote.
    ///
    /// # Errors
    /// [`SealError::NotAKey`].
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let bytes = decoded(text, PRIVATE_PREFIX)?;
        let key = PrivateKey::from_private_key(&X25519, bytes.expose_secret());
        key.map(Self).map_err(|_| SealError::NotAKey)
    }

    /// For a file of mode 0600.
    ///
    /// # Errors
    /// [`SealError::Library`].
    pub fn to_text(&self) -> Result<SecretString, SealError> {
        let seed: Curve25519SeedBin<'_> = self.0.as_be_bytes().map_err(|_| SealError::Library)?;
        Ok(format!("{PRIVATE_PREFIX}{}", BASE64_STANDARD.encode(seed.as_ref())).into())
    }

    /// The half that everybody may know.
    ///
    /// # Errors
    /// [`SealError::Library`].
    pub fn public(&self) -> Result<PublicKey, SealError> {
        public_of(&self.0)
    }

    /// Opens a sealed value.
    ///
    /// # Errors
    /// It is not sealed, or not for this key.
    pub fn open(&self, sealed: &str) -> Result<SecretString, SealError> {
        let compact: String = sealed.split_whitespace().collect();
        if compact.len() > LARGEST_VALUE * 2 {
            return Err(SealError::TooLong);
        }
        let bytes = BASE64_STANDARD
            .decode(compact)
            .map_err(|_| SealError::NotSealed)?;
        let rest = bytes.strip_prefix(MARK).ok_or(SealError::NotSealed)?;
        let (ephemeral, rest) = rest.split_first_chunk::<KEY>().ok_or(SealError::NotSealed)?;
        let (nonce, ciphertext) = rest
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(SealError::NotSealed)?;
        let public = self.public()?;
        let key = shared_key(&self.0, ephemeral, ephemeral, &public.0)?;
        let mut plain = ciphertext.to_vec();
        let opened = key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(MARK), &mut plain)
            .map_err(|_| SealError::WrongKey)?;
        String::from_utf8(opened.to_vec())
            .map(SecretString::from)
            .map_err(|_| SealError::WrongKey)
    }
}

impl PublicKey {
    /// Reads what [`PublicKey::to_text`] wrote.
    ///
    /// # Errors
    /// [`SealError::NotAKey`].
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let bytes = decoded(text, PUBLIC_PREFIX)?;
        let bytes = bytes.expose_secret().try_into();
        bytes.map(Self).map_err(|_| SealError::NotAKey)
    }

    /// For people and files.
    pub fn to_text(self) -> String {
        format!("{PUBLIC_PREFIX}{}", BASE64_STANDARD.encode(self.0))
    }

    /// Seals a value for this key's owner; twice is two different texts.
    ///
    /// # Errors
    /// It is too long, or the library fails.
    pub fn seal(self, value: &SecretString) -> Result<String, SealError> {
        let value = value.expose_secret();
        if value.len() > LARGEST_VALUE {
            return Err(SealError::TooLong);
        }
        let ephemeral = PrivateKey::generate(&X25519).map_err(|_| SealError::Library)?;
        let own = public_of(&ephemeral)?.0;
        let key = shared_key(&ephemeral, &self.0, &own, &self.0)?;
        let mut text = value.as_bytes().to_vec();
        let nonce = key
            .seal_in_place_append_tag(Aad::from(MARK), &mut text)
            .map_err(|_| SealError::Library)?;
        Ok(BASE64_STANDARD.encode([MARK, &own, nonce.as_ref(), &text].concat()))
    }
}

fn decoded(text: &str, prefix: &str) -> Result<SecretSlice<u8>, SealError> {
    let is_key = |line: &&str| line.starts_with(prefix);
    let line = text
        .lines()
        .map(str::trim)
        .find(is_key)
        .ok_or(SealError::NotAKey)?;
    let bytes = BASE64_STANDARD.decode(&line[prefix.len()..]);
    bytes
        .ok()
        .filter(|bytes| bytes.len() == KEY)
        .map(SecretSlice::from)
        .ok_or(SealError::NotAKey)
}

fn public_of(key: &PrivateKey) -> Result<PublicKey, SealError> {
    let public = key.compute_public_key().map_err(|_| SealError::Library)?;
    let bytes = public.as_ref().try_into();
    bytes.map(PublicKey).map_err(|_| SealError::Library)
}

/// The key that both sides can work out, and nobody else.
fn shared_key(
    own: &PrivateKey,
    peer: &[u8; KEY],
    ephemeral: &[u8; KEY],
    recipient: &[u8; KEY],
) -> Result<RandomizedNonceKey, SealError> {
    let peer = UnparsedPublicKey::new(&X25519, peer);
    agreement::agree(own, peer, SealError::WrongKey, |secret| {
        let salt = Salt::new(HKDF_SHA256, &[ephemeral.as_slice(), recipient].concat());
        let mut key = [0; KEY];
        salt.extract(secret)
            .expand(&[MARK], HKDF_SHA256)
            .and_then(|derived| derived.fill(&mut key))
            .map_err(|_| SealError::Library)?;
        RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(|_| SealError::Library)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_the_key_and_with_no_other() {
        let key = MachineKey::fresh().unwrap();
        let public = PublicKey::parse(&key.public().unwrap().to_text()).unwrap();
        let long = "pässword\n".repeat(1000);
        for value in ["", "hunter2", long.as_str()] {
            let sealed = public.seal(&value.into()).unwrap();
            assert_ne!(sealed, public.seal(&value.into()).unwrap());
            let again = MachineKey::parse(key.to_text().unwrap().expose_secret()).unwrap();
            assert_eq!(again.open(&sealed).unwrap().expose_secret(), value);
            let folded = sealed
                .as_bytes()
                .chunks(60)
                .map(|line| String::from_utf8_lossy(line).into_owned());
            let folded = folded.collect::<Vec<_>>().join("\n  ");
            assert_eq!(key.open(&folded).unwrap().expose_secret(), value);
            assert_eq!(
                MachineKey::fresh().unwrap().open(&sealed).unwrap_err(),
                SealError::WrongKey
            );
        }
    }

    #[test]
    fn every_altered_byte_is_noticed() {
        let key = MachineKey::fresh().unwrap();
        let sealed = key.public().unwrap().seal(&"hunter2".into()).unwrap();
        let bytes = BASE64_STANDARD.decode(&sealed).unwrap();
        for position in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[position] ^= 1;
            assert!(key.open(&BASE64_STANDARD.encode(altered)).is_err(), "{position}");
        }
        for cut in 0..bytes.len() {
            assert!(key.open(&BASE64_STANDARD.encode(&bytes[..cut])).is_err(), "{cut}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let key = MachineKey::fresh().unwrap();
        assert_eq!(key.open("c2VjcmV0").unwrap_err(), SealError::NotSealed);
        assert_eq!(key.open("?").unwrap_err(), SealError::NotSealed);
        let large = SecretString::from("x".repeat(LARGEST_VALUE + 1));
        assert_eq!(
            key.public().unwrap().seal(&large).unwrap_err(),
            SealError::TooLong
        );
        for text in ["", "sdm-secret-key-", "sdm-secret-key-AAAA", "sdm-public-key-x"] {
            assert!(
                MachineKey::parse(text).is_err() && PublicKey::parse(text).is_err(),
                "{text}"
            );
        }
        let private = key.to_text().unwrap();
        assert!(PublicKey::parse(private.expose_secret()).is_err());
    }
}
