//! Messages between machines and the hub, questions to the graph and types of machines, descriptors, and lines of hooks.

use proptest::prelude::*;
use reqwest::Url;
use sdm::graph::{Question, Schema};
use sdm::wire::connect::Descriptor;
use sdm::wire::control::Request;
use sdm::wire::hub::{Downward, Registration, Upward};
use serde_json::{Map, json};

use super::each;
use super::mangle::{mangled, mangled_text, with_strange};

#[test]
fn g3_messages_of_machines_are_read_or_refused() {
    let status = json!({
        "api_version": "1", "correlation_id": "c", "team": {"id": "w", "name": "n"}, "command": "build",
        "source": {"user_agent": "web", "identity": {"sub": "s", "pid": "p"}}, "status": {"code": 1, "reason": "no", "visibility": "hidden"},
    });
    let message = json!({
        "api_version": "1", "correlation_id": "c", "team": {"id": "w"}, "content_type": "text/plain", "body": "hello", "id": "m", "ttl": 5,
        "timestamp": 1, "post_mode": "always", "actions": [{"id": "a", "command": "b", "parameters": [{"name": "n", "value": "v"}]}],
        "destinations": [{"user_agent": "slack", "slack": {"team": {"id": "T"}, "channel": {"id": "C"}}}],
    });
    for sample in [status, message] {
        each(4, &with_strange(sample.clone()), |value| {
            let _ = Upward::read(value.to_string().as_bytes());
        });
        each(
            4,
            &mangled(&[
                &sample.to_string(),
                "{\"ping\":1}",
                "{\"control\":{\"name\":\"quiet\"}}",
            ]),
            |bytes| {
                let _ = Upward::read(&bytes);
            },
        );
    }
}

#[test]
fn messages_of_a_hub_are_read_or_refused() {
    let event = json!({
        "data": {"Push": [{"id": "p", "branch": "main"}]}, "extensions": {"correlation_id": "c", "team_id": "w", "operationName": "OnPush"},
        "secrets": [{"uri": "github://org_token", "value": "x"}],
    });
    let command = json!({
        "api_version": "1", "correlation_id": "c", "team": {"id": "w"}, "command": "build", "parameters": [], "mapped_parameters": [],
        "secrets": [], "source": {"user_agent": "web"}, "context": {"handle": "h", "expires_in": 900},
    });
    for sample in [event, command] {
        each(4, &with_strange(sample.clone()), |value| {
            let _ = Downward::read(value.to_string().as_bytes());
        });
        each(4, &mangled(&[&sample.to_string()]), |bytes| {
            let _ = Downward::read(&bytes);
        });
    }
}

#[test]
fn registrations_are_taken_or_refused() {
    let registration = json!({
        "api_version": "1", "name": "@acme/m", "version": "1.0.0", "policy": {"name": "durable"}, "team_ids": ["w"],
        "commands": [{"name": "build", "intent": ["build it"], "parameters": [{"name": "n", "pattern": "^.*$", "required": true}],
            "mapped_parameters": [{"name": "owner", "uri": "atomist://github/repository/owner"}], "secrets": [{"uri": "github://user_token?scopes=repo"}]}],
        "events": [{"subscription": "subscription OnPush { Push { id } }"}], "ingesters": ["type Deploy @rootType { id: ID! @id }"],
        "metadata": {"labels": {"a": "b"}}, "scopes": ["graph:read"],
    });
    each(1, &with_strange(registration), |value| {
        if let Ok(registration) = serde_json::from_value::<Registration>(value) {
            let _ = registration.check();
        }
    });
}

