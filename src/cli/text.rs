//! Text of strangers on a terminal: nothing in it can move the cursor, hide or reorder what people read (threats A4, A5).

use std::fmt::Write as _;

use ratatui::text::Span;

use crate::model::deceptive::is_deceptive;

/// Longest text of one value that is looked at, in characters.
const LONGEST: usize = 64 * 1024;

/// One line: control and invisible characters become visible `\u{…}` marks, line ends and tabs become spaces.
pub fn neutralise(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(LONGEST));
    for c in text.chars().take(LONGEST) {
        match c {
            '\n' | '\t' => shown.push(' '),
            '\r' => {}
            c => push_visibly(&mut shown, c),
        }
    }
    if text.len() > LONGEST && text.chars().nth(LONGEST).is_some() {
        shown.push_str("… (cut)");
    }
    shown
}

/// The same for text whose lines and tabs are kept.
pub fn neutralise_lines(text: &str) -> String {
    text.lines().map(neutralise).collect::<Vec<_>>().join("\n")
}

/// The same JSON, in which no character can do anything to a terminal (threat A4): outside of its texts all are harmless, and
/// in texts an escape means the same.
pub fn neutralise_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_control() || is_deceptive(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

/// The word for one thing, or the one for any other number of them.
pub const fn plural<'a>(count: u32, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}

fn push_visibly(shown: &mut String, c: char) {
    if c.is_control() || is_deceptive(c) {
        shown.extend(c.escape_unicode());
    } else {
        shown.push(c);
    }
}

/// A line of a goal's log: tabs stay, colours stay when `colour`, every other control sequence is removed or marked.
pub fn neutralise_log(text: &str, colour: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut coloured = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(sequence) = select_graphic_rendition(rest) {
            if colour {
                shown.push_str(sequence);
                coloured = true;
            }
            rest = &rest[sequence.len()..];
            continue;
        }
        match c {
            '\t' => shown.push(c),
            '\r' => {}
            c => push_visibly(&mut shown, c),
        }
        rest = &rest[c.len_utf8()..];
    }
    if coloured {
        shown.push_str("\x1b[0m");
    }
    shown
}

/// The colour sequence `ESC [ digits and ; m` at the beginning of a text.
fn select_graphic_rendition(text: &str) -> Option<&str> {
    let parameters = text.strip_prefix("\x1b[")?;
    let length = parameters
        .bytes()
        .take(64)
        .take_while(|byte| byte.is_ascii_digit() || matches!(byte, b';' | b':'))
        .count();
    parameters[length..].starts_with('m').then(|| &text[..length + 3])
}

/// Columns that a text takes on a terminal.
pub fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// At most `columns` columns; a longer text ends with `…` (or `...`).
pub fn cut(text: &str, columns: usize, unicode: bool) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mark = if unicode { "…" } else { "..." };
    let room = columns.saturating_sub(width(mark));
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = width(c.encode_utf8(&mut [0; 4]));
        if used + wide > room {
            break;
        }
        used += wide;
        kept.push(c);
    }
    kept.push_str(mark);
    kept
}

/// The same with the end of a longer text kept, which of a place in a file says most.
pub fn cut_front(text: &str, columns: usize, unicode: bool) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mark = if unicode { "…" } else { "..." };
    let room = columns.saturating_sub(width(mark));
    let mut start = text.len();
    for (index, _) in text.char_indices().rev() {
        if width(&text[index..]) > room {
            break;
        }
        start = index;
    }
    format!("{mark}{}", &text[start..])
}

/// The text on as many lines as it needs in so many columns, broken between words; a longer word has a line of its own.
pub fn wrapped(text: &str, columns: usize) -> String {
    broken(text, columns).join("\n")
}

