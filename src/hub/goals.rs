//! What machines write: goals and goal sets of the original, objects of custom types, and settings (wire protocol 10.3 to 10.5).
//!
//! What is written again stays where it is and whose it is: [`known`]. [`whose`] says whose that is, [`confirmed`] who says that
//! somebody has confirmed a goal, [`values`] what of a value is kept.

mod confirmed;
pub(super) mod known;
mod values;
pub(super) mod whose;

use std::time::Duration;

use serde_json::{Map, Value};

use super::access::operations::Operation;
use super::changes::{Change, How};
use super::channels::{self, ChannelMutation};
use super::fingerprints;
use super::found;
use super::jobs::{JobMutation, argument};
use super::questions::Asking;
use super::refusal::Refusal;
use super::resource_providers::ProviderMutation;
use crate::access::Resource;
use crate::graph::Schema;
use crate::graph::question::Selection;
use crate::graph::schema::TypeDefinition;
use crate::model::DEFAULT_ENVIRONMENT;
use crate::ports::graph::Node;
use crate::wire::hub::completion::TOLD_BY;
use crate::wire::hub::found::TELL_PUSH;

/// Longest id made of an object's own fields.
pub(super) const LONGEST_ID: usize = 1_000;

/// Types that are written by the right to write goals; every other is of a feed of its name.
const OF_GOALS: [&str; 3] = ["SdmGoal", "SdmGoalSet", "SdmVersion"];

/// Settings of machines by their keys.
const PREFERENCE: &str = "SdmPreference";

/// A field of `Mutation`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mutation {
    /// `ingestCustom<Type>(value)`: an object of this type, in its newest version.
    Ingest(String),
    /// `deleteCustom<Type>(value)`, by the fields that are its id.
    Delete(String),
    /// `deleteCustom<Type>ById(id)`.
    DeleteById(String),
    /// `setTeamConfiguration(namespace, name, value, ttlSecs)`.
    Configure,
    /// `deleteTeamConfiguration(namespace, name)`.
    Unconfigure,
    /// One of jobs.
    Job(JobMutation),
    /// One of systems beside the forge.
    Provider(ProviderMutation),
    /// `setCommitFingerprints(…)`.
    Fingerprints,
    /// `tellPush(value)`.
    TellPush,
    /// One of channels.
    Channel(ChannelMutation),
}

impl Mutation {
    /// The field of this name; `None` when there is none.
    pub(super) fn read(name: &str, schema: &Schema) -> Option<Self> {
        if let Some(kind) = name.strip_prefix("ingestCustom") {
            let is_open = schema.root(kind)?.is_written_by_machines();
            return is_open.then(|| Self::Ingest(kind.to_owned()));
        }
        if let Some(kind) = name.strip_prefix("deleteCustom") {
            let of_machines = |kind: &str| {
                schema
                    .root(kind)
                    .is_some_and(TypeDefinition::is_forgotten_by_machines)
            };
            let by_id = kind.strip_suffix("ById").filter(|kind| of_machines(kind));
            return match by_id {
                Some(kind) => Some(Self::DeleteById(kind.to_owned())),
                None => of_machines(kind).then(|| Self::Delete(kind.to_owned())),
            };
        }
        match name {
            "setTeamConfiguration" => Some(Self::Configure),
            "deleteTeamConfiguration" => Some(Self::Unconfigure),
            "setCommitFingerprints" => Some(Self::Fingerprints),
            TELL_PUSH => Some(Self::TellPush),
            _ => {
                let of_job = JobMutation::read(name).map(Self::Job);
                let of_provider = || ProviderMutation::read(name).map(Self::Provider);
                let of_channel = || ChannelMutation::read(name).map(Self::Channel);
                of_job.or_else(of_provider).or_else(of_channel)
            }
        }
    }

