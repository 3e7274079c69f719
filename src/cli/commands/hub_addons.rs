//! `sdm hub addons`, `grants` and `policy`: who may do what, decided at the hub's computer.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::super::context::{CommandResult, Context, Exit};
use super::super::error::{CommandError, ErrorKind};
use super::super::hub_door::administer;
use super::super::render::policy::differences as differences_text;
use super::super::text::neutralise;
use super::hub::{list, show, word};
use crate::access::policy::Difference;
use crate::access::snapshot::Right;
use crate::access::{AddonKey, Grant, Principal, ScopeSet, Selector, Term, Terms};
use crate::hub::addons::answers::Answer;
use crate::hub::addons::beyond::may_exceed;
use crate::hub::addons::giving::Given;
use crate::hub::addons::views;
use crate::model::Timestamp;
use crate::store::hub::Place;

/// What to do about add-ons; to list them when absent.
#[derive(Debug, clap::Args)]
pub(super) struct AddonArgs {
    #[command(subcommand)]
    command: Option<AddonCommand>,
}

#[derive(Debug, clap::Subcommand)]
enum AddonCommand {
    /// Show what an add-on asks for, what it has, and where
    Show {
        /// Its key
        key: String,
    },
    /// Agree to what an add-on asks for
    Approve {
        /// Its key
        key: String,
        /// Only these of its scopes
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
    },
    /// Reject what it asks for; it keeps what it has, and the same does not ask again
    Reject {
        /// Its key
        key: String,
    },
    /// Switch it off; what is connected ends within seconds, its events are held for 24 hours
    Disable {
        /// Its key
        key: String,
    },
    /// Switch it on again
    Enable {
        /// Its key
        key: String,
    },
    /// Set on which terms it is at work: these and no others; `none` for none
    Terms {
        /// Its key
        key: String,
        /// audience: its signed calls must name this hub; single_use: they must carry `jti` and `bh`; user_tokens: it is
        /// given short tokens of people who started something with it
        #[arg(value_name = "TERM", required = true)]
        terms: Vec<String>,
    },
    /// Take it away with its keys, its grants and its registrations
    Uninstall {
        /// Its key
        key: String,
    },
}

/// What to do about grants; to list them when absent.
#[derive(Debug, clap::Args)]
pub(super) struct GrantArgs {
    #[command(subcommand)]
    command: Option<GrantCommand>,
}

#[derive(Debug, clap::Subcommand)]
enum GrantCommand {
    /// Let an add-on or a person do something somewhere, or deny it
    Give {
        /// To whom: `addon:KEY` or `person:ID`
        #[arg(value_name = "WHO")]
        who: String,
        /// `read`, `write`, `admin` or `deny`
        #[arg(value_name = "RIGHT")]
        right: String,
        /// Where, such as repo:acme/app, repo:acme/*, env:production, channel:ID, feed:NAME, workspace or *
        #[arg(value_name = "RESOURCE")]
        on: String,
        /// When it ends by itself, such as 2027-01-31T00:00:00Z
        #[arg(long, value_name = "TIME")]
        until: Option<DateTime<Utc>>,
        /// Why
        #[arg(long)]
        note: Option<String>,
        /// Only say what would change
        #[arg(long)]
        preview: bool,
    },
    /// Take a grant away
    Take {
        /// Its id
        id: String,
        /// Only say what would change
        #[arg(long)]
        preview: bool,
    },
}

/// What to do about the policy as a whole.
#[derive(Debug, clap::Subcommand)]
pub(super) enum PolicyCommand {
    /// Print what is in force, with its tests, as a policy
    Export,
    /// Say whether administrators may give away what the forge does not give them, or change it
    Exceed {
        /// `yes` or `no`; to say what is in force when absent
        #[arg(value_parser = ["yes", "no"])]
        may: Option<String>,
    },
    /// Put a policy in force whose tests pass; whoever it does not mention loses what they had
    Apply {
        /// The policy
        file: PathBuf,
        /// Only say what would change
        #[arg(long)]
        preview: bool,
    },
}

pub(super) fn key(text: &str) -> Result<AddonKey, CommandError> {
    AddonKey::parse(text).map_err(|error| CommandError::from_error(ErrorKind::Usage, error))
}

