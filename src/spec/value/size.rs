//! Amounts of bytes as people write them: `512MiB`, `2GB`, `64k`, or a bare number.

use super::super::yaml::Node;
use super::Checker;

/// Units and how many bytes they are; those without `i` are decimal, the short ones of the original binary.
const UNITS: [(&str, u64); 13] = [
    ("", 1),
    ("B", 1),
    ("k", 1 << 10),
    ("m", 1 << 20),
    ("g", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Reads an amount of bytes; none when it is not one, or larger than an `i64` holds.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
    let bytes = number.parse::<u64>().ok()?.checked_mul(*factor)?;
    i64::try_from(bytes).is_ok().then_some(bytes)
}

/// What [`parse_size`] reads, as a pattern for editors.
pub(in crate::spec) fn size_pattern() -> String {
    let units = UNITS
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !name.is_empty());
    let units: Vec<&str> = units.collect();
    format!("^\\s*[0-9]+\\s*({})?\\s*$", units.join("|"))
}

/// An amount of bytes as people write it, in the largest unit that it is a whole number of.
pub(super) fn shown_size(bytes: u64) -> String {
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units
        .into_iter()
        .find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor))
    {
        Some((unit, factor)) => format!("{} {unit}", bytes / factor),
        None if bytes == 1 => "1 byte".to_owned(),
        None => format!("{bytes} bytes"),
    }
}

impl Checker<'_> {
    /// An amount of bytes.
    pub(super) fn size(&mut self, node: &Node, what: &str) -> Option<u64> {
        let text = self.plain_text(node, what)?;
        let size = parse_size(text);
        if size.is_none() {
            let message = format!("{what} is not an amount of bytes");
            let hint = "write `512MiB`, `2GB` or a number of bytes";
            self.problems.error_with_hint("invalid_size", node, message, hint);
        }
        size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_people_write_them() {
        let pattern = regex::Regex::new(&size_pattern()).unwrap();
        for text in ["1G", "MiB", "-1", "1.5GB", "1 mb", ""] {
            assert!(!pattern.is_match(text), "{text}");
        }
        for (text, bytes) in [
            ("0", 0),
            ("64 MiB", 64 << 20),
            ("2GB", 2_000_000_000),
            ("128m", 128 << 20),
        ] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
            assert!(pattern.is_match(text), "{text}");
        }
        for text in [
            "",
            "MiB",
            "-1",
            "1.5GB",
            "1 mb",
            "99999999999TiB",
            "9223372036854775808",
        ] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
