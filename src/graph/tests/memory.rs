//! A graph in memory, whole enough to ask it anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::ports::graph::{Find, GraphError, GraphReader, Node, Part, Pointing};

/// Nodes in the order in which they came, and how often somebody asked.
#[derive(Default)]
pub(crate) struct MemoryGraph(Vec<Arc<Node>>, AtomicU32);

impl MemoryGraph {
    pub(crate) fn with(mut self, kind: &str, keys: &[&str], body: &Value, links: &[(&str, &[&str])]) -> Self {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        self.0.push(Arc::new(Node {
            kind: kind.to_owned(),
            keys: texts(keys),
            body: body.as_object().unwrap().clone(),
            links: links
                .iter()
                .map(|(field, to)| ((*field).to_owned(), texts(to)))
                .collect(),
        }));
        self
    }

    pub(super) fn node(&self, key: &str) -> Arc<Node> {
        let found = self.0.iter().find(|node| node.keys.iter().any(|own| own == key));
        found.unwrap().clone()
    }

    /// How often somebody has asked.
    pub(super) fn asked(&self) -> u32 {
        self.1.load(Ordering::Relaxed)
    }

    /// Nodes of a type.
    pub(crate) fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Arc<Node>> {
        self.0.iter().filter(move |node| node.kind == kind)
    }
}

#[async_trait]
impl GraphReader for MemoryGraph {
    async fn nodes(&self, kind: &str, keys: &[String]) -> Result<Vec<Arc<Node>>, GraphError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        let found = keys
            .iter()
            .filter_map(|key| self.of(kind).find(|node| node.keys.contains(key)).cloned());
        Ok(found.collect())
    }

    async fn linking(
        &self,
        kind: &str,
        field: &str,
        keys: &[String],
        limit: u32,
    ) -> Result<Vec<Arc<Node>>, GraphError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        let points = |node: &&Arc<Node>| {
            let targets = node.links.get(field);
            targets.is_some_and(|targets| targets.iter().any(|target| keys.contains(target)))
        };
        Ok(self
            .of(kind)
            .filter(points)
            .take(limit as usize)
            .cloned()
            .collect())
    }

    async fn find(&self, find: &Find) -> Result<Vec<Arc<Node>>, GraphError> {
        let admits = |node: &&Arc<Node>| find.filters.iter().all(|filter| filter.holds(&node.body));
        let mut found: Vec<_> = self.of(&find.kind).filter(admits).cloned().collect();
        if let Some(Pointing { field, keys }) = &find.pointing {
            let at = |node: &Arc<Node>| node.links.get(field).cloned().unwrap_or_default();
            found.retain(|node| at(node).iter().any(|target| keys.contains(target)));
        }
        if find.descending {
            found.reverse();
        }
        for order in find.order_by.iter().rev() {
            found.sort_by(|one, other| order.compare(&one.body, &other.body));
        }
        let page = found.into_iter().skip(find.offset as usize);
        Ok(page.take(find.first as usize).collect())
    }

    async fn part(&self, find: &Find, from: Option<i64>) -> Result<Part, GraphError> {
        let begin = from
            .and_then(|mark| u32::try_from(mark).ok())
            .unwrap_or(find.offset);
        let find = Find {
            offset: begin,
            ..find.clone()
        };
        let nodes = self.find(&find).await?;
        let is_full = nodes.len() == find.first as usize;
        let next = is_full.then(|| i64::from(begin + find.first));
        Ok(Part { nodes, next })
    }

    async fn weight(&self, find: &Find, most: u64) -> Result<u64, GraphError> {
        let weight = match find.filters.is_empty() && find.order_by.is_empty() {
            true => u64::from(find.first).saturating_add(u64::from(find.offset)),
            false => u64::MAX,
        };
        let count = self.of(&find.kind).count() as u64;
        Ok(weight.min(count).min(most.saturating_add(1)))
    }
}

/// A push with its repository and two goals, of which the second comes after the first.
pub(super) fn world() -> MemoryGraph {
    let goal = |name: &str, state: &str, version: u32| {
        json!({
            "id": format!("goal-{name}"), "uniqueName": name, "name": name, "environment": "0-code", "goalSetId": "set-1",
            "registration": "@acme/sdm", "state": state, "version": version, "ts": 1_795_296_820_218_u64,
            "preConditions": if name == "publish" { json!([{"uniqueName": "build", "environment": "0-code", "goalSet": "x"}]) } else { json!([]) },
            "repo": {"name": "app", "owner": "acme", "providerId": "prov-1"}
        })
    };
    MemoryGraph::default()
        .with(
            "SCMProvider",
            &["prov-1"],
            &json!({"id": "prov-1", "providerId": "prov-1", "providerType": "ghe"}),
            &[],
        )
        .with(
            "Org",
            &["org-1"],
            &json!({"id": "org-1", "owner": "acme"}),
            &[("provider", &["prov-1"])],
        )
        .with(
            "Repo",
            &["repo-7", "prov-1/acme/app"],
            &json!({"id": "repo-7", "owner": "acme", "name": "app", "defaultBranch": "main"}),
            &[("org", &["org-1"])],
        )
        .with(
            "ScmId",
            &["prov-1/jess"],
            &json!({"id": "prov-1/jess", "login": "jess"}),
            &[],
        )
        .with(
            "Commit",
            &["c-1"],
            &json!({"id": "c-1", "sha": "a".repeat(40), "message": "one"}),
            &[("author", &["prov-1/jess"])],
        )
        .with(
            "Commit",
            &["c-2"],
            &json!({"id": "c-2", "sha": "b".repeat(40), "message": "two"}),
            &[],
        )
        .with(
            "Push",
            &["push-1"],
            &json!({"id": "push-1", "branch": "main"}),
            &[
                ("after", &["c-2"]),
                ("before", &["c-1"]),
                ("commits", &["c-2", "c-1"]),
                ("repo", &["prov-1/acme/app"]),
            ],
        )
        .with(
            "Push",
            &["push-2"],
            &json!({"id": "push-2", "branch": "lost"}),
            &[("after", &["c-9"]), ("repo", &["repo-7"])],
        )
        .with(
            "SdmGoal",
            &["goal-build"],
            &goal("build", "success", 3),
            &[("push", &["push-1"])],
        )
        .with(
            "SdmGoal",
            &["goal-publish"],
            &goal("publish", "planned", 1),
            &[("push", &["push-1"])],
        )
}
