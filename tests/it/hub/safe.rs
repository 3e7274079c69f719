//! The hub's safe: secrets that only the master key opens, each in its row alone, through a change of the master key.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use sdm::hub::safe::{Resealed, Safe, SafeError};
use sdm::model::Timestamp;
use sdm::ports::hub::secrets::{SealedSecret, SealedSecrets};
use sdm::secrets::envelope::{EnvelopeError, MasterKey, MasterKeys, Row};
use sdm::store::hub::{Place, SqlHub};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde_json::Value;

const CANARY: &str = "canary-of-the-safe-0123456789";

const ROW: Row<'static> = Row {
    id: "7",
    owner: "addon:build",
    kind: "shared_secret",
};

fn at(second: u64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000).plus(Duration::from_secs(second))
}

fn canary() -> SecretSlice<u8> {
    SecretSlice::from(CANARY.as_bytes().to_vec())
}

fn key() -> SecretString {
    MasterKey::fresh_text().unwrap()
}

/// A safe that the first of these opens, and the others while the master key changes.
fn safe(hub: &SqlHub, keys: &[&SecretString]) -> Safe {
    let mut keys = keys.iter().map(|text| MasterKey::parse(text).unwrap());
    let keys = keys
        .next()
        .map(|current| Arc::new(MasterKeys::new(current, keys.collect())));
    Safe::new(Arc::new(hub.clone()), keys)
}

async fn hub(directory: &Path) -> SqlHub {
    SqlHub::open(&Place::File(directory.join("hub.db")))
        .await
        .unwrap()
}

/// The part of the contract of stores that is about secrets.
pub async fn secrets_are_kept_in_their_rows(hub: &SqlHub) {
    let secret = |id: &str, sealed: &str| SealedSecret {
        kind: "shared_secret".to_owned(),
        owner: "addon:a".to_owned(),
        id: id.to_owned(),
        sealed: sealed.to_owned(),
        changed: at(0),
    };
    hub.keep_secret(&secret("1", "x")).await.unwrap();
    hub.keep_secret(&secret("2", "y")).await.unwrap();
    hub.keep_secret(&secret("1", "z")).await.unwrap();
    let kept = hub.secret("shared_secret", "addon:a", "1").await.unwrap();
    assert_eq!(kept, Some(secret("1", "z")), "the later one is in its place");
    assert_eq!(hub.secret("user_token", "addon:a", "1").await.unwrap(), None);
    assert!(
        !hub.seal_again(&secret("1", "x"), "w").await.unwrap(),
        "it has changed"
    );
    assert!(hub.seal_again(&secret("1", "z"), "w").await.unwrap());
    assert_eq!(hub.secrets().await.unwrap(), [secret("1", "w"), secret("2", "y")]);
    assert!(hub.destroy_secret("shared_secret", "addon:a", "1").await.unwrap());
    assert!(!hub.destroy_secret("shared_secret", "addon:a", "1").await.unwrap());
    assert_eq!(hub.destroy_secrets_of("addon:b").await.unwrap(), 0);
    assert_eq!(hub.destroy_secrets_of("addon:a").await.unwrap(), 1);
}

#[tokio::test]
async fn f9_a_stolen_database_opens_nothing() {
    let directory = crate::support::remains::directory();
    let hub = hub(directory.path()).await;
    let master = key();
    safe(&hub, &[&master]).keep(ROW, &canary(), at(0)).await.unwrap();
    let taken = safe(&hub, &[&master]).take_out(ROW).await.unwrap().unwrap();
    assert_eq!(taken.expose_secret(), CANARY.as_bytes());
    let thief = safe(&hub, &[&key()]).take_out(ROW).await.unwrap_err();
    assert!(matches!(
        thief,
        SafeError::Sealed {
            source: EnvelopeError::OtherKey(_),
            ..
        }
    ));
    let copy = directory.path().join("copy.db");
    hub.copy_to(&copy).await.unwrap();
    hub.close().await;
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for form in [CANARY.to_owned(), hex::encode(CANARY)] {
            assert!(!bytes.windows(form.len()).any(|window| window == form.as_bytes()));
        }
    }
}

