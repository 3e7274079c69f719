//! Goals of other repositories (7.4): YM-07, YM-17, and what is refused.

use insta::assert_snapshot;
use serde_json::json;

use super::super::testing::{CATALOGUE, shown};
use super::super::{Loaded, Referenced, SourceFile, load};

const MAKE: &str = "
x-common: &common {retry: true}
make:
  <<: *common
  parameters: {target: all}
  execute:
    run: [make, '${parameters.target}', '-j${parameters.jobs:4}', 'V=${push.after.sha}']
    timeout: '${parameters.timeout:20m}'
  descriptions: {completed: Made, failed: 'Not made ${parameters.target}'}
other:
  execute: {run: [other], wrong: 1}
";

fn referenced(by: &str, text: &str, is_trusted: bool) -> SourceFile {
    SourceFile {
        referenced: Some(Referenced {
            by: by.to_owned(),
            is_trusted,
            refused: None,
        }),
        ..SourceFile::new(&format!("goals.lock.d/{by}.yaml"), text)
    }
}

/// Goals of a rule with these entries, beside files of acme.
fn with(goals: &str, files: &[SourceFile]) -> Loaded {
    let own = SourceFile::new("a.yaml", format!("rules:\n- name: r\n  goals:\n{goals}"));
    let mut all = vec![own];
    all.extend(files.iter().cloned());
    load(&all, &CATALOGUE)
}

fn trusted(goals: &str) -> Loaded {
    with(goals, &[referenced("acme/make-goal@1.0", MAKE, true)])
}

fn wrong(goals: &str) -> String {
    shown(&trusted(goals).diagnostics)
}

#[test]
fn ym_07_a_reference_is_a_goal_with_its_parameters_and_local_values_win() {
    let loaded = trusted(
        "  - ref: acme/make-goal@1.0
    name: build
    parameters: {target: web, jobs: 8}
    descriptions: {completed: Built}
    execute: {timeout: 5m}
",
    );
    assert_eq!(shown(&loaded.diagnostics), "");
    let goal = &loaded.rules[0].steps[0][0];
    assert_eq!((goal.name.as_str(), goal.retry.feasible), ("build", true));
    assert_eq!(
        goal.work.arguments,
        json!({"run": ["make", "web", "-j8", "V=${push.after.sha}"], "timeout": 300_000})
    );
    assert_eq!(goal.parameters["target"], "web");
    let texts: Vec<&String> = goal.descriptions.0.values().collect();
    assert_eq!(texts, ["Built", "Not made web"]);
    assert_eq!(loaded.references[0].0.to_string(), "acme/make-goal@1.0");
}

/// The original had code that made goals of parameters, and skills that were goals of others: here a goal of another
/// repository is both.
#[test]
fn ym_04_a_goal_is_made_of_parameters_and_its_files_may_stand_alone() {
    let maker = "
lint:
  execute: {run: [lint, '--level=${parameters.level:warn}', '${parameters.path}']}
  input: {classifier: 'deps-${parameters.path}'}
  output: {classifier: report, paths: '${parameters.path}/report.xml'}
";
    let files = [referenced("acme/lint-goal@1.0", maker, true)];
    let loaded = with(
        "  - {ref: acme/lint-goal@1.0, parameters: {path: web}}
  - {ref: acme/lint-goal@1.0, name: strict, parameters: {path: app, level: error}, output: {classifier: strict, paths: x}}
",
        &files,
    );
    assert_eq!(shown(&loaded.diagnostics), "");
    let made: Vec<String> = loaded.rules[0]
        .steps
        .iter()
        .map(|step| {
            let goal = &step[0];
            let (input, output) = (&goal.files.inputs[0], &goal.files.outputs[0]);
            format!(
                "{}: {} in {} out {} {}",
                goal.name, goal.work.arguments["run"], input.classifier, output.classifier, output.paths[0]
            )
        })
        .collect();
    assert_eq!(
        made,
        [
            r#"lint: ["lint","--level=warn","web"] in deps-web out report web/report.xml"#,
            r#"strict: ["lint","--level=error","app"] in deps-app out strict x"#,
        ]
    );
}

