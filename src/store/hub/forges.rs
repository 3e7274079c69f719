//! What is kept of places that do not say their forge: they are at the only one that their workspaces are told of, which is written
//! down when it is heard of.

use std::collections::HashMap;

use sqlx::{AnyConnection, Row as _};

use super::rights::put_deed;
use super::statement::{composed, json};
use crate::ports::rights::StoredDeed;
use crate::ports::told_forges::{News, PinnedPlaces, ToldForges};

/// What looking at them is called where it fails.
pub(super) const LIST: &str = "list forges";

/// Whoever looks at rights reads them again.
const NEXT: &str = "UPDATE hub_counter SET value = value + 1 WHERE name = 'rights' RETURNING value";

/// A denial that says no forge is for all of them, and stays so.
const GRANTS: &str = "SELECT id, selector, principal FROM hub_grant \
    WHERE allows <> 'deny' AND selector LIKE 'repo:%' AND selector NOT LIKE 'repo:%/%/%'";

const DELIVERIES: &str = "UPDATE hub_delivery SET resource = 'repo:' || $1 || '/' || substr(resource, 6) \
    WHERE workspace = $2 AND resource LIKE 'repo:%' AND resource NOT LIKE 'repo:%/%/%'";

/// For which workspaces add-ons have keys, are installed, or have jobs that are trusted.
const WORKSPACES: &str = "SELECT owner AS whose, workspaces FROM hub_key \
    UNION ALL SELECT 'addon:' || key AS whose, workspaces FROM hub_extension \
    UNION ALL SELECT 'addon:' || addon AS whose, workspaces FROM hub_trust";

/// Of whom something is.
#[derive(Debug, Clone, Copy)]
enum Whose {
    /// Of workspaces that a column lists.
    Workspaces(&'static str),
    /// Of an add-on whose key a column holds.
    Addon(&'static str),
}

/// A table with the column that tells its rows apart, and one that holds places in JSON.
struct Lists {
    table: &'static str,
    id: &'static str,
    places: &'static str,
    whose: Whose,
}

const KEYS: Lists = Lists {
    table: "hub_key",
    id: "id",
    places: "repositories",
    whose: Whose::Workspaces("workspaces"),
};

const HANDED: [Lists; 2] = [
    Lists {
        table: "hub_handle",
        id: "digest",
        places: "resources",
        whose: Whose::Addon("addon"),
    },
    Lists {
        table: "hub_handed_token",
        id: "digest",
        places: "limits",
        whose: Whose::Addon("addon"),
    },
];

/// Forges that webhooks have told of.
pub(super) async fn told(connection: &mut AnyConnection) -> Result<ToldForges, sqlx::Error> {
    const ASK: &str = "SELECT workspace.id AS workspace, node.id AS forge FROM hub_workspace AS workspace \
        JOIN hub_node AS node ON node.workspace = workspace.id AND node.kind = 'SCMProvider'";
    let rows = sqlx::query(ASK).fetch_all(connection).await?;
    let pair = |row: &sqlx::any::AnyRow| Ok((row.try_get("workspace")?, row.try_get("forge")?));
    rows.iter().map(pair).collect()
}

/// Puts what says no forge where news put it: grants that allow something, keys, handles, handed tokens, and what waits for machines.
pub(super) async fn pin(connection: &mut AnyConnection, news: &News) -> Result<PinnedPlaces, sqlx::Error> {
    let version: i64 = sqlx::query(NEXT).fetch_one(&mut *connection).await?.try_get(0)?;
    let nothing_given = StoredDeed {
        noted: Some(Vec::new()),
        ..StoredDeed::default()
    };
    put_deed(connection, version, &nothing_given).await?;
    pin_deliveries(connection, news).await?;
    let owners = workspaces_of_owners(connection).await?;
    for lists in &HANDED {
        pin_lists(connection, lists, news, &owners).await?;
    }
    let mut pinned = PinnedPlaces::default();
    for (id, places) in pin_lists(connection, &KEYS, news, &owners).await? {
        let places = serde_json::from_str(&places).map_err(|error| sqlx::Error::Decode(error.into()))?;
        pinned.keys.insert(id, places);
    }
    pin_grants(connection, news, (&owners, &mut pinned)).await?;
    Ok(pinned)
}

/// Workspaces of owners, as principals are written.
type Owners = HashMap<String, Vec<String>>;

async fn workspaces_of_owners(connection: &mut AnyConnection) -> Result<Owners, sqlx::Error> {
    let mut owners = Owners::new();
    for row in sqlx::query(WORKSPACES).fetch_all(connection).await? {
        let workspaces: Vec<String> = json(&row, "workspaces")?;
        owners
            .entry(row.try_get("whose")?)
            .or_default()
            .extend(workspaces);
    }
    Ok(owners)
}

fn of_owner<'o>(owners: &'o Owners, owner: &str) -> &'o [String] {
    owners.get(owner).map_or(&[], Vec::as_slice)
}

