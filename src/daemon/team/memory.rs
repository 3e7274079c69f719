//! Whether the hub remembers what it was told (threat K4). A hub whose memory was put back to an older point lives another
//! life; it is told again what happened since. It knows changes by goal and version, so that what it has is not there twice,
//! and what it orders again was carried out already and is only answered.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;

use super::Inner;
use crate::ports::store::StoreError;
use crate::wire::hub::Registered;

/// Where the life of a hub's memory is remembered, by its address.
const SCOPE: &str = "hub.memory";

/// Clocks of machines and hubs are not the same.
const MARGIN: Duration = Duration::from_secs(3_600);

impl Inner {
    /// Looks whose memory the hub has, and goes back to where it ends.
    pub(super) async fn recognise(&self, registered: &Registered) -> Result<(), StoreError> {
        let Some(life) = &registered.life else {
            return Ok(());
        };
        let store = self.engine.store();
        let known = store
            .preference(SCOPE, &self.hub.address, self.engine.now())
            .await?;
        let known = known.as_ref().and_then(Value::as_str);
        if known == Some(life.id.as_str()) {
            return Ok(());
        }
        if known.is_some() {
            let since = life.known_until.map(|until| until.minus(MARGIN));
            store.rewind_reports(&self.hub.address, since).await?;
            self.told_anew.store(true, Ordering::Relaxed);
            let since = since.map_or_else(
                || "everything".to_owned(),
                |since| format!("what happened since {since}"),
            );
            tracing::warn!(hub = %self.hub.address, "the hub has forgotten something; it is told again: {since}");
        }
        let value = Value::from(life.id.as_str());
        store.put_preference(SCOPE, &self.hub.address, &value, None).await
    }
}