#[test]
fn ym_07_a_name_is_the_key_of_the_goal_and_a_word_is_a_reference() {
    let loaded = trusted("  - acme/make-goal@1.0\n");
    assert_eq!(shown(&loaded.diagnostics), "");
    let goal = &loaded.rules[0].steps[0][0];
    assert_eq!(goal.name, "make");
    assert_eq!(
        goal.work.arguments["run"][1], "all",
        "its own parameters are the defaults"
    );
    assert_eq!(goal.work.arguments["timeout"], 1_200_000);
    assert_eq!(goal.place.to_string(), "a.yaml:4:5");
}

#[test]
fn ym_17_two_references_to_one_goal_share_nothing_and_need_two_names() {
    let entry = |name: &str, target: &str| {
        format!("  - {{ref: acme/make-goal/make@1.0, {name}parameters: {{target: {target}}}}}\n")
    };
    let both = entry("name: web, ", "web") + &entry("name: app, ", "app");
    let loaded = trusted(&both);
    assert_eq!(shown(&loaded.diagnostics), "");
    let targets: Vec<_> = loaded.rules[0]
        .steps
        .iter()
        .map(|step| step[0].work.arguments["run"][1].clone())
        .collect();
    assert_eq!(targets, ["web", "app"]);
    assert_snapshot!(wrong(&(entry("", "web") + &entry("", "app"))), @r#"
    a.yaml:5:5 Error conflicting_goal (+1): the goal `make in 0-code` is defined at a.yaml:4:5 and again, differently, at a.yaml:5:5
      hint: give one of them another name, or define it once at top level and use it by name
    "#);
}

#[test]
fn problems_of_a_referenced_file_have_their_place_there() {
    assert_snapshot!(wrong("  - ref: acme/make-goal/other@1.0\n"), @r#"
    goals.lock.d/acme/make-goal@1.0.yaml:11:27 Error unknown_key (+5): `execute` has no key `wrong`
      hint: the keys that can stand here are `run`, `command`, `args`, `environment`, `workdir`, `shell`, `timeout`
    "#);
    let broken = [referenced("acme/make-goal@1.0", "make: {execute: [\n", true)];
    assert_snapshot!(shown(&with("  - ref: acme/make-goal@1.0\n", &broken).diagnostics), @r#"
    goals.lock.d/acme/make-goal@1.0.yaml:2:1 Error syntax (+1): this is not valid YAML: while parsing a node, did not find expected node content
      hint: compare the indentation of this line with the lines above; quote text that contains `: ` or ` #`
    "#);
}

#[test]
fn what_a_reference_does_not_find_is_said() {
    assert_snapshot!(wrong("  - ref: acme/make-goal/mak@1.0\n  - ref: acme/make-goal@2.0\n  - ref: 'acme'\n  - use: acme/make-goal@1.0\n"), @r#"
    a.yaml:4:10 Error unknown_goal (+22): Unable to construct goal from '{"ref":"acme/make-goal/mak@1.0"}'
      hint: did you mean `acme/make-goal/make`?
    a.yaml:5:10 Error reference (+18): Referenced goal 'acme/make-goal@2.0' can not be created: it is not in `goals.lock`
      hint: run `sdm lock`, which shows what it is and writes it down
    a.yaml:6:10 Error invalid_reference (+6): `acme` is not a reference: it must read owner/repo, owner/repo/goal or owner/repo/goal@ref, of letters, digits, `.`, `_` and `-`
    a.yaml:7:5 Error not_available (+1): `acme/make-goal@1.0` is not available in this version
      hint: if it is a goal of another repository, write `ref: acme/make-goal@1.0`
    "#);
    let unpinned = [referenced("acme/make-goal", MAKE, true)];
    assert_snapshot!(shown(&with("  - ref: acme/make-goal\n", &unpinned).diagnostics), @r#"
    a.yaml:4:10 Warning unpinned_reference (+14): `acme/make-goal` is not pinned: the next `sdm lock --update` takes what is there then
      hint: write `acme/make-goal@` and a tag or a commit
    "#);
    let empty = [referenced("acme/make-goal@1.0", "", true)];
    assert_snapshot!(shown(&with("  - ref: acme/make-goal@1.0\n", &empty).diagnostics), @r#"
    a.yaml:4:10 Error unknown_goal (+18): Unable to construct goal from '{"ref":"acme/make-goal@1.0"}'
      hint: acme/make-goal@1.0 has no goals
    "#);
    let refused = SourceFile {
        referenced: Some(Referenced {
            by: "acme/make-goal@1.0".into(),
            is_trusted: true,
            refused: Some("its content is not what `goals.lock` says".into()),
        }),
        ..SourceFile::new("m.yaml", MAKE)
    };
    assert_snapshot!(shown(&with("  - ref: acme/make-goal@1.0\n", &[refused]).diagnostics), @r#"
    a.yaml:4:10 Error reference (+18): Referenced goal 'acme/make-goal@1.0' can not be created: its content is not what `goals.lock` says
      hint: look at the difference with `sdm lock --update`
    "#);
}

#[test]
fn without_trust_files_stay_in_the_repository() {
    let text = "
far:
  containers: [{name: a, image: b}]
  output: {classifier: y, paths: [z], scope: '${parameters.how:machine}'}
";
    let files = [referenced("acme/make-goal@1.0", text, false)];
    let said = shown(&with("  - ref: acme/make-goal/far@1.0\n", &files).diagnostics);
    let refused = "`scope: machine` of acme/make-goal@1.0 is for owners who are trusted with this computer";
    assert!(said.contains(refused), "{said}");
    let files = [referenced("acme/make-goal@1.0", text, true)];
    let trusted = with("  - ref: acme/make-goal/far@1.0\n", &files);
    assert!(!shown(&trusted.diagnostics).contains("scope"));
}

#[test]
fn without_trust_nothing_runs_on_this_computer() {
    let text = "
make: {execute: {run: [make]}, listeners: [{name: a, run: [b]}]}
host:
  containers: [{name: a, image: b, privileged: true}]
  volumes: {name: v, host_path: {path: /}}
  network: '${parameters.network}'
  input: {classifier: x, on_miss: [rm]}
on:
  ref: acme/other/make@1.0
  secrets: [token]
";
    let files = [referenced("acme/make-goal@1.0", text, false)];
    assert_snapshot!(shown(&with("  - ref: acme/make-goal@1.0\n  - ref: acme/make-goal/host@1.0\n  - ref: acme/make-goal/on@1.0\n", &files).diagnostics), @r#"
    goals.lock.d/acme/make-goal@1.0.yaml:2:8 Error untrusted_reference (+7): `execute` of acme/make-goal@1.0 is for owners who are trusted with this computer, and acme is not
      hint: add acme to `trusted_owners` in the configuration, or use containers only
    goals.lock.d/acme/make-goal@1.0.yaml:2:32 Error untrusted_reference (+9): `listeners` of acme/make-goal@1.0 is for owners who are trusted with this computer, and acme is not
      hint: add acme to `trusted_owners` in the configuration, or use containers only
    goals.lock.d/acme/make-goal@1.0.yaml:4:36 Error untrusted_reference (+10): `privileged` of acme/make-goal@1.0 is for owners who are trusted with this computer, and acme is not
      hint: add acme to `trusted_owners` in the configuration, or use containers only
    goals.lock.d/acme/make-goal@1.0.yaml:5:22 Error untrusted_reference (+9): `host_path` of acme/make-goal@1.0 is for owners who are trusted with this computer, and acme is not
      hint: add acme to `trusted_owners` in the configuration, or use containers only
    goals.lock.d/acme/make-goal@1.0.yaml:6:3 Error untrusted_reference (+7): `network` of acme/make-goal@1.0 is for owners who are trusted with this computer, and acme is not
      hint: add acme to `trusted_owners` in the configuration, or use containers only
    goals.lock.d/acme/make-goal@1.0.yaml:7:26 Error untrusted_reference (+7): `on_miss` of acme/make-goal@1.0 is for owners who are trusted with this computer, and acme is not
      hint: add acme to `trusted_owners` in the configuration, or use containers only
    goals.lock.d/acme/make-goal@1.0.yaml:9:3 Error untrusted_reference (+3): `ref` of acme/make-goal@1.0 is for owners who are trusted with this computer, and acme is not
      hint: add acme to `trusted_owners` in the configuration, or use containers only
    goals.lock.d/acme/make-goal@1.0.yaml:10:3 Error untrusted_reference (+7): `secrets` of acme/make-goal@1.0 is for owners who are trusted with this computer, and acme is not
      hint: add acme to `trusted_owners` in the configuration, or use containers only
    "#);
    let files = [referenced("acme/make-goal@1.0", text, true)];
    assert_snapshot!(shown(&with("  - ref: acme/make-goal/on@1.0\n", &files).diagnostics), @r#"
    goals.lock.d/acme/make-goal@1.0.yaml:9:8 Error nested_reference (+19): `acme/other/make@1.0` stands in a file of another repository, which cannot refer on
      hint: refer to it from a goal file of your own
    "#);
}

#[test]
fn a_slip_in_the_goal_of_another_asks_for_no_trust() {
    let text = "make: {contaners: [{name: a, image: b}]}\n";
    let files = [referenced("acme/make-goal@1.0", text, false)];
    assert_snapshot!(shown(&with("  - ref: acme/make-goal@1.0\n", &files).diagnostics), @r"
    goals.lock.d/acme/make-goal@1.0.yaml:1:8 Error unknown_key (+9): a goal has no key `contaners`
      hint: did you mean `containers`?
    ");
}

#[test]
fn b7_a_reference_does_not_grow_without_bound() {
    let many = "x, ".repeat(1_500);
    let text = format!(
        "make: {{execute: {{run: [{}]}}}}",
        "'${parameters.all}', ".repeat(100)
    );
    let files = [referenced("acme/make-goal@1.0", &text, true)];
    let goals = format!("  - {{ref: acme/make-goal@1.0, parameters: {{all: [{many}]}}}}\n");
    assert_snapshot!(shown(&with(&goals, &files).diagnostics), @r#"
    a.yaml:4:11 Error reference (+18): Referenced goal 'acme/make-goal@1.0' can not be created: it is too large with its parameters filled in
      hint: give it smaller parameters
    "#);
}

#[test]
fn parameters_are_filled_in_and_nothing_else() {
    let text = "
make:
  execute:
    run: ['${parameters.list}', 'a${parameters.b.c}d', '$${parameters.b.c}', '${!parameters.gone}', 'x${!parameters.gone}y',
      '${push.branch:${parameters.tag:none}}', '${parameters.tag:${push.after.sha}}', '${!push.before}']
";
    let files = [referenced("acme/make-goal@1.0", text, true)];
    let entry = "  - {ref: acme/make-goal@1.0, parameters: {list: word, b: {c: '${push.branch}'}}}\n";
    let loaded = with(entry, &files);
    assert_eq!(shown(&loaded.diagnostics), "");
    assert_eq!(
        loaded.rules[0].steps[0][0].work.arguments["run"],
        json!([
            "word",
            "a${push.branch}d",
            "$${parameters.b.c}",
            "${push.branch:none}",
            "${push.after.sha}",
            "${!push.before}",
        ])
    );
}

#[test]
fn ym_13_what_a_referenced_goal_needs_is_said_when_it_is_read() {
    let text = "make: {execute: {run: [make, '${parameters.target}']}}\n";
    let files = [referenced("acme/make-goal@1.0", text, true)];
    let needs = |parameters: &str| {
        let entry = format!("  - {{ref: acme/make-goal@1.0{parameters}}}\n");
        shown(&with(&entry, &files).diagnostics)
    };
    assert_eq!(needs(", parameters: {target: all}"), "");
    assert_snapshot!(needs(""), @r"
    goals.lock.d/acme/make-goal@1.0.yaml:1:33 Error unknown_placeholder (+1): the goal has no parameter `target`
      hint: add `parameters: {target: …}` beside the reference
    ");
    assert_snapshot!(needs(", parameters: {taget: all}"), @r"
    goals.lock.d/acme/make-goal@1.0.yaml:1:33 Error unknown_placeholder (+1): the goal has no parameter `target`
      hint: write `parameters: {target: …}` beside the reference, which has `taget`
    ");
}

/// Pieces that files of strangers may be made of.
const PIECES: &[&str] = &[
    "make:",
    "\n",
    "  ",
    "execute: ",
    "run: ",
    "[",
    "]",
    "{",
    "}",
    "'${parameters.x}'",
    "${parameters.",
    "${!parameters.x}",
    "$${",
    "containers: ",
    "- ",
    "name: a",
    "&a ",
    "*a",
    "<<: *a",
    "ref: acme/make-goal@1.0",
    "parameters: ",
    "x: y",
    "script: ",
    "image: b",
    "goals: ",
    "test: has_file",
    ",",
    "\"",
    "!!int ",
    "~",
    "\u{0}",
    "\u{1f980}",
];

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    #[test]
    fn b7_whatever_strangers_write_is_read_or_refused(
        theirs in proptest::collection::vec(proptest::sample::select(PIECES), 0..60),
        is_trusted in proptest::bool::ANY,
    ) {
        let text = theirs.concat();
        let files = [referenced("acme/make-goal@1.0", &text, is_trusted)];
        let loaded = with("  - {ref: acme/make-goal/make@1.0, parameters: {x: [1, {a: b}]}}\n", &files);
        proptest::prop_assert_eq!(loaded.references.len(), 1);
        let goals = loaded.rules.iter().flat_map(|rule| rule.steps.iter().flatten()).count();
        proptest::prop_assert!(loaded.has_errors() || goals == 1);
        let supplied = super::super::supplied_rules(&[SourceFile::new(".atomist/goals.yml", text)], &CATALOGUE);
        let rules = supplied.unwrap_or_default();
        let runs_here = rules.iter().flat_map(crate::model::RuleDefinition::goals).any(|goal| goal.work.kind == "execute");
        proptest::prop_assert!(!runs_here);
    }
}

#[test]
fn ym_17_a_parameter_that_nothing_asks_for_is_warned_about() {
    assert_snapshot!(wrong("  - {ref: acme/make-goal@1.0, parameters: {tarhget: web, colour: red, jobs: 2}}\n"), @r"
    a.yaml:4:44 Warning unknown_parameter (+7): nothing in `acme/make-goal@1.0` asks for the parameter `tarhget`
      hint: did you mean `target`?
    a.yaml:4:58 Warning unknown_parameter (+6): nothing in `acme/make-goal@1.0` asks for the parameter `colour`
      hint: it has `jobs`, `target`, `timeout`
    ");
    for silent in [
        "  - {ref: acme/make-goal@1.0, parameters: {own: x}, descriptions: {completed: 'Made ${parameters.own}'}}\n",
        "  - {ref: acme/make-goal@1.0, parameters: {own: x}, descriptions: {completed: 'Made ${parameters}'}}\n",
    ] {
        assert_eq!(wrong(silent), "", "{silent}");
    }
    let asks_for_none = referenced("acme/x-goal@1.0", "x: {execute: {run: [x]}}", true);
    let loaded = with(
        "  - {ref: acme/x-goal@1.0, parameters: {own: x}}\n",
        &[asks_for_none],
    );
    assert_eq!(shown(&loaded.diagnostics), "", "its program may read it");
}

#[test]
fn ym_13_a_goal_of_another_may_ask_for_any_other_with_a_default() {
    let asking = |text: &str| {
        let theirs = format!("x:\n  execute: {{run: [x, '{text}']}}\n");
        shown(&with("  - {ref: acme/x@1}\n", &[referenced("acme/x@1", &theirs, true)]).diagnostics)
    };
    assert_eq!(asking("${goals.build.data.tag:none} ${facts.level:1}"), "");
    assert!(asking("${goals.build.data.tag}").contains("no rule sets a goal `build`"));
}
