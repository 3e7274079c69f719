//! Names and literals of an expression, checked before it ever runs.

use std::collections::HashMap;

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr, operators};
use cel::{IdedExpr, Program};
use regex::{Regex, RegexBuilder};

use super::position;
use super::vocabulary::{FUNCTIONS, Function, METHODS, PROJECT, ROOTS, Shape, TYPES};
use crate::model::suggest::nearest;
use crate::rules::display::cut;
use crate::rules::patterns::glob;
use crate::rules::push_test::Refusal;

/// How deep the parts of an expression may nest. Evaluation recurses about three times as deep, with large frames.
const MAX_DEPTH: usize = 32;

/// Memory of one compiled regular expression, in bytes.
const MAX_REGEX_SIZE: usize = 1 << 20;

/// What a check learns.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// The literal patterns of `matches`, compiled.
    pub(super) regexes: HashMap<String, Regex>,
    /// Whether `project` or `changed` occurs.
    pub(super) asks_project: bool,
    /// Whether `facts` occurs.
    pub(super) asks_facts: bool,
}

/// Refuses names that do not exist, patterns that are not literals, and shapes that are not offered.
///
/// `facts` are the names that earlier rules attach.
pub(super) fn check(source: &str, program: &Program, facts: &[String]) -> Result<Checked, Refusal> {
    let mut walk = Walk {
        source,
        program,
        facts,
        scope: Vec::new(),
        depth: 0,
        checked: Checked::default(),
    };
    walk.expression(program.expression())?;
    Ok(walk.checked)
}

struct Walk<'a> {
    source: &'a str,
    program: &'a Program,
    facts: &'a [String],
    scope: Vec<(&'a str, Shape)>,
    depth: usize,
    checked: Checked,
}

impl<'a> Walk<'a> {
    fn expression(&mut self, node: &'a IdedExpr) -> Result<Shape, Refusal> {
        if self.depth == MAX_DEPTH {
            return Err(self.refusal(
                node,
                &format!("the expression nests more than {MAX_DEPTH} deep"),
                None,
            ));
        }
        self.depth += 1;
        let shape = self.part(node);
        self.depth -= 1;
        shape
    }

