//! Tickets, hints and logs. Part of the list in `store`.

use sdm::ports::hub::{
    Arrival, ArrivalLimits, Arrived, Crowds as _, Deliveries as _, FilePlace, GoalLogs as _, Hint,
    Hints as _, LogContent, LogName, NewLogPart, Opened, Parting, QueueLimits, Registrations as _, Run,
    Runs as _, Ticket, TicketLimits, Tickets as _,
};
use sdm::store::hub::SqlHub;
use sdm::wire::hub::PolicyName;

use super::arriving::{comes, counts, opening, opens, ticket};
use super::store::{at, delivery, registration};

pub async fn tickets_are_used_once_and_in_time(hub: &SqlHub) {
    let limits = |most| ArrivalLimits {
        run_until: at(0),
        tickets: TicketLimits {
            now: at(0),
            until: at(60),
            most,
        },
    };
    let kept = Arrived::Kept(Vec::new());
    for digest in ["one", "other"] {
        assert_eq!(comes(hub, digest, ticket(None), limits(2)).await, kept);
    }
    assert_eq!(
        comes(hub, "third", ticket(None), limits(2)).await,
        Arrived::Full,
        "too many wait"
    );
    assert_eq!(opens(hub, opening("guess", None), 1).await, None);
    // Everybody wants it at once; one gets it.
    let takers = (0..8).map(|_| opens(hub, opening("one", None), 1));
    let taken = futures_util::future::join_all(takers).await;
    let taken: Vec<Ticket> = taken.into_iter().flatten().map(|opened| opened.ticket).collect();
    assert_eq!(taken, [ticket(None)]);
    assert_eq!(opens(hub, opening("other", None), 60).await, None, "too late");
    assert_eq!(comes(hub, "third", ticket(None), limits(1)).await, kept);
    hub.forget_tickets(at(60)).await.unwrap();
    assert_eq!(opens(hub, opening("third", None), 1).await, None);
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
    let counts = async |run: &Run, now: u64, until: u64| counts(hub, run, at(now), at(until)).await;
    // Both come at once: one is refused.
    let (first, second) = tokio::join!(counts(&one, 0, 60), counts(&copy, 0, 60));
    assert!(first != second, "one of them counts");
    let (winner, loser) = if first { (one, copy) } else { (copy, one) };
    assert!(counts(&winner, 1, 60).await, "it may come again");
    assert!(counts(&run("addon:b", "x"), 1, 60).await, "others are others");
    let limits = ArrivalLimits {
        run_until: at(60),
        tickets: TicketLimits {
            now: at(2),
            until: at(62),
            most: 100,
        },
    };
    comes(hub, "run", ticket(Some(winner.clone())), limits).await;
    assert!(opens(hub, opening("run", None), 40).await.is_some());
    assert!(!counts(&loser, 69, 130).await, "its session is there until 70");
    hub.keep_runs(&["session-run".to_owned()], at(200)).await.unwrap();
    assert!(!counts(&loser, 150, 210).await);
    let parting = |session: &str| Parting {
        session: session.to_owned(),
        has_run: true,
        lonely: Vec::new(),
        alive_until: at(150),
    };
    let limits = QueueLimits {
        waiting: 9,
        attempts: 9,
    };
    let parts = async |session: &str| hub.part_all(&[parting(session)], at(150), at(150), limits).await;
    parts("another session").await.unwrap();
    assert!(!counts(&loser, 151, 210).await);
    parts("session-run").await.unwrap();
    assert!(counts(&loser, 151, 210).await, "it is alone now");
    assert!(!counts(&winner, 152, 210).await, "and counts");
    hub.forget_runs(at(1_000)).await.unwrap();
    assert!(counts(&winner, 153, 210).await);
}

fn resumable(owner: &str, run: &str) -> Ticket {
    let mut ticket = ticket(Some(Run {
        owner: owner.to_owned(),
        instance: "directory".to_owned(),
        id: run.to_owned(),
    }));
    ticket.capabilities.push("resume".to_owned());
    ticket
}

/// Somebody who knows how to resume has come and opened a conversation, as of second 0.
async fn talks(hub: &SqlHub, digest: &str, ticket: Ticket) {
    let limits = ArrivalLimits {
        run_until: at(15),
        tickets: TicketLimits {
            now: at(0),
            until: at(60),
            most: 100,
        },
    };
    let arrival = Arrival {
        registrations: vec![registration("resumes", "1", PolicyName::Durable, "{}")],
        owner: "addon:a".to_owned(),
        digest: digest.to_owned(),
        ticket,
    };
    let arrived = hub.arrive_all(&[arrival], limits).await.unwrap();
    assert!(matches!(arrived[0], Arrived::Kept(_)), "{arrived:?}");
    assert!(opens(hub, opening(digest, None), 0).await.is_some());
}

pub async fn a_conversation_is_resumed_once_by_whose_it_was(hub: &SqlHub) {
    talks(hub, "first", resumable("addon:a", "run")).await;
    let again = "again-first";
    let (thief, own) = (opening(again, Some("stolen")), opening(again, Some("k")));
    assert_eq!(opens(hub, thief, 1).await, None, "with another key");
    assert_eq!(opens(hub, opening(again, None), 1).await, None, "it is no ticket");
    assert_eq!(opens(hub, own.clone(), 10_000).await, None, "much later");
    let id = registration("resumes", "1", PolicyName::Durable, "{}").id;
    hub.enqueue(&delivery("resumed-1", &id)).await.unwrap();
    let had = hub.claim(&id, "session-first", 9, at(1), at(60)).await.unwrap();
    assert_eq!(had.len(), 1);
    // Everybody wants it at once; one gets it.
    let takers = (0..8).map(|_| opens(hub, own.clone(), 2));
    let taken = futures_util::future::join_all(takers).await;
    let taken: Vec<Opened> = taken.into_iter().flatten().collect();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].before.as_deref(), Some("session-first"));
    assert_eq!(taken[0].ticket.registrations, [id.as_str()]);
    // What it had is its own still, whatever becomes of what is left of the conversation before.
    let limits = QueueLimits {
        waiting: 9,
        attempts: 9,
    };
    assert_eq!(hub.release("session-first", at(3), limits).await.unwrap(), 0);
    let session = format!("session-{again}");
    assert_eq!(hub.release(&session, at(3), limits).await.unwrap(), 1);
    // The next one goes on from there, until another run of the machine has come.
    let next = opening(&format!("again-{again}"), Some("k"));
    assert!(opens(hub, next.clone(), 4).await.is_some());
    assert_eq!(opens(hub, next.clone(), 4).await, None, "it is used");
    let newest = format!("again-{}", next.digest);
    let parting = Parting {
        session: next.session,
        has_run: true,
        lonely: Vec::new(),
        alive_until: at(100),
    };
    hub.part_all(&[parting], at(0), at(5), limits).await.unwrap();
    talks(hub, "other-run", resumable("addon:a", "run-2")).await;
    assert_eq!(opens(hub, opening(&newest, Some("k")), 6).await, None);
    // Without its registration there is nothing to go on with.
    assert!(hub.drop_registration(&id).await.unwrap());
    assert_eq!(opens(hub, opening("again-other-run", Some("k")), 6).await, None);
}
