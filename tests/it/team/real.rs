//! The real hub beside the real machine: a forge's signed push becomes a plan, and its end is seen at the hub.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use super::scene::ONE_GOAL;
use crate::support::git_servers::HttpServer;
use crate::support::local::LocalMachine;

const SECRET: &str = "a secret of the forge";
const FOUND: &str = "{ SdmGoal(state: [success]) { uniqueName state registration push { branch after { sha } } } SdmGoalSet { goalSetId state } }";

/// `sdm hub` in a process of its own.
pub struct RealHub {
    pub url: String,
    port: u16,
    pub key: String,
    process: Option<Child>,
    pub http: reqwest::Client,
}

impl RealHub {
    async fn start(machine: &LocalMachine) -> Self {
        std::fs::create_dir_all(machine.path("hub")).unwrap();
        std::fs::write(machine.path("hub/webhook-secret"), SECRET).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut hub = Self {
            url: format!("http://127.0.0.1:{port}"),
            port,
            key: String::new(),
            process: None,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        };
        hub.run(machine).await;
        hub.key = hub.key_of(machine, "sdm");
        hub
    }

    /// A new key for a machine of this name.
    pub fn key_of(&self, machine: &LocalMachine, name: &str) -> String {
        let database = machine.path("hub/hub.db");
        let database = database.to_str().unwrap();
        let new_key = [
            "hub",
            "key",
            "new",
            name,
            "--workspace",
            "A1",
            "--database",
            database,
        ];
        machine.ok(&new_key).trim().to_owned()
    }

