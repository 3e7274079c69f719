//! Policies as administrators write them, with their mistakes.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::access::snapshot::{AddonKind, AddonState, Permission};
use crate::access::{Addon, Person, Right, Scope, Snapshot};
use crate::model::{Severity, Timestamp};

const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

const POLICY: &str = r#"
addons:
  build:
    scopes: [goals:write, graph:read]
    grants:
      - {allow: write, on: ["repo:acme/*", "env:testing"]}
      - {deny: "repo:acme/payroll", note: salaries}
  notify:
    scopes: messages:write
    grants: [{allow: write, on: "channel:ops", until: 2027-01-31}]
    acts_for: [alice]
    terms: [single_use, audience]
people:
  alice: {role: admin}
  bob:
    grants: [{allow: write, on: "env:production"}]
trust:
  - issuer: https://gitlab.example.org
    audience: https://hub.example.org
    claims: {project_id: 42, ref: refs/heads/release/*, ref_protected: true}
    addon: build
    scopes: goals:write
    workspaces: main
tests:
  - name: the builder stays out of production and payroll
    who: addon:build
    on: ["env:production", "repo:acme/payroll"]
    cannot: "*"
  - name: the builder builds for those who may write
    who: addon:build
    on: repo:acme/api
    can: [goal.update, goal.list]
    cannot: goal.delete
  - name: bob deploys what he may write
    who: person:bob
    on: [repo:acme/api, env:production]
    can: goal.approve
    forge: {"repo:acme/*": write}
"#;

fn name() -> Arc<str> {
    Arc::from("policy.yaml")
}

fn read(text: &str) -> Policy {
    let parsed = parse(&name(), text.as_bytes());
    let is_problem = |problem: &&crate::model::Diagnostic| problem.code.as_str() != "not_available_yet";
    let problems: Vec<_> = parsed.diagnostics.iter().filter(is_problem).collect();
    assert!(problems.is_empty(), "{problems:?}");
    parsed.policy.unwrap()
}

/// The problems of a text: place, message and hint.
fn said(text: &str) -> Vec<String> {
    let found = parse(&name(), text.as_bytes()).diagnostics;
    let line = |problem: &crate::model::Diagnostic| {
        let place = &problem.place;
        format!(
            "{}:{} {} | {}",
            place.line,
            place.column,
            problem.message,
            problem.hint.as_deref().unwrap_or("-")
        )
    };
    found.iter().map(line).collect()
}

fn registered() -> Snapshot {
    read(POLICY).alone(NOW)
}

#[test]
fn a_policy_is_read_and_its_tests_pass() {
    let policy = read(POLICY);
    let build = &policy.addons[&AddonKey::parse("build").unwrap()];
    let sentences: Vec<String> = build.grants.iter().map(crate::access::Grant::sentence).collect();
    assert_eq!(
        sentences,
        [
            "write on repo:acme/*",
            "write on env:testing",
            "deny on repo:acme/payroll"
        ]
    );
    assert_eq!(build.grants[2].note.as_deref(), Some("salaries"));
    let notify = &policy.addons[&AddonKey::parse("notify").unwrap()];
    assert_eq!(
        notify.grants[0].until.unwrap().rfc3339(),
        "2027-01-31T00:00:00.000000Z"
    );
    assert!(notify.acts_for.covers(&PersonId::parse("alice").unwrap()));
    let terms: Vec<&str> = notify.terms.iter().map(|term| term.word()).collect();
    assert_eq!(terms, ["audience", "single_use"]);
    let trust = &policy.trusts[0];
    assert_eq!(trust.issuer.claims["ref_protected"], "true");
    assert_eq!(
        trust.issuer.limit.scopes,
        Some(crate::access::ScopeSet::of(&[Scope::GoalsWrite]))
    );
    assert_eq!(trust.workspaces, ["main"]);
    let outcomes = run_tests(&policy.tests, &policy.alone(NOW), NOW);
    assert!(
        outcomes.iter().all(|outcome| outcome.failures.is_empty()),
        "{outcomes:?}"
    );
}

#[test]
fn mistakes_are_named_with_place_and_hint() {
    let text = "\
addon: {}
addons:
  'a b': {}
  build:
    scopes: [goals:wirte]
    grants:
      - {allow: wriet, on: repo:acme/api}
      - {allow: read}
      - {allow: read, on: repos:acme}
      - {allow: read, deny: 'repo:acme/x'}
      - {deny: 'repo:acme/x', until: tomorrow}
  build2: 7
people:
  alice: {role: owner, grants: [{allow: admin, on: repo:acme/api}]}
tests:
  - {name: x, who: somebody, on: workspace, can: goal.updat}
  - {name: y, who: addon:build, on: workspace, can: repo.status}
  - {who: addon:build, on: workspace}
";
    assert_eq!(
        said(text),
        [
            "1:1 a policy has no key `addon` | did you mean `addons`?",
            "3:3 `a b` is not the key of an add-on: it must have 1 to 80 letters, digits, `.`, `_` and `-` | -",
            "5:14 there is no scope `goals:wirte` | did you mean `goals:write`?",
            "7:17 `wriet` is none of the words that can stand here | did you mean `write`?",
            "8:9 a grant has no `on` | say where it is allowed",
            "9:27 `repos:acme` is not `workspace`, `repo:<owner>/<name>`, `repo:<owner>/*`, `repo:<forge>/<owner>/<name>`, `channel:<id>`, `feed:<name>`, `env:<name>` or `*` | -",
            "10:9 a grant says either `allow` with `on`, or `deny` | write `{allow: write, on: \"repo:owner/name\"}` or `{deny: \"repo:owner/name\"}`",
            "11:38 `tomorrow` is no time: write `2027-01-31`, or `2027-01-31T18:00:00Z` | -",
            "12:11 an add-on is a map, not a number | -",
            "14:17 `owner` is none of the words that can stand here | it is one of `member`, `admin`",
            "16:20 `somebody` is not `addon:<key>`, `person:<id>` or `anonymous`: it must have 1 to 80 letters, digits, `.`, `_` and `-` | -",
            "16:50 `goal.updat` is none of the words that can stand here | did you mean `goal.update`?",
            "17:53 `repo.status` is never about that | ask about another resource with `on`",
            "18:5 a test has no `name` | add `name`: what it shows, as a sentence",
            "18:5 this test asks nothing | say with `can` or `cannot` what it is about",
        ]
    );
    assert_eq!(parse(&name(), text.as_bytes()).policy, None);
}

#[test]
fn trust_that_would_let_in_strangers_is_a_problem_at_its_place() {
    let text = "\
trust:
  - {issuer: 'https://a.example', audience: h, claims: {ref: x}, addon: b, scopes: [goals:read], workspaces: [m]}
  - {issuer: 'https://a.example', claims: {project_id: 7, ref: x}, addon: b, scopes: [goals:raed], workspaces: [m]}
addons:
  b: {terms: [single-use]}
";
    assert_eq!(
        said(text),
        [
            "2:5 name at least one claim that holds an id of yours, such as project_id or repository_id: names can become somebody else's | -",
            "3:5 a trusted issuer has no `audience` | add `audience`: the audience that is this hub's and nobody else's",
            "3:87 there is no scope `goals:raed` | did you mean `goals:read`?",
            "5:15 `single-use` is none of the words that can stand here | did you mean `single_use`?",
        ]
    );
    let refused = propose(
        &name(),
        POLICY.replace("addon: build", "addon: x").as_bytes(),
        &registered(),
        &[],
        NOW,
    );
    assert_eq!(refused.unwrap_err()[0].message, "there is no add-on `x`");
}

#[test]
fn a_person_is_told_that_the_forge_decides_over_repositories() {
    let text = "people:\n  bob: {grants: [{allow: write, on: 'repo:acme/api'}]}\n";
    let parsed = parse(&name(), text.as_bytes());
    assert!(parsed.policy.is_some());
    assert_eq!(parsed.diagnostics[0].severity, Severity::Warning);
    assert!(
        said(text)[0].starts_with("2:37 this gives nothing"),
        "{:?}",
        said(text)
    );
}

#[test]
fn scopes_that_give_nothing_yet_are_pointed_at() {
    let text = "addons:\n  build: {scopes: [graph:read, deployments:write]}\n";
    let parsed = parse(&name(), text.as_bytes());
    assert!(parsed.policy.is_some());
    assert_eq!(parsed.diagnostics[0].severity, Severity::Warning);
    assert_eq!(
        said(text),
        ["2:32 deployments:write is not available yet: nothing at this hub asks for it | leave it out"]
    );
}

#[test]
fn a_failing_test_blocks_the_change_and_says_what_decided() {
    let wider = POLICY.replace("on: [\"repo:acme/*\", \"env:testing\"]", "on: \"*\"");
    let refused = propose(&name(), wider.as_bytes(), &registered(), &[], NOW).unwrap_err();
    let first = &refused[0];
    assert_eq!((first.code.as_str(), first.place.line), ("failed_test", 25));
    assert_eq!(
        first.message,
        "the test `the builder stays out of production and payroll` fails: addon:build can graph.query, goal.list, goal.log, goal.update, goal.log.write on env:production: write on *"
    );
    let narrower = POLICY.replace("repo:acme/*\", \"env", "env");
    let refused = propose(&name(), narrower.as_bytes(), &registered(), &[], NOW).unwrap_err();
    assert_eq!(
        refused[0].message,
        "the test `the builder builds for those who may write` fails: addon:build cannot goal.update, goal.list on repo:acme/api: insufficient_permission (nothing allows it)"
    );
}

#[test]
fn the_effect_of_a_change_is_known_before_it_is_made() {
    let changed = POLICY
        .replace("[goals:write, graph:read]", "[goals:write, repo:meta]")
        .replace("channel:ops", "channel:dev")
        .replace("bob:\n    grants: [{allow: write, on: \"env:production\"}]", "bob: {grants: [{deny: \"*\"}]}")
        .replace("  - name: bob deploys", "  - name: removed\n    who: anonymous\n    on: workspace\n    cannot: settings.read\n  - name: bob deploys")
        .replace("can: goal.approve", "cannot: goal.approve");
    let proposal = propose(&name(), changed.as_bytes(), &registered(), &[], NOW).unwrap();
    let lines: Vec<String> = proposal
        .differences
        .iter()
        .map(|one| {
            let verb = if one.gains { "gains" } else { "loses" };
            format!(
                "{} {verb} on {}: {} ({})",
                one.principal,
                one.resource,
                one.operations.join(" "),
                one.rule
            )
        })
        .filter(|line| !line.starts_with("person:bob loses on workspace"))
        .collect();
    assert_eq!(
        lines,
        [
            "addon:build loses on repo:acme/*: graph.query (approved scopes)",
            "addon:build gains on repo:acme/*: repo.list repo.get (write on repo:acme/*)",
            "addon:build loses on env:testing: graph.query (approved scopes)",
            "addon:notify gains on channel:dev: message.post channel.link (write on channel:dev)",
            "addon:notify loses on channel:ops: message.post channel.link (nothing allows it)",
            "person:bob loses on env:production: events.subscribe events.receive graph.query goal.list goal.log goal.update goal.log.write goal.cancel goal.approve goal.deny goal.retry (deny on *)",
        ]
    );
    assert_eq!(proposal.snapshot.version, 1);
    assert_eq!(compare(&registered(), &registered(), &[], NOW), []);
}

#[test]
fn whoever_is_not_mentioned_loses_and_whoever_is_not_there_is_a_problem() {
    let before = registered();
    let proposal = propose(&name(), b"people: {alice: {role: admin}}", &before, &[], NOW).unwrap();
    assert!(proposal.differences.iter().all(|one| !one.gains));
    let losers: Vec<String> = proposal
        .differences
        .iter()
        .map(|one| one.principal.to_string())
        .collect();
    assert!(losers.contains(&"addon:build".to_owned()) && losers.contains(&"addon:notify".to_owned()));
    let refused = propose(
        &name(),
        b"addons: {stranger: {}}\npeople: {eve: {}}",
        &before,
        &[],
        NOW,
    )
    .unwrap_err();
    let messages: Vec<&str> = refused.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        messages,
        ["there is no add-on `stranger`", "there is no person `eve`"]
    );
}

#[test]
fn what_is_in_force_is_written_as_it_is_read() {
    let policy = read(POLICY);
    let again = read(&policy.to_text());
    assert_eq!(again.to_text(), policy.to_text());
    let (snapshot, problems) = policy.over(&registered());
    assert_eq!(problems, []);
    let in_force = Policy {
        trusts: policy.trusts.clone(),
        ..Policy::of(&snapshot)
    };
    assert_eq!(read(&in_force.to_text()).to_text(), in_force.to_text());
    assert_eq!(
        compare(
            &registered(),
            &read(&in_force.to_text()).over(&registered()).0,
            &[],
            NOW
        ),
        []
    );
}

#[test]
fn nobody_gives_what_the_forge_does_not_give_them() {
    let mut snapshot = registered();
    let alice = PersonId::parse("alice").unwrap();
    let api = Resource::repository("acme", "api");
    let permission = |name: &str, level| Permission {
        selector: Selector::One(Resource::repository("acme", name)),
        level,
        read_at: NOW,
    };
    let person = snapshot.people.get_mut(&alice).unwrap();
    person.permissions = vec![permission("api", Level::Write), permission("web", Level::Read)];
    let known = [
        api.clone(),
        Resource::repository("acme", "web"),
        Resource::repository("acme", "hidden"),
    ];
    let given = |text: &str, level| {
        let grant = crate::access::Grant::new(Selector::parse(text).unwrap(), Right::Allow(level));
        let found = beyond([&grant], &alice, &known, &snapshot, NOW);
        found
            .iter()
            .map(|(resource, level)| format!("{} {resource}", level.word()))
            .collect::<Vec<_>>()
    };
    assert_eq!(given("repo:acme/api", Level::Write), Vec::<String>::new());
    assert_eq!(given("repo:acme/api", Level::Admin), ["admin repo:acme/api"]);
    assert_eq!(
        given("repo:acme/*", Level::Write),
        ["write repo:acme/hidden", "write repo:acme/web"]
    );
    assert_eq!(given("env:production", Level::Admin), Vec::<String>::new());
    let later = NOW.plus(std::time::Duration::from_secs(301));
    let grant = crate::access::Grant::new(Selector::One(api), Right::Allow(Level::Read));
    assert_eq!(
        beyond([&grant], &alice, &known, &snapshot, later).len(),
        1,
        "what the forge said is too old"
    );
}

#[test]
fn b7_a_hostile_policy_is_refused_within_limits() {
    let deep = format!("addons: {}", "[".repeat(100_000));
    let aliases = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
    for text in [
        deep.as_bytes(),
        aliases.as_bytes(),
        &[0xff, 0xfe],
        b"addons: {a: {}, a: {}}",
        b"addons: {a: !!python/object x}",
    ] {
        let parsed = parse(&name(), text);
        assert!(
            parsed.policy.is_none() && !parsed.diagnostics.is_empty(),
            "{:.40}",
            String::from_utf8_lossy(text)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_policy_survives_its_text(
        note in "\\PC{0,20}",
        key in "[a-zA-Z0-9._-]{1,12}",
        micros in 0i64..4_000_000_000_000_000,
        scopes in prop::sample::subsequence(crate::access::scope::SCOPES.iter().map(|row| row.scope).collect::<Vec<Scope>>(), 0..5),
        selector in prop::sample::select(vec!["*", "workspace", "repo:a#1/*", "repo:a#1/b#2", "env:é", "channel:C'\"", "feed:x:y"]),
    ) {
        let grant = crate::access::Grant {
            until: Some(Timestamp::from_micros(micros)),
            note: Some(note),
            ..crate::access::Grant::new(Selector::parse(selector).unwrap(), Right::Allow(Level::Read))
        };
        let mut snapshot = Snapshot::empty(NOW);
        let mut addon = Addon::new(AddonKind::Extension, AddonState::Active);
        addon.approved = scopes.into_iter().collect();
        addon.grants = vec![Arc::new(grant)];
        snapshot.addons.insert(AddonKey::parse(&key).unwrap(), addon);
        snapshot.people.insert(PersonId::parse(&key).unwrap(), Person::new(Role::Admin));
        let policy = Policy::of(&snapshot);
        let mut again = read(&policy.to_text());
        again.addons.values_mut().for_each(|addon| addon.place = None);
        again.people.values_mut().for_each(|person| person.place = None);
        prop_assert_eq!(again, policy);
    }
}
