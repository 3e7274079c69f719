//! What people read, as snapshots.

pub(super) mod fixture;

use fixture::{at, goal, set, sets};
use ratatui::{Terminal, backend::TestBackend};

use super::board::{Board, draw, progress};
use super::diagnostics::{diagnostics, summary};
use super::graph::{dot, mermaid};
use super::machines::machine;
use super::pushes::pushes;
use super::{explain::explanation, feed::FeedLines, goals::elapsed, goals::goal_sets};
use crate::cli::{doors::GoalFile, text::width, theme::Theme};
use crate::model::plan::{RuleOutcome, TestOutcome};
use crate::model::{
    Actor, ApprovalPolicy, BranchName, CommitSha, Cursor, Diagnostic, FeedEntry, GoalChange, GoalEvent,
    GoalKey, GoalSetId, News, Place, PushId, RepoSlug, StateName, UniqueName,
};
use crate::wire::explain::{ExplainView, ExplainedGoal, ExplainedPush, ExplainedRule, ExplainedTest};
use crate::wire::views::{GoalView, PushView, RepositoryView, StatusView};

fn coloured() -> Theme {
    Theme {
        colour: true,
        ..Theme::plain()
    }
}

fn narrow() -> Theme {
    Theme {
        width: 40,
        unicode: false,
        ..Theme::plain()
    }
}

fn visible(text: &str) -> String {
    text.replace('\x1b', "ESC")
}

#[test]
fn goals_at_eighty_columns_with_and_without_colour_and_narrow() {
    insta::assert_snapshot!("goals", goal_sets(&Theme::plain(), &sets(), at(90), false));
    insta::assert_snapshot!("goals_verbose", goal_sets(&Theme::plain(), &sets(), at(90), true));
    insta::assert_snapshot!(
        "goals_colour",
        visible(&goal_sets(&coloured(), &sets(), at(90), false))
    );
    insta::assert_snapshot!("goals_narrow_ascii", goal_sets(&narrow(), &sets(), at(90), false));
    insta::assert_snapshot!("goals_none", goal_sets(&Theme::plain(), &[], at(90), false));
    assert_eq!(
        super::goals::no_goal_sets(Some("has the tag `x`")),
        "No goal set has the tag `x`.\n"
    );
}

#[test]
fn how_long_people_think_about_a_result_is_not_the_time_of_a_goal() {
    let waiting = GoalView {
        done_at: Some(at(6).rfc3339()),
        ..goal("lint", StateName::WaitingForApproval, Some(4), None)
    };
    assert_eq!(elapsed(&waiting, at(90)), Some(std::time::Duration::from_secs(2)));
    let running = goal("lint", StateName::InProcess, Some(4), None);
    assert_eq!(
        elapsed(&running, at(90)),
        Some(std::time::Duration::from_secs(86))
    );
}

#[test]
fn a4_nothing_of_a_stranger_reaches_the_terminal_raw() {
    let text = goal_sets(&Theme::plain(), &sets(), at(90), true);
    assert!(!text.contains(['\x1b', '\u{202e}']), "{text}");
}

fn board(theme: &Theme, columns: u16, rows: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    let board = Board {
        machine: "sdm".to_owned(),
        sets: sets(),
        ..Board::default()
    };
    terminal.draw(|frame| draw(frame, &board, theme, at(90))).unwrap();
    terminal.backend().to_string()
}

#[test]
fn the_board_fits_eighty_by_twenty_four_and_less() {
    insta::assert_snapshot!("board", board(&Theme::plain(), 80, 24));
    insta::assert_snapshot!("board_narrow_ascii", board(&narrow(), 40, 12));
    for (columns, rows) in [(1, 1), (3, 2), (20, 3), (200, 60)] {
        board(&Theme::plain(), columns, rows);
    }
}

#[test]
fn progress_is_a_quarter_per_step() {
    let shares: Vec<f64> = StateName::ALL
        .into_iter()
        .map(|state| {
            progress(&set(
                "x",
                "main",
                "t",
                state,
                true,
                vec![goal("g", state, None, None)],
            ))
        })
        .collect();
    assert_eq!(
        shares,
        [0.0, 0.75, 0.75, 0.25, 0.5, 0.75, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0]
    );
}

