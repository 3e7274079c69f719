//! Secrets of goals (semantics 3.20; threats E1 to E6): the real program, and a value that must be found nowhere.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::statuses::Scene;
use crate::support::local::{LocalMachine, state_of};
use crate::support::podman::{IMAGE, NOBODY, Podman};

const CANARY: &str = "canary/Pa55+word&\"x";

/// A machine whose configuration knows these secrets.
fn machine(goals: &str, secrets: &str) -> LocalMachine {
    let mut machine = LocalMachine::new(goals);
    let config = machine.path("config.yaml");
    fs::write(&config, format!("secrets:\n{secrets}")).unwrap();
    fs::write(machine.path("value"), format!("{CANARY}\n")).unwrap();
    machine.set("SDM_CONFIG", config.to_str().unwrap());
    machine
}

/// Every file below a path with its content.
fn files_below(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut open = vec![root.to_owned()];
    let mut files = Vec::new();
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(metadata) = fs::symlink_metadata(&path) else {
                continue;
            };
            if metadata.is_dir() {
                open.push(path);
            } else if metadata.is_file() {
                files.push((path.clone(), fs::read(&path).unwrap_or_default()));
            }
        }
    }
    files
}

/// The forms in which a value must not be found.
fn forms(value: &str) -> Vec<String> {
    let json = serde_json::to_string(value).unwrap();
    vec![
        value.to_owned(),
        BASE64_STANDARD.encode(value),
        value.bytes().map(|byte| format!("{byte:02x}")).collect(),
        json[1..json.len() - 1].to_owned(),
        value.chars().rev().collect(),
    ]
}

fn assert_nowhere(machine: &LocalMachine) {
    for root in ["state", "run", "daemon.log"] {
        let path = machine.path(root);
        let mut files = files_below(&path);
        if path.is_file() {
            files.push((path.clone(), fs::read(&path).unwrap()));
        }
        for (path, content) in files {
            for form in forms(CANARY) {
                let found = content
                    .windows(form.len())
                    .any(|window| window == form.as_bytes());
                assert!(!found, "{form} in {}", path.display());
            }
        }
    }
}

const PRINTS: &str = r#"
rules:
  - name: build
    goals:
      - name: prints
        execute: {run: [sh, ./print.sh]}
        secrets:
          - {name: token, env: TOKEN, file: config/token, file_env: TOKEN_FILE, descriptor: TOKEN_FD}
        output: [{classifier: all, paths: ['*']}]
      - name: after
        execute: {run: [sh, -c, 'ls -A config | wc -l; echo "[$TOKEN]"']}
        input: [all]
"#;

/// Prints the secret in many forms, and reports it.
const SCRIPT: &str = r#"
echo "env $TOKEN"
echo "file $(cat "$TOKEN_FILE") $(stat -c %a "$TOKEN_FILE")"
echo "path $(cat config/token) $(stat -c %a config/token)"
echo "pipe $(cat "$TOKEN_FD")"
echo "code $(printf %s "$TOKEN" | base64)"
printf %s "$TOKEN" | od -An -tx1 | sed 's/^/digits /'
printf %s "$TOKEN" | od -An -tx1 | tr -d ' \n' | fold -w 24 | sed 's/^/row/'
(echo "some: prefix"; cat "$TOKEN_FILE") | base64 -w 20
echo "reversed $(printf %s "$TOKEN" | rev)"
echo "atm:phase=at $TOKEN"
escaped=$(printf %s "$TOKEN" | sed 's/"/\\"/g')
address=$(printf %s "$TOKEN" | sed 's,/,%2F,; s,+,%2B,; s,&,%26,; s,",%22,')
printf '{"description": "did %s", "data": {"k": "%s"}, "externalUrls": [{"url": "http://x/%s"}]}' "$escaped" "$escaped" "$address" > "$ATOMIST_RESULT"
"#;

