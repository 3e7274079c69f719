//! Services that say when they are there (semantics 4.5): a command is run inside of one until it ends with 0.

use std::time::Duration;

use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use futures_util::StreamExt;

use super::engine::{Engine, EngineError};
use super::follow;
use crate::ports::container_options::Readiness;
use crate::ports::containers::ContainerSpec;

/// How long one try may take.
const TRY: Duration = Duration::from_secs(30);

/// Between two looks at a command that is about to end.
const PAUSE: Duration = Duration::from_millis(20);

/// Codes by which shells and engines say that there is no such program: it will not come.
const NO_PROGRAM: [i64; 2] = [126, 127];

/// Longest words of a try that are passed on, in characters.
const LONGEST_WORDS: usize = 200;

/// What one try came to, when it was not that the service is there.
struct No {
    words: String,
    /// Nothing will change it.
    is_final: bool,
}

/// Waits until a service that was started says that it is there.
///
/// # Errors
/// It has ended, or has said no too often.
pub(super) async fn wait_for(engine: &Engine, id: &str, spec: &ContainerSpec) -> Result<(), EngineError> {
    let Some(ready) = &spec.options.ready else {
        return Ok(());
    };
    let mut tries: u32 = 0;
    loop {
        let Some(no) = asked(engine, id, ready).await else {
            return Ok(());
        };
        tries += 1;
        match follow::look(engine, id).await {
            Ok(Some(exit)) => {
                let words = format!("it ended with code {} before it was ready", exit.code);
                return Err(not_ready(spec, words));
            }
            Ok(None) => {}
            // While it ends, some engines call its state by a name that has no meaning to us.
            Err(error) if error.may_pass() => {}
            Err(error) => return Err(error),
        }
        if no.is_final || tries > ready.retries {
            let times = if tries == 1 { "once" } else { "again and again" };
            let program = ready.run.first().map_or("", String::as_str);
            return Err(not_ready(
                spec,
                format!("`{program}` said no {times}: {}", no.words),
            ));
        }
        tokio::time::sleep(ready.pause).await;
    }
}

fn not_ready(spec: &ContainerSpec, words: String) -> EngineError {
    EngineError::Refused {
        doing: format!("wait for service `{}`", spec.name),
        words,
        status: 0,
    }
}

/// Asks once; nothing when the service says that it is there.
async fn asked(engine: &Engine, id: &str, ready: &Readiness) -> Option<No> {
    let no = |words: String, is_final| Some(No { words, is_final });
    match tokio::time::timeout(TRY, try_once(engine, id, ready)).await {
        Err(_) => no(format!("it did not end within {} seconds", TRY.as_secs()), false),
        Ok(Ok((0, _))) => None,
        Ok(Ok((code, last))) if NO_PROGRAM.contains(&code) => no(
            format!("code {code}, which means that there is no such program{last}"),
            true,
        ),
        Ok(Ok((code, last))) => no(format!("code {code}{last}"), false),
        // An engine that is gone for a moment has not said that the service is there either.
        Ok(Err(error)) => {
            let words = error.to_string();
            let is_final = words.contains("not found") || words.contains("no such file");
            no(words, is_final && !error.may_pass())
        }
    }
}

/// Runs the command inside; its code, and the last line that it said.
async fn try_once(engine: &Engine, id: &str, ready: &Readiness) -> Result<(i64, String), EngineError> {
    const DOING: &str = "ask a service whether it is ready";
    let command = CreateExecOptions {
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        cmd: Some(ready.run.clone()),
        ..CreateExecOptions::default()
    };
    let made = engine.ask(DOING, engine.docker.create_exec(id, command)).await?;
    let starting = engine.docker.start_exec(&made.id, None::<StartExecOptions>);
    let mut last = String::new();
    if let StartExecResults::Attached { mut output, .. } = engine.ask(DOING, starting).await? {
        while let Some(Ok(piece)) = output.next().await {
            note(&mut last, &piece);
        }
    }
    loop {
        let found = engine.ask(DOING, engine.docker.inspect_exec(&made.id)).await?;
        match (found.running, found.exit_code) {
            (Some(false), Some(code)) => return Ok((code, last)),
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Keeps the last line that says something, as the end of a sentence.
fn note(last: &mut String, piece: &LogOutput) {
    let text = String::from_utf8_lossy(piece.as_ref()).into_owned();
    if let Some(line) = text.lines().rev().find(|line| !line.trim().is_empty()) {
        let plain: String = line
            .trim()
            .chars()
            .filter(|c| !c.is_control())
            .take(LONGEST_WORDS)
            .collect();
        *last = format!(", {plain}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_says_something_is_kept() {
        let piece = |text: &'static str| LogOutput::StdErr {
            message: text.as_bytes().into(),
        };
        let mut last = String::new();
        note(&mut last, &piece("first\nno response\n\n"));
        assert_eq!(last, ", no response");
        note(&mut last, &piece("\n"));
        assert_eq!(last, ", no response");
        note(&mut last, &piece("\u{1b}[31mred"));
        assert_eq!(last, ", [31mred");
    }
}
