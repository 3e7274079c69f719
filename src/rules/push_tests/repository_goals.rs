//! `has_repository_goals`: the repository brings goals of its own (semantics 7.9).

use crate::model::Descriptor;
use crate::rules::display::shown;
use crate::rules::patterns::PatternId;
use crate::rules::push_test::{Answer, Cost, PushTest, Question, Registration, TestError};

/// Where repositories keep them.
const GLOB: &str = ".atomist/*goals.{yml,yaml}";

pub(super) static REGISTRATION: Registration = Registration {
    descriptor: Descriptor {
        name: "has_repository_goals",
        aliases: &[],
        value: None,
        by_use: false,
        help: "The tree contains `.atomist/*goals.yml` or `.atomist/*goals.yaml`.",
        example: "has_repository_goals",
    },
    build: |_, patterns| {
        Ok(Box::new(HasRepositoryGoals {
            patterns: patterns.over_tree([GLOB])?,
        }))
    },
};

#[derive(Debug)]
struct HasRepositoryGoals {
    patterns: Vec<PatternId>,
}

impl PushTest for HasRepositoryGoals {
    fn cost(&self) -> Cost {
        Cost::Content
    }

    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        for pattern in &self.patterns {
            if let Some(path) = question.project.matching_files(*pattern)?.next() {
                return Ok(Answer::yes(format!("{} is a file", shown(path))));
            }
        }
        Ok(Answer::no(format!("no file matches {GLOB}")))
    }
}
