//! People, and who they are elsewhere.

use async_trait::async_trait;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::SqlHub;
use super::console;
use super::statement::{Doing, composed, moment};
use crate::ports::hub::HubStoreError;
use crate::ports::hub::console::ConsoleDeed;
use crate::ports::people::{
    People, PersonChange, PersonChanged, PersonRole, PersonState, StoredIdentity, StoredPerson,
};

/// Columns of a person, of a table that is called `p`.
pub(super) const PERSON: &str = "p.id, p.name, p.role, p.state, p.created";
const IDENTITY: &str = "provider, subject, login, email, person, linked";

/// A word of ours in a row that this program does not know.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no word that this program knows")]
struct UnknownWord(String);

/// Reads a word of ours.
pub(super) fn word<T>(
    row: &AnyRow,
    column: &str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<T, sqlx::Error> {
    let text: String = row.try_get(column)?;
    read(&text).ok_or_else(|| sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: Box::new(UnknownWord(text)),
    })
}

/// The person in a row of [`PERSON`].
pub(super) fn person(row: &AnyRow) -> Result<StoredPerson, sqlx::Error> {
    Ok(StoredPerson {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        role: word(row, "role", PersonRole::read)?,
        state: word(row, "state", PersonState::read)?,
        created: moment(row, "created")?,
    })
}

fn identity(row: &AnyRow) -> Result<StoredIdentity, sqlx::Error> {
    Ok(StoredIdentity {
        provider: row.try_get("provider")?,
        subject: row.try_get("subject")?,
        login: row.try_get("login")?,
        email: Some(row.try_get::<String, _>("email")?).filter(|email| !email.is_empty()),
        person: row.try_get("person")?,
        linked: moment(row, "linked")?,
    })
}

/// Holds the row that whoever changes people holds, and counts the change.
pub(super) async fn count_change(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    const COUNT: &str = "UPDATE hub_counter SET value = value + 1 WHERE name = 'people'";
    sqlx::query(COUNT).execute(connection).await.map(|_| ())
}

