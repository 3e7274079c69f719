//! Completing a goal at the hub: what the hub tells the machine of it, and what that answers (semantics 4.11).
//!
//! The command is announced by no machine, so nobody can ask for it but the hub itself.

/// Completes a goal for whoever was given its token. Parameters: `goal_set`, `goal`, `environment`, [`PROOF`], [`RESULT`].
pub const COMPLETE: &str = "sdm.complete";

/// The digest of the token that was shown, SHA-256 in hex: no token is ever stored.
pub const PROOF: &str = "proof";

/// What came of the goal: the JSON of a `Completion`.
pub const RESULT: &str = "result";

/// The field of a goal in which its machine says how a token for it is told from a guess: the digest of [`PROOF`]. The hub shows it to
/// nobody, and whoever knew it could prove nothing by it.
pub const TOLD_BY: &str = "completedWith";

/// How a machine answers beside 0, which is success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completed {
    /// The token is not that of the goal's current attempt, or there is no such goal.
    WrongToken,
    /// The goal cannot be completed any more.
    TooLate,
    /// No goal can be completed so.
    Unfit,
}

impl Completed {
    const ALL: [Self; 3] = [Self::WrongToken, Self::TooLate, Self::Unfit];

    /// The code of the answer.
    pub const fn code(self) -> i64 {
        match self {
            Self::WrongToken => 2,
            Self::TooLate => 3,
            Self::Unfit => 4,
        }
    }

    /// What a code says; `None` for a refusal that is not about the completion.
    pub fn of_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.code() == code)
    }
}