/// `sdm hub addons`.
pub(super) fn addons(context: &mut Context, place: &Place, args: &AddonArgs) -> CommandResult {
    let Some(command) = &args.command else {
        let held = administer(place, false, |hub| async move { hub.rights().await })?;
        let rows = held
            .addons
            .iter()
            .map(|(key, addon)| views::addon(key, addon))
            .collect();
        show(context, "addons", rows, addon_line)?;
        return Ok(Exit::Ok);
    };
    let (name, answer, told) = match command {
        AddonCommand::Show { key: name } => return look(context, place, &key(name)?),
        AddonCommand::Terms { key: name, terms } => return set_terms(context, place, &key(name)?, terms),
        AddonCommand::Approve { key: name, scopes } => return approve(context, place, &key(name)?, scopes),
        AddonCommand::Reject { key } => (key, Answer::Reject, "rejected"),
        AddonCommand::Disable { key } => (key, Answer::Disable, "switched off"),
        AddonCommand::Enable { key } => (key, Answer::Enable, "switched on"),
        AddonCommand::Uninstall { key } => (key, Answer::Uninstall, "taken away"),
    };
    let key = key(name)?;
    let after = administer(place, false, |hub| async move {
        hub.answer_addon(&key, &answer).await
    })?;
    match context.ui.json {
        true => context.ui.object(&views::addon(&self::key(name)?, &after))?,
        false => context.ui.note(told),
    }
    Ok(Exit::Ok)
}

/// Scopes by their words.
pub(super) fn scopes(words: &[String]) -> Result<ScopeSet, CommandError> {
    ScopeSet::parse(words.iter().map(String::as_str)).map_err(|error| {
        let hint = error.hint();
        CommandError::from_error(ErrorKind::Usage, error).hint(hint)
    })
}

fn set_terms(context: &mut Context, place: &Place, key: &AddonKey, words: &[String]) -> CommandResult {
    let words = match words {
        [none] if none == "none" => &[],
        named => named,
    };
    let terms: Result<Terms, _> = words.iter().map(|word| Term::parse(word)).collect();
    let terms = terms.map_err(|error| CommandError::from_error(ErrorKind::Usage, error))?;
    administer(
        place,
        false,
        |hub| async move { hub.set_terms(key, &terms).await },
    )?;
    look(context, place, key)
}

fn approve(context: &mut Context, place: &Place, key: &AddonKey, words: &[String]) -> CommandResult {
    let scopes = match words {
        [] => None,
        named => Some(scopes(named)?),
    };
    let after = administer(
        place,
        false,
        |hub| async move { hub.approve_addon(key, scopes).await },
    )?;
    match context.ui.json {
        true => context.ui.object(&views::addon(key, &after))?,
        false => context.ui.note(&format!(
            "it may: {}; a key whose own scopes do not reach that is no wider than before",
            after.registration.approved()
        )),
    }
    Ok(Exit::Ok)
}

fn look(context: &mut Context, place: &Place, key: &AddonKey) -> CommandResult {
    let (addon, held) = administer(place, false, |hub| async move { hub.addon(key).await })?;
    let view = views::consent(key, &addon, &held);
    if context.ui.json {
        context.ui.object(&view)?;
    } else {
        context.ui.data(&consent_text(&view))?;
    }
    Ok(Exit::Ok)
}

/// An add-on in sentences, what is new first.
fn consent_text(view: &Value) -> String {
    let mut text = format!("{}\n", neutralise(&addon_line(view)));
    for (title, field) in [
        ("asks for", "new"),
        ("has", "kept"),
        ("gives up", "given_up"),
        ("cannot, even then", "never"),
    ] {
        let scopes = view[field].as_array().into_iter().flatten();
        let lines: String = scopes
            .map(|scope| {
                let (name, allows) = (word(scope, "scope"), word(scope, "allows"));
                let when = match scope["not_yet"].as_bool() {
                    Some(true) => "not available yet",
                    _ => word(scope, "sensitivity"),
                };
                format!("  {name:<20} {allows} ({when})\n")
            })
            .collect();
        if !lines.is_empty() {
            text.push_str(&format!("{title}:\n{lines}"));
        }
    }
    let terms = view["terms"].as_array().into_iter().flatten();
    let terms: String = terms
        .map(|term| format!("  {:<20} {}\n", word(term, "term"), word(term, "means")))
        .collect();
    if !terms.is_empty() {
        text.push_str(&format!("on these terms:\n{terms}"));
    }
    let grants = view["grants"].as_array().into_iter().flatten();
    let grants: String = grants
        .map(|grant| format!("  {}\n", neutralise(&grant_line(grant))))
        .collect();
    if !grants.is_empty() {
        text.push_str(&format!("where:\n{grants}"));
    }
    text
}

fn addon_line(row: &Value) -> String {
    let asks = list(row, "asks_for");
    let asks = if asks.is_empty() {
        String::new()
    } else {
        format!("  asks for {asks}")
    };
    format!(
        "{}  {:<9}  {:<11}  may {}{asks}",
        word(row, "key"),
        word(row, "kind"),
        word(row, "state"),
        list(&row["approval"], "scopes"),
    )
}

