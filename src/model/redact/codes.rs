//! Hex and base64 as rows of symbols, with what may stand between them.

use super::matcher::Span;

/// The bits of a window.
pub(super) const WINDOW: u32 = 48;

/// What is no symbol: passed over between symbols.
pub(super) const BETWEEN: u8 = 64;
/// What is to be looked at with what follows it.
pub(super) const SPECIAL: u8 = 65;
/// What ends a row of symbols.
pub(super) const OTHER: u8 = 66;

/// How bytes become symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    Hex,
    Base64,
}

impl Code {
    pub(super) const fn bits(self) -> u32 {
        match self {
            Self::Hex => 4,
            Self::Base64 => 6,
        }
    }

    /// Symbols of a window.
    pub(super) const fn width(self) -> usize {
        (WINDOW / self.bits()) as usize
    }

    /// What every byte of a text means.
    pub(super) fn table(self) -> [u8; 256] {
        let mut table = [OTHER; 256];
        let mut set = |bytes: &[u8], meaning: u8| {
            bytes.iter().for_each(|byte| table[usize::from(*byte)] = meaning);
        };
        set(b" \t\r\n", BETWEEN);
        match self {
            Self::Hex => {
                set(b":,-_%xX\"'", BETWEEN);
                (0_u8..16).zip(b"0123456789abcdef").for_each(|(value, byte)| {
                    set(&[*byte, byte.to_ascii_uppercase()], value);
                });
                set(b"0\\", SPECIAL);
            }
            Self::Base64 => {
                let letters = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9');
                (0_u8..62)
                    .zip(letters)
                    .for_each(|(value, byte)| set(&[byte], value));
                set(b"+-", 62);
                set(b"/_", 63);
                set(b"%\\", SPECIAL);
            }
        }
        table
    }

    /// What stands at the beginning of a text that begins with something special, and how long that is.
    pub(super) fn special(self, text: &[u8]) -> (u8, usize) {
        match (self, text) {
            (_, [b'\\', b'n' | b'r' | b't', ..]) => (BETWEEN, 2),
            (_, [b'\\', ..]) => (BETWEEN, 1),
            (Self::Hex, [b'0', b'x' | b'X', ..]) => (BETWEEN, 2),
            (Self::Hex, _) => (0, 1),
            (Self::Base64, [_, b'2', b'B' | b'b', ..]) => (62, 3),
            (Self::Base64, [_, b'2', b'F' | b'f', ..]) => (63, 3),
            (Self::Base64, [_, b'0', b'A' | b'a' | b'D' | b'd', ..]) => (BETWEEN, 3),
            (Self::Base64, _) => (OTHER, 1),
        }
    }
}

/// A symbol and where it stands; none where a row of them ends.
pub(super) type Seen = Option<(u8, Span)>;

/// Reads a text as symbols.
pub(super) struct Reading<'a> {
    pub(super) code: Code,
    pub(super) table: &'a [u8; 256],
    pub(super) text: &'a [u8],
    pub(super) at: usize,
}

impl Iterator for Reading<'_> {
    type Item = Seen;

    fn next(&mut self) -> Option<Seen> {
        loop {
            let at = self.at;
            let byte = *self.text.get(at)?;
            let (meaning, length) = match self.table[usize::from(byte)] {
                SPECIAL => self.code.special(&self.text[at..]),
                meaning => (meaning, 1),
            };
            self.at += length;
            match meaning {
                BETWEEN => {}
                OTHER => return Some(None),
                symbol => return Some(Some((symbol, at..at + length))),
            }
        }
    }
}