    /// The type of what it answers with, where that is not what it changes.
    pub(super) fn answers_with(&self) -> Option<&'static str> {
        match self {
            Self::Provider(ProviderMutation::SetState) => Some("ResourceProvider"),
            Self::Channel(_) => Some("ChannelLinked"),
            Self::Provider(_)
            | Self::Ingest(_)
            | Self::Delete(_)
            | Self::DeleteById(_)
            | Self::Configure
            | Self::Unconfigure
            | Self::Job(_)
            | Self::TellPush
            | Self::Fingerprints => None,
        }
    }

    /// What it is about: a goal is about its repository and its environment, another object about the feed of its type.
    pub(super) fn about(&self, root: &Selection) -> About {
        let at_workspace = |operation, resource| About {
            operation,
            resources: vec![resource],
            repository_key: None,
        };
        match self {
            Self::Configure | Self::Unconfigure | Self::Provider(_) => {
                at_workspace(Operation::Configure, Resource::Workspace)
            }
            Self::Job(_) => at_workspace(Operation::WriteJob, Resource::Workspace),
            Self::Fingerprints => fingerprints::about(root),
            Self::TellPush => found::about(root),
            Self::Channel(_) => channels::about(root),
            Self::Ingest(kind) | Self::Delete(kind) | Self::DeleteById(kind) if kind == PREFERENCE => {
                at_workspace(Operation::Configure, Resource::Workspace)
            }
            Self::Ingest(kind) => {
                let value = root.argument("value");
                if !OF_GOALS.contains(&kind.as_str()) {
                    return at_workspace(Operation::IngestCustom, Resource::Feed(kind.clone()));
                }
                let goal = value.and_then(About::goal);
                goal.unwrap_or_else(|| at_workspace(Operation::WriteGoal, Resource::Workspace))
            }
            Self::Delete(kind) | Self::DeleteById(kind) => {
                at_workspace(Operation::IngestCustom, Resource::Feed(kind.clone()))
            }
        }
    }
}

/// What a field of `Mutation` is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct About {
    /// Its row in the operation table.
    pub(super) operation: Operation,
    /// What it changes, the repository first.
    pub(super) resources: Vec<Resource>,
    /// By which the graph knows the repository.
    pub(super) repository_key: Option<String>,
}

impl About {
    /// Of something that names its repository.
    pub(super) fn goal(value: &Value) -> Option<Self> {
        let text = |field: &str| value.get("repo")?.get(field)?.as_str();
        let (owner, name) = (text("owner")?, text("name")?);
        let environment = value
            .get("environment")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let environment = environment.trim_end_matches('/');
        // Work on code is everywhere; an environment is somewhere else.
        let elsewhere = !environment.is_empty() && environment != DEFAULT_ENVIRONMENT;
        let environment = elsewhere.then(|| Resource::Environment(environment.to_owned()));
        Some(Self {
            operation: Operation::WriteGoal,
            resources: std::iter::once(Resource::repository(owner, name))
                .chain(environment)
                .collect(),
            repository_key: text("providerId").map(|provider| format!("{provider}/{owner}/{name}")),
        })
    }
}

impl Asking<'_> {
    /// The changes that a mutation is; the first is what it answers with.
    ///
    /// # Errors
    /// What is wrong with it, or that it is not for this key.
    pub(super) async fn changes(
        &self,
        mutation: &Mutation,
        root: &Selection,
    ) -> Result<Vec<Change>, Refusal> {
        match mutation {
            Mutation::Job(job) => Ok(vec![self.of_job(*job, root).await?]),
            Mutation::Provider(provider) => Ok(vec![self.of_provider(*provider, root).await?]),
            Mutation::Fingerprints => self.of_fingerprints(root).await,
            Mutation::TellPush => self.of_found_push(root).await,
            Mutation::Channel(channel) => self.of_channel(*channel, root).await,
            Mutation::Configure => Ok(vec![self.configuration(root, root.argument("value"))?]),
            Mutation::Unconfigure => {
                let set = self.configuration(root, None)?;
                Ok(vec![Change::gone("TeamConfiguration", set.node.id().to_owned())])
            }
            Mutation::Ingest(kind) => {
                let value = root.argument("value").and_then(Value::as_object);
                let value =
                    value.ok_or_else(|| Refusal::bad("invalid_argument", "`value` must be an object"))?;
                Ok(vec![self.object(kind, value)?])
            }
            Mutation::Delete(kind) => {
                let value = root.argument("value").and_then(Value::as_object);
                let object = self.object(kind, &value.cloned().unwrap_or_default())?;
                Ok(vec![Change::gone(kind, object.node.id().to_owned())])
            }
            Mutation::DeleteById(kind) => {
                let id: String = argument(root, "id")?;
                Ok(vec![Change::gone(kind, id)])
            }
        }
    }

    /// An object of a type that machines write whole.
    fn object(&self, kind: &str, value: &Map<String, Value>) -> Result<Change, Refusal> {
        let definition = self.schema.root(kind).expect("looked for before");
        ingested(self.schema, definition, value, || self.hub.fresh_id())
    }

    fn configuration(&self, root: &Selection, value: Option<&Value>) -> Result<Change, Refusal> {
        let text = |name: &str| root.argument(name).and_then(Value::as_str);
        let (Some(namespace), Some(name)) = (text("namespace"), text("name")) else {
            return Err(Refusal::bad(
                "invalid_argument",
                "`namespace` and `name` must be given",
            ));
        };
        let ttl = root.argument("ttlSecs").cloned().unwrap_or(Value::Null);
        let now = self.hub.now();
        let seconds = ttl.as_u64().unwrap_or(0);
        let body = serde_json::json!({
            "namespace": namespace, "name": name, "value": value, "ttlSecs": ttl, "createdAt": now.rfc3339(),
            "until": (seconds > 0).then(|| now.plus(Duration::from_secs(seconds)).as_micros()),
        });
        Ok(Change::merge(
            "TeamConfiguration",
            vec![format!("{namespace}/{name}")],
            body,
        ))
    }
}