async fn pin_deliveries(connection: &mut AnyConnection, news: &News) -> Result<(), sqlx::Error> {
    let workspace = [news.workspace.clone()];
    let Some(forge) = news.place(&workspace) else {
        return Ok(());
    };
    let query = sqlx::query(DELIVERIES).bind(forge).bind(news.workspace.as_str());
    query.execute(connection).await.map(|_| ())
}

async fn pin_grants(
    connection: &mut AnyConnection,
    news: &News,
    (owners, pinned): (&Owners, &mut PinnedPlaces),
) -> Result<(), sqlx::Error> {
    const PUT: &str = "UPDATE hub_grant SET selector = $1 WHERE id = $2";
    for row in sqlx::query(GRANTS).fetch_all(&mut *connection).await? {
        let (id, selector): (String, String) = (row.try_get("id")?, row.try_get("selector")?);
        let principal: String = row.try_get("principal")?;
        let (Some(place), Some(forge)) = (
            selector.strip_prefix("repo:"),
            news.place(of_owner(owners, &principal)),
        ) else {
            continue;
        };
        let selector = format!("repo:{forge}/{place}");
        let query = sqlx::query(PUT).bind(selector.as_str()).bind(id.as_str());
        query.execute(&mut *connection).await?;
        pinned.grants.insert(id, selector);
    }
    Ok(())
}

/// What has changed: ids, with the JSON as it is now.
async fn pin_lists(
    connection: &mut AnyConnection,
    lists: &Lists,
    news: &News,
    owners: &Owners,
) -> Result<Vec<(String, String)>, sqlx::Error> {
    let Lists {
        table,
        id,
        places,
        whose,
    } = lists;
    let (Whose::Workspaces(column) | Whose::Addon(column)) = whose;
    let find = format!(
        "SELECT {id} AS id, {places} AS places, {column} AS whose FROM {table} WHERE {places} LIKE '%\"repo:%'"
    );
    let put = format!("UPDATE {table} SET {places} = $1 WHERE {id} = $2");
    let mut changed = Vec::new();
    for row in sqlx::query(composed(find)).fetch_all(&mut *connection).await? {
        let (id, before): (String, String) = (row.try_get("id")?, row.try_get("places")?);
        let workspaces: Vec<String> = match whose {
            Whose::Workspaces(_) => json(&row, "whose")?,
            Whose::Addon(_) => {
                let addon: String = row.try_get("whose")?;
                of_owner(owners, &format!("addon:{addon}")).to_vec()
            }
        };
        let Some(after) = news.place(&workspaces).map(|forge| pinned(&before, forge)) else {
            continue;
        };
        if after != before {
            let query = sqlx::query(composed(put.clone()));
            let query = query.bind(after.as_str()).bind(id.as_str());
            query.execute(&mut *connection).await?;
            changed.push((id, after));
        }
    }
    Ok(changed)
}

/// JSON in which every repository says its forge: this one, where it said none.
fn pinned(text: &str, forge: &str) -> String {
    const PLACE: &str = "\"repo:";
    let mut parts = text.split(PLACE);
    let mut pinned = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        pinned.push_str(PLACE);
        let place = part.split('"').next().unwrap_or_default();
        if place.matches('/').count() == 1 {
            pinned.push_str(forge);
            pinned.push('/');
        }
        pinned.push_str(part);
    }
    pinned
}

#[cfg(test)]
mod tests {
    use super::pinned;

    #[test]
    fn a8_places_that_say_no_forge_are_put_at_one_and_others_stay() {
        let before = r#"{"on":["repo:acme/app#7","repo:acme/*","repo:ghe.example.org/acme/app","env:a/b"]}"#;
        let after = r#"{"on":["repo:github.com/acme/app#7","repo:github.com/acme/*","repo:ghe.example.org/acme/app","env:a/b"]}"#;
        assert_eq!(pinned(before, "github.com"), after);
        assert_eq!(pinned(after, "ghe.example.org"), after);
        assert_eq!(pinned("[]", "github.com"), "[]");
    }
}
