//! Rows D01 to D64 of the security model, section 18, as they stand there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::access::request::{BadCredential, Proof};
use crate::access::snapshot::{AddonKind, AddonState, Permission, Role};
use crate::access::*;
use crate::model::Timestamp;

/// The table, bytes of the specification.
const ROWS: &str = include_str!("../testdata/acceptance_rows.txt");

const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

struct Row {
    id: &'static str,
    principal: &'static str,
    scopes: &'static str,
    rights: &'static str,
    context: &'static str,
    what: &'static str,
    status: u16,
    code: &'static str,
}

fn rows() -> Vec<Row> {
    let row = |line: &'static str| {
        let cells: Vec<&'static str> = line.trim_matches('|').split('|').map(str::trim).collect();
        Row {
            id: cells[0],
            principal: cells[1],
            scopes: cells[2],
            rights: cells[3],
            context: cells[4],
            what: cells[5],
            status: cells[6].parse().unwrap(),
            code: cells[7].trim_matches('`'),
        }
    };
    ROWS.lines().map(row).collect()
}

fn scopes(text: &str) -> ScopeSet {
    match text {
        "-" | "(none)" => ScopeSet::EMPTY,
        scopes => ScopeSet::parse(scopes.split(' ')).unwrap(),
    }
}

fn grants(text: &str) -> Vec<Arc<Grant>> {
    let grant = |part: &str| {
        let (selector, right) = part.trim().split_once('=').unwrap();
        let right = Level::parse(right).map_or(Right::Deny, Right::Allow);
        Arc::new(Grant::new(Selector::parse(selector).unwrap(), right))
    };
    match text {
        "-" | "(none)" => Vec::new(),
        grants => grants.split(',').map(grant).collect(),
    }
}

/// A person with these rights: `workspace` is a role, what is said of repositories is the forge's.
fn person(rights: &str) -> Person {
    let mut person = Person::new(Role::Member);
    for grant in grants(rights) {
        let Right::Allow(level) = grant.right else {
            unreachable!()
        };
        if grant.selector != Selector::One(Resource::Workspace) {
            let selector = grant.selector.clone();
            person.permissions.push(Permission {
                selector,
                level,
                read_at: NOW,
            });
        } else if level == Level::Admin {
            person.role = Role::Admin;
        }
    }
    person
}

fn context(text: &str, snapshot: &mut Snapshot) -> Context {
    match text {
        "-" => return Context::None,
        "unproven" => return Context::Unproven,
        "sub-only" => return Context::Named("admin".to_owned()),
        _ => {}
    }
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let is_right = |part: &&&str| part.contains('=');
    let rights: Vec<&str> = parts.iter().filter(is_right).copied().collect();
    let mut somebody = person(&rights.join(","));
    somebody.is_suspended = parts.contains(&"suspended");
    if parts.contains(&"GitHub authorised") {
        somebody.authorizations = BTreeMap::from([("github".to_owned(), BTreeSet::new())]);
    }
    let id = PersonId::parse("context").unwrap();
    snapshot.people.insert(id.clone(), somebody);
    Context::Proven {
        person: id,
        proof: Proof::Handle(vec![Selector::Everything]),
    }
}

/// Puts the principal into the snapshot; what comes back is how it identifies itself.
fn credential(row: &Row, snapshot: &mut Snapshot) -> Credential {
    let (kind, more) = row.principal.split_once(", ").unwrap_or((row.principal, ""));
    match more {
        "credential bad" => return Credential::Bad(BadCredential::Invalid),
        "credential expired" => return Credential::Bad(BadCredential::Expired),
        "credential both" => return Credential::Several,
        "credential revoked" => return Credential::Bad(BadCredential::Revoked),
        _ => {}
    }
    let limit = more.strip_prefix("key limited to ").map(scopes);
    let principal = Principal::parse(&format!("{kind}:it")).unwrap_or(Principal::Anonymous);
    match &principal {
        Principal::Anonymous => return Credential::Absent,
        Principal::Addon(key) => {
            let state = match more {
                "pending" => AddonState::Pending,
                "disabled" => AddonState::Disabled,
                _ => AddonState::Active,
            };
            let mut addon = Addon::new(AddonKind::Machine, state);
            addon.approved = scopes(row.scopes);
            addon.grants = grants(row.rights);
            snapshot.addons.insert(key.clone(), addon);
        }
        Principal::Person(id) => {
            let mut person = person(row.rights);
            person.is_suspended = more == "disabled";
            snapshot.people.insert(id.clone(), person);
        }
    }
    let is_person = kind == "person" && limit.is_none();
    let means = if is_person {
        Means::Session { signed_in: NOW }
    } else {
        Means::Key
    };
    let limit = Limit {
        scopes: limit,
        ..Limit::default()
    };
    Credential::Good(Identity {
        principal,
        means,
        limit,
    })
}

fn decided(row: &Row) -> Decision {
    let mut snapshot = Snapshot::empty(NOW);
    let credential = credential(row, &mut snapshot);
    let context = context(row.context, &mut snapshot);
    let (what, exists) = match row.what.strip_suffix(" (does not exist)") {
        Some(what) => (what, false),
        None => (row.what, true),
    };
    let (operation, resource) = what.split_once(' ').unwrap();
    let resources = [Resource::parse(resource).unwrap()];
    let request = Request {
        credential,
        operation,
        resources: &resources,
        context,
        forge: None,
        exists,
        is_too_often: false,
        now: NOW,
    };
    decide(&request, &snapshot)
}

#[test]
fn d01_to_d64_are_decided_as_they_are_written() {
    let rows = rows();
    assert_eq!((rows.len(), rows[0].id, rows[63].id), (64, "D01", "D64"));
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let reason = decided(row).reason;
            let is_right = reason.status() == row.status && reason.code() == row.code;
            (!is_right).then(|| {
                format!(
                    "{}: {} {}, not {} {}",
                    row.id,
                    reason.status(),
                    reason.code(),
                    row.status,
                    row.code
                )
            })
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
