//! Tickets, hints and logs. Part of the list in `store`.

use std::time::Duration;

use sdm::model::Timestamp;
use sdm::ports::hub::{
    FilePlace, GoalLogs as _, Hint, Hints as _, LogContent, LogName, NewLogPart, Run, Runs as _, Ticket,
    TicketLimits, Tickets as _,
};
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
        run: None,
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
    hub.hint(&Hint::Machines).await.unwrap();
    if hub.is_postgres() {
        assert_eq!(hearing.next().await.unwrap(), Some(Hint::Machines));
    }
}

pub async fn logs_grow_at_their_end_only(hub: &SqlHub) {
    let name = |attempt| LogName {
        workspace: "w".to_owned(),
        goal: "s/0-code/g".to_owned(),
        attempt,
    };
    let part = |start, end, content: &str| NewLogPart {
        start: Some(start),
        end,
        content: content.to_owned(),
        is_complete: false,
        at: at(end),
    };
    let log = name(1);
    assert_eq!(hub.log_state(&log).await.unwrap(), None);
    // Sent twice at once, it is kept once.
    let (one, same) = (part(0, 10, "[1]"), part(0, 10, "[1]"));
    let (one, same) = tokio::join!(hub.append_log(&log, &one, 5), hub.append_log(&log, &same, 5));
    assert_eq!((one.unwrap().end, same.unwrap().end), (10, 10));
    let full = hub.append_log(&log, &part(10, 20, "[2, 3]"), 5).await.unwrap();
    assert_eq!((full.end, full.kept, full.dropped), (20, 3, 10));
    assert_eq!(hub.append_log(&log, &part(40, 50, "[4]"), 5).await.unwrap(), full);
    let parts = hub.log_parts(&log, 0, 10).await.unwrap();
    assert_eq!(parts.len(), 1);
    assert_eq!(parts[0].content, LogContent::Here("[1]".to_owned()));
    assert!(hub.log_parts(&log, 10, 10).await.unwrap().is_empty());
    hub.append_log(&name(2), &part(0, 7, "[5]"), 5).await.unwrap();
    assert_eq!(hub.logged_attempts("w", "s/0-code/g").await.unwrap(), [1, 2]);
    assert!(
        hub.logged_attempts("other", "s/0-code/g")
            .await
            .unwrap()
            .is_empty()
    );
    // Into a file, unless it has grown meanwhile.
    assert_eq!(hub.rested_logs(at(10), 10).await.unwrap(), [name(2)]);
    let place = FilePlace { at: 3, length: 9 };
    assert!(!hub.file_log(&log, 10, &[(0, place)]).await.unwrap());
    assert!(hub.file_log(&log, 20, &[(0, place)]).await.unwrap());
    assert_eq!(
        hub.log_parts(&log, 0, 10).await.unwrap()[0].content,
        LogContent::InFile(place)
    );
    assert_eq!(hub.rested_logs(at(100), 10).await.unwrap(), [name(2)]);
    assert_eq!(hub.old_logs(at(100), 10).await.unwrap(), [name(2), log.clone()]);
    for attempt in [1, 2] {
        hub.drop_log(&name(attempt)).await.unwrap();
    }
    assert!(hub.old_logs(at(100), 10).await.unwrap().is_empty());
    assert!(hub.log_parts(&log, 0, 10).await.unwrap().is_empty());
}

pub async fn g6_one_run_of_a_machine_counts(hub: &SqlHub) {
    let run = |owner: &str, id: &str| Run {
        owner: owner.to_owned(),
        instance: "i".to_owned(),
        id: id.to_owned(),
    };
    let (one, copy) = (run("addon:a", "one"), run("addon:a", "copy"));
    // Both come at once: one is refused.
    let (first, second) = tokio::join!(
        hub.claim_run(&one, at(0), at(60)),
        hub.claim_run(&copy, at(0), at(60))
    );
    let (first, second) = (first.unwrap(), second.unwrap());
    assert!(first != second, "one of them counts");
    let (winner, loser) = if first { (one, copy) } else { (copy, one) };
    assert!(
        hub.claim_run(&winner, at(1), at(60)).await.unwrap(),
        "it may come again"
    );
    assert!(
        hub.claim_run(&run("addon:b", "x"), at(1), at(60)).await.unwrap(),
        "others are others"
    );
    hub.keep_run(&winner, "session", at(100)).await.unwrap();
    assert!(!hub.claim_run(&loser, at(70), at(130)).await.unwrap());
    hub.keep_runs(&["session".to_owned()], at(200)).await.unwrap();
    assert!(!hub.claim_run(&loser, at(150), at(210)).await.unwrap());
    hub.end_run("another session", at(150)).await.unwrap();
    assert!(!hub.claim_run(&loser, at(151), at(210)).await.unwrap());
    hub.end_run("session", at(150)).await.unwrap();
    assert!(
        hub.claim_run(&loser, at(151), at(210)).await.unwrap(),
        "it is alone now"
    );
    assert!(
        !hub.claim_run(&winner, at(152), at(210)).await.unwrap(),
        "and counts"
    );
    hub.forget_runs(at(1_000)).await.unwrap();
    assert!(hub.claim_run(&winner, at(153), at(210)).await.unwrap());
}
