//! Keys of goals with the real program: made, used, and missed.

use std::os::unix::fs::PermissionsExt;

use crate::support::local::LocalMachine;

const GOALS: &str = "rules:
  - name: build
    goals:
      - {name: build, execute: {run: [sh, -c, 'echo built']}}
";

fn configure(machine: &LocalMachine, text: &str) {
    let directory = machine.path("home/.config/sdm");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("config.yaml"), text).unwrap();
}

#[test]
fn sg_01_a_key_is_made_named_in_the_configuration_and_used() {
    let machine = LocalMachine::new(GOALS);
    let key = machine.path("goals.key");
    let made = machine.sdm(&["key", "new", "build-2026", key.to_str().unwrap()]);
    assert_eq!(made.status.code(), Some(0));
    let public = std::fs::read_to_string(machine.path("goals.key.pub")).unwrap();
    assert_eq!(String::from_utf8_lossy(&made.stdout), public);
    assert!(public.starts_with("-----BEGIN PUBLIC KEY-----\n"));
    let mode = std::fs::metadata(&key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = machine.sdm(&["key", "new", "build-2026", key.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(4), "a key is never overwritten");

    let told = String::from_utf8_lossy(&made.stderr).into_owned();
    let (_, configuration) = told.split_once("\n\n").unwrap();
    configure(&machine, configuration);
    assert!(machine.ok(&["run"]).contains("build"));
    let shown = machine.ok(&["doctor", "--config"]);
    assert!(shown.contains("build-2026 in"), "{shown}");

    std::fs::remove_file(&key).unwrap();
    let refused = machine.sdm(&["run"]);
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_ne!(refused.status.code(), Some(0));
    assert!(error.contains("goals.key for goals"), "{error}");
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    let machine = LocalMachine::new(GOALS);
    for (text, part) in [
        (
            "signing: {key_name: a b, key_file: k}\n",
            "`a b` is no name of a key",
        ),
        (
            "signing: {key_name: a, key_file: k, trusted: {a: b}}\n",
            "two keys are called a",
        ),
        ("signing: {key_name: a}\n", "key_file"),
        ("signing: {key_name: a, key_file: k, scope: some}\n", "scope"),
    ] {
        configure(&machine, text);
        let refused = machine.sdm(&["check"]);
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{text}: {error}");
        assert!(error.contains(part), "{text}: {error}");
    }
    std::fs::write(machine.path("home/.config/sdm/config.yaml"), "").unwrap();
    std::fs::write(
        machine.repo().join("sdm.yaml"),
        "signing: {key_name: a, key_file: k}\n",
    )
    .unwrap();
    let refused = machine.sdm(&["check"]);
    assert_eq!(
        refused.status.code(),
        Some(4),
        "a project does not decide who signs"
    );
}
