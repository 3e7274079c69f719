//! Which files a push changed (semantics 2.5).
//!
//! The comparison is between two trees of the mirror, never between lists of commits that a provider may have cut,
//! and never by counting first parents. Renames are a deletion and an addition, so both names are there.

use git2::{ErrorCode, Oid, Repository};

use super::objects::{commit, commit_if_here, failed, oid_of};
use super::tree::{TreeLimits, Trees, changes};
use crate::model::CommitSha;
use crate::ports::scm::ScmError;

/// The two ends of a push, and where branches begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushRange {
    /// The branch's head before, if it had one.
    pub before: Option<CommitSha>,
    /// The branch's head now.
    pub after: CommitSha,
    /// Head of the default branch, where one is known.
    pub default_head: Option<CommitSha>,
}

/// Paths that differ between the push and its base: sorted, without duplicates, deletions included, bytes that are not
/// UTF-8 replaced. `None` when no base is known, which callers must treat as "anything may have changed".
///
/// The base is `before`; after a forced update the merge base with `before`; without either the merge base with the
/// default branch.
///
/// # Errors
/// `after` is not in the repository, an object cannot be read, or more than a million entries differ.
pub fn changed_files(repo: &Repository, range: &PushRange) -> Result<Option<Vec<String>>, ScmError> {
    let after = commit(repo, &range.after)?;
    let Some(base) = base_commit(repo, range)? else {
        return Ok(None);
    };
    let base = repo
        .find_commit(base)
        .map_err(failed(format!("read the commit {base}")))?;
    let trees = Trees::of(repo)?;
    let differing = changes(
        &trees,
        Some(base.tree_id()),
        Some(after.tree_id()),
        TreeLimits::LISTING,
    )?;
    let mut paths: Vec<String> = differing
        .into_iter()
        .map(|change| String::from_utf8_lossy(&change.path).into_owned())
        .collect();
    paths.sort_unstable();
    paths.dedup();
    Ok(Some(paths))
}

/// The commit that the push is compared with.
fn base_commit(repo: &Repository, range: &PushRange) -> Result<Option<Oid>, ScmError> {
    let after = oid_of(&range.after);
    if let Some(before) = &range.before
        && commit_if_here(repo, before)?.is_some()
        && let Some(base) = merge_base(repo, oid_of(before), after)?
    {
        return Ok(Some(base));
    }
    let Some(default_head) = &range.default_head else {
        return Ok(None);
    };
    if commit_if_here(repo, default_head)?.is_none() {
        return Ok(None);
    }
    // A head that the default branch already contains, such as the first push of that branch, has no base of its own:
    // comparing it with itself would say that nothing changed.
    Ok(merge_base(repo, oid_of(default_head), after)?.filter(|base| *base != after))
}

/// The best common ancestor; `None` for unrelated histories.
pub(crate) fn merge_base(repo: &Repository, one: Oid, other: Oid) -> Result<Option<Oid>, ScmError> {
    match repo.merge_base(one, other) {
        Ok(base) => Ok(Some(base)),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(failed(format!("find the common ancestor of {one} and {other}"))(
            error,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::Fixture;

    fn changed(
        fixture: &Fixture,
        before: Option<Oid>,
        after: Oid,
        default: Option<Oid>,
    ) -> Option<Vec<String>> {
        let sha = crate::git::objects::sha_of;
        let range = PushRange {
            before: before.map(sha),
            after: sha(after),
            default_head: default.map(sha),
        };
        changed_files(&fixture.repo, &range).unwrap()
    }

    #[test]
    fn pt_19_pt_22_every_file_between_two_heads_is_listed_whatever_lies_between() {
        let fixture = Fixture::bare();
        let base = fixture.commit(&[], &[("a", "1"), ("d/b", "1"), ("d/same", "1")]);
        let main = fixture.commit(&[base], &[("a", "1"), ("d/b", "1"), ("d/same", "1"), ("m", "1")]);
        let mut head = base;
        for round in 0..300 {
            head = fixture.commit(
                &[head],
                &[("a", &round.to_string()), ("d/b", "1"), ("d/same", "1")],
            );
        }
        let merged = fixture.commit(
            &[head, main],
            &[("a", "299"), ("d/b", "2"), ("d/same", "1"), ("m", "1")],
        );
        assert_eq!(
            changed(&fixture, Some(base), merged, None).unwrap(),
            ["a", "d/b", "m"]
        );
    }

    #[test]
    fn pt_21_a_forced_push_is_compared_with_the_merge_base() {
        let fixture = Fixture::bare();
        let base = fixture.commit(&[], &[("a", "1"), ("b", "1")]);
        let old = fixture.commit(&[base], &[("a", "old"), ("b", "1")]);
        let new = fixture.commit(&[base], &[("a", "1"), ("b", "new")]);
        assert_eq!(changed(&fixture, Some(old), new, None).unwrap(), ["b"]);
    }

    #[test]
    fn pt_23_renames_and_deletions_name_both_sides() {
        let fixture = Fixture::bare();
        let before = fixture.commit(&[], &[("src/x", "same"), ("gone", "1"), ("f", "1")]);
        let after = fixture.commit(&[before], &[("docs/x", "same"), ("f/inside", "1")]);
        assert_eq!(
            changed(&fixture, Some(before), after, None).unwrap(),
            ["docs/x", "f", "f/inside", "gone", "src/x"]
        );
    }

    #[test]
    fn pt_18_without_a_base_the_change_is_unknown() {
        let fixture = Fixture::bare();
        let root = fixture.commit(&[], &[("a", "1")]);
        let unrelated = fixture.commit(&[], &[("b", "1")]);
        let branch = fixture.commit(&[root], &[("a", "2")]);
        let missing = Oid::from_str(&"12".repeat(20)).unwrap();
        assert_eq!(changed(&fixture, None, branch, None), None);
        assert_eq!(changed(&fixture, Some(missing), branch, None), None);
        assert_eq!(changed(&fixture, Some(unrelated), branch, None), None);
        assert_eq!(
            changed(&fixture, None, root, Some(root)),
            None,
            "first push of the default branch"
        );
        assert_eq!(
            changed(&fixture, Some(missing), branch, Some(root)).unwrap(),
            ["a"]
        );
        assert_eq!(changed(&fixture, None, branch, Some(root)).unwrap(), ["a"]);
    }

    #[test]
    fn a_change_of_mode_is_a_change() {
        let fixture = Fixture::bare();
        let plain = fixture.commit(&[], &[("run", "x")]);
        let executable = fixture.commit_modes(&[plain], &[("run", b"x".as_slice(), 0o100_755)]);
        assert_eq!(changed(&fixture, Some(plain), executable, None).unwrap(), ["run"]);
    }
}
