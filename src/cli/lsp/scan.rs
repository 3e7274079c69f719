//! Where a position is in YAML that may not be finished, and the names in it.
//!
//! The parser of goal files wants whole files; here a few lines of sense are enough. Lines are read by their indentation,
//! `{…}` and `[…]` by their brackets, up to a position and never beyond it. What cannot be made out is passed over.

use crate::spec::keys::snake_case;

/// The map at the top of a file whose keys are names.
const NAMING: &str = "push_tests";

/// Maps whose keys are names that placeholders ask for.
const GIVING: &[&str] = &["parameters", "matrix", "facts", "let"];

/// A map or list item around a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    /// Which one it is of all in the text, from its beginning: the same however much of the text is read.
    pub(super) number: usize,
    shape: Shape,
    /// Column of its keys, or of its dash.
    indent: usize,
    /// The key whose value comes next; none in lists, and where a key is still to be written.
    pub(super) key: Option<String>,
    /// Keys written so far in this map, with what stands beside them.
    pub(super) siblings: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Map,
    Item,
    FlowMap,
    FlowList,
}

impl Frame {
    /// Whether it is an item of a list.
    pub(super) fn is_item(&self) -> bool {
        matches!(self.shape, Shape::Item | Shape::FlowList)
    }

    fn is_flow(&self) -> bool {
        matches!(self.shape, Shape::FlowMap | Shape::FlowList)
    }
}

/// What a position is in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Here {
    /// From the outside in.
    pub(super) frames: Vec<Frame>,
    /// What is written of the word at the position, before it.
    pub(super) prefix: String,
    /// Whether a key may stand here.
    pub(super) takes_key: bool,
    /// Whether a value may stand here.
    pub(super) takes_value: bool,
}

/// The value of a `name` key, or a key that is a name, with all that is around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) frames: Vec<Frame>,
    pub(super) name: String,
    /// From 0.
    pub(super) line: usize,
    /// From 0, in characters.
    pub(super) column: usize,
}

/// What is around the end of a text.
pub(super) fn here(text: &str) -> Here {
    let mut scan = Scan::default();
    let lines: Vec<&str> = text.split('\n').collect();
    for (number, line) in lines.iter().enumerate() {
        scan.line(line.trim_end_matches('\r'), number, number + 1 == lines.len());
    }
    scan.here
}

/// Every `name` in a text.
pub(super) fn names(text: &str) -> Vec<Named> {
    let mut scan = Scan::default();
    for (number, line) in text.lines().enumerate() {
        scan.line(line, number, false);
    }
    scan.names
}

/// Every key that placeholders ask for below the key of the map it stands in, such as a parameter.
pub(super) fn given(text: &str) -> Vec<Named> {
    let mut scan = Scan::default();
    for (number, line) in text.lines().enumerate() {
        scan.line(line, number, false);
    }
    scan.given
}

#[derive(Default)]
struct Scan {
    frames: Vec<Frame>,
    /// How many frames there were so far.
    entered: usize,
    /// Column of the key whose text follows on deeper lines.
    block_text: Option<usize>,
    here: Here,
    names: Vec<Named>,
    given: Vec<Named>,
}

/// Deeper nesting is no goal file.
const MAX_DEPTH: usize = 64;

impl Scan {
    fn line(&mut self, line: &str, number: usize, is_last: bool) {
        let indent = line.chars().take_while(|c| *c == ' ').count();
        let content = &line[indent..];
        if let Some(column) = self.block_text {
            if content.is_empty() || indent > column {
                self.is_here("", false, false);
                return;
            }
            self.block_text = None;
        }
        if self.in_flow() {
            self.flow(line, 0, number);
        } else if line.starts_with("---") || line.starts_with("...") {
            self.frames.clear();
        } else if content.is_empty() || content.starts_with('#') {
            if is_last {
                self.blank(indent, content);
            }
        } else {
            self.block(content, indent, number);
        }
    }

    fn in_flow(&self) -> bool {
        self.frames.last().is_some_and(Frame::is_flow)
    }

    /// Nothing but spaces before the position: a key of what is indented so far, or the value of the key above.
    fn blank(&mut self, indent: usize, content: &str) {
        self.leave(indent);
        let continues = self
            .frames
            .last()
            .is_some_and(|frame| frame.shape == Shape::Map && frame.indent == indent);
        if continues {
            self.forget_key();
        }
        let is_free = content.is_empty();
        self.is_here("", is_free, is_free && !continues);
    }

