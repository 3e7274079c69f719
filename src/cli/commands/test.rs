//! `sdm test`: the goal author's own tests of the rules.

use std::path::PathBuf;

use super::super::context::{CommandResult, Context, Exit};
use super::super::doors::{self, TestRun, Tested};
use super::super::error::{CommandError, ErrorKind};
use super::super::render::diagnostics::{diagnostics, summary};
use super::super::render::rule_tests::{TestsView, tests, totals};
use super::goal_files::{GoalFiles, quotable};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    goal_files: GoalFiles,
    /// Goal files or directories of them; the configured ones when absent
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only tests whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// `sdm test`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    let files = args.goal_files.read(context, &args.files)?;
    let tested = context.ui.while_waiting("testing rules", || doors::test(&files));
    let runs = match tested {
        Tested::Run(runs) => chosen(runs, args.only.as_deref())?,
        Tested::Unusable(found) if context.ui.json => {
            context.ui.object(&TestsView::unusable(&found))?;
            return Ok(Exit::Bad);
        }
        Tested::Unusable(found) => {
            let quotable: Vec<_> = files.iter().map(quotable).collect();
            let text = diagnostics(&context.ui.theme, &quotable, &found);
            let line = summary(&context.ui.theme, files.len(), 0, &found);
            context.ui.data(&format!("{text}{line}\n"))?;
            return Ok(Exit::Bad);
        }
    };
    let has_failed = runs.iter().any(|run| !run.verified.failures.is_empty());
    if context.ui.json {
        context.ui.object(&TestsView::of(&runs))?;
    } else {
        let shows_all = context.ui.verbosity >= 0;
        let text = tests(&context.ui.theme, &runs, shows_all);
        context
            .ui
            .data(&format!("{text}{}\n", totals(&context.ui.theme, &runs)))?;
    }
    Ok(if has_failed { Exit::Bad } else { Exit::Ok })
}

fn chosen(mut runs: Vec<TestRun>, only: Option<&str>) -> Result<Vec<TestRun>, CommandError> {
    let Some(part) = only else {
        return Ok(runs);
    };
    runs.retain(|run| run.name.contains(part));
    if runs.is_empty() {
        let message = format!("there is no test whose name contains `{part}`");
        return Err(CommandError::new(ErrorKind::Bad, message).hint("`sdm test` lists all of them"));
    }
    Ok(runs)
}
