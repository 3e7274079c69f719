//! The whole policy as text: exported, and put in force again, with its tests and with what changes by it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::Hub;
use super::super::access::edit::{EditError, edit};
use super::super::access::held::{
    Held, HeldAddon, HeldGrant, HeldTrust, TESTS, addon_row, grant_row, trust_row,
};
use super::super::access::noted::noted;
use super::super::access::numbers::placed;
use super::super::access::person::role;
use super::super::refusal::Refusal;
use super::AddonError;
use super::beyond::{given, workspaces_of, workspaces_of_keys};
use super::giving::Giver;
use super::terms::changed_terms;
use crate::access::handed::digest_of;
use crate::access::policy::{Difference, Outcome, Policy, TrustPolicy, parse, propose};
use crate::access::snapshot::{AddonState, Consents};
use crate::access::{AddonKey, Grant, Person, PersonId, Principal, Right, Snapshot};
use crate::model::{Diagnostic, Place, Timestamp};
use crate::ports::hub::HubStore;
use crate::ports::people::StoredPerson;
use crate::ports::rights::{RightsChange, StoredConsent};
use crate::runtime::clock::{Ids as _, RandomIds};

/// What the text is called in problems.
const NAME: &str = "policy";

/// What comes of a policy.
#[derive(Debug, Clone)]
pub struct Applied {
    /// Who gains and who loses what.
    pub differences: Vec<Difference>,
    /// Its tests, all passed.
    pub outcomes: Vec<Outcome>,
    /// What changes beside rights, in sentences: trusted issuers, terms and consents.
    pub besides: Vec<String>,
}

/// Why a policy is not put in force.
#[derive(Debug)]
pub enum NotApplied {
    /// What is wrong with it, failed tests included.
    Problems(Vec<Diagnostic>),
    /// Everything else.
    Addon(AddonError),
}

impl From<EditError> for NotApplied {
    fn from(error: EditError) -> Self {
        Self::Addon(error.into())
    }
}

/// What is in force, with its tests, as [`apply`] reads it.
pub fn exported(held: &Held, people: &[StoredPerson]) -> String {
    let mut policy = Policy::of(&whole(held, people, Timestamp::from_micros(0)));
    policy.trusts = held.trusts.iter().map(written).collect();
    policy.tests = tests(held);
    policy.to_text()
}

fn written(held: &HeldTrust) -> TrustPolicy {
    TrustPolicy {
        issuer: held.issuer.clone(),
        workspaces: held.workspaces.clone(),
        place: None,
    }
}

impl Hub {
    /// What is in force as text: the file that governs the hub, or what is kept.
    ///
    /// # Errors
    /// The memory does not answer, or the file cannot be read.
    pub(in super::super) async fn policy_text(&self) -> Result<String, Refusal> {
        if let Some(file) = self.rights().governing_file() {
            let text = tokio::fs::read_to_string(file).await;
            return text.map_err(|_| Refusal::busy("the policy's file cannot be read now", 5));
        }
        self.rights().refresh(self.store(), self.now()).await?;
        Ok(exported(&self.rights().held(), &self.store().people().await?))
    }
}

fn tests(held: &Held) -> Vec<crate::access::policy::PolicyTest> {
    let text = held.settings.get(TESTS).map(String::as_str).unwrap_or_default();
    let parsed = parse(&Arc::from(NAME), text.as_bytes());
    parsed.policy.map(|policy| policy.tests).unwrap_or_default()
}

/// What is kept and who is there; without the baseline, which nobody writes.
fn whole(held: &Held, people: &[StoredPerson], at: Timestamp) -> Snapshot {
    let mut snapshot = held.bare(at);
    for stored in people {
        if let Ok(id) = PersonId::parse(&stored.id) {
            let mut person = Person::new(role(stored.role));
            let principal = Principal::Person(id.clone());
            person.grants = held
                .grants_of(&principal)
                .map(|held| Arc::clone(&held.grant))
                .collect();
            snapshot.people.insert(id, person);
        }
    }
    snapshot
}

/// A policy that somebody wants in force.
#[derive(Debug, Clone, Copy)]
pub struct Proposed<'a> {
    /// Its text.
    pub text: &'a [u8],
    /// SHA-256 of the text that was in force when it was written, where that is known.
    pub base: Option<&'a str>,
    /// Whether it is only to be said what it would change.
    pub is_preview: bool,
}

