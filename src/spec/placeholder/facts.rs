//! Every fact that placeholders ask for, with what it is and who knows it. README.md and editors show this table.

/// A fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact {
    /// Its path. Parts in capitals stand for names and numbers of one's own.
    pub path: &'static str,
    /// What it is.
    pub help: &'static str,
    /// Who may ask for it.
    pub known_to: &'static [Asker],
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// A goal of a rule.
    Goal,
    /// A command on repositories, which is a goal of its own.
    OnRepositories,
    /// A command without a repository.
    Command,
    /// A listener.
    Listener,
}

impl Asker {
    /// What several of it are called.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Goal => "goals",
            Self::OnRepositories => "commands on repositories",
            Self::Command => "commands without a repository",
            Self::Listener => "listeners",
        }
    }
}

const GOALS: &[Asker] = &[Asker::Goal, Asker::OnRepositories];
const RULES: &[Asker] = &[Asker::Goal];
const ALL_COMMANDS: &[Asker] = &[Asker::OnRepositories, Asker::Command];
const LISTENERS: &[Asker] = &[Asker::Listener];
const WITHOUT_A_PUSH: &[Asker] = &[Asker::Command, Asker::Listener];
const ALL_BUT_LISTENERS: &[Asker] = &[Asker::Goal, Asker::OnRepositories, Asker::Command];
const ALL: &[Asker] = &[
    Asker::Goal,
    Asker::OnRepositories,
    Asker::Command,
    Asker::Listener,
];

const fn fact(path: &'static str, known_to: &'static [Asker], help: &'static str) -> Fact {
    Fact { path, help, known_to }
}

/// All of them.
#[rustfmt::skip]
pub const FACTS: &[Fact] = &[
    fact("sha", GOALS, "the pushed commit"),
    fact("branch", GOALS, "the pushed branch"),
    fact("push.branch", GOALS, "the pushed branch"),
    fact("push.before", GOALS, "the commit that the branch pointed to before; nothing where the push created it"),
    fact("push.after", GOALS, "the pushed commit, as a map of what follows: only as a whole value"),
    fact("push.after.sha", GOALS, "the pushed commit"),
    fact("push.after.short", GOALS, "its first seven characters"),
    fact("push.after.message", GOALS, "its message, all lines"),
    fact("push.after.author", GOALS, "its author, as a map of what follows: only as a whole value"),
    fact("push.after.author.name", GOALS, "the author's name"),
    fact("push.after.author.email", GOALS, "the author's address"),
    fact("push.after.version", GOALS, "the version of the commit; nothing before a `version` goal has said one"),
    fact("push.after.images", GOALS, "images of the commit that goals of the set have reported, as a list: `${push.after.images.0}` is the first; nothing when none has"),
    fact("push.repo", GOALS, "the repository, as a map of what follows: only as a whole value"),
    fact("push.repo.owner", GOALS, "its owner"),
    fact("push.repo.name", GOALS, "its name"),
    fact("push.forced", GOALS, "whether the old head is no ancestor of the new one: `true` or `false`"),
    fact("repo.owner", GOALS, "owner of the repository"),
    fact("repo.name", GOALS, "name of the repository"),
    fact("repo.default_branch", GOALS, "its default branch; nothing where none is known"),
    fact("goal.name", GOALS, "name of this goal"),
    fact("goal.unique_name", GOALS, "its name as it stands in paths, with dashes for spaces and `_`"),
    fact("goal.environment", GOALS, "its `environment`"),
    fact("goal.attempt", GOALS, "which attempt this is, from 1"),
    fact("goal_set.id", GOALS, "id of the goal set"),
    fact("goal_set.name", GOALS, "names of the rules that set it, with `, ` between them"),
    fact("goals.NAME.state", RULES, "state of a goal of the set, by its unique name"),
    fact("goals.NAME.phase", RULES, "what it says that it is at; nothing when it says nothing"),
    fact("goals.NAME.data", RULES, "what it left as data, and what is below; nothing when it left none"),
    fact("parameters.NAME", ALL_BUT_LISTENERS, "a parameter of the goal, of an instance of its `plan`, or of the command"),
    fact("facts.NAME", RULES, "a fact that a rule attaches"),
    fact("matches.N", ALL_COMMANDS, "group N of the pattern by which the command was said; 0 is all that it matched"),
    fact("event.PATH", LISTENERS, "a part of the event"),
    fact("item.PATH", LISTENERS, "a part of the item of `for_each`; `${item}` is the item"),
    fact("machine.name", WITHOUT_A_PUSH, "name of the machine"),
    fact("preferences.NAME", WITHOUT_A_PUSH, "a preference"),
    fact("home", ALL, "the home directory that goals, commands and listeners have"),
    fact("values.NAME", ALL, "what the machine's configuration says below `values`"),
];

