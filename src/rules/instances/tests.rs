//! Acceptance RU-27…31 and RU-12, threat D10, and what must hold of every rewriting (hazard 15).

use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::fixtures::{compiled, goal, place, plan, push_to, rule, test, words};
use super::rewrite::expand;
use super::{Expansion, Group, Instance};
use crate::model::definition::FactDefinition;
use crate::model::instances::{Axis, AxisValues, DynamicPlan, GroupDefinition, NamePart};
use crate::model::{GoalKey, Plan, PlannedGoal, RuleDefinition, StateName, TestExpression};
use crate::rules::{MemoryView, PlanningError, compile};

fn expression(source: &str) -> DynamicPlan {
    DynamicPlan::Expression {
        source: source.into(),
        place: place(1),
    }
}

fn group(matrix: &[(&str, Value)]) -> GroupDefinition {
    let axis = |(name, values): &(&str, Value)| Axis {
        name: (*name).into(),
        place: place(2),
        values: match values {
            Value::Array(values) => AxisValues::List(values.clone()),
            other => AxisValues::Expression(other.as_str().unwrap().into()),
        },
    };
    GroupDefinition {
        name: None,
        depends_on: Vec::new(),
        matrix: matrix.iter().map(axis).collect(),
        exclude: Vec::new(),
        display_name: None,
        in_order: false,
        parameters: serde_json::Map::new(),
    }
}

/// `P`, then `G` with this plan, then `D`.
fn chain(plan: DynamicPlan) -> RuleDefinition {
    let mut rule = rule("r", TestExpression::AnyPush, &[&["P"], &["G"], &["D"]]);
    rule.steps[1][0].plan = Some(plan);
    rule
}

fn view() -> MemoryView {
    MemoryView::new().files([
        "Cargo.toml",
        "crates/a/Cargo.toml",
        "crates/b/Cargo.toml",
        "crates/b/src/lib.rs",
    ])
}

fn planned(rules: &[RuleDefinition]) -> Result<Plan, PlanningError> {
    plan(rules, &push_to("main"), &view())
}

fn unique(plan: &Plan) -> Vec<String> {
    let short = |key: &GoalKey| key.unique_name.to_string();
    let line = |goal: &PlannedGoal| {
        let after: Vec<String> = goal.preconditions.iter().map(short).collect();
        format!("{}<-{}", short(&goal.key()), after.join(","))
    };
    plan.goals.iter().map(line).collect()
}

#[test]
fn ru_27_instances_one_after_the_other() {
    let source = r#"[{"name": "A", "descriptions": {"completed": "A is done"}}, {"name": "B"}]"#;
    let mut rule = chain(expression(source));
    rule.steps[1][0]
        .descriptions
        .0
        .insert(StateName::Failure, "G broke".into());
    let plan = planned(&[rule]).unwrap();
    assert_eq!(
        unique(&plan),
        ["P<-", "G#sdm:0<-P", "G#sdm:1<-P,G#sdm:0", "D<-G#sdm:0,G#sdm:1"]
    );
    let [_, a, b, _] = plan.goals.as_slice() else {
        panic!("four goals")
    };
    assert_eq!(
        (a.definition.name.as_str(), b.definition.name.as_str()),
        ("A", "B")
    );
    let text = |goal: &PlannedGoal, state| goal.definition.descriptions.text(state, &goal.definition.name);
    assert_eq!(text(a, StateName::Success), "A is done");
    assert_eq!(text(a, StateName::Failure), "G broke");
    assert_eq!(text(b, StateName::Success), "Complete: B");
    assert!(plan.goals.iter().all(|goal| goal.definition.plan.is_none()));
}

#[test]
fn ru_28_parallel_instances_inside_a_step() {
    let source = r#"[[{"name": "A"}, {"name": "B"}], {"name": "C"}]"#;
    let plan = planned(&[chain(expression(source))]).unwrap();
    assert_eq!(
        words(&plan),
        [
            "P",
            "A<-P",
            "B<-P",
            "C<-P,G#sdm:0,G#sdm:1",
            "D<-G#sdm:0,G#sdm:1,G#sdm:2"
        ]
    );
}

#[test]
fn ru_29_groups_come_after_each_other() {
    let source = r#"{"unit_tests": {"goals": [[{"name": "A"}, {"name": "B"}]]},
                     "a later": {"goals": [{"name": "C"}, {"name": "D1"}], "depends_on": "unit tests"}}"#;
    let plan = planned(&[chain(expression(source))]).unwrap();
    assert_eq!(
        words(&plan),
        [
            "P",
            "A<-P",
            "B<-P",
            "C<-P,G#sdm:0,G#sdm:1",
            "D1<-P,G#sdm:0,G#sdm:1,G#sdm:2",
            "D<-G#sdm:0,G#sdm:1,G#sdm:2,G#sdm:3"
        ]
    );
    let mut second = group(&[("x", json!([1]))]);
    second.depends_on = vec!["first".into()];
    let mut first = group(&[("x", json!([1, 2]))]);
    first.name = Some("first".into());
    let plan = planned(&[chain(DynamicPlan::Groups(vec![first, second]))]).unwrap();
    assert_eq!(
        words(&plan)[3],
        "G (1) (3)<-P,G#sdm:0,G#sdm:1".replace(" (3)", "")
    );
}

