//! Where archives lie: `<trust>/<first two digits>/<digest>`, in a directory of the machine's own.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::config::private_directory;
use crate::model::Timestamp;
use crate::model::push::Trust;
use crate::ports::Archives;

/// Archives in a directory.
#[derive(Debug, Clone)]
pub struct Shelf {
    root: PathBuf,
}

const TRUSTS: [Trust; 2] = [Trust::Untrusted, Trust::Member];

pub(super) const fn word(trust: Trust) -> &'static str {
    match trust {
        Trust::Untrusted => "untrusted",
        Trust::Member => "member",
    }
}

pub(super) fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl Shelf {
    /// In this directory, which is made when it is needed.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn place(&self, trust: Trust, digest: &str) -> io::Result<PathBuf> {
        if !is_digest(digest) {
            let message = format!("`{}` is not the digest of an archive", digest.escape_debug());
            return Err(io::Error::new(ErrorKind::InvalidData, message));
        }
        Ok(self.root.join(word(trust)).join(&digest[..2]).join(digest))
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

fn none_is_fine(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Moves a finished archive to its place. What is there already has the same digest in its name, and is left alone: a
/// goal could name the digest of another archive.
fn put(from: &Path, to: &Path) -> io::Result<()> {
    let is_there = fs::symlink_metadata(to).is_ok();
    match fs::symlink_metadata(from) {
        Err(error) if error.kind() == ErrorKind::NotFound && is_there => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) if !found.is_file() => {
            return Err(io::Error::new(ErrorKind::InvalidData, "it is not a file"));
        }
        Ok(_) => {}
    }
    if is_there {
        // Its time of change says that it was wanted just now.
        fs::set_permissions(to, fs::metadata(to)?.permissions())?;
        return fs::remove_file(from);
    }
    private_directory(to.parent().unwrap_or(Path::new("/")))?;
    fs::rename(from, to)
}

/// Digests in one directory of a trust, of archives that were not touched since `before`.
fn digests_in(directory: &Path, before: Timestamp) -> Vec<String> {
    let is_old = |entry: &fs::DirEntry| {
        let changed = entry.metadata().map(|metadata| metadata.ctime());
        changed.is_ok_and(|seconds| seconds.saturating_mul(1_000_000) < before.as_micros())
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter(is_old)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| is_digest(name))
        .collect()
}

#[async_trait]
impl Archives for Shelf {
    async fn lend(&self, trust: Trust, digest: &str, to: &Path) -> io::Result<bool> {
        let (from, to) = (self.place(trust, digest)?, to.to_owned());
        blocking(move || {
            none_is_fine(fs::remove_file(&to))?;
            match fs::hard_link(&from, &to) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
                outcome => outcome.map(|()| true),
            }
        })
        .await
    }

    async fn has(&self, trust: Trust, digest: &str) -> io::Result<bool> {
        let path = self.place(trust, digest)?;
        blocking(move || Ok(fs::symlink_metadata(path).is_ok())).await
    }

    async fn take(&self, trust: Trust, digest: &str, from: &Path) -> io::Result<()> {
        let (to, from) = (self.place(trust, digest)?, from.to_owned());
        blocking(move || put(&from, &to)).await
    }

    async fn remove(&self, trust: Trust, digest: &str) -> io::Result<()> {
        let path = self.place(trust, digest)?;
        blocking(move || none_is_fine(fs::remove_file(path))).await
    }

    async fn all(&self, before: Timestamp) -> io::Result<Vec<(Trust, String)>> {
        let root = self.root.clone();
        blocking(move || {
            let of_trust = |trust: Trust| {
                let directories = fs::read_dir(root.join(word(trust)))
                    .into_iter()
                    .flatten()
                    .flatten();
                directories
                    .flat_map(|directory| digests_in(&directory.path(), before))
                    .map(|digest| (trust, digest))
                    .collect::<Vec<_>>()
            };
            Ok(TRUSTS.into_iter().flat_map(of_trust).collect())
        })
        .await
    }
}
