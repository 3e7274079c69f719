//! What the texts of a goal ask for, beyond what any text may: parameters that it has, and nothing that only commands and
//! listeners know.

use serde_json::{Map, Value};

use crate::model::instances::{AxisValues, DynamicPlan};
use crate::model::program_text::script_of_shell;
use crate::model::{Diagnostic, GoalDefinition, suggest};

use super::super::chooses::choices;
use super::super::keys::{Sorted, snake_case};
use super::super::placeholder::{Asked, Template};
use super::super::problems::listed;
use super::super::reader::Reader;
use super::super::yaml::{Entry, Node};

/// Keys below which nothing is filled in for a push, or is looked at by others.
const NOT_FILLED_IN: &[&str] = &["parameters", "plan", "test", "tests"];

/// What commands and listeners know, and goals do not.
const OF_OTHERS: &[(&str, &str)] = &[
    ("event", "listeners know of an event"),
    ("item", "listeners with `for_each` know of one"),
    ("matches", "commands have groups of a pattern"),
    (
        "machine",
        "commands without a repository and listeners know of it",
    ),
    (
        "preferences",
        "commands without a repository and listeners know of them",
    ),
];

/// The parameters that there will be.
struct Known<'g> {
    /// Whether it is a goal of another repository, whose parameters stand beside the reference.
    is_referenced: bool,
    own: &'g Map<String, Value>,
    /// Those of all instances of its plan; `None` where an expression says what there is.
    of_plan: Option<Vec<&'g str>>,
    plan: Option<&'g DynamicPlan>,
}

impl Reader<'_, '_> {
    /// Whether the placeholders of a goal ask for what there is.
    pub(super) fn asks_for_what_it_has(&mut self, goal: &GoalDefinition, node: &Node) -> bool {
        let known = Known {
            is_referenced: self.in_reference,
            own: &goal.parameters,
            of_plan: of_plan(goal.plan.as_ref()),
            plan: goal.plan.as_ref(),
        };
        self.texts_have_parameters(node, &known)
    }

    /// Parameters of a goal are taken as they are; those of a reference become part of what it stands for.
    pub(super) fn check_parameters(&mut self, sorted: &Sorted<'_>) {
        let node = sorted.value("parameters").filter(|_| !self.in_reference);
        if let Some(node) = node {
            let hint = "write the placeholder where the parameter is used, or compute it as a fact of the rule: `facts`";
            self.checker.warn_about_facts_below(node, "`parameters`", hint);
        }
    }

    fn texts_have_parameters(&mut self, node: &Node, known: &Known<'_>) -> bool {
        let mut all_right = true;
        let items = node.items().unwrap_or_default();
        let words: Vec<&str> = items.iter().map(|item| item.text().unwrap_or_default()).collect();
        let script = script_of_shell(&words);
        for (index, item) in items.iter().enumerate() {
            all_right &= match script == Some(index) {
                true => self.text_has_parameters(item, known, true),
                false => self.texts_have_parameters(item, known),
            };
        }
        for entry in node.entries().unwrap_or_default() {
            if !NOT_FILLED_IN.contains(&snake_case(entry.name()).as_str()) {
                all_right &= self.texts_have_parameters(&entry.value, known);
                all_right &= self.plan_chooses_no_program(entry, known);
            }
        }
        all_right & self.text_has_parameters(node, known, false)
    }

    /// Whether no parameter that a plan computes on a push is a program, an image or a user; what is written out may be.
    fn plan_chooses_no_program(&mut self, entry: &Entry, known: &Known<'_>) -> bool {
        let mut all_right = true;
        for choice in choices(entry) {
            let asked = choice.asked().into_iter();
            for (offset, path) in asked.filter(|(_, path)| known.is_computed(path)) {
                all_right = false;
                let what = choice.what;
                let message = format!("this is {what}, and the plan computes `${{{path}}}` on a push");
                let hint = "write it out, or write the values of the parameter in `matrix`";
                let place = choice.node.place_within(offset);
                self.problems()
                    .add(Diagnostic::error("chosen_outside", place, message).hint(hint));
            }
        }
        all_right
    }

