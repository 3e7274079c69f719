//! What workspaces promise to goals that behave; [`hostile`] has the others.

mod hostile;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use git2::Oid;

use super::*;
use crate::git::fixture::{Fixture, Git};
use crate::git::objects::sha_of;
use crate::ports::scm::{ScmError, Workspace};
use crate::runtime::clock::{CountingIds, RandomIds};

struct World {
    fixture: Fixture,
    pool: Pool,
}

impl World {
    fn new() -> Self {
        Self::with(PoolSettings::default())
    }

    fn with(settings: PoolSettings) -> Self {
        let fixture = Fixture::bare();
        let pool = Pool::open(
            &fixture.beside("pool"),
            settings,
            Arc::new(CountingIds::default()),
        )
        .unwrap();
        Self { fixture, pool }
    }

    fn try_lend(&self, commit: Oid) -> Result<Workspace, ScmError> {
        self.pool.lend(&self.fixture.repo, "mirror", &sha_of(commit))
    }

    fn lend(&self, commit: Oid) -> Workspace {
        self.try_lend(commit).unwrap()
    }

    /// What stands in the pool's directory besides its own things.
    fn slots(&self) -> Vec<String> {
        let names = fs::read_dir(self.fixture.beside("pool")).unwrap();
        let mut names: Vec<_> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.retain(|name| name != "lock" && name != "retired" && !name.starts_with("attic-"));
        names
    }

    fn retired(&self) -> usize {
        fs::read_dir(self.fixture.beside("pool/retired")).unwrap().count()
    }
}

/// Every path beneath a directory with its content or target, `.git` left out.
fn contents(root: &Path) -> Vec<(String, String)> {
    let (mut found, mut open) = (Vec::new(), vec![root.to_owned()]);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if name == ".git" {
            } else if metadata.is_symlink() {
                found.push((name, format!("-> {}", fs::read_link(&path).unwrap().display())));
            } else if metadata.is_dir() {
                open.push(path);
            } else {
                let executable = if metadata.permissions().mode() & 0o100 == 0 {
                    ""
                } else {
                    "x:"
                };
                found.push((
                    name,
                    format!(
                        "{executable}{}",
                        String::from_utf8_lossy(&fs::read(&path).unwrap())
                    ),
                ));
            }
        }
    }
    found.sort();
    found
}

fn expect(workspace: &Workspace, files: &[(&str, &str)]) {
    let expected: Vec<_> = files
        .iter()
        .map(|(path, content)| ((*path).to_owned(), (*content).to_owned()))
        .collect();
    assert_eq!(contents(&workspace.path), expected);
}

const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", "[package]"),
    ("src/deep/b.rs", "b"),
    ("src/lib.rs", "a"),
];

#[test]
fn a_workspace_is_exactly_the_commit_and_git_calls_it_clean() {
    let world = World::new();
    let head = world.fixture.commit_modes(
        &[],
        &[
            ("a b\n", b"odd", 0o100_644),
            ("d/link", b"../run", 0o120_000),
            ("d/module", b"", 0o160_000),
            ("run", b"#!/bin/sh", 0o100_755),
            ("setuid", b"s", 0o104_755),
        ],
    );
    let workspace = world.lend(head);
    let expected = [
        ("a b\n", "odd"),
        ("d/link", "-> ../run"),
        ("run", "x:#!/bin/sh"),
        ("setuid", "x:s"),
    ];
    expect(&workspace, &expected);
    assert_eq!(
        fs::metadata(workspace.path.join("setuid"))
            .unwrap()
            .permissions()
            .mode()
            & 0o7000,
        0
    );
    let Some(git) = Git::find(world.fixture.directory.path()) else {
        return;
    };
    assert_eq!(git.run(&workspace.path, &["rev-parse", "HEAD"]), head.to_string());
    assert_eq!(
        git.run(&workspace.path, &["rev-parse", "--show-toplevel"]),
        workspace.path.to_str().unwrap()
    );
    assert_eq!(git.run(&workspace.path, &["status", "--porcelain"]), "");
    assert_eq!(git.run(&workspace.path, &["diff", "--stat"]), "");
}

