//! Webhooks that were sent while the hub did not answer. GitHub does not send them again by itself: the hub asks the GitHub App that it
//! has the key of which did not arrive, and has those sent again that it has not taken. A webhook that is taken twice is once there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Hub;
use super::ingest::GITHUB;
use super::metrics::Counters;
use super::people::providers::{ProviderError, ProviderSettings, Sent};
use crate::ports::hub::HubStoreError;

/// How far back is looked: GitHub sends nothing again that is older.
const BACK: Duration = Duration::from_secs(3 * 24 * 3_600);

/// Parts of the list that are read in one round.
const MOST_PARTS: u32 = 20;

/// Webhooks that are asked for in one round.
const MOST_AT_ONCE: usize = 200;

/// Pause between two of them.
const PAUSE: Duration = Duration::from_millis(50);

/// Attempts after which a webhook is given up: the hub refuses it, and will.
const MOST_ATTEMPTS: usize = 5;

/// Times that one hub asks for a webhook: what changes nothing here is not kept, and so never known to be taken.
const MOST_TIMES: usize = 2;

/// How often this hub has asked for which webhook.
type Asked = BTreeMap<String, usize>;

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
enum MissedError {
    /// GitHub does not answer, or refuses.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The memory.
    #[error(transparent)]
    Store(#[from] HubStoreError),
}

/// Attempts at webhooks of which none arrived, by the webhook; the numbers of the last ones.
fn lost(all: &[Sent]) -> BTreeMap<&str, u64> {
    let mut by_id: BTreeMap<&str, Vec<&Sent>> = BTreeMap::new();
    for sent in all {
        by_id.entry(&sent.id).or_default().push(sent);
    }
    by_id.retain(|_, attempts| {
        attempts.len() < MOST_ATTEMPTS && attempts.iter().all(|attempt| !attempt.arrived)
    });
    let last = |(id, attempts): (_, Vec<&Sent>)| {
        let last = attempts.iter().max_by_key(|attempt| attempt.at)?;
        Some((id, last.attempt))
    };
    by_id.into_iter().filter_map(last).collect()
}

impl Hub {
    /// Looks for missed webhooks at the start and again and again, until the hub stops.
    pub(super) async fn look_for_missed(&self) {
        let stop = self.tasks().stop_token();
        let mut asked = Asked::default();
        loop {
            for provider in self.providers().apps() {
                if let Err(error) = self.ask_for_missed(provider, &mut asked).await {
                    tracing::warn!(
                        provider = provider.name,
                        error = &error as &dyn std::error::Error,
                        "webhooks that were missed cannot be asked for now"
                    );
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.rhythm().missed) => {}
            }
        }
    }

    /// Has sent again what one app has sent and what is not here.
    async fn ask_for_missed(
        &self,
        provider: &ProviderSettings,
        asked: &mut Asked,
    ) -> Result<(), MissedError> {
        let all = self.sent_in_vain(provider).await?;
        asked.retain(|id, _| all.iter().any(|sent| sent.id == *id));
        let mut lost = lost(&all);
        let ids: Vec<&str> = lost.keys().copied().collect();
        for id in self.taken_anywhere(&ids).await? {
            lost.remove(id.as_str());
        }
        lost.retain(|id, _| asked.get(*id).is_none_or(|times| *times < MOST_TIMES));
        let count = lost.len().min(MOST_AT_ONCE);
        for (id, attempt) in lost.iter().take(MOST_AT_ONCE) {
            if self.is_stopping() {
                return Ok(());
            }
            *asked.entry((*id).to_owned()).or_default() += 1;
            let providers = self.providers();
            providers.send_again(provider, self.now(), *attempt).await?;
            Counters::count(&self.counters().missed, 1);
            tokio::time::sleep(PAUSE).await;
        }
        if count > 0 {
            let waiting = lost.len() - count;
            tracing::info!(
                provider = provider.name,
                count,
                waiting,
                "webhooks that were missed are asked for"
            );
        }
        Ok(())
    }

    /// Webhooks of an app that did not arrive, of the time in which they are sent again.
    async fn sent_in_vain(&self, provider: &ProviderSettings) -> Result<Vec<Sent>, ProviderError> {
        let since = self.now().minus(BACK);
        let (mut all, mut before) = (Vec::new(), None);
        for _ in 0..MOST_PARTS {
            let part = self
                .providers()
                .sent(provider, self.now(), before.as_deref())
                .await?;
            let is_over = part.sent.iter().any(|sent| sent.at < since);
            all.extend(part.sent.into_iter().filter(|sent| sent.at >= since));
            before = part.before;
            if is_over || before.is_none() {
                break;
            }
        }
        Ok(all)
    }

    /// Which of these have been taken, whichever workspace they were for.
    async fn taken_anywhere(&self, ids: &[&str]) -> Result<BTreeSet<String>, HubStoreError> {
        let mut taken = BTreeSet::new();
        if ids.is_empty() {
            return Ok(taken);
        }
        for workspace in self.store().workspaces().await? {
            let received = self.store().received(&workspace, GITHUB, ids).await?;
            taken.extend(received.into_keys());
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn what_arrived_once_or_is_refused_again_and_again_is_not_asked_for() {
        let sent = |attempt: u64, id: &str, arrived: bool| Sent {
            attempt,
            id: id.to_owned(),
            at: Timestamp::from_micros(i64::try_from(attempt).unwrap()),
            arrived,
        };
        let mut all = vec![
            sent(1, "lost", false),
            sent(3, "lost", false),
            sent(2, "late", false),
            sent(4, "late", true),
        ];
        all.extend((10..15).map(|attempt| sent(attempt, "refused", false)));
        assert_eq!(lost(&all), [("lost", 3)].into());
    }
}
