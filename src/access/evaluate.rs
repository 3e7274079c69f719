//! The evaluation (security model 13). The first test that fails decides; nothing but passing all of them allows.
//!
//! [`admit`] asks whether somebody may do something at all (steps 1 to 8), [`Admitted`] where (steps 9 to 13): lists and
//! streams are admitted once and filtered row by row, everything else goes through [`decide`].

use std::time::Duration;

use crate::model::Timestamp;

use super::decision::{Decision, Lack, Needed, Reason, Rule};
use super::forge;
use super::operation::{Operation, Who};
use super::principal::{PersonId, Principal};
use super::request::{Context, Credential, ForgeNeed, Identity, Limit, Means, Proof, Request};
use super::resource::{Level, Resource, Selector};
use super::scope::{Scope, ScopeSet};
use super::snapshot::{Addon, AddonState, Grant, Permission, Person, Right, Role, Snapshot};

/// How long ago a sign-in still counts as fresh.
pub(super) const FRESH: Duration = Duration::from_secs(15 * 60);

/// How long what the forge said of a person counts.
pub(super) const PERMISSION_COUNTS: Duration = Duration::from_secs(5 * 60);

/// How old a snapshot may be that decides over a change.
pub const SNAPSHOT_COUNTS: Duration = Duration::from_secs(5);

/// The forge that is meant when nothing says which.
const USUAL_FORGE: &str = "github";

type Check<T = ()> = Result<T, Box<Decision>>;

fn no<T>(reason: Reason, rule: Rule) -> Check<T> {
    Err(Box::new(Decision::new(reason, rule)))
}

/// Whether a request may do what it asks for.
pub fn decide(request: &Request<'_>, snapshot: &Snapshot) -> Decision {
    match admit(request, snapshot).and_then(|admitted| admitted.conclude(request)) {
        Ok(decision) => decision,
        Err(decision) => *decision,
    }
}

/// Whether a request may do what it asks for at all; where is asked of what comes back.
///
/// # Errors
/// The decision against it.
pub fn admit<'s>(request: &'s Request<'_>, snapshot: &'s Snapshot) -> Check<Admitted<'s>> {
    let identity = identified(&request.credential)?;
    let Some(operation) = Operation::find(request.operation) else {
        return no(Reason::OperationClosed, Rule::Operation);
    };
    let Some(identity) = identity else {
        return anonymous(operation, request.now);
    };
    if operation.changes() && request.now.since(snapshot.taken_at) > SNAPSHOT_COUNTS {
        return no(Reason::AuthorizationUnavailable, Rule::Snapshot);
    }
    let subject = subject(operation, identity, snapshot)?;
    let free = |subject| Admitted {
        operation,
        subject,
        context: None,
        limit: &identity.limit,
        given: Given {
            now: request.now,
            only: snapshot.only_forge.as_deref(),
        },
    };
    match operation.who {
        Who::Open => return Ok(free(Subject::Free)),
        Who::Own => return own(subject).map(|()| free(Subject::Free)),
        Who::Anybody => {}
        Who::Addon => addon_only(subject)?,
        Who::Person => person_only(operation, subject, identity, None)?,
        Who::FreshPerson => person_only(operation, subject, identity, Some(request.now))?,
    }
    has_scopes(operation.required(), subject, &identity.limit)?;
    let context = context(request, subject, &identity.limit, snapshot)?;
    if operation.needs_context && context.is_none() {
        return no(Reason::ContextUserRequired, Rule::Operation);
    }
    Ok(Admitted {
        context,
        ..free(subject)
    })
}

/// Somebody who may do an operation at all, and must now say where.
#[derive(Debug)]
pub struct Admitted<'s> {
    operation: &'static Operation,
    subject: Subject<'s>,
    context: Option<ContextUser<'s>>,
    limit: &'s Limit,
    given: Given<'s>,
}

/// What is given beside rights: the moment, and the only forge, where there is only one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'s> {
    pub(super) now: Timestamp,
    pub(super) only: Option<&'s str>,
}

/// Whose rights count.
#[derive(Debug, Clone, Copy)]
enum Subject<'s> {
    /// Nobody's: the operation is open, or about the add-on itself.
    Free,
    /// An add-on's.
    Addon(&'s Addon),
    /// A person's.
    Person(&'s Person),
}

/// The proven person for whom an add-on acts.
#[derive(Debug)]
struct ContextUser<'s> {
    id: &'s PersonId,
    person: Option<&'s Person>,
    /// What the proof is about; none is everything.
    reach: Option<&'s [Selector]>,
}

