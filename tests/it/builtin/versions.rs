//! `version`, `tag`, `release` and `increment_version` (semantics 4.6; VE-01 to VE-06).

use super::{goal, machine, said};
use crate::support::local::state_of;

#[test]
fn a_commit_is_versioned_tagged_released_and_the_next_version_waits_for_its_developer() {
    let mut machine = machine(
        r#"      - use: version
      - {name: uses it, execute: {run: [sh, -c, "echo got $ATOMIST_VERSION"]}}
      - {use: tag, release: true}
      - {name: release, release: {run: [sh, -c, "echo publishing $SDM_RELEASE_VERSION"]}}
      - {use: increment_version, part: minor}
"#,
    );
    machine.start();
    let sha = machine.commit("a title", &[("VERSION", "1.2.3\n")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(set["state"], "success", "{set:#}");
    let (_, versioned) = said(&set, "version");
    assert!(versioned.starts_with("Versioned 1.2.3-2"), "VE-02: {versioned}");
    let version = versioned.trim_start_matches("Versioned ");
    assert!(
        machine
            .ok(&["logs", "uses it"])
            .contains(&format!("got {version}"))
    );
    assert_eq!(said(&set, "tag").1, "Tagged 1.2.3");
    assert_eq!(machine.git(&["cat-file", "-t", "1.2.3"]), "tag");
    assert_eq!(machine.git(&["rev-parse", "1.2.3^{commit}"]), sha);
    assert_eq!(
        machine.git(&["tag", "-l", "--format=%(contents:subject)", "1.2.3"]),
        "a title"
    );
    assert_eq!(said(&set, "release").1, "Released 1.2.3");
    assert!(machine.ok(&["logs", "release"]).contains("publishing 1.2.3"));
    assert!(
        said(&set, "increment version")
            .1
            .contains("git merge --ff-only sdm/autofix/main"),
        "{set:#}"
    );
    assert_eq!(
        machine.git(&["show", "sdm/autofix/main:VERSION"]),
        "1.3.0",
        "VE-05, VE-01: the same file"
    );
    assert_eq!(
        machine.git(&["log", "-1", "--format=%s", "sdm/autofix/main"]),
        "Version: increment after 1.2.3 release"
    );
    machine.stop();
}

#[test]
fn a_name_that_is_written_is_the_tag_as_it_is() {
    let mut machine = machine(
        r#"      - {use: tag, tag: my-tag, release: true}
      - {use: tag, name: other, tag: "${push.after.short}+x"}
"#,
    );
    machine.start();
    let sha = machine.commit("a title", &[("a", "1")]);
    let set = machine.ended_set_of(&sha);
    assert_eq!(said(&set, "tag").1, "Tagged my-tag", "{set:#}");
    assert_eq!(machine.git(&["rev-parse", "my-tag^{commit}"]), sha);
    machine.stop();
}

#[test]
fn ve_04_ve_05_a_candidate_wins_and_a_branch_that_is_ahead_is_left_alone() {
    let mut machine = machine(
        r#"      - use: version
      - {name: release, release: {}}
      - use: increment_version
"#,
    );
    machine.git(&["checkout", "--quiet", "--detach"]);
    machine.start();
    let sha = machine.commit("second", &[(".version", "2.0.0"), ("VERSION", "1.0.0")]);
    machine.git(&["tag", "2.0.0-RC1"]);
    machine.git(&["branch", "--quiet", "--force", "main", "HEAD"]);
    let set = machine.ended_set_of(&sha);
    assert!(
        said(&set, "release")
            .1
            .starts_with("Released 2.0.0-RC1; no forge"),
        "VE-04, VE-06: {set:#}"
    );
    assert_eq!(said(&set, "increment version").1, "Incremented version to 2.0.1");
    let incremented = machine.git(&["rev-parse", "main"]);
    assert_eq!(machine.git(&["show", "main:.version"]), "2.0.1");
    let next = machine.ended_set_of(&incremented);
    assert!(
        said(&next, "increment version").1.starts_with("No increment"),
        "D10: {next:#}"
    );
    machine.git(&["checkout", "--quiet", "--detach", "main"]);
    let ahead = machine.commit("ahead", &[("a", "1")]);
    // Somebody increments by hand while the goals run on the commit before.
    let by_hand = machine.commit("by hand", &[(".version", "2.5.0")]);
    machine.git(&["branch", "--quiet", "--force", "main", &by_hand]);
    let set = machine.ended_set_of(&by_hand);
    assert_eq!(said(&set, "increment version").1, "Incremented version to 2.5.1");
    assert!(
        machine.goal_sets().iter().all(|set| set["sha"] != ahead),
        "one push, one set"
    );
    machine.stop();
}

#[test]
fn ve_01_ve_05_where_nothing_states_a_version_the_increment_makes_the_file() {
    let mut machine = machine("      - use: version\n      - use: increment_version\n");
    machine.git(&["checkout", "--quiet", "--detach"]);
    machine.start();
    let sha = machine.commit("second", &[("a", "1")]);
    machine.git(&["branch", "--quiet", "--force", "main", "HEAD"]);
    let set = machine.ended_set_of(&sha);
    assert!(
        said(&set, "version").1.starts_with("Versioned 0.0.0-2"),
        "{set:#}"
    );
    assert_eq!(said(&set, "increment version").1, "Incremented version to 0.0.1");
    assert_eq!(machine.git(&["show", "main:.version"]), "0.0.1");
    machine.stop();
}

#[test]
fn a_tag_without_a_version_or_in_the_way_fails_with_a_text() {
    let mut machine = machine("      - - use: tag\n        - {name: fixed tag, use: tag, tag: taken}\n");
    machine.git(&["tag", "taken"]);
    machine.start();
    let set = machine.carried_out("second", &[("a", "1")]);
    assert_eq!(state_of(&set, "tag"), "failure");
    assert!(
        goal(&set, "tag")["error"]
            .as_str()
            .unwrap()
            .contains("has no version"),
        "{set:#}"
    );
    assert!(
        goal(&set, "fixed tag")["error"]
            .as_str()
            .unwrap()
            .contains("names another commit"),
        "{set:#}"
    );
    machine.stop();
}
