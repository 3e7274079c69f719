//! What the forge's answers are not true of any more, as its webhooks say: who may do what somewhere (threat F8), and where the app
//! that does things for people may see nothing (security model 15).

use std::collections::BTreeSet;

use chrono::{DateTime, FixedOffset};
use serde_json::Value;

use super::super::Hub;
use super::super::ingest::known::REACH;
use super::providers::{ProviderKind, ProviderSettings};
use crate::ports::graph::{Filter, Find, Node};
use crate::ports::hub::HubStoreError;

/// Most repositories of one webhook whose answers are forgotten one by one.
const MOST: usize = 10_000;

/// Installations of one app at one account, and apps that may see one repository, that are looked at.
const FEW: u32 = 100;

/// Where people may do something else than they might.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outdated {
    /// Repositories, `owner/name` in lower case.
    repositories: BTreeSet<String>,
    /// All repositories of somebody, in lower case.
    owners: BTreeSet<String>,
}

impl Outdated {
    /// What a webhook says may have changed.
    fn of(event: &str, payload: &Value) -> Self {
        let text = |path: &str| payload.pointer(path).and_then(Value::as_str);
        let mut outdated = Self::default();
        let repository = text("/repository/full_name");
        match event {
            "member" | "team_add" | "repository" | "public" => outdated.add_repository(repository),
            "team" if repository.is_some() => outdated.add_repository(repository),
            "team" | "membership" | "organization" => outdated.add_owner(text("/organization/login")),
            "installation" => outdated.add_owner(text("/installation/account/login")),
            "installation_repositories" => {
                for field in ["repositories_removed", "repositories_added"] {
                    let told = payload.get(field).and_then(Value::as_array);
                    for one in told.into_iter().flatten().take(MOST) {
                        outdated.add_repository(one.get("full_name").and_then(Value::as_str));
                    }
                }
            }
            _ => {}
        }
        outdated
    }

    fn add_repository(&mut self, name: Option<&str>) {
        self.repositories.extend(name.map(str::to_lowercase));
    }

    fn add_owner(&mut self, login: Option<&str>) {
        self.owners.extend(login.map(str::to_lowercase));
    }

    fn is_empty(&self) -> bool {
        self.repositories.is_empty() && self.owners.is_empty()
    }

    /// Whether it concerns a repository, `owner/name`.
    pub(super) fn concerns(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        let owner = name.split('/').next().unwrap_or_default();
        self.owners.contains(owner) || self.repositories.contains(&name)
    }
}

impl Hub {
    /// Forgets what the forge has answered where a webhook of it says that it may answer otherwise now. Other replicas forget it
    /// within a minute.
    pub(in super::super) fn forget_answers(&self, event: &str, payload: &Value) {
        let outdated = Outdated::of(event, payload);
        if !outdated.is_empty() {
            self.forge_answers().forget(&outdated);
        }
    }

    /// Whether the app of a provider was taken away from a repository, or is suspended there. Nothing is known of those that no
    /// webhook has told of: the forge itself knows.
    pub(super) async fn is_out_of_reach(
        &self,
        workspace: &str,
        provider: &ProviderSettings,
        (owner, name): (&str, &str),
    ) -> Result<bool, HubStoreError> {
        let hosts = match &provider.kind {
            ProviderKind::GitHub(github) if github.is_app => github.hosts(),
            ProviderKind::GitHub(_) | ProviderKind::Oidc(_) => return Ok(false),
        };
        let graph = self.store().reader(workspace);
        let find = Find {
            kind: "GitHubAppInstallation".to_owned(),
            filters: vec![Filter {
                field: "owner".to_owned(),
                any_of: vec![Value::from(owner)],
            }],
            first: FEW,
            ..Find::default()
        };
        let mut installed = graph.find(&find).await?;
        let is_there = |node: &Node| {
            hosts
                .iter()
                .any(|host| node.id().starts_with(&format!("{host}/")))
        };
        installed.retain(|node| is_there(node) && is_of(node, provider));
        let is_suspended = |node: &Node| node.body.get("suspended") == Some(&Value::Bool(true));
        if !installed.is_empty() && installed.iter().all(|node| is_suspended(node)) {
            return Ok(true);
        }
        let by_name = hosts.iter().map(|host| format!("{host}/{owner}/{name}"));
        let repositories = graph.nodes("Repo", &by_name.collect::<Vec<_>>()).await?;
        let ids: Vec<String> = repositories.iter().map(|node| node.id().to_owned()).collect();
        if ids.is_empty() {
            return Ok(false);
        }
        let mut told = graph.linking(REACH, "repo", &ids, FEW).await?;
        told.retain(|node| is_of(node, provider));
        let last = told.iter().max_by_key(|node| moment(node));
        Ok(last.is_some_and(|node| node.body.get("isWithin") == Some(&Value::Bool(false))))
    }
}

/// Whether something is about the app of a provider; earlier GitHubs do not say which app it is.
fn is_of(node: &Node, provider: &ProviderSettings) -> bool {
    let client = node.body.get("clientId").and_then(Value::as_str);
    client.is_none_or(|client| client == provider.client_id)
}

/// When something was so.
fn moment(node: &Node) -> Option<DateTime<FixedOffset>> {
    let text = node.body.get("timestamp").and_then(Value::as_str)?;
    DateTime::parse_from_rfc3339(text).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn f8_a_webhook_says_where_people_may_do_something_else_now() {
        let told = json!({
            "repository": {"full_name": "Acme/App"}, "organization": {"login": "Acme"},
            "installation": {"account": {"login": "acme"}},
            "repositories_removed": [{"full_name": "acme/app"}], "repositories_added": [{"full_name": "acme/other"}]
        });
        let concerns = |event: &str, name: &str| Outdated::of(event, &told).concerns(name);
        for event in ["member", "team", "team_add", "repository"] {
            assert!(
                concerns(event, "acme/app") && !concerns(event, "acme/else"),
                "{event}"
            );
        }
        for event in ["membership", "organization", "installation"] {
            assert!(
                concerns(event, "acme/else") && !concerns(event, "acmes/app"),
                "{event}"
            );
        }
        let event = "installation_repositories";
        assert!(
            concerns(event, "acme/app") && concerns(event, "ACME/other") && !concerns(event, "acme/else")
        );
        assert!(Outdated::of("push", &told).is_empty());
        let of_organization = Outdated::of("team", &json!({"organization": {"login": "acme"}}));
        assert!(of_organization.concerns("acme/anything"));
    }
}
