//! Goals that repositories bring along (7.9): containers, scripts, and what is refused. Containers themselves are not in this
//! room's catalogue; what becomes of them is tested with the engine.

use insta::assert_snapshot;

use super::super::testing::{CATALOGUE, shown};
use super::super::{SourceFile, supplied_rules};

fn wrong(text: &str) -> String {
    let file = SourceFile::new(".atomist/goals.yaml", text);
    shown(&supplied_rules(&[file], &CATALOGUE).unwrap_err())
}

#[test]
fn what_runs_on_the_computer_is_refused() {
    assert_snapshot!(wrong("build:
  goals:
    - {name: a, execute: {run: [a]}}
    - - {name: b, containers: [{name: b, image: x, privileged: true}], secrets: [token], listeners: []}
      - {name: c, containers: [{name: c, image: x}], network: host, volumes: {name: v, host_path: {path: /}}}
    - lock
    - {ref: acme/goals/build@1.0}
    - {use: cancel}
"), @r#"
    .atomist/goals.yaml:3:17 Error not_supplied (+7): `execute` is not for goals that a repository brings along
      hint: they run in containers, without anything of the machine
    .atomist/goals.yaml:4:19 Error not_available (+10): `containers` is not available in this version
      hint: remove it: nothing here carries it out
    .atomist/goals.yaml:4:52 Error not_supplied (+10): `privileged` is not for goals that a repository brings along
      hint: they run in containers, without anything of the machine
    .atomist/goals.yaml:4:90 Error not_supplied (+9): `listeners` is not for goals that a repository brings along
      hint: they run in containers, without anything of the machine
    .atomist/goals.yaml:5:19 Error not_available (+10): `containers` is not available in this version
      hint: remove it: nothing here carries it out
    .atomist/goals.yaml:5:54 Error not_supplied (+7): `network` is not for goals that a repository brings along
      hint: they run in containers, without anything of the machine
    .atomist/goals.yaml:5:88 Error not_supplied (+9): `host_path` is not for goals that a repository brings along
      hint: they run in containers, without anything of the machine
    .atomist/goals.yaml:6:7 Error not_supplied (+4): a repository can bring containers only
      hint: write `containers:` or `script:`
    .atomist/goals.yaml:7:8 Error not_supplied (+3): `ref` is not for goals that a repository brings along
      hint: they run in containers, without anything of the machine
    .atomist/goals.yaml:7:13 Error nested_reference (+20): `acme/goals/build@1.0` stands in a file of another repository, which cannot refer on
      hint: refer to it from a goal file of your own
    .atomist/goals.yaml:8:8 Error not_supplied (+3): `use` is not for goals that a repository brings along
      hint: they run in containers, without anything of the machine
    "#);
}

#[test]
fn semantics_7_9_files_stay_in_the_repository() {
    assert_snapshot!(wrong("build:
  goals:
    - {name: a, containers: [{name: a, image: x}], input: [{classifier: k, scope: machine}], output: [{classifier: k, paths: [p], scope: repo}]}
"), @r#"
    .atomist/goals.yaml:3:17 Error not_available (+10): `containers` is not available in this version
      hint: remove it: nothing here carries it out
    .atomist/goals.yaml:3:76 Error not_supplied (+5): `scope: machine` is not for goals that a repository brings along
      hint: write `scope: repo`: goals of other repositories neither find its files nor leave any for it
    "#);
}

#[test]
fn rules_have_four_keys_and_know_each_other() {
    assert_snapshot!(wrong("build: {goals: [], first_of: []}\nship: {goals: [], depends_on: nothing}\nx: 1\n"), @r#"
    .atomist/goals.yaml:1:9 Error ambiguous_key (+5): a rule has `goals` or `first_of`, not both
      hint: put the goals that are always set into a rule of their own
    .atomist/goals.yaml:1:20 Error unknown_key (+8): a rule of a repository has no key `first_of`
      hint: the keys that can stand here are `test`, `tests`, `depends_on`, `goals`
    .atomist/goals.yaml:2:31 Error unknown_rule (+7): Provided depends_on goals named 'nothing' do not exist or is after current goals named 'ship'
      hint: name a rule that stands before this one
    .atomist/goals.yaml:3:1 Error wrong_type (+1): `x` is no rule: it needs `goals`
    "#);
    assert_snapshot!(wrong("- a\n"), @".atomist/goals.yaml:1:1 Error wrong_type (+1): goals of a repository are a map of rules");
    assert_snapshot!(wrong("rules: {goals: [\n"), @r#"
    .atomist/goals.yaml:2:1 Error syntax (+1): this is not valid YAML: while parsing a node, did not find expected node content
      hint: compare the indentation of this line with the lines above; quote text that contains `: ` or ` #`
    "#);
    assert_eq!(
        supplied_rules(&[SourceFile::new("a", "")], &CATALOGUE),
        Ok(Vec::new())
    );
}
