//! Branch heads of a repository on this computer: loose and packed, each name checked once, here.
//!
//! This runs at every change of a ref, so it reads references and nothing else.

use std::collections::BTreeMap;
use std::path::Path;

use git2::{ErrorClass, ErrorCode, Reference, ReferenceType, Repository};

use super::objects::{failed, sha_of, why_not_opened};
use crate::model::BranchName;
use crate::ports::scm::{Heads, ScmError};

/// Branches looked at; a repository with more is refused.
const BRANCH_LIMIT: usize = 100_000;
/// Refusals kept, so that a flood of bad names stays readable.
const REFUSAL_LIMIT: usize = 100;

/// The heads of the repository at a path: a work tree, a linked worktree, a git directory or a bare repository.
///
/// Names are compared byte by byte (threat A5): what differs in case or in invisible characters is another branch.
///
/// # Errors
/// Nothing is there, it is not a repository that can be read, or it has more than a hundred thousand branches.
pub fn heads(path: &Path) -> Result<Heads, ScmError> {
    let repo = open(path)?;
    let (mut branches, mut refused) = (BTreeMap::new(), Vec::new());
    let doing = || format!("list the branches of {}", path.display());
    let references = repo
        .references_glob("refs/heads/*")
        .map_err(|error| failed(doing())(error))?;
    for (seen, reference) in references.enumerate() {
        if seen == BRANCH_LIMIT {
            let limit = format!("{BRANCH_LIMIT} branches");
            return Err(super::objects::exceeds("the number of branches", limit));
        }
        match reference
            .map_err(|error| error.to_string())
            .and_then(|found| head(&found))
        {
            Ok((name, sha)) => drop(branches.insert(name, sha)),
            Err(because) if refused.len() < REFUSAL_LIMIT => refused.push(because),
            Err(_) => {}
        }
    }
    let default_branch = default_branch(&repo, &branches)?;
    Ok(Heads {
        branches,
        default_branch,
        refused,
    })
}

/// Opens exactly this repository, without looking in the directories above.
pub(crate) fn open(path: &Path) -> Result<Repository, ScmError> {
    Repository::open(path).map_err(|error| {
        if error.code() == ErrorCode::NotFound && error.class() == ErrorClass::Repository || !path.exists() {
            return ScmError::RepositoryGone(path.display().to_string());
        }
        failed(format!("open the repository {}", path.display()))(why_not_opened(error))
    })
}

/// One branch, or the reason why it is left out.
fn head(reference: &Reference<'_>) -> Result<(BranchName, crate::model::CommitSha), String> {
    let bytes = reference.name_bytes();
    let full = std::str::from_utf8(bytes)
        .map_err(|_| format!("`{}`: the name is not UTF-8", bytes.escape_ascii()))?;
    let name = BranchName::from_ref(full)
        .ok_or_else(|| format!("`{}`: it is not a branch", full.escape_debug()))?
        .map_err(|error| error.to_string())?;
    let resolved = match reference.kind() {
        Some(ReferenceType::Symbolic) => reference.resolve().ok().and_then(|target| target.target()),
        Some(ReferenceType::Direct) | None => reference.target(),
    };
    let oid = resolved.ok_or_else(|| format!("`{name}`: it points at a branch that is not there"))?;
    let target = reference.symbolic_target_bytes();
    if let Some(other) = target.and_then(|target| target.strip_prefix(b"refs/heads/")) {
        // Its pushes are those of the other one; they are delivered once.
        return Err(format!(
            "`{name}`: it is another name for `{}`",
            other.escape_ascii()
        ));
    }
    Ok((name, sha_of(oid)))
}

/// What `origin` calls its default; else, in a bare repository, what `HEAD` names; else `main`, `master`, `HEAD` (semantics 2.4).
fn default_branch<T>(
    repo: &Repository,
    branches: &BTreeMap<BranchName, T>,
) -> Result<Option<BranchName>, ScmError> {
    if let Some(name) = symbolic(repo, "refs/remotes/origin/HEAD", "refs/remotes/origin/") {
        return Ok(Some(name));
    }
    let head = head_branch(repo)?;
    if repo.is_bare() && head.as_ref().is_some_and(|name| branches.contains_key(name)) {
        return Ok(head);
    }
    let usual = ["main", "master"].map(|name| BranchName::parse(name).expect("these are legal names"));
    let usual = usual.into_iter().find(|name| branches.contains_key(name));
    Ok(usual.or(head))
}

/// The branch checked out in the repository itself; a linked worktree's own `HEAD` says nothing about the default.
fn head_branch(repo: &Repository) -> Result<Option<BranchName>, ScmError> {
    if repo.is_worktree() {
        return Ok(symbolic(&open(repo.commondir())?, "HEAD", "refs/heads/"));
    }
    Ok(symbolic(repo, "HEAD", "refs/heads/"))
}