/// Puts a policy in force, or says what that would change.
///
/// # Errors
/// What is wrong with it, also that another one has come into force since; nothing has changed then.
pub async fn apply(
    store: &dyn HubStore,
    proposed: Proposed<'_>,
    people: &[StoredPerson],
    giver: &Giver,
) -> Result<Applied, NotApplied> {
    let Proposed {
        text,
        base,
        is_preview,
    } = proposed;
    let mut policy = parse(&Arc::from(NAME), text).policy.unwrap_or_default();
    number(store, &mut policy).await.map_err(NotApplied::Addon)?;
    let now = Held::try_from(store.rights().await.map_err(EditError::from)?).map_err(EditError::from)?;
    let gives =
        |held: &Held, changes: &[RightsChange]| given(held, changes, giver.at).map_err(EditError::from);
    let given_now = gives(&now, &changes(&now, &policy, giver))?;
    let standing = giver.standing(store, &given_now).await;
    let standing = standing.map_err(NotApplied::Addon)?;
    edit(store, giver.at, |held: &Held| -> Result<_, NotApplied> {
        if base.is_some_and(|base| base != digest_of(&exported(held, people))) {
            return Err(NotApplied::Problems(vec![overtaken()]));
        }
        let before = whole(held, people, giver.at);
        let proposal =
            propose(&Arc::from(NAME), text, &before, &[], giver.at).map_err(NotApplied::Problems)?;
        let problems = beyond_hub(&policy, &before);
        if !problems.is_empty() {
            return Err(NotApplied::Problems(problems));
        }
        let changes = changes(held, &policy, giver);
        let given = gives(held, &changes)?;
        standing.may_give(held, &given).map_err(NotApplied::Addon)?;
        let applied = Applied {
            differences: proposal.differences,
            outcomes: proposal.outcomes,
            besides: besides(held, &changes)?,
        };
        match is_preview {
            true => Ok((Vec::new(), applied)),
            false => Ok((changes, applied)),
        }
    })
    .await
}

/// Gives repositories the forges and numbers by which they are known, where the graph knows them: names are given again (threat A8).
async fn number(store: &dyn HubStore, policy: &mut Policy) -> Result<(), AddonError> {
    let everywhere = workspaces_of_keys(store).await?;
    for (principal, grants) in grants_in(policy) {
        let own = workspaces_of(store, &principal).await?;
        for grant in grants {
            let workspaces = match grant.right {
                Right::Deny => &everywhere,
                Right::Allow(_) => &own,
            };
            grant.selector = placed(store, workspaces, (grant.selector.clone(), grant.right)).await?;
        }
    }
    Ok(())
}

fn grants_in(policy: &mut Policy) -> Vec<(Principal, &mut Vec<Grant>)> {
    let of_addons = policy.addons.iter_mut();
    let of_addons = of_addons.map(|(key, addon)| (Principal::Addon(key.clone()), &mut addon.grants));
    let of_people = policy.people.iter_mut();
    let of_people = of_people.map(|(id, person)| (Principal::Person(id.clone()), &mut person.grants));
    of_addons.chain(of_people).collect()
}

/// What changes beside rights, in sentences.
fn besides(held: &Held, changes: &[RightsChange]) -> Result<Vec<String>, NotApplied> {
    const BESIDES: [&str; 5] = [
        "trust.change",
        "addon.terms",
        "consent.everybody",
        "consent.give",
        "consent.withdraw",
    ];
    let after = held.with(changes).map_err(EditError::from)?;
    let noted = noted(held, &after).into_iter();
    let noted = noted.filter(|noted| BESIDES.contains(&noted.operation));
    Ok(noted.map(|noted| noted.said).collect())
}

/// Another policy has come into force since this one was begun.
fn overtaken() -> Diagnostic {
    let place = Place {
        file: Arc::from(NAME),
        line: 1,
        column: 1,
    };
    Diagnostic::error(
        "policy_overtaken",
        place,
        "rights have changed since you began to edit",
    )
    .hint("load the page again, and make your change in what is in force now")
}

/// What a policy says that is not for it to change here: roles, and add-ons of which nobody has agreed to anything.
fn beyond_hub(policy: &Policy, before: &Snapshot) -> Vec<Diagnostic> {
    let place = |place: &Option<Place>| {
        place.clone().unwrap_or_else(|| Place {
            file: Arc::from(NAME),
            line: 1,
            column: 1,
        })
    };
    let roles = policy.people.iter().filter(|(id, person)| {
        before
            .people
            .get(*id)
            .is_some_and(|before| before.role != person.role)
    });
    let roles = roles.map(|(id, person)| {
        let message = format!("`{}` has another role", id.as_str());
        Diagnostic::error("role_differs", place(&person.place), message)
            .hint("roles are changed with people: `sdm hub people role`")
    });
    let waiting = policy.addons.iter().filter(|(key, addon)| {
        let state = before.addons.get(*key).map(|before| before.state);
        state == Some(AddonState::Pending) && !addon.scopes.is_empty()
    });
    let waiting = waiting.map(|(key, addon)| {
        let message = format!("nobody has agreed to `{}` yet", key.as_str());
        Diagnostic::error("addon_waits", place(&addon.place), message)
            .hint("agree to it first: `sdm hub addons`")
    });
    roles.chain(waiting).collect()
}

