//! `sdm hub machines`: machines that registered, and those that were taken away and are refused.

use serde_json::{Value, json};

use super::super::context::{CommandResult, Context, Exit};
use super::super::hub_door::administer;
use super::super::text::neutralise;
use super::hub::{show, word};
use crate::ports::hub::{SentAway, StoredRegistration};
use crate::runtime::clock::{Clock, SystemClock};
use crate::store::hub::Place;
use crate::wire::hub::PolicyName;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Take away the registration of this id, with what waits for it, and refuse it from now on; other versions of the machine are
    /// others
    #[arg(long, value_name = "ID")]
    remove: Option<String>,
    /// Refuse the registration that had this id no more
    #[arg(long, value_name = "ID", conflicts_with = "remove")]
    let_in: Option<String>,
}

/// `sdm hub machines`.
pub(super) fn run(context: &mut Context, place: &Place, args: &Args) -> CommandResult {
    match (&args.remove, &args.let_in) {
        (Some(id), _) => {
            administer(place, false, |hub| async move { hub.send_away(id).await })?;
            context.ui.note(&format!(
                "taken away, and refused until you say `sdm hub machines --let-in {}`",
                neutralise(id)
            ));
        }
        (None, Some(id)) => {
            administer(place, false, |hub| async move { hub.let_in(id).await })?;
            context.ui.note("it may register again");
        }
        (None, None) => {
            let (machines, away) = administer(place, false, |hub| async move {
                Ok((hub.registrations().await?, hub.sent_away().await?))
            })?;
            let rows = machines.iter().map(machine_row);
            let rows = rows.chain(away.iter().map(away_row)).collect();
            show(context, "machines", rows, machine_line)?;
        }
    }
    Ok(Exit::Ok)
}

fn machine_row(machine: &StoredRegistration) -> Value {
    let policy = match machine.policy {
        PolicyName::Ephemeral => "ephemeral",
        PolicyName::Durable => "durable",
    };
    json!({
        "id": machine.id, "workspace": machine.workspace, "name": machine.name, "version": machine.version,
        "policy": policy, "key": machine.principal, "connected": machine.alive_until > SystemClock.now(),
    })
}

fn away_row(away: &SentAway) -> Value {
    json!({
        "id": away.id, "workspace": away.workspace, "name": away.name, "version": away.version, "connected": false,
        "taken_away_at": away.at.rfc3339(), "owner": away.owner,
    })
}

fn machine_line(row: &Value) -> String {
    if row["taken_away_at"].is_string() {
        return format!(
            "{}  {:<9}  {}@{}  of {}  in {}",
            word(row, "id"),
            "refused",
            word(row, "name"),
            word(row, "version"),
            word(row, "owner"),
            word(row, "workspace"),
        );
    }
    let state = if row["connected"] == json!(true) {
        "connected"
    } else {
        "away"
    };
    format!(
        "{}  {:<9}  {}@{}  {}  in {}  by key {}",
        word(row, "id"),
        state,
        word(row, "name"),
        word(row, "version"),
        word(row, "policy"),
        word(row, "workspace"),
        word(row, "key")
    )
}
