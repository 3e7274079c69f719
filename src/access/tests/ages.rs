//! How old what is known may be that decides (security model 10.1, 10.7 and 13).

use std::sync::Arc;
use std::time::Duration;

use crate::access::snapshot::{Permission, Role};
use crate::access::*;
use crate::model::Timestamp;

const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

const MOMENT: Duration = Duration::from_micros(1);

/// Ages of what decides over a request.
#[derive(Debug, Clone, Copy, Default)]
struct Ages {
    sign_in: Duration,
    answer_of_the_forge: Duration,
    snapshot: Duration,
}

/// What is decided about an administrator of everything.
fn reason(operation: &str, resource: &str, ages: Ages) -> &'static str {
    let id = PersonId::parse("ada").unwrap();
    let mut person = Person::new(Role::Admin);
    person.permissions.push(Permission {
        selector: Selector::Everything,
        level: Level::Admin,
        read_at: NOW.minus(ages.answer_of_the_forge),
    });
    let mut snapshot = Snapshot::empty(NOW.minus(ages.snapshot));
    snapshot.people.insert(id.clone(), person);
    let identity = Identity {
        principal: Principal::Person(id),
        means: Means::Session {
            signed_in: NOW.minus(ages.sign_in),
        },
        limit: Limit::default(),
    };
    let resource = Resource::parse(resource).unwrap();
    let request = Request {
        credential: Credential::Good(identity),
        operation,
        resources: std::slice::from_ref(&resource),
        context: Context::None,
        forge: None,
        exists: true,
        is_too_often: false,
        now: NOW,
    };
    decide(&request, &Arc::new(snapshot)).reason.code()
}

#[test]
fn what_the_forge_said_counts_for_five_minutes() {
    let after = |age: Duration| {
        let ages = Ages {
            answer_of_the_forge: age,
            ..Ages::default()
        };
        reason("graph.query", "repo:acme/api", ages)
    };
    let five_minutes = Duration::from_secs(300);
    assert_eq!(after(five_minutes - MOMENT), "allowed");
    assert_eq!(after(five_minutes), "insufficient_permission");
}

#[test]
fn what_makes_rights_needs_a_sign_in_of_the_last_quarter_of_an_hour() {
    let after = |operation: &str, age: Duration| {
        let ages = Ages {
            sign_in: age,
            ..Ages::default()
        };
        reason(operation, "workspace", ages)
    };
    let quarter = Duration::from_secs(900);
    assert_eq!(after("addon.approve", quarter - MOMENT), "allowed");
    assert_eq!(after("addon.approve", quarter), "interactive_session_required");
    assert_eq!(after("addon.disable", quarter), "allowed", "it takes rights away");
}

#[test]
fn a_state_of_things_decides_over_changes_for_five_seconds() {
    let after = |operation: &str, age: Duration| {
        let ages = Ages {
            snapshot: age,
            ..Ages::default()
        };
        reason(operation, "workspace", ages)
    };
    let five_seconds = Duration::from_secs(5);
    assert_eq!(after("settings.write", five_seconds), "allowed");
    assert_eq!(
        after("settings.write", five_seconds + MOMENT),
        "authorization_unavailable"
    );
    assert_eq!(after("command.list", five_seconds + MOMENT), "allowed");
}