fn changes(held: &Held, policy: &Policy, giver: &Giver) -> Vec<RightsChange> {
    let mut changes = Vec::new();
    for (key, addon) in &held.addons {
        let wanted = policy.addons.get(key).cloned().unwrap_or_default();
        changes.extend(approval(key, addon, wanted.scopes, giver));
        changes.extend(grants(
            held,
            &Principal::Addon(key.clone()),
            &wanted.grants,
            giver,
        ));
        changes.extend(consents(held, key, &wanted.acts_for, giver));
        changes.extend(changed_terms(held, key, &wanted.terms, giver));
    }
    changes.extend(trusts(held, &policy.trusts, giver));
    let given = held.grants.iter().filter_map(|grant| match &grant.principal {
        Principal::Person(id) => Some((id, &[][..])),
        Principal::Addon(_) | Principal::Anonymous => None,
    });
    let named = policy
        .people
        .iter()
        .map(|(id, person)| (id, person.grants.as_slice()));
    let people: BTreeMap<&PersonId, &[Grant]> = given.chain(named).collect();
    for (id, wanted) in people {
        changes.extend(grants(held, &Principal::Person(id.clone()), wanted, giver));
    }
    let only_tests = Policy {
        tests: policy.tests.clone(),
        ..Policy::default()
    };
    changes.push(RightsChange::Setting {
        name: TESTS.to_owned(),
        value: only_tests.to_text(),
    });
    changes
}

fn approval(
    key: &AddonKey,
    addon: &HeldAddon,
    scopes: crate::access::ScopeSet,
    giver: &Giver,
) -> Option<RightsChange> {
    let mut after = addon.clone();
    let approval = after.registration.approval.as_mut()?;
    if approval.scopes == scopes {
        return None;
    }
    approval.scopes = scopes;
    approval.version += 1;
    approval.by = giver.by.clone();
    approval.at = giver.at;
    Some(RightsChange::Addon(addon_row(key, &after)))
}

/// Grants that are not wanted any more go, and those that are not there yet come.
fn grants(held: &Held, principal: &Principal, wanted: &[Grant], giver: &Giver) -> Vec<RightsChange> {
    let mut missing: Vec<&Grant> = wanted.iter().collect();
    let mut changes = Vec::new();
    for known in held.grants_of(principal) {
        match missing.iter().position(|wanted| **wanted == *known.grant) {
            Some(at) => {
                missing.swap_remove(at);
            }
            None => changes.push(RightsChange::NoGrant(known.id.clone())),
        }
    }
    changes.extend(missing.into_iter().map(|grant| {
        RightsChange::Grant(grant_row(&HeldGrant {
            id: RandomIds.fresh().to_string(),
            principal: principal.clone(),
            grant: Arc::new(grant.clone()),
            given_by: giver.by.as_str().to_owned(),
            given: giver.at,
        }))
    }));
    changes
}

/// Issuers that are not trusted by it go, and those that are not there yet come.
fn trusts(held: &Held, wanted: &[TrustPolicy], giver: &Giver) -> Vec<RightsChange> {
    let is_same = |held: &HeldTrust, wanted: &TrustPolicy| {
        held.issuer == wanted.issuer && held.workspaces == wanted.workspaces
    };
    let gone = held.trusts.iter();
    let gone = gone.filter(|held| !wanted.iter().any(|wanted| is_same(held, wanted)));
    let gone = gone.map(|held| RightsChange::NoTrust(held.id.clone()));
    let come = wanted
        .iter()
        .filter(|wanted| !held.trusts.iter().any(|held| is_same(held, wanted)));
    let come = come.map(|wanted| {
        RightsChange::Trust(trust_row(&HeldTrust {
            id: RandomIds.fresh().to_string(),
            issuer: wanted.issuer.clone(),
            workspaces: wanted.workspaces.clone(),
            given_by: giver.by.as_str().to_owned(),
            given: giver.at,
        }))
    });
    gone.chain(come).collect()
}

fn consents(held: &Held, key: &AddonKey, wanted: &Consents, giver: &Giver) -> Vec<RightsChange> {
    let known = held.consents.get(key).cloned().unwrap_or_default();
    let all = |consents: &Consents| {
        let people = consents
            .people
            .iter()
            .map(|person| Some(person.as_str().to_owned()));
        people
            .chain(consents.everybody.then_some(None))
            .collect::<Vec<_>>()
    };
    let (known, wanted) = (all(&known), all(wanted));
    let gone = known.iter().filter(|person| !wanted.contains(person));
    let gone = gone.map(|person| RightsChange::NoConsent {
        addon: key.as_str().to_owned(),
        person: person.clone(),
    });
    let come = wanted.iter().filter(|person| !known.contains(person));
    let come = come.map(|person| {
        RightsChange::Consent(StoredConsent {
            addon: key.as_str().to_owned(),
            person: person.clone(),
            given_by: giver.by.as_str().to_owned(),
            given: giver.at,
        })
    });
    gone.chain(come).collect()
}
