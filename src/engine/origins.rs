//! Threat D9 over the whole catalogue: what goal files may say of variables, programs, images and users, by who wrote them.

use insta::assert_snapshot;

use super::machine::{Machine, catalogue};
use crate::model::Diagnostic;
use crate::spec::{Referenced, SourceFile, supplied_rules};

/// Problems as `line:column code` with message and hint; the file only when it is not the operator's own.
fn shown(diagnostics: &[Diagnostic]) -> String {
    let line = |problem: &Diagnostic| {
        let (place, code) = (&problem.place, &problem.code);
        let hint = problem.hint.as_deref().unwrap_or("-");
        format!("{place} {code}: {}\n  {hint}", problem.message)
    };
    diagnostics.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The operator's own file with these goals.
fn own(goals: &str) -> SourceFile {
    SourceFile::new("own.yaml", format!("rules:\n- name: r\n  goals:\n{goals}"))
}

fn wrong(goals: &str) -> String {
    shown(&Machine::check(&[own(goals)]).diagnostics)
}

/// The same beside a file of somebody else.
fn with_acme(goals: &str, theirs: &str, is_trusted: bool) -> String {
    let file = SourceFile {
        referenced: Some(Referenced {
            by: "acme/x@1".to_owned(),
            is_trusted,
            refused: None,
        }),
        ..SourceFile::new("acme.yaml", theirs)
    };
    shown(&Machine::check(&[own(goals), file]).diagnostics)
}

fn of_a_repository(goals: &str) -> String {
    let file = SourceFile::new(".atomist/goals.yaml", format!("r:\n  goals:\n{goals}"));
    shown(&supplied_rules(&[file], catalogue()).err().unwrap_or_default())
}

#[test]
fn d9_the_operator_sets_what_programs_load_and_nobody_sets_what_the_machine_says() {
    assert_eq!(
        wrong(
            "  - {name: a, execute: {run: [make], env: {PATH: '${home}/bin:/usr/bin', LD_PRELOAD: /x.so, CI: 'false'}}}\n"
        ),
        ""
    );
    assert_snapshot!(wrong("  - {name: a, execute: {run: [make], env: {SDM_GOAL: b}}}
  - {name: b, execute: {steps: [{name: s, run: [x], env: {ATOMIST_RESULT: /tmp/x}}]}}
  - {name: c, containers: [{name: c, image: x, env: {SDM_X: y}}, {name: d, image: x, env: [{name: ATOMIST_SHA, value: y}]}]}
  - {name: e, execute: {run: [x]}, secrets: [{name: t, env: SDM_ATTEMPT}]}
"), @"
    own.yaml:4:44 reserved_variable: `SDM_GOAL` is for the machine to set: goals rely on what it says there
      give it another name; the machine's begin with `SDM_`, `ATOMIST_`
    own.yaml:5:59 reserved_variable: `ATOMIST_RESULT` is for the machine to set: goals rely on what it says there
      give it another name; the machine's begin with `SDM_`, `ATOMIST_`
    own.yaml:6:54 reserved_variable: `SDM_X` is for the machine to set: goals rely on what it says there
      give it another name; the machine's begin with `SDM_`, `ATOMIST_`
    own.yaml:6:92 reserved_variable: `ATOMIST_SHA` is for the machine to set: goals rely on what it says there
      give it another name; the machine's begin with `SDM_`, `ATOMIST_`
    own.yaml:7:61 reserved_variable: `SDM_ATTEMPT` is for the machine to set: goals rely on what it says there
      give it another name; the machine's begin with `SDM_`, `ATOMIST_`
    ");
}

#[test]
fn d9_what_a_push_says_decides_neither_what_runs_nor_what_is_loaded() {
    assert_snapshot!(wrong("  - {name: a, execute: {run: [make], env: {PATH: '/x/${push.branch}', BRANCH: '${push.branch}'}}}
  - {name: b, execute: {run: ['${push.branch}', x]}}
  - {name: c, execute: {run: [env, 'http_proxy=${parameters.p}', 'X=${push.branch}', make]}, parameters: {p: x}}
  - {name: d, containers: [{name: d, image: 'app', env: [{name: NODE_OPTIONS, value: '${push.after.message}'}]}]}
  - {name: f, execute: {run: [x]}, wait_for: {run: ['./${push.after.author.name}']}}
"), @r#"
    own.yaml:4:54 chosen_outside: `PATH` decides what programs load or whom they talk to, and `${push.branch}` would let others choose it
      write the value out; of placeholders only `${home}` and `${values.…}` may stand in it
    own.yaml:5:32 chosen_outside: this is a program, and `${push.branch}` would let others choose it
      write the program, and give it what a push says as an argument
    own.yaml:6:48 chosen_outside: `http_proxy` decides what programs load or whom they talk to, and `${parameters.p}` would let others choose it
      write the value out; of placeholders only `${home}` and `${values.…}` may stand in it
    own.yaml:7:87 chosen_outside: `NODE_OPTIONS` decides what programs load or whom they talk to, and `${push.after.message}` would let others choose it
      write the value out; of placeholders only `${home}` and `${values.…}` may stand in it
    own.yaml:8:56 chosen_outside: this is a program, and `${push.after.author.name}` would let others choose it
      write the program, and give it what a push says as an argument
    "#);
    let image = wrong("  - {name: e, containers: [{name: e, image: 'reg/${branch}:1'}]}\n");
    assert!(
        image.contains("`image` of container `e` cannot be `${branch}`"),
        "{image}"
    );
    let event = SourceFile::new(
        "own.yaml",
        "on: [{name: a, event: Push, run: ['${event.push.branch}'], env: {HOME: '${event.repo.name}'}}]\n",
    );
    assert_snapshot!(shown(&Machine::check(&[event]).diagnostics), @r#"
    own.yaml:1:36 chosen_outside: this is a program, and `${event.push.branch}` would let others choose it
      write the program, and give it what a push says as an argument
    own.yaml:1:73 chosen_outside: `HOME` decides what programs load or whom they talk to, and `${event.repo.name}` would let others choose it
      write the value out; of placeholders only `${home}` and `${values.…}` may stand in it
    "#);
}

/// What is wrong with a goal, a listener and a command that run this.
fn wrong_everywhere(run: &str) -> Vec<String> {
    let goal = format!("rules:\n- {{name: r, goals: {{name: g, execute: {{run: {run}}}}}}}\n");
    let step =
        format!("rules:\n- {{name: r, goals: {{name: g, execute: {{steps: [{{name: s, run: {run}}}]}}}}}}\n");
    let of = |root: &str| run.replace("push.branch", root);
    let listener = format!(
        "on: [{{name: l, event: Push, run: {}}}]\n",
        of("event.push.branch")
    );
    let command = format!(
        "commands: [{{name: c, parameters: {{x: {{}}}}, run: {}}}]\n",
        of("parameters.x")
    );
    let on_repositories = format!(
        "commands: [{{name: c, parameters: {{x: {{}}}}, targets: true, run: {}}}]\n",
        of("parameters.x")
    );
    let transform = format!(
        "commands: [{{name: c, parameters: {{x: {{}}}}, transform: {{steps: [{{name: s, run: {}}}]}}}}]\n",
        of("parameters.x")
    );
    [goal, step, listener, command, on_repositories, transform]
        .map(|text| shown(&Machine::check(&[SourceFile::new("own.yaml", text)]).diagnostics))
        .to_vec()
}

#[test]
fn d9_what_others_say_is_never_what_an_interpreter_carries_out() {
    for run in [
        "[python3, -c, \"print('${push.branch}')\"]",
        "[sudo, -u, x, sh, -c, 'echo ${push.branch}']",
        "[ssh, host, 'echo ${push.branch}']",
        "[node, -e, '${push.branch}']",
        "[timeout, '5', '${push.branch}']",
        "['${push.branch}', hello]",
        "[tool, -c, '${push.branch}']",
    ] {
        for found in wrong_everywhere(run) {
            assert!(found.contains("chosen_outside"), "{run}: {found}");
        }
    }
    for run in [
        "[bash, -ceu, 'echo ${push.branch}']",
        "[timeout, '5', sh, -c, 'echo ${push.branch}']",
        "[sh, -c, -e, 'echo ${push.branch}']",
        "[xargs, mksh, -c, 'echo ${push.branch}']",
        "[python3, -c, 'import sys; print(sys.argv)', '${push.branch}']",
    ] {
        for found in wrong_everywhere(run) {
            assert_eq!(found, "", "{run}");
        }
    }
    let container = |words: &str| {
        wrong(&format!(
            "  - {{name: g, containers: [{{name: c, image: x, {words}}}]}}\n"
        ))
    };
    assert!(container("command: [python3, -c], args: ['${push.branch}']").contains("chosen_outside"));
    assert_eq!(container("command: [sh, -c], args: ['echo ${push.branch}']"), "");
    let options =
        "commands: [{name: c, parameters: {x: {options: [a, b]}}, run: ['${parameters.x}', hello]}]\n";
    assert_eq!(
        shown(&Machine::check(&[SourceFile::new("own.yaml", options)]).diagnostics),
        ""
    );
    assert_snapshot!(wrong("  - {name: a, execute: {run: [perl, -e, 'print ${push.branch}']}}\n"), @r#"
    own.yaml:4:48 chosen_outside: `perl` carries out what stands here, and `${push.branch}` would let others choose it
      write the code between single quotes, and let it read an argument behind `--`, or a variable set by `env`: `$ENV{V}`, `ENV["V"]`
    "#);
}

#[test]
fn d9_goals_of_others_set_no_variable_that_loads_code() {
    let theirs = "x: {containers: [{name: x, image: x, env: {LD_PRELOAD: /x.so, DEBUG: '1'}}], init_containers: {name: i, image: x, environment: [{name: https_proxy, value: evil}]}}\n";
    assert_snapshot!(with_acme("  - {ref: acme/x@1}\n", theirs, false), @r#"
    acme.yaml:1:44 untrusted_variable: `LD_PRELOAD` decides what programs load or whom they talk to, and is not for acme to set
      set it beside the reference, in your own file, or add the owner to `trusted_owners`
    acme.yaml:1:136 untrusted_variable: `https_proxy` decides what programs load or whom they talk to, and is not for acme to set
      set it beside the reference, in your own file, or add the owner to `trusted_owners`
    "#);
    assert_eq!(with_acme("  - {ref: acme/x@1}\n", theirs, true), "");
    let theirs = "x: {containers: [{name: x, image: x}]}\n";
    let over = "  - {ref: acme/x@1, containers: [{name: x, env: {PATH: /opt/bin}}]}\n";
    assert_eq!(
        with_acme(over, theirs, false),
        "",
        "what stands beside the reference is the operator's"
    );
    let theirs =
        "    - {name: x, containers: [{name: x, image: x, env: {GIT_SSH_COMMAND: evil, SDM_GOAL: y}}]}
    - script: {name: y, command: [x], env: {BASH_ENV: evil}}
";
    assert_snapshot!(of_a_repository(theirs), @r#"
    .atomist/goals.yaml:3:56 untrusted_variable: `GIT_SSH_COMMAND` decides what programs load or whom they talk to, and is not for goals that a repository brings along to set
      set it in the image, or in the program that the container runs
    .atomist/goals.yaml:3:79 reserved_variable: `SDM_GOAL` is for the machine to set: goals rely on what it says there
      give it another name; the machine's begin with `SDM_`, `ATOMIST_`
    .atomist/goals.yaml:4:45 untrusted_variable: `BASH_ENV` decides what programs load or whom they talk to, and is not for goals that a repository brings along to set
      set it in the image, or in the program that the container runs
    "#);
}

#[test]
fn d9_parameters_bring_nothing_in_that_may_not_stand_there() {
    let smuggled = |key: &str, value: &str| {
        let theirs = format!(
            "x:\n  parameters: {{p: {value}}}\n  containers: [{{name: x, image: x}}]\n  {key}: '${{parameters.p}}'\n"
        );
        with_acme("  - {ref: acme/x@1}\n", &theirs, false)
    };
    assert_snapshot!(smuggled("input", "[{classifier: a, on_miss: [[evil]]}]"), @r#"
    acme.yaml:2:36 untrusted_reference: `on_miss` of acme/x@1 is for owners who are trusted with this computer, and acme is not
      add acme to `trusted_owners` in the configuration, or use containers only
    "#);
    assert_snapshot!(smuggled("volumes", "[{name: v, host_path: {path: /}}]"), @r#"
    acme.yaml:2:30 untrusted_reference: `host_path` of acme/x@1 is for owners who are trusted with this computer, and acme is not
      add acme to `trusted_owners` in the configuration, or use containers only
    "#);
    let theirs = "x:\n  parameters: {p: {PATH: evil}, n: PATH}\n  containers:\n  - {name: x, image: x, env: '${parameters.p}'}\n  - {name: y, image: x, env: [{name: '${parameters.n}', value: evil}]}\n";
    assert_snapshot!(with_acme("  - {ref: acme/x@1}\n", theirs, false), @r#"
    acme.yaml:2:20 untrusted_variable: `PATH` decides what programs load or whom they talk to, and is not for acme to set
      set it beside the reference, in your own file, or add the owner to `trusted_owners`
    acme.yaml:2:36 untrusted_variable: `PATH` decides what programs load or whom they talk to, and is not for acme to set
      set it beside the reference, in your own file, or add the owner to `trusted_owners`
    "#);
}

#[test]
fn d9_whoever_asks_chooses_neither_image_nor_user_nor_program() {
    let chosen = |text: &str| {
        let container = format!("{{name: a, image: a, {text}}}");
        let command = format!(
            "commands: [{{name: c, parameters: {{p: {{}}, o: {{options: [x, y]}}}}, targets: true, inspect: {{report: lines, containers: [{container}]}}}}]"
        );
        let file = SourceFile::new("own.yaml", command);
        shown(&Machine::check(&[file]).diagnostics)
    };
    for text in [
        "user: '${parameters.p}'",
        "command: ['${parameters.p}', x]",
        "command: [timeout, '5', '${parameters.p}']",
        "command: [sh, -c, '${parameters.p} x']",
        "command: [make, '${parameters.p}']",
    ] {
        assert!(
            chosen(text).contains("chosen_outside"),
            "{text}: {}",
            chosen(text)
        );
    }
    for text in [
        "user: '${parameters.o}'",
        "command: ['${parameters.o}', x]",
        "command: [x, '${parameters.p}']",
        "command: [make, '${parameters.o}']",
    ] {
        assert_eq!(chosen(text), "", "{text}");
    }
}
