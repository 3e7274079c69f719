//! How many requests are decided in a second.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use crate::access::snapshot::{AddonKind, AddonState, Right};
use crate::access::{
    Addon, AddonKey, Context, Credential, Grant, Identity, Level, Limit, Means, Principal, Request, Resource,
    ScopeSet, Selector, Snapshot, decide,
};
use crate::model::Timestamp;

const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

/// A thousand machines, each with twenty repositories.
fn world() -> Snapshot {
    let mut snapshot = Snapshot::empty(NOW);
    for machine in 0..1_000 {
        let mut addon = Addon::new(AddonKind::Machine, AddonState::Active);
        addon.approved = ScopeSet::all();
        let grant = |number| {
            let selector = Selector::parse(&format!("repo:acme/app-{machine}-{number}")).unwrap();
            Arc::new(Grant::new(selector, Right::Allow(Level::Write)))
        };
        addon.grants = (0..20).map(grant).collect();
        let key = AddonKey::parse(&format!("machine-{machine}")).unwrap();
        snapshot.addons.insert(key, addon);
    }
    snapshot
}

/// `cargo test --release --lib access::tests::speed -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn speed() {
    const TIMES: u32 = 200_000;
    let snapshot = world();
    let identity = Identity {
        principal: Principal::Addon(AddonKey::parse("machine-500").unwrap()),
        means: Means::Key,
        limit: Limit::default(),
    };
    let resources = [Resource::repository("acme", "app-500-19")];
    let begun = Instant::now();
    for _ in 0..TIMES {
        let request = Request {
            credential: Credential::Good(identity.clone()),
            operation: "goal.update",
            resources: &resources,
            context: Context::None,
            forge: None,
            exists: true,
            is_too_often: false,
            now: NOW,
        };
        assert!(black_box(decide(black_box(&request), &snapshot)).is_allowed());
    }
    let rate = f64::from(TIMES) / begun.elapsed().as_secs_f64();
    println!("{rate:.0} evaluations/s");
}
