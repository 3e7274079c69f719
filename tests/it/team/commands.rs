//! Commands that people give by way of the hub.

use serde_json::{Value, json};

use super::scene::Scene;

const GOALS: &str = r#"
rules:
  - name: build
    goals:
      - {name: publish, execute: {run: [cat, README.md]}, pre_approval: {by: [ada]}}
commands:
  - name: greet
    intent: [greet somebody, {pattern: '^welcome (\w+)$'}]
    description: Greets somebody
    parameters:
      name: {pattern: "^[a-z]+$", valid_input: lower case letters}
      loud: {type: boolean, default: false}
    run: [sh, -c, 'echo "$1" >> "$HOME/greeted"; printf "{\"message\": \"greeted $1\"}" > "$ATOMIST_RESULT"', greet, "${parameters.name}"]
  - name: unlock
    parameters:
      code: {secret: true}
    run: [sh, -c, 'printf %s "$SDM_PARAMETER_CODE" | wc -c > "$HOME/unlocked"']
  - name: wait
    run: [sh, -c, 'while [ ! -e "$HOME/go" ]; do sleep 0.05; done']
"#;

fn command(correlation: &str, name: &str, parameters: &[(&str, &str)]) -> Value {
    let given: Vec<Value> = parameters
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    json!({
        "api_version": "1", "correlation_id": correlation, "command": name, "team": {"id": "A1"},
        "source": {"user_agent": "slack", "slack": {"team": {"id": "T1"}, "channel": {"id": "C1"}, "user": {"id": "U1"}}},
        "parameters": given, "mapped_parameters": [{"name": "sdm.who", "value": "ada"}], "secrets": []
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_announced_runs_once_and_is_answered_where_it_was_asked() {
    let mut scene = Scene::new(GOALS).await;
    scene.machine.start_with_hub();
    scene.stands("connected");
    let registration = scene.hub.registrations().remove(0);
    let commands = registration["commands"].as_array().unwrap();
    let names: Vec<&str> = commands
        .iter()
        .map(|command| command["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "greet",
            "unlock",
            "wait",
            "sdm.approve",
            "sdm.deny",
            "sdm.cancel",
            "sdm.retry",
            "sdm.reset"
        ]
    );
    assert_eq!(
        commands[0]["intent"],
        json!(["greet somebody", r"^welcome (\w+)$"])
    );
    assert_eq!(commands[0]["parameters"][0]["pattern"], "^[a-z]+$");
    assert_eq!(commands[0]["parameters"][1]["type"], "boolean");
    scene.hub.say(&command("c-1", "greet", &[("name", "jess")]));
    scene.hub.say(&command("c-1", "greet", &[("name", "jess")]));
    let message = scene.hub.answer_to("c-1", "body").await;
    assert_eq!(
        (&message["body"], &message["content_type"]),
        (&json!("greeted jess"), &json!("text/plain"))
    );
    assert!(
        message["destinations"][0]["slack"].get("user").is_none(),
        "{message}"
    );
    let status = scene.hub.answer_to("c-1", "status").await;
    assert_eq!(status["status"]["code"], 0);
    assert_eq!(status["source"]["slack"]["user"]["id"], "U1");
    scene.hub.say(&command("c-1", "greet", &[("name", "jess")]));
    scene
        .hub
        .say(&command("c-2", "greet", &[("name", "X $(touch CANARY)")]));
    let refused = scene.hub.answer_to("c-2", "status").await;
    assert_eq!(refused["status"]["code"], 1);
    assert!(
        refused["status"]["reason"]
            .as_str()
            .unwrap()
            .contains("lower case letters"),
        "{refused}"
    );
    scene.hub.say(&command("c-3", "unheard of", &[]));
    assert_eq!(scene.hub.answer_to("c-3", "status").await["status"]["code"], 1);
    assert_eq!(
        std::fs::read_to_string(scene.machine.path("home/greeted")).unwrap(),
        "jess\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn e1_a_secret_parameter_reaches_the_command_and_no_database() {
    let mut scene = Scene::new(GOALS).await;
    scene.machine.start_with_hub();
    scene.stands("connected");
    scene
        .hub
        .say(&command("c-1", "unlock", &[("code", "CANARY-4711")]));
    assert_eq!(scene.hub.answer_to("c-1", "status").await["status"]["code"], 0);
    let length = std::fs::read_to_string(scene.machine.path("home/unlocked")).unwrap();
    assert_eq!(length.trim(), "11");
    scene.machine.stop();
    let database = std::fs::read(scene.machine.path("state/sdm.db")).unwrap();
    assert!(!database.windows(11).any(|window| window == b"CANARY-4711"));
    assert!(!scene.machine.daemon_log().contains("CANARY-4711"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_outlives_the_machine_and_its_answer_a_hub_that_is_away() {
    let mut scene = Scene::new(GOALS).await;
    scene.machine.start_with_hub();
    scene.stands("connected");
    scene.hub.say(&command("c-1", "wait", &[]));
    scene.machine.wait_until("the command runs", |machine| {
        let errands = machine.json(&["show", "errands"]);
        (errands["errands"][0]["state"] == "in_process").then_some(())
    });
    scene.hub.go_away();
    scene.machine.kill();
    scene.machine.start_with_hub();
    std::fs::write(scene.machine.path("home/go"), "").unwrap();
    scene.machine.wait_until("its answer waits", |machine| {
        (machine.status()?["hub"]["answers_waiting"] == 1).then_some(())
    });
    scene.hub.recover();
    assert_eq!(scene.hub.answer_to("c-1", "status").await["status"]["code"], 0);
    scene.machine.wait_until("no answer waits", |machine| {
        (machine.status()?["hub"]["answers_waiting"] == 0).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn people_act_on_goals_by_way_of_the_hub_and_the_machine_decides() {
    let mut scene = Scene::new(GOALS).await;
    let repo = scene.machine.repo();
    scene.configure(&format!("repositories: ['{}']\ntrust: all\n", repo.display()));
    scene.machine.start_with_hub();
    scene.stands("connected");
    let sha = scene.machine.commit("change", &[("README.md", "hello")]);
    let set = scene.machine.set_of(&sha)["id"].as_str().unwrap().to_owned();
    let act = |correlation: &str, name: &str, who: Option<&str>| {
        let mut act = command(correlation, name, &[("goal_set", &set), ("goal", "publish")]);
        act["mapped_parameters"] = match who {
            Some(who) => json!([{"name": "sdm.who", "value": who}]),
            None => json!([]),
        };
        act
    };
    scene.hub.say(&act("c-1", "sdm.approve", None));
    let nobody = scene.hub.answer_to("c-1", "status").await;
    assert_eq!(
        nobody["status"],
        json!({"code": 1, "reason": "the hub does not say who asks"})
    );
    scene.hub.say(&act("c-2", "sdm.approve", Some("bob")));
    let refused = scene.hub.answer_to("c-2", "status").await;
    assert!(
        refused["status"]["reason"]
            .as_str()
            .unwrap()
            .contains("bob is not among those who may confirm"),
        "{refused}"
    );
    scene.hub.say(&act("c-3", "sdm.approve", Some("ada")));
    assert_eq!(scene.hub.answer_to("c-3", "status").await["status"]["code"], 0);
    assert_eq!(scene.machine.ended_set_of(&sha)["state"], "success");
    scene
        .hub
        .wait_until("the hub knows who approved", |hub| {
            let goals = hub.written("ingestCustomSdmGoal");
            goals
                .iter()
                .any(|goal| goal["preApproval"]["userId"] == "ada")
                .then_some(())
        })
        .await;
    let other = scene.machine.commit("other", &[("README.md", "again")]);
    let set = scene.machine.set_of(&other)["id"].as_str().unwrap().to_owned();
    scene
        .hub
        .say(&command("c-4", "sdm.cancel", &[("goal_set", &set)]));
    assert_eq!(scene.hub.answer_to("c-4", "status").await["status"]["code"], 0);
    assert_eq!(scene.machine.ended_set_of(&other)["state"], "canceled");
    scene.hub.say(&command(
        "c-5",
        "sdm.retry",
        &[("goal_set", "nonsense"), ("goal", "publish")],
    ));
    assert_eq!(scene.hub.answer_to("c-5", "status").await["status"]["code"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn d1_nobody_confirms_their_own_commits_under_the_name_that_they_have_at_the_hub() {
    let mut scene = Scene::new(
        "rules: [{name: ship, goals: [{name: publish, execute: {run: [cat, README.md]}, pre_approval: {not_author: true}}]}]",
    )
    .await;
    let repo = scene.machine.repo();
    scene.configure(&format!("repositories: ['{}']\ntrust: all\n", repo.display()));
    scene.machine.start_with_hub();
    scene.stands("connected");
    std::fs::write(repo.join("README.md"), "hello").unwrap();
    scene.machine.git(&["add", "--all"]);
    let author = "Ada <1+ada@users.noreply.github.com>";
    scene.machine.git(&[
        "commit",
        "--quiet",
        "--allow-empty",
        "-m",
        "change",
        "--author",
        author,
    ]);
    let sha = scene.machine.git(&["rev-parse", "HEAD"]);
    let set = scene.machine.set_of(&sha)["id"].as_str().unwrap().to_owned();
    let act = |correlation: &str, who: &str, known_as: &[&str]| {
        let mut act = command(
            correlation,
            "sdm.approve",
            &[("goal_set", &set), ("goal", "publish")],
        );
        act["mapped_parameters"] = json!([{"name": "sdm.who", "value": who}]);
        act["known_as"] = json!(known_as);
        act
    };
    scene
        .hub
        .say(&act("c-1", "ada-x1y2", &["ada", "ada@home.example"]));
    let refused = scene.hub.answer_to("c-1", "status").await;
    let reason = refused["status"]["reason"].as_str().unwrap();
    assert!(
        reason.contains("ada-x1y2 wrote commits of this push"),
        "{refused}"
    );
    scene.hub.say(&act("c-2", "grace-1", &["grace"]));
    assert_eq!(scene.hub.answer_to("c-2", "status").await["status"]["code"], 0);
    assert_eq!(scene.machine.ended_set_of(&sha)["state"], "success");
}

const TRANSFORM: &str = r#"
rules:
  - name: build
    goals: {name: compile, execute: {run: [cat, README.md]}}
commands:
  - name: logo
    dry_run: true
    transform: {run: [touch, logo]}
  - name: greet
    run: [echo, hello]
"#;

/// A machine in team mode that watches its test repository by itself.
async fn watching(goals: &str) -> Scene {
    let mut scene = Scene::new(goals).await;
    let repo = scene.machine.repo();
    scene.configure(&format!("repositories: ['{}']\ntrust: all\n", repo.display()));
    scene.machine.start_with_hub();
    scene.stands("connected");
    scene
}

#[tokio::test(flavor = "multi_thread")]
async fn semantics_5_5_a_transform_that_only_shows_is_applied_by_way_of_the_hub() {
    let scene = watching(TRANSFORM).await;
    let registration = scene.hub.registrations().remove(0);
    let of = |number: usize| {
        let parameters = registration["commands"][number]["parameters"].as_array().unwrap();
        let mut found = parameters.iter();
        found.find(|parameter| parameter["name"] == "dry-run").cloned()
    };
    let dry_run = of(0).unwrap();
    assert_eq!(
        (&dry_run["type"], &dry_run["default_value"], &dry_run["required"]),
        (&json!("boolean"), &json!("true"), &json!(false))
    );
    assert_eq!(of(1), None, "a program may change what it likes");
    let say = async |correlation: &str, name: &str, parameters: &[(&str, &str)]| {
        scene.hub.say(&command(correlation, name, parameters));
        scene.hub.answer_to(correlation, "status").await["status"].clone()
    };
    let branches = || scene.machine.git(&["branch", "--list", "transform/*"]);
    let target = ("targets.repo", "acme/app");
    assert_eq!(say("c-1", "logo", &[target]).await["code"], 0);
    assert_eq!(branches(), "", "as its author has it");
    let status = say("c-2", "logo", &[target, ("dry-run", "perhaps")]).await;
    assert_eq!(
        (&status["code"], &status["reason"]),
        (&json!(1), &json!("`dry-run` is `true` or `false`"))
    );
    assert_eq!(
        say("c-3", "logo", &[target, ("dry-run", "false")]).await["code"],
        0
    );
    assert_eq!(branches(), "transform/logo");
    assert_eq!(say("c-4", "greet", &[("dry-run", "true")]).await["code"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn semantics_5_8_goals_are_set_again_by_way_of_the_hub_and_once() {
    let scene = watching(TRANSFORM).await;
    let sha = scene.machine.commit("change", &[("README.md", "again")]);
    let set = scene.machine.ended_set_of(&sha)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let of_commit = || {
        let all = scene.machine.goal_sets().into_iter();
        all.filter(|set| set["sha"] == sha.as_str()).count()
    };
    for _ in 0..2 {
        scene.hub.say(&command("c-1", "sdm.reset", &[("goal_set", &set)]));
    }
    let status = scene.hub.answer_to("c-1", "status").await["status"].clone();
    assert_eq!(status["code"], 0, "{status}");
    assert!(
        status["reason"]
            .as_str()
            .unwrap()
            .starts_with("the goals are set again as "),
        "{status}"
    );
    assert_eq!(of_commit(), 2, "however often it is delivered");
    scene
        .hub
        .say(&command("c-2", "sdm.reset", &[("goal_set", "nonsense")]));
    assert_eq!(scene.hub.answer_to("c-2", "status").await["status"]["code"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn semantics_5_2_the_token_of_the_hub_reaches_the_command_that_declares_it_and_no_database() {
    const LIST: &str = r#"
rules: [{name: build, goals: {name: compile, execute: {run: [cat, README.md]}}}]
commands:
  - name: list
    parameters: {token: {org_token: true, required: true}}
    run: [sh, -c, 'printf %s "$SDM_PARAMETER_TOKEN" | wc -c > "$HOME/listed"']
"#;
    let mut scene = Scene::new(LIST).await;
    scene.machine.start_with_hub();
    scene.stands("connected");
    let registration = scene.hub.registrations().remove(0);
    assert_eq!(
        registration["commands"][0]["secrets"],
        json!([{"uri": "github://org_token"}])
    );
    let with = |correlation: &str, value: &str| {
        let mut command = command(correlation, "list", &[]);
        command["secrets"] = json!([{"uri": "github://org_token", "value": value}]);
        command
    };
    scene.hub.say(&with("c-1", "null"));
    let refused = scene.hub.answer_to("c-1", "status").await;
    assert_eq!(refused["status"]["code"], 1, "{refused}");
    scene.hub.say(&with("c-2", "CANARY-4712"));
    assert_eq!(scene.hub.answer_to("c-2", "status").await["status"]["code"], 0);
    let length = std::fs::read_to_string(scene.machine.path("home/listed")).unwrap();
    assert_eq!(length.trim(), "11");
    scene.machine.stop();
    let database = std::fs::read(scene.machine.path("state/sdm.db")).unwrap();
    assert!(!database.windows(11).any(|window| window == b"CANARY-4712"));
    assert!(!scene.machine.daemon_log().contains("CANARY-4712"));
}
