//! What is wrong with goal files, and what they become.

use serde_json::json;

use super::*;
use crate::model::StateName;
use crate::model::files::KeptOn;

/// The only goal of a text that must be right.
fn goal(text: &str) -> GoalDefinition {
    let loaded = spec::load(&[SourceFile::new("a.yaml", text)], catalogue());
    assert_eq!(loaded.diagnostics, []);
    loaded.goals.into_iter().next().expect("one goal")
}

#[test]
fn ym_05_a_goal_in_containers_takes_over_all_that_may_stand_beside_them() {
    let goal = goal(
        "
goals:
- name: publish
  containers: [{name: main, image: 'node:20', args: [npm, publish], volume_mounts: [{name: cache, mount_path: /cache}]}]
  init_containers: {name: before, image: busybox}
  volumes: {name: cache}
  approval: true
  pre_approval: {by: ann}
  retry: true
  descriptions: {completed: Published}
  input: version
  output: {classifier: dist, paths: dist}
",
    );
    assert_eq!(goal.work.kind, "containers");
    let written = &goal.work.arguments;
    assert_eq!(written["containers"][0]["args"], json!(["npm", "publish"]));
    assert_eq!(written["init_containers"][0]["name"], "before");
    assert_eq!(written["volumes"][0]["name"], "cache", "one may stand alone");
    assert_eq!(goal.approval, Some(crate::model::ApprovalPolicy::default()));
    assert_eq!(goal.pre_approval.unwrap().by, ["ann"]);
    assert!(goal.retry.feasible);
    assert_eq!(
        goal.descriptions.text(StateName::Success, &goal.name),
        "Published"
    );
    let [input] = goal.files.inputs.as_slice() else {
        panic!("one input")
    };
    let [output] = goal.files.outputs.as_slice() else {
        panic!("one output")
    };
    assert_eq!(input.classifier, "version");
    assert_eq!((output.classifier.as_str(), output.on), ("dist", KeptOn::Success));
}

#[test]
fn ym_13_where_repositories_bring_goals_any_goal_may_be_asked_for() {
    let text = |goals: &str| {
        let files = [SourceFile::new(
            "a.yaml",
            format!(
                "rules:\n- {{name: a, goals: [{goals}{{name: x, execute: {{run: [x, '${{goals.theirs.data}}', '${{values.v}}']}}}}]}}\n"
            ),
        )];
        Machine::check(&files)
    };
    let said = |checked: &Checked| {
        let messages = checked.diagnostics.iter().map(|one| one.message.clone());
        messages.collect::<Vec<_>>()
    };
    assert_eq!(said(&text("")), ["no rule sets a goal `theirs`"]);
    let open = text("{use: repository_goals}, ");
    assert_eq!(said(&open), Vec::<String>::new());
    let checked = open.with_values(&json!({"w": 1}));
    assert_eq!(said(&checked), ["the configuration has no `values.v`"]);
}

