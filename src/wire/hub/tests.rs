//! What clients of the original say, in the shapes of wire protocol 2 to 8, is understood and answered in kind.

use serde_json::{Value, json};

use super::*;

fn registration() -> Value {
    json!({
        "api_version": "1", "name": "@acme/sdm", "version": "1.4.0", "policy": {"name": "ephemeral"}, "team_ids": ["AW0TEST01"],
        "commands": [{
            "name": "HelloCommand", "description": "Say hello", "tags": ["greeting"], "intent": ["hello"], "auto_submit": true,
            "parameters": [
                {"name": "name", "pattern": "^[a-z]+$", "required": true, "displayable": true, "display_name": "Your Name", "order": 1},
                {"name": "level", "pattern": "^.*$", "required": false, "displayable": true, "display_name": "level",
                 "type": {"kind": "single", "options": [{"value": "low", "description": "Low"}]}},
                {"name": "count", "pattern": "^.*$", "required": false, "displayable": true, "display_name": "count", "type": "number"}
            ],
            "mapped_parameters": [{"name": "slackUser", "uri": "atomist://slack/user_name", "required": true}],
            "secrets": [{"uri": "github://user_token?scopes=repo,read:org"}]
        }],
        "events": [{"subscription": "subscription OnPush { Push { id after @required { sha } } }", "secrets": []}],
        "ingesters": [], "metadata": {"labels": {"atomist.policy": "ephemeral"}}, "accept_encoding": "gzip", "something_newer": {"a": 1}
    })
}

