//! What machines want to hear of: their subscriptions, as the types of a workspace have them.

use serde_json::{Map, json};

use super::known::Unservable;
use crate::graph::answer::{AnswerError, check, find_of};
use crate::graph::question::{Operation, QuestionError, Selection};
use crate::graph::{Question, Schema};
use crate::ports::graph::{Filter, Node};
use crate::wire::hub::{Registration, SecretDeclaration, Subscription};

/// A standing question, ready to be asked.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Its operation, which is the handler's name.
    pub operation: String,
    /// Its only root field.
    pub root: Selection,
    /// Secrets that go with each answer.
    pub secrets: Vec<SecretDeclaration>,
    /// What a node must be like to be told of at all.
    filters: Vec<Filter>,
}

impl Standing {
    /// Whether what it tells of is work: a goal that is to be carried out, or a task of a job (wire protocol 12).
    pub fn is_of_work(&self) -> bool {
        let requested = json!("requested");
        match self.root.name.as_str() {
            "SdmGoal" => self.states().all(|states| states.admits(Some(&requested))),
            "AtmJobTask" => true,
            _ => false,
        }
    }

    /// What it asks of states.
    fn states(&self) -> impl Iterator<Item = &Filter> {
        self.filters.iter().filter(|filter| filter.field == "state")
    }

    /// What a node must be like to be told of at all.
    pub(super) fn filters(&self) -> &[Filter] {
        &self.filters
    }

    /// Whether a node of its type may be told of, as far as the node itself shows.
    pub fn may_match(&self, node: &Node) -> bool {
        self.filters.iter().all(|filter| filter.holds(&node.body))
    }
}

/// Subscriptions as some types have them.
pub(super) struct Readable {
    pub(super) standing: Vec<Standing>,
    /// What is wrong with each of the others.
    pub(super) unusable: Vec<Unservable>,
    /// Where the first of those is that is wrong whatever types there are.
    malformed: Option<usize>,
}

/// Why a subscription is none.
enum Problem {
    /// Whatever types there are.
    Malformed(String),
    /// It asks for what is not there.
    Unknown(String),
}

impl Readable {
    pub(super) fn of(schema: &Schema, subscriptions: &[Subscription]) -> Self {
        let mut readable = Self {
            standing: Vec::new(),
            unusable: Vec::new(),
            malformed: None,
        };
        for (number, subscription) in subscriptions.iter().enumerate() {
            let problem = match read_subscription(schema, subscription) {
                Ok(standing) => {
                    readable.standing.push(standing);
                    continue;
                }
                Err(problem) => problem,
            };
            let because = match problem {
                Problem::Malformed(because) => {
                    let place = readable.unusable.len();
                    readable.malformed.get_or_insert(place);
                    because
                }
                Problem::Unknown(because) => because,
            };
            readable.unusable.push(Unservable::Subscription {
                number: number + 1,
                start: subscription.subscription.chars().take(60).collect(),
                because,
            });
        }
        readable
    }

    /// What cannot be used, if the machine is served all the same.
    pub(super) fn unless_refused(
        mut self,
        registration: &Registration,
    ) -> Result<Vec<Unservable>, Unservable> {
        let is_of_the_original = registration.capabilities.is_empty();
        let first = (!self.unusable.is_empty()).then_some(0);
        let refused = if is_of_the_original { self.malformed } else { first };
        match refused {
            Some(place) => Err(self.unusable.swap_remove(place)),
            None => Ok(self.unusable),
        }
    }
}

fn read_subscription(schema: &Schema, subscription: &Subscription) -> Result<Standing, Problem> {
    let malformed = |because: &str| Problem::Malformed(because.to_owned());
    let question = Question::read(schema, &subscription.subscription, None, &Map::new())
        .map_err(|error| unread(&error))?;
    if question.operation != Operation::Subscription {
        return Err(malformed("it is no subscription"));
    }
    let operation = question
        .name
        .ok_or_else(|| malformed("its operation has no name"))?;
    let [root] = <[Selection; 1]>::try_from(question.roots).map_err(|roots| {
        Problem::Malformed(format!("it has {} root fields and must have one", roots.len()))
    })?;
    let kind = schema
        .root(&root.name)
        .ok_or_else(|| malformed("its root field is no type"))?;
    let arguments = |error: AnswerError| Problem::Unknown(error.to_string());
    check(schema, kind, &root).map_err(arguments)?;
    Ok(Standing {
        operation,
        secrets: subscription.secrets.clone(),
        filters: find_of(schema, kind, &root).map_err(arguments)?.filters,
        root,
    })
}

fn unread(error: &QuestionError) -> Problem {
    let because = error.to_string();
    match error {
        QuestionError::UnknownField { .. } | QuestionError::Withheld { .. } | QuestionError::Shape { .. } => {
            Problem::Unknown(because)
        }
        QuestionError::Syntax(_)
        | QuestionError::TooLarge(_)
        | QuestionError::Operation(_)
        | QuestionError::UnknownFragment(_)
        | QuestionError::Variable(_)
        | QuestionError::Directive { .. } => Problem::Malformed(because),
    }
}
