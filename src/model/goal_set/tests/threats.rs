//! Threats D1 to D4 and D6 where they are decided: confirmations, results of something else, states set by hand.

use super::super::{Action, GoalSet, Refusal};
use super::fixture::{
    Acts, approval, at, cancel, confirm, deny, finish, goal, key, person, pre_approval, refusal, retry,
    retry_of, set, set_to, start,
};
use crate::model::StateName::{
    Canceled, Failure, InProcess, Planned, Requested, Success, WaitingForApproval, WaitingForPreApproval,
};
use crate::model::goal_set::CancelScope;
use crate::model::{
    Approval, ApprovalPolicy, Authors, CommitSha, Difference, ExecutionResult, GoalChange, GoalSetId, Person,
    StateName, Subject, Timestamp, VoidConfirmation,
};

fn sha(digit: char) -> CommitSha {
    CommitSha::parse(&digit.to_string().repeat(40)).unwrap()
}

/// What a person does who looks at this version.
fn seen(action: Action, seen: u32) -> Action {
    match action {
        Action::Confirm {
            goal,
            person,
            authors,
            reason,
            subject,
            ..
        } => Action::Confirm {
            goal,
            person,
            authors,
            reason,
            subject,
            version: Some(seen),
        },
        Action::Deny {
            goal, person, reason, ..
        } => Action::Deny {
            goal,
            person,
            reason,
            version: Some(seen),
        },
        other => other,
    }
}

fn version(set: &GoalSet, name: &str) -> u32 {
    set.goal(&key(name)).unwrap().version
}

#[test]
fn d1_nobody_confirms_what_they_wrote_where_somebody_else_is_asked_for() {
    let mut planned = goal("a", &[]);
    planned.definition.pre_approval = Some(ApprovalPolicy {
        not_author: true,
        ..ApprovalPolicy::default()
    });
    let waiting = set(vec![planned]);
    let by = |login: &str, emails: &[&str]| {
        let mut person = person(login);
        person.emails = emails.iter().map(|email| (*email).to_owned()).collect();
        Action::Confirm {
            goal: key("a"),
            person,
            authors: Authors::from_iter(["ada", "ada@example.org"]),
            reason: None,
            version: None,
            subject: None,
        }
    };
    for own in [by("ada", &[]), by("ada-2", &["x@example.org", "Ada@Example.ORG"])] {
        assert!(
            matches!(refusal(&waiting, &own), Refusal::NotAdmitted(_)),
            "{own:?}"
        );
    }
    assert_eq!(
        waiting.doing(&by("bob", &["bob@example.org"])).state_of("a"),
        Requested
    );
}

#[test]
fn d1_a_person_is_known_by_every_login_and_by_addresses_that_forges_make_up() {
    let policy = only(&["grace", "team:release"], 1);
    let grace = Person {
        login: "grace".to_owned(),
        aliases: vec!["grace-2".to_owned()],
        ..Person::default()
    };
    for author in [
        "grace",
        "Grace-2",
        "grace@users.noreply.github.com",
        "1234567+grace-2@users.noreply.github.example",
        "12-grace@users.noreply.gitlab.example",
    ] {
        let refused = policy.admits(&grace, &Authors::from_iter([author]));
        assert!(refused.is_err(), "{author}");
    }
    for author in [
        "gracehopper@users.noreply.github.com",
        "x+grace@users.noreply.github.com",
        "grace@example.org",
    ] {
        assert_eq!(
            policy.admits(&grace, &Authors::from_iter([author])),
            Ok(()),
            "{author}"
        );
    }
    let by_alias = only(&["grace-2"], 1);
    assert_eq!(by_alias.admits(&grace, &Authors::default()), Ok(()));
}

#[test]
fn d1_what_a_hub_knows_of_somebody_counts_against_them_and_gives_them_nothing() {
    let ada = Person {
        known_as: vec!["ada".to_owned(), "ada@home.example".to_owned()],
        ..person("ada-x1y2")
    };
    let policy = only(&[], 2);
    for author in ["ada", "Ada@home.example", "1+ada@users.noreply.github.com"] {
        let refused = policy.admits(&ada, &Authors::from_iter([author]));
        assert!(refused.is_err(), "{author}");
    }
    assert_eq!(policy.admits(&ada, &Authors::from_iter(["grace"])), Ok(()));
    let of_ada = only(&["ada"], 1).admits(&ada, &Authors::default());
    assert!(of_ada.is_err(), "somebody may be called so at a forge");
    let approvals = [person("ada"), ada.clone(), by_address("ada@home.example")].map(given_by);
    assert_eq!(policy.missing(&approvals), 1, "they are one");
    assert_eq!(policy.missing(&[given_by(ada), given_by(person("grace"))]), 0);
}