fn read_registration(change: impl FnOnce(&mut Value)) -> Registration {
    let mut value = registration();
    change(&mut value);
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_registration_of_the_original_is_read_whole_and_unknown_keys_are_ignored() {
    let registration = read_registration(|_| {});
    assert_eq!(registration.check(), Ok(()));
    assert_eq!(registration.policy.name, PolicyName::Ephemeral);
    assert!(registration.reads_gzip() && !registration.knows("ack"));
    let parameters = &registration.commands[0].parameters;
    assert_eq!(parameters[0].order, Some(1));
    assert!(
        matches!(&parameters[1].kind, Some(ParameterType::Choices { kind, options }) if kind == "single" && options.len() == 1)
    );
    assert_eq!(
        parameters[2].kind,
        Some(ParameterType::Named("number".to_owned()))
    );
}

#[test]
fn a_registration_must_name_workspaces_and_no_groups() {
    let none = read_registration(|value| value["team_ids"] = json!([]));
    assert_eq!(
        none.check(),
        Err(RegistrationProblem::NoWorkspace { groups: false })
    );
    let groups = read_registration(|value| value["groups"] = json!(["all"]));
    let problem = groups.check().unwrap_err();
    assert_eq!(
        problem.to_string(),
        "`team_ids` names no workspace; `groups` are not accepted"
    );
}

#[test]
fn a_registration_has_limits() {
    let other = read_registration(|value| value["api_version"] = json!("2"));
    assert_eq!(other.check(), Err(RegistrationProblem::Version("2".to_owned())));
    let unnamed = read_registration(|value| value["name"] = json!("a\nb"));
    assert_eq!(unnamed.check(), Err(RegistrationProblem::Name { what: "`name`" }));
    let twice = read_registration(|value| {
        let command = value["commands"][0].clone();
        value["commands"].as_array_mut().unwrap().push(command);
    });
    assert_eq!(
        twice.check(),
        Err(RegistrationProblem::Twice("HelloCommand".to_owned()))
    );
    let large = read_registration(|value| value["events"][0]["subscription"] = json!("x".repeat(300 * 1024)));
    assert!(matches!(large.check(), Err(RegistrationProblem::TooMuch { .. })));
    let many = read_registration(|value| value["ingesters"] = json!(vec!["type X { a: Int }"; 2_001]));
    assert!(matches!(many.check(), Err(RegistrationProblem::TooMuch { .. })));
}

#[test]
fn the_address_of_a_socket_is_not_shown_by_debug() {
    let registered = Registered {
        url: "wss://hub.example.test/ws?token=TOKEN-01".to_owned(),
        jwt: Some("TOKEN-01".to_owned()),
        capabilities: vec!["ack".to_owned()],
        life: None,
        warnings: Vec::new(),
    };
    assert!(!format!("{registered:?}").contains("TOKEN"));
    let secret = SecretValue {
        uri: "github://org_token".to_owned(),
        value: "canary".to_owned(),
    };
    assert!(!format!("{secret:?}").contains("canary"));
}

fn upward(value: &Value) -> Upward {
    Upward::read(value.to_string().as_bytes()).unwrap()
}

fn envelope() -> Value {
    json!({
        "api_version": "1", "correlation_id": "c-1", "team": {"id": "AW0TEST01"}, "command": "HelloCommand",
        "source": {"user_agent": "slack", "slack": {"team": {"id": "T0CHAT001"}, "channel": {"id": "C1", "name": "general"}, "user": {"id": "U1", "name": "jess"}}},
        "destinations": [{"user_agent": "slack", "slack": {"team": {"id": "T0CHAT001"}, "channel": {"id": "C1", "name": "general"}}}]
    })
}

fn with(mut value: Value, more: &Value) -> Value {
    let more = more.as_object().unwrap().clone();
    value.as_object_mut().unwrap().extend(more);
    value
}

#[test]
fn what_a_message_is_is_decided_in_the_order_of_the_protocol() {
    assert_eq!(upward(&json!({"ping": 0})), Upward::Ping(json!(0)));
    assert_eq!(upward(&json!({"pong": 7, "ping": null})), Upward::Pong(json!(7)));
    let backoff = upward(&json!({"control": {"name": "backoff", "params": {"millis": 5000}}}));
    assert_eq!(
        backoff,
        Upward::Control(Control::named("backoff").with("millis", 5000))
    );
    let text = json!({"content_type": "text/plain", "body": "hello", "post_mode": "always"});
    assert!(
        matches!(upward(&with(envelope(), &text)), Upward::Message(message)
        if message.content_type == MessageKind::Text && message.post_mode == PostMode::Always && message.envelope.correlation_id == "c-1")
    );
    let status = json!({"status": {"code": 0, "reason": "Successfully invoked command HelloCommand of @acme/sdm@1.4.0"}});
    assert!(matches!(upward(&with(envelope(), &status)), Upward::Status(report) if report.status.code == 0));
    let more = json!({"content_type": "application/x-atomist-continuation+json", "parameters": [],
        "parameter_specs": [{"name": "colour", "required": true, "pattern": "^[a-z]+$"}]});
    assert!(
        matches!(upward(&with(envelope(), &more)), Upward::Continuation(more) if more.parameter_specs.len() == 1)
    );
}

#[test]
fn a_status_without_a_source_has_a_destination_that_is_null() {
    let report = json!({"correlation_id": "c-2", "team": {"id": "AW0TEST01"}, "command": "X", "destinations": [null], "status": {"code": 1}});
    assert!(matches!(upward(&report), Upward::Status(report) if report.envelope.destinations == [None]));
}

#[test]
fn what_is_no_message_is_an_error_that_says_so() {
    for text in ["", "7", "[]", "{}", "{\"content_type\": 3}", "\u{0}", "{\"ping\""] {
        assert!(Upward::read(text.as_bytes()).is_err(), "{text:?}");
    }
    let unknown = json!({"content_type": "application/x-unheard-of"});
    assert!(matches!(
        Upward::read(unknown.to_string().as_bytes()),
        Err(UpwardError::Malformed(_))
    ));
    let deep = "[".repeat(100_000);
    assert!(
        Upward::read(deep.as_bytes()).is_err(),
        "nesting is bounded by the JSON reader"
    );
}

#[test]
fn what_a_machine_hears_has_the_shapes_of_the_protocol() {
    assert_eq!(Downward::Pong { pong: json!(3) }.to_text(), r#"{"pong":3}"#);
    let drain = Downward::Control {
        control: Control::named("drain"),
    };
    assert_eq!(drain.to_text(), r#"{"control":{"name":"drain","params":{}}}"#);
    let event = EventDelivery {
        data: json!({"Push": [{"id": "push-1"}]}).as_object().unwrap().clone(),
        extensions: EventExtensions {
            team_id: "AW0TEST01".to_owned(),
            team_name: None,
            operation_name: "OnPush".to_owned(),
            correlation_id: "e-1".to_owned(),
            delivery_id: None,
            attempt: None,
            traceparent: None,
        },
        secrets: vec![SecretValue::none("github://org_token")],
    };
    assert_eq!(
        Downward::Event(Box::new(event)).to_text(),
        r#"{"data":{"Push":[{"id":"push-1"}]},"extensions":{"team_id":"AW0TEST01","operationName":"OnPush","correlation_id":"e-1"},"secrets":[{"uri":"github://org_token","value":"null"}]}"#
    );
}