impl Admitted<'_> {
    /// Whether a resource is in reach: what lists, streams and results are filtered by, counts included.
    pub fn reaches(&self, resource: &Resource) -> bool {
        self.reach(resource).is_ok()
    }

    /// The decision about one resource, its existence apart.
    ///
    /// # Errors
    /// The decision against it.
    pub fn reach(&self, resource: &Resource) -> Check<Rule> {
        if matches!(self.subject, Subject::Free) {
            return Ok(Rule::Operation);
        }
        if !self.operation.kinds.contains(&resource.kind()) {
            return no(Reason::AuthorizationUnavailable, Rule::Snapshot);
        }
        let needed = || Needed {
            resource: resource.clone(),
            level: self.operation.level,
        };
        if !leaves(self.limit, resource, self.given.only) {
            return no(Reason::InsufficientPermission(needed()), Rule::Limit);
        }
        let rule = match self.subject {
            Subject::Free => Rule::Operation,
            Subject::Addon(addon) => granted(&addon.grants, &needed(), self.given)?,
            Subject::Person(person) => permitted(person, &needed(), self.given)?,
        };
        self.person_reaches(&needed)?;
        Ok(rule)
    }

    /// Step 10.
    fn person_reaches(&self, needed: &impl Fn() -> Needed) -> Check {
        let Some(context) = &self.context else {
            return Ok(());
        };
        let forbidden = |rule| {
            let person = context.id.clone();
            let needed = needed();
            no(Reason::ContextUserForbidden { person, needed }, rule)
        };
        let Some(person) = context.person.filter(|person| !person.is_suspended) else {
            return forbidden(Rule::State);
        };
        let needed = needed();
        if !is_within(context.reach, &needed.resource, self.given.only) {
            return forbidden(Rule::Context);
        }
        permitted(person, &needed, self.given)
            .map(|_| ())
            .or_else(|refused| forbidden(refused.rule))
    }

    /// Steps 9 to 14.
    fn conclude(&self, request: &Request<'_>) -> Check<Decision> {
        let mut decided = None;
        for resource in request.resources {
            decided = Some(self.reach(resource)?);
        }
        let is_free = matches!(self.subject, Subject::Free);
        let rule = match decided {
            Some(rule) => rule,
            None if is_free => Rule::Operation,
            // Something that is about nothing would be allowed everywhere.
            None => return no(Reason::AuthorizationUnavailable, Rule::Snapshot),
        };
        self.authorised(request.forge.as_ref())?;
        if !request.exists && !is_free {
            return no(Reason::NotFound, rule);
        }
        if request.is_too_often {
            return no(Reason::RateLimited, Rule::Operation);
        }
        Ok(Decision::new(Reason::Allowed, rule))
    }

    /// Step 11.
    fn authorised(&self, need: Option<&ForgeNeed>) -> Check {
        let person = match (&self.context, self.subject) {
            (Some(context), _) => context.person,
            (None, Subject::Person(person)) => Some(person),
            (None, Subject::Free | Subject::Addon(_)) => None,
        };
        if need.is_none() && !self.operation.needs_forge {
            return Ok(());
        }
        let provider = need.map_or(USUAL_FORGE, |need| &need.provider);
        let wanted = need.map_or(&[][..], |need| &need.scopes);
        let granted = person.and_then(|person| person.authorizations.get(provider));
        let missing = granted.map_or_else(
            || wanted.to_vec(),
            |granted| forge::missing(provider, granted, wanted),
        );
        if granted.is_some() && missing.is_empty() {
            return Ok(());
        }
        let provider = provider.to_owned();
        no(
            Reason::UserAuthorizationRequired { provider, missing },
            Rule::Context,
        )
    }
}

/// Steps 1 and 2.
fn identified(credential: &Credential) -> Check<Option<&Identity>> {
    match credential {
        Credential::Absent => Ok(None),
        Credential::Several => no(Reason::AmbiguousCredentials, Rule::Credential),
        Credential::Bad(bad) => no(Reason::Credential(*bad), Rule::Credential),
        Credential::Good(identity) => Ok(Some(identity)),
    }
}

/// Step 4.
fn anonymous<'s>(operation: &'static Operation, now: Timestamp) -> Check<Admitted<'s>> {
    const NO_LIMIT: &Limit = &Limit {
        scopes: None,
        resources: None,
        repositories: None,
    };
    if operation.who != Who::Open {
        return no(Reason::AuthenticationRequired, Rule::Operation);
    }
    Ok(Admitted {
        operation,
        subject: Subject::Free,
        context: None,
        limit: NO_LIMIT,
        given: Given { now, only: None },
    })
}

