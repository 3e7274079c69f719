//! The commits of a push, read from the mirror and never from what a provider sent along.

use git2::{Oid, Repository, Sort};

use super::changes::merge_base;
use super::objects::{commit, commit_if_here, failed, oid_of, sha_of};
use crate::model::push::Signature;
use crate::model::{Commit, CommitSha, Push, Timestamp};
use crate::ports::scm::{CommitRange, ScmError};

/// Longest message kept, in bytes, marker included (threat A4).
const MESSAGE_LIMIT: usize = 64 << 10;
/// Longest name or address kept, in bytes.
const NAME_LIMIT: usize = 1 << 10;
/// Commits are counted up to here; a longer push counts as this many.
const COUNT_LIMIT: usize = 100_000;
/// Stands where text was cut.
const CUT: &str = "…";

/// The commits from `before` to `after`, newest first; none when `after` lies before `before`.
///
/// Without `before` those that the default branch does not have; when nothing is left, the head alone. A `before` that
/// is not in the mirror cannot be an ancestor, because the mirror has the whole history of `after`: the push was forced.
///
/// # Errors
/// `after` is not in the repository, or objects cannot be read.
pub fn commit_range(
    repo: &Repository,
    before: Option<&CommitSha>,
    after: &CommitSha,
    default_head: Option<&CommitSha>,
) -> Result<CommitRange, ScmError> {
    let head = commit(repo, after)?.id();
    let old_head = known(repo, before)?;
    let hidden = match (before, old_head) {
        (Some(_), Some(old)) => Some(old),
        (Some(_), None) | (None, _) => known(repo, default_head)?,
    };
    let (mut newest, count) = walk(repo, head, hidden)?;
    let moved_back = old_head.is_some() && newest.is_empty();
    if newest.is_empty() && !moved_back {
        newest.push(head);
    }
    let commits = newest
        .into_iter()
        .map(|oid| read(repo, oid))
        .collect::<Result<_, _>>()?;
    Ok(CommitRange {
        commits,
        count: count.max(u64::from(!moved_back)),
        forced: before.is_some() && !is_ancestor(repo, old_head, head)?,
    })
}

fn known(repo: &Repository, sha: Option<&CommitSha>) -> Result<Option<Oid>, ScmError> {
    let Some(sha) = sha else { return Ok(None) };
    Ok(commit_if_here(repo, sha)?.map(|_| oid_of(sha)))
}

fn is_ancestor(repo: &Repository, old: Option<Oid>, new: Oid) -> Result<bool, ScmError> {
    let Some(old) = old else { return Ok(false) };
    Ok(old == new || merge_base(repo, old, new)? == Some(old))
}

/// The newest commits reachable from `head` and not from `hidden`, and how many there are.
fn walk(repo: &Repository, head: Oid, hidden: Option<Oid>) -> Result<(Vec<Oid>, u64), ScmError> {
    let doing = "walk the commits of the push";
    let mut revwalk = repo.revwalk().map_err(failed(doing))?;
    // A whole history is walked by time, lazily: sorting it by topology would load all of it before its first commit. A range is
    // loaded as a whole anyway, and by time alone commits of one second, as a rebase makes them, come out in any order.
    let sorting = if hidden.is_some() {
        Sort::TOPOLOGICAL | Sort::TIME
    } else {
        Sort::TIME
    };
    revwalk.set_sorting(sorting).map_err(failed(doing))?;
    revwalk.push(head).map_err(failed(doing))?;
    if let Some(hidden) = hidden {
        revwalk.hide(hidden).map_err(failed(doing))?;
    }
    let (mut newest, mut count) = (Vec::new(), 0);
    for oid in revwalk.take(COUNT_LIMIT) {
        let oid = oid.map_err(failed(doing))?;
        count += 1;
        if newest.len() < Push::MAX_COMMITS {
            newest.push(oid);
        }
    }
    Ok((newest, count))
}

fn read(repo: &Repository, oid: Oid) -> Result<Commit, ScmError> {
    let commit = repo
        .find_commit(oid)
        .map_err(failed(format!("read the commit {oid}")))?;
    let author = commit.author();
    Ok(Commit {
        sha: sha_of(oid),
        message: text(commit.message_bytes(), MESSAGE_LIMIT),
        author: signature(&author),
        committer: signature(&commit.committer()),
        at: Timestamp::from_micros(author.when().seconds().saturating_mul(1_000_000)),
    })
}

fn signature(signature: &git2::Signature<'_>) -> Signature {
    Signature {
        name: text(signature.name_bytes(), NAME_LIMIT),
        email: text(signature.email_bytes(), NAME_LIMIT),
    }
}

