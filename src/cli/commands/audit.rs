//! `sdm audit`: the audit log of a hub, read without the hub (security model 16, threat K3).

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use super::super::context::{CommandResult, Context, Exit};
use super::super::error::{CommandError, ErrorKind};
use crate::access::audit::{Broken, Entry, Given, Hash, Summary, verify};
use crate::hub::access::audit::export;

/// What to do with an audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check that an export is as the hub wrote it, and name the first entry that is not
    Verify(VerifyArgs),
    /// Print the log of a hub at this computer, the files that are full included
    Export(ExportArgs),
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

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// The log; hub-audit.jsonl in the state directory when absent
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Only entries after the one of this number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: u64,
}

/// Entries that are read at once.
const AT_ONCE: usize = 100_000;

/// `sdm audit`.
pub(super) fn run(context: &mut Context, command: &AuditCommand) -> CommandResult {
    match command {
        AuditCommand::Verify(args) => verify_export(context, args),
        AuditCommand::Export(args) => export_log(context, args),
    }
}

fn export_log(context: &mut Context, args: &ExportArgs) -> CommandResult {
    let file = match &args.file {
        Some(file) => context.sources.directory.join(file),
        None => context.configuration()?.state_directory.join("hub-audit.jsonl"),
    };
    let failed = |error| {
        CommandError::new(ErrorKind::Usage, format!("failed to read {}", file.display())).caused_by(error)
    };
    let mut after = args.after;
    loop {
        let mut part = Vec::new();
        let count = export(&file, after, AT_ONCE, &mut part).map_err(failed)?;
        let text = String::from_utf8_lossy(&part);
        context.ui.data(&text)?;
        let last = text
            .lines()
            .next_back()
            .and_then(|line| serde_json::from_str::<Entry>(line).ok());
        match last.filter(|_| count == AT_ONCE) {
            Some(last) => after = last.id,
            None => return Ok(Exit::Ok),
        }
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
