//! Text of strangers on a terminal: nothing in it can move the cursor, hide or reorder what people read (threats A4, A5).

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
    let (mut lines, mut column) = (String::new(), 0);
    for word in text.split(' ') {
        if column > 0 && column + 1 + width(word) > columns {
            lines.push('\n');
            column = 0;
        } else if column > 0 {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += width(word);
    }
    lines
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
    fn a_cut_counts_columns_and_not_characters() {
        assert_eq!(cut("世界世界", 5, true), "世界…");
        assert_eq!(cut("short", 5, true), "short");
        assert_eq!(cut("longer", 5, false), "lo...");
        assert_eq!(width(&pad("世", 4)), 4);
    }
}
