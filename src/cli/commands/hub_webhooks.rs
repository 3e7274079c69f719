//! Secrets of webhooks, as the command line of the hub names them.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use secrecy::ExposeSecret as _;

use super::super::error::CommandError;
use super::super::hub_door::webhook_secret;
use super::super::ui::Ui;
use crate::hub::ingest::WebhookSecrets;

/// The file of a secret, and the workspace that it is of; of all that have none of their own when absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SecretFile {
    workspace: Option<String>,
    file: PathBuf,
}

impl FromStr for SecretFile {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        // No name of a workspace has a slash in it, and a directory may have an equals sign.
        let named = text.split_once('=').filter(|(workspace, file)| {
            !workspace.is_empty() && !workspace.contains('/') && !file.is_empty()
        });
        let (workspace, file) = match named {
            Some((workspace, file)) => (Some(workspace.to_owned()), file),
            None => (None, text),
        };
        Ok(Self {
            workspace,
            file: PathBuf::from(file),
        })
    }
}

/// Reads the secrets in these files as seen from a directory, or the one in `usual` when none is named. Those that are missing are made.
pub(super) fn load(
    ui: &Ui,
    directory: &Path,
    named: &[SecretFile],
    usual: PathBuf,
) -> Result<WebhookSecrets, CommandError> {
    let alone = [SecretFile {
        workspace: None,
        file: usual,
    }];
    let named = if named.is_empty() { &alone } else { named };
    let mut secrets = WebhookSecrets::default();
    for SecretFile { workspace, file } in named {
        let file = directory.join(file);
        let (secret, is_new) = webhook_secret(&file)?;
        if is_new {
            ui.note(&format!("the secret of webhooks was made: {}", file.display()));
        }
        let secret = secret.expose_secret().as_bytes();
        secrets = match workspace {
            Some(workspace) => secrets.with(workspace, secret),
            None => secrets.with_for_all(secret),
        };
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_of_a_workspace_where_one_is_named() {
        let read = |text: &str| {
            let SecretFile { workspace, file } = text.parse().unwrap();
            (workspace, file.display().to_string())
        };
        let of = |workspace: Option<&str>, file: &str| (workspace.map(str::to_owned), file.to_owned());
        assert_eq!(read("/etc/sdm/secret"), of(None, "/etc/sdm/secret"));
        assert_eq!(read("acme=/etc/sdm/acme"), of(Some("acme"), "/etc/sdm/acme"));
        assert_eq!(read("/etc/a=b"), of(None, "/etc/a=b"));
        assert_eq!(read("=x"), of(None, "=x"));
    }
}
