//! Which goal files `sdm check` looked at, and whether the machine that runs here has others.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::context::Context;
use super::super::text::plural;
use crate::config::Origin;
use crate::spec::SourceFile;
use crate::wire::views::StatusView;

/// How long a daemon may take to say what it has; checking does not wait for one that hangs.
const PATIENCE: Duration = Duration::from_secs(2);
/// Files that are named to people.
const MOST_NAMED: usize = 3;
/// How names of goal files begin that ship with the program.
const SHIPPED: &str = "sdm:";

/// `looked at goals/a.yaml and goals/b.yaml (./sdm.yaml)`; `origin` says who chose them, where nobody named them as files.
pub(super) fn said(files: &[SourceFile], origin: Option<&Origin>) -> String {
    let names: Vec<String> = files.iter().map(|file| file.name.to_string()).collect();
    let files = named(&names);
    match origin {
        None | Some(Origin::Default) => format!("looked at {files}"),
        Some(origin) => format!("looked at {files} ({origin})"),
    }
}

/// The goal files of the daemon that runs for this project, when they are others than these.
pub(super) fn others_of_daemon(context: &Context, files: &[SourceFile]) -> Option<Vec<String>> {
    let client = context.client().ok()?.with_patience(PATIENCE);
    // None that answers is nothing to say here.
    let status = client.status().ok()?;
    let is_of_project = context.repository_here(&status).is_some() || status.hub.is_some();
    let ours = files.iter().map(|file| &*file.name);
    (is_of_project && differ(context, ours, &status)).then_some(status.goal_files)
}

/// One line about them.
pub(super) fn told(others: &[String]) -> String {
    let check = match others {
        [only] if !only.starts_with(SHIPPED) => format!(": `sdm check {only}` looks at that"),
        _ => String::new(),
    };
    format!(
        "the daemon that runs here has other goal files, {}{check}",
        named(others)
    )
}

/// Those it could not read yet are no others: it says so itself.
fn differ<'f>(context: &Context, ours: impl Iterator<Item = &'f str>, status: &StatusView) -> bool {
    let directory = &context.sources.directory;
    let theirs = status.goal_files.iter().map(String::as_str);
    status.goal_files_problem.is_none() && places(directory, ours) != places(directory, theirs)
}

fn places<'f>(directory: &Path, names: impl Iterator<Item = &'f str>) -> BTreeSet<PathBuf> {
    let place = |name: &str| match name.starts_with(SHIPPED) {
        true => PathBuf::from(name),
        false => {
            let path = directory.join(name);
            path.canonicalize().unwrap_or(path)
        }
    };
    names.map(place).collect()
}

fn named(names: &[String]) -> String {
    if !names.is_empty() && names.iter().all(|name| name.starts_with(SHIPPED)) {
        return "the goal files that ship with sdm".to_owned();
    }
    match names {
        [] => "no goal file".to_owned(),
        [only] => only.clone(),
        [before @ .., last] if names.len() <= MOST_NAMED => format!("{} and {last}", before.join(", ")),
        names => {
            let more = u32::try_from(names.len() - MOST_NAMED).unwrap_or(u32::MAX);
            let first = names[..MOST_NAMED].join(", ");
            format!("{first} and {more} more {}", plural(more, "file", "files"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> Vec<SourceFile> {
        names.iter().map(|name| SourceFile::new(name, "")).collect()
    }

    #[test]
    fn what_was_looked_at_is_said_with_who_chose_it() {
        let flag = Origin::Flag("--goals");
        assert_eq!(
            said(&files(&["a.yaml", "b.yaml"]), Some(&flag)),
            "looked at a.yaml and b.yaml (--goals)"
        );
        assert_eq!(said(&files(&["a.yaml"]), None), "looked at a.yaml");
        assert_eq!(
            said(
                &files(&["sdm:goals/a.yaml", "sdm:goals/b.yaml"]),
                Some(&Origin::Default)
            ),
            "looked at the goal files that ship with sdm"
        );
        assert_eq!(
            said(&files(&["a", "b", "c", "d", "e"]), None),
            "looked at a, b, c and 2 more files"
        );
    }

    #[test]
    fn other_files_of_a_daemon_are_named_in_one_line() {
        assert_eq!(
            told(&["/etc/goals/a.yaml".to_owned()]),
            "the daemon that runs here has other goal files, /etc/goals/a.yaml: `sdm check /etc/goals/a.yaml` looks at that"
        );
        assert_eq!(
            told(&["sdm:goals/a.yaml".to_owned()]),
            "the daemon that runs here has other goal files, the goal files that ship with sdm"
        );
    }
}
