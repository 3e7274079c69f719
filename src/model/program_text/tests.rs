//! Argument vectors, and what of them decides what runs.

use super::*;

/// The arguments in their roles but for the programs, as they are written.
fn texts(line: &[&str]) -> Vec<(Role, String)> {
    let mut found: Vec<_> = program_texts(line)
        .into_iter()
        .filter(|text| text.role != Role::Program && line[text.index].contains('$'))
        .map(|text| (text.role, line[text.index].to_owned()))
        .collect();
    found.dedup();
    found
}

#[test]
fn ym_23_the_script_of_a_shell_is_found_behind_its_flags_and_its_wrappers() {
    for line in [
        &["sh", "-c", "$"][..],
        &["bash", "-ceu", "$"],
        &["/bin/bash", "-euc", "$", "data"],
        &["bash", "-o", "pipefail", "-c", "$"],
        &["bash", "-euo", "pipefail", "-c", "$"],
        &["sh", "-c", "-e", "$"],
        &["bash", "--norc", "--rcfile", "x", "-c", "--", "$"],
        &["mksh", "-c", "$"],
        &["busybox", "sh", "-c", "$"],
        &["env", "-u", "C", "A=b", "bash", "-c", "$"],
        &["timeout", "-k", "5", "5", "sh", "-c", "$"],
        &["nice", "-n", "5", "ionice", "-c2", "setsid", "sh", "-c", "$"],
        &["stdbuf", "-oL", "nohup", "bash", "-c", "$"],
        &["flock", "-n", "/tmp/x", "-c", "$"],
        &["flock", "/tmp/x", "sh", "-c", "$"],
        &["xargs", "-n", "1", "sh", "-c", "$"],
    ] {
        assert_eq!(texts(line), [(Role::Script, "$".to_owned())], "{line:?}");
    }
}

#[test]
fn ym_23_code_that_no_variable_reaches_is_found() {
    for line in [
        &["python3", "-c", "$"][..],
        &["python3.11", "-Ic", "$"],
        &["python3", "-cprint($)"],
        &["nice", "node", "-e", "$"],
        &["node", "-pe", "$"],
        &["node", "--eval=$"],
        &["perl", "-lane", "$"],
        &["perl", "-M$", "x.pl"],
        &["ruby", "-e", "$"],
        &["php", "-r", "$"],
        &["lua5.4", "-e", "$"],
        &["awk", "-F", ":", "$"],
        &["sed", "-i", "$", "file"],
        &["pwsh", "-NoProfile", "-Command", "x", "$"],
        &["ssh", "-p", "22", "host", "$"],
        &["sudo", "-u", "x", "sh", "-c", "$"],
        &["env", "-i", "sh", "-c", "$"],
        &["env", "-S", "sh -c $"],
        &["fish", "-c", "$"],
        &["docker", "run", "image", "sh", "-c", "$"],
        &["find", ".", "-exec", "sh", "-c", "$", ";"],
        &["su", "x", "-c", "$"],
        &["some-runner", "-c", "$"],
        &["bash", "$.sh"],
        &["sh", "${!x}", "-c", "data"],
    ] {
        let found = texts(line);
        assert!(
            found.len() == 1 && found[0].0 == Role::Code,
            "{line:?}: {found:?}"
        );
    }
}

#[test]
fn ym_23_data_stays_data() {
    for line in [
        &["deploy", "$"][..],
        &["sh", "-c", "x", "$"],
        &["bash", "script.sh", "$"],
        &["python3", "-c", "x", "$"],
        &["python3", "x.py", "-c", "$"],
        &["python3", "-m", "x", "$"],
        &["perl", "-e", "x", "--", "${y}"],
        &["awk", "-v", "x=$", "{print x}"],
        &["timeout", "5", "deploy", "$"],
        &["git", "-c", "user.name=$", "commit"],
        &["docker", "run", "-e", "X=$", "python", "x.py", "$"],
        &["grep", "-e", "$"],
        &["echo", "-e", "$"],
    ] {
        assert!(texts(line).is_empty(), "{line:?}");
    }
}

#[test]
fn d9_the_program_behind_a_wrapper_is_one() {
    let programs = |line: &[&str]| -> Vec<usize> {
        let texts = program_texts(line).into_iter();
        texts
            .filter(|text| text.role == Role::Program)
            .map(|text| text.index)
            .collect()
    };
    assert_eq!(programs(&["timeout", "5", "$", "x"]), [0, 2]);
    assert_eq!(programs(&["sudo", "-u", "x", "A=b", "nice", "make"]), [0, 4, 5]);
    assert_eq!(programs(&["make", "timeout", "5"]), [0]);
}

#[test]
fn d9_an_image_is_known_by_its_name_alone() {
    for (image, name) in [
        ("bash:5.2", "bash"),
        ("reg.local:5000/a/node@sha256:1", "reg.local:5000/a/node"),
        ("reg.local:5000/a/python:3-slim", "reg.local:5000/a/python"),
        ("sh", "sh"),
    ] {
        assert_eq!(image_name(image), name);
    }
    assert_eq!(plain_name("k6"), "k6");
    assert_eq!(plain_name("/usr/bin/Python3.11.exe"), "python");
}

#[test]
fn d9_variables_that_load_are_found_before_the_program() {
    let line = ["sudo", "A=b", "LD_PRELOAD=x", "env", "PATH=$", "make"];
    let found = program_texts(&line);
    let variables: Vec<usize> = found
        .iter()
        .filter(|text| text.role == Role::Variable)
        .map(|text| text.index)
        .collect();
    assert_eq!(variables, [2, 4]);
}
