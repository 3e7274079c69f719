//! What each request means.

use crate::daemon::local::LocalDaemon;
use crate::engine::push_meant::{NoSuchPush, PushChoice};
use crate::kinds::Acts;
use crate::model::goal_set::CancelScope;
use crate::model::{
    Action, Actor, BranchName, Cursor, Goal, GoalSetId, GoalState, News, Person, Plan, RepoSlug, StateName,
    Trace,
};
use crate::ports::store::GoalSetRecord;
use crate::wire::control::{Act, GoalChoice, Reply, Request};
use crate::wire::explain::ExplainView;
use crate::wire::views::PushView;

use super::server::Answer;
use super::sets::{Which, because_of};
use super::{Refused, choose, commands, compare, feed, logs};

/// Entries of the feed read at once.
const FEED_PAGE: u32 = 500;

impl LocalDaemon {
    /// Does what is asked and writes everything but the last line.
    pub(crate) async fn answer(
        &self,
        request: Request,
        person: &Person,
        answer: &mut Answer,
    ) -> Result<(), Refused> {
        match request {
            Request::Status => self.send_status(answer).await,
            Request::Ready => self.must_be_ready().await,
            Request::GoalSets {
                repo,
                branch,
                id,
                active,
                tag,
                limit,
                with_not_set,
            } => {
                let which = Which {
                    repo,
                    branch,
                    id,
                    active,
                    tag,
                    limit,
                };
                let sets = self.goal_sets(which).await?;
                match with_not_set {
                    true => self.send_sets_with_not_set(&sets, answer).await,
                    false => self.send_sets(&sets, answer).await,
                }
            }
            Request::Pushes { repo, limit } => self.send_pushes(repo, limit, answer).await,
            Request::Feed {
                after,
                back,
                phases,
                follow,
            } => {
                let after = match after {
                    Some(cursor) => Cursor(cursor),
                    None => feed::before_last(self.engine().store(), back, phases).await?,
                };
                self.send_feed(after, follow, answer).await
            }
            Request::Log {
                goal,
                attempt,
                offset,
                follow,
            } => {
                logs::send(
                    self,
                    logs::LogRequest {
                        goal,
                        attempt,
                        offset,
                        follow,
                    },
                    answer,
                )
                .await
            }
            Request::Act { goal, act } => {
                if self.act_on_errand(person, &goal, &act, answer).await? {
                    return Ok(());
                }
                let set = self.act_for(person, &goal, act).await?;
                self.send_sets(&[set], answer).await
            }
            Request::Reset { id, repo, branch } => self.reset((id, repo, branch), answer).await,
            Request::Replay { path, depth, branch } => self.replay(&path, depth, branch, answer).await,
            Request::Watch { path } => {
                self.watch_path(path.as_ref()).await?;
                self.send_status(answer).await
            }
            Request::Trust { repo, trusted } => {
                self.trust(&repo, trusted).await?;
                self.send_status(answer).await
            }
            Request::Traces { sha } => self.send_traces(&sha, answer).await,
            Request::Reviews { id, repo } => {
                let reviews = self.reviews(id.as_deref(), repo.as_deref()).await?;
                Ok(answer.send(&Reply::Reviews { reviews }).await?)
            }
            Request::Complete {
                goal,
                token,
                completion,
            } => {
                let set = self.complete(&goal, &token.into(), *completion).await?;
                self.send_sets(&[set], answer).await
            }
            Request::Compare { path, repo, pushes } => {
                compare::send(self, &path, repo.as_deref(), pushes, answer).await
            }
            Request::Commands => self.send_commands(answer).await,
            Request::Do {
                command,
                parameters,
                secrets,
                matches,
                targets,
                job,
                repo,
                dry_run,
                within,
            } => {
                let wanted = commands::Wanted {
                    command,
                    parameters,
                    secrets,
                    matches,
                    targets,
                    job: *job,
                    repo,
                    dry_run,
                    within,
                };
                self.do_command(wanted, person, answer).await
            }
            Request::Job { id, follow } => self.send_job(&id, follow, answer).await,
            Request::Jobs { limit } => self.send_jobs(limit, answer).await,
            Request::Errands {
                id,
                name,
                active,
                limit,
            } => self.send_errands(id, name, active, limit, answer).await,
            Request::Emit {
                event,
                payload,
                within,
            } => self.emit(&event, payload, within.as_deref()).await,
            Request::Preference { scope, preference } => self.preference(scope, preference, answer).await,
            Request::Reload => {
                self.reload_goal_files().await;
                self.send_status(answer).await
            }
            Request::Stop => {
                self.ask_to_stop();
                Ok(())
            }
        }
    }

    async fn send_status(&self, answer: &mut Answer) -> Result<(), Refused> {
        let status = Box::new(self.status().await?);
        Ok(answer.send(&Reply::Status { status }).await?)
    }

