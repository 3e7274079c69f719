//! Mirrors of repositories in directories; the network has its own topic among the integration tests.

use std::fs;
use std::path::Path;

use git2::{Oid, Signature};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::Mirrors;
use crate::git::address::AddressPolicy;
use crate::git::network::NetworkOptions;
use crate::model::{CommitSha, RepoSlug, Repository};
use crate::ports::scm::ScmError;

struct Scene {
    directory: TempDir,
    source: git2::Repository,
    mirrors: Mirrors,
    repo: Repository,
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("source");
        let mirrors = Mirrors::new(
            directory.path().join("mirrors"),
            NetworkOptions {
                policy: AddressPolicy::LOCAL,
                ..NetworkOptions::default()
            },
        );
        Self {
            source: git2::Repository::init_bare(&path).unwrap(),
            mirrors,
            repo: Repository {
                key: "k".to_owned(),
                slug: RepoSlug::new("o", "r"),
                address: path.display().to_string(),
                default_branch: None,
            },
            directory,
        }
    }

    /// A commit on `main` with one more file.
    fn commit(&self, content: &str) -> Oid {
        let parent = self.source.find_reference("refs/heads/main").ok();
        let parent = parent.map(|main| main.peel_to_commit().unwrap());
        let base = parent.as_ref().map(|parent| parent.tree().unwrap());
        let blob = self.source.blob(content.as_bytes()).unwrap();
        let mut builder = self.source.treebuilder(base.as_ref()).unwrap();
        builder.insert(content, blob, 0o100_644).unwrap();
        let tree = self.source.find_tree(builder.write().unwrap()).unwrap();
        let me = Signature::now("me", "me@example.com").unwrap();
        let parents: Vec<_> = parent.iter().collect();
        self.source
            .commit(Some("refs/heads/main"), &me, &me, content, &tree, &parents)
            .unwrap()
    }

    async fn fetch(&self, id: Oid) -> Result<(), ScmError> {
        let sha = CommitSha::parse(&id.to_string()).unwrap();
        self.mirrors
            .fetch(&self.repo, &sha, &CancellationToken::new())
            .await
    }

    fn packs(&self) -> Vec<std::path::PathBuf> {
        let directory = self.mirrors.path(&self.repo).join("objects/pack");
        let entries = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        entries
            .filter(|path| path.extension().is_some_and(|extension| extension == "pack"))
            .collect()
    }
}

#[tokio::test]
async fn a_damaged_mirror_is_built_again() {
    let scene = Scene::new();
    let first = scene.commit("one");
    let second = scene.commit("two");
    scene.fetch(second).await.unwrap();
    for pack in scene.packs() {
        fs::remove_file(pack.with_extension("idx")).unwrap();
        fs::remove_file(pack).unwrap();
    }
    scene.fetch(second).await.unwrap();
    scene.fetch(first).await.unwrap();
    let third = scene.commit("three");
    scene.fetch(third).await.unwrap();
    assert!(
        scene
            .mirrors
            .open(&scene.repo)
            .unwrap()
            .find_commit(first)
            .is_ok()
    );
}

/// Nothing of a commit is left in a repository with loose objects.
fn lose(source: &git2::Repository, commit: Oid) {
    let name = commit.to_string();
    fs::remove_file(source.path().join("objects").join(&name[..2]).join(&name[2..])).unwrap();
}

