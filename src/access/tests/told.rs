//! What refused people and programs are told, and what administrators see.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::access::effective::{Question, effective, told_apart};
use crate::access::request::{BadCredential, ForgeNeed, Proof};
use crate::access::snapshot::{AddonKind, AddonState, Role};
use crate::access::*;
use crate::model::Timestamp;

const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

fn build() -> Principal {
    Principal::parse("addon:build").unwrap()
}

fn grant(selector: &str, right: Right) -> Arc<Grant> {
    Arc::new(Grant::new(Selector::parse(selector).unwrap(), right))
}

/// A machine with some rights, an administrator and a member.
fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot::empty(NOW);
    let mut addon = Addon::new(AddonKind::Machine, AddonState::Active);
    addon.approved = ScopeSet::of(&[Scope::GraphRead, Scope::ActAsUser, Scope::SecretsUserToken]);
    addon.asked = ScopeSet::of(&[Scope::GoalsWrite]);
    addon.grants = vec![
        grant("repo:acme/*", Right::Allow(Level::Write)),
        grant("repo:acme/payroll", Right::Deny),
    ];
    snapshot.addons.insert(AddonKey::parse("build").unwrap(), addon);
    let member = Person::new(Role::Member);
    snapshot.people.insert(PersonId::parse("alice").unwrap(), member);
    snapshot
        .people
        .insert(PersonId::parse("root").unwrap(), Person::new(Role::Admin));
    snapshot
}

fn good(principal: Principal, means: Means) -> Credential {
    Credential::Good(Identity {
        principal,
        means,
        limit: Limit::default(),
    })
}

fn request<'a>(credential: Credential, operation: &'a str, resources: &'a [Resource]) -> Request<'a> {
    Request {
        credential,
        operation,
        resources,
        context: Context::None,
        forge: None,
        exists: true,
        is_too_often: false,
        now: NOW,
    }
}

fn told(request: &Request<'_>) -> (Value, Refusal) {
    let snapshot = snapshot();
    let refusal = Refusal::of(&decide(request, &snapshot), request, &snapshot).unwrap();
    (serde_json::to_value(&refusal).unwrap(), refusal)
}

fn resource(text: &str) -> Vec<Resource> {
    vec![Resource::parse(text).unwrap()]
}

#[test]
fn a_missing_scope_is_named_with_who_can_give_it() {
    let api = resource("repo:acme/api");
    let (told, refusal) = told(&request(good(build(), Means::Key), "goal.update", &api));
    let expected = json!({
        "status": 403, "code": "insufficient_scope",
        "message": "sdm 'build' may not create and update goals: scope goals:write is not approved yet; an administrator has been asked.",
        "operation": "goal.update", "resource": "repo:acme/api",
        "required_scopes": ["goals:write"], "missing_scopes": ["goals:write"], "pending": true,
        "who_can_fix": "a workspace admin", "fix_url": "/admin/addons/build",
    });
    assert_eq!(told, expected);
    let challenge = r#"Bearer error="insufficient_scope", scope="goals:write""#;
    assert_eq!(
        (refusal.challenge().as_deref(), refusal.close_code()),
        (Some(challenge), 4403)
    );
}

#[test]
fn what_is_hidden_and_what_is_not_there_are_told_alike() {
    let hidden = resource("repo:other/secret");
    let mut asked = request(good(build(), Means::Key), "graph.query", &hidden);
    let (there, _) = told(&asked);
    asked.exists = false;
    assert_eq!(there, told(&asked).0);
    assert_eq!(
        there["required_permission"],
        json!({"resource": "repo:other/secret", "level": "read"})
    );
    assert_eq!(
        there["message"],
        "sdm 'build' may not query the graph: it needs read on repo:other/secret."
    );
}

#[test]
fn a_denial_does_not_show_the_rule() {
    let payroll = resource("repo:acme/payroll");
    let (told, _) = told(&request(good(build(), Means::Key), "graph.query", &payroll));
    assert_eq!(
        told["message"],
        "sdm 'build' may not query the graph: an administrator has denied repo:acme/payroll."
    );
    assert_eq!(told["code"], "denied_by_admin");
}

