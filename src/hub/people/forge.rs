//! What the forge says that people may do on repositories (security model 10.1, threat F8).
//!
//! It is asked when somebody wants to do something there, and about nobody else. For looking, an answer counts for a minute; whatever
//! changes something is asked for anew. A forge that does not answer, a person who is nobody there, and a repository that it does
//! not know are refusals.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::super::Hub;
use super::super::access::bearer::Bearer;
use super::providers::ProviderSettings;
use super::reach::Outdated;
use crate::access::snapshot::Permission;
use crate::access::{self, Level, Resource, Selector};
use crate::model::Timestamp;
use crate::ports::hub::HubStoreError;

/// How long an answer counts for looking.
const COUNTS: Duration = Duration::from_secs(60);

/// Most answers that are remembered.
const MOST: usize = 50_000;

/// What was answered: the level, if any, and when.
type Answer = (Option<Level>, Timestamp);

/// Answers of the forge: by person, and by repository.
#[derive(Debug, Default)]
pub(in super::super) struct ForgeAnswers(Mutex<HashMap<(String, String), Answer>>);

impl ForgeAnswers {
    fn known(&self, of: &(String, String), now: Timestamp) -> Option<Answer> {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = answers.get(of).copied();
        // A clock that went back makes no answer younger.
        answer.filter(|(_, at)| *at <= now && now.since(*at) < COUNTS)
    }

    fn remember(&self, of: (String, String), answer: Answer) {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= MOST {
            answers.retain(|_, (_, at)| answer.1.since(*at) < COUNTS);
        }
        if answers.len() < MOST {
            answers.insert(of, answer);
        }
    }
}

impl ForgeAnswers {
    /// Forgets what is not true any more.
    pub(super) fn forget(&self, outdated: &Outdated) {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers.retain(|(_, place), _| {
            let name = place.split_once('#').map_or(place.as_str(), |(name, _)| name);
            !outdated.concerns(name)
        });
    }
}

/// How new an answer must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    /// It may be remembered.
    Remembered,
    /// It is asked for now.
    New,
}

impl Age {
    /// Whatever changes something asks anew.
    fn for_operation(operation: &str) -> Self {
        match access::Operation::find(operation) {
            Some(row) if row.level > Level::Read => Self::New,
            Some(_) | None => Self::Remembered,
        }
    }
}

/// The way to the forge, for whoever must know what a person may do there.
#[derive(Clone)]
pub(in super::super) struct Forge(Hub);

impl std::fmt::Debug for Forge {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Forge")
    }
}

impl Forge {
    /// The same bearer, with what the forge says of them and these; of whoever is no person it says nothing.
    ///
    /// # Errors
    /// The memory. That the forge does not answer is no error: it allows nothing then.
    pub(in super::super) async fn told(
        &self,
        bearer: &Bearer,
        operation: &str,
        resources: &[Resource],
    ) -> Result<Bearer, HubStoreError> {
        self.0.bearer_with_forge(bearer, operation, resources).await
    }
}

impl Hub {
    /// The way to the forge, where one is asked.
    pub(in super::super) fn forge(&self) -> Option<Forge> {
        self.asks_forge().then(|| Forge(self.clone()))
    }

    /// Whether a forge is asked what people may do.
    pub(in super::super) fn asks_forge(&self) -> bool {
        self.providers().asked().is_some()
    }

    async fn bearer_with_forge(
        &self,
        bearer: &Bearer,
        operation: &str,
        resources: &[Resource],
    ) -> Result<Bearer, HubStoreError> {
        let Some(id) = bearer.person() else {
            return Ok(bearer.clone());
        };
        let age = Age::for_operation(operation);
        let mut permissions = Vec::new();
        for resource in resources {
            permissions.extend(self.permission(id.as_str(), resource, age).await?);
        }
        Ok(bearer.with_permissions(permissions))
    }

    async fn permission(
        &self,
        person: &str,
        resource: &Resource,
        age: Age,
    ) -> Result<Option<Permission>, HubStoreError> {
        let (Some(provider), Resource::Repository { owner, name }) = (self.providers().asked(), resource)
        else {
            return Ok(None);
        };
        if !self.may_be_asked_about(provider, resource) {
            return Ok(None);
        }
        let (owner, number) = (
            &owner.named.name,
            name.id.map_or_else(String::new, |id| id.to_string()),
        );
        let of = (person.to_owned(), format!("{owner}/{}#{number}", name.name));
        let now = self.now();
        let known = match age {
            Age::Remembered => self.forge_answers().known(&of, now),
            Age::New => None,
        };
        let (level, read_at) = match known {
            Some(answer) => answer,
            None => {
                let level = self.ask_forge(provider, person, resource).await?;
                self.forge_answers().remember(of, (level, now));
                (level, now)
            }
        };
        Ok(level.map(|level| Permission {
            selector: Selector::One(resource.clone()),
            level,
            read_at,
        }))
    }

    /// Whether a repository is at the forge that is asked: the number and the name of one are another's at another forge. Where there are
    /// several, one of which nobody says where it is may be at any.
    fn may_be_asked_about(&self, provider: &ProviderSettings, repository: &Resource) -> bool {
        match repository.forge() {
            Some(forge) => provider.is_at(forge),
            None => !self.rights().has_several_forges(),
        }
    }

    async fn ask_forge(
        &self,
        provider: &ProviderSettings,
        person: &str,
        repository: &Resource,
    ) -> Result<Option<Level>, HubStoreError> {
        let identities = self.store().identities(person).await?;
        let Some(identity) = identities.iter().find(|own| own.provider == provider.name) else {
            return Ok(None);
        };
        let asked = self.providers().permission(provider, identity, repository).await;
        Ok(asked.unwrap_or_else(|error| {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(
                error,
                person,
                "the forge does not say what a person may do, and so nothing is allowed"
            );
            None
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    #[test]
    fn f8_an_answer_counts_for_a_minute_and_never_for_what_changes_something() {
        let answers = ForgeAnswers::default();
        let of = || ("ada".to_owned(), "acme/app".to_owned());
        answers.remember(of(), (Some(Level::Read), NOW));
        let minute = Duration::from_secs(60);
        let just = NOW.plus(minute).minus(Duration::from_micros(1));
        assert_eq!(answers.known(&of(), just), Some((Some(Level::Read), NOW)));
        assert_eq!(answers.known(&of(), NOW.plus(minute)), None);
        assert_eq!(
            answers.known(&of(), NOW.minus(minute)),
            None,
            "the clock went back"
        );
        assert_eq!(
            answers.known(&("eve".to_owned(), "acme/app".to_owned()), NOW),
            None
        );
        assert_eq!(Age::for_operation("graph.query"), Age::Remembered);
        for operation in ["goal.approve", "goal.update", "deployment.approve"] {
            assert_eq!(Age::for_operation(operation), Age::New, "{operation}");
        }
    }

    #[test]
    fn answers_are_bounded() {
        let answers = ForgeAnswers::default();
        for number in 0..MOST + 10 {
            answers.remember((number.to_string(), String::new()), (None, NOW));
        }
        assert_eq!(answers.0.lock().unwrap().len(), MOST);
        answers.remember(("later".to_owned(), String::new()), (None, NOW.plus(COUNTS)));
        assert_eq!(answers.0.lock().unwrap().len(), 1);
    }
}
