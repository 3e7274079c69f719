//! A small whole daemon: a socket that answers from a list and remembers what it was asked.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use sdm::model::StateName;
use sdm::wire::control::{Reply, Request};
use sdm::wire::views::{GoalSetView, GoalView, RepositoryView, StatusView};

use super::sandbox::Sandbox;

/// Answers every connection until the test ends.
pub(super) struct Daemon {
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Daemon {
    /// Listens in the sandbox; `answer` gives the lines for each request but the greeting. An answer is sent as it is,
    /// so a missing last line is a daemon that went away.
    pub(super) fn start(sandbox: &Sandbox, answer: impl Fn(&Request) -> Vec<Reply> + Send + 'static) -> Self {
        let socket = sandbox.socket();
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let listener = UnixListener::bind(&socket).unwrap();
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600)).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, project) = (Arc::clone(&asked), sandbox.path("project"));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut line = String::new();
                BufReader::new(&stream).read_line(&mut line).unwrap();
                let request: Request = serde_json::from_str(&line).unwrap();
                let replies = match &request {
                    Request::Status => vec![
                        Reply::Status {
                            status: Box::new(status(&project)),
                        },
                        Reply::Done,
                    ],
                    other => answer(other),
                };
                if request != Request::Status {
                    log.lock().unwrap().push(request);
                }
                for reply in replies {
                    if writeln!(stream, "{}", serde_json::to_string(&reply).unwrap()).is_err() {
                        break;
                    }
                }
            }
        });
        Self { asked }
    }

    /// Everything it was asked, without greetings.
    pub(super) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

fn status(project: &Path) -> StatusView {
    StatusView {
        name: "sdm".to_owned(),
        version: "0.1.0".to_owned(),
        control_version: 1,
        pid: 42,
        socket: "/run/sdm.sock".to_owned(),
        state_directory: "/state".to_owned(),
        goal_files: Vec::new(),
        rules: 3,
        goal_files_problem: None,
        repositories: vec![RepositoryView {
            repo: "acme/shop".to_owned(),
            path: project.display().to_string(),
            trusted: true,
            watch: "watching".to_owned(),
        }],
        running: 0,
        started_at: "2026-08-02T14:03:07Z".to_owned(),
        database: None,
        hub: None,
    }
}

/// A goal set with one failed goal.
pub(super) fn goal_set() -> GoalSetView {
    GoalSetView {
        id: "3f2a91c0-0000-4000-8000-000000000000".to_owned(),
        name: "rust".to_owned(),
        repo: "acme/shop".to_owned(),
        branch: "main".to_owned(),
        sha: "a1b2c3d4".repeat(5),
        title: "Fix the checkout".to_owned(),
        state: StateName::Failure,
        active: false,
        created_at: "2026-08-02T14:03:07Z".to_owned(),
        because: None,
        tags: Vec::new(),
        goals: vec![GoalView {
            name: "test".to_owned(),
            unique_name: "test".to_owned(),
            environment: "0-code".to_owned(),
            state: StateName::Failure,
            attempt: 1,
            version: 4,
            phase: None,
            description: "Failed: test".to_owned(),
            error: Some("exit code 101".to_owned()),
            log: Some("logs 3f2a91c test".to_owned()),
            requested_at: None,
            started_at: Some("2026-08-02T14:03:08Z".to_owned()),
            done_at: Some("2026-08-02T14:03:20Z".to_owned()),
            ended_at: Some("2026-08-02T14:03:20Z".to_owned()),
            after: Vec::new(),
            retry: true,
            confirmed_by: Vec::new(),
            missing: 0,
            confirmations: Vec::new(),
            by_hand: None,
            void: None,
            external_urls: Vec::new(),
            images: std::collections::BTreeMap::new(),
            data: None,
        }],
        not_set: Vec::new(),
    }
}
