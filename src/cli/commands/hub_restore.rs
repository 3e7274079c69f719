//! `sdm hub restore`: puts the hub's memory back to a copy, and says what that means.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::json;

use super::super::context::{CommandResult, Context, Exit};
use super::super::error::{CommandError, ErrorKind};
use super::super::hub_door::put_back;
use super::super::text::{neutralise, plural};
use crate::hub::restore::Restored;
use crate::store::hub::Place;

/// Which copy.
#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// Copy that `sdm hub backup` has written; none for a memory in Postgres, which its own programs put back before
    file: Option<PathBuf>,
}

/// `sdm hub restore`.
pub(super) fn run(context: &mut Context, place: &Place, args: &RestoreArgs) -> CommandResult {
    let copy = match (place, &args.file) {
        (Place::File(_), Some(file)) => Some(context.sources.directory.join(file)),
        (Place::Postgres(_), None) => None,
        (Place::File(_), None) => {
            return Err(CommandError::new(ErrorKind::Usage, "which copy?").hint("sdm hub restore FILE"));
        }
        (Place::Postgres(_), Some(_)) => {
            return Err(CommandError::new(
                ErrorKind::Usage,
                "a memory in Postgres is put back by Postgres itself",
            )
            .hint("after pg_restore say `sdm hub restore` without a file, so that machines notice"));
        }
    };
    let restored = put_back(place, copy.as_deref())?;
    if context.ui.json {
        context.ui.object(&shape(&restored))?;
    } else {
        context.ui.data(&report(&restored))?;
    }
    Ok(Exit::Ok)
}

fn shape(restored: &Restored) -> serde_json::Value {
    json!({
        "known_until": restored.known_until.rfc3339(), "replaced": restored.aside, "unread": restored.unread,
        "revoked_keys": restored.revoked, "webhooks_since": restored.lost_webhooks,
        "lost_keys": restored.lost_keys.iter().map(|(id, owner)| json!({"id": id, "owner": owner})).collect::<Vec<_>>(),
        "lost_machines": restored.lost_machines,
    })
}

/// For the operator: what is known, what comes by itself, and what is to be done.
fn report(restored: &Restored) -> String {
    let mut text = format!(
        "The hub's memory is put back. It knows what happened until {}.\n",
        restored.known_until.rfc3339()
    );
    if let Some(aside) = &restored.aside {
        let _ = writeln!(
            text,
            "The memory that was there before: {}",
            neutralise(&aside.display().to_string())
        );
    }
    text.push_str(
        "\nBy itself:\n  Machines register again and tell what became of their goals since; nothing runs twice because of it.\n",
    );
    for key in &restored.revoked {
        let _ = writeln!(text, "  The key {key} was revoked meanwhile and stays so.");
    }
    text.push_str("\nTo be done:\n");
    if let Some(because) = &restored.unread {
        let _ = writeln!(
            text,
            "  The memory before could not be read ({}): revoke again what was revoked since, and look at who may do what.",
            neutralise(because)
        );
    }
    let webhooks = restored.lost_webhooks;
    let _ = match webhooks {
        0 => writeln!(text, "  Let the forge send again what it has sent since."),
        some => writeln!(
            text,
            "  Let the forge send again what it has sent since: {some} {} came.",
            plural(u32::try_from(some).unwrap_or(u32::MAX), "webhook", "webhooks")
        ),
    };
    for (id, owner) in &restored.lost_keys {
        let _ = writeln!(
            text,
            "  The key {id} of {} was made since and is gone: make another.",
            neutralise(owner)
        );
    }
    for machine in &restored.lost_machines {
        let _ = writeln!(
            text,
            "  {} registered since; it will do so again.",
            neutralise(machine)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn k4_the_operator_gets_a_report() {
        let restored = Restored {
            known_until: Timestamp::from_micros(1_795_000_000_000_000),
            aside: Some("/var/lib/sdm/hub.db.replaced-20261126T100000Z".into()),
            unread: None,
            revoked: vec!["k7".to_owned()],
            lost_keys: vec![("k9".to_owned(), "person:ada".to_owned())],
            lost_machines: vec!["sdm 1.0.0".to_owned()],
            lost_webhooks: 2,
        };
        insta::assert_snapshot!(report(&restored), @r"
        The hub's memory is put back. It knows what happened until 2026-11-18T11:06:40.000000Z.
        The memory that was there before: /var/lib/sdm/hub.db.replaced-20261126T100000Z

        By itself:
          Machines register again and tell what became of their goals since; nothing runs twice because of it.
          The key k7 was revoked meanwhile and stays so.

        To be done:
          Let the forge send again what it has sent since: 2 webhooks came.
          The key k9 of person:ada was made since and is gone: make another.
          sdm 1.0.0 registered since; it will do so again.
        ");
    }
}
