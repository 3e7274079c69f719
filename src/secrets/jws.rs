//! Compact JWS by ES512 (RFC 7515, RFC 7518): the one algorithm that goals are signed with.
//!
//! The algorithm is never taken from the token: one whose header says anything else is refused (SG-08). `kid` names the key.

use std::collections::BTreeMap;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ports::signing::{SignatureError, Signing, SigningScope};

/// The name of the algorithm.
const ALGORITHM: &str = "ES512";
/// Largest token in bytes.
const LARGEST: usize = 8 << 20;
/// What stands around keys in files.
const PRIVATE_LABEL: &str = "PRIVATE KEY";
const PUBLIC_LABEL: &str = "PUBLIC KEY";
/// What precedes the point of a P-521 key in its SubjectPublicKeyInfo (RFC 5480).
const SPKI_PREFIX: &[u8] = &[
    0x30, 0x81, 0x9b, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
    0x81, 0x04, 0x00, 0x23, 0x03, 0x81, 0x86, 0x00,
];
/// Bytes of an uncompressed point of that curve.
const POINT: usize = 133;

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The text is no private key.
    #[error("it holds no private key of `sdm key new`: a P-521 key in PKCS#8, PEM")]
    NotPrivate,
    /// The text is no public key.
    #[error("it holds no public key of `sdm key new`: a P-521 key, PEM")]
    NotPublic,
    /// Randomness or memory cannot be had.
    #[error("the cryptographic library failed")]
    Library,
}

/// A key that signs.
pub struct SigningKey(EcdsaKeyPair);

/// A key that verifies: an uncompressed point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationKey(Vec<u8>);

impl SigningKey {
    /// A fresh key, as the text of its file.
    ///
    /// # Errors
    /// [`KeyError::Library`].
    pub fn fresh() -> Result<SecretString, KeyError> {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P521_SHA512_FIXED_SIGNING, &SystemRandom::new())
            .map_err(|_| KeyError::Library)?;
        Ok(pem(PRIVATE_LABEL, pkcs8.as_ref()).into())
    }

    /// Reads the text of its file.
    ///
    /// # Errors
    /// [`KeyError::NotPrivate`].
    pub fn parse(text: &SecretString) -> Result<Self, KeyError> {
        let der = from_pem(PRIVATE_LABEL, text.expose_secret()).ok_or(KeyError::NotPrivate)?;
        EcdsaKeyPair::from_pkcs8(&ECDSA_P521_SHA512_FIXED_SIGNING, &der)
            .map(Self)
            .map_err(|_| KeyError::NotPrivate)
    }

    /// Its other half.
    pub fn public(&self) -> VerificationKey {
        VerificationKey(self.0.public_key().as_ref().to_vec())
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        let signature = self.0.sign(&SystemRandom::new(), message);
        let signature = signature.map_err(|_| SignatureError::Invalid(KeyError::Library.to_string()))?;
        Ok(signature.as_ref().to_vec())
    }
}

impl VerificationKey {
    /// Reads the text of its file.
    ///
    /// # Errors
    /// [`KeyError::NotPublic`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let der = from_pem(PUBLIC_LABEL, text).ok_or(KeyError::NotPublic)?;
        let point = der.strip_prefix(SPKI_PREFIX).ok_or(KeyError::NotPublic)?;
        match point.len() == POINT && point[0] == 4 {
            true => Ok(Self(point.to_vec())),
            false => Err(KeyError::NotPublic),
        }
    }

    /// The text of its file.
    pub fn to_text(&self) -> String {
        pem(PUBLIC_LABEL, &[SPKI_PREFIX, &self.0].concat())
    }

    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, &self.0)
            .verify(message, signature)
            .is_ok()
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let encoded = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = encoded
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("base64 is ASCII"))
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

fn from_pem(label: &str, text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let encoded: String = body.split_whitespace().collect();
    BASE64_STANDARD.decode(encoded).ok()
}

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    alg: String,
    kid: String,
}

/// Signs by one key, and trusts it and others.
pub struct Signer {
    key: SigningKey,
    name: String,
    trusted: BTreeMap<String, VerificationKey>,
    scope: SigningScope,
}

impl Signer {
    /// Signs by `key`, called `name`; `trusted` are further keys by name, for rotation.
    pub fn new(
        name: &str,
        key: SigningKey,
        mut trusted: BTreeMap<String, VerificationKey>,
        scope: SigningScope,
    ) -> Self {
        trusted.insert(name.to_owned(), key.public());
        Self {
            key,
            name: name.to_owned(),
            trusted,
            scope,
        }
    }
}

impl Signing for Signer {
    fn scope(&self) -> SigningScope {
        self.scope
    }

    fn sign(&self, payload: &[u8]) -> Result<String, SignatureError> {
        let header = Header {
            alg: ALGORITHM.to_owned(),
            kid: self.name.clone(),
        };
        let header = serde_json::to_vec(&header).map_err(|error| invalid(&error.to_string()))?;
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!("{}.{}", encode(&header), encode(payload));
        let signature = self.key.sign(signed.as_bytes())?;
        Ok(format!("{signed}.{}", encode(&signature)))
    }

