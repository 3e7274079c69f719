//! Who wrote a push, for goals that somebody else must confirm (semantics 3.7; threat D1).
//!
//! Commits say what they like. What they say can exclude people here and admits nobody.

use std::collections::BTreeSet;

use super::approval::Person;
use super::mailmap::of_same_people;
use super::push::{Commit, Signature};
use super::trailers::co_authors;

/// Most people of one push, in each of its parts; when there are more, nobody knows who did not write it.
const MOST: usize = 10_000;

/// Who wrote a push, by logins and addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authors {
    /// Authors and committers.
    wrote: BTreeSet<String>,
    /// Those whom `Co-authored-by:` lines name.
    helped: BTreeSet<String>,
    /// Why these are not all, as a part of a sentence.
    gap: Option<String>,
}

impl Authors {
    /// Of these commits.
    pub fn of(commits: &[Commit]) -> Self {
        let mut authors = Self::default();
        for commit in commits {
            authors.add(&commit.author, &commit.committer, &commit.message);
        }
        authors
    }

    /// Further ones, of a commit with this message.
    pub fn add(&mut self, author: &Signature, committer: &Signature, message: &str) {
        let own = [author, committer].map(|signature| signature.email.as_str());
        let are_all = take(&mut self.wrote, own.into_iter()) && take(&mut self.helped, co_authors(message));
        if !are_all {
            self.leave_out(format!("it names more than {MOST} people"));
        }
    }

    /// These are not all; `because` is a part of a sentence.
    pub fn leave_out(&mut self, because: String) {
        self.gap.get_or_insert(because);
    }

    /// Those of another part of the same push as well.
    pub fn join(&mut self, others: Self) {
        self.wrote.extend(others.wrote);
        self.helped.extend(others.helped);
        self.gap = self.gap.take().or(others.gap);
    }

    /// All addresses that a `.mailmap` says are theirs as well.
    pub fn join_same_people(&mut self, mailmap: &str) {
        for part in [&mut self.wrote, &mut self.helped] {
            let known: Vec<String> = part.iter().cloned().collect();
            part.extend(of_same_people(mailmap, &known));
        }
    }

    /// The addresses of those who wrote and committed it, in order.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        self.wrote.iter().map(String::as_str)
    }

    /// Why somebody does not count as somebody else, in a sentence; `None` when they do.
    pub fn include(&self, person: &Person) -> Option<String> {
        let is_in = |part: &BTreeSet<String>| part.iter().any(|author| person.is_author(author));
        let login = &person.login;
        if is_in(&self.wrote) {
            let wrote = "wrote commits of this push and the goal asks for somebody else";
            return Some(format!("{login} {wrote}"));
        }
        if is_in(&self.helped) {
            return Some(format!(
                "{login} wrote a part of this push, as `Co-authored-by` in its commits says, and the goal asks for somebody else; \
                 where that is not so, push it again without it, or let somebody confirm whom it does not name"
            ));
        }
        self.gap.as_ref().map(|gap| {
            format!(
                "nobody can tell who wrote this push, because {gap}, and the goal asks for somebody else: push less at once"
            )
        })
    }
}

/// Authors and committers with these logins or addresses.
impl<T: Into<String>> FromIterator<T> for Authors {
    fn from_iter<I: IntoIterator<Item = T>>(people: I) -> Self {
        Self {
            wrote: people.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }
}

/// Takes more people; whether there was room for all.
fn take<'a>(part: &mut BTreeSet<String>, more: impl Iterator<Item = &'a str>) -> bool {
    for one in more {
        if !part.contains(one) {
            if part.len() == MOST {
                return false;
            }
            part.insert(one.to_owned());
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(login: &str) -> Person {
        Person {
            login: login.to_owned(),
            emails: vec![format!("{login}@example.org")],
            ..Person::default()
        }
    }

    fn authors(message: &str) -> Authors {
        let ada = Signature {
            email: "ada@example.org".to_owned(),
            ..Signature::default()
        };
        let mut authors = Authors::default();
        authors.add(&ada, &ada, message);
        authors
    }

    #[test]
    fn d1_who_is_named_as_a_co_author_is_an_author() {
        let authors = authors("Fix it\n\nCo-authored-by: Bob <1+BOB@users.noreply.github.com>\n");
        let words = |login: &str| authors.include(&person(login)).unwrap_or_default();
        assert_eq!(
            words("ada"),
            "ada wrote commits of this push and the goal asks for somebody else"
        );
        assert!(
            words("bob")
                .starts_with("bob wrote a part of this push, as `Co-authored-by` in its commits says"),
            "{}",
            words("bob")
        );
        assert!(words("bob").contains("push it again without it"));
        assert_eq!(words("eve"), "");
    }

    #[test]
    fn d1_a_mailmap_counts_for_co_authors_too() {
        let mut authors = authors("x\n\nCo-authored-by: Bob <bob@old.example>");
        assert_eq!(authors.include(&person("bob")), None);
        authors.join_same_people("Bob <bob@example.org> <bob@old.example>");
        assert!(authors.include(&person("bob")).is_some());
    }

    #[test]
    fn a4_a_million_trailers_leave_nobody_who_could_be_somebody_else() {
        let message: String = (0..1_000_000)
            .map(|number| format!("Co-authored-by: <{number}@x>\n"))
            .collect();
        let authors = authors(&message);
        assert_eq!(authors.helped.len(), MOST);
        let words = authors.include(&person("eve")).unwrap();
        assert!(
            words.contains("because it names more than 10000 people"),
            "{words}"
        );
    }
}
