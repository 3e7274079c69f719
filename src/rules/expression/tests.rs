//! `when:` – what it knows, what it refuses at load, what it may cost.

use serde_json::json;

use super::vocabulary::ROOTS;
use super::*;
use crate::model::Push;
use crate::rules::fixtures::{Untouchable, commit, compiled, push_to, rule, test};
use crate::rules::view::ProjectView;
use crate::rules::{MemoryView, PlanningFacts};

fn evaluated(source: &str, push: &Push, view: &dyn ProjectView) -> Result<bool, String> {
    let rules = compiled(&[rule("r", test("when", json!(source)), &[&["g"]])]);
    let facts = PlanningFacts {
        local_mode: false,
        preferences: json!({"level": 3, "names": ["ada"]}),
        trigger: None,
        forges: None,
    };
    rules
        .plan(push, &facts, view)
        .map(|plan| !plan.goals.is_empty())
        .map_err(|error| error.message)
}

fn holds(source: &str) -> bool {
    let view = MemoryView::new()
        .file("Cargo.toml", "[package]\nname = \"web\"")
        .changed(["src/a.rs"]);
    evaluated(source, &push_to("main"), &view).unwrap()
}

fn refused(source: &str) -> String {
    let refusal = Expression::compile(source, &[]).unwrap_err();
    match refusal.hint {
        Some(hint) => format!("{}; {hint}", refusal.message),
        None => refusal.message,
    }
}

#[test]
fn facts_of_the_push() {
    assert!(holds(
        "push.branch == 'main' && push.is_default_branch && !push.forced"
    ));
    assert!(holds(
        "push.before != null && push.commit_count == 1 && !push.is_first"
    ));
    assert!(holds("push.commits.all(c, !c.message.contains('[skip ship]'))"));
    assert!(holds("push.commits[0].author.email.endsWith('@example.com')"));
    assert!(holds("repo.owner == 'acme' && push.repo.slug == 'acme/web'"));
    assert!(holds("push.at.getFullYear() == 1970"));
    assert!(holds(
        "preferences.level > 2 && 'ada' in preferences.names && !has(preferences.other) && !has(preferences.workspace.other)"
    ));
    assert!(holds(
        "size(push.commits.filter(c, c.title.startsWith('Change'))) == 1"
    ));
    assert!(holds("push.commits.map(c, c.sha).exists(s, s == push.after)"));
    assert!(holds(
        "push.branch.matches('^ma.n$') && !matches(push.branch, '^x')"
    ));
}

#[test]
fn facts_of_the_project() {
    assert!(holds(
        "project.has_file('Cargo.toml') && !project.has_file('package.json')"
    ));
    assert!(holds(
        "project.content('Cargo.toml').contains('web') && project.content('none') == ''"
    ));
    assert!(holds("changed('src/**') && !changed('docs/' + '**')"));
    assert!(holds("['a', 'b', 'Cargo.toml'].exists(f, project.has_file(f))"));
}

#[test]
fn unknown_changes_count_as_changed() {
    assert!(evaluated("changed('docs/**')", &push_to("main"), &MemoryView::new()).unwrap());
}

#[test]
fn content_is_not_touched_when_the_value_does_not_depend_on_it() {
    let source = "push.branch == 'main' || project.has_file('a')";
    assert!(evaluated(source, &push_to("main"), &Untouchable).unwrap());
    let reversed = "project.has_file('a') || push.branch == 'main'";
    assert!(evaluated(reversed, &push_to("main"), &Untouchable).unwrap());
    assert!(Expression::compile(source, &[]).unwrap().asks_project());
    assert!(!Expression::compile("push.forced", &[]).unwrap().asks_project());
}