#[test]
fn ex_17_e1_e3_e4_a_secret_is_given_in_every_way_and_found_nowhere() {
    let mut machine = machine(PRINTS, "  token: {file: value}\n");
    machine.start();
    let set = machine.carried_out("second", &[("print.sh", SCRIPT)]);
    let log = machine.ok(&["logs", "prints"]);
    assert_eq!(state_of(&set, "prints"), "success", "{log}");
    for line in [
        "env ***",
        "file *** 600",
        "path *** 600",
        "pipe ***",
        "code ***",
        "digits  ***",
        "row***",
        "reversed ***",
        "phase=at ***",
    ] {
        assert!(log.contains(line), "{line} in {log}");
    }
    let shown = machine.ok(&["goals", "--json", "--all"]);
    for form in forms(CANARY) {
        assert!(!shown.contains(&form) && !log.contains(&form), "{form}");
    }
    assert!(shown.contains("did ***"), "{shown}");
    let after = machine.ok(&["logs", "after"]);
    assert!(after.contains("0\n") && after.contains("[]"), "{after}");
    machine.stop();
    assert_nowhere(&machine);
}

#[test]
fn e5_nothing_that_can_be_asked_gives_a_secret_back() {
    let secrets =
        "  token: {file: value}\n  hub: {file: value, type: docker, login: bob, url: registry.example}\n";
    let mut machine = machine(PRINTS, secrets);
    machine.start();
    machine.carried_out("second", &[("print.sh", SCRIPT)]);
    let asked: &[&[&str]] = &[
        &["secret", "list"],
        &["secret", "list", "--json"],
        &["doctor"],
        &["doctor", "--json"],
        &["doctor", "--config"],
        &["doctor", "--config", "--json"],
        &["check", "--json"],
        &["explain", "--json"],
        &["explain", "--stored", "--json"],
        &["explain", "--format", "mermaid"],
        &["goals", "--all", "--json"],
        &["goals", "--all", "--verbose"],
        &["logs", "prints", "--json"],
        &["show", "machines", "--json"],
        &["show", "pushes", "--json"],
        &["show", "commands", "--json"],
        &["show", "errands", "--json"],
        &["preference", "list", "--json"],
        &["schema", "config"],
    ];
    let mut names = 0;
    for words in asked {
        let output = machine.sdm(words);
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        names += usize::from(told.contains("token"));
        for form in forms(CANARY) {
            assert!(!told.contains(&form), "{form} in the answer to {words:?}: {told}");
        }
    }
    assert!(names >= 3, "names are told");
    // A copy of the whole state is no way to them either.
    machine.stop();
    assert_nowhere(&machine);
}

const WAITS: &str = r#"
rules:
  - name: build
    goals:
      - name: waits
        execute: {run: [sh, -c, 'echo begun > $HOME/begun; while [ ! -e $HOME/go ]; do sleep 0.05; done; [ "$TOKEN" = "$(cat $HOME/../value)" ] && [ "$(cat "$FILE")" = "$TOKEN" ]']}
        secrets: [{name: token, env: TOKEN, file_env: FILE}]
"#;

#[test]
fn se_03_e4_while_a_goal_runs_its_secret_is_in_no_argument_and_survives_a_kill_of_the_daemon() {
    let mut machine = machine(
        WAITS,
        "  token: {command: [sh, -c, 'cat \"$HOME/../value\"'], keep: 1s}\n",
    );
    machine.start();
    let sha = machine.commit("second", &[("a", "1")]);
    machine.wait_until("the goal runs", |machine| {
        machine.path("home/begun").exists().then_some(())
    });
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let arguments = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let text = String::from_utf8_lossy(&arguments);
        assert!(!text.contains(CANARY), "{text}");
    }
    let with_secret: Vec<PathBuf> = files_below(&machine.path("state"))
        .into_iter()
        .filter(|(_, content)| {
            content
                .windows(CANARY.len())
                .any(|window| window == CANARY.as_bytes())
        })
        .map(|(path, _)| path)
        .collect();
    assert_eq!(with_secret.len(), 1, "{with_secret:?}");
    let mode = fs::metadata(&with_secret[0]).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    machine.kill();
    fs::write(machine.path("home/go"), "").unwrap();
    machine.start();
    assert_eq!(
        state_of(&machine.ended_set_of(&sha), "waits"),
        "success",
        "{}",
        machine.ok(&["logs", "waits"])
    );
    assert!(!with_secret[0].exists());
    machine.stop();
}

