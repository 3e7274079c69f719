//! Hostile names, addresses, trees and configuration (threats A and B).

use std::path::Path;

use sdm::git::address::AddressPolicy;
use sdm::git::network::NetworkOptions;
use sdm::model::RepoSlug;
use sdm::ports::scm::ScmError;
use tokio_util::sync::CancellationToken;

use super::{Scene, at, fetch, options};
use crate::support::git_servers::{HttpServer, TestRepository};

#[tokio::test]
async fn a1_a2_hostile_names_are_data() {
    let scene = Scene::new();
    let canary = scene.canary();
    let names = [
        "$(touch${IFS}CANARY)",
        "`touch${IFS}CANARY`",
        ";touch${IFS}CANARY",
        "|touch${IFS}CANARY",
        "a&&b",
        "%0a",
    ];
    for (number, name) in names.iter().enumerate() {
        scene.repository.git(&["checkout", "-q", "-b", name]);
        scene.repository.commit(&format!("f{number}"), "x");
    }
    let last = scene.repository.git(&["rev-parse", "HEAD"]);
    scene
        .repository
        .git(&["update-ref", "refs/heads/--upload-pack=touch${IFS}CANARY", &last]);
    scene
        .repository
        .git(&["update-ref", "refs/tags/-oProxyCommand=touch${IFS}CANARY", &last]);
    let server = HttpServer::start(&scene.served(), None).await;
    for address in [server.url("r/.git"), scene.repository.path.display().to_string()] {
        let (mirrors, repo) = (scene.mirrors(options()), at(&address));
        fetch(&mirrors, &repo, &last).await.unwrap();
        let heads = mirrors.heads(&repo, &CancellationToken::new()).await.unwrap();
        let shown: Vec<&str> = heads
            .branches
            .keys()
            .map(sdm::model::BranchName::as_str)
            .collect();
        assert!(names.iter().all(|name| shown.contains(name)), "{shown:?}");
        assert_eq!(heads.refused.len(), 1, "{:?}", heads.refused);
    }
    assert!(
        !canary.exists() && !Path::new("CANARY").exists() && !scene.repository.path.join("CANARY").exists()
    );
}

#[tokio::test]
async fn a3_refused_addresses_reach_nobody() {
    let scene = Scene::new();
    let canary = scene.canary();
    let touch = format!("touch {}", canary.display());
    let mirrors = scene.mirrors(NetworkOptions {
        policy: AddressPolicy::TEAM,
        ..options()
    });
    for address in [
        format!("ext::sh -c '{touch}'"),
        format!("EXT::sh -c '{touch}'"),
        "file:///etc".to_owned(),
        scene.repository.path.display().to_string(),
        format!("ssh://-oProxyCommand={touch}/r"),
        "git://localhost/r".to_owned(),
        "http://localhost\n/r".to_owned(),
    ] {
        let error = fetch(&mirrors, &at(&address), &scene.first).await.unwrap_err();
        assert!(matches!(error, ScmError::RefusedAddress { .. }), "{error:?}");
    }
    assert!(!canary.exists());
}

#[tokio::test]
async fn b1_trees_with_names_of_git_itself_write_nowhere() {
    let scene = Scene::new();
    let repository = &scene.repository;
    let script = format!("#!/bin/sh\ntouch {}\n", scene.canary().display());
    let blob = repository.git_with(&["hash-object", "-w", "--stdin"], script.as_bytes());
    let hooks = tree(repository, &[("100755 blob", &blob, "post-checkout")]);
    let dot_git = tree(repository, &[("040000 tree", &hooks, "hooks")]);
    let entries = [".GIT", ".git", ".git ", ".g\u{200c}it", "git~1"]
        .map(|name| ("040000 tree", dot_git.as_str(), name));
    let root = tree(repository, &entries);
    let commit = repository.git(&["commit-tree", &root, "-p", &scene.first, "-m", "hostile"]);
    repository.git(&["update-ref", "refs/heads/main", &commit]);
    let server = HttpServer::start(&scene.served(), None).await;
    for address in [server.url("r/.git"), repository.path.display().to_string()] {
        let (mirrors, mut repo) = (scene.mirrors(options()), at(&address));
        repo.key.clone_from(&address);
        fetch(&mirrors, &repo, &commit).await.unwrap();
        assert!(!mirrors.path(&repo).join("hooks").exists());
    }
    assert!(!scene.canary().exists());
}

/// A tree object with any names, which `git mktree` takes without asking.
fn tree(repository: &TestRepository, entries: &[(&str, &str, &str)]) -> String {
    let lines: String = entries
        .iter()
        .map(|(kind, id, name)| format!("{kind} {id}\t{name}\0"))
        .collect();
    repository.git_with(&["mktree", "-z"], lines.as_bytes())
}

#[tokio::test]
async fn b2_configuration_of_the_source_and_of_the_mirror_starts_nothing() {
    let scene = Scene::new();
    let touch = format!("touch {}", scene.canary().display());
    // Before the configuration, which git itself would obey when it commits.
    let second = scene.repository.commit("second", "2");
    let third = scene.repository.commit("third", "3");
    let hostile = [
        "core.sshCommand",
        "core.fsmonitor",
        "uploadpack.packObjectsHook",
        "core.pager",
        "filter.x.smudge",
    ];
    for name in hostile {
        scene.repository.git(&["config", name, &touch]);
    }
    let (mirrors, repo) = (
        scene.mirrors(options()),
        at(scene.repository.path.to_str().unwrap()),
    );
    fetch(&mirrors, &repo, &scene.first).await.unwrap();
    // A goal in a worktree of the mirror can write the mirror's configuration.
    let mirror = TestRepository {
        path: mirrors.path(&repo),
    };
    for name in hostile {
        mirror.git(&["config", name, &touch]);
    }
    mirror.git(&["config", "url.http://localhost:1/.insteadOf", "sdm://"]);
    mirror.git(&["config", "core.worktree", "/"]);
    mirror.git(&["config", "user.name", "Goal"]);
    fetch(&mirrors, &repo, &second).await.unwrap();
    let server = HttpServer::start(&scene.served(), None).await;
    fetch(&mirrors, &at(&server.url("r/.git")), &third).await.unwrap();
    let config = std::fs::read_to_string(mirror.path.join("config")).unwrap();
    assert!(
        !config.contains("touch") && !config.contains("instead") && !config.contains("worktree"),
        "{config}"
    );
    assert!(config.contains("name = Goal"));
    assert!(!scene.canary().exists());
}

#[tokio::test]
async fn a8_the_mirror_follows_the_key_and_not_the_address() {
    let scene = Scene::new();
    let mirrors = scene.mirrors(options());
    let mut repo = at(scene.repository.path.to_str().unwrap());
    fetch(&mirrors, &repo, &scene.first).await.unwrap();
    let path = mirrors.path(&repo);
    repo.slug = RepoSlug::new("renamed", "too");
    repo.address = format!("file://{}", scene.repository.path.display());
    assert_eq!(mirrors.path(&repo), path);
    repo.key = "forge:2".to_owned();
    assert!(
        mirrors.open(&repo).is_err(),
        "another repository of the same name begins with nothing"
    );
}
