//! Lines at the end of commit messages that name people, as forges and editors write them.

/// Before the address of somebody who wrote a part of a commit.
const CO_AUTHOR: &str = "co-authored-by";

/// Longest address that is one, in bytes.
const LONGEST: usize = 320;

/// Addresses, or logins, of those whom `Co-authored-by:` lines of a message name, wherever in it these stand. What names nobody
/// is left out.
pub fn co_authors(message: &str) -> impl Iterator<Item = &str> {
    message.lines().filter_map(co_author)
}

/// `Co-authored-by: Name <address>`, `Co-authored-by: @login`.
fn co_author(line: &str) -> Option<&str> {
    let (key, value) = line.split_once(':')?;
    if !key.trim().eq_ignore_ascii_case(CO_AUTHOR) {
        return None;
    }
    let named = match value.rsplit_once('<') {
        Some((_, address)) => address.split('>').next().unwrap_or_default(),
        None => value.trim().trim_start_matches('@'),
    };
    let named = named.trim();
    let is_one = !named.is_empty() && named.len() <= LONGEST && !named.contains(char::is_whitespace);
    is_one.then_some(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d1_co_authors_are_named_by_their_lines_and_by_nothing_else() {
        let message = "Fix it\n\nSee Co-authored-by: no <no@example.org>\n\nCo-authored-by: Ada <ada@example.org>\r\n\
                       CO-AUTHORED-BY : Bob <1+bob@users.noreply.github.com> \n  co-authored-by:@eve\n\
                       Signed-off-by: Mal <mal@example.org>\n";
        let found: Vec<&str> = co_authors(message).collect();
        assert_eq!(
            found,
            ["ada@example.org", "1+bob@users.noreply.github.com", "eve"]
        );
    }

    #[test]
    fn a4_what_is_malformed_names_nobody_and_breaks_nothing() {
        let long = format!("Co-authored-by: <{}>", "x".repeat(LONGEST + 1));
        for line in [
            "Co-authored-by",
            "Co-authored-by:",
            "Co-authored-by: Ada Lovelace",
            "Co-authored-by: <>",
            "Co-authored-by: @",
            "Co-authored-by: Ada < >",
            "\u{202e}Co-authored-by: <a@b>",
            "ÄÖ:<",
            long.as_str(),
        ] {
            assert_eq!(co_authors(line).next(), None, "{line}");
        }
        assert_eq!(
            co_authors("Co-authored-by: A <b> <ada@example.org").next(),
            Some("ada@example.org")
        );
    }
}
