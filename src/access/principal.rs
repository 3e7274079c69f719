//! Who asks: persons, add-ons, and nobody in particular (security model 10.1).

use std::fmt;

use thiserror::Error;

/// Longest key or id.
const LONGEST: usize = 80;

/// A text that is neither the key of an add-on nor the id of a person.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{}` is not {wanted}: it must have 1 to {LONGEST} letters, digits, `.`, `_` and `-`", text.escape_debug())]
pub struct InvalidKey {
    wanted: &'static str,
    text: String,
}

fn checked(wanted: &'static str, text: &str) -> Result<String, InvalidKey> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if text.is_empty() || text.len() > LONGEST || !text.chars().all(legal) {
        let text = text.chars().take(LONGEST).collect();
        return Err(InvalidKey { wanted, text });
    }
    Ok(text.to_owned())
}

/// Identity of an add-on, stable for life: another key is another add-on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddonKey(String);

impl AddonKey {
    /// Reads a key.
    ///
    /// # Errors
    /// It is too long or has other characters.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        checked("the key of an add-on", text).map(Self)
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Identity of a person in the hub.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonId(String);

impl PersonId {
    /// Whoever works at the hub's computer: who can read the hub's memory need not sign in.
    pub fn operator() -> Self {
        Self("operator".to_owned())
    }

    /// Reads an id.
    ///
    /// # Errors
    /// It is too long or has other characters.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        checked("the id of a person", text).map(Self)
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Principal {
    /// Somebody without a credential.
    Anonymous,
    /// A software delivery machine or an extension.
    Addon(AddonKey),
    /// A person.
    Person(PersonId),
}

impl Principal {
    /// Reads `addon:<key>`, `person:<id>` or `anonymous`.
    ///
    /// # Errors
    /// It has another form.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        match text.split_once(':') {
            Some(("addon", key)) => AddonKey::parse(key).map(Self::Addon),
            Some(("person", id)) => PersonId::parse(id).map(Self::Person),
            None if text == "anonymous" => Ok(Self::Anonymous),
            _ => Err(InvalidKey {
                wanted: "`addon:<key>`, `person:<id>` or `anonymous`",
                text: text.chars().take(LONGEST).collect(),
            }),
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => formatter.write_str("anonymous"),
            Self::Addon(key) => write!(formatter, "addon:{}", key.0),
            Self::Person(id) => write!(formatter, "person:{}", id.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_are_written_as_they_are_read() {
        for text in ["anonymous", "addon:com.example.sdm", "person:17"] {
            assert_eq!(Principal::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "addon:", "addon:a b", "person:a/b", "robot:x", "addon:é"] {
            assert!(Principal::parse(text).is_err(), "{text}");
        }
        let error = AddonKey::parse("a\nb").unwrap_err().to_string();
        assert!(
            error.starts_with("`a\\nb` is not the key of an add-on"),
            "{error}"
        );
    }
}
