//! What an add-on does at a forge as the person for whom it acts.

use std::collections::BTreeSet;

use super::super::refusal::Refusal;
use super::Caller;
use super::operations::Operation;
use crate::access::request::ForgeNeed;
use crate::access::{Context, PersonId, Request, Resource};

impl Caller {
    /// Whether an add-on may do this as the person for whom it acts, who granted this at a forge, if anything.
    ///
    /// # Errors
    /// As [`Self::may`], and that the person has not authorised the hub.
    pub(in super::super) async fn may_at_forge(
        &self,
        operation: Operation,
        workspace: &str,
        resources: &[Resource],
        (need, granted): (ForgeNeed, Option<BTreeSet<String>>),
    ) -> Result<(), Refusal> {
        self.is_of(operation, workspace)?;
        let told = self.with_forge(operation, resources).await?;
        let bearer = told.bearer.with_authorization(&need.provider, granted);
        let request = Request {
            forge: Some(need),
            ..told.request(operation.row().name, resources)
        };
        let decision = bearer.decide(&request);
        Self {
            bearer,
            ..told.clone()
        }
        .judged(&request, &decision)
    }

    /// For whom it acts.
    pub(in super::super) fn context(&self) -> &Context {
        self.bearer.context()
    }

    /// The person for whom an add-on acts, if that is proven.
    pub(in super::super) fn context_person(&self) -> Option<&PersonId> {
        match self.context() {
            Context::Proven { person, .. } => Some(person),
            Context::None | Context::Named(_) | Context::Unproven => None,
        }
    }

    /// An add-on by itself, for nobody: what is its own is judged by its rights alone.
    pub(in super::super) fn by_itself(&self) -> Self {
        Self {
            bearer: self.bearer.clone().in_context(Context::None),
            ..self.clone()
        }
    }
}
