//! One request and its answer, as libgit2 writes and reads them.

use std::io::{self, Read, Write};
use std::sync::{Arc, PoisonError};

use bytes::{Buf, Bytes};
use reqwest::{Response, Url};

use super::advertisements::LARGEST;
use super::early::{self, Beginning};
use super::http::{Conversation, EarlyPack, why};
use crate::ports::scm::ScmError;

/// Largest request: what we have and want, or a pack to push. It is kept in memory until the answer is read.
const MAX_REQUEST: usize = 256 << 20;

/// The program whose questions may be answered early.
const UPLOAD: &str = "git-upload-pack";

enum State {
    Asking(Vec<u8>),
    Answering { rest: Option<Response>, chunk: Bytes },
}

/// Written first, then read.
pub(super) struct HttpStream {
    conversation: Arc<Conversation>,
    program: &'static str,
    state: State,
}

impl HttpStream {
    /// A request to a program.
    pub(super) fn asking(conversation: Arc<Conversation>, program: &'static str) -> Self {
        Self {
            conversation,
            program,
            state: State::Asking(Vec::new()),
        }
    }

    /// An answer to nothing that was written.
    fn answering(conversation: Arc<Conversation>, response: Response) -> Self {
        Self {
            conversation,
            program: "",
            state: whole(response),
        }
    }

    /// An answer that is there already.
    pub(super) fn given(conversation: Arc<Conversation>, answer: Bytes) -> Self {
        Self {
            conversation,
            program: "",
            state: State::Answering {
                rest: None,
                chunk: answer,
            },
        }
    }

    /// The answer to a look at `asked`: what the server can do is remembered, and unless it is large the whole is kept for the
    /// fetch that may follow a mere look.
    pub(super) fn looking(
        conversation: Arc<Conversation>,
        response: Response,
        asked: Url,
    ) -> io::Result<Self> {
        let mut stream = Self::answering(conversation, response);
        let State::Answering { rest, .. } = &mut stream.state else {
            return Ok(stream);
        };
        let (mut response, mut answer) = (rest.take(), Vec::new());
        while let Some(open) = response.as_mut().filter(|_| answer.len() <= LARGEST) {
            match stream.next_chunk(open)? {
                Some(chunk) => answer.extend_from_slice(&chunk),
                None => response = None,
            }
        }
        let answer = Bytes::from(answer);
        let (session, base) = (&stream.conversation.session, stream.conversation.base());
        let network = session.network();
        network.capabilities().learn(asked.clone(), base.clone(), &answer);
        if response.is_none() && !session.follows_a_look() {
            network.advertisements().keep(asked, base, answer.clone());
        }
        stream.state = State::Answering {
            rest: response,
            chunk: answer,
        };
        Ok(stream)
    }

    /// Sends what was written, or takes the answer that is there already.
    fn ask(&self, request: Vec<u8>) -> io::Result<State> {
        let early = std::mem::replace(
            &mut *self
                .conversation
                .early
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
            EarlyPack::Over,
        );
        match early {
            EarlyPack::Here(response, chunk) if early::is_done(&request) => {
                return Ok(State::Answering {
                    rest: Some(response),
                    chunk,
                });
            }
            EarlyPack::Possible if self.program == UPLOAD => {
                if let Some(eager) = early::with_done(&request) {
                    return self.ask_early(eager);
                }
            }
            EarlyPack::Here(..) | EarlyPack::Over | EarlyPack::Possible => {}
        }
        self.conversation.post(self.program, request).map(whole)
    }

    fn ask_early(&self, request: Vec<u8>) -> io::Result<State> {
        let mut response = self.conversation.post(self.program, request)?;
        let mut answer = Vec::new();
        loop {
            let found = early::beginning(&answer);
            match found {
                Beginning::Unclear if answer.len() < early::MAX_ACKNOWLEDGEMENTS => {}
                Beginning::Known(length) => {
                    let pack = Bytes::copy_from_slice(&answer[length..]);
                    answer.truncate(length);
                    answer.extend_from_slice(early::NAK);
                    *self
                        .conversation
                        .early
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner) = EarlyPack::Here(response, pack);
                    return Ok(only(answer));
                }
                Beginning::Unknown => return Ok(only(early::NAK.to_vec())),
                Beginning::Unclear | Beginning::Other => {
                    return Ok(State::Answering {
                        rest: Some(response),
                        chunk: answer.into(),
                    });
                }
            }
            match self.next_chunk(&mut response)? {
                Some(chunk) => answer.extend_from_slice(&chunk),
                None => return Ok(only(answer)),
            }
        }
    }

    fn next_chunk(&self, response: &mut Response) -> io::Result<Option<Bytes>> {
        let session = &self.conversation.session;
        let next = session.wait(session.options().stall_timeout, async {
            Ok(response.chunk().await)
        })?;
        let chunk = next.map_err(|error| session.fail(why(session, error)))?;
        session.count_received(chunk.as_ref().map_or(0, Bytes::len))?;
        Ok(chunk)
    }
}

fn whole(response: Response) -> State {
    State::Answering {
        rest: Some(response),
        chunk: Bytes::new(),
    }
}

fn only(answer: Vec<u8>) -> State {
    State::Answering {
        rest: None,
        chunk: answer.into(),
    }
}

impl Write for HttpStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.state {
            State::Asking(body) if body.len() + bytes.len() <= MAX_REQUEST => {
                body.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            State::Asking(_) => Err(self.conversation.session.fail(ScmError::LimitExceeded {
                what: "a request to the server".to_owned(),
                limit: format!("{MAX_REQUEST} bytes"),
            })),
            State::Answering { .. } => Err(io::Error::other("the request has been sent already")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for HttpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let State::Asking(body) = &mut self.state {
            let request = std::mem::take(body);
            self.state = self.ask(request)?;
        }
        let State::Answering { rest, chunk } = &mut self.state else {
            return Ok(0);
        };
        let (mut response, mut current) = (rest.take(), std::mem::take(chunk));
        while current.is_empty() {
            let Some(open) = &mut response else {
                return Ok(0);
            };
            match self.next_chunk(open)? {
                Some(next) => current = next,
                None => response = None,
            }
        }
        let count = current.len().min(buffer.len());
        current.copy_to_slice(&mut buffer[..count]);
        self.state = State::Answering {
            rest: response,
            chunk: current,
        };
        Ok(count)
    }
}
