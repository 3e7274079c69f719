//! What texts ask for by names that authors have given: facts of rules, goals of the set, values of the configuration. Whether there
//! is anything so called is known when all files are read; of values only where there is a configuration.
//!
//! Nothing but `facts` of a rule sets a fact. A goal of the set is one of a rule or of the list at top level, unless a pushed repository
//! brings goals along, or something could not be read: then any name may be there, and nothing is said. Which values there are is for
//! each machine's configuration to say.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::model::rule_test::Mention;
use crate::model::{Diagnostic, Place, suggest};

use super::placeholder::{Asked, Template};
use super::problems::{Problems, listed, shorten};
use super::yaml::Node;

/// The root of what the configuration says.
const VALUES: &str = "values";

/// Most of them that are kept of one load.
const MAX_ASKED: usize = 20_000;

/// Most names that a hint lists.
const MAX_LISTED: usize = 8;

/// Placeholders of this kind, where they are written.
#[derive(Default)]
pub(crate) struct AskedNames {
    /// Whether what is read comes from another repository, which cannot know what there is: with a default it may ask for anything.
    pub(crate) is_elsewhere: bool,
    all: Vec<AskedName>,
    seen: BTreeSet<(Place, String)>,
}

struct AskedName {
    root: &'static str,
    path: String,
    place: Place,
    may_find_nothing: bool,
}

/// What there is to ask for.
pub(crate) struct KnownNames<'a> {
    /// Facts that rules attach; `None` where that is not known.
    pub(crate) facts: Option<Vec<&'a str>>,
    /// Unique names of goals; `None` where any may be there.
    pub(crate) goals: Option<Vec<&'a str>>,
}

impl AskedNames {
    /// Keeps those of a text.
    pub(crate) fn take(&mut self, node: &Node, template: &Template) {
        for asked in template.asked() {
            let root = asked.path.split('.').next().unwrap_or_default();
            let root = ["facts", "goals", VALUES]
                .into_iter()
                .find(|known| *known == root);
            if let Some(root) = root.filter(|_| self.all.len() < MAX_ASKED) {
                self.add(root, node.place_within(asked.offset), &asked);
            }
        }
    }

    fn add(&mut self, root: &'static str, place: Place, asked: &Asked<'_>) {
        let path = asked.path.to_owned();
        let may_be_anything = self.is_elsewhere && asked.may_find_nothing;
        if !may_be_anything && self.seen.insert((place.clone(), path.clone())) {
            self.all.push(AskedName {
                root,
                path,
                place,
                may_find_nothing: asked.may_find_nothing,
            });
        }
    }

    /// Says which facts and goals there are not. A default is for what may be absent, and these can never be there.
    pub(crate) fn check(&self, known: &KnownNames<'_>, problems: &mut Problems) {
        for asked in &self.all {
            let found = match asked.root {
                "facts" => known.facts.as_ref().and_then(|facts| asked.no_fact(facts)),
                "goals" => known.goals.as_ref().and_then(|goals| asked.no_goal(goals)),
                _ => None,
            };
            if let Some((message, hint)) = found {
                let error = Diagnostic::error("unknown_placeholder", asked.place.clone(), message);
                problems.add(error.hint(hint));
            }
        }
    }

    /// Values of the configuration that a text cannot do without.
    pub(crate) fn into_values(self) -> Vec<Mention> {
        let values = self.all.into_iter().filter(|asked| asked.root == VALUES);
        values
            .filter(|asked| !asked.may_find_nothing)
            .map(|asked| Mention {
                name: asked.path,
                place: asked.place,
                length: 1,
            })
            .collect()
    }
}

impl AskedName {
    /// The part of the path that somebody has chosen, and what stands behind it.
    fn name(&self) -> Option<(&str, &str)> {
        let path = self.path.strip_prefix(self.root)?.strip_prefix('.')?;
        let end = path.find('.').unwrap_or(path.len());
        Some(path.split_at(end))
    }

    fn no_fact(&self, facts: &[&str]) -> Option<(String, String)> {
        let (name, rest) = self.name().filter(|(name, _)| !facts.contains(name))?;
        let message = format!("no rule attaches a fact `{}`", shorten(name, 80));
        let hint = match suggest::nearest(name, facts.iter().copied()) {
            Some(near) => format!("did you mean `${{facts.{near}{rest}}}`?"),
            None if facts.is_empty() || facts.len() > MAX_LISTED => {
                format!(
                    "let a rule before this one compute it: `facts: {{{}: …}}`",
                    shorten(name, 80)
                )
            }
            None => format!("rules attach {}", listed(facts)),
        };
        Some((message, hint))
    }

    fn no_goal(&self, goals: &[&str]) -> Option<(String, String)> {
        let (name, rest) = self.name().filter(|(name, _)| !goals.contains(name))?;
        let message = format!("no rule sets a goal `{}`", shorten(name, 80));
        let hint = match suggest::nearest(name, goals.iter().copied()) {
            Some(near) => format!("did you mean `${{goals.{near}{rest}}}`?"),
            None if goals.len() > MAX_LISTED => "name a goal that some rule sets".to_owned(),
            None => format!("there are {}", listed(goals)),
        };
        Some((message, hint))
    }
}