#[test]
fn a_pooled_workspace_moves_by_what_changed_and_stays_clean_for_git() {
    let world = World::new();
    let first = world
        .fixture
        .commit(&[], &[("a", "1"), ("d/x", "1"), ("f", "file"), ("same", "s")]);
    let second = world.fixture.commit(
        &[first],
        &[
            ("a", "2"),
            ("d", "was a directory"),
            ("f/inside", "i"),
            ("same", "s"),
        ],
    );
    let workspace = world.lend(first);
    let untouched = fs::metadata(workspace.path.join("same"))
        .unwrap()
        .modified()
        .unwrap();
    world.pool.release(&workspace.name);
    let moved = world.lend(second);
    assert_eq!(moved.path, workspace.path);
    assert_ne!(moved.name, workspace.name);
    expect(
        &moved,
        &[
            ("a", "2"),
            ("d", "was a directory"),
            ("f/inside", "i"),
            ("same", "s"),
        ],
    );
    assert_eq!(
        fs::metadata(moved.path.join("same")).unwrap().modified().unwrap(),
        untouched
    );
    let Some(git) = Git::find(world.fixture.directory.path()) else {
        return;
    };
    assert_eq!(git.run(&moved.path, &["status", "--porcelain"]), "");
    world.pool.release(&moved.name);
    let back = world.lend(first);
    expect(&back, &[("a", "1"), ("d/x", "1"), ("f", "file"), ("same", "s")]);
    assert_eq!(git.run(&back.path, &["status", "--porcelain"]), "");
}

#[test]
fn two_lendings_are_two_trees_and_releasing_twice_is_once() {
    let world = World::new();
    let head = world.fixture.commit(&[], FILES);
    let (one, other) = (world.lend(head), world.lend(head));
    assert_ne!(one.path, other.path);
    world.pool.release(&one.name);
    let again = world.lend(head);
    assert_eq!(again.path, one.path);
    world.pool.release(&one.name);
    world.pool.release("nobody@1");
    world.pool.release("nobody");
    assert_ne!(
        world.lend(head).path,
        again.path,
        "a late release must not take a workspace from its new holder"
    );
}

#[test]
fn b10_i3_what_is_lent_once_is_fresh_and_gone_afterwards() {
    let settings = PoolSettings {
        keep: vec!["target/".to_owned()],
        ..PoolSettings::default()
    };
    let world = World::with(settings);
    let head = world.fixture.commit(&[], &[("a", "1")]);
    let warm = world.lend(head);
    fs::create_dir(warm.path.join("target")).unwrap();
    fs::write(warm.path.join("target/cache"), "c").unwrap();
    world.pool.release(&warm.name);
    let once = |world: &World| world.pool.lend_once(&world.fixture.repo, &sha_of(head)).unwrap();
    let first = once(&world);
    assert_ne!(first.path, warm.path);
    expect(&first, &[("a", "1")]);
    fs::create_dir(first.path.join("target")).unwrap();
    fs::write(first.path.join("target/planted"), "p").unwrap();
    world.pool.release(&first.name);
    assert!(!first.path.exists());
    let second = once(&world);
    expect(&second, &[("a", "1")]);
    world.pool.reclaim(std::slice::from_ref(&second.name)).unwrap();
    assert!(second.path.exists(), "it is in use");
    world.pool.release(&second.name);
    let next = world.lend(head);
    assert_eq!(next.path, warm.path);
    expect(&next, &[("a", "1"), ("target/cache", "c")]);
}

#[test]
fn kept_directories_survive_and_nothing_else() {
    let settings = PoolSettings {
        keep: vec!["target/".to_owned(), "crates/*/target".to_owned()],
        ..PoolSettings::default()
    };
    let world = World::with(settings);
    let head = world.fixture.commit(&[], &[("a", "1"), ("crates/x/lib.rs", "l")]);
    let workspace = world.lend(head);
    for path in [
        "target/debug",
        "crates/x/target",
        "crates/x/src/target",
        "src/target",
    ] {
        fs::create_dir_all(workspace.path.join(path)).unwrap();
        fs::write(workspace.path.join(path).join("cache"), "c").unwrap();
    }
    world.pool.release(&workspace.name);
    let next = world.lend(
        world
            .fixture
            .commit(&[head], &[("a", "2"), ("target/tracked", "t")]),
    );
    assert_eq!(next.path, workspace.path);
    let expected = [
        ("a", "2"),
        ("crates/x/target/cache", "c"),
        ("target/debug/cache", "c"),
        ("target/tracked", "t"),
    ];
    expect(&next, &expected);
}

