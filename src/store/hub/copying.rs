//! Copies of an SQLite memory, and what is wrong with one that cannot be opened.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sqlx::{AnyConnection, Connection as _, Executor as _};

use super::super::machine::database::{close_to_others, prepare_directory};
use super::SqlHub;
use super::statement::Doing;
use crate::ports::hub::HubStoreError;

/// What SQLite says of a file that is no database, or not a whole one; more particular codes end with these eight bits.
const NOT_WHOLE: [u32; 2] = [11, 26];

/// What stands behind the name of a copy until it is whole.
const BEGUN: &str = ".begun";

/// What the database itself says when it is opened. A pool only says that nobody has given it a connection, after a long while.
///
/// # Errors
/// It cannot be opened.
pub(super) async fn try_out(url: &str) -> Result<(), sqlx::Error> {
    let mut connection = AnyConnection::connect(url).await?;
    (&mut connection)
        .execute("PRAGMA busy_timeout = 15000; SELECT COUNT(*) FROM sqlite_schema")
        .await?;
    connection.close().await
}

/// The same of what a pool has waited for in vain.
pub(super) async fn explained<T>(opened: Result<T, sqlx::Error>, url: &str) -> Result<T, sqlx::Error> {
    match opened {
        Err(sqlx::Error::PoolTimedOut) => match AnyConnection::connect(url).await {
            Err(error) => Err(error),
            Ok(_) => Err(sqlx::Error::PoolTimedOut),
        },
        opened => opened,
    }
}

/// Whether a memory could not be opened or read because its file is no database, or not a whole one.
pub fn is_damaged(error: &HubStoreError) -> bool {
    let source = error.source.downcast_ref::<sqlx::Error>();
    let said = source.and_then(|source| source.as_database_error()?.code());
    let code = said.and_then(|code| code.parse::<u32>().ok());
    code.is_some_and(|code| NOT_WHOLE.contains(&(code & 0xff)))
}

impl SqlHub {
    /// Writes a copy of an SQLite memory, whole and of one moment, while the hub goes on; the file must not be there yet. It has its
    /// name once it is whole and on the disk, whatever ends this meanwhile.
    ///
    /// # Errors
    /// It cannot be written, or the memory is in Postgres.
    pub async fn copy_to(&self, file: &Path) -> Result<(), HubStoreError> {
        const DOING: &str = "write a copy of the hub's database";
        prepare_directory(file).doing(DOING)?;
        let begun = begun(file);
        remove_if_there(&begun).doing(DOING)?;
        let mut connection = self.writer().await?;
        let written = sqlx::query("VACUUM INTO $1")
            .bind(begun.to_string_lossy().into_owned())
            .execute(&mut *connection)
            .await
            .doing(DOING);
        let whole = written.and_then(|_| close_to_others(&begun).doing(DOING));
        let whole = whole.and_then(|()| name(&begun, file).doing(DOING));
        if whole.is_err() {
            remove_if_there(&begun).ok();
        }
        whole
    }
}

fn begun(file: &Path) -> PathBuf {
    let mut name: OsString = file.as_os_str().to_owned();
    name.push(BEGUN);
    PathBuf::from(name)
}

fn remove_if_there(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Gives a copy its name once it is on the disk; nothing that has come there meanwhile is written over.
fn name(begun: &Path, file: &Path) -> io::Result<()> {
    File::open(begun)?.sync_all()?;
    fs::hard_link(begun, file)?;
    fs::remove_file(begun)?;
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::super::Place;
    use super::*;

    #[tokio::test]
    async fn k4_a_copy_has_its_name_once_it_is_whole_and_is_written_over_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let hub = SqlHub::open(&Place::File(directory.path().join("hub.db")))
            .await
            .unwrap();
        let copy = directory.path().join("copy.db");
        // What is left of one that was ended.
        fs::write(begun(&copy), "half of it").unwrap();
        hub.copy_to(&copy).await.unwrap();
        assert!(!begun(&copy).exists());
        let before = fs::read(&copy).unwrap();
        assert!(hub.copy_to(&copy).await.is_err());
        assert_eq!(fs::read(&copy).unwrap(), before);
        assert!(!begun(&copy).exists());
        hub.close().await;
        let opened = SqlHub::open(&Place::File(copy)).await.unwrap();
        assert_eq!(opened.damage().await.unwrap(), None);
        opened.close().await;
    }

    #[tokio::test]
    async fn k5_a_file_that_is_no_database_or_half_of_one_is_said_to_be_that_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("hub.db");
        let hub = SqlHub::open(&Place::File(file.clone())).await.unwrap();
        hub.close().await;
        let whole = fs::read(&file).unwrap();
        for content in [
            &b"no database at all, however long it is".repeat(100)[..],
            &whole[..whole.len() / 2],
        ] {
            let other = directory.path().join("other.db");
            fs::write(&other, content).unwrap();
            let begun = tokio::time::Instant::now();
            let opened = SqlHub::open(&Place::File(other)).await;
            let error = opened.expect_err("it is not opened");
            assert!(is_damaged(&error), "{error:?}");
            assert!(begun.elapsed() < std::time::Duration::from_secs(10));
        }
    }
}
