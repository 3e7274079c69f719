//! Listeners: the log is read by cursor, and what it tells becomes errands, stored together with how far it was read. So no
//! event is lost and none is acted on twice, whenever the machine ends.
//!
//! [`events`] says what an entry of the log means, [`filter`] who is concerned; [`timers`] and [`startup`] make events of
//! their own; [`flood`] and the depth of events keep them from running for ever.

mod events;
mod filter;
mod flood;
mod startup;
mod tags;
mod timers;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::Engine;
use crate::model::event::DEEPEST;
use crate::model::{Cursor, Errand, ErrandCause, ErrandId, Event, ListenerDefinition, News, StateName};
use crate::ports::store::StoreError;
pub(super) use startup::Startup;

/// Entries of the log read at once.
const PAGE: u32 = 500;
/// Entries that may be read again after a restart: the mark is not moved for each.
const LAG: u64 = 256;

/// Items of one event that a listener runs for.
const MOST_ITEMS: usize = 250;

/// An item of a list in an event with its number in it; `None` for the event as a whole.
type Item = Option<(usize, Value)>;

/// How far this process has read the log, and the mark in the store behind it.
#[derive(Default)]
pub(super) struct Reading {
    place: Mutex<Option<(Cursor, Cursor)>>,
    /// Nobody listens, and the store knows.
    is_idle: AtomicBool,
    flood: flood::Flood,
}

impl Reading {
    fn place(&self) -> Option<(Cursor, Cursor)> {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, place: Option<(Cursor, Cursor)>) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }
}

impl Engine {
    /// Reads the log on and stores what listeners are to do; of several replicas one does.
    pub(super) async fn listen(&self) -> Result<(), StoreError> {
        if !self.leads() {
            return Ok(());
        }
        match self.read_on().await {
            // Another replica has read on meanwhile: the store knows how far.
            Err(StoreError::Conflict(_)) => {
                self.reading.set(None);
                Ok(())
            }
            outcome => outcome,
        }
    }

    async fn read_on(&self) -> Result<(), StoreError> {
        if self.machine().listeners.is_empty() {
            return self.listen_to_nothing().await;
        }
        self.reading.is_idle.store(false, Ordering::SeqCst);
        let (mut read, mut mark) = self.where_we_read().await?;
        loop {
            let page = self.parts.store.feed(read, PAGE).await?;
            let Some(last) = page.last().map(|entry| entry.cursor) else {
                return Ok(());
            };
            let mut errands: Vec<Errand> = Vec::new();
            for entry in &page {
                let found = self.errands_of(entry).await?;
                errands.extend(found);
            }
            if !errands.is_empty() || last.0.saturating_sub(mark.0) >= LAG {
                self.parts.store.listen(Some(mark), last, &errands).await?;
                mark = last;
            }
            read = last;
            self.reading.set(Some((read, mark)));
        }
    }

    /// Nothing is remembered for listeners that do not exist: one that comes later begins with what happens then.
    async fn listen_to_nothing(&self) -> Result<(), StoreError> {
        if self.reading.is_idle.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        self.reading.set(None);
        self.parts.store.stop_listening().await
    }

    /// Where this process is, where the last one was, or the end of the log at first.
    async fn where_we_read(&self) -> Result<(Cursor, Cursor), StoreError> {
        if let Some(place) = self.reading.place() {
            return Ok(place);
        }
        let mark = match self.parts.store.listened().await? {
            Some(mark) => mark,
            None => {
                let end = self.parts.store.last_cursor().await?;
                self.parts.store.listen(None, end, &[]).await?;
                end
            }
        };
        self.reading.set(Some((mark, mark)));
        Ok((mark, mark))
    }

