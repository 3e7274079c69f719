//! `when:` expressions: CEL over a push, bounded before and while they run.
//!
//! The `cel` crate neither checks names before running nor limits what an evaluation may cost. So an expression is
//! read once at load: [`check`] walks its tree and refuses names that do not exist, [`instrument`] rewrites it so that
//! every loop and every text it makes is charged to a budget, and a first evaluation against a sample push finds
//! values of the wrong type. Regular expressions must be literals: they are compiled here, in linear-time form.
//!
//! Functions of a CEL context cannot borrow the project. An expression that needs an answer from it stops with a
//! question; the [`Evaluator`] answers and evaluates again. Content is thus read only when the value depends on it.
//!
//! Limits: 4096 bytes and 160 operators, dots and brackets of expression, nested at most 32 deep (parser and evaluation
//! recurse, and a stack that overflows ends the process), 1 MiB of a file, 32 MiB of files and 32 MiB of text made or searched per push
//! and expression, 64 rounds of questions, 250 commits (a push keeps no more).

mod check;
mod desk;
mod evaluator;
mod facts;
mod functions;
mod instrument;
mod sample;
#[cfg(test)]
mod tests;
mod vocabulary;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use cel::{Env, IdedExpr, ParseErrors};
use regex::Regex;

pub use evaluator::Evaluator;
pub use vocabulary::{Term, terms};

use super::display::cut;
use super::push_test::Refusal;

/// Longest expression, in bytes.
const MAX_LENGTH: usize = 4096;

/// How many operators, dots and brackets an expression may have: each may nest the parser deeper.
const MAX_OPERATORS: usize = 160;

/// Stack of the thread that parses, in bytes: some 200 KiB for every operator.
const PARSER_STACK: usize = 32 << 20;

/// Longest message of the parser that is passed on, in characters.
const MAX_MESSAGE: usize = 200;

/// The language: the standard functions and macros, without optional values and extensions.
static LANGUAGE: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib().with_optional_support(false)));

/// A checked expression, ready to evaluate.
pub struct Expression {
    source: String,
    tree: IdedExpr,
    regexes: Arc<HashMap<String, Regex>>,
    asks_project: bool,
    asks_facts: bool,
}

/// What the value of an expression must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Boolean,
    /// Anything that JSON can say.
    Json,
}

impl Expression {
    /// Parses, checks and tries an expression that is true or false; `facts` are the names that earlier rules attach.
    ///
    /// # Errors
    /// Syntax, unknown names, wrong types, or a value that is not a boolean.
    pub fn compile(source: &str, facts: &[String]) -> Result<Self, Refusal> {
        Self::compile_for(Wanted::Boolean, source, facts)
    }

    /// The same for an expression of any value.
    ///
    /// # Errors
    /// Syntax, unknown names or wrong types.
    pub fn compile_value(source: &str, facts: &[String]) -> Result<Self, Refusal> {
        Self::compile_for(Wanted::Json, source, facts)
    }

    fn compile_for(wanted: Wanted, source: &str, facts: &[String]) -> Result<Self, Refusal> {
        if source.len() > MAX_LENGTH {
            return Err(format!("the expression is longer than {MAX_LENGTH} bytes").into());
        }
        if operators(source) > MAX_OPERATORS {
            return Err(
                format!("the expression has more than {MAX_OPERATORS} operators, dots and brackets").into(),
            );
        }
        let (mut tree, checked) = parse(source, facts)?;
        instrument::instrument(&mut tree);
        let expression = Self {
            source: source.to_owned(),
            tree,
            regexes: Arc::new(checked.regexes),
            asks_project: checked.asks_project,
            asks_facts: checked.asks_facts,
        };
        sample::try_out(&expression, wanted)?;
        Ok(expression)
    }

    /// Whether it mentions the project or its changes, so that an answer may have to read them.
    pub fn asks_project(&self) -> bool {
        self.asks_project
    }

    /// Whether it mentions facts, so that its value may change from rule to rule.
    pub fn asks_facts(&self) -> bool {
        self.asks_facts
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Expression").field(&self.source).finish()
    }
}

/// Parses and checks on a thread of its own: the parser recurses for every operator, about ten frames each, which
/// the stack of an ordinary thread may not hold. What passes the check is shallow enough for any thread.
fn parse(source: &str, facts: &[String]) -> Result<(IdedExpr, check::Checked), Refusal> {
    let parsed = || {
        let program = LANGUAGE
            .compile(source)
            .map_err(|errors| syntax_error(source, &errors))?;
        let checked = check::check(source, &program, facts)?;
        Ok((program.expression().clone(), checked))
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("expression".into())
            .stack_size(PARSER_STACK)
            .spawn_scoped(scope, parsed)
            .map_err(|error| format!("the expression cannot be read: {error}"))?;
        thread
            .join()
            .unwrap_or_else(|_| Err("the expression is not CEL: the parser failed".to_owned().into()))
    })
}

/// Operators, dots and brackets outside of quotes; inside of triple quotes and raw texts it may count too many.
fn operators(source: &str) -> usize {
    let mut quote = None;
    let mut escaped = false;
    let mut count = 0;
    for character in source.chars() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if character == '\\' => escaped = true,
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if matches!(character, '"' | '\'') => quote = Some(character),
            None => count += usize::from(".[({?!-+*/%".contains(character)),
        }
    }
    count
}

fn syntax_error(source: &str, errors: &ParseErrors) -> Refusal {
    let Some(first) = errors.errors.first() else {
        return "the expression is not CEL".to_owned().into();
    };
    let message = first.msg.strip_prefix("Syntax error: ").unwrap_or(&first.msg);
    // The parser lists every token of the language that it would have taken instead.
    let message = message.split(" expecting ").next().unwrap_or(message);
    let message = message.replace("mismatched input '<EOF>'", "it ends too early");
    let (line, column) = first.pos;
    Refusal {
        message: format!(
            "the expression is not CEL: {} at {}",
            cut(&message, MAX_MESSAGE),
            position(
                source,
                line.max(1).unsigned_abs(),
                column.max(0).unsigned_abs() + 1
            ),
        ),
        hint: Some("write one boolean expression, such as `push.branch == \"main\" && !push.forced`".into()),
    }
}

/// `column 5`, or with the line where the expression has several.
fn position(source: &str, line: usize, column: usize) -> String {
    if source.lines().count() > 1 {
        format!("line {line}, column {column} of the expression")
    } else {
        format!("column {column} of the expression")
    }
}
