//! The language server behind `sdm lsp`: problems, completion, explanations, definitions and symbols of goal files.
//!
//! One thread reads messages ([`transport`]); this one answers them in order and checks what was edited as soon as
//! nothing more waits, so that fast typing is one check and not many. What may stand where comes from the tables that goal
//! files are read with ([`place`]); a file that is not finished is made out well enough by [`scan`].

mod answers;
mod files;
mod place;
mod scan;
mod text;
mod transport;

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use files::Files;
use transport::{Received, answer, notification, receive, refusal, send};

/// Messages that wait at once; when there are more, the reader waits.
const WAITING: usize = 256;

/// Codes of refusals, as the protocol names them.
const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const METHOD_NOT_FOUND: i32 = -32601;
const NOT_INITIALIZED: i32 = -32002;
const REQUEST_CANCELLED: i32 = -32800;

/// Requests that are not wanted any more.
type Cancelled = Arc<Mutex<HashSet<String>>>;

/// What the configuration says of goal files.
#[derive(Debug, Default)]
pub struct Configured {
    /// The goal file or directory.
    pub goals: Option<PathBuf>,
    /// Owners whose referenced goals may do more than run containers.
    pub trusted_owners: Vec<String>,
    /// Paths of its values, as placeholders name them below `values`.
    pub values: Vec<String>,
}

/// Answers messages until told to end; whether that was in good order.
///
/// # Errors
/// The output cannot be written.
pub fn serve(
    input: impl Read + Send + 'static,
    output: impl Write,
    configured: Configured,
) -> io::Result<bool> {
    let (sender, receiver) = sync_channel(WAITING);
    let cancelled = Cancelled::default();
    let shared = Arc::clone(&cancelled);
    std::thread::Builder::new()
        .name("lsp-input".to_owned())
        .spawn(move || read_all(BufReader::new(input), &sender, &shared))?;
    let server = Server {
        output,
        files: Files::new(configured),
        cancelled,
        state: State::New,
    };
    server.run(&receiver)
}

/// Cancellations overtake what waits; everything else keeps its order.
fn read_all(mut input: impl BufRead, sender: &SyncSender<Received>, cancelled: &Cancelled) {
    loop {
        let received = receive(&mut input).unwrap_or(Received::End);
        if let Received::Message(message) = &received
            && message.get("method") == Some(&json!("$/cancelRequest"))
        {
            let id = message.pointer("/params/id").map(Value::to_string);
            cancelled
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(id);
            continue;
        }
        let is_last = received == Received::End;
        if sender.send(received).is_err() || is_last {
            return;
        }
    }
}

/// How far the conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    ShutDown,
}

struct Server<W: Write> {
    output: W,
    files: Files,
    cancelled: Cancelled,
    state: State,
}

impl<W: Write> Server<W> {
    fn run(mut self, receiver: &Receiver<Received>) -> io::Result<bool> {
        loop {
            let next = match receiver.try_recv() {
                Ok(next) => next,
                Err(TryRecvError::Disconnected) => Received::End,
                Err(TryRecvError::Empty) => {
                    self.publish()?;
                    receiver.recv().unwrap_or(Received::End)
                }
            };
            match next {
                Received::End => return Ok(self.state == State::ShutDown),
                Received::Nonsense(why) => {
                    send(&mut self.output, &refusal(&Value::Null, PARSE_ERROR, why))?;
                }
                Received::Message(message) if message.get("method") == Some(&json!("exit")) => {
                    return Ok(self.state == State::ShutDown);
                }
                Received::Message(message) => self.message(&message)?,
            }
        }
    }

    fn message(&mut self, message: &Value) -> io::Result<()> {
        let method = message.get("method").and_then(Value::as_str);
        let params = message.get("params").unwrap_or(&Value::Null);
        match (method, message.get("id")) {
            (Some(method), Some(id)) => {
                let reply = self.request(id, method, params);
                send(&mut self.output, &reply)
            }
            (Some(method), None) => {
                self.notice(method, params);
                Ok(())
            }
            // An answer to a question we never ask.
            (None, _) if message.get("result").is_some() || message.get("error").is_some() => Ok(()),
            (None, id) => {
                let id = id.unwrap_or(&Value::Null);
                send(
                    &mut self.output,
                    &refusal(id, INVALID_REQUEST, "this is not a request"),
                )
            }
        }
    }

    fn request(&mut self, id: &Value, method: &str, params: &Value) -> Value {
        let mut cancelled = self.cancelled.lock().unwrap_or_else(PoisonError::into_inner);
        if cancelled.remove(&id.to_string()) {
            return refusal(id, REQUEST_CANCELLED, "the request was cancelled");
        }
        drop(cancelled);
        match (self.state, method) {
            (State::New, "initialize") => {
                self.state = State::Open;
                answer(id, &capabilities())
            }
            (State::New, _) => refusal(id, NOT_INITIALIZED, "the first request must be `initialize`"),
            (State::ShutDown, _) => refusal(id, INVALID_REQUEST, "the server is shut down"),
            (State::Open, "shutdown") => {
                self.state = State::ShutDown;
                answer(id, &Value::Null)
            }
            (State::Open, method) => match answers::to(method, &self.files, params) {
                Some(result) => answer(id, &result),
                None => refusal(id, METHOD_NOT_FOUND, "there is no such method here"),
            },
        }
    }

    fn notice(&mut self, method: &str, params: &Value) {
        if self.state != State::Open {
            return;
        }
        match method {
            "textDocument/didOpen" => self.files.open(params),
            "textDocument/didChange" => self.files.change(params),
            "textDocument/didClose" => self.files.close(params),
            "textDocument/didSave" | "workspace/didChangeWatchedFiles" => self.files.look_again(),
            _ => {}
        }
    }

    /// Tells the problems of every file whose surroundings were edited.
    fn publish(&mut self) -> io::Result<()> {
        for params in self.files.problems() {
            let told = notification("textDocument/publishDiagnostics", &params);
            send(&mut self.output, &told)?;
        }
        Ok(())
    }
}

fn capabilities() -> Value {
    json!({
        "capabilities": {
            "positionEncoding": "utf-16",
            "textDocumentSync": { "openClose": true, "change": 2, "save": true },
            "completionProvider": { "triggerCharacters": [" ", "-", "{", "[", ",", ":", "."] },
            "hoverProvider": true,
            "definitionProvider": true,
            "documentSymbolProvider": true,
        },
        "serverInfo": { "name": "sdm", "version": env!("CARGO_PKG_VERSION") },
    })
}
