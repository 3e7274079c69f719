//! Goal sets of strangers at one afternoon.

use crate::model::{ByHand, StateName, Timestamp};
use crate::wire::views::{ConfirmationView, GoalSetView, GoalView, NotSetView};

const START: i64 = 1_785_679_387_000_000;

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(START + seconds * 1_000_000)
}

pub(in crate::cli::render) fn goal(
    name: &str,
    state: StateName,
    started: Option<i64>,
    ended: Option<i64>,
) -> GoalView {
    GoalView {
        name: name.to_owned(),
        unique_name: name.replace(' ', "-"),
        environment: "0-code".to_owned(),
        state,
        attempt: u32::from(started.is_some()),
        version: 3,
        phase: None,
        description: format!("{}: {name}", state.default_text()),
        error: None,
        log: started.map(|_| format!("logs 3f2a91c {}", name.replace(' ', "-"))),
        requested_at: started.map(|start| at(start).rfc3339()),
        started_at: started.map(|start| at(start).rfc3339()),
        done_at: None,
        ended_at: ended.map(|end| at(end).rfc3339()),
        after: Vec::new(),
        retry: false,
        confirmed_by: Vec::new(),
        missing: 0,
        confirmations: Vec::new(),
        by_hand: None,
        void: None,
        external_urls: Vec::new(),
        images: crate::model::goal_event::UsedImages::new(),
        data: None,
    }
}

pub(super) fn sets() -> Vec<GoalSetView> {
    let failed = GoalView {
        error: Some("exit code 101: 3 tests failed\nsee target/nextest\x1b[2J".to_owned()),
        retry: true,
        attempt: 2,
        ..goal("test", StateName::Failure, Some(4), Some(76))
    };
    let running = GoalView {
        phase: Some("linking".to_owned()),
        ..goal(
            "build the whole thing for arm64",
            StateName::InProcess,
            Some(2),
            None,
        )
    };
    let by_hand = GoalView {
        description: "Complete: audit · set by @root: the auditor is on holiday\x1b[2J".to_owned(),
        by_hand: Some(ByHand {
            login: "root".to_owned(),
            reason: "the auditor is on holiday\x1b[2J".to_owned(),
        }),
        ..goal("audit", StateName::Success, None, Some(80))
    };
    let waiting = GoalView {
        confirmed_by: vec!["ada".to_owned()],
        missing: 1,
        description: "Approval required: publish · 1 more".to_owned(),
        confirmations: vec![ConfirmationView {
            by: "ada".to_owned(),
            at: at(70).rfc3339(),
            reason: Some("reads well".to_owned()),
        }],
        ..goal("publish", StateName::WaitingForApproval, Some(2), None)
    };
    vec![
        set(
            "3f2a91c0-0000",
            "main",
            "Fix the checkout when the basket is empty and the customer is new",
            StateName::InProcess,
            true,
            vec![
                goal("format", StateName::Success, Some(1), Some(3)),
                running,
                waiting,
                goal("deploy", StateName::Planned, None, None),
            ],
        ),
        set(
            "77aa0123-0000",
            "a-very-long-branch-name/with/many/parts/that-does-not-fit",
            "\u{202e}evil title\x1b[31m",
            StateName::Failure,
            false,
            vec![
                goal("format", StateName::Success, Some(1), Some(2)),
                failed,
                by_hand,
                goal("publish", StateName::Skipped, None, None),
            ],
        ),
    ]
}

pub(super) fn set(
    id: &str,
    branch: &str,
    title: &str,
    state: StateName,
    active: bool,
    goals: Vec<GoalView>,
) -> GoalSetView {
    GoalSetView {
        id: id.to_owned(),
        name: "rust, ship".to_owned(),
        repo: "acme/shop".to_owned(),
        branch: branch.to_owned(),
        sha: "a1b2c3d4".repeat(5),
        title: title.to_owned(),
        state,
        active,
        created_at: at(0).rfc3339(),
        because: None,
        tags: Vec::new(),
        goals,
        not_set: vec![NotSetView {
            name: "docs".to_owned(),
            rule: "docs".to_owned(),
            because: "no file matches docs/**".to_owned(),
        }],
    }
}
