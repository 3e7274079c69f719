//! The script of a shell, roughly: its simple commands, each walked as an argument vector, and the places where a shell reads
//! what a variable holds as more than data.
//!
//! What others say reaches a script by variable, so the shell itself never reads it as program text. What the script does with
//! the variable is another matter: `eval`, a shell or interpreter that it starts, arithmetic. When in doubt the answer is that a
//! place is program text: an author can always write it otherwise. Values are followed from variable to variable, whatever the
//! order of the commands.

mod beginnings;
mod builtins;
mod cleaned;
mod commands;
mod documents;
mod expansion;
mod flow;
mod lexer;
mod lists;
mod output;
mod outside;
mod word;

#[cfg(test)]
mod tests;

use std::ops::Range;

use super::Role;
use super::shells::counts_in_tests;
use flow::Flow;
use lexer::Lexer;

pub use beginnings::{Beginning, Looks, Source, is_flag};
pub use outside::{Outside, Risk};

/// How deep commands may stand in commands.
const MOST_NESTED: usize = 16;

const IN_ARITHMETIC: &str = "shells carry out what stands in arithmetic: check first that it is a number, with `case` or `[`, or keep only its digits: `n=$(printf %s \"$1\" | tr -cd 0-9)`";
const IN_QUOTES: &str = "use double quotes, or pass it behind the script and write `\"$1\"`";

/// A stretch of a script where a placeholder or a variable would be more than data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nested {
    /// Where, in bytes.
    pub span: Range<usize>,
    /// What it is.
    pub role: Role,
    /// Who reads it.
    pub reader: String,
    /// What an author may do.
    pub hint: &'static str,
}

/// A script that is read; placeholders are not filled in.
#[derive(Debug)]
pub struct Script {
    text: String,
    flow: Flow,
}

impl Script {
    /// Reads a script of a shell, which is called by its name.
    pub fn read(text: &str, shell: &str) -> Self {
        Self {
            text: text.to_owned(),
            flow: nested(text, 0, counts_in_tests(shell)),
        }
    }
}

/// What a script does, at a depth of scripts in scripts.
fn nested(script: &str, depth: usize, counts_in_tests: bool) -> Flow {
    let mut lexer = Lexer::new(script, depth);
    lexer.counts_in_tests = counts_in_tests;
    lexer.commands(None);
    lexer.into_flow().in_order()
}
