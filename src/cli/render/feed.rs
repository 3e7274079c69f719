//! The feed: one push line, the goals that were set, then each goal's life (semantics 8.5).

use std::collections::HashMap;
use std::fmt::Write as _;

use super::super::text::{cut, neutralise, width};
use super::super::theme::{Role, Theme, duration};
use super::push_line;
use crate::model::goal_event::ExternalUrl;
use crate::model::{
    CommitSha, FeedEntry, GoalChange, GoalEvent, GoalKey, GoalSetId, News, PushId, StateName, Timestamp,
};

/// Pushes and sets remembered for later lines; older ones lose their context line, nothing else.
const REMEMBERED: usize = 10_000;

/// Turns entries into lines, remembering what later entries refer to.
#[derive(Debug)]
pub struct FeedLines {
    theme: Theme,
    verbose: bool,
    /// There is no daemon that could be asked.
    foreground: bool,
    pushes: HashMap<PushId, KnownPush>,
    sets: HashMap<GoalSetId, PushId>,
    started: HashMap<(GoalSetId, GoalKey), Timestamp>,
    shown: Option<PushId>,
}

#[derive(Debug, Clone)]
struct KnownPush {
    repo: String,
    branch: String,
    after: CommitSha,
    title: String,
}

impl FeedLines {
    /// Nothing seen yet; `verbose` shows phases and ignored results too.
    pub fn new(theme: Theme, verbose: bool) -> Self {
        Self {
            theme,
            verbose,
            foreground: false,
            pushes: HashMap::new(),
            sets: HashMap::new(),
            started: HashMap::new(),
            shown: None,
        }
    }

    /// The same for a run without a daemon: no command that only a daemon answers is suggested.
    pub fn in_foreground(self) -> Self {
        Self {
            foreground: true,
            ..self
        }
    }

    /// The lines of one entry; empty when it is of no interest.
    pub fn render(&mut self, entry: &FeedEntry) -> String {
        self.forget();
        let time = self.theme.paint(Role::Dim, &self.theme.clock_time(entry.at));
        match &entry.news {
            News::Push {
                push,
                repo,
                branch,
                after,
                title,
                ..
            } => {
                let known = KnownPush {
                    repo: repo.to_string(),
                    branch: branch.to_string(),
                    after: after.clone(),
                    title: title.clone(),
                };
                let line = self.push_line(&known);
                self.pushes.insert(*push, known);
                self.shown = Some(*push);
                format!("{time} {line}\n")
            }
            News::Planned {
                push,
                goal_set,
                name,
                goals,
            } => {
                if let Some(goal_set) = goal_set {
                    self.sets.insert(*goal_set, *push);
                }
                let context = self.context(Some(*push), &time);
                format!(
                    "{context}{time}   {}\n",
                    self.planned(*push, name.as_deref(), goals)
                )
            }
            News::PlanningFailed { push, error } => {
                let context = self.context(Some(*push), &time);
                let error = self.cut_to(&neutralise(error), 34);
                format!(
                    "{context}{time}   {} {error}\n",
                    self.theme.paint(Role::Bad, "planning failed:")
                )
            }
            News::Goal {
                goal_set,
                state,
                text,
                event,
                ..
            } => {
                let Some(body) = self.goal(*goal_set, *state, text, event) else {
                    return String::new();
                };
                let context = self.context(self.sets.get(goal_set).copied(), &time);
                format!("{context}{time}   {body}")
            }
            News::Command {
                command,
                by,
                push,
                repo,
                branch,
                sha,
                ..
            } => {
                let known = KnownPush {
                    repo: repo.to_string(),
                    branch: branch.to_string(),
                    after: sha.clone(),
                    title: format!("{command}, asked for by {by}"),
                };
                let line = self.push_line(&known);
                self.pushes.insert(*push, known);
                self.shown = Some(*push);
                format!("{time} {line}\n")
            }
            News::Errand {
                errand, state, text, ..
            } => self.errand(&errand.short(), *state, text, &time),
            // Its own events the machine tells by what follows from them.
            News::Event { .. } if !self.verbose && !entry.news.is_noteworthy() => String::new(),
            News::Event { event } => {
                let payload = self.cut_to(&neutralise(&event.payload.to_string()), 16 + width(&event.name));
                let payload = self.theme.paint(Role::Dim, &payload);
                format!("{time} {} {payload}\n", neutralise(&event.name))
            }
            News::Message { text, repo } => {
                let repo = repo
                    .as_ref()
                    .map(|repo| format!("{} ", self.theme.paint(Role::Dim, &neutralise(&repo.to_string()))));
                let lines: Vec<String> = text.lines().take(100).map(neutralise).collect();
                format!(
                    "{time} {}{}\n",
                    repo.unwrap_or_default(),
                    lines.join("\n         ")
                )
            }
        }
    }

