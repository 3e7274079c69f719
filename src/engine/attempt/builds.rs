//! Builds that a goal reports of its commit are events that listeners hear of (semantics 3.19).

use serde_json::{Value, json};

use super::super::Engine;
use crate::model::event::LARGEST_PAYLOAD;
use crate::model::reported::{BUILDS, reported};
use crate::model::{Event, ExecutionResult, Push};
use crate::ports::executor::AttemptRef;
use crate::ports::store::{GoalSetRecord, StoreError};

/// The name of the event.
const BUILD: &str = "Build";

/// Most builds of one goal that are told.
const MOST: usize = 20;

impl Engine {
    /// Tells listeners of the builds in the result of an attempt. Told again they are the same events.
    pub(super) async fn tell_builds(
        &self,
        record: &GoalSetRecord,
        attempt: &AttemptRef,
        result: &ExecutionResult,
    ) -> Result<(), StoreError> {
        let builds = reported(result.data.as_deref(), BUILDS);
        let numbered = builds.into_iter().take(MOST).enumerate();
        let events = numbered.map(|(number, build)| Event {
            key: format!(
                "build:{}:{}:{}:{number}",
                attempt.goal_set, attempt.goal, attempt.attempt
            ),
            name: BUILD.to_owned(),
            at: self.parts.clock.now(),
            depth: record.cause.depth(),
            payload: payload(&record.push, &build),
        });
        let fitting: Vec<Event> = events
            .filter(|event| event.payload.to_string().len() <= LARGEST_PAYLOAD)
            .collect();
        match fitting.is_empty() {
            true => Ok(()),
            false => self.parts.store.raise(&fitting).await,
        }
    }
}

fn payload(push: &Push, build: &Value) -> Value {
    let slug = &push.repo.slug;
    json!({
        "build": build,
        "sha": push.after.as_str(),
        "repo": {
            "owner": slug.owner,
            "name": slug.name,
            "slug": slug.to_string(),
            "default_branch": push.repo.default_branch.as_ref().map(ToString::to_string),
        },
    })
}
