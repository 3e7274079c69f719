//! What is kept of who may do what, as `access` speaks of it: rows in, a snapshot out. A row that makes no sense is an error
//! that names it; nobody decides by half of what is kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use crate::access::federation::TrustedIssuer;
use crate::access::registration::{Approval, Declared, Effect, Registration};
use crate::access::snapshot::{AddonKind, AddonState, Consents, Right};
use crate::access::{
    Addon, AddonKey, Grant, Level, Limit, PersonId, Principal, Resource, ScopeSet, Selector, Snapshot, Term,
    Terms,
};
use crate::model::Timestamp;
use crate::ports::rights::{
    RightsChange, StoredAddon, StoredApproval, StoredConsent, StoredDeed, StoredGrant, StoredRights,
    StoredTerm, StoredTrust, StoredWish,
};
use crate::ports::told_forges::ToldForges;

/// Setting that holds the tests which every change must pass.
pub const TESTS: &str = "tests";

/// Setting that says whether administrators may give away what they lack on the forge.
pub const MAY_EXCEED: &str = "administrators_may_exceed";

/// A row that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what} `{id}` holds {because}")]
pub struct BadRow {
    what: &'static str,
    id: String,
    because: String,
}

/// An add-on, with its registration through its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldAddon {
    /// What it is.
    pub kind: AddonKind,
    /// Its registration.
    pub registration: Registration,
    /// Until when events are held for it while it is disabled.
    pub held_until: Option<Timestamp>,
}

impl HeldAddon {
    /// An add-on whose registration has changed, with what follows from that. Events are held from when it is disabled, whatever else
    /// is said or answered meanwhile, and for as long as it is.
    pub fn changed(before: Option<&Self>, kind: AddonKind, after: Registration, effects: &[Effect]) -> Self {
        let held = effects.iter().find_map(|effect| match effect {
            Effect::HoldEvents(until) => Some(*until),
            Effect::TellAdministrators(_)
            | Effect::Install(_)
            | Effect::Enabled
            | Effect::Disabled
            | Effect::Uninstalled
            | Effect::EndConnections
            | Effect::DestroySecrets => None,
        });
        let held = held.or_else(|| before.and_then(|before| before.held_until));
        Self {
            kind,
            held_until: held.filter(|_| after.state == AddonState::Disabled),
            registration: after,
        }
    }
}

/// A grant, and who gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldGrant {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub principal: Principal,
    /// What it says.
    pub grant: Arc<Grant>,
    /// Who gave it.
    pub given_by: String,
    /// When.
    pub given: Timestamp,
}

/// An issuer of job tokens that is trusted, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldTrust {
    /// Its id.
    pub id: String,
    /// What is trusted.
    pub issuer: TrustedIssuer,
    /// Workspaces that its jobs are for.
    pub workspaces: Vec<String>,
    /// Who trusts it.
    pub given_by: String,
    /// Since when.
    pub given: Timestamp,
}

impl HeldTrust {
    /// For people: `https://… as addon:build (goals:write in main) if project_id=42 ref=refs/heads/main`.
    pub fn sentence(&self) -> String {
        let claims: Vec<String> = self
            .issuer
            .claims
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let scopes = self.issuer.limit.scopes.unwrap_or_default();
        format!(
            "{} as addon:{} ({scopes} in {}) for {} if {}",
            self.issuer.issuer,
            self.issuer.addon.as_str(),
            self.workspaces.join(" "),
            self.issuer.audience,
            claims.join(" ")
        )
    }
}

/// Everything that is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// Rises with every change.
    pub version: i64,
    /// Add-ons by their key.
    pub addons: BTreeMap<AddonKey, HeldAddon>,
    /// Grants of add-ons and people, oldest first.
    pub grants: Vec<HeldGrant>,
    /// For whom add-ons may act by impersonation.
    pub consents: BTreeMap<AddonKey, Consents>,
    /// On which terms add-ons are at work.
    pub terms: BTreeMap<AddonKey, Terms>,
    /// Trusted issuers, oldest first.
    pub trusts: Vec<HeldTrust>,
    /// Forges that webhooks have told of.
    pub forges: ToldForges,
    /// Settings of the policy, by name.
    pub settings: BTreeMap<String, String>,
    /// By whose requests the last versions were made, where one was behind them.
    pub deeds: BTreeMap<i64, StoredDeed>,
}