#[tokio::test]
async fn f9_a_row_is_moved_nowhere_and_nothing_is_kept_without_a_master_key() {
    let directory = crate::support::remains::directory();
    let hub = hub(directory.path()).await;
    let master = key();
    let safe_with = safe(&hub, &[&master]);
    safe_with.keep(ROW, &canary(), at(0)).await.unwrap();
    let mut moved = hub.secret(ROW.kind, ROW.owner, ROW.id).await.unwrap().unwrap();
    moved.owner = "addon:other".to_owned();
    hub.keep_secret(&moved).await.unwrap();
    let other = Row {
        owner: "addon:other",
        ..ROW
    };
    let refused = safe_with.take_out(other).await.unwrap_err();
    assert!(matches!(
        refused,
        SafeError::Sealed {
            source: EnvelopeError::Altered,
            ..
        }
    ));
    assert!(!refused.to_string().contains(CANARY));
    let empty = safe(&hub, &[]);
    let refused = empty
        .keep(Row { id: "8", ..ROW }, &canary(), at(0))
        .await
        .unwrap_err();
    assert!(refused.hint().unwrap().contains("--master-key"));
    assert!(matches!(
        empty.take_out(ROW).await.unwrap_err(),
        SafeError::NoMasterKey
    ));
    assert_eq!(hub.secrets().await.unwrap().len(), 2, "nothing was kept");
    assert_eq!(
        empty.destroy_all_of("addon:other").await.unwrap(),
        1,
        "destroying needs no key"
    );
}

#[tokio::test]
async fn a_new_master_key_opens_everything_after_it_sealed_it() {
    let directory = crate::support::remains::directory();
    let hub = hub(directory.path()).await;
    let (old, new) = (key(), key());
    for id in ["1", "2"] {
        let row = Row { id, ..ROW };
        safe(&hub, &[&old]).keep(row, &canary(), at(0)).await.unwrap();
    }
    let alone = safe(&hub, &[&new]);
    assert!(alone.seal_all_again().await.is_err(), "without the key before it");
    let both = safe(&hub, &[&new, &old]);
    assert_eq!(
        both.seal_all_again().await.unwrap(),
        Resealed { all: 2, again: 2 }
    );
    assert_eq!(
        both.seal_all_again().await.unwrap(),
        Resealed { all: 2, again: 0 }
    );
    let opened = alone.take_out(Row { id: "2", ..ROW }).await.unwrap().unwrap();
    assert_eq!(opened.expose_secret(), CANARY.as_bytes());
    assert!(
        safe(&hub, &[&old])
            .take_out(Row { id: "2", ..ROW })
            .await
            .is_err()
    );
}

fn sdm(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sdm"))
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("SDM_HOME", directory.join("state"))
        .env("HOME", directory)
        .output()
        .unwrap()
}

