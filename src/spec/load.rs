//! All goal files at once, from bytes to definitions.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use crate::model::rule_test::Mention;
use crate::model::{
    CommandDefinition, Diagnostic, GoalDefinition, ListenerDefinition, Place, RuleDefinition, RuleTest,
    Severity,
};

use super::arrange;
use super::catalogue::Catalogue;
use super::contradictions;
use super::document::{Parts, WrittenRule};
use super::goal::Context;
use super::keys::snake_case;
use super::mentions;
use super::problems::Problems;
use super::reader::Reader;
use super::reference::{Reference, Referenced, References};
use super::rule::ReadRule;
use super::yaml::{self, Node};

/// A goal file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// The file as people should see it named.
    pub name: Arc<str>,
    /// Its content, whatever it is.
    pub bytes: Vec<u8>,
    /// What it is of another repository; `None` for the operator's own files.
    pub referenced: Option<Referenced>,
}

impl SourceFile {
    /// A file of the operator's own.
    pub fn new(name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            name: Arc::from(name),
            bytes: bytes.into(),
            referenced: None,
        }
    }
}

/// What goal files say, or what is wrong with them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Loaded {
    /// Rules, in the order of the files and within them. Empty when there is an error.
    pub rules: Vec<RuleDefinition>,
    /// Goals defined at top level, in order. Empty when there is an error.
    pub goals: Vec<GoalDefinition>,
    /// The author's tests of the rules, in order. Empty when there is an error.
    pub tests: Vec<RuleTest>,
    /// Commands, in order. Empty when there is an error.
    pub commands: Vec<CommandDefinition>,
    /// Listeners, in order. Empty when there is an error.
    pub listeners: Vec<ListenerDefinition>,
    /// Where there is an error: what could be read all the same, so that what is wrong with it is said in the same go.
    pub readable: Readable,
    /// Values of the configuration that they cannot do without, and where they ask for them; also when there is an error.
    pub values: Vec<Mention>,
    /// What they refer to in other repositories, and where; also when there is an error.
    pub references: Vec<(Reference, Place)>,
    /// Every problem of every file, in the order of the files and within them.
    pub diagnostics: Vec<Diagnostic>,
}

/// What could be read of files with errors; nothing that may be used.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Readable {
    /// Rules, up to the first that could not be read and attaches facts: what those after it ask for is not known.
    pub rules: Vec<RuleDefinition>,
    /// Commands.
    pub commands: Vec<CommandDefinition>,
}

