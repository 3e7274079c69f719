//! Numbers of the forge: a repository is what the forge numbers, whatever it is called today (threat A8).

use serde_json::Value;

use super::super::Hub;
use super::sight::own_resource;
use crate::access::{Resource, Selector};
use crate::ports::graph::{Filter, Find};
use crate::ports::hub::{HubGraph, HubStoreError};

/// A selector with the number of its repository, where the graph of one of the workspaces knows it; unchanged when it does not,
/// or when several are called so.
///
/// # Errors
/// The memory.
pub async fn numbered(
    graph: &(impl HubGraph + ?Sized),
    workspaces: &[String],
    selector: Selector,
) -> Result<Selector, HubStoreError> {
    let Selector::One(Resource::Repository { owner, name }) = &selector else {
        return Ok(selector);
    };
    if name.id.is_some() {
        return Ok(selector);
    }
    let filter = |field: &str, value: &str| Filter {
        field: field.to_owned(),
        any_of: vec![Value::from(value)],
    };
    let find = Find {
        kind: "Repo".to_owned(),
        filters: vec![filter("owner", &owner.name), filter("name", &name.name)],
        first: 10,
        ..Find::default()
    };
    let mut found = Vec::new();
    for workspace in workspaces {
        let nodes = graph.reader(workspace).find(&find).await?;
        found.extend(nodes.iter().filter_map(|node| own_resource(node)));
    }
    found.sort();
    found.dedup();
    match <[Resource; 1]>::try_from(found) {
        Ok([resource]) => Ok(Selector::One(resource)),
        Err(_) => Ok(selector),
    }
}

impl Hub {
    /// A resource with its number, where the graph of the workspace knows it; see [`numbered`].
    ///
    /// # Errors
    /// The memory.
    pub(in super::super) async fn as_numbered(
        &self,
        workspace: &str,
        resource: Resource,
    ) -> Result<Resource, HubStoreError> {
        let workspaces = [workspace.to_owned()];
        match numbered(self.store(), &workspaces, Selector::One(resource.clone())).await? {
            Selector::One(numbered) => Ok(numbered),
            Selector::Everything | Selector::Owner(_) => Ok(resource),
        }
    }
}

/// Most repositories of a workspace that are looked at.
const MOST: u32 = 10_000;

/// Repositories that the graph of these workspaces knows.
///
/// # Errors
/// The memory.
pub async fn repositories(
    graph: &(impl HubGraph + ?Sized),
    workspaces: &[String],
) -> Result<Vec<Resource>, HubStoreError> {
    let find = Find {
        kind: "Repo".to_owned(),
        first: MOST,
        ..Find::default()
    };
    let mut found = Vec::new();
    for workspace in workspaces {
        let nodes = graph.reader(workspace).find(&find).await?;
        found.extend(nodes.iter().filter_map(|node| own_resource(node)));
    }
    found.sort();
    found.dedup();
    Ok(found)
}
