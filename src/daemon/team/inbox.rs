//! What the hub delivers, from its arrival to its answer.
//!
//! A delivery is stored first and acknowledged then; it is dealt with from the store, as often as it takes. Its answer waits
//! in the store too, until the hub has read it.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::session::Saying;
use super::{Inner, Team, acts, answers, client, commands, events, pushes};
use crate::ports::store::StoreError;
use crate::ports::team::{Delivered, Delivery, DeliveryAnswer};
use crate::runtime::causes::chain;
use crate::runtime::trace::TraceContext;
use crate::wire::hub::completion::COMPLETE;
use crate::wire::hub::{CommandInvocation, Control, EventDelivery, extensions};

/// Deliveries looked at in one go.
const PAGE: u32 = 1_000;
/// Pause between two looks when nothing has changed: a push that could not be fetched is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// The way to the hub while they talk, and what was said on it.
#[derive(Default)]
pub(super) struct Speaker {
    way: Mutex<Option<Way>>,
}

struct Way {
    sayings: mpsc::Sender<Saying>,
    /// Answers that were said in this conversation.
    said: HashSet<String>,
    /// Whether the hub knows acknowledgements.
    acknowledges: bool,
}

impl Speaker {
    fn way(&self) -> MutexGuard<'_, Option<Way>> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// They talk from now on.
    pub(super) fn open(&self, sayings: mpsc::Sender<Saying>, acknowledges: bool) {
        *self.way() = Some(Way {
            sayings,
            said: HashSet::new(),
            acknowledges,
        });
    }

    /// They do not talk any more.
    pub(super) fn close(&self) {
        *self.way() = None;
    }

    fn acknowledges(&self) -> bool {
        self.way().as_ref().is_some_and(|way| way.acknowledges)
    }

    /// Says something that need not be said; whether it is on its way.
    pub(super) fn mention(&self, saying: Saying) -> bool {
        let way = self.way();
        way.as_ref()
            .is_some_and(|way| way.sayings.try_send(saying).is_ok())
    }

    /// The hub asks again, so it is answered again.
    fn forget(&self, key: &str) {
        if let Some(way) = self.way().as_mut() {
            way.said.remove(key);
        }
    }

    /// The way, if this was not said on it.
    fn to_say(&self, key: &str) -> Option<mpsc::Sender<Saying>> {
        let mut way = self.way();
        let way = way.as_mut()?;
        way.said.insert(key.to_owned()).then(|| way.sayings.clone())
    }
}