/// Longest digest that a machine says of the token of a goal.
const LONGEST_DIGEST: usize = 128;

/// An object of a type from what a machine sends, leniently: keys that the type does not have are left out at any depth.
///
/// # Errors
/// A field of which its id is made is missing, or a value is not what its type says.
pub(super) fn ingested(
    schema: &Schema,
    definition: &TypeDefinition,
    value: &Map<String, Value>,
    fresh: impl FnOnce() -> String,
) -> Result<Change, Refusal> {
    let mut body = values::known_fields(schema, definition, value)?;
    if definition.name == "SdmGoal"
        && let Some(Value::String(digest)) = value.get(TOLD_BY)
        && digest.len() <= LONGEST_DIGEST
    {
        body.insert(TOLD_BY.to_owned(), Value::from(digest.as_str()));
    }
    let id = match definition.composite_id.as_slice() {
        [] => body
            .get("id")
            .and_then(Value::as_str)
            .map_or_else(fresh, str::to_owned),
        fields => composite(definition, fields, &body)?,
    };
    let mut node = Node {
        kind: definition.name.clone(),
        keys: vec![id],
        body,
        ..Node::default()
    };
    for (field, target) in computed_links(&node) {
        node.links.insert(field.to_owned(), vec![target]);
    }
    can_be_found(&node)?;
    let how = match definition.name.as_str() {
        "SdmGoal" => How::Newer,
        // Earlier values of a setting are of no use to anybody.
        PREFERENCE => {
            node.body.entry("ttl").or_insert(Value::Null);
            How::Merge
        }
        _ => How::Version,
    };
    Ok(Change { node, how })
}

/// Whether every database can find a node by its keys and by what it points at: none is longer than an index takes, nor has the
/// character that ends a text elsewhere.
///
/// # Errors
/// It could not.
pub(super) fn can_be_found(node: &Node) -> Result<(), Refusal> {
    let wrong = |what: &str| {
        let message = format!("an id, or what points at another object, {what}");
        Err(Refusal::bad("invalid_argument", message))
    };
    for key in node.keys.iter().chain(node.links.values().flatten()) {
        if key.len() > LONGEST_ID {
            return wrong("is too long");
        }
        if key.contains('\0') {
            return wrong("contains the character U+0000");
        }
    }
    Ok(())
}

fn composite(
    definition: &TypeDefinition,
    fields: &[String],
    body: &Map<String, Value>,
) -> Result<String, Refusal> {
    let part = |field: &String| match body.get(field) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(Value::Bool(yes)) => Ok(yes.to_string()),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => Err(Refusal::bad(
            "invalid_argument",
            format!(
                "`{}` takes its id from `{field}`, which is missing",
                definition.name
            ),
        )),
    };
    let id = fields.iter().map(part).collect::<Result<Vec<_>, _>>()?.join("/");
    match id.len() <= LONGEST_ID {
        true => Ok(id),
        false => Err(Refusal::bad(
            "invalid_argument",
            "the fields of its id are too long",
        )),
    }
}

/// The key by which a goal finds its push: of the repository, branch and commit that it names.
pub(super) fn push_key(provider: &str, owner: &str, name: &str, branch: &str, sha: &str) -> String {
    format!("{provider}/{owner}/{name}#{branch}@{sha}")
}

/// Key of a branch of the repository that has this id.
pub(super) fn branch_key(repository: &str, branch: &str) -> String {
    format!("{repository}#{branch}")
}

