//! Goal files and policies, as repositories and administrators bring them.

use std::sync::Arc;

use sdm::access::policy::parse;
use sdm::engine::catalogue;
use sdm::spec::{SourceFile, load};

use super::each;
use super::mangle::mangled;

#[test]
fn b7_goal_files_are_read_whole_or_refused_whole() {
    let samples = [
        include_str!("../../../examples/after-goals/goals.yaml"),
        include_str!("../../../examples/anchors/goals.yaml"),
        include_str!("../../../examples/approvals-and-queue/goals.yaml"),
        include_str!("../../../examples/computed-goals/goals.yaml"),
        include_str!("../../../examples/files-and-secrets/goals.yaml"),
    ];
    each(1, &mangled(&samples), |bytes| {
        let loaded = load(&[SourceFile::new("goals.yaml", bytes)], catalogue());
        if loaded.has_errors() {
            assert!(loaded.rules.is_empty() && loaded.goals.is_empty() && loaded.commands.is_empty());
        }
        for problem in &loaded.diagnostics {
            assert!(problem.place.line >= 1 && problem.place.column >= 1);
        }
    });
}

#[test]
fn policies_are_read_or_refused_with_where_and_why() {
    let samples = [
        "addons:\n  \"build\":\n    scopes: [goals:write, graph:read]\n    grants:\n      - {allow: write, on: \"repo:acme/*\"}\n      - {deny: true, on: \"env:production\", until: 2027-01-01T00:00:00Z}\npeople:\n  ada: {role: admin}\ntests:\n  - name: \"safe\"\n    who: \"addon:build\"\n    on: [\"env:production\"]\n    cannot: [goal.update]\n",
    ];
    each(1, &mangled(&samples), |bytes| {
        let parsed = parse(&Arc::from("policy"), &bytes);
        assert!(
            parsed.policy.is_some() || !parsed.diagnostics.is_empty(),
            "a reason is given"
        );
    });
}
