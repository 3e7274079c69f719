//! The keys that goals are signed with, as configured.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use thiserror::Error;

use crate::config::{Configuration, SigningChoice};
use crate::ports::signing::{Signing, SigningScope};
use crate::secrets::jws::{Signer, SigningKey, VerificationKey};

/// A key that cannot be used.
#[derive(Debug, Error)]
#[error("failed to use the key {path} for goals")]
pub struct SigningError {
    /// Its file.
    path: PathBuf,
    /// Why.
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl SigningError {
    fn of(path: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            path: path.to_owned(),
            source: source.into(),
        }
    }
}

/// Who signs; `None` when goals are not signed.
pub(super) fn signing(configuration: &Configuration) -> Result<Option<Arc<dyn Signing>>, SigningError> {
    let Some(entry) = &configuration.signing else {
        return Ok(None);
    };
    let path = &entry.key_file;
    let key = SigningKey::parse(&SecretString::from(read(path)?));
    let key = key.map_err(|error| SigningError::of(path, error))?;
    let trusted = |(name, path): (&String, &PathBuf)| {
        let key = VerificationKey::parse(&read(path)?);
        Ok((name.clone(), key.map_err(|error| SigningError::of(path, error))?))
    };
    let trusted: BTreeMap<_, _> = entry.trusted.iter().map(trusted).collect::<Result<_, _>>()?;
    let scope = match entry.scope {
        SigningChoice::All => SigningScope::All,
        SigningChoice::Fulfillment => SigningScope::Fulfillment,
    };
    Ok(Some(Arc::new(Signer::new(&entry.key_name, key, trusted, scope))))
}

fn read(path: &Path) -> Result<String, SigningError> {
    std::fs::read_to_string(path).map_err(|error| SigningError::of(path, error))
}
