//! Where the master keys come from: a file, a credential of systemd, or a command that asks a keeper of secrets. Never from
//! the environment, which every child inherits, and never from the database that they protect.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use secrecy::SecretString;
use thiserror::Error;

use super::envelope::{EnvelopeError, MasterKey, MasterKeys};
use super::source;
use crate::config::SecretSource;

/// Bits of a file's mode by which other users reach it.
const OTHERS: u32 = 0o007;

/// Why there is no master key.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum NoMasterKey {
    /// It cannot be read.
    #[error("the master key cannot be read: {0}")]
    Unreadable(String),
    /// Other users of the computer can reach it.
    #[error("the master key in {0} can be reached by other users: make its mode 0600")]
    Exposed(String),
    /// It is named in a place where it must not be.
    #[error("the master key must not come from {0}: name a `file`, a `credential` or a `command`")]
    Unsuitable(&'static str),
    /// What was read is no key.
    #[error("the master key from {from} cannot be used")]
    NotAKey {
        /// Where it was read.
        from: &'static str,
        /// Why.
        #[source]
        source: EnvelopeError,
    },
}

/// The master keys: one that wraps, and those before it, while a change of keys is under way.
///
/// # Errors
/// One of them is not to be had.
pub async fn load(current: &SecretSource, earlier: &[SecretSource]) -> Result<MasterKeys, NoMasterKey> {
    let wrapping = load_one(current).await?;
    let mut others = Vec::new();
    for source in earlier {
        others.push(load_one(source).await?);
    }
    Ok(MasterKeys::new(wrapping, others))
}

async fn load_one(from: &SecretSource) -> Result<MasterKey, NoMasterKey> {
    let text = text(from).await?;
    MasterKey::parse(&text).map_err(|source| NoMasterKey::NotAKey {
        from: from.word(),
        source,
    })
}

async fn text(from: &SecretSource) -> Result<SecretString, NoMasterKey> {
    match from {
        SecretSource::File(path) => {
            let path = path.clone();
            let read = tokio::task::spawn_blocking(move || read_private(&path)).await;
            read.map_err(|error| NoMasterKey::Unreadable(error.to_string()))?
        }
        SecretSource::Command { argv, timeout, .. } => {
            source::ask(argv, *timeout).await.map_err(NoMasterKey::Unreadable)
        }
        SecretSource::Variable { .. } => Err(NoMasterKey::Unsuitable("the environment")),
        SecretSource::Encrypted(_) => Err(NoMasterKey::Unsuitable("an encrypted value")),
        SecretSource::Missing(because) => Err(NoMasterKey::Unreadable(because.clone())),
    }
}

fn read_private(path: &Path) -> Result<SecretString, NoMasterKey> {
    let mode = std::fs::metadata(path).map(|metadata| metadata.permissions().mode());
    let mode = mode.map_err(|error| NoMasterKey::Unreadable(format!("{}: {error}", path.display())))?;
    if mode & OTHERS != 0 {
        return Err(NoMasterKey::Exposed(path.display().to_string()));
    }
    source::read_file(path).map_err(NoMasterKey::Unreadable)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::time::Duration;

    use secrecy::{ExposeSecret, SecretSlice};

    use super::super::envelope::Row;
    use super::*;

    const ROW: Row<'static> = Row {
        id: "1",
        owner: "o",
        kind: "k",
    };

    fn command(argv: &[&str]) -> SecretSource {
        SecretSource::Command {
            argv: argv.iter().map(ToString::to_string).collect(),
            timeout: Duration::from_secs(10),
            keep: Duration::ZERO,
        }
    }

    #[tokio::test]
    async fn a_key_comes_from_a_file_or_a_command() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let text = MasterKey::fresh_text().unwrap();
        std::fs::write(&path, text.expose_secret()).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let from_file = load(&SecretSource::File(path.clone()), &[]).await.unwrap();
        let stored = from_file.store(ROW, &SecretSlice::from(b"x".to_vec())).unwrap();
        let asked = command(&["cat", path.to_str().unwrap()]);
        let new = MasterKey::fresh_text().unwrap();
        let both = load(&command(&["printf", new.expose_secret()]), &[asked])
            .await
            .unwrap();
        assert_eq!(both.open(ROW, &stored).unwrap().expose_secret(), b"x");
        assert_ne!(both.current().id(), from_file.current().id());
    }

    #[tokio::test]
    async fn e4_a_key_that_others_can_reach_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::write(&path, "x").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let exposed = load(&SecretSource::File(path.clone()), &[]).await.unwrap_err();
        assert_eq!(exposed, NoMasterKey::Exposed(path.display().to_string()));
        let variable = SecretSource::Variable {
            name: "KEY".to_owned(),
            value: None,
        };
        let unsuitable = load(&variable, &[]).await.unwrap_err().to_string();
        assert!(
            unsuitable.contains("must not come from the environment"),
            "{unsuitable}"
        );
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let nonsense = load(&SecretSource::File(path), &[])
            .await
            .unwrap_err()
            .to_string();
        assert_eq!(nonsense, "the master key from file cannot be used");
        let failed = load(&command(&["false"]), &[]).await.unwrap_err().to_string();
        assert!(
            failed.starts_with("the master key cannot be read: `false` failed"),
            "{failed}"
        );
    }
}
