//! What must be seen to all the time: leases, machines that are gone, keys that are not good any more.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::super::access::edit::EditError;
use super::super::addons::AddonError;
use super::super::addons::answers::expire;
use super::super::vitals::RENEWING;
use super::super::{Hub, people};
use super::deliver::Session;
use super::steady::Steady;
use crate::model::Timestamp;
use crate::ports::hub::{Bounds, HubStoreError};
use crate::wire::hub::{Control, extensions};

/// Close code for a credential that is not good any more (security model 17).
pub(super) const BAD_CREDENTIAL: u16 = 4401;
/// Close code for a machine that an administrator took away, or that may not be told anything any more.
const TAKEN_AWAY: u16 = 4403;

/// Runs of machines that were not there for so long are forgotten.
const FORGOTTEN: Duration = Duration::from_secs(90 * 24 * 3_600);

/// What people and machines said to each other, and what was given up, is kept so long.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Most messages, and most commands that have ended, of one workspace.
const MOST_SAID: u32 = 100_000;

/// Time between two counts of deliveries.
const COUNTED: Duration = Duration::from_secs(60);

/// Close code and reason, where a conversation must end.
pub(super) type Ending = Option<(u16, &'static str)>;

const NOT_GOOD: (u16, &str) = (BAD_CREDENTIAL, "the key is not good any more");
const NOT_ALLOWED: (u16, &str) = (TAKEN_AWAY, "the add-on may not hear of events any more");

/// When what is not done in every round was done last.
struct Rounds {
    tasks: Timestamp,
    sign_ins: Timestamp,
    steady: Steady,
}

impl Hub {
    /// Renews what machines that are connected here have, again and again, whatever becomes of everything else.
    pub(in super::super) async fn keep_leases(&self) {
        let (stop, rhythm) = (self.tasks().stop_token(), self.rhythm());
        // Early enough that one round may be missed.
        let usual = rhythm.linger.min(rhythm.lease) / 3;
        let mut pause = usual;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            let is_done = self.did(RENEWING, &self.keep_what_lives().await);
            pause = if is_done { usual } else { usual.min(rhythm.tidy) };
        }
    }

    /// Tells the graphs of people, again and again.
    pub(in super::super) async fn keep_telling_of_people(&self) {
        let stop = self.tasks().stop_token();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.rhythm().tidy) => {}
            }
            self.did("telling of people", &self.tell_of_people().await);
        }
    }

    /// Looks after everything else, again and again.
    pub(in super::super) async fn keep_house(&self) {
        let stop = self.tasks().stop_token();
        let now = self.now();
        let mut rounds = Rounds {
            tasks: now,
            sign_ins: now,
            steady: Steady::begin(now, Instant::now()),
        };
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.rhythm().tidy) => {}
            }
            self.tidy_up(&mut rounds).await;
            self.vitals().looked(Instant::now());
        }
    }

    /// Forgets what is too much, old or over, again and again. Of much of it that takes its time, in which everything else goes on.
    pub(in super::super) async fn keep_forgetting(&self) {
        let stop = self.tasks().stop_token();
        // It is looked for soon after each start.
        let never = Timestamp::from_micros(0);
        let (mut counted, mut forgotten, mut over) = (never, never, never);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.rhythm().tidy) => {}
            }
            self.did(
                "deliveries that are too many",
                &self.count_deliveries(&mut counted).await,
            );
            self.did("what is old", &self.forget_what_is_old(&mut forgotten).await);
            self.did("what is over", &self.look_at_history(&mut over).await);
        }
    }

    /// Each step on its own: one that fails keeps no other from being taken.
    async fn tidy_up(&self, rounds: &mut Rounds) {
        let now = self.now();
        self.look_at_rights(now).await;
        // What may be over already by the clock, and is not because the clock was set.
        let over = rounds.steady.over(now, Instant::now());
        let (store, shared) = (self.store(), self.shared(over));
        self.did("deliveries", &store.tidy(shared, self.limits()).await);
        self.did("missing answers", &self.look_at_unanswered(over).await);
        if let Err(error) = self.tell_administrators().await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "administrators could not be told of what waits for them");
        }
        self.did("commands", &self.end_unanswered_commands(over).await);
        self.did("commands that were given up", &self.blank_given_up().await);
        self.did("tickets", &store.forget_tickets(shared).await);
        self.did("machines that are gone", &self.drop_vanished(shared).await);
        self.did(
            "registrations that wait",
            &self.end_what_waited_too_long(over).await,
        );
        self.did("machines", &self.look_at_machines().await.map(drop));
        self.did("what waits for earlier versions", &self.carry_over().await);
        self.did("sign-ins", &self.look_at_sign_ins(&mut rounds.sign_ins).await);
        self.did("tasks of jobs", &self.look_at_tasks(&mut rounds.tasks).await);
    }

    /// Puts in force what has changed of rights and keys, and writes down what was done at the console.
    async fn look_at_rights(&self, now: Timestamp) {
        let (rights, store) = (self.rights(), self.store());
        let at_console = rights.done_so_far(store, now).await;
        let is_seen = [
            self.did("rights", &rights.refresh(store, now).await),
            self.did("people", &rights.look_at_people(store, now).await),
            self.did("keys", &self.end_sessions_of_bad_keys().await),
        ];
        let is_seen = is_seen.into_iter().all(|is_seen| is_seen);
        let told = match at_console {
            // What is not seen yet cannot be told from what is not to be seen.
            Ok(_) if !is_seen => return,
            Ok(at_console) => rights.tell_rest(store, &at_console, now).await,
            Err(error) => Err(error),
        };
        self.did("what was done at the console", &told);
    }

    /// Machines that are gone are forgotten. Those whose time ran out while nobody could renew it come back first.
    async fn drop_vanished(&self, now: Timestamp) -> Result<(), HubStoreError> {
        let regained = self.vitals().regained();
        let long_ago = now.minus(self.rhythm().linger);
        // Whoever was there all the time has been renewed since, and whoever left after that has left.
        let since = if regained > long_ago {
            regained
        } else {
            Timestamp::from_micros(0)
        };
        self.store().drop_vanished(since, now).await.map(drop)
    }

    /// Ends what people have signed in to now and then.
    async fn look_at_sign_ins(&self, looked: &mut Timestamp) -> Result<(), HubStoreError> {
        let now = self.now();
        let rhythm = self.rhythm();
        if now.since(*looked) >= rhythm.linger.min(rhythm.lease) / 3 || now < *looked {
            let (signed_in, last_seen) = (now.minus(people::LONGEST), now.minus(people::IDLE));
            self.store().tidy_sign_ins(now, signed_in, last_seen).await?;
            *looked = now;
        }
        Ok(())
    }

    /// Reads registrations that somebody has changed, and tells those whom it concerns; whether there were any.
    pub(in super::super) async fn look_at_machines(&self) -> Result<bool, HubStoreError> {
        let is_news = self.known().refresh(self.store()).await?;
        if is_news {
            self.end_sessions_of_dropped().await?;
            self.tell_superseded();
        }
        Ok(is_news)
    }

    /// Looks for silent tasks now and then: an hour of those that have a day.
    async fn look_at_tasks(&self, looked: &mut Timestamp) -> Result<(), HubStoreError> {
        let now = self.now();
        if now.since(*looked) >= self.rhythm().task / 25 || now < *looked {
            self.end_silent_tasks().await?;
            *looked = now;
        }
        Ok(())
    }

    /// Forgets now and then what is old or too much.
    async fn forget_what_is_old(&self, forgotten: &mut Timestamp) -> Result<(), HubStoreError> {
        let now = self.now();
        if now.since(*forgotten) >= self.rhythm().forget || now < *forgotten {
            let bounds = Bounds {
                since: now.minus(KEPT),
                said: MOST_SAID,
            };
            self.store().forget(bounds).await?;
            *forgotten = now;
        }
        Ok(())
    }

    /// Counts now and then what waits and what was given up, and ends what is too much. To count it takes a look at all of it.
    async fn count_deliveries(&self, counted: &mut Timestamp) -> Result<(), HubStoreError> {
        let now = self.now();
        if now.since(*counted) >= COUNTED || now < *counted {
            self.store().cut(self.limits()).await?;
            *counted = now;
        }
        Ok(())
    }

    /// Forgets now and then what is over for long.
    async fn look_at_history(&self, looked: &mut Timestamp) -> Result<(), HubStoreError> {
        let now = self.now();
        if now.since(*looked) >= self.between_looks_at_history() || now < *looked {
            self.forget_history().await?;
            *looked = now;
        }
        Ok(())
    }

    /// Registrations for which nobody has answered in a week are over.
    async fn end_what_waited_too_long(&self, now: Timestamp) -> Result<(), HubStoreError> {
        if self.rights().governing_file().is_some() {
            return Ok(());
        }
        match expire(self.store(), &self.rights().held(), now).await {
            Ok(_) => Ok(()),
            Err(AddonError::Edit(EditError::Store(error))) => Err(error),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "registrations that wait cannot be looked after");
                Ok(())
            }
        }
    }

    /// Registrations with a session stay, and what was sent stays with its session.
    async fn keep_what_lives(&self) -> Result<(), HubStoreError> {
        // Also where no machine is there: it says whether the memory can be written.
        self.set_clock().await?;
        let (now, rhythm) = (self.shared_now(), self.rhythm());
        let registrations = self.sessions().registrations();
        let alive = now.plus(rhythm.linger);
        self.store().keep_alive(&registrations, alive).await?;
        let sessions = self.sessions().all();
        let sessions: Vec<String> = sessions.iter().map(|session| session.id.clone()).collect();
        self.store().renew(&sessions, now.plus(rhythm.lease)).await?;
        self.store().keep_runs(&sessions, alive).await?;
        self.store().forget_runs(now.minus(FORGOTTEN)).await?;
        self.leases_are_renewed();
        Ok(())
    }

    async fn end_sessions_of_bad_keys(&self) -> Result<(), HubStoreError> {
        let (sessions, now) = (self.sessions().all(), self.now());
        let keys = {
            let _changing = self.rights().changing_keys().await;
            let keys = self.store().keys().await?;
            if self.rights().has_news(&keys) {
                self.rights().hear_console(self.store(), now).await?;
                // What was agreed to with a new key was agreed to before it was there, and may be newer than the last look.
                self.rights().refresh(self.store(), now).await?;
            }
            self.rights().learn(keys.iter().cloned(), None, now);
            keys
        };
        let good: BTreeMap<&str, Ending> = keys
            .iter()
            .map(|key| (key.id.as_str(), self.ending(&key.id, now)))
            .collect();
        for session in sessions {
            let ending = good.get(session.ticket.key.as_str()).copied();
            if let Some((code, reason)) = ending.unwrap_or(Some(NOT_GOOD)) {
                tracing::info!(machine = %session.ticket.machine, "{reason}");
                session.close(code, reason);
            }
        }
        Ok(())
    }

    /// Why conversations with a key must end now, if they must.
    pub(super) fn ending(&self, key: &str, now: Timestamp) -> Ending {
        if !self.rights().is_good(key, now) {
            return Some(NOT_GOOD);
        }
        let bearer = self.rights().bearer_of(key, now);
        let may_hear = bearer.is_some_and(|bearer| bearer.may_hear(now));
        (!may_hear).then_some(NOT_ALLOWED)
    }

    /// Ends conversations with machines whose registrations are gone.
    async fn end_sessions_of_dropped(&self) -> Result<(), HubStoreError> {
        let machines = self.known().machines();
        let mut gone = self.sessions().all();
        gone.retain(|session| {
            let own = &session.ticket.registrations;
            own.iter().all(|id| machines.by_id(id).is_none())
        });
        if gone.is_empty() {
            return Ok(());
        }
        // One that has just registered at another hub is not known here yet.
        let there = self.store().registration_ids().await?;
        for session in gone {
            if !there.iter().any(|id| session.serves(id)) {
                session.close(TAKEN_AWAY, "the registration was taken away");
            }
        }
        Ok(())
    }

    /// Says to machines that are not served any more that this is so. They stay connected: closing only makes the
    /// original come back at once.
    fn tell_superseded(&self) {
        for session in self.sessions().all() {
            self.tell_if_superseded(&session);
        }
    }

    /// The same for one of them.
    pub(super) fn tell_if_superseded(&self, session: &Session) {
        let machines = self.known().machines();
        let registrations = &session.ticket.registrations;
        let is_shadowed = registrations.iter().all(|id| !machines.is_served(id));
        if session.shadow(is_shadowed) && is_shadowed {
            let mut control = Control::named(extensions::SUPERSEDED);
            if let Some(served) = registrations.iter().find_map(|id| machines.served_instead_of(id)) {
                control = control.with("version", served.stored.version.clone());
            }
            session.try_say(serde_json::json!({ "control": control }).to_string());
        }
    }
}
