//! How long the way of a push takes: until it is planned, and each attempt of each of its goals. All of it is read from the log
//! that everything is in, so that nothing that works on a push knows of it. What a hub told of belongs to the hub's trace, which is kept
//! beside it for a week: what an earlier process of this machine began goes on in the same trace.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::local::{LocalDaemon, StartError};
use crate::model::{
    FeedEntry, GoalChange, GoalEvent, GoalKey, GoalSetId, News, PushId, StateName, Timestamp,
};
use crate::ports::store::{Store, StoreError};
use crate::runtime::causes::chain;
use crate::runtime::trace::{Span, SpanKind, TraceContext, Tracer, otlp};

/// Entries of the log read at once.
const PAGE: u32 = 500;

/// Pushes, goal sets and attempts that are remembered.
const REMEMBERED: usize = 10_000;

/// The scope of what is kept of pushes.
const KEPT: &str = "traces of a hub";

/// How long that is.
const LIFE: Duration = Duration::from_secs(7 * 24 * 3_600);

/// The traces that pushes belong to, as a hub told. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard(Arc<Mutex<HashMap<PushId, TraceContext>>>);

impl Heard {
    /// A push belongs to a trace.
    fn remember(&self, push: PushId, context: TraceContext) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keep(&mut heard, push, context);
    }

    /// The same, also for a later process of this machine.
    ///
    /// # Errors
    /// The store.
    pub(super) async fn keep(
        &self,
        store: &dyn Store,
        push: PushId,
        context: TraceContext,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.remember(push, context);
        let (key, value) = (push.to_string(), Value::from(context.to_string()));
        store
            .put_preference(KEPT, &key, &value, Some(now.plus(LIFE)))
            .await
    }

    /// Recalls what an earlier process has kept.
    async fn recall(&self, store: &dyn Store, push: PushId, now: Timestamp) -> Result<(), StoreError> {
        if self.of(push).is_none()
            && let Some(kept) = store.preference(KEPT, &push.to_string(), now).await?
            && let Some(context) = kept.as_str().and_then(TraceContext::read)
        {
            self.remember(push, context);
        }
        Ok(())
    }

    fn of(&self, push: PushId) -> Option<TraceContext> {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.get(&push).copied()
    }
}

/// Keeps one more, and of too many none.
fn keep<K: Eq + Hash, V>(map: &mut HashMap<K, V>, key: K, value: V) {
    if map.len() >= REMEMBERED {
        map.clear();
    }
    map.insert(key, value);
}

impl LocalDaemon {
    /// Tells the collector, if there is one, of everything that happens from now on.
    ///
    /// # Errors
    /// The store cannot be read, or the network cannot be used.
    pub(super) async fn follow_traces(&self) -> Result<(), StartError> {
        let Some(export) = super::collector::collector(self.configuration(), "sdm")? else {
            return Ok(());
        };
        let (store, stop) = (self.engine().store().clone(), self.tasks().stop_token());
        let mut following = Following::new(otlp::begin(export, self.tasks()), self.heard());
        let mut cursor = store.last_cursor().await?;
        let mut changes = store.subscribe();
        self.tasks().spawn_forever("what is traced", async move {
            loop {
                changes.mark_unchanged();
                for entry in store.feed(cursor, PAGE).await.unwrap_or_default() {
                    cursor = entry.cursor;
                    if let Err(error) = following.recall(&*store, &entry).await {
                        tracing::warn!("what began earlier is traced by itself: {}", chain(&error));
                    }
                    following.see(&entry);
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = changes.changed() => {}
                }
            }
        });
        Ok(())
    }
}

/// A push that was accepted.
struct Accepted {
    at: Timestamp,
    attributes: Vec<(&'static str, String)>,
}

/// An attempt that runs.
struct Running {
    attempt: u32,
    began: Timestamp,
}

/// What is known of what is not over.
struct Following {
    tracer: Tracer,
    heard: Heard,
    pushes: HashMap<PushId, Accepted>,
    /// The plans that goal sets come from.
    plans: HashMap<GoalSetId, TraceContext>,
    running: HashMap<(GoalSetId, GoalKey), Running>,
}

impl Following {
    fn new(tracer: Tracer, heard: Heard) -> Self {
        Self {
            tracer,
            heard,
            pushes: HashMap::new(),
            plans: HashMap::new(),
            running: HashMap::new(),
        }
    }

