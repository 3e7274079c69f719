//! What a person let the hub do on a forge, step by step (security model 15): the least that the command at hand needs, and
//! what must be asked for so that nothing is lost.

use std::collections::BTreeSet;

/// Scopes of GitHub's classic applications that include others.
const GITHUB: &[(&str, &[&str])] = &[
    (
        "repo",
        &[
            "public_repo",
            "repo:status",
            "repo_deployment",
            "repo:invite",
            "security_events",
        ],
    ),
    ("user", &["read:user", "user:email", "user:follow"]),
    ("admin:org", &["write:org", "read:org"]),
    ("write:org", &["read:org"]),
    ("admin:repo_hook", &["write:repo_hook", "read:repo_hook"]),
    ("write:repo_hook", &["read:repo_hook"]),
    ("write:packages", &["read:packages"]),
];

/// Whether what was granted reaches a scope, by itself or by another that includes it.
pub fn reaches(provider: &str, granted: &BTreeSet<String>, scope: &str) -> bool {
    let is_included = || {
        let table = if provider == "github" { GITHUB } else { &[] };
        let mut wider = table.iter().filter(|(_, included)| included.contains(&scope));
        wider.any(|(wide, _)| granted.contains(*wide))
    };
    granted.contains(scope) || is_included()
}

/// What is missing for a need.
pub fn missing(provider: &str, granted: &BTreeSet<String>, needed: &[String]) -> Vec<String> {
    let is_missing = |scope: &&String| !reaches(provider, granted, scope);
    needed.iter().filter(is_missing).cloned().collect()
}

/// What to ask the person for: nothing, or the union of what was granted and what is needed, because a new authorisation
/// replaces the old one. What another scope includes is not asked for besides.
pub fn to_ask(provider: &str, granted: &BTreeSet<String>, needed: &[String]) -> Option<BTreeSet<String>> {
    if missing(provider, granted, needed).is_empty() {
        return None;
    }
    let union: BTreeSet<String> = granted.iter().chain(needed).cloned().collect();
    let is_needed = |scope: &&String| {
        let others: BTreeSet<String> = union.iter().filter(|other| other != scope).cloned().collect();
        !reaches(provider, &others, scope)
    };
    Some(union.iter().filter(is_needed).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> BTreeSet<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn list(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn what_is_granted_includes_what_github_says_it_includes() {
        assert_eq!(
            missing("github", &set("repo"), &list("public_repo repo:status")),
            Vec::<String>::new()
        );
        assert_eq!(
            missing("github", &set("public_repo"), &list("repo workflow")),
            ["repo", "workflow"]
        );
        assert_eq!(
            missing("other", &set("repo"), &list("public_repo")),
            ["public_repo"]
        );
    }

    #[test]
    fn a_person_is_asked_for_the_least_and_loses_nothing() {
        assert_eq!(to_ask("github", &set("repo"), &list("public_repo")), None);
        assert_eq!(
            to_ask("github", &set(""), &list("public_repo")),
            Some(set("public_repo"))
        );
        assert_eq!(
            to_ask("github", &set("public_repo read:user"), &list("workflow")),
            Some(set("public_repo read:user workflow"))
        );
        assert_eq!(
            to_ask("github", &set("public_repo read:user"), &list("repo")),
            Some(set("repo read:user"))
        );
    }
}
