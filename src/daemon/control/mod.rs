//! The daemon's side of the conversation over its unix socket ([`crate::wire::control`]).
//!
//! Only the owner of the account reaches the socket: it is 0600 in a 0700 directory, and the peer's user id is checked
//! besides (threat J1). Each connection is one request; a slow reader delays nobody but itself.

mod answer;
mod choose;
mod commands;
mod compare;
mod completion;
mod emit;
mod feed;
mod logs;
mod ready;
mod reviews;
mod server;
mod sets;

pub use server::{ControlError, bind, serve};

use crate::engine::words::chain;
use crate::wire::control::Reply;

/// Why a request was not done, for the person who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    message: String,
    hint: Option<String>,
}

impl Refused {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn reply(self) -> Reply {
        Reply::Refused {
            message: self.message,
            hint: self.hint,
        }
    }
}

impl<E: std::error::Error + 'static> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::new(chain(&error))
    }
}
