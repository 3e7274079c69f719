//! Tests: tests · the author's tests of rules.

use insta::assert_snapshot;

use super::super::testing::{load_files, problems, right};
use super::super::{TEST_EXAMPLE, TEST_FIELDS};
use crate::model::StateName;
use crate::model::push::Trust;
use crate::model::rule_test::{Expected, RuleTest};

const RULES: &str = "
goals:
- {name: format, execute: {run: [a]}}
- {name: unit test, execute: {run: [b]}}
- {name: publish, environment: prod, execute: {run: [c]}}
rules:
- {name: rust, tags: 'team:rust', goals: [format, unit test]}
- {name: ship, tags: [shipping], depends_on: rust, goals: publish}
";

fn test(text: &str) -> RuleTest {
    let loaded = right(&format!("{RULES}tests:\n- {text}\n"));
    loaded.tests.into_iter().next().expect("one test")
}

fn wrong(text: &str) -> String {
    problems(&format!("{RULES}tests:\n- {text}\n"))
}

#[test]
fn a_push_that_says_nothing_is_ordinary() {
    let push = test("{name: a, expect: {goals: []}}").push;
    assert_eq!(
        (push.branch.as_str(), push.default_branch.as_str()),
        ("main", "main")
    );
    assert_eq!(push.repo.to_string(), "acme/project");
    assert_eq!(push.changed, Some(Vec::new()));
    assert_eq!(
        (push.trust, push.is_first, push.forced, push.local_mode),
        (Trust::Member, false, false, true)
    );
    assert_eq!(push.messages, ["Change something"]);
}

#[test]
fn a_push_that_cannot_be_is_an_error() {
    let wrong = |push: &str| {
        problems(&format!(
            "tests: [{{name: a, expect: {{goals: []}}, push: {push}}}]\n"
        ))
    };
    for push in [
        "{deleted: [a], files: {a: x}}",
        "{deleted: [a], changed: [a]}",
        "{before: none, forced: true}",
    ] {
        assert!(wrong(push).contains("impossible_push"), "{push}: {}", wrong(push));
    }
    for push in [
        "{deleted: [a], files: {b: x}}",
        "{forced: true}",
        "{before: none}",
    ] {
        assert_eq!(wrong(push), "", "{push}");
    }
}

#[test]
fn a_push_says_what_is_special() {
    let push = test(
        "{name: a, expect: {goals: []}, push: {defaultBranch: trunk, branch: fix/1, repo: me/it, trust: fork, \
         before: none, local-mode: false, messages: 'two ${words', author: 'Eve <e@x.y>', \
         preferences: {dry: true}, files: {./a/b: 'x ${', c: ''}}}",
    )
    .push;
    assert_eq!(
        (push.branch.as_str(), push.default_branch.as_str()),
        ("fix/1", "trunk")
    );
    assert_eq!(
        (push.trust, push.is_first, push.forced, push.local_mode),
        (Trust::Untrusted, true, false, false)
    );
    assert_eq!(
        (push.author.name.as_str(), push.author.email.as_str()),
        ("Eve", "e@x.y")
    );
    assert_eq!(push.messages, ["two ${words"]);
    assert_eq!(
        push.files.into_iter().collect::<Vec<_>>(),
        [
            ("a/b".to_owned(), "x ${".to_owned()),
            ("c".to_owned(), String::new())
        ]
    );
    assert_eq!(push.changed, None, "the changes of a first push cannot be known");
}

