//! Goals of other machines, and tags, that a real hub tells of.

use serde_json::{Value, json};

use super::real::{beside, connected, together};
use crate::support::git_servers::HttpServer;
use crate::support::local::LocalMachine;

/// How many goal sets may trigger each other in a row.
const LONGEST_CHAIN: usize = 16;

const BUILDS: &str = r#"
rules:
  - name: build
    goals: {name: compile, execute: {run: [cat, README.md]}}
  - name: again
    test: {is_goal: other/echo}
    goals: {name: ping, execute: {run: ["true"]}}
"#;

const ANSWERS: &str = r#"
rules:
  - name: answer
    test: {is_goal: {name: {regexp: "^sdm/(compile|ping)$"}}}
    goals: {name: echo, execute: {run: [cat, README.md]}}
"#;

/// What a listener writes down of tags.
const TAGS: &str = r#"
on:
  - name: note
    event: Tag
    run: [sh, -c, 'echo "$1 $2 $3" >> "$HOME/tags"', note, "${event.tag}", "${event.sha}", "${event.repo.slug}"]
"#;

async fn served(machine: &LocalMachine) -> (HttpServer, String) {
    std::os::unix::fs::symlink("app", machine.path("acme/app.git")).unwrap();
    let server = HttpServer::start(&machine.path(""), None).await;
    let forge = server.url("").trim_end_matches('/').to_owned();
    (server, forge)
}

/// Its goal sets of a commit, once they are so many and all have ended.
fn ended_sets(machine: &LocalMachine, sha: &str, count: usize) -> Vec<Value> {
    machine.wait_until(&format!("{count} goal sets have ended"), |machine| {
        let sets = machine.goal_sets().into_iter().filter(|set| set["sha"] == sha);
        let sets: Vec<Value> = sets.collect();
        let has_ended = sets.iter().all(|set| set["active"] == json!(false));
        (sets.len() == count && has_ended).then_some(sets)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn ru_38_two_machines_that_trigger_each_other_stop_at_the_limit_with_an_error() {
    let (mut machine, hub) = together(BUILDS).await;
    let mut other = beside(&machine, &hub, "other", ANSWERS);
    let (_server, forge) = served(&machine).await;
    machine.start_with_hub();
    other.start_with_hub();
    connected(&machine);
    connected(&other);
    let first = machine.git(&["rev-parse", "HEAD"]);
    let second = machine.commit("second", &[("README.md", "2")]);
    hub.push(&forge, "d-1", &first, &second).await;
    let echoes = ended_sets(&other, &second, LONGEST_CHAIN / 2);
    assert_eq!(echoes[0]["goals"][0]["name"], "echo");
    let sets = ended_sets(&machine, &second, LONGEST_CHAIN / 2 + 1);
    assert_eq!(sets[0]["goals"][0]["name"], "ping");
    other.wait_until("the chain ends with an error", |other| {
        let shown = other.sdm(&["feed", "--no-follow", "-n", "500", "--json"]);
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        shown
            .contains("16 goal sets have triggered each other")
            .then_some(())
    });
    assert_eq!(other.goal_sets().len(), LONGEST_CHAIN / 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_the_forge_tells_the_hub_of_is_heard_of_once() {
    let (mut machine, hub) = together(TAGS).await;
    let (_server, forge) = served(&machine).await;
    machine.start_with_hub();
    connected(&machine);
    let first = machine.git(&["rev-parse", "HEAD"]);
    hub.tag(&forge, "t-1", "v1", &first).await;
    hub.tag(&forge, "t-2", "v1", &first).await;
    let second = machine.commit("second", &[("README.md", "2")]);
    hub.tag(&forge, "t-3", "v2", &second).await;
    let heard = machine.wait_until("the last tag is heard of", |machine| {
        let heard = std::fs::read_to_string(machine.path("home/tags")).ok()?;
        heard.contains("v2").then_some(heard)
    });
    assert_eq!(heard, format!("v1 {first} acme/app\nv2 {second} acme/app\n"));
}
