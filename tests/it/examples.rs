//! Every example, built as a real repository and put to the real program: `sdm check`, `sdm explain`, `sdm run`.
//!
//! `examples/<name>/expected-plan.txt` and `.json` hold what the program says. After a change that is meant to change
//! them: `SDM_TEST_UPDATE=1 cargo test --test it examples`, then read the difference.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::expected::expect_file;
use crate::support::local::LocalMachine;

/// What is pushed to main after the first push of each example: one file changed per push.
const CHANGES: &[(&str, &[&str])] = &[
    ("after-goals", &["CHANGELOG.md"]),
    ("anchors", &["cmd/server/main.go", "chart/Chart.yaml"]),
    ("approvals-and-queue", &["deploy/build.sh"]),
    ("built-in-goals", &["report.txt"]),
    (
        "cel-and-locks",
        &["app/check.sh", "db/migrations/0001_greeting.sql", "README.md"],
    ),
    (
        "computed-goals",
        &["parts/web/test.sh", "docs/notes.md", "common.sh"],
    ),
    ("containers", &["index.js"]),
    ("files-and-secrets", &["app/greeting.txt", "README.md"]),
    ("from-fix-to-release", &["pages/name"]),
    (
        "monorepo",
        &[
            "libraries/shared/test.sh",
            "services/web/style.css",
            "together.sh",
        ],
    ),
    ("node", &["index.js"]),
    ("rust", &["src/lib.rs"]),
];

/// An example as a repository.
struct Example {
    name: &'static str,
    machine: LocalMachine,
}

impl Example {
    /// The first push.
    fn new(name: &'static str) -> Self {
        let example = Self {
            name,
            machine: LocalMachine::new("rules: []\n"),
        };
        std::fs::create_dir_all(example.repository()).unwrap();
        copy(&example.directory().join("repo"), &example.repository());
        example.git(&["init", "--quiet", "--initial-branch=main", "."]);
        example.commit("Begin");
        example
    }

    fn directory(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("examples")
            .join(self.name)
    }

    fn repository(&self) -> PathBuf {
        self.machine.path("acme").join(self.name)
    }

    fn git(&self, arguments: &[&str]) {
        self.machine.git_in(&self.repository(), arguments);
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "-m", message]);
    }

    fn change(&self, path: &str) {
        let file = self.repository().join(path);
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, text + "\n").unwrap();
        self.commit(&format!("Change {path}"));
    }

    /// The program in the repository, with the example's goal file.
    fn sdm(&self, arguments: &[&str]) -> Output {
        let mut command: Command = self.machine.command(arguments);
        command
            .env("SDM_GOALS", self.directory().join("goals.yaml"))
            .current_dir(self.repository())
            .stdin(Stdio::null());
        command.output().unwrap()
    }

    /// What the program says when it succeeds, without what differs between computers.
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.sdm(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {arguments:?}: {error}", self.name);
        let place = format!("{}/", self.directory().display());
        String::from_utf8_lossy(&output.stdout).replace(&place, "")
    }

    /// The plan of HEAD as text and as JSON, without ids of commits.
    fn plan(&self) -> (String, Value) {
        let json = self.says(&["explain", "--json"]);
        let push = &serde_json::from_str::<Value>(&json).unwrap()["push"];
        let without_ids = |mut text: String| {
            for (key, word) in [("before", "(before)"), ("after", "(after)")] {
                if let Some(id) = push[key].as_str() {
                    text = text.replace(id, word).replace(&id[..7], word);
                }
            }
            text
        };
        let json = serde_json::from_str(&without_ids(json)).unwrap();
        (without_ids(self.says(&["explain"])), json)
    }
}

/// Copies what is in a directory into another one.
pub fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn every_example_is_listed() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let listed: Vec<&str> = CHANGES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, listed);
    let readme = include_str!("../../README.md");
    for name in names {
        assert!(
            readme.contains(&format!("(examples/{name})")),
            "README.md does not name {name}"
        );
    }
}

#[test]
fn every_example_has_the_plans_it_says() {
    for (name, changes) in CHANGES {
        let example = Example::new(name);
        let file = example.directory().join("goals.yaml");
        let checked = example.says(&["check", file.to_str().unwrap()]);
        let mut text = format!("$ sdm check goals.yaml\n{checked}");
        let tested = example.says(&["test", file.to_str().unwrap()]);
        let _ = write!(text, "\n$ sdm test goals.yaml\n{tested}");
        let mut plans = Vec::new();
        let mut add = |title: &str| {
            let (plan, json) = example.plan();
            let _ = write!(text, "\n# {title}\n$ sdm explain\n{plan}");
            plans.push(json);
        };
        add("The first push of main");
        for path in *changes {
            example.change(path);
            add(&format!("A push to main that changes {path}"));
        }
        let json = serde_json::to_string_pretty(&plans).unwrap() + "\n";
        expect_file(&example.directory().join("expected-plan.txt"), &text);
        expect_file(&example.directory().join("expected-plan.json"), &json);
    }
}

#[test]
fn examples_made_of_plain_shell_are_carried_out() {
    for (name, wanted, succeeded) in [
        ("monorepo", &["run"][..], 4),
        ("cel-and-locks", &["run", "full"], 1),
        ("after-goals", &["run"], 2),
        ("files-and-secrets", &["run", "test", "size"], 3),
        ("approvals-and-queue", &["run", "build"], 1),
    ] {
        let example = Example::new(name);
        let mut arguments = wanted.to_vec();
        arguments.push("--json");
        let feed = example.says(&arguments);
        let goals = feed
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let ended = goals.filter(|entry| entry["state"] == "success").count();
        assert_eq!(ended, succeeded, "{name}: {feed}");
    }
}
