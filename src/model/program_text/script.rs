//! The script of a shell, roughly: its simple commands, each walked as an argument vector, and the places where a shell reads
//! what a variable holds as more than data.
//!
//! What others say reaches a script by variable, so the shell itself never reads it as program text. What the script does with
//! the variable is another matter: `eval`, a shell or interpreter that it starts, arithmetic. When in doubt the answer is that a
//! place is program text: an author can always write it otherwise.

mod commands;
mod lexer;

use std::ops::Range;

use super::Role;
use lexer::Lexer;

/// How deep commands may stand in commands.
const MOST_NESTED: usize = 16;

/// A stretch of a script where a placeholder would be more than data.
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

/// All stretches of a script that decide what runs, or that no shell fills in; placeholders are not filled in.
pub fn nested_texts(script: &str) -> Vec<Nested> {
    nested(script, 0, 0)
}

fn nested(script: &str, offset: usize, depth: usize) -> Vec<Nested> {
    let mut lexer = Lexer::new(script, depth);
    lexer.commands(None);
    let mut found = lexer.found;
    for one in &mut found {
        one.span = one.span.start + offset..one.span.end + offset;
    }
    found
}
