//! Webhooks that were sent while the hub did not answer. GitHub does not send them again by itself: the hub asks the GitHub Apps that
//! it has the keys of, and the webhooks of repositories and organisations that it has tokens for, which did not arrive, and has those
//! sent again that it has not taken. A webhook that is taken twice is once there.
//!
//! What failed stays in the list of what failed, also when it has arrived since. So a hub notes how far back it has looked, and goes on
//! from there in the next round, until it meets what was seen to before; then it begins with the newest again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Hub;
use super::ingest::GITHUB;
use super::metrics::Counters;
use super::people::providers::{ProviderError, Sender, Sent};
use crate::model::Timestamp;
use crate::ports::hub::{HubStoreError, LookBack};

/// How far back is looked: GitHub sends nothing again that is older.
const BACK: Duration = Duration::from_secs(3 * 24 * 3_600);

/// Parts of the list that are read in one round.
const MOST_PARTS: u32 = 20;

/// Webhooks that are asked for in one round.
const MOST_AT_ONCE: usize = 200;

/// So many pauses between two of them are as long as that between two rounds.
const PAUSES: u32 = 6_000;

/// Attempts after which a webhook is given up: the hub refuses it, and will.
const MOST_ATTEMPTS: usize = 5;

/// So much of what was looked at is looked at again: clocks differ, and lists are late.
const OVERLAP: Duration = Duration::from_secs(10 * 60);

/// So long nobody else looks while one hub does, unless it says so again.
const HELD: Duration = Duration::from_secs(10 * 60);

/// What this hub has asked for: the attempts at each webhook, and when the last one was.
type Asked = BTreeMap<String, (BTreeSet<u64>, Timestamp)>;

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

/// Attempts at webhooks of which none arrived, by the webhook; the numbers of the last ones, if they were not asked for yet.
fn lost<'s>(all: &'s [Sent], asked: &Asked) -> BTreeMap<&'s str, u64> {
    let mut by_id: BTreeMap<&str, Vec<&Sent>> = BTreeMap::new();
    for sent in all {
        by_id.entry(&sent.id).or_default().push(sent);
    }
    by_id.retain(|_, attempts| {
        attempts.len() < MOST_ATTEMPTS && attempts.iter().all(|attempt| !attempt.arrived)
    });
    let last = |(id, attempts): (&'s str, Vec<&Sent>)| {
        let last = attempts.iter().max_by_key(|attempt| attempt.at)?.attempt;
        let is_enough =
            |attempts: &BTreeSet<u64>| attempts.contains(&last) || attempts.len() + 1 >= MOST_ATTEMPTS;
        let before = asked.get(id).is_some_and(|(attempts, _)| is_enough(attempts));
        (!before).then_some((id, last))
    };
    by_id.into_iter().filter_map(last).collect()
}

