//! What reading rules, tests and goals shares: the catalogue, the problems, and the goals already defined.

use std::collections::HashSet;

use crate::model::rule_test::Mention;
use crate::model::{Field, GoalDefinition, Place, ValueType};

use super::catalogue::Catalogue;
use super::named_test::NamedTests;
use super::problems::{Problems, shorten};
use super::reference::{Reference, References};
use super::value::Checker;
use super::yaml::Node;

/// How much of a wrong entry a message shows.
const MAX_SHOWN: usize = 400;

/// Reads nodes into definitions. The methods live beside what they read: `rule`, `push_test`, `goal`.
pub(crate) struct Reader<'c, 'p> {
    pub(crate) catalogue: &'c Catalogue<'c>,
    pub(crate) checker: Checker<'p>,
    /// The keys of goal kinds that are written as a key.
    pub(crate) kind_keys: Vec<Field>,
    /// Goals defined at top level, in order.
    pub(crate) standalone: Vec<GoalDefinition>,
    /// Names of top-level goals, those with problems included, so that using one is not a second problem.
    pub(crate) standalone_names: HashSet<String>,
    /// Whether a file could not be read at all, so that a missing name proves nothing.
    pub(crate) names_incomplete: bool,
    /// Tests that others use by name.
    pub(crate) named_tests: NamedTests,
    /// Files of other repositories.
    pub(crate) references: References,
    /// What the files refer to, where.
    pub(crate) referred: Vec<(Reference, Place)>,
    /// Goals that listeners and tests of rules wait for.
    pub(crate) heard: Vec<Mention>,
    /// Goals of this machine because of which tests ask rules.
    pub(crate) triggers: Vec<Mention>,
    /// Whether what is read comes from another repository.
    pub(crate) in_reference: bool,
}

impl<'c, 'p> Reader<'c, 'p> {
    pub(crate) fn new(catalogue: &'c Catalogue<'c>, problems: &'p mut Problems) -> Self {
        let by_key = catalogue.kinds.iter().filter(|kind| !kind.by_use);
        Self {
            catalogue,
            checker: Checker::new(problems),
            kind_keys: by_key
                .map(|kind| Field::new(kind.name, ValueType::Any, kind.help).aliases(kind.aliases))
                .collect(),
            standalone: Vec::new(),
            standalone_names: HashSet::new(),
            names_incomplete: false,
            named_tests: NamedTests::default(),
            references: References::default(),
            referred: Vec::new(),
            heard: Vec::new(),
            triggers: Vec::new(),
            in_reference: false,
        }
    }

    pub(crate) fn problems(&mut self) -> &mut Problems {
        self.checker.problems
    }
}

/// An entry as JSON on one line, as messages show it.
pub(crate) fn shown(node: &Node) -> String {
    shorten(&node.to_json().to_string(), MAX_SHOWN)
}
