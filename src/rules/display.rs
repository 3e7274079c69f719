//! Text of pushes made fit for people (threats A4, A5).
//!
//! Names, messages and paths come from whoever pushes. In a reason they stand on one line, of bounded length, with
//! control, direction and invisible characters written out.

/// Characters of one quoted value before it is cut.
const MAX_CHARACTERS: usize = 120;

/// How many values a reason names before it counts the rest.
const MAX_NAMED: usize = 3;

/// The text with odd characters written as `\u{…}` and cut, with a marker, after 120 characters.
pub(super) fn shown(text: &str) -> String {
    cut(text, MAX_CHARACTERS)
}

/// The same with another limit, for texts that carry a position or an expression.
pub(super) fn cut(text: &str, limit: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(limit));
    for (count, character) in text.chars().enumerate() {
        if count == limit {
            shown.push('…');
            break;
        }
        if is_odd(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// `a, b, c and 3 more`.
pub(super) fn listed<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    let mut values = values.into_iter();
    let named: Vec<String> = values.by_ref().take(MAX_NAMED).map(shown).collect();
    match values.count() {
        0 => named.join(", "),
        rest => format!("{} and {rest} more", named.join(", ")),
    }
}

/// Control characters, marks of direction, invisible characters, and letters made to look like plain ones.
fn is_odd(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2150}'..='\u{218f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ff00}'..='\u{ffef}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1d400}'..='\u{1d7ff}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a4_control_and_direction_characters_are_written_out() {
        assert_eq!(shown("\u{1b}[2Jclear"), "\\u{1b}[2Jclear");
        assert_eq!(shown("a\u{202e}b\nc"), "a\\u{202e}b\\nc");
        assert_eq!(shown("plain – übung 日本"), "plain – übung 日本");
    }

    #[test]
    fn a5_invisible_and_look_alike_characters_are_marked() {
        assert_eq!(shown("ma\u{200d}in"), "ma\\u{200d}in");
        assert_eq!(shown("\u{217f}ain"), "\\u{217f}ain");
    }

    #[test]
    fn a4_long_lines_are_cut_with_a_marker() {
        let line = shown(&"x".repeat(5_000_000));
        assert_eq!(line.chars().count(), MAX_CHARACTERS + 1);
        assert!(line.ends_with('…'));
    }

    #[test]
    fn lists_name_three_and_count_the_rest() {
        assert_eq!(listed(["a"]), "a");
        assert_eq!(listed(["a", "b", "c"]), "a, b, c");
        assert_eq!(listed(["a", "b", "c", "d", "e"]), "a, b, c and 2 more");
    }
}