/// What a user of the computer who is not the machine's finds in processes and in the machine's directories.
fn found_by(user: u32, machine: &LocalMachine) -> String {
    let script = r#"cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline; ls -l /proc/[0-9]*/fd
        find "$0/state" "$0/run" -type f -exec cat {} +"#;
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script]).arg(machine.path(""));
    let output = command.uid(user).gid(user).current_dir("/").output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn e4_another_user_of_the_computer_finds_no_secret_while_it_is_used() {
    if !nix::unistd::geteuid().is_root() {
        println!("skipped: only root can be somebody else as well");
        return;
    }
    let mut machine = machine(WAITS, "  token: {file: value}\n");
    // Not the directory of the test protects, but what the machine makes in it.
    fs::set_permissions(machine.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    machine.start();
    let sha = machine.commit("second", &[("a", "1")]);
    machine.wait_until("the goal runs", |machine| {
        machine.path("home/begun").exists().then_some(())
    });
    assert!(found_by(0, &machine).contains(CANARY), "it is there to be found");
    let found = found_by(NOBODY, &machine);
    assert!(!found.is_empty());
    for form in forms(CANARY) {
        assert!(!found.contains(&form), "{form}");
    }
    fs::write(machine.path("home/go"), "").unwrap();
    assert_eq!(state_of(&machine.ended_set_of(&sha), "waits"), "success");
    machine.stop();
}

const IN_CONTAINERS: &str = r#"
rules:
  - name: build
    goals:
      - name: prints
        containers:
          - name: main
            image: IMAGE
            user: "1234"
            command: [sh, -c, 'echo "env $TOKEN"; echo "file $(cat "$TOKEN_FILE")"; echo "pipe $(cat "$TOKEN_FD")"; ls /atm/home/config']
        secrets:
          - {name: token, env: TOKEN, file: config/token, file_env: TOKEN_FILE, descriptor: TOKEN_FD}
      - name: holds
        containers:
          - {name: main, image: IMAGE, user: "1234", command: [sh, -c, 'until [ -e go ]; do sleep 0.05; done; test -n "$(cat "$TOKEN_FILE")"']}
          - {name: service, image: IMAGE, command: [sh, -c, 'cat "$TOKEN_FD" > /dev/null && echo has it; sleep 500']}
        secrets:
          - {name: token, file_env: TOKEN_FILE, descriptor: TOKEN_FD}
      - name: lints
        inspect: {containers: [{name: main, image: IMAGE, command: [sh, -c, 'echo "a:1: warning: saw $TOKEN"']}], report: lines}
        secrets: [token]
"#;

#[test]
fn se_03_e1_e4_containers_are_given_secrets_that_the_engine_does_not_tell_and_nobody_finds() {
    let Some(podman) = Podman::start() else { return };
    let goals = IN_CONTAINERS.replace("IMAGE", IMAGE);
    let mut machine = machine(&goals, "  token: {file: value}\n");
    machine.set("SDM_ENGINE", podman.socket().to_str().unwrap());
    machine.start();
    let sha = machine.commit("second", &[("a", "1")]);
    let owner = machine.wait_until("the goal holds its secret", |machine| {
        let said = machine.sdm(&["logs", "holds"]);
        let is_there = String::from_utf8_lossy(&said.stdout).contains("service | has it");
        is_there.then(|| fs::read_to_string(machine.path("state/attempts/containers-owner")).unwrap())
    });
    let told = podman.inspected(&format!("sdm.owner={owner}"));
    assert!(told.contains("TOKEN_FILE=/"), "{told}");
    for form in forms(CANARY) {
        assert!(!told.contains(&form), "{form} in {told}");
    }
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let arguments = fs::read(process.path().join("cmdline")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&arguments).contains(CANARY));
    }
    let private: Vec<PathBuf> = files_below(&machine.path("state"))
        .into_iter()
        .filter(|(_, content)| {
            content
                .windows(CANARY.len())
                .any(|window| window == CANARY.as_bytes())
        })
        .map(|(path, _)| path)
        .collect();
    assert_eq!(private.len(), 2, "{private:?}");
    for path in &private {
        let mode = fs::metadata(path.parent().unwrap()).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o700, "{}", path.display());
    }
    // The goal's workspace is one of those that there are by now.
    for (path, _) in files_below(&machine.path("state/workspaces")) {
        if path.ends_with("a") {
            fs::write(path.with_file_name("go"), "").unwrap();
        }
    }
    let set = machine.ended_set_of(&sha);
    for goal in ["prints", "holds", "lints"] {
        assert_eq!(state_of(&set, goal), "success", "{}", machine.ok(&["logs", goal]));
    }
    let log = machine.ok(&["logs", "prints"]);
    for line in ["env ***", "file ***", "pipe ***", "token"] {
        assert!(log.contains(line), "{line} in {log}");
    }
    assert!(machine.ok(&["logs", "lints"]).contains("a:1: warn: saw ***"));
    let comments = machine.ok(&["show", "comments"]);
    assert!(comments.contains("saw ***"), "{comments}");
    machine.stop();
    assert_nowhere(&machine);
}

