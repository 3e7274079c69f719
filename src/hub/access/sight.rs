//! Who sees which nodes of the graph: those of repositories, channels and feeds that they have a grant for. What may not be
//! seen is as if it were not there.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::super::goals::known::repository_of;
use super::super::goals::whose::said_by;
use super::super::people::forge::Forge;
use super::Caller;
use super::bearer::Bearer;
use super::operations::Operation;
use super::rights::principal;
use crate::access::Resource;
use crate::access::resource::{Named, Owner};
use crate::graph::Schema;
use crate::graph::answer::Sight;
use crate::graph::schema::TypeDefinition;
use crate::model::Timestamp;
use crate::ports::graph::{Find, GraphError, GraphReader, Node};

/// Links by which a node's repository is found, the nearest first.
const TOWARDS_THE_REPOSITORY: [&str; 6] = ["repo", "tag", "commit", "push", "pullRequest", "issue"];

/// How many links are followed.
const FARTHEST: u8 = 3;

/// Types that belong to the workspace as a whole.
const OF_THE_WORKSPACE: [&str; 16] = [
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
    "Team",
    "SdmPreference",
    "DockerRegistryProvider",
    "BinaryRepositoryProvider",
    "GenericResourceProvider",
    "GitHubAppResourceProvider",
];

/// What somebody sees who asks for something.
pub(in super::super) struct GrantedSight<'a> {
    bearer: Bearer,
    /// Name of what is asked for.
    operation: &'static str,
    belongings: Belongings<'a>,
    now: Timestamp,
    /// Who says what a person may do on repositories, where it is asked.
    forge: Option<Forge>,
}

impl<'a> GrantedSight<'a> {
    /// What `bearer` sees of a graph who does this now.
    pub(in super::super) fn of(
        bearer: Bearer,
        operation: &'static str,
        graph: &'a dyn GraphReader,
        now: Timestamp,
    ) -> Self {
        let is_among_several = bearer.snapshot().only_forge.is_none();
        Self {
            bearer,
            operation,
            belongings: Belongings::of(graph, is_among_several),
            now,
            forge: None,
        }
    }

    /// The same, with somebody to ask what a person may do on repositories.
    pub(in super::super) fn asking(self, forge: Option<Forge>) -> Self {
        Self { forge, ..self }
    }
}

impl GrantedSight<'_> {
    /// What a node belongs to, as deliveries say it.
    pub(in super::super) async fn about(&self, node: &Node) -> Result<String, GraphError> {
        self.belongings.about(node).await
    }
}

/// Types of jobs, whose data is what a command was started with.
const JOBS: [&str; 2] = ["AtmJob", "AtmJobTask"];

impl GrantedSight<'_> {
    /// Whether a node is a job of another owner, which is for who reaches everything.
    fn is_anothers_job(&self, node: &Node) -> bool {
        let owner = said_by(node).filter(|_| JOBS.contains(&node.kind.as_str()));
        owner.is_some_and(|owner| {
            principal(owner) != *self.bearer.principal()
                && !self.bearer.reaches_everything(self.operation, self.now)
        })
    }
}

/// What a node is about of which nobody can tell what it belongs to.
pub(in super::super) const EVERYTHING: &str = "*";

/// What nodes belong to.
pub(in super::super) struct Belongings<'a> {
    graph: &'a dyn GraphReader,
    /// Repositories that were looked up, by their key.
    numbered: Mutex<HashMap<String, Option<Resource>>>,
    /// The only forge that the workspace has been told of, once that is looked up; where the hub knows of one alone, nobody has to ask.
    only: OnceCell<Option<Box<str>>>,
}

#[async_trait]
impl Sight for GrantedSight<'_> {
    async fn sees(&self, node: &Node) -> Result<bool, GraphError> {
        if self.is_anothers_job(node) {
            return Ok(false);
        }
        let Some(resource) = self.belongings.resource(node).await? else {
            return Ok(false);
        };
        let resources = [resource];
        let told = match &self.forge {
            Some(forge) => Some(forge.told(&self.bearer, self.operation, &resources).await?),
            None => None,
        };
        let bearer = told.as_ref().unwrap_or(&self.bearer);
        let request = bearer.request(self.operation, &resources, self.now);
        Ok(bearer.decide(&request).is_allowed())
    }
}

