//! How a program of the table finds its code.

use super::flags::{Flag, Flags, Shape};
use super::readers::{Input, Operands, Reader};
use super::{Role, Walk, shells};

impl Reader {
    fn is_code(&self, flag: &Flag<'_>) -> bool {
        self.code.contains(flag.name) || self.long.contains(&flag.name)
    }

    /// Whether what a flag says is data, whatever it is.
    fn is_data(&self, flag: &Flag<'_>) -> bool {
        let has_data = self.data.contains(flag.name)
            || self.attached.contains(flag.name)
            || self.long_data.contains(&flag.name);
        (flag.value_at.is_some() && has_data) || self.pairs.contains(&flag.name)
    }

    fn loads(&self, flag: &Flag<'_>) -> bool {
        self.loads.contains(flag.name) || self.long_loads.contains(&flag.name)
    }
}

impl<'a> Walk<'a> {
    pub(super) fn read_by(&mut self, reader: &Reader, name: &str, at: usize) {
        match reader.is_known {
            true => self.read_tool(reader, name, at),
            false => self.read_interpreter(reader, name, at),
        }
    }

    /// Its flags end where its arguments begin.
    fn read_interpreter(&mut self, reader: &Reader, name: &str, at: usize) {
        let mut flags = self.flags_of(reader, at + 1);
        for flag in flags.all.iter().filter(|flag| !reader.is_data(flag)) {
            self.flag_of_code(reader, name, flag);
        }
        let mut has_code = flags.all.iter().any(|flag| reader.is_code(flag));
        let opens_files = flags.all.iter().any(|flag| reader.files.contains(flag.name));
        let (operand, is_closed) = (flags.end, flags.is_closed);
        while flags.is_doubtful && self.is_flag(flags.end + 1) {
            // What looks like an argument may be the value of the flag before it: then there are more flags.
            flags = self.flags_of(reader, flags.end + 1);
            for flag in flags.all.iter().filter(|flag| reader.is_code(flag)) {
                self.flag_of_code(reader, name, flag);
                has_code = true;
            }
        }
        let word = self.argv.get(operand).copied().unwrap_or_default();
        let may_be_flag = word.starts_with('$') && !is_closed;
        if reader.operands == Operands::Rest {
            return self.remote(name, operand, may_be_flag);
        }
        if opens_files {
            let from = operand + usize::from(!has_code);
            for index in from..self.argv.len() {
                self.add_with_hint(index, name, super::hint_for("perl files"));
            }
        }
        self.reads_input |= !has_code && (matches!(word, "" | "-") || shells::is_stream(word));
        if !has_code {
            self.add(operand, Role::Code, name, false);
        } else if may_be_flag {
            self.add_with_hint(operand, name, super::MARK_THE_END);
        }
    }

    /// Its flags may stand among its arguments.
    fn read_tool(&mut self, reader: &Reader, name: &str, at: usize) {
        let mut from = at + 1;
        let mut operands = Vec::new();
        let (mut has_code, mut has_file) = (false, false);
        while from < self.argv.len() {
            let flags = self.flags_of(reader, from);
            for flag in &flags.all {
                if reader.is_code(flag) || reader.loads(flag) {
                    has_code |= reader.is_code(flag);
                    has_file |= reader.loads(flag);
                    self.flag_of_code(reader, name, flag);
                }
            }
            let is_last = flags.is_closed;
            operands.extend((flags.end..self.argv.len()).take(if is_last { usize::MAX } else { 1 }));
            from = if is_last { self.argv.len() } else { flags.end + 1 };
        }
        let reads_input = match reader.input {
            Input::Data => false,
            Input::Code => true,
            Input::CodeAlone => operands.is_empty(),
        };
        self.reads_input |= reads_input && !has_code && !has_file;
        self.programs_of(reader, name, at);
        self.settings_of(reader, name, at);
        self.operands(reader, name, &operands, has_code);
        if reader.operands == Operands::FirstTarget {
            self.programs_inside(at + 1); // They may be what the name stands for.
        }
    }

    fn programs_of(&mut self, reader: &Reader, name: &str, at: usize) {
        for index in at + 1..self.argv.len() {
            let flag = self.argv[index].trim_start_matches('-');
            if self.is_flag(index) && reader.programs.contains(&flag) {
                self.add(index + 1, Role::Program, name, false);
                self.inside(index + 1);
            }
        }
    }

    fn settings_of(&mut self, reader: &Reader, name: &str, at: usize) {
        for index in at + 1..self.argv.len() {
            let word = self.argv[index];
            if reader.settings.iter().any(|setting| word.starts_with(setting)) {
                self.add_with_hint(index, name, super::hints::WRITTEN_OUT);
            }
        }
    }

