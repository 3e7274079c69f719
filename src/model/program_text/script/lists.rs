//! Variables that spell a command out, or a part of one: `cmd=(docker build -t "$1")` and then `"${cmd[@]}"`, `RUN="ssh host"` and
//! then `$RUN`. Where one stands, its words are looked at as if they stood there.

use std::collections::HashMap;

use super::commands::set_name;
use super::lexer::Lexer;
use super::word::Word;

/// Most ways to read one command; a variable that may be more spells nothing out.
const MOST_READINGS: usize = 4;

/// Most words that stand for others, in a script and in one command.
const MOST_WORDS: usize = 200;

/// What variables spell out: of each all that it may be, in order.
#[derive(Default)]
pub(super) struct Lists {
    known: HashMap<String, Vec<Vec<Word>>>,
    /// How many words they have.
    count: usize,
}

/// A command as it may be read.
#[derive(Default)]
pub(super) struct Readings {
    /// With the words of lists in their places; nothing where there is no list.
    pub(super) all: Vec<Vec<Word>>,
    /// The lists.
    pub(super) lists: Vec<String>,
}

impl Lists {
    /// Keeps what a variable is set to, or what is put behind all that it may be; whether all of it is known.
    fn set(&mut self, name: &str, words: Vec<Word>, is_added: bool) -> bool {
        self.count += words.len();
        let readings = self.known.entry(name.to_owned()).or_default();
        let is_new = readings.is_empty() || !is_added;
        let is_full = self.count > MOST_WORDS || (is_new && readings.len() == MOST_READINGS);
        match (is_full, is_new) {
            (true, _) => {}
            (false, true) => readings.push(words),
            (false, false) => readings
                .iter_mut()
                .for_each(|reading| reading.extend(words.iter().cloned())),
        }
        !is_full
    }

    fn get(&self, name: &str) -> Option<&Vec<Vec<Word>>> {
        self.known.get(name).filter(|readings| !readings.is_empty())
    }
}

impl Lexer<'_> {
    /// A command in the ways it may be read.
    pub(super) fn readings(&self, words: &[Word]) -> Readings {
        let named = words.iter().filter_map(|word| self.list_of(word));
        let lists: Vec<String> = named.map(str::to_owned).collect();
        let most = lists.iter().filter_map(|name| self.lists.get(name)).map(Vec::len);
        let numbers = 0..most.max().unwrap_or(0);
        let all: Option<Vec<Vec<Word>>> = numbers.map(|number| self.reading(words, number)).collect();
        match all {
            Some(all) if !all.is_empty() => Readings { all, lists },
            Some(_) | None => Readings::default(),
        }
    }

    /// One of them; nothing where it is too long.
    fn reading(&self, words: &[Word], number: usize) -> Option<Vec<Word>> {
        let mut read: Vec<Word> = Vec::new();
        for word in words {
            let list = self.list_of(word).and_then(|name| self.lists.get(name));
            match list {
                Some(readings) => read.extend(readings[number % readings.len()].iter().cloned()),
                None => read.push(word.clone()),
            }
            if read.len() > words.len() + MOST_WORDS {
                return None;
            }
        }
        Some(read)
    }

    /// The list whose words stand for this one.
    fn list_of(&self, word: &Word) -> Option<&str> {
        let (span, is_quoted) = word.only_filled()?;
        let beside = [
            self.inside(word.span.start..span.start),
            self.inside(span.end..word.span.end),
        ];
        let name = self.inside(span).trim_start_matches('$');
        let name = match name.strip_prefix('{') {
            Some(name) => name.strip_suffix('}')?,
            None => name,
        };
        let all = name.strip_suffix("[@]").or_else(|| name.strip_suffix("[*]"));
        let is_alone = beside.iter().all(|beside| beside.chars().all(|c| c == '"'));
        let name = all.or((!is_quoted).then_some(name)).filter(|_| is_alone)?;
        let (name, _) = self.lists.known.get_key_value(name)?;
        self.lists.get(name).map(|_| name.as_str())
    }

    /// Keeps the words of an array; whether all that it may be is known.
    pub(super) fn lists_words(&mut self, name: &str, words: Vec<Word>, is_added: bool) -> bool {
        let readings = self.readings(&words).all;
        match readings.is_empty() {
            true => self.lists.set(name, words, is_added),
            false => readings
                .into_iter()
                .all(|words| self.lists.set(name, words, is_added)),
        }
    }

    /// Keeps the words of a text that a variable is set to, from a place on; whether all that it may be is known.
    pub(super) fn spells_out(&mut self, word: &Word, from: usize) -> bool {
        let written = self.inside(from..word.span.end);
        let unquoted = ['"', '\''].into_iter().find_map(|quote| {
            let inner = written.strip_prefix(quote)?;
            inner.strip_suffix(quote)
        });
        let bare = unquoted.unwrap_or(written);
        let text = word.text.split_once('=').map_or("", |(_, text)| text);
        let is_plain = text == bare && !bare.contains(['`', '*', '?']) && !bare.contains("$(");
        let Some(name) = set_name(word).filter(|name| is_plain && !name.contains('[')) else {
            return !word.is_filled();
        };
        let start = from + usize::from(unquoted.is_some());
        let words = pieces(bare)
            .into_iter()
            .map(|(at, piece)| word.piece(piece, start + at));
        let words = words.collect();
        self.lists.set(name, words, word.text.contains("+="))
    }
}

/// Words of a text between blanks, with where they begin; blanks between braces end none.
fn pieces(text: &str) -> Vec<(usize, &str)> {
    let mut pieces = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 && c.is_whitespace() => {
                pieces.push((start, &text[start..at]));
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    pieces.push((start, &text[start..]));
    pieces.retain(|(_, piece)| !piece.is_empty());
    pieces
}
