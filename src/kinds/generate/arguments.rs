//! What the author of a generator writes.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use super::super::resolve::Placeholders;
use super::super::transform::arguments::{AUTHOR, MESSAGE, RUN, STEPS, TIMEOUT_OF_ALL};
use super::super::{KindError, read};
use crate::model::address::without_login;
use crate::model::running::{DIRECTORY, ENV, GRACE};
use crate::model::{ArgumentProblems, BranchName, Field, FieldPath, RepoSlug, ValueType};
use crate::spec::placeholder::Template;

/// Longest name of an owner or a repository, in bytes.
const LONGEST_NAME: usize = 100;

pub(super) static FIELDS: &[Field] = &[
    Field::new(
        "seed",
        ValueType::Text,
        "what new repositories are made of: `owner/name` of one that is known here, a directory, or an address",
    )
    .required()
    .not_empty(),
    Field::new(
        "repo",
        ValueType::Text,
        "what the new repository is called, `owner/name`; placeholders allowed",
    )
    .default("\"${parameters.owner}/${parameters.name}\"")
    .not_empty(),
    Field::new(
        "below",
        ValueType::Text,
        "the absolute path of the directory that the new one lies in, as `owner/name`; where the seed's owner lies when absent",
    ),
    Field::new("branch", ValueType::Text, "the first branch").default("main"),
    RUN,
    STEPS,
    Field {
        help: "what the first commit says; placeholders allowed",
        default: "Initial commit",
        ..MESSAGE
    },
    AUTHOR,
    TIMEOUT_OF_ALL,
    GRACE,
    ENV,
    DIRECTORY,
];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Arguments {
    seed: String,
    repo: String,
    below: Option<PathBuf>,
    branch: String,
}

impl Arguments {
    /// # Errors
    /// What makes no sense.
    pub(super) fn read(arguments: &Value) -> Result<Self, ArgumentProblems> {
        let read: Self = read(arguments)?;
        let mut problems = ArgumentProblems::default();
        if let Some(below) = read.below.as_ref().filter(|below| !below.is_absolute()) {
            let message = format!("`below: {}` is not an absolute path", below.display());
            let hint = "begin it with `/`: a machine stands nowhere";
            problems.add(&FieldPath::to("below"), "invalid_path", message, hint);
        }
        if without_login(&read.seed) != read.seed {
            let message =
                "the address of `seed` carries a login, which would be shown and stored with the command";
            let hint = "remove it, and give it by `logins` of the configuration or git's credential helpers";
            problems.add(&FieldPath::to("seed"), "login_in_address", message, hint);
        }
        let is_literal = Template::parse(&read.repo).is_ok_and(|template| template.is_literal());
        if is_literal && !read.repo.is_empty() && judged(&read.repo).is_err() {
            let field = FieldPath::to("repo");
            let hint = "write one such as `acme/new-service`; placeholders are allowed";
            problems.add(&field, "invalid_name", no_name(&read.repo), hint);
        }
        if let Err(error) = BranchName::parse(&read.branch) {
            let field = FieldPath::to("branch");
            problems.add(
                &field,
                "invalid_branch",
                error.to_string(),
                "write another name, such as `main`",
            );
        }
        problems.none_or(read)
    }

    /// What the new repository is called, which becomes two parts of a path: what a person gives cannot lead elsewhere.
    ///
    /// # Errors
    /// It is no such name.
    pub(super) fn slug(&self, placeholders: &Placeholders) -> Result<RepoSlug, KindError> {
        judged(&placeholders.text(&self.repo)?).map_err(KindError::Definition)
    }

    pub(super) fn below(&self) -> Option<PathBuf> {
        self.below.clone()
    }

    pub(super) fn branch(&self) -> Result<BranchName, KindError> {
        BranchName::parse(&self.branch).map_err(|error| KindError::Definition(error.to_string()))
    }
}

/// The name of a new repository, or why the text is none.
fn judged(text: &str) -> Result<RepoSlug, String> {
    let slug = RepoSlug::parse(text).ok();
    let slug = slug.filter(|slug| is_plain(&slug.owner) && is_plain(&slug.name));
    slug.ok_or_else(|| no_name(text))
}

fn no_name(text: &str) -> String {
    let shown: String = text.escape_debug().take(200).collect();
    format!(
        "`{shown}` cannot be the name of a new repository: it reads owner/name, each of 1 to {LONGEST_NAME} letters, \
         digits, `-`, `_` and `.`, and begins with a letter or digit"
    )
}

fn is_plain(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && !name.to_ascii_lowercase().ends_with(".git")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn d8_a_new_repository_cannot_be_called_so_that_it_leads_elsewhere() {
        let arguments = json!({"repo": "${parameters.owner}/${parameters.name}", "branch": "main"});
        let slug = |owner: &str, name: &str| {
            let facts = json!({"parameters": {"owner": owner, "name": name}});
            let read = Arguments::read(&arguments).unwrap();
            read.slug(&Placeholders::from_facts(facts))
                .map(|slug| slug.to_string())
        };
        assert_eq!(slug("acme", "new-service_2.0").unwrap(), "acme/new-service_2.0");
        for (owner, name) in [
            ("..", "x"),
            ("acme", ".."),
            ("acme", "a/b"),
            ("acme", ".hidden"),
            ("acme", "-rf"),
            ("acme", "x.git"),
            ("acme", ""),
            ("acme", "a b"),
            ("/etc", "x"),
        ] {
            assert!(slug(owner, name).is_err(), "{owner} {name}");
        }
        assert!(Arguments::read(&json!({"below": "here", "branch": "main"})).is_err());
    }

    #[test]
    fn e1_a_seed_has_no_login_in_its_address() {
        let read = |seed: &str| Arguments::read(&json!({"seed": seed, "branch": "main"}));
        for seed in [
            "acme/app",
            "/a/b",
            "https://host/x.git",
            "ssh://git@host/x.git",
            "git@host:x.git",
        ] {
            assert!(read(seed).is_ok(), "{seed}");
        }
        for seed in [
            "https://user:pw@host/x.git",
            "https://token@host/x.git",
            "ssh://git:pw@host/x",
        ] {
            let problems = read(seed).err().unwrap();
            assert!(!problems.to_string().contains("pw"), "{problems}");
        }
    }
}
