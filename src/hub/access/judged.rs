//! What was decided about whoever calls: written down where it must be, and refused where it is not allowed.

use super::super::asked;
use super::super::refusal::Refusal;
use super::Caller;
use super::deciding::Deciding;
use super::operations::Operation;
use crate::access::audit::Details;
use crate::access::decision::Needed;
use crate::access::{self, Decision, Level, Reason, Request, Resource, Rule};

impl Caller {
    /// As the audit names what they do: each decision about goals by its own name.
    pub(super) fn named(&self, operation: Operation) -> &'static str {
        let name = operation.row().name;
        let decides = self.decides.filter(|_| name == Deciding::Approve.name());
        decides.map_or(name, Deciding::name)
    }

    /// Writes down that they wanted to do something in a workspace that their key is not for.
    pub(super) fn note_elsewhere(&self, operation: Operation) {
        let (resources, name) = ([Resource::Workspace], self.named(operation));
        let request = self.bearer.request(name, &resources, self.now);
        let level = access::Operation::find(name).map_or(Level::Admin, |row| row.level);
        let [resource] = resources.clone();
        let decision = Decision {
            reason: Reason::InsufficientPermission(Needed { resource, level }),
            rule: Rule::Limit,
        };
        self.record(&request, &decision);
    }

    /// Writes down that they did something that everybody may try.
    pub(in super::super) fn note(&self, operation: &str) {
        let resources = [Resource::Workspace];
        let request = self.bearer.request(operation, &resources, self.now);
        let decision = self.bearer.decide(&request);
        self.record(&request, &decision);
    }

    fn record(&self, request: &Request<'_>, decision: &Decision) {
        let details = Details {
            credential_id: Some(self.credential_id().to_owned()),
            approved_scopes_version: self.rights.approved_scopes_version(self.principal()),
            policy_version: self.bearer.snapshot().version,
            ..asked::details()
        };
        if let Some(audit) = self.rights.audit() {
            audit.record(request, decision, &details);
        }
    }

    /// Writes down what must be, and refuses what is not allowed.
    pub(super) fn judged(&self, request: &Request<'_>, decision: &Decision) -> Result<(), Refusal> {
        let decides = self
            .decides
            .filter(|_| request.operation == Deciding::Approve.name());
        let named = decides.map(|what| Request {
            operation: what.name(),
            ..request.clone()
        });
        let request = named.as_ref().unwrap_or(request);
        let row = access::Operation::find(request.operation);
        let is_recorded = row.is_some_and(access::Operation::is_recorded);
        if !decision.is_allowed() || is_recorded || self.rights.is_sample() {
            self.record(request, decision);
        }
        let refused = access::Refusal::of(decision, request, self.bearer.snapshot());
        refused.map_or(Ok(()), |refused| Err(Refusal::of(&refused)))
    }
}
