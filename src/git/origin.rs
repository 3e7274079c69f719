//! Where a repository on this computer came from: what its own configuration calls `origin`, and what is known to be there.

use std::path::Path;

use git2::{ErrorCode, Repository};

use super::address::AddressPolicy;
use super::heads::open;
use super::objects::{failed, oid_of};
use super::remote::repository_at;
use crate::model::{self, CommitSha};
use crate::ports::scm::ScmError;

/// What git calls the place that a repository was cloned from.
const ORIGIN: &str = "origin";

/// What was there when the repository last heard of it.
const SEEN_THERE: &str = "refs/remotes/origin/*";

/// The repository that the one at a path pushes to as `origin`; `None` when there is none.
///
/// # Errors
/// Its address may not be used, carries a login, or is on this computer.
pub(crate) fn origin_of(path: &Path) -> Result<Option<model::Repository>, ScmError> {
    match address_of(&open(path)?).map_err(failed(doing(path)))? {
        Some(address) => repository_at(&address, &AddressPolicy::LOCAL).map(Some),
        None => Ok(None),
    }
}

fn address_of(repo: &Repository) -> Result<Option<String>, git2::Error> {
    let remote = match repo.find_remote(ORIGIN) {
        Ok(remote) => remote,
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let bytes = remote.pushurl_bytes().unwrap_or_else(|| remote.url_bytes());
    Ok(Some(String::from_utf8_lossy(bytes).into_owned()))
}

/// Whether a commit is at the origin of the repository at a path, by what that last heard of it.
///
/// # Errors
/// The repository cannot be read.
pub(crate) fn was_seen_at_origin(path: &Path, sha: &CommitSha) -> Result<bool, ScmError> {
    let repo = open(path)?;
    let is_there = || -> Result<bool, git2::Error> {
        let mut walk = repo.revwalk()?;
        walk.push(oid_of(sha))?;
        walk.hide_glob(SEEN_THERE)?;
        // What can be reached from there is hidden, the commit itself first of all.
        Ok(walk.next().transpose()?.is_none())
    };
    is_there().map_err(failed(doing(path)))
}

fn doing(path: &Path) -> String {
    format!("look up the origin of {}", path.display())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::super::objects::sha_of;
    use super::*;

    #[test]
    fn an_origin_is_what_the_repository_says_and_never_on_this_computer() {
        let git = Fixture::bare();
        let path = git.repo.path();
        let says = |name: &str, address: &str| {
            let mut config = git.repo.config().unwrap();
            config.set_str(&format!("remote.origin.{name}"), address).unwrap();
        };
        assert_eq!(origin_of(path).unwrap(), None);
        for (address, expected) in [
            ("https://git.example.com/acme/web.git", true),
            ("git@git.example.com:acme/web.git", true),
            ("/srv/acme/web", false),
            ("https://user:CANARY@git.example.com/acme/web", false),
            ("ext::sh -c true", false),
        ] {
            says("url", address);
            let found = origin_of(path);
            assert_eq!(found.is_ok(), expected, "{address}: {found:?}");
            assert!(!format!("{found:?}").contains("CANARY"), "{found:?}");
        }
        says("pushurl", "https://push.example.com/acme/web");
        let found = origin_of(path).unwrap().unwrap();
        assert_eq!(found.address, "https://push.example.com/acme/web");
    }

    #[test]
    fn what_was_pushed_or_fetched_is_known_to_be_there_and_what_follows_is_not() {
        let git = Fixture::bare();
        let first = git.commit(&[], &[("a", "1")]);
        let second = git.commit(&[first], &[("a", "2")]);
        let third = git.commit(&[second], &[("a", "3")]);
        let seen = |oid| was_seen_at_origin(git.repo.path(), &sha_of(oid)).unwrap();
        assert!(!seen(first));
        git.repo
            .reference("refs/remotes/origin/main", second, false, "")
            .unwrap();
        assert_eq!([first, second, third].map(seen), [true, true, false]);
    }
}