    /// Runs it, on the same database and port as before.
    pub async fn run(&mut self, machine: &LocalMachine) {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(machine.path("hub.log"))
            .unwrap();
        let (database, secret) = (machine.path("hub/hub.db"), machine.path("hub/webhook-secret"));
        let listen = format!("127.0.0.1:{}", self.port);
        let mut command: Command = machine.command(&["hub", "--listen", &listen, "--workspace", "A1"]);
        command
            .arg("--database")
            .arg(database)
            .arg("--webhook-secret")
            .arg(secret);
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        self.process = Some(command.spawn().unwrap());
        let url = format!("{}/health", self.url);
        let is_up = async || {
            let response = self.http.get(&url).send().await.ok()?;
            response.status().is_success().then_some(())
        };
        self.until("the hub answers", is_up).await;
    }

    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("the hub runs");
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("the hub runs").id()
    }

    pub async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let looking = async {
            loop {
                if let Some(value) = look().await {
                    return value;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(40), looking)
            .await
            .unwrap_or_else(|_| panic!("waited in vain until {what}"))
    }

    /// Lets somebody in who is an administrator from now on.
    pub async fn come_in(&self, machine: &LocalMachine, name: &str) {
        let database = machine.path("hub/hub.db");
        let database = database.to_str().unwrap();
        let arguments = [
            "hub",
            "people",
            "invite",
            name,
            "--role",
            "admin",
            "--database",
            database,
            "--address",
            &self.url,
        ];
        let link = machine.ok(&arguments).trim().to_owned();
        let request = self.http.post(link).header("sec-fetch-site", "same-origin");
        let request = request
            .header("origin", "null")
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body("return=%2F").send().await.unwrap();
        assert!(!answer.status().is_client_error(), "{answer:?}");
    }

    /// The key that the hub printed at its first start, and at no other.
    fn first_key(machine: &LocalMachine) -> String {
        let printed = std::fs::read_to_string(machine.path("hub.log")).unwrap();
        let keys = printed
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with("hub_a_"));
        let keys: Vec<&str> = keys.collect();
        assert_eq!(keys.len(), 1, "{printed}");
        keys[0].to_owned()
    }

    /// The key of a person, for the hub's commands.
    pub fn person(machine: &LocalMachine, name: &str) -> String {
        let database = machine.path("hub/hub.db");
        let arguments = [
            "hub",
            "key",
            "new",
            name,
            "--person",
            "--workspace",
            "A1",
            "--database",
        ];
        let arguments = [&arguments[..], &[database.to_str().unwrap()]].concat();
        machine.ok(&arguments).trim().to_owned()
    }

    /// Runs a command of a machine by way of the hub; how it ended, with what was said.
    pub async fn run_command(&self, key: &str, command: &str, parameters: &[(&str, &str)]) -> Value {
        let given: Vec<Value> = parameters
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        let body = json!({"command": command, "team": {"id": "A1"}, "parameters": given}).to_string();
        let request = self
            .http
            .post(format!("{}/command?invoke=true", self.url))
            .bearer_auth(key);
        let response = request
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .unwrap();
        let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        let url = answer["invocation"]["url"]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned();
        let look = async || {
            let response = self.http.get(&url).bearer_auth(key).send().await.ok()?;
            let looked: Value = serde_json::from_str(&response.text().await.ok()?).ok()?;
            ["SUCCESS", "FAILURE"]
                .contains(&looked["phase"].as_str()?)
                .then_some(looked)
        };
        self.until("the command has ended", look).await
    }

    /// What a forge sends, signed.
    pub async fn push(&self, forge: &str, delivery: &str, before: &str, after: &str) {
        let commit = json!({"id": after, "message": "Change something", "timestamp": "2026-11-26T10:00:00Z",
            "author": {"name": "Ada", "email": "ada@example.com", "username": "ada"}});
        let body = json!({
            "ref": "refs/heads/main", "before": before, "after": after, "created": false, "deleted": false, "forced": false,
            "commits": [commit], "head_commit": commit,
            "repository": {
                "id": 4711, "name": "app", "full_name": "acme/app", "private": true, "html_url": format!("{forge}/acme/app"),
                "owner": {"login": "acme", "name": "acme", "type": "Organization"}, "default_branch": "main", "pushed_at": 1_795_000_000
            }
        });
        self.tell("push", delivery, &body).await;
    }

    /// That somebody asks for what a fork has under a number; its branch there is called like the repository's own.
    pub async fn fork(&self, forge: &str, delivery: &str, number: u64, base: &str, head: &str) {
        let body = json!({
            "action": "opened", "number": number,
            "pull_request": {
                "id": 900 + number, "number": number, "title": "Mend it", "state": "open", "draft": false, "merged": false,
                "html_url": format!("{forge}/acme/app/pull/{number}"), "user": {"login": "mallory"},
                "created_at": "2026-11-26T10:00:00Z", "updated_at": "2026-11-26T10:00:00Z",
                "head": {"ref": "main", "sha": head, "repo": {"id": 666, "name": "app", "full_name": "mallory/app"}},
                "base": {"ref": "main", "sha": base, "repo": {"id": 4711, "name": "app", "full_name": "acme/app"}}
            },
            "repository": {
                "id": 4711, "name": "app", "full_name": "acme/app", "private": false, "html_url": format!("{forge}/acme/app"),
                "owner": {"login": "acme", "name": "acme", "type": "Organization"}, "default_branch": "main", "pushed_at": 1_795_000_000
            }
        });
        self.tell("pull_request", delivery, &body).await;
    }

    /// That somebody put a tag on a commit.
    pub async fn tag(&self, forge: &str, delivery: &str, name: &str, sha: &str) {
        let body = json!({
            "ref": format!("refs/tags/{name}"), "before": "0".repeat(40), "after": sha, "created": true, "deleted": false,
            "forced": false, "commits": [], "head_commit": {"id": sha, "message": "Change something",
                "timestamp": "2026-11-26T10:00:00Z", "author": {"name": "Ada", "email": "ada@example.com", "username": "ada"}},
            "repository": {
                "id": 4711, "name": "app", "full_name": "acme/app", "private": true, "html_url": format!("{forge}/acme/app"),
                "owner": {"login": "acme", "name": "acme", "type": "Organization"}, "default_branch": "main", "pushed_at": 1_795_000_000
            }
        });
        self.tell("push", delivery, &body).await;
    }

    async fn tell(&self, event: &str, delivery: &str, body: &Value) {
        let body = body.to_string();
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let signature = hex::encode(hmac::sign(&key, body.as_bytes()));
        let request = self
            .http
            .post(format!("{}/webhooks/github/A1", self.url))
            .header("content-type", "application/json")
            .header("x-github-event", event)
            .header("x-github-delivery", delivery)
            .header("x-hub-signature-256", format!("sha256={signature}"));
        let response = request.body(body).send().await.unwrap();
        assert!(
            response.status().is_success(),
            "{}",
            response.text().await.unwrap()
        );
    }

    pub async fn ask(&self, query: &str) -> Option<Value> {
        let request = self
            .http
            .post(format!("{}/graphql/team/A1", self.url))
            .bearer_auth(&self.key);
        let body = json!({ "query": query }).to_string();
        let response = request
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .ok()?;
        serde_json::from_str(&response.text().await.ok()?).ok()
    }

    /// Waits until the hub shows that the goal of this commit has succeeded, and its set.
    pub async fn shows_success_of(&self, sha: &str) {
        let look = async || {
            let answer = self.ask(FOUND).await?;
            let goals = answer["data"]["SdmGoal"].as_array()?;
            goals.iter().find(|goal| goal["push"]["after"]["sha"] == sha)?;
            let sets = answer["data"]["SdmGoalSet"].as_array()?;
            sets.iter().all(|set| set["state"] == "success").then_some(())
        };
        self.until("the hub shows the success", look).await;
    }
}

