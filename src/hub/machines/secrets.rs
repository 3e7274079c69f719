//! Secrets of the hub that go to machines beside what they hear (security model 11 and 15).
//!
//! Each is the hub's as a whole, such as the token of an organisation, and opens more than the repository that a delivery is
//! about. So it is for machines that may read every repository, and whether one may is decided anew with each delivery.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::super::Hub;
use super::super::access::bearer::Bearer;
use super::super::access::noted::Noted;
use super::super::access::operations::Operation;
use super::deliver::Session;
use crate::access::audit::{Details, Outcome};
use crate::access::{Decision, Request, Resource};
use crate::ports::hub::Delivery;

/// The operation that hands a secret out.
const HAND_OUT: &str = Operation::HandOutSecret.row().name;

impl Hub {
    /// Puts the secrets into a message on its way out that its machine declares and may have. They are never stored with it.
    pub(super) fn put_secrets(
        &self,
        session: &Session,
        bearer: &Bearer,
        delivery: &Delivery,
        message: &mut Value,
    ) {
        let declared = message.get_mut("secrets").and_then(Value::as_array_mut);
        let kept = declared.into_iter().flatten().filter_map(|secret| {
            let value = self.secret(secret["uri"].as_str()?)?;
            Some((secret, value))
        });
        let kept: Vec<(&mut Value, &SecretString)> = kept.collect();
        if kept.is_empty() || !self.hands_out(session, bearer, delivery) {
            return;
        }
        let mut given = Vec::new();
        for (secret, value) in kept {
            secret["value"] = json!(value.expose_secret());
            given.push(secret["uri"].as_str().unwrap_or_default().to_owned());
        }
        self.note_secrets(session, delivery, &given);
    }

    /// Whether a machine may have secrets with a delivery; that it may not is written down as a decision.
    fn hands_out(&self, session: &Session, bearer: &Bearer, delivery: &Delivery) -> bool {
        let about = Resource::parse(&delivery.what.resource).ok();
        let about: Vec<Resource> = about.into_iter().collect();
        let request = bearer.request(HAND_OUT, &about, self.now());
        let decision = decided(bearer, &request);
        if let Some(audit) = self.rights().audit().filter(|_| !decision.is_allowed()) {
            let details = Details {
                credential_id: Some(session.ticket.key.clone()),
                policy_version: bearer.snapshot().version,
                ..Details::default()
            };
            audit.record(&request, &decision, &details);
        }
        decision.is_allowed()
    }

    /// Writes down that a machine was given secrets, and with what.
    fn note_secrets(&self, session: &Session, delivery: &Delivery, given: &[String]) {
        let owner = self.rights().owner_of(&session.ticket.key).unwrap_or_default();
        let what = &delivery.what;
        let said = format!(
            "{owner} was given {} with {} {}",
            given.join(" "),
            what.operation,
            what.id
        );
        let mut noted = Noted::by_hub(HAND_OUT, Outcome::Done, said);
        if let Ok(about) = Resource::parse(&what.resource) {
            noted.resource = about;
        }
        self.rights().note(&noted, self.now());
    }
}

/// Whether somebody may have what opens every repository, with something that is about these.
fn decided(bearer: &Bearer, request: &Request<'_>) -> Decision {
    if let Err(refused) = bearer.admits(request) {
        return *refused;
    }
    let is_repository = |resource: &Resource| matches!(resource, Resource::Repository { .. });
    let refused = Some(bearer.decide(request)).filter(|decision| !decision.is_allowed());
    if let Some(refused) = refused.filter(|_| request.resources.iter().any(is_repository)) {
        return refused;
    }
    bearer.decide_over_everything(HAND_OUT, request.now)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::access::snapshot::{AddonKind, AddonState, Right};
    use crate::access::{
        Addon, AddonKey, Grant, Identity, Level, Limit, Means, Principal, Scope, ScopeSet, Selector, Snapshot,
    };
    use crate::model::Timestamp;

    const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    fn bearer(grants: &[(&str, Right)], limit: Limit) -> Bearer {
        let mut addon = Addon::new(AddonKind::Machine, AddonState::Active);
        addon.approved = ScopeSet::of(&[Scope::RepoRead]);
        let grant = |(selector, right): &(&str, Right)| {
            Arc::new(Grant::new(Selector::parse(selector).unwrap(), *right))
        };
        addon.grants = grants.iter().map(grant).collect();
        let key = AddonKey::parse("build").unwrap();
        let mut snapshot = Snapshot::empty(NOW);
        snapshot.addons.insert(key.clone(), addon);
        let identity = Identity {
            principal: Principal::Addon(key),
            means: Means::Key,
            limit,
        };
        Bearer::new(identity, Arc::new(snapshot))
    }

    fn reason(grants: &[(&str, Right)], about: &[&str], limit: Limit) -> &'static str {
        let bearer = bearer(grants, limit);
        let about: Vec<Resource> = about.iter().map(|text| Resource::parse(text).unwrap()).collect();
        decided(&bearer, &bearer.request(HAND_OUT, &about, NOW))
            .reason
            .code()
    }

    #[test]
    fn what_opens_every_repository_is_for_machines_that_may_read_every_repository() {
        let read = Right::Allow(Level::Read);
        let app = &["repo:acme/app"][..];
        let no_limit = Limit::default;
        for about in [app, &[], &["channel:ops"]] {
            assert_eq!(reason(&[("*", read)], about, no_limit()), "allowed");
            assert_eq!(
                reason(&[("repo:acme/app", read)], about, no_limit()),
                "insufficient_permission",
                "{about:?}"
            );
            let frozen = reason(&[("*", read), ("*", Right::Deny)], about, no_limit());
            assert_ne!(frozen, "allowed", "{about:?}");
        }
        let denied = [("*", read), ("repo:acme/app", Right::Deny)];
        assert_eq!(reason(&denied, app, no_limit()), "denied_by_admin");
        assert_eq!(
            reason(&denied, &["repo:acme/other"], no_limit()),
            "insufficient_permission",
            "it opens what was denied too"
        );
        let elsewhere = [("*", read), ("channel:ops", Right::Deny)];
        assert_eq!(
            reason(&elsewhere, app, no_limit()),
            "allowed",
            "channels have no code"
        );
    }

    #[test]
    fn a_key_that_is_limited_is_handed_nothing_that_opens_more() {
        let everything = [("*", Right::Allow(Level::Admin))];
        let narrow = Limit {
            repositories: Some(vec![Selector::parse("repo:acme/app").unwrap()]),
            ..Limit::default()
        };
        assert_eq!(
            reason(&everything, &["repo:acme/app"], narrow),
            "insufficient_permission"
        );
        let without = Limit {
            scopes: Some(ScopeSet::of(&[Scope::EventsRead])),
            ..Limit::default()
        };
        assert_eq!(reason(&everything, &[], without), "insufficient_scope");
    }
}
