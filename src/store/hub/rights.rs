//! Who may do what: read as of one moment, changed from a version.

use async_trait::async_trait;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::SqlHub;
use super::console;
use super::forges;
use super::statement::{Doing, json, moment, moment_or_none, to_json};
use crate::model::Timestamp;
use crate::ports::hub::HubStoreError;
use crate::ports::rights::{
    RightsChange, RightsStore, StoredAddon, StoredConsent, StoredDeed, StoredGrant, StoredRights, StoredTerm,
    StoredTrust,
};

const READ: &str = "read who may do what";
const CHANGE: &str = "change who may do what";

/// Nobody in particular, in a column that holds a person.
const EVERYBODY: &str = "";

/// Versions of which it is kept by whose request they were made.
const DEEDS: i64 = 100;

type Done = Result<(), sqlx::Error>;

fn micros(moment: Option<Timestamp>) -> i64 {
    moment.map_or(0, Timestamp::as_micros)
}

/// JSON in a column that is empty when there is nothing.
fn json_or_none<T: serde::de::DeserializeOwned>(
    row: &AnyRow,
    column: &str,
) -> Result<Option<T>, sqlx::Error> {
    let is_empty = row.try_get::<String, _>(column)?.is_empty();
    match is_empty {
        true => Ok(None),
        false => json(row, column).map(Some),
    }
}

fn json_or_empty<T: serde::Serialize>(value: Option<&T>) -> String {
    value.map_or_else(String::new, to_json)
}

fn addon(row: &AnyRow) -> Result<StoredAddon, sqlx::Error> {
    Ok(StoredAddon {
        key: row.try_get("key")?,
        kind: row.try_get("kind")?,
        state: row.try_get("state")?,
        since: moment(row, "since")?,
        approval: json_or_none(row, "approval")?,
        wish: json_or_none(row, "wish")?,
        rejected: json(row, "rejected")?,
        held_until: moment_or_none(row, "held_until")?,
    })
}

fn grant(row: &AnyRow) -> Result<StoredGrant, sqlx::Error> {
    Ok(StoredGrant {
        id: row.try_get("id")?,
        principal: row.try_get("principal")?,
        selector: row.try_get("selector")?,
        allows: row.try_get("allows")?,
        ends: moment_or_none(row, "ends")?,
        given_by: row.try_get("given_by")?,
        given: moment(row, "given")?,
        note: row.try_get("note")?,
    })
}

fn consent(row: &AnyRow) -> Result<StoredConsent, sqlx::Error> {
    let person: String = row.try_get("person")?;
    Ok(StoredConsent {
        addon: row.try_get("addon")?,
        person: (person != EVERYBODY).then_some(person),
        given_by: row.try_get("given_by")?,
        given: moment(row, "given")?,
    })
}

fn term(row: &AnyRow) -> Result<StoredTerm, sqlx::Error> {
    Ok(StoredTerm {
        addon: row.try_get("addon")?,
        term: row.try_get("term")?,
        given_by: row.try_get("given_by")?,
        given: moment(row, "given")?,
    })
}

fn trust(row: &AnyRow) -> Result<StoredTrust, sqlx::Error> {
    Ok(StoredTrust {
        id: row.try_get("id")?,
        issuer: row.try_get("issuer")?,
        audience: row.try_get("audience")?,
        claims: json(row, "claims")?,
        addon: row.try_get("addon")?,
        scopes: json(row, "scopes")?,
        workspaces: json(row, "workspaces")?,
        given_by: row.try_get("given_by")?,
        given: moment(row, "given")?,
    })
}

fn deed(row: &AnyRow) -> Result<(i64, StoredDeed), sqlx::Error> {
    let deed = StoredDeed {
        who: row.try_get("who")?,
        request: row.try_get("request")?,
        ip: row.try_get("ip")?,
        user_agent: row.try_get("user_agent")?,
        noted: json_or_none(row, "noted")?,
    };
    Ok((row.try_get("version")?, deed))
}

async fn all<T>(
    connection: &mut AnyConnection,
    statement: &'static str,
    read: fn(&AnyRow) -> Result<T, sqlx::Error>,
) -> Result<Vec<T>, sqlx::Error> {
    let rows = sqlx::query(statement).fetch_all(connection).await?;
    rows.iter().map(read).collect()
}

async fn version(connection: &mut AnyConnection) -> Result<i64, sqlx::Error> {
    const ASK: &str = "SELECT value FROM hub_counter WHERE name = 'rights'";
    sqlx::query(ASK).fetch_one(connection).await?.try_get(0)
}

