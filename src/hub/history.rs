//! What is forgotten of the graph because it is over for long: goal sets with their goals, and pushes, which are most of what a hub keeps.
//!
//! A goal set goes when it has ended, nothing of it has changed for [`HubOptions::history`](super::HubOptions) and nothing that still
//! counts points at its commit: no branch, tag, release, open pull request or anything that runs. A push goes after its goal sets. What
//! forges say of commits, pull requests and issues stays.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::Hub;
use crate::model::Timestamp;
use crate::ports::graph::{Filter, Find, GraphError, GraphReader, Node};
use crate::ports::hub::HubStoreError;

/// How long what is over is kept when nobody says otherwise.
pub const KEPT: Duration = Duration::from_secs(400 * 24 * 3_600);

/// So many times in that time it is looked for what is over: once a day.
const LOOKS: u32 = 400;

/// Nodes that are looked at together, and so many go in one unit of work at most.
const AT_ONCE: u32 = 20;

/// Most goals of a set that goes, and most branches of a repository that are looked at; of more nothing goes.
const MOST: u32 = 5_000;

/// Things that point at one commit that are looked at.
const FEW: u32 = 100;

/// How a goal ends, and a set of them.
const ENDED: [&str; 5] = ["success", "failure", "canceled", "stopped", "skipped"];

/// What goes together.
type Gone = Vec<Arc<Node>>;

/// What is looked for in one workspace.
struct Forgetting {
    /// What is of a later moment stays.
    before: Timestamp,
    /// Commits that branches are at, by repository; `None` where there are too many.
    heads: HashMap<String, Option<BTreeSet<String>>>,
}

impl Hub {
    /// Between two looks for what is over.
    pub(super) fn between_looks_at_history(&self) -> Duration {
        self.0.options.history.unwrap_or(KEPT) / LOOKS
    }

    /// Forgets what is over for long.
    ///
    /// # Errors
    /// The memory; the rest goes the next time.
    pub(super) async fn forget_history(&self) -> Result<(), HubStoreError> {
        let now = self.now();
        let since = now.minus(self.between_looks_at_history());
        self.store().note_progress(now, since).await?;
        let Some(kept) = self.0.options.history else {
            return Ok(());
        };
        let before = now.minus(kept);
        self.store().forget_keys(before).await?;
        for workspace in self.store().workspaces().await? {
            if let Some(place) = self.store().progress_at(&workspace, before).await? {
                let mut forgetting = Forgetting {
                    before,
                    heads: HashMap::new(),
                };
                for kind in ["SdmGoalSet", "Push"] {
                    self.forget_kind(&workspace, kind, place, &mut forgetting).await?;
                }
            }
        }
        Ok(())
    }

    /// Forgets what is over of one type and has not changed since a place in the order of changes.
    async fn forget_kind(
        &self,
        workspace: &str,
        kind: &str,
        before: i64,
        forgetting: &mut Forgetting,
    ) -> Result<(), HubStoreError> {
        let mut behind = i64::MIN;
        loop {
            let found = self
                .store()
                .unchanged(workspace, kind, (behind, before), AT_ONCE)
                .await?;
            let Some((last, _)) = found.last() else {
                return Ok(());
            };
            behind = *last;
            let graph = self.store().reader(workspace);
            let mut over = Vec::new();
            for (_, node) in found {
                if forgetting.goes_with(&*graph, &node).await?.is_some() {
                    over.push(node);
                }
            }
            if !over.is_empty() {
                self.remove_from_graph(workspace, &over, forgetting).await?;
            }
            if self.is_stopping() {
                return Ok(());
            }
        }
    }

    /// Takes away what is over, if it still is.
    async fn remove_from_graph(
        &self,
        workspace: &str,
        over: &[Arc<Node>],
        forgetting: &mut Forgetting,
    ) -> Result<(), HubStoreError> {
        let work = self.store().begin(workspace).await?;
        for node in over {
            let known = work.graph().nodes(&node.kind, &[node.id().to_owned()]).await?;
            if known.first() != Some(node) {
                continue;
            }
            let gone = forgetting.goes_with(work.graph(), node).await?;
            for node in gone.into_iter().flatten() {
                work.remove(&node.kind, node.id()).await?;
            }
        }
        work.commit().await
    }
}

impl Forgetting {
    /// What goes with a goal set or a push, itself included; `None` when it stays.
    async fn goes_with(
        &mut self,
        graph: &dyn GraphReader,
        node: &Arc<Node>,
    ) -> Result<Option<Gone>, GraphError> {
        match node.kind.as_str() {
            "SdmGoalSet" => self.of_goal_set(graph, node).await,
            _ => self.of_push(graph, node).await,
        }
    }