    fn text_has_parameters(&mut self, node: &Node, known: &Known<'_>, is_script: bool) -> bool {
        let text = node.text().filter(|text| text.contains("${"));
        let Some(Ok(template)) = text.map(Template::parse) else {
            return true; // Said where the text is read.
        };
        let objection = |asked: &Asked<'_>| {
            let objection = known.objection(asked, asked.is_whole || is_script)?;
            Some((asked.offset, objection))
        };
        let objections: Vec<_> = template.asked().iter().filter_map(objection).collect();
        for (offset, (message, hint)) in &objections {
            let place = node.place_within(*offset);
            self.problems()
                .add(Diagnostic::error("unknown_placeholder", place, message.as_str()).hint(hint.as_str()));
        }
        objections.is_empty()
    }
}

impl Known<'_> {
    /// What is wrong with a placeholder; `fits` says whether a list or map may stand there.
    fn objection(&self, asked: &Asked<'_>, fits: bool) -> Option<(String, String)> {
        let (root, path) = asked.path.split_once('.').unwrap_or((asked.path, ""));
        if root == "parameters" && !path.is_empty() {
            return match self.at(path) {
                Some(Value::Array(_) | Value::Object(_)) if !fits => Some((
                    format!("`{path}` is a list or map and cannot be part of a text"),
                    format!("let `${{parameters.{path}}}` be all of a value"),
                )),
                Some(_) => None,
                None => self.no_parameter(asked, path),
            };
        }
        let (_, who) = OF_OTHERS.iter().find(|(other, _)| *other == root)?;
        (!asked.may_find_nothing).then(|| {
            (
                format!("a goal knows nothing of `{root}`"),
                format!(
                    "{who}; remove it, or say what stands for it: `${{{}:…}}`",
                    asked.path
                ),
            )
        })
    }

    /// Whether an expression of the plan says what a parameter is.
    fn is_computed(&self, path: &str) -> bool {
        let Some(path) = path.strip_prefix("parameters.") else {
            return false;
        };
        let name = path.split('.').next().unwrap_or(path);
        match self.plan {
            None => false,
            Some(DynamicPlan::Expression { .. }) => true,
            Some(DynamicPlan::Groups(groups)) => {
                let mut axes = groups.iter().flat_map(|group| &group.matrix);
                axes.any(|axis| axis.name == name && matches!(axis.values, AxisValues::Expression(_)))
            }
        }
    }

    /// The goal's own value at a path.
    fn at(&self, path: &str) -> Option<&Value> {
        let mut parts = path.split('.');
        let first = self.own.get(parts.next()?)?;
        let found = parts.try_fold(first, |value, part| value.get(part))?;
        (!found.is_null()).then_some(found)
    }

    fn no_parameter(&self, asked: &Asked<'_>, path: &str) -> Option<(String, String)> {
        let of_plan = self.of_plan.as_ref()?;
        let name = path.split('.').next().unwrap_or(path);
        if asked.may_find_nothing || of_plan.contains(&name) {
            return None;
        }
        let names: Vec<&str> = self
            .own
            .keys()
            .map(String::as_str)
            .chain(of_plan.iter().copied())
            .collect();
        let instead = format!("say what stands for it: `${{parameters.{path}:…}}`");
        let hint = match suggest::nearest(name, names.iter().copied()) {
            Some(near) if self.is_referenced && near != name => {
                format!("write `parameters: {{{name}: …}}` beside the reference, which has `{near}`")
            }
            None if self.is_referenced => format!("add `parameters: {{{name}: …}}` beside the reference"),
            Some(near) if near != name => format!("did you mean `${{parameters.{near}}}`?"),
            Some(_) => format!("there is no such part of `{name}`, or nothing is written for it; {instead}"),
            None if names.is_empty() => format!("add `parameters: {{{name}: …}}` to the goal, or {instead}"),
            None => format!("it has {}; add it, or {instead}", listed(&names)),
        };
        Some((format!("the goal has no parameter `{path}`"), hint))
    }
}

/// The parameters that every instance of a plan has; `None` where that is not known.
fn of_plan(plan: Option<&DynamicPlan>) -> Option<Vec<&str>> {
    let groups = match plan {
        None => return Some(Vec::new()),
        Some(DynamicPlan::Expression { .. }) => return None,
        Some(DynamicPlan::Groups(groups)) => groups,
    };
    let mut of_each = groups.iter().map(|group| {
        let axes = group.matrix.iter().map(|axis| axis.name.as_str());
        axes.chain(group.parameters.keys().map(String::as_str))
            .collect::<Vec<&str>>()
    });
    let mut of_all = of_each.next().unwrap_or_default();
    for names in of_each {
        of_all.retain(|name| names.contains(name));
    }
    Some(of_all)
}