fn by_address(address: &str) -> Person {
    Person {
        emails: vec![address.to_owned()],
        ..person("other")
    }
}

fn given_by(by: Person) -> Approval {
    Approval {
        by,
        at: Timestamp::from_micros(0),
        version: 1,
        reason: None,
        subject: None,
    }
}

#[test]
fn d2_what_has_changed_since_somebody_confirmed_is_named() {
    let mut confirmed = pre_approval(goal("a", &[]), 1);
    confirmed.definition.work.arguments = serde_json::json!({"run": ["ship", "--to", "staging"]});
    let mut planned = confirmed.clone();
    planned.definition.work.arguments =
        serde_json::json!({"run": ["ship", "--to", "prod\u{1b}[2J"], "timeout": 5});
    planned.definition.place.line = 99;
    planned
        .definition
        .parameters
        .insert("level".into(), "major".into());
    let void = VoidConfirmation::of(
        vec!["ada".to_owned()],
        GoalSetId(uuid::Uuid::nil()),
        (&confirmed, &sha('a')),
        (&planned, &sha('b')),
    );
    let told: Vec<String> = void.differences.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "commit: aaaaaaa -> bbbbbbb",
            "parameters.level: major is new",
            "run.3: staging -> prod\\u{1b}[2J",
            "timeout: 5 is new",
        ]
    );
    planned.void = Some(void);
    assert_eq!(
        set(vec![planned]).text_of("a"),
        "Start required: a · since @ada confirmed it: commit, parameters.level and 2 more changed"
    );
}

#[test]
fn d2_a_confirmation_is_for_one_commit_one_plan_and_its_images() {
    let subject = |commit: char, plan: &str, images: &[(&str, &str)]| Subject {
        commit: sha(commit),
        plan: plan.to_owned(),
        images: images
            .iter()
            .map(|(name, shown)| ((*name).to_owned(), (*shown).to_owned()))
            .collect(),
    };
    let confirmed = subject('a', "1", &[("app", "app@sha256:1")]);
    assert_eq!(confirmed.differences(&confirmed), Vec::new());
    for (now, told) in [
        (
            subject('b', "1", &[("app", "app@sha256:1")]),
            "commit: aaaaaaa -> bbbbbbb",
        ),
        (
            subject('a', "2", &[("app", "app@sha256:1")]),
            "plan of the goal: 1 -> 2",
        ),
        (
            subject('a', "1", &[("app", "app@sha256:2")]),
            "image app: app@sha256:1 -> app@sha256:2",
        ),
        (subject('a', "1", &[]), "image app: app@sha256:1 is gone"),
    ] {
        let found: Vec<String> = confirmed
            .differences(&now)
            .iter()
            .map(Difference::to_string)
            .collect();
        assert_eq!(found, [told]);
    }
}

#[test]
fn d3_of_two_who_press_at_once_one_decides_and_the_other_is_told() {
    let waiting = set(vec![pre_approval(goal("a", &[]), 1)]);
    let looked_at = version(&waiting, "a");
    let yes = seen(confirm("a", "ada"), looked_at);
    let no = seen(deny("a", "bob"), looked_at);
    let confirmed = waiting.doing(&yes);
    assert_eq!(confirmed.state_of("a"), Requested);
    assert_eq!(
        refusal(&confirmed, &no).to_string(),
        "a is requested and does not wait for a confirmation; it was confirmed by @ada at 2030-03-17T17:46:50.000000Z"
    );
    let denied = waiting.doing(&no);
    assert_eq!(denied.state_of("a"), WaitingForPreApproval);
    assert!(
        matches!(refusal(&denied, &yes), Refusal::Stale { .. }),
        "a denial is not overruled unseen"
    );
    assert_eq!(
        denied
            .doing(&seen(confirm("a", "ada"), version(&denied, "a")))
            .state_of("a"),
        Requested
    );
}

