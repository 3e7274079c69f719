//! Makes lines of what a pipe gives, however it is cut, and masks secrets in them.

use std::rc::Rc;

use crate::model::redact::{Redactor, Tails, masked};

/// Longest line in bytes; a longer one becomes several, each but the last with [`CUT`] at its end.
pub(super) const LONGEST_LINE: usize = 64 * 1024;

/// Marks a line that was cut.
pub(super) const CUT: &str = " …[line continues]";

/// Takes a line, and how many bytes it was of what the goal wrote.
pub(super) type Emit<'a> = dyn FnMut(&str, usize) + 'a;

/// The lines of one stream. The text is kept as it is, escapes and all, but for bytes that are no UTF-8.
pub(super) struct Lines {
    redactor: Rc<Redactor>,
    /// What has come since the last line end or cut.
    buffer: Vec<u8>,
    /// How much of it is known to hold no line end.
    searched: usize,
    /// How many of its first bytes belong to a secret that began before the cut.
    hidden: usize,
    /// What a secret that the line before did not end goes on with.
    tails: Tails,
}

impl Lines {
    /// A stream that has not begun.
    pub(super) fn new(redactor: Rc<Redactor>) -> Self {
        Self {
            redactor,
            buffer: Vec::new(),
            searched: 0,
            hidden: 0,
            tails: Tails::default(),
        }
    }

    /// Takes in the next bytes and gives the lines they complete.
    pub(super) fn push(&mut self, bytes: &[u8], emit: &mut Emit<'_>) {
        self.buffer.extend_from_slice(bytes);
        let mut start = 0;
        while let Some(found) = self.buffer[self.searched..]
            .iter()
            .position(|byte| *byte == b'\n')
        {
            let end = self.searched + found;
            self.line(start, end, 1, emit);
            (start, self.searched, self.hidden) = (end + 1, end + 1, 0);
        }
        self.buffer.drain(..start);
        self.cut_long(emit);
        self.searched = self.buffer.len();
    }

    /// Gives what is left without a line end.
    pub(super) fn finish(&mut self, emit: &mut Emit<'_>) {
        if !self.buffer.is_empty() {
            self.line(0, self.buffer.len(), 0, emit);
            self.buffer.clear();
        }
        (self.searched, self.hidden) = (0, 0);
    }

    fn line(&mut self, mut start: usize, end: usize, line_end: usize, emit: &mut Emit<'_>) {
        while end - start >= self.cut_from() {
            start += self.cut(start, end, emit);
        }
        let line = &self.buffer[start..end];
        let written = line.len() + line_end;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let spans = self.redactor.spans(line, self.hidden, &mut self.tails);
        emit(&String::from_utf8_lossy(&masked(line, &spans)), written);
    }

    /// Cuts pieces off a line that does not end.
    fn cut_long(&mut self, emit: &mut Emit<'_>) {
        let mut start = 0;
        while self.buffer.len() - start >= self.cut_from() {
            start += self.cut(start, self.buffer.len(), emit);
        }
        self.buffer.drain(..start);
    }

    /// Length from which a line is cut: every secret that begins in the piece is there as a whole.
    fn cut_from(&self) -> usize {
        LONGEST_LINE + self.redactor.longest()
    }

    /// Cuts one piece off; its length. The part of a secret beyond the cut is remembered.
    fn cut(&mut self, start: usize, end: usize, emit: &mut Emit<'_>) -> usize {
        let line = &self.buffer[start..end];
        let cut = character_boundary(line, LONGEST_LINE);
        let mut spans = self.redactor.spans(line, self.hidden, &mut self.tails);
        spans.retain(|span| span.start < cut);
        self.hidden = spans.last().map_or(0, |span| span.end.saturating_sub(cut));
        let piece = masked(&line[..cut], &spans);
        emit(&(String::from_utf8_lossy(&piece).into_owned() + CUT), cut);
        cut
    }
}

