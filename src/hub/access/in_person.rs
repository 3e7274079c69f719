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
        let bearer = told.bearer.in_person(self.now);
        let request = bearer.request(operation.row().name, resources, self.now);
        let decision = bearer.decide(&request);
        self.judged(&request, &decision)
    }

    /// Whether a person may decide about these. Of whoever it is known what they may do, more than being a person counts.
    ///
    /// # Errors
    /// As [`Self::may`].
    pub(in super::super) async fn may_decide(
        &self,
        operation: Operation,
        workspace: &str,
        resources: &[Resource],
    ) -> Result<(), Refusal> {
        match self.is_weighed() {
            true => self.may_in_person(operation, workspace, resources).await,
            false => self.may_on(operation, workspace, resources),
        }
    }

    /// Whether it is known what the person may do: they are in a browser, have come in once, or a forge is asked.
    fn is_weighed(&self) -> bool {
        self.is_weighed || self.is_in_browser() || self.forge.is_some()
    }
}
