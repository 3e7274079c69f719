//! Commands that make repositories (semantics 5.6; CM-14), with the real program.

use std::path::PathBuf;

use crate::support::git_servers::HttpServer;
use crate::support::local::{LocalMachine, state_of};

const SERVICE: &str = r#"
commands:
  - name: new service
    parameters:
      owner: {default: acme}
      name: {pattern: "^[a-z./]+$"}
      port: {type: number}
    generate:
      seed: acme/app
      author: "Ada <ada@example.com>"
      steps:
        - {name: rename, run: [sh, -c, "echo \"${parameters.name}\" at ${parameters.port} > NAME"]}
        - {name: for others, test: {has_file: nowhere}, run: ["false"]}
  - {name: lint all, run: [lint]}
on:
  - {name: welcome, event: RepoCreated, run: [echo, "welcome ${event.repo.slug} of ${event.sender.login}"]}
rules:
  - name: all
    goals: {name: look, execute: {run: [cat, NAME]}}
"#;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn cm_14_a_new_repository_has_the_files_of_its_seed_and_a_history_of_its_own() {
    let mut machine = LocalMachine::new(SERVICE);
    machine.start();
    let seed = machine.commit("second", &[("src/main", "x"), (".gitignore", "NAMES\n")]);
    machine.ended_set_of(&seed);
    let listed = machine.sdm(&["do", "list", "generators"]);
    let shown = text(&listed.stdout);
    assert!(
        shown.contains("new service") && !shown.contains("lint all"),
        "{shown}"
    );
    let missing = machine.sdm(&["do", "new", "service", "--port=80"]);
    assert_eq!(missing.status.code(), Some(4));
    assert!(text(&missing.stderr).contains("--name: it is needed"));
    let words = ["do", "new", "service", "--name=orders", "--port=80"];
    let dry = machine.sdm(&[&words[..], &["--dry-run"]].concat());
    let (out, err) = (text(&dry.stdout), text(&dry.stderr));
    assert!(
        dry.status.success() && out.contains("+++ b/NAME\n@@ -0,0 +1 @@\n+orders at 80\n"),
        "{out}{err}"
    );
    assert!(err.contains("Would make acme/orders of acme/app"), "{err}");
    let path = machine.path("acme/orders");
    assert!(!path.exists(), "a dry run makes nothing");

    let output = machine.sdm(&words);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("Made acme/orders in "),
        "{}",
        text(&output.stderr)
    );
    let git = |words: &[&str]| machine.git_in(&path, words);
    let short = seed.get(..7).unwrap();
    let log = git(&["log", "--format=%an|%cn|%B"]);
    let wanted = format!(
        "Ada|sdm|Initial commit\n\nGenerated from acme/app at {short}.\n\n[atomist:generated] \
         [atomist:generate=new_service]\n\nSdm-Generated: new service\nSdm-Goal-Set: "
    );
    assert!(
        log.starts_with(&wanted) && git(&["rev-list", "--count", "main"]) == "1",
        "{log}"
    );
    assert_eq!(git(&["ls-files"]), ".gitignore\nNAME\nREADME.md\nsrc/main");
    assert_eq!(
        (
            git(&["status", "--porcelain"]),
            git(&["branch", "--show-current"])
        ),
        (String::new(), "main".to_owned())
    );
    assert_eq!(git(&["show", "HEAD:NAME"]), "orders at 80");

    machine.wait_until("it is watched", |machine| {
        let status = machine.status()?;
        let repositories = status["repositories"].as_array()?.clone();
        repositories
            .iter()
            .find(|one| one["repo"] == "acme/orders" && one["trusted"] == true)
            .map(|_| ())
    });
    machine.wait_until("listeners hear of it", |machine| {
        let shown = machine.json(&["show", "errands", "--of", "welcome"]);
        (shown["errands"][0]["state"] == "success").then_some(())
    });
    std::fs::write(path.join("new"), "").unwrap();
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "-m", "by hand"]);
    let set = machine.ended_set_of(&git(&["rev-parse", "HEAD"]));
    assert_eq!(state_of(&set, "look"), "success");

    let again = machine.sdm(&words);
    assert_eq!(again.status.code(), Some(1));
    assert!(
        text(&again.stderr).contains("is there already"),
        "{}",
        text(&again.stderr)
    );
    let log_of = |state: &str| {
        let is_meant =
            |set: &serde_json::Value| set["goals"][0]["name"] == "new service" && set["state"] == state;
        let set = machine.goal_sets().into_iter().find(is_meant).expect(state);
        text(&machine.sdm(&["logs", set["id"].as_str().unwrap()]).stdout)
    };
    assert!(log_of("success").contains("runs "));
    assert!(
        !log_of("failure").contains("runs "),
        "nothing ran: {}",
        log_of("failure")
    );
    assert_eq!(git(&["log", "-1", "--format=%s"]), "by hand");
    machine.stop();
}

