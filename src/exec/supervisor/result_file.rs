//! Reads `result.json` (semantics 3.19), which is written by the goal and believed in nothing.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, unlinkat};
use serde::Deserialize;
use serde_json::Value;

use crate::model::ExecutionResult;
use crate::model::goal::StateName;
use crate::model::goal_event::{ExternalUrl, UsedImages};
use crate::model::redact::Redactor;
use crate::model::reported::{BUILDS, IMAGES};
use crate::ports::executor::LARGEST_REVIEW;

/// Largest file that is read.
const LIMIT: u64 = 1024 * 1024;

/// Most links that are taken over.
const MOST_LINKS: usize = 100;

/// Where the file may come to be: a handle on its directory, taken before the command runs and can move anything.
pub(super) struct ResultFile {
    directory: Option<File>,
    name: OsString,
}

/// What the file may say, as it is or inside `SdmGoal`; everything else in it is passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Reported {
    code: Option<i32>,
    message: Option<String>,
    state: Option<String>,
    phase: Option<String>,
    description: Option<String>,
    #[serde(alias = "external_urls")]
    external_urls: Option<Vec<ExternalUrl>>,
    data: Option<Value>,
    push: Option<ReportedPush>,
}

/// What it may say about the commit.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReportedPush {
    after: ReportedCommit,
    builds: Option<Vec<Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReportedCommit {
    version: Option<String>,
    images: Option<Vec<Value>>,
}

impl ResultFile {
    /// Makes the directory when it is missing and removes a file left there by somebody else.
    pub(super) fn prepare(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_owned();
        let directory = path.parent().filter(|_| !name.is_empty()).and_then(|parent| {
            let _ = fs::create_dir_all(parent);
            File::open(parent).ok()
        });
        if let Some(directory) = &directory {
            let _ = unlinkat(directory, name.as_os_str(), UnlinkatFlags::NoRemoveDir);
        }
        Self { directory, name }
    }

    /// What the goal reports; `None` when it left no file.
    ///
    /// # Errors
    /// Why what it left is not a result, for people.
    pub(super) fn read(&self) -> Result<Option<ExecutionResult>, String> {
        let Some(text) = self.text()? else {
            return Ok(None);
        };
        parse(&text)
            .map(Some)
            .map_err(|because| format!("{} cannot be read: {because}", self.display()))
    }

    /// Whether what it reports so far is an end of the goal, good or bad. What cannot be read is judged at the end.
    pub(super) fn is_final(&self) -> bool {
        let reported = self.read().ok().flatten();
        reported.is_some_and(|result| result.code != 0 || result.state.is_some_and(StateName::is_terminal))
    }

    /// Whether what it reports so far is a failure, or cannot be read.
    pub(super) fn is_failure(&self) -> bool {
        self.read().map_or(true, |reported| {
            reported.is_some_and(|result| result.outcome(false) == StateName::Failure)
        })
    }

    /// Masks secrets in what steps of our own left beside the result; what cannot be masked is removed.
    pub(super) fn mask_beside(&self, name: &str, redactor: &Redactor) {
        if let Some(directory) = &self.directory
            && mask(directory, name, redactor).is_err()
        {
            let _ = unlinkat(directory, name, UnlinkatFlags::NoRemoveDir);
        }
    }

    fn text(&self) -> Result<Option<Vec<u8>>, String> {
        let Some(directory) = &self.directory else {
            return Ok(None);
        };
        let refused = |because: &str| Err(format!("{} is not read: {because}", self.display()));
        // Not blocking, because the open of a FIFO would.
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = match openat(directory, self.name.as_os_str(), flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ELOOP) => return refused("it is a link"),
            Err(error) => return refused(error.desc()),
        };
        match file.metadata() {
            Ok(metadata) if !metadata.is_file() => return refused("it is not a regular file"),
            Ok(metadata) if metadata.len() > LIMIT => return refused("it is larger than 1 MiB"),
            Ok(_) => {}
            Err(error) => return refused(&error.to_string()),
        }
        let mut text = Vec::new();
        match file.take(LIMIT + 1).read_to_end(&mut text) {
            Ok(_) if text.len() as u64 > LIMIT => refused("it is larger than 1 MiB"),
            Ok(_) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => refused(&error.to_string()),
        }
    }

    fn display(&self) -> String {
        self.name.to_string_lossy().into_owned()
    }
}

fn mask(directory: &File, name: &str, redactor: &Redactor) -> io::Result<()> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = match openat(directory, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::ENOENT) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > LARGEST_REVIEW {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut text = String::new();
    file.take(LARGEST_REVIEW).read_to_string(&mut text)?;
    let masked = redactor.redact(&text);
    if masked == text {
        return Ok(());
    }
    unlinkat(directory, name, UnlinkatFlags::NoRemoveDir)?;
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    File::from(openat(directory, name, flags, mode)?).write_all(masked.as_bytes())
}