const ASKS: &str = r#"
rules:
  - name: build
    goals:
      - - {name: absent, execute: {run: ["true"]}, secrets: [nothing]}
        - {name: elsewhere, execute: {run: ["true"]}, secrets: [elsewhere]}
        - {name: trivial, execute: {run: ["true"]}, secrets: [trivial]}
        - {name: sealed, execute: {run: ["true"]}, secrets: {env: [{name: X, value: {encrypted: c2RtMQ==}}]}}
        - {name: many, execute: {run: ["true"]}, secrets: {env: [{name: X, value: {provider: {type: docker}}}]}}
        - name: mounted
          execute: {run: [sh, -c, 'grep -c auths .docker/config.json && test "$X_USER" = eve']}
          secrets: {file_mounts: [{mount_path: /atm/home/.docker/config.json, value: {provider: {type: docker}}}], env: [{name: X, value: {provider: {type: docker, names: [two]}}}]}
"#;

#[test]
fn se_01_se_02_a_secret_that_is_not_given_fails_the_goal_with_the_reason() {
    let secrets = "  elsewhere: {file: value, repositories: [other/*]}
  trivial: {command: [echo, abc]}
  one: {file: value, type: docker, login: bob, url: registry.local}
  two: {file: value, type: docker, login: eve}
";
    let mut machine = machine(ASKS, secrets);
    machine.start();
    let set = machine.carried_out("second", &[("a", "1")]);
    let said = machine.ok(&["feed", "--after", "0", "--json", "--no-follow"]);
    for (goal, because) in [
        ("absent", "there is no secret `nothing`"),
        ("elsewhere", "is not for the repository acme/app"),
        ("trivial", "too short to be a secret"),
        ("sealed", "`secret_key_file` is not configured"),
        ("many", "more than one secret of type `docker` (one, two)"),
    ] {
        assert_eq!(state_of(&set, goal), "failure");
        assert!(said.contains(because), "{because}\n{said}");
    }
    assert_eq!(
        state_of(&set, "mounted"),
        "success",
        "{}",
        machine.ok(&["logs", "mounted"])
    );
    machine.stop();
    assert_nowhere(&machine);
}

const SEALED: &str = r#"
rules:
  - name: build
    goals:
      - name: opens
        execute: {run: [sh, -c, 'test "$X" = "hunter2 and more" && echo "it is $X"']}
        secrets: {env: [{name: X, value: {encrypted: SEALED}}]}
"#;

