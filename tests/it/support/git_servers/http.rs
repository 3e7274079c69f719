//! `git http-backend` as a CGI program behind axum.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode};
use base64::Engine;
use futures_util::StreamExt;
use sdm::runtime::tasks::Tasks;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::hermetic;
use super::tls::{Authority, TlsListener};

/// What a server does with the requests it gets.
#[derive(Clone, Default)]
pub(crate) enum Mischief {
    /// It serves.
    #[default]
    None,
    /// It sends everybody who asks for the advertisement to this base.
    Redirect(String),
    /// It takes the request for a pack and never answers.
    Stall,
    /// It sends half of a pack and then nothing more.
    StallMidway,
    /// It sends half of a pack and closes the connection.
    CloseMidway,
}

/// One request as a server saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) authorization: Option<String>,
}

/// `git http-backend` behind a small server.
pub(crate) struct HttpServer {
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    backend: Arc<Backend>,
    tasks: Tasks,
}

struct Backend {
    root: PathBuf,
    login: Option<String>,
    mischief: Mutex<Mischief>,
    seen: Mutex<Vec<Seen>>,
}

impl HttpServer {
    /// Serves the repositories beneath `root`; with a login (`user:password`) to those only who have it.
    pub(crate) async fn start(root: &Path, login: Option<&str>) -> Self {
        Self::serve(root, login, None).await
    }

    /// The same over TLS.
    pub(crate) async fn start_tls(root: &Path, authority: &Authority) -> Self {
        Self::serve(root, None, Some(authority.acceptor())).await
    }

