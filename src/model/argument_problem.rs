//! What is wrong with the arguments of a goal beyond the shape of each, and which field it is about.
//!
//! Only a goal's kind knows; whoever has the file at hand turns the field into a place in it.

use std::fmt;

use super::Place;

/// One step on the way to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldStep {
    /// Into a map, by the canonical name of the key.
    Key(String),
    /// Into a list, from 0.
    Item(usize),
}

/// The way to a field; empty for the whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldPath(Vec<FieldStep>);

impl FieldPath {
    /// The whole.
    pub fn whole() -> Self {
        Self::default()
    }

    /// The field under a key of the whole.
    pub fn to(key: &str) -> Self {
        Self::whole().key(key)
    }

    /// The field under a key of this one.
    pub fn key(&self, key: &str) -> Self {
        self.step(FieldStep::Key(key.to_owned()))
    }

    /// An item of this list.
    pub fn item(&self, index: usize) -> Self {
        self.step(FieldStep::Item(index))
    }

    /// Its steps, from the outside in.
    pub fn steps(&self) -> &[FieldStep] {
        &self.0
    }

    fn step(&self, step: FieldStep) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgumentProblem {
    /// What it is about.
    pub field: FieldPath,
    /// Where exactly, when that is known better than by the field.
    pub place: Option<Place>,
    /// Stable name of the kind of problem, such as `missing_property`.
    pub code: String,
    /// What is wrong, as a sentence.
    pub message: String,
    /// What to do, as an instruction; empty for none.
    pub hint: String,
}

/// All that is wrong with the arguments of one goal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArgumentProblems(Vec<ArgumentProblem>);

impl ArgumentProblems {
    /// Just one.
    pub fn one(field: &FieldPath, code: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        let mut problems = Self::default();
        problems.add(field, code, message, hint);
        problems
    }

    /// One more.
    pub fn add(
        &mut self,
        field: &FieldPath,
        code: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.0.push(ArgumentProblem {
            field: field.clone(),
            place: None,
            code: code.to_owned(),
            message: message.into(),
            hint: hint.into(),
        });
    }

    /// One more, already made.
    pub fn push(&mut self, problem: ArgumentProblem) {
        self.0.push(problem);
    }

    /// Those of something else as well.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The same, seen from around the key that their fields are below.
    pub fn below(mut self, key: &str) -> Self {
        for problem in &mut self.0 {
            problem.field.0.insert(0, FieldStep::Key(key.to_owned()));
        }
        self
    }

    /// The value, unless there is any problem.
    ///
    /// # Errors
    /// All of them.
    pub fn none_or<T>(self, value: T) -> Result<T, Self> {
        match self.0.is_empty() {
            true => Ok(value),
            false => Err(self),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every one, in the order found.
    pub fn iter(&self) -> impl Iterator<Item = &ArgumentProblem> {
        self.0.iter()
    }
}

impl std::error::Error for ArgumentProblems {}

impl fmt::Display for ArgumentProblems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let between = if index == 0 { "" } else { "; " };
            write!(formatter, "{between}{}", problem.message)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_keep_their_fields_and_are_one_sentence_together() {
        let mut problems = ArgumentProblems::one(&FieldPath::to("a").item(1), "x", "first", "do");
        problems.add(&FieldPath::whole(), "y", "second", "");
        assert_eq!(problems.to_string(), "first; second");
        let below = problems.below("kind");
        let fields: Vec<&[FieldStep]> = below.iter().map(|problem| problem.field.steps()).collect();
        let key = |key: &str| FieldStep::Key(key.to_owned());
        assert_eq!(
            fields,
            [&[key("kind"), key("a"), FieldStep::Item(1)][..], &[key("kind")]]
        );
        assert!(below.none_or(()).is_err());
        assert_eq!(ArgumentProblems::default().none_or(1), Ok(1));
    }
}