impl Drop for RealHub {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().ok();
            process.wait().ok();
        }
    }
}

/// A machine that is configured for a hub, and the hub.
pub async fn together(goals: &str) -> (LocalMachine, RealHub) {
    let machine = LocalMachine::new(goals);
    let hub = RealHub::start(&machine).await;
    configure(&machine, &hub, &hub.key, "");
    (machine, hub)
}

/// Another machine for the same hub.
pub fn beside(machine: &LocalMachine, hub: &RealHub, name: &str, goals: &str) -> LocalMachine {
    let other = LocalMachine::new(goals);
    let key = hub.key_of(machine, name);
    configure(&other, hub, &key, &format!("name: {name}\n"));
    other
}

fn configure(machine: &LocalMachine, hub: &RealHub, key: &str, more: &str) {
    std::fs::write(machine.path("hub.key"), key).unwrap();
    let directory = machine.path("home/.config/sdm");
    std::fs::create_dir_all(&directory).unwrap();
    let key = machine.path("hub.key");
    let text = format!(
        "hub: {{address: '{}', key: {{file: '{}'}}, workspaces: [A1]}}\n{more}",
        hub.url,
        key.display()
    );
    std::fs::write(directory.join("config.yaml"), text).unwrap();
}

/// The machine watches its repository beside what the hub tells of.
pub fn watch(machine: &LocalMachine) {
    let config = machine.path("home/.config/sdm/config.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    let repo = machine.repo();
    let text = format!("{text}repositories: ['{}']\ntrust: all\n", repo.display());
    std::fs::write(&config, text).unwrap();
}

pub fn connected(machine: &LocalMachine) {
    machine.wait_until("the machine is connected", |machine| {
        (machine.status()?["hub"]["standing"] == "connected").then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_push_becomes_a_plan_and_its_end_is_seen_at_the_hub() {
    let (mut machine, mut hub) = together(ONE_GOAL).await;
    std::os::unix::fs::symlink("app", machine.path("acme/app.git")).unwrap();
    let server = HttpServer::start(&machine.path(""), None).await;
    let forge = server.url("").trim_end_matches('/').to_owned();
    machine.start_with_hub();
    connected(&machine);
    let first = machine.git(&["rev-parse", "HEAD"]);
    let second = machine.commit("second", &[("README.md", "2")]);
    hub.push(&forge, "d-1", &first, &second).await;
    assert_eq!(machine.ended_set_of(&second)["state"], "success");
    hub.shows_success_of(&second).await;

    // A hub that is killed is found again, and has lost nothing.
    hub.kill();
    hub.run(&machine).await;
    let third = machine.commit("third", &[("README.md", "3")]);
    hub.push(&forge, "d-2", &second, &third).await;
    assert_eq!(machine.ended_set_of(&third)["state"], "success");
    hub.shows_success_of(&third).await;

    // What happens while the machine is away waits for it.
    machine.stop();
    let fourth = machine.commit("fourth", &[("README.md", "4")]);
    hub.push(&forge, "d-3", &third, &fourth).await;
    machine.start_with_hub();
    assert_eq!(machine.ended_set_of(&fourth)["state"], "success");
    hub.shows_success_of(&fourth).await;
    assert_eq!(machine.goal_sets().len(), 3);
}

const OF_FORKS: &str = r#"
rules:
  - name: check
    goals:
      - {name: compile, execute: {run: [sh, -c, 'pwd; cat target/left; mkdir -p target; echo "$1" > target/left', compile, "${push.branch}"]}}
      - {name: publish, execute: {run: [sh, -c, 'echo the token is $TOKEN']}, secrets: [{name: token, env: TOKEN}]}
  - name: ship
    test: is_default_branch
    goals: {name: ship, execute: {run: ['true']}}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn b10_e6_a_pull_request_of_a_fork_is_planned_without_trust_and_leaves_nothing() {
    let (mut machine, hub) = together(OF_FORKS).await;
    let config = machine.path("home/.config/sdm/config.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace("workspaces: [A1]", "workspaces: [A1], forks: true");
    std::fs::write(machine.path("token"), "canary-of-the-token").unwrap();
    let token = machine.path("token");
    let more = format!(
        "secrets: {{token: {{file: '{}'}}}}\nworkspace_keep: [target]\nsandbox_untrusted: auto\n",
        token.display()
    );
    std::fs::write(&config, text + &more).unwrap();
    std::os::unix::fs::symlink("app", machine.path("acme/app.git")).unwrap();
    let server = HttpServer::start(&machine.path(""), None).await;
    let forge = server.url("").trim_end_matches('/').to_owned();
    machine.start_with_hub();
    connected(&machine);
    let base = machine.git(&["rev-parse", "HEAD"]);
    // What the fork has is no branch of the repository: the forge keeps it beside them.
    let head = machine.commit("mend it", &[("README.md", "mended")]);
    machine.git(&["update-ref", "refs/pull/7/head", &head]);
    machine.git(&["reset", "--quiet", "--hard", &base]);
    hub.fork(&forge, "d-1", 7, &base, &head).await;
    let set = machine.ended_set_of(&head);
    let goals = set["goals"].as_array().unwrap();
    let names: Vec<&str> = goals.iter().filter_map(|goal| goal["name"].as_str()).collect();
    assert_eq!(
        names,
        ["compile", "publish"],
        "its branch is not the default one: {set}"
    );
    assert_eq!(set["branch"], "pull/7/head");
    let state = |name: &str| {
        let goal = goals.iter().find(|goal| goal["name"] == name).unwrap();
        goal["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        (state("compile").as_str(), state("publish").as_str()),
        ("success", "failure")
    );
    assert!(!set.to_string().contains("canary-of-the-token"));
    let log = machine.ok(&["logs", set["id"].as_str().unwrap(), "compile"]);
    let place = log.lines().map(str::trim).find(|line| line.ends_with("/tree"));
    let place = place.unwrap_or_else(|| panic!("{log}"));
    machine.wait_until("its workspace is gone", |_| {
        (!std::path::Path::new(place).exists()).then_some(())
    });
    assert!(log.contains("sandbox"), "it says what holds: {log}");

    // What a member pushes afterwards finds nothing of it, and is trusted.
    let pushed = machine.commit("second", &[("README.md", "2")]);
    hub.push(&forge, "d-2", &base, &pushed).await;
    let set = machine.ended_set_of(&pushed);
    assert_eq!(set["state"], "success", "{set}");
    let log = machine.ok(&["logs", set["id"].as_str().unwrap(), "compile"]);
    assert!(!log.contains("pull/7/head"), "{log}");

    // Told again, the same commit is the same push.
    hub.fork(&forge, "d-3", 7, &base, &head).await;
    let third = machine.commit("third", &[("README.md", "3")]);
    hub.push(&forge, "d-4", &pushed, &third).await;
    machine.ended_set_of(&third);
    assert_eq!(machine.goal_sets().len(), 3);
}

/// From nothing to a result: a new hub prints a key, a machine has that key and nothing else, somebody pushes to a forge over http, and the
/// forge tells the hub.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_key_of_a_new_hub_leads_from_a_push_to_its_result() {
    let (mut machine, mut hub) = together(ONE_GOAL).await;
    hub.key = RealHub::first_key(&machine);
    std::fs::write(machine.path("hub.key"), &hub.key).unwrap();
    let forge = machine.path("forge/acme/app.git");
    std::fs::create_dir_all(&forge).unwrap();
    machine.git_in(
        &forge,
        &["init", "--quiet", "--bare", "--initial-branch=main", "."],
    );
    machine.git_in(&forge, &["config", "http.receivepack", "true"]);
    let server = HttpServer::start(&machine.path("forge"), None).await;
    let base = server.url("").trim_end_matches('/').to_owned();
    machine.git(&["remote", "add", "forge", &format!("{base}/acme/app.git")]);
    let first = machine.git(&["rev-parse", "HEAD"]);
    machine.git(&["push", "--quiet", "forge", "main"]);
    machine.start_with_hub();
    connected(&machine);
    let second = machine.commit("second", &[("README.md", "2")]);
    machine.git(&["push", "--quiet", "forge", "main"]);
    assert_eq!(machine.git_in(&forge, &["rev-parse", "main"]), second);
    hub.push(&base, "d-1", &first, &second).await;
    let set = machine.ended_set_of(&second);
    assert_eq!(
        (&set["state"], &set["repo"]),
        (&json!("success"), &json!("acme/app"))
    );
    hub.shows_success_of(&second).await;
    // Another start prints no key, and what there was is still seen.
    hub.kill();
    hub.run(&machine).await;
    assert_eq!(RealHub::first_key(&machine), hub.key);
    hub.shows_success_of(&second).await;
}

const FINGERPRINTS: &str = r#"
rules:
  - name: look
    goals: {name: aspects, fingerprint: {files: ["*.md"]}}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn fingerprints_that_a_goal_took_are_with_their_commit_at_the_hub() {
    let (mut machine, hub) = together(FINGERPRINTS).await;
    std::os::unix::fs::symlink("app", machine.path("acme/app.git")).unwrap();
    let server = HttpServer::start(&machine.path(""), None).await;
    let forge = server.url("").trim_end_matches('/').to_owned();
    machine.start_with_hub();
    connected(&machine);
    let first = machine.git(&["rev-parse", "HEAD"]);
    let second = machine.commit("second", &[("README.md", "2")]);
    hub.push(&forge, "d-1", &first, &second).await;
    assert_eq!(machine.ended_set_of(&second)["state"], "success");
    let question = format!(
        "{{ Commit(sha: \"{second}\") {{ fingerprints {{ type name goal repo {{ owner name }} }} }} }}"
    );
    let told = async || {
        let answer = hub.ask(&question).await?;
        let found = answer["data"]["Commit"][0]["fingerprints"].clone();
        (found != json!([]) && !found.is_null()).then_some(found)
    };
    let found = hub.until("the hub has the fingerprints", told).await;
    let repo = json!({"owner": "acme", "name": "app"});
    assert_eq!(
        found,
        json!([{"type": "file", "name": "README.md", "goal": "aspects", "repo": repo}])
    );
}

const WITH_COMMANDS: &str = r#"
rules:
  - name: build
    goals:
      - {name: publish, execute: {run: [cat, README.md]}, pre_approval: {by: [ada]}}
commands:
  - name: greet
    intent: say hello
    parameters: {name: {pattern: "^[a-z]+$"}}
    run: [sh, -c, 'printf "{\"message\": \"greeted $1\"}" > "$ATOMIST_RESULT"', greet, "${parameters.name}"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn people_run_commands_and_confirm_goals_at_the_hub() {
    let (mut machine, hub) = together(WITH_COMMANDS).await;
    watch(&machine);
    machine.start_with_hub();
    connected(&machine);
    let (ada, bob) = (RealHub::person(&machine, "ada"), RealHub::person(&machine, "bob"));
    hub.come_in(&machine, "ada").await;
    hub.come_in(&machine, "bob").await;
    let greeted = hub.run_command(&bob, "greet", &[("name", "jess")]).await;
    assert_eq!(greeted["phase"], "SUCCESS", "{greeted:#}");
    assert!(
        greeted["messages"].to_string().contains("greeted jess"),
        "{greeted:#}"
    );
    // The same with the program, and a configuration of one's own.
    let mine = machine.path("mine.yaml");
    let key = machine.path("bob.key");
    std::fs::write(&key, &bob).unwrap();
    let text = format!(
        "hub: {{address: '{}', key: {{file: '{}'}}, workspaces: [A1]}}\n",
        hub.url,
        key.display()
    );
    std::fs::write(&mine, text).unwrap();
    let config = mine.to_str().unwrap();
    let said = machine.ok(&["--config", config, "do", "--hub", "greet", "--name", "ada"]);
    assert_eq!(said, "greeted ada\n");
    let said = machine.ok(&["--config", config, "do", "--hub", "say", "hello", "--name", "ada"]);
    assert_eq!(said, "greeted ada\n", "by what people say");
    let shown = machine.json(&["--config", config, "show", "machines", "--hub"]);
    assert_eq!(
        (&shown["machines"][0]["name"], &shown["machines"][0]["connected"]),
        (&json!("sdm"), &json!(true))
    );
    let shown = machine.ok(&["--config", config, "show", "commands", "--hub"]);
    assert!(shown.contains("say hello  sdm"), "{shown}");
    let greeted = || {
        let errands = machine.json(&["show", "errands"]);
        errands["errands"].as_array().unwrap().len()
    };
    let before = greeted();
    let hub_do = ["--config", config, "do", "--hub"];
    let help = machine.ok(&[&hub_do[..], &["greet", "--name", "ada", "--help"]].concat());
    assert!(
        help.contains("say hello  sdm") && help.contains("--name"),
        "{help}"
    );
    let help = machine.sdm(&[&hub_do[..], &["nothing like it", "-h"]].concat());
    let words = String::from_utf8_lossy(&help.stderr).into_owned();
    assert!(
        help.status.code() == Some(2) && words.contains("sdm show commands --hub"),
        "{words}"
    );
    assert_eq!(greeted(), before, "whoever asks for help has nothing done");
    let refused = machine.sdm(&["--config", config, "do", "--hub", "greet", "--name", "ADA"]);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && words.contains("the hub does not take it"),
        "{words}"
    );
    let sha = machine.commit("change", &[("README.md", "hello")]);
    let set = machine.set_of(&sha)["id"].as_str().unwrap().to_owned();
    let which = [
        ("goal_set", set.as_str()),
        ("goal", "publish"),
        ("environment", "0-code"),
    ];
    let refused = hub.run_command(&bob, "sdm.approve", &which).await;
    assert_eq!(refused["phase"], "FAILURE", "{refused:#}");
    assert!(
        refused
            .to_string()
            .contains("bob is not among those who may confirm"),
        "{refused:#}"
    );
    let approved = hub.run_command(&ada, "sdm.approve", &which).await;
    assert_eq!(approved["phase"], "SUCCESS", "{approved:#}");
    assert_eq!(machine.ended_set_of(&sha)["state"], "success");
    let look = async || {
        let answer = hub
            .ask("{ SdmGoal(state: [success]) { uniqueName preApproval { userId } } }")
            .await?;
        let goal = answer["data"]["SdmGoal"].get(0)?;
        (goal["preApproval"]["userId"] == "ada").then_some(())
    };
    hub.until("the hub shows who approved", look).await;
    let log = machine.ok(&["--config", config, "logs", "--hub", "--follow", "publish"]);
    assert!(log.contains("hello"), "{log}");
    let sets = machine.json(&["--config", config, "goals", "--hub"]);
    assert_eq!(
        sets["goal_sets"][0]["goals"][0]["state"],
        json!("success"),
        "{sets}"
    );
    assert!(
        !machine.daemon_log().contains("put aside"),
        "{}",
        machine.daemon_log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_is_sent_away_says_so_and_comes_back_when_it_is_let_in() {
    let (mut machine, hub) = together(ONE_GOAL).await;
    machine.start_with_hub();
    let stands = |machine: &LocalMachine, standing: &str| {
        machine.wait_until(standing, |machine| {
            let hub = machine.status()?["hub"].clone();
            (hub["standing"] == standing).then_some(hub)
        })
    };
    stands(&machine, "connected");
    let database = machine.path("hub/hub.db");
    let machines = |more: &[&str]| {
        let all = [
            &["hub", "machines", "--database", database.to_str().unwrap()],
            more,
        ]
        .concat();
        machine.ok(&all)
    };
    let listed = machines(&[]);
    let id = listed.split_whitespace().next().unwrap().to_owned();
    machines(&["--remove", &id]);
    machine.wait_until("it knows", |machine| {
        let hub = machine.status()?["hub"].clone();
        let problem = hub["problem"].as_str()?.to_owned();
        problem.contains("has sent this machine away").then_some(())
    });
    assert!(machines(&[]).contains("refused"), "{}", machines(&[]));
    // Work goes on, and nobody asks the hub again and again.
    let asked = machine.daemon_log().matches("has sent this machine away").count();
    assert_eq!(asked, 1);
    machines(&["--let-in", &id]);
    machine.hang_up();
    stands(&machine, "connected");
    drop(hub);
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_say_whether_machine_and_hub_are_well() {
    let (mut machine, mut hub) = together(ONE_GOAL).await;
    let address = hub.url.trim_start_matches("http://").to_owned();
    let code = |machine: &LocalMachine, arguments: &[&str]| machine.sdm(arguments).status.code();
    assert_eq!(code(&machine, &["hub", "health", &address]), Some(0));
    assert_eq!(code(&machine, &["doctor", "--alive"]), Some(3), "no daemon");
    assert_eq!(code(&machine, &["hub", "health", "--ready", &address]), Some(0));
    assert_eq!(code(&machine, &["doctor", "--ready"]), Some(3), "no daemon");
    machine.start_with_hub();
    assert_eq!(code(&machine, &["doctor", "--alive"]), Some(0));
    assert_eq!(code(&machine, &["doctor", "--ready"]), Some(0));
    hub.kill();
    assert_eq!(code(&machine, &["hub", "health", "--ready", &address]), Some(3));
    assert_eq!(code(&machine, &["doctor", "--ready"]), Some(0), "nor less ready");
    assert_eq!(code(&machine, &["hub", "health", &address]), Some(3));
    assert_eq!(
        code(&machine, &["doctor", "--alive"]),
        Some(0),
        "a machine without its hub is well"
    );
}
