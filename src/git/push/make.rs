//! Objects made in the mirror: commits of a few files, annotated tags.

use git2::build::TreeUpdateBuilder;
use git2::{FileMode, Repository};

use crate::git::objects::{commit, failed, sha_of, signature};
use crate::model::CommitSha;
use crate::ports::scm::{NewCommit, NewTag, ScmError};

/// The base with files replaced or added; the mode of a file that is there stays.
pub(crate) fn make_commit(mirror: &Repository, new: &NewCommit) -> Result<CommitSha, ScmError> {
    let base = commit(mirror, &new.base)?;
    let doing = || format!("make a commit on {}", new.base.short());
    let make = || {
        let tree = base.tree()?;
        let mut update = TreeUpdateBuilder::new();
        for (path, content) in &new.files {
            let mode = match tree.get_path(path.as_ref()) {
                Ok(entry) if entry.filemode() == i32::from(FileMode::BlobExecutable) => {
                    FileMode::BlobExecutable
                }
                Ok(_) | Err(_) => FileMode::Blob,
            };
            update.upsert(path.as_str(), mirror.blob(content)?, mode);
        }
        let tree = mirror.find_tree(update.create_updated(mirror, &tree)?)?;
        let author = signature(&new.author, new.at)?;
        mirror.commit(None, &author, &author, &new.message, &tree, &[&base])
    };
    make()
        .map(sha_of)
        .map_err(|error: git2::Error| failed(doing())(error))
}

/// The id of a commit's tree.
pub(crate) fn tree_of(mirror: &Repository, sha: &CommitSha) -> Result<CommitSha, ScmError> {
    Ok(sha_of(commit(mirror, sha)?.tree_id()))
}

/// A commit of the mirror after another parent and with another message.
pub(crate) fn remake_commit(
    mirror: &Repository,
    sha: &CommitSha,
    parent: &CommitSha,
    message: &str,
) -> Result<CommitSha, ScmError> {
    let (made, parent) = (commit(mirror, sha)?, commit(mirror, parent)?);
    let make = || {
        let (author, committer) = (made.author(), made.committer());
        mirror.commit(None, &author, &committer, message, &made.tree()?, &[&parent])
    };
    make()
        .map(sha_of)
        .map_err(|error: git2::Error| failed(format!("make the commit {} anew", sha.short()))(error))
}

/// An annotated tag's object; no reference of the mirror names it.
pub(crate) fn make_tag(mirror: &Repository, tag: &NewTag) -> Result<CommitSha, ScmError> {
    let target = commit(mirror, &tag.target)?;
    let make = || {
        let tagger = signature(&tag.tagger, tag.at)?;
        mirror.tag_annotation_create(tag.name.as_str(), target.as_object(), &tagger, &tag.message)
    };
    make()
        .map(sha_of)
        .map_err(|error: git2::Error| failed(format!("make the tag {}", tag.name))(error))
}
