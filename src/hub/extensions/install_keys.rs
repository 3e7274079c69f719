//! The hub's own key pair, which signs installs and uninstalls (security model 3.2). Its private half is in the safe, and public
//! halves stay published for a while after another has taken their place.

use std::time::Duration;

use crate::ports::hub::extensions::StoredInstallKey;
use crate::secrets::envelope::Row;
use crate::wire::connect::InstallKey;

use super::{ExtensionError, Extensions};

/// What it is in the safe, and whose.
const KIND: &str = "install_key";
const OWNER: &str = "hub";

/// How long a retired key stays published: what was signed with it before may still be on its way.
const PUBLISHED: Duration = Duration::from_secs(48 * 3_600);

fn row(id: &str) -> Row<'_> {
    Row {
        id,
        owner: OWNER,
        kind: KIND,
    }
}

impl Extensions {
    /// The public half of this id, as PEM text; `None` when there is none.
    ///
    /// # Errors
    /// The memory does not answer.
    pub async fn public_install_key(&self, id: &str) -> Result<Option<String>, ExtensionError> {
        let keys = self.store.install_keys().await?;
        Ok(keys.into_iter().find(|key| key.id == id).map(|key| key.pem))
    }

    /// The key that signs installs now; made if there is none.
    pub(super) async fn install_key(&self) -> Result<InstallKey, ExtensionError> {
        let keys = self.store.install_keys().await?;
        for key in keys.iter().rev().filter(|key| key.retired.is_none()) {
            if let Some(bytes) = self.safe.take_out(row(&key.id)).await? {
                return Ok(InstallKey::from_bytes(key.id.clone(), &bytes)?);
            }
        }
        self.make_install_key().await
    }

    /// Makes another key and retires those before it; they stay published for two days.
    ///
    /// # Errors
    /// There is no master key, or the memory does not answer.
    pub async fn renew_install_key(&self) -> Result<String, ExtensionError> {
        let key = self.make_install_key().await?;
        self.store.retire_other_install_keys(key.id(), self.now()).await?;
        Ok(key.id().to_owned())
    }

    /// It is kept before it is published, and published before it signs.
    async fn make_install_key(&self) -> Result<InstallKey, ExtensionError> {
        let id = self.fresh_id();
        let key = InstallKey::fresh(id.clone())?;
        self.safe.keep(row(&id), &key.to_bytes()?, self.now()).await?;
        let published = StoredInstallKey {
            id,
            pem: key.public_pem()?,
            created: self.now(),
            retired: None,
        };
        self.store.add_install_key(&published).await?;
        Ok(key)
    }

    /// Forgets keys that were retired long enough ago.
    pub(super) async fn forget_install_keys(&self) -> Result<(), ExtensionError> {
        let now = self.now().as_micros();
        let since = i64::try_from(PUBLISHED.as_micros()).unwrap_or(i64::MAX);
        let before = crate::model::Timestamp::from_micros(now.saturating_sub(since));
        for id in self.store.forget_install_keys(before).await? {
            self.safe.destroy(row(&id)).await?;
        }
        Ok(())
    }
}