#[test]
fn after_a_crash_what_is_lent_stays_and_the_rest_is_cleaned_or_removed() {
    let fixture = Fixture::bare();
    let head = fixture.commit(&[], FILES);
    let open = || {
        Pool::open(
            &fixture.beside("pool"),
            PoolSettings::default(),
            Arc::new(RandomIds),
        )
        .unwrap()
    };
    let lend = |pool: &Pool| pool.lend(&fixture.repo, "mirror", &sha_of(head)).unwrap();
    let before = open();
    let (kept, abandoned, halfway) = (lend(&before), lend(&before), lend(&before));
    fs::write(abandoned.path.join("left"), "x").unwrap();
    fs::write(kept.path.join("in progress"), "x").unwrap();
    fs::write(halfway.path.parent().unwrap().join("state"), "len").unwrap();
    assert!(
        Pool::open(
            &fixture.beside("pool"),
            PoolSettings::default(),
            Arc::new(RandomIds)
        )
        .is_err(),
        "one process at a time"
    );
    drop(before);
    let after = open();
    after.reclaim(std::slice::from_ref(&kept.name)).unwrap();
    assert_eq!(
        after.lent(&kept.name).as_ref(),
        Some(&kept),
        "it is found by its name"
    );
    assert!(kept.path.join("in progress").exists());
    assert!(!halfway.path.exists());
    let reused = lend(&after);
    assert_eq!(reused.path, abandoned.path);
    expect(&reused, FILES);
    after.release(&kept.name);
    assert!(!kept.path.join("in progress").exists());
    let names: Vec<_> = fs::read_dir(fixture.beside("pool"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(
        names
            .iter()
            .filter(|name| name.to_str().unwrap().starts_with("attic-"))
            .count(),
        1,
        "{names:?}"
    );
}

#[test]
fn the_pool_keeps_no_more_than_it_may() {
    let world = World::with(PoolSettings {
        idle_per_mirror: 2,
        idle_in_all: 3,
        ..PoolSettings::default()
    });
    let head = world.fixture.commit(&[], FILES);
    let lend = |mirror: &str| {
        world
            .pool
            .lend(&world.fixture.repo, mirror, &sha_of(head))
            .unwrap()
    };
    let lent: Vec<_> = (0..3)
        .map(|_| lend("one"))
        .chain((0..2).map(|_| lend("other")))
        .collect();
    lent.iter()
        .for_each(|workspace| world.pool.release(&workspace.name));
    assert_eq!(world.slots().len(), 3);
    assert!(lent.iter().all(|workspace| workspace.path != lend("third").path));
}

#[test]
fn what_came_back_last_is_what_stays() {
    let world = World::with(PoolSettings {
        idle_per_mirror: 1,
        keep: vec!["**/target".to_owned()],
        ..PoolSettings::default()
    });
    let head = world.fixture.commit(&[], FILES);
    let (quick, slow) = (world.lend(head), world.lend(head));
    fs::create_dir(slow.path.join("target")).unwrap();
    world.pool.release(&quick.name);
    world.pool.release(&slow.name);
    let next = world.lend(head);
    assert_eq!(next.path, slow.path);
    assert!(next.path.join("target").is_dir());
    assert!(!quick.path.exists());
}

#[test]
fn many_threads_lend_and_release_at_once() {
    let world = World::new();
    let heads: Vec<Oid> = (0..4)
        .map(|version: u32| {
            world
                .fixture
                .commit(&[], &[("a", &version.to_string()), ("same", "s")])
        })
        .collect();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (pool, heads, mirror) = (&world.pool, &heads, world.fixture.repo.path());
            scope.spawn(move || {
                let mirror = git2::Repository::open(mirror).unwrap();
                for round in 0..10 {
                    let version = (thread + round) % heads.len();
                    let workspace = pool.lend(&mirror, "mirror", &sha_of(heads[version])).unwrap();
                    expect(&workspace, &[("a", &version.to_string()), ("same", "s")]);
                    fs::write(workspace.path.join("mine"), thread.to_string()).unwrap();
                    assert_eq!(
                        fs::read_to_string(workspace.path.join("mine")).unwrap(),
                        thread.to_string()
                    );
                    pool.release(&workspace.name);
                }
            });
        }
    });
    assert!(world.slots().len() <= PoolSettings::default().idle_per_mirror + 4);
}
