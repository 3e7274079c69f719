//! Goals that trigger rules (semantics 2.8). The log is read by cursor, and the goals that rules wait for are noted together
//! with how far it was read; a note goes in the transaction that stores the plan. So no goal is missed and none triggers a
//! rule twice, whenever the machine ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::replay::next_number;
use super::{Engine, Machine};
use crate::model::trigger::{GoalTrigger, LONGEST_CHAIN, is_completion};
use crate::model::{Cursor, FeedEntry, GoalEvent, News, Push, StateName};
use crate::ports::store::{Cause, GoalSetRecord, StoreError};
use crate::ports::triggers::NotedTrigger;

/// Entries of the log read at once.
const PAGE: u32 = 500;
/// Entries that may be read again after a restart: the mark is not moved for each.
const LAG: u64 = 256;

/// How far this process has read the log, and the mark in the store behind it.
#[derive(Default)]
pub(super) struct Heeding {
    place: Mutex<Option<(Cursor, Cursor)>>,
    /// No rule waits for goals, and the store knows.
    is_idle: AtomicBool,
}

impl Heeding {
    fn place(&self) -> Option<(Cursor, Cursor)> {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, place: Option<(Cursor, Cursor)>) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }
}

impl Engine {
    /// Notes the goals that rules wait for, and asks those rules; of several replicas one does.
    pub(super) async fn heed_goals(&self) -> Result<(), StoreError> {
        if !self.leads() {
            return Ok(());
        }
        let machine = self.machine();
        if !self.settings.heeds_goals || !machine.rules.waits_for_goals() {
            return self.heed_nothing().await;
        }
        self.heeding.is_idle.store(false, Ordering::SeqCst);
        match self.note_triggers(&machine).await {
            // Somebody else reads as well: the store knows how far.
            Err(StoreError::Conflict(_)) => self.heeding.set(None),
            outcome => outcome?,
        }
        self.plan_triggered().await
    }

    async fn heed_nothing(&self) -> Result<(), StoreError> {
        if self.heeding.is_idle.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        self.heeding.set(None);
        self.parts.store.stop_heeding().await
    }

    async fn note_triggers(&self, machine: &Machine) -> Result<(), StoreError> {
        let (mut read, mut mark) = self.where_we_heed().await?;
        loop {
            let page = self.parts.store.feed(read, PAGE).await?;
            let Some(last) = page.last().map(|entry| entry.cursor) else {
                return Ok(());
            };
            let mut triggers = Vec::new();
            for entry in &page {
                triggers.extend(self.trigger_in(entry, machine).await?);
            }
            if !triggers.is_empty() || last.0.saturating_sub(mark.0) >= LAG {
                self.parts.store.heed(Some(mark), last, &triggers).await?;
                mark = last;
            }
            read = last;
            self.heeding.set(Some((read, mark)));
        }
    }

    /// Where this process is, where the last one was, or the end of the log at first.
    async fn where_we_heed(&self) -> Result<(Cursor, Cursor), StoreError> {
        if let Some(place) = self.heeding.place() {
            return Ok(place);
        }
        let mark = match self.parts.store.heeded().await? {
            Some(mark) => mark,
            None => {
                let end = self.parts.store.last_cursor().await?;
                self.parts.store.heed(None, end, &[]).await?;
                end
            }
        };
        self.heeding.set(Some((mark, mark)));
        Ok((mark, mark))
    }

    /// Whether rules are to be asked because of a goal of another machine.
    pub fn waits_for(&self, push: &Push, trigger: &GoalTrigger) -> bool {
        let mut facts = self.settings.planning_facts();
        facts.trigger = Some(trigger.clone());
        self.settings.heeds_goals && self.machine().rules.is_triggered(push, &facts)
    }

