//! What replicas of a hub share beside work: tickets and hints. Part of the list in `store`.

use std::time::Duration;

use sdm::model::Timestamp;
use sdm::ports::hub::{Hint, Hints as _, Ticket, TicketLimits, Tickets as _};
use sdm::store::hub::SqlHub;

fn at(second: u64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000).plus(Duration::from_secs(second))
}

pub async fn tickets_are_used_once_and_in_time(hub: &SqlHub) {
    let ticket = Ticket {
        registrations: vec!["r-1".to_owned(), "r-2".to_owned()],
        machine: "m@1.0.0".to_owned(),
        key: "k".to_owned(),
        scopes: vec!["events:read".to_owned()],
        gzip: true,
        capabilities: vec!["ack".to_owned()],
    };
    let limits = |most| TicketLimits {
        now: at(0),
        until: at(60),
        most,
    };
    for digest in ["one", "other"] {
        assert!(hub.keep_ticket(digest, &ticket, limits(2)).await.unwrap());
    }
    assert!(
        !hub.keep_ticket("third", &ticket, limits(2)).await.unwrap(),
        "too many wait"
    );
    assert_eq!(hub.take_ticket("guess", at(1)).await.unwrap(), None);
    // Everybody wants it at once; one gets it.
    let takers = (0..8).map(|_| hub.take_ticket("one", at(1)));
    let taken = futures_util::future::join_all(takers).await;
    let taken: Vec<Ticket> = taken.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(taken, std::slice::from_ref(&ticket));
    assert_eq!(hub.take_ticket("other", at(60)).await.unwrap(), None, "too late");
    assert!(hub.keep_ticket("third", &ticket, limits(1)).await.unwrap());
    hub.forget_tickets(at(60)).await.unwrap();
    assert_eq!(hub.take_ticket("third", at(1)).await.unwrap(), None);
}

/// Only where there can be replicas.
pub async fn hints_reach_whoever_listens(hub: &SqlHub) {
    let mut hearing = hub.listen().await.unwrap();
    hub.hint(Hint::Machines).await.unwrap();
    if hub.is_postgres() {
        assert_eq!(hearing.next().await.unwrap(), Some(Hint::Machines));
    }
}
