//! Tests: tests of rules against rules.

use std::collections::BTreeMap;

use serde_json::json;

use super::Verified;
use crate::model::plan::RuleOutcome;
use crate::model::push::{Signature, Trust};
use crate::model::rule_test::{Expectation, Expected, Mention, PushDescription, RuleTest};
use crate::model::set_tag::SetTag;
use crate::model::{BranchName, RepoSlug, RuleDefinition, StateName, TestExpression};
use crate::rules::fixtures::{compiled, constant, depending, locking, place, rule, test};

fn ordinary() -> PushDescription {
    let main = BranchName::parse("main").unwrap();
    PushDescription {
        repo: RepoSlug::new("acme", "project"),
        branch: main.clone(),
        default_branch: main,
        files: BTreeMap::from([("Cargo.toml".to_owned(), "[package]".to_owned())]),
        changed: Some(vec!["Cargo.toml".to_owned()]),
        messages: vec!["Newest".to_owned(), "Older".to_owned()],
        author: Signature::default(),
        trust: Trust::Member,
        is_first: false,
        forced: false,
        local_mode: true,
        is_public: false,
        has_pull_request: false,
        preferences: serde_json::Map::new(),
    }
}

fn mention(name: &str) -> Mention {
    Mention {
        name: name.into(),
        place: place(21),
        length: 1,
    }
}

fn mentions(names: &[&str]) -> Vec<Mention> {
    names.iter().map(|name| mention(name)).collect()
}

fn verify(rules: &[RuleDefinition], push: PushDescription, expected: Vec<Expected>) -> Verified {
    let expectations = expected.into_iter().map(|expected| Expectation {
        place: place(20),
        expected,
    });
    compiled(rules).verify(&RuleTest {
        name: "a test".into(),
        place: place(19),
        push,
        goal: None,
        expectations: expectations.collect(),
    })
}

/// What is wrong with the plan of an ordinary push, with the rules that explain it.
fn wrong(rules: &[RuleDefinition], expected: Expected) -> Vec<String> {
    let failures = verify(rules, ordinary(), vec![expected]).failures;
    failures
        .into_iter()
        .map(|failure| format!("{} {} {:?}", failure.place.line, failure.message, failure.rules))
        .collect()
}

fn right(rules: &[RuleDefinition], expected: Expected) {
    assert_eq!(wrong(rules, expected), Vec::<String>::new());
}

/// One that matches, one that depends on it and matches, one that does not match.
fn delivery() -> Vec<RuleDefinition> {
    vec![
        rule("build", constant(true), &[&["format", "lint"], &["unit test"]]),
        depending(rule("ship", constant(true), &[&["publish"]]), &["build"]),
        rule("docs", constant(false), &[&["site"]]),
    ]
}

#[test]
fn goals_are_an_exact_set() {
    right(
        &delivery(),
        Expected::Goals(mentions(&["publish", "unit_test", "lint", "format in 0-code"])),
    );
    assert_eq!(
        wrong(
            &delivery(),
            Expected::Goals(mentions(&["format", "lint", "unit test", "site"]))
        ),
        [
            r#"21 `site` is not set ["docs"]"#,
            r#"20 `publish` is set as well ["ship"]"#,
        ]
    );
    right(&delivery()[2..], Expected::Goals(Vec::new()));
}

