//! Who changes the hub's memory at its computer, beside the hub: the user of the operating system, for the audit log (security model 16).
//!
//! Whatever changes something there keeps what it does with the change, in the words of the audit log, until a hub has written it down:
//! one that runs within seconds, one that starts before it serves anybody.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use super::access::noted::Noted;
use crate::ports::hub::console::ConsoleDeed;
use crate::ports::rights::StoredDeed;
use crate::runtime::clock::{Clock as _, Ids as _, RandomIds, SystemClock};

/// How long it is kept after it was written down: other hubs that run on the same memory notice the change within seconds.
pub(super) const NOTICED: Duration = Duration::from_secs(3_600);

/// Longest name of a user that is written down, in characters.
const LONGEST_NAME: usize = 64;

tokio::task_local! {
    static USER: ConsoleUser;
}

/// With what whoever it was is written who was at the console.
const CONSOLE: &str = "console:";

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
        write!(formatter, "{CONSOLE}{name} (uid {})", self.id)
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

/// Whether somebody at the console has done it.
pub(super) fn is_at_console(deed: &StoredDeed) -> bool {
    deed.who.starts_with(CONSOLE)
}

/// What is kept with a change of rights that is made at the console.
pub(super) fn deed() -> Option<StoredDeed> {
    who().map(|who| StoredDeed {
        who,
        ..StoredDeed::default()
    })
}

/// What somebody at the console does, in the words of the audit log, to be kept with the change itself; nothing where a hub does it.
pub(super) fn deeds(noted: impl IntoIterator<Item = Noted>) -> Vec<ConsoleDeed> {
    let Some(who) = who() else {
        return Vec::new();
    };
    let done = SystemClock.now();
    let deed = |(place, noted): (u64, Noted)| ConsoleDeed {
        id: format!("console-{}", RandomIds.fresh()),
        operation: noted.operation.to_owned(),
        resource: noted.resource.to_string(),
        said: noted.said,
        who: who.clone(),
        // They are in an order.
        done: done.plus(Duration::from_micros(place)),
        is_told: false,
    };
    (0..).zip(noted).map(deed).collect()
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
        let noted = || Noted::done("anonymous", "key.create", "a key".to_owned());
        assert_eq!(deeds([noted()]), []);
        let kept = at_console(user("ada"), async { deeds([noted()]) }).await;
        assert_eq!(
            (kept[0].who.as_str(), kept[0].said.as_str(), kept[0].is_told),
            ("console:ada (uid 1000)", "a key", false)
        );
        let told = at_console(user("ada"), async { deed() }).await.unwrap();
        assert_eq!(
            (told.who.as_str(), told.request.as_str()),
            ("console:ada (uid 1000)", "")
        );
        assert_eq!(user("a\n\u{1b}[2J b").to_string(), "console:a[2Jb (uid 1000)");
        assert_eq!(ConsoleUser::present().id, nix::unistd::getuid().as_raw());
    }
}
