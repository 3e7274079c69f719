//! A machine of the original, unchanged, from the npm registry: it registers, gets a signed push, clones over http, and drives
//! two goals to success, one of them after an approval; a command goes to it and comes back, and another is spread over a job.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sdm::hub::administration::KeyWish;
use sdm::ports::people::PersonRole;
use serde_json::{Value, json};

use super::machine::{TestHub, quick, wish};
use super::people::has_come_in;
use crate::support::git_servers::{HttpServer, TestRepository, skipped};

/// How long the machine may take for anything; it is not quick to start.
const PATIENCE: Duration = Duration::from_secs(120);

/// What it is made of, in this repository.
const PARTS: [&str; 5] = [
    "package.json",
    "index.js",
    "tools.js",
    "stand-ins/metrics/package.json",
    "stand-ins/metrics/index.js",
];

fn parts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/hub/original")
}

/// Where it is installed, once for all tests, by whoever comes first.
fn installed() -> Option<PathBuf> {
    let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !has("node") || !has("npm") {
        skipped("npm", "nodejs npm");
        return None;
    }
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("original");
    fs::create_dir_all(place.join("stand-ins/metrics")).unwrap();
    let lock = File::create(place.join("lock")).unwrap();
    lock.lock().unwrap();
    let wanted: String = PARTS
        .map(|part| fs::read_to_string(parts().join(part)).unwrap())
        .concat();
    if fs::read_to_string(place.join("ready")).is_ok_and(|ready| ready == wanted) {
        return Some(place);
    }
    for part in PARTS {
        fs::copy(parts().join(part), place.join(part)).unwrap();
    }
    let log = File::create(place.join("npm.log")).unwrap();
    let status = Command::new("npm")
        .args([
            "install",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--no-package-lock",
        ])
        .current_dir(&place)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .status()
        .unwrap();
    let said = fs::read_to_string(place.join("npm.log")).unwrap();
    assert!(status.success(), "npm cannot install the original: {said}");
    fs::write(place.join("ready"), wanted).unwrap();
    Some(place)
}

/// Where the machine runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Environment {
    /// On a laptop.
    Local,
    /// As it sets itself up for production: what it misses waits for it (`durable`), messages are compressed, a master gives
    /// the work to processes of its own, and it ends when its work is done.
    Production,
}

/// The address of a hub, with a key in it.
fn with_key(hub: &TestHub, key: &str) -> String {
    hub.url("").replacen("http://", &format!("http://hub:{key}@"), 1)
}

/// The machine's process.
struct Original {
    process: Child,
    log: PathBuf,
}

impl Original {
    fn start(place: &Path, home: &Path, hub: &TestHub, environment: Environment) -> Self {
        let mut configuration = json!({
            "apiKey": hub.key, "workspaceIds": ["w"], "token": "a-token",
            "endpoints": {"api": hub.url("/registration"), "graphql": hub.url("/graphql/team")},
            "sdm": {"rolar": {"url": with_key(hub, &hub.key)}, "dashboard": {"url": hub.url("")}},
            "http": {"enabled": false}, "statsd": {"enabled": false}, "cluster": {"enabled": false},
            "logging": {"level": "debug", "color": false, "banner": {"enabled": false}}
        });
        let mut command = Command::new("node");
        command.env_clear();
        if environment == Environment::Production {
            configuration["cluster"] = json!({"workers": 2});
            command.env("ATOMIST_ENV", "production");
        }
        let log = home.join("log");
        let output = File::create(&log).unwrap();
        let process = command
            .arg("node_modules/@atomist/automation-client/bin/start.js")
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", home)
            .env("ATOMIST_CONFIG", configuration.to_string())
            .current_dir(place)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        Self { process, log }
    }

    /// Asks it to end, and waits until it has.
    fn stop(&mut self) {
        let id = nix::unistd::Pid::from_raw(self.process.id().try_into().unwrap());
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).unwrap();
        let begun = Instant::now();
        while self.process.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < PATIENCE, "it does not end:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn said(&self) -> String {
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        let from = said.len().saturating_sub(8_000);
        said.get(from..).unwrap_or(&said).to_owned()
    }
}

