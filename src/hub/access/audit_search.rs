//! Finds entries of the audit log by the ids of what led to them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use super::audit::{ended, full_files};
use crate::model::Timestamp;

/// How the field begins in an entry; within a text its quotation marks would be escaped.
const FIELD: &str = "\"request_id\":\"";

/// Which of these ids stand in a log, in files that were written to since a moment.
///
/// # Errors
/// A file cannot be read.
pub(super) fn written(path: &Path, ids: &BTreeSet<&str>, since: Timestamp) -> io::Result<BTreeSet<String>> {
    let mut found = in_file(path, ids)?;
    for file in full_files(path)?.iter().rev() {
        if ended(file)?.is_some_and(|last| last < since) {
            break;
        }
        found.extend(in_file(file, ids)?);
    }
    Ok(found)
}

fn in_file(file: &Path, ids: &BTreeSet<&str>) -> io::Result<BTreeSet<String>> {
    let (mut lines, mut line) = (BufReader::new(File::open(file)?), Vec::new());
    let mut found = BTreeSet::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let id = std::str::from_utf8(&line).ok().and_then(id_in);
        found.extend(id.filter(|id| ids.contains(id)).map(str::to_owned));
        line.clear();
    }
    Ok(found)
}

fn id_in(line: &str) -> Option<&str> {
    line.split_once(FIELD)?.1.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_in_their_own_field_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.jsonl");
        let lines = [
            r#"{"id":1,"rule":"\"request_id\":\"one\"","request_id":null}"#,
            r#"{"id":2,"rule":"x","request_id":"two","ip":null}"#,
            r#"{"id":3,"rule":"three","request_id":"four"}"#,
        ];
        std::fs::write(&path, lines.join("\n")).unwrap();
        let ids = ["one", "two", "three"].into();
        let found = written(&path, &ids, Timestamp::from_micros(0)).unwrap();
        assert_eq!(found, ["two".to_owned()].into());
    }
}