#[test]
fn g4_questions_are_read_or_refused() {
    let schema = Schema::builtin();
    let samples = [
        "query Q($n: String = \"x\", $l: [Int]) { Push(branch: $n, orderBy: timestamp_desc, first: 10) { id after { sha message } repo { name owner } } }",
        "subscription OnPush { Push { id branch @ne(value: \"main\") commits { message @matches(re: \"^a.*\") } } }",
        "query { ...all } fragment all on Query { Repo { name ... on Repo { owner } } }",
        "mutation G($v: CustomSdmGoalInput!) { ingestCustomSdmGoal(value: $v) }",
        "{ __schema { types { name } } a: Repo { name } a: Repo { owner } }",
    ];
    let variables: Map<_, _> = json!({"n": "main", "v": {"goalSetId": "s"}})
        .as_object()
        .unwrap()
        .clone();
    each(2, &mangled_text(&samples), |text| {
        let _ = Question::read(&schema, &text, None, &variables);
    });
    let strange = with_strange(json!({"n": "main", "l": [1], "v": {}}));
    each(2, &strange, |variables| {
        if let Some(variables) = variables.as_object() {
            for sample in samples {
                let _ = Question::read(&schema, sample, Some("Q"), variables);
            }
        }
    });
}

#[test]
fn g4_types_of_machines_are_read_or_refused() {
    let samples = [
        "type Deploy @rootType { id: ID! @id repo: Repo @linked(name: \"r\") state: State! tags: [String!]! at: Int } enum State { on off }",
        "\"\"\"text\"\"\" type A { b: B } type B { a: [A] } union C = A | B scalar D input E { f: Int = 1 }",
    ];
    let schema = Schema::builtin();
    each(1, &mangled_text(&samples), |text| {
        let _ = schema.with_custom(&text);
    });
}

#[test]
fn h4_descriptors_are_read_or_refused_and_lead_to_their_own_host() {
    let descriptor = json!({
        "key": "com.example.add-on", "baseUrl": "https://example.com/app", "name": "N", "vendor": {"name": "V", "url": "https://example.com"},
        "authentication": {"type": "jwt"}, "lifecycle": {"installed": "/installed", "enabled": "/enabled"}, "scopes": ["READ", "ACT_AS_USER"],
        "apiVersion": 1, "apiMigrations": {"signed-install": true}, "links": {"self": "https://example.com/app/atlassian-connect.json"},
        "modules": {"webhooks": [{"event": "Push", "url": "/hook?a={b}"}]}, "enableLicensing": false,
    });
    let from = Url::parse("https://example.com/app/atlassian-connect.json").unwrap();
    let holds = |bytes: &[u8]| {
        if let Ok(read) = Descriptor::parse(bytes, &from, false) {
            let lifecycle = &read.lifecycle;
            let hooks = [
                &lifecycle.installed,
                &lifecycle.enabled,
                &lifecycle.disabled,
                &lifecycle.uninstalled,
            ];
            let urls = hooks
                .into_iter()
                .flatten()
                .chain(read.webhooks.iter().map(|webhook| &webhook.url));
            for url in urls {
                assert_eq!(url.origin(), from.origin(), "{url}");
            }
        }
    };
    each(2, &with_strange(descriptor.clone()), |value| {
        holds(value.to_string().as_bytes());
    });
    each(2, &mangled(&[&descriptor.to_string()]), |bytes| holds(&bytes));
}

#[test]
fn j1_lines_of_hooks_and_of_the_command_line_are_read_or_refused() {
    let samples = [
        "{\"request\":\"status\"}",
        "{\"request\":\"goal_sets\",\"repo\":\"acme/app\",\"branch\":\"main\",\"id\":\"ab\"}",
        "{\"request\":\"logs\",\"goal_set\":\"x\",\"goal\":\"build\",\"from\":0}",
    ];
    each(3, &mangled(&samples), |bytes| {
        let _ = serde_json::from_slice::<Request>(&bytes);
    });
    each(3, &any::<Vec<u8>>(), |bytes| {
        let _ = serde_json::from_slice::<Request>(&bytes);
    });
    let hooks = [
        "#!/bin/sh\necho one\n",
        "#!/bin/sh\n# sdm begin\n# sdm end\n",
        "#!/usr/bin/env python\n",
    ];
    each(3, &mangled(&hooks), |hook| {
        use sdm::scm::local::hook_section::{with_section, without_section};
        if let Ok(with) = with_section("post-commit", &hook) {
            let back = without_section(&with);
            let again = with_section("post-commit", &with);
            assert_eq!(again.as_deref(), Ok(with.as_slice()), "it stands there once");
            assert!(back.is_some(), "and can be taken out");
        }
    });
}
