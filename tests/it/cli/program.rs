//! Help, completions, errors and the doctor.

use super::sandbox::Sandbox;

#[test]
fn help_is_data_and_names_every_command() {
    let sandbox = Sandbox::new();
    let (code, out, err) = sandbox.run(&["--help"]);
    assert_eq!((code, err.as_str()), (0, ""));
    insta::assert_snapshot!("help", out);
    let (code, out, err) = sandbox.run(&[]);
    assert_eq!((code, out.as_str()), (0, ""));
    assert!(err.contains("Usage: sdm"));
    assert!(!err.contains('\x1b'));
}

#[test]
fn every_command_has_help() {
    let sandbox = Sandbox::new();
    let (_, out, _) = sandbox.run(&["--help"]);
    let commands = out
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty());
    let names: Vec<&str> = commands
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.len() >= 20, "{names:?}");
    for name in names {
        let (code, out, _) = sandbox.run(&[name, "--help"]);
        assert!(code == 0 && out.contains("Usage: sdm"), "{name}");
    }
}

#[test]
fn completions_are_made_for_shells() {
    let sandbox = Sandbox::new();
    for (shell, mark) in [
        ("bash", "complete -F _sdm"),
        ("zsh", "#compdef sdm"),
        ("fish", "complete -c sdm"),
    ] {
        let (code, out, err) = sandbox.run(&["completions", shell]);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.contains(mark), "{shell}");
    }
    let mut bash = sandbox.command("bash");
    bash.args([
        "-c",
        &format!("eval \"$('{}' completions bash)\"", env!("CARGO_BIN_EXE_sdm")),
    ]);
    assert_eq!(sandbox.ended(bash).0, 0);
}

#[test]
fn unknown_words_are_answered_with_the_nearest() {
    let sandbox = Sandbox::new();
    for (words, meant) in [
        (&["gaols"][..], "`goals`"),
        (&["goals", "--activ"], "'--active'"),
        (&["set", "test", "sucess", "-r", "x"], "`success`"),
        (&["show", "machins"], "'machines'"),
    ] {
        let (code, out, err) = sandbox.run(words);
        assert_eq!((code, out.as_str()), (2, ""), "{words:?}");
        assert!(err.contains(meant), "{err}");
    }
}

#[test]
fn hazard_24_without_a_daemon_commands_say_how_to_start_one() {
    let sandbox = Sandbox::new();
    for words in [
        &["goals"][..],
        &["feed"],
        &["logs", "test"],
        &["approve", "test"],
        &["reset"],
        &["trust", "a/b"],
        &["show", "pushes"],
        &["explain", "--stored", "a1b2c3d"],
    ] {
        let (code, out, err) = sandbox.run(words);
        assert_eq!((code, out.as_str()), (3, ""), "{words:?}");
        assert_eq!(
            err,
            "error: no daemon is running: there is no socket ~~/run/sdm/sdm.sock\nhint: start one with `sdm start --local`\n"
        );
    }
}

#[test]
fn a_wrong_configuration_is_told_with_its_place_and_help_still_works() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.path("project/sdm.yaml"), "paralel: 2\n").unwrap();
    let (code, _, err) = sandbox.run(&["goals"]);
    assert_eq!(code, 2);
    insta::assert_snapshot!(err, @r"
    error: ~~/project/sdm.yaml:1:1: unknown field `paralel`
    hint: did you mean `parallel`?
    ");
    assert_eq!(sandbox.run(&["--help"]).0, 0);
    std::fs::write(sandbox.path("project/sdm.yaml"), "trust: all\n").unwrap();
    let (code, _, err) = sandbox.run(&["goals"]);
    assert_eq!(code, 4);
    insta::assert_snapshot!(err, @r"
    error: ~~/project/sdm.yaml: `trust` cannot be set by a project's own file
    hint: move `trust` to ~~/home/.config/sdm/config.yaml, or say `--config sdm.yaml` if this file is your own
    ");
}

#[test]
fn the_doctor_prints_each_value_with_its_origin() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.sdm(&["doctor", "--config", "--name", "mine"]);
    command.env("SDM_PARALLEL", "3");
    let (code, out, err) = sandbox.ended(command);
    assert_eq!((code, err.as_str()), (0, ""));
    let line = |key: &str| {
        out.lines()
            .find(|line| line.starts_with(key))
            .unwrap()
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(line("name"), ["name", "mine", "--name"]);
    assert_eq!(line("parallel"), ["parallel", "3", "$SDM_PARALLEL"]);
    assert_eq!(
        line("socket"),
        ["socket", "~~/run/sdm/mine.sock", "$XDG_RUNTIME_DIR"]
    );
    let (code, out, _) = sandbox.run(&["doctor"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("no daemon is running"), "{out}");
}

#[test]
fn colour_only_where_it_is_wanted() {
    let sandbox = Sandbox::new();
    let coloured = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = sandbox.sdm(arguments);
        command.envs(variables.iter().copied());
        sandbox.ended(command).1.contains('\x1b')
    };
    assert!(!coloured(&["doctor"], &[]));
    assert!(coloured(&["doctor", "--color", "always"], &[("NO_COLOR", "1")]));
    assert!(coloured(&["doctor"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(
        &["doctor"],
        &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]
    ));
}

#[test]
fn symbols_are_ascii_where_the_locale_is() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.sdm(&["doctor"]);
    command.env("LC_ALL", "C");
    let (_, out, _) = sandbox.ended(command);
    assert!(out.is_ascii(), "{out}");
}