    fn part(&mut self, node: &'a IdedExpr) -> Result<Shape, Refusal> {
        match &node.expr {
            Expr::Ident(name) => self.name(node, name),
            Expr::Select(select) => self.select(node, select),
            Expr::Call(call) => self.call(node, call),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::List(list) => self.all(&list.elements),
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.expression(&entry.key)?;
                        self.expression(&entry.value)?;
                    }
                }
                Ok(Shape::Other)
            }
            Expr::Literal(_) => Ok(Shape::Other),
            Expr::Struct(_) | Expr::Unspecified => {
                Err(self.refusal(node, "structures are not offered", None))
            }
        }
    }

    fn all(&mut self, nodes: &'a [IdedExpr]) -> Result<Shape, Refusal> {
        for node in nodes {
            self.expression(node)?;
        }
        Ok(Shape::Other)
    }

    fn name(&mut self, node: &'a IdedExpr, name: &'a str) -> Result<Shape, Refusal> {
        let roots = ROOTS.iter().map(|root| (root.name, root.shape));
        let mut known = self.scope.iter().rev().copied().chain(roots);
        if let Some((_, shape)) = known.find(|(known, _)| *known == name) {
            self.checked.asks_facts |= shape == Shape::Facts;
            return Ok(shape);
        }
        if TYPES.contains(&name) || name.starts_with('@') {
            return Ok(Shape::Other);
        }
        if name == "project" {
            let hint = "ask `project.has_file(path)` or `project.content(path)`".to_owned();
            return Err(self.refusal(node, "`project` is not a value", Some(hint)));
        }
        let in_scope: Vec<&str> = self.scope.iter().map(|(name, _)| *name).collect();
        let candidates = ROOTS
            .iter()
            .map(|root| root.name)
            .chain(in_scope)
            .chain(["project"]);
        let hint = match nearest(name, candidates) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "known are `push`, `repo`, `preferences`, `facts`, `project.has_file(path)`, \
                     `project.content(path)` and `changed(glob)`"
                .to_owned(),
        };
        Err(self.refusal(node, &format!("unknown name `{name}`"), Some(hint)))
    }

    fn select(&mut self, node: &'a IdedExpr, select: &'a SelectExpr) -> Result<Shape, Refusal> {
        let shape = self.expression(&select.operand)?;
        if shape == Shape::Facts && !self.facts.contains(&select.field) {
            return Err(self.unknown_fact(node, &select.field));
        }
        let Some(fields) = shape.fields() else {
            return Ok(Shape::Other);
        };
        if let Some(field) = fields.iter().find(|field| field.name == select.field) {
            return Ok(field.shape);
        }
        let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
        let hint = match nearest(&select.field, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known fields are {}", names.join(", ")),
        };
        Err(self.refusal(node, &format!("unknown field `{}`", select.field), Some(hint)))
    }

    fn unknown_fact(&self, node: &IdedExpr, name: &str) -> Refusal {
        let hint = match nearest(name, self.facts.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if self.facts.is_empty() => "no rule before this one attaches facts".to_owned(),
            None => format!("rules before this one attach {}", self.facts.join(", ")),
        };
        self.refusal(node, &format!("unknown fact `{name}`"), Some(hint))
    }

    fn call(&mut self, node: &'a IdedExpr, call: &'a CallExpr) -> Result<Shape, Refusal> {
        match call.target.as_deref() {
            None => self.function(node, call),
            Some(IdedExpr {
                expr: Expr::Ident(name),
                ..
            }) if name == "project" => self.project_function(node, call),
            Some(target) => {
                self.known(node, &call.func_name, METHODS)?;
                self.expression(target)?;
                self.all(&call.args)?;
                self.pattern(node, call, call.args.first())
            }
        }
    }

    fn function(&mut self, node: &'a IdedExpr, call: &'a CallExpr) -> Result<Shape, Refusal> {
        if is_operator(&call.func_name) {
            let shapes: Vec<Shape> = call
                .args
                .iter()
                .map(|argument| self.expression(argument))
                .collect::<Result<_, _>>()?;
            let indexed = shapes.first().filter(|_| call.func_name == operators::INDEX);
            return Ok(indexed.map_or(Shape::Other, |shape| shape.element()));
        }
        self.known(node, &call.func_name, FUNCTIONS)?;
        self.all(&call.args)?;
        if call.func_name == "changed" {
            self.checked.asks_project = true;
            self.one_argument(node, call)?;
            self.glob(node, &call.args[0])?;
        }
        self.pattern(node, call, call.args.get(1))
    }

    fn project_function(&mut self, node: &'a IdedExpr, call: &'a CallExpr) -> Result<Shape, Refusal> {
        self.checked.asks_project = true;
        self.known(node, &call.func_name, PROJECT)?;
        self.one_argument(node, call)?;
        if matches!(call.func_name.as_str(), "files" | "directories") {
            self.glob(node, &call.args[0])?;
        }
        self.all(&call.args)
    }

    /// A glob that is written down is looked at right away.
    fn glob(&self, node: &IdedExpr, argument: &IdedExpr) -> Result<(), Refusal> {
        let Some(text) = literal(argument) else {
            return Ok(());
        };
        match glob(text) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.refusal(node, &format!("the glob `{text}` is not valid: {error}"), None)),
        }
    }

    fn comprehension(&mut self, comprehension: &'a ComprehensionExpr) -> Result<Shape, Refusal> {
        let range = self.expression(&comprehension.iter_range)?;
        self.expression(&comprehension.accu_init)?;
        let outer = self.scope.len();
        self.scope.push((&comprehension.accu_var, Shape::Other));
        self.scope.push((&comprehension.iter_var, range.element()));
        if let Some(second) = &comprehension.iter_var2 {
            self.scope.push((second, Shape::Other));
        }
        self.expression(&comprehension.loop_cond)?;
        self.expression(&comprehension.loop_step)?;
        self.expression(&comprehension.result)?;
        self.scope.truncate(outer);
        Ok(Shape::Other)
    }

    /// The pattern of `matches` must be a literal, so that it is compiled once and its limits are known.
    fn pattern(
        &mut self,
        node: &'a IdedExpr,
        call: &'a CallExpr,
        argument: Option<&'a IdedExpr>,
    ) -> Result<Shape, Refusal> {
        if call.func_name != "matches" {
            return Ok(Shape::Other);
        }
        let Some(pattern) = argument.and_then(literal) else {
            let hint =
                "write `text.matches('pattern')`; to look for the text of a value use `contains`".to_owned();
            return Err(self.refusal(node, "the pattern of `matches` is not a literal text", Some(hint)));
        };
        let regex = RegexBuilder::new(pattern)
            .size_limit(MAX_REGEX_SIZE)
            .build()
            .map_err(|error| {
                let error = error.to_string();
                let last = error.lines().last().unwrap_or_default();
                let because = last.strip_prefix("error: ").unwrap_or(last);
                let message = format!(
                    "the regular expression `{}` is not valid: {because}",
                    cut(pattern, 120)
                );
                self.refusal(node, &message, None)
            })?;
        self.checked.regexes.insert(pattern.to_owned(), regex);
        Ok(Shape::Other)
    }

    fn known(&self, node: &IdedExpr, name: &str, known: &'static [Function]) -> Result<(), Refusal> {
        let names = || known.iter().map(|function| function.name);
        if names().any(|known| known == name) {
            return Ok(());
        }
        let others = FUNCTIONS.iter().chain(METHODS).chain(PROJECT);
        let everywhere = names().chain(others.map(|function| function.name));
        let hint = match nearest(name, names()).or_else(|| nearest(name, everywhere)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here are {}", names().collect::<Vec<_>>().join(", ")),
        };
        Err(self.refusal(node, &format!("unknown function `{name}`"), Some(hint)))
    }

    fn one_argument(&self, node: &IdedExpr, call: &CallExpr) -> Result<(), Refusal> {
        match call.args.len() {
            1 => Ok(()),
            count => Err(self.refusal(
                node,
                &format!("`{}` takes one text, not {count} arguments", call.func_name),
                None,
            )),
        }
    }

    fn refusal(&self, node: &IdedExpr, message: &str, hint: Option<String>) -> Refusal {
        let before = self.text_before(node);
        let line = before.matches('\n').count() + 1;
        let column = before
            .chars()
            .rev()
            .take_while(|character| *character != '\n')
            .count()
            + 1;
        Refusal {
            message: format!("{message} at {}", position(self.source, line, column)),
            hint,
        }
    }

    /// The source up to a part. Calls are known by their opening bracket; people look for the name before it.
    fn text_before(&self, node: &IdedExpr) -> String {
        let offset = self
            .program
            .source_info()
            .offset_for(node.id)
            .map_or(0, |(start, _)| start as usize);
        let before: String = self.source.chars().take(offset).collect();
        if self.source.chars().nth(offset) == Some('(') {
            let is_name = |character: char| character.is_alphanumeric() || character == '_';
            return before.trim_end_matches(is_name).to_owned();
        }
        before
    }
}

/// Operators have names that cannot be written as calls.
fn is_operator(name: &str) -> bool {
    !name
        .chars()
        .all(|character| character.is_alphanumeric() || character == '_')
        || (name.starts_with('_') && name.ends_with('_'))
}

/// The text of a literal text.
pub(super) fn literal(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        Expr::Literal(_)
        | Expr::Unspecified
        | Expr::Call(_)
        | Expr::Comprehension(_)
        | Expr::Ident(_)
        | Expr::List(_)
        | Expr::Map(_)
        | Expr::Select(_)
        | Expr::Struct(_) => None,
    }
}