fn parse(text: &[u8]) -> Result<ExecutionResult, String> {
    let mut value: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if let Some(inner) = value.get_mut("SdmGoal") {
        value = inner.take();
    }
    if !value.is_object() {
        return Err("it is not a JSON object".to_owned());
    }
    let reported: Reported = serde_json::from_value(value).map_err(|error| error.to_string())?;
    let state = match reported.state.as_deref() {
        None => None,
        Some(name) => Some(StateName::parse(name).ok_or_else(|| format!("`{name}` is not a state"))?),
    };
    let mut external_urls = reported.external_urls.unwrap_or_default();
    external_urls.retain(|link| link.url.starts_with("https://") || link.url.starts_with("http://"));
    external_urls.truncate(MOST_LINKS);
    Ok(ExecutionResult {
        code: reported.code.unwrap_or_default(),
        state,
        phase: reported.phase,
        description: reported.description,
        message: reported.message,
        data: with_builds(reported.data, reported.push.as_ref()).map(|data| match data {
            Value::String(text) => text,
            other => other.to_string(),
        }),
        external_urls,
        version: reported
            .push
            .and_then(|push| push.after.version)
            .map(checked_version)
            .transpose()?,
        images: UsedImages::new(),
    })
}

/// The data with the images and builds that the goal reports of the commit, under keys that are kept for them; data that is
/// no object has no room for them.
fn with_builds(data: Option<Value>, push: Option<&ReportedPush>) -> Option<Value> {
    let images = push.and_then(|push| push.after.images.as_ref());
    let builds = push.and_then(|push| push.builds.as_ref());
    let mut all = match data {
        None if images.is_none() && builds.is_none() => return None,
        None => serde_json::Map::new(),
        Some(Value::Object(data)) => data,
        Some(other) => return Some(other),
    };
    for (key, list) in [(IMAGES, images), (BUILDS, builds)] {
        all.extend(list.map(|list| (key.to_owned(), Value::Array(list.clone()))));
    }
    Some(Value::Object(all))
}

/// A version becomes part of file names, tags and variables: one short line without anything special.
fn checked_version(version: String) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    match !version.is_empty() && version.len() <= 200 && version.chars().all(legal) {
        true => Ok(version),
        false => {
            Err("its version has something other than letters, digits, `.`, `_`, `+` and `-`".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_are_read() {
        let flat = parse(br#"{"code": 0, "state": "waiting_for_approval", "externalUrls": [{"url": "https://x"}, {"url": "javascript:x"}], "data": {"a": 1}, "more": []}"#).unwrap();
        assert_eq!(flat.state, Some(StateName::WaitingForApproval));
        assert_eq!(
            (flat.external_urls.len(), flat.data.as_deref()),
            (1, Some(r#"{"a":1}"#))
        );
        let nested =
            parse(br#"{"SdmGoal": {"state": "success", "phase": "p", "description": null, "push": {}}}"#)
                .unwrap();
        assert_eq!(
            (nested.state, nested.phase.as_deref()),
            (Some(StateName::Success), Some("p"))
        );
    }

    #[test]
    fn the_version_of_the_commit_is_read_and_checked() {
        let version = |text: &str| {
            parse(format!(r#"{{"SdmGoal": {{"push": {{"after": {{"version": "{text}"}}}}}}}}"#).as_bytes())
        };
        assert_eq!(
            version("1.2.3-main.4+5").unwrap().version.as_deref(),
            Some("1.2.3-main.4+5")
        );
        assert!(version("1 $(x)").is_err());
        assert!(version("").is_err());
    }

    #[test]
    fn images_and_builds_of_the_commit_are_kept_with_the_data() {
        let text = br#"{"SdmGoal": {"data": {"a": 1}, "push": {"after": {"images": ["x/y:1"]}, "builds": [{"id": 7}]}}}"#;
        let data: Value = serde_json::from_str(&parse(text).unwrap().data.unwrap()).unwrap();
        let expected =
            serde_json::json!({"a": 1, "@atomist/sdm/images": ["x/y:1"], "@atomist/sdm/builds": [{"id": 7}]});
        assert_eq!(data, expected);
        assert_eq!(
            parse(br#"{"push": {"after": {"version": "1"}}}"#).unwrap().data,
            None
        );
    }

    #[test]
    fn e1_secrets_are_masked_in_what_lies_beside_the_result() {
        let directory = tempfile::tempdir().unwrap();
        let result = ResultFile::prepare(&directory.path().join("result.json"));
        let redactor = Redactor::new(&["canary-1".to_owned()]);
        let (review, outside) = (directory.path().join("review"), directory.path().join("outside"));
        result.mask_beside("review", &redactor);
        fs::write(&review, r#"{"detail": "saw canary-1"}"#).unwrap();
        result.mask_beside("review", &redactor);
        assert_eq!(fs::read_to_string(&review).unwrap(), r#"{"detail": "saw ***"}"#);
        fs::rename(&review, &outside).unwrap();
        std::os::unix::fs::symlink(&outside, &review).unwrap();
        result.mask_beside("review", &redactor);
        assert!(fs::symlink_metadata(&review).is_err() && outside.exists());
    }

    #[test]
    fn what_is_no_result_is_refused() {
        for text in [
            "",
            "[]",
            "3",
            "{",
            r#"{"state": "nonsense"}"#,
            r#"{"code": "x"}"#,
            r#"{"SdmGoal": 1}"#,
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse(&b"[".repeat(100_000)).is_err());
    }
}
