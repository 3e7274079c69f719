//! What holds for every snapshot (security model 13): more rights never take one away, more limits never give one, order
//! does not matter, and what is allowed is allowed by each of the factors.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::access::request::Proof;
use crate::access::scope::SCOPES;
use crate::access::snapshot::{AddonKind, AddonState, Permission, Role};
use crate::access::*;
use crate::model::Timestamp;

const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

const RESOURCES: &[&str] = &[
    "workspace",
    "repo:acme/api",
    "repo:acme#7/api#42",
    "repo:acme/payroll",
    "repo:acme-labs/api",
    "env:production",
    "channel:ops",
    "feed:builds",
];

const SELECTORS: &[&str] = &[
    "*",
    "workspace",
    "repo:acme/*",
    "repo:acme#7/*",
    "repo:acme/api",
    "repo:old/name#42",
    "repo:ACME/payroll",
    "repo:acme-labs/api",
    "env:production",
    "channel:ops",
    "feed:builds",
];

#[derive(Debug, Clone)]
struct World {
    is_addon: bool,
    addon: Addon,
    person: Person,
    /// With what a person comes.
    means: Means,
    limit: Limit,
    context: Context,
    operation: &'static str,
    resource: Resource,
}

/// So many minutes ago.
fn ago(minutes: u64) -> Timestamp {
    NOW.minus(Duration::from_secs(minutes * 60))
}

fn selectors() -> impl Strategy<Value = Selector> {
    select(SELECTORS).prop_map(|text| Selector::parse(text).unwrap())
}

fn levels() -> impl Strategy<Value = Level> {
    select(Level::ALL.to_vec())
}

fn scope_sets() -> impl Strategy<Value = ScopeSet> {
    let all: Vec<Scope> = SCOPES.iter().map(|row| row.scope).collect();
    subsequence(all, 0..=SCOPES.len()).prop_map(|scopes| scopes.into_iter().collect())
}

fn allowances() -> impl Strategy<Value = Arc<Grant>> {
    (selectors(), levels()).prop_map(|(selector, level)| Arc::new(Grant::new(selector, Right::Allow(level))))
}

fn grants() -> impl Strategy<Value = Vec<Arc<Grant>>> {
    let one = (selectors(), prop::option::weighted(0.85, levels()), any::<bool>());
    let grant = one.prop_map(|(selector, level, has_ended)| {
        let right = level.map_or(Right::Deny, Right::Allow);
        let until = has_ended.then_some(NOW);
        Arc::new(Grant {
            until,
            ..Grant::new(selector, right)
        })
    });
    prop::collection::vec(grant, 0..5)
}

fn people() -> impl Strategy<Value = Person> {
    let permission =
        (selectors(), levels(), any::<bool>()).prop_map(|(selector, level, is_old)| Permission {
            selector,
            level,
            read_at: if is_old { ago(5) } else { NOW },
        });
    let role = select(vec![Role::Member, Role::Admin]);
    let permissions = prop::collection::vec(permission, 0..4);
    let forges = prop::option::of(Just(("github".to_owned(), Default::default())));
    (role, prop::bool::weighted(0.1), permissions, grants(), forges).prop_map(
        |(role, is_suspended, permissions, grants, forges)| Person {
            is_suspended,
            permissions,
            grants,
            authorizations: forges.into_iter().collect::<BTreeMap<_, _>>(),
            ..Person::new(role)
        },
    )
}

fn addons() -> impl Strategy<Value = Addon> {
    let states = vec![
        AddonState::Active,
        AddonState::Active,
        AddonState::Active,
        AddonState::Pending,
        AddonState::Disabled,
    ];
    (
        select(states),
        scope_sets(),
        scope_sets(),
        grants(),
        any::<bool>(),
    )
        .prop_map(|(state, approved, asked, grants, everybody)| {
            let mut addon = Addon::new(AddonKind::Machine, state);
            addon.approved = approved;
            addon.asked = asked;
            addon.grants = grants;
            addon.consents.everybody = everybody;
            addon
        })
}

fn proven() -> impl Strategy<Value = Context> {
    let proof = prop_oneof![
        prop::collection::vec(selectors(), 0..3).prop_map(Proof::Handle),
        Just(Proof::Impersonation),
    ];
    proof.prop_map(|proof| Context::Proven {
        person: id("context"),
        proof,
    })
}

fn limits() -> impl Strategy<Value = Limit> {
    let some = || prop::option::weighted(0.2, prop::collection::vec(selectors(), 0..3));
    (prop::option::of(scope_sets()), some(), some()).prop_map(|(scopes, resources, repositories)| Limit {
        scopes,
        resources,
        repositories,
    })
}

