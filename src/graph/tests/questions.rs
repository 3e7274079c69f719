//! What may be asked (threat G4).

use serde_json::{Map, json};

use crate::graph::question::{Operation, QuestionError};
use crate::graph::{Question, Schema};

fn read(text: &str) -> Result<Question, QuestionError> {
    Question::read(&Schema::builtin(), text, None, &Map::new())
}

fn refusal(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

#[test]
fn an_operation_is_known_by_its_name() {
    let subscription = read("subscription OnPush { Push { id } }").unwrap();
    assert_eq!(subscription.operation, Operation::Subscription);
    assert_eq!(subscription.name.as_deref(), Some("OnPush"));
    let both = "query A { Push { id } } query B { Repo { id } }";
    let chosen = Question::read(&Schema::builtin(), both, Some("B"), &Map::new()).unwrap();
    assert_eq!(chosen.roots[0].name, "Repo");
    assert_eq!(
        refusal(both),
        "there is no operation named, and there are several"
    );
    let unknown = Question::read(&Schema::builtin(), both, Some("C"), &Map::new());
    assert_eq!(unknown.unwrap_err(), QuestionError::Operation("`C`".to_owned()));
}

#[test]
fn what_is_not_there_is_said_by_name() {
    assert_eq!(refusal("{ Pish { id } }"), "`Query` has no field `Pish`");
    assert_eq!(refusal("{ Push { idd } }"), "`Push` has no field `idd`");
    assert_eq!(
        refusal("{ Push { repo } }"),
        "`repo` of `Push` is an object: say which of its fields"
    );
    assert_eq!(
        refusal("{ Push { id { x } } }"),
        "`id` of `Push` has no fields of its own"
    );
    assert_eq!(refusal("{ Push { ...Nope } }"), "fragment `Nope` is not there");
    assert_eq!(
        refusal("{ Email { address } }"),
        "`Query` has no field `Email`",
        "part of others only"
    );
    assert!(refusal("{ Push { id ").starts_with("the question cannot be read"));
}

#[test]
fn a_variable_that_is_left_out_is_null_and_a_default_stands_in() {
    let text = "query Q($a: String, $b: [String!] = [\"x\"]) { Push(id: $a, branch: $b) { id } }";
    let question = read(text).unwrap();
    assert_eq!(question.roots[0].argument("id"), None);
    assert_eq!(question.roots[0].argument("branch"), Some(&json!(["x"])));
}

#[test]
fn g4_depth_width_cycles_and_cost_are_limited_before_anything_is_read() {
    let mut deep = String::new();
    for _ in 0..15 {
        deep.push_str("after { pushes { ");
    }
    let deep = format!("{{ Push {{ {deep} id {} }} }}", "}}".repeat(15));
    assert!(refusal(&deep).contains("nested deeper"), "{}", refusal(&deep));

    let roots = "Push { id } ".repeat(21);
    let aliased: String = (0..10_000)
        .map(|number| format!("a{number}: Push {{ id }} "))
        .collect();
    assert!(refusal(&format!("{{ {roots} }}")).contains("root fields"));
    assert!(refusal(&format!("{{ {aliased} }}")).contains("too large"));

    let cycle = "{ Push { ...A } } fragment A on Push { after { pushes { ...A } } }";
    assert!(refusal(cycle).contains("nested deeper"));

    let mut doubling = "query { Push { ...F0 } } ".to_owned();
    for level in 0..12 {
        let next = level + 1;
        doubling.push_str(&format!("fragment F{level} on Push {{ ...F{next} ...F{next} }} "));
    }
    doubling.push_str("fragment F12 on Push { id }");
    assert!(refusal(&doubling).contains("too large"));

    let costly =
        "{ Push { commits { pushes { commits { pushes { commits { pushes { commits { id } } } } } } } } }";
    assert!(refusal(costly).contains("may cost"), "{}", refusal(costly));
}

#[test]
fn g4_brackets_without_end_do_not_reach_the_recursive_reader() {
    for bracket in ["{", "[", "("] {
        let text = format!("{{ Push(id: {} }}", bracket.repeat(100_000));
        assert!(refusal(&text).contains("nested deeper"));
    }
    assert!(refusal(&"x".repeat(300 * 1024)).contains("KiB"));
}

#[test]
fn a_pattern_is_checked_when_it_is_asked() {
    assert!(refusal("{ Push { branch @matches(re: \"(\") } }").starts_with("`@matches`"));
    assert!(
        read("{ Push { branch @matches(re: \"(a+)+$\") } }").is_ok(),
        "linear time, so nothing to fear"
    );
}

/// The root fields of a mutation are read without a schema: what they take and give is up to whoever carries them out.
#[test]
fn a_mutation_keeps_its_arguments_as_they_are() {
    let text = "mutation UpdateSdmGoal($goal: CustomSdmGoalInput!) { ingestCustomSdmGoal(value: $goal) }";
    let goal = json!({"goal": {"uniqueName": "build", "__typename": "x", "ts": 1_795_296_820_218_u64}});
    let question = Question::read(&Schema::builtin(), text, None, goal.as_object().unwrap()).unwrap();
    assert_eq!(question.operation, Operation::Mutation);
    assert_eq!(question.roots[0].argument("value"), Some(&goal["goal"]));
}
