//! A whole object store in memory that speaks as much of S3's protocol as archives need, and lies when it is told to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Method, Response, StatusCode};
use futures_util::StreamExt;
use sdm::runtime::tasks::Tasks;
use tokio::net::TcpListener;

/// How requests for the content of objects are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Answering {
    /// As it is.
    #[default]
    Honestly,
    /// Half of it, and the connection is closed.
    CutShort,
    /// Other bytes of the same number.
    WithOtherBytes,
    /// Bytes without end.
    WithoutEnd,
    /// Not at all: it refuses everything.
    Refusing,
}

/// The service.
pub struct FakeBucket {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: Tasks,
}

#[derive(Default)]
struct Shared {
    objects: Mutex<BTreeMap<String, Bytes>>,
    /// Parts by upload and number.
    parts: Mutex<BTreeMap<(String, u32), Bytes>>,
    answering: Mutex<Answering>,
    seen: Mutex<Vec<String>>,
}

impl FakeBucket {
    /// Starts it on a free port, on the runtime of whoever asks.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let router = Router::new().fallback(serve).with_state(Arc::clone(&shared));
        let tasks = Tasks::new();
        tasks.spawn("object store", async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self {
            address,
            shared,
            _tasks: tasks,
        }
    }

    /// `http://host:port`.
    pub fn service(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn answer(&self, answering: Answering) {
        *self.shared.answering.lock().unwrap() = answering;
    }

    /// Names of all objects, `bucket/key`.
    pub fn objects(&self) -> Vec<String> {
        self.shared.objects.lock().unwrap().keys().cloned().collect()
    }

    /// Parts of uploads that nobody completed.
    pub fn parts(&self) -> usize {
        self.shared.parts.lock().unwrap().len()
    }

    /// What was asked so far: method, target, authorization.
    pub fn seen(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap().clone()
    }
}

fn answer(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    Response::builder()
        .status(status)
        .header("etag", "\"e\"")
        .header("last-modified", "Thu, 26 Nov 2026 08:00:00 GMT")
        .body(body.into())
        .unwrap()
}

fn refused(status: StatusCode, code: &str) -> Response<Body> {
    let text = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message></Error>");
    answer(status, text)
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let authorization = head.headers.get("authorization");
    let authorization = authorization
        .map_or("", |value| value.to_str().unwrap())
        .to_owned();
    shared
        .seen
        .lock()
        .unwrap()
        .push(format!("{} {} {authorization}", head.method, head.uri));
    let answering = *shared.answering.lock().unwrap();
    let is_signed = authorization.starts_with("AWS4-HMAC-SHA256 Credential=ada/");
    if answering == Answering::Refusing || !is_signed {
        return refused(StatusCode::FORBIDDEN, "AccessDenied");
    }
    let name = head.uri.path().trim_start_matches('/').to_owned();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let content = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let value = |key: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value.to_owned())
    };
    match (head.method, value("uploadId"), value("partNumber")) {
        (Method::PUT, Some(upload), Some(part)) => {
            let place = (upload, part.parse().unwrap());
            shared.parts.lock().unwrap().insert(place, content);
            answer(StatusCode::OK, "")
        }
        (Method::POST, Some(upload), _) => complete(&shared, &name, &upload),
        (Method::POST, None, _) => {
            let upload = name.replace('/', "-");
            let text = format!(
                "<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
            );
            answer(StatusCode::OK, text)
        }
        (Method::DELETE, Some(upload), _) => {
            shared.parts.lock().unwrap().retain(|(of, _), _| *of != upload);
            answer(StatusCode::NO_CONTENT, "")
        }
        (Method::PUT, None, _) => {
            shared.objects.lock().unwrap().insert(name, content);
            answer(StatusCode::OK, "")
        }
        (Method::DELETE, None, _) => {
            shared.objects.lock().unwrap().remove(&name);
            answer(StatusCode::NO_CONTENT, "")
        }
        (method, None, _) => {
            let range = head
                .headers
                .get("range")
                .map(|value| range(value.to_str().unwrap()));
            read(&shared, &method, (&name, range), answering)
        }
        (method, ..) => refused(StatusCode::METHOD_NOT_ALLOWED, method.as_str()),
    }
}

fn complete(shared: &Shared, name: &str, upload: &str) -> Response<Body> {
    let mut parts = shared.parts.lock().unwrap();
    let of_upload: Vec<(String, u32)> = parts.keys().filter(|(of, _)| of == upload).cloned().collect();
    let whole: Vec<u8> = of_upload
        .iter()
        .flat_map(|place| parts.remove(place).unwrap())
        .collect();
    shared
        .objects
        .lock()
        .unwrap()
        .insert(name.to_owned(), whole.into());
    let text = "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>";
    answer(StatusCode::OK, text)
}

/// `bytes=from-to`, as the first and the one behind the last.
fn range(text: &str) -> Range<usize> {
    let (from, to) = text.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    from.parse().unwrap()..to.parse::<usize>().unwrap() + 1
}

fn read(
    shared: &Shared,
    method: &Method,
    (name, range): (&str, Option<Range<usize>>),
    answering: Answering,
) -> Response<Body> {
    let Some(whole) = shared.objects.lock().unwrap().get(name).cloned() else {
        return refused(StatusCode::NOT_FOUND, "NoSuchKey");
    };
    let content = range.clone().map_or(whole.clone(), |range| whole.slice(range));
    let length = content.len();
    if method == Method::HEAD {
        let mut response = answer(StatusCode::OK, "");
        response.headers_mut().insert("content-length", length.into());
        return response;
    }
    let cut_off = || Err(std::io::Error::other("cut off"));
    let (body, length) = match answering {
        Answering::Honestly | Answering::Refusing => (Body::from(content), length),
        Answering::WithOtherBytes => (Body::from(vec![b'x'; length]), length),
        Answering::CutShort => {
            let half = content.slice(..length / 2);
            let pieces = futures_util::stream::iter([Ok(half), cut_off()]);
            (Body::from_stream(pieces), length)
        }
        Answering::WithoutEnd => {
            let piece = Bytes::from(vec![b'x'; 1 << 16]);
            let pieces = futures_util::stream::repeat(piece).map(Ok::<_, std::io::Error>);
            (Body::from_stream(pieces), 1 << 40)
        }
    };
    let mut response = answer(StatusCode::OK, body);
    response.headers_mut().insert("content-length", length.into());
    if let Some(range) = range {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let told = format!("bytes {}-{}/{}", range.start, range.end - 1, whole.len());
        response
            .headers_mut()
            .insert("content-range", told.parse().unwrap());
    }
    response
}
