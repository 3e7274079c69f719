//! One forge after the other commit: what it says to that, and when it is asked again.

use std::time::Duration;

use tokio::time::Instant;

use super::checking::NotTold;
use super::outcome::{self, Outcome};
use crate::engine::Engine;
use crate::model::push::Trust;
use crate::model::{GoalSetId, Push, Timestamp};
use crate::ports::forges::{ForgeError, Pause, Report};
use crate::ports::secrets::{Asker, NotGiven};
use crate::ports::statuses::DueCommit;
use crate::ports::store::{GoalSetFilter, GoalSetRecord, StoreError};
use crate::runtime::backoff::{Backoff, Setback};

/// Commits told in a row before the log is read on.
const IN_A_ROW: u32 = 50;
/// Goal sets of a commit that are looked at, the newest.
const MOST_SETS: u32 = 50;
/// For whom the token of a forge is asked: for no goal.
const ASKER: &str = "commit status";

/// How it stands with a forge.
#[derive(Default)]
pub(super) struct Line {
    backoff: Backoff,
    /// It is left alone until then.
    until: Option<Instant>,
    /// There is more to tell at once.
    has_more: bool,
    complaints: Vec<(String, String)>,
}

impl Line {
    /// How long there is nothing to do here.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        match self.until {
            Some(until) => until.saturating_duration_since(now),
            None if self.has_more => Duration::ZERO,
            None => Duration::MAX,
        }
    }

    /// What is wrong since this was asked last: about what, and why.
    pub(super) fn take_complaints(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.complaints)
    }

    fn is_left_alone(&self) -> bool {
        self.until.is_some_and(|until| until > Instant::now())
    }

    fn is_well(&mut self) {
        self.backoff.reset();
        self.until = None;
    }

    fn put_off(&mut self, setback: Setback, chance: u64) {
        self.until = Some(Instant::now() + self.backoff.next(setback, chance));
    }
}

/// What became of telling.
enum Answer {
    /// The forge knows, or there is nothing that it could be told.
    Known(Option<Report>),
    /// It will not hear of this, now or later.
    Refused(String),
    /// It may hear of it later.
    Later(Setback),
    /// It may, when somebody has mended this.
    Waits(String),
}

impl Engine {
    /// Tells a forge what it does not know, as far as it listens.
    pub(super) async fn tell_forge(&self, forge: &str, line: &mut Line) -> Result<(), StoreError> {
        line.has_more = false;
        if line.is_left_alone() {
            return Ok(());
        }
        let due = self.parts.store.due_commits(forge, IN_A_ROW).await?;
        for commit in &due {
            if !self.tell_commit(commit, line).await? {
                return Ok(());
            }
        }
        line.has_more = due.len() == IN_A_ROW as usize;
        Ok(())
    }

    /// Tells it of one commit; `false` when it is to be left alone now.
    async fn tell_commit(&self, commit: &DueCommit, line: &mut Line) -> Result<bool, StoreError> {
        let noted = &commit.noted;
        let chance = self.fresh_id().as_u64_pair().0;
        let report = match self.answer_to(commit).await? {
            Answer::Known(report) => report,
            Answer::Refused(because) => {
                line.complaints
                    .push(("a commit gets no status".to_owned(), because));
                None
            }
            Answer::Later(setback) => {
                line.put_off(setback, chance);
                return Ok(false);
            }
            Answer::Waits(because) => {
                line.complaints.push(("commit statuses wait".to_owned(), because));
                line.put_off(Setback::Refused, chance);
                return Ok(false);
            }
        };
        line.is_well();
        self.parts.store.status_told(noted, report.as_ref()).await?;
        Ok(true)
    }