#[tokio::test]
async fn what_goals_borrow_outlives_the_damage_until_nothing_runs() {
    let scene = Scene::new();
    let forced_away = scene.commit("one");
    scene.fetch(forced_away).await.unwrap();
    let damaged = scene.packs();
    scene
        .source
        .find_reference("refs/heads/main")
        .unwrap()
        .delete()
        .unwrap();
    let second = scene.commit("two");
    scene.fetch(second).await.unwrap();
    let lost = scene
        .packs()
        .into_iter()
        .find(|pack| !damaged.contains(pack))
        .unwrap();
    fs::remove_file(lost.with_extension("idx")).unwrap();
    fs::remove_file(lost).unwrap();
    lose(&scene.source, forced_away);
    let has = |id| scene.mirrors.open(&scene.repo).unwrap().find_commit(id).is_ok();
    for content in ["three", "four"] {
        scene.fetch(second).await.unwrap();
        scene.fetch(scene.commit(content)).await.unwrap();
        assert!(has(forced_away) && has(second), "{content}");
    }
    assert_eq!(scene.mirrors.maintenance().await.mirrors_skipped, 0);
    assert!(!has(forced_away) && has(second));
    scene.fetch(scene.commit("five")).await.unwrap();
}

#[tokio::test]
async fn what_goals_borrow_outlives_a_second_damage() {
    let scene = Scene::new();
    let mut forced_away = Vec::new();
    let has = |id| scene.mirrors.open(&scene.repo).unwrap().find_commit(id).is_ok();
    for content in ["one", "two", "three"] {
        let commit = scene.commit(content);
        scene.fetch(commit).await.unwrap();
        let kept = scene.packs();
        scene
            .source
            .find_reference("refs/heads/main")
            .unwrap()
            .delete()
            .unwrap();
        let next = scene.commit(&format!("after {content}"));
        scene.fetch(next).await.unwrap();
        for pack in scene.packs().into_iter().filter(|pack| !kept.contains(pack)) {
            fs::remove_file(pack.with_extension("idx")).unwrap();
            fs::remove_file(pack).unwrap();
        }
        lose(&scene.source, commit);
        forced_away.push(commit);
        scene.fetch(next).await.unwrap();
        scene
            .source
            .find_reference("refs/heads/main")
            .unwrap()
            .delete()
            .unwrap();
        assert!(
            forced_away.iter().all(|id| has(*id)),
            "{content}: what a goal borrows is there"
        );
    }
    assert_eq!(scene.mirrors.maintenance().await.mirrors_skipped, 0);
    assert!(
        !forced_away.iter().any(|id| has(*id)),
        "nothing runs: they are gone"
    );
}

#[tokio::test]
async fn a_mirror_that_cannot_be_built_again_stays_as_it_is() {
    let scene = Scene::new();
    let first = scene.commit("one");
    scene.fetch(first).await.unwrap();
    let second = scene.commit("two");
    let odb = scene.source.odb().unwrap();
    let half = odb.read(second).unwrap();
    let mirror = scene.mirrors.open(&scene.repo).unwrap();
    mirror
        .odb()
        .unwrap()
        .write(git2::ObjectType::Commit, half.data())
        .unwrap();
    fs::rename(scene.source.path(), scene.directory.path().join("moved")).unwrap();
    scene.fetch(second).await.unwrap_err();
    assert!(
        scene
            .mirrors
            .open(&scene.repo)
            .unwrap()
            .find_commit(first)
            .is_ok()
    );
}

#[tokio::test]
async fn a_mirror_without_its_head_is_mended() {
    let scene = Scene::new();
    let first = scene.commit("one");
    scene.fetch(first).await.unwrap();
    let mirror = scene.mirrors.path(&scene.repo);
    fs::remove_file(mirror.join("HEAD")).unwrap();
    fs::write(mirror.join("config"), "garbage [").unwrap();
    let second = scene.commit("two");
    scene.fetch(second).await.unwrap();
    scene.fetch(first).await.unwrap();
}

#[tokio::test]
async fn i7_objects_of_another_store_never_join() {
    let scene = Scene::new();
    scene.fetch(scene.commit("one")).await.unwrap();
    let other = git2::Repository::init_bare(scene.directory.path().join("other")).unwrap();
    let blob = other.blob(b"foreign").unwrap();
    let alternates = scene.mirrors.path(&scene.repo).join("objects/info/alternates");
    fs::write(&alternates, other.path().join("objects").display().to_string()).unwrap();
    scene.fetch(scene.commit("two")).await.unwrap();
    assert!(scene.mirrors.open(&scene.repo).unwrap().find_blob(blob).is_err());
}