#[test]
fn ru_30_one_instance_replaces_the_goal() {
    let plan = planned(&[chain(expression(r#"{"parameters": {"tag": push.branch}}"#))]).unwrap();
    assert_eq!(unique(&plan), ["P<-", "G#sdm:0<-P", "D<-G#sdm:0"]);
    assert_eq!(plan.goals[1].definition.name, "G");
    assert_eq!(json!(plan.goals[1].definition.parameters), json!({"tag": "main"}));
    assert_eq!(plan.trace.rules[0].instances[0].instances, ["G"]);
}

#[test]
fn ru_31_a_chain_of_dynamic_goals_keeps_its_order() {
    let mut rule = rule("r", TestExpression::AnyPush, &[&["A"], &["B"], &["C"]]);
    for step in &mut rule.steps {
        step[0].plan = Some(expression("[[{}, {}]]"));
    }
    let plan = planned(&[rule]).unwrap();
    assert_eq!(
        unique(&plan)[2..],
        [
            "B#sdm:0<-A#sdm:0,A#sdm:1",
            "B#sdm:1<-A#sdm:0,A#sdm:1",
            "C#sdm:0<-B#sdm:0,B#sdm:1",
            "C#sdm:1<-B#sdm:0,B#sdm:1"
        ]
    );
    assert_eq!(plan.goals[3].definition.name, "B (2)", "people can name one");
}

#[test]
fn null_leaves_the_goal_alone_and_no_instance_keeps_the_order() {
    let plan = planned(&[chain(expression("changed('x') ? [] : null"))]).unwrap();
    assert_eq!(words(&plan), ["P", "D<-P"], "unknown changes match");
    assert!(plan.trace.rules[0].instances[0].instances.is_empty());
    let plan = planned(&[chain(expression("push.forced ? [] : null"))]).unwrap();
    assert_eq!(words(&plan), ["P", "G<-P", "D<-G"]);
}

#[test]
fn a_matrix_combines_values_and_directories() {
    let mut group = group(&[
        ("crate", json!("project.directories('crates/*/Cargo.toml')")),
        ("profile", json!(["dev", "release"])),
    ]);
    group.exclude = vec![
        json!({"crate": "crates/b", "profile": "dev"})
            .as_object()
            .unwrap()
            .clone(),
    ];
    group.parameters.insert("jobs".into(), json!(2));
    let plan = planned(&[chain(DynamicPlan::Groups(vec![group.clone()]))]).unwrap();
    assert_eq!(
        words(&plan)[1..4],
        [
            "G (crates/a, dev)<-P",
            "G (crates/a, release)<-P",
            "G (crates/b, release)<-P"
        ]
    );
    assert_eq!(
        json!(plan.goals[3].definition.parameters),
        json!({"jobs": 2, "crate": "crates/b", "profile": "release"})
    );
    group.in_order = true;
    group.display_name = Some(vec![
        NamePart::Text("test ".into()),
        NamePart::Parameter("crate".into()),
    ]);
    let plan = planned(&[chain(DynamicPlan::Groups(vec![group]))]).unwrap();
    assert_eq!(words(&plan)[2], "test crates/a<-P,G#sdm:0");
    let files = planned(&[chain(expression("project.files('**/*.rs').map(f, {'name': f})"))]).unwrap();
    assert_eq!(words(&files)[1], "crates/b/src/lib.rs<-P");
}

#[test]
fn ru_12_facts_of_an_earlier_rule_decide_a_later_one() {
    let fact = |name: &str, source: &str| FactDefinition {
        name: name.into(),
        expression: source.into(),
        place: place(4),
    };
    let when = |source: &str| test("when", json!(source));
    let mut figures = rule("figures", TestExpression::AnyPush, &[]);
    figures.facts = vec![
        fact("crates", "project.directories('crates/*/Cargo.toml')"),
        fact("count", "size(facts.crates)"),
    ];
    let early = rule("early", TestExpression::AnyPush, &[&["e"]]);
    let many = rule("many", when("facts.count > 1"), &[&["m"]]);
    let mut change = figures.clone();
    change.name = "change".into();
    change.facts = vec![fact("count", "0")];
    let again = rule("again", when("facts.count > 1"), &[&["n"]]);
    let plan = planned(&[early.clone(), figures.clone(), many.clone(), change, again]).unwrap();
    assert_eq!(plan.name.as_deref(), Some("early, many"));
    assert!(plan.goals[0].facts.is_empty(), "earlier rules do not see them");
    let facts = json!({"crates": ["crates/a", "crates/b"], "count": 2});
    assert_eq!(json!(plan.goals[1].facts), facts);
    assert_eq!(json!(plan.trace.rules[1].facts), facts);
    assert_eq!(
        plan.trace.rules[4].because, "the expression is false",
        "a changed fact is asked again"
    );

    let problems = compile(&[many.clone(), figures.clone()]).unwrap_err();
    assert!(
        problems[0].message.contains("unknown fact `count`"),
        "{}",
        problems[0].message
    );
    let mut guarded = figures;
    guarded.test = when("false");
    let careful = rule("careful", when("has(facts.count) && facts.count > 1"), &[&["c"]]);
    assert!(planned(&[guarded.clone(), careful]).unwrap().goals.is_empty());
    let error = planned(&[guarded, many]).unwrap_err();
    assert!(
        error
            .message
            .contains("there is no key `count`; ask `has(…)` first"),
        "{}",
        error.message
    );
}

#[test]
fn d10_facts_and_plans_are_bounded_with_a_clear_text() {
    let said = |plan: DynamicPlan| planned(&[chain(plan)]).unwrap_err().message;
    let many: Vec<Value> = (0..100).map(Value::from).collect();
    let matrix = group(&[("a", json!(many)), ("b", json!(many))]);
    assert_eq!(
        said(DynamicPlan::Groups(vec![matrix])),
        "rule r: goal G: its plan has 10000 instances, and at most 256 are allowed"
    );
    let mut rules = Vec::new();
    for number in 0..30 {
        let name = format!("g{number}");
        let mut rule = rule(&name, TestExpression::AnyPush, &[&[&name]]);
        rule.steps[0][0].plan = Some(DynamicPlan::Groups(vec![group(&[(
            "x",
            json!((0..200).collect::<Vec<_>>()),
        )])]));
        rules.push(rule);
    }
    assert_eq!(
        planned(&rules).unwrap_err().message,
        "the plan has more than 5000 goals"
    );
    let mut wide = rule(
        "wide",
        TestExpression::AnyPush,
        &[&["a"], &["b"], &["c"], &["d"], &["e"]],
    );
    for step in &mut wide.steps {
        let values: Vec<Value> = (0..256).map(Value::from).collect();
        step[0].plan = Some(DynamicPlan::Groups(vec![group(&[("x", json!(values))])]));
    }
    let message = planned(&[wide]).unwrap_err().message;
    assert!(message.contains("more than 200000 preconditions"), "{message}");
    let message = said(expression(r#"[1]"#));
    assert!(
        message.ends_with("an instance must be a map, and this is a number"),
        "{message}"
    );
    let message = said(expression(r#"{"nmae": "x"}"#));
    assert!(message.contains("an instance has no key `nmae`"), "{message}");
    let message = said(expression(
        r#"{"a": {"goals": {}, "depends_on": "b"}, "b": {"goals": {}, "depends_on": "a"}}"#,
    ));
    assert!(
        message.contains("the groups a, b depend on each other"),
        "{message}"
    );
    let error = compile(&[chain(expression("pusch.branch"))]).unwrap_err();
    assert_eq!(error[0].place, place(1));
    assert_eq!(error[0].hint.as_deref(), Some("did you mean `push`?"));
}

#[test]
fn a_set_that_plans_from_content_says_so() {
    assert!(compiled(&[chain(expression("project.files('*').map(f, {})"))]).needs_content());
    assert!(!compiled(&[chain(expression("[{}]"))]).needs_content());
}

/// A plan without circles: every goal comes after some of those before it.
fn any_plan() -> impl Strategy<Value = Vec<PlannedGoal>> {
    prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..4), 1..12).prop_map(
        |edges| {
            let mut goals: Vec<PlannedGoal> = Vec::new();
            for (number, after) in edges.into_iter().enumerate() {
                let before: BTreeSet<usize> = match number {
                    0 => BTreeSet::new(),
                    _ => after.into_iter().map(|index| index.index(number)).collect(),
                };
                let preconditions = before.into_iter().map(|index| goals[index].key()).collect();
                goals.push(PlannedGoal {
                    definition: goal(&format!("g{number}")),
                    preconditions,
                    rules: vec!["r".into()],
                    facts: serde_json::Map::new(),
                    void: None,
                });
            }
            goals
        },
    )
}

fn any_expansion() -> impl Strategy<Value = Expansion> {
    let steps = prop::collection::vec(0_usize..3, 0..4);
    prop::collection::vec(
        (steps, prop::collection::vec(any::<prop::sample::Index>(), 0..2)),
        0..4,
    )
    .prop_map(|groups| {
        let made = groups
            .into_iter()
            .enumerate()
            .map(|(number, (steps, after))| Group {
                depends_on: match number {
                    0 => Vec::new(),
                    _ => after.into_iter().map(|index| index.index(number)).collect(),
                },
                steps: steps
                    .into_iter()
                    .map(|count| vec![Instance::default(); count])
                    .collect(),
            });
        Expansion {
            groups: made.collect(),
        }
    })
}

/// All goals that come before each goal.
fn before(goals: &[PlannedGoal]) -> HashMap<GoalKey, BTreeSet<GoalKey>> {
    let mut all: HashMap<GoalKey, BTreeSet<GoalKey>> = HashMap::new();
    for _ in 0..=goals.len() {
        for goal in goals {
            let mut known: BTreeSet<GoalKey> = goal.preconditions.iter().cloned().collect();
            for key in &goal.preconditions {
                known.extend(all.get(key).cloned().unwrap_or_default());
            }
            all.insert(goal.key(), known);
        }
    }
    all
}

proptest! {
    #[test]
    fn hazard_15_rewriting_keeps_every_order(
        goals in any_plan(),
        expansions in prop::collection::vec(prop::option::of(any_expansion()), 12),
    ) {
        let chosen: HashMap<GoalKey, Expansion> = goals
            .iter()
            .zip(expansions)
            .filter_map(|(goal, expansion)| Some((goal.key(), expansion?)))
            .collect();
        let expanded = expand(&goals, &chosen).unwrap();
        let keys: BTreeSet<GoalKey> = expanded.iter().map(PlannedGoal::key).collect();
        prop_assert_eq!(keys.len(), expanded.len(), "every goal once");
        let count = |goal: &PlannedGoal| chosen.get(&goal.key()).map_or(1, Expansion::count);
        prop_assert_eq!(expanded.len(), goals.iter().map(count).sum::<usize>());
        let stands_for = |goal: &PlannedGoal| -> Vec<GoalKey> {
            let prefix = format!("{}#sdm:", goal.key().unique_name);
            let own = |key: &&GoalKey| **key == goal.key() || key.unique_name.as_str().starts_with(&prefix);
            keys.iter().filter(own).cloned().collect()
        };
        let (old, new) = (before(&goals), before(&expanded));
        for goal in &expanded {
            prop_assert!(goal.preconditions.iter().all(|key| keys.contains(key)), "nothing waits for what is not there");
            prop_assert!(!new[&goal.key()].contains(&goal.key()), "nothing waits for itself");
            let once: BTreeSet<&GoalKey> = goal.preconditions.iter().collect();
            prop_assert_eq!(once.len(), goal.preconditions.len(), "no precondition twice");
        }
        for later in &goals {
            for earlier in goals.iter().filter(|earlier| old[&later.key()].contains(&earlier.key())) {
                for (one, other) in stands_for(later).iter().flat_map(|one| stands_for(earlier).into_iter().map(move |other| (one.clone(), other))) {
                    prop_assert!(new[&one].contains(&other), "{} was after {}", one, other);
                }
            }
        }
        for goal in &goals {
            let Some(expansion) = chosen.get(&goal.key()) else { continue };
            check_groups(goal, expansion, &new)?;
        }
    }
}

/// Every instance comes after all of the step before, and after all of the groups its own depends on.
fn check_groups(
    goal: &PlannedGoal,
    expansion: &Expansion,
    before: &HashMap<GoalKey, BTreeSet<GoalKey>>,
) -> Result<(), TestCaseError> {
    let mut number = 0;
    let mut groups: Vec<Vec<Vec<GoalKey>>> = Vec::new();
    for group in &expansion.groups {
        let mut steps = Vec::new();
        for step in &group.steps {
            let keys = (number..number + step.len()).map(|index| {
                let name =
                    crate::model::UniqueName::parse(&format!("{}#sdm:{index}", goal.key().unique_name));
                GoalKey::new(name.unwrap(), "")
            });
            steps.push(keys.collect::<Vec<_>>());
            number += step.len();
        }
        groups.push(steps);
    }
    for (group, steps) in expansion.groups.iter().zip(&groups) {
        for (index, step) in steps.iter().enumerate() {
            let earlier_steps = steps[..index].iter().flatten();
            let earlier_groups = group
                .depends_on
                .iter()
                .flat_map(|earlier| groups[*earlier].iter().flatten());
            let first: Vec<&GoalKey> = earlier_steps.chain(earlier_groups).collect();
            for key in step {
                prop_assert!(first.iter().all(|earlier| before[key].contains(earlier)));
            }
        }
    }
    Ok(())
}