fn event(name: &str, seconds: i64, change: GoalChange, error: Option<&str>) -> GoalEvent {
    GoalEvent {
        goal: GoalKey::new(UniqueName::parse(name).unwrap(), ""),
        version: 2,
        at: at(seconds),
        actor: Actor::Executor,
        change,
        description: None,
        phase: None,
        error: error.map(str::to_owned),
        data: None,
        external_urls: None,
        images: crate::model::goal_event::UsedImages::new(),
        not_before: None,
        signature: None,
    }
}

fn uuid(number: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(number << 96)
}

fn goal_news(set: u128, name: &str, state: StateName, event: GoalEvent) -> News {
    let text = format!("{}: {name}", state.default_text());
    News::Goal {
        goal_set: GoalSetId(uuid(set)),
        name: name.to_owned(),
        state,
        from: None,
        attempt: 1,
        text,
        set_state: state,
        event: Box::new(event),
    }
}

fn push_news(id: u128, branch: &str, title: &str) -> News {
    News::Push {
        push: PushId(uuid(id)),
        repo: RepoSlug::new("acme", "shop"),
        branch: BranchName::parse(branch).unwrap(),
        before: None,
        after: CommitSha::parse(&"a1b2c3d4".repeat(5)).unwrap(),
        title: title.to_owned(),
    }
}

