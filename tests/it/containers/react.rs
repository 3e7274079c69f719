//! A reaction carried out in containers (semantics 4.3 with 4.5).

use super::daemon::{goal, label, log, started};
use crate::support::local::state_of;

const GOALS: &str = r#"
rules:
  - name: react
    goals:
      - - name: lists
          react: {containers: [{name: look, image: IMAGE, command: [sh, -c, "tr '\\0' '\\n' < $SDM_CHANGED_FILES; echo x > $SDM_CHANGED_FILES || echo only to be read"]}]}
        - name: asks
          react:
            containers:
              - name: owner
                image: IMAGE
                command: [sh, -c, "until wget -qO- http://rules:8080/rule; do sleep 0.05; done; echo '{\"state\": \"waiting_for_approval\"}' > $ATOMIST_RESULT"]
              - {name: rules, image: IMAGE, command: [sh, -c, "mkdir /www; echo be careful > /www/rule; httpd -f -p 8080 -h /www"]}
            changed: ["db/**"]
        - name: fails
          react: {containers: [{name: look, image: IMAGE, command: [sh, -c, "exit 4"]}], changed: ["db/**"]}
        - name: is not concerned
          react: {containers: [{name: look, image: localhost/no-such-image, pull: never}], changed: ["docs/**"]}
        - name: not meant
          react: {containers: [{name: look, image: IMAGE, test: {has_file: nothing}}]}
"#;

#[test]
fn pi_01_pi_02_containers_see_what_changed_and_decide() {
    let Some((podman, mut machine)) = started(GOALS) else {
        return;
    };
    let sha = machine.commit("second", &[("db/1.sql", "x"), ("b c", "1")]);
    let set = machine.wait_until("all reactions are done", |machine| {
        let set = machine.set_of(&sha);
        let waits = |goal: &serde_json::Value| {
            ["requested", "in_process"]
                .iter()
                .any(|state| goal["state"] == *state)
        };
        (!set["goals"].as_array().unwrap().iter().any(waits)).then_some(set)
    });
    assert_eq!(state_of(&set, "lists"), "success", "{set:#}");
    let listed = log(&machine, "lists");
    for line in ["b c", "db/1.sql", "only to be read"] {
        assert!(
            listed.lines().any(|said| said.ends_with(line)),
            "{line}: {listed}"
        );
    }
    assert_eq!(state_of(&set, "asks"), "waiting_for_approval", "{set:#}");
    assert!(
        log(&machine, "asks").contains("be careful"),
        "{}",
        log(&machine, "asks")
    );
    let failed = goal(&set, "fails");
    assert_eq!(failed["state"], "failure", "{failed:#}");
    assert!(
        failed["error"]
            .as_str()
            .unwrap()
            .contains("container `look` ended with code 4"),
        "{failed:#}"
    );
    let left_alone = goal(&set, "is not concerned");
    assert_eq!(
        (left_alone["state"].as_str(), left_alone["phase"].as_str()),
        (Some("success"), Some("nothing to react to")),
        "no image is fetched for it: {left_alone:#}"
    );
    assert_eq!(state_of(&set, "not meant"), "skipped", "{set:#}");
    machine.ok(&["approve", "asks"]);
    machine.ended_set_of(&sha);
    assert_eq!(podman.labelled(&label(&machine)), Vec::<String>::new());
    machine.stop();
}
