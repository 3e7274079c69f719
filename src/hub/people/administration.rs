//! What whoever runs the hub does about people at its computer, straight in its memory: to invite them, to sign them in, and to
//! change what they are.

use std::time::Duration;

use super::super::access::key::random_text;
use super::super::access::noted::{of_link, of_person};
use super::super::administration::{Administration, AdministrationError, not_there};
use super::super::console;
use crate::access::PersonId;
use crate::access::handed::Handed;
use crate::model::Timestamp;
use crate::ports::people::{
    Invited, People, PersonChange, PersonChanged, PersonRole, PersonState, SignIns, StoredLink, StoredPerson,
    StoredSession,
};
use crate::runtime::clock::{Clock, SystemClock};
use secrecy::ExposeSecret as _;

/// How long a link counts that signs somebody in.
pub const LINK_COUNTS: Duration = Duration::from_secs(15 * 60);

/// How long an invitation counts.
pub const INVITATION_COUNTS: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Characters of the public id of a link.
const ID: usize = 12;

/// Id of the first administrator.
const FIRST: &str = "admin";

/// Who makes links here.
pub(super) const OPERATOR: &str = "operator";

/// Longest name of a person, in characters.
pub const LONGEST_NAME: usize = 100;

/// A link that is made: its address, which is shown once, and what is kept.
#[derive(Debug)]
pub struct MadeLink {
    /// The address.
    pub address: String,
    /// What is kept.
    pub stored: StoredLink,
}

/// For whom a link is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkWish {
    /// Id of the person.
    pub person: String,
    /// The person to make; none for somebody who is there.
    pub invited: Option<Invited>,
    /// Who wants it, as principals are written.
    pub made_by: String,
    /// How long it counts.
    pub counts: Duration,
}

impl LinkWish {
    /// The link, at a hub with this address.
    ///
    /// # Errors
    /// The id cannot be one, or there is no randomness.
    pub fn make(self, address: &str, now: Timestamp) -> Result<MadeLink, AdministrationError> {
        let person = PersonId::parse(&self.person)?;
        let handed = Handed::fresh()?;
        let base = address.trim_end_matches('/');
        let invited = self.invited.map(|invited| Invited {
            name: invited.name.chars().take(LONGEST_NAME).collect(),
            ..invited
        });
        Ok(MadeLink {
            address: format!("{base}/sign-in/link/{}", handed.text.expose_secret()),
            stored: StoredLink {
                digest: handed.digest,
                id: random_text(ID),
                person: person.as_str().to_owned(),
                invited,
                made_by: self.made_by,
                created: now,
                expires: now.plus(self.counts),
            },
        })
    }
}

impl Administration {
    /// All people, by id.
    ///
    /// # Errors
    /// The memory.
    pub async fn people(&self) -> Result<Vec<StoredPerson>, AdministrationError> {
        Ok(self.memory().people().await?)
    }

    /// Where the first administrator of a hub at this address signs in; `None` when somebody administers it.
    ///
    /// # Errors
    /// The memory.
    pub async fn first_link(&self, address: &str) -> Result<Option<String>, AdministrationError> {
        let people = self.people().await?;
        let administers =
            |person: &StoredPerson| person.role.administers() && person.state == PersonState::Active;
        if people.iter().any(administers) {
            return Ok(None);
        }
        let mut id = FIRST.to_owned();
        while people.iter().any(|person| person.id == id) {
            id = format!("{FIRST}-{}", random_text(4));
        }
        let invited = Invited {
            name: "Administrator".to_owned(),
            role: PersonRole::Owner,
        };
        let made = self.link(&id, Some(invited), LINK_COUNTS, address).await?;
        Ok(Some(made.address))
    }

    /// A link by which a person signs in once, within 15 minutes.
    ///
    /// # Errors
    /// There is no such person.
    pub async fn link_for(&self, person: &str, address: &str) -> Result<MadeLink, AdministrationError> {
        if self.memory().person(person).await?.is_none() {
            return Err(not_there("person", person));
        }
        self.link(person, None, LINK_COUNTS, address).await
    }

    /// A link by which somebody new comes in, within 7 days.
    ///
    /// # Errors
    /// Somebody has the id, or it cannot be one.
    pub async fn invite(
        &self,
        person: &str,
        invited: Invited,
        address: &str,
    ) -> Result<MadeLink, AdministrationError> {
        if self.memory().person(person).await?.is_some() {
            return Err(AdministrationError::PersonIsThere(person.to_owned()));
        }
        self.link(person, Some(invited), INVITATION_COUNTS, address).await
    }

    async fn link(
        &self,
        person: &str,
        invited: Option<Invited>,
        counts: Duration,
        address: &str,
    ) -> Result<MadeLink, AdministrationError> {
        let wish = LinkWish {
            person: person.to_owned(),
            invited,
            made_by: OPERATOR.to_owned(),
            counts,
        };
        let made = wish.make(address, SystemClock.now())?;
        let deeds = console::deeds([of_link(&made.stored)]);
        self.memory().add_link(&made.stored, &deeds).await?;
        Ok(made)
    }

    /// Changes what a person is.
    ///
    /// # Errors
    /// There is no such person, or nobody would be left to administer the hub.
    pub async fn change_person(
        &self,
        person: &str,
        change: &PersonChange,
    ) -> Result<(), AdministrationError> {
        let before = self.memory().person(person).await?;
        let noted = before.map(|before| of_person(Some(&before), &change.of(&before)));
        let deeds = console::deeds(noted.into_iter().flatten());
        match self.memory().change_person(person, change, &deeds).await? {
            PersonChanged::Done => Ok(()),
            PersonChanged::NotThere => Err(not_there("person", person)),
            PersonChanged::LastAdmin => Err(AdministrationError::LastAdmin(person.to_owned())),
        }
    }

    /// Where a person is signed in.
    ///
    /// # Errors
    /// The memory.
    pub async fn sessions_of(&self, person: &str) -> Result<Vec<StoredSession>, AdministrationError> {
        Ok(self.memory().sessions_of(person).await?)
    }
}
