//! The commits of a push, read from the mirror and never from what a provider sent along.

use std::iter::Take;

use git2::{Oid, Repository, Revwalk, Sort};

use super::changes::merge_base;
use super::objects::{commit, commit_if_here, failed, oid_of, sha_of};
use crate::model::push::Signature;
use crate::model::{Authors, Commit, CommitSha, Push, Timestamp};
use crate::ports::scm::{CommitRange, ScmError};

/// Longest name or address kept, in bytes.
const NAME_LIMIT: usize = 1 << 10;
/// Commits are counted up to here; a longer push counts as this many.
const COUNT_LIMIT: usize = 100_000;
/// What is done when the commits of a push cannot be read.
const WALKING: &str = "walk the commits of the push";
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
    let (mut newest, count) = walk(repo, head, hidden(repo, before, default_head)?)?;
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

/// What the walk of a push leaves out, with all that is reachable from it.
fn hidden(
    repo: &Repository,
    before: Option<&CommitSha>,
    default_head: Option<&CommitSha>,
) -> Result<Option<Oid>, ScmError> {
    match known(repo, before)? {
        Some(old) => Ok(Some(old)),
        None => known(repo, default_head),
    }
}

fn known(repo: &Repository, sha: Option<&CommitSha>) -> Result<Option<Oid>, ScmError> {
    let Some(sha) = sha else { return Ok(None) };
    Ok(commit_if_here(repo, sha)?.map(|_| oid_of(sha)))
}

fn is_ancestor(repo: &Repository, old: Option<Oid>, new: Oid) -> Result<bool, ScmError> {
    let Some(old) = old else { return Ok(false) };
    Ok(old == new || merge_base(repo, old, new)? == Some(old))
}

/// Who wrote the commits of the same range, as the whole of each says, also those that no push keeps.
///
/// # Errors
/// The same.
pub fn authors_of_range(
    repo: &Repository,
    push: &Push,
    default_head: Option<&CommitSha>,
) -> Result<Authors, ScmError> {
    let (mut authors, mut count) = (push.authors(), 0);
    for oid in ids(
        repo,
        commit(repo, &push.after)?.id(),
        hidden(repo, push.before.as_ref(), default_head)?,
    )? {
        let commit = find(repo, oid.map_err(failed(WALKING))?)?;
        let message = String::from_utf8_lossy(commit.message_bytes());
        authors.add(
            &signature(&commit.author()),
            &signature(&commit.committer()),
            &message,
        );
        count += 1;
    }
    if count >= COUNT_LIMIT as u64 {
        authors.leave_out(format!("it has {COUNT_LIMIT} commits or more"));
    } else if count < push.commit_count {
        // A new branch that the default branch has taken in since.
        let all = push.commit_count;
        authors.leave_out(format!(
            "only {count} of its {all} commits are still known to be its own"
        ));
    }
    Ok(authors)
}

/// The newest commits reachable from `head` and not from `hidden`, and how many there are.
fn walk(repo: &Repository, head: Oid, hidden: Option<Oid>) -> Result<(Vec<Oid>, u64), ScmError> {
    let (mut newest, mut count) = (Vec::new(), 0);
    for oid in ids(repo, head, hidden)? {
        let oid = oid.map_err(failed(WALKING))?;
        count += 1;
        if newest.len() < Push::MAX_COMMITS {
            newest.push(oid);
        }
    }
    Ok((newest, count))
}

/// The commits reachable from `head` and not from `hidden`, newest first, at most [`COUNT_LIMIT`].
fn ids(repo: &Repository, head: Oid, hidden: Option<Oid>) -> Result<Take<Revwalk<'_>>, ScmError> {
    let mut revwalk = repo.revwalk().map_err(failed(WALKING))?;
    // A whole history is walked by time, lazily: sorting it by topology would load all of it before its first commit. A range is
    // loaded as a whole anyway, and by time alone commits of one second, as a rebase makes them, come out in any order.
    let sorting = if hidden.is_some() {
        Sort::TOPOLOGICAL | Sort::TIME
    } else {
        Sort::TIME
    };
    revwalk.set_sorting(sorting).map_err(failed(WALKING))?;
    revwalk.push(head).map_err(failed(WALKING))?;
    if let Some(hidden) = hidden {
        revwalk.hide(hidden).map_err(failed(WALKING))?;
    }
    Ok(revwalk.take(COUNT_LIMIT))
}

fn read(repo: &Repository, oid: Oid) -> Result<Commit, ScmError> {
    let commit = find(repo, oid)?;
    let author = commit.author();
    Ok(Commit {
        sha: sha_of(oid),
        message: text(commit.message_bytes(), Commit::MAX_MESSAGE),
        author: signature(&author),
        committer: signature(&commit.committer()),
        at: Timestamp::from_micros(author.when().seconds().saturating_mul(1_000_000)),
    })
}

fn find(repo: &Repository, oid: Oid) -> Result<git2::Commit<'_>, ScmError> {
    repo.find_commit(oid)
        .map_err(failed(format!("read the commit {oid}")))
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
    use crate::model::Person;

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

    fn push(fixture: &Fixture, before: Oid, after: Oid) -> Push {
        let range = range(fixture, Some(before), after, None);
        Push {
            before: Some(sha_of(before)),
            after: sha_of(after),
            commits: range.commits,
            commit_count: range.count,
            ..crate::rules::fixtures::push_to("main")
        }
    }

    #[test]
    fn d1_all_commits_say_who_wrote_them_and_the_whole_of_each() {
        let fixture = Fixture::bare();
        let root = fixture.commit(&[], &[("a", "root")]);
        let tree = fixture.tree(&[]);
        let of_bob = format!(
            "{}\n\nCo-authored-by: Bob <bob@x>",
            "x".repeat(Commit::MAX_MESSAGE)
        );
        let first = fixture.commit_tree(&[root], tree, of_bob.as_bytes());
        let heads = chain(&fixture, first, 300);
        let bob = Person {
            login: "bob".to_owned(),
            emails: vec!["bob@x".to_owned()],
            ..Person::default()
        };
        for head in [first, heads[300]] {
            let push = push(&fixture, root, head);
            assert!(!push.is_whole() && push.authors().include(&bob).is_none());
            let authors = authors_of_range(&fixture.repo, &push, None).unwrap();
            let words = authors.include(&bob).unwrap();
            assert!(words.contains("Co-authored-by"), "{words}");
        }
        let mut taken_in = push(&fixture, root, heads[300]);
        taken_in.before = None;
        let authors = authors_of_range(&fixture.repo, &taken_in, Some(&sha_of(heads[200]))).unwrap();
        let words = authors.include(&Person::default()).unwrap();
        assert!(words.contains("only 100 of its 301 commits"), "{words}");
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
            assert!(message.len() <= Commit::MAX_MESSAGE && message.len() > Commit::MAX_MESSAGE - 8);
            assert!(message.ends_with(CUT) && message.starts_with(filling));
        }
        let broken = range(
            &fixture,
            None,
            fixture.commit_tree(&[], tree, &vec![0xff; 1 << 20]),
            None,
        );
        assert!(broken.commits[0].message.len() <= Commit::MAX_MESSAGE);
    }
}
