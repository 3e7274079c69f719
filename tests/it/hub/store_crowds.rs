//! Many machines at once. Part of the list in `store`.

use sdm::ports::hub::{
    Arrival, ArrivalLimits, Arrived, Claim, Crowds as _, Deliveries as _, Parting, QueueLimits,
    Registrations as _, Run, Settling, StoredRegistration, Ticket, TicketLimits,
};
use sdm::store::hub::SqlHub;
use sdm::wire::hub::PolicyName;

use super::arriving::{counts, opening, opening_limits};
use super::store::{at, delivery, registration};
use super::store_answers::key;

pub async fn contract(hub: &SqlHub) {
    g5_many_come_at_once_and_each_gets_its_own(hub).await;
    many_open_and_part_at_once(hub).await;
    many_get_at_once_what_waits_for_them(hub).await;
}

const LIMITS: QueueLimits = QueueLimits {
    waiting: 100,
    attempts: 5,
};

fn wish(name: &str, workspace: &str, key: &str) -> StoredRegistration {
    StoredRegistration {
        id: format!("{name}-{workspace}-{key}"),
        workspace: workspace.to_owned(),
        principal: key.to_owned(),
        ..registration(name, "1", PolicyName::Ephemeral, "{}")
    }
}

fn arrival(name: &str, owner: &str, digest: &str, run: Option<&str>) -> Arrival {
    let key = format!("key-of-{owner}");
    let run = run.map(|id| Run {
        owner: owner.to_owned(),
        instance: format!("directory of {name}"),
        id: id.to_owned(),
    });
    Arrival {
        registrations: vec![wish(name, "crowd", &key), wish(name, "crowd-2", &key)],
        owner: owner.to_owned(),
        digest: digest.to_owned(),
        ticket: Ticket {
            registrations: Vec::new(),
            machine: format!("{name}@1"),
            key,
            scopes: Vec::new(),
            gzip: false,
            capabilities: Vec::new(),
            run,
        },
    }
}

fn limits(now: u64, most: u32) -> ArrivalLimits {
    ArrivalLimits {
        run_until: at(now + 15),
        tickets: TicketLimits {
            now: at(now),
            until: at(now + 60),
            most,
        },
    }
}

/// Ids of the registrations of whoever is kept.
fn kept(arrived: &Arrived) -> &[String] {
    match arrived {
        Arrived::Kept(ids) => ids,
        refused => panic!("{refused:?}"),
    }
}

async fn g5_many_come_at_once_and_each_gets_its_own(hub: &SqlHub) {
    key(hub, "key-of-addon:one", "addon:one").await;
    key(hub, "key-of-addon:two", "addon:two").await;
    let all = [
        arrival("m-1", "addon:one", "d-1", Some("run")),
        arrival("m-2", "addon:one", "d-2", None),
        // Of the same state directory, and of a name that the first has got a moment before.
        arrival("m-1", "addon:one", "d-3", Some("twin")),
        arrival("m-1", "addon:two", "d-4", None),
        arrival("m-3", "addon:two", "d-5", None),
        arrival("m-4", "addon:two", "d-6", None),
    ];
    let before = hub.registrations_changed().await.unwrap();
    let arrived = hub.arrive_all(&all, limits(0, 3)).await.unwrap();
    assert_eq!(kept(&arrived[0]).len(), 2);
    assert_eq!(kept(&arrived[1]).len(), 2);
    assert_eq!(arrived[2], Arrived::Twin);
    assert_eq!(arrived[3], Arrived::OfSomebodyElse("addon:one".to_owned()));
    assert_eq!(kept(&arrived[4]).len(), 2);
    assert_eq!(arrived[5], Arrived::Full);
    let since = hub.registrations_since(before.changed).await.unwrap();
    let names: Vec<&str> = since.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(
        names,
        ["m-1", "m-1", "m-2", "m-2", "m-3", "m-3"],
        "in their order, and nobody else"
    );
    // Whoever comes back as they were is nothing that anybody need look at.
    let before = hub.registrations_changed().await.unwrap();
    let again = arrival("m-2", "addon:one", "d-7", None);
    let arrived_again = hub.arrive_all(&[again], limits(1, 9)).await.unwrap();
    assert_eq!(arrived_again[0], arrived[1]);
    assert_eq!(hub.registrations_changed().await.unwrap(), before);
}

