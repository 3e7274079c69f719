//! What only the author of a goal file chooses (threat D9): which program runs, and the variables that decide what programs load.
//! What a push or an event says may stand beside it as data, never in its place.

use std::rc::Rc;

use crate::model::Diagnostic;
use crate::model::program_text::{Role, program_texts};
use crate::model::variables::{CONTRACT, VariableMeaning};

use super::super::placeholder::{Template, depends_on_push, is_free_text, may_be_foreign};
use super::super::problems::listed;
use super::super::yaml::Node;
use super::Checker;

impl Checker<'_> {
    /// Whether the name of a variable is one that an author may set.
    pub(crate) fn may_be_set(&mut self, name: &str, at: &Node) -> bool {
        if VariableMeaning::of(name) != VariableMeaning::Contract {
            return true;
        }
        let message = format!("`{name}` is for the machine to set: goals rely on what it says there");
        let hint = format!(
            "give it another name; the machine's begin with {}",
            listed(CONTRACT)
        );
        self.problems
            .error_with_hint("reserved_variable", at, message, hint);
        false
    }

    /// Whether the value of a variable is chosen by the author, where it decides what programs load.
    pub(super) fn is_settled(&mut self, name: &str, value: &Node) -> bool {
        if VariableMeaning::of(name) != VariableMeaning::Loading {
            return true;
        }
        let why = format!("`{name}` decides what programs load or whom they talk to");
        let hint = "write the value out; of placeholders only `${home}` and `${values.…}` may stand in it";
        self.has_none(value, depends_on_push, &why, hint)
    }

    /// Whether the program of a command is chosen by the author, and the variables that `env` sets before it.
    pub(super) fn program(&mut self, argv: &[Rc<Node>], what: &str) -> Option<()> {
        let program = argv.first()?;
        let why = format!("this is the program of {what}");
        let hint = "write the program, and give it what a push says as an argument";
        let mut is_settled = self.has_none(program, is_free_text, &why, hint) & self.is_there(program, what);
        if program
            .text()
            .is_some_and(|text| text == "env" || text.ends_with("/env"))
        {
            for argument in &argv[1..] {
                let name = argument
                    .text()
                    .and_then(|text| text.split_once('='))
                    .map(|(name, _)| name);
                is_settled &= name.is_none_or(|name| self.is_settled(name, argument));
            }
        }
        is_settled &= self.runs_what_is_written(argv, what);
        is_settled.then_some(())
    }

    /// Whether nothing that others say becomes what a program further on carries out. The script of a shell gets it by variable.
    fn runs_what_is_written(&mut self, argv: &[Rc<Node>], what: &str) -> bool {
        let words: Vec<&str> = argv.iter().map(|word| word.text().unwrap_or_default()).collect();
        let mut seen = 0;
        let mut is_settled = true;
        for text in program_texts(&words) {
            if text.index <= seen || text.role == Role::Script {
                continue; // Of what stands in one place twice, once is enough.
            }
            let node = &argv[text.index];
            let is_right = match text.role {
                Role::Program => {
                    let why = format!("this is a program of {what}");
                    let hint = "write the program, and give it what a push says as an argument";
                    self.has_none(node, is_free_text, &why, hint)
                }
                Role::Script | Role::Code => {
                    let why = format!("`{}` carries out what stands here", text.reader);
                    let hint = "let the code take it from an argument of its own behind it, or from a variable set by `env`";
                    self.has_none(node, may_be_foreign, &why, hint)
                }
            };
            if !is_right {
                (seen, is_settled) = (text.index, false);
            }
        }
        is_settled
    }

    /// Whether a program stays where it is: what comes after one that is left out would be the program.
    fn is_there(&mut self, program: &Node, what: &str) -> bool {
        let Some(Ok(template)) = program.text().map(Template::parse) else {
            return true; // Said where the text is read.
        };
        if template.may_be_left_out() {
            let message = format!("this is the program of {what}, and `${{!…}}` may leave it out");
            let hint = "say what stands for it: `${path:default}`";
            self.problems
                .error_with_hint("empty_command", program, message, hint);
            return false;
        }
        true
    }

    fn has_none(&mut self, node: &Node, is_meant: fn(&str) -> bool, why: &str, hint: &str) -> bool {
        let Some(Ok(template)) = node.text().map(Template::parse) else {
            return true; // Said where the text is read.
        };
        let Some((offset, path)) = template.first_of(is_meant) else {
            return true;
        };
        let message = format!("{why}, and `${{{path}}}` would let others choose it");
        let place = node.place_within(offset);
        self.problems
            .add(Diagnostic::error("chosen_outside", place, message).hint(hint));
        false
    }
}
