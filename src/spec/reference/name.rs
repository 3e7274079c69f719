//! `owner/repo[/goal][@ref]`.

use std::fmt;

use thiserror::Error;

/// Longest part of a reference.
const MAX_PART: usize = 100;

/// What a goal file refers to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Owner of the repository.
    pub owner: String,
    /// Its name.
    pub repo: String,
    /// The goal, when it is named.
    pub goal: Option<String>,
    /// Branch, tag or commit; without it, the default branch.
    pub revision: Option<String>,
}

/// A text that refers to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{text}` is not a reference: it must read owner/repo, owner/repo/goal or owner/repo/goal@ref, of letters, digits, `.`, `_` and `-`"
)]
pub struct InvalidReference {
    /// The text, odd characters written out.
    pub text: String,
}

impl Reference {
    /// Reads all of a text (semantics 7.4 DECISION: anchored).
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidReference> {
        let invalid = || InvalidReference {
            text: text.escape_debug().take(MAX_PART).collect(),
        };
        let (path, revision) = match text.split_once('@') {
            Some((path, revision)) => (path, Some(revision)),
            None => (text, None),
        };
        let parts: Vec<&str> = path.split('/').collect();
        let (owner, repo, goal) = match parts.as_slice() {
            [owner, repo] => (*owner, *repo, None),
            [owner, repo, goal] => (*owner, *repo, Some(*goal)),
            _ => return Err(invalid()),
        };
        let all = [Some(owner), Some(repo), goal, revision];
        if !all.into_iter().flatten().all(is_part) {
            return Err(invalid());
        }
        Ok(Self {
            owner: owner.to_owned(),
            repo: repo.to_owned(),
            goal: goal.map(str::to_owned),
            revision: revision.map(str::to_owned),
        })
    }

    /// Whether somebody who writes this word means a reference.
    pub(in crate::spec) fn is_meant(word: &str) -> bool {
        Self::parse(word).is_ok()
    }

    /// What it refers to without the goal: `owner/repo` or `owner/repo@ref`.
    pub fn file(&self) -> String {
        let (owner, repo) = (&self.owner, &self.repo);
        match &self.revision {
            Some(revision) => format!("{owner}/{repo}@{revision}"),
            None => format!("{owner}/{repo}"),
        }
    }

    /// The keys under which the goal may stand, in the order in which they are tried.
    pub(super) fn keys(&self) -> Vec<String> {
        match &self.goal {
            Some(goal) => vec![goal.clone()],
            None => {
                let short = self.repo.strip_suffix("-goal").map(str::to_owned);
                std::iter::once(self.repo.clone()).chain(short).collect()
            }
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.owner, self.repo)?;
        if let Some(goal) = &self.goal {
            write!(formatter, "/{goal}")?;
        }
        match &self.revision {
            Some(revision) => write!(formatter, "@{revision}"),
            None => Ok(()),
        }
    }
}

/// A part becomes a part of a path and of an address: neither an option nor a way out.
fn is_part(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !text.is_empty()
        && text.len() <= MAX_PART
        && !text.starts_with(['-', '.'])
        && !text.contains("..")
        && !text.ends_with(".lock")
        && text.chars().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ym_07_the_grammar_takes_all_of_a_text_or_nothing() {
        let all = Reference::parse("acme2/k8s-goal/deploy@1.0").unwrap();
        assert_eq!((all.owner.as_str(), all.repo.as_str()), ("acme2", "k8s-goal"));
        assert_eq!(
            (all.goal.as_deref(), all.revision.as_deref()),
            (Some("deploy"), Some("1.0"))
        );
        assert_eq!(
            (all.to_string().as_str(), all.file().as_str()),
            ("acme2/k8s-goal/deploy@1.0", "acme2/k8s-goal@1.0")
        );
        let odd = Reference::parse("atomist/mvn_goal/mvn-3-jdk-8").unwrap();
        assert_eq!(odd.keys(), ["mvn-3-jdk-8"]);
        assert_eq!(
            Reference::parse("acme/docker-goal").unwrap().keys(),
            ["docker-goal", "docker"]
        );
        for text in [
            "",
            "a",
            "a/",
            "/b",
            "a/b/c/d",
            "a/b@",
            "a/b@c@d",
            "a b/c",
            "../b",
            "a/..",
            "a/b@../x",
            "-a/b",
            "a/b@-x",
            "a/b/c d",
            "ä/b",
            "a/b@x.lock",
            "a/b\n",
        ] {
            assert!(Reference::parse(text).is_err(), "{text:?}");
        }
    }
}
