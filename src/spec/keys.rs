//! Keys of the schema: one canonical spelling, three accepted ones.
//!
//! Only keys the schema knows are normalised. Keys of user maps (`parameters`, environments, rule names in the older
//! shape) never pass through here.

use crate::model::{Diagnostic, Field};

use super::problems::Problems;
use super::yaml::{Entry, Node};

/// The canonical spelling of a key written in snake_case, camelCase or kebab-case.
///
/// A key that begins with a capital is none of the three and stays as it is, as do keys with other characters.
pub(crate) fn snake_case(key: &str) -> String {
    let begins_lower = key.starts_with(|c: char| c.is_ascii_lowercase());
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !begins_lower || !key.chars().all(legal) {
        return key.to_owned();
    }
    let mut canonical = String::with_capacity(key.len() + 4);
    let mut after_lower = false;
    for c in key.chars() {
        if c.is_ascii_uppercase() && after_lower {
            canonical.push('_');
        }
        after_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        canonical.push(if c == '-' { '_' } else { c.to_ascii_lowercase() });
    }
    canonical
}

/// Whether a key, canonically spelled, is a name or alias of this field.
fn means(field: &Field, canonical: &str) -> bool {
    field.name == canonical || field.aliases.contains(&canonical)
}

/// The entries of a map sorted by what they mean.
pub(crate) struct Sorted<'n> {
    known: Vec<(&'static str, &'n Entry)>,
    /// Entries whose key no field has.
    pub(crate) unknown: Vec<&'n Entry>,
}

impl<'n> Sorted<'n> {
    /// Sorts entries over fields. Two spellings of one key are an error, unless a merge key brought one of them.
    pub(crate) fn over(entries: &'n [Entry], fields: &[&[Field]], problems: &mut Problems) -> Self {
        let mut sorted = Self {
            known: Vec::new(),
            unknown: Vec::new(),
        };
        for entry in entries {
            let canonical = snake_case(entry.name());
            let mut fields = fields.iter().flat_map(|fields| fields.iter());
            match fields.find(|field| means(field, &canonical)) {
                Some(field) => sorted.add(field.name, entry, problems),
                None => sorted.unknown.push(entry),
            }
        }
        sorted
    }

    /// The entry of a field, by its canonical name.
    pub(crate) fn get(&self, name: &str) -> Option<&'n Entry> {
        let mut known = self.known.iter();
        known.find(|(known, _)| *known == name).map(|(_, entry)| *entry)
    }

    /// The value of a field, by its canonical name.
    pub(crate) fn value(&self, name: &str) -> Option<&'n Node> {
        self.get(name).map(|entry| &*entry.value)
    }

    fn add(&mut self, name: &'static str, entry: &'n Entry, problems: &mut Problems) {
        match self.get(name) {
            None => self.known.push((name, entry)),
            // Own keys come before merged ones, and earlier merged ones before later: the first wins.
            Some(_) if entry.merged => {}
            Some(first) => problems.add(ambiguous(name, first, entry)),
        }
    }
}

fn ambiguous(name: &str, first: &Entry, second: &Entry) -> Diagnostic {
    let message = format!(
        "`{}` and `{}` (at {}) both mean `{name}`",
        second.name(),
        first.name(),
        first.key.place
    );
    Diagnostic::error("ambiguous_key", second.key.place.clone(), message)
        .spanning(second.key.length)
        .hint("keep one of them")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_spellings_have_one_meaning() {
        for key in ["pre_approval", "preApproval", "pre-approval"] {
            assert_eq!(snake_case(key), "pre_approval");
        }
        assert_eq!(snake_case("has_file2"), "has_file2");
        assert_eq!(snake_case("baseURL"), "base_url");
    }

    #[test]
    fn other_spellings_stay_as_they_are() {
        for key in ["PreApproval", "NODE_ENV", "pre approval", "ünder", "", "x.y"] {
            assert_eq!(snake_case(key), key);
        }
    }
}
