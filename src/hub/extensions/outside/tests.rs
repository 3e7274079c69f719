//! A decoy listens on this computer; nobody who is told to must reach it.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use super::*;
use crate::runtime::tasks::Tasks;

/// A listener that counts who comes, and what it serves.
struct Decoy {
    address: SocketAddr,
    visits: Arc<AtomicUsize>,
    tasks: Tasks,
}

impl Decoy {
    async fn start() -> Self {
        let visits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&visits);
        let router = Router::new()
            .route("/good", get(|| async { "{}" }))
            .route("/large", get(|| async { "x".repeat(2000) }))
            .route(
                "/here",
                get(|| async { (StatusCode::FOUND, [(header::LOCATION, "/good")]) }),
            )
            .route(
                "/away",
                get(|| async { (StatusCode::FOUND, [(header::LOCATION, "http://localhost:1/")]) }),
            )
            .route(
                "/round",
                get(|| async { (StatusCode::FOUND, [(header::LOCATION, "/round")]) }),
            )
            .fallback(|| async { StatusCode::NOT_FOUND.into_response() })
            .layer(axum::middleware::from_fn(
                move |request, next: axum::middleware::Next| {
                    counted.fetch_add(1, Ordering::SeqCst);
                    next.run(request)
                },
            ));
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        let tasks = Tasks::new();
        tasks.spawn_forever("decoy", async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self {
            address,
            visits,
            tasks,
        }
    }

    fn url(&self, host: &str, path: &str) -> Url {
        Url::parse(&format!("http://{host}:{}{path}", self.address.port())).unwrap()
    }

    fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }
}

/// Names that answer with the next of a list each time, as somebody who rebinds them would.
struct Rebinding(Mutex<Vec<IpAddr>>);

#[async_trait]
impl Names for Rebinding {
    async fn addresses(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        let mut answers = self.0.lock().unwrap();
        let next = if answers.len() > 1 {
            answers.remove(0)
        } else {
            answers[0]
        };
        Ok(vec![next])
    }
}

fn development() -> OutsideRules {
    OutsideRules {
        development: true,
        ..OutsideRules::default()
    }
}

#[tokio::test]
async fn a_descriptor_is_fetched_within_its_limits() {
    let decoy = Decoy::start().await;
    let outside = Outside::new(development()).unwrap();
    let said = async |path: &str| match outside.get(&decoy.url("127.0.0.1", path), 1000).await {
        Ok((at, bytes)) => format!("{} {}", at.path(), bytes.len()),
        Err(error) => error.to_string(),
    };
    assert_eq!(said("/good").await, "/good 2");
    assert_eq!(said("/here").await, "/good 2");
    assert_eq!(said("/large").await, "the address sent more than 1000 bytes");
    assert_eq!(said("/none").await, "the address answered 404 Not Found");
    let elsewhere = "the address redirects to another host, or again and again";
    assert_eq!(said("/away").await, elsewhere);
    assert_eq!(said("/round").await, elsewhere);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = Url::parse(&format!("http://{closed}/")).unwrap();
    assert_eq!(
        outside.get(&nobody, 10).await.unwrap_err().to_string(),
        "the address cannot be reached"
    );
    decoy.tasks.shut_down(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn h4_nobody_is_sent_into_the_hubs_own_network() {
    let decoy = Decoy::start().await;
    let port = decoy.address.port();
    let rules = OutsideRules {
        ports: vec![port, 443],
        ..OutsideRules::default()
    };
    let names: Arc<dyn Names> = Arc::new(Rebinding(Mutex::new(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])));
    let outside = Outside::with_names(rules, names).unwrap();
    for host in [
        "127.0.0.1",
        "[::1]",
        "0x7f.1",
        "2130706433",
        "169.254.169.254",
        "10.0.0.1",
        "[::ffff:127.0.0.1]",
        "metadata.example",
        "localhost",
    ] {
        let url = Url::parse(&format!("https://{host}:{port}/good")).unwrap();
        let refused = outside.get(&url, 1000).await.unwrap_err();
        assert!(
            matches!(refused, OutsideError::Refused { .. }),
            "{host}: {refused}"
        );
        let posted = outside.post(&url, "token", "{}".to_owned()).await.unwrap_err();
        assert!(matches!(posted, OutsideError::Refused { .. }), "{host}: {posted}");
    }
    let plain = decoy.url("127.0.0.1", "/good");
    assert!(matches!(
        outside.get(&plain, 10).await,
        Err(OutsideError::Address(_))
    ));
    let other_port = Url::parse("https://example.com:22/").unwrap();
    assert!(matches!(
        outside.get(&other_port, 10).await,
        Err(OutsideError::Port(22))
    ));
    let login = Url::parse("https://a:b@example.com/").unwrap();
    assert!(matches!(
        outside.get(&login, 10).await,
        Err(OutsideError::Address(_))
    ));
    assert_eq!(decoy.visits(), 0, "the decoy has seen nobody");
    decoy.tasks.shut_down(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn h4_a_name_that_changes_its_mind_is_asked_once_for_a_connection() {
    let decoy = Decoy::start().await;
    let rules = OutsideRules {
        ports: vec![decoy.address.port()],
        ..OutsideRules::default()
    };
    // The first answer is public and of nobody; the second would be the decoy.
    let public = "192.88.99.1".parse().unwrap();
    let names = Arc::new(Rebinding(Mutex::new(vec![
        public,
        IpAddr::V4(Ipv4Addr::LOCALHOST),
    ])));
    let guarded = Guarded {
        rules: rules.clone(),
        names: names.clone(),
    };
    let first = guarded.allowed("rebinding.example").await.unwrap();
    assert_eq!(
        first,
        [SocketAddr::new(public, 0)],
        "what was checked is what is connected to"
    );
    let outside = Outside::with_names(rules, names).unwrap();
    let url = Url::parse(&format!(
        "https://rebinding.example:{}/good",
        decoy.address.port()
    ))
    .unwrap();
    let refused = outside.get(&url, 1000).await.unwrap_err();
    assert!(matches!(refused, OutsideError::Refused { .. }), "{refused}");
    assert_eq!(decoy.visits(), 0);
    decoy.tasks.shut_down(Duration::from_secs(5)).await;
}

#[test]
fn a_network_that_is_listed_may_be_reached() {
    let rules = OutsideRules {
        networks: vec!["10.1.0.0/16".parse().unwrap()],
        ..OutsideRules::default()
    };
    let check = |text: &str| rules.check(&Url::parse(text).unwrap()).is_ok();
    assert!(check("https://10.1.2.3/x") && !check("https://10.2.2.3/x"));
    assert!(check("https://93.184.216.34/x") && !check("http://93.184.216.34/x"));
}
