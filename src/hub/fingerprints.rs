//! Fingerprints of commits in the graph (semantics 4.4): what goals of a machine found out of a commit, of one type at a time.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::access::operations::Operation;
use super::access::sight::own_resource;
use super::changes::Change;
use super::goals::{About, LONGEST_ID, commit_key};
use super::jobs::argument;
use super::questions::Asking;
use super::refusal::Refusal;
use crate::access::Resource;
use crate::graph::question::Selection;
use crate::ports::graph::Node;

/// Most fingerprints of one type of a commit.
const MOST: usize = 10_000;
/// Longest data of one in bytes.
const LONGEST_DATA: usize = 64 * 1024;
/// Most that are looked for to be replaced.
const MOST_KNOWN: u32 = 20_000;

/// One as it is told.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    name: String,
    sha: String,
    #[serde(default)]
    data: Option<String>,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    display_type: Option<String>,
    #[serde(default)]
    display_value: Option<String>,
}

/// A repository by its name.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    owner: String,
    name: String,
    provider_id: String,
}

/// The repository; one that is named by its id is looked up under it.
pub(super) fn about(root: &Selection) -> About {
    let named = root
        .argument("repo")
        .and_then(|repo| About::goal(&json!({ "repo": repo })));
    named.unwrap_or_else(|| About {
        operation: Operation::WriteGoal,
        resources: vec![Resource::repository("", "")],
        repository_key: root.argument("repoId").and_then(Value::as_str).map(str::to_owned),
    })
}

impl Asking<'_> {
    /// The changes that fingerprints of a commit are: those that are told, and that others of their type are gone.
    ///
    /// # Errors
    /// What is wrong with them, or that nobody has heard of the repository.
    pub(super) async fn of_fingerprints(&self, root: &Selection) -> Result<Vec<Change>, Refusal> {
        let told: Option<Vec<Told>> = argument(root, "add")?;
        let (told, sha) = (told.unwrap_or_default(), argument::<String>(root, "commitSha")?);
        let of_type: String = argument(root, "type")?;
        let goal: Option<String> = argument(root, "goal")?;
        if told.len() > MOST {
            let because = format!("a commit has at most {MOST} fingerprints of one type");
            return Err(Refusal::bad("invalid_argument", because));
        }
        let repo = self.repository_meant(root).await?;
        let commit = commit_key(&repo.provider_id, &repo.owner, &repo.name, &sha);
        let place = Place {
            prefix: format!(
                "{commit}/fingerprint/{}/{}/",
                step(goal.as_deref().unwrap_or_default()),
                step(&of_type)
            ),
            body: json!({
                "type": of_type, "goal": goal,
                "repo": {"owner": repo.owner, "name": repo.name, "providerId": repo.provider_id},
            }),
            commit,
        };
        let changes = told.iter().map(|one| place.change(one));
        let mut changes = changes.collect::<Result<Vec<_>, _>>()?;
        changes.extend(self.replaced(&place, &changes).await?);
        Ok(changes)
    }

    /// What was known of this type and is told no more.
    async fn replaced(&self, place: &Place, told: &[Change]) -> Result<Vec<Change>, Refusal> {
        let told: BTreeSet<&str> = told.iter().map(|change| change.node.id()).collect();
        let graph = self.hub.store().reader(self.workspace);
        let commit = std::slice::from_ref(&place.commit);
        let known = graph.linking("Fingerprint", "commit", commit, MOST_KNOWN).await?;
        let is_replaced = |node: &Node| node.id().starts_with(&place.prefix) && !told.contains(node.id());
        let replaced = known.iter().filter(|node| is_replaced(node));
        Ok(replaced
            .map(|node| Change::gone("Fingerprint", node.id().to_owned()))
            .collect())
    }

    /// The repository that is meant, by its present name.
    async fn repository_meant(&self, root: &Selection) -> Result<Named, Refusal> {
        if root.argument("repo").is_some() {
            return argument(root, "repo");
        }
        let id: String = argument(root, "repoId")?;
        let graph = self.hub.store().reader(self.workspace);
        let found = graph.nodes("Repo", &[id]).await?;
        let named = found.first().and_then(|node| named(node));
        named.ok_or_else(|| Refusal::missing_thing("no webhook has told of this repository yet"))
    }
}

/// A repository's name out of its key by name, which comes last.
fn named(node: &Node) -> Option<Named> {
    own_resource(node)?;
    let mut steps = node.keys.last()?.splitn(3, '/').map(str::to_owned);
    Some(Named {
        provider_id: steps.next()?,
        owner: steps.next()?,
        name: steps.next()?,
    })
}

/// Where fingerprints of one type of a commit are.
struct Place {
    commit: String,
    prefix: String,
    body: Value,
}

impl Place {
    fn change(&self, told: &Told) -> Result<Change, Refusal> {
        let key = format!("{}{}", self.prefix, told.name);
        let is_short = told.data.as_ref().is_none_or(|data| data.len() <= LONGEST_DATA);
        if key.len() > LONGEST_ID || !is_short {
            let because = format!(
                "the name of a fingerprint is too long, or its data has more than {LONGEST_DATA} bytes"
            );
            return Err(Refusal::bad("invalid_argument", because));
        }
        let mut body = self.body.clone();
        for (field, value) in [
            ("name", Some(&told.name)),
            ("sha", Some(&told.sha)),
            ("data", told.data.as_ref()),
            ("displayName", told.display_name.as_ref()),
            ("displayType", told.display_type.as_ref()),
            ("displayValue", told.display_value.as_ref()),
        ] {
            body[field] = json!(value);
        }
        Ok(Change::merge("Fingerprint", vec![key], body).link("commit", [self.commit.clone()]))
    }
}

/// A step of an id, which does not run into the next.
fn step(text: &str) -> String {
    text.replace('%', "%25").replace('/', "%2F")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_named_by_its_last_key() {
        let keys = ["p:8080/7", "p:8080/acme/old", "p:8080/acme/app"].map(str::to_owned);
        let node = Change::merge("Repo", keys.to_vec(), json!({"owner": "acme", "name": "app"})).node;
        let found = named(&node).unwrap();
        assert_eq!(
            (
                found.provider_id.as_str(),
                found.owner.as_str(),
                found.name.as_str()
            ),
            ("p:8080", "acme", "app")
        );
    }

    #[test]
    fn steps_of_ids_are_told_apart() {
        assert_eq!(step("a/b%"), "a%2Fb%25");
    }
}
