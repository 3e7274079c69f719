//! A text in an editor: positions in UTF-16 code units, as the protocol counts them, and edits.

use serde_json::{Value, json};

/// The byte at a position; the nearest one where there is no such line or column.
pub(super) fn offset(text: &str, line: usize, column: usize) -> usize {
    let mut start = 0;
    for _ in 0..line {
        match text[start..].find('\n') {
            Some(end) => start += end + 1,
            None => return text.len(),
        }
    }
    let end = text[start..].find('\n').map_or(text.len(), |end| start + end);
    let mut units = 0;
    for (at, letter) in text[start..end].char_indices() {
        if units >= column {
            return start + at;
        }
        units += letter.len_utf16();
    }
    end
}

/// The byte at a position as the protocol writes it.
pub(super) fn offset_of(text: &str, position: &Value) -> Option<usize> {
    let number = |key: &str| usize::try_from(position.get(key)?.as_u64()?).ok();
    Some(offset(text, number("line")?, number("character")?))
}

/// A range on one line, from 0, given in characters.
pub(super) fn range(line_text: &str, line: usize, column: usize, length: usize) -> Value {
    let units =
        |characters: usize| -> usize { line_text.chars().take(characters).map(char::len_utf16).sum() };
    json!({
        "start": { "line": line, "character": units(column) },
        "end": { "line": line, "character": units(column + length) },
    })
}

/// A line of a text, from 0; empty past its end.
pub(super) fn line(text: &str, line: usize) -> &str {
    text.lines().nth(line).unwrap_or_default()
}

/// Puts a change of the protocol into a text: of a range, or of all of it. `false` when it makes no sense.
pub(super) fn change(text: &mut String, change: &Value) -> bool {
    let Some(new) = change.get("text").and_then(Value::as_str) else {
        return false;
    };
    let Some(range) = change.get("range").filter(|range| !range.is_null()) else {
        new.clone_into(text);
        return true;
    };
    let at = |key: &str| offset_of(text, range.get(key)?);
    let (Some(start), Some(end)) = (at("start"), at("end")) else {
        return false;
    };
    if start > end {
        return false;
    }
    text.replace_range(start..end, new);
    true
}

/// The word around a byte: its beginning and end. A word is what a key or a name may be made of.
pub(super) fn word_at(text: &str, offset: usize) -> (usize, usize) {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | '@' | '.');
    let before = &text[..offset];
    let start = before
        .char_indices()
        .rev()
        .take_while(|(_, c)| is_part(*c))
        .last();
    let start = start.map_or(offset, |(at, _)| at);
    let after = text[offset..].char_indices().find(|(_, c)| !is_part(*c));
    (start, after.map_or(text.len(), |(at, _)| offset + at))
}

/// The path of the placeholder around a byte: its beginning and end, of what is written of it; none where there is no placeholder,
/// and where `$$` leaves it to the shell.
pub(super) fn path_at(text: &str, offset: usize) -> Option<(usize, usize)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let before = text[..offset].trim_end_matches(is_part);
    let opened = before.strip_suffix('!').unwrap_or(before).strip_suffix("${")?;
    let after = &text[offset..];
    let length = after.find(|c: char| !is_part(c)).unwrap_or(after.len());
    (!opened.ends_with('$')).then_some((before.len(), offset + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_utf_16_code_units() {
        let text = "a: é\nb: 🦀x\n";
        assert_eq!(offset(text, 0, 4), 5, "é is one unit and two bytes");
        assert_eq!(
            &text[offset(text, 1, 5)..],
            "x\n",
            "a crab is two units and four bytes"
        );
        assert_eq!(offset(text, 9, 0), text.len());
        assert_eq!(&text[offset(text, 0, 99)..], "\nb: 🦀x\n");
        let found = range(line(text, 1), 1, 3, 2);
        assert_eq!(
            found,
            json!({"start": {"line": 1, "character": 3}, "end": {"line": 1, "character": 6}})
        );
    }

    #[test]
    fn edits_replace_ranges_or_everything() {
        let mut text = "ab\n🦀c\n".to_owned();
        let range = |from: usize, to: usize| json!({"start": {"line": 1, "character": from}, "end": {"line": 1, "character": to}});
        assert!(change(&mut text, &json!({"range": range(2, 3), "text": "d"})));
        assert_eq!(text, "ab\n🦀d\n");
        assert!(!change(&mut text, &json!({"range": range(3, 2), "text": "d"})));
        assert!(!change(&mut text, &json!({"range": {}, "text": "d"})));
        assert!(change(&mut text, &json!({"text": "whole"})));
        assert_eq!(text, "whole");
    }

    #[test]
    fn words_are_found_around_a_byte() {
        let text = "use: unit-test, x";
        let (start, end) = word_at(text, 8);
        assert_eq!(&text[start..end], "unit-test");
        assert_eq!(word_at(text, 4), (4, 4));
    }
    #[test]
    fn ym_13_placeholders_are_found_around_a_byte() {
        for (marked, path) in [
            ("a ${pu|sh.branch} b", Some("push.branch")),
            ("a ${|", Some("")),
            ("a ${!parameters.|", Some("parameters.")),
            ("${a:${b|}}", Some("b")),
            ("${a:no|ne}", None),
            ("a $${HO|ME}", None),
            ("a $|{sha}", None),
            ("a {sh|a}", None),
        ] {
            let offset = marked.find('|').unwrap();
            let text = marked.replace('|', "");
            let found = path_at(&text, offset).map(|(start, end)| &text[start..end]);
            assert_eq!(found, path, "{marked}");
        }
    }
}