#[tokio::test]
async fn an_ancestor_is_there_without_another_fetch() {
    let scene = Scene::new();
    let first = scene.commit("one");
    let second = scene.commit("two");
    scene.fetch(second).await.unwrap();
    fs::rename(scene.source.path(), scene.directory.path().join("moved")).unwrap();
    scene.fetch(first).await.unwrap();
    let gone = scene.fetch(Oid::from_str(&"3".repeat(40)).unwrap()).await;
    assert!(matches!(gone, Err(ScmError::RepositoryGone(_))), "{gone:?}");
}

#[tokio::test]
async fn st_27_what_is_no_commit_is_gone() {
    let scene = Scene::new();
    scene.commit("one");
    let blob = scene.source.blob(b"one").unwrap();
    assert!(matches!(scene.fetch(blob).await, Err(ScmError::CommitGone(_))));
    // Nor is it damage once the object has come with a commit.
    let commit = scene.commit("two");
    scene.fetch(commit).await.unwrap();
    let packs = scene.packs();
    let tree = scene.source.find_commit(commit).unwrap().tree_id();
    for object in [tree, blob] {
        assert!(matches!(scene.fetch(object).await, Err(ScmError::CommitGone(_))));
    }
    assert_eq!(scene.packs(), packs);
}

#[tokio::test]
async fn a_shallow_source_is_refused_with_the_remedy() {
    let scene = Scene::new();
    let first = scene.commit("one");
    fs::write(scene.source.path().join("shallow"), format!("{first}\n")).unwrap();
    let error = scene.fetch(first).await.unwrap_err();
    assert!(error.to_string().contains("git fetch --unshallow"), "{error}");
    fs::remove_file(scene.source.path().join("shallow")).unwrap();
    scene.fetch(first).await.unwrap();
}

#[tokio::test]
async fn many_small_packs_become_one_and_nothing_is_lost() {
    let scene = Scene::new();
    let mut commits = Vec::new();
    for number in 0..25 {
        let commit = scene.commit(&number.to_string());
        scene.fetch(commit).await.unwrap();
        commits.push(commit);
    }
    let reader = scene.mirrors.open(&scene.repo).unwrap();
    reader.find_commit(commits[3]).unwrap();
    assert_eq!(scene.packs().len(), 25);
    let done = scene.mirrors.maintenance().await;
    assert_eq!(
        (done.packs_joined, done.mirrors_skipped, scene.packs().len()),
        (25, 0, 1)
    );
    for commit in &commits {
        let tree = reader.find_commit(*commit).unwrap().tree().unwrap();
        assert!(tree.iter().all(|entry| reader.find_blob(entry.id()).is_ok()));
    }
    scene.fetch(commits[0]).await.unwrap();
    assert_eq!(scene.mirrors.maintenance().await.packs_joined, 0);
}

#[tokio::test]
async fn a_mirror_in_use_by_another_process_is_waited_for_and_not_maintained() {
    let scene = Scene::new();
    scene.fetch(scene.commit("one")).await.unwrap();
    let lock = scene.mirrors.path(&scene.repo).with_extension("lock");
    let other = fs::File::open(&lock).unwrap();
    other.lock().unwrap();
    assert_eq!(scene.mirrors.maintenance().await.mirrors_skipped, 1);
    let second = scene.commit("two");
    let unlock = async {
        tokio::task::yield_now().await;
        other.unlock().unwrap();
    };
    let (outcome, ()) = tokio::join!(scene.fetch(second), unlock);
    outcome.unwrap();
}

#[test]
fn a_mirror_is_named_by_its_key_alone() {
    let name = |key: &str| super::layout::Layout::new(Path::new("/m"), key).path().to_owned();
    assert_eq!(name("../../etc").parent(), Some(Path::new("/m")));
    assert_ne!(name("a"), name("b"));
}
