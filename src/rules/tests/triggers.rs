//! Acceptance RU-37…39: rules that wait for goals.

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::fixtures::*;
use super::super::view::ProjectView;
use super::super::*;
use crate::model::definition::FactDefinition;
use crate::model::plan::RuleOutcome;
use crate::model::{GoalKey, GoalSetId, GoalTrigger, RuleDefinition, StateName, TestExpression, UniqueName};

fn goal_named(name: &str) -> GoalTrigger {
    GoalTrigger {
        goal_set: GoalSetId(Uuid::nil()),
        goal: GoalKey::new(UniqueName::parse(name).unwrap(), ""),
        version: 3,
        registration: "shop".into(),
        is_own: true,
        name: name.into(),
        state: StateName::Success,
        data: None,
        outputs: Vec::new(),
        chain: 0,
        depth: 0,
    }
}

fn because_of(goal: GoalTrigger) -> PlanningFacts {
    PlanningFacts {
        trigger: Some(goal),
        ..PlanningFacts::default()
    }
}

fn is_goal(arguments: Value) -> TestExpression {
    test("is_goal", arguments)
}

fn named(name: &str) -> TestExpression {
    is_goal(json!({"name": {"exact": name}, "state": "success"}))
}

/// Goals that are set because of this one, with the trace.
fn triggered(
    rules: &[RuleDefinition],
    goal: GoalTrigger,
    view: &dyn ProjectView,
) -> (Vec<String>, Vec<RuleOutcome>) {
    let plan = compiled(rules)
        .plan(&push_to("main"), &because_of(goal), view)
        .unwrap();
    let outcomes = plan.trace.rules.iter().map(|rule| rule.outcome).collect();
    (words(&plan), outcomes)
}

fn fires(arguments: Value, goal: GoalTrigger) -> bool {
    let rules = [rule("r", is_goal(arguments), &[&["g"]])];
    let set = compiled(&rules);
    let fires = set.is_triggered(&push_to("main"), &because_of(goal.clone()));
    assert_eq!(fires, !triggered(&rules, goal, &Untouchable).0.is_empty());
    fires
}

#[test]
fn ru_37_a_goal_is_known_by_name_state_data_and_output() {
    let publish = || goal_named("publish it");
    let exact = |name: &str| json!({"name": {"exact": name}});
    assert!(fires(json!({}), publish()), "any goal that succeeds");
    for name in ["publish it", "publish_it", "publish-it", "shop/publish-it"] {
        assert!(fires(exact(name), publish()), "{name}");
    }
    for name in ["publish", "other/publish-it", "shop"] {
        assert!(!fires(exact(name), publish()), "{name}");
    }
    let foreign = GoalTrigger {
        is_own: false,
        ..publish()
    };
    assert!(!fires(exact("publish it"), foreign.clone()) && fires(exact("shop/publish it"), foreign));
    assert!(fires(json!({"name": {"regexp": "^shop/pub"}}), publish()));
    assert!(
        !fires(json!({"name": {"regexp": "^pub"}}), publish()),
        "it is searched in machine/name"
    );
    let failed = GoalTrigger {
        state: StateName::Failure,
        ..publish()
    };
    assert!(!fires(json!({}), failed.clone()) && fires(json!({"state": "failure"}), failed));
    let rich = GoalTrigger {
        data: Some("{\"version\":\"1.2\"}".into()),
        outputs: vec!["image".into(), "reports".into()],
        ..publish()
    };
    assert!(fires(
        json!({"data": "version.*1", "output": "^reports$"}),
        rich.clone()
    ));
    assert!(!fires(json!({"data": "2.0"}), rich.clone()) && !fires(json!({"output": "^docs$"}), rich));
    assert!(!fires(json!({"data": ".*"}), publish()), "it has no data");
}

#[test]
fn ru_37_an_instance_is_called_as_its_goal_is() {
    let mut instance = goal_named("publish#sdm:1");
    instance.name = "publish to eu".into();
    assert!(fires(json!({"name": {"exact": "publish"}}), instance));
}

#[test]
fn ru_37_siblings_are_asked_of_the_push_of_the_goal() {
    let both = and(vec![named("publish"), test("has_file", json!(["Dockerfile"]))]);
    let nested = is_goal(json!({
        "name": {"exact": "publish"},
        "test": serde_json::to_value(test("has_file", json!(["Dockerfile"]))).unwrap(),
    }));
    for expression in [both, nested] {
        let rules = [rule("ship", expression, &[&["announce"]])];
        let with = MemoryView::new().file("Dockerfile", "");
        assert_eq!(triggered(&rules, goal_named("publish"), &with).0, ["announce"]);
        let (set, outcomes) = triggered(&rules, goal_named("publish"), &MemoryView::new());
        assert_eq!((set.len(), outcomes), (0, vec![RuleOutcome::NotMatched]));
        assert_eq!(triggered(&rules, goal_named("other"), &Untouchable).0.len(), 0);
    }
}

