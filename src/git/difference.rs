//! What differs between two commits, as people read it: bounded, since both may be hostile (threats B4, H4).

use git2::{DiffFormat, DiffOptions, Repository};

use super::objects::{commit, exceeds, failed};
use crate::model::CommitSha;
use crate::ports::scm::{Difference, ScmError};

/// Most files that may differ.
const MAX_FILES: usize = 100_000;

/// Larger files are only said to differ, in bytes.
const MAX_SIZE: i64 = 4 << 20;

/// The difference of two commits as `git diff` writes it, cut at the end of a line after about `limit` bytes.
pub(crate) fn difference(
    repo: &Repository,
    base: &CommitSha,
    head: &CommitSha,
    limit: usize,
) -> Result<Difference, ScmError> {
    let doing = || format!("compare {} with {}", head.short(), base.short());
    let tree_of = |sha: &CommitSha| {
        let tree = commit(repo, sha)?.tree();
        tree.map_err(|error| failed(doing())(error))
    };
    let (base, head) = (tree_of(base)?, tree_of(head)?);
    let mut options = DiffOptions::new();
    options.context_lines(3).max_size(MAX_SIZE);
    let found = repo
        .diff_tree_to_tree(Some(&base), Some(&head), Some(&mut options))
        .map_err(|error| failed(doing())(error))?;
    let files = found.deltas().len();
    if files > MAX_FILES {
        return Err(exceeds(
            "the number of changed files",
            format!("{MAX_FILES} files"),
        ));
    }
    let (mut text, mut is_cut) = (Vec::new(), false);
    let printed = found.print(DiffFormat::Patch, |_, _, line| {
        if text.len() + line.content().len() + 1 > limit {
            is_cut = true;
            return false;
        }
        match line.origin() {
            '+' => text.push(b'+'),
            '-' => text.push(b'-'),
            ' ' => text.push(b' '),
            _ => {}
        }
        text.extend_from_slice(line.content());
        true
    });
    // Stopping half way is an error to libgit2.
    match printed {
        Err(error) if !is_cut => return Err(failed(doing())(error)),
        Ok(()) | Err(_) => {}
    }
    let mut text = String::from_utf8_lossy(&text).into_owned();
    if is_cut {
        text.push_str("\n(the rest of the difference is left out: it is too long to be shown)\n");
    }
    Ok(Difference { text, files })
}

/// The path of the first file that differs and whose path or new content is meant, also of those too large to be shown.
pub(crate) fn first_changed(
    repo: &Repository,
    base: &CommitSha,
    head: &CommitSha,
    is_meant: &dyn Fn(&[u8]) -> bool,
) -> Result<Option<String>, ScmError> {
    let doing = || format!("look into what {} changes", head.short());
    let (base, head) = (commit(repo, base)?, commit(repo, head)?);
    let find = || {
        let (base, head) = (base.tree()?, head.tree()?);
        let found = repo.diff_tree_to_tree(Some(&base), Some(&head), None)?;
        for delta in found.deltas() {
            let file = delta.new_file();
            let path = file.path_bytes().unwrap_or_default();
            // What is deleted has no content, and another repository none here.
            let content = repo.find_blob(file.id()).ok();
            if is_meant(path) || content.is_some_and(|content| is_meant(content.content())) {
                return Ok(Some(path.escape_ascii().to_string()));
            }
        }
        Ok(None)
    };
    find().map_err(|error: git2::Error| failed(doing())(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::Fixture;
    use crate::git::objects::sha_of;

    #[test]
    fn what_is_looked_for_is_found_in_paths_and_new_contents() {
        let fixture = Fixture::bare();
        let first = fixture.commit(&[], &[("a", "canary\n"), ("gone", "canary\n")]);
        let second = fixture.commit(&[first], &[("a", "canary\n"), ("b", "x\0canary")]);
        let third = fixture.commit(&[first], &[("a", "1\n"), ("canary", "")]);
        let found = |from, to| {
            let is_meant = |text: &[u8]| text.windows(6).any(|window| window == b"canary");
            first_changed(&fixture.repo, &sha_of(from), &sha_of(to), &is_meant).unwrap()
        };
        assert_eq!(found(first, second).as_deref(), Some("b"));
        assert_eq!(found(first, third).as_deref(), Some("canary"));
        assert_eq!(found(second, first).as_deref(), Some("gone"));
        assert_eq!(found(first, first), None);
    }

    #[test]
    fn cm_09_a_difference_reads_as_that_of_git_and_is_bounded() {
        let fixture = Fixture::bare();
        let first = fixture.commit(&[], &[("a.txt", "one\ntwo\n"), ("gone", "x\n")]);
        let second = fixture.commit(&[first], &[("a.txt", "one\n2\n"), ("bin", "a\0b")]);
        let (first, second) = (sha_of(first), sha_of(second));
        let found = difference(&fixture.repo, &first, &second, 10_000).unwrap();
        assert_eq!(found.files, 3);
        for part in [
            "--- a/a.txt\n+++ b/a.txt\n",
            " one\n-two\n+2\n",
            "deleted file mode",
            "Binary files",
        ] {
            assert!(found.text.contains(part), "{part:?} in {}", found.text);
        }
        let cut = difference(&fixture.repo, &first, &second, 120).unwrap();
        assert!(
            cut.text.len() < 300 && cut.text.contains("is left out"),
            "{}",
            cut.text
        );
        let none = difference(&fixture.repo, &first, &first, 120).unwrap();
        assert_eq!(none, Difference::default());
    }
}
