//! Tags of goal sets (semantics 3.2): words by which people find them again, with or without a value.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Longest name, in characters.
const LONGEST_NAME: usize = 60;
/// Longest value, in characters.
const LONGEST_VALUE: usize = 100;

/// Most tags of one set; more are left out.
pub const MOST_TAGS: usize = 50;

/// One tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SetTag {
    /// What it says.
    pub name: String,
    /// More of it.
    #[serde(default)]
    pub value: Option<String>,
}

/// Why a text is no tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidTag {
    /// Its name.
    #[error("the name of a tag has 1 to {LONGEST_NAME} letters, digits, `-`, `_`, `.` and `/`")]
    Name,
    /// Its value.
    #[error(
        "the value of a tag has 1 to {LONGEST_VALUE} letters, digits, spaces between them, `-`, `_`, `.`, `/`, `:`, `@`, `+` and `=`"
    )]
    Value,
}

impl SetTag {
    /// Reads `name` or `name:value`.
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(text: &str) -> Result<Self, InvalidTag> {
        let (name, value) = match text.split_once(':') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let is_name = |c: char| c.is_alphanumeric() || "-_./".contains(c);
        if name.is_empty() || name.chars().count() > LONGEST_NAME || !name.chars().all(is_name) {
            return Err(InvalidTag::Name);
        }
        let is_value = |c: char| is_name(c) || " :@+=".contains(c);
        let is_right = |value: &str| {
            !value.is_empty()
                && value.trim() == value
                && value.chars().count() <= LONGEST_VALUE
                && value.chars().all(is_value)
        };
        match value.is_none_or(is_right) {
            true => Ok(Self {
                name: name.to_owned(),
                value: value.map(str::to_owned),
            }),
            false => Err(InvalidTag::Value),
        }
    }

    /// Whether it is what somebody looks for: with a value exactly that, without one whatever the value is.
    pub fn is_meant_by(&self, wanted: &Self) -> bool {
        self.name == wanted.name && (wanted.value.is_none() || self.value == wanted.value)
    }
}

impl fmt::Display for SetTag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(formatter, "{}:{value}", self.name),
            None => formatter.write_str(&self.name),
        }
    }
}

/// Adds tags that are not there yet, in their order, as far as there is room.
pub fn unite(tags: &mut Vec<SetTag>, more: &[SetTag]) {
    for tag in more {
        if tags.len() < MOST_TAGS && !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semantics_3_2_a_tag_is_a_name_perhaps_with_a_value() {
        for text in [
            "release",
            "team:payments",
            "at:10:30",
            "a/b.c-d_e",
            "stage:pre prod",
            "\u{fc}ber",
        ] {
            assert_eq!(SetTag::parse(text).unwrap().to_string(), text);
        }
        for text in ["", ":x", "a b", "a\n", "${push.branch}"] {
            assert_eq!(SetTag::parse(text), Err(InvalidTag::Name), "{text}");
        }
        let long = format!("a:{}", "x".repeat(101));
        for text in ["a:", "a: x", "a:x ", "a:${push.branch}", "a:x\ty", &long] {
            assert_eq!(SetTag::parse(text), Err(InvalidTag::Value), "{text}");
        }
    }

    #[test]
    fn a_tag_is_looked_for_with_or_without_its_value() {
        let tag = |text: &str| SetTag::parse(text).unwrap();
        assert!(tag("team:a").is_meant_by(&tag("team")) && tag("team:a").is_meant_by(&tag("team:a")));
        assert!(!tag("team:a").is_meant_by(&tag("team:b")) && !tag("team").is_meant_by(&tag("team:a")));
        let mut tags = vec![tag("a")];
        unite(&mut tags, &[tag("b"), tag("a"), tag("a:1")]);
        assert_eq!(tags, [tag("a"), tag("b"), tag("a:1")]);
        let many: Vec<SetTag> = (0..100).map(|number| tag(&format!("n{number}"))).collect();
        unite(&mut tags, &many);
        assert_eq!(tags.len(), MOST_TAGS);
    }
}
