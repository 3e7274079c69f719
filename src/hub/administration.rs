//! What administrators do at the hub's computer, straight in its memory: keys, dead deliveries, registrations.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::access::agreed::Agreeing;
use super::access::edit::EditError;
use super::access::key::MOST_OF_AN_OWNER;
use super::access::make_key::make_key;
use super::access::noted::{Noted, nobody, of_revoked};
use super::addons::AddonError;
use super::console;
use super::extensions::{ExtensionError, ExtensionOptions, Extensions};
use super::safe::{Resealed, Safe, SafeError};
use crate::access::PersonId;
use crate::access::handed::NoRandomness;
use crate::access::principal::InvalidKey;
use crate::access::resource::InvalidSelector;
use crate::model::Diagnostic;
use crate::ports::hub::console::ConsoleDeeds as _;
use crate::ports::hub::secrets::{SealedSecret, SealedSecrets};
use crate::ports::hub::{
    Deliveries, Delivery, HubStoreError, Keys, Registrations, Revived, SentAway, StoredKey,
    StoredRegistration,
};
use crate::runtime::clock::{Clock, Ids, RandomIds, SystemClock};
use crate::secrets::envelope::MasterKeys;
use crate::store::hub::{Place, SqlHub};

/// A day.
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Most dead deliveries that are listed.
const MOST_LISTED: u32 = 1_000;

