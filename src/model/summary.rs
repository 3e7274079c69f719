//! Long texts of people and programs as they stand within a line.

/// What a text says, on one line: breaks become spaces, and it is cut behind so many characters.
pub fn one_line(text: &str, most: usize) -> String {
    let mut words = String::new();
    // No more is looked at than could be shown.
    for c in text.trim().chars().take(most.saturating_mul(2)) {
        match c.is_whitespace() {
            true if words.ends_with(' ') => {}
            true => words.push(' '),
            false => words.push(c),
        }
    }
    cut(&words, most)
}

/// The first line of a text that says something, cut behind so many characters; `None` when none does.
pub fn first_line(text: &str, most: usize) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(cut(line, most))
}

fn cut(line: &str, most: usize) -> String {
    let mut kept: String = line.chars().take(most).collect();
    if kept.len() < line.len() {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_become_one_short_line() {
        assert_eq!(one_line(" late\r\n\n  again\t", 40), "late again");
        assert_eq!(one_line("abcdef", 3), "abc…");
        assert_eq!(one_line(&"é ".repeat(1 << 20), 3), "é é…");
        assert_eq!(one_line("", 3), "");
        assert_eq!(
            first_line("\n  \n3 warnings \nin a.rs", 40).as_deref(),
            Some("3 warnings")
        );
        assert_eq!(first_line("äöü", 2).as_deref(), Some("äö…"));
        assert_eq!(first_line(" \n", 2), None);
    }
}
