//! Directories of tests. What a test leaves in one (databases, logs, audit logs) is kept where `SDM_TEST_REMAINS` says, so that all of
//! it can be searched once the whole run is over (`tests/canaries`).

use std::fs;
use std::io::Write as _;
use std::ops::Deref;
use std::path::Path;

/// What is kept of a file: those in which nothing secret may stand. Files that hold secrets because it is their purpose have other ends.
const KEPT: [&str; 6] = ["db", "db-wal", "jsonl", "log", "json", "txt"];

/// Shortest secret that is looked for; what is shorter stands somewhere by chance.
const SHORTEST: usize = 16;

/// Notes a secret that a test has been told (a session, a ticket, a handle, a shared secret, a token) where `SDM_TEST_SECRETS` says, so that
/// it is looked for in what the whole run leaves.
pub fn is_secret(text: &str) {
    let Some(file) = std::env::var_os("SDM_TEST_SECRETS").filter(|_| text.len() >= SHORTEST) else {
        return;
    };
    let opened = fs::OpenOptions::new().create(true).append(true).open(file);
    // One write of a line is whole, however many tests write.
    let _ = opened.and_then(|mut file| file.write_all(format!("{text}\n").as_bytes()));
}

/// A directory that goes with its test.
pub struct Remains(tempfile::TempDir);

/// A directory of this test alone.
pub fn directory() -> Remains {
    let made = tempfile::Builder::new().prefix("sdm-it-").tempdir();
    Remains(made.unwrap())
}

impl Deref for Remains {
    type Target = tempfile::TempDir;

    fn deref(&self) -> &tempfile::TempDir {
        &self.0
    }
}

impl Drop for Remains {
    fn drop(&mut self) {
        let Some(kept) = std::env::var_os("SDM_TEST_REMAINS") else {
            return;
        };
        let name = self.0.path().file_name().unwrap_or_default();
        keep(self.0.path(), &Path::new(&kept).join(name));
    }
}

/// Copies what is kept; what vanishes meanwhile was not to stay.
fn keep(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let Ok(kind) = entry.file_type() else { continue };
        let ending = path
            .extension()
            .and_then(|ending| ending.to_str())
            .unwrap_or_default();
        if kind.is_dir() {
            keep(&path, &to.join(name));
        } else if kind.is_file() && KEPT.contains(&ending) && fs::create_dir_all(to).is_ok() {
            let _ = fs::copy(&path, to.join(name));
        }
    }
}
