//! Shares out what waits: each delivery to one session of its registration, in turn.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc};
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
    /// Micros until which nothing is delivered, at the machine's wish.
    pub(super) quiet_until: AtomicI64,
    /// The machine wants nothing more.
    pub(super) is_draining: AtomicBool,
    /// It was told that another version of the machine gets everything.
    is_shadowed: AtomicBool,
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
            quiet_until: AtomicI64::new(0),
            is_draining: AtomicBool::new(false),
            is_shadowed: AtomicBool::new(false),
            end: CancellationToken::new(),
            because: Mutex::new((1000, "")),
        };
        (Arc::new(session), said)
    }

    /// Whether it takes something now.
    fn is_ready(&self, now: Timestamp) -> bool {
        !self.is_draining.load(Ordering::Relaxed)
            && self.quiet_until.load(Ordering::Relaxed) <= now.as_micros()
            && self.say.capacity() > 0
            && !self.end.is_cancelled()
    }

    /// Whether both ends know an extension of the protocol.
    pub(super) fn knows(&self, extension: &str) -> bool {
        self.ticket.capabilities.iter().any(|known| known == extension)
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
    fn had_its_turn(&self, registration: &str, session: &Session) {
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
    let (about, operation) = (delivery.what.resource.as_str(), Operation::OpenSocket.row().name);
    if about.is_empty()
        || delivery.what.kind == DeliveryKind::Command
        || bearer.reaches_everything(operation, now)
    {
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

    /// Shares out what waits now for machines that are connected here.
    async fn share_out_once(&self) -> Result<(), HubStoreError> {
        if self.sessions().count() == 0 {
            return Ok(());
        }
        for registration in self.store().waited_for().await? {
            self.share_out_to(&registration).await?;
        }
        Ok(())
    }

    async fn share_out_to(&self, registration: &str) -> Result<(), HubStoreError> {
        loop {
            let now = self.now();
            let mut ready = self.sessions().of(registration);
            ready.retain(|session| session.is_ready(now));
            if ready.is_empty() {
                return Ok(());
            }
            let session = &ready[0];
            // One after the other among several, so that each gets its share; a batch when there is only one.
            let limit = if ready.len() > 1 {
                1
            } else {
                session.say.capacity()
            };
            if !self.hand_over(registration, session, limit).await? {
                return Ok(());
            }
            self.sessions().had_its_turn(registration, session);
        }
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

    /// What its machine may not hear of any more is over.
    async fn withhold(
        &self,
        registration: &str,
        session: &Session,
        delivery: &Delivery,
    ) -> Result<(), HubStoreError> {
        let (machine, about) = (&session.ticket.machine, &delivery.what.resource);
        tracing::info!(%machine, about, "an event is not told: its machine may not hear of it any more");
        self.store()
            .settle(registration, &delivery.what.correlation)
            .await
            .map(|_| ())
    }

    /// Gives a session what waits, at most `limit`; whether there was anything.
    async fn hand_over(
        &self,
        registration: &str,
        session: &Session,
        limit: usize,
    ) -> Result<bool, HubStoreError> {
        let now = self.now();
        let Some(bearer) = self.heard_by(session, now).await? else {
            return Ok(false);
        };
        let limit = u32::try_from(limit).unwrap_or(1);
        let lease = now.plus(self.rhythm().lease);
        let claimed = self
            .store()
            .claim(registration, &session.id, limit, now, lease)
            .await?;
        for delivery in &claimed {
            if !may_hear_of(&bearer, delivery, now) || !self.is_still_wished(delivery).await? {
                self.withhold(registration, session, delivery).await?;
                continue;
            }
            // What does not fit, because the socket ends right now, is given back with everything else it had.
            let mut message = self.message(session, &bearer, delivery);
            if session.knows(extensions::IDENTITY) {
                message = self.with_names(delivery, &bearer, message).await?;
            }
            session.try_say(self.with_context(session, delivery, message).await?);
        }
        self.commands_are_sent(session, &claimed).await?;
        if session.end.is_cancelled() || !self.sessions().has(session) {
            self.store().release(&session.id, now, self.limits()).await?;
        }
        Ok(!claimed.is_empty())
    }

    /// A command on its way out with the handle of whoever started it, for machines that know what that is.
    async fn with_context(
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
