//! Finds many byte strings at once.
//!
//! A table of the first two bytes lets most positions pass with one look; the rest go through the few candidates with
//! the same four first bytes. Overlapping finds are joined, so that nothing of a longer secret is left beside a shorter one.

use std::collections::HashMap;
use std::ops::Range;

/// A piece of text, in bytes.
pub(crate) type Span = Range<usize>;

/// Shortest pattern.
const SHORTEST: usize = 4;

/// A set of byte strings to look for.
pub(crate) struct Matcher {
    /// Which pairs of first bytes occur.
    first_pairs: Box<[bool; 1 << 16]>,
    /// Patterns by their first four bytes, longest first.
    by_start: HashMap<[u8; SHORTEST], Vec<Vec<u8>>>,
    longest: usize,
}

impl Matcher {
    /// For these patterns; those shorter than four bytes are left out.
    pub(crate) fn new(patterns: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut matcher = Self {
            first_pairs: Box::new([false; 1 << 16]),
            by_start: HashMap::new(),
            longest: 0,
        };
        for pattern in patterns {
            let Some(start) = pattern.first_chunk::<SHORTEST>() else {
                continue;
            };
            matcher.first_pairs[usize::from(u16::from_be_bytes([start[0], start[1]]))] = true;
            matcher.longest = matcher.longest.max(pattern.len());
            matcher.by_start.entry(*start).or_default().push(pattern);
        }
        for candidates in matcher.by_start.values_mut() {
            candidates.sort_by_key(|pattern| std::cmp::Reverse(pattern.len()));
        }
        matcher
    }

    /// Length of the longest pattern in bytes.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    /// Where patterns stand, joined where they touch or overlap; the first `hidden` bytes always count.
    pub(crate) fn spans(&self, text: &[u8], hidden: usize) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        if hidden > 0 {
            spans.push(0..hidden.min(text.len()));
        }
        if self.by_start.is_empty() {
            return spans;
        }
        let mut before = 0;
        for (end_of_pair, byte) in text.iter().enumerate() {
            let pair = before << 8 | u16::from(*byte);
            before = pair;
            if !self.first_pairs[usize::from(pair)] || end_of_pair == 0 {
                continue;
            }
            let position = end_of_pair - 1;
            let Some(length) = self.length_at(&text[position..]) else {
                continue;
            };
            let end = position + length;
            match spans.last_mut() {
                Some(last) if position <= last.end => last.end = last.end.max(end),
                _ => spans.push(position..end),
            }
        }
        spans
    }

    fn length_at(&self, text: &[u8]) -> Option<usize> {
        let candidates = self.by_start.get(text.first_chunk::<SHORTEST>()?)?;
        candidates
            .iter()
            .find(|pattern| text.starts_with(pattern))
            .map(Vec::len)
    }
}