impl Held {
    /// Whether every version after an earlier one was made by a request that is so.
    pub fn all_since(&self, version: i64, is_so: impl Fn(&StoredDeed) -> bool) -> bool {
        let mut since = version + 1..=self.version;
        version < self.version && since.all(|version| self.deeds.get(&version).is_some_and(&is_so))
    }

    /// By whose request this came to be after an earlier version, if one alone did all of it.
    pub fn deed_since(&self, version: i64) -> Option<&StoredDeed> {
        let last = self.deeds.get(&self.version)?;
        let is_of_last = |version: i64| self.deeds.get(&version) == Some(last);
        (version < self.version && (version + 1..self.version).all(is_of_last)).then_some(last)
    }
}

impl Held {
    /// Grants of somebody.
    pub fn grants_of<'h>(&'h self, principal: &'h Principal) -> impl Iterator<Item = &'h HeldGrant> {
        self.grants
            .iter()
            .filter(move |grant| grant.principal == *principal)
    }

    /// Since when an add-on stands where it stands: what it was handed before counts no more.
    pub fn begun(&self, key: &AddonKey) -> Option<Timestamp> {
        self.addons.get(key).map(|addon| addon.registration.since)
    }

    /// On which terms an add-on is at work.
    pub fn terms_of(&self, key: &AddonKey) -> Terms {
        self.terms.get(key).cloned().unwrap_or_default()
    }

    /// What decisions depend on, without people. Every add-on may look at the workspace, which it needs to register
    /// (security model 12.1).
    pub fn snapshot(&self, taken_at: Timestamp) -> Snapshot {
        let baseline = Arc::new(Grant::new(
            Selector::One(Resource::Workspace),
            Right::Allow(Level::Read),
        ));
        let mut snapshot = self.bare(taken_at);
        for addon in snapshot.addons.values_mut() {
            addon.grants.insert(0, Arc::clone(&baseline));
        }
        snapshot
    }

    /// The same without what every add-on has.
    pub fn bare(&self, taken_at: Timestamp) -> Snapshot {
        let mut snapshot = Snapshot::empty(taken_at);
        snapshot.version = u64::try_from(self.version).unwrap_or(0);
        snapshot.only_forge = self.forges.only(&[]).map(Arc::from);
        for (key, held) in &self.addons {
            let mut addon = Addon::new(held.kind, held.registration.state);
            addon.approved = held.registration.approved();
            addon.asked = held.registration.asked();
            addon.consents = self.consents.get(key).cloned().unwrap_or_default();
            addon.terms = self.terms_of(key);
            snapshot.addons.insert(key.clone(), addon);
        }
        for held in &self.grants {
            if let Principal::Addon(key) = &held.principal
                && let Some(addon) = snapshot.addons.get_mut(key)
            {
                addon.grants.push(Arc::clone(&held.grant));
            }
        }
        snapshot
    }

    /// How things are after changes.
    ///
    /// # Errors
    /// A row of a change makes no sense.
    pub fn with(&self, changes: &[RightsChange]) -> Result<Self, BadRow> {
        let mut after = self.clone();
        for change in changes {
            after.make(change)?;
        }
        Ok(after)
    }

