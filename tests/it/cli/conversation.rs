//! Commands that talk to a daemon, from the words typed to the words read.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use sdm::model::{Cursor, FeedEntry, News, RepoSlug, StateName, Timestamp};
use sdm::wire::control::{Act, GoalChoice, Reply, Request};

use super::daemon::{Daemon, goal_set};
use super::sandbox::Sandbox;

fn sets(_: &Request) -> Vec<Reply> {
    vec![
        Reply::GoalSets {
            goal_sets: vec![goal_set()],
        },
        Reply::Done,
    ]
}

#[test]
fn goals_are_those_of_the_repository_we_stand_in() {
    let sandbox = Sandbox::new();
    let daemon = Daemon::start(&sandbox, sets);
    let (code, out, err) = sandbox.run(&["goals"]);
    assert_eq!((code, err.as_str()), (0, ""));
    insta::assert_snapshot!(out, @r"
    acme/shop/main - a1b2c3d Fix the checkout
    ⨯ rust  failure  3f2a91c 2026-08-02 14:03:07
      ⨯ test      Failed: test  12s
          exit code 101
          sdm logs 3f2a91c test
          sdm retry 3f2a91c test
    ");
    assert!(
        matches!(&daemon.asked()[..], [Request::GoalSets { repo: Some(repo), limit: 10, .. }] if repo == "acme/shop")
    );
    let (_, out, _) = sandbox.run(&["goals", "--all", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["goal_sets"][0]["goals"][0]["state"], "failure");
    assert!(matches!(&daemon.asked()[1], Request::GoalSets { repo: None, .. }));
}

#[test]
fn acts_say_exactly_what_was_typed() {
    let sandbox = Sandbox::new();
    let daemon = Daemon::start(&sandbox, sets);
    let here = Some("acme/shop".to_owned());
    let id = Some("3f2a91c".to_owned());
    let name = |name: &str| Some(name.to_owned());
    let cases: [(&[&str], GoalChoice, Act); 6] = [
        (
            &["approve", "publish"],
            GoalChoice {
                id: None,
                repo: here.clone(),
                name: name("publish"),
            },
            Act::Approve {
                reason: None,
                version: None,
            },
        ),
        (
            &[
                "approve",
                "3f2a91c",
                "publish",
                "--reason",
                "fine",
                "--version",
                "4",
            ],
            GoalChoice {
                id: id.clone(),
                repo: None,
                name: name("publish"),
            },
            Act::Approve {
                reason: name("fine"),
                version: Some(4),
            },
        ),
        (
            &["deny", "publish", "-r", "no"],
            GoalChoice {
                id: None,
                repo: here.clone(),
                name: name("publish"),
            },
            Act::Deny { reason: name("no") },
        ),
        (
            &["retry", "test", "--repo", "acme/tools"],
            GoalChoice {
                id: None,
                repo: name("acme/tools"),
                name: name("test"),
            },
            Act::Retry,
        ),
        (
            &["cancel", "3f2a91c"],
            GoalChoice {
                id,
                repo: None,
                name: None,
            },
            Act::Cancel,
        ),
        (
            &["set", "test", "success", "--reason", "seen by hand"],
            GoalChoice {
                id: None,
                repo: here,
                name: name("test"),
            },
            Act::Set {
                state: StateName::Success,
                reason: "seen by hand".to_owned(),
            },
        ),
    ];
    for (index, (words, goal, act)) in cases.into_iter().enumerate() {
        let (code, _, err) = sandbox.run(words);
        assert_eq!((code, err.as_str()), (0, ""), "{words:?}");
        assert_eq!(daemon.asked()[index], Request::Act { goal, act }, "{words:?}");
    }
}

#[test]
fn a_refusal_is_a_sentence_a_hint_and_exit_code_four() {
    let sandbox = Sandbox::new();
    let _daemon = Daemon::start(&sandbox, |_| {
        vec![Reply::Refused {
            message: "test is success; only a failed goal can be retried".to_owned(),
            hint: Some("`sdm goals` shows them".to_owned()),
        }]
    });
    let (code, out, err) = sandbox.run(&["retry", "test"]);
    assert_eq!((code, out.as_str()), (4, ""));
    insta::assert_snapshot!(err, @r"
    error: test is success; only a failed goal can be retried
    hint: `sdm goals` shows them
    ");
}

#[test]
fn logs_are_plain_text_and_json_lines() {
    let sandbox = Sandbox::new();
    let log = |stream: &str, text: &str| Reply::Log {
        goal: "test".to_owned(),
        attempt: 1,
        offset: 7,
        at: "2026-08-02T14:03:07Z".to_owned(),
        stream: stream.to_owned(),
        text: text.to_owned(),
        goal_set: None,
    };
    let replies = vec![
        log("sdm", "started"),
        log("out", "\x1b[32mok\x1b[0m\x1b[2J"),
        log("err", "warning: x"),
        Reply::Done,
    ];
    let daemon = Daemon::start(&sandbox, move |_| replies.clone());
    let (code, out, _) = sandbox.run(&["logs", "test"]);
    assert_eq!((code, out.as_str()), (0, "· started\nok\\u{1b}[2J\nwarning: x\n"));
    let (_, out, _) = sandbox.run(&["logs", "3f2a91c", "test", "--json", "--attempt", "2", "-f"]);
    assert_eq!(
        out.lines().next().unwrap(),
        r#"{"goal":"test","attempt":1,"offset":7,"at":"2026-08-02T14:03:07Z","stream":"sdm","text":"started"}"#
    );
    assert!(matches!(
        &daemon.asked()[1],
        Request::Log {
            attempt: Some(2),
            follow: true,
            ..
        }
    ));
    let (_, out, _) = sandbox.run(&["logs", "test", "-t"]);
    assert!(out.starts_with("2026-08-02 14:03:07 "), "{out}");
}

fn message(cursor: u64, text: &str) -> Reply {
    let news = News::Message {
        text: text.to_owned(),
        repo: Some(RepoSlug::new("acme", "shop")),
    };
    Reply::Feed {
        entry: Box::new(FeedEntry {
            cursor: Cursor(cursor),
            at: Timestamp::from_micros(1_785_679_387_000_000),
            news,
        }),
    }
}

#[test]
fn the_feed_goes_on_where_a_broken_connection_ended() {
    let sandbox = Sandbox::new();
    let daemon = Daemon::start(&sandbox, |request| match request {
        Request::Feed { after: None, .. } => vec![message(1, "one"), message(2, "two")],
        Request::Feed { after: Some(2), .. } => vec![message(3, "three"), Reply::Done],
        other => panic!("{other:?}"),
    });
    let (code, out, err) = sandbox.run(&["feed"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(
        out,
        "14:03:07 acme/shop one\n14:03:07 acme/shop two\n14:03:07 acme/shop three\n"
    );
    assert!(err.contains("the daemon went away"));
    assert_eq!(daemon.asked().len(), 2);
}

#[test]
fn the_board_without_a_terminal_is_the_plain_feed() {
    let sandbox = Sandbox::new();
    let _daemon = Daemon::start(&sandbox, |_| vec![message(1, "one"), Reply::Done]);
    let (code, out, err) = sandbox.run(&["feed", "--goals"]);
    assert_eq!((code, out.as_str()), (0, "14:03:07 acme/shop one\n"));
    assert_eq!(err, "the board needs a terminal; this is the plain feed\n");
}

#[test]
fn a_reader_that_has_gone_is_a_quiet_success() {
    let sandbox = Sandbox::new();
    let _daemon = Daemon::start(&sandbox, |_| {
        let mut replies: Vec<Reply> = (0..5000)
            .map(|cursor| message(cursor, &"x".repeat(100)))
            .collect();
        replies.push(Reply::Done);
        replies
    });
    let mut command = sandbox.sdm(&["feed", "--no-follow"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let ended = child.wait_with_output().unwrap();
    assert!(line.ends_with("x\n"));
    assert_eq!(
        (ended.status.code(), ended.stderr.as_slice()),
        (Some(0), &b""[..])
    );
}

#[test]
fn a_daemon_that_goes_away_is_said_so() {
    let sandbox = Sandbox::new();
    let _daemon = Daemon::start(&sandbox, |_| Vec::new());
    let (code, _, err) = sandbox.run(&["goals"]);
    assert_eq!(code, 3);
    insta::assert_snapshot!(err, @r"
    error: the daemon went away in the middle of its answer
    hint: look at the daemon's own log, or start it again with `sdm start --local`
    ");
}

#[test]
fn lo_14_every_machine_beside_the_socket_is_shown() {
    let sandbox = Sandbox::new();
    let _daemon = Daemon::start(&sandbox, sets);
    drop(std::os::unix::net::UnixListener::bind(sandbox.path("run/sdm/dead.sock")).unwrap());
    std::fs::hard_link(sandbox.socket(), sandbox.path("run/sdm/other.sock")).unwrap();
    let (code, out, err) = sandbox.run(&["show", "machines"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(out.matches("process 42").count(), 2, "{out}");
}
