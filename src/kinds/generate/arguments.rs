//! What the author of a generator writes.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use super::super::resolve::Placeholders;
use super::super::transform::arguments::{AUTHOR, MESSAGE, RUN, STEPS, TIMEOUT_OF_ALL};
use super::super::{KindError, read};
use crate::model::address::{is_this_computer, without_login};
use crate::model::deceptive::is_deceptive;
use crate::model::running::{DIRECTORY, ENV, GRACE};
use crate::model::{ArgumentProblems, BranchName, Field, FieldPath, RepoSlug, ValueType};
use crate::ports::forges::{Visibility, WantedRepository};
use crate::spec::placeholder::Template;

/// Longest name of an owner or a repository, in bytes.
const LONGEST_NAME: usize = 100;

/// Longest description that GitHub takes, in characters.
const LONGEST_ABOUT: usize = 350;

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
    Field::new(
        "forge",
        ValueType::Verbatim,
        "the origin of a GitHub of the configuration's `forges`, such as `https://github.com`: the new one is made there, and on \
         this computer as well only when there is `below`",
    )
    .not_empty(),
    Field::new(
        "visibility",
        ValueType::Choice(&["private", "internal", "public"]),
        "who may see it at the forge",
    )
    .default("private"),
    Field::new(
        "about",
        ValueType::Text,
        "what it says of itself at the forge; placeholders allowed",
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
    forge: Option<String>,
    visibility: Visibility,
    about: Option<String>,
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
        problems.extend(read.forge_problems());
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

    fn forge_problems(&self) -> ArgumentProblems {
        let mut problems = ArgumentProblems::default();
        let Some(forge) = &self.forge else {
            let written = [
                ("visibility", self.visibility != Visibility::Private),
                ("about", self.about.is_some()),
            ];
            for (key, _) in written.into_iter().filter(|(_, is_there)| *is_there) {
                let message = format!("`{key}` belongs to `forge`, which is not there");
                let hint = "add `forge: https://…`, or remove it: a directory on this computer has none";
                problems.add(&FieldPath::to(key), "misplaced_key", message, hint);
            }
            return problems;
        };
        let shown: String = without_login(forge).escape_debug().take(200).collect();
        if !is_origin(forge) {
            let message = format!("`forge: {shown}` is not the origin of a forge");
            let hint =
                "write it as `forges` of the machine's configuration has it, such as `https://github.com`";
            problems.add(&FieldPath::to("forge"), "invalid_origin", message, hint);
        } else if is_in_clear(forge) {
            let message =
                format!("`forge: {shown}` is without encryption: the token would be readable on the way");
            let hint = "use `https://` (`http://` is for a forge on this computer)";
            problems.add(&FieldPath::to("forge"), "invalid_origin", message, hint);
        }
        problems
    }

    /// What is to be made at a forge, when it is to be made at one.
    ///
    /// # Errors
    /// It is no name, or cannot say this of itself.
    pub(super) fn at_forge(
        &self,
        placeholders: &Placeholders,
    ) -> Result<Option<WantedRepository>, KindError> {
        let Some(forge) = &self.forge else { return Ok(None) };
        let about = placeholders.text(self.about.as_deref().unwrap_or_default())?;
        let is_line = |c: char| !c.is_control() && !is_deceptive(c);
        if about.chars().count() > LONGEST_ABOUT || !about.chars().all(is_line) {
            return Err(KindError::Definition(format!(
                "`about` must be one line of at most {LONGEST_ABOUT} characters"
            )));
        }
        Ok(Some(WantedRepository {
            forge: forge.trim_end_matches('/').to_owned(),
            slug: self.slug(placeholders)?,
            visibility: self.visibility,
            description: about,
        }))
    }

    /// Whether the new one lies on this computer, perhaps beside one at a forge.
    pub(super) fn lies_here(&self) -> bool {
        self.forge.is_none() || self.below.is_some()
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

/// Whether it reads like `https://host` or `https://host:port`.
fn is_origin(text: &str) -> bool {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let host = host.map(|host| host.strip_suffix('/').unwrap_or(host));
    let legal = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    host.is_some_and(|host| !host.is_empty() && host.chars().all(legal))
}

/// Whether what is sent to this origin can be read beyond this computer.
fn is_in_clear(origin: &str) -> bool {
    let host = origin
        .strip_prefix("http://")
        .map(|host| host.trim_end_matches('/'));
    let without_port = |host: &str| match host.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host.to_owned(),
        Some(_) | None => host.to_owned(),
    };
    host.is_some_and(|host| !is_this_computer(&without_port(host)))
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
    fn f4_a_forge_is_named_by_its_origin_and_what_belongs_to_it_stands_beside_it() {
        let read = |more: serde_json::Value| {
            let mut written = json!({"seed": "acme/app", "repo": "acme/new", "branch": "main"});
            written
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            Arguments::read(&written)
        };
        for forge in [
            "https://github.com",
            "https://github.example:8443/",
            "http://localhost:1",
            "http://127.0.0.1/",
            "http://[::1]:8080",
            "http://[::1]",
        ] {
            let read = read(json!({"forge": forge, "visibility": "public", "about": "a ${b}"})).unwrap();
            assert!(!read.lies_here(), "{forge}");
            let wanted = read.at_forge(&Placeholders::from_facts(json!({"b": "c"})));
            let wanted = wanted.unwrap().unwrap();
            assert_eq!(wanted.description, "a c");
            assert!(!wanted.forge.ends_with('/'));
            let deceived = read.at_forge(&Placeholders::from_facts(json!({"b": "c\nd"})));
            assert!(deceived.unwrap_err().to_string().contains("one line"));
        }
        for forge in [
            "github.com",
            "https://",
            "https://token@github.com",
            "https://github.com/acme",
            "${x}",
        ] {
            let said = read(json!({ "forge": forge })).unwrap_err().to_string();
            assert!(
                said.contains("is not the origin") && !said.contains("token@"),
                "{said}"
            );
        }
        for forge in [
            "http://github.example",
            "http://10.0.0.1:3000/",
            "http://localhost.example",
        ] {
            let said = read(json!({ "forge": forge })).unwrap_err().to_string();
            assert!(said.contains("without encryption"), "{said}");
        }
        let alone = read(json!({"visibility": "public"})).unwrap_err().to_string();
        assert!(alone.contains("`visibility` belongs to `forge`"), "{alone}");
        assert!(
            read(json!({"forge": "https://github.com", "below": "/srv"}))
                .unwrap()
                .lies_here()
        );
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