impl Caller {
    /// The types of which the caller may see anything by doing this. Objects of a custom type are of its feed, or of the
    /// repository that they name.
    pub(in super::super) fn types_seen(&self, operation: Operation, schema: Arc<Schema>) -> Arc<Schema> {
        if self.sees_everything(operation) {
            return schema;
        }
        let is_hidden = |kind: &TypeDefinition| {
            let resources = [Resource::Feed(kind.name.clone())];
            let request = self.bearer.request(operation.row().name, &resources, self.now);
            kind.is_custom && kind.field("repo").is_none() && !self.bearer.decide(&request).is_allowed()
        };
        let hides_some = schema.types().any(|kind| kind.is_root && is_hidden(kind));
        match hides_some {
            true => Arc::new(schema.without(is_hidden)),
            false => schema,
        }
    }
}

impl<'a> Belongings<'a> {
    /// Of the nodes of a graph, at a hub that knows of several forges or not.
    pub(in super::super) fn of(graph: &'a dyn GraphReader, is_among_several: bool) -> Self {
        Self {
            graph,
            numbered: Mutex::default(),
            only: match is_among_several {
                true => OnceCell::new(),
                false => OnceCell::new_with(Some(None)),
            },
        }
    }

    /// What a node belongs to, as deliveries say it.
    pub(in super::super) async fn about(&self, node: &Node) -> Result<String, GraphError> {
        let resource = self.resource(node).await?;
        Ok(resource.map_or_else(|| EVERYTHING.to_owned(), |one| one.to_string()))
    }