#[test]
fn d8_a_name_that_leads_elsewhere_is_refused_before_anything_runs() {
    let mut machine = LocalMachine::new(SERVICE);
    machine.start();
    for name in ["../x", "..", ".git", "a/b"] {
        let output = machine.sdm(&["do", "new", "service", "--port=1", &format!("--name={name}")]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(
            text(&output.stderr).contains("cannot be the name of a new repository"),
            "{name}: {}",
            text(&output.stderr)
        );
    }
    let made: Vec<_> = std::fs::read_dir(machine.path("acme")).unwrap().collect();
    assert_eq!(made.len(), 1, "{made:?}");
    machine.stop();
}

/// A repository that no machine watches.
fn seed_beside(machine: &LocalMachine) -> PathBuf {
    let path = machine.path("seeds/acme/seed");
    std::fs::create_dir_all(&path).unwrap();
    machine.git_in(&path, &["init", "--quiet", "--initial-branch=trunk", "."]);
    std::fs::write(path.join("seeded"), "x\n").unwrap();
    machine.git_in(&path, &["add", "--all"]);
    machine.git_in(&path, &["commit", "--quiet", "-m", "seed"]);
    path
}

fn goals(seed: &str, rest: &str) -> String {
    format!(
        "commands: [{{name: make, parameters: {{repo: {{}}}}, generate: {{seed: '{seed}', repo: '${{parameters.repo}}'{rest}}}}}]"
    )
}

#[test]
fn cm_14_a_seed_may_be_a_directory_that_nobody_watches() {
    let mut machine = LocalMachine::new("rules: []");
    let seed = seed_beside(&machine);
    machine.write_goals(&goals(&seed.display().to_string(), ", branch: main"));
    machine.start();
    let output = machine.sdm(&["do", "make", "--repo=made/one"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let made = machine.path("seeds/made/one");
    assert_eq!(machine.git_in(&made, &["rev-list", "--count", "main"]), "1");
    assert_eq!(machine.git_in(&made, &["show", "main:seeded"]), "x");
    assert_eq!(
        machine.git_in(&seed, &["branch", "--format=%(refname:short)"]),
        "trunk"
    );
    machine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn cm_14_a_seed_may_be_elsewhere_and_then_the_place_is_said() {
    let mut machine = LocalMachine::new("rules: []");
    seed_beside(&machine);
    let server = HttpServer::start(&machine.path("seeds"), None).await;
    machine.write_goals(&goals(&server.url("acme/seed"), ""));
    machine.start();
    let output = machine.sdm(&["do", "make", "--repo=made/one"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("must say where it goes"),
        "{}",
        text(&output.stderr)
    );
    machine.stop();
    let below = machine.path("made");
    machine.write_goals(&goals(
        &server.url("acme/seed"),
        &format!(", below: '{}'", below.display()),
    ));
    machine.start();
    let output = machine.sdm(&["do", "make", "--repo=ours/one"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(
        machine.git_in(&below.join("ours/one"), &["show", "main:seeded"]),
        "x"
    );
    machine.stop();
    machine.write_goals(&goals(&server.url("acme/seed"), ", below: /proc/nope"));
    machine.start();
    let output = machine.sdm(&["do", "make", "--repo=ours/two"]);
    assert_eq!(output.status.code(), Some(1), "it is not tried for ever");
    assert!(
        text(&output.stderr).contains("/proc/nope"),
        "{}",
        text(&output.stderr)
    );
    machine.stop();
}

#[test]
fn j2_a_repository_that_somebody_says_was_made_is_watched_and_not_trusted() {
    let mut machine = LocalMachine::new("on: [{name: heard, event: RepoCreated, run: [echo, heard]}]");
    seed_beside(&machine);
    machine.start();
    let said = |path: &str| {
        let payload = serde_json::json!({"repo": {"path": path}}).to_string();
        machine.ok(&["emit", "RepoCreated", &payload]);
    };
    said(machine.path("seeds").to_str().unwrap());
    said("relative/path");
    said(machine.path("seeds/acme/seed").to_str().unwrap());
    let watched = |machine: &LocalMachine| {
        machine.status().unwrap()["repositories"]
            .as_array()
            .unwrap()
            .clone()
    };
    machine.wait_until("it is watched", |machine| {
        (watched(machine).len() == 2).then_some(())
    });
    let all = watched(&machine);
    let seed = all.iter().find(|one| one["repo"] == "acme/seed").unwrap();
    assert_eq!(seed["trusted"], false, "{all:?}");
    machine.stop();
}
