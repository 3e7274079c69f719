//! `sdm explain --replay N --with DIR`: what changed rules would have planned for the last pushes.

use std::path::Path;

use super::super::context::{CommandResult, Context, Exit};
use super::super::doors;
use super::super::render::compare::{CompareView, comparison};
use super::super::render::diagnostics::{diagnostics, summary};
use super::goal_files::{quotable, read_all};
use crate::model::Severity;
use crate::wire::compare::ComparedPush;
use crate::wire::control::{Reply, Request};

/// Compares the last `pushes` with the goal files at `path`.
pub(super) fn run(context: &mut Context, pushes: u32, path: &Path) -> CommandResult {
    let path = context.absolute(path);
    if !usable(context, &path)? {
        return Ok(Exit::Bad);
    }
    let (client, status) = context.daemon()?;
    let request = Request::Compare {
        path: path.display().to_string(),
        repo: context.repository_here(&status),
        pushes,
    };
    let replies = context.ask(&client, &request)?;
    let compared: Vec<ComparedPush> = replies
        .into_iter()
        .filter_map(|reply| match reply {
            Reply::Compared { compared } => Some(*compared),
            _ => None,
        })
        .collect();
    if context.ui.json {
        context.ui.object(&CompareView::of(&compared))?;
    } else {
        let text = comparison(&context.ui.theme, &compared, context.ui.verbosity > 0);
        context.ui.data(&text)?;
    }
    let fails = compared.iter().any(|push| push.error.is_some());
    Ok(if fails { Exit::Bad } else { Exit::Ok })
}

/// Whether the goal files can be used; when not, every problem is said here, where they can be quoted.
fn usable(context: &mut Context, path: &Path) -> Result<bool, super::super::error::CommandError> {
    let files = read_all(context, &[path.to_owned()])?;
    let found = doors::check(&files, None).diagnostics;
    let is_usable = !found.iter().any(|problem| problem.severity == Severity::Error);
    if !is_usable {
        let quotable: Vec<_> = files.iter().map(quotable).collect();
        let text = diagnostics(&context.ui.theme, &quotable, &found);
        let line = summary(&context.ui.theme, files.len(), 0, &found);
        context.ui.data(&format!("{text}{line}\n"))?;
    }
    Ok(is_usable)
}
