//! Replicas of this machine that share its database: who else is there, and whose turn something is.
//!
//! Each says again and again that it is there. One that has said nothing for as long as a lease lasts, by the clock of whoever
//! listens, is forgotten, and what it carried out is lost; its own processes have ended by then ([`Executor::hold`]). While the
//! database is away nobody is heard, and nobody is forgotten for that. A machine that is alone does nothing of this.
//!
//! [`Executor::hold`]: crate::ports::Executor::hold

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Engine;
use super::attempt::Place;
use super::words::chain;
use crate::model::{ErrandId, Push, PushId, Timestamp};
use crate::ports::AttemptRef;
use crate::ports::replicas::{Beats, Standing};
use crate::ports::scm::ScmError;
use crate::ports::store::StoreError;

/// A replica says that it is there so many times while a lease lasts.
const BEATS: u32 = 6;

/// How long something is left to the replica whose turn it is.
const TURN: Duration = Duration::from_secs(3);

/// Pushes that are remembered as taken in; another replica plans one that is forgotten, a little later.
const MOST_TAKEN_IN: usize = 10_000;

/// The other replicas, as far as this one hears of them. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Replicas(Arc<Mutex<Heard>>);

#[derive(Debug, Default)]
struct Heard {
    /// How often each has said that it is there, and since when it was so often.
    others: BTreeMap<String, (u64, Instant)>,
    /// When anything was heard last.
    last: Option<Instant>,
    /// Whether others were there when this one came.
    came_later: bool,
}

impl Replicas {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether others are there.
    pub(super) fn has_others(&self) -> bool {
        !self.heard().others.is_empty()
    }

    /// Whether it is this replica that does what one does for all.
    pub(super) fn leads(&self, own: &str) -> bool {
        self.heard().others.keys().all(|other| own < other.as_str())
    }

    /// Whether it is this replica's turn to begin with something; each thing is some replica's.
    pub(super) fn has_turn(&self, own: &str, what: &impl Hash) -> bool {
        let weight = |replica: &str| {
            let mut hasher = DefaultHasher::new();
            (replica, what).hash(&mut hasher);
            hasher.finish()
        };
        let mine = weight(own);
        self.heard().others.keys().all(|other| weight(other) < mine)
    }
}

impl Heard {
    /// Takes in what was read at a moment; those that have said nothing for too long.
    fn take(&mut self, beats: Vec<Beats>, now: Instant, lease: Duration) -> Vec<Beats> {
        // Whoever could not be heard because nobody was has not been silent.
        let was_deaf = self.last.is_none_or(|last| now - last > lease / 2);
        self.last = Some(now);
        let known = std::mem::take(&mut self.others);
        let mut silent = Vec::new();
        for beat in beats {
            let since = match known.get(&beat.replica) {
                Some((count, since)) if *count == beat.count && !was_deaf => *since,
                Some(_) | None => now,
            };
            self.others.insert(beat.replica.clone(), (beat.count, since));
            if now - since >= lease {
                silent.push(beat);
            }
        }
        silent
    }
}

impl Engine {
    /// Whether the machine has no replicas that could be.
    pub(in crate::engine) fn is_alone(&self) -> bool {
        self.settings.replica.is_empty()
    }

    /// Which replica of the machine this is; empty when it is alone.
    pub fn replica(&self) -> &str {
        &self.settings.replica
    }