#[test]
fn goals_are_there_or_not() {
    right(&delivery(), Expected::Included(mention("lint")));
    right(&delivery(), Expected::Absent(mention("site")));
    assert_eq!(
        wrong(&delivery(), Expected::Included(mention("site"))),
        [r#"21 `site` is not set ["docs"]"#]
    );
    assert_eq!(
        wrong(&delivery(), Expected::Absent(mention("lint"))),
        [r#"21 `lint` is set ["build"]"#]
    );
}

#[test]
fn order_is_through_goals_in_between() {
    right(&delivery(), Expected::Order(mentions(&["format", "publish"])));
    right(
        &delivery(),
        Expected::Order(mentions(&["lint", "unit test", "publish"])),
    );
    assert_eq!(
        wrong(&delivery(), Expected::Order(mentions(&["format", "lint"]))),
        [r#"21 `lint` does not wait for `format` ["build"]"#]
    );
    assert_eq!(
        wrong(&delivery(), Expected::Order(mentions(&["publish", "format"]))),
        [r#"21 `format` does not wait for `publish`; it is the other way round ["build"]"#]
    );
    assert_eq!(
        wrong(&delivery(), Expected::Order(mentions(&["format", "site"]))),
        [r#"21 `site` is not set ["docs"]"#]
    );
}

#[test]
fn semantics_3_2_tags_are_an_exact_set_and_those_of_a_goal_set() {
    let tag = |text: &str| SetTag::parse(text).unwrap();
    let tagged = |mut rule: RuleDefinition, tags: &[&str]| {
        rule.tags = tags.iter().copied().map(tag).collect();
        rule
    };
    let rules = [
        tagged(
            rule("build", constant(true), &[&["format"]]),
            &["nightly", "team:a"],
        ),
        tagged(rule("docs", constant(false), &[&["site"]]), &["docs"]),
    ];
    let tags = |all: &[&str]| Expected::Tags(all.iter().copied().map(tag).collect());
    right(&rules, tags(&["team:a", "nightly"]));
    assert_eq!(
        wrong(&rules, tags(&["nightly", "docs"])),
        [
            r#"20 the goal set has no tag `docs` ["docs"]"#,
            r#"20 the goal set has the tag `team:a` as well ["build"]"#,
        ]
    );
    right(&[tagged(rule("facts", constant(true), &[]), &["x"])], tags(&[]));
    assert_eq!(
        wrong(&rules[1..], tags(&["docs"])),
        [r#"20 the goal set has no tag `docs`: no goal is set ["docs"]"#]
    );
}

#[test]
fn locks_sets_and_rules_are_as_expected() {
    let rules = [
        locking(rule("only_docs", constant(true), &[&["site"]])),
        rule("build", constant(true), &[&["format"]]),
    ];
    right(&rules, Expected::Locked(true));
    right(&rules, Expected::GoalSet("only docs".into()));
    right(&rules, Expected::Rule(mention("build"), RuleOutcome::LockedOut));
    assert_eq!(
        wrong(&rules, Expected::Locked(false)),
        [r#"20 rule only_docs allows no further goals ["only_docs"]"#]
    );
    assert_eq!(
        wrong(&delivery(), Expected::Locked(true)),
        [r#"20 no rule that locks has matched []"#]
    );
    assert_eq!(
        wrong(&rules, Expected::GoalSet("build".into())),
        [r#"20 the goal set is called `only docs` []"#]
    );
    assert_eq!(
        wrong(&rules, Expected::Rule(mention("build"), RuleOutcome::Matched)),
        [r#"21 rule build was locked out: rule only_docs allows no further goals ["build"]"#]
    );
    assert_eq!(
        wrong(&delivery()[2..], Expected::GoalSet("docs".into())),
        ["20 no goal is set []"]
    );
}

#[test]
fn states_are_those_of_planning() {
    let mut rules = delivery();
    rules[0].steps[0][0].pre_approval = Some(Default::default());
    right(
        &rules,
        Expected::State(mention("format"), StateName::WaitingForPreApproval),
    );
    right(&rules, Expected::State(mention("lint"), StateName::Requested));
    right(&rules, Expected::State(mention("publish"), StateName::Planned));
    assert_eq!(
        wrong(&rules, Expected::State(mention("format"), StateName::Requested)),
        [r#"21 `format` begins as waiting_for_pre_approval ["build"]"#]
    );
    assert_eq!(
        wrong(&rules, Expected::State(mention("site"), StateName::Requested)),
        [r#"21 `site` is not set ["docs"]"#]
    );
}

#[test]
fn planning_that_fails_fails_the_test_unless_it_is_expected() {
    let rules = [
        rule(
            "broken",
            test("when", json!("push.commits[9].message == ''")),
            &[&["a"]],
        ),
        rule("later", TestExpression::AnyPush, &[&["b"]]),
    ];
    let found = wrong(&rules, Expected::Goals(Vec::new()));
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("19 the push cannot be planned: rule broken: when: "),
        "{}",
        found[0]
    );
    right(&rules, Expected::Error("rule broken".into()));
    right(&rules, Expected::Rule(mention("broken"), RuleOutcome::Error));
    assert!(wrong(&rules, Expected::Error("disk".into()))[0].contains("for another reason: rule broken"));
    assert_eq!(
        wrong(&delivery(), Expected::Error("disk".into())),
        ["20 the push can be planned []"]
    );
    let both = vec![
        Expected::Error("broken".into()),
        Expected::Rule(mention("later"), RuleOutcome::Matched),
    ];
    let failures = verify(&rules, ordinary(), both).failures;
    assert_eq!(
        failures[0].message,
        "rule later was not asked, because planning failed before"
    );
}

#[test]
fn the_push_is_as_described() {
    let asks = |name: &str, arguments| rule("asked", test(name, arguments), &[&["goal"]]);
    let holds = |push: &PushDescription, rule: RuleDefinition| {
        verify(&[rule], push.clone(), vec![Expected::Included(mention("goal"))])
            .failures
            .is_empty()
    };
    let push = PushDescription {
        branch: BranchName::parse("fix").unwrap(),
        is_first: true,
        forced: true,
        local_mode: false,
        changed: None,
        is_public: true,
        has_pull_request: true,
        preferences: serde_json::from_value(json!({"dry": true})).unwrap(),
        ..ordinary()
    };
    for (name, arguments) in [
        ("is_branch", json!("^fix$")),
        ("is_first_push", json!(null)),
        ("is_forced_push", json!(null)),
        ("has_commit", json!("^Older$")),
        ("has_file", json!(["Cargo.toml"])),
        ("changed", json!(["anything"])),
        ("is_repo", json!("^acme/project$")),
        ("is_public_repo", json!(null)),
        ("has_pull_request", json!(null)),
        ("when", json!("preferences.dry && push.title == 'Newest'")),
    ] {
        assert!(holds(&push, asks(name, arguments)), "{name}");
    }
    assert!(!holds(&push, asks("is_default_branch", json!(null))));
    assert!(!holds(&push, asks("is_local_mode", json!(null))));
    assert!(!holds(&ordinary(), asks("changed", json!(["src/**"]))));
}

#[test]
fn rules_in_first_of_are_rules_too() {
    let mut outer = rule("deploy", constant(true), &[]);
    outer.first_of = Some(vec![
        rule("never", constant(false), &[&["a"]]),
        locking(rule("chosen", constant(true), &[&["b"]])),
        rule("too late", constant(true), &[&["c"]]),
    ]);
    let rules = [outer];
    right(&rules, Expected::Goals(mentions(&["b"])));
    right(&rules, Expected::Locked(true));
    right(
        &rules,
        Expected::Rule(mention("too late"), RuleOutcome::NotReached),
    );
    let found = wrong(&rules, Expected::Rule(mention("too late"), RuleOutcome::Matched));
    assert!(
        found[0].starts_with("21 rule too late was not reached: "),
        "{found:?}"
    );
    assert_eq!(
        wrong(&rules, Expected::Included(mention("a"))),
        [r#"21 `a` is not set ["deploy", "never"]"#]
    );
}
