//! `sdm policy`: checked, compared and explained without a hub.

use super::sandbox::Sandbox;

const POLICY: &str = r#"addons:
  build:
    scopes: [goals:write, graph:read]
    grants:
      - {allow: write, on: ["repo:acme/*", "env:testing"]}
      - {deny: "repo:acme/payroll"}
people:
  alice: {role: admin}
tests:
  - name: the builder stays out of production
    who: addon:build
    on: ["env:production", "repo:acme/payroll"]
    cannot: "*"
"#;

fn with(files: &[(&str, &str)]) -> Sandbox {
    let sandbox = Sandbox::new();
    for (name, text) in files {
        std::fs::write(sandbox.path("project").join(name), text).unwrap();
    }
    sandbox
}

#[test]
fn a_policy_is_checked_with_its_tests() {
    let sandbox = with(&[("policy.yaml", POLICY)]);
    let (code, out, err) = sandbox.run(&["policy", "check", "policy.yaml"]);
    assert_eq!(
        (code, out.as_str()),
        (0, "1 add-on, 1 person, 1 test: no problems\n")
    );
    assert!(err.starts_with("`repo:acme/*` says no forge: "), "{err}");
    let wrong = POLICY
        .replace("goals:write", "goals:wirte")
        .replace("\"env:testing\"", "\"*\"");
    std::fs::write(sandbox.path("project/policy.yaml"), wrong).unwrap();
    let (code, out, _) = sandbox.run(&["policy", "check", "policy.yaml"]);
    assert!(
        code == 1 && out.contains("there is no scope `goals:wirte`") && out.contains("policy.yaml:3:14"),
        "{out}"
    );
    assert!(out.ends_with("the policy cannot be used: 1 error\n"), "{out}");
    let wide = POLICY.replace("\"env:testing\"", "\"*\"");
    std::fs::write(sandbox.path("project/policy.yaml"), wide).unwrap();
    let (code, out, _) = sandbox.run(&["policy", "check", "policy.yaml", "--json"]);
    let view: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &view["diagnostics"][0]["code"]),
        (1, &"failed_test".into())
    );
}

#[test]
fn a8_a_policy_that_says_a_forge_says_it_everywhere() {
    let said = POLICY.replace("repo:acme/*", "repo:github.com/acme/*");
    let sandbox = with(&[("policy.yaml", &said)]);
    let (code, out, err) = sandbox.run(&["policy", "check", "policy.yaml"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let both = said.replace("\"env:testing\"", "\"env:testing\", \"repo:acme/other\"");
    std::fs::write(sandbox.path("project/policy.yaml"), both).unwrap();
    let (code, out, _) = sandbox.run(&["policy", "check", "policy.yaml", "--json"]);
    let view: serde_json::Value = serde_json::from_str(&out).unwrap();
    let [warning] = view["diagnostics"].as_array().unwrap().as_slice() else {
        panic!("{out}");
    };
    assert_eq!((code, &warning["code"]), (0, &"no_forge".into()));
    let message = warning["message"].as_str().unwrap();
    assert!(
        message.starts_with("allowances on `repo:acme/other` say no forge"),
        "{message}"
    );
}

#[test]
fn who_gains_and_who_loses_what_is_said_before_it_is_so() {
    let after = POLICY
        .replace("graph:read", "repo:meta")
        .replace("env:testing", "env:staging");
    let sandbox = with(&[("old.yaml", POLICY), ("new.yaml", &after)]);
    let (code, out, err) = sandbox.run(&["policy", "compare", "old.yaml", "new.yaml"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let begin = "addon:build\n  loses on repo:acme/* (approved scopes)\n    graph.query\n  gains on repo:acme/* (write on repo:acme/*)\n    repo.list repo.get\n";
    assert!(out.starts_with(begin), "{out}");
    assert!(
        out.contains("  loses on env:testing (nothing allows it)\n"),
        "{out}"
    );
    let (_, out, _) = sandbox.run(&["policy", "compare", "old.yaml", "new.yaml", "--json"]);
    let view: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&view["differences"][0]["change"], &view["differences"][0]["who"]),
        (&"loses".into(), &"addon:build".into())
    );
    let (code, out, _) = sandbox.run(&["policy", "compare", "old.yaml", "old.yaml"]);
    assert_eq!((code, out.as_str()), (0, "nobody gains or loses anything\n"));
}

#[test]
fn rights_are_explained_with_what_decides() {
    let sandbox = with(&[("policy.yaml", POLICY)]);
    let (code, out, err) = sandbox.run(&[
        "policy",
        "explain",
        "policy.yaml",
        "addon:build",
        "--on",
        "repo:acme/payroll",
    ]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(
        out.starts_with("repo:acme/payroll\n") && out.contains("denied_by_admin (deny on repo:acme/payroll)"),
        "{out}"
    );
    let (_, out, _) = sandbox.run(&["policy", "explain", "policy.yaml", "addon:build", "--json"]);
    let view: serde_json::Value = serde_json::from_str(&out).unwrap();
    let lines = view["operations"].as_array().unwrap();
    let is_update =
        |line: &&serde_json::Value| line["operation"] == "goal.update" && line["on"] == "repo:acme/*";
    let line = lines.iter().find(is_update).unwrap();
    assert_eq!(
        (&line["allowed"], &line["rule"]),
        (&true.into(), &"write on repo:acme/*".into())
    );
    let (code, _, err) = sandbox.run(&["policy", "explain", "policy.yaml", "addon:other"]);
    assert!(
        code == 1 && err.contains("the policy does not mention `addon:other`"),
        "{err}"
    );
    let (code, _, err) = sandbox.run(&["policy", "explain", "policy.yaml", "builder"]);
    assert!(
        code == 2 && err.contains("`builder` is not `addon:<key>`"),
        "{err}"
    );
}
