//! Pushes and events that the hub tells of.

use serde_json::{Value, json};

use super::scene::{ONE_GOAL, Scene, push_event};
use crate::support::fake_github::FakeGitHub;
use crate::support::git_servers::HttpServer;

const LISTENER: &str = r#"
rules:
  - name: build
    goals: {name: compile, execute: {run: [cat, README.md]}}
on:
  - name: triage
    event: Issue
    where: {action: opened}
    run: [sh, -c, 'echo "$1" >> "$HOME/issues"', triage, "${event.repo.slug}#${event.issue.number} by ${event.sender.login}"]
"#;

/// A machine that is told of its test repository by way of a server.
async fn told(goals: &str, login: Option<&str>) -> (Scene, HttpServer) {
    let scene = Scene::new(goals).await;
    // As forges name their repositories.
    std::os::unix::fs::symlink("app", scene.machine.path("acme/app.git")).unwrap();
    let server = HttpServer::start(&scene.machine.path(""), login).await;
    (scene, server)
}

fn is_ack(message: &Value, delivery: &str) -> bool {
    message["control"]["name"] == "ack" && message["control"]["params"]["delivery_id"] == delivery
}

async fn acknowledged(scene: &Scene, delivery: &str) {
    let is_there = |hub: &crate::support::fake_hub::FakeHub| {
        hub.heard()
            .iter()
            .any(|message| is_ack(message, delivery))
            .then_some(())
    };
    scene
        .hub
        .wait_until("the delivery is acknowledged", is_there)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c3_a_push_of_the_hub_is_planned_once_however_often_it_is_delivered() {
    let (mut scene, server) = told(ONE_GOAL, None).await;
    scene.machine.start_with_hub();
    scene.stands("connected");
    let first = scene.machine.git(&["rev-parse", "HEAD"]);
    let sha = scene.machine.commit("change", &[("README.md", "hello")]);
    let event = push_event(&server, "d-1", "push-1", Some(&first), &sha);
    scene.hub.say(&event);
    acknowledged(&scene, "d-1").await;
    let status = scene.hub.answer_to("c-d-1", "status").await;
    assert_eq!(
        (&status["status"]["code"], &status["event"]),
        (&json!(0), &json!("OnPush"))
    );
    assert_eq!(status["team"]["id"], "A1");
    let set = scene.machine.ended_set_of(&sha);
    assert_eq!(
        (&set["state"], &set["repo"]),
        (&json!("success"), &json!("acme/app"))
    );
    scene
        .hub
        .wait_until("the hub knows the goal under its own name of the forge", |hub| {
            let goals = hub.written("ingestCustomSdmGoal");
            let last = goals.last()?;
            (last["state"] == "success" && last["repo"]["providerId"] == "ghe_1").then_some(())
        })
        .await;
    // The same delivery, the same push in another delivery, and both again after a restart.
    scene.hub.say(&event);
    scene
        .hub
        .say(&push_event(&server, "d-2", "push-1", Some(&first), &sha));
    scene.hub.answer_to("c-d-2", "status").await;
    scene.machine.kill();
    scene.machine.start_with_hub();
    scene.stands("connected");
    scene.hub.say(&event);
    scene
        .hub
        .say(&push_event(&server, "d-3", "push-1", Some(&first), &sha));
    let last = scene.hub.answer_to("c-d-3", "status").await;
    assert!(
        last["status"]["reason"].as_str().unwrap().ends_with("was known"),
        "{last}"
    );
    assert_eq!(scene.machine.goal_sets().len(), 1);
    scene
        .machine
        .wait_until("every answer is with the hub", |machine| {
            let hub = machine.status()?["hub"].clone();
            (hub["answers_waiting"] == 0 && hub["deliveries_open"] == 0).then_some(())
        });
}

#[tokio::test(flavor = "multi_thread")]
async fn c7_an_acknowledged_push_survives_a_kill_and_a_forge_that_refuses() {
    let (mut scene, server) = told(ONE_GOAL, Some("bot:CANARY")).await;
    scene.machine.start_with_hub();
    scene.stands("connected");
    let first = scene.machine.git(&["rev-parse", "HEAD"]);
    let sha = scene.machine.commit("change", &[("README.md", "hello")]);
    scene
        .hub
        .say(&push_event(&server, "d-1", "push-1", Some(&first), &sha));
    acknowledged(&scene, "d-1").await;
    scene.log_says("has to wait");
    scene.machine.kill();
    let origin = server.url("").trim_end_matches('/').to_owned();
    std::fs::write(scene.machine.path("secret"), "CANARY\n").unwrap();
    let secret = scene.machine.path("secret");
    scene.configure(&format!(
        "logins:\n  '{origin}': {{user: bot, secret_file: '{}'}}\n",
        secret.display()
    ));
    scene.machine.start_with_hub();
    let status = scene.hub.answer_to("c-d-1", "status").await;
    assert_eq!(status["status"]["code"], 0);
    assert_eq!(scene.machine.ended_set_of(&sha)["state"], "success");
    assert!(!scene.machine.daemon_log().contains("CANARY"));
}

#[tokio::test(flavor = "multi_thread")]
async fn c4_pushes_that_come_late_get_their_goals_and_leave_the_branch_where_it_is() {
    let (mut scene, server) = told(ONE_GOAL, None).await;
    scene.machine.start_with_hub();
    scene.stands("connected");
    let first = scene.machine.git(&["rev-parse", "HEAD"]);
    let second = scene.machine.commit("second", &[("README.md", "2")]);
    let third = scene.machine.commit("third", &[("README.md", "3")]);
    scene
        .hub
        .say(&push_event(&server, "d-2", "push-2", Some(&second), &third));
    scene.hub.answer_to("c-d-2", "status").await;
    scene
        .hub
        .say(&push_event(&server, "d-1", "push-1", Some(&first), &second));
    scene.hub.answer_to("c-d-1", "status").await;
    for sha in [&second, &third] {
        assert_eq!(scene.machine.ended_set_of(sha)["state"], "success");
    }
    let fourth = scene.machine.commit("fourth", &[("README.md", "4")]);
    scene
        .hub
        .say(&push_event(&server, "d-3", "push-3", Some(&third), &fourth));
    let status = scene.hub.answer_to("c-d-3", "status").await;
    assert!(
        status["status"]["reason"].as_str().unwrap().ends_with("accepted"),
        "{status}"
    );
    scene.machine.ended_set_of(&fourth);
    assert_eq!(scene.machine.goal_sets().len(), 3);
}

/// A goal that goes on until there is a file, or until it is canceled.
const SUPERSEDED: &str = r#"
rules:
  - name: newest
    goals: [cancel]
  - name: build
    goals: {name: compile, execute: {run: [sh, -c, 'while [ ! -e "$HOME/go-on" ]; do sleep 0.05; done']}}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn c4_cn_04_a_push_that_comes_late_makes_way_for_the_newer_one() {
    let (mut scene, server) = told(SUPERSEDED, None).await;
    scene.machine.start_with_hub();
    scene.stands("connected");
    let first = scene.machine.git(&["rev-parse", "HEAD"]);
    let second = scene.machine.commit("second", &[("README.md", "2")]);
    let third = scene.machine.commit("third", &[("README.md", "3")]);
    scene
        .hub
        .say(&push_event(&server, "d-2", "push-2", Some(&second), &third));
    scene.hub.answer_to("c-d-2", "status").await;
    scene
        .hub
        .say(&push_event(&server, "d-1", "push-1", Some(&first), &second));
    let late = scene.machine.ended_set_of(&second);
    assert_eq!(late["state"], "canceled", "{late}");
    let goals = late["goals"].as_array().unwrap();
    let described = |name: &str| {
        let goal = goals.iter().find(|goal| goal["name"] == name);
        goal.unwrap_or_else(|| panic!("{late}"))["description"].to_string()
    };
    let reason = format!("superseded by {}", &third[..7]);
    for name in ["compile", "cancel"] {
        assert!(described(name).contains(&reason), "{}", described(name));
    }
    std::fs::write(scene.machine.path("home/go-on"), "").unwrap();
    assert_eq!(scene.machine.ended_set_of(&third)["state"], "success");
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_hear_of_what_the_forge_tells_the_hub() {
    let mut scene = Scene::new(LISTENER).await;
    scene.machine.start_with_hub();
    scene.stands("connected");
    let registration = scene.hub.registrations().remove(0);
    let names: Vec<&str> = registration["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            event["subscription"]
                .as_str()
                .unwrap()
                .split_whitespace()
                .nth(1)
                .unwrap()
        })
        .collect();
    assert_eq!(
        names,
        ["OnPush", "OnIssue"],
        "what nobody waits for is not asked for"
    );
    let issue = |number: u64, action: &str| {
        json!({
            "data": {"Issue": [{"number": number, "action": action, "title": "it $(touch CANARY) breaks", "openedBy": {"login": "jess"},
                "repo": {"owner": "acme", "name": "app"}}]},
            "extensions": {"team_id": "A1", "operationName": "OnIssue", "correlation_id": format!("i-{number}"), "delivery_id": format!("i-{number}")},
            "secrets": []
        })
    };
    scene.hub.say(&issue(7, "opened"));
    scene.hub.say(&issue(8, "closed"));
    scene.hub.say(&issue(7, "opened"));
    scene.hub.answer_to("i-8", "status").await;
    let heard = scene.machine.wait_until("the listener has run", |machine| {
        std::fs::read_to_string(machine.path("home/issues"))
            .ok()
            .filter(|text| text.ends_with('\n'))
    });
    assert_eq!(heard, "acme/app#7 by jess\n");
    let mut foreign = issue(9, "opened");
    foreign["extensions"]["team_id"] = json!("B2");
    scene.hub.say(&foreign);
    let status = scene.hub.answer_to("i-9", "status").await;
    assert_eq!(
        status["status"],
        json!({"code": 1, "reason": "this machine does not wait for `OnIssue` of `B2`"})
    );
    scene.machine.write_goals(ONE_GOAL);
    scene
        .hub
        .wait_until("other goal files are announced", |hub| {
            let registration = hub.registrations().pop()?;
            (registration["events"].as_array()?.len() == 1).then_some(())
        })
        .await;
    scene.stands("connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn c5_a_push_of_what_the_forge_does_not_have_is_stale_and_holds_up_no_other() {
    let (mut scene, server) = told(ONE_GOAL, None).await;
    scene.machine.start_with_hub();
    scene.stands("connected");
    let nothing = "e".repeat(40);
    let stale = push_event(&server, "d-stale", "push-stale", None, &nothing);
    scene.hub.say(&stale);
    let sha = scene.machine.commit("change", &[("README.md", "2")]);
    scene
        .hub
        .say(&push_event(&server, "d-next", "push-next", None, &sha));
    let answered = scene.hub.answer_to("c-d-stale", "status").await;
    assert_eq!(answered["status"]["code"], 1, "{answered}");
    let reason = answered["status"]["reason"].as_str().unwrap();
    assert!(reason.contains("is stale"), "{reason}");
    assert_eq!(scene.machine.ended_set_of(&sha)["state"], "success");
    assert_eq!(scene.machine.goal_sets().len(), 1, "nothing was planned for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn c6_each_goal_runs_on_its_own_commit_whatever_becomes_of_the_branch() {
    let (mut scene, server) = told("", None).await;
    let (marks, go) = (scene.machine.path("marks"), scene.machine.path("go"));
    let script = format!(
        "git rev-parse HEAD >> {0}; until [ -e {1} ]; do sleep 0.02; done; git rev-parse HEAD >> {0}",
        marks.display(),
        go.display()
    );
    scene.machine.write_goals(&format!(
        "rules:\n  - name: build\n    goals: {{name: mark, execute: {{run: [sh, -c, '{script}']}}}}\n"
    ));
    scene.machine.set("SDM_PARALLEL", "4");
    scene.machine.start_with_hub();
    scene.stands("connected");
    let first = scene.machine.git(&["rev-parse", "HEAD"]);
    let one = scene.machine.commit("one", &[("README.md", "1")]);
    let two = scene.machine.commit("two", &[("README.md", "2")]);
    // The later push is told first, and while its goal runs the earlier one comes.
    scene
        .hub
        .say(&push_event(&server, "d-2", "push-2", Some(&one), &two));
    let lines = |count: usize| {
        scene.machine.wait_until("the goals run", |machine| {
            let marks = std::fs::read_to_string(machine.path("marks")).unwrap_or_default();
            (marks.lines().count() == count).then_some(marks)
        })
    };
    assert_eq!(lines(1).trim(), two);
    scene
        .hub
        .say(&push_event(&server, "d-1", "push-1", Some(&first), &one));
    lines(2);
    // The branch is forced elsewhere, then it is gone from the forge.
    scene.machine.git(&["reset", "--quiet", "--hard", &first]);
    let forced = scene.machine.commit("forced", &[("README.md", "3")]);
    scene
        .hub
        .say(&push_event(&server, "d-3", "push-3", Some(&two), &forced));
    lines(3);
    scene.machine.git(&["checkout", "--quiet", "--detach"]);
    scene.machine.git(&["branch", "-D", "main"]);
    std::fs::write(&go, "").unwrap();
    for sha in [&one, &two, &forced] {
        assert_eq!(scene.machine.ended_set_of(sha)["state"], "success", "{sha}");
    }
    let marks = lines(6);
    for sha in [&one, &two, &forced] {
        assert_eq!(
            marks.lines().filter(|line| *line == sha.as_str()).count(),
            2,
            "{marks}"
        );
    }
}

const SLOW: &str = r#"
rules:
  - name: build
    goals: {name: compile, execute: {run: [sh, -c, 'while [ ! -e "$HOME/go" ]; do sleep 0.05; done']}}
"#;

/// More than the machine looks at in one go.
const MANY: usize = 1_001;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_pushes_of_a_forge_that_is_away_hold_up_no_command_and_no_other_forge() {
    let (mut scene, server) = told(SLOW, None).await;
    scene.machine.start_with_hub();
    scene.stands("connected");
    let first = scene.machine.git(&["rev-parse", "HEAD"]);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for number in 0..MANY {
        let id = format!("gone-{number}");
        let mut event = push_event(&server, &id, &id, None, &first);
        // Half of them of one repository, the others each of one of its own.
        let name = match number % 2 {
            0 => "gone".to_owned(),
            _ => id,
        };
        event["data"]["Push"][0]["repo"] = json!({
            "id": name, "owner": "acme", "name": name, "url": format!("http://{nobody}/acme/{name}"), "defaultBranch": "main",
            "org": {"provider": {"providerId": "gone_1", "providerType": "ghe", "url": format!("http://{nobody}")}}
        });
        scene.hub.say(&event);
    }
    acknowledged(&scene, &format!("gone-{}", MANY - 1)).await;
    let sha = scene.machine.commit("change", &[("README.md", "hello")]);
    scene
        .hub
        .say(&push_event(&server, "d-1", "push-1", Some(&first), &sha));
    let set = scene.machine.set_of(&sha)["id"].as_str().unwrap().to_owned();
    scene.hub.say(&json!({
        "api_version": "1", "correlation_id": "c-1", "command": "sdm.cancel", "team": {"id": "A1"},
        "source": {"user_agent": "slack", "slack": {"team": {"id": "T1"}, "channel": {"id": "C1"}, "user": {"id": "U1"}}},
        "parameters": [{"name": "goal_set", "value": set}], "mapped_parameters": [{"name": "sdm.who", "value": "ada"}], "secrets": []
    }));
    assert_eq!(scene.hub.answer_to("c-1", "status").await["status"]["code"], 0);
    assert_eq!(scene.machine.ended_set_of(&sha)["state"], "canceled");
    let open = scene.machine.status().unwrap()["hub"]["deliveries_open"].as_u64();
    assert_eq!(open, Some(MANY as u64), "nothing that waits is lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn semantics_6_the_status_of_a_commit_links_to_its_goal_set_at_the_hub() {
    let (mut scene, server) = told(ONE_GOAL, None).await;
    let github = FakeGitHub::start("the-right-token").await;
    let token = scene.machine.path("token");
    std::fs::write(&token, "the-right-token").unwrap();
    scene.configure(&format!(
        "secrets:\n  forge: {{file: '{}'}}\nforges:\n  '{}': {{secret: forge, api: '{}'}}\n",
        token.display(),
        server.url("").trim_end_matches('/'),
        github.api(),
    ));
    scene.machine.start_with_hub();
    scene.stands("connected");
    let first = scene.machine.git(&["rev-parse", "HEAD"]);
    let sha = scene.machine.commit("change", &[("README.md", "hello")]);
    scene
        .hub
        .say(&push_event(&server, "d-1", "push-1", Some(&first), &sha));
    let set = scene.machine.ended_set_of(&sha);
    let told = scene.machine.wait_until("success is told", |_| {
        let mut statuses = github.statuses().into_iter();
        statuses.find(|status| status["state"] == "success")
    });
    assert_eq!((&told["sha"], &told["context"]), (&json!(sha), &json!("sdm/sdm")));
    let hub = scene.hub.url();
    let page = format!(
        "{}/workspaces/A1/goals/{}",
        hub.trim_end_matches('/'),
        set["id"].as_str().unwrap()
    );
    assert_eq!(told["target_url"], page.as_str());
    scene.machine.stop();
}
