//! The start of the machine: its listeners run one after the other, and timers wait for them (TR-01, TR-02).

use serde_json::json;

use crate::engine::Engine;
use crate::model::{Errand, Event};
use crate::ports::errands::ErrandFilter;
use crate::ports::store::StoreError;

/// Name of the event.
pub(super) const EVENT: &str = "Startup";

/// How far the start has come.
pub(in crate::engine) struct Startup {
    /// Key of this start's event; `None` once everything that waited for it has ended.
    key: Option<String>,
}

impl Engine {
    /// Says that the machine has started, when anybody listens to that.
    pub(in crate::engine) async fn begin_startup(&self) -> Startup {
        let is_heard = self
            .machine()
            .listeners
            .iter()
            .any(|listener| listener.event == EVENT);
        // A replica that comes to others starts no machine.
        if !is_heard || self.came_later() {
            return Startup { key: None };
        }
        let event = Event {
            key: format!("{EVENT}:{}", self.parts.ids.fresh()),
            name: EVENT.to_owned(),
            at: self.parts.clock.now(),
            depth: 0,
            payload: json!({"machine": {"name": self.settings.name}}),
        };
        // Listeners read from where they were, or from here on when they never did.
        let raised = match self.where_we_read().await {
            Ok(_) => self.parts.store.raise(std::slice::from_ref(&event)).await,
            Err(error) => Err(error),
        };
        match raised {
            Ok(()) => Startup { key: Some(event.key) },
            Err(error) => {
                tracing::error!(error = %error, "the start could not be told to its listeners");
                Startup { key: None }
            }
        }
    }

    /// Whether every startup listener has ended.
    pub(in crate::engine) async fn has_started(&self, startup: &mut Startup) -> Result<bool, StoreError> {
        let Some(key) = &startup.key else { return Ok(true) };
        let filter = ErrandFilter {
            open: true,
            limit: 1_000,
            ..ErrandFilter::default()
        };
        let open = self.parts.store.errands(&filter).await?;
        let belongs = |errand: &Errand| errand.key.ends_with(key.as_str());
        if open.iter().any(belongs) {
            return Ok(false);
        }
        startup.key = None;
        Ok(true)
    }
}
