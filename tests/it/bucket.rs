//! Archives in a bucket (CA-10), and an object store that lies about them (threats K2, E4).

use std::path::{Path, PathBuf};

use sdm::files::{Bucket, BucketAddress};
use sdm::model::push::Trust;
use sdm::ports::Archives;

use crate::support::fake_bucket::{Answering, FakeBucket};

const SECRET: &str = "canary-of-the-bucket";

/// Largest archive here.
const LARGEST: u64 = 32 << 20;

fn address(service: &FakeBucket) -> BucketAddress {
    BucketAddress {
        service: Some(service.service()),
        bucket: "files".to_owned(),
        region: "us-east-1".to_owned(),
        prefix: "machine/".to_owned(),
        access_key: "ada".to_owned().into(),
        secret_key: SECRET.to_owned().into(),
        proxy: None,
        extra_ca_files: Vec::new(),
        largest: LARGEST,
    }
}

/// A service, and what two machines keep of it.
struct Place {
    service: FakeBucket,
    directory: tempfile::TempDir,
}

impl Place {
    async fn new() -> Self {
        Self {
            service: FakeBucket::start().await,
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn bucket(&self, machine: &str) -> Bucket {
        Bucket::new(&address(&self.service), &self.path(machine)).unwrap()
    }

    /// A file, and its digest.
    fn archive(&self, content: &[u8]) -> (PathBuf, String) {
        let path = self.path("archive");
        std::fs::write(&path, content).unwrap();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, content);
        (path, hex::encode(digest))
    }

    /// Whether another machine is lent an archive, and with which content.
    async fn lent(&self, digest: &str) -> std::io::Result<Option<Vec<u8>>> {
        let to = self.path("lent");
        let lent = self.bucket("other").lend(Trust::Member, digest, &to).await?;
        Ok(lent.then(|| std::fs::read(&to).unwrap()))
    }
}

fn files_below(top: &Path) -> usize {
    let entries = std::fs::read_dir(top).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.path().is_dir() {
            true => files_below(&entry.path()),
            false => 1,
        })
        .sum()
}

#[tokio::test]
async fn ca_10_an_archive_is_stored_found_by_another_machine_and_removed() {
    let place = Place::new().await;
    let (path, digest) = place.archive(b"an archive");
    let own = place.bucket("own");
    own.take(Trust::Member, &digest, &path).await.unwrap();
    assert!(!path.exists());
    let name = format!("files/machine/member/{}/{digest}", &digest[..2]);
    assert_eq!(place.service.objects(), [name]);
    assert_eq!(
        place.lent(&digest).await.unwrap().as_deref(),
        Some(&b"an archive"[..])
    );
    // Again is once, and other trust has other archives.
    own.take(Trust::Member, &digest, &path).await.unwrap();
    assert!(!own.has(Trust::Untrusted, &digest).await.unwrap());
    assert!(own.has(Trust::Member, &digest).await.unwrap());
    own.remove(Trust::Member, &digest).await.unwrap();
    own.remove(Trust::Member, &digest).await.unwrap();
    assert_eq!(place.service.objects(), [""; 0]);
    assert!(!own.has(Trust::Member, &digest).await.unwrap());
    let gone = place.archive(b"never kept").1;
    assert_eq!(place.lent(&gone).await.unwrap(), None);
    for no_digest in ["../x", "", "ab"] {
        assert!(own.has(Trust::Member, no_digest).await.is_err());
    }
}

#[tokio::test]
async fn ca_07_a_large_archive_is_there_when_all_of_its_parts_are() {
    let place = Place::new().await;
    let content: Vec<u8> = (0..20_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let (path, digest) = place.archive(&content);
    place
        .bucket("own")
        .take(Trust::Member, &digest, &path)
        .await
        .unwrap();
    assert_eq!((place.service.objects().len(), place.service.parts()), (1, 0));
    assert!(
        place
            .service
            .seen()
            .iter()
            .any(|seen| seen.contains("partNumber=3"))
    );
    assert_eq!(place.lent(&digest).await.unwrap(), Some(content));
}

#[tokio::test]
async fn k2_what_the_store_answers_is_believed_by_its_digest_alone() {
    let place = Place::new().await;
    let (path, digest) = place.archive(&[b'a'; 300_000]);
    place
        .bucket("own")
        .take(Trust::Member, &digest, &path)
        .await
        .unwrap();
    place.service.answer(Answering::CutShort);
    assert!(place.lent(&digest).await.is_err());
    place.service.answer(Answering::WithoutEnd);
    assert_eq!(place.lent(&digest).await.unwrap(), None);
    place.service.answer(Answering::Refusing);
    let error = place.lent(&digest).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the file store refused to read machine/member/"),
        "{error}"
    );
    assert!(!error.to_string().contains("AccessDenied"), "{error}");
    place.service.answer(Answering::Honestly);
    assert!(place.lent(&digest).await.unwrap().is_some());
    std::fs::remove_dir_all(place.path("other")).unwrap();
    place.service.answer(Answering::WithOtherBytes);
    assert_eq!(place.lent(&digest).await.unwrap(), None);
    assert_eq!(
        place.service.objects(),
        [""; 0],
        "what is not what it says is removed"
    );
    assert_eq!(
        files_below(&place.path("other")),
        0,
        "and nothing of it stays here"
    );
}

#[tokio::test]
async fn k2_a_file_is_not_stored_under_the_digest_of_another() {
    let place = Place::new().await;
    let (path, _) = place.archive(b"mine");
    let others = hex::encode([7; 32]);
    let error = place
        .bucket("own")
        .take(Trust::Member, &others, &path)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "it is not what its digest says");
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
    assert!(
        place
            .bucket("own")
            .take(Trust::Member, &others, &path)
            .await
            .is_err()
    );
    assert_eq!(place.service.objects(), [""; 0]);
}

#[tokio::test]
async fn e4_the_key_of_the_store_never_leaves_the_machine() {
    let place = Place::new().await;
    let (path, digest) = place.archive(b"an archive");
    let bucket = place.bucket("own");
    bucket.take(Trust::Member, &digest, &path).await.unwrap();
    let seen = place.service.seen();
    assert!(!seen.is_empty() && !seen.concat().contains(SECRET), "{seen:?}");
    let shown = format!("{bucket:?} {:?}", address(&place.service));
    assert!(!shown.contains(SECRET), "{shown}");
}