    /// Recalls what an entry goes on with, as far as it began before this process.
    async fn recall(&mut self, store: &dyn Store, entry: &FeedEntry) -> Result<(), StoreError> {
        match &entry.news {
            News::Push { push, .. } | News::Planned { push, .. } | News::PlanningFailed { push, .. } => {
                self.heard.recall(store, *push, entry.at).await
            }
            News::Goal { goal_set, event, .. } => {
                let place = (*goal_set, event.goal.clone());
                let has_ended = matches!(event.change, GoalChange::Ended { .. });
                let knows_attempt = !has_ended || self.running.contains_key(&place);
                if self.plans.contains_key(goal_set) && knows_attempt {
                    return Ok(());
                }
                let Some(record) = store.goal_set(*goal_set).await? else {
                    return Ok(());
                };
                self.heard.recall(store, record.push.id, entry.at).await?;
                let plan = self.plan(record.push.id, entry.at).context;
                keep(&mut self.plans, *goal_set, plan);
                let goal = record.set.goal(&event.goal).filter(|_| !knows_attempt);
                if let Some((goal, began)) = goal.and_then(|goal| Some((goal, goal.started_at?))) {
                    let attempt = goal.attempt;
                    keep(&mut self.running, place, Running { attempt, began });
                }
                Ok(())
            }
            News::Command { .. } | News::Errand { .. } | News::Event { .. } | News::Message { .. } => Ok(()),
        }
    }

    /// One more entry of the log.
    fn see(&mut self, entry: &FeedEntry) {
        match &entry.news {
            News::Push {
                push,
                repo,
                branch,
                after,
                ..
            } => {
                let attributes = vec![
                    ("sdm.repository", repo.to_string()),
                    ("sdm.branch", branch.to_string()),
                    ("sdm.commit", after.to_string()),
                ];
                let accepted = Accepted {
                    at: entry.at,
                    attributes,
                };
                keep(&mut self.pushes, *push, accepted);
            }
            News::Planned { push, goal_set, .. } => self.planned(*push, *goal_set, entry.at),
            News::PlanningFailed { push, error } => self.not_planned(*push, error, entry.at),
            News::Goal {
                goal_set,
                state,
                event,
                ..
            } => self.goal(*goal_set, *state, event),
            News::Command { .. } | News::Errand { .. } | News::Event { .. } | News::Message { .. } => {}
        }
    }

    fn planned(&mut self, push: PushId, set: Option<GoalSetId>, at: Timestamp) {
        let span = self.plan(push, at);
        if let Some(set) = set {
            keep(&mut self.plans, set, span.context);
        }
        self.pushes.remove(&push);
        let set = set.map(|set| ("sdm.goal_set", set.to_string()));
        self.tracer.record(Span {
            attributes: span.attributes.into_iter().chain(set).collect(),
            ..span
        });
    }

    /// It is tried again later, and then has taken that much longer.
    fn not_planned(&mut self, push: PushId, error: &str, at: Timestamp) {
        let span = self.plan(push, at);
        self.tracer.record(Span {
            context: span.context.child(&format!("plan {push} {}", at.as_micros())),
            failure: Some(error.to_owned()),
            ..span
        });
    }

    fn plan(&self, push: PushId, at: Timestamp) -> Span {
        let (name, told) = (format!("plan {push}"), self.heard.of(push));
        let context = match &told {
            Some(told) => told.child(&name),
            None => TraceContext::root(push.0, &name),
        };
        let accepted = self.pushes.get(&push);
        Span {
            context,
            parent: told.map(|told| told.span),
            name: "plan",
            kind: SpanKind::Consumer,
            began: accepted.map_or(at, |accepted| accepted.at),
            ended: at,
            attributes: accepted.map_or(Vec::new(), |accepted| accepted.attributes.clone()),
            failure: None,
        }
    }

    fn goal(&mut self, set: GoalSetId, state: StateName, event: &GoalEvent) {
        let place = (set, event.goal.clone());
        if let GoalChange::Started { attempt, .. } = event.change {
            let running = Running {
                attempt,
                began: event.at,
            };
            return keep(&mut self.running, place, running);
        }
        if state == StateName::InProcess {
            return;
        }
        if let Some(running) = self.running.remove(&place) {
            self.attempted(set, state, event, &running);
        }
    }

    /// An attempt is over.
    fn attempted(&self, set: GoalSetId, state: StateName, event: &GoalEvent, running: &Running) {
        let plan = self.plans.get(&set).copied();
        let name = format!("attempt {set} {} {}", event.goal, running.attempt);
        let context = match &plan {
            Some(plan) => plan.child(&name),
            // Planned before this process began.
            None => TraceContext::root(set.0, &name),
        };
        let failure = (state == StateName::Failure).then(|| event.error.clone().unwrap_or_default());
        self.tracer.record(Span {
            context,
            parent: plan.map(|plan| plan.span),
            name: "goal",
            kind: SpanKind::Internal,
            began: running.began,
            ended: event.at,
            attributes: vec![
                ("sdm.goal_set", set.to_string()),
                ("sdm.goal", event.goal.to_string()),
                ("sdm.attempt", running.attempt.to_string()),
                ("sdm.state", state.as_str().to_owned()),
            ],
            failure,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_none_is_remembered_and_the_next_are() {
        let mut map = HashMap::new();
        (0..=REMEMBERED).for_each(|number| keep(&mut map, number, ()));
        assert_eq!(map.len(), 1);
    }
}
