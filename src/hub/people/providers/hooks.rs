//! Webhooks of repositories and organisations that the hub asks for what did not arrive, and the file that names them.
//!
//! ```yaml
//! hooks:
//!   - address: https://api.github.com/repos/acme/app/hooks/12345   # `url` of the webhook in GitHub's API
//!     token_file: /etc/sdm/github-hooks                             # a token that may read and send again what it sent
//!   - {address: https://api.github.com/orgs/acme/hooks/678, token_file: /etc/sdm/github-hooks}
//! ```

use std::path::{Path, PathBuf};

use reqwest::Url;
use secrecy::SecretString;
use serde::Deserialize;

use super::settings::{SettingsError, is_safe, secret_of, text_of};

/// Most webhooks that are asked for.
const MOST: usize = 1_000;

/// A webhook of a repository or of an organisation.
#[derive(Debug, Clone)]
pub struct HookSettings {
    /// Where GitHub's API has it: `…/repos/OWNER/NAME/hooks/ID` or `…/orgs/NAME/hooks/ID`.
    pub address: Url,
    /// May read what it sent, and have it sent again.
    pub token: SecretString,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    hooks: Vec<Raw>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    address: String,
    token_file: PathBuf,
}

/// Reads the file and the tokens that it names, which stand beside it unless it says otherwise.
///
/// # Errors
/// What is wrong, and where.
pub fn read(path: &Path) -> Result<Vec<HookSettings>, SettingsError> {
    let wrong = |because: String| SettingsError::Wrong {
        path: path.to_path_buf(),
        because,
    };
    let file: File = serde_yaml::from_str(&text_of(path)?).map_err(|error| wrong(error.to_string()))?;
    if file.hooks.len() > MOST {
        return Err(wrong(format!("it names more than {MOST} webhooks")));
    }
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut hooks: Vec<HookSettings> = Vec::with_capacity(file.hooks.len());
    for raw in file.hooks {
        let address = address(&raw.address).map_err(wrong)?;
        if hooks.iter().any(|other| other.address == address) {
            return Err(wrong(format!("`{address}` is named twice")));
        }
        let token = secret_of(&directory.join(&raw.token_file))?;
        hooks.push(HookSettings { address, token });
    }
    Ok(hooks)
}

/// The address of a webhook, to which a token may be sent.
fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(is_safe);
    let url = url.ok_or_else(|| "an `address` must be an https address".to_owned())?;
    let steps: Vec<&str> = url.path_segments().into_iter().flatten().collect();
    let is_number = |step: &str| !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
    let is_hook = match steps.as_slice() {
        [.., "repos", _, _, "hooks", id] | [.., "orgs", _, "hooks", id] => is_number(id),
        _ => false,
    };
    match is_hook && url.query().is_none() {
        true => Ok(url),
        false => Err(format!(
            "`{url}` is no webhook: write its `url` of GitHub's API, …/repos/OWNER/NAME/hooks/ID or …/orgs/NAME/hooks/ID"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(yaml: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("token"), "canary\n").unwrap();
        let path = directory.path().join("hooks.yaml");
        std::fs::write(&path, yaml).unwrap();
        match read(&path) {
            Ok(all) => format!("{all:?}"),
            Err(error) => error.to_string().replace(&path.display().to_string(), "FILE"),
        }
    }

    #[test]
    fn webhooks_are_read_and_their_tokens_not_shown() {
        let hooks = said(
            "hooks: [{address: https://api.github.com/repos/acme/app/hooks/1, token_file: token}, \
             {address: https://git.example.org/api/v3/orgs/acme/hooks/2, token_file: token}]",
        );
        assert!(
            hooks.contains("git.example.org") && !hooks.contains("canary"),
            "{hooks}"
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let one = |address: &str| said(&format!("hooks: [{{address: '{address}', token_file: token}}]"));
        for no_hook in [
            "https://github.com/acme/app/settings/hooks/x",
            "https://api.github.com/repos/acme/app/hooks",
            "https://api.github.com/repos/acme/app/hooks/",
            "https://api.github.com/repos/acme/app/hooks/1?x=y",
        ] {
            assert!(one(no_hook).contains("is no webhook"), "{no_hook}");
        }
        for unsafe_address in [
            "http://api.github.com/repos/acme/app/hooks/1",
            "https://me:CANARY@api.github.com/repos/acme/app/hooks/1",
        ] {
            assert_eq!(
                one(unsafe_address),
                "FILE cannot be used: an `address` must be an https address"
            );
        }
        let twice = "{address: https://api.github.com/orgs/acme/hooks/1, token_file: token}";
        assert!(said(&format!("hooks: [{twice}, {twice}]")).contains("named twice"));
        assert!(said("hooks: [{adress: x}]").contains("unknown field `adress`"));
        let other = "hooks: [{address: https://api.github.com/orgs/acme/hooks/1, token_file: other}]";
        assert!(said(other).starts_with("failed to read"));
    }
}
