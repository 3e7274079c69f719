//! `sdm hub people`: who may come in at a hub, at its computer.

use serde_json::{Value, json};

use super::super::context::{CommandResult, Context, Exit};
use super::super::error::{CommandError, ErrorKind};
use super::super::hub_door::administer;
use super::super::text::neutralise;
use super::hub::{show, word};
use crate::hub::people::administration::MadeLink;
use crate::ports::people::{Invited, PersonChange, PersonRole, PersonState, StoredPerson};
use crate::store::hub::Place;

/// What to do about people; to list them when absent.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<PeopleCommand>,
}

#[derive(Debug, clap::Subcommand)]
enum PeopleCommand {
    /// Print a link by which somebody new comes in, within 7 days
    Invite {
        /// Their id here, for good: letters, digits, `.`, `_` and `-`
        id: String,
        /// Their name; the id when absent
        #[arg(long, value_name = "NAME")]
        full_name: Option<String>,
        /// What they will be: member, admin or owner
        #[arg(long, default_value = "member")]
        role: String,
    },
    /// Print a link by which a person signs in once, within 15 minutes
    Link {
        /// Their id
        id: String,
    },
    /// Make a person a member, an admin or an owner; they sign in again
    Role {
        /// Their id
        id: String,
        /// The role
        role: String,
    },
    /// Let a person in no more; their sessions and keys end at once
    Suspend {
        /// Their id
        id: String,
    },
    /// Let a person in again
    Restore {
        /// Their id
        id: String,
    },
}

/// `sdm hub people`, at a hub with this address.
pub(super) fn run(context: &mut Context, place: &Place, args: &Args, address: &str) -> CommandResult {
    match &args.command {
        None => {
            let people = administer(place, false, |hub| async move { hub.people().await })?;
            show(
                context,
                "people",
                people.iter().map(person_row).collect(),
                person_line,
            )?;
        }
        Some(PeopleCommand::Invite { id, full_name, role }) => {
            let invited = Invited {
                name: full_name.clone().unwrap_or_else(|| id.clone()),
                role: read_role(role)?,
            };
            let made = administer(place, false, |hub| async move {
                hub.invite(id, invited, address).await
            })?;
            show_link(context, &made)?;
        }
        Some(PeopleCommand::Link { id }) => {
            let made = administer(place, false, |hub| async move { hub.link_for(id, address).await })?;
            show_link(context, &made)?;
        }
        Some(PeopleCommand::Role { id, role }) => {
            let change = PersonChange {
                role: Some(read_role(role)?),
                ..PersonChange::default()
            };
            changed(context, place, id, &change, "changed; they sign in again")?;
        }
        Some(PeopleCommand::Suspend { id }) => {
            let change = PersonChange {
                state: Some(PersonState::Suspended),
                ..PersonChange::default()
            };
            changed(context, place, id, &change, "suspended")?;
        }
        Some(PeopleCommand::Restore { id }) => {
            let change = PersonChange {
                state: Some(PersonState::Active),
                ..PersonChange::default()
            };
            changed(context, place, id, &change, "may come in again")?;
        }
    }
    Ok(Exit::Ok)
}

/// Warns that a person's key can do little before the person has come in.
pub(super) fn warn_of_unseen(context: &Context, place: &Place, id: &str) -> Result<(), CommandError> {
    let people = administer(place, false, |hub| async move { hub.people().await })?;
    if !people.iter().any(|person| person.id == id) {
        let id = neutralise(id);
        context.ui.warn(&format!(
            "`{id}` has not come in at this hub yet: until then the key does no more than a member may whom nobody knows"
        ));
        context.ui.note(&format!(
            "hint: let them in with `sdm hub people invite {id} --role ROLE`"
        ));
    }
    Ok(())
}

fn read_role(role: &str) -> Result<PersonRole, CommandError> {
    PersonRole::read(role).ok_or_else(|| {
        CommandError::new(ErrorKind::Usage, format!("`{}` is no role", neutralise(role)))
            .hint("member, admin or owner")
    })
}

fn changed(
    context: &Context,
    place: &Place,
    id: &str,
    change: &PersonChange,
    said: &str,
) -> Result<(), CommandError> {
    administer(
        place,
        false,
        |hub| async move { hub.change_person(id, change).await },
    )?;
    context.ui.note(said);
    Ok(())
}

fn show_link(context: &mut Context, made: &MadeLink) -> Result<(), CommandError> {
    let expires = made.stored.expires.rfc3339();
    if context.ui.json {
        let shown = json!({
            "id": made.stored.id, "person": made.stored.person, "link": made.address, "expires_at": expires,
        });
        return Ok(context.ui.object(&shown)?);
    }
    context.ui.data(&format!("{}\n", made.address))?;
    context.ui.note(&format!(
        "for {}, until {expires}; it counts once and is shown only now",
        made.stored.person
    ));
    Ok(())
}

fn person_row(person: &StoredPerson) -> Value {
    json!({
        "id": person.id, "name": person.name, "role": person.role.word(), "state": person.state.word(),
        "created_at": person.created.rfc3339(),
    })
}

fn person_line(row: &Value) -> String {
    format!(
        "{}  {:<6}  {:<9}  {}",
        word(row, "id"),
        word(row, "role"),
        word(row, "state"),
        word(row, "name")
    )
}
