//! Keys of the extension protocol, each a type of its own: what signs calls is never what proves installs.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKey};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use thiserror::Error;

use super::pem;

/// Random bytes of a fresh shared secret.
const SECRET_BYTES: usize = 32;

/// Shortest shared secret in bytes.
const SHORTEST_SECRET: usize = 16;

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The text or the bytes are no key of the wanted sort.
    #[error("it is no key of this sort")]
    NotAKey,
    /// Randomness or memory cannot be had.
    #[error("the cryptographic library failed")]
    Library,
}

/// A secret that the hub and one add-on share; it signs calls in both directions.
#[derive(Clone)]
pub struct SharedSecret(SecretString);

impl fmt::Debug for SharedSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SharedSecret(***)")
    }
}

impl PartialEq for SharedSecret {
    fn eq(&self, other: &Self) -> bool {
        let (own, other) = (self.0.expose_secret(), other.0.expose_secret());
        constant_time::verify_slices_are_equal(own.as_bytes(), other.as_bytes()).is_ok()
    }
}

impl SharedSecret {
    /// A fresh one.
    ///
    /// # Errors
    /// [`KeyError::Library`].
    pub fn fresh() -> Result<Self, KeyError> {
        let mut bytes = [0; SECRET_BYTES];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| KeyError::Library)?;
        Ok(Self(BASE64_URL_SAFE_NO_PAD.encode(bytes).into()))
    }

    /// One that is stored or was sent.
    ///
    /// # Errors
    /// It is too short to be one.
    pub fn from_text(text: SecretString) -> Result<Self, KeyError> {
        if text.expose_secret().len() < SHORTEST_SECRET {
            return Err(KeyError::NotAKey);
        }
        Ok(Self(text))
    }

    /// To store it, or to hand it to its add-on.
    pub fn text(&self) -> &SecretString {
        &self.0
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.0.expose_secret().as_bytes())
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        hmac::sign(&self.key(), message).as_ref().to_vec()
    }

    /// Whether a signature is of this secret; in constant time.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        hmac::verify(&self.key(), message, signature).is_ok()
    }
}

/// The hub's own key, which signs installs.
pub struct InstallKey {
    id: String,
    pair: KeyPair,
}

impl fmt::Debug for InstallKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "InstallKey({})", self.id)
    }
}

impl InstallKey {
    /// A fresh key under a new id; ids are never used again, because add-ons may keep a key for ever by its id.
    ///
    /// # Errors
    /// [`KeyError::Library`].
    pub fn fresh(id: impl Into<String>) -> Result<Self, KeyError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Library)?;
        Ok(Self { id: id.into(), pair })
    }

    /// Reads what [`InstallKey::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`KeyError::NotAKey`].
    pub fn from_bytes(id: impl Into<String>, bytes: &SecretSlice<u8>) -> Result<Self, KeyError> {
        let pair = KeyPair::from_pkcs8(bytes.expose_secret()).map_err(|_| KeyError::NotAKey)?;
        Ok(Self { id: id.into(), pair })
    }

    /// The whole key, for the encrypted store.
    ///
    /// # Errors
    /// [`KeyError::Library`].
    pub fn to_bytes(&self) -> Result<SecretSlice<u8>, KeyError> {
        let der: Pkcs8V1Der<'_> = self.pair.as_der().map_err(|_| KeyError::Library)?;
        Ok(SecretSlice::from(der.as_ref().to_vec()))
    }

    /// Its id, which tokens name as `kid`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The half that add-ons fetch, as PEM text.
    ///
    /// # Errors
    /// [`KeyError::Library`].
    pub fn public_pem(&self) -> Result<String, KeyError> {
        let der: PublicKeyX509Der<'_> = self.pair.public_key().as_der().map_err(|_| KeyError::Library)?;
        Ok(pem::write(der.as_ref()))
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| KeyError::Library)?;
        Ok(signature)
    }
}

/// The public half of an install key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicInstallKey(Vec<u8>);

impl PublicInstallKey {
    /// Reads PEM text.
    ///
    /// # Errors
    /// It is no RSA key, or a part of one.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let der = pem::read(text).ok_or(KeyError::NotAKey)?;
        let key = PublicKey::from_der(&der).map_err(|_| KeyError::NotAKey)?;
        Ok(Self(key.as_ref().to_vec()))
    }

    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.0);
        key.verify(message, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_their_text_and_say_nothing_of_themselves() {
        let secret = SharedSecret::fresh().unwrap();
        let again = SharedSecret::from_text(secret.text().clone()).unwrap();
        assert!(again.has_signed(b"x", &secret.sign(b"x")) && secret == again);
        assert!(!again.has_signed(b"y", &secret.sign(b"x")));
        assert_eq!(secret.text().expose_secret().len(), 43);
        assert_eq!(format!("{secret:?}"), "SharedSecret(***)");
        assert_ne!(secret, SharedSecret::fresh().unwrap());
        assert!(SharedSecret::from_text("short".into()).is_err());

        let key = InstallKey::fresh("k1").unwrap();
        let again = InstallKey::from_bytes("k1", &key.to_bytes().unwrap()).unwrap();
        let public = PublicInstallKey::parse(&again.public_pem().unwrap()).unwrap();
        assert!(public.has_signed(b"x", &key.sign(b"x").unwrap()));
        assert!(!public.has_signed(b"y", &key.sign(b"x").unwrap()));
        assert_eq!(
            (format!("{key:?}"), key.id()),
            ("InstallKey(k1)".to_owned(), "k1")
        );
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in [
            "",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
            "{\"kty\":\"RSA\"}",
        ] {
            assert_eq!(PublicInstallKey::parse(text), Err(KeyError::NotAKey), "{text}");
        }
        assert!(InstallKey::from_bytes("x", &SecretSlice::from(vec![1, 2, 3])).is_err());
    }
}