    fn block(&mut self, mut content: &str, mut column: usize, number: usize) {
        while content == "-" || content.starts_with("- ") {
            self.leave(column);
            self.enter(Shape::Item, column);
            let rest = content[1..].trim_start_matches(' ');
            column += content.chars().count() - rest.chars().count();
            content = rest;
        }
        if content.starts_with(['{', '[']) {
            self.leave(column);
            return self.flow(content, column, number);
        }
        let (content, column) = without_properties(content, column);
        let Some((key, length)) = key_of(content) else {
            self.leave(column);
            if let Some(item) = self.frames.last().filter(|frame| frame.shape == Shape::Item)
                && content.starts_with(['|', '>'])
            {
                self.block_text = Some(item.indent);
            }
            let continues = self
                .frames
                .last()
                .is_some_and(|frame| frame.shape == Shape::Map && frame.indent == column);
            if continues {
                self.forget_key();
            }
            return self.is_here(content, true, !continues);
        };
        self.leave(column);
        let top = self.frames.last();
        if !top.is_some_and(|frame| frame.shape == Shape::Map && frame.indent == column) {
            self.enter(Shape::Map, column);
        }
        let value = &content[length..];
        let rest = value.trim_start_matches(' ');
        let at = column + content.chars().count() - rest.chars().count();
        self.key(key, rest);
        self.defined(
            key,
            number,
            column + usize::from(content.starts_with(['"', '\''])),
        );
        self.value(rest, at, column, number);
    }

    fn value(&mut self, rest: &str, at: usize, column: usize, number: usize) {
        let (rest, at) = without_properties(rest, at);
        if rest.starts_with(['{', '[']) {
            return self.flow(rest, at, number);
        }
        if rest.starts_with(['|', '>']) {
            self.block_text = Some(column);
        }
        let text = without_comment(rest);
        self.named(text, number, at);
        self.is_here(text, false, true);
    }

    /// Characters of `{…}` and `[…]`, from a bracket or in the middle of one.
    fn flow(&mut self, text: &str, start: usize, number: usize) {
        let (mut word, mut begins, mut quote) = (String::new(), start, None);
        let mut letters = text.chars().enumerate().peekable();
        while let Some((index, c)) = letters.next() {
            let column = start + index;
            if let Some(open) = quote {
                word.push(c);
                if c == open {
                    quote = None;
                }
                continue;
            }
            let ends_key = c == ':'
                && letters
                    .peek()
                    .is_none_or(|(_, next)| matches!(next, ' ' | ',' | '}' | ']' | '{' | '['));
            match c {
                '{' | '[' => {
                    let shape = if c == '{' { Shape::FlowMap } else { Shape::FlowList };
                    self.enter(shape, column);
                    word.clear();
                }
                '}' | ']' => {
                    self.named(word.trim(), number, begins);
                    self.frames.pop();
                    word.clear();
                    if !self.in_flow() {
                        return self.is_here("", false, false);
                    }
                }
                ',' => {
                    self.named(word.trim(), number, begins);
                    self.forget_key();
                    word.clear();
                }
                '#' if word.ends_with(' ') => break,
                _ if ends_key && self.wants_key() => {
                    let key = unquoted(word.trim()).to_owned();
                    self.key(&key, text.get(index + 1..).unwrap_or_default());
                    let is_quoted = word.trim().starts_with(['"', '\'']);
                    self.defined(&key, number, begins + usize::from(is_quoted));
                    word.clear();
                }
                _ => {
                    if matches!(c, '"' | '\'') && word.trim().is_empty() {
                        quote = Some(c);
                    }
                    if word.trim().is_empty() && c != ' ' {
                        begins = column;
                    }
                    word.push(c);
                }
            }
        }
        let takes_key = self.wants_key();
        self.is_here(&word, takes_key, !takes_key);
    }

    fn wants_key(&self) -> bool {
        self.frames
            .last()
            .is_some_and(|frame| frame.shape == Shape::FlowMap && frame.key.is_none())
    }

    /// Closes what a line so far to the left is not part of.
    /// A list may stand as far to the left as the key it belongs to; a key that follows ends it.
    fn leave(&mut self, column: usize) {
        while self.frames.last().is_some_and(|frame| {
            frame.indent > column || (frame.indent == column && frame.shape == Shape::Item) || frame.is_flow()
        }) {
            self.frames.pop();
        }
    }

    fn enter(&mut self, shape: Shape, indent: usize) {
        if self.frames.len() < MAX_DEPTH {
            self.entered += 1;
            self.frames.push(Frame {
                number: self.entered,
                shape,
                indent,
                key: None,
                siblings: Vec::new(),
            });
        }
    }