/// Step 5: who it is, and whether they may do anything. A registration that waits may still ask about itself.
fn subject<'s>(operation: &Operation, identity: &Identity, snapshot: &'s Snapshot) -> Check<Subject<'s>> {
    match &identity.principal {
        Principal::Anonymous => no(Reason::AuthorizationUnavailable, Rule::Snapshot),
        Principal::Addon(key) => {
            let addon = snapshot.addons.get(key);
            let state = addon.map_or(AddonState::Uninstalled, |addon| addon.state);
            let may_wait = state == AddonState::Pending && operation.who == Who::Own;
            match addon {
                Some(addon) if state == AddonState::Active || may_wait => Ok(Subject::Addon(addon)),
                _ => no(Reason::AddonState(state), Rule::State),
            }
        }
        Principal::Person(id) => match snapshot.people.get(id) {
            Some(person) if !person.is_suspended => Ok(Subject::Person(person)),
            _ => no(Reason::PersonSuspended, Rule::State),
        },
    }
}

/// Step 5a.
fn own(subject: Subject<'_>) -> Check {
    match subject {
        Subject::Addon(_) | Subject::Free => Ok(()),
        Subject::Person(_) => no(Reason::AddonRequired, Rule::Operation),
    }
}

fn addon_only(subject: Subject<'_>) -> Check {
    own(subject)
}

/// Step 5b. A key stands for its person in a browser as far as its own scopes go.
fn person_only(
    operation: &Operation,
    subject: Subject<'_>,
    identity: &Identity,
    fresh_at: Option<Timestamp>,
) -> Check {
    if matches!(subject, Subject::Addon(_)) {
        return no(Reason::PersonRequired, Rule::Operation);
    }
    match identity.means {
        Means::Session { signed_in } if fresh_at.is_none_or(|now| now.since(signed_in) < FRESH) => Ok(()),
        Means::Key if !operation.keys.is_empty() => has_one_of(ScopeSet::of(operation.keys), &identity.limit),
        Means::Session { .. } | Means::Key | Means::Token => {
            no(Reason::InteractiveSessionRequired, Rule::Operation)
        }
    }
}

fn has_one_of(required: ScopeSet, limit: &Limit) -> Check {
    let limited = limit.scopes.map_or_else(ScopeSet::all, ScopeSet::closure);
    match limited.both(required).is_empty() {
        false => Ok(()),
        true => {
            let (missing, lack) = (required, Lack::Limit);
            no(
                Reason::InsufficientScope {
                    required,
                    missing,
                    lack,
                },
                Rule::Limit,
            )
        }
    }
}

/// Step 6: the static ceiling. For people it is only the limit of a key.
fn has_scopes(required: ScopeSet, subject: Subject<'_>, limit: &Limit) -> Check {
    let limited = limit.scopes.map_or_else(ScopeSet::all, ScopeSet::closure);
    let (approved, asked) = match subject {
        Subject::Addon(addon) => (addon.approved.closure(), addon.asked.closure()),
        Subject::Free | Subject::Person(_) => (ScopeSet::all(), ScopeSet::EMPTY),
    };
    let missing = required.without(approved.both(limited));
    if missing.is_empty() {
        return Ok(());
    }
    let unapproved = required.without(approved);
    let (lack, rule) = if unapproved.is_empty() {
        (Lack::Limit, Rule::Limit)
    } else if unapproved.without(asked).is_empty() {
        (Lack::Pending, Rule::Scopes)
    } else {
        (Lack::Approval, Rule::Scopes)
    };
    let reason = Reason::InsufficientScope {
        required,
        missing,
        lack,
    };
    no(reason, rule)
}

/// Step 7: for whom it is done, if that is proven. People do nothing for others.
fn context<'s>(
    request: &'s Request<'_>,
    subject: Subject<'_>,
    limit: &Limit,
    snapshot: &'s Snapshot,
) -> Check<Option<ContextUser<'s>>> {
    let Subject::Addon(addon) = subject else {
        return Ok(None);
    };
    let (id, proof) = match &request.context {
        Context::None | Context::Named(_) => return Ok(None),
        Context::Unproven => return no(Reason::ContextNotProven, Rule::Context),
        Context::Proven { person, proof } => (person, proof),
    };
    has_scopes(ScopeSet::of(&[Scope::ActAsUser]), subject, limit)?;
    let reach = match proof {
        Proof::Handle(selectors) => Some(selectors.as_slice()),
        Proof::Impersonation if addon.consents.covers(id) => None,
        Proof::Impersonation => return no(Reason::ContextNotProven, Rule::Context),
    };
    Ok(Some(ContextUser {
        id,
        person: snapshot.people.get(id),
        reach,
    }))
}

