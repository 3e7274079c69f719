//! What the author of an inspection writes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::super::containers::{self, CONTAINER, INIT_CONTAINERS, NETWORK, VOLUMES};
use super::super::part_tests::{self, Part};
use super::super::{globs, part_names, read};
use super::order::is_glob;
use super::report::{Format, LinePattern, MAX_REPORT};
use super::reviewer::{Pattern, Reviewer};
use super::verdict::Policy;
use crate::model::running::{self, DIRECTORY, ENV, GRACE, TIMEOUT};
use crate::model::{ArgumentProblems, CommentSeverity, Field, FieldPath, TestExpression, ValueType};
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
    "the file it leaves its report in, below the root of the working copy, or a glob such as `**/test-results/**/*.xml` for all \
     that it writes; standard output when absent",
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
    Field::new(
        "to_channels",
        ValueType::Boolean,
        "whether the channels of the repository are told how many comments there are, where there are some",
    )
    .default("false"),
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
    pub(super) to_channels: bool,
    timeout: Option<u64>,
    grace: Option<u64>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) directory: String,
    #[serde(skip)]
    pub(super) containers: Option<containers::Arguments>,
}

impl Arguments {
    /// # Errors
    /// What makes no sense.
    pub(super) fn read(arguments: &Value) -> Result<Self, ArgumentProblems> {
        let mut read: Self = read(arguments)?;
        let mut problems = match containers::Arguments::among(arguments) {
            Ok(containers) => {
                read.containers = containers;
                read.only_inspection_problems()
            }
            Err(found) => found,
        };
        problems.extend(Reviewer::new(&read.patterns).err().unwrap_or_default());
        problems.extend(read.inspection_problems());
        problems.none_or(read)
    }

    fn inspection_problems(&self) -> ArgumentProblems {
        let list = FieldPath::to("inspections");
        let names = self.inspections.iter().map(|inspection| inspection.name.as_str());
        let mut problems = part_names::check(&list, "inspection", names);
        problems.extend(part_tests::check(
            &list,
            self.inspections.iter().map(WrittenInspection::part),
        ));
        for (index, inspection) in self.inspections.iter().enumerate() {
            let of_lines = (inspection.report.as_str(), inspection.pattern.as_deref());
            problems.extend(line_pattern_problems(&list.item(index), of_lines));
            problems.extend(glob_problems(
                &list.item(index),
                inspection.report_file.as_deref(),
            ));
        }
        problems.extend(glob_problems(&FieldPath::whole(), self.report_file.as_deref()));
        let of_lines = (
            self.report.as_deref().unwrap_or_default(),
            self.pattern.as_deref(),
        );
        problems.extend(line_pattern_problems(&FieldPath::whole(), of_lines));
        problems
    }

    /// What is written beside `run` or `containers` belongs to them.
    fn only_inspection_problems(&self) -> ArgumentProblems {
        let mut problems = ArgumentProblems::default();
        let word = match (self.run.is_empty(), &self.containers) {
            (true, None) => return self.lonely_problems(),
            (false, None) => "run",
            (true, Some(_)) => "containers",
            (false, Some(_)) => {
                let message = "`inspect` has both `run` and `containers`";
                let hint = "make `run` one of `inspections`";
                problems.add(&FieldPath::to("run"), "conflicting_keys", message, hint);
                "containers"
            }
        };
        if self.report.is_none() {
            let message = format!("`inspect` with `{word}` needs `report`");
            let hint = format!("add `report`: one of {}", Format::NAMES.join(", "));
            problems.add(&FieldPath::whole(), "missing_property", message, hint);
        }
        if word == "run" && !self.inspections.is_empty() {
            let message = "`inspect` has both `run` and `inspections`";
            let hint = "make `run` one of them";
            problems.add(&FieldPath::to("run"), "conflicting_keys", message, hint);
        }
        if word == "containers" && self.run.is_empty() && self.inspections.is_empty() {
            problems.extend(containers::for_programs(&self.env, &self.directory));
        }
        problems
    }

