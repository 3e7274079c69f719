//! Trees and goals that mean harm.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::super::{CheckoutLimits, PoolSettings};
use super::{FILES, World, contents, expect};
use crate::git::fixture::Git;
use crate::ports::scm::ScmError;

#[test]
fn i3_the_next_goal_starts_from_the_declared_state() {
    let world = World::new();
    let head = world.fixture.commit(&[], FILES);
    let workspace = world.lend(head);
    let tree = &workspace.path;
    fs::write(tree.join("Cargo.toml"), "[PACKAGE]").unwrap();
    fs::remove_file(tree.join("src/lib.rs")).unwrap();
    fs::remove_dir_all(tree.join("src/deep")).unwrap();
    symlink("/etc", tree.join("src/deep")).unwrap();
    fs::create_dir_all(tree.join("target/debug")).unwrap();
    fs::write(tree.join("target/debug/out"), "x").unwrap();
    fs::write(tree.join(".gitignore"), "*").unwrap();
    fs::create_dir_all(tree.join(".git/hooks")).unwrap();
    fs::write(tree.join(".git/hooks/post-checkout"), "#!/bin/sh\ntouch CANARY\n").unwrap();
    fs::write(tree.join(".git/config"), "[core]\n\tfsmonitor = touch CANARY\n").unwrap();
    fs::set_permissions(tree.join("src"), fs::Permissions::from_mode(0o1777)).unwrap();
    world.pool.release(&workspace.name);
    let next = world.lend(head);
    assert_eq!(next.path, workspace.path);
    expect(&next, FILES);
    assert!(!next.path.join(".git/hooks").exists());
    assert!(
        !fs::read_to_string(next.path.join(".git/config"))
            .unwrap()
            .contains("fsmonitor")
    );
    assert_eq!(
        fs::metadata(next.path.join("src")).unwrap().permissions().mode() & 0o7777,
        0o755
    );
    assert!(Path::new("/etc/passwd").exists());
}

#[test]
fn i3_commits_branches_and_configuration_of_a_goal_stay_out_of_the_mirror() {
    let world = World::new();
    let head = world.fixture.commit(&[], FILES);
    let Some(git) = Git::find(world.fixture.directory.path()) else {
        return;
    };
    let before = contents(world.fixture.repo.path());
    let workspace = world.lend(head);
    fs::write(workspace.path.join("new"), "x").unwrap();
    git.run(&workspace.path, &["add", "."]);
    git.run(&workspace.path, &["commit", "-q", "-m", "from a goal"]);
    git.run(&workspace.path, &["checkout", "-q", "-b", "mine"]);
    git.run(&workspace.path, &["config", "core.hooksPath", "/tmp/evil"]);
    git.run(&workspace.path, &["gc", "-q", "--prune=now"]);
    assert_eq!(contents(world.fixture.repo.path()), before);
    world.pool.release(&workspace.name);
    let next = world.lend(head);
    assert_eq!(
        git.run(&next.path, &["status", "--porcelain", "--branch"]),
        "## HEAD (no branch)"
    );
    assert!(
        !git.try_run(&next.path, &["config", "core.hooksPath"])
            .status
            .success()
    );
}

#[test]
fn i3_times_put_back_do_not_hide_a_changed_file() {
    let world = World::new();
    let head = world.fixture.commit(&[], FILES);
    let workspace = world.lend(head);
    let path = workspace.path.join("src/lib.rs");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    std::io::Write::write_all(&mut &file, b"A").unwrap();
    file.set_modified(modified).unwrap();
    world.pool.release(&workspace.name);
    expect(&world.lend(head), FILES);
}

