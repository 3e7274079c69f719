//! What the graph says of its own types.

use serde_json::{Map, Value, json};

use super::memory::MemoryGraph;
use crate::graph::answer::{AnswerError, Answering, Everything};
use crate::graph::{Question, Schema};

const CUSTOM: &str = "type Deploy @rootType @compositeId(fields: [\"env\"]) { env: String at: Where stage: Stage } \
     type Where { place: String } enum Stage { one two }";

async fn asked(schema: &Schema, text: &str) -> Result<Value, AnswerError> {
    let question = Question::read(schema, text, None, &Map::new()).unwrap();
    let graph = MemoryGraph::default();
    let answer = Answering::new(schema, &graph, &Everything).query(&question).await;
    answer.map(Value::Object)
}

async fn of_custom(text: &str) -> Value {
    let schema = Schema::builtin().with_custom(CUSTOM).unwrap();
    asked(&schema, text).await.unwrap()
}

/// Names in a list of things that have one.
fn names(list: &Value) -> Vec<&str> {
    let all = list.as_array().unwrap().iter();
    all.map(|one| one["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_type_is_described_with_the_arguments_of_its_fields() {
    let text = "{ __type(name: \"Commit\") { __typename kind name fields { name args { name type { kind name ofType { name } } } type { kind name ofType { kind name } } } inputFields { name } } }";
    let answer = of_custom(text).await;
    let commit = &answer["__type"];
    assert_eq!(
        (&commit["__typename"], &commit["kind"], &commit["inputFields"]),
        (&json!("__Type"), &json!("OBJECT"), &Value::Null)
    );
    let field = |name: &str| {
        let fields = commit["fields"].as_array().unwrap().iter();
        fields.clone().find(|field| field["name"] == name).unwrap()
    };
    assert_eq!(
        field("sha"),
        &json!({"name": "sha", "args": [], "type": {"kind": "SCALAR", "name": "String", "ofType": null}})
    );
    assert_eq!(
        field("pushes")["type"],
        json!({"kind": "LIST", "name": null, "ofType": {"kind": "OBJECT", "name": "Push"}})
    );
    let of_pushes = names(&field("pushes")["args"]);
    assert!(of_pushes.contains(&"branch") && of_pushes.contains(&"orderBy") && of_pushes.contains(&"_first"));
    let of_author = names(&field("author")["args"]);
    assert!(
        of_author.contains(&"login") && !of_author.contains(&"_first"),
        "one object has no pages"
    );
}

#[tokio::test]
async fn a_custom_type_has_its_query_its_mutations_and_what_they_take() {
    let text = "{ __schema { queryType { fields { name args { name type { kind } } } } mutationType { fields { name args { name type { kind ofType { name } } } } } } \
         taken: __type(name: \"CustomDeployInput\") { kind inputFields { name type { kind name } } } \
         stage: __type(name: \"Stage\") { kind enumValues { name isDeprecated } } \
         none: __type(name: \"Nothing\") { kind } }";
    let answer = of_custom(text).await;
    let queries = &answer["__schema"]["queryType"]["fields"];
    assert!(names(queries).contains(&"Deploy") && names(queries).contains(&"Push"));
    assert!(!names(queries).contains(&"Where"), "it is part of others");
    let deploy = queries
        .as_array()
        .unwrap()
        .iter()
        .find(|field| field["name"] == "Deploy");
    let env = &deploy.unwrap()["args"][0];
    assert_eq!(
        env,
        &json!({"name": "env", "type": {"kind": "LIST"}}),
        "several values of it"
    );
    let mutations = &answer["__schema"]["mutationType"]["fields"];
    for name in [
        "ingestCustomDeploy",
        "deleteCustomDeploy",
        "deleteCustomDeployById",
        "ingestCustomSdmGoal",
        "setTeamConfiguration",
    ] {
        assert!(names(mutations).contains(&name), "{name}");
    }
    assert!(
        !names(mutations).contains(&"ingestCustomPush") && !names(mutations).contains(&"deleteCustomSdmGoal")
    );
    assert_eq!(
        answer["taken"],
        json!({"kind": "INPUT_OBJECT", "inputFields": [
            {"name": "env", "type": {"kind": "SCALAR", "name": "String"}},
            {"name": "at", "type": {"kind": "INPUT_OBJECT", "name": "CustomWhereInput"}},
            {"name": "stage", "type": {"kind": "ENUM", "name": "Stage"}}
        ]})
    );
    assert_eq!(
        answer["stage"]["enumValues"],
        json!([{"name": "one", "isDeprecated": false}, {"name": "two", "isDeprecated": false}])
    );
    assert_eq!(answer["none"], Value::Null);
}

#[tokio::test]
async fn every_type_that_is_named_is_there() {
    let text = "{ __schema { types { kind name fields { args { type { ...Name } } type { ...Name } } inputFields { type { ...Name } } } directives { name locations args { type { ...Name } } } } } \
         fragment Name on __Type { kind name ofType { kind name ofType { name } } }";
    let answer = of_custom(text).await;
    let types = &answer["__schema"]["types"];
    let known = names(types);
    let mut used = Vec::new();
    collect_names(&answer["__schema"], &mut used);
    for name in used {
        let is_directive = ["required", "ne", "matches", "include", "skip"].contains(&name.as_str());
        assert!(is_directive || known.contains(&name.as_str()), "{name}");
    }
    let is_listed_once = |name: &str| known.iter().filter(|known| **known == name).count() == 1;
    assert!(is_listed_once("Push") && is_listed_once("__Type") && is_listed_once("_PushOrdering"));
}

fn collect_names(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            names.extend(fields.get("name").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect_names(value, names));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_names(item, names)),
        _ => {}
    }
}

