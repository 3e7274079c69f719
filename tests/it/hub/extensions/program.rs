//! The real program: an operator adds, agrees to and removes an extension while the hub runs, is killed and runs again; what it says
//! holds no secret.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use super::super::machine::PATIENCE;
use super::add_on::{AddOn, KEY};
use serde_json::json;

const BASICS: [&str; 3] = ["--development", "--master-key", "master.key"];

fn command(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sdm"));
    command
        .current_dir(directory)
        .env_clear()
        .env("HOME", directory)
        .env("SDM_HOME", directory.join("state"))
        .env("SDM_LOG_LEVEL", "trace")
        .stdin(Stdio::null());
    command
}

/// A hub as a process of its own, and everything that it said.
struct Process {
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Process {
    fn start(directory: &Path) -> Self {
        let mut child = command(directory)
            .args(["hub", "--listen", "127.0.0.1:0"])
            .args(BASICS)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let said = Arc::new(Mutex::new(String::new()));
        let (kept, (listens, heard)) = (Arc::clone(&said), std::sync::mpsc::channel());
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if line.contains("the hub listens") {
                    let _ = listens.send(());
                }
                let mut kept = kept.lock().unwrap();
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        heard.recv_timeout(PATIENCE).unwrap();
        Self { child, said }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `sdm hub extensions …`; without blocking the add-on, which runs in the test's own runtime.
async fn extensions(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = command(directory);
    command.args(["hub", "extensions"]).args(arguments).args(BASICS);
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !holds() {
        // Several programs start one after the other, each with a database to open.
        assert!(begun.elapsed() < 3 * PATIENCE, "{what}: never");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn e3_an_operator_has_it_all_and_nothing_that_is_said_holds_a_secret() {
    let directory = crate::support::remains::directory();
    let path = directory.path();
    assert!(
        command(path)
            .args(["secret", "master-key", "master.key"])
            .output()
            .unwrap()
            .status
            .success()
    );
    let (hub, add_on) = (Process::start(path), AddOn::start().await);
    add_on.describe(&json!({"scopes": ["READ", "ACT_AS_USER"]}));
    let added = extensions(path, &["add", &add_on.descriptor_url()]).await;
    assert!(added.status.success(), "{}", text(&added.stderr));
    let page = text(&added.stdout);
    assert!(
        page.contains("act_as_user") && page.contains("(high: name it with --high act_as_user)"),
        "{page}"
    );
    assert!(
        page.contains("says it is: Tests <b>") && page.contains("could not: "),
        "{page}"
    );
    let shown = page
        .lines()
        .find_map(|line| line.strip_prefix("read as: "))
        .unwrap()
        .to_owned();
    let guessed = extensions(path, &["approve", KEY, "--shown", "00000000"]).await;
    assert!(text(&guessed.stderr).contains("has changed since this was shown"));
    let unticked = extensions(
        path,
        &["approve", KEY, "--shown", &shown, "--scope", "act_as_user"],
    )
    .await;
    assert!(
        text(&unticked.stderr).contains("must be agreed to one by one"),
        "{}",
        text(&unticked.stderr)
    );
    let approve = [
        "approve",
        KEY,
        "--shown",
        &shown,
        "--scope",
        "graph:read",
        "--on",
        "repo:acme/*=read",
    ];
    let agreed = extensions(path, &approve).await;
    assert!(agreed.status.success(), "{}", text(&agreed.stderr));
    assert!(
        text(&agreed.stderr).contains("is at work"),
        "{}",
        text(&agreed.stderr)
    );
    drop(hub);
    let wanted = extensions(path, &["rotate", KEY]).await;
    assert!(wanted.status.success());
    let hub = Process::start(path);
    until("what was wanted while no hub ran is done", || {
        add_on.told("/app/installed").len() == 2
    })
    .await;
    let listed = extensions(path, &["list", "--json"]).await;
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["extensions"][0]["approved"], json!(["graph:read"]));
    assert!(extensions(path, &["uninstall", KEY]).await.status.success());
    until("it was told", || !add_on.told("/app/uninstalled").is_empty()).await;
    let said = hub.said.lock().unwrap().clone();
    for told in add_on.told("/app/installed") {
        let secret = told.body["sharedSecret"].as_str().unwrap();
        assert!(!said.contains(secret) && !page.contains(secret));
        let token = told.authorization.rsplit('.').next().unwrap();
        assert!(!said.contains(token), "a signature stands in the log");
    }
}