/// Why something is not done.
#[derive(Debug, Error)]
pub enum AdministrationError {
    /// The memory.
    #[error(transparent)]
    Store(#[from] HubStoreError),
    /// No hub has run there.
    #[error("there is no hub's memory at {}", .0.display())]
    NoHub(PathBuf),
    /// The copy to go back to is not there.
    #[error("there is no file {}", .0.display())]
    NoCopy(PathBuf),
    /// A text that cannot be the id of a workspace.
    #[error(
        "`{0}` cannot be the id of a workspace: it is 1 to 64 letters of ASCII, digits, `.`, `_` and `-`, and neither `.` nor `..`"
    )]
    Workspace(String),
    /// Postgres has programs for this.
    #[error("a memory in Postgres is copied by Postgres itself")]
    NotOurs,
    /// A hub runs on it.
    #[error("a hub runs on {}", .0.display())]
    InUse(PathBuf),
    /// It is not whole.
    #[error("{} is damaged: {}", .0.display(), .1)]
    Damaged(PathBuf, String),
    /// It would be written over.
    #[error("{} is there already", .0.display())]
    IsThere(PathBuf),
    /// A dead delivery without what is not to be shown again.
    #[error("what the command of `{0}` was told and is not shown again was not kept")]
    Blank(String),
    /// A word that is no scope.
    #[error("`{scope}` is no scope{}", .near.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    Scope {
        /// What was written.
        scope: String,
        /// What may be meant.
        near: Option<String>,
    },
    /// A repository or another place that is none.
    #[error(transparent)]
    Place(#[from] InvalidSelector),
    /// What is kept of rights does not change.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// Something about an add-on is not done.
    #[error(transparent)]
    Addon(#[from] AddonError),
    /// A policy that cannot be put in force.
    #[error("the policy cannot be put in force:\n{}", .0.iter().map(said).collect::<Vec<_>>().join("\n"))]
    Policy(Vec<Diagnostic>),
    /// Too many keys.
    #[error("{0} has {MOST_OF_AN_OWNER} keys already; revoke one first")]
    TooMany(String),
    /// The safe.
    #[error(transparent)]
    Safe(#[from] SafeError),
    /// A text that cannot be the id of a person.
    #[error(transparent)]
    Id(#[from] InvalidKey),
    /// Somebody is it already.
    #[error("there is a person `{0}` already")]
    PersonIsThere(String),
    /// Nobody would be left.
    #[error("`{0}` is the last administrator")]
    LastAdmin(String),
    /// No link can be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// Nothing of this name.
    #[error("there is no {what} `{id}`")]
    NotThere {
        /// What.
        what: &'static str,
        /// Which.
        id: String,
    },
}

/// What a key is wanted for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyWish {
    /// Name of its owner.
    pub name: String,
    /// Whether the owner is a person.
    pub is_person: bool,
    /// Workspaces.
    pub workspaces: Vec<String>,
    /// Scopes; those of a machine when none are named.
    pub scopes: Vec<String>,
    /// Repositories, `owner/name` or `owner/*`; everything when none is named.
    pub repositories: Vec<String>,
    /// Other places that a machine limited to repositories may write to, such as `env:production`.
    pub places: Vec<String>,
    /// Nothing is agreed to with the key: its machine waits for an administrator.
    pub waits: bool,
    /// Days that it lasts.
    pub days: Option<u32>,
}

/// The hub's memory, for its administrator.
#[derive(Debug, Clone)]
pub struct Administration(SqlHub);

impl Administration {
    /// Opens the memory at a place; `makes_it`: where there is none, a new one.
    ///
    /// # Errors
    /// It is not there or cannot be opened.
    pub async fn open(place: &Place, makes_it: bool) -> Result<Self, AdministrationError> {
        match place {
            Place::File(path) if !makes_it && !path.exists() => Err(AdministrationError::NoHub(path.clone())),
            Place::File(_) | Place::Postgres(_) => Ok(Self(SqlHub::open(place).await?)),
        }
    }

    /// The memory itself.
    pub(super) fn memory(&self) -> &SqlHub {
        &self.0
    }

    /// The memory of a hub that runs here.
    pub fn of(memory: &SqlHub) -> Self {
        Self(memory.clone())
    }

    /// Makes a key; its text is shown now or never.
    ///
    /// # Errors
    /// A scope is none, or the owner has too many keys.
    pub async fn new_key(&self, wish: &KeyWish) -> Result<(StoredKey, String), AdministrationError> {
        let agreeing = Agreeing {
            by: &PersonId::operator(),
            caller: None,
            at: SystemClock.now(),
            ids: &RandomIds,
        };
        make_key(&self.0, wish, &agreeing).await
    }

    /// Writes a copy of the memory, while a hub may go on with it.
    ///
    /// # Errors
    /// The file is there already or cannot be written, or the memory is in Postgres.
    pub async fn back_up(&self, file: &Path) -> Result<(), AdministrationError> {
        if self.0.is_postgres() {
            return Err(AdministrationError::NotOurs);
        }
        if file.exists() {
            return Err(AdministrationError::IsThere(file.to_owned()));
        }
        Ok(self.0.copy_to(file).await?)
    }

    /// All keys, oldest first.
    ///
    /// # Errors
    /// The memory.
    pub async fn keys(&self) -> Result<Vec<StoredKey>, AdministrationError> {
        Ok(self.0.keys().await?)
    }

    /// Revokes a key; open conversations with it end within seconds.
    ///
    /// # Errors
    /// There is none of this id that is still good.
    pub async fn revoke_key(&self, id: &str) -> Result<(), AdministrationError> {
        let now = SystemClock.now();
        let noted = self.0.key(id).await?.and_then(|key| of_revoked(&key, now));
        match self.0.revoke_key(id, now, &console::deeds(noted)).await? {
            true => Ok(()),
            false => Err(not_there("key that could be revoked:", id)),
        }
    }

    /// All registrations, the one of each name that is served last.
    ///
    /// # Errors
    /// The memory.
    pub async fn registrations(&self) -> Result<Vec<StoredRegistration>, AdministrationError> {
        Ok(self.0.registrations().await?)
    }

    /// Takes a registration away, with what waits for it; whoever comes with it again is refused.
    ///
    /// # Errors
    /// It is not there.
    pub async fn send_away(&self, id: &str) -> Result<(), AdministrationError> {
        let noted = match self.0.registrations().await?.iter().find(|one| one.id == id) {
            Some(one) => Some(taken_away(one, self.owner_of(&one.principal).await?.as_deref())),
            None => None,
        };
        match self
            .0
            .send_away(id, SystemClock.now(), &console::deeds(noted))
            .await?
        {
            true => Ok(()),
            false => Err(not_there("registration", id)),
        }
    }

    /// Registrations that are refused, the last one first.
    ///
    /// # Errors
    /// The memory.
    pub async fn sent_away(&self) -> Result<Vec<SentAway>, AdministrationError> {
        Ok(self.0.sent_away().await?)
    }

    /// Refuses a registration no more, by the id that it had.
    ///
    /// # Errors
    /// It is not refused.
    pub async fn let_in(&self, id: &str) -> Result<(), AdministrationError> {
        let refused = self.0.sent_away().await?;
        let noted = refused.iter().find(|one| one.id == id).map(let_in_again);
        match self.0.let_in(id, &console::deeds(noted)).await? {
            true => Ok(()),
            false => Err(not_there("registration that was taken away:", id)),
        }
    }

    /// Deliveries that were given up, newest first.
    ///
    /// # Errors
    /// The memory.
    pub async fn dead(&self, workspace: &str) -> Result<Vec<Delivery>, AdministrationError> {
        Ok(self.0.dead(workspace, MOST_LISTED).await?)
    }

    /// Lets a delivery that was given up wait again.
    ///
    /// # Errors
    /// It is not there, or has lost what is not to be shown again.
    pub async fn revive(&self, id: &str) -> Result<(), AdministrationError> {
        let now = SystemClock.now();
        let said = format!("the delivery {id} waits again");
        let deeds = console::deeds([nobody("settings.write", said)]);
        match self.0.revive(id, None, (now, now.plus(DAY)), &deeds).await? {
            Revived::Waits => Ok(()),
            Revived::NotThere => Err(not_there("dead delivery", id)),
            Revived::Blank => Err(AdministrationError::Blank(id.to_owned())),
        }
    }

    /// The safe of this memory, for whoever has its keys.
    pub fn safe(&self, keys: Option<Arc<MasterKeys>>) -> Safe {
        Safe::new(Arc::new(self.0.clone()), keys)
    }

    /// The extensions of this memory.
    ///
    /// # Errors
    /// The system has no trust store.
    pub fn extensions(
        &self,
        keys: Option<Arc<MasterKeys>>,
        options: ExtensionOptions,
    ) -> Result<Extensions, ExtensionError> {
        let doors: (Arc<dyn Clock>, Arc<dyn Ids>) = (Arc::new(SystemClock), Arc::new(RandomIds));
        Extensions::new(Arc::new(self.0.clone()), self.safe(keys), doors, options)
    }

    /// What is in the safe: kinds, owners and times, and nothing that opens.
    ///
    /// # Errors
    /// The memory.
    pub async fn secrets(&self) -> Result<Vec<SealedSecret>, AdministrationError> {
        Ok(self.0.secrets().await?)
    }

    /// Wraps every secret with the present master key.
    ///
    /// # Errors
    /// One of them cannot be opened with these keys.
    pub async fn seal_all_again(&self, keys: Arc<MasterKeys>) -> Result<Resealed, AdministrationError> {
        let present = keys.current().id().to_owned();
        let done = self.safe(Some(keys)).seal_all_again().await?;
        let said = format!(
            "{} of {} secrets are wrapped by master key {present}",
            done.again, done.all
        );
        let noted = nobody("credential.manage", said);
        self.0.keep_console_deeds(&console::deeds([noted])).await?;
        Ok(done)
    }

    /// Whose a key is, where it is still known.
    async fn owner_of(&self, key: &str) -> Result<Option<String>, AdministrationError> {
        Ok(self.0.key(key).await?.map(|key| key.owner))
    }

    /// Ends in good order.
    pub async fn close(&self) {
        self.0.close().await;
    }
}

fn taken_away(one: &StoredRegistration, owner: Option<&str>) -> Noted {
    let machine = named(&one.name, &one.version, owner.unwrap_or_default());
    nobody(
        "addon.register",
        format!("machine {machine} in {} was taken away", one.workspace),
    )
}

fn let_in_again(one: &SentAway) -> Noted {
    let machine = named(&one.name, &one.version, &one.owner);
    nobody(
        "addon.register",
        format!("machine {machine} in {} may register again", one.workspace),
    )
}

/// A machine and whose it is; an owner of whom no key is left is not known any more.
fn named(name: &str, version: &str, owner: &str) -> String {
    let owner = if owner.is_empty() { "nobody" } else { owner };
    format!("{name}@{version} of {owner}")
}

fn said(problem: &Diagnostic) -> String {
    let hint = problem.hint.as_ref().map(|hint| format!(" ({hint})"));
    format!(
        "{}: {}{}",
        problem.place,
        problem.message,
        hint.unwrap_or_default()
    )
}

pub(super) fn not_there(what: &'static str, id: &str) -> AdministrationError {
    AdministrationError::NotThere {
        what,
        id: id.to_owned(),
    }
}
