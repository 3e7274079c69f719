//! What may stand where in a goal file: the tables that files are read with, walked from the outside in, for editors.

use crate::model::descriptor::Form;
use crate::model::event::EVENTS;
use crate::model::{Descriptor, EventType, Field, ValueType};

use super::catalogue::{Catalogue, beside, fields, find};
use super::command;
use super::document;
use super::goal::{COMMON_FIELDS, REF, USE};
use super::keys::snake_case;
use super::listener;
use super::named_test;
use super::push_test::COMBINATORS;
use super::rule;

/// A place in a goal file, by the type of what may be written there.
#[derive(Debug, Clone, Copy)]
pub struct Shape<'c> {
    catalogue: &'c Catalogue<'c>,
    value: ValueType,
}

/// A word that may stand for a whole value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// The word.
    pub word: &'static str,
    /// What it means; empty when it speaks for itself.
    pub help: &'static str,
}

impl<'c> Shape<'c> {
    /// The outermost place: a document.
    pub fn document(catalogue: &'c Catalogue<'c>) -> Self {
        Self {
            catalogue,
            value: ValueType::Fields(document::FIELDS),
        }
    }

    /// What may be written here.
    pub fn value(&self) -> ValueType {
        self.value
    }

    fn of(&self, value: ValueType) -> Self {
        let value = match value {
            ValueType::Test => ValueType::Form(Form::Test),
            ValueType::Variables | ValueType::Environment => ValueType::Map(&ValueType::Text),
            ValueType::With { main, .. } => *main,
            other => other,
        };
        Self { value, ..*self }
    }

    /// Keys of a map that is written here; `used` is what stands under its key `use`, when there is one.
    pub fn keys(&self, used: Option<&str>) -> Vec<Field> {
        match self.value {
            ValueType::Fields(fields) | ValueType::BooleanOr(fields) | ValueType::TextOr(_, fields) => {
                fields.to_vec()
            }
            ValueType::List(inner) => self.of(*inner).keys(used),
            ValueType::Form(Form::Rule) => rule::FIELDS.to_vec(),
            ValueType::Form(Form::Test) => {
                let tests = self
                    .catalogue
                    .push_tests
                    .iter()
                    .filter(|test| test.value.is_some());
                let own = COMBINATORS.iter().chain(named_test::FIELDS).copied();
                own.chain(tests.map(|test| key_of(test))).collect()
            }
            ValueType::Form(Form::Goal | Form::Steps) => self.goal_keys(used),
            ValueType::Form(Form::Command) => command_keys(self.catalogue),
            ValueType::Form(Form::Parameter) => command::PARAMETER_FIELDS.to_vec(),
            ValueType::Form(Form::Intent) => command::INTENT_FIELDS.to_vec(),
            ValueType::Form(Form::Listener) => listener_keys(),
            ValueType::Form(Form::GoalName | Form::RuleName | Form::TestName | Form::Used | Form::Event)
            | ValueType::Text
            | ValueType::Verbatim
            | ValueType::CacheKey
            | ValueType::Boolean
            | ValueType::Integer { .. }
            | ValueType::Duration
            | ValueType::Regex
            | ValueType::Glob
            | ValueType::GlobOfCache
            | ValueType::Path
            | ValueType::PathTemplate
            | ValueType::Expression
            | ValueType::Choice(_)
            | ValueType::Argv
            | ValueType::Map(_)
            | ValueType::Size
            | ValueType::Variables
            | ValueType::Environment
            | ValueType::Test
            | ValueType::With { .. }
            | ValueType::Any => Vec::new(),
        }
    }

    fn goal_keys(&self, used: Option<&str>) -> Vec<Field> {
        let kind = used.and_then(|word| find(self.catalogue.kinds, &snake_case(word)));
        let own = kind.filter(|kind| kind.by_use).map_or(&[][..], fields);
        let kinds = self
            .catalogue
            .kinds
            .iter()
            .filter(|kind| !kind.by_use && used.is_none());
        let with_kind =
            kinds.flat_map(|kind| std::iter::once(key_of(kind)).chain(beside(kind).iter().copied()));
        let all = COMMON_FIELDS.iter().chain(USE).chain(REF).chain(own).copied();
        all.chain(with_kind).collect()
    }

    /// The key written here, however it is spelled.
    pub fn key(&self, written: &str, used: Option<&str>) -> Option<Field> {
        let canonical = snake_case(written);
        let mut keys = self.keys(used).into_iter();
        let known = keys.find(|field| field.name == canonical || field.aliases.contains(&canonical.as_str()));
        known.or_else(|| self.bare_test(&canonical))
    }

    /// A test without a value may also be written as a key.
    fn bare_test(&self, word: &str) -> Option<Field> {
        let is_test = matches!(self.value, ValueType::Form(Form::Test));
        find(self.catalogue.push_tests, word)
            .filter(|_| is_test)
            .map(key_of)
    }