    async fn answer_to(&self, commit: &DueCommit) -> Result<Answer, StoreError> {
        let noted = &commit.noted;
        let Some(record) = self.readable_set(noted.goal_set).await? else {
            return Ok(Answer::Known(None));
        };
        let push = &record.push;
        if self.parts.forges.takes_reports(&push.repo).as_ref() != Some(&noted.forge) {
            return Ok(Answer::Known(None)); // It is connected no more.
        }
        if self.parts.forges.takes_checks(&push.repo) {
            return match self.tell_checks(commit, push).await {
                Ok(()) => Ok(Answer::Known(None)),
                Err(NotTold::Forge(error)) => Ok(answer_of(&error, push, self.now())),
                Err(NotTold::Store(error)) => Err(error),
            };
        }
        let report = self.report_of(push).await?;
        let Some(report) = report.filter(|report| commit.told.as_ref() != Some(report)) else {
            return Ok(Answer::Known(None));
        };
        let asker = asker(push);
        let telling = self.parts.forges.report(&push.repo, &push.after, &report, &asker);
        Ok(match telling.await {
            Ok(()) => Answer::Known(Some(report)),
            Err(error) => answer_of(&error, push, self.now()),
        })
    }

    /// How the goals of a commit stand now.
    async fn report_of(&self, push: &Push) -> Result<Option<Report>, StoreError> {
        let records = self.sets_of(push).await?;
        match outcome::of(&records) {
            Some(outcome) => Ok(Some(self.told(outcome, push).await?)),
            None => Ok(None),
        }
    }

    /// The goal sets of a commit, newest first.
    pub(super) async fn sets_of(&self, push: &Push) -> Result<Vec<GoalSetRecord>, StoreError> {
        let filter = GoalSetFilter {
            repo: Some(push.repo.slug.clone()),
            sha: Some(push.after.clone()),
            limit: MOST_SETS,
            ..GoalSetFilter::default()
        };
        let mut records = match self.parts.store.goal_sets(&filter).await {
            Err(StoreError::Corrupt { .. }) => Vec::new(),
            records => records?,
        };
        records.retain(|record| record.push.repo.key == push.repo.key);
        Ok(records)
    }

    async fn told(&self, outcome: Outcome, push: &Push) -> Result<Report, StoreError> {
        Ok(Report {
            context: format!("sdm/{}", self.settings.name),
            state: outcome.state,
            url: self.page_of_set(push, outcome.goal_set).await?,
            text: outcome.text,
        })
    }

    /// The page of a goal set, where there is a hub with one.
    pub(super) async fn page_of_set(
        &self,
        push: &Push,
        goal_set: GoalSetId,
    ) -> Result<Option<String>, StoreError> {
        let (store, now) = (self.parts.store.as_ref(), self.now());
        match &self.settings.hub {
            Some(hub) => Ok(Some(hub.page_of(store, &push.repo, goal_set, now).await?)),
            None => Ok(None),
        }
    }
}

/// The machine asks for itself: of the token nothing is given to the push.
pub(super) fn asker(push: &Push) -> Asker {
    Asker {
        repo: push.repo.slug.clone(),
        branch: push.branch.clone(),
        goal: ASKER.to_owned(),
        trust: Trust::Member,
        in_name_of: None,
        is_supplied: false,
    }
}

/// What an error means: that of one repository, or of the forge; for good, for a while, or until somebody mends something.
fn answer_of(error: &ForgeError, push: &Push, now: Timestamp) -> Answer {
    let away = |pause: Option<Pause>| {
        tracing::info!(repo.slug = %push.repo.slug, "commit statuses wait: {error}");
        Answer::Later(Setback::Away(pause.and_then(|pause| lasting(pause, now))))
    };
    match error {
        ForgeError::Busy { pause, .. } => away(Some(*pause)),
        ForgeError::Unavailable { pause, .. } => away(*pause),
        ForgeError::Unauthorized { .. }
        | ForgeError::Secret(NotGiven::Unreadable { .. } | NotGiven::Sealed(_) | NotGiven::Trivial(_)) => {
            Answer::Waits(error.to_string())
        }
        ForgeError::NotConnected(_)
        | ForgeError::Refused { .. }
        | ForgeError::Secret(NotGiven::NotAvailable(_) | NotGiven::Unknown(_) | NotGiven::NotFor { .. }) => {
            Answer::Refused(format!("{}: {error}", push.repo.slug))
        }
    }
}

/// How long a pause lasts, where that is said.
fn lasting(pause: Pause, now: Timestamp) -> Option<Duration> {
    match pause {
        Pause::For(wish) => Some(wish),
        Pause::Until(at) => Some(at.since(now)),
        Pause::Unsaid => None,
    }
}
