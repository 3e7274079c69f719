//! What goals may use and which of them are mocked, as it is written and as it is meant.

use std::time::Duration;

use serde::Deserialize;

use super::error::ConfigError;
use super::resolve::{Origin, Resolver};
use super::units::{SizeText, Unit, UnitVisitor, parse_duration};
use crate::model::limits::GoalLimits;

/// Limits unless a goal says otherwise: what ordinary builds stay far below.
pub(super) const DEFAULT_LIMITS: GoalLimits = GoalLimits {
    processes: Some(4096),
    memory: None,
    open_files: Some(65_536),
    file_size: None,
    disk: None,
    free_disk: Some(256 << 20),
};

/// `goal_limits` in a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsText {
    processes: Option<u64>,
    memory: Option<SizeText>,
    open_files: Option<u64>,
    file_size: Option<SizeText>,
    disk: Option<SizeText>,
    free_disk: Option<SizeText>,
}

impl LimitsText {
    /// As it is meant: 0 processes or files would be none at all.
    pub(super) fn read(self) -> Result<GoalLimits, String> {
        if self.processes == Some(0) || self.open_files.is_some_and(|files| files < 16) {
            return Err("a goal needs at least one process and 16 open files".to_owned());
        }
        let bytes = |size: Option<SizeText>| size.map(|size| size.0);
        let limits = GoalLimits {
            processes: self.processes,
            memory: bytes(self.memory),
            open_files: self.open_files,
            file_size: bytes(self.file_size),
            disk: bytes(self.disk),
            free_disk: bytes(self.free_disk),
        };
        Ok(limits.or(DEFAULT_LIMITS))
    }
}

/// For `sdm doctor --config`.
pub(super) fn shown_limits(limits: &GoalLimits) -> String {
    let all = [
        ("processes", limits.processes),
        ("memory", limits.memory),
        ("open_files", limits.open_files),
        ("file_size", limits.file_size),
        ("disk", limits.disk),
        ("free_disk", limits.free_disk),
    ];
    let given = all
        .into_iter()
        .filter_map(|(name, limit)| Some(format!("{name}: {}", limit?)));
    format!("{{{}}}", given.collect::<Vec<_>>().join(", "))
}

/// Goals whose work is not done: time passes instead (semantics 3.11).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MockEntry {
    /// Globs over the names of goals; all of them unless given.
    #[serde(default = "every_goal")]
    pub goals: Vec<String>,
    #[serde(default)]
    size: MockSize,
    /// The code they end with.
    #[serde(default)]
    pub code: u8,
}

impl MockEntry {
    /// Goals of these names, mocked as it is usual.
    pub(super) fn of(goals: Vec<String>) -> Self {
        Self {
            goals,
            size: MockSize::default(),
            code: 0,
        }
    }

    /// How long they take, a fifth more or less.
    pub fn duration(&self) -> Duration {
        self.size.0
    }

    /// A pattern that is none.
    pub(super) fn problem(&self) -> Option<String> {
        let wrong = |pattern: &String| globset::Glob::new(pattern).err();
        let error = self.goals.iter().find_map(wrong)?;
        Some(format!("a name of goals cannot be used: {error}"))
    }
}

fn every_goal() -> Vec<String> {
    vec!["*".to_owned()]
}

/// How long a mocked goal takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct MockSize(Duration);

impl Default for MockSize {
    fn default() -> Self {
        Self(Duration::from_secs(5))
    }
}

impl Unit for MockSize {
    const EXPECTED: &'static str =
        "`small` (5 s), `medium` (20 s), `large` (60 s), `extra_large` (90 s) or a duration";

    fn parse(text: &str) -> Result<Self, String> {
        let seconds = match text {
            "small" => 5,
            "medium" => 20,
            "large" => 60,
            "extra_large" => 90,
            other => return parse_duration(other).map(Self),
        };
        Ok(Self(Duration::from_secs(seconds)))
    }
}

impl<'de> Deserialize<'de> for MockSize {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UnitVisitor::new())
    }
}

impl Resolver<'_> {
    /// # Errors
    /// One of them cannot be read.
    pub(super) fn goal_limits(&mut self) -> Result<GoalLimits, ConfigError> {
        let limits = self.pick(
            "goal_limits",
            |layer| layer.goal_limits.map(LimitsText::read),
            || (Ok(DEFAULT_LIMITS), Origin::Default),
            |limits| limits.as_ref().map(shown_limits).unwrap_or_default(),
        );
        limits.map_err(|problem| self.origin_error("goal_limits", problem))
    }

    /// # Errors
    /// One of them makes no sense.
    pub(super) fn mock(&mut self) -> Result<Vec<MockEntry>, ConfigError> {
        let shown = |entry: &MockEntry| {
            let seconds = entry.duration().as_secs_f64();
            format!("{} ({seconds} s, code {})", entry.goals.join(" "), entry.code)
        };
        let mock = self.list("mock", |layer| layer.mock.clone(), Vec::new(), shown);
        match mock.iter().find_map(MockEntry::problem) {
            Some(problem) => Err(self.origin_error("mock", problem)),
            None => Ok(mock),
        }
    }
}
