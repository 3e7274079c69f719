//! What waits in line because it needs a repository of a forge: pushes that the hub tells of, and goals of other machines. Of
//! each repository one comes after the other, and one that cannot be fetched holds up no other repository and nothing else.
//!
//! They wait in the store. Here is only what is worked on, and what failed and has to wait before it is tried again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::inbox::answer;
use super::{Inner, Team, events};
use crate::engine::ingest::IngestError;
use crate::model::{CommitSha, RepoSlug};
use crate::ports::scm::ScmError;
use crate::ports::store::StoreError;
use crate::ports::team::{Delivered, Delivery, DeliveryAnswer, HeadOfLine};
use crate::runtime::causes::chain;

/// Heads of lines looked at in one go.
const PAGE: u32 = 1_000;
/// Lines that are worked on at once.
const AT_ONCE: usize = 8;
/// How many of them may have failed before: a forge that is away leaves room for the others.
const FAILED_AT_ONCE: usize = AT_ONCE / 2;
/// Pause between two looks without a hint.
const PAUSE: Duration = Duration::from_secs(5);
/// Pause before what could not be done is tried again; each failure doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// Longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A forge that does not have the commit of a push so many times is believed: a copy of it may be late (threat C5).
const NOT_THERE: u32 = 3;
/// After this time what cannot be done is given up.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(24 * 3600);

/// How it stands with the lines that are worked on, or have failed.
#[derive(Default)]
pub(super) struct Lines(Mutex<Standing>);

#[derive(Default)]
struct Standing {
    lines: BTreeMap<String, Line>,
    /// No look before this moment; at once when there is a hint.
    not_before: Option<Instant>,
}

#[derive(Default)]
struct Line {
    is_busy: bool,
    failures: u32,
    not_before: Option<Instant>,
}

/// Whether a line may be worked on.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    /// Yes; it has failed so often.
    Now(u32),
    /// Others may.
    NotYet,
    /// None may.
    Full,
}

impl Lines {
    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something may have become possible.
    pub(super) fn hint(&self) {
        self.standing().not_before = None;
    }

    /// Whether to look what is first in line. Not with each change of the store: most of them are of other things.
    fn is_worth_a_look(&self, now: Instant) -> bool {
        let mut standing = self.standing();
        if standing.not_before.is_some_and(|moment| moment > now) {
            return false;
        }
        standing.not_before = Some(now + PAUSE);
        // One whose delivery is gone is never tried again.
        let is_alive = |line: &Line| line.not_before.is_some_and(|moment| moment + LONGEST_PAUSE > now);
        standing.lines.retain(|_, line| line.is_busy || is_alive(line));
        true
    }

    fn begin(&self, name: &str, now: Instant) -> Turn {
        let mut standing = self.standing();
        let busy = |failed: bool| {
            let busy = standing.lines.values().filter(|line| line.is_busy);
            busy.filter(|line| !failed || line.failures > 0).count()
        };
        if busy(false) >= AT_ONCE {
            return Turn::Full;
        }
        let has_room = busy(true) < FAILED_AT_ONCE;
        let line = standing.lines.entry(name.to_owned()).or_default();
        let is_due = line.not_before.is_none_or(|moment| moment <= now);
        if line.is_busy || !is_due || line.failures > 0 && !has_room {
            return Turn::NotYet;
        }
        line.is_busy = true;
        Turn::Now(line.failures)
    }

    /// The first in line is dealt with, or has to wait.
    fn done(&self, name: &str, is_settled: bool, now: Instant) {
        let mut standing = self.standing();
        standing.not_before = None;
        if is_settled {
            standing.lines.remove(name);
            return;
        }
        let line = standing.lines.entry(name.to_owned()).or_default();
        line.is_busy = false;
        let pause = FIRST_PAUSE
            .saturating_mul(1 << line.failures.min(16))
            .min(LONGEST_PAUSE);
        line.failures = line.failures.saturating_add(1);
        line.not_before = Some(now + pause);
    }
}