    /// The place below a key. A key that a document does not know is a rule in the older shape.
    pub fn below(&self, written: &str, used: Option<&str>) -> Option<Self> {
        if let ValueType::Map(inner) = self.value {
            return Some(self.of(*inner));
        }
        match self.key(written, used) {
            Some(field) => Some(self.of(field.value)),
            None if self.value == ValueType::Fields(document::FIELDS) => {
                Some(self.of(ValueType::Form(Form::Rule)))
            }
            None => None,
        }
    }

    /// The place of an item of a list that is written here.
    pub fn item(&self) -> Self {
        match self.value {
            ValueType::List(inner) => self.of(*inner),
            ValueType::Argv => self.of(ValueType::Text),
            _ => *self,
        }
    }

    /// Words that may be written here.
    pub fn words(&self) -> Vec<Word> {
        let plain = |word: &&'static str| Word { word, help: "" };
        match self.value {
            ValueType::Choice(words) => words.iter().map(plain).collect(),
            ValueType::Boolean | ValueType::BooleanOr(_) => ["true", "false"].iter().map(plain).collect(),
            ValueType::List(inner) => self.of(*inner).words(),
            ValueType::TextOr(key, fields) => {
                let main = fields.iter().find(|field| field.name == key);
                main.map_or_else(Vec::new, |field| self.of(field.value).words())
            }
            ValueType::Form(Form::Test) => {
                let tests = self
                    .catalogue
                    .push_tests
                    .iter()
                    .filter(|test| test.value.is_none());
                tests.map(|test| word_of(test)).collect()
            }
            ValueType::Form(Form::Goal | Form::Steps | Form::Used) => self.used_words(),
            ValueType::Form(Form::Event) => EVENTS.iter().map(word_of_event).collect(),
            ValueType::Form(
                Form::Rule
                | Form::GoalName
                | Form::RuleName
                | Form::TestName
                | Form::Command
                | Form::Parameter
                | Form::Intent
                | Form::Listener,
            )
            | ValueType::Text
            | ValueType::Verbatim
            | ValueType::CacheKey
            | ValueType::Integer { .. }
            | ValueType::Duration
            | ValueType::Regex
            | ValueType::Glob
            | ValueType::GlobOfCache
            | ValueType::Path
            | ValueType::PathTemplate
            | ValueType::Expression
            | ValueType::Argv
            | ValueType::Map(_)
            | ValueType::Fields(_)
            | ValueType::Size
            | ValueType::Variables
            | ValueType::Environment
            | ValueType::Test
            | ValueType::With { .. }
            | ValueType::Any => Vec::new(),
        }
    }

    /// What may stand under `use`, or alone in the place of a goal; goals defined at top level come besides.
    fn used_words(&self) -> Vec<Word> {
        let kinds = self.catalogue.kinds.iter().filter(|kind| kind.by_use);
        let lock = Word {
            word: "lock",
            help: "sets no goal and ends the plan: later rules are not asked",
        };
        kinds.map(|kind| word_of(kind)).chain([lock]).collect()
    }

    /// The test or goal kind of this name, for who wants to know more than a key says.
    pub fn described(&self, word: &str) -> Option<&'c Descriptor> {
        let canonical = snake_case(word);
        match self.value {
            ValueType::Form(Form::Test) => find(self.catalogue.push_tests, &canonical),
            ValueType::Form(Form::Goal | Form::Steps | Form::Used) => find(self.catalogue.kinds, &canonical),
            ValueType::Form(Form::Command) => self.catalogue.kind_of_commands(&canonical),
            ValueType::List(inner) => self.of(*inner).described(word),
            _ => None,
        }
    }
}

fn word_of_event(event: &EventType) -> Word {
    Word {
        word: event.name,
        help: event.help,
    }
}

/// Keys of a command: its own, those of `run`, and one for each kind it can be.
pub(super) fn command_keys(catalogue: &Catalogue<'_>) -> Vec<Field> {
    let own = command::FIELDS.iter().chain(command::RUN_FIELDS).copied();
    own.chain(catalogue.kinds_of_commands().map(key_of)).collect()
}

/// Keys of a listener: its own, and those of what it runs.
pub(super) fn listener_keys() -> Vec<Field> {
    let all = listener::FIELDS.iter().chain(command::RUN_FIELDS);
    all.filter(|field| field.name != "directory").copied().collect()
}

fn word_of(descriptor: &Descriptor) -> Word {
    Word {
        word: descriptor.name,
        help: descriptor.help,
    }
}

/// The key that a descriptor is written as.
pub(super) fn key_of(descriptor: &Descriptor) -> Field {
    let value = descriptor.value.unwrap_or(ValueType::Any);
    Field::new(descriptor.name, value, descriptor.help).aliases(descriptor.aliases)
}
