//! Hearing that another replica wrote: LISTEN and NOTIFY of Postgres as a hint. What a hint that got lost would have told is
//! found by looking again from time to time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::PgListener;
use tokio_util::sync::CancellationToken;

use super::changes::Changes;
use crate::runtime::tasks::Tasks;

/// Where the replicas of a machine listen.
pub(super) const CHANNEL: &str = "sdm_machine";

/// Between two looks without a hint.
const LOOK: Duration = Duration::from_secs(5);

/// Passes hints on until the store is closed or gone.
pub(super) fn hear(url: SecretString, own: Arc<AtomicI64>, changes: &Arc<Changes>, tasks: &Tasks) {
    let (changes, stop) = (Arc::downgrade(changes), tasks.stop_token());
    tasks.spawn("hints of replicas", async move {
        while !stop.is_cancelled() && changes.strong_count() > 0 {
            if let Err(error) = pass_on(&url, &own, &changes, &stop).await {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "no hints of replicas for a while"
                );
            }
            wait(&stop).await;
            tell(&changes);
        }
    });
}

/// One conversation. What happened before it is not heard, so it begins with a look.
async fn pass_on(
    url: &SecretString,
    own: &AtomicI64,
    changes: &Weak<Changes>,
    stop: &CancellationToken,
) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect(url.expose_secret()).await?;
    listener.listen(CHANNEL).await?;
    tell(changes);
    while changes.strong_count() > 0 {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            heard = listener.recv() => {
                if i64::from(heard?.process_id()) != own.load(Ordering::Relaxed) {
                    tell(changes);
                }
            }
            () = tokio::time::sleep(LOOK) => tell(changes),
        }
    }
    Ok(())
}

async fn wait(stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(LOOK) => {}
    }
}

fn tell(changes: &Weak<Changes>) {
    if let Some(changes) = changes.upgrade() {
        changes.tell();
    }
}
