//! Writing into repositories on this computer, and taking in what goals left.

use std::fs;
use std::path::PathBuf;

use git2::Repository;

use super::{Update, push_into, take_in};
use crate::git::fixture::Git;
use crate::git::objects::{oid_of, sha_of};
use crate::git::working_copy::WorkingCopy;
use crate::model::push::Signature;
use crate::model::{BranchName, CommitSha, Timestamp};
use crate::ports::scm::{BranchUpdate, Pushed, ScmError};

const AT: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

/// A developer's repository, a mirror of it with one more commit, and git.
struct Scene {
    _directory: tempfile::TempDir,
    git: Git,
    work: PathBuf,
    mirror: PathBuf,
    old: CommitSha,
    new: CommitSha,
}

impl Scene {
    fn new() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let git = Git::find(directory.path())?;
        let (work, mirror) = (directory.path().join("o/r"), directory.path().join("mirror.git"));
        git.repository(&work);
        git.run(&work, &["clone", "-q", "--bare", ".", "../../mirror.git"]);
        let other = directory.path().join("other");
        git.run(directory.path(), &["clone", "-q", "mirror.git", "other"]);
        fs::create_dir(other.join("d")).unwrap();
        fs::write(other.join("d/fixed"), "fixed\n").unwrap();
        fs::write(other.join("a"), "2\n").unwrap();
        git.run(&other, &["add", "."]);
        git.run(&other, &["commit", "-q", "-m", "fix"]);
        git.run(&other, &["push", "-q", "origin", "HEAD:refs/heads/elsewhere"]);
        let sha =
            |path: &PathBuf, name: &str| CommitSha::parse(&git.run(path, &["rev-parse", name])).unwrap();
        let (old, new) = (sha(&work, "HEAD"), sha(&other, "HEAD"));
        Some(Self {
            _directory: directory,
            git,
            work,
            mirror,
            old,
            new,
        })
    }

    fn push(&self, branch: &str, expected: Option<&CommitSha>, moves_work_tree: bool) -> Pushed {
        let update = BranchUpdate {
            branch: BranchName::parse(branch).unwrap(),
            expected: expected.cloned(),
            target: self.new.clone(),
            moves_work_tree,
        };
        let mirror = Repository::open(&self.mirror).unwrap();
        push_into(&mirror, &self.work, &Update::of_branch(&update)).unwrap()
    }

    fn head_of(&self, name: &str) -> String {
        self.git.run(&self.work, &["rev-parse", name])
    }

    fn assert_untouched(&self) {
        assert_eq!(self.head_of("main"), self.old.as_str());
        assert_eq!(fs::read_to_string(self.work.join("a")).unwrap(), "1\n");
        assert!(!self.work.join("d").exists());
    }
}

#[test]
fn a_branch_that_nobody_has_checked_out_is_made_and_moved_with_its_objects() {
    let Some(scene) = Scene::new() else { return };
    assert_eq!(scene.push("topic", None, false), Pushed::Done);
    assert_eq!(scene.head_of("topic"), scene.new.as_str());
    assert_eq!(
        scene.push("topic", None, false),
        Pushed::Done,
        "again is harmless"
    );
    scene.git.run(&scene.work, &["branch", "-f", "topic", "main"]);
    assert_eq!(scene.push("topic", Some(&scene.old), false), Pushed::Done);
    scene.git.run(&scene.work, &["fsck", "--strict", "--no-dangling"]);
    scene.assert_untouched();
}

#[test]
fn af_09_a_branch_that_moved_meanwhile_is_left_alone() {
    let Some(scene) = Scene::new() else { return };
    scene
        .git
        .run(&scene.work, &["commit", "-q", "--allow-empty", "-m", "newer"]);
    let newer = CommitSha::parse(&scene.head_of("main")).unwrap();
    let moved = Pushed::Moved {
        head: Some(newer.clone()),
    };
    assert_eq!(scene.push("main", Some(&scene.old), true), moved);
    assert!(
        matches!(scene.push("main", Some(&newer), true), Pushed::Refused { .. }),
        "not a descendant"
    );
    assert_eq!(scene.head_of("main"), newer.as_str());
}

#[test]
fn a_branch_that_others_are_in_the_way_of_is_refused_and_not_tried_again() {
    let Some(scene) = Scene::new() else { return };
    scene.git.run(&scene.work, &["branch", "transform"]);
    scene.git.run(&scene.work, &["branch", "deep/in/side"]);
    scene.git.run(&scene.work, &["pack-refs", "--all"]);
    let because = |branch: &str| match scene.push(branch, None, false) {
        Pushed::Refused { because } => because,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        because("transform/new/logo"),
        "there is refs/heads/transform already, below which nothing can be"
    );
    assert_eq!(
        because("deep/in"),
        "there is refs/heads/deep/in/side already, so refs/heads/deep/in can only be a directory"
    );
    assert_eq!(because(&"x".repeat(251)), "its name is too long");
    assert_eq!(scene.push(&"x".repeat(240), None, false), Pushed::Done);
    scene.assert_untouched();
}

