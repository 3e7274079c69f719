//! What an inspection leaves for us to read: what it writes, a file, or all files that a glob means. The tree is hostile.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use crate::kinds::inspect::report::{Format, MAX_REPORT, Root};
use crate::model::ReviewComment;
use crate::runtime::directory::Directory;
use crate::runtime::matching::{self, Matched};

/// Most files of one report.
const MOST_FILES: usize = 1_000;

/// One report.
#[derive(Debug)]
pub(super) struct Report {
    /// The file it is in, where there may be others beside it.
    file: Option<String>,
    content: Vec<u8>,
}

impl Report {
    /// The only one.
    pub(super) fn only(content: Vec<u8>) -> Vec<Self> {
        vec![Self { file: None, content }]
    }
}

/// The comments of all of them, in their order.
///
/// # Errors
/// They are too large, or one is not of the format.
pub(super) fn read(reports: &[Report], format: &Format, root: &Root) -> Result<Vec<ReviewComment>, String> {
    let size: usize = reports.iter().map(|report| report.content.len()).sum();
    if size as u64 > MAX_REPORT {
        return Err(format!("its report has more than {MAX_REPORT} bytes"));
    }
    let mut comments = Vec::new();
    for Report { file, content } in reports {
        let read = format.read(content, root);
        comments.extend(read.map_err(|error| match file {
            Some(file) => format!("{error} (in {file})"),
            None => error.to_string(),
        })?);
    }
    Ok(comments)
}

/// What lies there before the program runs, which is no report of this run.
///
/// # Errors
/// The tree cannot be looked at.
pub(super) fn before(root: &Path, glob: &str) -> Result<Vec<Matched>, String> {
    matching::files(root, glob).map_err(|error| not_found(glob, &error))
}

/// The reports that were written since.
///
/// # Errors
/// There are none or too many, or one cannot be read.
pub(super) fn written_since(before: &[Matched], root: &Path, glob: &str) -> Result<Vec<Report>, String> {
    let now = matching::files(root, glob).map_err(|error| not_found(glob, &error))?;
    let known: HashSet<&Matched> = before.iter().collect();
    let written: Vec<&Matched> = now.iter().filter(|matched| !known.contains(matched)).collect();
    if written.len() > MOST_FILES {
        let count = written.len();
        return Err(format!(
            "its report is in {count} files, and may be in {MOST_FILES}"
        ));
    }
    let (mut reports, mut left) = (Vec::new(), MAX_REPORT + 1);
    for matched in written {
        let content = read_below(root, &matched.path, left)?;
        left = left.saturating_sub(content.len() as u64);
        reports.push(Report {
            file: Some(matched.path.clone()),
            content,
        });
    }
    match (reports.is_empty(), now.is_empty()) {
        (false, _) => Ok(reports),
        (true, true) => Err(format!("there is no report: nothing matches `{glob}`")),
        (true, false) => Err(format!(
            "there is no report: it wrote nothing that matches `{glob}`"
        )),
    }
}

fn not_found(glob: &str, error: &io::Error) -> String {
    format!("what matches `{glob}` cannot be looked for: {error}")
}

/// A file, reached through no link; nothing when there is none.
///
/// # Errors
/// It is no file, has more than `limit` bytes, or cannot be read.
pub(super) fn read_below(root: &Path, path: &str, limit: u64) -> Result<Vec<u8>, String> {
    let found = Directory::holding(root, path);
    match found.and_then(|(directory, name)| directory.read_file(&name, limit)) {
        Ok(report) => Ok(report),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(format!("its report `{path}` cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite(failed: &str) -> String {
        format!("<testsuite><testcase name=\"{failed}\"><failure/></testcase></testsuite>")
    }

    #[test]
    fn in_03_reports_of_several_files_are_one_in_the_order_of_their_paths() {
        let root = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let glob = "**/reports/*.xml";
        write("a/reports/old.xml", &suite("old"));
        let before = before(root.path(), glob).unwrap();
        let left = |before: &[Matched]| written_since(before, root.path(), glob);
        let none = left(&before).unwrap_err();
        assert!(none.contains("it wrote nothing that matches"), "{none}");
        write("b/reports/2.xml", &suite("second"));
        write("a/reports/1.xml", &suite("first"));
        let shown = |reports: &[Report]| {
            let comments = read(reports, &Format::Junit, &Root::new(root.path()));
            comments.map(|comments| {
                comments
                    .into_iter()
                    .map(|comment| comment.detail)
                    .collect::<Vec<_>>()
            })
        };
        let reports = left(&before).unwrap();
        assert_eq!(shown(&reports).unwrap(), ["first failed", "second failed"]);
        write("a/reports/old.xml", "no report at all");
        let broken = shown(&left(&before).unwrap()).unwrap_err();
        assert!(broken.ends_with("(in a/reports/old.xml)"), "{broken}");
        let nothing = written_since(&[], root.path(), "*.sarif").unwrap_err();
        assert!(nothing.contains("nothing matches `*.sarif`"), "{nothing}");
    }

    #[test]
    fn e7_all_reports_together_have_the_limit_of_one() {
        let half = usize::try_from(MAX_REPORT / 2 + 1).unwrap();
        let report = || Report {
            file: None,
            content: vec![b' '; half],
        };
        let refused = read(&[report(), report()], &Format::Junit, &Root::default()).unwrap_err();
        assert!(refused.contains("more than"), "{refused}");
    }
}