async fn everything(connection: &mut AnyConnection) -> Result<StoredRights, sqlx::Error> {
    let version = version(connection).await?;
    let setting = |row: &AnyRow| Ok((row.try_get("name")?, row.try_get("value")?));
    let settings: Vec<(String, String)> =
        all(connection, "SELECT * FROM hub_policy ORDER BY name", setting).await?;
    Ok(StoredRights {
        version,
        addons: all(connection, "SELECT * FROM hub_addon ORDER BY key", addon).await?,
        grants: all(connection, "SELECT * FROM hub_grant ORDER BY given, id", grant).await?,
        consents: all(
            connection,
            "SELECT * FROM hub_consent ORDER BY addon, person",
            consent,
        )
        .await?,
        terms: all(
            connection,
            "SELECT * FROM hub_addon_term ORDER BY addon, term",
            term,
        )
        .await?,
        trusts: all(connection, "SELECT * FROM hub_trust ORDER BY given, id", trust).await?,
        settings: settings.into_iter().collect(),
        forges: forges::told(connection).await?,
        deeds: all(connection, "SELECT * FROM hub_deed", deed)
            .await?
            .into_iter()
            .collect(),
    })
}

async fn put_addon(connection: &mut AnyConnection, addon: &StoredAddon) -> Done {
    const PUT: &str = "INSERT INTO hub_addon (key, kind, state, since, approval, wish, rejected, held_until) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (key) DO UPDATE SET kind = excluded.kind, \
        state = excluded.state, since = excluded.since, approval = excluded.approval, wish = excluded.wish, \
        rejected = excluded.rejected, held_until = excluded.held_until";
    let put = sqlx::query(PUT)
        .bind(addon.key.as_str())
        .bind(addon.kind.as_str())
        .bind(addon.state.as_str())
        .bind(addon.since.as_micros())
        .bind(json_or_empty(addon.approval.as_ref()))
        .bind(json_or_empty(addon.wish.as_ref()))
        .bind(to_json(&addon.rejected))
        .bind(micros(addon.held_until));
    put.execute(connection).await.map(|_| ())
}

async fn put_grant(connection: &mut AnyConnection, grant: &StoredGrant) -> Done {
    const PUT: &str = "INSERT INTO hub_grant (id, principal, selector, allows, ends, given_by, given, note) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET principal = excluded.principal, \
        selector = excluded.selector, allows = excluded.allows, ends = excluded.ends, given_by = excluded.given_by, \
        given = excluded.given, note = excluded.note";
    let put = sqlx::query(PUT)
        .bind(grant.id.as_str())
        .bind(grant.principal.as_str())
        .bind(grant.selector.as_str())
        .bind(grant.allows.as_str())
        .bind(micros(grant.ends))
        .bind(grant.given_by.as_str())
        .bind(grant.given.as_micros())
        .bind(grant.note.as_str());
    put.execute(connection).await.map(|_| ())
}

async fn put_consent(connection: &mut AnyConnection, consent: &StoredConsent) -> Done {
    const PUT: &str = "INSERT INTO hub_consent (addon, person, given_by, given) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (addon, person) DO NOTHING";
    let put = sqlx::query(PUT)
        .bind(consent.addon.as_str())
        .bind(consent.person.as_deref().unwrap_or(EVERYBODY))
        .bind(consent.given_by.as_str())
        .bind(consent.given.as_micros());
    put.execute(connection).await.map(|_| ())
}

async fn put_term(connection: &mut AnyConnection, term: &StoredTerm) -> Done {
    const PUT: &str = "INSERT INTO hub_addon_term (addon, term, given_by, given) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (addon, term) DO NOTHING";
    let put = sqlx::query(PUT)
        .bind(term.addon.as_str())
        .bind(term.term.as_str())
        .bind(term.given_by.as_str())
        .bind(term.given.as_micros());
    put.execute(connection).await.map(|_| ())
}

async fn put_trust(connection: &mut AnyConnection, trust: &StoredTrust) -> Done {
    const PUT: &str = "INSERT INTO hub_trust (id, issuer, audience, claims, addon, scopes, workspaces, given_by, given) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO UPDATE SET issuer = excluded.issuer, \
        audience = excluded.audience, claims = excluded.claims, addon = excluded.addon, scopes = excluded.scopes, \
        workspaces = excluded.workspaces, given_by = excluded.given_by, given = excluded.given";
    let put = sqlx::query(PUT)
        .bind(trust.id.as_str())
        .bind(trust.issuer.as_str())
        .bind(trust.audience.as_str())
        .bind(to_json(&trust.claims))
        .bind(trust.addon.as_str())
        .bind(to_json(&trust.scopes))
        .bind(to_json(&trust.workspaces))
        .bind(trust.given_by.as_str())
        .bind(trust.given.as_micros());
    put.execute(connection).await.map(|_| ())
}