#[tokio::test]
async fn what_is_hidden_is_as_if_it_were_not_there() {
    let schema = Schema::builtin().with_custom(CUSTOM).unwrap();
    let cut = schema.without(|kind| kind.name == "Deploy");
    assert!(cut.type_named("Deploy").is_none() && cut.type_named("Where").is_none());
    assert!(cut.enumeration("Stage").is_none() && cut.enumeration("SdmGoalState").is_some());
    assert_eq!(cut, Schema::builtin());
    let found = asked(&cut, "{ __type(name: \"Deploy\") { name } }")
        .await
        .unwrap();
    assert_eq!(found, json!({ "__type": null }));
    let linked = "type Note @rootType { of: Deploy @link text: String }";
    let cut = schema
        .with_custom(linked)
        .unwrap()
        .without(|kind| kind.name == "Deploy");
    let note: Vec<_> = cut
        .root("Note")
        .unwrap()
        .fields
        .iter()
        .map(|field| &field.name)
        .collect();
    assert_eq!(note, ["text"]);
}

#[tokio::test]
async fn g4_types_of_types_without_end_are_refused() {
    let mut text = "name".to_owned();
    for _ in 0..5 {
        text = format!("fields {{ type {{ {text} ofType {{ {text} }} }} }}");
    }
    let text = format!("{{ __schema {{ types {{ {text} }} }} }}");
    let refused = asked(&Schema::builtin(), &text).await.unwrap_err();
    assert!(matches!(refused, AnswerError::TooLarge(_)), "{refused}");
    let deep = format!(
        "{{ __type(name: \"Push\") {{ {} name {} }} }}",
        "ofType { ".repeat(30),
        "}".repeat(30)
    );
    let refused = Question::read(&Schema::builtin(), &deep, None, &Map::new()).unwrap_err();
    assert!(refused.to_string().contains("nested deeper"), "{refused}");
}

#[test]
fn subscriptions_and_types_of_machines_have_nothing_of_the_language() {
    let refused = Question::read(
        &Schema::builtin(),
        "subscription S { __schema { types { name } } }",
        None,
        &Map::new(),
    );
    assert_eq!(
        refused.unwrap_err().to_string(),
        "`Query` has no field `__schema`"
    );
    assert!(
        Schema::builtin()
            .with_custom("type X @rootType { of: __Type }")
            .is_err()
    );
}

#[tokio::test]
async fn fields_are_left_out_when_the_question_says_so() {
    let text = "query Q($no: Boolean = false) { Push @include(if: $no) { id } __schema { queryType { name @skip(if: true) kind ... @include(if: true) { description } } } }";
    let answer = asked(&Schema::builtin(), text).await.unwrap();
    assert_eq!(
        answer,
        json!({"__schema": {"queryType": {"kind": "OBJECT", "description": null}}})
    );
}
