//! Pushing through our own transports to real servers: what is moved, and what never is.

use std::sync::Arc;

use sdm::git::Git;
use sdm::git::network::NetworkOptions;
use sdm::model::push::Signature;
use sdm::model::{BranchName, CommitSha, Repository, TagName, Timestamp};
use sdm::ports::Scm;
use sdm::ports::scm::{BranchUpdate, NewCommit, NewTag, Pushed, ScmError};
use sdm::runtime::clock::RandomIds;

use super::{Scene, at, options, sha};
use crate::support::git_servers::{HttpServer, SshServer, git_daemon};

const AT: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn git(scene: &Scene, options: NetworkOptions) -> Git {
    let place = |name| scene.directory.path().join(name);
    Git::open(
        &place("mirrors"),
        &place("workspaces"),
        options,
        Vec::new(),
        Arc::new(RandomIds),
    )
    .unwrap()
}

fn machine() -> Signature {
    Signature {
        name: "sdm".to_owned(),
        email: "sdm@localhost".to_owned(),
    }
}

async fn commit_on(git: &Git, repo: &Repository, base: &CommitSha) -> CommitSha {
    git.fetch(repo, base).await.unwrap();
    let commit = NewCommit {
        base: base.clone(),
        files: vec![("deep/fixed".to_owned(), b"fixed\n".to_vec())],
        message: "Autofix: x\n".to_owned(),
        author: machine(),
        at: AT,
    };
    git.commit(repo, &commit).await.unwrap()
}

fn update(branch: &str, expected: Option<&CommitSha>, target: &CommitSha) -> BranchUpdate {
    BranchUpdate {
        branch: BranchName::parse(branch).unwrap(),
        expected: expected.cloned(),
        target: target.clone(),
        moves_work_tree: false,
    }
}

/// A branch moved, one made, a tag, a lost race, and all of it again.
async fn pushes_everything(scene: &Scene, git: &Git, repo: &Repository) {
    scene.repository.git(&["checkout", "-q", "--detach"]);
    let first = sha(&scene.first);
    let fixed = commit_on(git, repo, &first).await;
    let head = |name: &str| scene.repository.git(&["rev-parse", name]);
    for again in [false, true] {
        let pushed = git.push(repo, &update("main", Some(&first), &fixed)).await;
        assert_eq!(pushed.unwrap(), Pushed::Done, "again: {again}");
    }
    assert_eq!(head("main"), fixed.as_str());
    assert_eq!(scene.repository.git(&["show", "main:deep/fixed"]), "fixed");
    assert_eq!(
        git.push(repo, &update("sdm/autofix/main", None, &fixed))
            .await
            .unwrap(),
        Pushed::Done
    );
    assert_eq!(head("sdm/autofix/main"), fixed.as_str());
    let tag = NewTag {
        name: TagName::parse("1.2.3").unwrap(),
        target: first.clone(),
        message: "Release 1.2.3".to_owned(),
        tagger: machine(),
        at: AT,
    };
    assert_eq!(git.push_tag(repo, &tag).await.unwrap(), Pushed::Done);
    assert_eq!(head("1.2.3^{commit}"), first.as_str());
    assert_eq!(scene.repository.git(&["cat-file", "-t", "1.2.3"]), "tag");
    assert_eq!(git.tags_of(repo, &first).await.unwrap(), ["1.2.3"]);
    scene.repository.git(&["checkout", "-q", "main"]);
    let newer = scene.repository.commit("newer", "x");
    scene.repository.git(&["checkout", "-q", "--detach"]);
    let rival = commit_on(git, repo, &fixed).await;
    let raced = git
        .push(repo, &update("main", Some(&fixed), &rival))
        .await
        .unwrap();
    assert!(matches!(raced, Pushed::Moved { .. }), "{raced:?}");
    assert_eq!(head("main"), newer, "somebody's work is not lost");
    let in_the_way = git.push(repo, &update("main", None, &rival)).await.unwrap();
    assert!(matches!(in_the_way, Pushed::Moved { .. }), "{in_the_way:?}");
    scene.repository.git(&["fsck", "--strict", "--no-dangling"]);
}

#[tokio::test]
async fn af_09_pushes_over_http_with_lease_and_without_force() {
    let scene = Scene::new();
    scene.repository.git(&["config", "http.receivepack", "true"]);
    let server = HttpServer::start(&scene.served(), None).await;
    pushes_everything(&scene, &git(&scene, options()), &at(&server.url("r/.git"))).await;
}

#[tokio::test]
async fn af_09_pushes_over_ssh_with_lease_and_without_force() {
    let Some(server) = SshServer::start().await else {
        return;
    };
    let scene = Scene::new();
    let options = NetworkOptions {
        ssh_command: server.ssh_command.clone(),
        ..options()
    };
    let address = format!(
        "ssh://127.0.0.1:{}{}",
        server.served.port,
        scene.repository.path.display()
    );
    pushes_everything(&scene, &git(&scene, options), &at(&address)).await;
}

#[tokio::test]
async fn af_09_pushes_into_a_directory_with_lease_and_without_force() {
    let scene = Scene::new();
    let address = format!("file://{}", scene.repository.path.display());
    pushes_everything(&scene, &git(&scene, options()), &at(&address)).await;
}

#[tokio::test]
async fn a_hook_that_refuses_is_quoted_and_a_server_that_takes_nothing_is_an_error() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new();
    let server = HttpServer::start(&scene.served(), None).await;
    let (git, repo) = (git(&scene, options()), at(&server.url("r/.git")));
    let first = sha(&scene.first);
    let fixed = commit_on(&git, &repo, &first).await;
    scene.repository.git(&["config", "http.receivepack", "false"]);
    let closed = git.push(&repo, &update("topic", None, &fixed)).await.unwrap_err();
    assert!(
        matches!(closed, ScmError::Unauthorized { .. } | ScmError::Failed { .. }),
        "{closed:?}"
    );
    assert!(!closed.to_string().contains("fetch"), "{closed}");
    scene.repository.git(&["config", "http.receivepack", "true"]);
    let hook = scene.repository.path.join(".git/hooks/pre-receive");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let refused = git.push(&repo, &update("topic", None, &fixed)).await.unwrap();
    assert!(
        matches!(&refused, Pushed::Refused { because } if because.contains("hook")),
        "{refused:?}"
    );
    let checked_out = git
        .push(&repo, &update("main", Some(&first), &fixed))
        .await
        .unwrap();
    assert!(matches!(checked_out, Pushed::Refused { .. }), "{checked_out:?}");
}

#[tokio::test]
async fn a_daemon_that_only_serves_refuses_a_push() {
    let scene = Scene::new();
    let served = git_daemon(&scene.served()).await;
    let (git, repo) = (
        git(&scene, options()),
        at(&format!("git://127.0.0.1:{}/r/.git", served.port)),
    );
    let fixed = commit_on(&git, &repo, &sha(&scene.first)).await;
    git.push(&repo, &update("topic", None, &fixed)).await.unwrap_err();
    assert!(scene.repository.git(&["branch", "--list", "topic"]).is_empty());
}