/// Whether the limit of a credential leaves room for a resource.
fn leaves(limit: &Limit, resource: &Resource, only: Option<&str>) -> bool {
    let is_repository = matches!(resource, Resource::Repository { .. });
    let repositories = limit.repositories.as_deref().filter(|_| is_repository);
    is_within(limit.resources.as_deref(), resource, only) && is_within(repositories, resource, only)
}

/// Whether a limit leaves room for a resource. What is selected by a proof or a limit was selected for allowing.
fn is_within(limit: Option<&[Selector]>, resource: &Resource, only: Option<&str>) -> bool {
    let is_selected =
        |selectors: &[Selector]| selectors.iter().any(|selector| selector.allows(resource, only));
    limit.is_none_or(is_selected)
}

/// Step 9 for add-ons: no denial matches, and the best allowance is enough.
fn granted(grants: &[std::sync::Arc<Grant>], needed: &Needed, given: Given<'_>) -> Check<Rule> {
    not_denied(grants, needed, given)?;
    let reaches =
        |grant: &Grant| grant.is_live(given.now) && grant.selector.allows(&needed.resource, given.only);
    let level = |grant: &Grant| match grant.right {
        Right::Allow(level) if reaches(grant) => Some(level),
        Right::Allow(_) | Right::Deny => None,
    };
    let best = grants
        .iter()
        .filter_map(|grant| level(grant).map(|level| (level, grant)))
        .max_by_key(|(level, _)| *level);
    match best {
        Some((level, grant)) if level >= needed.level => Ok(Rule::Grant(grant.clone())),
        Some((_, grant)) => no(
            Reason::InsufficientPermission(needed.clone()),
            Rule::Grant(grant.clone()),
        ),
        None => no(Reason::InsufficientPermission(needed.clone()), Rule::Nothing),
    }
}

fn not_denied(grants: &[std::sync::Arc<Grant>], needed: &Needed, given: Given<'_>) -> Check {
    let denies = |grant: &Grant| {
        grant.right == Right::Deny
            && grant.is_live(given.now)
            && grant.selector.denies(&needed.resource, given.only)
    };
    match grants.iter().find(|grant| denies(grant)) {
        Some(grant) => no(Reason::DeniedByAdmin(needed.clone()), Rule::Grant(grant.clone())),
        None => Ok(()),
    }
}

/// Step 9 for people, and step 10: no denial matches, and the forge or the role allows it.
fn permitted(person: &Person, needed: &Needed, given: Given<'_>) -> Check<Rule> {
    not_denied(&person.grants, needed, given)?;
    let by_role = role_level(person.role, &needed.resource);
    if by_role.is_some_and(|level| level >= needed.level) {
        return Ok(Rule::Role(person.role));
    }
    if matches!(needed.resource, Resource::Repository { .. }) {
        return on_the_forge(person, needed, given);
    }
    granted(&person.grants, needed, given)
}

/// What a role gives: administrators decide over what is the hub's own, members see the workspace. Repositories are the
/// forge's.
fn role_level(role: Role, resource: &Resource) -> Option<Level> {
    match (role, resource) {
        (_, Resource::Repository { .. }) => None,
        (Role::Admin, _) => Some(Level::Admin),
        (Role::Member, Resource::Workspace) => Some(Level::Read),
        (Role::Member, Resource::Channel(_) | Resource::Feed(_) | Resource::Environment(_)) => None,
    }
}

fn on_the_forge(person: &Person, needed: &Needed, given: Given<'_>) -> Check<Rule> {
    match forge_level(person, &needed.resource, given) {
        Some(level) if level >= needed.level => Ok(Rule::Forge),
        Some(_) => no(Reason::InsufficientPermission(needed.clone()), Rule::Forge),
        None => no(Reason::InsufficientPermission(needed.clone()), Rule::Nothing),
    }
}

/// What the forge says of a person and a repository; `None` when it has not said so in the last five minutes.
pub(super) fn forge_level(person: &Person, resource: &Resource, given: Given<'_>) -> Option<Level> {
    let counts = |permission: &&Permission| {
        given.now.since(permission.read_at) < PERMISSION_COUNTS
            && permission.selector.allows(resource, given.only)
    };
    let counting = person.permissions.iter().filter(counts);
    counting.map(|permission| permission.level).max()
}
