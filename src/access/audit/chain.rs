//! Making entries: what is recorded of a decision, and how it follows what was recorded before.

use std::net::IpAddr;

use crate::access::request::Proof;
use crate::access::{Context, Credential, Decision, Means, Request, Resource};
use crate::model::Timestamp;

use super::LONGEST_TEXT;
use super::entry::{Entry, Hash};

/// What is known of a request beside what it asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// Public id of the credential.
    pub credential_id: Option<String>,
    /// The state of the add-on's approval.
    pub approved_scopes_version: Option<u64>,
    /// The state of approvals, grants, people and trust.
    pub policy_version: u64,
    /// Names the request in other logs.
    pub request_id: Option<String>,
    /// Where it came from.
    pub ip: Option<IpAddr>,
    /// By what.
    pub user_agent: Option<String>,
    /// When it was done, where that is written down later.
    pub done: Option<Timestamp>,
}

/// What became of something that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is so now.
    Done,
    /// Whoever it was for did not take it.
    NotTaken,
    /// It was refused, for a reason that has this name.
    Refused(&'static str),
}

impl Outcome {
    const fn decision(self) -> &'static str {
        match self {
            Self::Done => "allow",
            Self::NotTaken | Self::Refused(_) => "deny",
        }
    }

    const fn reason(self) -> &'static str {
        match self {
            Self::Done => "allowed",
            Self::NotTaken => "not_taken",
            Self::Refused(code) => code,
        }
    }
}

/// Something that has happened, beside what was asked for and decided.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// By whose doing, as principals are written.
    pub principal: &'a str,
    /// By which operation.
    pub operation: &'a str,
    /// What it is about.
    pub resource: &'a Resource,
    /// What became of it.
    pub outcome: Outcome,
    /// In words, such as `addon:build active: events:read`.
    pub said: &'a str,
}

/// The end of the log: what the next entry follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    last: u64,
    head: Hash,
}

impl Chain {
    /// A log without an entry.
    pub const EMPTY: Self = Self {
        last: 0,
        head: Hash::NONE,
    };

    /// The log that ends with this entry.
    pub fn after(entry: &Entry) -> Self {
        Self {
            last: entry.id,
            head: entry.hash(),
        }
    }

    /// Hash of the last entry.
    pub fn head(&self) -> Hash {
        self.head
    }

    /// Adds something that has happened: by whose doing and which operation, what it is about, and what came of it.
    pub fn append_change(&mut self, time: Timestamp, change: &Change<'_>, details: &Details) -> Entry {
        let entry = Entry {
            id: self.last + 1,
            time: time.rfc3339(),
            principal: shortened(change.principal),
            credential_id: details.credential_id.as_deref().map(shortened),
            kind: None,
            context_user: None,
            context_proof: None,
            operation: change.operation.to_owned(),
            resource: change.resource.to_string(),
            decision: change.outcome.decision().to_owned(),
            reason: change.outcome.reason().to_owned(),
            rule: shortened(change.said),
            approved_scopes_version: details.approved_scopes_version,
            policy_version: details.policy_version,
            request_id: details.request_id.as_deref().map(shortened),
            ip: details.ip,
            user_agent: details.user_agent.as_deref().map(shortened),
            done: details.done.map(Timestamp::rfc3339),
            prev_hash: self.head,
        };
        *self = Self::after(&entry);
        entry
    }

    /// Adds a decision. The entry must be stored before the next one is made, in one order for all writers.
    pub fn append(
        &mut self,
        time: Timestamp,
        request: &Request<'_>,
        decision: &Decision,
        details: &Details,
    ) -> Entry {
        let (principal, kind) = who(&request.credential);
        let (context_user, context_proof) = for_whom(&request.context);
        let entry = Entry {
            id: self.last + 1,
            time: time.rfc3339(),
            principal,
            credential_id: details.credential_id.as_deref().map(shortened),
            kind,
            context_user,
            context_proof,
            operation: shortened(request.operation),
            resource: places(request.resources),
            decision: if decision.is_allowed() { "allow" } else { "deny" }.to_owned(),
            reason: decision.reason.code().to_owned(),
            rule: decision.rule.to_string(),
            approved_scopes_version: details.approved_scopes_version,
            policy_version: details.policy_version,
            request_id: details.request_id.as_deref().map(shortened),
            ip: details.ip,
            user_agent: details.user_agent.as_deref().map(shortened),
            done: details.done.map(Timestamp::rfc3339),
            prev_hash: self.head,
        };
        *self = Self::after(&entry);
        entry
    }
}

fn who(credential: &Credential) -> (String, Option<String>) {
    let Credential::Good(identity) = credential else {
        return ("anonymous".to_owned(), None);
    };
    let kind = match identity.means {
        Means::Session { .. } => "session",
        Means::Key => "key",
        Means::Token => "token",
    };
    (identity.principal.to_string(), Some(kind.to_owned()))
}

fn for_whom(context: &Context) -> (Option<String>, Option<String>) {
    let (user, proof) = match context {
        Context::None => return (None, None),
        Context::Named(name) => (Some(shortened(name)), "none"),
        Context::Unproven => (None, "none"),
        Context::Proven { person, proof } => {
            let word = match proof {
                Proof::Handle(_) => "handle",
                Proof::Impersonation => "impersonation",
            };
            (Some(person.as_str().to_owned()), word)
        }
    };
    (user, Some(proof.to_owned()))
}

/// Names of resources hold no spaces.
fn places(resources: &[Resource]) -> String {
    let names: Vec<String> = resources.iter().map(ToString::to_string).collect();
    names.join(" ")
}

/// What strangers choose is bounded; control characters are escaped by the form of the line.
fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}
