//! Logins, redirects, proxies, trust: who is told what.

use std::sync::Arc;

use sdm::git::address::{AddressPolicy, Origin};
use sdm::git::network::{Credentials, Login, NetworkOptions, ProxyChoice};
use sdm::ports::scm::ScmError;

use super::{Scene, at, fetch, options};
use crate::support::git_servers::{Authority, HttpServer, Mischief, ProxyServer};

/// One login for one origin.
struct OnlyFor(String, Login);

impl Credentials for OnlyFor {
    fn for_origin(&self, origin: &Origin) -> Option<Login> {
        (origin.to_string() == self.0).then(|| self.1.clone())
    }
}

fn login_for(server: &HttpServer, password: &str) -> NetworkOptions {
    let origin = server.url("").trim_end_matches('/').to_owned();
    NetworkOptions {
        credentials: Arc::new(OnlyFor(origin, Login::new("me", password.into()))),
        ..options()
    }
}

#[tokio::test]
async fn a_login_opens_a_repository_and_a_wrong_one_or_none_does_not() {
    let scene = Scene::new();
    let server = HttpServer::start(&scene.served(), Some("me:right")).await;
    let repo = at(&server.url("r/.git"));
    for refused in [options(), login_for(&server, "wrong")] {
        let error = fetch(&scene.mirrors(refused), &repo, &scene.first)
            .await
            .unwrap_err();
        assert!(
            matches!(&error, ScmError::Unauthorized { address } if address.starts_with("http://localhost"))
        );
        assert!(!format!("{error:?}").contains("wrong"));
    }
    fetch(&scene.mirrors(login_for(&server, "right")), &repo, &scene.first)
        .await
        .unwrap();
    assert!(server.seen().iter().any(|seen| seen.authorization.is_some()));
}

#[tokio::test]
async fn a3_a_login_inside_the_address_is_used_and_never_written_down() {
    let scene = Scene::new();
    let server = HttpServer::start(&scene.served(), Some("me:s3cr3t")).await;
    let repo = at(&server.url("r/.git").replace("//", "//me:s3cr3t@"));
    let mirrors = scene.mirrors(options());
    fetch(&mirrors, &repo, &scene.first).await.unwrap();
    for entry in ["config", "address"] {
        let written = std::fs::read_to_string(mirrors.path(&repo).join(entry)).unwrap();
        assert!(!written.contains("s3cr3t"));
    }
}

#[tokio::test]
async fn g7_a_redirect_is_followed_and_the_login_stays_at_its_origin() {
    let scene = Scene::new();
    let decoy = HttpServer::start(&scene.served(), None).await;
    let server = HttpServer::start(&scene.served(), None).await;
    server.set(Mischief::Redirect(decoy.url("").trim_end_matches('/').to_owned()));
    let everywhere = NetworkOptions {
        credentials: Arc::new(Everywhere),
        ..options()
    };
    let repo = at(&server.url("r/.git"));
    fetch(&scene.mirrors(everywhere), &repo, &scene.first)
        .await
        .unwrap();
    assert!(server.seen().iter().all(|seen| seen.authorization.is_some()));
    assert!(!decoy.seen().is_empty());
    assert!(
        decoy.seen().iter().all(|seen| seen.authorization.is_none()),
        "{:?}",
        decoy.seen()
    );
}

struct Everywhere;

impl Credentials for Everywhere {
    fn for_origin(&self, _: &Origin) -> Option<Login> {
        Some(Login::token("CANARY".into()))
    }
}

#[tokio::test]
async fn h4_a_redirect_to_a_forbidden_place_or_without_end_is_refused() {
    let scene = Scene::new();
    let server = HttpServer::start(&scene.served(), None).await;
    let (mirrors, repo) = (scene.mirrors(options()), at(&server.url("r/.git")));
    for target in ["http://169.254.169.254", "file://", "ftp://localhost"] {
        server.set(Mischief::Redirect(target.to_owned()));
        let error = fetch(&mirrors, &repo, &scene.first).await.unwrap_err();
        assert!(
            matches!(error, ScmError::RefusedAddress { .. }),
            "{target}: {error:?}"
        );
    }
    server.set(Mischief::Redirect(
        server.url("").trim_end_matches('/').to_owned(),
    ));
    let error = fetch(&mirrors, &repo, &scene.first).await.unwrap_err();
    assert!(format!("{error:?}").contains("too often"));
}

#[tokio::test]
async fn h4_private_hosts_are_not_contacted_where_they_are_not_allowed() {
    let scene = Scene::new();
    let server = HttpServer::start(&scene.served(), None).await;
    let mirrors = scene.mirrors(NetworkOptions {
        policy: AddressPolicy::PUBLIC_ONLY,
        ..options()
    });
    let port = server.address.port();
    for host in [
        "localhost",
        "127.0.0.1",
        "0x7f.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "169.254.169.254",
    ] {
        let error = fetch(
            &mirrors,
            &at(&format!("http://{host}:{port}/r/.git")),
            &scene.first,
        )
        .await
        .unwrap_err();
        assert!(
            matches!(error, ScmError::RefusedAddress { .. }),
            "{host}: {error:?}"
        );
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_proxy_carries_http_and_https() {
    let scene = Scene::new();
    let authority = Authority::new();
    let ca = scene.directory.path().join("ca.pem");
    std::fs::write(&ca, &authority.pem).unwrap();
    let plain = HttpServer::start(&scene.served(), None).await;
    let tls = HttpServer::start_tls(&scene.served(), &authority).await;
    let proxy = ProxyServer::start().await;
    let mirrors = scene.mirrors(NetworkOptions {
        proxy: ProxyChoice::Fixed {
            url: format!("http://{}", proxy.address).into(),
            except: "direct.example".to_owned(),
        },
        extra_ca_files: vec![ca],
        ..options()
    });
    fetch(&mirrors, &at(&plain.url("r/.git")), &scene.first)
        .await
        .unwrap();
    let second = scene.repository.commit("second", "2");
    fetch(&mirrors, &at(&tls.url("r/.git")), &second).await.unwrap();
    let seen = proxy.seen();
    assert!(
        seen.iter().any(|line| line.starts_with("GET http://localhost")),
        "{seen:?}"
    );
    assert!(
        seen.iter().any(|line| line.starts_with("CONNECT localhost")),
        "{seen:?}"
    );
}

#[tokio::test]
async fn an_authority_of_our_own_is_needed_and_is_enough() {
    let scene = Scene::new();
    let authority = Authority::new();
    let server = HttpServer::start_tls(&scene.served(), &authority).await;
    let repo = at(&server.url("r/.git"));
    let error = fetch(&scene.mirrors(options()), &repo, &scene.first)
        .await
        .unwrap_err();
    assert!(error.is_transient() && server.seen().is_empty(), "{error:?}");
    let ca = scene.directory.path().join("ca.pem");
    let trusting = || NetworkOptions {
        extra_ca_files: vec![ca.clone()],
        ..options()
    };
    std::fs::write(&ca, "no certificate").unwrap();
    let error = fetch(&scene.mirrors(trusting()), &repo, &scene.first)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("ca.pem"), "{error}");
    std::fs::write(&ca, &authority.pem).unwrap();
    fetch(&scene.mirrors(trusting()), &repo, &scene.first)
        .await
        .unwrap();
}
