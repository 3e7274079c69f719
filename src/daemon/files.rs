//! Where archives of files between goals are: on the machine's own disk, or in a bucket beside it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;

use crate::config::{Configuration, FileStoreEntry};
use crate::files::logs::LogBucket;
use crate::files::{Bucket, BucketAddress, Shelf};
use crate::ports::Archives;
use crate::ports::hub::RestedLogs;

/// Longest key in bytes.
const LONGEST_KEY: u64 = 4096;

/// The archives of a machine that keeps its own below `root`.
///
/// # Errors
/// A key or a certificate of the configured store cannot be read.
pub(super) fn archives(configuration: &Configuration, root: PathBuf) -> io::Result<Arc<dyn Archives>> {
    Ok(match &configuration.file_store {
        None => Arc::new(Shelf::new(root)),
        Some(entry) => Arc::new(Bucket::new(&address(configuration, entry)?, &root)?),
    })
}

/// The configured store as a place for the logs of a hub; `None` when there is none.
///
/// # Errors
/// A key or a certificate of it cannot be read.
pub fn log_store(configuration: &Configuration) -> io::Result<Option<Arc<dyn RestedLogs>>> {
    let Some(entry) = &configuration.file_store else {
        return Ok(None);
    };
    let bucket = LogBucket::new(&address(configuration, entry)?)?;
    Ok(Some(Arc::new(bucket)))
}

fn address(configuration: &Configuration, entry: &FileStoreEntry) -> io::Result<BucketAddress> {
    Ok(BucketAddress {
        service: entry.address.clone(),
        bucket: entry.bucket_of(&configuration.name),
        region: entry.region().to_owned(),
        prefix: entry.prefix.clone().unwrap_or_else(|| configuration.name.clone()),
        access_key: key(&entry.access_key_file)?,
        secret_key: key(&entry.secret_key_file)?,
        proxy: configuration.proxy.clone(),
        extra_ca_files: configuration.extra_ca_files.clone(),
        largest: configuration.limits.cache,
    })
}

/// The first line of a file.
fn key(path: &Path) -> io::Result<SecretString> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let mut text = String::new();
    let file = File::open(path).map_err(named)?;
    file.take(LONGEST_KEY).read_to_string(&mut text).map_err(named)?;
    match text.lines().next().map(str::trim).filter(|line| !line.is_empty()) {
        Some(line) => Ok(line.to_owned().into()),
        None => Err(named(io::Error::new(
            io::ErrorKind::InvalidData,
            "its first line is empty",
        ))),
    }
}
