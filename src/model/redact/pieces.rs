//! Finds pieces of secrets in hex and base64, however the code is broken into lines and groups.
//!
//! Any 48 bits of a secret are a window: six bytes in hex, eight characters in base64 at each of the three places where a byte may
//! begin. A text is read as the symbols of a code, passing over what stands between them (spaces, line ends, `:`, `0x`, `\x`), and
//! every window it holds is a find; those that touch are one. So a line shows a piece of a secret only where the piece is
//! shorter than a window; the rest of a secret on the line after one is known and found at any length.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::codes::{BETWEEN, Code, OTHER, Reading, SPECIAL, Seen, WINDOW};
use super::matcher::Span;

/// The last symbols as one number.
const KEY: u64 = (1 << WINDOW) - 1;

/// More symbols than a window has.
const RING: usize = 16;

/// Bytes of a window.
const BYTES: usize = 6;

/// Fewest different bytes of a window: what is the same over and over, such as blanks, is nobody's secret.
const VARIETY: usize = 3;

/// Most bytes that one window takes up in a text, with everything between its symbols.
pub(super) const LONGEST: usize = 256;

/// How far into a line the rest of a secret is looked for, in symbols and what is none: dumps begin with a number.
const HEAD: usize = 64;

/// How far behind a piece in hex its plain text may stand, as in dumps.
const BESIDE: usize = 80;

/// Fewest bytes of plain text beside hex.
const PLAIN: usize = 4;

/// Ends the symbols of a secret.
const END: u8 = 0xFF;

/// Symbols that continue secrets beyond the end of a line.
#[derive(Debug, Default)]
pub(crate) struct Tails {
    hex: Vec<u8>,
    base64: Vec<u8>,
}

/// The pieces of all secrets.
pub(super) struct Pieces {
    hex: Windows,
    base64: Windows,
    /// What stands beside hex in dumps.
    plain: HashSet<[u8; PLAIN]>,
}

impl Pieces {
    /// Of these values; those shorter than a window have none.
    pub(super) fn new<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut pieces = Self {
            hex: Windows::new(Code::Hex),
            base64: Windows::new(Code::Base64),
            plain: HashSet::new(),
        };
        for value in values.into_iter().filter(|value| value.len() >= BYTES) {
            pieces.hex.add_hex(value);
            (0..3).for_each(|before| pieces.base64.add_base64(value, before));
            let windows = value.windows(PLAIN).filter_map(|window| window.first_chunk());
            pieces.plain.extend(windows);
        }
        pieces
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.plain.is_empty()
    }

    /// Where they stand in a text that comes after `tails`, in no order; `tails` becomes what continues the text.
    pub(super) fn spans(&self, text: &[u8], tails: &mut Tails) -> Vec<Span> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut spans = self
            .hex
            .find(text, &mut tails.hex, |tail, span| self.beside(text, tail, span));
        spans.extend(self.base64.find(text, &mut tails.base64, |_, _| Vec::new()));
        spans
    }

    /// Plain text beside a piece in hex: windows of it, or all of the rest of a secret that the piece is.
    fn beside(&self, text: &[u8], tail: &[u8], span: &Span) -> Vec<Span> {
        let end = text.len().min(span.end + BESIDE);
        let after = &text[span.end..end];
        let after = after.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let rest: Vec<u8> = tail.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        let width = if rest.is_empty() { PLAIN } else { rest.len() };
        let is_found = |window: &&[u8]| match rest.is_empty() {
            true => window
                .first_chunk()
                .is_some_and(|window| self.plain.contains(window)),
            false => **window == rest,
        };
        let places = after.windows(width).enumerate();
        let found = places.filter(|(_, window)| is_found(window));
        found
            .map(|(at, _)| span.end + at..span.end + at + width)
            .collect()
    }
}

/// The windows of all secrets in one code.
struct Windows {
    code: Code,
    table: [u8; 256],
    /// All symbols of all secrets, with an end after each.
    symbols: Vec<u8>,
    /// Where the symbols after a window are.
    after: HashMap<u64, usize>,
    /// Which sums of windows occur, so that most are told by one look.
    sums: Box<[bool; 1 << 16]>,
}

impl Windows {
    fn new(code: Code) -> Self {
        Self {
            code,
            table: code.table(),
            symbols: Vec::new(),
            after: HashMap::new(),
            sums: Box::new([false; 1 << 16]),
        }
    }

    fn add_hex(&mut self, value: &[u8]) {
        let symbols = value.iter().flat_map(|byte| [byte >> 4, byte & 15]).collect();
        self.add(symbols, |at| {
            let bytes = value.get(at / 2..at / 2 + BYTES);
            bytes.filter(|bytes| at % 2 == 0 && is_varied(bytes)).is_some()
        });
    }

