//! What a hub remembers of who may do what: add-ons, grants, consents, trusted issuers and the settings of the policy.
//!
//! Everything is read as it was at one moment, with its version, and changed from a version: whoever decides over what
//! somebody else has changed meanwhile changes nothing and looks again.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::hub::HubStoreError;
use super::hub::console::ConsoleDeed;
use super::told_forges::ToldForges;
use crate::model::Timestamp;

/// An add-on as it is kept; words and scopes are written as `access` writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAddon {
    /// Its key, which is its identity.
    pub key: String,
    /// `sdm` or `extension`.
    pub kind: String,
    /// `pending`, `active`, `disabled` or `uninstalled`.
    pub state: String,
    /// Since when it stands there.
    pub since: Timestamp,
    /// What an administrator agreed to; none while nobody has.
    pub approval: Option<StoredApproval>,
    /// What it asks for and nobody has agreed to yet.
    pub wish: Option<StoredWish>,
    /// Digests of wishes that were rejected.
    pub rejected: Vec<String>,
    /// Until when events are held for it while it is disabled.
    pub held_until: Option<Timestamp>,
}

/// What an administrator agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredApproval {
    /// Id of the person.
    pub by: String,
    /// When, in microseconds since 1970.
    pub at: i64,
    /// These scopes and no others.
    pub scopes: Vec<String>,
    /// SHA-256 of what was shown.
    pub digest: String,
    /// Addresses that may be called.
    pub addresses: String,
    /// Counts changes of the approval.
    pub version: u64,
}

/// What an add-on asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredWish {
    /// Scopes.
    pub scopes: Vec<String>,
    /// SHA-256 of its descriptor or registration.
    pub digest: String,
    /// Its addresses.
    pub addresses: String,
}

/// A grant or a denial as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredGrant {
    /// Its id, made by the hub.
    pub id: String,
    /// Whose: `addon:<key>` or `person:<id>`.
    pub principal: String,
    /// Where.
    pub selector: String,
    /// `deny`, `read`, `write` or `admin`.
    pub allows: String,
    /// When it ends by itself.
    pub ends: Option<Timestamp>,
    /// Who gave it.
    pub given_by: String,
    /// When.
    pub given: Timestamp,
    /// Why; empty when nobody said.
    pub note: String,
}

/// That an add-on may act for a person, or for everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredConsent {
    /// The add-on's key.
    pub addon: String,
    /// Id of the person; none is everybody.
    pub person: Option<String>,
    /// Who agreed.
    pub given_by: String,
    /// When.
    pub given: Timestamp,
}

/// That an add-on is at work on a term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTerm {
    /// The add-on's key.
    pub addon: String,
    /// Its word.
    pub term: String,
    /// Who set it.
    pub given_by: String,
    /// When.
    pub given: Timestamp,
}

/// An issuer of job tokens that is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTrust {
    /// Its id, made by the hub.
    pub id: String,
    /// Address of the issuer.
    pub issuer: String,
    /// The audience that is this hub's.
    pub audience: String,
    /// Claims that must be there.
    pub claims: BTreeMap<String, String>,
    /// Key of the add-on that a job is.
    pub addon: String,
    /// Scopes that it has at most.
    pub scopes: Vec<String>,
    /// Workspaces that it is for.
    pub workspaces: Vec<String>,
    /// Who trusts it.
    pub given_by: String,
    /// Since when.
    pub given: Timestamp,
}

/// By whose request something changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredDeed {
    /// Who, as principals are written; empty when nobody says.
    pub who: String,
    /// Id of the request.
    pub request: String,
    /// Address that it came from; empty when that is not known.
    pub ip: String,
    /// What whoever asked says that it is; anybody's text.
    pub user_agent: String,
    /// What was done by it; none where an earlier program did it.
    pub noted: Option<Vec<StoredNote>>,
}

/// One thing that was done, in the words of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredNote {
    /// Who is known to have done it, as principals are written.
    pub by: String,
    /// Name of the operation.
    pub operation: String,
    /// What it is about, as selectors write it.
    pub resource: String,
    /// What is so now.
    pub said: String,
}

/// Everything of one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredRights {
    /// Rises with every change.
    pub version: i64,
    /// Add-ons, by key.
    pub addons: Vec<StoredAddon>,
    /// Grants, oldest first.
    pub grants: Vec<StoredGrant>,
    /// Consents.
    pub consents: Vec<StoredConsent>,
    /// Terms.
    pub terms: Vec<StoredTerm>,
    /// Trusted issuers, oldest first.
    pub trusts: Vec<StoredTrust>,
    /// Settings of the policy, by name.
    pub settings: BTreeMap<String, String>,
    /// Forges that webhooks have told of; they count for no version.
    pub forges: ToldForges,
    /// By whose requests the last versions were made, where one was behind them.
    pub deeds: BTreeMap<i64, StoredDeed>,
}

/// One change; it says how things are afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RightsChange {
    /// This add-on is so.
    Addon(StoredAddon),
    /// This grant is there.
    Grant(StoredGrant),
    /// No grant of this id is there.
    NoGrant(String),
    /// This consent is there.
    Consent(StoredConsent),
    /// Nobody has agreed that this add-on acts for this person, or for everybody.
    NoConsent {
        /// The add-on's key.
        addon: String,
        /// Id of the person; none is everybody.
        person: Option<String>,
    },
    /// This term is set.
    Term(StoredTerm),
    /// This term is not set for this add-on.
    NoTerm {
        /// The add-on's key.
        addon: String,
        /// Its word.
        term: String,
    },
    /// This issuer is trusted.
    Trust(StoredTrust),
    /// No trust of this id is there.
    NoTrust(String),
    /// A setting has this value.
    Setting {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// It is by this request that the others of its version are made.
    Deed(StoredDeed),
    /// It is this that somebody at the console does by the others.
    AtConsole(ConsoleDeed),
}

/// Where rights are kept.
#[async_trait]
pub trait RightsStore: Send + Sync {
    /// The version of what is kept now.
    async fn rights_version(&self) -> Result<i64, HubStoreError>;

    /// Everything as it is now.
    async fn rights(&self) -> Result<StoredRights, HubStoreError>;

    /// Makes changes, all or none, if the version is still this one; the version afterwards, `None` when it was another.
    async fn change_rights(
        &self,
        version: i64,
        changes: &[RightsChange],
    ) -> Result<Option<i64>, HubStoreError>;
}
