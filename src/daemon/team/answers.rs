//! Answers as the hub reads them (wire protocol 5, 7).

use serde_json::{Value, json};

use super::session::Saying;
use crate::ports::team::{Delivered, Delivery};
use crate::wire::hub::{API_VERSION, CommandInvocation};

/// Most characters of what whoever asked is told.
const LONGEST_MESSAGE: usize = 16 * 1024;

/// What is to be said for a delivery that has its answer: a message first, the status last (wire protocol 4.2).
pub(super) fn of(delivery: &Delivery) -> Vec<Saying> {
    let Some(answer) = &delivery.answer else {
        return Vec::new();
    };
    let envelope = match &delivery.what {
        Delivered::Event { operation, .. } => event(&delivery.workspace, operation, &delivery.correlation),
        Delivered::Command { command, source, .. } => {
            self::command(&delivery.workspace, command, &delivery.correlation, source)
        }
    };
    let message = answer.message.as_ref().map(|message| {
        let body: String = message.chars().take(LONGEST_MESSAGE).collect();
        // Said again it is the same message, not another one.
        let more = json!({
            "content_type": "text/plain",
            "body": body,
            "id": delivery.key,
            "timestamp": delivery.at.as_micros() / 1000,
            "post_mode": "ttl",
        });
        saying(&with(envelope.clone(), more), None)
    });
    let status = json!({"status": {"code": answer.code, "reason": answer.reason}});
    let status = saying(&with(envelope, status), Some(delivery.key.clone()));
    message.into_iter().chain([status]).collect()
}

/// The status of an event that is not for this machine.
pub(super) fn refused_event(workspace: &str, operation: &str, correlation: &str, reason: &str) -> Saying {
    let status = json!({"status": {"code": 1, "reason": reason}});
    saying(&with(event(workspace, operation, correlation), status), None)
}

/// The status of a command that is not for this machine.
pub(super) fn refused_command(invocation: &CommandInvocation, reason: &str) -> Saying {
    let source = super::inbox::stored(invocation.source.as_ref());
    let envelope = command(
        &invocation.team.id,
        &invocation.command,
        &invocation.correlation_id,
        &source,
    );
    let status = json!({"status": {"code": 1, "reason": reason}});
    saying(&with(envelope, status), None)
}

fn saying(message: &Value, answers: Option<String>) -> Saying {
    Saying {
        text: message.to_string(),
        answers,
        stored: None,
    }
}

fn event(workspace: &str, operation: &str, correlation: &str) -> Value {
    json!({
        "api_version": API_VERSION,
        "correlation_id": correlation,
        "team": {"id": workspace},
        "event": operation,
    })
}

/// Answers go where it was asked, without naming who did (wire protocol 5.1).
fn command(workspace: &str, command: &str, correlation: &str, source: &Value) -> Value {
    let mut envelope = json!({
        "api_version": API_VERSION,
        "correlation_id": correlation,
        "team": {"id": workspace},
        "command": command,
    });
    if source.is_object() {
        let mut destination = source.clone();
        if let Some(slack) = destination.get_mut("slack").and_then(Value::as_object_mut) {
            slack.remove("user");
        }
        envelope["source"] = source.clone();
        envelope["destinations"] = json!([destination]);
    }
    envelope
}

fn with(mut envelope: Value, more: Value) -> Value {
    if let (Value::Object(envelope), Value::Object(more)) = (&mut envelope, more) {
        envelope.extend(more);
    }
    envelope
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::Timestamp;
    use crate::ports::team::DeliveryAnswer;
    use crate::wire::hub::Upward;

    #[test]
    fn a_command_is_answered_where_it_was_asked_message_first() {
        let source = json!({"user_agent": "slack", "slack": {"team": {"id": "T1"}, "channel": {"id": "C1"}, "user": {"id": "U1"}}});
        let delivery = Delivery {
            key: "A1:command:c-1".to_owned(),
            workspace: "A1".to_owned(),
            correlation: "c-1".to_owned(),
            what: Delivered::Command {
                command: "bump".to_owned(),
                runs_as: Uuid::nil(),
                source: source.clone(),
                asked: None,
            },
            at: Timestamp::from_micros(1_000_000),
            answer: Some(DeliveryAnswer {
                code: 0,
                reason: "Success: bump".to_owned(),
                message: Some("bumped to 2.0.0".to_owned()),
            }),
        };
        let said = of(&delivery);
        let read = |saying: &Saying| Upward::read(saying.text.as_bytes()).unwrap();
        assert!(
            matches!(read(&said[0]), Upward::Message(message) if message.body.as_deref() == Some("bumped to 2.0.0")
            && message.envelope.command.as_deref() == Some("bump") && message.id.is_some())
        );
        assert!(
            matches!(read(&said[1]), Upward::Status(status) if status.status.code == 0
            && status.envelope.destinations[0].as_ref().unwrap().slack.as_ref().unwrap().user.is_none())
        );
        assert_eq!(said[1].answers.as_deref(), Some("A1:command:c-1"));
        let value: Value = serde_json::from_str(&said[1].text).unwrap();
        assert_eq!(value["source"], source, "the source is copied unchanged");
    }
}