    /// What a node belongs to; `None` when that cannot be told, and so nobody may see it.
    pub(in super::super) async fn resource(&self, node: &Node) -> Result<Option<Resource>, GraphError> {
        let mut node = node.clone();
        for _ in 0..=FARTHEST {
            if let Some(own) = own_resource(&node) {
                return self.numbered(own, &node).await.map(Some);
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

    /// The repository that a node names, with its number where the graph knows it, and at the only forge of the workspace where nothing
    /// says at which.
    async fn numbered(&self, own: Resource, node: &Node) -> Result<Resource, GraphError> {
        let named = self.called(own, node).await?;
        match named.forge() {
            None => Ok(named.at(self.only_forge().await?)),
            Some(_) => Ok(named),
        }
    }

    async fn only_forge(&self) -> Result<Option<&str>, GraphError> {
        let look = || async {
            let find = Find {
                kind: "SCMProvider".to_owned(),
                first: 2,
                ..Find::default()
            };
            let found = self.graph.find(&find).await?;
            Ok::<_, GraphError>(match found.as_slice() {
                [only] => Some(Box::from(only.id())),
                _ => None,
            })
        };
        Ok(self.only.get_or_try_init(look).await?.as_deref())
    }

    async fn called(&self, own: Resource, node: &Node) -> Result<Resource, GraphError> {
        let is_plain = matches!(&own, Resource::Repository { name, .. } if name.id.is_none());
        let Some(key) = repository_key(node).filter(|_| is_plain) else {
            return Ok(own);
        };
        let known = self.lock().get(&key).cloned();
        let found = match known {
            Some(found) => found,
            None => {
                let found = by_key(self.graph, &own, &key).await?;
                self.lock().insert(key, found.clone());
                found
            }
        };
        Ok(found.unwrap_or(own))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Option<Resource>>> {
        self.numbered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The repository that is named, as the graph knows it by this key; one that no webhook has told of is at the forge that the key says,
/// if that is one. `None` where it is not.
pub(in super::super) async fn by_key(
    graph: &dyn GraphReader,
    named: &Resource,
    key: &str,
) -> Result<Option<Resource>, GraphError> {
    let found = graph.nodes("Repo", &[key.to_owned()]).await?;
    if let Some(known) = found.first().and_then(|node| own_resource(node)) {
        return Ok(Some(known));
    }
    let forge = key.split('/').next().unwrap_or_default();
    let forges = graph.nodes("SCMProvider", &[forge.to_owned()]).await?;
    Ok((!forges.is_empty()).then(|| named.clone().at(Some(forge))))
}

/// The key by which the graph knows the repository that a node names.
fn repository_key(node: &Node) -> Option<String> {
    let repo = node.body.get("repo")?;
    let text = |field: &str| repo.get(field).and_then(Value::as_str);
    let (provider, owner, name) = (text("providerId")?, text("owner")?, text("name")?);
    Some(format!("{provider}/{owner}/{name}"))
}

/// A node as it is told by itself to somebody who reaches everything or not; who does not gets no addresses of people, and hears of
/// nobody of whom an address is all that is known.
pub(in super::super) fn with_addresses_for(node: &Node, reaches_everything: bool) -> Option<Cow<'_, Node>> {
    let is_person = ["ScmId", "Person"].contains(&node.kind.as_str());
    if reaches_everything || !is_person {
        return Some(Cow::Borrowed(node));
    }
    if node.id().contains("/mail/") {
        return None;
    }
    let mut without = node.clone();
    without.body.remove("emails");
    without.links.retain(|_, targets| {
        targets.retain(|target| !target.contains("mail/"));
        true
    });
    Some(Cow::Owned(without))
}

/// What is still true of what somebody sees: settings end with their time to live (wire protocol 10.5).
pub(in super::super) struct Present<'a> {
    pub(in super::super) sight: Box<dyn Sight + 'a>,
    pub(in super::super) now: Timestamp,
}

#[async_trait]
impl Sight for Present<'_> {
    async fn sees(&self, node: &Node) -> Result<bool, GraphError> {
        match is_over(node, self.now) {
            true => Ok(false),
            false => self.sight.sees(node).await,
        }
    }

    fn shows_addresses(&self, through: Option<&str>) -> bool {
        self.sight.shows_addresses(through)
    }
}

fn is_over(node: &Node, now: Timestamp) -> bool {
    let number = |field: &str| node.body.get(field).and_then(Value::as_i64);
    match node.kind.as_str() {
        "TeamConfiguration" => number("until").is_some_and(|until| until <= now.as_micros()),
        // The original writes the moment in milliseconds, and 0 for none.
        "SdmPreference" => number("ttl").is_some_and(|until| until > 0 && until <= now.as_micros() / 1_000),
        _ => false,
    }
}

/// What a node says itself of what it belongs to.
pub(in super::super) fn own_resource(node: &Node) -> Option<Resource> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    match node.kind.as_str() {
        "Repo" => {
            let (forge, number) = numbered(node.id()).unzip();
            let (owner, name) = (text(node.body.get("owner"))?, text(node.body.get("name"))?);
            Some(repository(forge, &owner, name, number))
        }
        "ChatChannel" => text(node.body.get("name")).map(Resource::Channel),
        kind if OF_THE_WORKSPACE.contains(&kind) => Some(Resource::Workspace),
        _ => repository_of(node).or_else(|| {
            let repo = node.body.get("repo")?;
            let (owner, name) = (text(repo.get("owner"))?, text(repo.get("name"))?);
            Some(repository(None, &owner, name, None))
        }),
    }
}

fn repository(forge: Option<Box<str>>, owner: &str, name: String, id: Option<u64>) -> Resource {
    Resource::Repository {
        owner: Owner {
            forge,
            named: Named::called(owner),
        },
        name: Named { name, id },
    }
}

/// The forge of a repository's key, and the number that it has there: another forge may give the same number.
fn numbered(id: &str) -> Option<(Box<str>, u64)> {
    let (forge, number) = id.rsplit_once('/')?;
    Some((Box::from(forge), number.parse().ok()?))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::answer::Everything;

    #[tokio::test]
    async fn settings_are_seen_until_their_time_is_over() {
        let setting = |kind: &str, until: Value| {
            let mut node = Node {
                kind: kind.to_owned(),
                keys: vec!["n/a".to_owned()],
                ..Node::default()
            };
            node.body.insert("until".to_owned(), until);
            node
        };
        let sees = async |node: Node| {
            let sight = Present {
                sight: Box::new(Everything),
                now: Timestamp::from_micros(10),
            };
            sight.sees(&node).await.unwrap()
        };
        assert!(sees(setting("TeamConfiguration", Value::from(11))).await);
        assert!(!sees(setting("TeamConfiguration", Value::from(10))).await);
        assert!(
            sees(setting("TeamConfiguration", Value::Null)).await,
            "no time to live"
        );
        assert!(sees(setting("Push", Value::from(1))).await);
    }
}
