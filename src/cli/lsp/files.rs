//! The files an editor has open, and those beside them that belong to the same machine.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Configured, text};
use crate::daemon::goal_files::GoalFiles;
use crate::engine::Machine;
use crate::model::{Diagnostic, Severity};
use crate::spec::{Referenced, SourceFile};

/// Documents open at once; further ones are not looked at.
const MOST_OPEN: usize = 1_000;

/// Largest document in bytes: what a goal file may have, and some more while it is being shortened.
const LARGEST: usize = 2 << 20;

/// Open documents by address, and what was told of files so far.
pub(super) struct Files {
    configured: Configured,
    open: BTreeMap<String, String>,
    edited: BTreeSet<String>,
    /// Files that have problems on the other side.
    told: BTreeSet<String>,
}

/// A file of a machine, open or not.
pub(super) struct OneFile {
    /// Its address.
    pub(super) uri: String,
    /// Its text.
    pub(super) text: String,
    /// What it is of another repository.
    referenced: Option<Referenced>,
}

impl Files {
    pub(super) fn new(configured: Configured) -> Self {
        Self {
            configured,
            open: BTreeMap::new(),
            edited: BTreeSet::new(),
            told: BTreeSet::new(),
        }
    }

    pub(super) fn open(&mut self, params: &Value) {
        let document = &params["textDocument"];
        if let (Some(uri), Some(text)) = (document["uri"].as_str(), document["text"].as_str())
            && self.open.len() < MOST_OPEN
            && text.len() <= LARGEST
        {
            self.open.insert(uri.to_owned(), text.to_owned());
            self.edited.insert(uri.to_owned());
        }
    }

    pub(super) fn change(&mut self, params: &Value) {
        let Some(uri) = uri(params) else { return };
        let Some(text) = self.open.get_mut(uri) else {
            return;
        };
        let changes = params["contentChanges"].as_array();
        let understood = changes
            .into_iter()
            .flatten()
            .all(|change| text::change(text, change));
        // Text that is not what the editor has would be answered wrongly from here on.
        if !understood || text.len() > LARGEST {
            self.open.remove(uri);
        } else {
            self.edited.insert(uri.to_owned());
        }
    }

    pub(super) fn close(&mut self, params: &Value) {
        if let Some(uri) = uri(params) {
            self.open.remove(uri);
            self.edited.insert(uri.to_owned());
            self.look_again();
        }
    }

    /// Something outside may have changed.
    pub(super) fn look_again(&mut self) {
        self.edited.extend(self.open.keys().cloned());
    }

    /// The text of an open document.
    pub(super) fn text(&self, params: &Value) -> Option<(&str, &str)> {
        let uri = uri(params)?;
        let (uri, text) = self.open.get_key_value(uri)?;
        Some((uri, text))
    }

    /// The files of the machine a document belongs to, itself included: those of its directory when that holds goal files
    /// by its name or by the configuration, else only itself.
    pub(super) fn around(&self, uri: &str) -> Vec<OneFile> {
        let own = || OneFile {
            uri: uri.to_owned(),
            text: self.open.get(uri).cloned().unwrap_or_default(),
            referenced: None,
        };
        let Some(path) = path_of(uri) else {
            return vec![own()];
        };
        let directory = path.parent().filter(|directory| self.is_of_goals(directory));
        let on_disk = |directory| {
            GoalFiles::at(directory, &self.configured.trusted_owners)
                .read()
                .ok()
        };
        let Some(on_disk) = directory.and_then(on_disk) else {
            return vec![own()];
        };
        let mut files: BTreeMap<PathBuf, OneFile> = on_disk.iter().map(from_disk).collect();
        let open = self
            .open
            .iter()
            .filter_map(|(uri, text)| Some((path_of(uri)?, uri, text)));
        for (path, uri, text) in open.filter(|(path, ..)| path.parent() == directory) {
            let file = OneFile {
                uri: uri.clone(),
                text: text.clone(),
                referenced: None,
            };
            files.insert(path, file);
        }
        files.into_values().collect()
    }

