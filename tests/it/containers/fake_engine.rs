//! A whole container engine that runs nothing: it remembers what it was told to make, lets every container end at once, and
//! misbehaves on single routes as a test wants it to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// What the engine does with a request.
#[derive(Clone)]
pub(super) enum Answer {
    /// Answers.
    Json(u16, Value),
    /// Writes this and hangs up.
    Raw(&'static [u8]),
    /// Never answers.
    Nothing,
    /// Hangs up.
    HangUp,
}

/// The engine.
pub(super) struct FakeEngine {
    directory: tempfile::TempDir,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// By the beginning of `METHOD /path`.
    instead: Mutex<Vec<(String, Answer)>>,
    requests: Mutex<Vec<String>>,
    containers: Mutex<BTreeMap<String, FakeContainer>>,
}

#[derive(Clone)]
struct FakeContainer {
    labels: Value,
    status: &'static str,
    code: i64,
}

impl FakeEngine {
    pub(super) fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("sdm-engine-").tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("engine.sock")).unwrap();
        let shared = Arc::<Shared>::default();
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = Arc::clone(&serving);
                std::thread::spawn(move || serving.serve(stream));
            }
        });
        Self { directory, shared }
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.directory.path().join("engine.sock")
    }

    /// Misbehaves where a request begins with this, such as `POST /images/create`.
    pub(super) fn instead(&self, route: &str, answer: Answer) -> &Self {
        self.shared
            .instead
            .lock()
            .unwrap()
            .push((route.to_owned(), answer));
        self
    }

    /// A container that is there already.
    pub(super) fn has(&self, name: &str, labels: Value, status: &'static str, code: i64) {
        let container = FakeContainer { labels, status, code };
        self.shared
            .containers
            .lock()
            .unwrap()
            .insert(name.to_owned(), container);
    }

    /// Requests so far that begin with this.
    pub(super) fn asked(&self, route: &str) -> usize {
        let requests = self.shared.requests.lock().unwrap();
        requests
            .iter()
            .filter(|request| request.starts_with(route))
            .count()
    }

    /// Names of the containers that are there.
    pub(super) fn left(&self) -> Vec<String> {
        self.shared.containers.lock().unwrap().keys().cloned().collect()
    }
}

struct Request {
    /// `METHOD /path`, without version and query.
    route: String,
    query: String,
    body: Value,
}

impl Shared {
    fn serve(&self, stream: UnixStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut writer = stream;
        while let Some(request) = read_request(&mut reader) {
            self.requests.lock().unwrap().push(request.route.clone());
            let instead = self.instead.lock().unwrap().clone();
            let answer = instead
                .into_iter()
                .find(|(route, _)| request.route.starts_with(route));
            let answer = answer.map_or_else(|| self.answer(&request), |(_, answer)| answer);
            match answer {
                Answer::Json(101, output) => {
                    attach(&mut writer, &output);
                    return;
                }
                Answer::Json(status, value) => {
                    let body = if status == 204 {
                        String::new()
                    } else {
                        value.to_string()
                    };
                    let head = format!(
                        "HTTP/1.1 {status} x\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                        body.len()
                    );
                    if writer.write_all((head + &body).as_bytes()).is_err() {
                        return;
                    }
                }
                Answer::Raw(bytes) => {
                    let _ = writer.write_all(bytes);
                    return;
                }
                Answer::Nothing => std::thread::park(),
                Answer::HangUp => return,
            }
            // The shortest question is asked in the oldest manner: its answer ends with the connection.
            if request.route == "GET /_ping" {
                return;
            }
        }
    }

    fn answer(&self, request: &Request) -> Answer {
        let parts: Vec<&str> = request
            .route
            .split(['/', ' '])
            .filter(|part| !part.is_empty())
            .collect();
        match parts.as_slice() {
            ["GET", "_ping"] => Answer::Json(200, json!("OK")),
            ["GET", "images", .., "json"] => Answer::Json(
                200,
                json!({"Id": "sha256:0102", "RepoDigests": ["fake/image@sha256:0304"], "Config": {}}),
            ),
            ["POST", "networks", "create"] => Answer::Json(201, json!({"Id": "network", "Warning": ""})),
            ["POST", "volumes", "create"] => Answer::Json(201, json!({"Name": "volume"})),
            ["POST", "containers", "create"] => self.create(request),
            ["POST", "containers", _, "attach"] => Answer::Json(101, json!("hello from the fake\n")),
            ["POST", "containers", name, "start"] => self.change(name, "exited"),
            ["POST", "containers", _, "wait"] => Answer::Json(200, json!({"StatusCode": 0})),
            ["POST", "containers", name, "kill" | "stop"] => self.change(name, "exited"),
            ["GET", "containers", "json"] => Answer::Json(200, self.listed()),
            ["GET", "networks"] => Answer::Json(200, json!([])),
            ["GET", "volumes"] => Answer::Json(200, json!({"Volumes": [], "Warnings": []})),
            ["GET", "containers", name, "json"] => self.shown(name),
            ["DELETE", "containers", name] => match self.containers.lock().unwrap().remove(*name) {
                Some(_) => Answer::Json(204, Value::Null),
                None => no_such_container(),
            },
            ["DELETE", ..] => Answer::Json(204, Value::Null),
            _ => Answer::Json(404, json!({"message": format!("no route {}", request.route)})),
        }
    }

    fn create(&self, request: &Request) -> Answer {
        let name = request
            .query
            .split('&')
            .find_map(|pair| pair.strip_prefix("name="))
            .unwrap()
            .to_owned();
        let mut containers = self.containers.lock().unwrap();
        if containers.contains_key(&name) {
            return Answer::Json(
                409,
                json!({"message": format!("the name {name} is already in use")}),
            );
        }
        let labels = request.body["Labels"].clone();
        containers.insert(
            name.clone(),
            FakeContainer {
                labels,
                status: "created",
                code: 0,
            },
        );
        Answer::Json(201, json!({"Id": name, "Warnings": []}))
    }

    fn change(&self, name: &str, status: &'static str) -> Answer {
        match self.containers.lock().unwrap().get_mut(name) {
            Some(container) => {
                container.status = status;
                Answer::Json(204, Value::Null)
            }
            None => no_such_container(),
        }
    }

    fn shown(&self, name: &str) -> Answer {
        match self.containers.lock().unwrap().get(name) {
            Some(container) => Answer::Json(
                200,
                json!({
                    "Id": name,
                    "State": {"Status": container.status, "ExitCode": container.code},
                    "Config": {"Labels": container.labels},
                }),
            ),
            None => no_such_container(),
        }
    }

    fn listed(&self) -> Value {
        let containers = self.containers.lock().unwrap();
        containers
            .iter()
            .map(|(name, container)| json!({"Id": name, "Labels": container.labels}))
            .collect()
    }
}

fn no_such_container() -> Answer {
    Answer::Json(404, json!({"message": "no such container"}))
}

/// Output of a container as engines frame it, and its end.
fn attach(writer: &mut UnixStream, output: &Value) {
    let head = "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
    let text = output.as_str().unwrap().as_bytes();
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    let frame = [&[1, 0, 0, 0][..], &length, text].concat();
    let _ = writer.write_all(head.as_bytes());
    let _ = writer.write_all(&frame);
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|length| *length > 0)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = first.split_whitespace();
    let (method, target) = (words.next()?, words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = match path.strip_prefix("/v") {
        Some(rest) => &rest[rest.find('/')?..],
        None => path,
    };
    Some(Request {
        route: format!("{method} {path}"),
        query: query.to_owned(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    })
}
