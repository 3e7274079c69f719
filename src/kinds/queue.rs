//! `use: queue`: lets only so many goal sets of a group go on at once (semantics 4.9). The store owns the slots.

use async_trait::async_trait;
use serde::Deserialize;

use super::resolve::Placeholders;
use super::{Begun, GoalContext, Kind, KindError};
use crate::model::queue::{QUEUE, RELEASE_ON, ReleaseOn};
use crate::model::{Descriptor, ExecutionResult, Field, ValueType};

pub(super) struct Queue;

/// One queue per repository unless the author says otherwise.
const DEFAULT_GROUP: &str = "${repo.owner}/${repo.name}";

static FIELDS: &[Field] = &[
    Field::new(
        "group",
        ValueType::Text,
        "sets with the same text share the slots; placeholders allowed; the repository",
    )
    .default("\"${repo.owner}/${repo.name}\"")
    .not_empty(),
    Field::new(
        "concurrent",
        ValueType::Integer { min: 1, max: 1000 },
        "how many sets go on at once",
    )
    .default("2"),
    Field::new(
        "policy",
        ValueType::Choice(&["fifo", "newest"]),
        "which waiting set is next",
    )
    .default("fifo"),
    Field::new(
        RELEASE_ON,
        ValueType::Choice(ReleaseOn::NAMES),
        "when the slot is free for others: once the set has ended, or already while it waits for nothing but people; then it queues \
         again before it goes on",
    )
    .default("ended"),
    Field::new(
        "fetch",
        ValueType::Integer { min: 1, max: 1000 },
        "accepted for older files; without effect",
    ),
];

static DESCRIPTOR: Descriptor = Descriptor {
    name: QUEUE,
    aliases: &[],
    value: Some(ValueType::Fields(FIELDS)),
    by_use: true,
    help: "Waits until fewer than `concurrent` sets of the group are active; the slot is held until this set has ended. A retry after that \
           queues again.",
    example: "use: queue\nconcurrent: 1",
};

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Arguments {
    group: String,
    concurrent: u32,
    policy: String,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            group: DEFAULT_GROUP.to_owned(),
            concurrent: 2,
            policy: "fifo".to_owned(),
        }
    }
}

#[async_trait]
impl Kind for Queue {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn only_schedules(&self) -> bool {
        true
    }

    async fn begin(&self, context: &GoalContext<'_>) -> Result<Begun, KindError> {
        let arguments: Arguments = serde_json::from_value(context.goal.definition().work.arguments.clone())
            .map_err(|error| KindError::Definition(error.to_string()))?;
        let group = Placeholders::of(context).await?.text(&arguments.group)?;
        let set = context.record.set.id;
        let release_on = ReleaseOn::of(&context.goal.definition().work).unwrap_or(ReleaseOn::Ended);
        context
            .store
            .join_queue(&group, set, release_on, context.now)
            .await?;
        let newest_first = arguments.policy == "newest";
        let holders = context
            .store
            .grant_queue(&group, arguments.concurrent, newest_first)
            .await?;
        if holders.contains(&set) {
            return Ok(Begun::Ended(ExecutionResult::success()));
        }
        let position = context.store.queue_position(&group, set).await?.unwrap_or(1);
        Ok(Begun::Waiting {
            phase: format!("position {position} in the queue"),
        })
    }
}
