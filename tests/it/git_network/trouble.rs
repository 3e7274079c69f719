//! Servers that stall or close, fetches that are killed, bursts, limits.

use std::time::{Duration, Instant};

use sdm::git::network::NetworkOptions;
use sdm::ports::scm::ScmError;
use tokio_util::sync::CancellationToken;

use super::{Scene, assert_has, at, fetch, options, sha};
use crate::support::git_servers::{HttpServer, Mischief, TestRepository};

#[tokio::test]
async fn a_stalled_server_ends_the_fetch_by_stall_and_by_deadline() {
    let scene = Scene::new();
    let server = HttpServer::start(&scene.served(), None).await;
    let repo = at(&server.url("r/.git"));
    server.set(Mischief::StallMidway);
    let impatient = scene.mirrors(NetworkOptions {
        stall_timeout: Duration::from_millis(200),
        ..options()
    });
    let started = Instant::now();
    let error = fetch(&impatient, &repo, &scene.first).await.unwrap_err();
    assert!(format!("{error:?}").contains("Stalled"), "{error:?}");
    server.set(Mischief::Stall);
    let hurried = scene.mirrors(NetworkOptions {
        deadline: Duration::from_millis(400),
        ..options()
    });
    let error = fetch(&hurried, &repo, &scene.first).await.unwrap_err();
    assert!(format!("{error:?}").contains("Deadline"), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(15));
    server.set(Mischief::None);
    fetch(&impatient, &repo, &scene.first).await.unwrap();
}

#[tokio::test]
async fn a_server_that_closes_midway_is_an_error_and_the_next_fetch_works() {
    let scene = Scene::new();
    let server = HttpServer::start(&scene.served(), None).await;
    let (mirrors, repo) = (scene.mirrors(options()), at(&server.url("r/.git")));
    server.set(Mischief::CloseMidway);
    let error = fetch(&mirrors, &repo, &scene.first).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    server.set(Mischief::None);
    fetch(&mirrors, &repo, &scene.first).await.unwrap();
    assert_has(&mirrors, &repo, &scene.first, "README.md");
}