#[test]
fn d3_twice_is_once_and_an_old_button_says_how_it_stands() {
    let waiting = set(vec![retry(approval(goal("a", &[]), 2), 0)]).succeed("a");
    let looked_at = version(&waiting, "a");
    let one = waiting.doing(&seen(confirm("a", "ada"), looked_at));
    assert_eq!(
        refusal(&one, &seen(confirm("a", "ada"), looked_at)),
        Refusal::AlreadyConfirmed {
            login: "ada".to_owned(),
            missing: 1
        }
    );
    let both = one.doing(&seen(confirm("a", "bob"), looked_at));
    assert_eq!(
        both.state_of("a"),
        Success,
        "the other's confirmation is no change of what bob looks at"
    );
    let late = refusal(&both, &seen(confirm("a", "eve"), looked_at)).to_string();
    assert!(late.contains("@ada at") && late.contains("@bob at"), "{late}");
    let again = one
        .doing(&super::fixture::set_to("a", Failure))
        .doing(&retry_of("a"))
        .succeed("a");
    for old in [confirm("a", "eve"), deny("a", "eve")] {
        let refused = refusal(&again, &seen(old, looked_at));
        assert!(matches!(refused, Refusal::Stale { .. }), "{refused}");
    }
    let future = refusal(&again, &seen(confirm("a", "eve"), 1000));
    assert!(matches!(future, Refusal::Stale { .. }), "{future}");
}

#[test]
fn d4_a_result_of_another_attempt_is_on_record_and_changes_nothing() {
    let first = set(vec![retry(goal("a", &[]), 0), goal("b", &["a"])]).start("a");
    let again = first
        .doing(&finish("a", 1, ExecutionResult::failure("no")))
        .doing(&retry_of("a"))
        .doing(&start("a", 7));
    let canceled = again.doing(&cancel(CancelScope::All));
    for (set, state) in [(&again, InProcess), (&canceled, Canceled)] {
        for epoch in [0, 1, 6, 8, u64::MAX] {
            let (after, events) = set
                .act(&finish("a", epoch, ExecutionResult::success()), at(99))
                .unwrap();
            if state == Canceled || epoch != 7 {
                assert_eq!(
                    (after.state_of("a"), after.state_of("b")),
                    (state, set.state_of("b"))
                );
                assert!(matches!(
                    events.as_slice(),
                    [event] if event.change == GoalChange::IgnoredResult { epoch, state: StateName::Success }
                ));
            }
        }
    }
    assert!(matches!(
        refusal(&again, &finish("x", 7, ExecutionResult::success())),
        Refusal::UnknownGoal(_)
    ));
    assert_eq!(
        again
            .doing(&finish("a", 7, ExecutionResult::success()))
            .state_of("a"),
        Success
    );
}

/// `login` says that the goal is good.
fn said_to_be_good(name: &str, login: &str) -> Action {
    match set_to(name, Success) {
        Action::Override {
            goal, state, reason, ..
        } => Action::Override {
            goal,
            state,
            person: person(login),
            authors: Authors::from_iter(["ada"]),
            reason,
            subject: None,
        },
        other => other,
    }
}

fn only(by: &[&str], count: u32) -> ApprovalPolicy {
    ApprovalPolicy {
        by: by.iter().map(|login| (*login).to_owned()).collect(),
        count,
        not_author: true,
    }
}

#[test]
fn d6_a_result_that_waits_is_ended_well_by_those_who_may_confirm_it_and_is_theirs() {
    let mut planned = goal("a", &[]);
    planned.definition.approval = Some(only(&["ada", "bob"], 1));
    let waiting = set(vec![planned, goal("b", &["a"])]).succeed("a");
    for (login, why) in [("root", "is not among those"), ("ada", "wrote commits")] {
        let refused = refusal(&waiting, &said_to_be_good("a", login)).to_string();
        assert!(refused.contains(why), "{refused}");
    }
    let good = waiting.doing(&said_to_be_good("a", "bob"));
    assert_eq!((good.state_of("a"), good.state_of("b")), (Success, Requested));
    let given = &good.goal(&key("a")).unwrap().confirmations;
    assert_eq!(
        (given[0].by.login.as_str(), given[0].reason.as_deref()),
        ("bob", Some("by hand"))
    );
    assert_eq!(good.text_of("a"), "Complete: a · set by @bob: by hand");
    let by_hand = good.goal(&key("a")).unwrap().by_hand.clone().unwrap();
    assert_eq!(
        (by_hand.login.as_str(), by_hand.reason.as_str()),
        ("bob", "by hand")
    );
}