impl Team {
    /// Deals with what was delivered, until told to stop.
    pub(super) async fn run_deliveries(&self) {
        let stop = self.0.tasks.stop_token();
        let mut changes = self.0.engine.store().subscribe();
        loop {
            changes.mark_unchanged();
            if let Err(error) = self.0.deal_with_deliveries().await {
                tracing::error!("deliveries of the hub wait for the store: {}", chain(&error));
            }
            if let Err(error) = self.work_on_lines().await {
                tracing::error!("what the hub told of waits for the store: {}", chain(&error));
            }
            tokio::select! {
                () = stop.cancelled() => return,
                _ = changes.changed() => {}
                () = self.0.look.notified() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }
}

impl Inner {
    /// An event: stored, then acknowledged. What this machine does not wait for is answered at once.
    pub(super) async fn take_event(&self, event: EventDelivery) -> Result<Option<Saying>, StoreError> {
        let about = event.extensions;
        let (workspace, operation) = (about.team_id, about.operation_name);
        if !self.hub.workspaces.contains(&workspace) || !events::is_ours(&operation) {
            let reason = format!(
                "this machine does not wait for `{}` of `{}`",
                plain(&operation),
                plain(&workspace)
            );
            return Ok(Some(answers::refused_event(
                &workspace,
                &operation,
                &about.correlation_id,
                &reason,
            )));
        }
        let identity = about.delivery_id.unwrap_or_else(|| about.correlation_id.clone());
        let object = event.data.into_iter().next().map(|(_, value)| first_of(value));
        if let Some((trace, id)) = about
            .traceparent
            .as_deref()
            .and_then(TraceContext::read)
            .zip(object.as_ref().and_then(|object| object["id"].as_str()))
        {
            let push = pushes::push_id(&[&self.hub.address, &workspace, id]);
            let store = self.engine.store();
            self.heard.keep(&**store, push, trace, self.engine.now()).await?;
        }
        let delivery = Delivery {
            key: format!("{workspace}:{operation}:{identity}"),
            workspace,
            correlation: about.correlation_id.clone(),
            what: Delivered::Event {
                operation,
                object: object.unwrap_or_default(),
            },
            at: self.engine.now(),
            answer: None,
        };
        self.keep(&delivery).await?;
        let control = Control::named(extensions::ACK)
            .with("delivery_id", identity.as_str())
            .with("correlation_id", about.correlation_id);
        Ok(self.acknowledgement(&control, &identity))
    }

    /// A command: stored without its secrets, begun while they are at hand, then acknowledged.
    pub(super) async fn take_command(
        &self,
        invocation: CommandInvocation,
    ) -> Result<Option<Saying>, StoreError> {
        let workspace = invocation.team.id.clone();
        if !self.hub.workspaces.contains(&workspace) {
            let reason = format!("this machine is not for `{}`", plain(&workspace));
            return Ok(Some(answers::refused_command(&invocation, &reason)));
        }
        let key = format!("{workspace}:command:{}", invocation.correlation_id);
        let delivery = commands::delivery(
            key.clone(),
            &invocation,
            &self.engine.machine(),
            self.engine.now(),
        );
        // Whoever finds it in the store meanwhile would take it for one that an earlier machine left behind.
        self.beginning().insert(key.clone());
        let begun = self.keep_and_begin(&delivery, &invocation).await;
        self.beginning().remove(&key);
        self.look.notify_one();
        begun?;
        let correlation = invocation.correlation_id;
        let control = Control::named(extensions::ACK).with("correlation_id", correlation.as_str());
        Ok(self.acknowledgement(&control, &correlation))
    }

    async fn keep_and_begin(
        &self,
        delivery: &Delivery,
        invocation: &CommandInvocation,
    ) -> Result<(), StoreError> {
        let is_dealt_with_here = acts::is_one(&invocation.command) || invocation.command == COMPLETE;
        if self.keep(delivery).await? && !is_dealt_with_here {
            self.begin_command(delivery, invocation).await?;
        }
        Ok(())
    }

    /// Keys of commands that are being begun.
    fn beginning(&self) -> MutexGuard<'_, HashSet<String>> {
        self.beginning.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn acknowledgement(&self, control: &Control, delivery: &str) -> Option<Saying> {
        let acknowledges = self.speaker.acknowledges();
        acknowledges.then(|| Saying::acknowledgement(control, delivery))
    }

    /// Whether it is new.
    async fn keep(&self, delivery: &Delivery) -> Result<bool, StoreError> {
        let line = match &delivery.what {
            Delivered::Event { operation, object } => events::line(operation, object),
            Delivered::Command { .. } => None,
        };
        let is_new = self.engine.store().take_in(delivery, line.as_deref()).await?;
        if line.is_some() {
            self.lines.hint();
        }
        if !is_new {
            self.speaker.forget(&delivery.key);
        }
        Ok(is_new)
    }

    async fn deal_with_deliveries(&self) -> Result<(), StoreError> {
        let mut after = 0;
        loop {
            let open = self.engine.store().open_deliveries(after, PAGE).await?;
            let is_last = open.len() < PAGE as usize;
            for (place, delivery) in open {
                after = place;
                self.deal_with(delivery).await?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    async fn deal_with(&self, delivery: Delivery) -> Result<(), StoreError> {
        match &delivery.what {
            Delivered::Event { operation, object } => {
                let answer = self.raise(operation, object, &delivery).await?;
                self.settle(delivery, answer).await
            }
            Delivered::Command { .. } if self.beginning().contains(&delivery.key) => Ok(()),
            Delivered::Command { .. } => self.follow_command(delivery).await,
        }
    }

    /// Writes what came of a delivery; the hub hears of it from there.
    pub(super) async fn settle(&self, delivery: Delivery, answer: DeliveryAnswer) -> Result<(), StoreError> {
        let settled = Delivery {
            answer: Some(answer),
            ..delivery
        };
        self.engine.store().settle(&settled).await
    }

    /// Says the answers that the hub does not have, until told to stop.
    pub(super) async fn run_answers(&self) {
        let stop = self.tasks.stop_token();
        let mut changes = self.engine.store().subscribe();
        loop {
            changes.mark_unchanged();
            if let Err(error) = self.say_answers().await {
                tracing::error!("answers to the hub wait for the store: {}", chain(&error));
            }
            if stop.is_cancelled() {
                return;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                _ = changes.changed() => {}
                () = self.spoken_to.notified() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    async fn say_answers(&self) -> Result<(), StoreError> {
        for delivery in self.engine.store().unanswered(PAGE).await? {
            let Some(way) = self.speaker.to_say(&delivery.key) else {
                continue;
            };
            for saying in answers::of(&delivery) {
                // A conversation that has ended meanwhile: it is said in the next one.
                if way.send(saying).await.is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// The one object of an event (wire protocol 8).
fn first_of(value: Value) -> Value {
    match value {
        Value::Array(objects) => objects.into_iter().next().unwrap_or_default(),
        other => other,
    }
}

fn plain(text: &str) -> String {
    client::plain(text)
}

/// An answer of this code.
pub(super) fn answer(code: i64, reason: impl Into<String>) -> DeliveryAnswer {
    DeliveryAnswer {
        code,
        reason: reason.into(),
        message: None,
    }
}

/// A source as it is stored.
pub(super) fn stored(source: Option<&crate::wire::hub::Source>) -> Value {
    source.map_or(Value::Null, |source| json!(source))
}