#[tokio::test]
async fn an_operator_changes_the_master_key_and_sees_names_only() {
    let directory = crate::support::remains::directory();
    let path = directory.path();
    for name in ["old.key", "new.key"] {
        assert!(sdm(path, &["secret", "master-key", name]).status.success());
    }
    let old = SecretString::from(std::fs::read_to_string(path.join("old.key")).unwrap());
    let hub = hub(path).await;
    safe(&hub, &[&old]).keep(ROW, &canary(), at(0)).await.unwrap();
    hub.close().await;
    let forgotten = sdm(
        path,
        &[
            "hub",
            "secrets",
            "seal",
            "--database",
            "hub.db",
            "--master-key",
            "new.key",
        ],
    );
    assert!(!forgotten.status.success());
    let said = String::from_utf8_lossy(&forgotten.stderr).into_owned();
    assert!(
        said.contains("hint: name the master key before the present one"),
        "{said}"
    );
    let sealed = sdm(
        path,
        &[
            "hub",
            "--database",
            "hub.db",
            "--master-key",
            "new.key",
            "--earlier-master-key",
            "command:cat old.key",
            "secrets",
            "seal",
        ],
    );
    assert!(
        sealed.status.success(),
        "{}",
        String::from_utf8_lossy(&sealed.stderr)
    );
    let list = sdm(
        path,
        &["hub", "secrets", "list", "--database", "hub.db", "--json"],
    );
    let rows: Value = serde_json::from_slice(&list.stdout).unwrap();
    let new = SecretString::from(std::fs::read_to_string(path.join("new.key")).unwrap());
    let row = &rows["secrets"][0];
    assert_eq!(row["owner"], "addon:build");
    assert_eq!(row["master_key"], MasterKey::parse(&new).unwrap().id());
    assert!(!String::from_utf8_lossy(&list.stdout).contains(CANARY));
    std::fs::write(path.join("exposed.key"), new.expose_secret()).unwrap();
    let exposed = sdm(
        path,
        &[
            "hub",
            "secrets",
            "seal",
            "--database",
            "hub.db",
            "--master-key",
            "exposed.key",
        ],
    );
    let said = String::from_utf8_lossy(&exposed.stderr).into_owned();
    assert!(said.contains("can be reached by other users"), "{said}");
}

/// What comes of sealing with a credential of systemd.
fn sealed_with(directory: &Path, credential: &str, credentials: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sdm"));
    command
        .args(["hub", "secrets", "seal", "--database", "hub.db", "--master-key"])
        .arg(format!("credential:{credential}"))
        .current_dir(directory)
        .env_clear()
        .env("SDM_HOME", directory.join("state"))
        .env("HOME", directory);
    if let Some(credentials) = credentials {
        command.env("CREDENTIALS_DIRECTORY", credentials);
    }
    command.output().unwrap()
}

#[tokio::test]
async fn a_master_key_is_a_credential_that_systemd_gives_the_service() {
    let directory = crate::support::remains::directory();
    let path = directory.path();
    let credentials = path.join("credentials");
    std::fs::create_dir(&credentials).unwrap();
    for name in ["credentials/hub.key", "beside.key"] {
        assert!(sdm(path, &["secret", "master-key", name]).status.success());
    }
    let key = SecretString::from(std::fs::read_to_string(credentials.join("hub.key")).unwrap());
    let hub = hub(path).await;
    safe(&hub, &[&key]).keep(ROW, &canary(), at(0)).await.unwrap();
    hub.close().await;
    let opened = sealed_with(path, "hub.key", Some(&credentials));
    let said = String::from_utf8_lossy(&opened.stderr).into_owned();
    assert!(opened.status.success(), "{said}");
    for (credential, credentials) in [
        ("hub.key", None),
        ("../beside.key", Some(&*credentials)),
        ("..", Some(&*credentials)),
        ("", Some(&*credentials)),
    ] {
        let refused = sealed_with(path, credential, credentials);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success(), "{credential}");
        assert!(
            said.contains("there is no credential") && said.contains("LoadCredential="),
            "{credential}: {said}"
        );
    }
    let missing = sealed_with(path, "other.key", Some(&credentials));
    let said = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(said.contains("the master key cannot be read"), "{said}");
}

#[tokio::test]
async fn f3_what_is_nobodys_is_looked_for_and_opened_like_what_is_somebodys() {
    let directory = tempfile::tempdir().unwrap();
    let hub = hub(directory.path()).await;
    assert!(safe(&hub, &[&key()]).take_out_nobodys(ROW).await.unwrap());
    assert!(
        !safe(&hub, &[]).take_out_nobodys(ROW).await.unwrap(),
        "nothing can be opened here"
    );
    assert!(
        hub.secrets().await.unwrap().is_empty(),
        "and nothing is kept for that"
    );
}
