//! Whether the daemon can take on work now: more than that it lives.

use std::time::Duration;

use serde_json::json;

use super::Refused;
use crate::daemon::local::LocalDaemon;

/// How long the memory may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where it is written that it was asked: a write that is of no use to anybody, and shows that one can be made.
const PLACE: (&str, &str) = ("machine", "asked-whether-ready");

impl LocalDaemon {
    /// Makes sure that it is ready: it does not end, it may start work, and its memory can be written. One whose hub is away is.
    pub(super) async fn must_be_ready(&self) -> Result<(), Refused> {
        if self.tasks().stop_token().is_cancelled() {
            return Err(Refused::new("it is not ready: it ends"));
        }
        if self.engine().holds_work() {
            let held =
                Refused::new("it is not ready: it starts nothing until its hub says whose its state is");
            return Err(held.hint("see `sdm doctor`"));
        }
        let (scope, key) = PLACE;
        let now = json!(self.engine().now().rfc3339());
        let written = self.engine().store().put_preference(scope, key, &now, None);
        match tokio::time::timeout(PATIENCE, written).await {
            Ok(written) => Ok(written?),
            Err(_) => Err(Refused::new("it is not ready: its memory cannot be written")),
        }
    }
}