#[test]
fn changed_files_are_there_and_deleted_ones_are_not() {
    let push =
        test("{name: a, expect: {goals: []}, push: {files: {a: x}, changed: [a, c], deleted: b}}").push;
    assert_eq!(push.files.keys().collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(
        push.changed.as_deref(),
        Some(&["a", "c", "b"].map(str::to_owned)[..])
    );
    let push = test("{name: a, expect: {goals: []}, push: {files: {a: x, b: y}}}").push;
    assert_eq!(push.changed.as_deref(), Some(&["a", "b"].map(str::to_owned)[..]));
}

#[test]
fn every_expectation_knows_its_place() {
    let kinds = |text: &str| -> Vec<String> {
        let expectations = test(text).expectations;
        expectations
            .iter()
            .map(|expectation| format!("{} {}", expectation.place.column, kind(&expectation.expected)))
            .collect()
    };
    let set = "{name: a, expect: {goals: [format, publish in prod, unit test], includes: unit-test, \
               order: [[format, unit test], [format, publish]], states: {publish: planned}, set: 'rust, ship', \
               locked: false, rules: {ship: not_matched}}}";
    assert_eq!(
        kinds(set),
        [
            "22 goals 3",
            "67 included unit-test",
            "88 order 2",
            "88 order 2",
            "137 state publish planned",
            "165 set rust, ship",
            "184 locked false",
            "199 rule ship",
        ]
    );
    let failed = "{name: a, expect: {goals: [], not: [publish], error: nope}}";
    assert_eq!(
        kinds(failed),
        ["22 goals 0", "33 absent publish", "49 error nope"]
    );
    assert_eq!(
        kinds("{name: a, expect: {tags: ['team:rust', shipping]}}"),
        ["22 tags team:rust shipping"]
    );
    assert_eq!(kinds("{name: a, expect: {tags: shipping}}"), ["22 tags shipping"]);
    assert_eq!(kinds("{name: a, expect: {tags: []}}"), ["22 tags "]);
}

fn kind(expected: &Expected) -> String {
    match expected {
        Expected::Goals(goals) => format!("goals {}", goals.len()),
        Expected::Included(goal) => format!("included {}", goal.name),
        Expected::Absent(goal) => format!("absent {}", goal.name),
        Expected::Order(goals) => format!("order {}", goals.len()),
        Expected::Locked(locked) => format!("locked {locked}"),
        Expected::GoalSet(name) => format!("set {name}"),
        Expected::Tags(tags) => format!(
            "tags {}",
            tags.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        ),
        Expected::Rule(rule, _) => format!("rule {}", rule.name),
        Expected::State(goal, state) => format!("state {} {state}", goal.name),
        Expected::Error(part) => format!("error {part}"),
    }
}

#[test]
fn slips_are_found_and_explained() {
    assert_snapshot!(wrong("{nam: a, push: {brunch: x}, expect: {gaols: [a]}}"), @r"
    a.yaml:10:3 Error missing_property (+1): a test can't be used without 'name' property
      hint: add `name`: what it shows, as a sentence
    a.yaml:10:4 Error unknown_key (+3): a test has no key `nam`
      hint: did you mean `name`?
    a.yaml:10:19 Error unknown_key (+6): `push` has no key `brunch`
      hint: did you mean `branch`?
    a.yaml:10:40 Error unknown_key (+5): `expect` has no key `gaols`
      hint: did you mean `goals`?
    ");
    assert_snapshot!(wrong("{name: a, push: {trust: stranger, files: [a], repo: x, branch: 'a b'}, expect: {}}"), @r"
    a.yaml:10:27 Error invalid_choice (+8): `trust` cannot be `stranger`
      hint: write one of `member`, `fork`
    a.yaml:10:44 Error wrong_type (+1): `files` must be a map, and this is a list
    ");
    assert_snapshot!(wrong("{name: a, push: {files: {../a: x}, repo: x, branch: 'a b'}, expect: {goals: []}}"), @r"
    a.yaml:10:28 Error invalid_path (+4): a file is not a path in the repository: `..` would leave the repository
      hint: write it relative to the root of the repository, with `/` between its parts
    a.yaml:10:44 Error invalid_name (+1): `x` is not a repository: it must read owner/name
    a.yaml:10:55 Error invalid_name (+5): `a b` is not a branch name: it has a character that git does not allow in branch names
    ");
    assert_snapshot!(wrong("{name: a, expect: {}}"), @r"
    a.yaml:10:21 Error empty_test (+1): this test expects nothing
      hint: name the goals that must be set: `goals: […]`, or `goals: []` for none
    ");
    assert_snapshot!(wrong("{name: a, expect: {order: [format], rules: {rust: machted}}}"), @r"
    a.yaml:10:53 Error invalid_choice (+7): `rust` of `rules` cannot be `machted`
      hint: did you mean `matched`? It is one of `matched`, `not_matched`, `locked_out`, `not_reached`, `error`
    ");
    assert_snapshot!(wrong("{name: a, expect: {order: [format]}}"), @r"
    a.yaml:10:22 Error wrong_type (+5): an order needs two goals at least
      hint: write `order: [first, second]`
    ");
    let tags = wrong("{name: a, expect: {tags: [two words]}}");
    assert!(tags.contains("invalid_tag"), "{tags}");
    let tags = wrong("{name: a, expect: {tags: [shiping]}}");
    assert!(
        tags.contains("no rule has the tag `shiping`") && tags.contains("did you mean `shipping`?"),
        "{tags}"
    );
    assert_snapshot!(wrong("- a"), @r"
    a.yaml:10:3 Error wrong_type (+1): a test must be a map, and this is a list
      hint: write its options as keys: `{name: …, expect: …}`
    ");
}

#[test]
fn names_of_nothing_are_found() {
    assert_snapshot!(wrong("{name: a, expect: {goals: [fromat, rust, nothing], not: unit_test, rules: {rast: matched, format: matched}}}"), @r"
    a.yaml:10:30 Error unknown_goal (+6): no rule sets a goal `fromat`
      hint: did you mean `format`?
    a.yaml:10:38 Error unknown_goal (+4): no rule sets a goal `rust`
      hint: `rust` is a rule; write `rules: {rust: matched}`, or name its goals
    a.yaml:10:44 Error unknown_goal (+7): no rule sets a goal `nothing`
      hint: name a goal that some rule sets
    a.yaml:10:78 Error unknown_rule (+4): there is no rule `rast`
      hint: did you mean `rust`?
    a.yaml:10:93 Error unknown_rule (+6): there is no rule `format`
      hint: `format` is a goal; name it in `goals` or `includes`
    ");
    assert_snapshot!(wrong("{name: a, expect: {goals: []}}\n- {name: a, expect: {goals: []}}"), @r"
    a.yaml:11:3 Error duplicate_test (+1): there is a test `a` already, at a.yaml:10:3
      hint: say what this one shows and the other does not
    ");
}

#[test]
fn names_are_not_missed_where_something_could_not_be_read() {
    let tests = "tests: [{name: a, expect: {includes: lint, rules: {other: matched}}}]";
    let found = load_files(&[&format!("{RULES}{tests}"), "rules: ["]).diagnostics;
    assert!(found.iter().all(|problem| problem.code == "syntax"), "{found:?}");
    let found = problems(&format!("rules: [{{name: other, goals: {{exe: 1}}}}]\n{tests}"));
    assert!(!found.contains("no rule sets"), "{found}");
}

#[test]
fn the_example_of_the_reference_is_right() {
    right(&format!(
        "{RULES}- {{name: test, depends_on: rust, goals: {{name: test, execute: {{run: [x]}}}}}}\ntests:\n- {}",
        TEST_EXAMPLE.replace('\n', "\n  ")
    ));
    assert!(TEST_FIELDS.iter().all(|field| !field.help.is_empty()));
}

#[test]
fn ru_37_a_goal_may_be_the_reason() {
    assert_eq!(test("{name: a, expect: {goals: []}}").goal, None);
    let goal = test("{name: a, goal: {name: unit test}, expect: {goals: []}}")
        .goal
        .unwrap();
    assert_eq!(
        (goal.goal.to_string().as_str(), goal.state, goal.is_own),
        ("unit-test in 0-code", StateName::Success, true)
    );
    let foreign = test(
        "{name: a, goal: {name: publish, state: failure, machine: other, data: '{}', output: image}, expect: {goals: []}}",
    );
    let goal = foreign.goal.unwrap();
    assert_eq!(
        (goal.registration.as_str(), goal.is_own, goal.state),
        ("other", false, StateName::Failure)
    );
    assert_eq!(
        (goal.data.as_deref(), goal.outputs),
        (Some("{}"), vec!["image".to_owned()])
    );
    assert_snapshot!(wrong("{name: a, goal: {name: a.b, state: skipped}, expect: {goals: []}}"), @r#"
    a.yaml:10:38 Error invalid_choice (+7): `state` cannot be `skipped`
      hint: did you mean `stopped`? It is one of `success`, `failure`, `stopped`, `canceled`, `waiting_for_pre_approval`, `waiting_for_approval`
    "#);
}
