//! On which terms an add-on is at work, as administrators set them: what its signed calls must carry beyond what every call
//! must (security model 6.3 and 6.4), and what it is trusted with (15).

use std::collections::BTreeSet;
use std::fmt;

use thiserror::Error;

/// One term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Term {
    /// Its signed calls name this hub as their audience; those without one are refused.
    Audience,
    /// Its signed calls have a name of their own and the hash of their body, the claims `jti` and `bh`.
    SingleUse,
    /// It is given short tokens of people who started something with it.
    UserTokens,
}

/// All terms of an add-on.
pub type Terms = BTreeSet<Term>;

/// A word that is no term.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{}` is none of the terms audience, single_use and user_tokens", .0.escape_debug())]
pub struct UnknownTerm(String);

impl Term {
    /// Every term.
    pub const ALL: [Self; 3] = [Self::Audience, Self::SingleUse, Self::UserTokens];

    /// As it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Audience => "audience",
            Self::SingleUse => "single_use",
            Self::UserTokens => "user_tokens",
        }
    }

    /// What it means, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Audience => "its signed calls must name this hub as their audience",
            Self::SingleUse => "its signed calls must carry `jti` and `bh`, and each counts once",
            Self::UserTokens => "it is given short tokens of people who started something with it",
        }
    }

    /// The term of a word.
    ///
    /// # Errors
    /// There is none.
    pub fn parse(word: &str) -> Result<Self, UnknownTerm> {
        let found = Self::ALL.into_iter().find(|term| term.word() == word);
        found.ok_or_else(|| UnknownTerm(word.chars().take(60).collect()))
    }
}

impl fmt::Display for Term {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_term_is_read_by_its_word_and_no_other() {
        for term in Term::ALL {
            assert_eq!(Term::parse(term.word()), Ok(term));
            let told = Term::parse("x").unwrap_err().to_string();
            assert!(told.contains(term.word()), "{told}");
        }
        assert!(Term::parse("Audience").is_err());
    }
}