/// The key by which a commit is found from its repository's name.
pub(super) fn commit_key(provider: &str, owner: &str, name: &str, sha: &str) -> String {
    format!("{provider}/{owner}/{name}@{sha}")
}

/// Links that nobody sends, because they follow from what is sent (wire protocol 10.3).
fn computed_links(node: &Node) -> Vec<(&'static str, String)> {
    let text = |field: &str| node.body.get(field).and_then(Value::as_str);
    let of_repo = |field: &str| {
        node.body
            .get("repo")
            .and_then(|repo| repo.get(field))
            .and_then(Value::as_str)
    };
    let (Some(provider), Some(owner), Some(name), Some(sha)) = (
        of_repo("providerId"),
        of_repo("owner"),
        of_repo("name"),
        text("sha"),
    ) else {
        return Vec::new();
    };
    match (node.kind.as_str(), text("branch")) {
        ("SdmGoal" | "SdmGoalSet", Some(branch)) => {
            vec![("push", push_key(provider, owner, name, branch, sha))]
        }
        ("SdmVersion", _) => vec![("commit", commit_key(provider, owner, name, sha))],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn goal(value: &Value) -> Result<Change, Refusal> {
        let schema = Schema::builtin();
        let definition = schema.root("SdmGoal").unwrap();
        ingested(&schema, definition, value.as_object().unwrap(), || {
            "fresh".to_owned()
        })
    }

    #[test]
    fn a_goal_is_known_by_its_set_and_name_and_points_at_its_push() {
        let change = goal(&json!({
            "goalSetId": "s", "environment": "0-code", "uniqueName": "build", "sha": "abc", "branch": "main", "__typename": "X",
            "repo": {"name": "app", "owner": "acme", "providerId": "p", "__typename": "SdmRepository"},
            "preConditions": [{"uniqueName": "a", "environment": "0-code", "goalSet": "not in the schema"}], "unheard": {"of": 1}
        }))
        .unwrap();
        assert_eq!(change.node.id(), "s/0-code/build");
        assert_eq!(change.node.links["push"], ["p/acme/app#main@abc"]);
        assert_eq!(
            change.node.body["repo"],
            json!({"name": "app", "owner": "acme", "providerId": "p"})
        );
        assert_eq!(
            change.node.body["preConditions"],
            json!([{"environment": "0-code", "uniqueName": "a"}])
        );
        assert!(!change.node.body.contains_key("unheard") && !change.node.body.contains_key("__typename"));
    }

    #[test]
    fn a_goal_without_its_id_is_refused() {
        let refusal = goal(&json!({"goalSetId": "s", "uniqueName": "build"})).unwrap_err();
        assert_eq!(
            refusal.to_json()["message"],
            json!("`SdmGoal` takes its id from `environment`, which is missing")
        );
    }

    #[test]
    fn c7_an_object_that_no_index_takes_is_refused() {
        let with = |set: &str| {
            let value = json!({"goalSetId": set, "environment": "0-code", "uniqueName": "build"});
            let refusal = goal(&value).map(drop).unwrap_err();
            refusal.to_json()["code"].as_str().unwrap().to_owned()
        };
        assert_eq!(with("a\0b"), "invalid_argument");
        assert_eq!(with(&"a".repeat(LONGEST_ID)), "invalid_argument");
    }

    #[test]
    fn d35_what_is_no_goal_is_written_by_the_right_to_its_feed() {
        let schema = Schema::builtin();
        let written = schema.types().filter(|kind| kind.is_written_by_machines());
        let ours: Vec<&str> = written
            .map(|kind| kind.name.as_str())
            .filter(|name| name.starts_with("Sdm") && *name != PREFERENCE)
            .collect();
        assert_eq!(ours, OF_GOALS);
        assert!(
            schema
                .with_custom("type SdmDeploy @rootType { env: String }")
                .is_err()
        );
    }

    #[test]
    fn only_types_that_machines_own_can_be_written() {
        let schema = Schema::builtin()
            .with_custom("type Deploy @rootType { env: String }")
            .unwrap();
        assert_eq!(
            Mutation::read("ingestCustomDeploy", &schema),
            Some(Mutation::Ingest("Deploy".to_owned()))
        );
        for name in [
            "ingestCustomPush",
            "ingestCustomNothing",
            "ingestCustom",
            "dropEverything",
        ] {
            assert_eq!(Mutation::read(name, &schema), None, "{name}");
        }
    }
}