    /// A repository that was never seen is more likely mistyped than without goals.
    pub(super) async fn refuse_unknown(&self, repo: Option<&str>) -> Result<(), Refused> {
        let Some(slug) = repo.map(RepoSlug::parse).transpose()? else {
            return Ok(());
        };
        let known = self.engine().store().repositories().await?;
        match known.iter().any(|known| known.slug == slug) {
            true => Ok(()),
            false => {
                Err(Refused::new(format!("no repository {slug} is watched"))
                    .hint("look at `sdm show machines`"))
            }
        }
    }

    async fn send_pushes(
        &self,
        repo: Option<String>,
        limit: u32,
        answer: &mut Answer,
    ) -> Result<(), Refused> {
        let repo = repo.as_deref().map(RepoSlug::parse).transpose()?;
        let limit = if limit == 0 { 20 } else { limit.min(1000) };
        let pushes = self.engine().store().pushes(repo.as_ref(), limit).await?;
        Ok(answer
            .send(&Reply::Pushes {
                pushes: pushes.iter().map(PushView::of).collect(),
            })
            .await?)
    }

    async fn send_feed(&self, mut cursor: Cursor, follow: bool, answer: &mut Answer) -> Result<(), Refused> {
        let store = self.engine().store().clone();
        let mut changes = store.subscribe();
        loop {
            changes.mark_unchanged();
            let entries = store.feed(cursor, FEED_PAGE).await?;
            for entry in &entries {
                cursor = entry.cursor;
                answer
                    .send(&Reply::Feed {
                        entry: Box::new(entry.clone()),
                    })
                    .await?;
            }
            if !entries.is_empty() {
                continue;
            }
            if !follow || changes.changed().await.is_err() {
                return Ok(());
            }
        }
    }

    async fn act_for(
        &self,
        person: &Person,
        choice: &GoalChoice,
        act: Act,
    ) -> Result<GoalSetRecord, Refused> {
        let is_all = matches!(act, Act::Cancel) && choice.name.is_none();
        let (record, action) = self.action_for(person, choice, act).await?;
        let set = self.engine().act(record.set.id, &action).await?;
        if let (true, Some(id)) = (is_all, choice.id.as_deref()) {
            self.act_beside(&record, id, &action).await?;
        }
        Ok(GoalSetRecord { set, ..record })
    }

    /// The same for the other active sets of the push that the id of its commit stands for.
    async fn act_beside(&self, record: &GoalSetRecord, id: &str, action: &Action) -> Result<(), Refused> {
        for other in choose::sets(self.engine(), Some(id), None).await? {
            if other.push.id == record.push.id && other.set.is_active() {
                // A set that has ended meanwhile refuses, and that is as good.
                self.engine().act(other.set.id, action).await.ok();
            }
        }
        Ok(())
    }

    async fn action_for(
        &self,
        person: &Person,
        choice: &GoalChoice,
        act: Act,
    ) -> Result<(GoalSetRecord, Action), Refused> {
        let person = person.clone();
        match act {
            Act::Approve { reason, version } => {
                let (record, goal) =
                    choose::goal(self.engine(), choice, "waits for a confirmation", waits).await?;
                let authors = record.push.authors();
                let version = version.or(choose::version_of(&record, &goal));
                Ok((
                    record,
                    Action::Confirm {
                        goal,
                        person,
                        authors,
                        reason,
                        version,
                        subject: None,
                    },
                ))
            }
            Act::Deny { reason } => {
                let (record, goal) =
                    choose::goal(self.engine(), choice, "waits for a confirmation", waits).await?;
                let version = choose::version_of(&record, &goal);
                Ok((
                    record,
                    Action::Deny {
                        goal,
                        person,
                        reason,
                        version,
                    },
                ))
            }
            Act::Retry => {
                let failed = |goal: &Goal| goal.state == GoalState::Failure;
                let (record, goal) = choose::goal(self.engine(), choice, "has failed", failed).await?;
                Ok((record, Action::Retry { goal, person }))
            }
            Act::Cancel => self.cancel_action(person, choice).await,
            Act::Set { state, reason } => {
                let (record, goal) = choose::goal(self.engine(), choice, "can be set", |_| true).await?;
                let authors = record.push.authors();
                Ok((
                    record,
                    Action::Override {
                        goal,
                        state,
                        person,
                        authors,
                        reason,
                        subject: None,
                    },
                ))
            }
        }
    }

    async fn cancel_action(
        &self,
        person: Person,
        choice: &GoalChoice,
    ) -> Result<(GoalSetRecord, Action), Refused> {
        let actor = Actor::Person {
            person: person.clone(),
        };
        let reason = format!("by @{}", person.login);
        let active = |goal: &Goal| !goal.state.is_terminal();
        if choice.name.is_some() {
            let (record, goal) = choose::goal(self.engine(), choice, "is active", active).await?;
            return Ok((
                record,
                Action::Cancel {
                    scope: CancelScope::Goal(goal),
                    actor,
                    reason,
                },
            ));
        }
        let sets = choose::sets(self.engine(), choice.id.as_deref(), choice.repo.as_deref()).await?;
        let record = sets.into_iter().find(|record| record.set.is_active());
        let record =
            record.ok_or_else(|| Refused::new("no goal set is active").hint("look at `sdm goals`"))?;
        Ok((
            record,
            Action::Cancel {
                scope: CancelScope::All,
                actor,
                reason,
            },
        ))
    }