    fn key(&mut self, key: &str, value: &str) {
        if let Some(frame) = self.frames.last_mut() {
            frame.key = Some(key.to_owned());
            let value = without_comment(value.split([',', '}']).next().unwrap_or_default());
            frame
                .siblings
                .push((key.to_owned(), unquoted(value.trim()).to_owned()));
        }
    }

    fn forget_key(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.key = None;
        }
    }

    fn named(&mut self, text: &str, line: usize, column: usize) {
        let name = unquoted(text.trim());
        let is_name = self
            .frames
            .last()
            .is_some_and(|frame| frame.key.as_deref() == Some("name"));
        if is_name && !name.is_empty() {
            self.names.push(Named {
                frames: self.frames.clone(),
                name: name.to_owned(),
                line,
                column: column + usize::from(text.trim().starts_with(['"', '\''])),
            });
        }
    }

    /// Keys of [`NAMING`] at the top of a file are names too, and keys of [`GIVING`] anywhere are what placeholders ask for.
    fn defined(&mut self, key: &str, line: usize, column: usize) {
        let [.., outer, _] = self.frames.as_slice() else {
            return;
        };
        let around = outer.key.as_deref().map(snake_case).unwrap_or_default();
        let is_naming = around == NAMING && self.frames.len() == 2;
        let is_giving = GIVING.contains(&around.as_str());
        if key.is_empty() || !(is_naming || is_giving) {
            return;
        }
        let named = Named {
            frames: self.frames.clone(),
            name: key.to_owned(),
            line,
            column,
        };
        match is_naming {
            true => self.names.push(named),
            false => self.given.push(named),
        }
    }

    fn is_here(&mut self, prefix: &str, takes_key: bool, takes_value: bool) {
        self.here = Here {
            frames: self.frames.clone(),
            prefix: unquoted(prefix.trim_start()).to_owned(),
            takes_key,
            takes_value,
        };
    }
}

/// Without `&anchor` and `!tag` before it.
fn without_properties(mut content: &str, mut column: usize) -> (&str, usize) {
    while content.starts_with(['&', '!']) {
        let length = content.find(' ').unwrap_or(content.len());
        let rest = content[length..].trim_start_matches(' ');
        column += content.chars().count() - rest.chars().count();
        content = rest;
    }
    (content, column)
}

/// A key and how many bytes it takes with its colon; none when the text is no key.
fn key_of(content: &str) -> Option<(&str, usize)> {
    let quote = content.chars().next().filter(|c| matches!(c, '"' | '\''));
    let from = match quote {
        Some(quote) => 1 + content[1..].find(quote)? + 1,
        None => 0,
    };
    let colon = content[from..]
        .match_indices(':')
        .map(|(at, _)| from + at)
        .find(|at| matches!(content.as_bytes().get(at + 1), None | Some(b' ')))?;
    let key = content[..colon].trim_end();
    let is_plain = quote.is_some() || !key.contains(" #");
    is_plain.then(|| (unquoted(key), colon + 1))
}

fn without_comment(text: &str) -> &str {
    let end = if text.starts_with('#') {
        Some(0)
    } else {
        text.find(" #")
    };
    end.map_or(text, |end| &text[..end])
}

