//! Built-in and custom types.

use crate::graph::Schema;
use crate::graph::schema::{Holds, SchemaError};

#[test]
fn every_built_in_reverse_field_has_the_link_that_it_reverses() {
    let schema = Schema::builtin();
    for kind in schema.types() {
        for field in &kind.fields {
            if let Holds::Reverse { of, field: link } = &field.holds {
                let place = format!("{}.{}", kind.name, field.name);
                let link = schema.type_named(of).and_then(|of| of.field(link));
                let link = link.unwrap_or_else(|| panic!("{place} reverses a field that is not there"));
                assert_eq!(link.holds, Holds::Link(kind.name.clone()), "{place}");
            }
        }
    }
}

#[test]
fn a_machine_brings_types_of_its_own() {
    let text = r#"type Deploy @rootType @compositeId(fields: ["env", "name"]) { env: String name: String! at: Int by: [Person_X] stage: Stage } type Person_X { login: String } enum Stage { one two }"#;
    let schema = Schema::builtin().with_custom(text).unwrap();
    let deploy = schema.root("Deploy").unwrap();
    assert!(deploy.is_custom);
    assert_eq!(deploy.composite_id, ["env", "name"]);
    assert_eq!(
        deploy.field("by").unwrap().holds,
        Holds::Embedded("Person_X".to_owned())
    );
    assert!(deploy.field("by").unwrap().is_list);
    assert_eq!(schema.enumeration("Stage").unwrap(), ["one", "two"]);
    assert!(schema.root("Person_X").is_none());
}

#[test]
fn types_that_cannot_be_are_refused_whole() {
    let refused = |text: &str| Schema::builtin().with_custom(text).unwrap_err();
    assert_eq!(
        refused("type Push @rootType { id: ID }"),
        SchemaError::Taken("Push".to_owned())
    );
    assert_eq!(
        refused("type Query @rootType { id: ID }"),
        SchemaError::Name("Query".to_owned())
    );
    assert_eq!(
        refused("type __X @rootType { id: ID }"),
        SchemaError::Name("__X".to_owned())
    );
    assert_eq!(refused("type X { id: ID }"), SchemaError::NoRoot);
    assert!(matches!(
        refused("type X @rootType { y: Nope }"),
        SchemaError::UnknownType { .. }
    ));
    assert!(matches!(
        refused("type X @rootType @compositeId(fields: [\"y\"]) { id: ID }"),
        SchemaError::CompositeId { .. }
    ));
    assert!(matches!(
        refused("union X = Push | Repo"),
        SchemaError::NotATypeOfObjects(_)
    ));
    assert!(matches!(refused("type X {"), SchemaError::Syntax(_)));
    assert!(matches!(refused(&"[".repeat(100_000)), SchemaError::TooLarge(_)));
    assert!(matches!(refused(&"#".repeat(100_000)), SchemaError::TooLarge(_)));
}

#[test]
fn d35_no_type_of_a_machine_passes_for_one_of_the_hubs_own() {
    let refused = |name: &str| Schema::builtin().with_custom(&format!("type {name} @rootType {{ id: ID }}"));
    for name in [
        "SdmDeploy",
        "sdmGoal",
        "SDMX",
        "SdmGoals",
        "push",
        "REPO",
        "ScmID",
        "AppReach",
        "appreach",
    ] {
        let looks = SchemaError::LooksLikeOurs(name.to_owned());
        assert_eq!(refused(name).unwrap_err(), looks, "{name}");
    }
    let part = Schema::builtin().with_custom("type X @rootType { y: SdmY } enum SdmY { a }");
    assert_eq!(part.unwrap_err(), SchemaError::LooksLikeOurs("SdmY".to_owned()));
    for name in ["Sd", "Deploy", "MySdmGoal", "Pushes"] {
        assert!(refused(name).is_ok(), "{name}");
    }
}

#[test]
fn what_was_announced_is_announced_anew() {
    let first =
        "enum Stage { one two } type Deploy @rootType { stage: Stage at: Place } type Place { name: String }";
    let schema = Schema::builtin().with_custom(first).unwrap();
    let same = schema.with_custom(first).unwrap();
    assert!(same == schema && same.changed_since(&schema).next().is_none());
    let second = "enum Stage { one two three } type Deploy @rootType { stage: Stage at: Place by: String } type Place { name: String }";
    let changed = schema.with_custom(second).unwrap();
    assert_eq!(changed.enumeration("Stage").unwrap(), ["one", "two", "three"]);
    assert!(changed.root("Deploy").unwrap().field("by").is_some());
    assert_eq!(
        changed.changed_since(&schema).collect::<Vec<_>>(),
        ["Deploy", "Stage"]
    );
    // What refers to something of another kind now does so as that.
    let third = "enum Place { here there } type Other @rootType { place: Place }";
    let other = changed.with_custom(third).unwrap();
    let holds = &other.root("Deploy").unwrap().field("at").unwrap().holds;
    assert_eq!(*holds, Holds::Scalar("Place".to_owned()));
    let twice = "type X @rootType { id: ID } type X { id: ID }";
    assert_eq!(
        other.with_custom(twice).unwrap_err(),
        SchemaError::Taken("X".to_owned())
    );
}