    /// Comes to the others, before anything else is done.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn join(&self) -> Result<(), StoreError> {
        if self.is_alone() {
            return Ok(());
        }
        let others = self.beat().await?;
        let since = self.now().minus(self.settings.lease);
        let is_there = |beats: &Beats| beats.at > since;
        self.replicas.heard().came_later = others.iter().any(is_there);
        Ok(())
    }

    /// Says that it is there, and hears of the others, until told to stop.
    pub async fn run_beats(&self) {
        let stop = self.parts.tasks.stop_token();
        if self.is_alone() {
            return stop.cancelled().await;
        }
        let pause = self.settings.lease / BEATS;
        let mut next = pause;
        while tokio::time::timeout(next, stop.cancelled()).await.is_err() {
            let begun = Instant::now();
            if let Err(error) = self.beat().await {
                tracing::warn!(error = %chain(&error), "the other replicas do not hear of this one");
            }
            // One that had to wait for the database is old when it is there.
            next = pause.saturating_sub(begun.elapsed());
        }
    }

    async fn beat(&self) -> Result<Vec<Beats>, StoreError> {
        let begun = Instant::now();
        let others = self.parts.store.beat(self.now()).await?;
        if let Err(error) = self.parts.executor.hold(begun.elapsed()).await {
            tracing::error!(error = %chain(&error), "processes cannot be told to go on, and will end");
        }
        let silent = {
            let mut heard = self.replicas.heard();
            heard.take(others.clone(), Instant::now(), self.settings.lease)
        };
        for other in silent {
            self.bury(&other).await?;
        }
        Ok(others)
    }

    async fn bury(&self, other: &Beats) -> Result<(), StoreError> {
        if self.parts.store.bury(other).await? {
            self.replicas.heard().others.remove(&other.replica);
            tracing::warn!(replica = %other.replica, "another replica is not heard of any more; what it did is lost and taken over");
            self.look_again();
            self.errands.look.notify_one();
        }
        Ok(())
    }

    /// Whether another replica was there when this one came.
    pub(super) fn came_later(&self) -> bool {
        self.replicas.heard().came_later
    }

    /// Whether it is this replica that does what one does for all.
    pub fn leads(&self) -> bool {
        self.is_alone() || self.replicas.leads(&self.settings.replica)
    }

    /// Notes a push that this replica takes in, before it does.
    pub(super) fn take_in(&self, push: PushId) {
        let mut taken_in = self.taken_in.lock().unwrap_or_else(PoisonError::into_inner);
        if taken_in.len() >= MOST_TAKEN_IN {
            taken_in.clear();
        }
        taken_in.insert(push);
    }

    /// Whether this replica has taken a push in.
    pub(super) fn has_taken_in(&self, push: PushId) -> bool {
        let taken_in = self.taken_in.lock().unwrap_or_else(PoisonError::into_inner);
        taken_in.contains(&push)
    }

    /// Fetches the commit of a push that another replica may have taken in; what is here already is not asked for.
    pub(super) async fn bring_here(&self, push: &Push) -> Result<(), ScmError> {
        match self.is_alone() || self.has_taken_in(push.id) {
            true => Ok(()),
            false => self.parts.scm.fetch(&push.repo, &push.after).await,
        }
    }

    /// How long to leave something to the replica whose turn it is, which has been waiting since a moment.
    pub(super) fn leaves_for(&self, what: &impl Hash, since: Timestamp) -> Option<Duration> {
        if self.is_alone() || self.replicas.has_turn(&self.settings.replica, what) {
            return None;
        }
        TURN.checked_sub(self.now().since(since))
            .filter(|left| !left.is_zero())
    }

    /// Whose goals in process are that are not this replica's own.
    pub(super) async fn elsewhere(&self) -> Result<HashMap<Place, (AttemptRef, Standing)>, StoreError> {
        if self.is_alone() {
            return Ok(HashMap::new());
        }
        let mut latest: HashMap<Place, (AttemptRef, Standing)> = HashMap::new();
        for (attempt, standing) in self.parts.store.standings().await? {
            let place = Place {
                goal_set: attempt.goal_set,
                goal: attempt.goal.clone(),
            };
            let is_newer = latest
                .get(&place)
                .is_none_or(|(known, _)| known.epoch < attempt.epoch);
            if is_newer {
                latest.insert(place, (attempt, standing));
            }
        }
        latest.retain(|_, (_, standing)| *standing != Standing::Own);
        Ok(latest)
    }

    /// Whose open errands are that are not this replica's own.
    pub(super) async fn errands_elsewhere(&self) -> Result<HashMap<ErrandId, Standing>, StoreError> {
        match self.is_alone() {
            true => Ok(HashMap::new()),
            false => Ok(self.parts.store.errands_elsewhere().await?.into_iter().collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(12);

    fn beats(replica: &str, count: u64) -> Beats {
        Beats {
            replica: replica.to_owned(),
            count,
            at: Timestamp::from_micros(0),
        }
    }

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn who_says_nothing_for_a_lease_is_gone() {
        let (mut heard, start) = (Heard::default(), Instant::now());
        assert!(heard.take(vec![beats("b", 7)], start, LEASE).is_empty());
        for second in 1..12 {
            assert!(
                heard
                    .take(vec![beats("b", 7)], start + seconds(second), LEASE)
                    .is_empty()
            );
        }
        let silent = heard.take(vec![beats("b", 7)], start + seconds(12), LEASE);
        assert_eq!(silent, [beats("b", 7)]);
        assert!(
            heard
                .take(vec![beats("b", 8)], start + seconds(13), LEASE)
                .is_empty()
        );
    }

    #[test]
    fn nobody_is_gone_because_nothing_could_be_heard() {
        let (mut heard, start) = (Heard::default(), Instant::now());
        heard.take(vec![beats("b", 7)], start, LEASE);
        assert!(
            heard
                .take(vec![beats("b", 7)], start + seconds(100), LEASE)
                .is_empty()
        );
        assert!(
            heard
                .take(vec![beats("b", 7)], start + seconds(105), LEASE)
                .is_empty()
        );
        assert!(
            heard
                .take(vec![beats("b", 7)], start + seconds(110), LEASE)
                .is_empty()
        );
        assert_eq!(
            heard.take(vec![beats("b", 7)], start + seconds(113), LEASE).len(),
            1
        );
    }

    #[test]
    fn each_thing_is_the_turn_of_one_replica() {
        let names = ["a", "b", "c"];
        let views: Vec<Replicas> = names
            .iter()
            .map(|own| {
                let others = names.iter().filter(|other| *other != own);
                let replicas = Replicas::default();
                let beats = others.map(|other| beats(other, 1)).collect();
                replicas.heard().take(beats, Instant::now(), LEASE);
                replicas
            })
            .collect();
        for what in 0..100 {
            let turns = names
                .iter()
                .zip(&views)
                .filter(|(own, view)| view.has_turn(own, &what));
            assert_eq!(turns.count(), 1, "{what}");
        }
        let leaders = names.iter().zip(&views).filter(|(own, view)| view.leads(own));
        assert_eq!(leaders.map(|(own, _)| *own).collect::<Vec<_>>(), ["a"]);
    }
}