#[test]
fn ru_39_ordinary_rules_set_nothing_because_of_a_goal() {
    let rules = [
        locking(rule("any", TestExpression::AnyPush, &[&["build"]])),
        rule("content", test("has_file", json!(["a"])), &[&["lint"]]),
        rule("ship", named("publish"), &[&["announce"]]),
    ];
    let (set, outcomes) = triggered(&rules, goal_named("publish"), &Untouchable);
    assert_eq!(set, ["announce"]);
    let expected = [
        RuleOutcome::NotMatched,
        RuleOutcome::NotMatched,
        RuleOutcome::Matched,
    ];
    assert_eq!(outcomes, expected, "a rule that is not asked does not lock");
    let ordinary = compiled(&rules[..2]);
    assert!(
        !ordinary.waits_for_goals() && !ordinary.is_triggered(&push_to("main"), &because_of(goal_named("a")))
    );
}

#[test]
fn hazard_6_no_combination_fires_for_a_goal_that_no_goal_test_holds_for() {
    let tests = [
        not(named("publish")),
        or(vec![named("publish"), constant(true)]),
        or(vec![constant(true), not(named("publish"))]),
        and(vec![constant(true), not(named("other"))]),
    ];
    for (index, expression) in tests.into_iter().enumerate() {
        let rules = [rule("r", expression, &[&["g"]])];
        assert_eq!(
            triggered(&rules, goal_named("build"), &Untouchable).0.len(),
            0,
            "{index}"
        );
    }
    let rules = [rule("r", or(vec![named("publish"), constant(true)]), &[&["g"]])];
    assert_eq!(triggered(&rules, goal_named("publish"), &Untouchable).0, ["g"]);
}

#[test]
fn a_push_fires_no_rule_that_waits_for_a_goal() {
    let rules = [
        rule("ship", named("publish"), &[&["announce"]]),
        rule("other", or(vec![named("publish"), constant(true)]), &[&["build"]]),
    ];
    let plan = plan(&rules, &push_to("main"), &Untouchable).unwrap();
    assert_eq!(words(&plan), ["build"]);
    assert_eq!(
        plan.trace.rules[0].because,
        "it waits for a goal, and this is the push itself"
    );
}

#[test]
fn rules_in_first_of_wait_for_goals_with_and_without_the_rule_around_them() {
    let inner = |test| {
        vec![
            rule("first", test, &[&["announce"]]),
            rule("rest", TestExpression::AnyPush, &[&["tell"]]),
        ]
    };
    let outside = [first_of("outer", named("publish"), inner(constant(false)))];
    assert_eq!(
        triggered(&outside, goal_named("publish"), &Untouchable).0,
        ["tell"]
    );
    assert_eq!(triggered(&outside, goal_named("build"), &Untouchable).0.len(), 0);
    let inside = [first_of(
        "outer",
        TestExpression::AnyPush,
        inner(named("publish")),
    )];
    assert_eq!(
        triggered(&inside, goal_named("publish"), &Untouchable).0,
        ["announce"]
    );
    assert_eq!(
        triggered(&inside, goal_named("build"), &Untouchable).0.len(),
        0,
        "`rest` waits for nothing"
    );
}

#[test]
fn facts_of_rules_without_goals_are_there_for_rules_that_wait() {
    let mut facts = rule("facts", TestExpression::AnyPush, &[]);
    facts.facts = vec![FactDefinition {
        name: "team".into(),
        expression: "'blue'".into(),
        place: place(4),
    }];
    let asking = and(vec![
        named("publish"),
        test("when", json!("facts.team == 'blue'")),
    ]);
    let rules = [facts, rule("ship", asking, &[&["announce"]])];
    assert_eq!(
        triggered(&rules, goal_named("publish"), &Untouchable).0,
        ["announce"]
    );
}

#[test]
fn what_cannot_be_waited_for_is_refused() {
    for (arguments, part) in [
        (
            json!({"state": "skipped"}),
            "rules cannot wait for a goal to be `skipped`",
        ),
        (json!({"name": {}}), "`name` names no goal"),
        (json!({"name": {"exact": "a", "regexp": "b"}}), "not both"),
        (json!({"data": "("}), "not valid"),
        (json!({"test": {"no": 1}}), "`test` is none"),
    ] {
        let problems = compile(&[rule("r", is_goal(arguments), &[&["g"]])]).unwrap_err();
        assert!(problems[0].message.contains(part), "{problems:?}");
    }
}
