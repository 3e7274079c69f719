//! A repository in memory, and working copies that exist by name only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Mutex;

use async_trait::async_trait;
use sdm::model::push::{Signature, Trust};
use sdm::model::{BranchName, Commit, CommitSha, Push, Repository, Timestamp};
use sdm::ports::scm::{CommitRange, Heads, Scm, ScmError, Workspace, Workspaces};
use sdm::rules::memory_view::MemoryView;
use sdm::rules::view::ProjectView;

#[derive(Default)]
struct State {
    branches: BTreeMap<BranchName, CommitSha>,
    commits: BTreeMap<CommitSha, FakeCommit>,
    tags: BTreeMap<String, CommitSha>,
    refused: Vec<String>,
    lent: BTreeSet<String>,
    lends: u64,
    gone: bool,
}

#[derive(Clone)]
struct FakeCommit {
    parent: Option<CommitSha>,
    files: BTreeMap<String, String>,
    /// What it says and who wrote it, where a test cares.
    written: Option<(String, Signature)>,
}

/// Repository and working copies.
#[derive(Default)]
pub struct FakeScm(Mutex<State>);

impl FakeScm {
    /// Adds a commit to a branch, with these files beside those of its parent.
    pub fn commit(&self, branch: &str, files: &[(&str, &str)]) -> CommitSha {
        self.add(branch, files, None)
    }

    /// The same with this message, by this author.
    pub fn commit_by(&self, branch: &str, message: &str, name: &str, email: &str) -> CommitSha {
        let author = Signature {
            name: name.to_owned(),
            email: email.to_owned(),
        };
        self.add(branch, &[], Some((message.to_owned(), author)))
    }

    fn add(&self, branch: &str, files: &[(&str, &str)], written: Option<(String, Signature)>) -> CommitSha {
        let mut state = self.0.lock().unwrap();
        let branch = BranchName::parse(branch).unwrap();
        let parent = state.branches.get(&branch).cloned();
        let inherited = parent
            .as_ref()
            .map(|sha| state.commits[sha].files.clone())
            .unwrap_or_default();
        let sha = CommitSha::parse(&format!("{:040x}", state.commits.len() + 1)).unwrap();
        let mut all = inherited;
        all.extend(
            files
                .iter()
                .map(|(path, text)| (path.to_string(), text.to_string())),
        );
        state.commits.insert(
            sha.clone(),
            FakeCommit {
                parent,
                files: all,
                written,
            },
        );
        state.branches.insert(branch, sha.clone());
        sha
    }

    /// Points a branch at a commit, as an amend or reset does.
    pub fn point(&self, branch: &str, sha: Option<&CommitSha>) {
        let mut state = self.0.lock().unwrap();
        let branch = BranchName::parse(branch).unwrap();
        match sha {
            Some(sha) => state.branches.insert(branch, sha.clone()),
            None => state.branches.remove(&branch),
        };
    }

    /// Leaves something out from now on.
    pub fn refuse(&self, reason: &str) {
        self.0.lock().unwrap().refused.push(reason.to_owned());
    }

    /// Points a tag at a commit.
    pub fn tag(&self, name: &str, sha: &CommitSha) {
        self.0.lock().unwrap().tags.insert(name.to_owned(), sha.clone());
    }

    /// From now on no commit can be checked out any more.
    pub fn lose_commits(&self) {
        self.0.lock().unwrap().gone = true;
    }

    /// Working copies that are lent now.
    pub fn lent(&self) -> usize {
        self.0.lock().unwrap().lent.len()
    }
}

impl State {
    /// `after` and its ancestors down to `before`, newest first.
    fn range(&self, before: Option<&CommitSha>, after: &CommitSha) -> Vec<CommitSha> {
        let known: BTreeSet<CommitSha> = before
            .map(|sha| self.history(sha))
            .unwrap_or_default()
            .into_iter()
            .collect();
        self.history(after)
            .into_iter()
            .filter(|sha| !known.contains(sha))
            .collect()
    }

    fn history(&self, head: &CommitSha) -> Vec<CommitSha> {
        let next = |sha: &CommitSha| self.commits.get(sha).and_then(|commit| commit.parent.clone());
        std::iter::successors(Some(head.clone()), next).collect()
    }
}

