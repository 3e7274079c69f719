//! What Postgres knows of the sizes of the graph's tables. It counts by itself once a minute at best; until it has, it takes
//! whatever is asked for one row, and then reads all nodes of a type to find one.

use sqlx::{AnyConnection, Row};

/// Nodes from which on Postgres counts often enough by itself.
const MANY: f64 = 10_000.0;

/// Lets it count at the 8th unit of work of a workspace, the 16th, the 32nd and so on, as long as it knows of few nodes.
pub(super) async fn count(connection: &mut AnyConnection, unit: i64) -> Result<(), sqlx::Error> {
    const KNOWN: &str =
        "SELECT CAST(reltuples AS DOUBLE PRECISION) FROM pg_class WHERE oid = CAST('hub_node' AS regclass)";
    const COUNT: &str = "ANALYZE (SKIP_LOCKED) hub_node, hub_node_key, hub_node_link, hub_node_value, hub_node_version, \
        hub_received, hub_delivery";
    let is_due = unit >= 8 && unit.count_ones() == 1;
    if !is_due || connection.backend_name() != "PostgreSQL" {
        return Ok(());
    }
    let known: f64 = sqlx::query(KNOWN).fetch_one(&mut *connection).await?.try_get(0)?;
    if known < MANY {
        sqlx::query(COUNT).execute(connection).await?;
    }
    Ok(())
}
