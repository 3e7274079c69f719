//! The policy as text: who may do what, written, reviewed and tested like code (security model 12.3).
//!
//! [`parse`] reads it as goal files are read, every problem with its place and a hint. [`Policy::over`] lays it over what is
//! registered, [`run_tests`] asks the tests it brings along, and [`propose`] does both and says who gains and who loses
//! what: nothing is applied that breaks a test. [`Policy::of`] and [`Policy::to_text`] are the way back.

mod compare;
mod propose;
mod read;
mod test;
mod trust;
mod unsaid;
mod write;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::access::snapshot::{Consents, Role};
use crate::access::{AddonKey, Grant, Level, PersonId, Principal, Resource, ScopeSet, Selector, Terms};
use crate::model::Place;

pub use compare::{Difference, compare};
pub use propose::{Proposal, beyond, propose};
pub use read::{ADDON_FIELDS, FIELDS, GRANT_FIELDS, PERSON_FIELDS, Parsed, TEST_FIELDS, parse};
pub use test::{Outcome, run_tests};
pub use trust::{TRUST_FIELDS, TrustPolicy};
pub use unsaid::{unsaid, unsaid_places};

/// What may be done, by whom, where.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    /// Add-ons by their key.
    pub addons: BTreeMap<AddonKey, AddonPolicy>,
    /// People by their id.
    pub people: BTreeMap<PersonId, PersonPolicy>,
    /// Issuers whose jobs are add-ons.
    pub trusts: Vec<TrustPolicy>,
    /// Tests that must pass before it is applied.
    pub tests: Vec<PolicyTest>,
}

/// What an add-on may.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AddonPolicy {
    /// Approved scopes.
    pub scopes: ScopeSet,
    /// Grants of its add-on user.
    pub grants: Vec<Grant>,
    /// For whom it may act by impersonation.
    pub acts_for: Consents,
    /// On which terms it is at work.
    pub terms: Terms,
    /// Where it is written; none when it is not.
    pub place: Option<Place>,
}

/// What a person may, beside what the forge says.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonPolicy {
    /// Role in the workspace.
    pub role: Role,
    /// Grants, and denials.
    pub grants: Vec<Grant>,
    /// Where it is written; none when it is not.
    pub place: Option<Place>,
}

/// A test of a policy: what somebody can do on resources, and what not.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyTest {
    /// What it shows, as a sentence.
    pub name: String,
    /// Who.
    pub who: Principal,
    /// For whom, proven.
    pub acting_for: Option<PersonId>,
    /// Where; each by itself.
    pub on: Vec<Resource>,
    /// Operations that must be allowed.
    pub can: Vec<&'static str>,
    /// Operations that must not.
    pub cannot: Vec<&'static str>,
    /// What the forge says of the person, for this test.
    pub forge: Vec<(Selector, Level)>,
    /// Where it is written.
    pub place: Place,
}