impl Loaded {
    /// Whether the files cannot be used.
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Reads goal files. All problems of all files are found in one go, up to [`MAX_PROBLEMS`](super::MAX_PROBLEMS); when
/// one of them is an error there are no definitions.
///
/// Limits (threat B7): a file has at most 1 MiB, 64 levels and 100,000 values with aliases written out.
pub fn load(files: &[SourceFile], catalogue: &Catalogue<'_>) -> Loaded {
    let mut problems = Problems::default();
    let Read {
        parts,
        references,
        names_incomplete,
    } = read_files(files, &mut problems);
    let mut reader = Reader::new(catalogue, &mut problems);
    reader.names_incomplete = names_incomplete;
    reader.references = references;
    reader.define_tests(&parts.push_tests);
    reader.standalone_goals(&parts.goals);
    let (read, known) = reader.rules(&parts.rules);
    let tests: Vec<RuleTest> = parts
        .tests
        .iter()
        .filter_map(|test| reader.test_of_rules(test))
        .collect();
    let goals = std::mem::take(&mut reader.standalone);
    let commands = reader.commands(&parts.commands);
    let listeners = reader.listeners(&parts.listeners);
    let references = std::mem::take(&mut reader.referred);
    let heard = std::mem::take(&mut reader.heard);
    let triggers = std::mem::take(&mut reader.triggers);
    let asked = std::mem::take(&mut reader.checker.asked);

    let rules = arrange::unique_rules(read, &mut problems);
    arrange::check_inner_names(&rules, &mut problems);
    arrange::check_dependencies(&rules, names_incomplete, &mut problems);
    if !names_incomplete {
        mentions::check(&tests, &rules, &goals, &mut problems);
        mentions::check_heard(&heard, &rules, &goals, &commands, &mut problems);
        mentions::check_triggers(&triggers, &rules, &goals, &commands, &mut problems);
        contradictions::check(&tests, &rules, &goals, &mut problems);
        asked.check(&mentions::known_names(&rules, &goals), &mut problems);
    }
    let values = asked.into_values();
    let rules = rules.into_iter().filter_map(|rule| rule.definition);
    let rules: Vec<RuleDefinition> = rules.collect();
    arrange::check_definitions(&goals, &rules, &mut problems);

    let names: Vec<Arc<str>> = files.iter().map(|file| file.name.clone()).collect();
    let has_errors = problems.has_errors();
    let diagnostics = problems.into_sorted(&names);
    if has_errors {
        let is_known = |rule: &RuleDefinition| !names_incomplete && known.contains(&rule.name);
        let rules = rules.into_iter().filter(is_known).collect();
        return Loaded {
            readable: Readable { rules, commands },
            values,
            references,
            diagnostics,
            ..Loaded::default()
        };
    }
    Loaded {
        rules,
        goals,
        tests,
        commands,
        listeners,
        readable: Readable::default(),
        values,
        references,
        diagnostics,
    }
}

/// What stands in the files.
#[derive(Default)]
struct Read {
    /// The parts of the operator's own.
    parts: Parts,
    /// The others.
    references: References,
    /// Whether any file could not be read.
    names_incomplete: bool,
}

fn read_files(files: &[SourceFile], problems: &mut Problems) -> Read {
    let mut read = Read::default();
    for file in files {
        let (documents, wrong) = yaml::documents(&file.name, &file.bytes);
        let is_read = !documents.is_empty() || wrong.is_empty();
        read.names_incomplete |= !is_read;
        wrong.into_iter().for_each(|diagnostic| problems.add(diagnostic));
        if let Some(about) = &file.referenced {
            read.references.add(about.clone(), documents, is_read);
            continue;
        }
        for document in documents {
            read.parts.take(&document, problems);
        }
    }
    read
}

fn attaches_facts(rule: &Node) -> bool {
    let mut entries = rule.entries().unwrap_or_default().iter();
    entries.any(|entry| snake_case(entry.name()) == "facts")
}

impl Reader<'_, '_> {
    /// Rules, and the names of those before which no fact is unknown.
    fn rules(&mut self, written: &[WrittenRule]) -> (Vec<ReadRule>, HashSet<String>) {
        let (mut all, mut known, mut is_known) = (Vec::new(), HashSet::new(), true);
        for written in written {
            let rule = self.rule(written);
            let is_readable = rule.as_ref().is_some_and(|rule| rule.definition.is_some());
            let name = rule.as_ref().map(|rule| rule.name.clone()).unwrap_or_default();
            let replaces = !is_readable && known.contains(&name);
            if replaces {
                known.clear(); // The earlier one may have attached facts, and stands no more.
            }
            is_known &= is_readable || !(replaces || attaches_facts(&written.node));
            if is_known {
                known.insert(name);
            }
            all.extend(rule);
        }
        (all, known)
    }

    /// Goals at top level, which rules may use by name.
    fn standalone_goals(&mut self, nodes: &[Rc<Node>]) {
        for node in nodes {
            let entries = node.entries().unwrap_or_default();
            let name = entries.iter().find(|entry| snake_case(entry.name()) == "name");
            if let Some(name) = name.and_then(|entry| entry.value.text()) {
                self.standalone_names.insert(name.to_owned());
            }
            if let Some(goal) = self.goal(node, Context::Standalone).and_then(|entry| entry.goal) {
                self.standalone.push(goal);
            }
        }
    }
}
