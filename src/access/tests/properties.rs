//! What holds for every snapshot (security model 13): more rights never take one away, more limits never give one, order
//! does not matter, and what is allowed is allowed by each of the factors.

use std::collections::BTreeMap;
use std::sync::Arc;

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
    limit: Limit,
    context: Context,
    operation: &'static str,
    resource: Resource,
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
            read_at: if is_old {
                NOW.minus(super::super::evaluate::PERMISSION_COUNTS)
            } else {
                NOW
            },
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
    let who = (prop::bool::weighted(0.7), addons(), people());
    (who, limit, context, operation, resource).prop_map(
        |((is_addon, addon, person), limit, context, operation, resource)| World {
            is_addon,
            addon,
            person,
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
        let means = if self.is_addon {
            Means::Token
        } else {
            Means::Session { signed_in: NOW }
        };
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
        if matches!(self.row().who, operation::Who::Open | operation::Who::Own) {
            return true;
        }
        let level = self.row().level;
        let live = |grant: &&Arc<Grant>| grant.is_live(NOW);
        let denied = |grants: &[Arc<Grant>]| {
            let mut live = grants.iter().filter(live);
            live.any(|grant| grant.right == Right::Deny && grant.selector.denies(&self.resource))
        };
        let limit = self.limit.scopes.unwrap_or(ScopeSet::all()).closure();
        let person_may = |person: &Person| !person.is_suspended && !denied(&person.grants);
        let in_limit = self.row().required().without(limit).is_empty();
        if !self.is_addon {
            return in_limit && person_may(&self.person);
        }
        let approved = self
            .row()
            .required()
            .without(self.addon.approved.closure())
            .is_empty();
        let allowed = self.addon.grants.iter().filter(live).any(|grant| {
            matches!(grant.right, Right::Allow(given) if given >= level)
                && grant.selector.allows(&self.resource)
        });
        let context = !matches!(self.context, Context::Proven { .. }) || person_may(&self.person);
        in_limit && approved && allowed && !denied(&self.addon.grants) && context
    }
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