    fn make(&mut self, change: &RightsChange) -> Result<(), BadRow> {
        match change {
            RightsChange::Addon(row) => {
                let (key, held) = addon(row)?;
                self.addons.insert(key, held);
            }
            RightsChange::Grant(row) => {
                self.grants.retain(|held| held.id != row.id);
                self.grants.push(grant(row)?);
            }
            RightsChange::NoGrant(id) => self.grants.retain(|held| held.id != *id),
            RightsChange::Consent(row) => add_consent(&mut self.consents, row)?,
            RightsChange::NoConsent { addon, person } => {
                let consents = self.consents.iter_mut();
                for (_, consents) in consents.filter(|(key, _)| key.as_str() == addon) {
                    match person {
                        None => consents.everybody = false,
                        Some(person) => consents.people.retain(|one| one.as_str() != person),
                    }
                }
            }
            RightsChange::Term(row) => add_term(&mut self.terms, row)?,
            RightsChange::NoTerm { addon, term } => {
                let terms = self.terms.iter_mut();
                for (_, terms) in terms.filter(|(key, _)| key.as_str() == addon) {
                    terms.retain(|one| one.word() != term);
                }
            }
            RightsChange::Trust(row) => {
                self.trusts.retain(|held| held.id != row.id);
                self.trusts.push(trust(row)?);
            }
            RightsChange::NoTrust(id) => self.trusts.retain(|held| held.id != *id),
            RightsChange::Setting { name, value } => {
                self.settings.insert(name.clone(), value.clone());
            }
            RightsChange::Deed(_) | RightsChange::AtConsole(_) => {}
        }
        Ok(())
    }

    /// How many registrations wait for an administrator.
    pub fn waiting(&self) -> usize {
        let waits = |held: &&HeldAddon| held.registration.state == AddonState::Pending;
        self.addons.values().filter(waits).count()
    }
}

impl TryFrom<StoredRights> for Held {
    type Error = BadRow;

    fn try_from(stored: StoredRights) -> Result<Self, BadRow> {
        let mut consents: BTreeMap<AddonKey, Consents> = BTreeMap::new();
        for one in &stored.consents {
            add_consent(&mut consents, one)?;
        }
        let mut terms = BTreeMap::new();
        for one in &stored.terms {
            add_term(&mut terms, one)?;
        }
        let addons: Result<_, _> = stored.addons.iter().map(addon).collect();
        let grants: Result<_, _> = stored.grants.iter().map(grant).collect();
        let trusts: Result<_, _> = stored.trusts.iter().map(trust).collect();
        Ok(Self {
            version: stored.version,
            addons: addons?,
            grants: grants?,
            consents,
            terms,
            trusts: trusts?,
            forges: stored.forges,
            settings: stored.settings,
            deeds: stored.deeds,
        })
    }
}

fn bad<'b, E: ToString>(what: &'static str, id: &'b str) -> impl Fn(E) -> BadRow + 'b {
    move |error: E| BadRow {
        what,
        id: id.to_owned(),
        because: error.to_string(),
    }
}

fn scopes(words: &[String]) -> Result<ScopeSet, crate::access::scope::UnknownScope> {
    ScopeSet::parse(words.iter().map(String::as_str))
}

/// Scopes as they are kept.
pub fn words(scopes: ScopeSet) -> Vec<String> {
    scopes.names().into_iter().map(str::to_owned).collect()
}

fn addon(row: &StoredAddon) -> Result<(AddonKey, HeldAddon), BadRow> {
    let wrong = |because: String| bad("add-on", &row.key)(because);
    let kind = AddonKind::read(&row.kind).ok_or_else(|| wrong(format!("the kind `{}`", row.kind)))?;
    let state = AddonState::read(&row.state).ok_or_else(|| wrong(format!("the state `{}`", row.state)))?;
    if state == AddonState::Active && row.approval.is_none() {
        return Err(wrong("no approval although it is active".to_owned()));
    }
    let held = HeldAddon {
        kind,
        registration: Registration {
            state,
            since: row.since,
            approval: row.approval.as_ref().map(approval).transpose().map_err(wrong)?,
            wish: row.wish.as_ref().map(wish).transpose().map_err(wrong)?,
            rejected: row.rejected.iter().cloned().collect(),
        },
        held_until: row.held_until,
    };
    let key = AddonKey::parse(&row.key).map_err(bad("add-on", &row.key))?;
    Ok((key, held))
}

fn approval(stored: &StoredApproval) -> Result<Approval, String> {
    Ok(Approval {
        by: PersonId::parse(&stored.by).map_err(|error| error.to_string())?,
        at: Timestamp::from_micros(stored.at),
        scopes: scopes(&stored.scopes).map_err(|error| error.to_string())?,
        digest: stored.digest.clone(),
        addresses: stored.addresses.clone(),
        version: stored.version,
    })
}