#[test]
fn what_nobody_may_write_stays_so() {
    use std::io::{Error, ErrorKind};
    let told = |error: Error| crate::git::objects::failed_to_write("write")(error);
    let gone = told(Error::from(ErrorKind::NotFound));
    assert!(!gone.is_transient(), "{gone:?}");
    assert!(told(Error::from(ErrorKind::Interrupted)).is_transient());
    let of_git = |class, message: &str| {
        let error = git2::Error::new(git2::ErrorCode::GenericError, class, message);
        crate::git::objects::failed_to_write("write")(error).is_transient()
    };
    assert!(!of_git(
        git2::ErrorClass::Os,
        "failed to make directory '/proc/x': Permission denied"
    ));
    assert!(of_git(git2::ErrorClass::Net, "permission denied"));
}

#[test]
fn lo_11_a_work_tree_is_left_alone_unless_it_may_move_and_is_clean() {
    let Some(scene) = Scene::new() else { return };
    let because = |moves| match scene.push("main", Some(&scene.old), moves) {
        Pushed::CheckedOut { because, .. } => because,
        other => panic!("{other:?}"),
    };
    assert_eq!(because(false), "it is checked out there");
    fs::write(scene.work.join("a"), "mine\n").unwrap();
    assert_eq!(because(true), "it has uncommitted changes");
    scene.git.run(&scene.work, &["add", "a"]);
    assert_eq!(because(true), "it has uncommitted changes");
    scene.git.run(&scene.work, &["reset", "-q", "--hard"]);
    fs::create_dir(scene.work.join("d")).unwrap();
    fs::write(scene.work.join("d/fixed"), "untracked and mine\n").unwrap();
    assert_eq!(because(true), "files there are in the way");
    assert_eq!(
        fs::read_to_string(scene.work.join("d/fixed")).unwrap(),
        "untracked and mine\n"
    );
    fs::remove_dir_all(scene.work.join("d")).unwrap();
    fs::write(scene.work.join(".git/index.lock"), "").unwrap();
    assert_eq!(because(true), "git is at work there");
    fs::remove_file(scene.work.join(".git/index.lock")).unwrap();
    scene.assert_untouched();
}

#[test]
fn lo_11_a_clean_work_tree_moves_along_and_stays_clean() {
    let Some(scene) = Scene::new() else { return };
    fs::write(scene.work.join("untracked"), "mine").unwrap();
    assert_eq!(scene.push("main", Some(&scene.old), true), Pushed::Done);
    assert_eq!(scene.head_of("HEAD"), scene.new.as_str());
    assert_eq!(
        scene.git.run(&scene.work, &["status", "--porcelain"]),
        "?? untracked"
    );
    assert_eq!(fs::read_to_string(scene.work.join("d/fixed")).unwrap(), "fixed\n");
}

#[test]
fn lo_11_linked_work_trees_rebases_and_filters_are_seen() {
    let Some(scene) = Scene::new() else { return };
    scene
        .git
        .run(&scene.work, &["worktree", "add", "-q", "-b", "side", "../side"]);
    assert!(matches!(
        scene.push("side", Some(&scene.old), false),
        Pushed::CheckedOut { .. }
    ));
    assert_eq!(scene.push("side", Some(&scene.old), true), Pushed::Done);
    let side = scene.work.parent().unwrap().join("side");
    assert_eq!(fs::read_to_string(side.join("a")).unwrap(), "2\n");
    fs::write(scene.work.join(".git/info/attributes"), "a filter=lfs\n").unwrap();
    let Pushed::CheckedOut { because, .. } = scene.push("main", Some(&scene.old), true) else {
        panic!("a filter is no matter for us");
    };
    assert!(because.contains("filter"), "{because}");
    fs::create_dir(scene.work.join(".git/rebase-merge")).unwrap();
    fs::write(
        scene.work.join(".git/rebase-merge/head-name"),
        "refs/heads/main\n",
    )
    .unwrap();
    assert!(matches!(
        scene.push("main", Some(&scene.old), true),
        Pushed::CheckedOut { .. }
    ));
    scene.assert_untouched();
}

fn machine() -> Signature {
    Signature {
        name: "sdm".to_owned(),
        email: "sdm@localhost".to_owned(),
    }
}