    /// What says how the only inspection reports, where there is none.
    fn lonely_problems(&self) -> ArgumentProblems {
        let mut problems = ArgumentProblems::default();
        let written = [
            ("report", self.report.is_some()),
            ("report_file", self.report_file.is_some()),
            ("pattern", self.pattern.is_some()),
        ];
        for (key, _) in written.iter().filter(|(_, is_there)| *is_there) {
            let message = format!("`{key}` belongs to `run` or `containers`, and neither is there");
            let hint = "add one of them, or write it at the inspection that it is meant for";
            problems.add(&FieldPath::to(key), "misplaced_key", message, hint);
        }
        problems
    }

    /// Whether tools run at all, beside what is looked for in the commit itself.
    pub(super) fn runs_tools(&self) -> bool {
        !self.inspections("").is_empty()
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
        let from = match self.report_file.clone() {
            None => ReportFrom::Output,
            Some(glob) if is_glob(&glob) => ReportFrom::Files(glob),
            Some(file) => ReportFrom::File(file),
        };
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
        running::timeout(self.timeout)
    }

    pub(super) fn grace(&self) -> Duration {
        running::grace(self.grace)
    }
}

/// What is wrong with a report that is several files.
fn glob_problems(beside: &FieldPath, report_file: Option<&str>) -> ArgumentProblems {
    let glob = report_file.filter(|file| is_glob(file));
    match glob.map(|glob| globs(&[glob.to_owned()])) {
        Some(Err(why)) => ArgumentProblems::one(
            &beside.key("report_file"),
            "invalid_glob",
            format!("`report_file` is not a glob: {why}"),
            "`*`, `?`, `[…]` and `{…}` mean any of several files; write the name of one file without them",
        ),
        Some(Ok(_)) | None => ArgumentProblems::default(),
    }
}

/// What is wrong with how lines are read; `report` and `pattern` stand beside each other.
fn line_pattern_problems(beside: &FieldPath, (report, pattern): (&str, Option<&str>)) -> ArgumentProblems {
    let field = beside.key("pattern");
    let wrong = |code: &str, message: &str, hint: &str| ArgumentProblems::one(&field, code, message, hint);
    match LinePattern::new(pattern) {
        _ if pattern.is_some() && !["lines", ""].contains(&report) => {
            let hint = format!("write `report: lines`, or remove it: `{report}` says where it found what");
            wrong("misplaced_key", "`pattern` belongs to `report: lines`", &hint)
        }
        Err(why) => wrong(
            "invalid_pattern",
            &why,
            "its groups are file, line, column, severity, code and message",
        ),
        Ok(_) => ArgumentProblems::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_does_not_go_together_is_said() {
        let wrong = |value: Value| Arguments::read(&value).unwrap_err().to_string();
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
        let wrong = |value: Value| Arguments::read(&value).unwrap_err().to_string();
        assert!(wrong(json!({"containers": containers})).contains("`containers` needs `report`"));
        assert!(
            wrong(json!({"containers": containers, "run": ["x"], "report": "cargo"})).contains("both `run`")
        );
        assert!(wrong(json!({"containers": [], "report": "cargo"})).contains("No containers defined"));
        assert!(wrong(json!({"volumes": []})).contains("`volumes` belongs to `containers`"));
        assert!(
            wrong(json!({"containers": containers, "report": "cargo", "directory": "x"}))
                .contains("`directory` is for programs")
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
        let several = json!({"containers": containers, "report": "junit", "report_file": "a/*.xml"});
        let read = Arguments::read(&several).unwrap();
        assert_eq!(read.wanted_report().from, ReportFrom::Files("a/*.xml".to_owned()));
        assert!(
            wrong(json!({"run": ["x"], "report": "junit", "report_file": "a/[.xml"})).contains("not a glob")
        );
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
