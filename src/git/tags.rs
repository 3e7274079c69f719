//! Tags of a repository on this computer.

use std::collections::BTreeMap;
use std::path::Path;

use super::heads::open;
use super::objects::{exceeds, failed, sha_of};
use crate::model::CommitSha;
use crate::ports::scm::ScmError;

/// Tags looked at; a repository with more is refused.
const TAG_LIMIT: usize = 100_000;
/// Longest name in bytes; tags with longer ones are left out.
const NAME_LIMIT: usize = 255;

/// The tags of the repository at a path with the commits they lead to. Tags of trees and blobs, and names that are not
/// UTF-8, are left out.
///
/// # Errors
/// The repository cannot be read, or has more than a hundred thousand tags.
pub(super) fn tags(path: &Path) -> Result<BTreeMap<String, CommitSha>, ScmError> {
    let repo = open(path)?;
    let doing = format!("list the tags of {}", path.display());
    let mut tags = BTreeMap::new();
    let references = repo
        .references_glob("refs/tags/*")
        .map_err(failed(doing.clone()))?;
    for (seen, reference) in references.enumerate() {
        if seen == TAG_LIMIT {
            return Err(exceeds("the number of tags", format!("{TAG_LIMIT} tags")));
        }
        let reference = reference.map_err(failed(doing.clone()))?;
        let name = std::str::from_utf8(reference.name_bytes()).ok();
        let name = name.and_then(|name| name.strip_prefix("refs/tags/"));
        let Some(name) = name.filter(|name| name.len() <= NAME_LIMIT) else {
            continue;
        };
        if let Ok(commit) = reference.peel_to_commit() {
            tags.insert(name.to_owned(), sha_of(commit.id()));
        }
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::Fixture;

    #[test]
    fn tags_lead_to_commits_whatever_kind_they_are() {
        let fixture = Fixture::bare();
        let head = fixture.commit(&[], &[("a", "1")]);
        let commit = fixture.repo.find_object(head, None).unwrap();
        let tagger = git2::Signature::now("A", "a@example.org").unwrap();
        fixture.repo.tag_lightweight("light", &commit, false).unwrap();
        fixture
            .repo
            .tag("release/1.0", &commit, &tagger, "first", false)
            .unwrap();
        let tree = commit.peel_to_commit().unwrap().tree_id();
        let tree = fixture.repo.find_object(tree, None).unwrap();
        fixture.repo.tag_lightweight("of-a-tree", &tree, false).unwrap();
        let found = tags(fixture.repo.path()).unwrap();
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(names, ["light", "release/1.0"]);
        assert!(found.values().all(|sha| *sha == sha_of(head)));
    }
}
