//! Whether the file of an SQLite memory is still where it was opened. What is written into one that was moved away, removed or replaced
//! while the hub runs is not there any more after the next start, so that nothing may be taken for kept.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A file as it was opened.
#[derive(Debug)]
pub(super) struct InPlace {
    path: PathBuf,
    identity: (u64, u64),
}

/// Which file is at a place: the device, and its number there.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::metadata(path)?;
    Ok((found.dev(), found.ino()))
}

impl InPlace {
    /// The file that is there now.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            identity: identity(path)?,
        })
    }

    /// Whether it is still there.
    ///
    /// # Errors
    /// It is not, or that cannot be seen.
    pub(super) fn check(&self) -> io::Result<()> {
        let was = |what: &str| {
            let path = self.path.display();
            io::Error::other(format!(
                "{path} was {what} while the hub runs; nothing is kept until it is back, or the hub is started again"
            ))
        };
        match identity(&self.path) {
            Ok(found) if found == self.identity => Ok(()),
            Ok(_) => Err(was("replaced")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(was("taken away")),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Place, SqlHub};
    use crate::ports::hub::HubGraph as _;
    use crate::runtime::causes::chain;

    #[tokio::test]
    async fn k4_nothing_is_kept_in_a_file_that_was_moved_away_or_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let (file, away) = (directory.path().join("hub.db"), directory.path().join("away.db"));
        let hub = SqlHub::open(&Place::File(file.clone())).await.unwrap();
        drop(hub.begin("w").await.unwrap());
        std::fs::rename(&file, &away).unwrap();
        let refused = hub.begin("w").await.err().expect("the file is away");
        assert!(
            chain(&refused).contains("was taken away while the hub runs"),
            "{refused:?}"
        );
        std::fs::write(&file, "another").unwrap();
        let refused = hub.begin("w").await.err().expect("another is there");
        assert!(
            chain(&refused).contains("was replaced while the hub runs"),
            "{refused:?}"
        );
        assert!(hub.ping().await.is_err());
        std::fs::rename(&away, &file).unwrap();
        drop(hub.begin("w").await.unwrap());
        hub.ping().await.unwrap();
        hub.close().await;
    }
}
