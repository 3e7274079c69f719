//! How long a webhook takes to reach its machines: the webhook until it is kept, and each delivery it causes until its machine has
//! answered for it. A delivery carries the place of its webhook, and is itself found by its id, whichever replica hears the answer.

use axum::http::HeaderMap;
use serde_json::Value;

use super::Hub;
use super::machines::deliver::Session;
use crate::model::Timestamp;
use crate::ports::hub::{Delivery, DeliveryKind};
use crate::runtime::trace::{Span, SpanId, SpanKind, TraceContext};
use crate::wire::hub::extensions;

/// A webhook that is being taken.
pub(super) struct Taking {
    /// Its place; what it causes belongs there.
    pub(super) context: TraceContext,
    parent: Option<SpanId>,
    began: Timestamp,
}

impl Hub {
    /// A webhook comes in; `None` when nobody follows traces. Whoever sends it may have begun the trace.
    pub(super) fn take_webhook(&self, headers: &HeaderMap) -> Option<Taking> {
        if !self.tracer().is_on() {
            return None;
        }
        let told = headers.get("traceparent").and_then(|value| value.to_str().ok());
        let (parent, id) = (told.and_then(TraceContext::read), self.0.ids.fresh());
        let name = format!("webhook {id}");
        let context = match &parent {
            Some(parent) => parent.child(&name),
            None => TraceContext::root(id, &name),
        };
        Some(Taking {
            context,
            parent: parent.map(|parent| parent.span),
            began: self.now(),
        })
    }

    /// It is dealt with.
    pub(super) fn took_webhook(
        &self,
        taking: &Taking,
        about: [(&'static str, &str); 3],
        failure: Option<String>,
    ) {
        self.tracer().record(Span {
            context: taking.context,
            parent: taking.parent,
            name: "webhook",
            kind: SpanKind::Server,
            began: taking.began,
            ended: self.now(),
            attributes: about.map(|(name, text)| (name, text.to_owned())).to_vec(),
            failure,
        });
    }

    /// A machine has answered for a delivery.
    pub(super) fn was_delivered(&self, session: &Session, delivery: &Delivery) {
        if !self.tracer().is_on() || delivery.what.kind != DeliveryKind::Event {
            return;
        }
        let Some(webhook) = webhook_of(&delivery.what.payload) else {
            return;
        };
        let attributes = [
            ("sdm.workspace", delivery.what.workspace.clone()),
            ("sdm.machine", session.ticket.machine.clone()),
            ("sdm.subscription", delivery.what.operation.clone()),
            ("sdm.attempt", delivery.attempts.to_string()),
        ];
        self.tracer().record(Span {
            context: context_of(&webhook, &delivery.what.id),
            parent: Some(webhook.span),
            name: "delivery",
            kind: SpanKind::Producer,
            began: delivery.what.created,
            ended: self.now(),
            attributes: attributes.to_vec(),
            failure: None,
        });
    }
}

/// The webhook that a stored delivery belongs to.
fn webhook_of(payload: &str) -> Option<TraceContext> {
    let payload: Value = serde_json::from_str(payload).ok()?;
    let told = payload.pointer("/extensions/traceparent")?;
    TraceContext::read(told.as_str()?)
}

/// The place of a delivery that a webhook caused.
fn context_of(webhook: &TraceContext, id: &str) -> TraceContext {
    webhook.child(&format!("delivery {id}"))
}

/// A message as it goes out says its own place, to a machine that knows what that is.
pub(super) fn pass_on(message: &mut Value, id: &str, session: &Session) {
    let Some(around) = message["extensions"].as_object_mut() else {
        return;
    };
    let told = around.remove("traceparent");
    let webhook = told.and_then(|told| TraceContext::read(told.as_str()?));
    let capabilities = &session.ticket.capabilities;
    let knows = capabilities.iter().any(|known| known == extensions::TRACE);
    if let Some(webhook) = webhook.filter(|_| knows) {
        let context = context_of(&webhook, id).to_string();
        around.insert("traceparent".to_owned(), Value::from(context));
    }
}
