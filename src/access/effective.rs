//! What somebody may do: every operation on every resource that is asked about, with the reason and the rule that decides
//! (security model 12.3). It asks the evaluation itself.

use crate::model::Timestamp;

use super::decision::Decision;
use super::evaluate::decide;
use super::operation::{OPERATIONS, Operation};
use super::principal::Principal;
use super::request::{Context, Credential, Identity, Limit, Means, Request};
use super::resource::{Resource, Selector};
use super::snapshot::{Grant, Snapshot};

/// Whose rights are asked.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Who.
    pub principal: &'a Principal,
    /// For whom it acts, if for anybody.
    pub context: Context,
    /// At which moment.
    pub now: Timestamp,
}

/// One line of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The operation.
    pub operation: &'static str,
    /// Where.
    pub resource: Resource,
    /// Whether, and why.
    pub decision: Decision,
}

/// Every operation there is by now that can be about one of the resources. A person is asked as one who has just signed in.
pub fn effective(question: &Question<'_>, resources: &[Resource], snapshot: &Snapshot) -> Vec<Line> {
    let about = |operation: &&Operation, resource: &Resource| {
        !operation.is_not_yet && operation.kinds.contains(&resource.kind())
    };
    let mut lines = Vec::new();
    for resource in resources {
        for operation in OPERATIONS.iter().filter(|operation| about(operation, resource)) {
            lines.push(Line {
                operation: operation.name,
                resource: resource.clone(),
                decision: ask(question, operation.name, resource, snapshot),
            });
        }
    }
    lines
}

/// One question, answered by the evaluation.
pub fn ask(question: &Question<'_>, operation: &str, resource: &Resource, snapshot: &Snapshot) -> Decision {
    let means = match question.principal {
        Principal::Person(_) => Means::Session {
            signed_in: question.now,
        },
        Principal::Addon(_) | Principal::Anonymous => Means::Token,
    };
    let credential = match question.principal {
        Principal::Anonymous => Credential::Absent,
        principal => Credential::Good(Identity {
            principal: principal.clone(),
            means,
            limit: Limit::default(),
        }),
    };
    let request = Request {
        credential,
        operation,
        resources: std::slice::from_ref(resource),
        context: question.context.clone(),
        forge: None,
        exists: true,
        is_too_often: false,
        now: question.now,
    };
    decide(&request, snapshot)
}

/// Resources that stand for everything a policy tells apart: each that is named, and for every wildcard one that is not.
pub fn told_apart<'a>(grants: impl IntoIterator<Item = &'a Grant>) -> Vec<Resource> {
    let mut resources = vec![Resource::Workspace];
    for grant in grants {
        match &grant.selector {
            Selector::One(resource) => resources.push(resource.clone()),
            Selector::Owner(owner) => resources.push(Resource::Repository {
                owner: owner.clone(),
                name: super::resource::any_other(),
            }),
            Selector::Everything => resources.extend(others()),
        }
    }
    resources.sort();
    resources.dedup();
    resources
}

/// One resource of each sort that no grant names.
fn others() -> [Resource; 4] {
    let other = super::resource::any_other();
    [
        Resource::repository(&other.name, &other.name),
        Resource::Channel(other.name.clone()),
        Resource::Feed(other.name.clone()),
        Resource::Environment(other.name),
    ]
}