fn commit(sha: CommitSha, written: Option<(String, Signature)>) -> Commit {
    let (message, author) = written.unwrap_or_else(|| {
        let author = Signature {
            name: "Ada".to_owned(),
            email: "ada@example.com".to_owned(),
        };
        (format!("change {}", &sha.as_str()[36..]), author)
    });
    Commit {
        sha,
        message,
        author: author.clone(),
        committer: author,
        at: Timestamp::from_micros(0),
    }
}

#[async_trait]
impl Scm for FakeScm {
    async fn heads(&self, _repo: &Repository) -> Result<Heads, ScmError> {
        let state = self.0.lock().unwrap();
        Ok(Heads {
            branches: state.branches.clone(),
            default_branch: BranchName::parse("main").ok(),
            refused: state.refused.clone(),
        })
    }

    async fn tags(&self, _repo: &Repository) -> Result<BTreeMap<String, CommitSha>, ScmError> {
        Ok(self.0.lock().unwrap().tags.clone())
    }

    async fn fetch(&self, _repo: &Repository, sha: &CommitSha) -> Result<(), ScmError> {
        let state = self.0.lock().unwrap();
        state
            .commits
            .get(sha)
            .map(|_| ())
            .ok_or_else(|| ScmError::CommitGone(sha.clone()))
    }

    async fn commits(
        &self,
        _repo: &Repository,
        before: Option<&CommitSha>,
        after: &CommitSha,
    ) -> Result<CommitRange, ScmError> {
        let state = self.0.lock().unwrap();
        let range = state.range(before, after);
        let forced = before.is_some_and(|before| !state.history(after).contains(before));
        Ok(CommitRange {
            count: range.len() as u64,
            commits: range
                .into_iter()
                .map(|sha| {
                    let written = state.commits[&sha].written.clone();
                    commit(sha, written)
                })
                .collect(),
            forced,
        })
    }

    async fn first_parents(
        &self,
        _repo: &Repository,
        head: &CommitSha,
        limit: u32,
    ) -> Result<Vec<CommitSha>, ScmError> {
        let mut history = self.0.lock().unwrap().history(head);
        history.truncate(limit as usize);
        Ok(history)
    }

    /// Two commits with the same files have the same tree.
    async fn tree_of(&self, _repo: &Repository, commit: &CommitSha) -> Result<CommitSha, ScmError> {
        let mut hasher = std::hash::DefaultHasher::new();
        std::hash::Hash::hash(&self.0.lock().unwrap().commits[commit].files, &mut hasher);
        let tree = format!("{:040x}", std::hash::Hasher::finish(&hasher));
        Ok(CommitSha::parse(&tree).unwrap())
    }

    fn view(&self, push: &Push) -> Result<Box<dyn ProjectView>, ScmError> {
        let state = self.0.lock().unwrap();
        let files = &state.commits[&push.after].files;
        let before = push.before.as_ref().map(|sha| &state.commits[sha].files);
        let mut view = MemoryView::default();
        if let Some(before) = before {
            let differs = |path: &&String| before.get(*path) != files.get(*path);
            view = view.changed(
                files
                    .keys()
                    .chain(before.keys())
                    .filter(differs)
                    .map(String::as_str),
            );
        }
        for (path, text) in files {
            view = view.file(path, text.as_str());
        }
        Ok(Box::new(view))
    }
}

#[async_trait]
impl Workspaces for FakeScm {
    async fn lend(&self, _repo: &Repository, sha: &CommitSha, _trust: Trust) -> Result<Workspace, ScmError> {
        let mut state = self.0.lock().unwrap();
        if state.gone {
            return Err(ScmError::CommitGone(sha.clone()));
        }
        state.lends += 1;
        let name = format!("{}-{}", sha.short(), state.lends);
        state.lent.insert(name.clone());
        Ok(Workspace {
            path: PathBuf::from("/nowhere").join(&name),
            name,
        })
    }

    async fn release(&self, workspace: &Workspace) -> Result<(), ScmError> {
        self.0.lock().unwrap().lent.remove(&workspace.name);
        Ok(())
    }

    fn lent(&self, name: &str) -> Option<Workspace> {
        let is_lent = self.0.lock().unwrap().lent.contains(name);
        is_lent.then(|| Workspace {
            path: PathBuf::from("/nowhere").join(name),
            name: name.to_owned(),
        })
    }

    async fn reclaim(&self, in_use: &[String]) -> Result<(), ScmError> {
        self.0.lock().unwrap().lent.retain(|name| in_use.contains(name));
        Ok(())
    }
}