#[test]
fn d6_a_state_set_by_hand_stands_for_nobody_elses_confirmation() {
    let waiting = set(vec![approval(goal("a", &[]), 3)]).succeed("a");
    let words = |set: &GoalSet| refusal(set, &said_to_be_good("a", "bob")).to_string();
    assert_eq!(
        words(&waiting),
        "a asks 3 people to confirm it and nobody has; with you 2 more would be missing, and its state cannot be set in place of that"
    );
    let one = waiting.doing(&confirm("a", "gus"));
    assert_eq!(one.goals()[0].missing_confirmations(), 2);
    assert_eq!(
        words(&one),
        "a asks 3 people to confirm it and @gus has; with you 1 more would be missing, and its state cannot be set in place of that"
    );
    let one = one.doing(&confirm("a", "eve"));
    assert_eq!(
        refusal(&one, &said_to_be_good("a", "eve")),
        Refusal::AlreadyConfirmed {
            login: "eve".to_owned(),
            missing: 1
        }
    );
    assert_eq!(one.doing(&said_to_be_good("a", "bob")).state_of("a"), Success);
}

#[test]
fn d6_what_is_said_to_be_good_is_confirmed_all_the_same() {
    let planned = set(vec![retry(approval(goal("a", &[]), 1), 0), goal("b", &["a"])]);
    for before in [planned.clone(), planned.start("a"), planned.fail("a")] {
        let said = before.doing(&said_to_be_good("a", "root"));
        assert_eq!(
            (said.state_of("a"), said.text_of("a"), said.state_of("b")),
            (
                WaitingForApproval,
                "Approval required: a · set by @root: by hand",
                Planned
            )
        );
        let confirmed = said.doing(&confirm("a", "bob"));
        assert_eq!(
            (confirmed.state_of("a"), confirmed.state_of("b")),
            (Success, Requested)
        );
        assert_eq!(
            confirmed.text_of("a"),
            "Complete: a · set by @root: by hand · approved by @bob"
        );
    }
}

#[test]
fn d6_nobody_gets_round_the_confirmation_of_a_start() {
    let mut planned = retry(goal("a", &[]), 0);
    planned.definition.pre_approval = Some(only(&["bob"], 1));
    let waiting = set(vec![planned.clone(), goal("b", &["a"])]);
    assert!(matches!(
        refusal(&waiting, &said_to_be_good("a", "root")),
        Refusal::NotAdmitted(_)
    ));
    let ended = waiting.doing(&set_to("a", Failure));
    assert_eq!(
        refusal(&ended, &said_to_be_good("a", "bob")).to_string(),
        "nobody has confirmed the start of a, and its state cannot be set in place of that; confirm it when it waits for it"
    );
    let again = ended.doing(&retry_of("a"));
    assert_eq!(
        (again.state_of("a"), again.state_of("b")),
        (WaitingForPreApproval, Planned),
        "a retry starts nothing that was never confirmed"
    );
    let (good, events) = again.act(&said_to_be_good("a", "bob"), at(20)).unwrap();
    assert_eq!((good.state_of("a"), good.state_of("b")), (Success, Requested));
    assert!(
        matches!(&events[0].change, GoalChange::PreApproved { approval } if approval.by.login == "bob"),
        "{events:?}"
    );
    planned.preconditions = vec![key("c")];
    let not_yet = set(vec![planned, goal("c", &[])]);
    assert!(matches!(
        refusal(&not_yet, &said_to_be_good("a", "bob")),
        Refusal::StartNotConfirmed(_)
    ));
    // What was confirmed once may be tried again.
    let failed = waiting.doing(&confirm("a", "bob")).fail("a");
    assert_eq!(failed.doing(&retry_of("a")).state_of("a"), Requested);
}

#[test]
fn d2_a_start_waits_again_when_it_is_not_what_was_confirmed() {
    let void = || Action::VoidConfirmation {
        goal: key("a"),
        because: "image app: 1 -> 2".to_owned(),
    };
    let waiting = set(vec![retry(pre_approval(goal("a", &[]), 1), 0)]);
    let confirmed = waiting.doing(&confirm("a", "ada"));
    let again = confirmed.doing(&void());
    assert_eq!(
        (again.state_of("a"), again.text_of("a")),
        (
            WaitingForPreApproval,
            "Start required: a · confirmed by @ada for something else: image app: 1 -> 2"
        )
    );
    let old = seen(confirm("a", "bob"), version(&waiting, "a"));
    assert!(matches!(refusal(&again, &old), Refusal::Stale { .. }));
    let tried = again.doing(&set_to("a", Failure)).doing(&retry_of("a"));
    assert_eq!(tried.state_of("a"), WaitingForPreApproval);
    assert_eq!(again.doing(&confirm("a", "ada")).state_of("a"), Requested);
    for other in [waiting, confirmed.start("a"), set(vec![goal("a", &[])])] {
        assert!(matches!(refusal(&other, &void()), Refusal::NotRequested { .. }));
    }
}