    async fn serve(root: &Path, login: Option<&str>, tls: Option<TlsAcceptor>) -> Self {
        let backend = Arc::new(Backend {
            root: root.to_owned(),
            login: login.map(|login| {
                format!(
                    "Basic {}",
                    base64::engine::general_purpose::STANDARD.encode(login)
                )
            }),
            mischief: Mutex::default(),
            seen: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let router = Router::new()
            .fallback(serve_request)
            .with_state(Arc::clone(&backend));
        let tasks = Tasks::new();
        let stop = tasks.stop_token().cancelled_owned();
        let scheme = if tls.is_some() { "https" } else { "http" };
        match tls {
            None => tasks.spawn("http server", async move {
                axum::serve(listener, router)
                    .with_graceful_shutdown(stop)
                    .await
                    .expect("the server runs");
            }),
            Some(acceptor) => tasks.spawn("https server", async move {
                let listener = TlsListener { listener, acceptor };
                axum::serve(listener, router)
                    .with_graceful_shutdown(stop)
                    .await
                    .expect("the server runs");
            }),
        }
        Self {
            address,
            scheme,
            backend,
            tasks,
        }
    }

    /// The address of a repository, named the way its certificate names it.
    pub(crate) fn url(&self, repository: &str) -> String {
        format!("{}://localhost:{}/{repository}", self.scheme, self.address.port())
    }

    pub(crate) fn set(&self, mischief: Mischief) {
        *self.backend.mischief.lock().expect("no test panicked holding it") = mischief;
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.backend
            .seen
            .lock()
            .expect("no test panicked holding it")
            .clone()
    }

    /// How many operations began: each asks for the advertisement once.
    pub(crate) fn advertisements(&self) -> usize {
        self.seen()
            .iter()
            .filter(|seen| seen.line.contains("info/refs"))
            .count()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.tasks.stop_token().cancel();
    }
}

async fn serve_request(State(backend): State<Arc<Backend>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let authorization = header(&parts.headers, "authorization");
    let line = format!("{} {}", parts.method, parts.uri);
    backend
        .seen
        .lock()
        .expect("no test panicked holding it")
        .push(Seen {
            line,
            authorization: authorization.clone(),
        });
    let mischief = backend
        .mischief
        .lock()
        .expect("no test panicked holding it")
        .clone();
    if let Mischief::Redirect(base) = &mischief {
        let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
        let location = format!("{base}{path}");
        return status(StatusCode::MOVED_PERMANENTLY, &[("location", &location)]);
    }
    if backend.login.is_some() && backend.login != authorization {
        return status(
            StatusCode::UNAUTHORIZED,
            &[("www-authenticate", "Basic realm=\"test\"")],
        );
    }
    let is_pack = parts.uri.path().ends_with("/git-upload-pack");
    if is_pack && matches!(mischief, Mischief::Stall) {
        std::future::pending::<()>().await;
    }
    let body = axum::body::to_bytes(body, 64 << 20)
        .await
        .expect("a request fits");
    let environment = [
        ("REQUEST_METHOD", parts.method.to_string()),
        ("PATH_INFO", parts.uri.path().to_owned()),
        ("QUERY_STRING", parts.uri.query().unwrap_or_default().to_owned()),
        (
            "CONTENT_TYPE",
            header(&parts.headers, "content-type").unwrap_or_default(),
        ),
        ("CONTENT_LENGTH", body.len().to_string()),
        (
            "HTTP_CONTENT_ENCODING",
            header(&parts.headers, "content-encoding").unwrap_or_default(),
        ),
        ("REMOTE_USER", "test".to_owned()),
        ("REMOTE_ADDR", "127.0.0.1".to_owned()),
    ];
    let output = cgi(&backend.root, &environment, &body).await;
    let mut response = from_cgi(&output);
    if is_pack && matches!(mischief, Mischief::CloseMidway | Mischief::StallMidway) {
        *response.body_mut() = half(&output, matches!(mischief, Mischief::CloseMidway));
        response.headers_mut().remove("content-length");
    }
    response
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}

fn status(code: StatusCode, headers: &[(&str, &str)]) -> Response<Body> {
    let mut response = Response::builder().status(code);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Body::empty()).expect("the headers are legal")
}

async fn cgi(root: &Path, environment: &[(&str, String)], body: &[u8]) -> Vec<u8> {
    let mut command = hermetic(Command::new("git"), root);
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1");
    command.envs(environment.iter().map(|(name, value)| (*name, value)));
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = tokio::process::Command::from(command)
        .spawn()
        .expect("git can be run");
    let mut stdin = child.stdin.take().expect("its input is a pipe");
    let mut stdout = child.stdout.take().expect("its output is a pipe");
    let mut output = Vec::new();
    let write = async {
        // A backend that refuses does not read.
        let _ = stdin.write_all(body).await;
        drop(stdin);
    };
    let (_, read) = tokio::join!(write, stdout.read_to_end(&mut output));
    read.expect("its output can be read");
    child.wait().await.expect("it ends");
    output
}

fn split_cgi(output: &[u8]) -> (&[u8], &[u8]) {
    let end = output
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("an answer has headers");
    (&output[..end], &output[end + 4..])
}

fn from_cgi(output: &[u8]) -> Response<Body> {
    let (head, body) = split_cgi(output);
    let mut response = Response::builder();
    for line in String::from_utf8_lossy(head).lines() {
        let Some((name, value)) = line.split_once(": ") else {
            continue;
        };
        response = match name {
            "Status" => response.status(value[..3].parse::<u16>().expect("a status is a number")),
            name => response.header(name, value),
        };
    }
    response
        .body(Body::from(body.to_vec()))
        .expect("the headers are legal")
}

fn half(output: &[u8], closes: bool) -> Body {
    let (_, body) = split_cgi(output);
    let first = Ok(Bytes::copy_from_slice(&body[..body.len() / 2]));
    let rest = futures_util::stream::once(async move {
        if !closes {
            std::future::pending::<()>().await;
        }
        // Lets the first half leave before the connection is closed.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(std::io::Error::other("closed on purpose"))
    });
    Body::from_stream(futures_util::stream::iter([first]).chain(rest))
}
