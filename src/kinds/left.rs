//! Reading what a goal's process left behind: hostile, so never through a link and never more than a limit.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use serde::de::DeserializeOwned;

/// The bytes of a file that was left; `None` when there is none.
///
/// # Errors
/// It is no file, larger than the limit, or cannot be read.
pub(super) fn read_bytes(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = match nix::fcntl::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(nix::errno::Errno::ENOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidData, "it is not a file"));
    }
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let text = format!("it is larger than {limit} bytes");
        return Err(io::Error::new(ErrorKind::InvalidData, text));
    }
    Ok(Some(bytes))
}

/// The exit code of a goal that failed, as its own process tells it: that of a failure in any case.
pub(super) fn code_left(told: Option<i32>) -> i32 {
    told.filter(|code| (1..=255).contains(code)).unwrap_or(1)
}

/// A JSON document that was left; `None` when there is none.
///
/// # Errors
/// As [`read_bytes`], or it is not what was wanted.
pub(super) fn read_left<T: DeserializeOwned>(path: &Path, limit: u64) -> io::Result<Option<T>> {
    let bytes = read_bytes(path, limit)?;
    Ok(bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b5_only_files_within_the_limit_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("left");
        assert!(read_bytes(&path, 9).unwrap().is_none());
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read_left::<u32>(&path, 5).unwrap(), Some(12345));
        assert!(read_bytes(&path, 4).is_err() && read_left::<bool>(&path, 9).is_err());
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(read_bytes(&link, 9).is_err());
        let fifo = directory.path().join("fifo");
        nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).unwrap();
        assert!(read_bytes(&fifo, 9).is_err());
        assert!(read_bytes(directory.path(), 9).is_err());
    }
}