    async fn reset(
        &self,
        (id, repo, branch): (Option<String>, Option<String>, Option<String>),
        answer: &mut Answer,
    ) -> Result<(), Refused> {
        let choice = PushChoice {
            id,
            repo: repo.as_deref().map(RepoSlug::parse).transpose()?,
            branch: branch.as_deref().map(BranchName::parse).transpose()?,
        };
        let push = match self.engine().push_meant(&choice).await {
            Ok(push) => push,
            Err(NoSuchPush::Store(error)) => return Err(error.into()),
            Err(none @ NoSuchPush::None) => {
                return Err(Refused::new(none.to_string()).hint("commit something"));
            }
            Err(none @ NoSuchPush::NotTo(_)) => {
                return Err(Refused::new(none.to_string())
                    .hint("commit something to it, or name another with `--branch`"));
            }
            Err(none @ (NoSuchPush::NoneBegins(_) | NoSuchPush::OfCommand(_))) => {
                return Err(Refused::new(none.to_string())
                    .hint("look at `sdm show pushes` and `sdm goals`; a branch is named with `--branch`"));
            }
        };
        let set = self.engine().set_goals_again(&push).await?;
        self.send_set(set, answer).await
    }

    async fn send_set(&self, id: GoalSetId, answer: &mut Answer) -> Result<(), Refused> {
        let record = self.engine().store().goal_set(id).await?;
        let sets: Vec<GoalSetRecord> = record.into_iter().collect();
        self.send_sets(&sets, answer).await
    }

    async fn replay(
        &self,
        path: &str,
        depth: u32,
        branch: Option<String>,
        answer: &mut Answer,
    ) -> Result<(), Refused> {
        if depth > 100 {
            return Err(Refused::new("at most 100 commits can be replayed at once"));
        }
        let (repo, current) = self.repository_named(path).await?;
        let branch = branch.as_deref().map(BranchName::parse).transpose()?.or(current);
        let ids = match branch {
            Some(branch) => self.engine().replay(&repo, &branch, depth).await?,
            None if depth == 0 => self.engine().observe(&repo).await?,
            None => {
                return Err(Refused::new("no branch is checked out there").hint("name one with --branch"));
            }
        };
        let mut pushes = Vec::new();
        for id in ids {
            pushes.extend(self.engine().store().push(id).await?.as_ref().map(PushView::of));
        }
        Ok(answer.send(&Reply::Pushes { pushes }).await?)
    }

    async fn send_traces(&self, sha: &str, answer: &mut Answer) -> Result<(), Refused> {
        let pushes = self.engine().store().pushes(None, 1000).await?;
        let mut explanations = Vec::new();
        for push in pushes
            .iter()
            .rev()
            .filter(|push| push.after.as_str().starts_with(sha))
        {
            for attempt in self.engine().store().planning_attempts(push.id).await? {
                let set = match attempt.goal_set {
                    Some(id) => self.engine().store().goal_set(id).await?,
                    None => None,
                };
                let view = ExplainView {
                    because: attempt.cause.as_ref().and_then(because_of),
                    ..ExplainView::of(push, &plan_of(set, attempt.trace), attempt.error.as_deref())
                };
                explanations.push(serde_json::to_value(view)?);
            }
        }
        Ok(answer.send(&Reply::Traces { explanations }).await?)
    }

    async fn trust(&self, repo: &str, trusted: bool) -> Result<(), Refused> {
        let slug = RepoSlug::parse(repo)?;
        let known = self.engine().store().repositories().await?;
        let found: Vec<_> = known.into_iter().filter(|known| known.slug == slug).collect();
        match found.as_slice() {
            [] => {
                Err(Refused::new(format!("no repository {slug} is watched"))
                    .hint("look at `sdm show machines`"))
            }
            several => {
                for repo in several {
                    self.engine().store().set_trusted(&repo.key, trusted).await?;
                }
                self.engine().plan_again_now();
                let text = if trusted {
                    "is trusted now"
                } else {
                    "is not trusted any more"
                };
                let news = News::Message {
                    text: text.to_owned(),
                    repo: Some(slug),
                };
                Ok(self.engine().store().say(&news, self.engine().now()).await?)
            }
        }
    }
}

/// A stored plan: the goals as they were planned, with the reasons.
fn plan_of(record: Option<GoalSetRecord>, trace: Option<Trace>) -> Plan {
    let goals = record
        .iter()
        .flat_map(|record| record.set.goals().iter().map(|goal| goal.planned.clone()))
        .collect();
    let (name, tags) = record.map(|record| (record.set.name, record.tags)).unzip();
    Plan {
        name,
        goals,
        tags: tags.unwrap_or_default(),
        trace: trace.unwrap_or_default(),
    }
}

fn waits(goal: &Goal) -> bool {
    matches!(
        goal.state.name(),
        StateName::WaitingForPreApproval | StateName::WaitingForApproval
    )
}