#[test]
fn a_credential_that_does_not_hold_learns_nothing_more() {
    let api = resource("repo:acme/api");
    for bad in [BadCredential::Invalid, BadCredential::Revoked] {
        let (told, refusal) = told(&request(Credential::Bad(bad), "goal.update", &api));
        let expected = json!({
            "status": 401, "code": bad.code(), "message": "the credential does not hold.",
            "who_can_fix": "the caller, with a valid credential",
        });
        assert_eq!(told, expected);
        assert!(refusal.challenge().unwrap().ends_with(r#"error="invalid_token""#));
        assert_eq!(refusal.close_code(), 4401);
    }
    let (told, refusal) = told(&request(Credential::Absent, "goal.update", &api));
    assert_eq!(
        told["message"],
        "who wants to create and update goals must say who they are."
    );
    assert_eq!(
        refusal.challenge().as_deref(),
        Some(r#"JWT realm="hub", Bearer realm="hub""#)
    );
}

#[test]
fn the_person_for_whom_it_is_done_is_named() {
    let api = resource("repo:acme/api");
    let person = PersonId::parse("alice").unwrap();
    let mut asked = request(good(build(), Means::Key), "graph.query", &api);
    asked.context = Context::Proven {
        person,
        proof: Proof::Handle(vec![Selector::Everything]),
    };
    let (refused, _) = told(&asked);
    assert_eq!(refused["context_user"], "alice");
    assert_eq!(refused["who_can_fix"], "an admin of the repository on the forge");
    asked.context = Context::Proven {
        person: PersonId::parse("alice").unwrap(),
        proof: Proof::Impersonation,
    };
    assert_eq!(told(&asked).0["code"], "context_not_proven", "nobody agreed");
}

#[test]
fn f4_a_missing_authorisation_names_the_forge_and_what_is_missing() {
    let workspace = [Resource::Workspace];
    let session = Means::Session { signed_in: NOW };
    let mut asked = request(
        good(Principal::parse("person:alice").unwrap(), session),
        "command.invoke",
        &workspace,
    );
    asked.forge = Some(ForgeNeed {
        provider: "github".to_owned(),
        scopes: vec!["repo".to_owned()],
    });
    let (told, _) = told(&asked);
    assert_eq!(
        (&told["provider"], &told["missing"]),
        (&json!("github"), &json!(["repo"]))
    );
    assert_eq!(
        told["who_can_fix"],
        "the person, by authorising this on the forge"
    );
}

#[test]
fn f6_what_makes_rights_needs_a_fresh_sign_in() {
    let workspace = [Resource::Workspace];
    let root = || Principal::parse("person:root").unwrap();
    let code = |means| {
        let asked = request(good(root(), means), "addon.grant", &workspace);
        decide(&asked, &snapshot()).reason.code()
    };
    assert_eq!(code(Means::Session { signed_in: NOW }), "allowed");
    assert_eq!(
        code(Means::Session {
            signed_in: NOW.minus(super::super::evaluate::FRESH)
        }),
        "interactive_session_required"
    );
    assert_eq!(code(Means::Key), "interactive_session_required");
    assert_eq!(code(Means::Token), "interactive_session_required");
}

#[test]
fn d62_a_key_stands_for_its_person_as_far_as_its_scopes_and_the_person_reach() {
    let mut snapshot = snapshot();
    let ada = PersonId::parse("ada").unwrap();
    let mut person = Person::new(Role::Member);
    person.permissions = ["api", "payroll"]
        .map(|name| snapshot::Permission {
            selector: Selector::One(Resource::repository("acme", name)),
            level: Level::Write,
            read_at: NOW,
        })
        .to_vec();
    person.grants = vec![grant("repo:acme/payroll", Right::Deny)];
    snapshot.people.insert(ada.clone(), person);
    let code = |scopes: &[Scope], operation: &str, about: &str| {
        let limit = Limit {
            scopes: Some(ScopeSet::of(scopes)),
            ..Limit::default()
        };
        let credential = Credential::Good(Identity {
            principal: Principal::Person(ada.clone()),
            means: Means::Key,
            limit,
        });
        decide(&request(credential, operation, &resource(about)), &snapshot)
            .reason
            .code()
    };
    let all = [Scope::GoalsWrite, Scope::CommandsRegister, Scope::AdminWrite];
    for (scopes, operation, about, expected) in [
        (&all[..1], "goal.approve", "repo:acme/api", "allowed"),
        (&all[1..], "goal.approve", "repo:acme/api", "insufficient_scope"),
        (&all[..1], "goal.approve", "repo:acme/payroll", "denied_by_admin"),
        (
            &all[..1],
            "goal.approve",
            "repo:acme/web",
            "insufficient_permission",
        ),
        (&all[1..2], "command.invoke", "workspace", "allowed"),
        (&all[1..2], "command.change", "repo:acme/api", "allowed"),
        (&all[..1], "command.invoke", "workspace", "insufficient_scope"),
        (
            &all[..],
            "session.end",
            "workspace",
            "interactive_session_required",
        ),
        (
            &all[..],
            "addon.approve",
            "workspace",
            "interactive_session_required",
        ),
    ] {
        assert_eq!(code(scopes, operation, about), expected, "{operation} {about}");
    }
}

#[test]
fn an_old_state_of_things_decides_over_no_change() {
    let workspace = [Resource::Workspace];
    let session = Means::Session { signed_in: NOW };
    let mut asked = request(
        good(Principal::parse("person:root").unwrap(), session),
        "settings.write",
        &workspace,
    );
    asked.now = NOW.plus(std::time::Duration::from_secs(6));
    assert_eq!(
        decide(&asked, &snapshot()).reason,
        Reason::AuthorizationUnavailable
    );
    asked.operation = "settings.read";
    assert!(
        !decide(&asked, &snapshot()).is_allowed(),
        "reading settings is for administrators, and a change for the audit"
    );
    asked.operation = "command.list";
    assert!(decide(&asked, &snapshot()).is_allowed());
}

#[test]
fn a_request_about_nothing_or_about_the_wrong_sort_is_refused() {
    let build = || good(build(), Means::Key);
    let nothing = decide(&request(build(), "graph.query", &[]), &snapshot());
    assert_eq!(nothing.reason, Reason::AuthorizationUnavailable);
    let workspace = [Resource::Workspace];
    let wrong = decide(&request(build(), "usertoken.get", &workspace), &snapshot());
    assert!(!wrong.is_allowed());
    assert_eq!(
        decide(&request(build(), "goal.explode", &workspace), &snapshot()).reason,
        Reason::OperationClosed
    );
}

#[test]
fn a_goal_in_an_environment_is_about_both() {
    let mut snapshot = snapshot();
    let addon = snapshot
        .addons
        .get_mut(&AddonKey::parse("build").unwrap())
        .unwrap();
    addon.approved = ScopeSet::of(&[Scope::GoalsWrite]);
    let both = [resource("repo:acme/api"), resource("env:production")].concat();
    let decided = |snapshot: &Snapshot| {
        decide(
            &request(good(build(), Means::Key), "goal.update", &both),
            snapshot,
        )
    };
    assert_eq!(decided(&snapshot).reason.code(), "insufficient_permission");
    let addon = snapshot
        .addons
        .get_mut(&AddonKey::parse("build").unwrap())
        .unwrap();
    addon
        .grants
        .push(grant("env:production", Right::Allow(Level::Write)));
    assert!(decided(&snapshot).is_allowed());
}

#[test]
fn lists_are_filtered_rather_than_refused() {
    let snapshot = snapshot();
    let asked = request(good(build(), Means::Key), "graph.query", &[]);
    let admitted = admit(&asked, &snapshot).unwrap();
    let all = [
        "repo:acme/api",
        "repo:acme/payroll",
        "repo:other/x",
        "repo:acme/web",
        "workspace",
    ];
    let seen: Vec<&str> = all
        .into_iter()
        .filter(|text| admitted.reaches(&Resource::parse(text).unwrap()))
        .collect();
    assert_eq!(seen, ["repo:acme/api", "repo:acme/web"]);
}

#[test]
fn what_an_add_on_may_do_is_told_with_the_deciding_rule() {
    let snapshot = snapshot();
    let addon = &snapshot.addons[&AddonKey::parse("build").unwrap()];
    let resources = told_apart(addon.grants.iter().map(|grant| &**grant));
    let names: Vec<String> = resources.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["workspace", "repo:acme/*", "repo:acme/payroll"]);
    let principal = build();
    let question = Question {
        principal: &principal,
        context: Context::None,
        now: NOW,
    };
    let lines = effective(&question, &resources, &snapshot);
    let line = |operation: &str, resource: &str| {
        let line = lines
            .iter()
            .find(|line| line.operation == operation && line.resource.to_string() == resource)
            .unwrap();
        format!("{} by {}", line.decision.reason.code(), line.decision.rule)
    };
    assert_eq!(
        line("graph.query", "repo:acme/*"),
        "allowed by write on repo:acme/*"
    );
    assert_eq!(
        line("graph.query", "repo:acme/payroll"),
        "denied_by_admin by deny on repo:acme/payroll"
    );
    assert_eq!(
        line("goal.update", "repo:acme/*"),
        "insufficient_scope by approved scopes"
    );
    assert_eq!(
        line("addon.approve", "workspace"),
        "person_required by operation table"
    );
    assert_eq!(
        line("command.register", "workspace"),
        "insufficient_scope by approved scopes"
    );
}
