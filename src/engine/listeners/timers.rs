//! Timers fire at their moments. One that was missed while the machine was down, or while what it ran last was not over, fires
//! once.

use std::time::Duration;

use serde_json::json;

use crate::engine::Engine;
use crate::model::{Event, ListenerDefinition, ScheduleDefinition, Timestamp};
use crate::ports::errands::ErrandFilter;
use crate::ports::store::StoreError;
use crate::spec::schedule::Schedule;

impl Engine {
    /// Fires what is due; the pause until something is. Of several replicas one does.
    pub(in crate::engine) async fn fire_timers(&self) -> Result<Duration, StoreError> {
        if !self.leads() {
            return Ok(self.settings.tick);
        }
        let machine = self.machine();
        let known = self.parts.store.timers().await?;
        let timers = || {
            machine
                .listeners
                .iter()
                .filter_map(|listener| Some((listener, listener.schedule.as_ref()?)))
        };
        for name in known
            .keys()
            .filter(|name| !timers().any(|(listener, _)| listener.name == **name))
        {
            self.parts.store.forget_timer(name).await?;
        }
        let now = self.parts.clock.now();
        let mut pause = self.settings.tick;
        for (listener, schedule) in timers() {
            let last = known.get(&listener.name).copied();
            if let Some(due) = self.fire_timer(listener, schedule, last, now).await? {
                pause = pause.min(due.since(now));
            }
        }
        Ok(pause)
    }

    /// Fires one timer when it is due; when it will be next otherwise.
    async fn fire_timer(
        &self,
        listener: &ListenerDefinition,
        schedule: &ScheduleDefinition,
        last: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let Ok(schedule) = Schedule::new(schedule) else {
            return Ok(None);
        };
        let Some(last) = last else {
            self.parts
                .store
                .fire_timer(&listener.name, None, now, None)
                .await?;
            return Ok(schedule.next_after(now));
        };
        match schedule.next_after(last) {
            // Until that is over there is nothing to wait for but its end, which wakes whoever looks.
            Some(due) if due <= now && self.is_at_work(&listener.name).await? => Ok(None),
            Some(due) if due <= now => {
                let event = Event {
                    key: format!("Timer:{}", due.as_micros()),
                    name: "Timer".to_owned(),
                    at: now,
                    depth: 0,
                    payload: json!({
                        "timer": listener.name,
                        "due": due.rfc3339(),
                        "machine": {"name": self.settings.name},
                    }),
                };
                self.parts
                    .store
                    .fire_timer(&listener.name, Some(last), now, Some(&event))
                    .await?;
                Ok(schedule.next_after(now))
            }
            next => Ok(next),
        }
    }
    /// Whether what a timer ran last waits or runs still.
    async fn is_at_work(&self, name: &str) -> Result<bool, StoreError> {
        let filter = ErrandFilter {
            open: true,
            name: Some(name.to_owned()),
            limit: 1,
            ..ErrandFilter::default()
        };
        Ok(!self.parts.store.errands(&filter).await?.is_empty())
    }
}
