//! Archives in a bucket of an object store that speaks S3's protocol (CA-10), beside a shelf that keeps a copy of them here.
//!
//! The service is believed in nothing: what it answers has a limit of size and time, and is an archive only when its digest
//! says so. What is not there, or is not what it should be, counts as gone; what cannot be asked is an error.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::digest;
use futures_util::StreamExt;
use nix::fcntl::OFlag;
use object_store::aws::AmazonS3Builder;
use object_store::buffered::BufWriter;
use object_store::path::Path as Key;
use object_store::{Certificate, ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::AsyncWriteExt;

use super::Shelf;
use super::shelf::{blocking, is_digest, word};
use crate::config::private_directory;
use crate::model::Timestamp;
use crate::model::push::Trust;
use crate::ports::Archives;

/// Longest time for a connection to be made, and between two pieces of an answer.
const CONNECTING: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(30);

/// Longest time for one archive, there or back.
const PATIENCE: Duration = Duration::from_secs(600);

/// A refusal that may pass is tried again this often, and this long.
const RETRIES: usize = 3;
const RETRYING: Duration = Duration::from_secs(30);

/// Size of the parts in which large archives are sent.
const PART: usize = 8 << 20;

/// Parts that are on their way at once.
const PARTS: usize = 4;

/// Where a bucket is, and how to get in.
#[derive(Debug, Clone)]
pub struct BucketAddress {
    /// Address of the service, `http(s)://host[:port]`; that of the region when there is none.
    pub service: Option<String>,
    /// The bucket.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// What the names of all objects begin with.
    pub prefix: String,
    /// Whose key.
    pub access_key: SecretString,
    /// The key.
    pub secret_key: SecretString,
    /// Proxy; none means what the system's environment says.
    pub proxy: Option<String>,
    /// Further certificate authorities, PEM.
    pub extra_ca_files: Vec<PathBuf>,
    /// Largest archive that is taken from it.
    pub largest: u64,
}

/// Archives in a bucket.
#[derive(Clone)]
pub struct Bucket {
    shelf: Shelf,
    store: Arc<dyn ObjectStore>,
    prefix: String,
    largest: u64,
    /// Where archives are until it is known that they are what they should be.
    incoming: PathBuf,
}

impl fmt::Debug for Bucket {
    /// Without the service, which knows the key.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Bucket")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl Bucket {
    /// A bucket with a shelf below `root`. Nothing is asked of the service yet.
    ///
    /// # Errors
    /// A certificate cannot be read, or the address is none.
    pub fn new(address: &BucketAddress, root: &Path) -> io::Result<Self> {
        Ok(Self {
            shelf: Shelf::new(root.to_owned()),
            store: service(address)?,
            prefix: address.prefix.trim_matches('/').to_owned(),
            largest: address.largest,
            incoming: root.join("incoming"),
        })
    }

    /// `prefix/trust/first two digits/digest`.
    fn key(&self, trust: Trust, digest: &str) -> io::Result<Key> {
        if !is_digest(digest) {
            let message = format!("`{}` is not the digest of an archive", digest.escape_debug());
            return Err(io::Error::new(ErrorKind::InvalidData, message));
        }
        let parts = self.prefix.split('/').chain([word(trust), &digest[..2], digest]);
        Ok(Key::from_iter(parts.filter(|part| !part.is_empty())))
    }

    /// Takes an archive from the bucket onto the shelf; `false` when it is not there or not what it should be.
    async fn fetch(&self, trust: Trust, digest: &str) -> io::Result<bool> {
        let key = self.key(trust, digest)?;
        private_directory(&self.incoming)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.incoming)?;
        let received = match within(self.receive(&key, file.as_file_mut())).await? {
            Received::Nothing => return Ok(false),
            Received::TooMuch => {
                tracing::warn!(%key, limit = self.largest, "an object of the bucket is larger than an archive may be");
                return Ok(false);
            }
            Received::All(received) => received,
        };
        if received != digest {
            tracing::warn!(%key, "an object of the bucket is not the archive that it is named after, and is removed");
            let _ = within(async { self.store.delete(&key).await.map_err(io::Error::other) }).await;
            return Ok(false);
        }
        let path = file.into_temp_path();
        self.shelf.take(trust, digest, &path).await?;
        Ok(true)
    }

    async fn receive(&self, key: &Key, file: &mut File) -> io::Result<Received> {
        let found = match self.store.get(key).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(Received::Nothing),
            Err(error) => return Err(failed("read", key, &error)),
        };
        let mut pieces = found.into_stream();
        let mut context = digest::Context::new(&digest::SHA256);
        let mut received: u64 = 0;
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| failed("read", key, &error))?;
            received = received.saturating_add(piece.len() as u64);
            if received > self.largest {
                return Ok(Received::TooMuch);
            }
            context.update(&piece);
            file.write_all(&piece)?;
        }
        Ok(Received::All(hex::encode(context.finish())))
    }

    /// Puts a file into the bucket, as a whole or not at all.
    async fn send(&self, key: &Key, mut file: tokio::fs::File) -> io::Result<()> {
        let size = file.metadata().await?.len();
        match self.store.head(key).await {
            Ok(there) if there.size == size => return Ok(()),
            Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(failed("look for", key, &error)),
        }
        let store = Arc::clone(&self.store);
        let mut writer = BufWriter::with_capacity(store, key.clone(), PART).with_max_concurrency(PARTS);
        if let Err(error) = tokio::io::copy(&mut file, &mut writer).await {
            let _ = writer.abort().await;
            return Err(error);
        }
        writer.shutdown().await
    }
}

