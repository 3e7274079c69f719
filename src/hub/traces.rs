//! How long something takes to reach its machines: a webhook, an event that a machine or another system sends, or a command, until it
//! is kept, and each delivery it causes until its machine has answered for it. A delivery carries the place of what caused it, and is
//! itself found by its id, whichever replica hears the answer.

use axum::http::HeaderMap;
use serde_json::Value;

use super::Hub;
use super::changes::{Applied, Change, Origin};
use super::machines::deliver::Session;
use crate::model::Timestamp;
use crate::ports::hub::{Delivery, DeliveryKind, HubStoreError, NewDelivery};
use crate::runtime::causes::chain;
use crate::runtime::trace::{Span, SpanId, SpanKind, TraceContext};
use crate::wire::hub::extensions;

/// Something that is being taken in.
pub(super) struct Taking {
    /// Its place; what it causes belongs there.
    pub(super) context: TraceContext,
    what: What,
    parent: Option<SpanId>,
    began: Timestamp,
}

/// What a trace begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// A forge or another system tells of something.
    Webhook,
    /// A machine sends an object of a custom type.
    Event,
    /// Somebody starts a command.
    Command,
}

impl What {
    const fn word(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Event => "event",
            Self::Command => "command",
        }
    }
}

/// What is told of something that was taken in.
pub(super) type About<'a> = [(&'static str, &'a str); 3];

impl Hub {
    /// Takes changes in as [`Self::apply_steps`], and says how long that took.
    ///
    /// # Errors
    /// The memory, or the hub is closing; nothing has happened then.
    pub(super) async fn apply_traced(
        &self,
        taking: Option<Taking>,
        about: About<'_>,
        (workspace, origin): (&str, Origin<'_>),
        steps: Vec<Vec<Change>>,
    ) -> Result<Applied, HubStoreError> {
        let from = Origin {
            trace: taking.as_ref().map(|taking| taking.context),
            ..origin
        };
        let applied = self.apply_steps(workspace, from, steps).await;
        if let Some(taking) = taking {
            self.took(&taking, about, applied.as_ref().err().map(|error| chain(error)));
        }
        applied
    }

    /// Something comes in; `None` when nobody follows traces. Whoever sends it may have begun the trace.
    pub(super) fn begin_trace(&self, what: What, headers: &HeaderMap) -> Option<Taking> {
        if !self.tracer().is_on() {
            return None;
        }
        let told = headers.get("traceparent").and_then(|value| value.to_str().ok());
        let (parent, id) = (told.and_then(TraceContext::read), self.0.ids.fresh());
        let name = format!("{} {id}", what.word());
        let context = match &parent {
            Some(parent) => parent.child(&name),
            None => TraceContext::root(id, &name),
        };
        Some(Taking {
            context,
            what,
            parent: parent.map(|parent| parent.span),
            began: self.now(),
        })
    }

    /// It is dealt with.
    pub(super) fn took(&self, taking: &Taking, about: About<'_>, failure: Option<String>) {
        self.tracer().record(Span {
            context: taking.context,
            parent: taking.parent,
            name: taking.what.word(),
            kind: SpanKind::Server,
            began: taking.began,
            ended: self.now(),
            attributes: about.map(|(name, text)| (name, text.to_owned())).to_vec(),
            failure,
        });
    }

    /// A machine has answered for a delivery.
    pub(super) fn was_delivered(&self, session: &Session, delivery: &Delivery) {
        if !self.tracer().is_on() {
            return;
        }
        let Some(cause) = cause_of(&delivery.what) else {
            return;
        };
        let attributes = [
            ("sdm.workspace", delivery.what.workspace.clone()),
            ("sdm.machine", session.ticket.machine.clone()),
            ("sdm.subscription", delivery.what.operation.clone()),
            ("sdm.attempt", delivery.attempts.to_string()),
        ];
        self.tracer().record(Span {
            context: context_of(&cause, &delivery.what.id),
            parent: Some(cause.span),
            name: "delivery",
            kind: SpanKind::Producer,
            began: delivery.what.created,
            ended: self.now(),
            attributes: attributes.to_vec(),
            failure: None,
        });
    }
}

/// What a stored delivery belongs to.
fn cause_of(delivery: &NewDelivery) -> Option<TraceContext> {
    let place = match delivery.kind {
        DeliveryKind::Event => "/extensions/traceparent",
        DeliveryKind::Command => "/traceparent",
    };
    let payload: Value = serde_json::from_str(&delivery.payload).ok()?;
    TraceContext::read(payload.pointer(place)?.as_str()?)
}

/// The place of a delivery that something caused.
fn context_of(cause: &TraceContext, id: &str) -> TraceContext {
    cause.child(&format!("delivery {id}"))
}

/// A message as it goes out says its own place, to a machine that knows what that is.
pub(super) fn pass_on(message: &mut Value, id: &str, session: &Session) {
    let is_command = message.get("command").is_some();
    let around = if is_command {
        message
    } else {
        &mut message["extensions"]
    };
    let Some(around) = around.as_object_mut() else {
        return;
    };
    let told = around.remove("traceparent");
    let cause = told.and_then(|told| TraceContext::read(told.as_str()?));
    let capabilities = &session.ticket.capabilities;
    let knows = capabilities.iter().any(|known| known == extensions::TRACE);
    if let Some(cause) = cause.filter(|_| knows) {
        let context = context_of(&cause, id).to_string();
        around.insert("traceparent".to_owned(), Value::from(context));
    }
}
