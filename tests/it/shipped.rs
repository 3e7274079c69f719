//! What is shipped beside the program: the image and the units of systemd say to it only what it understands, and name only what is there.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use sdm::cli::command_line;

use crate::support::git_servers::skipped;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The program takes these arguments, as one of its own subcommands: every other first word would be somebody's command.
fn understands(arguments: &[&str]) {
    let line = [&["sdm"], arguments].concat();
    let matches = command_line().try_get_matches_from(&line);
    let matches = matches.unwrap_or_else(|error| panic!("{line:?}: {error}"));
    let name = matches
        .subcommand_name()
        .unwrap_or_else(|| panic!("{line:?} says nothing to do"));
    assert!(
        command_line().find_subcommand(name).is_some(),
        "{line:?}: {name} is no subcommand"
    );
}

/// The steps of a Dockerfile: instruction and rest, with continued lines joined.
fn steps(dockerfile: &str) -> Vec<(String, String)> {
    let lines = dockerfile
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let steps = joined.lines().filter_map(|line| line.trim().split_once(' '));
    steps
        .map(|(instruction, rest)| (instruction.to_owned(), rest.trim().to_owned()))
        .collect()
}

fn of<'s>(steps: &'s [(String, String)], instruction: &str) -> Vec<&'s str> {
    let found = steps.iter().filter(|(name, _)| name == instruction);
    found.map(|(_, rest)| rest.as_str()).collect()
}

/// The words of a list in JSON.
fn words(list: &str) -> Vec<String> {
    serde_json::from_str(list).unwrap_or_else(|error| panic!("{list}: {error}"))
}

/// Whether a path is sent to whoever builds the image.
fn is_sent(ignored: &str, path: &str) -> bool {
    let wanted = ignored.lines().filter_map(|line| line.strip_prefix('!'));
    let mut wanted = wanted.map(|wanted| wanted.trim_end_matches('/'));
    wanted.any(|wanted| path == wanted || path.starts_with(&format!("{wanted}/")))
}

#[test]
fn the_image_is_made_of_what_is_there_and_of_versions_that_are_named() {
    let steps = steps(&text("Dockerfile"));
    let ignored = text(".dockerignore");
    assert!(ignored.lines().any(|line| line == "*"), "what is sent is named");
    for sent in ignored.lines().filter_map(|line| line.strip_prefix('!')) {
        assert!(root().join(sent).exists(), ".dockerignore names {sent}");
    }
    for copied in of(&steps, "COPY")
        .into_iter()
        .filter(|copied| !copied.starts_with("--from"))
    {
        let sources: Vec<&str> = copied.split_whitespace().collect();
        for source in &sources[..sources.len() - 1] {
            assert!(root().join(source).exists(), "COPY {source}");
            assert!(
                *source == "." || is_sent(&ignored, source),
                "COPY {source} is not sent"
            );
        }
    }
    // What the build reads beside its sources.
    for needed in [
        "Cargo.toml",
        "Cargo.lock",
        "build.rs",
        "src",
        "goals",
        "migrations",
        "LICENSE",
    ] {
        assert!(
            root().join(needed).exists() && is_sent(&ignored, needed),
            "{needed}"
        );
    }
    let arguments: BTreeMap<&str, &str> = of(&steps, "ARG")
        .into_iter()
        .filter_map(|one| one.split_once('='))
        .collect();
    let mut stages: Vec<String> = Vec::new();
    for from in of(&steps, "FROM") {
        let mut image = from.split_whitespace().next().unwrap().to_owned();
        for (name, value) in &arguments {
            image = image.replace(&format!("${{{name}}}"), value);
        }
        let tag = image.split_once(':').map(|(_, tag)| tag);
        assert!(
            tag.is_some_and(|tag| !tag.is_empty() && !tag.contains("latest")),
            "{image}"
        );
        assert!(!image.contains('$'), "{image}");
        stages.extend(from.split_once(" AS ").map(|(_, stage)| stage.to_owned()));
    }
    for from in of(&steps, "COPY")
        .into_iter()
        .filter_map(|copied| copied.strip_prefix("--from="))
    {
        let stage = from.split_whitespace().next().unwrap();
        assert!(stages.iter().any(|known| known == stage), "{stage}");
    }
    let manifest = text("Cargo.toml");
    let oldest = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "));
    let oldest = oldest.unwrap().trim_matches('"');
    assert!(
        arguments["RUST"].starts_with(oldest),
        "{} builds what wants {oldest}",
        arguments["RUST"]
    );
}

#[test]
fn the_image_starts_a_machine_or_a_hub_as_nobody_in_particular() {
    let dockerfile = text("Dockerfile");
    let steps = steps(&dockerfile);
    let user = *of(&steps, "USER").last().expect("it says as whom it runs");
    assert!(
        !["root", "0"].contains(&user.split(':').next().unwrap()),
        "{user}"
    );
    assert!(dockerfile.contains(&format!(
        "useradd --system --uid 10001 --gid sdm --home-dir /var/lib/sdm --shell /usr/sbin/nologin {user}"
    )));
    let entry = words(of(&steps, "ENTRYPOINT")[0]);
    assert_eq!(entry, ["tini", "--", "sdm"], "goals leave processes behind");
    let command = words(of(&steps, "CMD")[0]);
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    understands(&command);
    let asked = of(&steps, "HEALTHCHECK")[0].split_once("CMD ").unwrap().1;
    for asked in asked.split("||") {
        let arguments: Vec<&str> = asked.split_whitespace().collect();
        assert_eq!(arguments[0], "sdm");
        understands(&arguments[1..]);
    }
    let home = "/var/lib/sdm";
    let environment = of(&steps, "ENV").join(" ");
    assert!(environment.contains(&format!("SDM_HOME={home}")), "{environment}");
    assert_eq!(
        (of(&steps, "VOLUME"), of(&steps, "WORKDIR").last()),
        (vec![home], Some(&home))
    );
    // What its first lines say to type.
    let typed = dockerfile.replace("\\\n#", " ");
    let typed = typed.lines().filter_map(|line| line.strip_prefix("#   docker "));
    let mut count = 0;
    for line in typed {
        let words: Vec<&str> = line.split_whitespace().collect();
        let place = words.iter().rposition(|word| *word == "sdm").unwrap();
        if words[0] == "build" || place + 1 == words.len() {
            continue;
        }
        understands(&words[place + 1..]);
        count += 1;
    }
    assert!(count >= 3, "the first lines show how it is used");
}

