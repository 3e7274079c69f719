//! Where the machine's memory is: a file in its state directory, or the database that its replicas share.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use thiserror::Error;

use super::state::StateDirectory;
use crate::config::Configuration;
use crate::ports::secrets::NotGiven;
use crate::ports::store::StoreError;
use crate::runtime::clock::{Ids, SystemClock};
use crate::secrets::Vault;
use crate::store::place::is_postgres;
use crate::store::{Identity, Place, SqlStore};

/// Why there is no memory.
#[derive(Debug, Error)]
pub enum DatabaseError {
    /// Its URL cannot be read.
    #[error("the URL of `database` cannot be read")]
    NotGiven(#[from] NotGiven),
    /// Something else stands where the URL should be. It is not shown, because it may hold a password.
    #[error("what `database` names is no `postgres://` URL")]
    NoUrl,
    /// Which replica this is cannot be read or written.
    #[error("failed to find out which replica of the machine this is")]
    Replica(#[source] io::Error),
    /// It does not open.
    #[error("failed to open {0}")]
    Store(String, #[source] StoreError),
}

/// How long a replica may say nothing before the others take over what it did.
pub const LEASE: Duration = Duration::from_secs(12);

/// How long its processes go on without it: less, so that they have ended by then.
pub const HELD: Duration = Duration::from_secs(10);

/// Longest identity of a replica in bytes.
const LONGEST: u64 = 64;

/// Which replica of the machine the state directory belongs to; empty for a machine with a memory of its own.
///
/// # Errors
/// It cannot be read or written.
pub fn replica(configuration: &Configuration, state: &StateDirectory, ids: &dyn Ids) -> io::Result<String> {
    if configuration.database.is_none() {
        return Ok(String::new());
    }
    let path = file_of(state);
    let known = File::open(&path).and_then(|file| {
        let mut text = String::new();
        file.take(LONGEST).read_to_string(&mut text).map(|_| text)
    });
    match known {
        Ok(known) if known.len() == 32 && known.bytes().all(|byte| byte.is_ascii_hexdigit()) => Ok(known),
        // Cut off by a crash before anybody used it.
        Ok(_) => write_new(&path, ids),
        Err(error) if error.kind() == io::ErrorKind::NotFound => write_new(&path, ids),
        Err(error) => Err(error),
    }
}

/// The file in the state directory that says which replica it is.
fn file_of(state: &StateDirectory) -> PathBuf {
    state.root().join("replica")
}

fn write_new(path: &Path, ids: &dyn Ids) -> io::Result<String> {
    let fresh = ids.fresh().simple().to_string();
    std::fs::write(path, &fresh)?;
    Ok(fresh)
}

/// Opens the machine's memory, for a replica of it.
///
/// # Errors
/// It cannot be found, reached or used.
pub async fn open(
    configuration: &Configuration,
    state: &StateDirectory,
    replica: &str,
) -> Result<SqlStore, DatabaseError> {
    let place = place(configuration, state).await?;
    let identity = Identity {
        machine: configuration.name.clone(),
        replica: replica.to_owned(),
    };
    SqlStore::open(&place, &identity)
        .await
        .map_err(|error| DatabaseError::Store(place.shown(), error))
}

async fn place(configuration: &Configuration, state: &StateDirectory) -> Result<Place, DatabaseError> {
    let Some(source) = &configuration.database else {
        return Ok(Place::File(state.root().join("sdm.db")));
    };
    let key_file = configuration.secret_key_file.clone();
    let vault = Vault::new(BTreeMap::new(), key_file, Arc::new(SystemClock));
    let url = vault.of_machine("database", source).await?;
    match is_postgres(url.expose_secret()) {
        true => Ok(Place::Postgres(url)),
        false => Err(DatabaseError::NoUrl),
    }
}
