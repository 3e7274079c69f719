//! Forges that webhooks have told of, by the workspaces that they told: what says no forge is at the only one of its workspaces.

use std::collections::{BTreeMap, BTreeSet};

/// Forges by their hosts, of workspaces by their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToldForges(BTreeMap<String, BTreeSet<String>>);

impl ToldForges {
    /// The forges that some workspaces have been told of; of all of them where none is named.
    pub fn of(&self, workspaces: &[String]) -> BTreeSet<&str> {
        let counts = |workspace: &String| workspaces.is_empty() || workspaces.contains(workspace);
        let told = self.0.iter().filter(|(workspace, _)| counts(workspace));
        told.flat_map(|(_, forges)| forges).map(String::as_str).collect()
    }

    /// The only one of them, where there is only one.
    pub fn only(&self, workspaces: &[String]) -> Option<&str> {
        let mut told = self.of(workspaces).into_iter();
        told.next().filter(|_| told.next().is_none())
    }

    /// Whether a workspace has been told of a forge.
    pub fn knows(&self, workspace: &str, forge: &str) -> bool {
        self.0.get(workspace).is_some_and(|forges| forges.contains(forge))
    }

    /// What these and others have been told of.
    #[must_use]
    pub fn with(mut self, others: &Self) -> Self {
        for (workspace, forges) in &others.0 {
            self.0
                .entry(workspace.clone())
                .or_default()
                .extend(forges.iter().cloned());
        }
        self
    }

    /// Whether it is told here of a forge of which these do not know in its workspace.
    pub fn has_news_for(&self, others: &Self) -> bool {
        let mut told = self.0.iter();
        told.any(|(workspace, forges)| forges.iter().any(|forge| !others.knows(workspace, forge)))
    }
}

impl Extend<(String, String)> for ToldForges {
    fn extend<T: IntoIterator<Item = (String, String)>>(&mut self, told: T) {
        for (workspace, forge) in told {
            self.0.entry(workspace).or_default().insert(forge);
        }
    }
}

impl FromIterator<(String, String)> for ToldForges {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(told: T) -> Self {
        let mut all = Self::default();
        all.extend(told);
        all
    }
}

/// A workspace is told of forges: what is kept, counts in it and says no forge is at the only one of its workspaces from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// Which workspace.
    pub workspace: String,
    /// What every workspace had been told of before.
    pub before: ToldForges,
    /// What it is now.
    pub after: ToldForges,
}

impl News {
    /// Where something is that says no forge and counts in these workspaces, all of them where none is named: at the only forge that
    /// they had been told of, or at the first.
    pub fn place(&self, workspaces: &[String]) -> Option<&str> {
        match self.before.of(workspaces).is_empty() {
            true => self.after.only(workspaces),
            false => self.before.only(workspaces),
        }
    }
}

/// Places that were put at forges: keys with their repositories, and grants with their selectors, by their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PinnedPlaces {
    /// Of keys.
    pub keys: BTreeMap<String, Vec<String>>,
    /// Of grants.
    pub grants: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pairs: &[(&str, &str)]) -> ToldForges {
        let pairs = pairs.iter();
        pairs
            .map(|(workspace, forge)| ((*workspace).to_owned(), (*forge).to_owned()))
            .collect()
    }

    fn of(workspaces: &[&str]) -> Vec<String> {
        workspaces.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a8_a_second_forge_of_one_workspace_is_none_of_the_others() {
        let told = told(&[("a", "github.com"), ("b", "github.com"), ("b", "ghe.example.org")]);
        assert_eq!(told.only(&of(&["a"])), Some("github.com"));
        assert_eq!(told.only(&of(&["b"])), None);
        assert_eq!(told.only(&of(&["a", "b"])), None);
        assert_eq!(told.only(&of(&["c"])), None, "it has heard of none");
        assert_eq!(told.only(&[]), None, "all of them");
        assert!(told.knows("b", "ghe.example.org") && !told.knows("a", "ghe.example.org"));
    }

    #[test]
    fn a8_what_says_no_forge_is_at_the_one_before_the_news_or_at_the_first() {
        let before = [("a", "github.com")];
        let news = |workspace: &str, forge: &str| {
            let mut after = told(&before);
            after.extend([(workspace.to_owned(), forge.to_owned())]);
            News {
                workspace: workspace.to_owned(),
                before: told(&before),
                after,
            }
        };
        let second = news("a", "ghe.example.org");
        assert_eq!(
            second.place(&of(&["a"])),
            Some("github.com"),
            "not at the new one"
        );
        let first = news("b", "ghe.example.org");
        assert_eq!(first.place(&of(&["b"])), Some("ghe.example.org"));
        assert_eq!(first.place(&of(&["a"])), Some("github.com"));
        assert_eq!(
            first.place(&of(&["a", "b"])),
            Some("github.com"),
            "it was there before"
        );
        assert_eq!(first.place(&[]), Some("github.com"));
    }
}
