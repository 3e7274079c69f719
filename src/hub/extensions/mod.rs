//! Extensions (security model 2, 3 and 14): programs of others that the hub calls and that call the hub.
//!
//! [`life`] is what people decide: an extension asks, an administrator agrees, perhaps to less, and may end it. [`seeing`] is what
//! the hub does because of it: the next [`step`] is told from how things stand alone, done, and written down, so that it is
//! neither lost nor done by two hubs. [`outside`] is how addresses of strangers are reached, [`install_keys`] what
//! installs are signed with. Secrets are in the [`safe`](super::safe); rights in the rows of all add-ons.

pub(super) mod caller;
mod consents;
pub(super) mod context;
pub mod error;
pub mod install_keys;
pub mod known;
pub mod life;
pub(super) mod listening;
mod network;
pub mod outside;
pub(super) mod own;
mod posting;
pub(super) mod routes;
mod secrets;
mod seeing;
pub(super) mod signed;
pub mod step;
pub(super) mod tokens;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::access::held::Held;
use super::access::noted::Noted;
use super::access::rights::Rights;
use super::safe::Safe;
use crate::access::AddonKey;
use crate::access::audit::Outcome;
use crate::access::snapshot::{AddonKind, AddonState};
use crate::model::Timestamp;
use crate::ports::hub::HubStore;
use crate::ports::hub::extensions::StoredExtension;
use crate::runtime::clock::{Clock, Ids};
pub use error::ExtensionError;
pub use network::{Network, NotANetwork};
use outside::Outside;
pub use outside::OutsideRules;
pub(super) use routes::mounted;

/// Name of the value by which add-ons keep the record of this hub.
const CLIENT_KEY: &str = "client_key";

/// How often a change is tried that others are faster with.
const TRIES: usize = 20;

/// How a hub deals with extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionOptions {
    /// Which addresses may be reached.
    pub rules: OutsideRules,
    /// What frameworks are told that the hub is; some branch on it.
    pub product_type: String,
    /// How long the secret before a rotation verifies.
    pub grace: Duration,
    /// Pause after something that an extension did not take; longer each time.
    pub again: Duration,
}

impl Default for ExtensionOptions {
    fn default() -> Self {
        Self {
            rules: OutsideRules::default(),
            product_type: "hub".to_owned(),
            grace: Duration::from_secs(10 * 60),
            again: Duration::from_secs(5),
        }
    }
}

/// What everything about extensions needs.
#[derive(Clone)]
pub struct Extensions {
    store: Arc<dyn HubStore>,
    safe: Safe,
    outside: Outside,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    options: ExtensionOptions,
    /// The hub's name among add-ons, once it was read.
    client_key: Arc<OnceLock<String>>,
    /// Where is written down what was done; nowhere by those who only ask a hub that runs to do it.
    diary: Option<Arc<Rights>>,
}

impl Extensions {
    /// With a memory and its safe.
    ///
    /// # Errors
    /// The system has no trust store.
    pub fn new(
        store: Arc<dyn HubStore>,
        safe: Safe,
        (clock, ids): (Arc<dyn Clock>, Arc<dyn Ids>),
        options: ExtensionOptions,
    ) -> Result<Self, ExtensionError> {
        Ok(Self {
            outside: Outside::new(options.rules.clone())?,
            store,
            safe,
            clock,
            ids,
            options,
            client_key: Arc::default(),
            diary: None,
        })
    }

    /// How addresses that others named are reached.
    pub(super) fn outside(&self) -> &Outside {
        &self.outside
    }

    /// The same, which writes down in the audit log what it does.
    #[must_use]
    pub(super) fn writing_to(self, rights: Arc<Rights>) -> Self {
        Self {
            diary: Some(rights),
            ..self
        }
    }

    /// Writes down what became of something that the hub did with an extension.
    fn note(&self, operation: &'static str, outcome: Outcome, said: String) {
        if let Some(rights) = &self.diary {
            rights.note(&Noted::by_hub(operation, outcome, said), self.now());
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn fresh_id(&self) -> String {
        self.ids.fresh().to_string()
    }

    fn is_development(&self) -> bool {
        self.options.rules.development
    }

    /// The name by which add-ons keep the record of this hub: made at its first use, and never another.
    ///
    /// # Errors
    /// The memory does not answer.
    pub async fn client_key(&self) -> Result<String, ExtensionError> {
        if let Some(known) = self.client_key.get() {
            return Ok(known.clone());
        }
        let fresh = format!("hub-{}", self.fresh_id());
        let kept = self.store.identity(CLIENT_KEY, &fresh).await?;
        Ok(self.client_key.get_or_init(|| kept).clone())
    }

    async fn held(&self) -> Result<Held, ExtensionError> {
        Ok(Held::try_from(self.store.rights().await?)?)
    }

    async fn extension(&self, key: &str) -> Result<StoredExtension, ExtensionError> {
        let found = self.store.extension(key).await?;
        found.ok_or_else(|| ExtensionError::NotThere(key.to_owned()))
    }

    /// Workspaces that an extension is for.
    ///
    /// # Errors
    /// It is not there.
    pub async fn workspaces(&self, key: &str) -> Result<Vec<String>, ExtensionError> {
        Ok(self.extension(key).await?.workspaces)
    }

    /// Changes an extension as it is kept now, again when somebody else is faster; as it is afterwards.
    async fn update(
        &self,
        key: &str,
        change: impl Fn(&mut StoredExtension) + Sync,
    ) -> Result<StoredExtension, ExtensionError> {
        for _ in 0..TRIES {
            let mut extension = self.extension(key).await?;
            change(&mut extension);
            if let Some(version) = self.store.save_extension(&extension).await? {
                extension.version = version;
                return Ok(extension);
            }
        }
        Err(ExtensionError::Contended)
    }
}

/// The owner under which an extension's secrets are kept.
fn owner(key: &str) -> String {
    format!("addon:{key}")
}

/// Whether an add-on of this key is registered, and not uninstalled.
fn is_there(held: &Held, key: &AddonKey) -> bool {
    let state = held.addons.get(key).map(|addon| addon.registration.state);
    state.is_some_and(|state| state != AddonState::Uninstalled)
}

/// The key of an extension that is kept in the rights, and of no machine.
pub(super) fn is_extension(held: &Held, key: &AddonKey) -> bool {
    held.addons
        .get(key)
        .is_some_and(|addon| addon.kind == AddonKind::Extension)
}