/// What is wrong with values that texts ask for, given those of a configuration.
///
/// A configuration without any value says nothing: the machine that runs the goals has another one, and the warning says so.
pub fn unknown_values(asked: &[Mention], values: &Value) -> Vec<Diagnostic> {
    let has_some = values.as_object().is_some_and(|values| !values.is_empty());
    let is_there = |path: &str| {
        let mut parts = path.split('.').skip(1);
        let found = parts.try_fold(values, |value, part| match value {
            Value::Array(items) => items.get(part.parse::<usize>().ok()?),
            other => other.get(part),
        });
        found.is_some_and(|value| !value.is_null())
    };
    let unknown = asked.iter().filter(|asked| !is_there(&asked.name));
    unknown
        .map(|asked| match has_some {
            true => unknown_value(asked, values),
            false => {
                let message = format!("no configuration here says what `${{{}}}` is", asked.name);
                let hint = "the machine that runs it must have it in `values` of its configuration, or say what stands for it: `${values.x:…}`";
                Diagnostic::warning("unknown_value", asked.place.clone(), message).hint(hint)
            }
        })
        .collect()
}

fn unknown_value(asked: &Mention, values: &Value) -> Diagnostic {
    let mut paths = Vec::new();
    paths_below(VALUES, values, &mut paths);
    let hint = match suggest::nearest(&asked.name, paths.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `${{{near}}}`?"),
        None => format!(
            "add it to `values` of the configuration, or say what stands for it: `${{{}:…}}`",
            asked.name
        ),
    };
    let message = format!("the configuration has no `{}`", shorten(&asked.name, 80));
    Diagnostic::error("unknown_value", asked.place.clone(), message).hint(hint)
}

fn paths_below(path: &str, value: &Value, paths: &mut Vec<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        paths_below(&path, value, paths);
        paths.push(path);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Severity;
    use crate::spec::yaml;

    fn found(text: &str, facts: Option<Vec<&str>>, goals: Option<Vec<&str>>) -> Vec<(String, String)> {
        let mut names = AskedNames::default();
        let node = yaml::value(&json!(text).to_string()).unwrap();
        names.take(&node, &Template::parse(text).unwrap());
        let mut problems = Problems::default();
        names.check(&KnownNames { facts, goals }, &mut problems);
        let found = problems.into_sorted(&[]).into_iter();
        found
            .map(|problem| (problem.message, problem.hint.unwrap_or_default()))
            .collect()
    }

    #[test]
    fn ym_13_a_fact_or_goal_that_nobody_sets_is_said_with_the_one_that_is_meant() {
        let facts = || Some(vec!["version", "level"]);
        let goals = || Some(vec!["build", "unit-tests"]);
        for (text, message, hint) in [
            (
                "${facts.vesion}",
                "no rule attaches a fact `vesion`",
                "did you mean `${facts.version}`?",
            ),
            (
                "${facts.versio.x:y}",
                "no rule attaches a fact `versio`",
                "did you mean `${facts.version.x}`?",
            ),
            (
                "${facts.other}",
                "no rule attaches a fact `other`",
                "rules attach `version`, `level`",
            ),
            (
                "a ${goals.buidl.data.x}",
                "no rule sets a goal `buidl`",
                "did you mean `${goals.build.data.x}`?",
            ),
            (
                "${goals.unit_tests.state}",
                "no rule sets a goal `unit_tests`",
                "did you mean `${goals.unit-tests.state}`?",
            ),
            (
                "${sha:${goals.nosuch.data:x}}",
                "no rule sets a goal `nosuch`",
                "there are `build`, `unit-tests`",
            ),
        ] {
            let all = found(text, facts(), goals());
            assert_eq!(all, [(message.to_owned(), hint.to_owned())], "{text}");
        }
        let none = Vec::<(String, String)>::new();
        assert_eq!(
            found(
                "${facts.level.x} ${goals.build.data} ${goals} ${facts}",
                facts(),
                goals()
            ),
            none
        );
        assert_eq!(
            found("${facts.x} ${goals.y.data}", None, None),
            none,
            "any may be there"
        );
    }

    #[test]
    fn ym_13_values_are_asked_of_the_configuration() {
        let place = || Place {
            file: "a.yaml".into(),
            line: 1,
            column: 1,
        };
        let asked = |name: &str| Mention {
            name: name.to_owned(),
            place: place(),
            length: 1,
        };
        let values = json!({"registry": {"host": "r"}, "none": null});
        let said = |name: &str, values: &Value| {
            let found = unknown_values(&[asked(name)], values);
            found
                .into_iter()
                .next()
                .map(|one| (one.severity, one.hint.unwrap_or_default()))
        };
        assert_eq!(said("values.registry", &values), None);
        assert_eq!(said("values.registry.host", &values), None);
        let (severity, hint) = said("values.registry.hots", &values).unwrap();
        assert_eq!(hint, "did you mean `${values.registry.host}`?");
        assert_eq!(severity, Severity::Error);
        assert!(said("values.none", &values).is_some());
        let (severity, _) = said("values.registry", &json!({})).unwrap();
        assert_eq!(severity, Severity::Warning, "another configuration may have it");
    }
}
