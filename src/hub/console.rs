//! Who changes the hub's memory at its computer, beside the hub: the user of the operating system, for the audit log (security model 16).
//!
//! Changes of rights are kept with who made them. Keys and people do not say that, so it is kept beside them, in the words of the audit
//! log, until the hubs that run have noticed.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use super::access::noted::Noted;
use crate::model::Timestamp;
use crate::ports::hub::HubStoreError;
use crate::ports::hub::console::{ConsoleDeed, ConsoleDeeds};
use crate::ports::rights::StoredDeed;

/// How long it is kept who it was: hubs that run notice within seconds.
pub(super) const NOTICED: Duration = Duration::from_secs(3_600);

/// Longest name of a user that is written down, in characters.
const LONGEST_NAME: usize = 64;

tokio::task_local! {
    static USER: ConsoleUser;
}

/// A user of the operating system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleUser {
    /// Name; empty when the system knows none.
    pub name: String,
    /// Number.
    pub id: u32,
}

impl ConsoleUser {
    /// Whose process this is.
    pub fn present() -> Self {
        let id = nix::unistd::getuid();
        let user = nix::unistd::User::from_uid(id).ok().flatten();
        Self {
            name: user.map(|user| user.name).unwrap_or_default(),
            id: id.as_raw(),
        }
    }
}

impl fmt::Display for ConsoleUser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let printable = self
            .name
            .chars()
            .filter(|c| !c.is_control() && !c.is_whitespace());
        let name: String = printable.take(LONGEST_NAME).collect();
        write!(formatter, "console:{name} (uid {})", self.id)
    }
}

/// Does something at the console, as a user.
pub fn at_console<F: Future>(user: ConsoleUser, work: F) -> impl Future<Output = F::Output> {
    USER.scope(user, work)
}

/// Who is at the console; nobody where a hub does something.
fn who() -> Option<String> {
    USER.try_with(ToString::to_string).ok()
}

/// What is kept with a change of rights that is made at the console.
pub(super) fn deed() -> Option<StoredDeed> {
    who().map(|who| StoredDeed {
        who,
        ..StoredDeed::default()
    })
}

/// Keeps who is about to do something at the console that is kept without saying who.
///
/// # Errors
/// The memory.
pub(super) async fn note<S: ConsoleDeeds + ?Sized>(
    store: &S,
    noted: impl IntoIterator<Item = Noted> + Send,
    now: Timestamp,
) -> Result<(), HubStoreError> {
    let Some(who) = who() else {
        return Ok(());
    };
    let noted: Vec<Noted> = noted.into_iter().collect();
    for noted in noted {
        let deed = ConsoleDeed {
            operation: noted.operation.to_owned(),
            said: noted.said,
            who: who.clone(),
            done: now,
        };
        store.keep_console_deed(&deed, now.minus(NOTICED)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_at_the_console_is_known_there_and_nowhere_else() {
        let user = |name: &str| ConsoleUser {
            name: name.to_owned(),
            id: 1000,
        };
        assert_eq!(who(), None);
        let told = at_console(user("ada"), async { deed() }).await.unwrap();
        assert_eq!(
            (told.who.as_str(), told.request.as_str()),
            ("console:ada (uid 1000)", "")
        );
        assert_eq!(user("a\n\u{1b}[2J b").to_string(), "console:a[2Jb (uid 1000)");
        assert_eq!(ConsoleUser::present().id, nix::unistd::getuid().as_raw());
    }
}
