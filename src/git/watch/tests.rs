//! Every way the real `git` moves a branch.

use super::*;
use crate::git::fixture::Git;
use crate::git::heads::heads;
use crate::ports::scm::Heads;

/// Generous: a loaded machine is slow, a lost hint never comes.
const DEADLINE: Duration = Duration::from_secs(20);

struct Watching {
    directory: tempfile::TempDir,
    git: Git,
    watcher: RefWatcher,
    repo: PathBuf,
}

impl Watching {
    fn begin() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let git = Git::find(directory.path())?;
        let repo = directory.path().join("acme/app");
        git.repository(&repo);
        let watcher = RefWatcher::new();
        watcher.add("app", &repo.join(".git")).unwrap();
        Some(Self {
            directory,
            git,
            watcher,
            repo,
        })
    }

    /// Runs git and waits until the hints have led to what is expected.
    async fn after(&self, arguments: &[&str], expected: impl Fn(&Heads) -> bool) {
        self.git.run(&self.repo, arguments);
        self.until(&self.repo, "app", expected).await;
    }

    async fn until(&self, path: &Path, key: &str, expected: impl Fn(&Heads) -> bool) {
        let waiting = async {
            loop {
                let keys = self.watcher.changed().await;
                if keys.contains(key) && heads(path).is_ok_and(|heads| expected(&heads)) {
                    return;
                }
            }
        };
        tokio::time::timeout(DEADLINE, waiting)
            .await
            .expect("a hint must come");
    }

    fn head(&self) -> String {
        self.git.run(&self.repo, &["rev-parse", "HEAD"])
    }
}

fn has(heads: &Heads, branch: &str) -> bool {
    heads.branches.keys().any(|name| name.as_str() == branch)
}

#[tokio::test]
async fn lo_every_way_git_moves_a_branch_gives_a_hint() {
    let Some(world) = Watching::begin() else { return };
    for change in [
        &["commit", "-q", "--allow-empty", "-m", "second"][..],
        &["commit", "-q", "--amend", "--allow-empty", "-m", "amended"],
        &["reset", "-q", "--hard", "HEAD~1"],
    ] {
        let before = world.head();
        world
            .after(change, |heads| {
                heads.branches.values().any(|sha| sha.as_str() != before)
            })
            .await;
    }
    world
        .after(&["checkout", "-q", "-b", "feature/deep/x"], |heads| {
            has(heads, "feature/deep/x")
        })
        .await;
    let before = world.head();
    let moved = |heads: &Heads| {
        heads
            .branches
            .iter()
            .any(|(name, sha)| name.as_str() == "feature/deep/x" && sha.as_str() != before)
    };
    world
        .after(&["commit", "-q", "--allow-empty", "-m", "on a branch"], moved)
        .await;
    world.git.run(&world.repo, &["checkout", "-q", "main"]);
    world
        .after(&["commit", "-q", "--allow-empty", "-m", "aside"], |_| true)
        .await;
    world.git.run(&world.repo, &["checkout", "-q", "feature/deep/x"]);
    let before = world.head();
    let moved = |heads: &Heads| {
        heads
            .branches
            .iter()
            .any(|(name, sha)| name.as_str() == "feature/deep/x" && sha.as_str() != before)
    };
    world
        .after(&["rebase", "-q", "--keep-empty", "main"], moved)
        .await;
    world.git.run(&world.repo, &["checkout", "-q", "main"]);
    world.git.run(&world.repo, &["pack-refs", "--all"]);
    world
        .after(&["branch", "-q", "-D", "feature/deep/x"], |heads| {
            !has(heads, "feature/deep/x")
        })
        .await;
}

#[tokio::test]
async fn lo_commits_in_a_linked_worktree_and_pushes_into_a_bare_repository_are_seen() {
    let Some(world) = Watching::begin() else { return };
    world
        .after(&["worktree", "add", "-q", "-b", "side", "../side"], |heads| {
            has(heads, "side")
        })
        .await;
    let side = world.directory.path().join("acme/side");
    let before = world.head();
    world
        .git
        .run(&side, &["commit", "-q", "--allow-empty", "-m", "in the worktree"]);
    let moved = |heads: &Heads| {
        heads
            .branches
            .iter()
            .any(|(name, sha)| name.as_str() == "side" && sha.as_str() != before)
    };
    world.until(&world.repo, "app", moved).await;
    let bare = world.directory.path().join("bare.git");
    world
        .git
        .run(&world.repo, &["init", "-q", "--bare", "../../bare.git"]);
    world.watcher.add("bare", &bare).unwrap();
    world.git.run(
        &world.repo,
        &["push", "-q", "../../bare.git", "main:feature/pushed"],
    );
    world
        .until(&bare, "bare", |heads| has(heads, "feature/pushed"))
        .await;
}