fn wish(stored: &StoredWish) -> Result<Declared, String> {
    Ok(Declared {
        scopes: scopes(&stored.scopes).map_err(|error| error.to_string())?,
        digest: stored.digest.clone(),
        addresses: stored.addresses.clone(),
    })
}

/// A grant as it is kept, read again.
///
/// # Errors
/// It makes no sense.
pub fn grant(row: &StoredGrant) -> Result<HeldGrant, BadRow> {
    let right = Right::read(&row.allows)
        .ok_or_else(|| bad("grant", &row.id)(format!("the right `{}`", row.allows)))?;
    Ok(HeldGrant {
        id: row.id.clone(),
        principal: Principal::parse(&row.principal).map_err(bad("grant", &row.id))?,
        grant: Arc::new(Grant {
            selector: Selector::parse(&row.selector).map_err(bad("grant", &row.id))?,
            right,
            until: row.ends,
            note: (!row.note.is_empty()).then(|| row.note.clone()),
        }),
        given_by: row.given_by.clone(),
        given: row.given,
    })
}

fn add_consent(consents: &mut BTreeMap<AddonKey, Consents>, row: &StoredConsent) -> Result<(), BadRow> {
    let key = AddonKey::parse(&row.addon).map_err(bad("consent", &row.addon))?;
    let of_addon = consents.entry(key).or_default();
    match &row.person {
        None => of_addon.everybody = true,
        Some(person) => {
            let person = PersonId::parse(person).map_err(bad("consent", &row.addon))?;
            of_addon.people.insert(person);
        }
    }
    Ok(())
}

fn add_term(terms: &mut BTreeMap<AddonKey, Terms>, row: &StoredTerm) -> Result<(), BadRow> {
    let key = AddonKey::parse(&row.addon).map_err(bad("term", &row.addon))?;
    let term = Term::parse(&row.term).map_err(bad("term", &row.addon))?;
    terms.entry(key).or_default().insert(term);
    Ok(())
}

fn trust(row: &StoredTrust) -> Result<HeldTrust, BadRow> {
    Ok(HeldTrust {
        id: row.id.clone(),
        issuer: TrustedIssuer {
            issuer: row.issuer.clone(),
            audience: row.audience.clone(),
            claims: row.claims.clone(),
            addon: AddonKey::parse(&row.addon).map_err(bad("trust", &row.id))?,
            limit: Limit {
                scopes: Some(scopes(&row.scopes).map_err(bad("trust", &row.id))?),
                ..Limit::default()
            },
        },
        workspaces: row.workspaces.clone(),
        given_by: row.given_by.clone(),
        given: row.given,
    })
}

/// An add-on as it is kept.
pub fn addon_row(key: &AddonKey, held: &HeldAddon) -> StoredAddon {
    let registration = &held.registration;
    let approval = registration.approval.as_ref().map(|approval| StoredApproval {
        by: approval.by.as_str().to_owned(),
        at: approval.at.as_micros(),
        scopes: words(approval.scopes),
        digest: approval.digest.clone(),
        addresses: approval.addresses.clone(),
        version: approval.version,
    });
    let wish = registration.wish.as_ref().map(|wish| StoredWish {
        scopes: words(wish.scopes),
        digest: wish.digest.clone(),
        addresses: wish.addresses.clone(),
    });
    StoredAddon {
        key: key.as_str().to_owned(),
        kind: held.kind.word().to_owned(),
        state: registration.state.word().to_owned(),
        since: registration.since,
        approval,
        wish,
        rejected: registration.rejected.iter().cloned().collect(),
        held_until: held.held_until,
    }
}

/// A grant as it is kept.
pub fn grant_row(held: &HeldGrant) -> StoredGrant {
    StoredGrant {
        id: held.id.clone(),
        principal: held.principal.to_string(),
        selector: held.grant.selector.to_string(),
        allows: held.grant.right.word().to_owned(),
        ends: held.grant.until,
        given_by: held.given_by.clone(),
        given: held.given,
        note: held.grant.note.clone().unwrap_or_default(),
    }
}