fn symbolic(repo: &Repository, name: &str, prefix: &str) -> Option<BranchName> {
    let reference = repo.find_reference(name).ok()?;
    let target = std::str::from_utf8(reference.symbolic_target_bytes()?).ok()?;
    BranchName::parse(target.strip_prefix(prefix)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::{Fixture, Git};
    use git2::Oid;

    fn names(heads: &Heads) -> Vec<&str> {
        heads.branches.keys().map(BranchName::as_str).collect()
    }

    /// Writes a loose ref as a hostile tool would, past every check.
    fn plant(repo: &Repository, name: &[u8], head: Oid) {
        use std::os::unix::ffi::OsStrExt;
        let path = repo
            .path()
            .join("refs/heads")
            .join(std::ffi::OsStr::from_bytes(name));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("{head}\n")).unwrap();
    }

    #[test]
    fn a5_a6_branches_are_exact_bytes_and_never_pass_for_something_else() {
        let fixture = Fixture::bare();
        let head = fixture.commit(&[], &[("a", "1")]);
        let legal = [
            "main",
            "MAIN",
            "ma\u{200d}in",
            "\u{217f}ain",
            "caf\u{e9}",
            "cafe\u{301}",
            "refs/heads/main",
            "$(touch${IFS}CANARY)",
        ];
        let hex = "ab".repeat(20);
        for name in legal.iter().copied().chain([hex.as_str(), "--upload-pack=x"]) {
            plant(&fixture.repo, name.as_bytes(), head);
        }
        plant(&fixture.repo, b"latin\xe9", head);
        let heads = heads(fixture.repo.path()).unwrap();
        let mut expected = legal.to_vec();
        expected.sort_unstable();
        assert_eq!(names(&heads), expected);
        assert!(
            heads.refused.iter().any(|reason| reason.contains(&hex)),
            "{:?}",
            heads.refused
        );
        assert!(
            heads.refused.iter().any(|reason| reason.contains("upload-pack")),
            "{:?}",
            heads.refused
        );
        assert!(heads.branches.values().all(|sha| *sha == sha_of(head)));
    }

    #[test]
    fn lo_worktrees_bare_repositories_and_packed_refs_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let Some(git) = Git::find(directory.path()) else {
            return;
        };
        let main = directory.path().join("acme/app");
        git.repository(&main);
        let sha = git.run(&main, &["rev-parse", "HEAD"]);
        git.run(&main, &["branch", "feature/x"]);
        git.run(&main, &["pack-refs", "--all"]);
        git.run(&main, &["tag", "v1"]);
        git.run(&main, &["worktree", "add", "-q", "-b", "side", "../side"]);
        git.run(&main, &["clone", "-q", "--bare", ".", "../bare.git"]);
        for path in ["app", "app/.git", "side", "bare.git"] {
            let heads = heads(&main.parent().unwrap().join(path)).unwrap();
            assert_eq!(names(&heads), ["feature/x", "main", "side"], "{path}");
            assert_eq!(heads.default_branch.unwrap().as_str(), "main", "{path}");
            assert!(heads.branches.values().all(|head| head.as_str() == sha), "{path}");
        }
    }

    #[test]
    fn the_default_branch_is_what_origin_says_then_main_then_master_then_head() {
        let directory = tempfile::tempdir().unwrap();
        let Some(git) = Git::find(directory.path()) else {
            return;
        };
        let repo = directory.path().join("r");
        git.repository(&repo);
        let default = || heads(&repo).unwrap().default_branch.unwrap().to_string();
        git.run(&repo, &["checkout", "-q", "-b", "topic"]);
        git.run(&repo, &["branch", "master"]);
        assert_eq!(default(), "main");
        git.run(&repo, &["branch", "-D", "main"]);
        assert_eq!(default(), "master");
        git.run(&repo, &["branch", "-D", "master"]);
        assert_eq!(default(), "topic");
        git.run(
            &repo,
            &[
                "symbolic-ref",
                "refs/remotes/origin/HEAD",
                "refs/remotes/origin/trunk",
            ],
        );
        assert_eq!(default(), "trunk");
    }

    #[test]
    fn another_name_for_a_branch_is_no_second_branch() {
        let fixture = Fixture::bare();
        plant(&fixture.repo, b"main", fixture.commit(&[], &[("a", "1")]));
        let refer = |name: &str, to: &str| fixture.repo.reference_symbolic(name, to, true, "").unwrap();
        refer("refs/heads/sym", "refs/heads/main");
        refer("refs/heads/void", "refs/heads/gone");
        let heads = heads(fixture.repo.path()).unwrap();
        assert_eq!(names(&heads), ["main"]);
        assert_eq!(
            heads.refused,
            [
                "`sym`: it is another name for `main`",
                "`void`: it points at a branch that is not there"
            ]
        );
    }

    #[test]
    fn what_is_not_there_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(
            heads(directory.path()),
            Err(ScmError::RepositoryGone(_))
        ));
        assert!(matches!(
            heads(&directory.path().join("no")),
            Err(ScmError::RepositoryGone(_))
        ));
        let fixture = Fixture::bare();
        let empty = heads(fixture.repo.path()).unwrap();
        assert!(empty.branches.is_empty());
    }
}