#[test]
fn commits_of_a_working_copy_travel_as_a_pack() {
    let Some(scene) = Scene::new() else { return };
    let mut copy = WorkingCopy::open(&scene.work).unwrap();
    assert!(!copy.is_changed().unwrap());
    assert_eq!(copy.commit("nothing", &machine(), &machine(), AT).unwrap(), None);
    fs::write(scene.work.join("a"), "fixed\n").unwrap();
    let one = copy.commit("one", &machine(), &machine(), AT).unwrap().unwrap();
    fs::write(scene.work.join("b"), "new\n").unwrap();
    fs::write(scene.work.join(".gitignore"), "*.o\n").unwrap();
    fs::write(scene.work.join("x.o"), "ignored").unwrap();
    let two = copy.commit("two", &machine(), &machine(), AT).unwrap().unwrap();
    fs::remove_file(scene.work.join("a")).unwrap();
    fs::write(scene.work.join("c"), "unwanted").unwrap();
    copy.restore().unwrap();
    assert!(!copy.is_changed().unwrap() && !scene.work.join("c").exists());
    assert!(scene.work.join("x.o").exists(), "ignored files stay");
    let pack = scene.work.with_extension("pack");
    copy.write_pack(&pack).unwrap();
    let mirror = Repository::open(&scene.mirror).unwrap();
    let taken = take_in(&mirror, &pack, &scene.old, &copy.head()).unwrap();
    assert_eq!(taken, [oid_of(&two), oid_of(&one)]);
    assert_eq!(
        take_in(&mirror, &pack, &scene.old, &copy.head()).unwrap(),
        taken,
        "again is harmless"
    );
    let listed = scene
        .git
        .run(&scene.mirror, &["ls-tree", "-r", "--name-only", two.as_str()]);
    assert_eq!(listed, ".gitignore\na\nb");
    scene
        .git
        .run(&scene.mirror, &["fsck", "--strict", "--no-dangling"]);
}

#[test]
fn e1_what_is_left_out_of_a_working_copy_is_neither_committed_nor_put_back() {
    let Some(scene) = Scene::new() else { return };
    let left_out = ["a", "config/token"].map(str::to_owned);
    let mut copy = WorkingCopy::open(&scene.work).unwrap().leaving_out(&left_out);
    fs::create_dir(scene.work.join("config")).unwrap();
    for path in ["a", "config/token"] {
        fs::write(scene.work.join(path), "canary").unwrap();
    }
    assert!(!copy.is_changed().unwrap());
    copy.restore().unwrap();
    fs::write(scene.work.join("config/other"), "new").unwrap();
    assert!(copy.is_changed().unwrap());
    copy.restore().unwrap();
    assert!(!scene.work.join("config/other").exists());
    for path in ["a", "config/token"] {
        assert_eq!(fs::read_to_string(scene.work.join(path)).unwrap(), "canary");
    }
    fs::write(scene.work.join("b"), "new").unwrap();
    let made = copy.commit("one", &machine(), &machine(), AT).unwrap().unwrap();
    let range = format!("{}..{made}", scene.old);
    let changed = scene.git.run(&scene.work, &["diff", "--name-only", &range]);
    assert_eq!(changed, "b");
}

#[test]
fn b12_a_pack_that_is_none_or_leads_elsewhere_or_holds_a_git_directory_is_refused() {
    let Some(scene) = Scene::new() else { return };
    let mirror = Repository::open(&scene.mirror).unwrap();
    let pack = scene.work.with_extension("pack");
    let refused = |head: &CommitSha| {
        let error = take_in(&mirror, &pack, &scene.old, head).unwrap_err();
        assert!(matches!(error, ScmError::RefusedContent { .. }), "{error:?}");
        error.to_string()
    };
    fs::write(&pack, "PACK of lies").unwrap();
    refused(&scene.new);
    // A history of its own.
    scene
        .git
        .run(&scene.work, &["checkout", "-q", "--orphan", "alone"]);
    scene.git.run(&scene.work, &["commit", "-q", "-m", "alone"]);
    let alone = CommitSha::parse(&scene.head_of("alone")).unwrap();
    write_pack(&scene, &[alone.as_str()]);
    assert!(refused(&alone).contains("does not follow"));
    // A tree with `.git` in it, which only raw objects can say.
    let blob = scene.git.run(&scene.work, &["rev-parse", "alone:a"]);
    let work = Repository::open(&scene.work).unwrap();
    let mut raw = b"100644 .GIT\0".to_vec();
    raw.extend_from_slice(git2::Oid::from_str(&blob).unwrap().as_bytes());
    let tree = work.odb().unwrap().write(git2::ObjectType::Tree, &raw).unwrap();
    let text = format!(
        "tree {tree}\nparent {}\nauthor a <a> 1 +0000\ncommitter a <a> 1 +0000\n\nx",
        scene.old
    );
    let commit = work
        .odb()
        .unwrap()
        .write(git2::ObjectType::Commit, text.as_bytes())
        .unwrap();
    write_pack(&scene, &[&commit.to_string(), &tree.to_string()]);
    assert!(refused(&sha_of(commit)).contains(".GIT"));
    fs::remove_file(&pack).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &pack).unwrap();
    assert!(take_in(&mirror, &pack, &scene.old, &sha_of(commit)).is_err());
}

fn write_pack(scene: &Scene, ids: &[&str]) {
    let repo = Repository::open(&scene.work).unwrap();
    let mut builder = repo.packbuilder().unwrap();
    for id in ids {
        let id = git2::Oid::from_str(id).unwrap();
        builder.insert_object(id, None).unwrap();
        if let Ok(commit) = repo.find_commit(id) {
            let _ = builder.insert_tree(commit.tree_id());
        }
    }
    let mut bytes = git2::Buf::new();
    builder.write_buf(&mut bytes).unwrap();
    fs::write(scene.work.with_extension("pack"), &*bytes).unwrap();
}
