//! Whether changed files match globs: what `changed` and `is_material_change` share.

use crate::rules::display::{listed, shown};
use crate::rules::patterns::PatternId;
use crate::rules::push_test::{Answer, Question, TestError};

/// Globs over the changed files, with what they were written as.
#[derive(Debug)]
pub(super) struct Changes {
    pub(super) patterns: Vec<PatternId>,
    /// As a person reads them, in the order of `patterns`.
    pub(super) written: Vec<String>,
}

impl Changes {
    /// Whether any changed file matches. When the changes cannot be known they count as matching, so that goals run
    /// rather than be left out (semantics 2.5); without any glob nothing matches.
    pub(super) fn matched(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        if self.patterns.is_empty() {
            return Ok(Answer::no("nothing is named that could match"));
        }
        for (pattern, written) in self.patterns.iter().zip(&self.written) {
            let Some(mut changes) = question.project.matching_changes(*pattern)? else {
                return Ok(Answer::yes(
                    "the changed files cannot be known, which counts as a change",
                ));
            };
            if let Some(path) = changes.next() {
                return Ok(Answer::yes(format!(
                    "{} changed and matches {}",
                    shown(path),
                    shown(written)
                )));
            }
        }
        self.unmatched(question)
    }

    fn unmatched(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        let changed = question.project.changed_files()?.unwrap_or_default();
        let written = listed(self.written.iter().map(String::as_str));
        Ok(Answer::no(match changed {
            [] => "no file changed".to_owned(),
            changed => format!(
                "no changed file matches {written}; changed: {}",
                listed(changed.iter().map(String::as_str))
            ),
        }))
    }
}
