//! `sdm feed --goals`: the board on a terminal.
//!
//! A follower of the feed only says that something has changed; the board then asks for the goal sets as they are. So
//! what is shown is always what the daemon has, whatever was missed in between.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};

use super::super::client::{ClientError, ControlClient};
use super::super::context::{CommandResult, Context, Exit};
use super::super::error::CommandError;
use super::super::render::board::{Board, draw};
use crate::runtime::clock::{Clock, SystemClock};
use crate::wire::control::{Reply, Request};

/// How long the board waits for a key before it looks for changes.
const TICK: Duration = Duration::from_millis(100);

/// The board asks again after this long even when nothing is said to have changed.
const REFRESH: Duration = Duration::from_secs(5);

/// Shows the board until somebody presses `q`. The terminal is as it was afterwards, also after a panic.
pub(super) fn run(context: &Context, client: &ControlClient, machine: &str) -> CommandResult {
    let changes = follow(client.clone());
    let mut terminal = ratatui::try_init().map_err(CommandError::from)?;
    let board = Board {
        machine: machine.to_owned(),
        ..Board::default()
    };
    let shown = show(context, client, &changes, &mut terminal, board);
    let restored = ratatui::try_restore();
    shown?;
    restored?;
    Ok(Exit::Ok)
}

fn show(
    context: &Context,
    client: &ControlClient,
    changes: &Receiver<()>,
    terminal: &mut ratatui::DefaultTerminal,
    mut board: Board,
) -> Result<(), CommandError> {
    let mut asked: Option<Instant> = None;
    loop {
        let changed = changes.try_iter().count() > 0;
        if changed || asked.is_none_or(|moment| moment.elapsed() >= REFRESH) {
            refresh(client, &mut board);
            asked = Some(Instant::now());
        }
        terminal.draw(|frame| draw(frame, &board, &context.ui.theme, SystemClock.now()))?;
        if event::poll(TICK)? && !take_key(&event::read()?, &mut board) {
            return Ok(());
        }
    }
}

/// Acts on a key; `false` ends the board.
fn take_key(event: &Event, board: &mut Board) -> bool {
    let Event::Key(key) = event else { return true };
    if key.kind == KeyEventKind::Release {
        return true;
    }
    let last = board.sets.len().saturating_sub(1);
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => return false,
        KeyCode::Char('c' | 'd') if key.modifiers.contains(KeyModifiers::CONTROL) => return false,
        KeyCode::Char('j') | KeyCode::Down => board.scroll = (board.scroll + 1).min(last),
        KeyCode::Char('k') | KeyCode::Up => board.scroll = board.scroll.saturating_sub(1),
        KeyCode::Char('g') | KeyCode::Home => board.scroll = 0,
        _ => {}
    }
    true
}

fn refresh(client: &ControlClient, board: &mut Board) {
    let request = Request::GoalSets {
        repo: None,
        branch: None,
        id: None,
        active: false,
        tag: None,
        limit: 50,
        with_not_set: false,
    };
    match client.answer(&request) {
        Ok(replies) => {
            let sets = replies.into_iter().filter_map(|reply| match reply {
                Reply::GoalSets { goal_sets } => Some(goal_sets),
                _ => None,
            });
            board.sets = sets.flatten().collect();
            board.scroll = board.scroll.min(board.sets.len().saturating_sub(1));
            board.problem = None;
        }
        Err(error) => board.problem = Some(problem(&error)),
    }
}

fn problem(error: &ClientError) -> String {
    format!("not current: {error}")
}

/// Says `()` for each entry of the feed. The thread ends with the program, or when nobody listens any more.
fn follow(client: ControlClient) -> Receiver<()> {
    // One waiting hint says as much as many.
    let (sender, receiver) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        loop {
            let request = Request::Feed {
                after: None,
                back: 0,
                phases: false,
                follow: true,
            };
            for reply in client.ask(&request).into_iter().flatten() {
                let gone = matches!(sender.try_send(()), Err(mpsc::TrySendError::Disconnected(())));
                if gone || reply.is_err() {
                    break;
                }
            }
            if matches!(sender.try_send(()), Err(mpsc::TrySendError::Disconnected(()))) {
                return;
            }
            let (_keep, pause) = mpsc::channel::<()>();
            let _: Result<(), RecvTimeoutError> = pause.recv_timeout(Duration::from_secs(1));
        }
    });
    receiver
}