/// The nearest place at or before `wanted` that does not cut a character apart.
fn character_boundary(bytes: &[u8], wanted: usize) -> usize {
    let is_inside = |position: &usize| bytes.get(*position).is_some_and(|byte| byte & 0xC0 == 0x80);
    (wanted.saturating_sub(3)..=wanted)
        .rev()
        .find(|position| !is_inside(position))
        .unwrap_or(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(secret: &str, pieces: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::new(Rc::new(Redactor::new(&[secret.to_owned()])));
        let mut seen = Vec::new();
        for piece in pieces {
            lines.push(piece, &mut |line, _| seen.push(line.to_owned()));
        }
        lines.finish(&mut |line, _| seen.push(line.to_owned()));
        seen
    }

    #[test]
    fn ex_12_lines_come_when_they_are_whole_and_the_rest_at_the_end() {
        let seen = lines_of("", &[b"10", b"0%d\ntwo\r\n\nth", b"ree"]);
        assert_eq!(seen, ["100%d", "two", "", "three"]);
    }

    #[test]
    fn ex_17_a_secret_cut_by_the_longest_line_leaves_nothing() {
        for before in (LONGEST_LINE - 20)..(LONGEST_LINE + 3) {
            let mut text = vec![b'.'; before];
            text.extend_from_slice(b"canary-secret");
            text.extend(vec![b'.'; LONGEST_LINE]);
            let seen = lines_of("canary-secret", &text.chunks(4096).collect::<Vec<_>>());
            let all = seen.concat().replace(CUT, "");
            assert!(!all.contains("canary") && !all.contains("secret"), "at {before}");
            assert_eq!(all.chars().filter(|c| *c == '.').count(), before + LONGEST_LINE);
        }
    }

    #[test]
    fn e1_codes_that_are_broken_into_lines_leave_nothing_however_they_come() {
        let secret = "ghp_wJ4nV8tRq2LzX0cKbY7mPdE5sUaH3gTfQ9i";
        let code = hex::encode(secret);
        let text = format!("{}\n{}\nnext\n", &code[..60], &code[60..]);
        for length in 1..text.len() {
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(length).collect();
            assert_eq!(lines_of(secret, &pieces), ["***", "***", "next"]);
        }
    }

    #[test]
    fn ex_17_a_code_cut_by_the_longest_line_leaves_nothing() {
        let secret = "ghp_wJ4nV8tRq2LzX0cKbY7mPdE5sUaH3gTfQ9i";
        let code = secret
            .bytes()
            .map(|byte| format!("{byte:02x} "))
            .collect::<String>();
        for before in (LONGEST_LINE - code.len() - 2..=LONGEST_LINE).step_by(3) {
            let text = [
                vec![b'.'; before],
                code.clone().into_bytes(),
                vec![b'.'; 2 * LONGEST_LINE],
            ]
            .concat();
            let all = lines_of(secret, &text.chunks(4096).collect::<Vec<_>>()).concat();
            assert!(!all.contains("67 68") && !all.contains("39 69"), "at {before}");
            assert_eq!(
                all.replace(CUT, "").matches('.').count(),
                before + 2 * LONGEST_LINE
            );
        }
    }

    #[test]
    fn every_byte_is_counted_as_it_was_written() {
        let mut text = b"\xff\xfe canary-secret\r\n\n".to_vec();
        text.extend(vec![b'\xff'; 3 * LONGEST_LINE]);
        text.extend_from_slice(b"\nrest");
        let mut lines = Lines::new(Rc::new(Redactor::new(&["canary-secret".to_owned()])));
        let mut counted = 0;
        for piece in text.chunks(1000) {
            lines.push(piece, &mut |_, written| counted += written);
        }
        lines.finish(&mut |_, written| counted += written);
        assert_eq!(counted, text.len());
    }

    #[test]
    fn e7_bytes_that_are_no_text_are_replaced_and_characters_stay_whole() {
        assert_eq!(lines_of("", &[b"a\xff\xfeb\n"]), ["a\u{fffd}\u{fffd}b"]);
        let long = "é".repeat(LONGEST_LINE);
        let seen = lines_of("", &[b"x", long.as_bytes()]);
        assert_eq!(seen.concat().replace(CUT, ""), format!("x{long}"));
    }
}
