//! The built-in types of fingerprints: files, values in JSON files, dependencies of lock files.

use serde::Deserialize;
use serde_json::Value;

use super::dependencies::dependencies;
use super::globs;
use crate::model::Fingerprint;
use crate::rules::view::{ProjectView, ViewError};

/// Longest data kept with a fingerprint, in bytes; longer data is known by its digest.
const MAX_DATA: usize = 1024;

/// Most fingerprints of one goal.
const MAX_FINGERPRINTS: usize = 50_000;

/// What to take fingerprints of, as the author writes it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Aspects {
    /// Globs of files whose content counts.
    pub(super) files: Vec<String>,
    /// Values in JSON files.
    pub(super) json: Vec<JsonValue>,
    /// Lock files.
    pub(super) dependencies: Vec<String>,
}

/// A value in a JSON file.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct JsonValue {
    file: String,
    path: String,
}

/// Why fingerprints could not be taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum AspectError {
    #[error(transparent)]
    View(#[from] ViewError),
    #[error("{0}")]
    Content(String),
}

impl Aspects {
    /// The fingerprints of a tree, by type and name. What is not there has none.
    ///
    /// # Errors
    /// The tree cannot be read, or a file is not what the author says it is.
    pub(super) fn take(&self, view: &dyn ProjectView) -> Result<Vec<Fingerprint>, AspectError> {
        let mut taken = Vec::new();
        if !self.files.is_empty() {
            let wanted = globs(&self.files).map_err(AspectError::Content)?;
            for path in view.files()?.iter().filter(|path| wanted.is_match(path)) {
                let content = view.content(path)?.unwrap_or_default();
                taken.push(fingerprint("file", path, &content, None));
                bounded(&taken)?;
            }
        }
        for value in &self.json {
            taken.extend(value.take(view)?);
        }
        for path in &self.dependencies {
            let Some(content) = view.content(path)? else {
                continue;
            };
            for (name, version) in dependencies(path, &content).map_err(AspectError::Content)? {
                let name = format!("{path} {name}");
                taken.push(fingerprint(
                    "dependency",
                    &name,
                    version.as_bytes(),
                    Some(&version),
                ));
            }
            bounded(&taken)?;
        }
        Ok(merged(taken))
    }
}

impl JsonValue {
    fn take(&self, view: &dyn ProjectView) -> Result<Option<Fingerprint>, AspectError> {
        let Some(content) = view.content(&self.file)? else {
            return Ok(None);
        };
        let document: Value = serde_json::from_slice(&content)
            .map_err(|error| AspectError::Content(format!("{} is not JSON: {error}", self.file)))?;
        let found = at_path(&document, &self.path).map(canonical);
        let name = format!("{} {}", self.file, self.path);
        Ok(found.map(|value| {
            let text = value.to_string();
            fingerprint("json", &name, text.as_bytes(), Some(&text))
        }))
    }
}

/// Steps through objects by key and lists by number, separated by dots.
fn at_path<'v>(document: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(document, |value, step| match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        other => other.get(step),
    })
}

/// The same value with its keys in order, so that only content counts.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            entries
                .into_iter()
                .map(|(key, value)| (key.clone(), canonical(value)))
                .collect()
        }
        Value::Array(items) => items.iter().map(canonical).collect(),
        other => other.clone(),
    }
}

/// A lock file may hold one dependency in several versions: they are one fingerprint together.
fn merged(taken: Vec<Fingerprint>) -> Vec<Fingerprint> {
    let mut merged: Vec<Fingerprint> = Vec::with_capacity(taken.len());
    for next in taken {
        match merged.last_mut() {
            Some(last) if last.kind == next.kind && last.name == next.name => {
                let both = format!("{}, {}", shown(last), shown(&next));
                *last = fingerprint(&next.kind, &next.name, both.as_bytes(), Some(&both));
            }
            _ => merged.push(next),
        }
    }
    merged
}

fn shown(fingerprint: &Fingerprint) -> &str {
    fingerprint.data.as_deref().unwrap_or(&fingerprint.sha)
}

fn fingerprint(kind: &str, name: &str, content: &[u8], data: Option<&str>) -> Fingerprint {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, content);
    Fingerprint {
        kind: kind.to_owned(),
        name: name.to_owned(),
        sha: hex::encode(digest.as_ref()),
        data: data.filter(|data| data.len() <= MAX_DATA).map(str::to_owned),
    }
}

fn bounded(taken: &[Fingerprint]) -> Result<(), AspectError> {
    match taken.len() > MAX_FINGERPRINTS {
        true => Err(AspectError::Content(format!(
            "there are more than {MAX_FINGERPRINTS} fingerprints"
        ))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::memory_view::MemoryView;
    use serde_json::json;

    fn taken(aspects: Value, view: &MemoryView) -> Result<Vec<String>, String> {
        let aspects: Aspects = serde_json::from_value(aspects).unwrap();
        let taken = aspects.take(view).map_err(|error| error.to_string())?;
        Ok(taken
            .iter()
            .map(|one| {
                format!(
                    "{} {} = {}",
                    one.kind,
                    one.name,
                    one.data.as_deref().unwrap_or(&one.sha[..7])
                )
            })
            .collect())
    }

    #[test]
    fn files_values_and_dependencies_have_fingerprints() {
        let view = MemoryView::new()
            .file("Dockerfile", "FROM x")
            .file(
                "package.json",
                r#"{"engines":{"node":">=18","a":1},"files":["x"]}"#,
            )
            .file(
                "Cargo.lock",
                "[[package]]\nname = \"a\"\nversion = \"1\"\n\n[[package]]\nname = \"a\"\nversion = \"2\"\n",
            );
        let aspects = json!({
            "files": ["Docker*"],
            "json": [{"file": "package.json", "path": "engines"}, {"file": "package.json", "path": "files.0"},
                     {"file": "package.json", "path": "absent.path"}, {"file": "gone.json", "path": "x"}],
            "dependencies": ["Cargo.lock", "go.sum"],
        });
        assert_eq!(
            taken(aspects, &view).unwrap(),
            [
                "file Dockerfile = 18c3b6c",
                "json package.json engines = {\"a\":1,\"node\":\">=18\"}",
                "json package.json files.0 = \"x\"",
                "dependency Cargo.lock a = 1, 2",
            ]
        );
    }

    #[test]
    fn a_file_that_is_not_what_it_should_be_is_said() {
        let view = MemoryView::new().file("x.json", "{");
        let aspects = json!({"json": [{"file": "x.json", "path": "a"}]});
        assert!(taken(aspects, &view).unwrap_err().contains("x.json is not JSON"));
    }
}