/// A trust as it is kept.
pub fn trust_row(held: &HeldTrust) -> StoredTrust {
    StoredTrust {
        id: held.id.clone(),
        issuer: held.issuer.issuer.clone(),
        audience: held.issuer.audience.clone(),
        claims: held.issuer.claims.clone(),
        addon: held.issuer.addon.as_str().to_owned(),
        scopes: words(held.issuer.limit.scopes.unwrap_or_default()),
        workspaces: held.workspaces.clone(),
        given_by: held.given_by.clone(),
        given: held.given,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Scope, registration};

    const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    fn key() -> AddonKey {
        AddonKey::parse("build").unwrap()
    }

    fn waiting() -> HeldAddon {
        let declared = Declared {
            scopes: ScopeSet::of(&[Scope::EventsRead, Scope::RepoWrite]),
            digest: "d".to_owned(),
            addresses: "a".to_owned(),
        };
        HeldAddon {
            kind: AddonKind::Machine,
            registration: Registration::ask(declared, NOW, 0).unwrap().0,
            held_until: None,
        }
    }

    fn approved() -> HeldAddon {
        let consent = registration::Consent {
            by: PersonId::parse("root").unwrap(),
            at: NOW,
            shown: "d".to_owned(),
            scopes: ScopeSet::of(&[Scope::EventsRead]),
            ticked: ScopeSet::EMPTY,
        };
        HeldAddon {
            registration: waiting().registration.approve(consent).unwrap().0,
            held_until: Some(NOW),
            ..waiting()
        }
    }

    fn held_grant(selector: &str, right: Right) -> HeldGrant {
        let selector = Selector::parse(selector).unwrap();
        HeldGrant {
            id: "g".to_owned(),
            principal: Principal::Addon(key()),
            grant: Arc::new(Grant::new(selector, right)),
            given_by: "root".to_owned(),
            given: NOW,
        }
    }

    #[test]
    fn rows_come_back_as_they_were() {
        for held in [waiting(), approved()] {
            assert_eq!(addon(&addon_row(&key(), &held)).unwrap(), (key(), held));
        }
        for right in [Right::Deny, Right::Allow(Level::Admin)] {
            let held = held_grant("repo:acme/api#7", right);
            assert_eq!(grant(&grant_row(&held)).unwrap(), held);
        }
    }

    #[test]
    fn a_snapshot_has_the_baseline_and_what_was_granted() {
        let mut held = Held {
            grants: vec![held_grant("repo:acme/*", Right::Allow(Level::Write))],
            ..Held::default()
        };
        held.addons.insert(key(), approved());
        let snapshot = held.snapshot(NOW);
        let addon = &snapshot.addons[&key()];
        let said: Vec<String> = addon.grants.iter().map(|grant| grant.sentence()).collect();
        assert_eq!(said, ["read on workspace", "write on repo:acme/*"]);
        assert_eq!(addon.approved, ScopeSet::of(&[Scope::EventsRead]));
        assert_eq!(held.waiting(), 0);
        held.addons.insert(key(), waiting());
        assert_eq!(held.waiting(), 1);
        let waiting = &held.snapshot(NOW).addons[&key()];
        assert!(waiting.approved.is_empty() && waiting.asked.has(Scope::RepoWrite));
    }

    #[test]
    fn rows_that_make_no_sense_are_named() {
        let said = |change: fn(&mut StoredAddon)| {
            let mut row = addon_row(&key(), &approved());
            change(&mut row);
            addon(&row).unwrap_err().to_string()
        };
        assert_eq!(
            said(|row| row.state = "asleep".to_owned()),
            "add-on `build` holds the state `asleep`"
        );
        assert_eq!(
            said(|row| row.approval = None),
            "add-on `build` holds no approval although it is active"
        );
        let mut row = grant_row(&held_grant("workspace", Right::Deny));
        row.selector = "repo:acme".to_owned();
        assert!(
            grant(&row)
                .unwrap_err()
                .to_string()
                .starts_with("grant `g` holds `repo:acme`")
        );
    }
}
