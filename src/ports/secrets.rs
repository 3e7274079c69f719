//! Secrets that goals are given (semantics 3.20): who may have which, and what it is.

use async_trait::async_trait;
use secrecy::SecretString;
use thiserror::Error;

use crate::model::push::Trust;
use crate::model::{BranchName, ImageReference, JobId, RepoSlug};

pub use crate::model::parameter::SHORTEST_SECRET;

/// For whom a secret is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// Repository of the push.
    pub repo: RepoSlug,
    /// Its branch.
    pub branch: BranchName,
    /// Unique name of the goal.
    pub goal: String,
    /// Trust in the push.
    pub trust: Trust,
    /// The job of somebody at the hub in whose name forges are asked, instead of the machine's.
    pub in_name_of: Option<JobId>,
    /// The pushed repository brought the goal along.
    pub is_supplied: bool,
}

/// A secret that was given.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Its name in the configuration.
    pub name: String,
    /// Its type: `docker`, `npm`, `maven2` or any other word.
    pub kind: String,
    /// Who logs in with it.
    pub login: Option<String>,
    /// Where it counts, such as the address of a registry.
    pub url: Option<String>,
    /// The secret itself.
    pub value: SecretString,
}

/// Why a secret was not given.
#[derive(Debug, Error)]
pub enum NotGiven {
    /// To a push of lower trust, whatever the reason: it does not learn whether there is such a secret (threat E6).
    #[error("the secret `{0}` is not available to this push")]
    NotAvailable(String),
    /// There is none.
    #[error("there is no secret `{0}` in the configuration of this machine")]
    Unknown(String),
    /// It is for others.
    #[error("the secret `{name}` is not for {whom}")]
    NotFor {
        /// Which.
        name: String,
        /// What about the asker does not fit.
        whom: String,
    },
    /// Its value cannot be had.
    #[error("the secret `{name}` cannot be read: {because}")]
    Unreadable {
        /// Which.
        name: String,
        /// Why; never anything of the value.
        because: String,
    },
    /// Its value is too short to be kept out of logs.
    #[error(
        "the value of the secret `{0}` is too short to be a secret: it needs at least {SHORTEST_SECRET} characters"
    )]
    Trivial(String),
    /// An encrypted value cannot be opened.
    #[error("an encrypted secret cannot be opened: {0}")]
    Sealed(String),
}

/// The machine's secrets.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The secret of this name.
    async fn by_name(&self, name: &str, asker: &Asker) -> Result<Opened, NotGiven>;

    /// Secrets of a type that the asker may have, by name; only those of `names` unless that is empty.
    async fn by_type(&self, kind: &str, names: &[String], asker: &Asker) -> Result<Vec<Opened>, NotGiven>;

    /// The login with which an image is fetched, among those that the asker may have; of several the one whose address is
    /// closest to the image, then the first by name. None when none is for it.
    async fn for_image(&self, image: &ImageReference, asker: &Asker) -> Result<Option<Opened>, NotGiven>;

    /// What `sdm secret encrypt` has encrypted.
    async fn unseal(&self, sealed: &str, asker: &Asker) -> Result<SecretString, NotGiven>;
}