/// Text of at most `limit` bytes: replaced where it is not UTF-8, and marked where it is cut.
fn text(bytes: &[u8], limit: usize) -> String {
    let whole = String::from_utf8_lossy(&bytes[..bytes.len().min(limit + 4)]);
    if bytes.len() <= limit && whole.len() <= limit {
        return whole.into_owned();
    }
    let mut end = (limit - CUT.len()).min(whole.len());
    while !whole.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{CUT}", &whole[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::Fixture;

    fn range(fixture: &Fixture, before: Option<Oid>, after: Oid, default: Option<Oid>) -> CommitRange {
        let sha = |oid: Option<Oid>| oid.map(sha_of);
        commit_range(
            &fixture.repo,
            sha(before).as_ref(),
            &sha_of(after),
            sha(default).as_ref(),
        )
        .unwrap()
    }

    fn ids(range: &CommitRange) -> Vec<String> {
        range
            .commits
            .iter()
            .map(|commit| commit.sha.to_string())
            .collect()
    }

    fn chain(fixture: &Fixture, from: Oid, length: usize) -> Vec<Oid> {
        let mut heads = vec![from];
        for round in 0..length {
            let parent = *heads.last().unwrap();
            heads.push(fixture.commit(&[parent], &[("a", &round.to_string())]));
        }
        heads
    }

    #[test]
    fn pt_22_a_long_push_keeps_its_newest_commits_and_the_count() {
        let fixture = Fixture::bare();
        let root = fixture.commit(&[], &[("a", "root")]);
        let heads = chain(&fixture, root, 300);
        let range = range(&fixture, Some(root), heads[300], None);
        assert_eq!(
            (range.commits.len(), range.count, range.forced),
            (Push::MAX_COMMITS, 300, false)
        );
        assert_eq!(range.commits[0].sha, sha_of(heads[300]));
        assert_eq!(range.commits[249].sha, sha_of(heads[51]));
    }

    #[test]
    fn an_amended_or_reset_branch_is_forced() {
        let fixture = Fixture::bare();
        let root = fixture.commit(&[], &[("a", "root")]);
        let old = fixture.commit(&[root], &[("a", "old")]);
        let new = fixture.commit(&[root], &[("a", "new")]);
        let amended = range(&fixture, Some(old), new, None);
        assert_eq!((ids(&amended), amended.forced), (vec![new.to_string()], true));
        let reset = range(&fixture, Some(old), root, None);
        assert_eq!(
            (ids(&reset), reset.count, reset.forced),
            (Vec::<String>::new(), 0, true)
        );
        let missing = Oid::from_str(&"12".repeat(20)).unwrap();
        assert!(range(&fixture, Some(missing), new, Some(root)).forced);
        assert!(!range(&fixture, Some(new), new, None).forced);
    }

    #[test]
    fn a_new_branch_has_the_commits_that_the_default_branch_has_not() {
        let fixture = Fixture::bare();
        let root = fixture.commit(&[], &[("a", "root")]);
        let main = fixture.commit(&[root], &[("a", "main")]);
        let heads = chain(&fixture, root, 2);
        let branch = range(&fixture, None, heads[2], Some(main));
        assert_eq!(ids(&branch), [heads[2].to_string(), heads[1].to_string()]);
        assert!(!branch.forced);
        let same = range(&fixture, None, main, Some(main));
        assert_eq!((ids(&same), same.count), (vec![main.to_string()], 1));
        assert_eq!(range(&fixture, None, main, None).count, 2);
    }

    #[test]
    fn a4_hostile_text_is_kept_as_data_and_cut_with_a_marker() {
        let fixture = Fixture::bare();
        let tree = fixture.tree(&[]);
        let mut message = "${{ secrets.X }} \u{202e}\u{1b}[2J\n\ncaf".as_bytes().to_vec();
        message.push(0xe9);
        let head = fixture.commit_tree(&[], tree, &message);
        let commit = &range(&fixture, None, head, None).commits[0];
        assert_eq!(
            commit.message,
            "${{ secrets.X }} \u{202e}\u{1b}[2J\n\ncaf\u{fffd}"
        );
        assert_eq!(
            (commit.author.name.as_str(), commit.committer.email.as_str()),
            ("A", "c@example.org")
        );
        assert_eq!(commit.at, Timestamp::from_micros(1_700_000_000_000_000));
        for filling in ["x", "é", "\u{1f600}"] {
            let long = filling.repeat(5 << 20);
            let head = fixture.commit_tree(&[], tree, long.as_bytes());
            let message = range(&fixture, None, head, None).commits[0].message.clone();
            assert!(message.len() <= MESSAGE_LIMIT && message.len() > MESSAGE_LIMIT - 8);
            assert!(message.ends_with(CUT) && message.starts_with(filling));
        }
        let broken = range(
            &fixture,
            None,
            fixture.commit_tree(&[], tree, &vec![0xff; 1 << 20]),
            None,
        );
        assert!(broken.commits[0].message.len() <= MESSAGE_LIMIT);
    }
}