/// Adds a person; `false` when the id is taken.
pub(super) async fn add(connection: &mut AnyConnection, new: &StoredPerson) -> Result<bool, sqlx::Error> {
    const ADD: &str = "INSERT INTO hub_person (id, name, role, state, created) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (id) DO NOTHING";
    let done = sqlx::query(ADD)
        .bind(new.id.as_str())
        .bind(new.name.as_str())
        .bind(new.role.word())
        .bind(new.state.word())
        .bind(new.created.as_micros())
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Notes who a person is elsewhere; `false` when somebody else is that.
pub(super) async fn link(connection: &mut AnyConnection, new: &StoredIdentity) -> Result<bool, sqlx::Error> {
    const LINK: &str = "INSERT INTO hub_identity (provider, subject, login, person, linked, email) \
        VALUES ($1, $2, $3, $4, $5, $6) \
        ON CONFLICT (provider, subject) DO UPDATE SET login = excluded.login, email = excluded.email \
        WHERE hub_identity.person = excluded.person";
    let done = sqlx::query(LINK)
        .bind(new.provider.as_str())
        .bind(new.subject.as_str())
        .bind(new.login.as_str())
        .bind(new.person.as_str())
        .bind(new.linked.as_micros())
        .bind(new.email.as_deref().unwrap_or_default())
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

async fn all(connection: &mut AnyConnection) -> Result<Vec<StoredPerson>, sqlx::Error> {
    let statement = format!("SELECT {PERSON} FROM hub_person p ORDER BY p.id");
    let rows = sqlx::query(composed(statement)).fetch_all(connection).await?;
    rows.iter().map(person).collect()
}

fn administers(person: &StoredPerson) -> bool {
    person.role.administers() && person.state == PersonState::Active
}

async fn update(
    connection: &mut AnyConnection,
    before: &StoredPerson,
    after: &StoredPerson,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE hub_person SET name = $1, role = $2, state = $3 WHERE id = $4")
        .bind(after.name.as_str())
        .bind(after.role.word())
        .bind(after.state.word())
        .bind(after.id.as_str())
        .execute(&mut *connection)
        .await?;
    // With other rights comes another session.
    if after.role != before.role || after.state == PersonState::Suspended {
        sqlx::query("DELETE FROM hub_session WHERE person = $1")
            .bind(after.id.as_str())
            .execute(&mut *connection)
            .await?;
    }
    // Whom they have invited comes in by their right to invite.
    if administers(before) && !administers(after) {
        sqlx::query("DELETE FROM hub_sign_in_link WHERE made_by = $1")
            .bind(format!("person:{}", after.id))
            .execute(connection)
            .await?;
    }
    Ok(())
}

#[async_trait]
impl People for SqlHub {
    async fn people(&self) -> Result<Vec<StoredPerson>, HubStoreError> {
        all(&mut *self.reading().await?).await.doing("list people")
    }

    async fn person(&self, id: &str) -> Result<Option<StoredPerson>, HubStoreError> {
        const DOING: &str = "look for a person";
        let statement = format!("SELECT {PERSON} FROM hub_person p WHERE p.id = $1");
        let row = sqlx::query(composed(statement))
            .bind(id)
            .fetch_optional(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        row.as_ref().map(person).transpose().doing(DOING)
    }

    async fn person_of(&self, provider: &str, subject: &str) -> Result<Option<StoredPerson>, HubStoreError> {
        const DOING: &str = "look for a person of a provider";
        let statement = format!(
            "SELECT {PERSON} FROM hub_person p JOIN hub_identity i ON i.person = p.id \
             WHERE i.provider = $1 AND i.subject = $2"
        );
        let row = sqlx::query(composed(statement))
            .bind(provider)
            .bind(subject)
            .fetch_optional(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        row.as_ref().map(person).transpose().doing(DOING)
    }

    async fn identities(&self, of: &str) -> Result<Vec<StoredIdentity>, HubStoreError> {
        const DOING: &str = "list who a person is elsewhere";
        let statement =
            format!("SELECT {IDENTITY} FROM hub_identity WHERE person = $1 ORDER BY provider, subject");
        let rows = sqlx::query(composed(statement))
            .bind(of)
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        let read: Result<Vec<_>, _> = rows.iter().map(identity).collect();
        read.doing(DOING)
    }

    async fn every_identity(&self) -> Result<Vec<StoredIdentity>, HubStoreError> {
        const DOING: &str = "list who people are elsewhere";
        let statement = format!("SELECT {IDENTITY} FROM hub_identity ORDER BY person, provider, subject");
        let rows = sqlx::query(composed(statement))
            .fetch_all(&mut *self.reading().await?)
            .await
            .doing(DOING)?;
        let read: Result<Vec<_>, _> = rows.iter().map(identity).collect();
        read.doing(DOING)
    }

    async fn link_identity(&self, new: &StoredIdentity) -> Result<bool, HubStoreError> {
        const DOING: &str = "note who a person is elsewhere";
        let mut transaction = self.transaction().await?;
        count_change(&mut transaction).await.doing(DOING)?;
        let is_linked = link(&mut transaction, new).await.doing(DOING)?;
        transaction.commit().await.doing(DOING)?;
        Ok(is_linked)
    }

    async fn unlink_identity(&self, of: &str, provider: &str) -> Result<bool, HubStoreError> {
        const DOING: &str = "forget who a person is elsewhere";
        let mut transaction = self.transaction().await?;
        count_change(&mut transaction).await.doing(DOING)?;
        let done = sqlx::query("DELETE FROM hub_identity WHERE person = $1 AND provider = $2")
            .bind(of)
            .bind(provider)
            .execute(&mut *transaction)
            .await
            .doing(DOING)?;
        transaction.commit().await.doing(DOING)?;
        Ok(done.rows_affected() > 0)
    }

    async fn change_person(
        &self,
        id: &str,
        change: &PersonChange,
        deeds: &[ConsoleDeed],
    ) -> Result<PersonChanged, HubStoreError> {
        const DOING: &str = "change a person";
        let mut transaction = self.transaction().await?;
        // Its row is held first, so that two changes follow one another and cannot both take away the last but one.
        count_change(&mut transaction).await.doing(DOING)?;
        let people = all(&mut transaction).await.doing(DOING)?;
        let Some(before) = people.iter().find(|person| person.id == id) else {
            return Ok(PersonChanged::NotThere);
        };
        let after = change.of(before);
        let is_left = |other: &StoredPerson| other.id != id && administers(other);
        if administers(before) && !administers(&after) && !people.iter().any(is_left) {
            return Ok(PersonChanged::LastAdmin);
        }
        update(&mut transaction, before, &after).await.doing(DOING)?;
        console::keep(&mut transaction, deeds).await.doing(DOING)?;
        transaction.commit().await.doing(DOING)?;
        Ok(PersonChanged::Done)
    }

    async fn people_changed(&self) -> Result<i64, HubStoreError> {
        const ASK: &str = "SELECT value FROM hub_counter WHERE name = 'people'";
        let row = sqlx::query(ASK).fetch_one(&mut *self.reading().await?).await;
        row.and_then(|row| row.try_get(0))
            .doing("ask for changes of people")
    }
}
