//! The hub's safe (security model 10.8): secrets that the hub must have again in clear, such as those it shares with extensions.
//! Each is sealed for its row with a key of its own, and that key with the master key, which is not in the database. A hub
//! without a master key has an empty safe: whatever needs it is refused, and nothing is kept in clear instead.

use std::fmt;
use std::sync::Arc;

use secrecy::SecretSlice;
use thiserror::Error;

use crate::model::Timestamp;
use crate::ports::hub::HubStoreError;
use crate::ports::hub::secrets::{SealedSecret, SealedSecrets};
use crate::secrets::envelope::{EnvelopeError, MasterKeys, Row};

/// Why a secret is not kept or not had.
#[derive(Debug, Error)]
pub enum SafeError {
    /// The hub was started without a master key.
    #[error("this hub keeps no secrets: it has no master key")]
    NoMasterKey,
    /// A secret that cannot be sealed or opened.
    #[error("the {kind} of {owner} cannot be kept or opened")]
    Sealed {
        /// What it is.
        kind: String,
        /// Whose it is.
        owner: String,
        /// Why.
        #[source]
        source: EnvelopeError,
    },
    /// The memory.
    #[error(transparent)]
    Store(#[from] HubStoreError),
}

impl SafeError {
    /// What helps, where something does.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoMasterKey => Some(
                "`sdm secret master-key FILE` makes one; start the hub with `--master-key FILE`, and keep a copy apart from the database",
            ),
            Self::Sealed {
                source: EnvelopeError::OtherKey(_),
                ..
            } => Some("name the master key before the present one with `--earlier-master-key FILE`"),
            Self::Sealed { .. } | Self::Store(_) => None,
        }
    }
}

/// What became of all secrets under a new master key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Secrets there are.
    pub all: usize,
    /// Of them, those that were wrapped by an earlier master key and are wrapped by the present one now.
    pub again: usize,
}

/// The safe.
#[derive(Clone)]
pub struct Safe {
    store: Arc<dyn SealedSecrets>,
    keys: Option<Arc<MasterKeys>>,
    /// Sealed for [`NOBODYS`].
    decoy: Option<Arc<str>>,
}

/// The row of what is opened where there is nothing to open.
const NOBODYS: Row<'static> = Row {
    id: "",
    owner: "",
    kind: "decoy",
};

/// Bytes of what is sealed for it: as many as a secret that is shared with an extension has.
const DECOY: usize = 43;

impl fmt::Debug for Safe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Safe({:?})",
            self.keys.as_deref().map(MasterKeys::current)
        )
    }
}

impl Safe {
    /// A safe that these keys open; none of them, and it stays empty.
    pub fn new(store: Arc<dyn SealedSecrets>, keys: Option<Arc<MasterKeys>>) -> Self {
        let decoy = keys.as_deref().and_then(|keys| {
            let sealed = keys.store(NOBODYS, &SecretSlice::from(vec![0; DECOY]));
            sealed.ok().map(Arc::from)
        });
        Self { store, keys, decoy }
    }

    /// Whether anything can be kept in it.
    pub fn is_usable(&self) -> bool {
        self.keys.is_some()
    }

    fn keys(&self) -> Result<&MasterKeys, SafeError> {
        self.keys.as_deref().ok_or(SafeError::NoMasterKey)
    }

    /// Keeps a secret in place of the one of its row.
    ///
    /// # Errors
    /// There is no master key, or the memory does not answer.
    pub async fn keep(
        &self,
        row: Row<'_>,
        secret: &SecretSlice<u8>,
        now: Timestamp,
    ) -> Result<(), SafeError> {
        let sealed = self
            .keys()?
            .store(row, secret)
            .map_err(|source| failed(row, source))?;
        let secret = SealedSecret {
            kind: row.kind.to_owned(),
            owner: row.owner.to_owned(),
            id: row.id.to_owned(),
            sealed,
            changed: now,
        };
        Ok(self.store.keep_secret(&secret).await?)
    }

    /// The secret of a row; `None` when there is none.
    ///
    /// # Errors
    /// There is no master key, it is another, the row was altered, or the memory does not answer.
    pub async fn take_out(&self, row: Row<'_>) -> Result<Option<SecretSlice<u8>>, SafeError> {
        let keys = self.keys()?;
        let Some(kept) = self.store.secret(row.kind, row.owner, row.id).await? else {
            return Ok(None);
        };
        let opened = keys.open(row, &kept.sealed);
        opened.map(Some).map_err(|source| failed(row, source))
    }

    /// Does for a row that is nobody's what [`Self::take_out`] does, so that it takes as long: it looks for it, and opens what is sealed for
    /// nobody; whether there was anything to open.
    ///
    /// # Errors
    /// The memory does not answer.
    pub async fn take_out_nobodys(&self, row: Row<'_>) -> Result<bool, SafeError> {
        self.store.secret(row.kind, row.owner, row.id).await?;
        let (Some(keys), Some(decoy)) = (self.keys.as_deref(), self.decoy.as_deref()) else {
            return Ok(false);
        };
        let opened = std::hint::black_box(keys.open(NOBODYS, decoy));
        opened.map(|_| true).map_err(|source| failed(NOBODYS, source))
    }

    /// Destroys the secret of a row. It needs no master key.
    ///
    /// # Errors
    /// The memory does not answer.
    pub async fn destroy(&self, row: Row<'_>) -> Result<(), SafeError> {
        self.store.destroy_secret(row.kind, row.owner, row.id).await?;
        Ok(())
    }

    /// Destroys every secret of an owner. It needs no master key.
    ///
    /// # Errors
    /// The memory does not answer.
    pub async fn destroy_all_of(&self, owner: &str) -> Result<u64, SafeError> {
        Ok(self.store.destroy_secrets_of(owner).await?)
    }

    /// Wraps every secret with the present master key that an earlier one wraps. What is in them is not touched, and hubs that
    /// run meanwhile lose nothing: a secret that changes under way is wrapped with the present key by whoever changes it.
    ///
    /// # Errors
    /// A secret cannot be opened; those before it are wrapped already, and it can be tried again.
    pub async fn seal_all_again(&self) -> Result<Resealed, SafeError> {
        let keys = self.keys()?;
        let mut done = Resealed::default();
        for kept in self.store.secrets().await? {
            done.all += 1;
            let row = Row {
                id: &kept.id,
                owner: &kept.owner,
                kind: &kept.kind,
            };
            let sealed = keys
                .wrap_again(row, &kept.sealed)
                .map_err(|source| failed(row, source))?;
            if let Some(sealed) = sealed
                && self.store.seal_again(&kept, &sealed).await?
            {
                done.again += 1;
            }
        }
        Ok(done)
    }
}

fn failed(row: Row<'_>, source: EnvelopeError) -> SafeError {
    SafeError::Sealed {
        kind: row.kind.to_owned(),
        owner: row.owner.to_owned(),
        source,
    }
}
