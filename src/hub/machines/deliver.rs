//! Shares out what waits: each delivery to one session of its registration, in turn.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::Hub;
use super::super::access::bearer::Bearer;
use super::super::access::operations::Operation;
use super::super::access::sight::EVERYTHING;
use super::super::extensions::context::with_handle;
use crate::access::Resource;
use crate::model::Timestamp;
use crate::ports::hub::{Delivery, DeliveryKind, Hint, HubStoreError, Ticket};
use crate::wire::hub::extensions;

/// Messages that wait for one socket; what does not fit waits in the store.
pub(super) const WINDOW: usize = 64;

/// A live conversation, as those see it who have something to say in it.
#[derive(Debug)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// What it was opened with.
    pub ticket: Ticket,
    say: mpsc::Sender<String>,
    /// Until when nothing is delivered, at the machine's wish, whatever becomes of the clock.
    quiet_until: Mutex<Option<Instant>>,
    /// The machine wants nothing more.
    pub(super) is_draining: AtomicBool,
    /// It was told that another version of the machine gets everything.
    is_shadowed: AtomicBool,
    /// It is resumed, and its machine has not said yet what it has of what it was told before.
    is_resuming: AtomicBool,
    /// Cancelled when the hub ends it, with the code and the reason.
    pub(super) end: CancellationToken,
    /// The code and the reason.
    pub(super) because: Mutex<(u16, &'static str)>,
}

impl Session {
    /// A conversation, and where what is said in it comes out.
    pub(super) fn new(id: String, ticket: Ticket) -> (Arc<Self>, mpsc::Receiver<String>) {
        let (say, said) = mpsc::channel(WINDOW);
        let session = Self {
            id,
            ticket,
            say,
            quiet_until: Mutex::default(),
            is_draining: AtomicBool::new(false),
            is_shadowed: AtomicBool::new(false),
            is_resuming: AtomicBool::new(false),
            end: CancellationToken::new(),
            because: Mutex::new((1000, "")),
        };
        (Arc::new(session), said)
    }

    /// Whether it takes something now.
    fn is_ready(&self) -> bool {
        !self.is_draining.load(Ordering::Relaxed)
            && !self.is_resuming.load(Ordering::Relaxed)
            && !self.is_quiet()
            && self.say.capacity() > 0
            && !self.say.is_closed()
            && !self.end.is_cancelled()
    }

    /// Nothing is delivered until its machine has said what it has, or anything else.
    pub(super) fn resume(&self) {
        self.is_resuming.store(true, Ordering::Relaxed);
    }

    /// Whether that is waited for.
    pub(super) fn is_resuming(&self) -> bool {
        self.is_resuming.load(Ordering::Relaxed)
    }

    /// It has said that, and what it had before is settled.
    pub(super) fn goes_on(&self) {
        self.is_resuming.store(false, Ordering::Relaxed);
    }

    /// Nothing is delivered for so long from now on.
    pub(super) fn be_quiet(&self, time: Duration) {
        let mut until = self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        *until = Some(Instant::now() + time);
    }

    fn is_quiet(&self) -> bool {
        let until = *self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    /// For how many messages it has room.
    pub(super) fn room(&self) -> usize {
        self.say.capacity()
    }

    /// Whether both ends know an extension of the protocol.
    pub(super) fn knows(&self, extension: &str) -> bool {
        self.ticket.knows(extension)
    }

    /// Says something if there is room.
    pub fn try_say(&self, text: String) -> bool {
        self.say.try_send(text).is_ok()
    }

    /// Notes whether another version of the machine gets everything; whether that is news.
    pub(super) fn shadow(&self, is_shadowed: bool) -> bool {
        self.is_shadowed.swap(is_shadowed, Ordering::Relaxed) != is_shadowed
    }

    /// Ends it.
    pub fn close(&self, code: u16, reason: &'static str) {
        *self.because.lock().unwrap_or_else(PoisonError::into_inner) = (code, reason);
        self.end.cancel();
    }

    /// Whether it is one of a registration's.
    pub fn serves(&self, registration: &str) -> bool {
        self.ticket.registrations.iter().any(|own| own == registration)
    }
}

/// All live conversations of this process.
#[derive(Debug, Default)]
pub struct Sessions {
    live: Mutex<Live>,
    /// Something may wait.
    pub(super) bell: Notify,
}

#[derive(Debug, Default)]
struct Live {
    by_id: HashMap<String, Arc<Session>>,
    by_registration: HashMap<String, Vec<Arc<Session>>>,
}

impl Sessions {
    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, session: &Arc<Session>) {
        let mut live = self.live();
        live.by_id.insert(session.id.clone(), Arc::clone(session));
        for registration in &session.ticket.registrations {
            let of_registration = live.by_registration.entry(registration.clone()).or_default();
            of_registration.push(Arc::clone(session));
        }
    }

