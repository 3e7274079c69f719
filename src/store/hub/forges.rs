//! Forges that webhooks have told of, and what is kept of places that do not say their forge: they are at the only one, which is written down before there is a second.

use sqlx::{AnyConnection, Row as _};

use super::statement::composed;

/// What is done, where it fails.
pub(super) const LIST: &str = "list forges";

const TOLD: &str = "SELECT DISTINCT node.id FROM hub_workspace AS workspace \
    JOIN hub_node AS node ON node.workspace = workspace.id AND node.kind = 'SCMProvider' ORDER BY node.id";

/// Forges that webhooks have told of in any workspace, in the order of their names.
pub(super) async fn told(connection: &mut AnyConnection) -> Result<Vec<String>, sqlx::Error> {
    let rows = sqlx::query(TOLD).fetch_all(connection).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// Whoever looks at rights reads them again.
const NEXT: &str = "UPDATE hub_counter SET value = value + 1 WHERE name = 'rights'";

/// A denial that says no forge is for all of them, and stays so.
const GRANTS: &str = "UPDATE hub_grant SET selector = 'repo:' || $1 || '/' || substr(selector, 6) \
    WHERE allows <> 'deny' AND selector LIKE 'repo:%' AND selector NOT LIKE 'repo:%/%/%'";

const DELIVERIES: &str = "UPDATE hub_delivery SET resource = 'repo:' || $1 || '/' || substr(resource, 6) \
    WHERE resource LIKE 'repo:%' AND resource NOT LIKE 'repo:%/%/%'";

/// Tables with the column that tells their rows apart, and one that holds places in JSON.
const LISTS: [(&str, &str, &str); 3] = [
    ("hub_key", "id", "repositories"),
    ("hub_handle", "digest", "resources"),
    ("hub_handed_token", "digest", "limits"),
];

/// Puts what says no forge at this one: grants that allow something, keys, handles, handed tokens, and what waits for machines.
pub(super) async fn pin(connection: &mut AnyConnection, forge: &str) -> Result<(), sqlx::Error> {
    sqlx::query(NEXT).execute(&mut *connection).await?;
    for statement in [GRANTS, DELIVERIES] {
        let query = sqlx::query(statement).bind(forge);
        query.execute(&mut *connection).await?;
    }
    for list in LISTS {
        pin_lists(connection, list, forge).await?;
    }
    Ok(())
}

async fn pin_lists(
    connection: &mut AnyConnection,
    (table, key, column): (&str, &str, &str),
    forge: &str,
) -> Result<(), sqlx::Error> {
    let find = format!("SELECT {key}, {column} FROM {table} WHERE {column} LIKE '%\"repo:%'");
    let put = format!("UPDATE {table} SET {column} = $1 WHERE {key} = $2");
    let rows = sqlx::query(composed(find)).fetch_all(&mut *connection).await?;
    for row in rows {
        let (id, before): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let after = pinned(&before, forge);
        if after != before {
            let query = sqlx::query(composed(put.clone()));
            let query = query.bind(after.as_str()).bind(id.as_str());
            query.execute(&mut *connection).await?;
        }
    }
    Ok(())
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
