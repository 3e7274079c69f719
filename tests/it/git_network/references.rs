//! What a name means in a repository that is elsewhere, and a file of a commit: what `sdm lock` asks for (YM-07).

use sdm::git::mirror::Mirrors;
use sdm::model::{CommitSha, Repository};
use sdm::ports::scm::ScmError;

use super::{Scene, at, options};
use crate::support::git_servers::{HttpServer, git_daemon};

const FILE: &str = "goal.yaml";

async fn means(mirrors: &Mirrors, repo: &Repository, name: Option<&str>) -> Option<String> {
    let found = mirrors.revision(repo, name).await.unwrap();
    found.map(|sha| sha.to_string())
}

/// An annotated and a plain tag, branches of which one is called like a tag, and commits by id.
async fn names_mean_the_same(scene: &Scene, repo: &Repository) {
    let git = |arguments: &[&str]| scene.repository.git(arguments);
    let released = scene.repository.commit(FILE, "build: {}\n");
    git(&["tag", "-a", "-m", "release", "1.0"]);
    git(&["tag", "plain", &scene.first]);
    let later = scene.repository.commit(FILE, "build: {later: true}\n");
    git(&["branch", "1.0", &scene.first]);
    git(&["branch", "topic", &released]);
    let mirrors = scene.mirrors(options());
    for (name, sha) in [
        (Some("1.0"), Some(&released)),
        (Some("plain"), Some(&scene.first)),
        (Some("topic"), Some(&released)),
        (Some("main"), Some(&later)),
        (Some(released.as_str()), Some(&released)),
        (None, Some(&later)),
        (Some("2.0"), None),
        (Some("1"), None),
        (Some("HEAD"), None),
    ] {
        assert_eq!(means(&mirrors, repo, name).await.as_ref(), sha, "{name:?}");
    }
    let file = async |sha: &str| {
        let sha = CommitSha::parse(sha).unwrap();
        mirrors.file(repo, &sha, FILE).await.unwrap()
    };
    assert_eq!(file(&released).await.as_deref(), Some(&b"build: {}\n"[..]));
    assert_eq!(
        file(&later).await.as_deref(),
        Some(&b"build: {later: true}\n"[..])
    );
    assert_eq!(file(&scene.first).await, None);
}

#[tokio::test]
async fn ym_07_names_mean_the_same_over_http() {
    let scene = Scene::new();
    let server = HttpServer::start(&scene.served(), None).await;
    names_mean_the_same(&scene, &at(&server.url("r/.git"))).await;
}

#[tokio::test]
async fn ym_07_names_mean_the_same_over_git() {
    let scene = Scene::new();
    let served = git_daemon(&scene.served()).await;
    names_mean_the_same(&scene, &at(&format!("git://127.0.0.1:{}/r", served.port))).await;
}

#[tokio::test]
async fn ym_07_names_mean_the_same_in_a_directory() {
    let scene = Scene::new();
    names_mean_the_same(&scene, &at(scene.repository.path.to_str().unwrap())).await;
}

#[tokio::test]
async fn b5_b7_only_a_plain_file_of_some_size_is_read() {
    let scene = Scene::new();
    let repo = at(scene.repository.path.to_str().unwrap());
    let mirrors = scene.mirrors(options());
    std::os::unix::fs::symlink("/etc/passwd", scene.repository.path.join(FILE)).unwrap();
    scene.repository.git(&["add", FILE]);
    scene.repository.git(&["commit", "-q", "-m", "link"]);
    let link = CommitSha::parse(&scene.repository.git(&["rev-parse", "HEAD"])).unwrap();
    assert_eq!(mirrors.file(&repo, &link, FILE).await.unwrap(), None);
    std::fs::remove_file(scene.repository.path.join(FILE)).unwrap();
    let directory = scene.repository.commit("goal.yaml/x", "x");
    let directory = CommitSha::parse(&directory).unwrap();
    assert_eq!(mirrors.file(&repo, &directory, FILE).await.unwrap(), None);
    std::fs::remove_dir_all(scene.repository.path.join(FILE)).unwrap();
    scene.repository.git(&["rm", "-r", "-q", "--cached", FILE]);
    let large = scene.repository.commit(FILE, &"x".repeat((1 << 20) + 2));
    let large = CommitSha::parse(&large).unwrap();
    let error = mirrors.file(&repo, &large, FILE).await.unwrap_err();
    assert!(matches!(error, ScmError::LimitExceeded { .. }), "{error:?}");
}
