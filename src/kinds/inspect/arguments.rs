//! What the author of an inspection writes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::super::containers::{self, CONTAINER, INIT_CONTAINERS, NETWORK, VOLUMES};
use super::super::part_tests::{self, Part};
use super::report::{Format, LinePattern, MAX_REPORT};
use super::reviewer::{Pattern, Reviewer};
use super::verdict::Policy;
use crate::model::running::{DIRECTORY, ENV, GRACE, TIMEOUT};
use crate::model::{CommentSeverity, Field, TestExpression, ValueType};
use crate::ports::containers::{ReportFrom, WantedReport};

const SEVERITIES: &[&str] = &["error", "warn", "warning", "info", "never"];

const REPORT: Field = Field::new(
    "report",
    ValueType::Choice(Format::NAMES),
    "the format of what it reports",
);

const REPORT_FILE: Field = Field::new(
    "report_file",
    ValueType::Path,
    "the file it leaves its report in, below the root of the working copy; standard output when absent",
);

const PATTERN: Field = Field::new(
    "pattern",
    ValueType::Regex,
    "of a line, for `report: lines`: with the groups `file`, `line`, `column`, `severity`, `code`, `message`; as compilers \
     write when absent",
);

const INSPECTION_FIELDS: &[Field] = &[
    Field::new("name", ValueType::Text, "what it is called").required(),
    Field::new("run", ValueType::Argv, "program and arguments").required(),
    REPORT.required(),
    REPORT_FILE,
    PATTERN,
    Field::new(
        "test",
        ValueType::Test,
        "a push test: without it this inspection is left out",
    ),
];

const PATTERN_FIELDS: &[Field] = &[
    Field::new(
        "files",
        ValueType::List(&ValueType::Glob),
        "the files it must not occur in",
    )
    .required(),
    Field::new("pattern", ValueType::Regex, "what must not occur"),
    Field::new("text", ValueType::Text, "what must not occur, literally"),
    Field::new("comment", ValueType::Text, "what to say about it").required(),
    Field::new(
        "severity",
        ValueType::Choice(&["error", "warn", "warning", "info"]),
        "how much it matters",
    )
    .default("warn"),
    Field::new("category", ValueType::Text, "what it belongs to").default("pattern"),
    Field::new("fix", ValueType::Text, "what would mend it"),
];

pub(super) static FIELDS: &[Field] = &[
    Field::new(
        "run",
        ValueType::Argv,
        "program and arguments of the only inspection",
    ),
    REPORT,
    REPORT_FILE,
    PATTERN,
    Field::new(
        "containers",
        ValueType::List(&ValueType::Fields(CONTAINER)),
        "the only inspection in containers, where `run` is not used: the first reports, the others are its services",
    ),
    INIT_CONTAINERS,
    VOLUMES,
    NETWORK,
    Field::new(
        "inspections",
        ValueType::List(&ValueType::Fields(INSPECTION_FIELDS)),
        "several inspections, side by side",
    ),
    Field::new(
        "patterns",
        ValueType::List(&ValueType::Fields(PATTERN_FIELDS)),
        "what must not occur in files; no program is needed",
    ),
    Field::new(
        "fail_on",
        ValueType::Choice(SEVERITIES),
        "the least severity of a comment that is a failure",
    )
    .default("error"),
    Field::new(
        "approve_on",
        ValueType::Choice(SEVERITIES),
        "the least severity of a comment that a person has to approve",
    )
    .default("never"),
    Field::new(
        "on_error",
        ValueType::Choice(&["fail", "ignore"]),
        "what follows when an inspection itself fails: no report, or a failure that no comment explains",
    )
    .default("fail"),
    TIMEOUT,
    GRACE,
    ENV,
    DIRECTORY,
];

/// One inspection as it is written.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct WrittenInspection {
    pub(super) name: String,
    pub(super) run: Vec<String>,
    pub(super) report: String,
    #[serde(default)]
    pub(super) report_file: Option<String>,
    #[serde(default)]
    pub(super) pattern: Option<String>,
    #[serde(default)]
    pub(super) test: Option<TestExpression>,
    #[serde(skip)]
    pub(super) in_containers: bool,
}

impl WrittenInspection {
    /// It with its test.
    pub(super) fn part(&self) -> Part<'_> {
        (&self.name, self.test.as_ref())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Arguments {
    run: Vec<String>,
    report: Option<String>,
    report_file: Option<String>,
    pattern: Option<String>,
    inspections: Vec<WrittenInspection>,
    pub(super) patterns: Vec<Pattern>,
    fail_on: String,
    approve_on: String,
    on_error: String,
    timeout: Option<u64>,
    grace: Option<u64>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) directory: String,
    #[serde(skip)]
    pub(super) containers: Option<containers::Arguments>,
}

/// What belongs to `containers` and makes no sense without them.
const BESIDE_CONTAINERS: &[&str] = &["init_containers", "volumes", "network"];

impl Arguments {
    /// # Errors
    /// What is wrong, as a sentence.
    pub(super) fn read(arguments: &Value) -> Result<Self, String> {
        let mut read: Self = serde_json::from_value(arguments.clone()).map_err(|error| error.to_string())?;
        read.containers = containers_in(arguments)?;
        read.check_only_inspection()?;
        Reviewer::new(&read.patterns)?;
        part_tests::check(read.inspections.iter().map(WrittenInspection::part))?;
        for inspection in read.inspections("inspection") {
            if inspection.pattern.is_some() && inspection.report != "lines" {
                return Err("`pattern` belongs to `report: lines`".to_owned());
            }
            LinePattern::new(inspection.pattern.as_deref())?;
        }
        Ok(read)
    }