    fn flags_of(&self, reader: &Reader, from: usize) -> Flags<'a> {
        let valued = [reader.code, reader.loads, reader.data].concat();
        let long_valued = [reader.long, reader.long_loads, reader.long_data].concat();
        let shape = Shape {
            valued: &valued,
            attached: reader.attached,
            bare: reader.bare,
            long_valued: &long_valued,
            pairs: reader.pairs,
            last: reader.last,
            long_last: reader.long_last,
        };
        Flags::read(&self.argv, from, shape)
    }

    fn is_flag(&self, at: usize) -> bool {
        self.argv.get(at).is_some_and(|word| word.starts_with('-'))
    }

    fn operands(&mut self, reader: &Reader, name: &str, operands: &[usize], has_code: bool) {
        let (skipped, taken) = match reader.operands {
            Operands::Data => return,
            Operands::First if has_code => return,
            Operands::First | Operands::FirstTarget => (0, 1),
            Operands::Rest => (1, usize::MAX),
            Operands::All | Operands::Targets | Operands::Remote | Operands::Beginnings => (0, usize::MAX),
        };
        for index in operands.iter().copied().skip(skipped).take(taken) {
            let word = self.argv[index];
            let is_meant = match reader.operands {
                Operands::Remote => names_computer(word),
                Operands::Beginnings => word.starts_with(['$', '+']),
                Operands::Data
                | Operands::First
                | Operands::Rest
                | Operands::All
                | Operands::Targets
                | Operands::FirstTarget => true,
            };
            self.reads_input |= match reader.operands {
                Operands::First | Operands::All => takes_input(word),
                Operands::Data
                | Operands::Rest
                | Operands::Targets
                | Operands::FirstTarget
                | Operands::Remote
                | Operands::Beginnings => false,
            };
            match reader.operands {
                _ if !is_meant => {}
                Operands::Targets => self.add_as(Role::Target, index, name, super::BY_VARIABLE),
                Operands::FirstTarget => self.add_as(Role::Target, index, name, super::hints::TASK),
                _ => self.add(index, Role::Code, name, true),
            }
        }
    }

    fn remote(&mut self, name: &str, first: usize, may_be_flag: bool) {
        if may_be_flag {
            self.add_with_hint(first, name, super::MARK_THE_END);
        }
        let command = self.argv.get(first + 1).map(|command| {
            let first = command.split_whitespace().next();
            super::plain_name(first.unwrap_or_default())
        });
        self.reads_input |= command.is_none_or(|command| shells::is_shell(&command));
        for index in first + 1..self.argv.len() {
            self.add_with_hint(index, name, super::hint_for(name));
        }
    }

    fn flag_of_code(&mut self, reader: &Reader, name: &str, flag: &Flag<'_>) {
        let before = self.found.len();
        self.texts_of_flag(reader, name, flag);
        for text in &mut self.found[before..] {
            // A module has flags of its own, and code has none.
            text.ends_flags = flag.name == "c" && reader.last.contains('c');
            if reader.is_known && text.hint == super::BY_ARGUMENT {
                text.hint = super::hints::WRITTEN_OUT;
            }
        }
    }

    fn texts_of_flag(&mut self, reader: &Reader, name: &str, flag: &Flag<'_>) {
        let is_code = reader.is_code(flag);
        self.add(flag.at, Role::Code, name, is_code);
        let value = flag.value_at.and_then(|at| self.argv.get(at).copied());
        self.reads_input |= value.is_some_and(|value| names_input(value, flag.name));
        let Some(value_at) = flag.value_at.filter(|value_at| *value_at != flag.at) else {
            // `-pe`: to some the value of `p`, to others one more flag, with its value behind it.
            let word = self.argv[flag.at];
            let ends_in_code = !word.starts_with("--")
                && word.len() > 2
                && word.ends_with(|letter: char| reader.code.contains(letter));
            if ends_in_code && is_code {
                self.add(flag.at + 1, Role::Code, name, true);
            }
            return;
        };
        self.add(value_at, Role::Code, name, is_code);
    }
}

/// Whether what a flag of code or files names is the standard input, in a word of its own or behind the flag.
fn names_input(word: &str, flag: &str) -> bool {
    let value = word.trim_start_matches('-');
    let value = value
        .strip_prefix(flag)
        .filter(|_| word.starts_with('-') && word.len() > 1);
    let value = value.map_or(word, |value| value.strip_prefix('=').unwrap_or(value));
    value == "-" || shells::is_stream(value)
}

/// Whether an argument that is code is the standard input, or a shell that reads it.
fn takes_input(word: &str) -> bool {
    word == "-" || shells::is_stream(word) || shells::is_shell(&super::plain_name(word))
}

/// `computer:path`; colons of placeholders and of what stands behind a slash name none.
fn names_computer(word: &str) -> bool {
    let mut depth = 0_usize;
    for c in word.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '/' if depth == 0 => return false,
            ':' if depth == 0 => return true,
            _ => {}
        }
    }
    false
}