#[tokio::test]
async fn a_repository_that_is_deleted_and_made_again_is_seen_again() {
    let Some(world) = Watching::begin() else { return };
    std::fs::remove_dir_all(&world.repo).unwrap();
    let hint = tokio::time::timeout(DEADLINE, world.watcher.changed())
        .await
        .unwrap();
    assert!(hint.contains("app"));
    world.git.repository(&world.repo);
    world.until(&world.repo, "app", |heads| has(heads, "main")).await;
    world
        .after(&["branch", "-q", "again"], |heads| has(heads, "again"))
        .await;
    let polled = || world.watcher.hints.state().repositories["app"].polled;
    let watched_again = async {
        while polled() {
            world.watcher.changed().await;
        }
    };
    tokio::time::timeout(DEADLINE, watched_again).await.unwrap();
    world
        .after(&["branch", "-q", "and-again"], |heads| has(heads, "and-again"))
        .await;
}

#[tokio::test]
async fn j4_work_and_our_own_reading_give_no_hint() {
    let Some(world) = Watching::begin() else { return };
    std::fs::create_dir_all(world.repo.join("target/debug")).unwrap();
    for number in 0..500 {
        std::fs::write(world.repo.join(format!("target/debug/{number}")), "x").unwrap();
    }
    world.git.run(&world.repo, &["add", "target"]);
    world.git.run(&world.repo, &["status"]);
    heads(&world.repo).unwrap();
    assert!(
        tokio::time::timeout(Duration::from_millis(300), world.watcher.changed())
            .await
            .is_err()
    );
    world.watcher.remove("app");
    world.git.run(&world.repo, &["branch", "unseen"]);
    assert!(
        tokio::time::timeout(Duration::from_millis(300), world.watcher.changed())
            .await
            .is_err()
    );
    assert!(
        world
            .watcher
            .add("gone", &world.directory.path().join("gone"))
            .is_err()
    );
}

/// How many directories this process has the kernel watch.
fn watches() -> usize {
    let infos = std::fs::read_dir("/proc/self/fdinfo").unwrap();
    let texts = infos.filter_map(|info| std::fs::read_to_string(info.ok()?.path()).ok());
    texts
        .map(|text| text.lines().filter(|line| line.starts_with("inotify ")).count())
        .sum()
}

#[tokio::test]
async fn j4_what_is_watched_does_not_grow_with_the_tree_and_no_link_leads_round() {
    let Some(world) = Watching::begin() else { return };
    let before = watches();
    let (tree, key) = (world.directory.path().join("acme/big"), "big");
    world.git.repository(&tree);
    for number in 0..2_000 {
        std::fs::create_dir_all(tree.join(format!("target/{number}"))).unwrap();
    }
    std::os::unix::fs::symlink(".", tree.join("round")).unwrap();
    world.watcher.add(key, &tree.join(".git")).unwrap();
    let more = watches() - before;
    assert!((1..20).contains(&more), "{more} directories");
    // What an editor leaves behind, and a goal that writes what it was started by, are no news of a branch.
    std::fs::write(tree.join(".file.swp"), "x").unwrap();
    std::fs::write(tree.join("target/0/x"), "x").unwrap();
    let silence = tokio::time::timeout(Duration::from_millis(300), world.watcher.changed());
    assert!(silence.await.is_err());
    // Of many changes at once there is one hint until somebody looks.
    for number in 0..50 {
        world.git.run(&tree, &["branch", "-q", &format!("b{number}")]);
    }
    world.until(&tree, key, |heads| has(heads, "b49")).await;
    // A link among the branches that leads back to them.
    std::os::unix::fs::symlink("..", tree.join(".git/refs/heads/round")).unwrap();
    let other = RefWatcher::new();
    other.add("round", &tree.join(".git")).unwrap();
    let more = watches() - before;
    assert!((1..40).contains(&more), "{more} directories");
}

#[tokio::test]
async fn what_cannot_be_watched_is_polled() {
    let Some(world) = Watching::begin() else { return };
    *world.watcher.watcher() = None;
    world.watcher.add("app", &world.repo.join(".git")).unwrap();
    world
        .after(&["branch", "-q", "polled"], |heads| has(heads, "polled"))
        .await;
}
