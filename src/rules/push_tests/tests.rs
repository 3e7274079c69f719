//! Acceptance PT-*: the vocabulary, each test through a whole plan.

use std::collections::HashSet;

use serde_json::{Value, json};

use std::sync::Arc;

use super::*;
use crate::model::{Push, ValueType};
use crate::rules::fixtures::{Untouchable, answer, commit, compiled, push_to, rule, test};
use crate::rules::view::{ForgeView, ProjectView, ViewError};
use crate::rules::{MemoryView, PlanningFacts};

fn holds(name: &str, arguments: Value, push: &Push, view: &dyn ProjectView) -> bool {
    answer(test(name, arguments), push, view).0
}

fn because(name: &str, arguments: Value, push: &Push, view: &dyn ProjectView) -> String {
    answer(test(name, arguments), push, view).1
}

fn tree(paths: &[&str]) -> MemoryView {
    MemoryView::new().files(paths.iter().copied())
}

fn material(arguments: Value, changed: &[&str]) -> bool {
    let view = MemoryView::new().changed(changed.iter().copied());
    holds("is_material_change", arguments, &push_to("main"), &view)
}

#[test]
fn every_test_is_named_once_and_documented() {
    let mut names = HashSet::new();
    for descriptor in descriptors() {
        for name in descriptor.aliases.iter().chain([&descriptor.name]) {
            assert!(names.insert(*name), "{name} is taken");
        }
        assert!(!descriptor.help.is_empty() && !descriptor.example.is_empty());
        assert!(descriptor.example.contains(descriptor.name));
        if let Some(ValueType::Fields(fields)) = descriptor.value {
            assert!(fields.iter().all(|field| !field.help.is_empty()));
        }
    }
}

#[test]
fn pt_01_default_branch() {
    assert!(holds(
        "is_default_branch",
        Value::Null,
        &push_to("main"),
        &Untouchable
    ));
    assert!(!holds(
        "to_default_branch",
        Value::Null,
        &push_to("feature"),
        &Untouchable
    ));
    assert_eq!(
        because("is_default_branch", Value::Null, &push_to("main"), &Untouchable),
        "branch main is the default branch"
    );
    assert_eq!(
        because("is_default_branch", Value::Null, &push_to("fix"), &Untouchable),
        "branch fix is not the default branch, main"
    );
}

#[test]
fn pt_02_without_a_default_branch_main_and_master_are_it() {
    let mut push = push_to("master");
    push.repo.default_branch = None;
    assert!(holds("is_default_branch", Value::Null, &push, &Untouchable));
}

#[test]
fn pt_03_has_file_is_an_exact_path() {
    let view = tree(&["Cargo.toml", "src/lib.rs"]);
    let push = push_to("main");
    assert!(holds("has_file", json!(["Cargo.toml"]), &push, &view));
    assert!(!holds("has_file", json!(["Cargo.*"]), &push, &view));
    assert!(!holds("has_file", json!(["src"]), &push, &view));
    assert!(holds(
        "has_file",
        json!(["Cargo.toml", "src/lib.rs"]),
        &push,
        &view
    ));
    assert!(!holds("has_file", json!(["Cargo.toml", "nope"]), &push, &view));
    assert_eq!(
        because("has_file", json!("Cargo.toml"), &push, &view),
        "Cargo.toml is a file"
    );
    assert_eq!(
        because("has_file", json!("nope"), &push, &view),
        "there is no file nope"
    );
}

