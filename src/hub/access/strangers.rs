//! Whoever comes and is not let in: what they are told, and what is written down of them. No more is said than whoever holds a secret
//! may know.

use super::super::Hub;
use super::super::asked;
use super::super::refusal::Refusal;
use super::guesses::Guessed;
use crate::access::audit::Details;
use crate::access::request::{BadCredential, Means};
use crate::access::{
    self, Context, Credential, Decision, Identity, Limit, PersonId, Principal, Reason, Request, Rule,
    Snapshot,
};
use crate::model::Timestamp;
use crate::ports::hub::StoredKey;

/// What stands for the id of a text that is no key at all.
pub(super) const NO_KEY: &str = "";

/// Why a key is good no more, if it is not.
pub(super) fn ended(key: &StoredKey, now: Timestamp) -> Option<BadCredential> {
    match key.revoked {
        Some(_) => Some(BadCredential::Revoked),
        None => (key.expires <= now).then_some(BadCredential::Expired),
    }
}

impl Hub {
    /// Writes down that somebody came who is suspended; what they are told.
    pub(in super::super) fn suspended(&self, person: &str, means: Means, message: &str) -> Refusal {
        if let (Some(audit), Ok(id)) = (self.rights().audit(), PersonId::parse(person)) {
            let identity = Identity {
                principal: Principal::Person(id),
                means,
                limit: Limit::default(),
            };
            let request = self.arrival("sign_in", Credential::Good(identity));
            let decision = Decision {
                reason: Reason::PersonSuspended,
                rule: Rule::State,
            };
            audit.record(&request, &decision, &asked::details());
        }
        Refusal::forbidden("principal_disabled", message)
    }

    /// Somebody who comes with a credential, and wants nothing else yet.
    fn arrival<'a>(&self, operation: &'a str, credential: Credential) -> Request<'a> {
        Request {
            credential,
            operation,
            resources: &[],
            context: Context::None,
            forge: None,
            exists: true,
            is_too_often: false,
            now: self.now(),
        }
    }

    /// The answer to somebody whose key is not good, the same whether there is one of its id; who tries too often waits.
    pub(super) fn guessed_key(&self, id: &str) -> Refusal {
        let refusal = Refusal::unauthorized("invalid_credentials", "the key is not good");
        self.guessed(Guessed::Key(id), refusal)
    }

    /// The answer to somebody with a key that was good: they have its secret, and so learn why it is not any more.
    pub(super) fn ended_key(&self, key: &StoredKey, ended: BadCredential) -> Refusal {
        let details = Details {
            credential_id: Some(key.id.clone()),
            ..asked::details()
        };
        self.note_stranger_with("sign_in", Credential::Bad(ended), &details);
        let message = match ended {
            BadCredential::Revoked => "the key was revoked",
            BadCredential::Expired => "the key has ended",
            BadCredential::Invalid => "the key is not good",
        };
        Refusal::unauthorized(ended.code(), message)
    }

    /// Writes down that somebody came without a good credential.
    pub(in super::super) fn note_stranger(&self, credential: Credential) {
        self.note_stranger_at("sign_in", credential);
    }

    /// The same of what whoever came wanted to do.
    pub(in super::super) fn note_stranger_at(&self, operation: &str, credential: Credential) {
        self.note_stranger_with(operation, credential, &asked::details());
    }

    fn note_stranger_with(&self, operation: &str, credential: Credential, details: &Details) {
        let Some(audit) = self.rights().audit() else {
            return;
        };
        let request = self.arrival(operation, credential);
        let decision = match &request.credential {
            // What is open to everybody is asked for elsewhere.
            Credential::Absent => Decision {
                reason: Reason::AuthenticationRequired,
                rule: Rule::Operation,
            },
            Credential::Bad(_) | Credential::Several | Credential::Good(_) => {
                access::decide(&request, &Snapshot::empty(self.now()))
            }
        };
        audit.record(&request, &decision, details);
    }
}
