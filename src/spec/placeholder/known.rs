//! What placeholders can ask for at all. Whoever writes `${JOBS:-4}` means a variable of the shell, and would get another text.

use super::parse::{Part, Placeholder, Template};
use crate::model::suggest;
use crate::spec::problems::listed;

/// First words of paths: facts of goals, and what commands and listeners know beside them.
const ROOTS: &[&str] = &[
    "push",
    "repo",
    "sha",
    "branch",
    "goal",
    "goal_set",
    "goals",
    "parameters",
    "facts",
    "matches",
    "event",
    "item",
    "machine",
    "preferences",
    "home",
    "values",
];

/// What is written like a fact in the keys of caches, and means a digest there.
const HASH: &str = "hash";

/// Every path below the roots that hold the same on every push.
const PATHS: &[&str] = &[
    "push.branch",
    "push.before",
    "push.after",
    "push.after.sha",
    "push.after.short",
    "push.after.message",
    "push.after.author",
    "push.after.author.name",
    "push.after.author.email",
    "push.after.version",
    "push.after.images",
    "push.repo",
    "push.repo.owner",
    "push.repo.name",
    "push.forced",
    "repo.owner",
    "repo.name",
    "repo.default_branch",
    "goal.name",
    "goal.unique_name",
    "goal.environment",
    "goal.attempt",
    "goal_set.id",
    "goal_set.name",
];

/// Paths that are lists or maps, of whose items it is not known what they hold.
const OPEN: &[&str] = &["push.after.images"];

/// Whether a path leads into something of which it is not known what it holds.
fn is_open(path: &str) -> bool {
    let below = |open: &&str| path.strip_prefix(*open).is_some_and(|rest| rest.starts_with('.'));
    OPEN.iter().any(below)
}

/// Whether a path begins as those of facts do.
pub fn is_fact(path: &str) -> bool {
    let end = path.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    ROOTS.contains(&&path[..end.unwrap_or(path.len())])
}

/// A placeholder that asks for what is never there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// Where in the text it begins, in bytes.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Template {
    /// The first placeholder, those of defaults included, that asks for what is never there.
    pub fn objection(&self) -> Option<Objection> {
        self.parts.iter().find_map(|part| match part {
            Part::Text(_) => None,
            Part::Placeholder(placeholder) => placeholder
                .objection()
                .or_else(|| placeholder.default.as_ref().and_then(Self::objection)),
        })
    }
}

impl Placeholder {
    fn objection(&self) -> Option<Objection> {
        let path = &self.path;
        let root = path.split('.').next().unwrap_or_default();
        let (message, hint) = if !ROOTS.contains(&root) {
            (format!("`{path}` is no fact"), self.meant(root))
        } else if self.is_never_there(root) {
            let below = PATHS
                .iter()
                .copied()
                .filter(|known| known.split('.').next() == Some(root));
            let hint = match suggest::nearest(path, below.clone()) {
                Some(near) => format!("did you mean `${{{near}}}`?"),
                None => format!("there are {}", listed(&below.collect::<Vec<_>>())),
            };
            (format!("`{root}` has no fact `{path}`"), hint)
        } else {
            return None;
        };
        Some(Objection {
            offset: self.offset,
            message,
            hint,
        })
    }

    /// Whoever gives a default for a fact that another machine may have knows what happens without it.
    fn is_never_there(&self, root: &str) -> bool {
        let is_fixed = self.path != root && PATHS.iter().any(|known| known.split('.').next() == Some(root));
        let is_known = PATHS.contains(&self.path.as_str()) || is_open(&self.path);
        is_fixed && self.default.is_none() && !self.optional && !is_known
    }

    fn meant(&self, root: &str) -> String {
        if root == HASH {
            return "`${hash:GLOB}` is a digest of files of the commit, in `key` and `fallback` of a `cache`"
                .to_owned();
        }
        let shell = format!(
            "write `$${{{}`, with two `$`, to leave it to the shell",
            self.path
        );
        match suggest::nearest(root, ROOTS.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? Or {shell}"),
            None => format!("{shell}; facts begin with {}", listed(&ROOTS[..9])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objection(text: &str) -> Option<(usize, String, String)> {
        let objection = Template::parse(text).unwrap().objection()?;
        Some((objection.offset, objection.message, objection.hint))
    }

    #[test]
    fn ym_13_what_the_shell_means_is_no_fact() {
        for text in [
            "a ${JOBS:-4}",
            "a ${JOBS:=4}",
            "a ${JOBS:0:1}",
            "a ${JOBS}",
            "a ${!JOBS}",
        ] {
            let (offset, message, hint) = objection(text).unwrap();
            assert_eq!((offset, message.as_str()), (2, "`JOBS` is no fact"), "{text}");
            assert!(hint.contains("`$${JOBS`, with two `$`"), "{hint}");
        }
        assert_eq!(objection("a $${JOBS:-4} $JOBS"), None);
        assert_eq!(objection("${push.after.version:${NONE}}").unwrap().0, 21);
    }

    #[test]
    fn ym_13_a_mistyped_fact_is_found_when_the_file_is_read() {
        assert_eq!(
            objection("${push.brnch}"),
            Some((
                0,
                "`push` has no fact `push.brnch`".to_owned(),
                "did you mean `${push.branch}`?".to_owned()
            ))
        );
        assert!(
            objection("${pushed.branch}")
                .unwrap()
                .2
                .starts_with("did you mean `push`?")
        );
    }

    #[test]
    fn ym_13_facts_and_what_may_be_there_are_left_alone() {
        for text in [
            "${push}",
            "${sha} ${branch}",
            "${push.after.images:none} ${push.after.images.0} ${push.after.images.1.name}",
            "${!push.after.images}",
            "${goals.build.data.x} ${facts.x.y} ${parameters.a.b:c} ${event.z} ${preferences.x:y} ${home} ${values.a.b}",
        ] {
            assert_eq!(objection(text), None, "{text}");
        }
        for path in PATHS {
            assert_eq!(objection(&format!("${{{path}}}")), None, "{path}");
        }
    }
}