#[tokio::test]
async fn a_fetch_that_is_dropped_or_killed_leaves_a_usable_mirror() {
    let scene = Scene::new();
    let server = HttpServer::start(&scene.served(), None).await;
    let (mirrors, repo) = (scene.mirrors(options()), at(&server.url("r/.git")));
    server.set(Mischief::StallMidway);
    let cancel = CancellationToken::new();
    let commit = sha(&scene.first);
    let waits = async {
        let has_begun = || server.seen().iter().any(|seen| seen.line.starts_with("POST"));
        while !has_begun() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(mirrors.fetch(&repo, &commit, &cancel), waits);
    assert!(outcome.unwrap_err().is_transient());
    server.set(Mischief::None);
    fetch(&mirrors, &repo, &scene.first).await.unwrap();
    // What a process that was killed leaves.
    let mirror = mirrors.path(&repo);
    let second = scene.repository.commit("second", "2");
    let leftovers = [
        mirror.join("objects/pack/pack_git2_0123456789abcdef"),
        mirror.join(format!("refs/sdm/commits/{second}.lock")),
    ];
    for leftover in &leftovers {
        std::fs::write(leftover, "half").unwrap();
    }
    fetch(&mirrors, &repo, &second).await.unwrap();
    assert!(leftovers.iter().all(|leftover| !leftover.exists()));
}

#[tokio::test]
async fn a_fetch_that_follows_a_look_asks_for_nothing_but_the_pack() {
    let scene = Scene::new();
    let server = HttpServer::start(&scene.served(), None).await;
    let (mirrors, repo) = (scene.mirrors(options()), at(&server.url("r/.git")));
    let look = async || {
        let heads = mirrors.heads(&repo, &CancellationToken::new()).await.unwrap();
        heads.branches.values().next().unwrap().to_string()
    };
    assert_eq!(look().await, scene.first);
    fetch(&mirrors, &repo, &scene.first).await.unwrap();
    assert_has(&mirrors, &repo, &scene.first, "README.md");
    assert_eq!(
        server.advertisements(),
        1,
        "the fetch used the answer to the look"
    );
    // A look always asks, and what moved after it is found all the same.
    let second = scene.repository.commit("a", "1");
    assert_eq!(look().await, second);
    let third = scene.repository.commit("b", "2");
    fetch(&mirrors, &repo, &third).await.unwrap();
    assert_has(&mirrors, &repo, &third, "b");
    assert!(server.advertisements() <= 3, "{:?}", server.seen());
}

#[tokio::test]
async fn a_burst_for_one_repository_is_one_fetch() {
    let scene = Scene::new();
    let server = HttpServer::start(&scene.served(), None).await;
    let (mirrors, repo) = (scene.mirrors(options()), at(&server.url("r/.git")));
    let same = (0..20).map(|_| fetch(&mirrors, &repo, &scene.first));
    assert!(
        futures_util::future::join_all(same)
            .await
            .iter()
            .all(Result::is_ok)
    );
    assert_eq!(server.advertisements(), 1);
    fetch(&mirrors, &repo, &scene.first).await.unwrap();
    assert_eq!(server.advertisements(), 1, "what is there is not asked for again");
    let commits: Vec<String> = (0..20)
        .map(|number| {
            scene
                .repository
                .git(&["checkout", "-q", "-b", &format!("b{number}"), &scene.first]);
            scene.repository.commit(&format!("f{number}"), "x")
        })
        .collect();
    let different = commits.iter().map(|commit| fetch(&mirrors, &repo, commit));
    assert!(
        futures_util::future::join_all(different)
            .await
            .iter()
            .all(Result::is_ok)
    );
    assert!(server.advertisements() <= 3, "{:?}", server.seen());
}

#[tokio::test]
async fn a_delta_over_http_is_one_request_and_a_rewritten_history_a_few_more() {
    let scene = Scene::new();
    let server = HttpServer::start(&scene.served(), None).await;
    let (mirrors, repo) = (scene.mirrors(options()), at(&server.url("r/.git")));
    for number in 0..30 {
        scene.repository.commit(&format!("f{number}"), "x");
    }
    fetch(&mirrors, &repo, &scene.repository.git(&["rev-parse", "HEAD"]))
        .await
        .unwrap();
    let before = server.seen().len();
    let next = scene.repository.commit("next", "y");
    fetch(&mirrors, &repo, &next).await.unwrap();
    assert_eq!(server.seen().len() - before, 1, "{:?}", server.seen());
    assert_has(&mirrors, &repo, &next, "f7");
    // Another history under the same address: the server knows nothing of what the mirror has.
    std::fs::remove_dir_all(&scene.repository.path).unwrap();
    let rewritten = TestRepository::init(&scene.repository.path);
    let other = rewritten.commit("other", "z");
    fetch(&mirrors, &repo, &other).await.unwrap();
    assert_has(&mirrors, &repo, &other, "other");
    assert_has(&mirrors, &repo, &next, "f7");
}

#[tokio::test]
async fn one_bad_commit_of_a_batch_does_not_harm_the_others() {
    let scene = Scene::new();
    let server = HttpServer::start(&scene.served(), None).await;
    let (mirrors, repo) = (scene.mirrors(options()), at(&server.url("r/.git")));
    let second = scene.repository.commit("second", "2");
    let gone = "2".repeat(40);
    let (first, gone, second) = tokio::join!(
        fetch(&mirrors, &repo, &scene.first),
        fetch(&mirrors, &repo, &gone),
        fetch(&mirrors, &repo, &second),
    );
    assert!(first.is_ok() && second.is_ok());
    assert!(matches!(gone, Err(ScmError::CommitGone(_))));
}

#[tokio::test]
async fn limits_on_bytes_and_objects_end_a_fetch() {
    let scene = Scene::new();
    let server = HttpServer::start(&scene.served(), None).await;
    for address in [server.url("r/.git"), scene.repository.path.display().to_string()] {
        let small = NetworkOptions {
            max_received_bytes: 100,
            ..options()
        };
        let few = NetworkOptions {
            max_objects: 2,
            ..options()
        };
        for limited in [small, few] {
            let error = fetch(&scene.mirrors(limited), &at(&address), &scene.first)
                .await
                .unwrap_err();
            assert!(matches!(error, ScmError::LimitExceeded { .. }), "{error:?}");
        }
    }
}
