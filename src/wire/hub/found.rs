//! Pushes that a machine found by itself, in repositories of which no forge tells the hub: how it tells of them
//! ([`super::extensions::PUSHES`]).

use serde::{Deserialize, Serialize};

/// The mutation by which they are told.
pub const TELL_PUSH: &str = "tellPush";

/// Most commits that are told with a push, the newest first.
pub const MOST_COMMITS: usize = 50;

/// Longest message of a commit that is told, in bytes.
pub const LONGEST_MESSAGE: usize = 2_000;

/// A push as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundPush {
    /// Name of the machine that found it.
    pub registration: String,
    /// Owner of the repository, as the machine calls it.
    pub owner: String,
    /// Name of the repository.
    pub name: String,
    /// Its main branch, where the machine knows it.
    #[serde(default)]
    pub default_branch: Option<String>,
    /// The branch that moved.
    pub branch: String,
    /// Where the branch was; absent for a new one.
    #[serde(default)]
    pub before: Option<String>,
    /// Where it is.
    pub after: String,
    /// When the machine found it, RFC 3339.
    pub timestamp: String,
    /// What it brought, the newest first; at most [`MOST_COMMITS`].
    #[serde(default)]
    pub commits: Vec<FoundCommit>,
}

/// A commit of such a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundCommit {
    /// Its id.
    pub sha: String,
    /// Its message, at most [`LONGEST_MESSAGE`] bytes of it.
    pub message: String,
    /// When it was written, RFC 3339.
    pub timestamp: String,
    /// Who wrote it, as the commit says.
    pub author: String,
    /// Their address, as the commit says.
    pub email: String,
}

/// What the hub calls the repositories that a machine watches by itself, as it calls those of a forge by the forge's host. No host has
/// an `@`, so that this is never a forge, and it is one step of a key whatever the machine is called.
pub fn provider_of(machine: &str) -> String {
    format!("machine@{}", machine.replace('%', "%25").replace('/', "%2F"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_machine_found_is_at_no_forge_and_machines_are_told_apart() {
        let all = ["sdm", "@acme/sdm", "@acme%2Fsdm", "a/b", "8080"].map(provider_of);
        for (number, one) in all.iter().enumerate() {
            assert!(!one.contains('/'), "{one}");
            assert!(!all[..number].contains(one), "{one}");
            let page = format!("http://{one}/");
            let host = reqwest::Url::parse(&page).ok();
            let host = host.as_ref().and_then(|url| url.host_str());
            assert_ne!(host, Some(one.as_str()), "no forge is called so");
        }
    }
}