#[test]
fn b6_whatever_a_goal_leaves_is_removed() {
    let world = World::new();
    let head = world.fixture.commit(&[], FILES);
    let canary = world.fixture.beside("canary");
    fs::create_dir(&canary).unwrap();
    fs::write(canary.join("file"), "alive").unwrap();
    let workspace = world.lend(head);
    let tree = &workspace.path;
    symlink(&canary, tree.join("link")).unwrap();
    fs::hard_link(canary.join("file"), tree.join("hard")).unwrap();
    nix::unistd::mkfifo(&tree.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::create_dir_all(tree.join("locked/inner")).unwrap();
    fs::write(tree.join("locked/inner/file"), "x").unwrap();
    for (path, mode) in [("locked/inner", 0), ("locked", 0o500)] {
        fs::set_permissions(tree.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    dig(tree, 4_000);
    fs::write(tree.join("n".repeat(255)), "long").unwrap();
    world.pool.release(&workspace.name);
    let next = world.lend(head);
    assert_eq!(next.path, workspace.path);
    expect(&next, FILES);
    assert_eq!(fs::read_to_string(canary.join("file")).unwrap(), "alive");
    assert_eq!(world.retired(), 0);
}

/// Directories inside one another, deeper than any path reaches.
fn dig(root: &Path, depth: usize) {
    let mut here = crate::runtime::directory::Directory::open(root).unwrap();
    for _ in 0..depth {
        here.create_directory(b"deeper").unwrap();
        here = here.child(b"deeper").unwrap();
    }
    here.create_file(b"leaf", false, b"x").unwrap();
}

#[test]
fn b1_a_tree_that_reaches_for_the_git_directory_is_refused_and_leaves_nothing() {
    let world = World::new();
    let blob = world.fixture.repo.blob(b"#!/bin/sh\ntouch CANARY\n").unwrap();
    for name in [".git", ".GIT", "git~1", ".g\u{200c}it", ".git ", "..", "a/b"] {
        let hooks = world
            .fixture
            .raw_tree(vec![(b"post-checkout".to_vec(), 0o100_755, blob)]);
        let tree = world
            .fixture
            .raw_tree(vec![(name.as_bytes().to_vec(), 0o040_000, hooks)]);
        let refusal = world
            .try_lend(world.fixture.commit_tree(&[], tree, b""))
            .unwrap_err();
        assert!(
            matches!(refusal, ScmError::RefusedContent { .. }),
            "{name}: {refusal}"
        );
        assert!(!refusal.is_transient());
    }
    assert_eq!(world.slots(), Vec::<String>::new());
}

#[test]
fn b5_a_tree_never_writes_through_its_own_links() {
    let world = World::new();
    let canary = world.fixture.beside("canary");
    fs::create_dir(&canary).unwrap();
    let blob = world.fixture.repo.blob(b"evil").unwrap();
    let link = world
        .fixture
        .repo
        .blob(canary.to_str().unwrap().as_bytes())
        .unwrap();
    let inner = world
        .fixture
        .raw_tree(vec![(b"planted".to_vec(), 0o100_644, blob)]);
    let entries = vec![
        (b"out".to_vec(), 0o120_000, link),
        (b"out".to_vec(), 0o040_000, inner),
    ];
    let hostile = world
        .fixture
        .commit_tree(&[], world.fixture.raw_tree(entries), b"");
    let _ = world.try_lend(hostile);
    // The same in two steps: a link in one commit becomes a directory in the next.
    let first = world
        .fixture
        .commit_modes(&[], &[("out", canary.to_str().unwrap().as_bytes(), 0o120_000)]);
    let workspace = world.lend(first);
    world.pool.release(&workspace.name);
    let second = world.fixture.commit(&[first], &[("out/planted", "fine")]);
    expect(&world.lend(second), &[("out/planted", "fine")]);
    assert_eq!(fs::read_dir(&canary).unwrap().count(), 0);
}

#[test]
fn b6_trees_beyond_the_limits_are_refused() {
    let checkout = CheckoutLimits {
        files: 3,
        bytes: 10,
        file_bytes: 8,
    };
    let world = World::with(PoolSettings {
        checkout,
        ..PoolSettings::default()
    });
    let refused = |files: &[(&str, &str)]| {
        let refusal = world.try_lend(world.fixture.commit(&[], files)).unwrap_err();
        assert!(matches!(refusal, ScmError::LimitExceeded { .. }), "{refusal}");
    };
    refused(&[("a", "123456789")]);
    refused(&[("a", "123456"), ("b", "123456")]);
    refused(&[
        ("a", "1"),
        ("b", "1"),
        ("c", "1"),
        ("d", "1"),
        ("e", "1"),
        ("f", "1"),
        ("g", "1"),
    ]);
    refused(&[(&format!("{}x", "d/".repeat(129)), "1")]);
    refused(&[(&format!("{}x", format!("{}/", "d".repeat(250)).repeat(9)), "1")]);
    assert_eq!(world.slots(), Vec::<String>::new());
    world.lend(world.fixture.commit(&[], &[("a", "12345678"), ("b", "1")]));
}

#[test]
fn i6_a_root_replaced_by_a_link_is_never_followed() {
    let world = World::new();
    let head = world.fixture.commit(&[], FILES);
    let workspace = world.lend(head);
    let (pool, moved, victim) = (
        world.fixture.beside("pool"),
        world.fixture.beside("moved"),
        world.fixture.beside("victim"),
    );
    let slot: PathBuf = workspace
        .path
        .strip_prefix(pool.canonicalize().unwrap())
        .unwrap()
        .to_owned();
    fs::create_dir_all(victim.join(&slot)).unwrap();
    fs::write(victim.join(&slot).join("precious"), "alive").unwrap();
    fs::rename(&pool, &moved).unwrap();
    symlink(&victim, &pool).unwrap();
    world.pool.release(&workspace.name);
    world.pool.reclaim(&[]).unwrap();
    assert_eq!(
        fs::read_to_string(victim.join(&slot).join("precious")).unwrap(),
        "alive"
    );
    assert!(
        world.try_lend(head).is_err(),
        "a goal must not be sent to where the link leads"
    );
}

#[test]
fn i3_files_of_another_owner_are_put_aside() {
    // An immutable file stands for one of another owner: both cannot be removed.
    let world = World::new();
    let head = world.fixture.commit(&[], FILES);
    let workspace = world.lend(head);
    let stuck = workspace.path.join("stuck");
    fs::write(&stuck, "x").unwrap();
    let immutable = |flag: &str| {
        std::process::Command::new("chattr")
            .arg(flag)
            .arg(&stuck)
            .status()
            .is_ok_and(|s| s.success())
    };
    if !immutable("+i") {
        println!("skipped: chattr +i is not possible here");
        return;
    }
    world.pool.release(&workspace.name);
    let next = world.lend(head);
    let retired: Vec<_> = fs::read_dir(world.fixture.beside("pool/retired"))
        .unwrap()
        .collect();
    assert_eq!(retired.len(), 1);
    assert_ne!(next.path, workspace.path);
    expect(&next, FILES);
    let undo = std::process::Command::new("chattr")
        .args(["-R", "-i"])
        .arg(world.fixture.beside("pool"))
        .status();
    assert!(undo.unwrap().success());
}

#[test]
fn i6_a_tree_replaced_by_a_link_is_removed_and_not_followed() {
    let world = World::new();
    let head = world.fixture.commit(&[], FILES);
    let canary = world.fixture.beside("canary");
    fs::create_dir(&canary).unwrap();
    fs::write(canary.join("file"), "alive").unwrap();
    let workspace = world.lend(head);
    fs::rename(&workspace.path, workspace.path.with_file_name("elsewhere")).unwrap();
    symlink(&canary, &workspace.path).unwrap();
    world.pool.release(&workspace.name);
    assert_eq!(world.slots(), Vec::<String>::new());
    assert_eq!(fs::read_to_string(canary.join("file")).unwrap(), "alive");
    expect(&world.lend(head), FILES);
}
