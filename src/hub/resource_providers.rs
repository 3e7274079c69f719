//! Systems beside the forge that goals of the original use: registries of images and packages, and others (wire protocol 10.5).
//!
//! The graph names them and says whether they can be used. What signs in there is not in it: a machine has that in its own
//! configuration, and whoever asks for a `Password` is told so.

use serde::Deserialize;
use serde_json::json;

use super::changes::Change;
use super::jobs::argument;
use super::questions::Asking;
use super::refusal::Refusal;
use crate::graph::question::Selection;

/// Longest name, type or address in bytes.
const LONGEST: usize = 500;
/// Longest text of an error in bytes.
const LONGEST_ERROR: usize = 4_000;

/// A mutation of systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProviderMutation {
    /// `create…(name, type, url)`.
    Create(Sort),
    /// `setResourceProviderState(id, providerState)`.
    SetState,
    /// `deleteResourceProvider(id)`.
    Delete,
}

/// What a system is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// A registry of images.
    Images,
    /// A registry of packages.
    Packages,
    /// Anything else.
    Other,
}

impl Sort {
    const ALL: [Self; 3] = [Self::Images, Self::Packages, Self::Other];

    /// Its type in the graph.
    const fn kind(self) -> &'static str {
        match self {
            Self::Images => "DockerRegistryProvider",
            Self::Packages => "BinaryRepositoryProvider",
            Self::Other => "GenericResourceProvider",
        }
    }

    /// Its types, where they are known; any other is as good where they are not.
    const fn types(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Images => Some(&["DockerHub", "JFrog"]),
            Self::Packages => Some(&["maven2", "npm"]),
            Self::Other => None,
        }
    }
}

impl ProviderMutation {
    /// The one of this name.
    pub(super) fn read(name: &str) -> Option<Self> {
        match name {
            "setResourceProviderState" => Some(Self::SetState),
            "deleteResourceProvider" => Some(Self::Delete),
            _ => {
                let kind = name.strip_prefix("create")?;
                let sort = Sort::ALL.into_iter().find(|sort| sort.kind() == kind)?;
                Some(Self::Create(sort))
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct State {
    state: StateName,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StateName {
    Converged,
    Unconverged,
    Misconfigured,
    Unauthorized,
}

impl StateName {
    const fn word(self) -> &'static str {
        match self {
            Self::Converged => "converged",
            Self::Unconverged => "unconverged",
            Self::Misconfigured => "misconfigured",
            Self::Unauthorized => "unauthorized",
        }
    }
}

fn wrong(because: String) -> Refusal {
    Refusal::bad("invalid_argument", because)
}

impl Asking<'_> {
    /// The change that a mutation of systems is.
    ///
    /// # Errors
    /// What is wrong with it, or that there is no such system.
    pub(super) async fn of_provider(
        &self,
        mutation: ProviderMutation,
        root: &Selection,
    ) -> Result<Change, Refusal> {
        match mutation {
            ProviderMutation::Create(sort) => self.named(sort, root),
            ProviderMutation::SetState => {
                let (sort, id) = self.known_provider(root).await?;
                let told: State = argument(root, "providerState")?;
                let error: Option<String> = told
                    .error
                    .map(|error| error.chars().take(LONGEST_ERROR).collect());
                let state = json!({"name": told.state.word(), "error": error});
                Ok(Change::merge(sort.kind(), vec![id], json!({ "state": state })))
            }
            ProviderMutation::Delete => {
                let (sort, id) = self.known_provider(root).await?;
                Ok(Change::gone(sort.kind(), id))
            }
        }
    }

    fn named(&self, sort: Sort, root: &Selection) -> Result<Change, Refusal> {
        let (name, of_type): (String, String) = (argument(root, "name")?, argument(root, "type")?);
        let url: Option<String> = argument(root, "url")?;
        let texts = [Some(&name), Some(&of_type), url.as_ref()];
        if texts.into_iter().flatten().any(|text| text.len() > LONGEST) {
            return Err(wrong(format!(
                "`name`, `type` and `url` have at most {LONGEST} bytes"
            )));
        }
        if let Some(types) = sort.types().filter(|types| !types.contains(&of_type.as_str())) {
            return Err(wrong(format!("`type` must be one of {}", types.join(", "))));
        }
        if url.as_deref().is_some_and(names_somebody) {
            return Err(wrong(
                "`url` must say nothing of who signs in; that belongs into the configuration of machines"
                    .to_owned(),
            ));
        }
        let id = format!("{}/{}", sort.kind(), self.hub.fresh_id());
        let body = json!({
            "providerId": id, "name": name, "type": of_type, "url": url, "createdAt": self.hub.now().rfc3339(),
            "state": {"name": "unconverged", "error": null},
            // Whoever asks for what this names is told where secrets belong.
            "credential": {"id": format!("{id}/credential"), "owner": {"login": null}},
        });
        Ok(Change::merge(sort.kind(), vec![id], body))
    }

    async fn known_provider(&self, root: &Selection) -> Result<(Sort, String), Refusal> {
        let id: String = argument(root, "id")?;
        let missing = || Refusal::missing_thing("there is no such system");
        let kind = id.split('/').next().unwrap_or_default();
        let sort = Sort::ALL.into_iter().find(|sort| sort.kind() == kind);
        let sort = sort.ok_or_else(missing)?;
        let graph = self.hub.store().reader(self.workspace);
        let found = graph.nodes(sort.kind(), std::slice::from_ref(&id)).await?;
        match found.is_empty() {
            true => Err(missing()),
            false => Ok((sort, id)),
        }
    }
}

/// Whether an address carries a name or a password.
fn names_somebody(url: &str) -> bool {
    let parsed = reqwest::Url::parse(url).ok();
    parsed.is_some_and(|url| !url.username().is_empty() || url.password().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutations_are_told_by_the_types_they_make() {
        assert_eq!(
            ProviderMutation::read("createBinaryRepositoryProvider"),
            Some(ProviderMutation::Create(Sort::Packages))
        );
        for name in [
            "createSCMProvider",
            "create",
            "deleteRepo",
            "createGitHubAppResourceProvider",
        ] {
            assert_eq!(ProviderMutation::read(name), None, "{name}");
        }
    }

    #[test]
    fn an_address_with_a_password_is_seen() {
        assert!(names_somebody("https://ada:secret@registry.example.org"));
        assert!(!names_somebody("https://registry.example.org/v2") && !names_somebody("registry"));
    }
}