    async fn of_goal_set(
        &mut self,
        graph: &dyn GraphReader,
        set: &Arc<Node>,
    ) -> Result<Option<Gone>, GraphError> {
        if !self.is_over(set) {
            return Ok(None);
        }
        let Some(id) = set.body.get("goalSetId").filter(|id| id.is_string()) else {
            return Ok(None);
        };
        let mut gone = graph.find(&find("SdmGoal", "goalSetId", id, MOST)).await?;
        let is_whole = gone.len() < MOST as usize;
        // An id is of one repository; whoever else uses it has sets of their own.
        gone.retain(|goal| goal.body.get("repo") == set.body.get("repo"));
        if !is_whole || !gone.iter().all(|goal| self.is_over(goal)) {
            return Ok(None);
        }
        let push = set.links.get("push").map_or(&[][..], Vec::as_slice);
        let stays = match graph.nodes("Push", push).await?.first() {
            Some(push) => self.is_pointed_at(graph, push).await?,
            None => !is_followed_by_another(graph, set).await?,
        };
        gone.push(Arc::clone(set));
        Ok((!stays).then_some(gone))
    }

    async fn of_push(
        &mut self,
        graph: &dyn GraphReader,
        push: &Arc<Node>,
    ) -> Result<Option<Gone>, GraphError> {
        for kind in ["SdmGoalSet", "SdmGoal", "Build"] {
            if !graph.linking(kind, "push", &push.keys, 1).await?.is_empty() {
                return Ok(None);
            }
        }
        let stays = self.is_pointed_at(graph, push).await?;
        Ok((!stays).then(|| vec![Arc::clone(push)]))
    }

    /// Whether a goal or a set of them has ended long ago.
    fn is_over(&self, node: &Node) -> bool {
        let state = node.body.get("state").and_then(Value::as_str);
        let ts = node.body.get("ts").and_then(Value::as_i64).unwrap_or(0);
        state.is_some_and(|state| ENDED.contains(&state)) && ts < self.before.as_micros() / 1_000
    }

    /// Whether anything that counts is at the commit of a push.
    async fn is_pointed_at(&mut self, graph: &dyn GraphReader, push: &Node) -> Result<bool, GraphError> {
        let of = |field: &str| push.links.get(field).cloned().unwrap_or_default();
        let mut commits = of("after");
        for commit in graph.nodes("Commit", &commits).await? {
            commits.extend(commit.keys.iter().cloned());
        }
        for repository in of("repo") {
            let heads = self.heads_of(graph, &repository).await?;
            if heads.is_none_or(|heads| commits.iter().any(|commit| heads.contains(commit))) {
                return Ok(true);
            }
        }
        for tag in graph.linking("Tag", "commit", &commits, FEW).await? {
            let is_there = tag.body.get("deleted") != Some(&Value::Bool(true));
            if is_there || !graph.linking("Release", "tag", &tag.keys, 1).await?.is_empty() {
                return Ok(true);
            }
        }
        let requests = graph.linking("PullRequest", "head", &commits, FEW).await?;
        let is_open = |request: &Arc<Node>| request.body.get("state") != Some(&Value::from("closed"));
        let runs = graph.linking("Application", "commits", &commits, 1).await?;
        Ok(requests.iter().any(is_open) || requests.len() >= FEW as usize || !runs.is_empty())
    }

    /// Commits that branches of a repository are at; `None` where there are too many.
    async fn heads_of(
        &mut self,
        graph: &dyn GraphReader,
        repository: &str,
    ) -> Result<Option<&BTreeSet<String>>, GraphError> {
        if !self.heads.contains_key(repository) {
            let asked = [repository.to_owned()];
            let branches = graph.linking("Branch", "repo", &asked, MOST).await?;
            let is_there = |branch: &&Arc<Node>| branch.body.get("deleted") != Some(&Value::Bool(true));
            let at = |branch: &Arc<Node>| branch.links.get("commit").cloned().unwrap_or_default();
            let heads = branches.iter().filter(is_there).flat_map(at).collect();
            let heads = (branches.len() < MOST as usize).then_some(heads);
            self.heads.insert(repository.to_owned(), heads);
        }
        Ok(self.heads.get(repository).and_then(Option::as_ref))
    }
}

fn find(kind: &str, field: &str, value: &Value, first: u32) -> Find {
    Find {
        kind: kind.to_owned(),
        filters: vec![Filter {
            field: field.to_owned(),
            any_of: vec![value.clone()],
        }],
        descending: true,
        first,
        ..Find::default()
    }
}

/// Whether a later push to the branch of a goal set was planned, where no forge tells where the branch is.
async fn is_followed_by_another(graph: &dyn GraphReader, set: &Node) -> Result<bool, GraphError> {
    let Some(branch) = set.body.get("branch").filter(|branch| branch.is_string()) else {
        return Ok(false);
    };
    let moment = |set: &Node| set.body.get("ts").and_then(Value::as_i64).unwrap_or(0);
    let of_branch = graph.find(&find("SdmGoalSet", "branch", branch, FEW)).await?;
    Ok(of_branch.iter().any(|other| {
        other.body.get("repo") == set.body.get("repo")
            && other.body.get("sha") != set.body.get("sha")
            && moment(other) > moment(set)
    }))
}

#[cfg(test)]
mod tests;