fn planned(push: u128, goals: &[&str]) -> News {
    News::Planned {
        push: PushId(uuid(push)),
        goal_set: (!goals.is_empty()).then(|| GoalSetId(uuid(push))),
        name: (!goals.is_empty()).then(|| "rust, ship".to_owned()),
        goals: goals.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn day() -> Vec<FeedEntry> {
    let ended = |state| GoalChange::Ended { state };
    let started = GoalChange::Started { attempt: 1, epoch: 1 };
    let news = [
        (
            0,
            push_news(
                0x3f2a_91c0,
                "main",
                "Fix the checkout\x1b[2J when the basket is empty and the customer is new",
            ),
        ),
        (0, planned(0x3f2a_91c0, &["format", "lint", "test", "publish"])),
        (
            1,
            goal_news(
                0x3f2a_91c0,
                "format",
                StateName::InProcess,
                event("format", 1, started.clone(), None),
            ),
        ),
        (
            3,
            goal_news(
                0x3f2a_91c0,
                "format",
                StateName::Success,
                event("format", 3, ended(StateName::Success), None),
            ),
        ),
        (4, push_news(0x77aa_0000, "docs", "Words")),
        (4, planned(0x77aa_0000, &[])),
        (
            5,
            goal_news(
                0x3f2a_91c0,
                "test",
                StateName::InProcess,
                event("test", 5, started, None),
            ),
        ),
        (
            77,
            goal_news(
                0x3f2a_91c0,
                "test",
                StateName::Failure,
                event(
                    "test",
                    77,
                    ended(StateName::Failure),
                    Some("exit code 101\n3 tests failed"),
                ),
            ),
        ),
        (
            77,
            goal_news(
                0x3f2a_91c0,
                "publish",
                StateName::Skipped,
                event(
                    "publish",
                    77,
                    GoalChange::Skipped {
                        because_of: GoalKey::new(UniqueName::parse("test").unwrap(), ""),
                    },
                    None,
                ),
            ),
        ),
        (
            80,
            goal_news(
                0x3f2a_91c0,
                "lint",
                StateName::WaitingForApproval,
                event("lint", 80, ended(StateName::WaitingForApproval), None),
            ),
        ),
        (
            81,
            News::Message {
                text: "the goal files have changed\nand are in use".to_owned(),
                repo: Some(RepoSlug::new("acme", "shop")),
            },
        ),
        (
            82,
            News::PlanningFailed {
                push: PushId(uuid(0x77aa_0000)),
                error: "goals/main.yaml cannot be read".to_owned(),
            },
        ),
    ];
    news.into_iter()
        .zip((1..).map(Cursor))
        .map(|((seconds, news), cursor)| {
            let at = at(seconds);
            FeedEntry { cursor, at, news }
        })
        .collect()
}

fn feed(mut lines: FeedLines) -> String {
    day().iter().map(|entry| lines.render(entry)).collect()
}

#[test]
fn the_feed_tells_a_push_and_its_goals() {
    insta::assert_snapshot!("feed", feed(FeedLines::new(Theme::plain(), false)));
    insta::assert_snapshot!("feed_colour", visible(&feed(FeedLines::new(coloured(), false))));
    insta::assert_snapshot!("feed_narrow_ascii", feed(FeedLines::new(narrow(), false)));
    assert!(!feed(FeedLines::new(Theme::plain(), false).in_foreground()).contains("    sdm "));
}

#[test]
fn no_line_is_wider_than_the_terminal_and_nothing_is_cut_where_there_is_none() {
    for columns in [40, 60, 80] {
        let theme = Theme {
            width: columns,
            ..Theme::plain()
        };
        let shown = goal_sets(&theme, &sets(), at(90), true);
        for line in shown.lines().filter(|line| !line.contains(" sdm ")) {
            assert!(width(line) <= columns, "{columns}: {line}");
        }
    }
    let unbounded = Theme {
        width: 100_000,
        ..Theme::plain()
    };
    let shown = goal_sets(&unbounded, &sets(), at(90), true);
    assert!(
        shown.contains(" build the whole thing for arm64  Working"),
        "{shown}"
    );
}

fn explained() -> ExplainView {
    let test = |test: &str, outcome, because: &str, depth, line| ExplainedTest {
        test: test.to_owned(),
        place: format!("goals/main.yaml:{line}:11"),
        outcome,
        because: because.to_owned(),
        depth,
    };
    let rule = |name: &str, outcome, because: &str, tests| ExplainedRule {
        name: name.to_owned(),
        place: "goals/main.yaml:2:5".to_owned(),
        outcome,
        because: because.to_owned(),
        goals: Vec::new(),
        tests,
        depth: 0,
        facts: serde_json::Map::new(),
        instances: vec![],
    };
    let goal = |name: &str, after: &[&str], retry| ExplainedGoal {
        name: name.to_owned(),
        unique_name: name.to_owned(),
        environment: "0-code".to_owned(),
        kind: "execute".to_owned(),
        state: "planned".to_owned(),
        after: after.iter().map(|name| (*name).to_owned()).collect(),
        rules: vec!["rust".to_owned()],
        approval: None,
        pre_approval: None,
        retry,
    };
    let mut policy = ApprovalPolicy::default();
    (policy.by, policy.not_author) = (vec!["team:release".to_owned()], true);
    ExplainView {
        push: ExplainedPush {
            repo: "acme/shop".to_owned(),
            branch: "main".to_owned(),
            before: None,
            after: "a1b2c3d4".repeat(5),
            title: "Fix the checkout".to_owned(),
        },
        goal_set: Some("rust, ship".to_owned()),
        tags: Vec::new(),
        goals: vec![
            goal("format", &[], false),
            goal("lint", &[], false),
            goal("test", &["format", "lint"], true),
            ExplainedGoal {
                pre_approval: Some(policy),
                ..goal("publish \"it\"", &["test"], false)
            },
        ],
        rules: vec![
            rule(
                "rust",
                RuleOutcome::Matched,
                "Cargo.toml is a file at a1b2c3d",
                vec![test(
                    "has_file: Cargo.toml",
                    TestOutcome::True,
                    "Cargo.toml is a file at a1b2c3d",
                    0,
                    3,
                )],
            ),
            rule(
                "docs",
                RuleOutcome::NotMatched,
                "no changed file matches docs/**",
                vec![
                    test("and", TestOutcome::False, "", 0, 12),
                    test(
                        "is_default_branch",
                        TestOutcome::True,
                        "main is the default branch",
                        1,
                        12,
                    ),
                    test(
                        "changed: docs/**",
                        TestOutcome::False,
                        "no changed file matches docs/**",
                        1,
                        13,
                    ),
                    test(
                        "has_file: mkdocs.yml",
                        TestOutcome::NotEvaluated,
                        "not needed: an earlier test decided",
                        1,
                        14,
                    ),
                ],
            ),
            rule(
                "broken",
                RuleOutcome::Error,
                "the blob is missing",
                vec![test(
                    "when: push.x",
                    TestOutcome::Error,
                    "the blob is missing",
                    0,
                    20,
                )],
            ),
            rule("late", RuleOutcome::LockedOut, "locked by rust", Vec::new()),
        ],
        error: None,
        because: None,
    }
}

#[test]
fn an_explanation_names_the_test_that_decided() {
    insta::assert_snapshot!("explain", explanation(&Theme::plain(), &explained(), false));
    insta::assert_snapshot!(
        "explain_verbose",
        explanation(&Theme::plain(), &explained(), true)
    );
    insta::assert_snapshot!(
        "explain_colour",
        visible(&explanation(&coloured(), &explained(), false))
    );
    insta::assert_snapshot!(
        "explain_narrow_ascii",
        explanation(&narrow(), &explained(), false)
    );
    let none = ExplainView {
        goal_set: None,
        goals: Vec::new(),
        ..explained()
    };
    assert!(explanation(&Theme::plain(), &none, false).ends_with("\nNo goals are set.\n"));
}

#[test]
fn the_json_of_an_explanation_keeps_its_shape() {
    insta::assert_json_snapshot!("explain_json", explained());
}

#[test]
fn pictures_escape_what_could_be_syntax() {
    insta::assert_snapshot!("mermaid", mermaid(&[explained()]));
    insta::assert_snapshot!("dot", dot(&[explained()]));
}

#[test]
fn diagnostics_look_like_those_of_a_compiler() {
    let text = "rules:\n  - name: rust\n    test: {has_fle: Cargo.toml}\n    goals: [format]\n";
    let files = [GoalFile {
        name: "goals/main.yaml".to_owned(),
        text: text.to_owned(),
    }];
    let place = |line, column| Place {
        file: "goals/main.yaml".into(),
        line,
        column,
    };
    let found = [
        Diagnostic::error("unknown_test", place(3, 12), "there is no test `has_fle`")
            .spanning(7)
            .hint("did you mean `has_file`?"),
        Diagnostic::warning(
            "unused_goal",
            place(4, 13),
            "the goal \x1b[2J`format` is never defined",
        )
        .spanning(6),
        Diagnostic::error(
            "too_long",
            Place {
                file: "other.yaml".into(),
                line: 9,
                column: 2,
            },
            "the file ends here",
        ),
    ];
    let shown = diagnostics(&Theme::plain(), &files, &found);
    insta::assert_snapshot!(
        "check",
        format!("{shown}{}", summary(&Theme::plain(), 2, 14, &found))
    );
    insta::assert_snapshot!("check_ascii", diagnostics(&narrow(), &files, &found[..1]));
    insta::assert_snapshot!(
        "check_colour",
        visible(&diagnostics(&coloured(), &files, &found[..1]))
    );
}

#[test]
fn machines_and_pushes_are_plain_tables() {
    let repository = |name: &str, trusted| RepositoryView {
        repo: format!("acme/{name}"),
        path: format!("/home/ada/acme/{name}"),
        trusted,
        watch: "watching".to_owned(),
    };
    let status = StatusView {
        name: "sdm".to_owned(),
        version: "0.1.0".to_owned(),
        control_version: 1,
        pid: 42,
        socket: "/run/user/1000/sdm/sdm.sock".to_owned(),
        state_directory: "/home/ada/.local/state/sdm".to_owned(),
        goal_files: vec!["goals/main.yaml".to_owned()],
        rules: 14,
        goal_files_problem: Some("main.yaml:3:1: unknown key".to_owned()),
        repositories: vec![repository("shop", true), repository("tools", false)],
        running: 1,
        started_at: at(0).rfc3339(),
        database: None,
        hub: None,
    };
    insta::assert_snapshot!("machine", machine(&Theme::plain(), &status));
    let push = PushView {
        id: "1".to_owned(),
        repo: "acme/shop".to_owned(),
        branch: "main".to_owned(),
        before: None,
        after: "a1b2c3d4".repeat(5),
        title: "Fix the checkout when the basket is empty and the customer is new".to_owned(),
        commits: 3,
        at: at(0).rfc3339(),
    };
    insta::assert_snapshot!("pushes", pushes(&Theme::plain(), &[push]));
}