impl Drop for Original {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Asks until an answer is as it should be.
async fn until(original: &Original, what: &str, ask: impl AsyncFn() -> Option<Value>) -> Value {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{what}; the machine said:\n{}",
            original.said()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The goals of the push of a commit by name, when they are all in these states.
async fn goals(hub: &TestHub, sha: &str, wanted: &Value) -> Option<Value> {
    let asked = hub
        .ask(
            "{ Push { after { sha } goals { uniqueName state goalSetId environment } goalSets { state } } }",
            Value::Null,
        )
        .await;
    let mut pushes = asked["data"]["Push"].as_array()?.iter();
    let push = pushes.find(|push| push["after"]["sha"] == sha)?.clone();
    let states: serde_json::Map<String, Value> = push["goals"]
        .as_array()?
        .iter()
        .map(|goal| {
            (
                goal["uniqueName"].as_str().unwrap().to_owned(),
                goal["state"].clone(),
            )
        })
        .collect();
    (Value::Object(states) == *wanted).then_some(push)
}

fn pushed(server: &HttpServer, before: &str, after: &str) -> Value {
    json!({
        "ref": "refs/heads/main", "before": before, "after": after, "created": false, "deleted": false,
        "repository": {
            "id": 7, "name": "app", "full_name": "acme/app", "default_branch": "main", "pushed_at": 1_800_000_000,
            "html_url": format!("http://{}/acme/app", server.address), "owner": {"login": "acme", "type": "Organization"}
        },
        "commits": [], "head_commit": {
            "id": after, "message": "two", "timestamp": "2026-01-01T00:00:00Z",
            "author": {"name": "Ada", "email": "ada@example.org", "username": "ada"}
        }
    })
}

/// A forge with two commits, a hub, and somebody who may approve.
struct Scene {
    _directory: crate::support::remains::Remains,
    home: PathBuf,
    repository: TestRepository,
    bare: PathBuf,
    server: HttpServer,
    hub: TestHub,
    ada: String,
    watcher: String,
}

impl Scene {
    async fn new() -> Self {
        let directory = crate::support::remains::directory();
        let repository = TestRepository::init(&directory.path().join("work"));
        repository.commit("README.md", "zero");
        let bare = directory.path().join("served/acme/app.git");
        fs::create_dir_all(bare.parent().unwrap()).unwrap();
        repository.git(&["branch", "-M", "main"]);
        repository.git(&["clone", "--bare", ".", bare.to_str().unwrap()]);
        let server = HttpServer::start(&directory.path().join("served"), None).await;
        let mut hub = TestHub::start(quick()).await;
        let (_, key) = hub.administration().new_key(&wish(&[])).await.unwrap();
        hub.key = key;
        let person = KeyWish {
            is_person: true,
            name: "ada".to_owned(),
            ..wish(&["graph:read", "goals:write", "commands:register"])
        };
        let (_, ada) = hub.administration().new_key(&person).await.unwrap();
        has_come_in(hub.hub.memory(), "ada", PersonRole::Admin).await;
        let watcher = hub.administration().new_key(&wish(&["admin:read"])).await;
        let home = directory.path().join("home");
        fs::create_dir(&home).unwrap();
        Self {
            watcher: watcher.unwrap().1,
            _directory: directory,
            home,
            repository,
            bare,
            server,
            hub,
            ada,
        }
    }

    /// A further commit, told to the hub.
    async fn push(&self, delivery: &str) -> String {
        let before = self.repository.git(&["rev-parse", "HEAD"]);
        let after = self.repository.commit("README.md", delivery);
        self.repository
            .git(&["push", "--quiet", self.bare.to_str().unwrap(), "main"]);
        let event = pushed(&self.server, before.trim(), &after);
        assert_eq!(self.hub.github("push", delivery, &event).await.0, 200);
        after
    }

    /// Registered is not yet listened to: only who is connected is.
    async fn connected(&self, original: &Original, sessions: u32) {
        until(original, "it is connected, or not", async || {
            let asked = self
                .hub
                .http
                .get(self.hub.url("/metrics"))
                .bearer_auth(&self.watcher);
            let figures = asked.send().await.unwrap().text().await.unwrap();
            let said = format!("sdm_hub_sessions {sessions}\n");
            figures.contains(&said).then_some(Value::Null)
        })
        .await;
    }

    /// Sees both goals of a commit to their ends, approving the second.
    async fn approved(&self, original: &Original, sha: &str) {
        let hub = &self.hub;
        let waits = json!({"build": "success", "publish": "waiting_for_approval"});
        let push = until(original, "the second goal waits for an approval", async || {
            goals(hub, sha, &waits).await
        })
        .await;
        let goal = push["goals"]
            .as_array()
            .unwrap()
            .iter()
            .find(|goal| goal["uniqueName"] == "publish")
            .unwrap();
        let path = format!(
            "w/{}/{}/publish",
            goal["goalSetId"].as_str().unwrap(),
            escaped(goal["environment"].as_str().unwrap())
        );
        let (status, refused) = hub
            .post(&format!("/goals/{path}/approve"), &hub.key, &json!({}))
            .await;
        assert_eq!(
            (status, &refused["error"]["code"]),
            (403, &json!("person_required"))
        );
        let (status, approved) = hub
            .post(&format!("/goals/{path}/approve"), &self.ada, &json!({}))
            .await;
        assert_eq!(
            (status, &approved["state"]),
            (200, &json!("approved")),
            "{approved}"
        );
        let done = json!({"build": "success", "publish": "success"});
        until(original, "both goals succeed", async || {
            let push = goals(hub, sha, &done).await?;
            (push["goalSets"][0]["state"] == "success").then_some(push)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_of_the_original_drives_two_goals_to_success_and_answers_a_command() {
    let Some(place) = installed() else {
        return;
    };
    let scene = Scene::new().await;
    let original = Original::start(&place, &scene.home, &scene.hub, Environment::Local);
    scene.connected(&original, 1).await;
    let sha = scene.push("d-1").await;
    scene.approved(&original, &sha).await;
    command(&scene.hub, &original, &scene.ada).await;
    job(&scene.hub, &original, &scene.ada).await;
}

/// All that it sets in production at once, and what that is for: a push while it is away is carried out when it is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_of_the_original_in_production_does_the_same_and_misses_nothing_while_it_is_away() {
    let Some(place) = installed() else {
        return;
    };
    let scene = Scene::new().await;
    let start = || Original::start(&place, &scene.home, &scene.hub, Environment::Production);
    let mut original = start();
    scene.connected(&original, 1).await;
    let sha = scene.push("d-1").await;
    scene.approved(&original, &sha).await;
    command(&scene.hub, &original, &scene.ada).await;
    job(&scene.hub, &original, &scene.ada).await;
    original.stop();
    scene.connected(&original, 0).await;
    let sha = scene.push("d-2").await;
    let original = start();
    scene.approved(&original, &sha).await;
}

/// A command with a parameter, a mapped parameter and a secret, to the machine and back.
async fn command(hub: &TestHub, original: &Original, ada: &str) {
    let mut ask =
        json!({"command": "Greet", "team": {"id": "w"}, "parameters": [{"name": "name", "value": "GRACE"}]});
    let (status, refused) = hub.post("/command?invoke=true", ada, &ask).await;
    assert_eq!(
        (status, &refused["error"]["problems"]),
        (400, &json!(["`name` must match ^[a-z]+$"]))
    );
    ask["parameters"][0]["value"] = json!("grace");
    ask["source"] = json!({"user_agent": "web", "web": {"identity": {"sub": "ada", "pid": "ada"}}});
    let (status, invoked) = hub.post("/command?invoke=true", ada, &ask).await;
    assert_eq!(status, 200, "{invoked}");
    let url = invoked["invocation"]["url"].as_str().unwrap().to_owned();
    let ended = until(original, "the command ends", async || {
        let response = hub.http.get(&url).bearer_auth(ada).send().await.unwrap();
        let answer: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        (answer["phase"] == "SUCCESS").then_some(answer)
    })
    .await;
    let said = ended["messages"][0]["body"].as_str().unwrap();
    assert!(
        said.contains("hello grace, says ada, who has 18 characters"),
        "{ended}"
    );
}

/// A command that makes a job of two tasks, which the machine carries out one after the other.
async fn job(hub: &TestHub, original: &Original, ada: &str) {
    let ask = json!({"command": "WaveAtAll", "team": {"id": "w"}, "parameters": []});
    let (status, invoked) = hub.post("/command?invoke=true", ada, &ask).await;
    assert_eq!(status, 200, "{invoked}");
    let question = "{ AtmJob(name: \"waves\") { state maxRunningTasks jobTasks { state message } } }";
    let done = until(original, "the job is done", async || {
        let asked = hub.ask(question, Value::Null).await;
        let job = asked["data"]["AtmJob"].get(0)?.clone();
        (job["state"] == "completed").then_some(job)
    })
    .await;
    let task = json!({"state": "success", "message": "Task command 'Wave' successfully executed"});
    assert_eq!(
        done,
        json!({"state": "completed", "maxRunningTasks": 1, "jobTasks": [task, task]})
    );
}

fn escaped(text: &str) -> String {
    text.replace('/', "%2F")
}

/// Runs the language's own tools that came with the machine; what they print.
fn tools(place: &Path, what: &str, input: &str) -> String {
    use std::io::Write as _;
    let mut process = Command::new("node")
        .args(["tools.js", what])
        .current_dir(place)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "{what}");
    String::from_utf8(output.stdout).unwrap()
}

/// What generators of code and editors do first.
#[tokio::test(flavor = "multi_thread")]
async fn ordinary_tools_read_the_types_and_find_the_questions_of_the_original_good() {
    let Some(place) = installed() else {
        return;
    };
    let hub = TestHub::start(quick()).await;
    let mut machine = super::machine::registration("m", "1.0.0", "durable");
    machine["ingesters"] = json!([
        "type Deploy @rootType @compositeId(fields: [\"env\"]) { env: String! at: Where } type Where { place: String }"
    ]);
    hub.register(&machine).await;
    let answer = hub.ask(&tools(&place, "question", ""), Value::Null).await;
    assert!(answer.get("errors").is_none(), "{}", answer["errors"]);
    let found: Value = serde_json::from_str(&tools(&place, "check", &answer.to_string())).unwrap();
    assert_eq!(found["problems"], json!([]), "of the types");
    assert_eq!(found["questions"], json!([]), "of questions as people write them");
    assert!(found["checked"].as_u64().unwrap() > 30, "{found}");
    let types = found["types"].as_array().unwrap();
    for name in ["Push", "SdmGoal", "Deploy", "CustomDeployInput", "_PushOrdering"] {
        assert!(types.contains(&json!(name)), "{name}");
    }
}

/// What a machine of the original tells of builds, with the key in the address that is all that it can be told.
#[tokio::test(flavor = "multi_thread")]
async fn builds_of_the_original_are_taken_with_a_key_in_the_address_of_the_hub() {
    let Some(place) = installed() else {
        return;
    };
    let hub = TestHub::start(quick()).await;
    let narrow = KeyWish {
        name: "builds".to_owned(),
        places: vec!["feed:Build".to_owned()],
        repositories: vec!["acme/app".to_owned()],
        ..wish(&["ingest:write"])
    };
    let (_, key) = hub.administration().new_key(&narrow).await.unwrap();
    let with_key = with_key(&hub, &key);
    let (first, second) = ("b".repeat(40), "c".repeat(40));
    for (base, sha, status, is_sent) in [
        (&with_key, &first, "started", "true"),
        (&with_key, &second, "failed", "true"),
        (&with_key, &first, "passed", "true"),
        (&hub.url(""), &first, "failed", "false"),
    ] {
        let build = json!({"base": base, "sha": sha, "status": status});
        assert_eq!(tools(&place, "build", &build.to_string()), is_sent, "{status}");
    }
    // The forge tells of the repository last.
    assert_eq!(
        hub.github("push", "d-1", &super::events::push("a", "b")).await.0,
        200
    );
    let question = "{ Build { status provider commit { sha } } Push { builds { status } } }";
    let asked = hub.ask(question, Value::Null).await;
    let mut builds = asked["data"]["Build"].as_array().unwrap().clone();
    builds.sort_by_key(Value::to_string);
    let statuses: Vec<&str> = builds
        .iter()
        .filter_map(|build| build["status"].as_str())
        .collect();
    assert_eq!(statuses, ["failed", "passed"], "{asked}");
    assert_eq!(asked["data"]["Push"], json!([{"builds": [{"status": "passed"}]}]));
}