/// An archive that is what its digest says: others will be given it by that name. `None` when there is no file.
fn checked(path: &Path, digest: &str) -> io::Result<Option<File>> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let opened = File::options().read(true).custom_flags(flags.bits()).open(path);
    let mut file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() || super::digest_of(&file)? != digest {
        let words = "it is not what its digest says";
        return Err(io::Error::new(ErrorKind::InvalidData, words));
    }
    file.rewind()?;
    Ok(Some(file))
}

/// What came of an object.
enum Received {
    /// There is none.
    Nothing,
    /// More than an archive may have.
    TooMuch,
    /// All of it, with its digest.
    All(String),
}

/// The service, of which nothing is asked yet.
///
/// # Errors
/// A certificate cannot be read, or the address is none.
pub(super) fn service(address: &BucketAddress) -> io::Result<Arc<dyn ObjectStore>> {
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&address.bucket)
        .with_region(&address.region)
        .with_access_key_id(address.access_key.expose_secret())
        .with_secret_access_key(address.secret_key.expose_secret())
        // Services of one's own rarely have a name for each bucket.
        .with_virtual_hosted_style_request(address.service.is_none())
        .with_retry(RetryConfig {
            max_retries: RETRIES,
            retry_timeout: RETRYING,
            ..RetryConfig::default()
        })
        // Not every service takes several names at once.
        .with_disable_bulk_delete(true)
        .with_client_options(client_options(address)?);
    if let Some(service) = &address.service {
        builder = builder.with_endpoint(service.trim_end_matches('/'));
    }
    let store = builder.build().map_err(io::Error::other)?;
    Ok(Arc::new(store))
}

fn client_options(address: &BucketAddress) -> io::Result<ClientOptions> {
    let is_plain = address
        .service
        .as_deref()
        .is_some_and(|service| service.starts_with("http://"));
    let mut options = ClientOptions::new()
        .with_allow_http(is_plain)
        .with_connect_timeout(CONNECTING)
        .with_read_timeout(SILENCE)
        .with_timeout_disabled();
    if let Some(proxy) = &address.proxy {
        options = options.with_proxy_url(proxy);
    }
    for path in &address.extra_ca_files {
        let pem = std::fs::read(path)?;
        for certificate in Certificate::from_pem_bundle(&pem).map_err(io::Error::other)? {
            options = options.with_root_certificate(certificate);
        }
    }
    Ok(options)
}

/// Without the words of the service, which are as long as it likes and may repeat what it was sent.
pub(super) fn failed(doing: &str, key: &Key, error: &object_store::Error) -> io::Error {
    let refused = matches!(
        error,
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }
    );
    tracing::debug!(%key, error = %error.to_string().chars().take(1000).collect::<String>(), "the file store failed");
    match refused {
        true => io::Error::new(
            ErrorKind::PermissionDenied,
            format!("the file store refused to {doing} {key}"),
        ),
        false => io::Error::other(format!("the file store could not be asked to {doing} {key}")),
    }
}

pub(super) async fn within<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = |_| io::Error::new(ErrorKind::TimedOut, "the file store took too long");
    tokio::time::timeout(PATIENCE, work).await.map_err(late)?
}

#[async_trait]
impl Archives for Bucket {
    async fn lend(&self, trust: Trust, digest: &str, to: &Path) -> io::Result<bool> {
        if self.shelf.lend(trust, digest, to).await? {
            return Ok(true);
        }
        Ok(self.fetch(trust, digest).await? && self.shelf.lend(trust, digest, to).await?)
    }

    async fn has(&self, trust: Trust, digest: &str) -> io::Result<bool> {
        if self.shelf.has(trust, digest).await? {
            return Ok(true);
        }
        let key = self.key(trust, digest)?;
        let head = async {
            match self.store.head(&key).await {
                Ok(_) => Ok(true),
                Err(object_store::Error::NotFound { .. }) => Ok(false),
                Err(error) => Err(failed("look for", &key, &error)),
            }
        };
        within(head).await
    }

    async fn take(&self, trust: Trust, digest: &str, from: &Path) -> io::Result<()> {
        let key = self.key(trust, digest)?;
        let (path, wanted) = (from.to_owned(), digest.to_owned());
        if let Some(file) = blocking(move || checked(&path, &wanted)).await? {
            within(self.send(&key, file.into())).await?;
        }
        self.shelf.take(trust, digest, from).await
    }

    async fn remove(&self, trust: Trust, digest: &str) -> io::Result<()> {
        let key = self.key(trust, digest)?;
        let deleting = async {
            match self.store.delete(&key).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(failed("remove", &key, &error)),
            }
        };
        within(deleting).await?;
        self.shelf.remove(trust, digest).await
    }

    /// Those of the shelf: what else is in the bucket may be another machine's.
    async fn all(&self, before: Timestamp) -> io::Result<Vec<(Trust, String)>> {
        self.shelf.all(before).await
    }
}
