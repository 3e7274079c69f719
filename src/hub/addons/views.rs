//! Add-ons, grants and effects as programs read them.

use serde_json::{Value, json};

use super::super::access::held::{Held, HeldAddon, HeldGrant, HeldTrust};
use crate::access::effective::Line;
use crate::access::policy::{Difference, Outcome};
use crate::access::registration::Explained;
use crate::access::scope::Scope;
use crate::access::snapshot::Right;
use crate::access::{AddonKey, PersonId, Principal, Terms};
use crate::model::Timestamp;

/// An add-on in a list: where it stands, what it may, and what it asks for.
pub fn addon(key: &AddonKey, held: &HeldAddon) -> Value {
    let registration = &held.registration;
    let approval = registration.approval.as_ref().map(|approval| {
        json!({
            "by": approval.by.as_str(), "at": approval.at.rfc3339(), "scopes": approval.scopes.names(),
            "digest": approval.digest, "version": approval.version,
        })
    });
    json!({
        "key": key.as_str(), "kind": held.kind.word(), "state": registration.state.word(),
        "since": registration.since.rfc3339(), "approval": approval,
        "asks_for": registration.asked().names(), "digest": registration.wish.as_ref().map(|wish| &wish.digest),
        "events_held_until": held.held_until.map(Timestamp::rfc3339),
    })
}

/// An add-on as an administrator looks at it before agreeing: every scope in a sentence, what is new first, what it cannot do,
/// and where.
pub fn consent(key: &AddonKey, held: &HeldAddon, all: &Held) -> Value {
    let registration = &held.registration;
    let wish = registration.wish.as_ref();
    let wanted = wish.map_or(registration.approved(), |wish| wish.scopes);
    let explained = Explained::of(registration.approved(), wanted);
    let principal = Principal::Addon(key.clone());
    let acts_for = all.consents.get(key).cloned().unwrap_or_default();
    let people: Vec<&str> = acts_for.people.iter().map(PersonId::as_str).collect();
    let mut view = addon(key, held);
    view["new"] = sentences(&explained.new);
    view["kept"] = sentences(&explained.kept);
    view["given_up"] = sentences(&explained.given_up);
    view["never"] = sentences(&explained.never);
    view["grants"] = all.grants_of(&principal).map(grant).collect();
    view["terms"] = terms(&all.terms_of(key));
    view["acts_for"] = json!({"everybody": acts_for.everybody, "people": people});
    view
}

fn sentences(scopes: &[Scope]) -> Value {
    let one = |scope: &Scope| {
        let row = scope.row();
        json!({
            "scope": row.name, "allows": row.allows, "sensitivity": row.sensitivity.word(), "not_yet": scope.is_not_yet(),
        })
    };
    scopes.iter().map(one).collect()
}

/// Terms, each with what it means.
pub fn terms(terms: &Terms) -> Value {
    let one = |term: &crate::access::Term| json!({"term": term.word(), "means": term.meaning()});
    terms.iter().map(one).collect()
}

/// A trusted issuer.
pub fn trust(held: &HeldTrust) -> Value {
    let issuer = &held.issuer;
    json!({
        "id": held.id, "issuer": issuer.issuer, "audience": issuer.audience, "claims": issuer.claims,
        "addon": issuer.addon.as_str(), "scopes": issuer.limit.scopes.unwrap_or_default().names(),
        "workspaces": held.workspaces, "given_by": held.given_by, "given_at": held.given.rfc3339(),
    })
}

/// A grant.
pub fn grant(held: &HeldGrant) -> Value {
    let (allow, deny) = match held.grant.right {
        Right::Allow(level) => (Some(level.word()), false),
        Right::Deny => (None, true),
    };
    json!({
        "id": held.id, "to": held.principal.to_string(), "on": held.grant.selector.to_string(), "allow": allow, "deny": deny,
        "until": held.grant.until.map(Timestamp::rfc3339), "note": held.grant.note,
        "given_by": held.given_by, "given_at": held.given.rfc3339(),
    })
}

/// Who gains and who loses what.
pub fn differences(differences: &[Difference]) -> Value {
    let one = |difference: &Difference| {
        json!({
            "who": difference.principal.to_string(), "on": difference.resource.plain(), "gains": difference.gains,
            "operations": difference.operations, "rule": difference.rule,
        })
    };
    differences.iter().map(one).collect()
}

/// What somebody may do, operation by operation.
pub fn effective(lines: &[Line]) -> Value {
    let one = |line: &Line| {
        json!({
            "operation": line.operation, "on": line.resource.to_string(), "allowed": line.decision.is_allowed(),
            "reason": line.decision.reason.code(), "rule": line.decision.rule.to_string(),
        })
    };
    lines.iter().map(one).collect()
}

/// Tests of a policy and what came of them.
pub fn outcomes(outcomes: &[Outcome]) -> Value {
    let one = |outcome: &Outcome| json!({"name": outcome.name, "failures": outcome.failures});
    outcomes.iter().map(one).collect()
}