/// Without the quotes around it, of which the last may not be written yet.
fn unquoted(text: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote) {
            return inner.strip_suffix(quote).unwrap_or(inner);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The path to a position as `rules/-/goals`, what is written there, and whether key or value may stand there.
    fn at(text: &str) -> String {
        let here = here(text);
        let steps = here.frames.iter().map(|frame| match &frame.key {
            Some(key) => key.as_str(),
            None if frame.is_item() => "-",
            None => "*",
        });
        let steps: Vec<&str> = steps.collect();
        let takes = [(here.takes_key, "key"), (here.takes_value, "value")];
        let takes = takes
            .into_iter()
            .filter(|(takes, _)| *takes)
            .map(|(_, word)| word);
        format!(
            "{} `{}` {}",
            steps.join("/"),
            here.prefix,
            takes.collect::<Vec<_>>().join("+")
        )
    }

    #[test]
    fn blocks_are_read_by_their_indentation() {
        assert_eq!(at(""), " `` key+value");
        assert_eq!(at("ru"), " `ru` key+value");
        assert_eq!(at("rules:\n  - na"), "rules/- `na` key+value");
        assert_eq!(at("rules:\n- name: a\n  te"), "rules/-/* `te` key");
        assert_eq!(
            at("rules:\n  - name: a\n    test:\n      - has"),
            "rules/-/test/- `has` key+value"
        );
        assert_eq!(
            at("rules:\n  - name: a\n    test: is_d"),
            "rules/-/test `is_d` value"
        );
        assert_eq!(
            at("rules:\n  - name: a\n    goals:\n      - - name: b\n          exe"),
            "rules/-/goals/-/-/* `exe` key"
        );
        assert_eq!(
            at("rules:\n  - name: a\n    goals:\n      - name: b\n        execute:\n          r"),
            "rules/-/goals/-/execute `r` key+value"
        );
        assert_eq!(at("rules:\n  - name: a\n"), "* `` key");
        assert_eq!(at("rules:\n  - name: a\n    "), "rules/-/* `` key");
        assert_eq!(at("rules:\n- name: a\n  goals: []\ntes"), "* `tes` key");
        assert_eq!(at("a: b\n---\nru"), " `ru` key+value");
    }

    #[test]
    fn brackets_are_read_by_themselves() {
        assert_eq!(at("a: {b: c, d"), "a/* `d` key");
        assert_eq!(at("a: {b: "), "a/b `` value");
        assert_eq!(at("a: {b: [x, 'y"), "a/b/- `y` value");
        assert_eq!(at("a: [{b: {c: 1}, d: \"}\", e"), "a/-/* `e` key");
        assert_eq!(at("a: {b: 1,\n    c"), "a/* `c` key");
        assert_eq!(at("- [a, {b"), "-/-/* `b` key");
        assert_eq!(at("a: {b: c}\nd: x"), "d `x` value");
        assert_eq!(at("a: &x {<<: *y, b"), "a/* `b` key");
    }

    #[test]
    fn text_and_comments_are_nothing_to_complete() {
        assert_eq!(at("a: |\n  b: c\n  d"), "a `` ");
        assert_eq!(at("a:\n  - |\n    b: c\n    d"), "a/- `` ");
        assert_eq!(at("a:\n  - |\n    b: c\n  - d"), "a/- `d` key+value");
        assert_eq!(at("# ru"), " `` ");
        assert_eq!(at("a: |\n  b: c\nd"), "* `d` key");
    }

    #[test]
    fn nonsense_is_passed_over() {
        for text in [
            "}}}]]",
            "- - - -",
            ": : :",
            "\u{0}",
            "a: {b: [c}: ]",
            "é: ü\n  - ö: {ä",
            "\t- x",
            "&",
            "!!",
            "'",
        ] {
            for end in 0..=text.len() {
                if text.is_char_boundary(end) {
                    here(&text[..end]);
                    names(&text[..end]);
                }
            }
        }
    }

    #[test]
    fn what_placeholders_ask_for_is_found_with_the_map_it_stands_in() {
        let text = "commands:\n  - name: a\n    run: [x]\n    parameters:\n      jobs: {pattern: x}\n  - {name: b, parameters: {k: {}, l: }}\n";
        let owners = |text: &str| -> Vec<(String, usize)> {
            let owner = |named: Named| {
                let [.., owner, _] = named.frames.as_slice() else {
                    panic!("{} stands alone", named.name)
                };
                (named.name.clone(), owner.number)
            };
            given(text).into_iter().map(owner).collect()
        };
        let inside = |text: &str| {
            here(text)
                .frames
                .iter()
                .map(|frame| frame.number)
                .collect::<Vec<_>>()
        };
        let found: [(String, usize); 3] = owners(text).try_into().unwrap();
        let [(jobs, first), (k, second), (l, third)] = found;
        assert_eq!((jobs.as_str(), k.as_str(), l.as_str()), ("jobs", "k", "l"));
        assert_eq!(second, third);
        let cut = &text[..text.find("x]").unwrap()];
        assert!(inside(cut).contains(&first) && !inside(cut).contains(&second));
        let cut = &text[..text.find("l:").unwrap()];
        assert!(inside(cut).contains(&second) && !inside(cut).contains(&first));
    }

    #[test]
    fn names_are_found_with_their_places() {
        let text = "rules:\n  - name: é\n    goals: [{name: 'b c', x: 1}, {y: 2, name: d}]\n";
        let found: Vec<_> = names(text)
            .into_iter()
            .map(|named| (named.name, named.line, named.column))
            .collect();
        assert_eq!(
            found,
            [("é".into(), 1, 10), ("b c".into(), 2, 20), ("d".into(), 2, 46)]
        );
        let text = "pushTests:\n  é: {has_file: x}\n  'b c':\n    not: y\nx: {a: b}\npush_tests: {d: e}\n";
        let found: Vec<_> = names(text)
            .into_iter()
            .map(|named| (named.name, named.line, named.column))
            .collect();
        assert_eq!(
            found,
            [("é".into(), 1, 2), ("b c".into(), 2, 3), ("d".into(), 5, 13)]
        );
    }
}
