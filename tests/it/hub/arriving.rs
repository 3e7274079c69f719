//! Machines that come to a memory one at a time, by what the hub uses for many.

use std::sync::atomic::{AtomicU64, Ordering};

use sdm::model::Timestamp;
use sdm::ports::hub::{
    Arrival, ArrivalLimits, Arrived, Crowds as _, Opened, Opening, OpeningLimits, Registrations as _, Run,
    StoredRegistration, Ticket, TicketLimits,
};
use sdm::store::hub::SqlHub;

use super::store::at;

static TICKETS: AtomicU64 = AtomicU64::new(0);

/// A ticket for nothing in particular.
pub fn ticket(run: Option<Run>) -> Ticket {
    Ticket {
        registrations: Vec::new(),
        machine: "m@1.0.0".to_owned(),
        key: "k".to_owned(),
        scopes: vec!["events:read".to_owned()],
        gzip: true,
        capabilities: vec!["ack".to_owned()],
        run,
    }
}

/// Somebody comes without a registration.
pub async fn comes(hub: &SqlHub, digest: &str, ticket: Ticket, limits: ArrivalLimits) -> Arrived {
    let arrival = Arrival {
        registrations: Vec::new(),
        owner: "addon:a".to_owned(),
        digest: digest.to_owned(),
        ticket,
    };
    hub.arrive_all(&[arrival], limits).await.unwrap().remove(0)
}

/// A ticket that nobody uses, and that takes no room.
fn unused() -> (String, TicketLimits) {
    let number = TICKETS.fetch_add(1, Ordering::Relaxed);
    let limits = TicketLimits {
        now: at(0),
        until: Timestamp::from_micros(0),
        most: u32::MAX,
    };
    (format!("unused-{number}"), limits)
}

/// Whether a run becomes the one that counts.
pub async fn counts(hub: &SqlHub, run: &Run, now: Timestamp, until: Timestamp) -> bool {
    let (digest, tickets) = unused();
    let limits = ArrivalLimits {
        run_until: until,
        tickets: TicketLimits { now, ..tickets },
    };
    match comes(hub, &digest, ticket(Some(run.clone())), limits).await {
        Arrived::Kept(_) => true,
        Arrived::Twin => false,
        other => panic!("{other:?}"),
    }
}

/// What comes of a registration.
pub async fn registers(hub: &SqlHub, asked: &StoredRegistration, owner: &str) -> Arrived {
    let (digest, tickets) = unused();
    let arrival = Arrival {
        registrations: vec![asked.clone()],
        owner: owner.to_owned(),
        digest,
        ticket: ticket(None),
    };
    let limits = ArrivalLimits {
        run_until: at(0),
        tickets,
    };
    hub.arrive_all(&[arrival], limits).await.unwrap().remove(0)
}

/// A registration as it is kept.
pub async fn registered(hub: &SqlHub, asked: &StoredRegistration, owner: &str) -> StoredRegistration {
    let arrived = registers(hub, asked, owner).await;
    let Arrived::Kept(ids) = arrived else {
        panic!("{arrived:?}");
    };
    let all = hub.registrations().await.unwrap();
    all.into_iter().find(|one| one.id == ids[0]).unwrap()
}

/// A conversation with a ticket, or one that whoever has this key resumes.
pub fn opening(digest: &str, resumed_by: Option<&str>) -> Opening {
    Opening {
        digest: digest.to_owned(),
        session: format!("session-{digest}"),
        resumed_by: resumed_by.map(str::to_owned),
        resumption: format!("again-{digest}"),
    }
}

/// As of a moment.
pub fn opening_limits(now: u64) -> OpeningLimits {
    OpeningLimits {
        now: at(now),
        alive_until: at(now + 30),
        is_new: at(now + 50),
        resumable_since: at(now.saturating_sub(900)),
        lease_until: at(now + 60),
    }
}

/// What a conversation is opened with.
pub async fn opens(hub: &SqlHub, opening: Opening, now: u64) -> Option<Opened> {
    let opened = hub.open_all(&[opening], opening_limits(now)).await.unwrap();
    opened.into_iter().next().unwrap()
}
