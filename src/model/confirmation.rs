//! What people confirm, and what of it has changed (threat D2): a confirmation is for one commit, one plan of the goal and the
//! images it runs. It carries over to nothing else, and the next person is shown what is not as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ids::{CommitSha, GoalSetId};
use super::plan::PlannedGoal;

/// Most differences that are told; what is beyond is counted.
const MOST: usize = 20;

/// Longest value that is told, in characters.
const LONGEST: usize = 80;

/// What exactly somebody confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The commit.
    pub commit: CommitSha,
    /// Digest of the goal as planned: its definition with parameters, what it comes after, its facts.
    pub plan: String,
    /// What images were, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, String>,
}

/// One thing that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What: `commit`, `run.2`, `image app:1`.
    pub what: String,
    /// As it was; empty when it was not there.
    pub was: String,
    /// As it is; empty when it is not there any more.
    pub is: String,
}

/// An earlier confirmation of a goal of this name on the same branch, which says nothing for this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoidConfirmation {
    /// Logins of those who gave it.
    pub by: Vec<String>,
    /// The goal set it was given in.
    pub goal_set: GoalSetId,
    /// What has changed since.
    pub differences: Vec<Difference>,
    /// How many more differences there are.
    #[serde(default)]
    pub more: usize,
}

impl Difference {
    /// Texts as they are told: on one line, and not longer than people read.
    pub fn new(what: &str, was: &str, is: &str) -> Self {
        Self {
            what: told(what),
            was: told(was),
            is: told(is),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.was.as_str(), self.is.as_str()) {
            ("", is) => write!(formatter, "{}: {is} is new", self.what),
            (was, "") => write!(formatter, "{}: {was} is gone", self.what),
            (was, is) => write!(formatter, "{}: {was} -> {is}", self.what),
        }
    }
}

impl Subject {
    /// What is not as it was confirmed.
    pub fn differences(&self, now: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        if self.commit != now.commit {
            found.push(Difference::new("commit", self.commit.short(), now.commit.short()));
        }
        if self.plan != now.plan {
            let short = |digest: &str| digest.chars().take(7).collect::<String>();
            found.push(Difference::new(
                "plan of the goal",
                &short(&self.plan),
                &short(&now.plan),
            ));
        }
        found.extend(differences_of_images(&self.images, &now.images));
        found
    }
}

/// Images that are not what they were by their names.
pub fn differences_of_images(
    was: &BTreeMap<String, String>,
    is: &BTreeMap<String, String>,
) -> Vec<Difference> {
    let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let text =
        |images: &BTreeMap<String, String>, name: &String| images.get(name).cloned().unwrap_or_default();
    let all = names
        .into_iter()
        .map(|name| (name, text(was, name), text(is, name)));
    all.filter(|(_, was, is)| was != is)
        .map(|(name, was, is)| Difference::new(&format!("image {name}"), &was, &is))
        .collect()
}

impl VoidConfirmation {
    /// Of a goal that was confirmed at one commit, and is planned at another one or again.
    pub fn of(
        by: Vec<String>,
        goal_set: GoalSetId,
        (confirmed, was): (&PlannedGoal, &CommitSha),
        (planned, is): (&PlannedGoal, &CommitSha),
    ) -> Self {
        let mut differences = Vec::new();
        if was != is {
            differences.push(Difference::new("commit", was.short(), is.short()));
        }
        differences.extend(differences_of_plans(confirmed, planned));
        let more = differences.len().saturating_sub(MOST);
        differences.truncate(MOST);
        Self {
            by,
            goal_set,
            differences,
            more,
        }
    }

    /// For the description of a goal.
    pub fn words(&self) -> String {
        let by: Vec<String> = self.by.iter().map(|login| format!("@{login}")).collect();
        let by = by.join(", ");
        let what: Vec<&str> = self
            .differences
            .iter()
            .map(|difference| difference.what.as_str())
            .collect();
        match what.as_slice() {
            [] => format!(
                "confirmed by {by} before, for goal set {} only",
                self.goal_set.short()
            ),
            few if few.len() <= 3 && self.more == 0 => {
                format!("since {by} confirmed it: {} changed", few.join(", "))
            }
            many => {
                let rest = many.len() - 2 + self.more;
                format!(
                    "since {by} confirmed it: {}, {} and {rest} more changed",
                    many[0], many[1]
                )
            }
        }
    }
}

/// What is planned otherwise; where it is written does not count.
fn differences_of_plans(was: &PlannedGoal, is: &PlannedGoal) -> Vec<Difference> {
    let flat = |planned: &PlannedGoal| {
        let mut leaves = BTreeMap::new();
        if let Ok(value) = serde_json::to_value(planned) {
            flatten("", &value, &mut leaves);
        }
        leaves
    };
    let (was, is) = (flat(was), flat(is));
    let paths: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let text =
        |leaves: &BTreeMap<String, String>, path: &String| leaves.get(path).cloned().unwrap_or_default();
    let all = paths
        .into_iter()
        .map(|path| (path, text(&was, path), text(&is, path)));
    all.filter(|(_, was, is)| was != is)
        .map(|(path, was, is)| Difference::new(path, &was, &is))
        .collect()
}

/// Parts of a planned goal that say nothing of what it does.
const BESIDE: &[&str] = &["place", "void"];

/// Levels of a planned goal that people do not write.
const WITHOUT_NAME: &[&str] = &["definition", "work", "arguments"];

fn flatten(path: &str, value: &Value, leaves: &mut BTreeMap<String, String>) {
    let below = |name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter().filter(|(name, _)| !BESIDE.contains(&name.as_str())) {
                match WITHOUT_NAME.contains(&name.as_str()) {
                    true => flatten(path, value, leaves),
                    false => flatten(&below(name), value, leaves),
                }
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                flatten(&below(&(index + 1).to_string()), value, leaves);
            }
        }
        Value::Null => {}
        Value::String(text) => {
            leaves.insert(path.to_owned(), text.clone());
        }
        Value::Bool(_) | Value::Number(_) => {
            leaves.insert(path.to_owned(), value.to_string());
        }
    }
}

fn told(text: &str) -> String {
    let mut told: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        told.push('…');
    }
    told
}
