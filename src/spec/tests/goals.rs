//! Tests: tests · goals.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::json;

use super::super::testing::{load_files, problems, right, shown};
use crate::model::definition::Retry;
use crate::model::{ApprovalPolicy, GoalDefinition, StateName};

fn goal(text: &str) -> GoalDefinition {
    let loaded = right(&format!("goals:\n- {text}\n"));
    loaded.goals.into_iter().next().expect("one goal")
}

/// The problems of a goal, which begins on line 2, column 3.
fn wrong(text: &str) -> String {
    problems(&format!("goals:\n- {}\n", text.replace('\n', "\n  ")))
}

#[test]
fn ym_01_unknown_goals_are_shown_as_they_are() {
    let text = wrong("{use: unknown-goal}");
    assert!(
        text.contains(r#"Unable to construct goal from '{"use":"unknown-goal"}'"#),
        "{text}"
    );
    assert_snapshot!(wrong("cancl"), @r#"
    a.yaml:2:3 Error unknown_goal (+5): Unable to construct goal from '"cancl"'
      hint: did you mean `cancel`?
    "#);
    assert_snapshot!(wrong("{name: a}"), @r#"
    a.yaml:2:3 Error unknown_goal (+1): Unable to construct goal from '{"name":"a"}'
      hint: say what it does: `execute` or `use`
    "#);
    assert_snapshot!(wrong("{name: a, exeucte: {run: [x]}, approvl: true}"), @r#"
    a.yaml:2:3 Error unknown_goal (+1): Unable to construct goal from '{"name":"a","exeucte":{"run":["x"]},"approvl":true}'
      hint: did you mean `execute`?
    a.yaml:2:34 Error unknown_key (+7): a goal has no key `approvl`
      hint: did you mean `approval`?
    "#);
    assert_snapshot!(wrong("{cancel: {goals: a}}"), @r#"
    a.yaml:2:3 Error unknown_goal (+1): Unable to construct goal from '{"cancel":{"goals":"a"}}'
      hint: write `use: cancel`
    "#);
    assert_snapshot!(wrong("{use: execute, name: a}"), @r#"
    a.yaml:2:3 Error unknown_goal (+1): Unable to construct goal from '{"use":"execute","name":"a"}'
      hint: `execute` is written as a key: `{name: test, execute: {run: [make, test]}}`
    "#);
    assert_snapshot!(wrong(""), @r#"
    a.yaml:2:3 Error unknown_goal (+1): Unable to construct goal from 'null'
      hint: write a goal as a map with `name` and what it does
    "#);
}

#[test]
fn a_goal_is_one_kind() {
    assert_snapshot!(wrong("{name: a, execute: {run: [a]}, use: cancel}"), @r#"
    a.yaml:2:3 Error several_kinds (+1): a goal does one thing, and this one has `execute`, `use`
      hint: make each a goal of its own; steps of a rule run one after the other
    "#);
    assert_snapshot!(wrong("{name: a, containers: [{image: x}]}"), @r#"
    a.yaml:2:13 Error not_available (+10): `containers` is not available in this version
      hint: remove it: nothing here carries it out
    "#);
    assert_snapshot!(wrong("acme/goals/build@1.0"), @r#"
    a.yaml:2:3 Error reference (+20): Referenced goal 'acme/goals/build@1.0' can not be created: it is not in `goals.lock`
      hint: run `sdm lock`, which shows what it is and writes it down
    "#);
    assert_snapshot!(wrong("{name: a, execute: {run: [a]}, output: [{classifier: x}]}"), @"
    a.yaml:2:43 Error missing_property (+1): the output `x` says of no file that it is to be kept
      hint: write `paths: [globs]` or `directory: path`
    ");
}

#[test]
fn words_of_the_original_are_answered_with_what_is_written_here() {
    assert_snapshot!(wrong("{name: a, execute: {run: [a]}, preCondition: {retries: 3}, retryCondition: {retries: 3}, concurrency: x}"), @r#"
    a.yaml:2:34 Error not_available (+12): `pre_condition` is not available in this version
      hint: write `wait_for: {run: [program, argument, …]}`, which is run until it ends with 0 before the work begins
    a.yaml:2:62 Error not_available (+14): `retry_condition` is not available in this version
      hint: write `retry: {attempts: 3}`, with `pause` where it should not be `10s`
    a.yaml:2:92 Error not_available (+11): `concurrency` is not available in this version
      hint: write it at the rule: its goals stand before all others of it
    "#);
    assert_snapshot!(wrong("{name: a, action: 'x:1'}"), @r#"
    a.yaml:2:13 Error not_available (+6): `action` is not available in this version
      hint: write `containers: [{name: main, image: …}]`, with what the action is told in `env`
    "#);
    assert_snapshot!(wrong("{use: docker-build}"), @r#"
    a.yaml:2:3 Error not_available (+1): `docker-build` is not available in this version
      hint: write the program that builds and pushes it: `execute: {run: [docker, build, …]}`
    "#);
    assert_snapshot!(wrong("{name: a, deploy: {}}"), @r#"
    a.yaml:2:13 Error not_available (+6): `deploy` is not available in this version
      hint: write the program or image that deploys as `execute` or `containers`, with an `environment`, and `pre_approval` where people decide
    "#);
}

#[test]
fn ym_05_common_keys_are_taken_over() {
    let goal = goal(
        "name: build_it
  environment: 1-staging/
  approval: true
  preApproval: {by: ['team:release', ann], count: 2, not_author: true}
  retry: {attempts: 3, pause: 1m30s, codes: [75, 137]}
  descriptions: {completed: Built, in_process: Building, waiting_for_approval: Look}
  start_within: 90
  progress: {pattern: '^Compiling (\\S+)', phase: $1}
  uncancelable: true
  allowFailure: true
  parameters: {NODE_ENV: x, preApproval: {camelCase: 1}}
  execute: {run: [make, 5, '${parameters.NODE_ENV:a/b=c}']}",
    );
    assert_eq!(goal.unique_name.as_str(), "build-it");
    assert_eq!(goal.environment, "1-staging");
    assert_eq!(goal.approval, Some(ApprovalPolicy::default()));
    let policy = ApprovalPolicy {
        by: vec!["team:release".into(), "ann".into()],
        count: 2,
        not_author: true,
    };
    assert_eq!(goal.pre_approval, Some(policy));
    let retry = Retry {
        feasible: true,
        automatic: 3,
        pause: Duration::from_secs(90),
        codes: vec![75, 137],
    };
    assert_eq!(goal.retry, retry);
    assert_eq!(goal.descriptions.text(StateName::Success, &goal.name), "Built");
    assert_eq!(
        goal.descriptions.text(StateName::Failure, &goal.name),
        "Failed: build_it"
    );
    assert_eq!(goal.start_within, Some(Duration::from_secs(90)));
    assert_eq!(goal.progress[0].phase, "$1");
    assert!(goal.uncancelable && goal.ignore_failure);
    assert_eq!(goal.work.kind, "execute");
    assert_eq!(
        goal.work.arguments,
        json!({"run": ["make", "5", "${parameters.NODE_ENV:a/b=c}"], "timeout": 600_000})
    );
}

#[test]
fn ym_18_keys_of_user_maps_stay_as_they_are() {
    let goal = goal(
        "{name: a, parameters: {NODE_ENV: x, fooBar: {bazQux: [1, true, ~]}}, \
         execute: {cmd: a, environment: {MY-Var: 1, pathTo: b}}}",
    );
    assert_eq!(
        json!(goal.parameters),
        json!({"NODE_ENV": "x", "fooBar": {"bazQux": [1, true, null]}})
    );
    assert_eq!(
        goal.work.arguments["environment"],
        json!({"MY-Var": "1", "pathTo": "b"})
    );
}

#[test]
fn ym_19_anchors_and_merge_keys_in_goals() {
    let loaded = right(
        "
x-defaults: &defaults {retry: true, pre_approval: true}
goals:
- &build
  <<: *defaults
  preApproval: false
  name: build
  execute: &make {run: [make], timeout: 5m}
- {<<: [*defaults], name: test, execute: {<<: *make, run: [make, test]}}
- {<<: *build, name: again}
",
    );
    let [build, test, again] = loaded.goals.as_slice() else {
        panic!("three goals")
    };
    assert!(build.retry.feasible && build.pre_approval.is_none());
    assert!(test.retry.feasible && test.pre_approval.is_some());
    assert_eq!(
        test.work.arguments,
        json!({"run": ["make", "test"], "timeout": 300_000})
    );
    assert_eq!(again.work, build.work);
}

#[test]
fn goals_by_use_have_their_fields_beside_and_a_name_of_their_own() {
    let queue = goal("{use: queue, concurrent: 3, approval: {required: false, by: x}}");
    assert_eq!(
        (queue.name.as_str(), queue.work.kind.as_str()),
        ("queue", "queue")
    );
    assert_eq!(queue.work.arguments, json!({"concurrent": 3}));
    assert_eq!(queue.approval, None);
    let cancel = goal("{use: cancel, goals: build, name: stop older}");
    assert_eq!(cancel.unique_name.as_str(), "stop-older");
    assert_eq!(cancel.work.arguments, json!({"goals": ["build"]}));
    assert_eq!(goal("queue").work.arguments, json!({"concurrent": 2}));
    assert_eq!(goal("immaterial").work.arguments, json!(null));
    assert_snapshot!(wrong("{use: queue, concurent: 3}"), @r#"
    a.yaml:2:16 Error unknown_key (+9): a goal has no key `concurent`
      hint: did you mean `concurrent`?
    "#);
}

#[test]
fn ym_03_rules_use_goals_defined_at_top_level() {
    let loaded = load_files(&[
        "rules: [{name: a, goals: [build it, {use: cancel}]}]",
        "goals: [{name: build_it, execute: {run: [make]}}, {use: cancel, goals: x}]",
    ]);
    assert_eq!(loaded.diagnostics, []);
    let goals: Vec<&GoalDefinition> = loaded.rules[0].steps.iter().flatten().collect();
    assert_eq!(goals, loaded.goals.iter().collect::<Vec<_>>());
    assert_snapshot!(problems("goals: [{name: build, execute: {run: [make]}}]\nrules: [{name: a, goals: {use: build, approval: true}}]"), @r#"
    a.yaml:2:26 Error unknown_key (+1): `build` is used as it is defined at a.yaml:1:9; other keys cannot stand beside `use`
      hint: change it there, or define another goal under another name
    "#);
    // What is wrong with a goal is said once, where it is defined.
    assert_snapshot!(problems("goals: [{name: build, execute: {rum: [make]}}]\nrules: [{name: a, goals: build}]"), @r#"
    a.yaml:1:33 Error unknown_key (+3): `execute` has no key `rum`
      hint: did you mean `run`?
    "#);
}

#[test]
fn ru_20_one_key_is_one_definition() {
    let same = load_files(&[
        "rules: [{name: a, goals: {name: build, execute: {run: [make]}}}]",
        "rules: [{name: b, goals: {execute: {run: [make], timeout: 600}, name: build}}]",
    ]);
    assert_eq!(same.diagnostics, []);
    let different = load_files(&[
        "rules: [{name: a, goals: {name: build_it, execute: {run: [make]}}}]",
        "rules: [{name: b, goals: [{name: build_it, execute: {run: [make, all]}}, {name: build it, execute: {run: [make]}}]}]",
    ]);
    assert_snapshot!(shown(&different.diagnostics), @r#"
    b.yaml:1:27 Error conflicting_goal (+1): the goal `build-it in 0-code` is defined at a.yaml:1:26 and again, differently, at b.yaml:1:27
      hint: give one of them another name, or define it once at top level and use it by name
    b.yaml:1:74 Error conflicting_goal (+1): the goal `build-it in 0-code` is defined at a.yaml:1:26 and again, differently, at b.yaml:1:74
      hint: names that differ only in spaces, `_` and `-` are one name; rename one of them
    "#);
    right("goals: [{name: a, execute: {run: [a]}}, {name: a, environment: 2-prod, execute: {run: [b]}}]");
}

#[test]
fn wrong_values_say_what_is_wanted() {
    let text = "name: deploy.it
environment: ' x'
approval: \"true\"
pre_approval: {by: [ann, 'group:x'], count: 3}
retry: yes
descriptions: {complete: Done}
start_within: 5 minutes
progress: [{pattern: 'a)'}]
uncancelable: 1
parameters: [a]
execute:
  run: make all
  command: echo ${a b}
  args: [~, {a: b}]
  workdir: /tmp
  shell: bsh
  timeout:";
    assert_snapshot!(wrong(text), @r#"
    a.yaml:2:9 Error invalid_name (+9): `deploy.it` is not a goal name: it must be letters, digits, spaces, `_` and `-` (at most 100), with a letter or digit at both ends
    a.yaml:3:16 Error invalid_environment (+4): an environment is a label of at most 100 bytes without control characters or spaces around it
    a.yaml:4:13 Error wrong_type (+6): `approval` must be true or false, and this is text
      hint: write `true` without quotes; YAML 1.2 has no other spelling
    a.yaml:6:10 Error wrong_type (+3): `retry` must be true or false, and this is text
      hint: write `true` without quotes; YAML 1.2 has no other spelling
    a.yaml:7:18 Error unknown_key (+8): `descriptions` has no key `complete`
      hint: did you mean `completed`?
    a.yaml:8:17 Error invalid_duration (+9): `start_within` is not a duration: its units are d, h, m, s and ms
      hint: write `90s`, `20m`, `1h30m` or a number of seconds
    a.yaml:9:14 Error missing_property (+1): `progress` can't be used without 'phase' property
      hint: add `phase`: the phase it means; `$1` is the first group of the pattern
    a.yaml:9:26 Error invalid_regex (+1): `pattern` is not a regular expression: unopened group
      hint: a character with a meaning of its own is taken literally after `\`
    a.yaml:10:17 Error wrong_type (+1): `uncancelable` must be true or false, and this is a number
    a.yaml:11:15 Error wrong_type (+1): `parameters` must be a map, and this is a list
    a.yaml:13:10 Error wrong_type (+8): `run` must be a list, and this is text
      hint: write the program and each argument as an item: `[cargo, test]`, or `[sh, -c, "…"]` for a shell
    a.yaml:14:22 Error invalid_placeholder (+1): placeholder has ` ` in its path, which may have letters, digits, `_`, `-` and `.`
      hint: write `$${a b}`, with two `$`, to leave it to a shell; a placeholder is `${path}` or `${path:default}`
    a.yaml:15:12 Error missing_value (+1): nothing is written for `args`
      hint: write a value, indented below its key, or remove the key
    a.yaml:15:15 Error wrong_type (+1): `args` must be text, and this is a map
    a.yaml:16:14 Error invalid_path (+4): `workdir` is not a path in the repository: it begins at the root of the file system
      hint: write it relative to the root of the repository, with `/` between its parts
    a.yaml:17:12 Error invalid_choice (+3): `shell` cannot be `bsh`
      hint: did you mean `sh`? It is one of `none`, `sh`, `bash`
    a.yaml:18:5 Error missing_value (+7): nothing is written for `timeout`
      hint: write a value, indented below its key, or remove the key
    "#);
    assert_snapshot!(wrong("{name: a, execute: {run: []}}"), @r#"
    a.yaml:2:28 Error empty_command (+1): `run` names no program
      hint: write the program and each argument as an item: `[cargo, test]`, or `[sh, -c, "…"]` for a shell
    "#);
    assert_snapshot!(wrong("{name: a, execute: make}"), @r#"
    a.yaml:2:22 Error wrong_type (+4): `execute` must be a map, and this is text
      hint: write its options as keys, such as `run`, indented below it
    "#);
    assert_snapshot!(wrong("name: a\nexecute:\nrun: [make]"), @r#"
    a.yaml:4:3 Error unknown_key (+3): `run` stands beside `execute`, not below it
      hint: indent it further than `execute`
    "#);
    assert_snapshot!(wrong("{execute: {run: [make]}}"), @r#"
    a.yaml:2:3 Error missing_property (+1): `execute` can't be used without 'name' property
      hint: give the goal a `name`; it is what people see
    "#);
    assert_snapshot!(wrong("{use: queue, concurrent: '3'}"), @r#"
    a.yaml:2:28 Error wrong_type (+3): `concurrent` must be a whole number, and this is text
      hint: remove the quotes
    "#);
    assert_snapshot!(wrong("{use: queue, concurrent: 0}"), @r#"
    a.yaml:2:28 Error out_of_range (+1): `concurrent` must be a whole number from 1 to 100, and this is 0
    "#);
}

#[test]
fn placeholders_are_checked_when_the_file_is_read() {
    goal(
        "{name: a, execute: {run: [sh, -c, 'echo $HOME $(date) ${parameters.x:${push.branch}} $${literal}']}}",
    );
    assert_snapshot!(wrong("{name: a, execute: {run: [sh, -c, 'echo ${#x}'], command: '${a', workdir: '${x}/y'}}"), @r#"
    a.yaml:2:45 Error invalid_placeholder (+1): placeholder has `#` in its path, which may have letters, digits, `_`, `-` and `.`
      hint: write `$${#x}`, with two `$`, to leave it to a shell; a placeholder is `${path}` or `${path:default}`
    a.yaml:2:62 Error invalid_placeholder (+1): placeholder is not closed: `}` is missing
      hint: write `${path}` or `${path:default}`; `$${` stands for a literal `${`
    a.yaml:2:77 Warning placeholder_not_filled (+8): placeholders are not filled in `workdir`; `${` is taken as it is
      hint: write the path itself
    "#);
}

#[test]
fn ca_09_ym_05_files_are_read_in_every_way_they_may_be_written() {
    let goal = goal(
        "name: test
  execute: {run: [make]}
  input: [version, {classifier: deps, scope: branch, required: true, onMiss: [[make, deps], [make, more]]}]
  output:
  - {classifier: a, paths: 'target/**/*.xml'}
  - {classifier: b, directory: dist}
  - {classifier: c, pattern: {globPattern: [x, y]}, scope: repo, on: always}
  - {classifier: d, pattern: {directory: '[odd]'}}
  cache: {key: 'cargo-${hash:Cargo.lock}', fallback: cargo-, paths: [~/.cargo/registry, target]}
  skip_unchanged: {inputs: ['src/**'], env: [PATH]}",
    );
    insta::assert_json_snapshot!(goal.files, @r#"
    {
      "inputs": [
        {
          "classifier": "version",
          "scope": "set",
          "required": false,
          "on_miss": []
        },
        {
          "classifier": "deps",
          "scope": "branch",
          "required": true,
          "on_miss": [
            [
              "make",
              "deps"
            ],
            [
              "make",
              "more"
            ]
          ]
        }
      ],
      "outputs": [
        {
          "classifier": "a",
          "paths": [
            "target/**/*.xml"
          ],
          "scope": "set",
          "on": "success"
        },
        {
          "classifier": "b",
          "paths": [
            "dist"
          ],
          "scope": "set",
          "on": "success"
        },
        {
          "classifier": "c",
          "paths": [
            "x",
            "y"
          ],
          "scope": "repo",
          "on": "always"
        },
        {
          "classifier": "d",
          "paths": [
            "[[]odd[]]"
          ],
          "scope": "set",
          "on": "success"
        }
      ],
      "caches": [
        {
          "key": "cargo-${hash:Cargo.lock}",
          "fallback": [
            "cargo-"
          ],
          "paths": [
            "~/.cargo/registry",
            "target"
          ],
          "scope": "repo"
        }
      ],
      "unchanged": {
        "inputs": [
          "src/**"
        ],
        "env": [
          "PATH"
        ],
        "scope": "repo"
      }
    }
    "#);
}

#[test]
fn secrets_are_read_in_both_shapes() {
    let goal = goal(
        "name: test
  execute: {run: [make]}
  secrets:
  - token
  - {name: key, file: config/key.pem, fileEnv: KEY_FILE, descriptor: KEY}
  - {name: login, env: [A, B]}
  - env: [{name: C, value: {provider: {type: docker, names: [hub]}}}]
    fileMounts: [{mountPath: .npmrc, value: {encrypted: c2RtMQ==}}]",
    );
    insta::assert_json_snapshot!(goal.secrets, @r#"
    [
      {
        "name": "token",
        "env": [],
        "file": null,
        "file_env": null,
        "descriptor": null,
        "file_mounts": []
      },
      {
        "name": "key",
        "env": [],
        "file": "config/key.pem",
        "file_env": "KEY_FILE",
        "descriptor": "KEY",
        "file_mounts": []
      },
      {
        "name": "login",
        "env": [
          {
            "name": "A",
            "value": null
          },
          {
            "name": "B",
            "value": null
          }
        ],
        "file": null,
        "file_env": null,
        "descriptor": null,
        "file_mounts": []
      },
      {
        "name": null,
        "env": [
          {
            "name": "C",
            "value": {
              "provider": {
                "type": "docker",
                "names": [
                  "hub"
                ]
              },
              "encrypted": null
            }
          }
        ],
        "file": null,
        "file_env": null,
        "descriptor": null,
        "file_mounts": [
          {
            "mount_path": ".npmrc",
            "value": {
              "provider": null,
              "encrypted": "c2RtMQ=="
            }
          }
        ]
      }
    ]
    "#);
}

#[test]
fn what_is_asked_of_files_and_secrets_must_make_sense() {
    let goal = |text: &str| wrong(&format!("name: a\nexecute: {{run: [a]}}\n{text}"));
    assert_snapshot!(goal("output: [{classifier: x}, {classifier: x, paths: [y]}]"), @"
    a.yaml:4:12 Error missing_property (+1): the output `x` says of no file that it is to be kept
      hint: write `paths: [globs]` or `directory: path`
    a.yaml:4:42 Error duplicate_classifier (+1): the classifier `x` stands here for the second time
      hint: rename one of them, or put their paths together
    ");
    assert_snapshot!(goal("output: [{classifier: x, paths: [../y]}]\ninput: [{scope: team, classifier: x}]"), @"
    a.yaml:4:36 Error invalid_glob (+4): `paths` is not a glob: `..` would leave the repository
      hint: write it relative to the root of the repository, with `/` between its parts
    a.yaml:5:19 Error invalid_choice (+4): `scope` cannot be `team`
      hint: write one of `set`, `branch`, `repo`, `machine`
    ");
    assert_snapshot!(goal("cache: [{key: x, paths: []}]"), @"
    a.yaml:4:27 Error empty_value (+1): `paths` is empty
      hint: write something: what to keep; `~/` is the home directory
    ");
    assert_snapshot!(goal("secrets: [{env: X}]"), @"
    a.yaml:4:13 Error invalid_secret (+1): a secret is asked for without its `name`
      hint: write `{name: SECRET, env: VARIABLE}`, or `file`, `file_env` or `descriptor` in place of `env`
    ");
    assert_snapshot!(goal("secrets: [{name: x, env: [1X]}]"), @"
    a.yaml:4:29 Error invalid_variable (+2): `1X` is not the name of a variable
      hint: write letters, digits and `_`, not beginning with a digit
    ");
    assert_snapshot!(goal("secrets: [{name: x, env: [{name: X, value: {encrypted: y}}]}, {}]"), @"
    a.yaml:4:46 Error invalid_secret (+1): the secret `x` is given by name, and by a `value` of its own as well
      hint: write `{name: SECRET, env: VARIABLE}`, or `file`, `file_env` or `descriptor` in place of `env`
    a.yaml:4:65 Error invalid_secret (+1): a secret has neither `name` nor `env` nor `file_mounts`
      hint: write `{name: SECRET, env: VARIABLE}`, or `file`, `file_env` or `descriptor` in place of `env`
    ");
    assert_snapshot!(goal("secrets: [{env: [{name: X, value: {}}]}]"), @"
    a.yaml:4:37 Error invalid_secret (+1): the value of a secret is either a `provider` or `encrypted`
      hint: write `{name: SECRET, env: VARIABLE}`, or `file`, `file_env` or `descriptor` in place of `env`
    ");
}