impl Team {
    /// Works on what is first in line, as far as it may be done at once.
    pub(super) async fn work_on_lines(&self) -> Result<(), StoreError> {
        let lines = &self.0.lines;
        if !lines.is_worth_a_look(Instant::now()) {
            return Ok(());
        }
        let mut after = 0;
        loop {
            let heads = self.0.engine.store().heads_of_lines(after, PAGE).await?;
            let is_last = heads.len() < PAGE as usize;
            for head in heads {
                after = head.place;
                match lines.begin(&head.line, Instant::now()) {
                    Turn::Now(failures) => self.begin_work(head, failures),
                    Turn::NotYet => {}
                    Turn::Full => return Ok(()),
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    fn begin_work(&self, head: HeadOfLine, failures: u32) {
        let inner = Arc::clone(&self.0);
        self.0.tasks.spawn("told by the hub", async move {
            let is_settled = inner.work_on(&head.key, failures).await;
            inner.lines.done(&head.line, is_settled, Instant::now());
            inner.look.notify_one();
        });
    }
}

impl Inner {
    /// Whether it is dealt with.
    async fn work_on(&self, key: &str, failures: u32) -> bool {
        let stop = self.tasks.stop_token();
        let worked = async {
            // Somebody may have settled it since it was seen.
            let Some(delivery) = self.engine.store().open_delivery(key).await? else {
                return Ok(true);
            };
            match self.answer_in_line(&delivery, failures).await {
                Some(answer) => self.settle(delivery, answer).await.map(|()| true),
                None => Ok(false),
            }
        };
        let worked: Result<bool, StoreError> = tokio::select! {
            () = stop.cancelled() => return false,
            worked = worked => worked,
        };
        worked.unwrap_or_else(|error| {
            tracing::error!("what the hub told of waits for the store: {}", chain(&error));
            false
        })
    }

    /// What to answer; nothing while it is worth another try.
    async fn answer_in_line(&self, delivery: &Delivery, failures: u32) -> Option<DeliveryAnswer> {
        let Delivered::Event { operation, object } = &delivery.what else {
            return Some(answer(1, "it is no event"));
        };
        match operation.as_str() {
            events::ON_GOAL => self.accept_goal(delivery, object, failures).await,
            events::ON_FORK => self.accept_fork(delivery, object, failures).await,
            _ => self.accept_push(delivery, object, failures).await,
        }
    }

    /// What to answer to a push that could not be had; nothing while it is worth another try.
    pub(super) fn not_had(
        &self,
        delivery: &Delivery,
        (repo, sha): (&RepoSlug, &CommitSha),
        error: &IngestError,
        failures: u32,
    ) -> Option<DeliveryAnswer> {
        match error {
            IngestError::Scm(ScmError::CommitGone(_)) if failures + 1 >= NOT_THERE => {
                tracing::error!(repo = %repo, sha = %sha, "a push that the hub told of is stale: the forge has no such commit");
                let reason = format!("the push is stale: {repo} has no commit {}", sha.short());
                Some(answer(1, reason))
            }
            IngestError::Scm(error) if is_final(error) || self.is_old(delivery) => {
                let because = chain(error);
                tracing::error!(repo = %repo, sha = %sha, "a push that the hub told of is given up: {because}");
                Some(answer(1, format!("the push cannot be had: {because}")))
            }
            error => {
                tracing::warn!(repo = %repo, sha = %sha, "a push that the hub told of has to wait: {}", chain(error));
                None
            }
        }
    }

    fn is_old(&self, delivery: &Delivery) -> bool {
        self.engine.now().since(delivery.at) > GIVEN_UP_AFTER
    }
}

/// Whether trying again cannot help.
fn is_final(error: &ScmError) -> bool {
    matches!(
        error,
        ScmError::RefusedAddress { .. } | ScmError::LimitExceeded { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_line_at_a_time_and_a_failure_holds_up_only_its_own() {
        let (lines, now) = (Lines::default(), Instant::now());
        assert_eq!(lines.begin("a", now), Turn::Now(0));
        assert_eq!(lines.begin("a", now), Turn::NotYet);
        assert_eq!(lines.begin("b", now), Turn::Now(0));
        lines.done("a", false, now);
        lines.done("b", true, now);
        assert_eq!(
            lines.begin("a", now),
            Turn::NotYet,
            "it waits before it is tried again"
        );
        assert_eq!(lines.begin("b", now), Turn::Now(0));
        assert_eq!(lines.begin("a", now + FIRST_PAUSE), Turn::Now(1));
    }

    #[test]
    fn a_forge_that_is_away_leaves_room_for_others() {
        let (lines, now) = (Lines::default(), Instant::now());
        for name in 0..AT_ONCE {
            assert_eq!(lines.begin(&name.to_string(), now), Turn::Now(0));
        }
        assert_eq!(lines.begin("more", now), Turn::Full);
        for name in 0..AT_ONCE {
            lines.done(&name.to_string(), false, now);
        }
        let later = now + LONGEST_PAUSE;
        let again = (0..AT_ONCE).map(|name| lines.begin(&name.to_string(), later));
        let tried = again.filter(|turn| *turn == Turn::Now(1)).count();
        assert_eq!(tried, FAILED_AT_ONCE);
        assert_eq!(lines.begin("new", later), Turn::Now(0));
    }

    #[test]
    fn the_store_is_asked_after_a_hint_or_a_pause() {
        let (lines, now) = (Lines::default(), Instant::now());
        assert!(lines.is_worth_a_look(now));
        assert!(!lines.is_worth_a_look(now));
        lines.hint();
        assert!(lines.is_worth_a_look(now));
        assert!(!lines.is_worth_a_look(now));
        assert!(lines.is_worth_a_look(now + PAUSE));
    }
}
