//! The secrets that the hub shares with an extension, in the safe. A row of the memory names them by ids; one id is one secret
//! for good, so that a rotation is a change of names.

use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::{ExtensionError, Extensions, owner};
use crate::model::Timestamp;
use crate::ports::hub::extensions::StoredExtension;
use crate::secrets::envelope::Row;
use crate::wire::connect::SharedSecret;
use crate::wire::connect::verify::IssuerSecrets;

/// What a shared secret is in the safe.
const KIND: &str = "shared_secret";

impl Extensions {
    /// Makes a secret and keeps it before anybody hears of it; its id.
    pub(super) async fn keep_fresh_secret(
        &self,
        key: &str,
    ) -> Result<(String, SharedSecret), ExtensionError> {
        let (id, secret) = (self.fresh_id(), SharedSecret::fresh()?);
        let owner = owner(key);
        let row = Row {
            id: &id,
            owner: &owner,
            kind: KIND,
        };
        let bytes = SecretSlice::from(secret.text().expose_secret().as_bytes().to_vec());
        self.safe.keep(row, &bytes, self.now()).await?;
        Ok((id, secret))
    }

    /// A secret by its id; none has the empty one.
    pub(super) async fn shared_secret(
        &self,
        key: &str,
        id: &str,
    ) -> Result<Option<SharedSecret>, ExtensionError> {
        if id.is_empty() {
            return Ok(None);
        }
        let owner = owner(key);
        let row = Row {
            id,
            owner: &owner,
            kind: KIND,
        };
        let Some(bytes) = self.safe.take_out(row).await? else {
            return Ok(None);
        };
        let text = SecretString::from(String::from_utf8_lossy(bytes.expose_secret()).into_owned());
        Ok(Some(SharedSecret::from_text(text)?))
    }

    /// What [`Self::shared_secret`] does, where there is none: who measures how long an answer takes learns of no key whether it is known
    /// (security model 6.3).
    pub(super) async fn nobodys_secret(&self, key: &str) -> Result<(), ExtensionError> {
        let (id, owner) = (self.fresh_id(), owner(key));
        let row = Row {
            id: &id,
            owner: &owner,
            kind: KIND,
        };
        self.safe.take_out_nobodys(row).await?;
        Ok(())
    }

    /// Destroys a secret by its id.
    pub(super) async fn destroy_secret(&self, key: &str, id: &str) -> Result<(), ExtensionError> {
        let owner = owner(key);
        let row = Row {
            id,
            owner: &owner,
            kind: KIND,
        };
        Ok(self.safe.destroy(row).await?)
    }

    /// The secrets that verify what an extension signed at this moment; none when it has none.
    pub(in super::super) async fn verifying(
        &self,
        extension: &StoredExtension,
        now: Timestamp,
    ) -> Result<Option<IssuerSecrets>, ExtensionError> {
        let Some(current) = self.shared_secret(&extension.key, &extension.current).await? else {
            return Ok(None);
        };
        let is_in_grace = extension.previous_until.is_some_and(|until| now < until);
        let previous = match is_in_grace {
            true => self.shared_secret(&extension.key, &extension.previous).await?,
            false => None,
        };
        Ok(Some(IssuerSecrets { current, previous }))
    }
}
