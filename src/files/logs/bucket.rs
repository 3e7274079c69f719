//! Logs in a bucket of an object store that speaks S3's protocol. The service is believed in nothing: what it answers has a
//! limit of size and time, and is a part of a log only when it unpacks as one.

use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use object_store::path::Path as Key;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt as _};

use super::super::bucket::{BucketAddress, failed, service, within};
use super::{file_of, pack_all, unpacked};
use crate::ports::hub::{FilePlace, LogName, RestedLogs};

/// A bucket of logs.
#[derive(Clone)]
pub struct LogBucket {
    store: Arc<dyn ObjectStore>,
    bucket: String,
    prefix: String,
}

impl fmt::Debug for LogBucket {
    /// Without the service, which knows the key.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LogBucket")
            .field("bucket", &self.bucket)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl LogBucket {
    /// Nothing is asked of the service yet.
    ///
    /// # Errors
    /// A certificate cannot be read, or the address is none.
    pub fn new(address: &BucketAddress) -> io::Result<Self> {
        Ok(Self {
            store: service(address)?,
            bucket: address.bucket.clone(),
            prefix: address.prefix.trim_matches('/').to_owned(),
        })
    }

    /// `prefix/hub-logs/first two digits/digest.log.gz`.
    fn key(&self, name: &LogName) -> Key {
        let (directory, file) = file_of(name);
        let parts = self
            .prefix
            .split('/')
            .chain(["hub-logs", directory.as_str(), file.as_str()]);
        Key::from_iter(parts.filter(|part| !part.is_empty()))
    }

    /// The bytes of a place; `None` when there is no such object.
    async fn receive(&self, key: &Key, place: FilePlace) -> io::Result<Option<Vec<u8>>> {
        let options = GetOptions {
            range: Some((place.at..place.at + place.length).into()),
            ..GetOptions::default()
        };
        let found = match self.store.get_opts(key, options).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed("read", key, &error)),
        };
        let (mut pieces, mut received) = (found.into_stream(), Vec::new());
        while let Some(piece) = pieces.next().await {
            received.extend_from_slice(&piece.map_err(|error| failed("read", key, &error))?);
            if received.len() as u64 > place.length {
                let words = "the file store sent more of a log than was asked for";
                return Err(io::Error::new(ErrorKind::InvalidData, words));
            }
        }
        Ok(Some(received))
    }
}

#[async_trait]
impl RestedLogs for LogBucket {
    fn place(&self) -> String {
        format!("bucket {}", self.bucket)
    }

    async fn put(&self, name: &LogName, parts: &[String]) -> io::Result<Vec<FilePlace>> {
        let (key, mut content) = (self.key(name), Vec::new());
        let places = pack_all(parts, |packed| {
            content.extend_from_slice(packed);
            Ok(())
        })?;
        let putting = async {
            let put = self.store.put(&key, content.into()).await;
            put.map(drop).map_err(|error| failed("write", &key, &error))
        };
        within(putting).await?;
        Ok(places)
    }

    async fn read(&self, name: &LogName, place: FilePlace) -> io::Result<Option<String>> {
        let key = self.key(name);
        let received = within(self.receive(&key, place)).await?;
        received.map(|packed| unpacked(packed.as_slice())).transpose()
    }

    async fn remove(&self, name: &LogName) -> io::Result<()> {
        let key = self.key(name);
        within(async {
            match self.store.delete(&key).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(failed("remove", &key, &error)),
            }
        })
        .await
    }
}
