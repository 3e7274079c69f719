//! Tests: tests · mistakes of goals that would only be noticed when they are carried out.

use insta::assert_snapshot;

use super::super::testing::{problems, right};

/// The problems of a goal, which begins on line 2, column 3.
fn wrong(text: &str) -> String {
    problems(&format!("goals:\n- {}\n", text.replace('\n', "\n  ")))
}

#[test]
fn what_a_kind_finds_wrong_is_shown_at_its_field() {
    assert_snapshot!(wrong("name: a\nexecute:\n  run:\n  - nowhere\n"), @"
    a.yaml:5:7 Error unknown_program (+7): there is no such program
      hint: write another
    ");
    assert_snapshot!(wrong("name: a\nexecute: {run: [nowhere], timeout: 0}\nretry: {pause: 2d}\nsecrets: [x, x]"), @"
    a.yaml:4:18 Error out_of_range (+2): `pause` is more than 1d
      hint: write at most 1d: pause before the first of these tries, doubled each time
    ");
}

#[test]
fn a_key_of_a_cache_is_checked_with_its_digests() {
    let cache = |text: &str| {
        wrong(&format!(
            "name: a\nexecute: {{run: [a]}}\ncache: {{paths: target, {text}}}"
        ))
    };
    assert_snapshot!(cache("key: ''"), @"
    a.yaml:4:31 Error empty_value (+2): `key` is empty
      hint: write something: name; `${hash:GLOB}` is a digest of files of the commit
    ");
    assert_snapshot!(cache("key: 'cargo-${hash:[x}'"), @"
    a.yaml:4:38 Error invalid_hash (+1): `[x` in `${hash:…}` is not a glob: unclosed character class; missing ']'
      hint: write `${hash:GLOB}` or `${hash:GLOB,GLOB}`, such as `${hash:**/Cargo.lock}`
    ");
    assert_snapshot!(cache("key: 'cargo-${hash:}-${hash:../a}', fallback: ['']"), @"
    a.yaml:4:38 Error invalid_hash (+1): `${hash:…}` names no file
      hint: write `${hash:GLOB}` or `${hash:GLOB,GLOB}`, such as `${hash:**/Cargo.lock}`
    a.yaml:4:47 Error invalid_hash (+1): `../a` in `${hash:…}` is not a glob: `..` would leave the repository
      hint: write `${hash:GLOB}` or `${hash:GLOB,GLOB}`, such as `${hash:**/Cargo.lock}`
    a.yaml:4:73 Error empty_value (+2): an item of `fallback` is empty
      hint: remove it, or write another
    ");
    assert_snapshot!(cache("key: 'x-${hash}'"), @"
    a.yaml:4:34 Error unknown_placeholder (+1): `hash` is no fact
      hint: `${hash:GLOB}` is a digest of files of the commit, in `key` and `fallback` of a `cache`
    ");
    assert_snapshot!(cache("key: 'x-${hash:${sha}}', fallback: ['x-${jobs}']"), @"
    a.yaml:4:34 Error invalid_hash (+1): `${hash:${sha}}` has a placeholder among its globs
      hint: write the globs out: they are read when the commit is known
    a.yaml:4:65 Error unknown_placeholder (+1): `jobs` is no fact
      hint: write `$${jobs`, with two `$`, to leave it to the shell; facts begin with `push`, `repo`, `sha`, `branch`, `goal`, `goal_set`, `goals`, `parameters`, `facts`
    ");
    assert_snapshot!(wrong("name: a\nexecute: {run: [a, '${hash:Cargo.lock}']}"), @"
    a.yaml:3:23 Error unknown_placeholder (+1): `hash` is no fact
      hint: `${hash:GLOB}` is a digest of files of the commit, in `key` and `fallback` of a `cache`
    ");
    assert_snapshot!(
        wrong("name: a\nexecute: {run: [a]}\ncache: [{key: a, paths: [/etc, ~/../x, '']}, {key: b, paths: [a, a]}]"), @"
    a.yaml:4:28 Error invalid_glob (+4): `paths` is not a glob: it begins at the root of the file system
      hint: write it relative to the root of the repository, or begin it with `~/` for the home directory of goals
    a.yaml:4:34 Error invalid_glob (+6): `paths` is not a glob: `..` would leave the repository
      hint: write it relative to the root of the repository, or begin it with `~/` for the home directory of goals
    a.yaml:4:42 Error invalid_glob (+2): `paths` is not a glob: it is empty
      hint: `*` stays within a directory, `**/` crosses them, `{a,b}` and `[a-z]` choose
    a.yaml:4:68 Error duplicate_item (+1): `a` stands twice in `paths`
      hint: remove it, or write another
    ");
    assert_snapshot!(wrong("name: a\nexecute: {run: [a]}\ncache: [{key: a, paths: x}, {key: a, paths: y}]\ninput: [x, x]"), @"
    a.yaml:4:37 Error duplicate_key (+1): another cache has the key `a` already
      hint: write another key, or put their paths together
    a.yaml:5:14 Error duplicate_classifier (+1): the classifier `x` stands here for the second time
      hint: rename one of them, or put their paths together
    ");
}

#[test]
fn d9_secrets_have_variables_and_files_of_their_own() {
    let secrets = |text: &str| wrong(&format!("name: a\nexecute: {{run: [a]}}\nsecrets: {text}"));
    assert_snapshot!(secrets("[{env: X}, {name: '', file: a}, {name: a, env: []}]"), @"
    a.yaml:4:13 Error invalid_secret (+1): a secret is asked for without its `name`
      hint: write `{name: SECRET, env: VARIABLE}`, or `file`, `file_env` or `descriptor` in place of `env`
    a.yaml:4:30 Error invalid_secret (+2): a secret has an empty `name`
      hint: write `{name: SECRET, env: VARIABLE}`, or `file`, `file_env` or `descriptor` in place of `env`
    ");
    assert_snapshot!(
        secrets("[{name: a, env: PATH}, {name: b, env: [LD_PRELOAD, SDM_GOAL]}, {name: c, file_env: BASH_ENV}, {name: d, descriptor: HOME}, path]"), @"
    a.yaml:4:28 Error chosen_outside (+4): `PATH` decides what programs load or whom they talk to, which is not for a secret to say
      hint: give it a variable of its own, such as `TOKEN`
    a.yaml:4:51 Error chosen_outside (+10): `LD_PRELOAD` decides what programs load or whom they talk to, which is not for a secret to say
      hint: give it a variable of its own, such as `TOKEN`
    a.yaml:4:63 Error reserved_variable (+8): `SDM_GOAL` is for the machine to set: goals rely on what it says there
      hint: give it another name; the machine's begin with `SDM_`, `ATOMIST_`
    a.yaml:4:95 Error chosen_outside (+8): `BASH_ENV` decides what programs load or whom they talk to, which is not for a secret to say
      hint: give it a variable of its own, such as `TOKEN`
    a.yaml:4:128 Error chosen_outside (+4): `HOME` decides what programs load or whom they talk to, which is not for a secret to say
      hint: give it a variable of its own, such as `TOKEN`
    a.yaml:4:135 Error chosen_outside (+4): `PATH` decides what programs load or whom they talk to, which is not for a secret to say
      hint: give it a variable of its own, such as `TOKEN`
    a.yaml:4:135 Error duplicate_secret (+4): the variable `PATH` holds another secret of this goal already
      hint: give each a place of its own
    ");
    assert_snapshot!(
        secrets("[{name: a, env: X}, {name: b, env: [X, Y]}, {name: c, file: ./k}, {name: d, file: k, env: Y}, y]"), @"
    a.yaml:4:48 Error duplicate_secret (+1): the variable `X` holds another secret of this goal already
      hint: give each a place of its own
    a.yaml:4:94 Error duplicate_secret (+1): the file `k` holds another secret of this goal already
      hint: give each a place of its own
    a.yaml:4:102 Error duplicate_secret (+1): the variable `Y` holds another secret of this goal already
      hint: give each a place of its own
    a.yaml:4:106 Error duplicate_secret (+1): the variable `Y` holds another secret of this goal already
      hint: give each a place of its own
    ");
    assert_snapshot!(
        secrets("[{file_mounts: [{mount_path: /etc/x, value: {provider: {type: maven2}}}, {mount_path: a, value: {provider: {type: npm, names: []}}}]}]"), @"
    a.yaml:4:138 Error empty_value (+1): `names` is empty
      hint: write something, or remove the key: only these of that type; all of it when absent
    ");
    assert_snapshot!(
        secrets("{file_mounts: [{mount_path: /etc/x, value: {provider: {type: maven2}}}]}"), @"
    a.yaml:4:40 Error invalid_path (+6): a secret cannot be written to `/etc/x`: it is not below the working copy
      hint: write a path below the working copy
    a.yaml:4:73 Error invalid_secret (+6): secrets of type `maven2` cannot be given as a file
      hint: there are files of `docker`, `npm`, `scm`, `atomist`; name another secret with `name` and `file`
    ");
    let secrets = "[{name: a, env: CARGO_REGISTRIES_ACME_TOKEN}, {name: b, file_env: KUBECONFIG}]";
    right(&format!(
        "goals:\n- {{name: a, execute: {{run: [a]}}, secrets: {secrets}}}\n"
    ));
}

#[test]
fn d1_nothing_widens_silently_and_no_amount_is_absurd() {
    let goal = |text: &str| wrong(&format!("name: a\nexecute: {{run: [a]}}\n{text}"));
    assert_snapshot!(goal("approval: {by: []}\npre_approval: {by: [ann, ann, '']}"), @"
    a.yaml:4:18 Error empty_value (+1): `by` is empty
      hint: write something, or remove the key: whose confirmation counts: logins and `team:name`; anybody's when it is absent
    a.yaml:5:28 Error duplicate_item (+3): `ann` stands twice in `by`
      hint: remove it, or write another
    a.yaml:5:33 Error empty_value (+2): an item of `by` is empty
      hint: remove it, or write another
    ");
    assert_snapshot!(goal("skip_unchanged: {inputs: []}\nlisteners: [{name: '', run: [a], events: []}]\nenvironment: ''"), @"
    a.yaml:4:28 Error empty_value (+1): `inputs` is empty
      hint: write something: files of the commit that its result depends on
    a.yaml:5:22 Error empty_value (+2): `name` is empty
      hint: write something: what it is called; the phase while it runs
    a.yaml:5:44 Error empty_value (+1): `events` is empty
      hint: write something, or remove the key: when it runs: before the work, which is left out when it fails; after it, whatever came of that, with `SDM_OUTCOME`
    a.yaml:6:16 Error empty_value (+2): `environment` is empty
      hint: write something, or remove the key: a label such as `1-staging`
    ");
    assert_snapshot!(
        goal("start_within: 0s\nwait_for: {run: [a], pause: 0}\nlimits: {memory: 1k, disk: 0}\nretry: {attempts: 101, pause: 48h}"), @"
    a.yaml:4:17 Error out_of_range (+2): `start_within` is nothing at all
      hint: write an amount, or remove the key: how long it may wait to be started
    a.yaml:5:31 Error out_of_range (+1): `pause` is nothing at all
      hint: write an amount, or remove the key: between two tries
    a.yaml:6:20 Error out_of_range (+2): `memory` is less than 1 MiB
      hint: write at least 1 MiB: memory of all processes together
    a.yaml:6:30 Error out_of_range (+1): `disk` is nothing at all
      hint: write an amount, or remove the key: bytes it may write in its working copy and its output
    a.yaml:7:21 Error out_of_range (+3): `attempts` must be a whole number from 0 to 100, and this is 101
    a.yaml:7:33 Error out_of_range (+3): `pause` is more than 1d
      hint: write at most 1d: pause before the first of these tries, doubled each time
    ");
    assert_snapshot!(problems("rules:\n- {name: a, goals: cancel}\n- {name: b, depends_on: [a, a], goals: cancel}\n"), @"
    a.yaml:3:29 Error duplicate_item (+1): `a` stands twice in `depends_on`
      hint: remove one of them, or name another rule
    ");
    assert_snapshot!(goal("plan: {matrix: {os: [], v: [1, 2, 1]}}"), @"
    a.yaml:4:23 Error empty_value (+1): the parameter `os` of the matrix has no values
      hint: write each value once, or remove the parameter
    a.yaml:4:37 Error duplicate_item (+1): `1` stands twice among the values of `v`
      hint: write each value once, or remove the parameter
    ");
}