impl Hub {
    /// Looks for missed webhooks at the start and again and again, until the hub stops.
    pub(super) async fn look_for_missed(&self) {
        let stop = self.tasks().stop_token();
        let mut asked: BTreeMap<String, Asked> = BTreeMap::new();
        loop {
            for sender in self.providers().senders() {
                let of_sender = asked.entry(sender.name().to_owned()).or_default();
                if let Err(error) = self.ask_for_missed(&sender, of_sender).await {
                    tracing::warn!(
                        sender = sender.name(),
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

    /// Has sent again what one sender has sent and what is not here, as far as one round goes.
    async fn ask_for_missed(&self, sender: &Sender<'_>, asked: &mut Asked) -> Result<(), MissedError> {
        let now = self.shared_now();
        let taken = self.store().take_up(sender.name(), now, self.held()).await?;
        let Some(mut look) = taken else {
            return Ok(());
        };
        asked.retain(|_, (_, at)| *at >= now.minus(BACK));
        let looked = self.look_back(sender, &mut look, asked).await;
        // Where it went wrong it goes on there the next time.
        let kept = self.store().look_on(sender.name(), &look, self.shared_now());
        kept.await?;
        looked
    }

    /// Until when nobody else looks. Whoever is alone with the memory takes up what it was at when it crashed at once.
    fn held(&self) -> Timestamp {
        match self.may_have_replicas() {
            true => self.shared_now().plus(HELD),
            false => self.shared_now(),
        }
    }

    /// Goes through what a sender has sent in vain, from the newest to what was seen to before, part by part.
    async fn look_back(
        &self,
        sender: &Sender<'_>,
        look: &mut LookBack,
        asked: &mut Asked,
    ) -> Result<(), MissedError> {
        let mut room = MOST_AT_ONCE;
        for _ in 0..MOST_PARTS {
            if look.place.is_none() {
                look.top = self.now();
            }
            let since = look.mark.max(self.now().minus(BACK));
            let place = look.place.clone();
            let part = match self.providers().sent(sender, self.now(), place.as_deref()).await {
                Ok(part) => part,
                Err(error) => {
                    // The place may be one that the forge knows no more.
                    if matches!(error, ProviderError::Refused { .. }) {
                        look.place = None;
                    }
                    return Err(error.into());
                }
            };
            let is_over = part.before.is_none() || part.sent.iter().any(|sent| sent.at < since);
            let mut recent = part.sent;
            recent.retain(|sent| sent.at >= since);
            room = match self.ask_for_part(sender, &recent, asked, room).await? {
                Some(room) => room,
                None => return Ok(()),
            };
            if is_over {
                (look.mark, look.place) = (look.top.minus(OVERLAP), None);
                return Ok(());
            }
            look.place = part.before;
            self.store().look_on(sender.name(), look, self.held()).await?;
        }
        Ok(())
    }

    /// Asks for what is missing of a part; for how many more there is room in this round, and `None` when not all were asked for.
    async fn ask_for_part(
        &self,
        sender: &Sender<'_>,
        sent: &[Sent],
        asked: &mut Asked,
        room: usize,
    ) -> Result<Option<usize>, MissedError> {
        let mut lost = lost(sent, asked);
        let ids: Vec<&str> = lost.keys().copied().collect();
        for id in self.taken_anywhere(&ids).await? {
            lost.remove(id.as_str());
        }
        let count = lost.len().min(room);
        for (id, attempt) in lost.iter().take(room) {
            if self.is_stopping() {
                return Ok(None);
            }
            match self.providers().send_again(sender, self.now(), *attempt).await {
                // It is too old, or is not sent again for another reason that stays.
                Ok(())
                | Err(ProviderError::Refused {
                    status: 404 | 422, ..
                }) => {}
                Err(error) => return Err(error.into()),
            }
            let (attempts, at) = asked
                .entry((*id).to_owned())
                .or_insert((BTreeSet::new(), self.now()));
            attempts.insert(*attempt);
            *at = self.now();
            Counters::count(&self.counters().missed, 1);
            tokio::time::sleep(self.rhythm().missed / PAUSES).await;
        }
        if count > 0 {
            let (sender, waiting) = (sender.name(), lost.len() - count);
            tracing::info!(sender, count, waiting, "webhooks that were missed are asked for");
        }
        Ok((count == lost.len()).then_some(room - count))
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
        let now = Timestamp::from_micros(0);
        let mut asked = Asked::new();
        assert_eq!(lost(&all, &asked), [("lost", 3)].into());
        asked.insert("lost".to_owned(), ([1].into(), now));
        assert_eq!(lost(&all, &asked), [("lost", 3)].into());
        asked.insert("lost".to_owned(), ([3].into(), now));
        assert_eq!(lost(&all, &asked), [].into(), "this attempt was asked for");
        asked.insert("lost".to_owned(), ([20, 21, 22, 23].into(), now));
        assert_eq!(lost(&all, &asked), [].into(), "often enough");
    }
}
