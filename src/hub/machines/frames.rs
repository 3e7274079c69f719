//! Frames of a websocket that cannot be: how their conversation ends, and why (threat G3).

use std::error::Error as _;

use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The code that the conversation is closed with (RFC 6455, 7.4.1).
    pub(super) code: u16,
    /// Under which reason it is counted.
    pub(super) counted_as: &'static str,
    /// For whoever sent it.
    pub(super) reason: &'static str,
}

impl Wrong {
    /// What is wrong with what a machine sent; nothing where the connection broke.
    pub(super) fn of(error: &axum::Error) -> Option<Self> {
        let wrong = |code, counted_as, reason| {
            Some(Self {
                code,
                counted_as,
                reason,
            })
        };
        let error: &Error = error.source()?.downcast_ref()?;
        match error {
            Error::Capacity(_) => wrong(1009, "too_large", "the message is too large"),
            Error::Utf8(_) => wrong(1007, "invalid_text", "the message is no text in UTF-8"),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
            Error::Protocol(ProtocolError::NonZeroReservedBits) => {
                wrong(1002, "compressed", "compressed frames were not agreed upon")
            }
            Error::Protocol(_) => wrong(1002, "malformed_frame", "the frame cannot be"),
            _ => None,
        }
    }
}