/// The text in lines of at most `columns` columns, broken at spaces; a longer word has a line of its own.
pub fn broken(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The text over at most `lines` lines, broken at spaces: the first of `first` columns and the others of `rest`; what does not
/// fit on the last one is cut. A word that is longer than a line is broken.
pub fn wrap(text: &str, first: usize, rest: usize, lines: usize, unicode: bool) -> Vec<String> {
    let (mut shown, mut left, mut room) = (Vec::new(), text.trim_end(), first);
    while shown.len() + 1 < lines && width(left) > room {
        let (line, after) = left.split_at(break_of(left, room));
        shown.push(line.trim_end().to_owned());
        (left, room) = (after.trim_start(), rest);
    }
    shown.push(cut(left, room, unicode));
    shown
}

/// Where a line of `columns` ends, in bytes: behind its last space that is not at its beginning, else where it is full.
fn break_of(text: &str, columns: usize) -> usize {
    let mut used = 0;
    let mut fits = |c: char| {
        used += width(c.encode_utf8(&mut [0; 4]));
        used <= columns
    };
    let kept: usize = text.chars().take_while(|c| fits(*c)).map(char::len_utf8).sum();
    let full = kept.max(text.chars().next().map_or(0, char::len_utf8));
    if text[full..].starts_with(' ') {
        return full;
    }
    let begin = full - text[..full].trim_start().len();
    let space = text[..full].rfind(' ').filter(|space| *space > begin);
    space.map_or(full, |space| space + 1)
}

/// The text filled with spaces to `columns`.
pub fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_or_wrapped_where_they_say_least() {
        assert_eq!(cut_front("a/long/path.yaml:3:4", 14, true), "…path.yaml:3:4");
        assert_eq!(cut_front("a/long/path.yaml:3:4", 14, false), "...th.yaml:3:4");
        assert_eq!(cut_front("ÄÖÜ", 3, true), "ÄÖÜ");
        assert_eq!(wrapped("one two three", 7), "one two\nthree");
        assert_eq!(wrapped("a-very-long-word x", 4), "a-very-long-word\nx");
        assert_eq!(wrapped("", 4), "");
    }

    #[test]
    fn lo_08_markup_is_text_so_no_text_is_dangerous_and_lines_stay() {
        let begun = std::time::Instant::now();
        for piece in [
            "[", "![](", "*a_", "`", "> ", "- ", "<a>", "\\", "&#x", "|-", "\n\n", "[[]([",
        ] {
            let text = piece.repeat(500_000);
            assert!(neutralise(&text).chars().count() <= LONGEST + 10, "{piece}");
            neutralise_lines(&text);
            neutralise_log(&text, true);
        }
        assert!(
            begun.elapsed() < std::time::Duration::from_secs(20),
            "{:?}",
            begun.elapsed()
        );
        let markdown = "# Title\n\n- *one*\n- [two](javascript:x)\n```\ncode\n```";
        assert_eq!(neutralise_lines(markdown), markdown);
    }

    #[test]
    fn a4_control_and_direction_characters_are_shown_not_obeyed() {
        assert_eq!(neutralise("\x1b[2Jhi\x07"), r"\u{1b}[2Jhi\u{7}");
        assert_eq!(neutralise("a\u{202e}b\u{2066}c"), r"a\u{202e}b\u{2066}c");
        assert_eq!(neutralise("one\r\ntwo\tthree"), "one two three");
        assert_eq!(neutralise("\u{9b}31m"), r"\u{9b}31m");
    }

    #[test]
    fn a5_invisible_characters_are_marked_and_ordinary_scripts_are_not() {
        assert_eq!(neutralise("ma\u{200d}in"), r"ma\u{200d}in");
        assert_eq!(neutralise("grüße, 世界, العربية"), "grüße, 世界, العربية");
    }

    #[test]
    fn a4_five_megabytes_in_one_line_are_cut() {
        let shown = neutralise(&"x".repeat(5 << 20));
        assert!(shown.len() < 70_000 && shown.ends_with("… (cut)"));
    }

    #[test]
    fn a4_logs_keep_colours_and_nothing_else() {
        let line = "\x1b[1;31merror\x1b[0m\tin\x1b[2J \x1b]0;title\x07";
        assert_eq!(
            neutralise_log(line, false),
            "error\tin\\u{1b}[2J \\u{1b}]0;title\\u{7}"
        );
        assert_eq!(neutralise_log("\x1b[31mred", true), "\x1b[31mred\x1b[0m");
        assert_eq!(neutralise_log("\x1b[", true), "\\u{1b}[");
    }

    #[test]
    fn a4_json_on_a_terminal_moves_nothing_and_says_the_same() {
        let text = "\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\u{e0001} grüße 世界 \"\\\n";
        let json = serde_json::to_string(&[text]).unwrap();
        let shown = neutralise_json(&json);
        assert_eq!(serde_json::from_str::<[String; 1]>(&shown).unwrap(), [text]);
        assert_eq!(
            shown,
            r#"["\u001b[2J\u009b31m\u007f\u202e\udb40\udc01 grüße 世界 \"\\\n"]"#
        );
    }

    #[test]
    fn long_text_goes_on_below_and_only_its_end_is_cut() {
        let text = "Approval required: ship · 1 more";
        assert_eq!(wrap(text, 40, 40, 3, true), [text]);
        assert_eq!(
            wrap(text, 20, 12, 3, true),
            ["Approval required:", "ship · 1", "more"]
        );
        assert_eq!(wrap(text, 10, 10, 2, true), ["Approval", "required:…"]);
        assert_eq!(wrap("世界世界 x", 5, 4, 9, true), ["世界", "世界", "x"]);
        assert_eq!(wrap("abc", 0, 1, 2, true), ["a", "…"]);
        assert_eq!(wrap("", 5, 5, 3, true), [""]);
        assert_eq!(wrap(" abcdef", 4, 4, 9, true), [" abc", "def"]);
    }

    #[test]
    fn a_text_is_broken_at_spaces() {
        assert_eq!(broken("one two three", 7), ["one two", "three"]);
        assert_eq!(broken("incomprehensible x", 5), ["incomprehensible", "x"]);
        assert_eq!(broken("日本 語", 5), ["日本", "語"], "columns, not characters");
        assert_eq!(broken("", 5), [""]);
    }

    #[test]
    fn a_cut_counts_columns_and_not_characters() {
        assert_eq!(cut("世界世界", 5, true), "世界…");
        assert_eq!(cut("short", 5, true), "short");
        assert_eq!(cut("longer", 5, false), "lo...");
        assert_eq!(width(&pad("世", 4)), 4);
    }
}
