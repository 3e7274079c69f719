//! The name of a container image: `[registry/]repository[:tag][@algorithm:digest]`.

use serde::{Deserialize, Serialize};

/// Longest reference.
const LONGEST: usize = 512;

/// Longest tag.
const LONGEST_TAG: usize = 128;

/// What an image was by its name when a goal set first used it (threat I5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedImage {
    /// As the goal names it.
    pub name: String,
    /// Its id on an engine.
    pub id: String,
    /// `name@sha256:…`, by which a registry has it; or its name and id, when none does.
    pub shown: String,
}

/// A reference taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReference {
    /// Registry and repository.
    pub name: String,
    /// Tag; none when only a digest is given.
    pub tag: Option<String>,
    /// `sha256:…`.
    pub digest: Option<String>,
}

impl ImageReference {
    /// Takes a reference apart; without tag and digest it means `latest`.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let legal = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
        if text.is_empty() || text.len() > LONGEST || text.starts_with('-') || !text.chars().all(legal) {
            return Err(format!("`{}` is not the name of an image", text.escape_debug()));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(checked_digest(digest)?)),
            None => (text, None),
        };
        // A colon before the last slash belongs to the port of a registry.
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag.to_owned())),
            _ => (rest, None),
        };
        if !tag.as_deref().is_none_or(is_tag) {
            return Err(format!(
                "`{text}` is not the name of an image: its tag cannot be one"
            ));
        }
        if !is_name(name) {
            let because = match name.contains(|c: char| c.is_ascii_uppercase()) {
                true => ": repositories of images are called in small letters",
                false => "",
            };
            return Err(format!("`{text}` is not the name of an image{because}"));
        }
        let tag = tag.or_else(|| digest.is_none().then(|| "latest".to_owned()));
        Ok(Self {
            name: name.to_owned(),
            tag,
            digest,
        })
    }

    /// As an engine wants it for fetching: what to look for, and which one of it. Never all tags.
    pub fn wanted(&self) -> (&str, &str) {
        let which = self.digest.as_deref().or(self.tag.as_deref());
        (&self.name, which.unwrap_or("latest"))
    }
}

/// Whether it is a repository, perhaps behind the host of a registry, as engines take it.
fn is_name(name: &str) -> bool {
    let repository = match name.split_once('/') {
        Some((host, rest)) if host == "localhost" || host.contains(['.', ':']) => rest,
        Some(_) | None => name,
    };
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_part = |part: &str| {
        part.starts_with(is_word)
            && part.ends_with(is_word)
            && part.chars().all(|c| is_word(c) || "._-".contains(c))
    };
    repository.split('/').all(is_part)
}

fn is_tag(tag: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    !tag.is_empty() && tag.len() <= LONGEST_TAG && !tag.starts_with(['.', '-']) && tag.chars().all(legal)
}

fn checked_digest(digest: &str) -> Result<String, String> {
    let is_sha256 = digest
        .strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    match is_sha256 {
        true => Ok(digest.to_ascii_lowercase()),
        false => Err(format!("`{digest}` is not a sha256 digest")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, Option<String>, bool) {
        let reference = ImageReference::parse(text).unwrap();
        (reference.name, reference.tag, reference.digest.is_some())
    }

    #[test]
    fn tags_digests_and_ports_are_told_apart() {
        let digest = format!("sha256:{}", "a1".repeat(32));
        assert_eq!(
            parsed("alpine"),
            ("alpine".to_owned(), Some("latest".to_owned()), false)
        );
        assert_eq!(parsed("r:5000/a/b").0, "r:5000/a/b");
        assert_eq!(parsed("Reg.Example.com/a__b/c-d").0, "Reg.Example.com/a__b/c-d");
        assert_eq!(parsed("r:5000/a/b:1.2").1.as_deref(), Some("1.2"));
        assert_eq!(parsed(&format!("a/b@{digest}")), ("a/b".to_owned(), None, true));
        let both = ImageReference::parse(&format!("a/b:1@{digest}")).unwrap();
        assert_eq!(both.wanted(), ("a/b", digest.as_str()));
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for text in [
            "",
            "-x",
            "a b",
            "a:",
            ":1",
            "a@sha256:12",
            "a@md5:1",
            "$(x)",
            "a\nb",
            "Node:20",
            "a//b",
            "a/",
            "a:.x",
            "r:5000/A",
            "-a/b",
        ] {
            assert!(ImageReference::parse(text).is_err(), "{text:?}");
        }
    }
}
