//! What placeholders can ask for at all. Whoever writes `${JOBS:-4}` means a variable of the shell, and would get another text.

use super::elsewhere::said_here;
use super::facts::FACTS;
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

/// Roots below which every path is known.
const WHOLLY_KNOWN: &[&str] = &["push", "repo", "goal", "goal_set"];

/// Every path below those roots.
fn paths() -> impl Iterator<Item = &'static str> {
    let paths = FACTS.iter().map(|fact| fact.path);
    paths.filter(|path| WHOLLY_KNOWN.contains(&root_of(path)))
}

fn root_of(path: &str) -> &str {
    path.split('.').next().unwrap_or(path)
}

/// Paths that are lists or maps, of whose items it is not known what they hold.
const OPEN: &[&str] = &["push.after.images"];

/// Facts that are one value each, with nothing below.
const VALUES: &[&str] = &["sha", "branch", "home"];

/// What is known of the goals of the set, below the name of each; only data has something below.
const OF_GOALS: &[&str] = &["state", "phase", "data"];

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
        let root = root_of(path);
        let (message, hint) = if !ROOTS.contains(&root) {
            (format!("`{path}` is no fact"), self.meant(root))
        } else if self.is_never_there(root) {
            (format!("`{root}` has no fact `{path}`"), self.there_is(root))
        } else {
            return None;
        };
        Some(Objection {
            offset: self.offset,
            message,
            hint,
        })
    }

    /// A default is for what may be absent: what can never be there is a mistake with one, too.
    fn is_never_there(&self, root: &str) -> bool {
        let path = self.path.as_str();
        if VALUES.contains(&root) {
            return path != root;
        }
        if root == "goals" {
            return self.is_never_of_goal();
        }
        let is_fixed = path != root && WHOLLY_KNOWN.contains(&root);
        is_fixed && !paths().any(|known| known == path) && !is_open(path)
    }

    fn is_never_of_goal(&self) -> bool {
        let mut parts = self.path.split('.').skip(2);
        match (parts.next(), parts.next()) {
            (None, _) | (Some("data"), _) => false,
            (Some(part), below) => below.is_some() || !OF_GOALS.contains(&part),
        }
    }

    /// What is there instead.
    fn there_is(&self, root: &str) -> String {
        if VALUES.contains(&root) {
            return format!("there is nothing below `{root}`: write `${{{root}}}`");
        }
        let below: Vec<String> = match root {
            "goals" => {
                let goal = self.path.split('.').nth(1).unwrap_or_default();
                OF_GOALS
                    .iter()
                    .map(|part| format!("goals.{goal}.{part}"))
                    .collect()
            }
            root => {
                let below = paths().filter(|known| root_of(known) == root);
                below.map(str::to_owned).collect()
            }
        };
        let below: Vec<&str> = below.iter().map(String::as_str).collect();
        match nearest_path(&self.path, &below) {
            Some(near) => format!("did you mean `${{{near}}}`?"),
            None => format!("there are {}", listed(&below)),
        }
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
        if let Some(said) = said_here(&self.path) {
            return format!("{said}; {shell}");
        }
        match suggest::nearest(root, ROOTS.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? Or {shell}"),
            None => format!("{shell}; facts begin with {}", listed(&ROOTS[..9])),
        }
    }
}

/// The path that was meant: the one whose last part is nearest, since people leave out what is between, or the nearest as a whole.
fn nearest_path<'a>(path: &str, known: &[&'a str]) -> Option<&'a str> {
    let parts = known.iter().copied().map(last_part);
    let Some(part) = suggest::nearest(last_part(path), parts) else {
        return suggest::nearest(path, known.iter().copied());
    };
    let is_called = |known: &&str| last_part(known) == part;
    let so_called: Vec<&'a str> = known.iter().copied().filter(is_called).collect();
    suggest::nearest(path, so_called.iter().copied()).or_else(|| so_called.first().copied())
}

fn last_part(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
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
    fn ym_13_a_default_does_not_hide_what_can_never_be_there() {
        for (text, hint) in [
            ("${push.mesage:x}", "did you mean `${push.after.message}`?"),
            ("${push.after.mesage:x}", "did you mean `${push.after.message}`?"),
            ("${!push.after.mesage}", "did you mean `${push.after.message}`?"),
            (
                "${push.after.version:${push.after.shaa}}",
                "did you mean `${push.after.sha}`?",
            ),
            ("${repo.naem:x}", "did you mean `${repo.name}`?"),
            ("${goals.build.dta:latest}", "did you mean `${goals.build.data}`?"),
            ("${goals.build.state.x:y}", "goals.build.state"),
            ("${sha.short:x}", "there is nothing below `sha`: write `${sha}`"),
        ] {
            let (_, message, found) = objection(text).unwrap_or_else(|| panic!("{text} passes"));
            assert!(message.contains("has no fact"), "{message}");
            assert!(found.contains(hint), "{text}: {found}");
        }
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
        for root in ROOTS {
            assert!(FACTS.iter().any(|fact| root_of(fact.path) == *root), "{root}");
        }
    }
}