#[test]
fn pt_04_has_file_containing() {
    let view = MemoryView::new()
        .file("web/package.json", r#"{"react": 1}"#)
        .file("README.md", "angular");
    let push = push_to("main");
    let arguments = |pattern: &str, content: &str| json!({"content": content, "patterns": [pattern]});
    assert!(!holds(
        "has_file_containing",
        arguments("**/*.xml", "react"),
        &push,
        &view
    ));
    assert!(holds(
        "has_file_containing",
        arguments("**/package.json", "react"),
        &push,
        &view
    ));
    assert!(!holds(
        "has_file_containing",
        arguments("**/package.json", "angular"),
        &push,
        &view
    ));
    assert!(holds(
        "has_file_containing",
        json!({"content": "ang.lar"}),
        &push,
        &view
    ));
    assert_eq!(
        because("has_file_containing", arguments("*.md", "react"), &push, &view),
        "the one file that matches *.md does not contain react"
    );
}

#[test]
fn pt_05_an_empty_extension_stands_for_any_file() {
    let push = push_to("main");
    for empty in [json!([]), json!([""]), json!(["."]), Value::Null] {
        assert!(!holds(
            "has_file_with_extension",
            empty.clone(),
            &push,
            &MemoryView::new()
        ));
        assert!(holds("has_file_with_extension", empty, &push, &tree(&["a"])));
    }
    assert!(!holds("non_empty", Value::Null, &push, &MemoryView::new()));
    assert!(holds("non_empty", Value::Null, &push, &tree(&["a"])));
}

#[test]
fn pt_06_the_dot_of_an_extension_is_optional() {
    let view = tree(&["a/b/c.rs", "x.md"]);
    let push = push_to("main");
    assert!(holds("has_file_with_extension", json!(["rs"]), &push, &view));
    assert!(holds("has_file_with_extension", json!([".rs"]), &push, &view));
    assert!(!holds("has_file_with_extension", json!(["s"]), &push, &view));
}

#[test]
fn pt_07_pt_33_is_branch_searches_unless_anchored() {
    let searching = |branch: &str| holds("is_branch", json!("main"), &push_to(branch), &Untouchable);
    assert!(searching("main") && searching("maintenance") && !searching("feature/x"));
}

#[test]
fn a7_an_anchored_pattern_takes_no_name_that_only_contains_it() {
    for (pattern, taken, attack) in [
        ("^release/", "release/1", "evil/release/x"),
        ("^v1", "v1.2", "xv1"),
        ("^main$", "main", "maintenance"),
    ] {
        let matched = |branch: &str| holds("is_branch", json!(pattern), &push_to(branch), &Untouchable);
        assert!(matched(taken) && !matched(attack), "{pattern}");
    }
}

#[test]
fn a5_branches_are_matched_on_exact_text_and_shown_with_their_odd_characters() {
    let odd = push_to("ma\u{200d}in");
    assert!(!holds("is_branch", json!("^main$"), &odd, &Untouchable));
    assert!(!holds("is_default_branch", Value::Null, &odd, &Untouchable));
    let because = because("is_branch", json!("^main$"), &odd, &Untouchable);
    assert_eq!(because, "branch ma\\u{200d}in does not match ^main$");
}

#[test]
fn pt_08_is_repo_searches_in_the_slug() {
    assert!(holds(
        "is_repo",
        json!("^acme/web$"),
        &push_to("main"),
        &Untouchable
    ));
    assert!(!holds("is_repo", json!("other"), &push_to("main"), &Untouchable));
}

/// A forge with one repository, or one that knows none, or does not answer.
#[derive(Debug)]
enum Forge {
    Shows {
        is_public: bool,
        pull_request: Option<u64>,
    },
    KnowsNothing,
    IsSilent,
}

impl Forge {
    fn answer<T>(&self, of: impl FnOnce(bool, Option<u64>) -> T) -> Result<T, ViewError> {
        match self {
            Self::Shows {
                is_public,
                pull_request,
            } => Ok(of(*is_public, *pull_request)),
            Self::KnowsNothing => panic!("asked about what it does not know"),
            Self::IsSilent => Err(ViewError {
                what: "whether it is public".into(),
                because: "it does not answer".into(),
            }),
        }
    }
}

impl ForgeView for Forge {
    fn knows(&self, _push: &Push) -> Result<bool, ViewError> {
        Ok(!matches!(self, Self::KnowsNothing))
    }

    fn is_public(&self, _push: &Push) -> Result<bool, ViewError> {
        self.answer(|is_public, _| is_public)
    }

    fn pull_request(&self, _push: &Push) -> Result<Option<u64>, ViewError> {
        self.answer(|_, pull_request| pull_request)
    }
}

/// Whether a test of a push to a branch holds where there is this forge, and why; or why that cannot be known.
fn at(forge: Forge, name: &str, branch: &str) -> Result<(bool, String), String> {
    let facts = PlanningFacts {
        forges: Some(Arc::new(forge)),
        ..PlanningFacts::default()
    };
    let rules = compiled(&[rule("r", test(name, Value::Null), &[&["g"]])]);
    let plan = rules.plan(&push_to(branch), &facts, &Untouchable);
    let plan = plan.map_err(|error| error.message)?;
    Ok((!plan.goals.is_empty(), plan.trace.rules[0].because.clone()))
}

#[test]
fn pt_09_a_branch_other_than_the_default_one_asks_to_be_merged() {
    let shows = |pull_request| Forge::Shows {
        is_public: false,
        pull_request,
    };
    let asked = |forge, branch| at(forge, "has_pull_request", branch).unwrap();
    assert_eq!(
        asked(shows(Some(7)), "fix"),
        (true, "branch fix has the open pull request 7".into())
    );
    assert_eq!(
        asked(shows(None), "fix"),
        (false, "branch fix has no open pull request".into())
    );
    let default = asked(Forge::IsSilent, "main");
    assert_eq!(
        default,
        (false, "main is the default branch".into()),
        "nobody is asked"
    );
    let nowhere = asked(Forge::KnowsNothing, "fix");
    assert_eq!(
        nowhere,
        (false, "acme/web is at no forge that is connected".into())
    );
    assert!(
        at(Forge::IsSilent, "has_pull_request", "fix").is_err(),
        "an error is never a no"
    );
    assert!(!holds(
        "has_pull_request",
        Value::Null,
        &push_to("fix"),
        &Untouchable
    ));
}

#[test]
fn pt_12_the_forge_says_whether_a_repository_is_public() {
    let shows = |is_public| Forge::Shows {
        is_public,
        pull_request: None,
    };
    let asked = |forge| at(forge, "to_public_repo", "main").unwrap();
    assert_eq!(asked(shows(true)), (true, "acme/web is public".into()));
    assert_eq!(asked(shows(false)), (false, "acme/web is not public".into()));
    assert!(!asked(Forge::KnowsNothing).0);
    let error = at(Forge::IsSilent, "is_public_repo", "main").unwrap_err();
    assert!(error.contains("it does not answer"), "{error}");
}

#[test]
fn pt_10_any_commit_message_counts() {
    let mut push = push_to("main");
    push.commits.push(commit("Older\n\n[deploy]"));
    assert!(holds("has_commit", json!(r"\[deploy\]"), &push, &Untouchable));
    assert!(!holds("has_commit", json!("release"), &push, &Untouchable));
    assert_eq!(
        because("has_commit", json!("release"), &push, &Untouchable),
        "none of 2 commit messages matches release"
    );
}

#[test]
fn a4_reasons_neutralise_what_the_push_says() {
    let mut push = push_to("main");
    push.commits = vec![commit("\u{1b}[2J\u{202e}evil\nmore")];
    let because = because("has_commit", json!("evil"), &push, &Untouchable);
    assert!(because.contains("\\u{1b}[2J\\u{202e}evil"), "{because}");
    assert!(!because.contains('\u{1b}') && !because.contains('\u{202e}'));
}

#[test]
fn pt_13_pt_20_directories_are_components() {
    assert!(material(
        json!({"directories": ["src/test"]}),
        &["src/test/x.java"]
    ));
    assert!(!material(
        json!({"directories": ["src/main"]}),
        &["src/test/x.java"]
    ));
    assert!(!material(json!({"directories": ["src"]}), &["src2/a"]));
    for same in ["src", "src/", "./src"] {
        assert!(material(json!({"directories": [same]}), &["src/a"]));
    }
}

#[test]
fn pt_14_extensions_with_and_without_dot() {
    for same in ["json", ".json"] {
        assert!(material(json!({"extensions": [same]}), &["a/b.json"]));
    }
    assert!(!material(json!({"extensions": ["ts"]}), &["a/b.json"]));
}

#[test]
fn pt_15_files_are_exact_paths() {
    assert!(material(json!({"files": ["a/pom.xml"]}), &["a/pom.xml"]));
    assert!(!material(json!({"files": ["pom.xml"]}), &["a/pom.xml"]));
}

#[test]
fn pt_16_globs() {
    assert!(material(json!({"patterns": ["**/pom.xml"]}), &["a/b/pom.xml"]));
    assert!(!material(json!({"patterns": ["**/*.ts"]}), &["a/b/pom.xml"]));
}

#[test]
fn pt_17_any_list_suffices_and_empty_options_never_match() {
    let all = json!({"extensions": ["rs"], "files": ["Cargo.lock"], "directories": ["ci"]});
    assert!(material(all.clone(), &["ci/a"]));
    assert!(material(all.clone(), &["docs/a.md", "Cargo.lock"]));
    assert!(!material(all, &["docs/a.md"]));
    assert!(!material(json!({}), &["docs/a.md"]));
    assert!(!holds(
        "is_material_change",
        json!({}),
        &push_to("main"),
        &Untouchable
    ));
}

#[test]
fn pt_18_unknown_changes_are_material() {
    let unknown = MemoryView::new();
    assert!(holds(
        "is_material_change",
        json!({"files": ["a"]}),
        &push_to("main"),
        &unknown
    ));
    assert!(holds("changed", json!(["a"]), &push_to("main"), &unknown));
}

#[test]
fn pt_23_a_rename_out_of_a_directory_is_material() {
    assert!(material(
        json!({"directories": ["watched"]}),
        &["elsewhere/a", "watched/a"]
    ));
}

#[test]
fn changed_tells_what_changed() {
    let view = MemoryView::new().changed(["a.rs", "b.rs", "c.rs", "d.rs", "e.rs"]);
    assert_eq!(
        because("changed", json!(["docs/**"]), &push_to("main"), &view),
        "no changed file matches docs/**; changed: a.rs, b.rs, c.rs and 2 more"
    );
    assert_eq!(
        because("changed", json!(["docs/**", "*.rs"]), &push_to("main"), &view),
        "a.rs changed and matches *.rs"
    );
}

#[test]
fn only_changed_needs_every_file_and_at_least_one() {
    let only = |globs: Value, changed: &[&str]| {
        let view = MemoryView::new().changed(changed.iter().copied());
        holds("only_changed", globs, &push_to("main"), &view)
    };
    assert!(only(json!("**/*.md"), &["README.md", "docs/a.md"]));
    assert!(only(json!(["*.md", "docs/**"]), &["README.md", "docs/a.png"]));
    assert!(!only(json!(["*.md", "docs/**"]), &["README.md", "src/a.rs"]));
    // Both names of a rename are changed files.
    assert!(!only(json!("**/*.md"), &["a.md", "a.rs"]));
    assert!(!only(json!("**"), &[]));
    assert!(!holds(
        "only_changed",
        json!("**"),
        &push_to("main"),
        &MemoryView::new()
    ));
}

#[test]
fn only_changed_names_the_file_that_decides() {
    let reason = |view: &MemoryView| because("only_changed", json!(["*.md"]), &push_to("main"), view);
    assert_eq!(
        reason(&MemoryView::new().changed(["a.md", "b.rs"])),
        "b.rs changed and does not match *.md"
    );
    assert_eq!(
        reason(&MemoryView::new().changed(["a.md"])),
        "every changed file matches *.md"
    );
    assert_eq!(reason(&MemoryView::new()), "the changed files cannot be known");
    assert_eq!(
        reason(&MemoryView::new().changed::<String>([])),
        "no file changed"
    );
}

#[test]
fn generated_and_release_commits() {
    let with = |message: &str| {
        let mut push = push_to("main");
        push.commits = vec![commit(message)];
        push
    };
    let generated = |message: &str| holds("is_generated_commit", Value::Null, &with(message), &Untouchable);
    assert!(generated("Autofix: format\n\nSdm-Generated: format\n"));
    assert!(generated(
        "Autofix: format\n\n[atomist:generated] [atomist:autofix=format]"
    ));
    assert!(!generated("Sdm-Generated: only a title"));
    let release = |message: &str| holds("is_release_commit", Value::Null, &with(message), &Untouchable);
    assert!(release(
        "Version: increment after 1.2.3 release\n\n[atomist:generated]"
    ));
    assert!(!release("Fix the release"));
}

#[test]
fn facts_of_the_push_and_the_machine() {
    let mut push = push_to("main");
    assert!(!holds("is_first_push", Value::Null, &push, &Untouchable));
    assert!(!holds("is_forced_push", Value::Null, &push, &Untouchable));
    assert!(!holds("is_in_local_mode", Value::Null, &push, &Untouchable));
    assert!(!holds("named_seed_repo", Value::Null, &push, &Untouchable));
    push.forced = true;
    assert!(holds("is_forced_push", Value::Null, &push, &Untouchable));
    push.before = None;
    assert!(holds("is_first_push", Value::Null, &push, &Untouchable));
}

#[test]
fn files_at_known_places() {
    let push = push_to("main");
    assert!(holds("has_version_file", Value::Null, &push, &tree(&["VERSION"])));
    assert!(!holds(
        "has_version_file",
        Value::Null,
        &push,
        &tree(&["a/VERSION"])
    ));
    assert!(holds(
        "has_repository_goals",
        Value::Null,
        &push,
        &tree(&[".atomist/my-goals.yaml"])
    ));
    assert!(!holds(
        "has_repository_goals",
        Value::Null,
        &push,
        &tree(&["goals.yaml"])
    ));
}

#[test]
fn b8_a_catastrophic_pattern_is_linear_on_a_megabyte() {
    let mut content = vec![b'a'; 1 << 20];
    content.push(b'!');
    let view = MemoryView::new().file("a.txt", content);
    let arguments = json!({"content": "(a+)+$", "patterns": ["a.txt"]});
    assert!(!holds("has_file_containing", arguments, &push_to("main"), &view));
}

#[test]
fn bad_arguments_are_refused_with_the_reason() {
    let refused = |name: &str, arguments: Value| {
        let rules = [rule("r", test(name, arguments), &[&["g"]])];
        crate::rules::compile(&rules).unwrap_err().remove(0).message
    };
    assert_eq!(
        refused("is_branch", json!("(a")),
        "is_branch: the regular expression `(a` is not valid: unclosed group"
    );
    assert_eq!(
        refused("has_file_containing", json!({"patterns": ["a"]})),
        "has_file_containing: `has_file_containing` can't be used without 'content' property"
    );
    assert!(refused("changed", json!(["a["])).contains("the glob `a[` is not valid"));
    assert_eq!(refused("has_fil", json!("a")), "there is no push test `has_fil`");
}
