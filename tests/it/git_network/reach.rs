//! Every way to a repository gives the same.

use sdm::git::mirror::Mirrors;
use sdm::git::network::NetworkOptions;
use sdm::model::Repository;
use sdm::ports::scm::ScmError;
use tokio_util::sync::CancellationToken;

use super::{Scene, assert_has, at, fetch, options};
use crate::support::git_servers::{HttpServer, SshServer, git_daemon};

/// First fetch, one more commit, a commit by id that is no tip any more, one that never was.
async fn fetches_everything(scene: &Scene, mirrors: &Mirrors, repo: &Repository) {
    fetch(mirrors, repo, &scene.first).await.unwrap();
    assert_has(mirrors, repo, &scene.first, "README.md");
    let second = scene.repository.commit("src/lib.rs", "two");
    let third = scene.repository.commit("src/main.rs", "three");
    fetch(mirrors, repo, &second).await.unwrap();
    assert_has(mirrors, repo, &second, "src/lib.rs");
    fetch(mirrors, repo, &third).await.unwrap();
    assert_has(mirrors, repo, &third, "src/main.rs");
    let gone = "1234567890123456789012345678901234567890";
    let error = fetch(mirrors, repo, gone).await.unwrap_err();
    assert!(
        matches!(&error, ScmError::CommitGone(commit) if commit.as_str() == gone),
        "{error:?}"
    );
    let heads = mirrors.heads(repo, &CancellationToken::new()).await.unwrap();
    assert_eq!(heads.default_branch.unwrap().as_str(), "main");
    assert_eq!(heads.branches.values().next().unwrap().as_str(), third);
}

#[tokio::test]
async fn st_27_fetches_over_http_as_git_serves_it() {
    let scene = Scene::new();
    let server = HttpServer::start(&scene.served(), None).await;
    fetches_everything(&scene, &scene.mirrors(options()), &at(&server.url("r/.git"))).await;
}

#[tokio::test]
async fn st_27_fetches_over_http_by_id_where_the_server_gives_commits_out() {
    let scene = Scene::new();
    scene
        .repository
        .git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let server = HttpServer::start(&scene.served(), None).await;
    let (mirrors, repo) = (scene.mirrors(options()), at(&server.url("r/.git")));
    let replaced = scene.repository.commit("replaced", "x");
    scene.repository.git(&["reset", "-q", "--hard", "HEAD^"]);
    fetch(&mirrors, &repo, &replaced).await.unwrap();
    fetches_everything(&scene, &mirrors, &repo).await;
}

#[tokio::test]
async fn a_commit_that_a_server_does_not_give_out_is_asked_for_properly() {
    let scene = Scene::new();
    let server = HttpServer::start(&scene.served(), None).await;
    let (mirrors, repo) = (scene.mirrors(options()), at(&server.url("r/.git")));
    fetch(&mirrors, &repo, &scene.first).await.unwrap();
    assert_eq!(server.advertisements(), 1);
    let gone = "1".repeat(40);
    let error = fetch(&mirrors, &repo, &gone).await.unwrap_err();
    assert!(matches!(error, ScmError::CommitGone(_)), "{error:?}");
    assert!(server.advertisements() > 1);
}

#[tokio::test]
async fn st_27_fetches_from_a_directory() {
    let scene = Scene::new();
    let repo = at(scene.repository.path.to_str().unwrap());
    fetches_everything(&scene, &scene.mirrors(options()), &repo).await;
}

#[tokio::test]
async fn st_27_fetches_from_git_daemon() {
    let scene = Scene::new();
    let served = git_daemon(&scene.served()).await;
    let repo = at(&format!("git://127.0.0.1:{}/r", served.port));
    fetches_everything(&scene, &scene.mirrors(options()), &repo).await;
    let nothing = at(&format!("git://127.0.0.1:{}/nothing", served.port));
    let error = fetch(&scene.mirrors(options()), &nothing, &"1".repeat(40))
        .await
        .unwrap_err();
    assert!(matches!(error, ScmError::RepositoryGone(_)), "{error:?}");
}

#[tokio::test]
async fn st_27_fetches_over_ssh() {
    let scene = Scene::new();
    let Some(server) = SshServer::start().await else {
        return;
    };
    let with = |ssh_command| {
        scene.mirrors(NetworkOptions {
            ssh_command,
            ..options()
        })
    };
    let port = server.served.port;
    let path = scene.repository.path.display();
    let repo = at(&format!("ssh://127.0.0.1:{port}{path}"));
    let mirrors = with(server.ssh_command.clone());
    fetches_everything(&scene, &mirrors, &repo).await;
    let gone = at(&format!("ssh://127.0.0.1:{port}/nothing/here"));
    let error = fetch(&mirrors, &gone, &"1".repeat(40)).await.unwrap_err();
    assert!(matches!(error, ScmError::RepositoryGone(_)), "{error:?}");
    let keyless = [
        "ssh",
        "-F",
        "none",
        "-o",
        "IdentityFile=/dev/null",
        "-o",
        "IdentityAgent=none",
    ];
    let keyless = [
        keyless.as_slice(),
        &server.ssh_command[7..]
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>(),
    ]
    .concat();
    let keyless = with(keyless.into_iter().map(str::to_owned).collect());
    let error = fetch(&keyless, &repo, &"1".repeat(40)).await.unwrap_err();
    assert!(matches!(error, ScmError::Unauthorized { .. }), "{error:?}");
}