/// `sdm hub grants`.
pub(super) fn grants(context: &mut Context, place: &Place, args: &GrantArgs) -> CommandResult {
    match &args.command {
        None => {
            let grants = administer(place, false, |hub| async move { hub.grants().await })?;
            show(
                context,
                "grants",
                grants.iter().map(views::grant).collect(),
                grant_line,
            )?;
            Ok(Exit::Ok)
        }
        Some(GrantCommand::Give {
            who,
            right,
            on,
            until,
            note,
            preview,
        }) => {
            let usage = |message: String| CommandError::new(ErrorKind::Usage, message);
            let principal = Principal::parse(who).map_err(|error| usage(error.to_string()))?;
            let right = Right::read(right).ok_or_else(|| {
                usage(format!(
                    "`{}` is none of read, write, admin and deny",
                    neutralise(right)
                ))
            })?;
            let selector = Selector::parse(on).map_err(|error| usage(error.to_string()))?;
            let grant = Grant {
                selector,
                right,
                until: until.map(Timestamp::from),
                note: note.clone(),
            };
            let preview = *preview;
            let given = administer(place, false, |hub| async move {
                hub.give(principal, grant, preview).await
            })?;
            tell_given(context, &given, preview)
        }
        Some(GrantCommand::Take { id, preview }) => {
            let preview = *preview;
            let taken = administer(place, false, |hub| async move { hub.take(id, preview).await })?;
            tell_given(context, &taken, preview)
        }
    }
}

fn tell_given(context: &mut Context, given: &Given, preview: bool) -> CommandResult {
    if context.ui.json {
        let (grant, effect) = (views::grant(&given.grant), views::differences(&given.differences));
        context
            .ui
            .object(&json!({"grant": grant, "effect": effect, "preview": preview}))?;
        return Ok(Exit::Ok);
    }
    tell_effect(context, &given.differences, preview)?;
    // What is only looked at has an id that nobody finds afterwards.
    if !preview {
        context.ui.note(&format!("grant {}", given.grant.id));
    }
    Ok(Exit::Ok)
}

fn tell_effect(context: &mut Context, differences: &[Difference], preview: bool) -> Result<(), CommandError> {
    let text = differences_text(&context.ui.theme, differences);
    context.ui.data(&text)?;
    if preview {
        context.ui.note("nothing has changed: this is what would");
    }
    Ok(())
}

fn grant_line(row: &Value) -> String {
    let right = row["allow"].as_str().unwrap_or("deny");
    let until = row["until"]
        .as_str()
        .map(|until| format!("  until {until}"))
        .unwrap_or_default();
    let note = row["note"]
        .as_str()
        .map(|note| format!("  ({note})"))
        .unwrap_or_default();
    format!(
        "{}  {}  {right} on {}{until}  by {}{note}",
        word(row, "id"),
        word(row, "to"),
        word(row, "on"),
        word(row, "given_by")
    )
}

/// `sdm hub policy`.
pub(super) fn policy(context: &mut Context, place: &Place, command: &PolicyCommand) -> CommandResult {
    match command {
        PolicyCommand::Export => {
            let text = administer(place, false, |hub| async move { hub.policy().await })?;
            context.ui.data(&text)?;
        }
        PolicyCommand::Exceed { may } => exceed(context, place, may.as_deref())?,
        PolicyCommand::Apply { file, preview } => {
            let preview = *preview;
            let path = context.sources.directory.join(file);
            let text = std::fs::read(&path).map_err(|error| {
                CommandError::new(ErrorKind::Usage, format!("failed to read {}", file.display()))
                    .caused_by(error)
            })?;
            let applied = administer(place, false, |hub| async move {
                hub.apply_policy(&text, preview).await
            })?;
            if context.ui.json {
                context.ui.object(&json!({
                    "effect": views::differences(&applied.differences), "besides": applied.besides,
                    "tests": views::outcomes(&applied.outcomes), "preview": preview,
                }))?;
            } else {
                tell_effect(context, &applied.differences, preview)?;
                for besides in &applied.besides {
                    context.ui.data(&format!("{}\n", neutralise(besides)))?;
                }
                let tests = applied.outcomes.len();
                context.ui.note(&format!("tests that passed: {tests}"));
            }
        }
    }
    Ok(Exit::Ok)
}

fn exceed(context: &mut Context, place: &Place, may: Option<&str>) -> Result<(), CommandError> {
    let may = match may {
        Some(word) => {
            let may = word == "yes";
            administer(place, false, |hub| async move { hub.let_exceed(may).await })?;
            may
        }
        None => may_exceed(&administer(
            place,
            false,
            |hub| async move { hub.rights().await },
        )?),
    };
    if context.ui.json {
        context.ui.object(&json!({ "administrators_may_exceed": may }))?;
    } else {
        let said = match may {
            true => "administrators may give away what the forge does not give them",
            false => "administrators give away only what the forge gives them",
        };
        context.ui.data(&format!("{said}\n"))?;
    }
    Ok(())
}