    /// With so many bytes before it; the symbols are those that depend on the value alone.
    fn add_base64(&mut self, value: &[u8], before: usize) {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(value);
        let (first, end) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        let code = BASE64_STANDARD.encode(&bytes);
        let symbols = code.as_bytes()[first..end].iter();
        let symbols = symbols.map(|byte| self.table[usize::from(*byte)]).collect();
        self.add(symbols, |at| {
            let from = (first + at) * 6 / 8;
            bytes.get(from..from + BYTES).is_some_and(is_varied)
        });
    }

    /// Adds those windows of a secret that are worth finding.
    fn add(&mut self, symbols: Vec<u8>, is_worth_it: impl Fn(usize) -> bool) {
        let (begin, width) = (self.symbols.len(), self.code.width());
        for (at, window) in symbols.windows(width).enumerate() {
            if !is_worth_it(at) {
                continue;
            }
            let bits = self.code.bits();
            let key = window
                .iter()
                .fold(0, |key, symbol| key << bits | u64::from(*symbol));
            self.sums[usize::from(sum(key))] = true;
            self.after.entry(key).or_insert(begin + at + width);
        }
        self.symbols.extend(symbols);
        self.symbols.push(END);
    }

    fn read<'a>(&'a self, text: &'a [u8]) -> Reading<'a> {
        Reading {
            code: self.code,
            table: &self.table,
            text,
            at: 0,
        }
    }

    /// Where windows and the tail of a secret stand, and what `beside` finds for each; the tail becomes what is missing after
    /// the last window.
    fn find(&self, text: &[u8], tail: &mut Vec<u8>, beside: impl Fn(&[u8], &Span) -> Vec<Span>) -> Vec<Span> {
        let mut spans = Vec::new();
        for span in self.tail_in(text, tail) {
            spans.extend(beside(tail, &span));
            spans.push(span);
        }
        let (windows, last) = self.windows_in(text);
        for span in windows {
            spans.extend(beside(&[], &span));
            spans.push(span);
        }
        let rest = last.map(|after| self.rest(after)).unwrap_or_default();
        tail.clear();
        // What is longer holds a window of its own.
        tail.extend(rest.iter().take_while(|_| rest.len() < self.code.width()));
        spans
    }

    /// Where windows stand, joined where they touch, and where the symbols after the last of them are. All output passes through
    /// here, so most bytes cost one look into the table and one at a sum.
    fn windows_in(&self, text: &[u8]) -> (Vec<Span>, Option<usize>) {
        let (mut spans, mut last) = (Vec::<Span>::new(), None);
        let (bits, width) = (self.code.bits(), self.code.width());
        // Where the last symbols begin.
        let mut starts = [0; RING];
        let (mut key, mut count, mut at) = (0_u64, 0_usize, 0);
        while at < text.len() {
            let (mut symbol, mut length) = (self.table[usize::from(text[at])], 1);
            if symbol == SPECIAL {
                (symbol, length) = self.code.special(&text[at..]);
            }
            let begin = at;
            at += length;
            if symbol >= BETWEEN {
                count = if symbol == OTHER { 0 } else { count };
                continue;
            }
            key = key << bits | u64::from(symbol);
            starts[count % RING] = begin;
            count += 1;
            if count < width || !self.sums[usize::from(sum(key))] {
                continue;
            }
            let Some(after) = self.after.get(&(key & KEY)) else {
                continue;
            };
            last = Some(*after);
            let start = starts[(count - width) % RING];
            match spans.last_mut() {
                Some(before) if start <= before.end => before.end = at,
                Some(_) | None => spans.push(start..at),
            }
        }
        (spans, last)
    }

    /// Where the rest of a secret stands among the first symbols of a line.
    fn tail_in(&self, text: &[u8], tail: &[u8]) -> Vec<Span> {
        if tail.is_empty() {
            return Vec::new();
        }
        let row: Vec<Seen> = self.read(text).take(HEAD).collect();
        let symbol = |seen: &Seen| seen.as_ref().map(|(symbol, _)| *symbol);
        let is_tail = |window: &&[Seen]| window.iter().map(symbol).eq(tail.iter().copied().map(Some));
        let place = |seen: Option<&Seen>| seen.cloned().flatten().map(|(_, place)| place);
        let found = row.windows(tail.len()).filter(is_tail);
        found
            .filter_map(|window| Some(place(window.first())?.start..place(window.last())?.end))
            .collect()
    }

    /// The symbols of a secret from a place to its end.
    fn rest(&self, from: usize) -> &[u8] {
        let rest = &self.symbols[from..];
        rest.split(|symbol| *symbol == END).next().unwrap_or_default()
    }
}

fn is_varied(bytes: &[u8]) -> bool {
    let first = bytes
        .iter()
        .enumerate()
        .filter(|(at, byte)| !bytes[..*at].contains(byte));
    first.count() >= VARIETY
}

/// Sixteen bits of the last symbols that differ where windows do.
fn sum(key: u64) -> u16 {
    ((key & KEY).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48) as u16
}
