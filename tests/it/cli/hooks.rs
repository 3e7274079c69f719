//! Hooks under real git: they say that something moved, and nothing else changes (LO-03, LO-05, LO-06, J3).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::sandbox::{Sandbox, has_git};

fn repository(sandbox: &Sandbox) -> PathBuf {
    let project = sandbox.path("project");
    sandbox.git(&project, &["init", "-q", "-b", "main"]);
    sandbox.git(&project, &["commit", "-q", "--allow-empty", "-m", "first"]);
    project
}

fn commit(sandbox: &Sandbox, directory: &Path) {
    let output = sandbox.git(directory, &["commit", "-q", "--allow-empty", "-m", "more"]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

fn spool(git_directory: &Path) -> Vec<String> {
    let text = fs::read_to_string(git_directory.join("sdm/pushes")).unwrap_or_default();
    text.lines()
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect()
}

fn write_hook(path: &Path, text: &str, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn lo_03_commit_amend_merge_and_rebase_leave_a_hint() {
    if !has_git() {
        return;
    }
    let sandbox = Sandbox::new();
    let project = repository(&sandbox);
    assert_eq!(sandbox.run(&["hooks", "add"]).0, 0);
    commit(&sandbox, &project);
    sandbox.git(
        &project,
        &["commit", "-q", "--amend", "--allow-empty", "-m", "amended"],
    );
    sandbox.git(&project, &["checkout", "-q", "-b", "side", "HEAD~1"]);
    commit(&sandbox, &project);
    sandbox.git(&project, &["checkout", "-q", "main"]);
    sandbox.git(&project, &["merge", "-q", "--no-edit", "side"]);
    assert_eq!(
        spool(&project.join(".git")),
        [
            "post-commit",
            "post-commit",
            "post-rewrite",
            "post-commit",
            "post-merge"
        ]
    );
    let mode = |path: &str| fs::metadata(project.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(".git/sdm"), mode(".git/sdm/pushes")), (0o700, 0o600));
}

#[test]
fn lo_03_a_push_into_a_bare_repository_leaves_each_ref_line() {
    if !has_git() {
        return;
    }
    let sandbox = Sandbox::new();
    let project = repository(&sandbox);
    let bare = sandbox.path("bare.git");
    sandbox.git(&project, &["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    assert_eq!(sandbox.run(&["hooks", "add", bare.to_str().unwrap()]).0, 0);
    commit(&sandbox, &project);
    sandbox.git(
        &project,
        &["push", "-q", bare.to_str().unwrap(), "main", "main:other-branch"],
    );
    let text = fs::read_to_string(bare.join("sdm/pushes")).unwrap();
    let refs: Vec<&str> = text
        .lines()
        .map(|line| line.split_whitespace().last().unwrap())
        .collect();
    assert_eq!(refs, ["refs/heads/main", "refs/heads/other-branch"], "{text}");
    let head = String::from_utf8(sandbox.git(&project, &["rev-parse", "HEAD"]).stdout).unwrap();
    assert!(text.lines().all(|line| line.contains(head.trim())), "{text}");
}

#[test]
fn j3_linked_working_trees_share_the_hooks() {
    if !has_git() {
        return;
    }
    let sandbox = Sandbox::new();
    let project = repository(&sandbox);
    let linked = sandbox.path("linked");
    sandbox.git(&project, &["worktree", "add", "-q", linked.to_str().unwrap()]);
    assert_eq!(sandbox.run(&["hooks", "add", linked.to_str().unwrap()]).0, 0);
    commit(&sandbox, &linked);
    commit(&sandbox, &project);
    assert_eq!(spool(&project.join(".git")).len(), 2);
}

#[test]
fn j3_hooks_in_the_working_tree_are_used_also_by_linked_trees() {
    if !has_git() {
        return;
    }
    let sandbox = Sandbox::new();
    let project = repository(&sandbox);
    sandbox.git(&project, &["config", "core.hooksPath", ".husky/_"]);
    write_hook(
        &project.join(".husky/_/post-commit"),
        "#!/usr/bin/env sh\n. \"$(dirname \"$0\")/h\"\n",
        0o755,
    );
    fs::write(project.join(".husky/_/h"), "echo ran >>\"$HOME/ran\"\nexit 0\n").unwrap();
    let (code, _, err) = sandbox.run(&["hooks", "add"]);
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("core.hooksPath"));
    commit(&sandbox, &project);
    assert_eq!(spool(&project.join(".git")), ["post-commit"]);
    assert_eq!(fs::read_to_string(sandbox.path("home/ran")).unwrap(), "ran\n");
    assert!(!project.join(".git/hooks/post-commit").exists());
    sandbox.git(
        &project,
        &[
            "config",
            "core.hooksPath",
            project.join(".husky/_").to_str().unwrap(),
        ],
    );
    let linked = sandbox.path("linked");
    sandbox.git(&project, &["worktree", "add", "-q", linked.to_str().unwrap()]);
    commit(&sandbox, &linked);
    assert_eq!(spool(&project.join(".git")).len(), 2);
}

#[test]
fn j3_existing_hooks_run_and_come_back_byte_for_byte() {
    if !has_git() {
        return;
    }
    let sandbox = Sandbox::new();
    let project = repository(&sandbox);
    let hooks = project.join(".git/hooks");
    let mine = "#!/bin/bash\nset -euo pipefail\necho mine >>\"$HOME/ran\"\nexec true";
    write_hook(&hooks.join("post-commit"), mine, 0o750);
    write_hook(
        &hooks.join("post-merge"),
        "#!/usr/bin/env python3\nprint('hello')\n",
        0o755,
    );
    write_hook(
        &hooks.join("post-rewrite"),
        "#!/bin/sh\necho switched off\n",
        0o644,
    );
    write_hook(
        &hooks.join("post-receive"),
        "#!/bin/sh\ncat >\"$HOME/received\"\n",
        0o755,
    );
    let (code, out, err) = sandbox.run(&["hooks", "add"]);
    assert_eq!(code, 1);
    insta::assert_snapshot!(out, @r"
    added ~~/project/.git/hooks/post-commit
    added ~~/project/.git/hooks/post-receive
    ");
    insta::assert_snapshot!(err, @r"
    warning: the hook ~~/project/.git/hooks/post-merge is left as it is: it is written for `python3`, not for a shell
    warning: the hook ~~/project/.git/hooks/post-rewrite is left as it is: it is not executable, so git ignores it
    hint: without this hook the daemon still sees the change, a little later; the other hooks are installed
    ");
    commit(&sandbox, &project);
    assert_eq!(fs::read_to_string(sandbox.path("home/ran")).unwrap(), "mine\n");
    assert_eq!(spool(&project.join(".git")), ["post-commit"]);
    assert_eq!(
        fs::metadata(hooks.join("post-commit"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o750
    );

    sandbox.git(&project, &["config", "receive.denyCurrentBranch", "ignore"]);
    let other = sandbox.path("other");
    sandbox.git(&project, &["clone", "-q", ".", other.to_str().unwrap()]);
    commit(&sandbox, &other);
    sandbox.git(&other, &["push", "-q"]);
    assert!(
        fs::read_to_string(sandbox.path("home/received"))
            .unwrap()
            .ends_with(" refs/heads/main\n")
    );
    assert_eq!(spool(&project.join(".git")), ["post-commit", "post-receive"]);

    assert_eq!(sandbox.run(&["hooks", "remove"]).0, 0);
    assert_eq!(fs::read_to_string(hooks.join("post-commit")).unwrap(), mine);
    assert_eq!(
        fs::metadata(hooks.join("post-commit"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o750
    );
    assert!(!project.join(".git/sdm").exists());
}

#[test]
fn lo_06_our_own_hooks_disappear_and_removing_twice_is_no_error() {
    if !has_git() {
        return;
    }
    let sandbox = Sandbox::new();
    let project = repository(&sandbox);
    let listing = || {
        let mut names: Vec<_> = fs::read_dir(project.join(".git/hooks"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let before = listing();
    for _ in 0..2 {
        assert_eq!(sandbox.run(&["hooks", "add"]).0, 0);
    }
    assert_eq!(listing().len(), before.len() + 4);
    for _ in 0..2 {
        assert_eq!(sandbox.run(&["hooks", "remove"]).0, 0);
    }
    assert_eq!(listing(), before);
}

#[test]
fn j3_a_hook_without_sdm_is_silent_and_quick_and_bounded() {
    if !has_git() {
        return;
    }
    let sandbox = Sandbox::new();
    let project = repository(&sandbox);
    assert_eq!(sandbox.run(&["hooks", "add"]).0, 0);
    let file = project.join(".git/sdm/pushes");
    fs::write(&file, "x".repeat(2 << 20)).unwrap();
    commit(&sandbox, &project);
    assert_eq!(fs::metadata(&file).unwrap().len(), 2 << 20);
    fs::remove_file(&file).unwrap();
    commit(&sandbox, &project);
    assert!(!file.exists());
    nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
    commit(&sandbox, &project);
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(sandbox.path("home/target"), &file).unwrap();
    fs::write(sandbox.path("home/target"), "").unwrap();
    commit(&sandbox, &project);
    assert_eq!(fs::read_to_string(sandbox.path("home/target")).unwrap(), "");
    fs::remove_dir_all(project.join(".git/sdm")).unwrap();
    commit(&sandbox, &project);
}

#[test]
fn j3_a_shared_directory_and_links_out_of_the_repository_are_refused() {
    if !has_git() {
        return;
    }
    let sandbox = Sandbox::new();
    let project = repository(&sandbox);
    let outside = sandbox.path("home/hook");
    write_hook(&outside, "#!/bin/sh\n", 0o755);
    std::os::unix::fs::symlink(&outside, project.join(".git/hooks/post-commit")).unwrap();
    let (code, _, err) = sandbox.run(&["hooks", "add"]);
    assert!(code == 1 && err.contains("a link to a file outside"), "{err}");
    assert_eq!(fs::read_to_string(&outside).unwrap(), "#!/bin/sh\n");

    sandbox.git(&project, &["config", "core.hooksPath", "~/hooks"]);
    let (code, _, err) = sandbox.run(&["hooks", "add"]);
    assert_eq!(code, 4);
    assert!(
        err.contains("core.hooksPath") && err.contains("--shared"),
        "{err}"
    );
    assert_eq!(sandbox.run(&["hooks", "add", "--shared"]).0, 0);
    commit(&sandbox, &project);
    assert_eq!(spool(&project.join(".git")), ["post-commit"]);
}

#[test]
fn hooks_outside_of_a_repository_are_an_error_with_a_hint() {
    let sandbox = Sandbox::new();
    let (code, _, err) = sandbox.run(&["hooks", "add"]);
    assert!(
        code == 1 && err.contains("is not in a git repository") && err.contains("hint:"),
        "{err}"
    );
}

#[test]
fn lo_04_clone_installs_hooks_and_a3_refuses_programs() {
    if !has_git() {
        return;
    }
    let sandbox = Sandbox::new();
    let project = repository(&sandbox);
    fs::rename(&project, sandbox.path("shop")).unwrap();
    fs::create_dir(&project).unwrap();
    let (code, out, err) = sandbox.run(&["clone", "../shop", "--branch", "main"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(out.matches("created").count(), 4, "{out}");
    commit(&sandbox, &project.join("shop"));
    assert_eq!(spool(&project.join("shop/.git")), ["post-commit"]);
    let canary = sandbox.path("canary");
    let address = format!("ext::sh -c 'touch {}'", canary.display());
    let (code, _, err) = sandbox.run(&["clone", &address]);
    assert!(code == 4 && err.contains("is not cloned"), "{err}");
    assert!(!canary.exists());
}