    /// One line about an errand; its waiting is of interest only to those who ask for everything.
    fn errand(&self, id: &str, state: StateName, text: &str, time: &str) -> String {
        if state == StateName::Requested && !self.verbose {
            return String::new();
        }
        let text = self.cut_to(&neutralise(text), 22);
        let id = self.theme.paint(Role::Dim, id);
        format!("{time} {} {text} {id}\n", self.theme.symbol(state))
    }

    fn push_line(&self, push: &KnownPush) -> String {
        let room = self.theme.width.saturating_sub(9);
        push_line(
            &self.theme,
            &push.repo,
            &push.branch,
            push.after.as_str(),
            &push.title,
            room,
        )
    }

    /// The push line again, when the line before was about another push.
    fn context(&mut self, push: Option<PushId>, time: &str) -> String {
        if push.is_none() || push == self.shown {
            return String::new();
        }
        self.shown = push;
        let known = push.and_then(|push| self.pushes.get(&push));
        known
            .map(|known| format!("{time} {}\n", self.push_line(known)))
            .unwrap_or_default()
    }

    fn planned(&self, push: PushId, name: Option<&str>, goals: &[String]) -> String {
        if goals.is_empty() {
            let sha = self.pushes.get(&push).map_or("", |known| known.after.short());
            let ask = format!("sdm explain --stored {sha}");
            return format!(
                "No goals: no rule matches this push. {}",
                self.theme.paint(Role::Dim, ask.trim_end())
            );
        }
        let name = neutralise(name.unwrap_or_default());
        let goals = neutralise(&goals.join(", "));
        let name = cut(&name, 30, self.theme.unicode);
        let goals = self.cut_to(&goals, 15 + width(&name));
        format!(
            "{} {}: {goals}",
            self.theme.symbol(StateName::Planned),
            self.theme.paint(Role::Strong, &name)
        )
    }

    fn cut_to(&self, text: &str, taken: usize) -> String {
        cut(
            text,
            self.theme.width.saturating_sub(taken).max(10),
            self.theme.unicode,
        )
    }

    fn goal(&mut self, set: GoalSetId, state: StateName, text: &str, event: &GoalEvent) -> Option<String> {
        let key = (set, event.goal.clone());
        if let GoalChange::Started { .. } = event.change {
            self.started.insert(key.clone(), event.at);
        }
        if !self.verbose && !event.change.is_noteworthy(state) {
            return None;
        }
        let ended = matches!(event.change, GoalChange::Ended { .. } | GoalChange::Canceled);
        let took =
            if ended { self.started.remove(&key) } else { None }.map(|start| duration(event.at.since(start)));
        let mut tail = String::new();
        if let Some(phase) = event.phase.as_deref().filter(|phase| !phase.is_empty()) {
            let _ = write!(tail, " {} {}", self.theme.either("·", "-"), neutralise(phase));
        }
        let tail = cut(&tail, 30, self.theme.unicode);
        let took = took.map(|took| format!("  {took}")).unwrap_or_default();
        let late = if let GoalChange::IgnoredResult { state, .. } = &event.change {
            format!(": a late result was ignored, which said {state}")
        } else {
            String::new()
        };
        let text = self.cut_to(
            &neutralise(&format!("{text}{late}")),
            14 + width(&tail) + width(&took),
        );
        let mut lines = format!(
            "{} {text}{tail}{}\n",
            self.theme.symbol(state),
            self.theme.paint(Role::Dim, &took)
        );
        self.add_details(&mut lines, set, state, event);
        Some(lines)
    }

    fn add_details(&self, lines: &mut String, set: GoalSetId, state: StateName, event: &GoalEvent) {
        let unique_name = event.goal.unique_name.as_str();
        let short = set.short();
        let mut detail = |text: String| {
            let _ = writeln!(lines, "             {text}");
        };
        let error = event.error.as_deref().filter(|_| state == StateName::Failure);
        for line in error.unwrap_or_default().lines().take(5) {
            detail(self.theme.paint(Role::Bad, &self.cut_to(&neutralise(line), 13)));
        }
        for url in event.external_urls.iter().flatten().take(10) {
            detail(external_url(url));
        }
        let command = match state {
            StateName::Failure => Some(format!("sdm logs {short} {unique_name}")),
            StateName::WaitingForApproval | StateName::WaitingForPreApproval => {
                Some(format!("sdm approve {short} {unique_name}"))
            }
            _ => None,
        };
        if let Some(command) = command.filter(|_| !self.foreground) {
            detail(self.theme.paint(Role::Hint, &neutralise(&command)));
        }
    }

    fn forget(&mut self) {
        if self.pushes.len() > REMEMBERED || self.sets.len() > REMEMBERED || self.started.len() > REMEMBERED {
            self.pushes.clear();
            self.sets.clear();
            self.started.clear();
        }
    }
}

fn external_url(url: &ExternalUrl) -> String {
    let address = neutralise(&url.url);
    match &url.label {
        Some(label) => format!("{}: {address}", neutralise(label)),
        None => address,
    }
}