    fn is_of_goals(&self, directory: &Path) -> bool {
        directory.ends_with("goals") || self.configured.goals.as_deref() == Some(directory)
    }

    /// Paths of values that the configuration has.
    pub(super) fn values(&self) -> &[String] {
        &self.configured.values
    }

    /// Checks what was edited: the problems of each file concerned, in the shape of the protocol.
    pub(super) fn problems(&mut self) -> Vec<Value> {
        let (mut told, mut done) = (Vec::new(), BTreeSet::new());
        for uri in std::mem::take(&mut self.edited) {
            if done.contains(&uri) {
                continue;
            }
            let files = self.around(&uri);
            done.extend(files.iter().map(|file| file.uri.clone()));
            told.extend(self.problems_of(&files));
            // Closed and not on the disk: nobody would ever take back what was told of it.
            let is_gone = !files.iter().any(|file| file.uri == uri);
            if is_gone && self.told.remove(&uri) {
                told.push(json!({ "uri": uri, "diagnostics": [] }));
            }
        }
        told
    }

    fn problems_of(&mut self, files: &[OneFile]) -> Vec<Value> {
        let sources: Vec<SourceFile> = files
            .iter()
            .map(|file| SourceFile {
                referenced: file.referenced.clone(),
                ..SourceFile::new(&file.uri, file.text.as_str())
            })
            .collect();
        let found = Machine::check(&sources).diagnostics;
        let mut told = Vec::new();
        for file in files {
            let own = found.iter().filter(|problem| *problem.place.file == *file.uri);
            let own: Vec<Value> = own.map(|problem| shown(problem, &file.text)).collect();
            let is_news = match own.is_empty() {
                true => self.told.remove(&file.uri) || self.open.contains_key(&file.uri),
                false => {
                    self.told.insert(file.uri.clone());
                    true
                }
            };
            if is_news {
                told.push(json!({ "uri": file.uri, "diagnostics": own }));
            }
        }
        told
    }
}

fn shown(problem: &Diagnostic, text: &str) -> Value {
    let line = (problem.place.line as usize).saturating_sub(1);
    let column = (problem.place.column as usize).saturating_sub(1);
    let message = match &problem.hint {
        Some(hint) => format!("{}\nhint: {hint}", problem.message),
        None => problem.message.clone(),
    };
    json!({
        "range": text::range(text::line(text, line), line, column, problem.length as usize),
        "severity": match problem.severity { Severity::Error => 1, Severity::Warning => 2 },
        "code": problem.code,
        "source": "sdm",
        "message": message,
    })
}

fn uri(params: &Value) -> Option<&str> {
    params.pointer("/textDocument/uri")?.as_str()
}

fn from_disk(source: &SourceFile) -> (PathBuf, OneFile) {
    let path = PathBuf::from(&*source.name);
    let file = OneFile {
        uri: uri_of(&path),
        text: String::from_utf8_lossy(&source.bytes).into_owned(),
        referenced: source.referenced.clone(),
    };
    (path, file)
}

/// The path of a `file:` address.
fn path_of(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    let path = &rest[rest.find('/')?..];
    let mut bytes = Vec::new();
    let mut letters = path.bytes();
    while let Some(letter) = letters.next() {
        if letter == b'%' {
            let digits = [letters.next()?, letters.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(letter);
        }
    }
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

/// The `file:` address of a path.
fn uri_of(path: &Path) -> String {
    let mut uri = "file://".to_owned();
    for byte in path.display().to_string().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                uri.push(char::from(byte));
            }
            other => {
                let _ = write!(uri, "%{other:02X}");
            }
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_paths_are_told_apart() {
        let path = Path::new("/a b/ü/goals/x.yaml");
        assert_eq!(uri_of(path), "file:///a%20b/%C3%BC/goals/x.yaml");
        assert_eq!(path_of(&uri_of(path)).as_deref(), Some(path));
        assert_eq!(path_of("file://host/x"), Some("/x".into()));
        assert_eq!(path_of("untitled:1"), None);
        assert_eq!(path_of("file:///%zz"), None);
        assert_eq!(path_of("file:///%e"), None);
    }
}