    fn verify(&self, jws: &str) -> Result<Vec<u8>, SignatureError> {
        let parts = Parts::of(jws)?;
        let header: Header = serde_json::from_slice(&parts.header)
            .map_err(|_| invalid("its header names no algorithm and no key"))?;
        if header.alg != ALGORITHM {
            return Err(invalid("it is of another algorithm than ES512"));
        }
        let key = self.trusted.get(&header.kid);
        let key = key.ok_or_else(|| invalid("it is of a key that is not trusted"))?;
        match key.has_signed(parts.signed.as_bytes(), &parts.signature) {
            true => Ok(parts.payload),
            false => Err(invalid("it does not belong to what is signed")),
        }
    }
}

/// The parts of a compact JWS.
struct Parts<'t> {
    signed: &'t str,
    header: Vec<u8>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'t> Parts<'t> {
    fn of(jws: &'t str) -> Result<Self, SignatureError> {
        let decode = |text: &str| {
            let decoded = BASE64_URL_SAFE_NO_PAD.decode(text);
            decoded.map_err(|_| invalid("it is no compact JWS"))
        };
        let split = |text: &'t str| {
            text.rsplit_once('.')
                .ok_or_else(|| invalid("it is no compact JWS"))
        };
        if jws.len() > LARGEST {
            return Err(invalid("it is too large"));
        }
        let (signed, signature) = split(jws)?;
        let (header, payload) = split(signed)?;
        Ok(Self {
            signed,
            header: decode(header)?,
            payload: decode(payload)?,
            signature: decode(signature)?,
        })
    }
}

fn invalid(because: &str) -> SignatureError {
    SignatureError::Invalid(because.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(name: &str) -> Signer {
        let key = SigningKey::parse(&SigningKey::fresh().unwrap()).unwrap();
        Signer::new(name, key, BTreeMap::new(), SigningScope::All)
    }

    /// RFC 7515, appendix A.4.
    #[test]
    fn sg_01_the_vector_of_the_standard_verifies() {
        const X: &str =
            "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk";
        const Y: &str =
            "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2";
        const JWS: &str = "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn";
        let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
        let key = VerificationKey([vec![4], decode(X), decode(Y)].concat());
        let parts = Parts::of(JWS).unwrap();
        assert_eq!(
            (parts.payload.as_slice(), parts.signature.len()),
            (&b"Payload"[..], 132)
        );
        assert!(key.has_signed(parts.signed.as_bytes(), &parts.signature));
        assert!(!key.has_signed(b"eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZB", &parts.signature));
        assert_eq!(VerificationKey::parse(&key.to_text()).unwrap(), key);
    }

    #[test]
    fn sg_01_what_is_signed_is_what_is_verified() {
        let signer = signer("build");
        let jws = signer.sign(b"{\"a\":1}").unwrap();
        assert_eq!(signer.verify(&jws).unwrap(), b"{\"a\":1}");
        let header = BASE64_URL_SAFE_NO_PAD
            .decode(jws.split('.').next().unwrap())
            .unwrap();
        assert_eq!(header, br#"{"alg":"ES512","kid":"build"}"#);
    }

    #[test]
    fn sg_08_other_algorithms_other_keys_and_alterations_are_refused() {
        let own = signer("build");
        let jws = own.sign(b"payload").unwrap();
        let parts: Vec<&str> = jws.split('.').collect();
        let with = |header: &str| {
            let header = BASE64_URL_SAFE_NO_PAD.encode(header);
            format!("{header}.{}.{}", parts[1], parts[2])
        };
        let because = |jws: &str| own.verify(jws).unwrap_err().to_string();
        for header in [
            r#"{"alg":"none","kid":"build"}"#,
            r#"{"alg":"HS512","kid":"build"}"#,
            r#"{"alg":"ES256","kid":"build"}"#,
        ] {
            assert_eq!(because(&with(header)), "it is of another algorithm than ES512");
        }
        assert_eq!(
            because(&with(r#"{"alg":"ES512","kid":"other"}"#)),
            "it is of a key that is not trusted"
        );
        assert_eq!(
            because(&with(r#"{"alg":"ES512"}"#)),
            "its header names no algorithm and no key"
        );
        let other = BASE64_URL_SAFE_NO_PAD.encode("payloaD");
        assert_eq!(
            because(&format!("{}.{other}.{}", parts[0], parts[2])),
            "it does not belong to what is signed"
        );
        for broken in [
            "",
            "a",
            "a.b",
            "a.b.c",
            "..",
            &format!("{}.{}.", parts[0], parts[1]),
        ] {
            assert!(own.verify(broken).is_err(), "{broken}");
        }
        assert!(
            signer("build").verify(&jws).is_err(),
            "another key of the same name"
        );
    }

    #[test]
    fn rotation_is_several_keys_by_name() {
        let old = signer("2025");
        let jws = old.sign(b"payload").unwrap();
        let text = old.trusted["2025"].to_text();
        let trusted = BTreeMap::from([("2025".to_owned(), VerificationKey::parse(&text).unwrap())]);
        let key = SigningKey::parse(&SigningKey::fresh().unwrap()).unwrap();
        let new = Signer::new("2026", key, trusted, SigningScope::All);
        assert_eq!(new.verify(&jws).unwrap(), b"payload");
        assert!(old.verify(&new.sign(b"payload").unwrap()).is_err());
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        for text in [
            "",
            "x",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            assert!(matches!(
                SigningKey::parse(&text.into()),
                Err(KeyError::NotPrivate)
            ));
            assert_eq!(VerificationKey::parse(text), Err(KeyError::NotPublic));
        }
        let secret = SigningKey::fresh().unwrap();
        assert_eq!(
            VerificationKey::parse(secret.expose_secret()),
            Err(KeyError::NotPublic)
        );
    }
}
