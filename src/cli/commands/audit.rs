//! `sdm audit`: the audit log of a hub, read without the hub (security model 16, threat K3).

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use super::super::context::{CommandResult, Context, Exit};
use super::super::error::{CommandError, ErrorKind};
use crate::access::audit::{Broken, Given, Hash, Summary, verify};

/// What to do with an audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check that an export is as the hub wrote it, and name the first entry that is not
    Verify(VerifyArgs),
}

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// The export, one JSON object a line; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Hash that the last entry must have
    #[arg(long, value_name = "HASH")]
    head: Option<String>,
    /// Hash that the entry before the first must have
    #[arg(long, value_name = "HASH")]
    after: Option<String>,
}

/// `sdm audit`.
pub(super) fn run(context: &mut Context, command: &AuditCommand) -> CommandResult {
    match command {
        AuditCommand::Verify(args) => verify_export(context, args),
    }
}

fn verify_export(context: &mut Context, args: &VerifyArgs) -> CommandResult {
    let given = Given {
        head: args.head.as_deref().map(hash).transpose()?,
        after: args.after.as_deref().map(hash).transpose()?,
    };
    let export = open(&args.file)?;
    let verified = context
        .ui
        .while_waiting("checking the audit log", || verify(export, given));
    match verified {
        Ok(summary) => tell(context, &summary, given),
        Err(broken) if context.ui.json => {
            let (line, entry) = (broken.line(), broken.entry());
            let view = json!({"holds": false, "line": line, "entry": entry, "because": broken.to_string()});
            context.ui.object(&view)?;
            Ok(Exit::Bad)
        }
        Err(broken) => Err(refused(broken)),
    }
}

fn refused(broken: Broken) -> CommandError {
    CommandError::from_error(ErrorKind::Bad, broken)
        .hint("everything before that place is as it was written; compare the rest with an earlier export or a backup")
}

fn tell(context: &mut Context, summary: &Summary, given: Given) -> CommandResult {
    if context.ui.json {
        let (after, head) = (summary.after.to_string(), summary.head.to_string());
        let view = json!({
            "holds": true, "entries": summary.entries, "first": summary.first, "last": summary.last,
            "from": summary.from, "to": summary.to, "after": after, "head": head,
        });
        context.ui.object(&view)?;
        return Ok(Exit::Ok);
    }
    let Summary {
        entries,
        first,
        last,
        from,
        to,
        head,
        after,
    } = summary;
    let noun = if *entries == 1 {
        "entry holds"
    } else {
        "entries hold"
    };
    let mut text = format!("{entries} {noun}: {first} to {last}, from {from} to {to}\n");
    if *after != Hash::NONE {
        text.push_str(&format!("after  {after}\n"));
    }
    text.push_str(&format!("head   {head}\n"));
    context.ui.data(&text)?;
    if given.head.is_none() {
        context.ui.note(
            "an export cannot say of itself whether entries are missing at its end: compare the head with the hub's, or give it as --head",
        );
    }
    Ok(Exit::Ok)
}

fn hash(text: &str) -> Result<Hash, CommandError> {
    Hash::parse(text).map_err(|error| CommandError::from_error(ErrorKind::Usage, error))
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, CommandError> {
    if path == Path::new("-") {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    let failed = |error| {
        CommandError::new(ErrorKind::Usage, format!("failed to read {}", path.display())).caused_by(error)
    };
    let file = File::open(path).map_err(failed)?;
    Ok(Box::new(BufReader::new(file)))
}
