//! Lists for programs that do not ask the graph: repositories with their branches, and goals, each by its own row of the operation
//! table. What whoever asks has no grant for is not among them, and counts for nothing where a list goes on.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Hub;
use super::access::Caller;
use super::access::operations::Operation;
use super::refusal::Refusal;
use crate::access::Resource;
use crate::graph::Question;
use crate::graph::answer::{AnswerError, Answering};

/// Entries of a list when nobody says how many.
const USUAL: u32 = 50;

/// Most entries of a list.
const MOST: u32 = 200;

const REPOSITORIES: &str = "query Repositories($first: Int, $from: Int) { Repo(_first: $first, _offset: $from) { \
    owner name url description defaultBranch private archived deleted org { provider { providerId } } } }";

const REPOSITORY: &str = "query Repository($owner: String, $name: String) { Repo(owner: $owner, name: $name) { \
    owner name url description defaultBranch private archived deleted org { provider { providerId } } branches { name } } }";

const GOALS: &str = "query Goals($first: Int, $from: Int, $set: String, $owner: String, $name: String) { \
    SdmGoal(_first: $first, _offset: $from, goalSetId: $set, repo: {owner: $owner, name: $name}) { \
    goalSetId goalSet environment uniqueName name state phase description url branch sha ts version attempt error \
    registration repo { owner name providerId } } }";

/// Which part of a list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// So many entries; 50 when absent, and never more than 200.
    #[serde(default)]
    first: Option<u32>,
    /// Behind so many.
    #[serde(default)]
    from: Option<u32>,
    /// Of this goal set.
    #[serde(default)]
    goal_set: Option<String>,
    /// Of this repository, `owner/name`.
    #[serde(default)]
    repository: Option<String>,
}

impl Wanted {
    fn first(&self) -> u32 {
        self.first.unwrap_or(USUAL).clamp(1, MOST)
    }

    fn from(&self) -> u32 {
        self.from.unwrap_or(0)
    }

    /// Owner and name of the repository, where one is named.
    fn place(&self) -> Result<Option<(&str, &str)>, Refusal> {
        let Some(text) = self.repository.as_deref() else {
            return Ok(None);
        };
        let wrong = || Refusal::bad("invalid_argument", "`repository` is written `owner/name`");
        text.rsplit_once('/').map(Some).ok_or_else(wrong)
    }
}

type Answered = Result<Json<Value>, Refusal>;

/// `GET /repositories/{workspace}?first=&from=`: the repositories that the hub has been told of, the latest told of first.
pub(super) async fn repositories(
    State(hub): State<Hub>,
    Path(workspace): Path<String>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Answered {
    let caller = hub.caller(&headers).await?;
    let variables = json!({ "first": wanted.first(), "from": wanted.from() });
    let asking = (Operation::ListRepositories, workspace.as_str());
    let found = asked(&hub, &caller, asking, (REPOSITORIES, variables)).await?;
    Ok(listed("repositories", &wanted, &found["Repo"]))
}

/// `GET /repositories/{workspace}/{owner}/{name}`: one of them, with its branches.
pub(super) async fn repository(
    State(hub): State<Hub>,
    Path((workspace, owner, name)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Answered {
    let (caller, operation) = (hub.caller(&headers).await?, Operation::GetRepository);
    let named = Resource::repository(&owner, &name);
    let resources = [hub.as_numbered(&workspace, named).await?];
    // What is hidden and what is not there are refused alike.
    let with_forge = caller.with_forge(operation, &resources).await?;
    with_forge.may_on(operation, &workspace, &resources)?;
    let variables = json!({ "owner": owner, "name": name });
    let found = asked(&hub, &caller, (operation, &workspace), (REPOSITORY, variables)).await?;
    let one = found["Repo"].get(0).cloned();
    one.map(Json)
        .ok_or_else(|| Refusal::missing_thing("the hub knows no such repository"))
}

/// `GET /goals/{workspace}?goal_set=&repository=&first=&from=`: goals, the latest changed first.
pub(super) async fn goals(
    State(hub): State<Hub>,
    Path(workspace): Path<String>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Answered {
    let caller = hub.caller(&headers).await?;
    let (owner, name) = wanted.place()?.unzip();
    let variables = json!({
        "first": wanted.first(), "from": wanted.from(), "set": wanted.goal_set, "owner": owner, "name": name,
    });
    let asking = (Operation::ListGoals, workspace.as_str());
    let found = asked(&hub, &caller, asking, (GOALS, variables)).await?;
    Ok(listed("goals", &wanted, &found["SdmGoal"]))
}

/// A list, and where the next part of it begins.
fn listed(name: &str, wanted: &Wanted, found: &Value) -> Json<Value> {
    let count = found.as_array().map_or(0, Vec::len);
    let is_full = count >= usize::try_from(wanted.first()).unwrap_or(usize::MAX);
    let next = is_full.then(|| wanted.from().saturating_add(wanted.first()));
    let mut list = Map::new();
    list.insert(name.to_owned(), found.clone());
    list.insert("next".to_owned(), json!(next));
    Json(Value::Object(list))
}

/// The answer to a question of ours, of which the caller sees what they may do this with.
async fn asked(
    hub: &Hub,
    caller: &Caller,
    (operation, workspace): (Operation, &str),
    (question, variables): (&str, Value),
) -> Result<Value, Refusal> {
    caller.may_somewhere(operation, workspace)?;
    let schema = caller.types_seen(operation, hub.known().schema(workspace));
    let variables = variables.as_object().cloned().unwrap_or_default();
    let question = Question::read(&schema, question, None, &variables).map_err(|error| {
        tracing::error!("a question of a list does not fit the graph: {error}");
        Refusal::busy("the list cannot be made", 60)
    })?;
    let graph = hub.store().reader(workspace);
    let sight = caller.sight(operation, &*graph);
    let answered = Answering::new(&schema, &*graph, &*sight).query(&question).await;
    answered.map(Value::Object).map_err(|error| match error {
        AnswerError::Graph(error) => error.into(),
        error @ (AnswerError::TooLarge(_) | AnswerError::TooMuch { .. } | AnswerError::Argument { .. }) => {
            Refusal::too_large(error.to_string())
        }
    })
}