    /// Listeners of a machine that never had any hear of what happens from now on: to be called before the machine looks at its
    /// repositories, each of which is seen for the first time then.
    ///
    /// # Errors
    /// The store fails.
    pub async fn begin_to_listen(&self) -> Result<(), StoreError> {
        if self.machine().listeners.is_empty() || self.came_later() {
            return Ok(());
        }
        match self.where_we_read().await {
            // Another replica was first.
            Ok(_) | Err(StoreError::Conflict(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What listeners are to do because of one entry.
    async fn errands_of(&self, entry: &crate::model::FeedEntry) -> Result<Vec<Errand>, StoreError> {
        let machine = self.machine();
        let names = events::names_of(&entry.news);
        let is_wanted = |listener: &&ListenerDefinition| names.contains(&listener.event.as_str());
        let wanting: Vec<&ListenerDefinition> = machine.listeners.iter().filter(is_wanted).collect();
        if wanting.is_empty() {
            return Ok(Vec::new());
        }
        let mut errands: Vec<Errand> = Vec::new();
        for event in self.events_of(entry).await? {
            for listener in &wanting {
                if !filter::concerns(listener, &event) || !self.may_act(listener, &event).await? {
                    continue;
                }
                // Startup listeners run one after the other (TR-02).
                let previous = errands
                    .last()
                    .filter(|_| event.name == startup::EVENT)
                    .map(|errand| errand.id);
                for item in self.items_for(listener, &event).await? {
                    errands.push(self.errand_for(listener, &event, item, previous));
                }
            }
        }
        Ok(errands)
    }

    /// What it runs for: the event as a whole, or each item of a list in it, as far as they are not too many.
    async fn items_for(&self, listener: &ListenerDefinition, event: &Event) -> Result<Vec<Item>, StoreError> {
        let Some(path) = &listener.for_each else {
            return Ok(vec![None]);
        };
        let name = &listener.name;
        let (items, complaint) = match filter::items(event, path) {
            Ok(items) if items.len() > MOST_ITEMS => {
                let all = items.len();
                let text = format!(
                    "the listener {name} runs for the first {MOST_ITEMS} of {all} items of `{path}` of this {}",
                    event.name
                );
                (items, Some(text))
            }
            Ok(items) => (items, None),
            Err(what) => {
                let text = format!(
                    "the listener {name} is not run: `{path}` of this {} is {what}, and `for_each` wants a list",
                    event.name
                );
                (Vec::new(), Some(text))
            }
        };
        if let Some(complaint) = complaint {
            self.say_of_listeners(complaint).await?;
        }
        let numbered = items.into_iter().take(MOST_ITEMS).enumerate();
        Ok(numbered.map(Some).collect())
    }

    fn errand_for(
        &self,
        listener: &ListenerDefinition,
        event: &Event,
        item: Item,
        after: Option<ErrandId>,
    ) -> Errand {
        let mut facts = json!({"event": event.payload});
        let mut key = format!("listener:{}:{}", listener.name, event.key);
        if let Some((number, item)) = item {
            facts["item"] = item;
            key = format!("listener:{}\n{number}:{}", listener.name, event.key);
        }
        Errand {
            id: ErrandId(self.parts.ids.fresh()),
            key,
            name: listener.name.clone(),
            cause: ErrandCause::Event {
                name: event.name.clone(),
            },
            run: listener.run.clone(),
            facts,
            secrets: Vec::new(),
            depth: event.depth + 1,
            after,
            created_at: self.parts.clock.now(),
            state: StateName::Requested,
            attempt: 0,
            version: 1,
            phase: None,
            message: None,
            started_at: None,
            ended_at: None,
        }
    }

    /// Loops are cut: by how deep events have caused each other, and by how often one listener acts on one thing (D10).
    async fn may_act(&self, listener: &ListenerDefinition, event: &Event) -> Result<bool, StoreError> {
        let because = if event.depth >= DEEPEST {
            format!("{DEEPEST} listeners and commands led to this {}", event.name)
        } else {
            let now = self.parts.clock.now();
            match self.reading.flood.admit(listener, event, now) {
                flood::Verdict::Admitted => return Ok(true),
                flood::Verdict::Refused => return Ok(false),
                flood::Verdict::RefusedFirst => format!(
                    "it acted {} times within a minute on the same thing, so it probably causes it",
                    flood::MOST
                ),
            }
        };
        tracing::warn!(listener = %listener.name, event = %event.name, "a loop was cut: {because}");
        self.say_of_listeners(format!("the listener {} is not run: {because}", listener.name))
            .await?;
        Ok(false)
    }

    async fn say_of_listeners(&self, text: String) -> Result<(), StoreError> {
        let news = News::Message { text, repo: None };
        self.parts.store.say(&news, self.parts.clock.now()).await
    }
}