/// The settings of a unit, in their order; of those that stand more than once all.
fn settings(unit: &str) -> Vec<(&str, &str)> {
    let lines = unit.lines().filter(|line| !line.starts_with(['#', '[']));
    lines.filter_map(|line| line.split_once('=')).collect()
}

fn all<'s>(settings: &[(&'s str, &'s str)], name: &str) -> Vec<&'s str> {
    let found = settings.iter().filter(|(key, _)| *key == name);
    found.map(|(_, value)| *value).collect()
}

/// The arguments of a command of a unit.
fn arguments(command: &str) -> Vec<&str> {
    let mut words = command.split_whitespace();
    assert_eq!(words.next(), Some("/usr/bin/sdm"), "{command}");
    words.collect()
}

#[test]
fn units_start_what_there_is_in_the_directories_that_they_make() {
    for name in ["sdm", "sdm-hub"] {
        let unit = text(&format!("systemd/{name}.service"));
        let settings = settings(&unit);
        let one = |key: &str| {
            *all(&settings, key)
                .last()
                .unwrap_or_else(|| panic!("{name}: {key}"))
        };
        understands(&arguments(one("ExecStart")));
        assert_eq!((one("Type"), one("NotifyAccess")), ("notify", "main"), "{name}");
        let state = format!(
            "/var/lib/{}",
            one("StateDirectory").split_whitespace().next().unwrap()
        );
        assert_eq!(one("WorkingDirectory"), state, "{name}");
        let environment = all(&settings, "Environment");
        for variable in ["HOME", "SDM_HOME"] {
            assert!(
                environment.contains(&format!("{variable}={state}").as_str()),
                "{name}: {environment:?}"
            );
        }
        let directories: Vec<String> = one("StateDirectory")
            .split_whitespace()
            .map(|one| format!("/var/lib/{one}"))
            .collect();
        for bound in all(&settings, "BindPaths")
            .iter()
            .flat_map(|paths| paths.split_whitespace())
        {
            let source = bound.split(':').next().unwrap();
            assert!(
                directories.iter().any(|known| known == source),
                "{name}: {source}"
            );
        }
        assert_eq!(
            (one("User"), one("UMask"), one("NoNewPrivileges")),
            ("sdm", "0077", "yes"),
            "{name}"
        );
        assert_eq!(
            (one("ProtectSystem"), one("StateDirectoryMode")),
            ("strict", "0700"),
            "{name}"
        );
    }
    let users = text("systemd/sdm.sysusers");
    assert!(users.lines().any(|line| line.starts_with("u sdm ")), "{users}");
    let temporary = text("systemd/sdm.tmpfiles");
    assert!(temporary.contains("/var/lib/sdm/tmp 0700 sdm sdm"), "{temporary}");
}

#[test]
fn credentials_that_units_offer_are_where_what_is_commented_out_looks_for_them() {
    for name in ["sdm", "sdm-hub"] {
        let unit = text(&format!("systemd/{name}.service"));
        let offered: Vec<&str> = unit
            .lines()
            .filter_map(|line| line.strip_prefix("#LoadCredential="))
            .collect();
        assert!(!offered.is_empty(), "{name}");
        for credential in &offered {
            let (id, file) = credential.split_once(':').unwrap();
            assert_eq!(file, format!("/etc/sdm/credentials/{id}"), "{name}");
        }
        let commands = unit.lines().filter_map(|line| line.strip_prefix("#ExecStart="));
        for command in commands.filter(|command| !command.is_empty()) {
            understands(&arguments(command));
            for word in command
                .split_whitespace()
                .filter_map(|word| word.strip_prefix("%d/"))
            {
                let is_offered = offered
                    .iter()
                    .any(|offered| offered.starts_with(&format!("{word}:")));
                assert!(is_offered, "{name}: {word}");
            }
        }
    }
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        skipped("systemd-analyze", "systemd");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let verified = |name: &str, unit: &str| {
        let file = directory.path().join(name);
        std::fs::write(&file, unit.replace("/usr/bin/sdm", env!("CARGO_BIN_EXE_sdm"))).unwrap();
        let mut verify = Command::new("systemd-analyze");
        let output = verify.args(["verify", "--man=no"]).arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let about_it: Vec<&str> = said.lines().filter(|line| line.contains(name)).collect();
        about_it.join("\n")
    };
    for name in ["sdm.service", "sdm-hub.service"] {
        let unit = text(&format!("systemd/{name}"));
        assert_eq!(verified(name, &unit), "");
        let wrong = unit.replace("WatchdogSec=", "WatchdogSecs=");
        assert!(
            verified(name, &wrong).contains("WatchdogSecs"),
            "what is wrong is found"
        );
    }
}
