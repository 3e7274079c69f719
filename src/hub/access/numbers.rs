//! Numbers of forges: a repository is what its forge numbers, whatever it is called today (threat A8). Names and numbers are each
//! forge's own, so that a place says its forge too where there are several.

use serde_json::Value;
use thiserror::Error;

use super::super::Hub;
use super::sight::own_resource;
use crate::access::resource::Owner;
use crate::access::{Resource, Right, Selector};
use crate::ports::graph::{Filter, Find};
use crate::ports::hub::{HubGraph, HubStoreError};

/// Most repositories of a name that are looked at.
const MOST_OF_A_NAME: u32 = 10;

/// A place that is named without its forge, where there are several.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{selector}` says no forge, and there are several: name one of {}, as `{example}`", .forges.join(", "))]
pub struct Unsaid {
    selector: String,
    forges: Vec<String>,
    example: String,
}

/// Why a place cannot be given.
#[derive(Debug, Error)]
pub enum NotPlaced {
    /// The memory.
    #[error(transparent)]
    Store(#[from] HubStoreError),
    /// It does not say where it is.
    #[error(transparent)]
    Unsaid(#[from] Unsaid),
}

/// A selector with its forge and the number of its repository, where the graph of one of the workspaces knows it; unchanged when it
/// does not, or when several are called so.
///
/// # Errors
/// The memory.
pub async fn numbered(
    graph: &(impl HubGraph + ?Sized),
    workspaces: &[String],
    selector: Selector,
) -> Result<Selector, HubStoreError> {
    let Selector::One(resource @ Resource::Repository { name, .. }) = &selector else {
        return Ok(selector);
    };
    if name.id.is_some() {
        return Ok(selector);
    }
    let found = called(graph, workspaces, resource).await?;
    match <[Resource; 1]>::try_from(found) {
        Ok([resource]) => Ok(Selector::One(resource)),
        Err(_) => Ok(selector),
    }
}

/// The repositories that are called like one, at its forge if it says which.
///
/// # Errors
/// The memory.
pub async fn called(
    graph: &(impl HubGraph + ?Sized),
    workspaces: &[String],
    like: &Resource,
) -> Result<Vec<Resource>, HubStoreError> {
    let Resource::Repository {
        owner: Owner { named: owner, .. },
        name,
    } = like
    else {
        return Ok(Vec::new());
    };
    let filter = |field: &str, value: &str| Filter {
        field: field.to_owned(),
        any_of: vec![Value::from(value)],
    };
    let find = Find {
        kind: "Repo".to_owned(),
        filters: vec![filter("owner", &owner.name), filter("name", &name.name)],
        first: MOST_OF_A_NAME,
        ..Find::default()
    };
    let mut found = all(graph, workspaces, &find).await?;
    found.retain(|one| like.forge().is_none_or(|forge| one.forge() == Some(forge)));
    // What machines found counts where no forge tells of one that is called so.
    if found.iter().any(has_number) {
        found.retain(has_number);
    }
    Ok(found)
}

/// Whether a forge has told of it.
pub(in super::super) fn has_number(resource: &Resource) -> bool {
    matches!(resource, Resource::Repository { name, .. } if name.id.is_some())
}

/// A place as it is given to somebody: with its number, and at its forge, which is the only one that these workspaces were told of where
/// none is said. A denial that says none is for all of them.
///
/// # Errors
/// The memory; an allowance says no forge, and there are several.
pub async fn placed(
    graph: &(impl HubGraph + ?Sized),
    workspaces: &[String],
    (selector, right): (Selector, Right),
) -> Result<Selector, NotPlaced> {
    let selector = numbered(graph, workspaces, selector).await?;
    if !selector.is_of_any_forge() {
        return Ok(selector);
    }
    let told = graph.told_forges().await?;
    let forges: Vec<&str> = told.of(workspaces).into_iter().collect();
    if let [first, _, ..] = forges.as_slice()
        && right > Right::Deny
    {
        return Err(Unsaid {
            example: selector.clone().at(Some(first)).to_string(),
            selector: selector.to_string(),
            forges: forges.into_iter().map(str::to_owned).collect(),
        }
        .into());
    }
    Ok(selector.at(told.only(workspaces)))
}

impl Hub {
    /// A resource with its forge and its number, where the graph of the workspace knows it; see [`numbered`].
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
            Selector::One(numbered) => Ok(numbered.at(self.rights().only_forge_of(&workspaces).as_deref())),
            Selector::Everything | Selector::Owner(_) => Ok(resource),
        }
    }
}

/// Most repositories that are looked at; where there are more, nobody knows all of them.
pub const MOST_KNOWN: usize = 10_000;

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
        first: u32::try_from(MOST_KNOWN).unwrap_or(u32::MAX),
        ..Find::default()
    };
    all(graph, workspaces, &find).await
}

async fn all(
    graph: &(impl HubGraph + ?Sized),
    workspaces: &[String],
    find: &Find,
) -> Result<Vec<Resource>, HubStoreError> {
    let mut found = Vec::new();
    for workspace in workspaces {
        let nodes = graph.reader(workspace).find(find).await?;
        found.extend(nodes.iter().filter_map(|node| own_resource(node)));
    }
    found.sort();
    found.dedup();
    Ok(found)
}
