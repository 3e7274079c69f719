//! `sdm hub trust`: issuers of tokens whose jobs are add-ons, decided at the hub's computer (security model 10.6).

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::context::{CommandResult, Context, Exit};
use super::super::error::{CommandError, ErrorKind};
use super::super::hub_door::administer;
use super::super::text::neutralise;
use super::hub::{WORKSPACE, list, show, word};
use super::hub_addons::{key, scopes};
use crate::access::Limit;
use crate::access::federation::TrustedIssuer;
use crate::hub::addons::views;
use crate::store::hub::Place;

/// What to do about trusted issuers; to list them when absent.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<TrustCommand>,
}

#[derive(Debug, clap::Subcommand)]
enum TrustCommand {
    /// Take jobs that prove themselves by a token of an issuer for an add-on
    Add(AddArgs),
    /// Trust an issuer no more; tokens of its jobs end at once
    Remove {
        /// Its id
        id: String,
    },
}

/// Whom to trust for what.
#[derive(Debug, clap::Args)]
struct AddArgs {
    /// Address of the issuer, exactly as its tokens name it, such as https://token.actions.githubusercontent.com
    issuer: String,
    /// The add-on that such a job is
    #[arg(long, value_name = "KEY")]
    addon: String,
    /// A claim that a job's token must have: an id such as project_id=42, and `environment`, or `ref`, in which one `*` may stand behind `refs/heads/`
    #[arg(long = "claim", value_name = "NAME=VALUE", required = true)]
    claims: Vec<String>,
    /// What of the add-on's scopes a job has at most
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<String>,
    /// The audience that is this hub's and nobody else's; the hub's --address when absent
    #[arg(long, value_name = "TEXT")]
    audience: Option<String>,
    /// Workspaces that its jobs are for; `main` when absent
    #[arg(long = "workspace", value_name = "ID")]
    workspaces: Vec<String>,
}

/// `sdm hub trust`, at a hub that may have an address of its own.
pub(super) fn run(context: &mut Context, place: &Place, args: &Args, address: Option<&str>) -> CommandResult {
    match &args.command {
        None => {
            let held = administer(place, false, |hub| async move { hub.rights().await })?;
            let rows = held.trusts.iter().map(views::trust).collect();
            show(context, "trust", rows, line)?;
            Ok(Exit::Ok)
        }
        Some(TrustCommand::Add(args)) => add(context, place, args, address),
        Some(TrustCommand::Remove { id }) => {
            let gone = administer(place, false, |hub| async move { hub.distrust(id).await })?;
            match context.ui.json {
                true => context.ui.object(&views::trust(&gone))?,
                false => context.ui.note("taken away; tokens of its jobs have ended"),
            }
            Ok(Exit::Ok)
        }
    }
}

fn add(context: &mut Context, place: &Place, args: &AddArgs, address: Option<&str>) -> CommandResult {
    let usage = |message: &str| CommandError::new(ErrorKind::Usage, message);
    let audience = args.audience.as_deref().or(address).ok_or_else(|| {
        usage("nothing says which audience is this hub's")
            .hint("name it with --audience, or the hub's address with --address")
    })?;
    let issuer = TrustedIssuer {
        issuer: args.issuer.clone(),
        audience: audience.to_owned(),
        claims: claims(&args.claims)?,
        addon: key(&args.addon)?,
        limit: Limit {
            scopes: Some(scopes(&args.scopes)?),
            ..Limit::default()
        },
    };
    let takes_unprotected = issuer.takes_unprotected();
    let workspaces = match args.workspaces.as_slice() {
        [] => vec![WORKSPACE.to_owned()],
        named => named.to_vec(),
    };
    let trust = administer(
        place,
        false,
        |hub| async move { hub.trust(issuer, workspaces).await },
    )?;
    let view = views::trust(&trust);
    match context.ui.json {
        true => context.ui.object(&view)?,
        false => context.ui.data(&(neutralise(&line(&view)) + "\n"))?,
    }
    if takes_unprotected {
        let remark = "whoever may push to a branch of this name has such jobs: add `--claim ref_protected=true` where the issuer says it";
        context.ui.note(remark);
    }
    Ok(Exit::Ok)
}

fn claims(texts: &[String]) -> Result<BTreeMap<String, String>, CommandError> {
    let mut claims = BTreeMap::new();
    for text in texts {
        let parts = text.split_once('=').filter(|(name, _)| !name.is_empty());
        let Some((name, value)) = parts else {
            let message = format!("`{}` is no claim", neutralise(text));
            return Err(CommandError::new(ErrorKind::Usage, message).hint("write it as project_id=42"));
        };
        if claims.insert(name.to_owned(), value.to_owned()).is_some() {
            let message = format!("the claim `{}` is named twice", neutralise(name));
            return Err(CommandError::new(ErrorKind::Usage, message));
        }
    }
    Ok(claims)
}

fn line(row: &Value) -> String {
    let claims = row["claims"].as_object().into_iter().flatten();
    let claims: Vec<String> = claims
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    format!(
        "{}  {}  as addon:{}  may {}  in {}  for {}  if {}  by {}",
        word(row, "id"),
        word(row, "issuer"),
        word(row, "addon"),
        list(row, "scopes"),
        list(row, "workspaces"),
        word(row, "audience"),
        claims.join(" "),
        word(row, "given_by"),
    )
}