#[test]
fn concurrency_of_a_rule_stands_for_goals_before_its_first_step() {
    let text = "
rules:
- name: 'deploy_to: staging'
  concurrency: {group: 'staging ${repo.owner}', cancelInProgress: true}
  goals: {name: deploy, execute: {run: [./deploy]}}
- name: nightly
  concurrency: {group: nights}
  goals: [{name: measure, execute: {run: [./measure]}}]
- name: build
  concurrency: {cancel_in_progress: true}
  goals: []
";
    let loaded = spec::load(&[SourceFile::new("a.yaml", text)], catalogue());
    assert_eq!(loaded.diagnostics, []);
    let shown = |goal: &GoalDefinition| {
        let of_queue = |key: &str| goal.work.arguments.get(key).cloned().unwrap_or_default();
        format!(
            "{} ({} {} {})",
            goal.name,
            goal.work.kind,
            of_queue("group"),
            of_queue("concurrent")
        )
    };
    let steps: Vec<String> = loaded
        .rules
        .iter()
        .flat_map(|rule| rule.steps.iter())
        .map(|step| step.iter().map(shown).collect::<Vec<_>>().join(", "))
        .collect();
    insta::assert_snapshot!(steps.join("\n"), @r#"
    cancel for deploy to staging (cancel null null)
    queue for deploy to staging (queue "staging ${repo.owner}" 1)
    deploy (execute null null)
    queue for nightly (queue "nights" 1)
    measure (execute null null)
    cancel for build (cancel null null)
    "#);
}

#[test]
fn semantics_3_13_codes_are_for_goals_that_run_a_program() {
    let said = |work: &str| {
        problems(&format!(
            "goals:\n- {{name: a, retry: {{codes: [75]}}, {work}}}\n"
        ))
    };
    for without in [
        "message: {text: x}",
        "inspect: {patterns: [{files: a, text: b, comment: c}]}",
    ] {
        let said = said(without);
        assert!(
            said.contains("no_process: `codes` are exit codes of a program"),
            "{said}"
        );
    }
    for with in [
        "execute: {run: [make]}",
        "inspect: {run: [lint], report: sarif}",
        "react: {run: [look]}",
        "autofix: {run: [mend]}",
    ] {
        assert_eq!(said(with), "", "{with}");
    }
}

#[test]
fn goals_that_are_named_and_that_nothing_sets_are_found() {
    insta::assert_snapshot!(problems(
        "
rules:
- name: build
  goals: [{use: cancel, goals: [compile, complie, elsewhere]}, {name: compile, execute: {run: [make]}}]
- {name: after, test: {is_goal: other/compile}, goals: {name: announce, message: {text: built}}}
"
    ), @"
    4:42 (+7) unknown_goal: no rule sets a goal `complie`
      hint: did you mean `compile`?
    4:51 (+9) unknown_goal: no rule sets a goal `elsewhere`
      hint: name a goal that some rule sets
    5:33 (+13) foreign_goal: without a hub nothing tells of goals of `other`: in local mode this holds only where the machine itself is called so
      hint: write `compile` for a goal of this machine, or start the machine with a hub
    ");
}

#[test]
fn a_rule_that_waits_for_a_goal_which_nobody_sets_is_warned_about() {
    let waiting = |test: &str| {
        format!(
            "push_tests: {{ready: {{is_goal: {test}}}}}\nrules:\n- {{name: r, goals: {{name: unit test, execute: {{run: [x]}}}}}}\n\
             - {{name: s, test: {{use: ready}}, goals: {{name: ship, execute: {{run: [x]}}}}}}\n\
             - {{name: t, test: {{use: ready}}, goals: {{name: tell, execute: {{run: [x]}}}}}}\n"
        )
    };
    insta::assert_snapshot!(problems(&waiting("unit tset")), @r"
    1:31 (+9) unknown_goal: no rule sets a goal `unit tset`
      hint: did you mean `unit test`?
    ");
    insta::assert_snapshot!(problems(&waiting("{name: publish}")), @r"
    1:38 (+7) unknown_goal: no rule sets a goal `publish`
      hint: name a goal that some rule sets
    ");
    for right in [
        "unit test",
        "unit-test",
        "{name: {regexp: tset}}",
        "{state: failure}",
    ] {
        assert_eq!(problems(&waiting(right)), "", "{right}");
    }
    let from_repositories = waiting("publish") + "- {name: own, goals: {use: repository_goals}}\n";
    assert_eq!(
        problems(&from_repositories),
        "",
        "one may come from a pushed repository"
    );
}

#[test]
fn concurrency_says_what_it_is_for() {
    insta::assert_snapshot!(problems(
        "
rules:
- {name: a, concurrency: {}, goals: []}
- {name: b, concurrency: {cancel_in_progress: false}, goals: []}
- {name: c, concurrency: {group: '', cancel: true}, goals: []}
- {name: d, concurrency: {group: '${repo.ownr}'}, goals: []}
- name: e
  concurrency: {group: x}
  first_of:
  - {name: f, concurrency: {group: x}, goals: []}
"
    ), @"
    3:26 (+1) missing_property: `concurrency` asks for nothing
      hint: give it a `group`, `cancel_in_progress: true`, or both
    4:26 (+1) missing_property: `concurrency` asks for nothing
      hint: give it a `group`, `cancel_in_progress: true`, or both
    5:34 (+2) empty_value: `group` is empty
      hint: write something, or remove the key: of all sets with the same text one goes on at a time; placeholders allowed
    5:38 (+6) unknown_key: `concurrency` has no key `cancel`
      hint: did you mean `cancel_in_progress`?
    6:35 (+1) unknown_placeholder: `repo` has no fact `repo.ownr`
      hint: did you mean `${repo.owner}`?
    8:3 (+11) misplaced_key: `concurrency` stands before the goals of its rule, and this one has no `goals`
      hint: write it at a rule with `goals`; in `first_of`, at each that it is meant for
    ");
}

/// What is wrong with a text, a line each with its place, its code and its hint.
fn problems(text: &str) -> String {
    let found = Machine::check(&[SourceFile::new("a.yaml", text)]).diagnostics;
    let line = |problem: &Diagnostic| {
        let hint = problem.hint.as_deref().unwrap_or("none");
        format!(
            "{}:{} (+{}) {}: {}\n  hint: {hint}",
            problem.place.line, problem.place.column, problem.length, problem.code, problem.message
        )
    };
    found.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_kind_says_all_that_is_wrong_at_its_fields() {
    insta::assert_snapshot!(problems(
        "
goals:
- {name: one, containers: {name: -x, image: Node, test: {when: push.nothing}, ports: [80, 80]}}
- name: image
  containers:
  - {name: main, image: 'node:20', env: [{name: A, value: 1}, {name: A, value: 2}]}
  timeout: 0s
  grace: 2d
- name: fix
  autofix: {fixes: [{name: A b, run: [x]}, {name: a b, run: [x]}], auto_merge: on_approve}
- name: look
  inspect: {run: [x], patterns: [{files: '*', comment: c}, {files: '*', comment: c, text: a, pattern: b}]}
- name: react
  push_impact: {changed: ['*'], reactions: [{name: '', run: [x]}]}
- name: several
  execute: {run: [x], steps: [{name: a, run: [x], when: 'push.'}, {name: a, run: [x]}], args: [y]}
- name: locks
  fingerprint: {dependencies: [Cargo.lock, poetry.toml]}
- use: cancel
  goals: []
  states: [planned, planned]
  secrets: [token]
  wait_for: {run: [x]}
- use: queue
  group: ''
- use: tag
  tag: 'a b'
  message: ' '
- name: say
  message: {text: ''}
"
    ), @"
    3:34 (+2) invalid_name: `-x` is not a name for the network of 1 to 63 characters
      hint: write letters, digits, `-`, `_` and `.`, beginning with a letter or digit
    3:45 (+4) invalid_image: `Node` is not the name of an image: repositories of images are called in small letters
      hint: write `name:tag` or `registry/name@sha256:…`, such as `node:20`
    3:57 (+1) bad_test: when: unknown field `nothing` at column 5 of the expression
      hint: known fields are repo, branch, before, after, title, commits, commit_count, forced, is_default_branch, is_first, local_mode, at
    3:91 (+2) duplicate_port: the port 80 is offered twice
      hint: remove one of them
    6:63 (+1) duplicate_item: the variable `A` is set twice
      hint: keep one of them
    7:12 (+2) out_of_range: `timeout` is nothing at all
      hint: write an amount, or remove the key: longest run time, images included
    8:10 (+2) out_of_range: `grace` is more than 1d
      hint: write at most 1d: between the request to end and the kill
    10:51 (+3) duplicate_name: another fix is called `A b`, which has the same mark as `a b`
      hint: rename one of them: each is known by its name
    10:80 (+10) misplaced_key: `auto_merge` is for pull requests, and this opens none
      hint: add `presentation: pull_request`, or remove it
    12:12 (+1) missing_property: `inspect` with `run` needs `report`
      hint: add `report`: one of cargo, sarif, checkstyle, eslint, json, junit, lines
    12:34 (+1) missing_property: a pattern needs `pattern` or `text`
      hint: add `text: …`, or `pattern` with a regular expression
    12:91 (+1) conflicting_keys: a pattern has both `pattern` and `text`
      hint: keep one of them
    14:26 (+1) misplaced_key: `changed` belongs to `run` or `containers`, and neither is there
      hint: write `changed` at each reaction that it is meant for
    14:52 (+2) invalid_name: a reaction has an empty name
      hint: write 1 to 100 bytes on one line, without spaces around them
    16:30 (+1) conflicting_keys: `execute` has both `run` and `steps`
      hint: keep one of them
    16:57 (+7) invalid_expression: the expression is not CEL: no viable alternative at input '.' at column 7 of the expression
      hint: `when` is CEL over `push` and `repo`; to look at files, use `only_if: [test, -e, FILE]`
    16:74 (+1) duplicate_name: another step is called `a` already
      hint: rename one of them: each is known by its name
    16:95 (+1) misplaced_key: `args` belongs to `command`, which is not there
      hint: put the arguments behind the program in `run`
    18:44 (+11) unknown_lock_file: `poetry.toml` is not a lock file that is understood
      hint: there are Cargo.lock, package-lock.json, yarn.lock, pnpm-lock.yaml, poetry.lock, uv.lock, go.sum, Gemfile.lock
    20:10 (+1) empty_value: `goals` is empty
      hint: write something, or remove the key: names of the goals to cancel; all when left out
    21:21 (+7) duplicate_item: `planned` stands twice in `states`
      hint: remove it, or write another
    25:10 (+2) empty_value: `group` is empty
      hint: write something, or remove the key: sets with the same text share the slots; placeholders allowed; the repository
    28:12 (+3) empty_value: `message` is empty
      hint: write something, or remove the key: its message; placeholders allowed; the title of the commit when absent
    30:19 (+2) empty_value: `text` is empty
      hint: write something: what to say; placeholders allowed
    ");
}

#[test]
fn a_part_of_a_goal_does_not_wait_for_goals() {
    insta::assert_snapshot!(problems(
        "
rules:
- name: r
  goals:
  - {name: a, autofix: {fixes: [{name: f, run: [x], test: {not: {is_goal: b}}}]}}
  - name: b
    containers: [{name: c, image: x, test: [{has_file: x}, {on_goal: {name: a}}]}]
    listeners: [{name: l, run: [x]}, {name: m, run: [x], test: {is_goal: a}}, {name: n, run: [x], test: {when: 'nothing(1)'}}]
commands:
- {name: c, targets: {test: {and: [{is_goal: a}]}}, run: [x]}
"
    ), @r"
    5:65 (+1) cannot_hold: nothing here waits for a goal: only rules are asked again when one comes to a result
      hint: remove it, or write a rule with it
    7:60 (+1) cannot_hold: nothing here waits for a goal: only rules are asked again when one comes to a result
      hint: remove it, or write a rule with it
    8:64 (+1) cannot_hold: nothing here waits for a goal: only rules are asked again when one comes to a result
      hint: remove it, or write a rule with it
    8:105 (+1) bad_test: when: unknown function `nothing` at column 1 of the expression
      hint: known here are changed, bool, bytes, double, duration, dyn, has, int, matches, size, string, timestamp, type, uint
    10:36 (+1) cannot_hold: nothing here waits for a goal: only rules are asked again when one comes to a result
      hint: remove it, or write a rule with it
    ");
}

#[test]
fn ym_20_all_that_is_wrong_is_said_in_one_go() {
    insta::assert_snapshot!(problems(
        "
rules:
- {name: one, test: {when: 'push.nothing'}, depends_on: two, goals: {name: a, execute: {run: [x]}}}
- {name: two, goals: {name: b, exekute: {run: [x]}}}
- {name: three, test: {when: 'nothing(1)'}, depends_on: two, goals: {name: c, execute: {run: [x]}}}
"
    ), @r#"
    3:21 (+1) bad_test: when: unknown field `nothing` at column 5 of the expression
      hint: known fields are repo, branch, before, after, title, commits, commit_count, forced, is_default_branch, is_first, local_mode, at
    3:57 (+3) unknown_rule: Provided depends_on goals named 'two' do not exist or is after current goals named 'one'
      hint: move this rule below `two`, which is at a.yaml:4:10
    4:22 (+1) unknown_goal: Unable to construct goal from '{"name":"b","exekute":{"run":["x"]}}'
      hint: did you mean `execute`?
    5:23 (+1) bad_test: when: unknown function `nothing` at column 1 of the expression
      hint: known here are changed, bool, bytes, double, duration, dyn, has, int, matches, size, string, timestamp, type, uint
    "#);
    insta::assert_snapshot!(problems(
        "
rules:
- {name: one, test: {when: 'push.nothing'}, goals: {name: a, execute: {run: [x]}}}
- {name: two, facts: {level: '1'}, goals: {name: b, exekute: {run: [x]}}}
- {name: three, test: {when: 'facts.level == 1 && push.nothing'}, goals: {name: c, execute: {run: [x]}}}
commands:
- {name: c, targets: {test: {when: 'push.nothing'}}, run: [x]}
"
    ), @r#"
    3:21 (+1) bad_test: when: unknown field `nothing` at column 5 of the expression
      hint: known fields are repo, branch, before, after, title, commits, commit_count, forced, is_default_branch, is_first, local_mode, at
    4:43 (+1) unknown_goal: Unable to construct goal from '{"name":"b","exekute":{"run":["x"]}}'
      hint: did you mean `execute`?
    7:29 (+1) bad_test: when: unknown field `nothing` at column 5 of the expression
      hint: known fields are repo, branch, before, after, title, commits, commit_count, forced, is_default_branch, is_first, local_mode, at
    "#);
}

#[test]
fn cm_06_a_commit_that_can_never_be_made_is_found_before_anybody_asks() {
    insta::assert_snapshot!(problems(
        "
commands:
- name: logo
  intent: new logo
  transform: {run: [x], author: Ada, message: '', branch: 'a..b', auto_merge_method: squash}
- name: seed
  intent: new service
  generate: {seed: acme/seed, author: '${parameters.name} <x', below: here, branch: 'a b', repo: acme/new}
  parameters: {name: {}}
- name: elsewhere
  intent: new elsewhere
  generate: {seed: acme/seed, repo: acme/new/one}
- name: nothing
  intent: nothing
  transform: {message: '${parameters.text}', author: '${parameters.who}'}
  parameters: {text: {}, who: {}}
"
    ), @"
    5:33 (+3) invalid_author: the author `Ada` is not of the form `Name <address>`
      hint: write `Ada Lovelace <ada@example.com>`, or remove `author`: then it is the machine's
    5:47 (+2) invalid_message: the message of its commit must have 1 to 4096 bytes of text
      hint: write what the commit does, or remove `message`
    5:59 (+6) invalid_branch: `a..b` is not a branch name: it has a sequence that git does not allow in branch names
      hint: write another name
    5:86 (+6) misplaced_key: `auto_merge_method` says how, and nothing says when
      hint: add `auto_merge: on_approve` or `auto_merge: on_check_success`, or remove it
    8:39 (+23) invalid_author: the author `${parameters.name} <x` is not of the form `Name <address>`
      hint: write `Ada Lovelace <ada@example.com>`, or remove `author`: then it is the machine's
    8:71 (+4) invalid_path: `below: here` is not an absolute path
      hint: begin it with `/`: a machine stands nowhere
    8:85 (+5) invalid_branch: `a b` is not a branch name: it has a character that git does not allow in branch names
      hint: write another name, such as `main`
    12:37 (+12) invalid_name: `acme/new/one` cannot be the name of a new repository: it reads owner/name, each of 1 to 100 letters, digits, `-`, `_` and `.`, and begins with a letter or digit
      hint: write one such as `acme/new-service`; placeholders are allowed
    15:14 (+1) missing_property: `transform` says nothing to run
      hint: write `run: [program, argument, …]`, or `steps` with several
    ");
}