async fn many_open_and_part_at_once(hub: &SqlHub) {
    let limits = opening_limits;
    let opening = |digest: &str| opening(digest, None);
    let wanted = ["d-1", "guess", "d-1", "d-2"].map(opening);
    let tickets = hub.open_all(&wanted, limits(2)).await.unwrap();
    let machines: Vec<Option<&str>> = tickets
        .iter()
        .map(|opened| opened.as_ref().map(|opened| opened.ticket.machine.as_str()))
        .collect();
    assert_eq!(machines, [Some("m-1@1"), None, None, Some("m-2@1")], "each once");
    let opened = tickets[0].clone().unwrap();
    assert!(opened.is_there);
    let ticket = opened.ticket;
    assert_eq!(ticket.registrations.len(), 2, "with what it stands for");
    assert_eq!(
        hub.open_all(&[opening("d-7")], limits(61)).await.unwrap(),
        [None],
        "too late"
    );
    let twin = Run {
        id: "twin".to_owned(),
        ..ticket.run.clone().unwrap()
    };
    assert!(
        !counts(hub, &twin, at(31), at(40)).await,
        "its run is alive with its session"
    );
    hub.enqueue(&delivery("crowd-1", &ticket.registrations[0]))
        .await
        .unwrap();
    let claim = Claim {
        registration: ticket.registrations[0].clone(),
        session: "session-d-1".to_owned(),
        limit: 9,
    };
    let claimed = hub
        .claim_all(std::slice::from_ref(&claim), at(3), at(60))
        .await
        .unwrap();
    assert_eq!(claimed[0].len(), 1);
    let parting = |session: &str, lonely: &[String]| Parting {
        session: session.to_owned(),
        has_run: true,
        lonely: lonely.to_vec(),
        alive_until: at(5),
    };
    let partings = [
        parting("session-d-1", &ticket.registrations),
        parting("session-d-2", &[]),
    ];
    hub.part_all(&partings, at(4), at(6), LIMITS).await.unwrap();
    assert!(counts(hub, &twin, at(5), at(6)).await);
    let claims = [claim];
    assert!(
        hub.claim_all(&claims, at(5), at(60)).await.unwrap()[0].is_empty(),
        "not before its time"
    );
    assert_eq!(hub.claim_all(&claims, at(6), at(60)).await.unwrap()[0].len(), 1);
    assert_eq!(
        hub.drop_vanished(at(0), at(6)).await.unwrap(),
        2,
        "those that are lonely"
    );
    assert_eq!(hub.drop_vanished(at(0), at(1_000)).await.unwrap(), 4);
    let opened = hub.open_all(&[opening("d-5")], limits(2)).await.unwrap();
    let opened = opened[0].as_ref().unwrap();
    assert!(!opened.is_there, "it was taken away since");
}

async fn many_get_at_once_what_waits_for_them(hub: &SqlHub) {
    for number in 0..40 {
        hub.enqueue(&delivery(&format!("backlog-{number}"), "crowd-a"))
            .await
            .unwrap();
    }
    hub.enqueue(&delivery("only", "crowd-b")).await.unwrap();
    let claim = |registration: &str, session: &str, limit| Claim {
        registration: registration.to_owned(),
        session: session.to_owned(),
        limit,
    };
    let claims = [
        claim("crowd-a", "a-1", 1),
        claim("crowd-a", "a-2", 1),
        claim("crowd-a", "a-1", 30),
        claim("crowd-b", "b", 1),
        claim("nobody", "c", 1),
    ];
    let claimed = hub.claim_all(&claims, at(2), at(60)).await.unwrap();
    assert_eq!(claimed.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 30, 1, 0]);
    let (first, last) = (&claimed[0][0].what.correlation, &claimed[3][0].what.correlation);
    let settling = |correlation: &str, stored| Settling {
        registrations: vec!["crowd-a".to_owned(), "crowd-b".to_owned()],
        correlation: correlation.to_owned(),
        stored,
    };
    let settlings = [
        settling(last, None),
        settling(last, None),
        settling("nothing", None),
        // It has stored it, and answers then.
        settling(first, Some((at(3), at(90)))),
        settling(first, None),
    ];
    let settled = hub.settle_all(&settlings).await.unwrap();
    let settled: Vec<bool> = settled.iter().map(Option::is_some).collect();
    assert_eq!(settled, [true, false, false, false, true], "each counts once");
    hub.tidy(at(1_001), LIMITS).await.unwrap();
}
