//! Terms of add-ons, trusted issuers and the rule about the forge, as an operator sets them at the hub's computer.

use serde_json::Value;

use super::sandbox::Sandbox;

/// A memory with one add-on, `build`.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    ok(&sandbox, &["hub", "key", "new", "build", "--database", "hub.db"]);
    sandbox
}

fn ok(sandbox: &Sandbox, words: &[&str]) -> String {
    let (code, out, err) = sandbox.run(words);
    assert_eq!(code, 0, "{words:?}: {err}");
    out
}

fn refused(sandbox: &Sandbox, words: &[&str]) -> String {
    let (code, _, err) = sandbox.run(words);
    assert_ne!(code, 0, "{words:?}");
    err
}

fn around<'w>(before: &[&'w str], words: &[&'w str], after: &[&'w str]) -> Vec<&'w str> {
    [before, words, after].concat()
}

const ADD: &[&str] = &[
    "hub",
    "trust",
    "add",
    "https://gitlab.example.org",
    "--database",
    "hub.db",
    "--addon",
    "build",
    "--scope",
    "goals:write",
    "--audience",
    "https://hub.example.org",
];

#[test]
fn an_operator_trusts_an_issuer_and_trusts_it_no_more() {
    let sandbox = sandbox();
    let added = [ADD, &["--claim", "project_id=42", "--claim", "ref=main"]].concat();
    let (code, out, err) = sandbox.run(&added);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("as addon:build  may goals:write  in main"), "{out}");
    assert!(err.contains("ref_protected=true"), "{err}");
    let listed = ok(&sandbox, &["hub", "trust", "--json", "--database", "hub.db"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let trust = &listed["trust"][0];
    assert_eq!(trust["claims"]["project_id"], "42");
    let policy = ok(&sandbox, &["hub", "policy", "export", "--database", "hub.db"]);
    assert!(
        policy.contains("- issuer: \"https://gitlab.example.org\""),
        "{policy}"
    );
    let id = trust["id"].as_str().unwrap();
    ok(&sandbox, &["hub", "trust", "remove", id, "--database", "hub.db"]);
    let err = refused(&sandbox, &["hub", "trust", "remove", id, "--database", "hub.db"]);
    assert!(err.contains("there is no trust"), "{err}");
    for (claims, because) in [
        (&["--claim", "ref=main"][..], "holds an id of yours"),
        (&["--claim", "project_id=42"], "jobs of forks"),
        (&["--claim", "project_id"], "is no claim"),
        (&["--claim", "a_id=1", "--claim", "a_id=2"], "named twice"),
    ] {
        let err = refused(&sandbox, &[ADD, claims].concat());
        assert!(err.contains(because), "{claims:?}: {err}");
    }
}

#[test]
fn an_operator_sets_the_terms_of_an_add_on() {
    let sandbox = sandbox();
    let terms = |words| {
        around(
            &["hub", "addons", "terms", "build"],
            words,
            &["--database", "hub.db"],
        )
    };
    let out = ok(&sandbox, &terms(&["audience", "single_use"]));
    assert!(
        out.contains("on these terms:\n  audience ") && out.contains("single_use"),
        "{out}"
    );
    let out = ok(&sandbox, &terms(&["none"]));
    assert!(!out.contains("on these terms"), "{out}");
    let err = refused(&sandbox, &terms(&["single-use"]));
    assert!(err.contains("audience, single_use and user_tokens"), "{err}");
}

#[test]
fn an_operator_says_whether_administrators_may_exceed_the_forge() {
    let sandbox = sandbox();
    let after = &["--database", "hub.db", "--json"];
    let exceed = |word| around(&["hub", "policy", "exceed"], word, after);
    let says = |words: &[&str]| -> Value { serde_json::from_str(&ok(&sandbox, words)).unwrap() };
    assert_eq!(says(&exceed(&[]))["administrators_may_exceed"], false);
    assert_eq!(says(&exceed(&["yes"]))["administrators_may_exceed"], true);
    assert_eq!(says(&exceed(&[]))["administrators_may_exceed"], true);
    assert_eq!(says(&exceed(&["no"]))["administrators_may_exceed"], false);
    let (code, _, _) = sandbox.run(&exceed(&["perhaps"]));
    assert_ne!(code, 0);
}