fn worlds() -> impl Strategy<Value = World> {
    let context = prop_oneof![3 => Just(Context::None), 1 => Just(Context::Unproven), 4 => proven()];
    let limit = prop_oneof![2 => Just(Limit::default()), 1 => limits()];
    let operation = select(OPERATIONS.iter().map(|row| row.name).collect::<Vec<_>>());
    let resource = select(RESOURCES).prop_map(|text| Resource::parse(text).unwrap());
    let means = prop_oneof![
        2 => Just(Means::Session { signed_in: NOW }),
        1 => Just(Means::Session { signed_in: ago(15) }),
        2 => Just(Means::Key),
    ];
    let who = (prop::bool::weighted(0.6), addons(), people(), means);
    (who, limit, context, operation, resource).prop_map(
        |((is_addon, addon, person, means), limit, context, operation, resource)| World {
            is_addon,
            addon,
            person,
            means,
            limit,
            context,
            operation,
            resource,
        },
    )
}

fn id(text: &str) -> PersonId {
    PersonId::parse(text).unwrap()
}

impl World {
    fn decide(&self) -> Decision {
        let mut snapshot = Snapshot::empty(NOW);
        let key = AddonKey::parse("it").unwrap();
        snapshot.addons.insert(key.clone(), self.addon.clone());
        // The same person asks, and is the one for whom an add-on asks.
        for name in ["it", "context"] {
            snapshot.people.insert(id(name), self.person.clone());
        }
        let principal = if self.is_addon {
            Principal::Addon(key)
        } else {
            Principal::Person(id("it"))
        };
        let means = if self.is_addon { Means::Token } else { self.means };
        let limit = self.limit.clone();
        let request = Request {
            credential: Credential::Good(Identity {
                principal,
                means,
                limit,
            }),
            operation: self.operation,
            resources: std::slice::from_ref(&self.resource),
            context: self.context.clone(),
            forge: None,
            exists: true,
            is_too_often: false,
            now: NOW,
        };
        decide(&request, &snapshot)
    }

    fn with(&self, change: impl FnOnce(&mut Self)) -> bool {
        let mut other = self.clone();
        change(&mut other);
        other.decide().is_allowed()
    }