    /// Notes a goal of another machine that came to a result on a push of this one; `false` when it was noted before. A
    /// machine that does not say how many goals triggered each other cannot go on for ever either: each further result of
    /// one of its goals on the same push counts.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn heed_foreign(&self, push: &Push, mut trigger: GoalTrigger) -> Result<bool, StoreError> {
        let store = &self.parts.store;
        let before = store
            .heeded_of(push.id, &trigger.registration, &trigger.goal)
            .await?;
        trigger.chain = trigger.chain.max(before).min(LONGEST_CHAIN);
        let is_new = store.heed_foreign(push.id, &trigger).await?;
        self.look.notify_one();
        Ok(is_new)
    }

    /// The goal that an entry of the log tells of, when a rule waits for it.
    async fn trigger_in(
        &self,
        entry: &FeedEntry,
        machine: &Machine,
    ) -> Result<Option<GoalTrigger>, StoreError> {
        let News::Goal {
            goal_set,
            event,
            state,
            ..
        } = &entry.news
        else {
            return Ok(None);
        };
        if !event.change.is_new_state() || !is_completion(*state) {
            return Ok(None);
        }
        let record = match self.parts.store.goal_set(*goal_set).await {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(None),
            // Whoever reads this set says so; the other goals are not to wait for it.
            Err(StoreError::Corrupt { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut facts = self.settings.planning_facts();
        facts.trigger = self.trigger_of(&record, event, *state);
        let is_waited_for = facts.trigger.is_some() && machine.rules.is_triggered(&record.push, &facts);
        Ok(facts.trigger.filter(|_| is_waited_for))
    }

    /// The goal as rules are asked about it; what only shows what it would do triggers nothing.
    fn trigger_of(&self, record: &GoalSetRecord, told: &GoalEvent, state: StateName) -> Option<GoalTrigger> {
        if matches!(record.cause, Cause::Command { dry_run: true, .. }) {
            return None;
        }
        let goal = record.set.goal(&told.goal)?;
        let definition = goal.definition();
        let outputs = definition.files.outputs.iter();
        Some(GoalTrigger {
            goal_set: record.set.id,
            goal: told.goal.clone(),
            version: told.version,
            registration: self.settings.name.clone(),
            is_own: true,
            name: definition.name.clone(),
            state,
            data: told.data.clone().or_else(|| goal.data.clone()),
            outputs: outputs
                .filter(|_| state == StateName::Success)
                .map(|output| output.classifier.clone())
                .collect(),
            chain: record.cause.chain(),
            depth: record.cause.depth(),
        })
    }

    async fn plan_triggered(&self) -> Result<(), StoreError> {
        for noted in self.parts.store.noted_triggers().await? {
            let push = match noted.push {
                Some(push) => self.parts.store.push(push).await?,
                None => {
                    let record = self.parts.store.goal_set(noted.trigger.goal_set).await?;
                    record.map(|record| record.push)
                }
            };
            if let Some(push) = push.filter(|push| self.may_plan(push)) {
                let engine = self.clone();
                self.parts.tasks.spawn(
                    "plan",
                    async move { engine.plan_because_of_goal(push, noted).await },
                );
            }
        }
        Ok(())
    }

    /// Asks the rules because of a goal. Plans of one push are made one after the other.
    async fn plan_because_of_goal(&self, push: Push, noted: NotedTrigger) {
        if !self.begin_planning(&push) {
            return;
        }
        let outcome = self.plan_noted(&push, noted).await;
        self.end_planning(&push);
        match outcome {
            Ok(()) | Err(StoreError::Conflict(_)) => self.look.notify_one(),
            Err(error) => {
                tracing::error!(push.id = %push.id, error = %error, "the plan for a goal could not be stored");
                self.pause_planning(&push, 0);
            }
        }
    }

    async fn plan_noted(&self, push: &Push, noted: NotedTrigger) -> Result<(), StoreError> {
        let NotedTrigger {
            trigger, failures, ..
        } = noted;
        if trigger.chain >= LONGEST_CHAIN {
            let error = format!(
                "{LONGEST_CHAIN} goal sets have triggered each other, so no further one is set because of {} in goal set {}",
                trigger.name,
                trigger.goal_set.short()
            );
            let at = self.parts.clock.now();
            return self
                .parts
                .store
                .fail_trigger(push, &trigger, &error, true, at)
                .await;
        }
        let attempts = self.parts.store.planning_attempts(push.id).await?;
        let cause = Cause::Goal {
            number: next_number(&attempts),
            goal_set: trigger.goal_set,
            goal: trigger.goal.clone(),
            version: trigger.version,
            chain: trigger.chain + 1,
            depth: trigger.depth,
        };
        self.plan_for(push, &cause, Some(trigger), failures)
            .await
            .map(|_| ())
    }
}