    /// What is written beside `run` or `containers` belongs to them.
    fn check_only_inspection(&self) -> Result<(), String> {
        let word = match (self.run.is_empty(), &self.containers) {
            (false, Some(_)) => {
                return Err(
                    "`inspect` has both `run` and `containers`; make `run` one of `inspections`".to_owned(),
                );
            }
            (false, None) => "run",
            (true, Some(_)) => "containers",
            (true, None) if self.report.is_some() => {
                return Err("`report` belongs to `run` or `containers`, and neither is there".to_owned());
            }
            (true, None) => return Ok(()),
        };
        if self.report.is_none() {
            let names = Format::NAMES.join(", ");
            return Err(format!("`inspect` with `{word}` needs `report`: one of {names}"));
        }
        if word == "run" && !self.inspections.is_empty() {
            return Err("`inspect` has both `run` and `inspections`; make `run` one of them".to_owned());
        }
        let has_own = !self.env.is_empty() || !self.directory.is_empty();
        if word == "containers" && has_own && self.inspections.is_empty() {
            return Err(
                "`env` and `directory` are for programs; a container has `env` and `working_dir` of its own"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// The inspections; the only one is called like the goal.
    pub(super) fn inspections(&self, goal: &str) -> Vec<WrittenInspection> {
        let in_containers = self.containers.is_some();
        let only = self
            .report
            .iter()
            .filter(|_| in_containers || !self.run.is_empty());
        let only = only.map(|report| WrittenInspection {
            name: goal.to_owned(),
            run: self.run.clone(),
            report: report.clone(),
            report_file: self.report_file.clone(),
            pattern: self.pattern.clone(),
            test: None,
            in_containers,
        });
        only.chain(self.inspections.iter().cloned()).collect()
    }

    /// What of the containers is kept for the step that reads it.
    pub(super) fn wanted_report(&self) -> WantedReport {
        let from = self
            .report_file
            .clone()
            .map_or(ReportFrom::Output, ReportFrom::File);
        WantedReport {
            from,
            limit: MAX_REPORT + 1,
        }
    }

    pub(super) fn policy(&self) -> Policy {
        Policy {
            fail_on: CommentSeverity::parse(&self.fail_on),
            approve_on: CommentSeverity::parse(&self.approve_on),
        }
    }

    pub(super) fn ignores_errors(&self) -> bool {
        self.on_error == "ignore"
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
            .map_or(Duration::from_secs(600), Duration::from_millis)
    }

    pub(super) fn grace(&self) -> Duration {
        self.grace.map_or(Duration::from_secs(30), Duration::from_millis)
    }
}

/// The containers, when there are any, as a goal in containers reads them.
fn containers_in(arguments: &Value) -> Result<Option<containers::Arguments>, String> {
    if arguments.get("containers").is_none_or(Value::is_null) {
        let lonely = BESIDE_CONTAINERS.iter().find(|key| arguments.get(key).is_some());
        return match lonely {
            Some(key) => Err(format!("`{key}` belongs to `containers`, which is not there")),
            None => Ok(None),
        };
    }
    let read = containers::Arguments::read(arguments)?;
    read.check()?;
    Ok(Some(read))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_does_not_go_together_is_said() {
        let wrong = |value: Value| Arguments::read(&value).unwrap_err();
        assert!(wrong(json!({"run": ["x"]})).contains("`report`"));
        assert!(wrong(json!({"report": "cargo"})).contains("`run`"));
        let one = json!({"name": "a", "run": ["x"], "report": "cargo"});
        assert!(wrong(json!({"run": ["x"], "report": "cargo", "inspections": [one]})).contains("both"));
        assert!(
            wrong(json!({"run": ["x"], "report": "cargo", "pattern": "(?P<message>x)"})).contains("lines")
        );
        let pattern = json!({"files": ["*"], "comment": "c", "severity": "warn", "category": "x"});
        assert!(wrong(json!({"patterns": [pattern]})).contains("`pattern` or `text`"));
    }

    #[test]
    fn an_inspection_in_containers_is_read_as_a_goal_in_containers_is() {
        let containers = json!([{"name": "lint", "image": "a"}, {"name": "db", "image": "b"}]);
        let wrong = |value: Value| Arguments::read(&value).unwrap_err();
        assert!(wrong(json!({"containers": containers})).contains("`containers` needs `report`"));
        assert!(
            wrong(json!({"containers": containers, "run": ["x"], "report": "cargo"})).contains("both `run`")
        );
        assert!(wrong(json!({"containers": [], "report": "cargo"})).contains("No containers defined"));
        assert!(wrong(json!({"volumes": []})).contains("`volumes` belongs to `containers`"));
        assert!(
            wrong(json!({"containers": containers, "report": "cargo", "directory": "x"}))
                .contains("`working_dir`")
        );
        let one = json!({"name": "other", "run": ["x"], "report": "sarif"});
        let both =
            json!({"containers": containers, "report": "cargo", "report_file": "a/b", "inspections": [one]});
        let read = Arguments::read(&both).unwrap();
        let names = read.inspections("goal");
        let names: Vec<_> = names
            .iter()
            .map(|one| (one.name.as_str(), one.in_containers))
            .collect();
        assert_eq!(names, [("goal", true), ("other", false)]);
        assert_eq!(read.wanted_report().from, ReportFrom::File("a/b".to_owned()));
    }

    #[test]
    fn severities_are_read_with_never_for_none() {
        let read = Arguments::read(&json!({"fail_on": "never", "approve_on": "warning"})).unwrap();
        assert_eq!(
            read.policy(),
            Policy {
                fail_on: None,
                approve_on: Some(CommentSeverity::Warn)
            }
        );
    }
}
