//! Who sees which nodes of the graph: those of repositories, channels and feeds that they have a grant for. What may not be
//! seen is as if it were not there.

use async_trait::async_trait;
use serde_json::Value;

use super::rights::Bearer;
use crate::access::Resource;
use crate::access::resource::Named;
use crate::graph::answer::Sight;
use crate::model::Timestamp;
use crate::ports::graph::{GraphError, GraphReader, Node};

/// Links by which a node's repository is found, the nearest first.
const TOWARDS_THE_REPOSITORY: [&str; 6] = ["repo", "tag", "commit", "push", "pullRequest", "issue"];

/// How many links are followed.
const FARTHEST: u8 = 3;

/// Types that belong to the workspace as a whole.
const OF_THE_WORKSPACE: [&str; 10] = [
    "ScmId",
    "Person",
    "ChatId",
    "ChatTeam",
    "Org",
    "SCMProvider",
    "AtmJob",
    "AtmJobTask",
    "TeamConfiguration",
    "GitHubAppInstallation",
];

/// What somebody sees who asks for something.
pub(in super::super) struct GrantedSight<'a> {
    /// Who; nobody sees nothing.
    pub(in super::super) bearer: Option<Bearer>,
    /// Name of what is asked for.
    pub(in super::super) operation: &'static str,
    /// Where links are looked up.
    pub(in super::super) graph: &'a dyn GraphReader,
    /// When.
    pub(in super::super) now: Timestamp,
}

#[async_trait]
impl Sight for GrantedSight<'_> {
    async fn sees(&self, node: &Node) -> Result<bool, GraphError> {
        let Some(bearer) = &self.bearer else {
            return Ok(false);
        };
        let Some(resource) = self.resource(node).await? else {
            return Ok(false);
        };
        let resources = [resource];
        let request = bearer.request(self.operation, &resources, self.now);
        Ok(bearer.decide(&request).is_allowed())
    }
}

impl GrantedSight<'_> {
    /// What a node belongs to; `None` when that cannot be told, and so nobody may see it.
    async fn resource(&self, node: &Node) -> Result<Option<Resource>, GraphError> {
        let mut node = node.clone();
        for _ in 0..=FARTHEST {
            if let Some(own) = own_resource(&node) {
                return Ok(Some(own));
            }
            let link = TOWARDS_THE_REPOSITORY
                .iter()
                .find_map(|name| Some((name, node.links.get(*name)?)));
            let Some((name, keys)) = link else {
                return Ok(Some(Resource::Feed(node.kind)));
            };
            let found = self.graph.nodes(kind_behind(name), keys).await?;
            match found.first() {
                Some(next) => node = (**next).clone(),
                None => return Ok(None),
            }
        }
        Ok(None)
    }
}

/// What a node says itself of what it belongs to.
pub(in super::super) fn own_resource(node: &Node) -> Option<Resource> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    match node.kind.as_str() {
        "Repo" => repository(
            text(node.body.get("owner"))?,
            text(node.body.get("name"))?,
            number(node.id()),
        ),
        "ChatChannel" => text(node.body.get("name")).map(Resource::Channel),
        kind if OF_THE_WORKSPACE.contains(&kind) => Some(Resource::Workspace),
        _ => {
            let repo = node.body.get("repo")?;
            repository(text(repo.get("owner"))?, text(repo.get("name"))?, None)
        }
    }
}

fn repository(owner: String, name: String, id: Option<u64>) -> Option<Resource> {
    Some(Resource::Repository {
        owner: Named {
            name: owner,
            id: None,
        },
        name: Named { name, id },
    })
}

/// The forge's number at the end of a repository's key.
fn number(id: &str) -> Option<u64> {
    id.rsplit('/').next()?.parse().ok()
}

fn kind_behind(link: &str) -> &'static str {
    match link {
        "repo" => "Repo",
        "tag" => "Tag",
        "commit" => "Commit",
        "push" => "Push",
        "pullRequest" => "PullRequest",
        _ => "Issue",
    }
}