pub(super) async fn put_deed(connection: &mut AnyConnection, version: i64, deed: &StoredDeed) -> Done {
    const PUT: &str = "INSERT INTO hub_deed (version, who, request, ip, user_agent, noted) VALUES ($1, $2, $3, $4, $5, $6) \
        ON CONFLICT (version) DO UPDATE SET who = excluded.who, request = excluded.request, ip = excluded.ip, \
        user_agent = excluded.user_agent, noted = excluded.noted";
    sqlx::query("DELETE FROM hub_deed WHERE version <= $1")
        .bind(version - DEEDS)
        .execute(&mut *connection)
        .await?;
    let put = sqlx::query(PUT)
        .bind(version)
        .bind(deed.who.as_str())
        .bind(deed.request.as_str())
        .bind(deed.ip.as_str())
        .bind(deed.user_agent.as_str())
        .bind(json_or_empty(deed.noted.as_ref()));
    put.execute(connection).await.map(|_| ())
}

/// Runs a statement of texts alone.
async fn say(connection: &mut AnyConnection, statement: &'static str, texts: &[&str]) -> Done {
    let mut query = sqlx::query(statement);
    for text in texts {
        query = query.bind(*text);
    }
    query.execute(connection).await.map(|_| ())
}

async fn make(connection: &mut AnyConnection, version: i64, change: &RightsChange) -> Done {
    match change {
        RightsChange::Deed(deed) => put_deed(connection, version, deed).await,
        RightsChange::AtConsole(deed) => console::keep(connection, std::slice::from_ref(deed)).await,
        RightsChange::Addon(addon) => put_addon(connection, addon).await,
        RightsChange::Grant(grant) => put_grant(connection, grant).await,
        RightsChange::Consent(consent) => put_consent(connection, consent).await,
        RightsChange::Term(term) => put_term(connection, term).await,
        RightsChange::NoTerm { addon, term } => {
            const TAKE: &str = "DELETE FROM hub_addon_term WHERE addon = $1 AND term = $2";
            say(connection, TAKE, &[addon, term]).await
        }
        RightsChange::Trust(trust) => put_trust(connection, trust).await,
        RightsChange::NoGrant(id) => say(connection, "DELETE FROM hub_grant WHERE id = $1", &[id]).await,
        RightsChange::NoTrust(id) => say(connection, "DELETE FROM hub_trust WHERE id = $1", &[id]).await,
        RightsChange::NoConsent { addon, person } => {
            const TAKE: &str = "DELETE FROM hub_consent WHERE addon = $1 AND person = $2";
            let person = person.as_deref().unwrap_or(EVERYBODY);
            say(connection, TAKE, &[addon, person]).await
        }
        RightsChange::Setting { name, value } => {
            const SET: &str = "INSERT INTO hub_policy (name, value) VALUES ($1, $2) \
                ON CONFLICT (name) DO UPDATE SET value = excluded.value";
            say(connection, SET, &[name, value]).await
        }
    }
}

#[async_trait]
impl RightsStore for SqlHub {
    async fn rights_version(&self) -> Result<i64, HubStoreError> {
        version(&mut *self.reading().await?).await.doing(READ)
    }

    async fn rights(&self) -> Result<StoredRights, HubStoreError> {
        // The counter is read first and again: whoever changed something between the tables has moved it.
        loop {
            let mut connection = self.reading().await?;
            let read = everything(&mut connection).await.doing(READ)?;
            if version(&mut connection).await.doing(READ)? == read.version {
                return Ok(read);
            }
        }
    }

    async fn change_rights(
        &self,
        version: i64,
        changes: &[RightsChange],
    ) -> Result<Option<i64>, HubStoreError> {
        const NEXT: &str =
            "UPDATE hub_counter SET value = value + 1 WHERE name = 'rights' AND value = $1 RETURNING value";
        let mut transaction = self.transaction().await?;
        let row = sqlx::query(NEXT)
            .bind(version)
            .fetch_optional(&mut *transaction)
            .await
            .doing(CHANGE)?;
        let Some(row) = row else {
            return Ok(None);
        };
        let made: i64 = row.try_get(0).doing(CHANGE)?;
        for change in changes {
            make(&mut transaction, made, change).await.doing(CHANGE)?;
        }
        transaction.commit().await.doing(CHANGE)?;
        Ok(Some(made))
    }
}
