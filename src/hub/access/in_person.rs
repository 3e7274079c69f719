//! What people may decide, whatever they identified themselves with: a key does no more than its person (security model 18, D57, D62).

use super::super::refusal::Refusal;
use super::Caller;
use super::operations::Operation;
use crate::access::Resource;

impl Caller {
    /// Whether a person may do this on these, whatever they identified themselves with: where a forge is asked, a key of a reader
    /// decides no more than the reader.
    ///
    /// # Errors
    /// As [`Self::may`].
    async fn may_in_person(
        &self,
        operation: Operation,
        workspace: &str,
        resources: &[Resource],
    ) -> Result<(), Refusal> {
        self.is_of(operation, workspace)?;
        let told = self.with_forge(operation, resources).await?;
        let (bearer, name) = (&told.bearer, operation.row().name);
        let request = self.request(name, resources);
        let decision = match resources {
            // Of what is no repository's as far as is known here, only those decide who decide over everything.
            [Resource::Workspace] => bearer.decide_over_everything(name, self.now),
            _ => bearer.decide(&request),
        };
        told.judged(&request, &decision)
    }

    /// Whether a person may decide about these: more than being a person counts, and of whom nothing is known may nothing.
    ///
    /// # Errors
    /// As [`Self::may`].
    pub(in super::super) async fn may_decide(
        &self,
        operation: Operation,
        workspace: &str,
        resources: &[Resource],
    ) -> Result<(), Refusal> {
        match self.is_person() {
            true => self.may_in_person(operation, workspace, resources).await,
            false => self.may_on(operation, workspace, resources),
        }
    }

    /// Whether a person may decide about what nobody here has heard of, or not of all of it: who decides over everything.
    ///
    /// # Errors
    /// As [`Self::may`].
    pub(in super::super) async fn may_decide_over_all(
        &self,
        operation: Operation,
        workspace: &str,
    ) -> Result<(), Refusal> {
        let resources = [Resource::Workspace];
        match self.is_person() {
            true => self.may_in_person(operation, workspace, &resources).await,
            false => self.may_on(operation, workspace, &resources),
        }
    }
}