/// Facts below which there may be more than the table knows of; those that end in a part of one's own are some, too.
const OPEN: &[&str] = &["push.after.images", "goals.NAME.data"];

impl Fact {
    /// Its path up to the first part of one's own; all of it where there is none.
    pub fn stem(&self) -> &'static str {
        let own = self.path.find(|c: char| c.is_ascii_uppercase());
        &self.path[..own.unwrap_or(self.path.len())]
    }

    /// Its path with a name in place of the part of one's own.
    pub fn of(&self, name: &str) -> String {
        let parts = self
            .path
            .split('.')
            .map(|part| if is_own(part) { name } else { part });
        parts.collect::<Vec<_>>().join(".")
    }

    fn is_open(&self) -> bool {
        OPEN.contains(&self.path) || self.path.rsplit('.').next().is_some_and(is_own)
    }

    fn is_at(&self, path: &str) -> bool {
        let mut parts = path.split('.');
        let mut known = self.path.split('.');
        let begins = known.all(|known| parts.next().is_some_and(|part| known == part || is_own(known)));
        begins && (parts.next().is_none() || self.is_open())
    }
}

/// Whether a part of a path stands for others.
fn is_own(part: &str) -> bool {
    part.starts_with(|c: char| c.is_ascii_uppercase())
}

/// The fact that a path leads to; none for one that leads nowhere, or to several.
pub fn fact_at(path: &str) -> Option<&'static Fact> {
    FACTS.iter().find(|fact| fact.is_at(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::placeholder::{Template, is_fact};

    #[test]
    fn ym_13_every_fact_of_the_table_passes_and_is_found_by_its_path() {
        for fact in FACTS {
            assert!(
                !fact.help.is_empty() && !fact.known_to.is_empty(),
                "{}",
                fact.path
            );
            assert!(is_fact(fact.path), "{}", fact.path);
            let text = format!("${{{}}}", fact.path);
            assert_eq!(Template::parse(&text).unwrap().objection(), None, "{text}");
            assert_eq!(fact_at(fact.path).map(|found| found.path), Some(fact.path));
        }
    }

    #[test]
    fn paths_lead_to_facts() {
        let at = |path: &str| fact_at(path).map(|fact| fact.path);
        for (path, fact) in [
            ("parameters.jobs", Some("parameters.NAME")),
            ("values.registry.host", Some("values.NAME")),
            ("goals.build.data.image", Some("goals.NAME.data")),
            ("goals.build.state", Some("goals.NAME.state")),
            ("push.after.images.0.name", Some("push.after.images")),
            ("event.push.branch", Some("event.PATH")),
            ("goals.build", None),
            ("parameters", None),
            ("sha.short", None),
            ("push.brnch", None),
        ] {
            assert_eq!(at(path), fact, "{path}");
        }
        let data = fact_at("goals.build.data").unwrap();
        assert_eq!(
            (data.stem(), data.of("unit-test").as_str()),
            ("goals.", "goals.unit-test.data")
        );
    }
}
