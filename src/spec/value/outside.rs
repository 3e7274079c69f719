//! What only the author of a goal file chooses (threat D9): which program runs, and the variables that decide what programs load.
//! What a push or an event says may stand beside it as data, never in its place.

use std::rc::Rc;

use crate::model::Diagnostic;
use crate::model::program_text::program_texts;
use crate::model::variables::{CONTRACT, VariableMeaning};

use super::super::foreign::{Foreign, foreign_texts_beside, foreign_value};
use super::super::placeholder::Template;
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
        let Some(foreign) = value.text().and_then(|text| foreign_value(name, text)) else {
            return true;
        };
        self.chosen_outside(value, foreign);
        false
    }

    /// Whether what runs is chosen by the author: the program of a command, what its arguments run further on, and the variables
    /// that are set before it. The script of a shell gets what others say by variable.
    pub(super) fn program(&mut self, argv: &[Rc<Node>], what: &str) -> Option<()> {
        let mut is_settled = self.is_there(argv.first()?, what);
        let words: Vec<&str> = argv.iter().map(|word| word.text().unwrap_or_default()).collect();
        let variables = self.foreign_variables.iter().flatten().cloned().collect();
        for foreign in foreign_texts_beside(&words, &program_texts(&words), &variables) {
            is_settled = false;
            let index = foreign.index;
            self.chosen_outside(&argv[index], foreign);
        }
        is_settled.then_some(())
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

    fn chosen_outside(&mut self, node: &Node, foreign: Foreign) {
        let place = node.place_within(foreign.offset);
        self.problems
            .add(Diagnostic::error("chosen_outside", place, foreign.message).hint(foreign.hint));
    }
}
