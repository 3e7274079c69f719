//! `when`: a CEL expression over the push and its project is true.

use super::arguments::text;
use crate::model::{Descriptor, ValueType};
use crate::rules::expression::Expression;
use crate::rules::push_test::{Answer, Cost, Foresight, PushTest, Question, Registration, TestError};

pub(super) static REGISTRATION: Registration = Registration {
    descriptor: Descriptor {
        name: "when",
        aliases: &[],
        value: Some(ValueType::Expression),
        by_use: false,
        help: "A CEL expression over `push`, `repo`, `preferences`, `project.has_file(path)`, `project.content(path)`, \
               `changed(glob)` and the `facts` of earlier rules is true.",
        example: "when: 'push.commits.all(c, !c.message.contains(\"[skip ship]\"))'",
    },
    build: |arguments, patterns| {
        let expression = Expression::compile(text(arguments)?, &patterns.facts)?;
        Ok(Box::new(When(expression)))
    },
};

#[derive(Debug)]
struct When(Expression);

impl PushTest for When {
    fn foresight(&self) -> Foresight {
        Foresight::Opaque
    }

    fn cost(&self) -> Cost {
        if self.0.asks_project() {
            Cost::Content
        } else {
            Cost::Cheap
        }
    }

    fn asks_facts(&self) -> bool {
        self.0.asks_facts()
    }

    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        let holds = question
            .evaluator
            .evaluate(&self.0, question.push, question.facts, question.project)?;
        Ok(Answer::either(
            holds,
            || "the expression is true".to_owned(),
            || "the expression is false".to_owned(),
        ))
    }
}