#[test]
fn what_sdm_secret_encrypts_only_the_machine_opens() {
    let mut machine = LocalMachine::new(SEALED);
    let key = machine.path("key");
    let public = machine.ok(&["secret", "key", key.to_str().unwrap()]);
    assert!(public.starts_with("sdm-public-key-"), "{public}");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o7777, 0o600);
    let again = machine.sdm(&["secret", "key", key.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(4));
    let config = machine.path("config.yaml");
    fs::write(
        &config,
        "secret_key_file: key\nsecrets: {token: {env: TOKEN, goals: [publish]}}\n",
    )
    .unwrap();
    machine.set("SDM_CONFIG", config.to_str().unwrap());
    let encrypt = |value: &str| {
        let mut command = machine.command(&["secret", "encrypt"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), value.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let sealed = String::from_utf8(encrypt("hunter2 and more\n").stdout).unwrap();
    assert_eq!(encrypt("abc\n").status.code(), Some(4));
    machine.write_goals(&SEALED.replace("SEALED", sealed.trim()));
    let listed = machine.ok(&["secret", "list"]);
    assert_eq!(
        listed,
        "token  variable   every repository · every branch · goal publish\n"
    );
    machine.start();
    let sha = machine.commit("second", &[("a", "1")]);
    assert_eq!(state_of(&machine.ended_set_of(&sha), "opens"), "success");
    assert!(machine.ok(&["logs", "opens"]).contains("it is ***"));
    machine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn semantics_3_20_scm_is_the_token_of_the_forge_and_atomist_no_key_of_the_machine() {
    let goals = r#"
rules:
  - name: build
    test: {has_file: go}
    goals:
      - - name: forge
          execute: {run: [sh, -c, "test \"$TOKEN\" = the-right-token && test \"$(cat token)\" = \"$TOKEN\""]}
          secrets: {env: [{name: TOKEN, value: {provider: {type: scm}}}], file_mounts: [{mount_path: token, value: {provider: {type: scm}}}]}
        - name: hub
          execute: {run: ["true"]}
          secrets: {env: [{name: HUB_KEY, value: {provider: {type: atomist}}}]}
"#;
    let mut scene = Scene::with(goals, ", statuses: false", "file: 'TOKEN'").await;
    let sha = scene.push("0");
    let set = scene.machine.ended_set_of(&sha);
    assert_eq!(state_of(&set, "forge"), "success", "{set:#}");
    assert_eq!(state_of(&set, "hub"), "failure", "{set:#}");
    let goals = set["goals"].as_array().unwrap();
    let hub = goals.iter().find(|goal| goal["name"] == "hub").unwrap();
    let error = hub["error"].as_str().unwrap();
    assert!(
        error.contains("a goal is not given the key of its machine"),
        "{error}"
    );
    scene.machine.stop();
}

const MENDS: &str = r#"
rules:
  - name: mend
    goals:
      - name: mends
        autofix:
          presentation: branch
          branch: mended
          fixes:
            - {name: breaks, run: [bash, -c, "echo half > half; exit 3"], ignore_failure: true}
            - {name: mends, run: [bash, -c, "test -s .npmrc && test -s config/tracked && echo x > fixed"]}
        secrets:
          - {name: token, file: .npmrc}
          - {name: token, file: config/tracked}
"#;

#[test]
fn e1_files_that_secrets_are_written_to_are_in_no_commit_of_a_fix() {
    let mut machine = machine(MENDS, "  token: {file: value}\n");
    machine.start();
    let set = machine.carried_out("second", &[("config/tracked", "of the repository\n")]);
    assert_eq!(
        state_of(&set, "mends"),
        "success",
        "{set:#}\n{}",
        machine.ok(&["logs", "mends"])
    );
    assert_eq!(
        machine.git(&["show", "--name-only", "--format=%s", "mended"]),
        "Autofix: mends\n\nfixed"
    );
    assert_eq!(
        machine.git(&["show", "mended:config/tracked"]),
        "of the repository"
    );
    machine.stop();
}

/// Each leaves the secret in a commit in another way.
const LEAKS: [(&str, &str); 4] = [
    ("plain", r#"echo "tok=$TOKEN" > leaked"#),
    (
        "code",
        r#"(echo "some: prefix"; echo "$TOKEN") | base64 -w 16 > leaked"#,
    ),
    (
        "name",
        r#"echo x > "leaked-$(printf %s "$TOKEN" | base64 | tr / _)""#,
    ),
    ("dump", r#"printf %s "$TOKEN" | od -tx1 > leaked"#),
];

/// What the first fix leaves the second takes back.
const TAKEN_BACK: &str = r#"
  - name: taken-back
    goals:
      name: taken-back
      autofix:
        presentation: branch
        branch: by-taken-back
        fixes:
          - {name: leaves, run: [bash, -c, 'test -e done || echo "$TOKEN" > leaked']}
          - {name: takes, run: [bash, -c, 'rm -f leaked; touch done']}
      secrets: [{name: token, env: TOKEN}]
"#;

#[test]
fn e1_e3_no_fix_pushes_a_secret_in_any_form() {
    let rule = |(name, run): &(&str, &str)| {
        let run = serde_json::to_string(run).unwrap();
        let fix = format!("{{run: [bash, -c, {run}], presentation: branch, branch: by-{name}}}");
        format!(
            "  - name: {name}\n    goals: {{name: {name}, autofix: {fix}, secrets: [{{name: token, env: TOKEN}}]}}\n"
        )
    };
    let rules: String = LEAKS.iter().map(rule).collect();
    let rules = format!("rules:\n{rules}{}", &TAKEN_BACK[1..]);
    let mut machine = machine(&rules, "  token: {file: value}\n");
    machine.start();
    let set = machine.carried_out("second", &[("a", "1")]);
    let goals = set["goals"].as_array().unwrap();
    assert_eq!(goals.len(), 5, "{set:#}");
    for goal in goals {
        let error = goal["error"].as_str().unwrap_or_default();
        let words = "would hold the value of a secret, so nothing of it is committed";
        assert!(goal["state"] == "failure" && error.contains(words), "{goal:#}");
    }
    for form in forms(CANARY) {
        assert!(!set.to_string().contains(&form), "{form}");
    }
    assert_eq!(
        machine.git(&["branch", "--list", "--format=%(refname:short)"]),
        "main"
    );
    machine.stop();
}

#[test]
fn e3_fixes_with_secrets_that_a_restart_has_lost_push_nothing() {
    let goals = r#"
rules:
  - name: mend
    goals:
      - name: mends
        autofix:
          presentation: branch
          branch: mended
          run: [bash, -c, 'echo x > fixed; touch "$HOME/begun"; until [ -e "$HOME/go" ]; do sleep 0.05; done']
        secrets: [{name: token, env: TOKEN}]
"#;
    let mut machine = machine(goals, "  token: {file: value}\n");
    machine.start();
    let sha = machine.commit("second", &[("a", "1")]);
    machine.wait_until("the fix runs", |machine| {
        machine.path("home/begun").exists().then_some(())
    });
    machine.kill();
    machine.start();
    fs::write(machine.path("home/go"), "").unwrap();
    let set = machine.ended_set_of(&sha);
    assert_eq!(state_of(&set, "mends"), "failure", "{set:#}");
    assert!(
        set.to_string()
            .contains("its secrets were kept in memory only and are gone"),
        "{set:#}"
    );
    assert_eq!(
        machine.git(&["branch", "--list", "--format=%(refname:short)"]),
        "main"
    );
    machine.stop();
}

const SAYS: &str = r#"
rules:
  - name: build
    goals:
      - - name: version
          execute: {run: [bash, -c, 'printf "{\"SdmGoal\": {\"push\": {\"after\": {\"version\": \"1.0.0-%s\"}}}}" "$(printf %s "$TOKEN" | od -An -tx1 | tr -d " \n")" > $ATOMIST_RESULT']}
          secrets: [{name: token, env: TOKEN}]
        - name: listener
          execute: {run: [bash, -c, 'printf "{\"description\": \"saw %s\"}" "$(printf %s "$TOKEN" | base64)" > "$(dirname "$ATOMIST_RESULT")/listener-1-after.json"']}
          listeners: [{name: after, events: [after], run: ["true"]}]
          secrets: [{name: token, env: TOKEN}]
"#;

#[test]
fn e1_e3_neither_versions_nor_results_of_listeners_hold_a_secret() {
    let mut machine = machine(SAYS, "  token: {file: value}\n");
    machine.start();
    let set = machine.carried_out("second", &[("a", "1")]);
    assert_eq!(state_of(&set, "version"), "failure", "{set:#}");
    assert!(
        set.to_string()
            .contains("the version that it reports holds a secret"),
        "{set:#}"
    );
    assert!(set.to_string().contains("saw ***"), "{set:#}");
    machine.stop();
    assert_nowhere(&machine);
}
