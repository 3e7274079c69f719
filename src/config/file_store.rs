//! Where archives of files between goals are kept beside the machine's own disk.

use std::path::PathBuf;

use serde::Deserialize;

use super::error::ConfigError;
use super::resolve::{Origin, Resolver};

/// A bucket of an object store that speaks S3's protocol.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FileStoreEntry {
    /// Address of the service; Amazon's own for the region when there is none.
    pub address: Option<String>,
    /// The bucket; made of the machine's name when there is none.
    pub bucket: Option<String>,
    /// Its region.
    pub region: Option<String>,
    /// What the names of all objects begin with; the machine's name when there is none.
    pub prefix: Option<String>,
    /// A file with the access key in its first line.
    pub access_key_file: PathBuf,
    /// A file with the secret key in its first line.
    pub secret_key_file: PathBuf,
}

/// Shortest and longest name of a bucket.
const SHORTEST: usize = 3;
const LONGEST: usize = 63;

impl FileStoreEntry {
    /// The bucket of the machine of this name (CA-10).
    pub fn bucket_of(&self, machine: &str) -> String {
        self.bucket.clone().unwrap_or_else(|| derived_bucket(machine))
    }

    /// Its region; services of one's own rarely have any.
    pub fn region(&self) -> &str {
        self.region.as_deref().unwrap_or("us-east-1")
    }

    /// What makes no sense beyond its shape.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(address) = &self.address {
            check_address(address)?;
        }
        if let Some(bucket) = self.bucket.as_deref().filter(|bucket| !is_bucket(bucket)) {
            return Err(format!(
                "`bucket: {}` is no name of a bucket: use {SHORTEST} to {LONGEST} lower-case letters, digits, `-` and `.`",
                bucket.escape_debug()
            ));
        }
        let parts = |prefix: &str| prefix.trim_matches('/').split('/').all(is_part);
        if let Some(prefix) = self
            .prefix
            .as_deref()
            .filter(|prefix| !prefix.is_empty() && !parts(prefix))
        {
            return Err(format!(
                "`prefix: {}` is no beginning of names",
                prefix.escape_debug()
            ));
        }
        let files = [
            ("access_key_file", &self.access_key_file),
            ("secret_key_file", &self.secret_key_file),
        ];
        match files.iter().find(|(_, file)| file.as_os_str().is_empty()) {
            Some((key, _)) => Err(format!(
                "`{key}` is missing: the file with the key in its first line"
            )),
            None => Ok(()),
        }
    }

    pub(super) fn shown(entry: &Option<Self>) -> String {
        match entry {
            None => "none".to_owned(),
            Some(entry) => {
                let address = entry.address.as_deref().unwrap_or("s3");
                let bucket = entry.bucket.as_deref().unwrap_or("of the machine's name");
                format!("{{address: {address}, bucket: {bucket}}}")
            }
        }
    }
}

impl Resolver<'_> {
    pub(super) fn file_store(&mut self) -> Result<Option<FileStoreEntry>, ConfigError> {
        let store = self.pick(
            "file_store",
            |layer| layer.file_store.clone().map(Some),
            || (None, Origin::Default),
            FileStoreEntry::shown,
        );
        match store.as_ref().map_or(Ok(()), FileStoreEntry::check) {
            Ok(()) => Ok(store),
            Err(message) => Err(self.origin_error("file_store", message)),
        }
    }
}

/// Only scheme, host and port: a login would be shown.
fn check_address(address: &str) -> Result<(), String> {
    let rest = ["https://", "http://"]
        .iter()
        .find_map(|scheme| address.strip_prefix(scheme));
    let host = rest.map(|rest| rest.trim_end_matches('/')).unwrap_or_default();
    let legal = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    match !host.is_empty() && host.chars().all(legal) {
        true => Ok(()),
        false => Err("`address` is not `https://host` or `https://host:port`".to_owned()),
    }
}

fn is_part(part: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-._+".contains(c);
    !part.is_empty() && !part.starts_with('.') && part.chars().all(legal)
}

fn is_bucket(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (SHORTEST..=LONGEST).contains(&text.len())
        && text.chars().all(legal)
        && text.starts_with(ends)
        && text.ends_with(ends)
        && !text.contains("..")
}

/// `sdm-<machine>-files` with everything else in the name of the machine as a dash.
fn derived_bucket(machine: &str) -> String {
    let mut name = String::new();
    for c in machine.chars().map(|c| c.to_ascii_lowercase()) {
        match c.is_ascii_alphanumeric() {
            true => name.push(c),
            false if name.ends_with('-') => {}
            false => name.push('-'),
        }
    }
    let name = name.trim_matches('-');
    let longest = LONGEST - "sdm--files".len();
    let name = name[..name.len().min(longest)].trim_end_matches('-');
    format!("sdm-{name}-files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ca_10_the_bucket_is_derived_from_the_machine_and_cleaned_or_the_configured_one() {
        let of = |machine: &str| FileStoreEntry::default().bucket_of(machine);
        assert_eq!(of("sdm"), "sdm-sdm-files");
        assert_eq!(of("Team_A..build-.2"), "sdm-team-a-build-2-files");
        for machine in ["x", "a_b", &"long-".repeat(13), "Z.9"] {
            assert!(is_bucket(&of(machine)), "{}", of(machine));
        }
        let configured = FileStoreEntry {
            bucket: Some("mine".to_owned()),
            ..FileStoreEntry::default()
        };
        assert_eq!(configured.bucket_of("sdm"), "mine");
    }

    #[test]
    fn what_is_no_address_bucket_or_prefix_is_refused() {
        let keys = || FileStoreEntry {
            access_key_file: "/a".into(),
            secret_key_file: "/b".into(),
            ..FileStoreEntry::default()
        };
        assert_eq!(keys().check(), Ok(()));
        assert!(FileStoreEntry::default().check().is_err());
        let text = |text: &str| Some(text.to_owned());
        for address in [
            "https://s3.example.com",
            "http://[::1]:9000/",
            "https://10.0.0.1:9000",
        ] {
            assert_eq!(
                FileStoreEntry {
                    address: text(address),
                    ..keys()
                }
                .check(),
                Ok(()),
                "{address}"
            );
        }
        for address in [
            "s3.example.com",
            "https://u:p@host",
            "file:///x",
            "https://",
            "https://h/path?x",
        ] {
            assert!(
                FileStoreEntry {
                    address: text(address),
                    ..keys()
                }
                .check()
                .is_err(),
                "{address}"
            );
        }
        for bucket in ["A", "ab", "-ab", "a_b", "a..b", &"a".repeat(64)] {
            assert!(
                FileStoreEntry {
                    bucket: text(bucket),
                    ..keys()
                }
                .check()
                .is_err(),
                "{bucket}"
            );
        }
        for prefix in ["..", "a//b", "a/../b", "ä"] {
            assert!(
                FileStoreEntry {
                    prefix: text(prefix),
                    ..keys()
                }
                .check()
                .is_err(),
                "{prefix}"
            );
        }
    }
}