    pub(super) fn remove(&self, session: &Session) {
        let mut live = self.live();
        live.by_id.remove(&session.id);
        for registration in &session.ticket.registrations {
            if let Some(sessions) = live.by_registration.get_mut(registration) {
                sessions.retain(|other| other.id != session.id);
                if sessions.is_empty() {
                    live.by_registration.remove(registration);
                }
            }
        }
    }

    /// One of them.
    pub(super) fn by_id(&self, id: &str) -> Option<Arc<Session>> {
        self.live().by_id.get(id).cloned()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.live().by_id.len()
    }

    /// Whether one is still there.
    fn has(&self, session: &Session) -> bool {
        self.live().by_id.contains_key(&session.id)
    }

    /// Sessions of a registration.
    pub fn of(&self, registration: &str) -> Vec<Arc<Session>> {
        self.live()
            .by_registration
            .get(registration)
            .cloned()
            .unwrap_or_default()
    }

    /// It was a session's turn: the others come first now.
    pub(super) fn had_its_turn(&self, registration: &str, session: &Session) {
        if let Some(sessions) = self.live().by_registration.get_mut(registration)
            && let Some(at) = sessions.iter().position(|other| other.id == session.id)
        {
            let session = sessions.remove(at);
            sessions.push(session);
        }
    }

    /// Registrations with a session.
    pub fn registrations(&self) -> Vec<String> {
        self.live().by_registration.keys().cloned().collect()
    }

    /// All sessions.
    pub fn all(&self) -> Vec<Arc<Session>> {
        self.live().by_id.values().cloned().collect()
    }
}

/// Whether somebody may still hear of what waits for them: rights may have ended since.
pub(in super::super) fn may_hear_of(bearer: &Bearer, delivery: &Delivery, now: Timestamp) -> bool {
    if delivery.what.kind == DeliveryKind::Command {
        return bearer.may_take_commands(now);
    }
    let (about, operation) = (delivery.what.resource.as_str(), Operation::OpenSocket.row().name);
    if about.is_empty() || bearer.reaches_everything(operation, now) {
        return true;
    }
    match Resource::parse(about).ok().filter(|_| about != EVERYTHING) {
        Some(resource) => {
            let resources = [resource];
            bearer
                .decide(&bearer.request(operation, &resources, now))
                .is_allowed()
        }
        None => false,
    }
}

impl Hub {
    /// Something may wait for somebody who is connected here.
    pub(in super::super) fn look(&self) {
        self.sessions().bell.notify_one();
        self.listening().ring();
    }

    /// Something waits for somebody, who may be connected to another replica.
    pub(in super::super) fn ring(&self) {
        self.look();
        self.whispers().tell(Hint::Deliveries);
    }

    /// Shares out what waits, whenever something may.
    pub(in super::super) async fn share_out(&self) {
        let stop = self.tasks().stop_token();
        loop {
            let again = tokio::time::sleep(self.rhythm().look);
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.sessions().bell.notified() => {}
                // Another replica may have let something wait, and a machine's wish for quiet may have ended.
                () = again => {}
            }
            if let Err(error) = self.share_out_once().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "nothing can be delivered now"
                );
            }
        }
    }

    /// Sessions of a registration that take something now, in turn.
    pub(super) fn ready(&self, registration: &str) -> Vec<Arc<Session>> {
        let mut ready = self.sessions().of(registration);
        ready.retain(|session| session.is_ready());
        ready
    }

    /// Whoever is at the other end of a conversation, as their rights are now; none when it must end, which it then does.
    pub(super) async fn heard_by(
        &self,
        session: &Session,
        now: Timestamp,
    ) -> Result<Option<Bearer>, HubStoreError> {
        let bearer = self.bearer_for(&session.ticket.key, now).await?;
        match self.ending(&session.ticket.key, now) {
            None => Ok(bearer),
            Some((code, reason)) => {
                session.close(code, reason);
                Ok(None)
            }
        }
    }

    /// Gives a session what was claimed for it; whether there was room for all of it.
    pub(super) async fn hand_over(
        &self,
        (session, bearer): (&Session, &Bearer),
        claimed: &[Delivery],
    ) -> Result<bool, HubStoreError> {
        let now = self.now();
        let said = self.say_all(session, bearer, claimed).await;
        if session.end.is_cancelled() || !self.sessions().has(session) {
            self.store().release(&session.id, now, self.limits()).await?;
        }
        said
    }

    /// A command on its way out with the handle of whoever started it, for machines that know what that is.
    pub(super) async fn with_context(
        &self,
        session: &Session,
        delivery: &Delivery,
        message: String,
    ) -> Result<String, HubStoreError> {
        let knows = session.knows(extensions::CONTEXT);
        let Some(owner) = self.rights().owner_of(&session.ticket.key).filter(|_| knows) else {
            return Ok(message);
        };
        let handle = self.fresh_handle(delivery, &owner).await?;
        Ok(handle.map_or(message.clone(), |handle| with_handle(&message, &handle)))
    }
}