    fn row(&self) -> &'static Operation {
        Operation::find(self.operation).unwrap()
    }

    /// Whether each factor alone allows it, worked out without the evaluation.
    fn every_factor_allows(&self) -> bool {
        let who = self.row().who;
        let is_there = match self.is_addon {
            true => {
                let waits = self.addon.state == AddonState::Pending && who == operation::Who::Own;
                self.addon.state == AddonState::Active || waits
            }
            false => !self.person.is_suspended,
        };
        if matches!(who, operation::Who::Open | operation::Who::Own) {
            return is_there && (self.is_addon || who == operation::Who::Open);
        }
        is_there
            && self.is_who_may()
            && self.row().kinds.contains(&self.resource.kind())
            && self.is_within_its_limit()
            && self.is_authorised()
            && match self.is_addon {
                true => self.addon_may() && self.context_may(),
                false => self.person_may(),
            }
    }

    /// Whether the row is for somebody like them, with what they came with.
    fn is_who_may(&self) -> bool {
        let signed_in = match self.means {
            Means::Session { signed_in } => Some(signed_in),
            Means::Key | Means::Token => None,
        };
        match self.row().who {
            operation::Who::Open | operation::Who::Own | operation::Who::Anybody => true,
            operation::Who::Addon => self.is_addon,
            operation::Who::Person => !self.is_addon && (signed_in.is_some() || self.key_may()),
            operation::Who::FreshPerson => {
                !self.is_addon && (signed_in.is_some_and(|at| at > ago(15)) || self.key_may())
            }
        }
    }

    /// Whether it is a key with one of the scopes that do for people what the row is for.
    fn key_may(&self) -> bool {
        let scopes = self.limit.scopes.unwrap_or(ScopeSet::all()).closure();
        let keys = ScopeSet::of(self.row().keys);
        matches!(self.means, Means::Key) && !scopes.both(keys).is_empty()
    }

    fn is_within_its_limit(&self) -> bool {
        let scopes = self.limit.scopes.unwrap_or(ScopeSet::all()).closure();
        let leaves = |limit: &Option<Vec<Selector>>| {
            let mut selectors = limit.iter().flatten();
            limit.is_none() || selectors.any(|selector| selector.allows(&self.resource, None))
        };
        let is_repository = matches!(self.resource, Resource::Repository { .. });
        self.row().required().without(scopes).is_empty()
            && leaves(&self.limit.resources)
            && (!is_repository || leaves(&self.limit.repositories))
    }

    /// Whether the person has authorised the hub where it matters.
    fn is_authorised(&self) -> bool {
        let has_person = !self.is_addon || matches!(self.context, Context::Proven { .. });
        let has_authorised = self.person.authorizations.contains_key("github");
        !self.row().needs_forge || (has_person && has_authorised)
    }

    fn addon_may(&self) -> bool {
        let required = self.row().required();
        let is_approved = required.without(self.addon.approved.closure()).is_empty();
        is_approved && allows(&self.addon.grants, self) && !denies(&self.addon.grants, &self.resource)
    }

    /// The third factor: the person for whom an add-on acts, where it does.
    fn context_may(&self) -> bool {
        let proof = match &self.context {
            Context::None | Context::Named(_) => return !self.row().needs_context,
            Context::Unproven => return false,
            Context::Proven { proof, .. } => proof,
        };
        let limit = self.limit.scopes.unwrap_or(ScopeSet::all()).closure();
        let may_act = limit.both(self.addon.approved.closure()).has(Scope::ActAsUser);
        let is_proven = match proof {
            Proof::Handle(selectors) => selectors
                .iter()
                .any(|selector| selector.allows(&self.resource, None)),
            Proof::Impersonation => self.addon.consents.everybody,
        };
        may_act && is_proven && self.person_may()
    }

    /// Whether the person alone may: by role over what is the hub's, and by what the forge said of repositories a short while ago.
    fn person_may(&self) -> bool {
        let (person, level) = (&self.person, self.row().level);
        let has = match (&self.resource, person.role) {
            (resource @ Resource::Repository { .. }, _) => person.permissions.iter().any(|permission| {
                permission.read_at > ago(5)
                    && permission.level >= level
                    && permission.selector.allows(resource, None)
            }),
            (_, Role::Admin) => true,
            (Resource::Workspace, Role::Member) if level == Level::Read => true,
            (_, Role::Member) => allows(&person.grants, self),
        };
        has && !person.is_suspended && !denies(&person.grants, &self.resource)
    }
}

/// Whether one of these grants is enough for what somebody wants.
fn allows(grants: &[Arc<Grant>], world: &World) -> bool {
    let is_enough = |grant: &Arc<Grant>| {
        grant.right >= Right::Allow(world.row().level) && grant.selector.allows(&world.resource, None)
    };
    grants.iter().any(|grant| grant.is_live(NOW) && is_enough(grant))
}

fn denies(grants: &[Arc<Grant>], resource: &Resource) -> bool {
    let mut live = grants.iter().filter(|grant| grant.is_live(NOW));
    live.any(|grant| grant.right == Right::Deny && grant.selector.denies(resource, None))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_holds_for_every_snapshot(
        world in worlds(),
        allowance in allowances(),
        denial in selectors(),
        scope in scope_sets(),
        limit in limits(),
        context in proven(),
    ) {
        let decision = world.decide();
        let is_allowed = decision.is_allowed();
        if is_allowed {
            prop_assert!(world.every_factor_allows(), "a factor does not allow it");
            prop_assert!(world.with(|world| world.addon.grants.push(allowance.clone())), "an allowance took it away");
            prop_assert!(world.with(|world| world.person.grants.push(allowance)), "a person's allowance took it away");
            prop_assert!(world.with(|world| world.addon.approved = world.addon.approved.with(scope)), "a scope took it away");
        } else {
            prop_assert!(!world.every_factor_allows(), "every factor allows it: {:?}", decision);
            let denial = Arc::new(Grant::new(denial, Right::Deny));
            prop_assert!(!world.with(|world| world.addon.grants.push(denial.clone())), "a denial gave it");
            prop_assert!(!world.with(|world| world.person.grants.push(denial)), "a person's denial gave it");
            if world.limit == Limit::default() {
                prop_assert!(!world.with(|world| world.limit = limit), "a limit gave it");
            }
            if world.context == Context::None && !world.row().needs_context {
                prop_assert!(!world.with(|world| world.context = context), "a context user gave it");
            }
        }
        let mut turned = world.clone();
        turned.addon.grants.reverse();
        turned.person.grants.reverse();
        turned.person.permissions.reverse();
        prop_assert_eq!(turned.decide().reason, decision.reason);
    }
}