#[test]
fn misspelt_names_are_load_errors_with_a_suggestion_and_a_column() {
    insta::assert_snapshot!(refused("pusj.branch == 'a'"), @"unknown name `pusj` at column 1 of the expression; did you mean `push`?");
    insta::assert_snapshot!(refused("push.brnach == 'a'"), @r#"unknown field `brnach` at column 5 of the expression; did you mean `branch`?"#);
    insta::assert_snapshot!(refused("true || push.commits.all(c, c.mesage == 'a')"), @r#"unknown field `mesage` at column 30 of the expression; did you mean `message`?"#);
    insta::assert_snapshot!(refused("project.has_fil('a')"), @r#"unknown function `has_fil` at column 9 of the expression; did you mean `has_file`?"#);
    insta::assert_snapshot!(refused("project == 1"), @r#"`project` is not a value at column 1 of the expression; ask `project.has_file(path)` or `project.content(path)`"#);
    insta::assert_snapshot!(refused("push.branch.startswith('a')"), @r#"unknown function `startswith` at column 13 of the expression; did you mean `startsWith`?"#);
    insta::assert_snapshot!(refused("chnged('a')"), @r#"unknown function `chnged` at column 1 of the expression; did you mean `changed`?"#);
    insta::assert_snapshot!(refused("changed('a[')"), @r#"the glob `a[` is not valid: unclosed character class; missing ']' at column 1 of the expression"#);
}

#[test]
fn wrong_syntax_and_types_are_load_errors() {
    insta::assert_snapshot!(refused("push.branch =="), @r#"the expression is not CEL: it ends too early at column 16 of the expression; write one boolean expression, such as `push.branch == "main" && !push.forced`"#);
    insta::assert_snapshot!(refused("push.branch"), @r#"the expression fails: its value is of type string, not a boolean; an expression must be true or false for every push"#);
    insta::assert_snapshot!(refused("push.branch > 1"), @r#"the expression fails: found no matching overload for '_>_' applied to '(string, int)'; an expression must be true or false for every push"#);
    insta::assert_snapshot!(refused("push.before.startsWith('a')"), @r#"the expression fails for the first push of a branch: found no matching overload for 'startsWith' applied to 'null_type.(string)'; `push.before` is null for a first push and `repo.default_branch` where none is known"#);
    insta::assert_snapshot!(refused("push.branch.matches(push.title)"), @r#"the pattern of `matches` is not a literal text at column 13 of the expression; write `text.matches('pattern')`; to look for the text of a value use `contains`"#);
    insta::assert_snapshot!(refused("push.branch.matches('(a')"), @r#"the regular expression `(a` is not valid: unclosed group at column 13 of the expression"#);
    assert!(refused(&format!("'{}' == ''", "a".repeat(5000))).contains("longer than 4096 bytes"));
    assert!(Expression::compile(&format!("{}true{}", "(".repeat(300), ")".repeat(300)), &[]).is_err());
}

#[test]
fn a_missing_key_is_an_error_that_teaches_has() {
    let error = evaluated("preferences.nope == 1", &push_to("main"), &MemoryView::new()).unwrap_err();
    insta::assert_snapshot!(error, @r#"rule r: when: preferences.nope == 1: failed to evaluate the expression: there is no key `nope`; ask `has(…)` first"#);
}

#[test]
fn b8_doubling_texts_and_nested_loops_run_out_of_budget() {
    let mut push = push_to("main");
    push.commits = (0..250).map(|_| commit(&"x".repeat(1000))).collect();
    let doubling = format!("['xxxxxxxxxx']{}.size() == 1", ".map(a, a + a + a)".repeat(22));
    let nested =
        "push.commits.all(a, push.commits.all(b, push.commits.all(c, a.sha == b.sha || c.sha != '')))";
    let copying = "size(push.commits.map(a, push.commits.map(b, b.message))) == 0";
    for source in [doubling.as_str(), nested, copying] {
        let error = evaluated(source, &push, &MemoryView::new()).unwrap_err();
        assert!(error.contains("it would take too long for this push"), "{error}");
    }
}

#[test]
fn b8_deep_expressions_are_refused_before_they_can_overflow_the_stack() {
    let repeated = |start: &str, part: &str, count: usize| format!("{start}{}", part.repeat(count));
    for count in [40, 79, 2000] {
        for deep in [
            repeated("push", ".a", count),
            repeated("1", "+1", count),
            format!("{}1", "-".repeat(count)),
            repeated("push.commits", ".map(a, a)", count.min(70)),
            repeated("", "true ? true : ", count) + "true",
            format!("{}{}", "[".repeat(count), "]".repeat(count)),
            repeated("push", "[0]", count),
        ] {
            assert!(Expression::compile(&deep, &[]).is_err(), "{deep}");
        }
    }
    for even in [40, 100, 2000] {
        let _ = Expression::compile(&format!("{}true", "!".repeat(even)), &[]); // parsed as `true`, however many
    }
    let wide = format!("true{}", " && push.branch != 'a'".repeat(60));
    assert!(Expression::compile(&wide, &[]).is_ok());
}

#[test]
fn b8_a_catastrophic_pattern_is_linear() {
    let mut push = push_to("main");
    push.commits = vec![commit(&format!("{}!", "a".repeat(60_000)))];
    assert!(
        !evaluated(
            "push.commits.exists(c, c.message.matches('(a+)+$'))",
            &push,
            &Untouchable
        )
        .unwrap()
    );
}

#[test]
fn a_large_file_is_an_error_not_an_answer() {
    let view = MemoryView::new().file("big", vec![b'a'; (1 << 20) + 1]);
    let error = evaluated("project.content('big') == ''", &push_to("main"), &view).unwrap_err();
    assert!(
        error.contains("reading big passes the limit of 1048576 bytes"),
        "{error}"
    );
}

#[test]
fn every_name_of_the_vocabulary_is_a_fact() {
    for root in ROOTS {
        for field in root.shape.fields().unwrap_or_default() {
            let path = format!("{}.{}", root.name, field.name);
            assert!(holds(&format!("has({path})")), "{path}");
            for deeper in field.shape.element().fields().unwrap_or_default() {
                let path = format!("{path}[0].{}", deeper.name);
                assert!(holds(&format!("has({path})")), "{path}");
            }
        }
    }
}
