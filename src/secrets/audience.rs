//! Who may have a secret.

use globset::GlobBuilder;

use crate::config::SecretEntry;
use crate::model::push::Trust;
use crate::ports::secrets::{Asker, NotGiven};

/// Whether the asker may have the secret.
///
/// # Errors
/// Why not. A push of lower trust hears the same whatever the reason.
pub(super) fn admit(name: &str, entry: &SecretEntry, asker: &Asker) -> Result<(), NotGiven> {
    let not_for = |whom: String| NotGiven::NotFor {
        name: name.to_owned(),
        whom,
    };
    if asker.trust < Trust::Member && !entry.untrusted {
        return Err(NotGiven::NotAvailable(name.to_owned()));
    }
    let slug = asker.repo.to_string();
    let problem = if !is_among(&entry.repositories, &slug) {
        Some(format!("the repository {slug}"))
    } else if !is_among(&entry.branches, asker.branch.as_str()) {
        Some(format!("the branch {}", asker.branch))
    } else if !is_among(&entry.goals, &asker.goal) {
        Some(format!("the goal {}", asker.goal))
    } else if asker.is_supplied && !entry.repository_goals {
        Some("goals that a repository brings along".to_owned())
    } else {
        None
    };
    problem.map_or(Ok(()), |whom| Err(hidden(not_for(whom), name, asker)))
}

/// What the asker may hear of a refusal.
pub(super) fn hidden(refusal: NotGiven, name: &str, asker: &Asker) -> NotGiven {
    if asker.trust < Trust::Member {
        NotGiven::NotAvailable(name.to_owned())
    } else {
        refusal
    }
}

/// Whether one of the globs matches the whole text; no globs mean anything. `*` stays between slashes.
fn is_among(globs: &[String], text: &str) -> bool {
    let matches = |glob: &String| {
        let built = GlobBuilder::new(glob).literal_separator(true).build();
        built.is_ok_and(|glob| glob.compile_matcher().is_match(text))
    };
    globs.is_empty() || globs.iter().any(matches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BranchName, RepoSlug};

    fn asker(trust: Trust) -> Asker {
        Asker {
            repo: RepoSlug::new("acme", "shop"),
            branch: BranchName::parse("release/1").unwrap(),
            goal: "publish".to_owned(),
            trust,
            in_name_of: None,
            is_supplied: false,
        }
    }

    fn entry(change: impl FnOnce(&mut SecretEntry)) -> SecretEntry {
        let mut entry = SecretEntry::default();
        change(&mut entry);
        entry
    }

    fn heard(entry: &SecretEntry, trust: Trust) -> String {
        admit("npm", entry, &asker(trust)).map_or_else(|refusal| refusal.to_string(), |()| "given".to_owned())
    }

    #[test]
    fn a_secret_goes_only_where_it_is_meant_to_go() {
        let any = entry(|_| {});
        assert_eq!(heard(&any, Trust::Member), "given");
        let fitting = entry(|entry| {
            entry.repositories = vec!["other/*".to_owned(), "acme/*".to_owned()];
            entry.branches = vec!["release/*".to_owned()];
            entry.goals = vec!["publish".to_owned()];
        });
        assert_eq!(heard(&fitting, Trust::Member), "given");
        let wrong = |change: fn(&mut SecretEntry)| heard(&entry(change), Trust::Member);
        assert_eq!(
            wrong(|entry| entry.repositories = vec!["acme".to_owned(), "*".to_owned()]),
            "the secret `npm` is not for the repository acme/shop"
        );
        assert_eq!(
            wrong(|entry| entry.branches = vec!["release".to_owned()]),
            "the secret `npm` is not for the branch release/1"
        );
        assert_eq!(
            wrong(|entry| entry.goals = vec!["pub".to_owned()]),
            "the secret `npm` is not for the goal publish"
        );
    }

    #[test]
    fn b9_goals_of_a_repository_get_what_is_granted_to_such_by_name() {
        let supplied = Asker {
            is_supplied: true,
            ..asker(Trust::Member)
        };
        let heard =
            |entry: &SecretEntry| admit("npm", entry, &supplied).map_err(|refusal| refusal.to_string());
        assert_eq!(
            heard(&entry(|_| {})),
            Err("the secret `npm` is not for goals that a repository brings along".to_owned())
        );
        assert_eq!(heard(&entry(|entry| entry.repository_goals = true)), Ok(()));
    }

    #[test]
    fn e6_a_push_of_lower_trust_gets_nothing_and_learns_nothing() {
        let same = "the secret `npm` is not available to this push";
        assert_eq!(heard(&entry(|_| {}), Trust::Untrusted), same);
        let elsewhere = entry(|entry| {
            entry.untrusted = true;
            entry.goals = vec!["other".to_owned()];
        });
        assert_eq!(heard(&elsewhere, Trust::Untrusted), same);
        assert_eq!(
            heard(&entry(|entry| entry.untrusted = true), Trust::Untrusted),
            "given"
        );
    }
}
