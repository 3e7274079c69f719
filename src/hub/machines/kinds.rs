//! What machines say over their websocket, kind by kind, with the operation that each counts under (security model 11). A message is taken
//! in by its kind alone, so that there is none without an operation; what has no kind is not heard.

use super::super::access::bearer::Bearer;
use super::super::access::operations::Operation;
use crate::model::Timestamp;
use crate::wire::hub::{Control, Upward, extensions};

/// A kind of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Said {
    /// It is there, or heard that the hub is.
    Heartbeat,
    /// It does not want to hear anything for a while.
    Backoff,
    /// It ends soon.
    Drain,
    /// It has a delivery.
    Ack,
    /// It is still at work on a delivery.
    Lease,
    /// How far a command is.
    Progress,
    /// How something ended.
    Status,
    /// A command wants more parameters.
    Continuation,
    /// Something for people, or a custom event; each of its places is decided on with it.
    Message,
}

impl Said {
    /// Every kind.
    #[cfg(test)]
    pub(in super::super) const ALL: [Self; 9] = [
        Self::Heartbeat,
        Self::Backoff,
        Self::Drain,
        Self::Ack,
        Self::Lease,
        Self::Progress,
        Self::Status,
        Self::Continuation,
        Self::Message,
    ];

    /// The kind of a message; `None` for a control that this hub does not know, which nobody takes in.
    pub(super) fn of(message: &Upward) -> Option<Self> {
        match message {
            Upward::Ping(_) | Upward::Pong(_) => Some(Self::Heartbeat),
            Upward::Control(control) => Self::of_control(control),
            Upward::Status(_) => Some(Self::Status),
            Upward::Message(_) => Some(Self::Message),
            Upward::Continuation(_) => Some(Self::Continuation),
        }
    }

    fn of_control(control: &Control) -> Option<Self> {
        match control.name.as_str() {
            extensions::BACKOFF => Some(Self::Backoff),
            extensions::DRAIN => Some(Self::Drain),
            extensions::ACK => Some(Self::Ack),
            extensions::LEASE => Some(Self::Lease),
            extensions::PROGRESS => Some(Self::Progress),
            _ => None,
        }
    }

    /// Its row in the operation table. To answer for what one has received is part of receiving it.
    pub(in super::super) const fn operation(self) -> Operation {
        match self {
            Self::Heartbeat => Operation::Heartbeat,
            Self::Backoff
            | Self::Drain
            | Self::Ack
            | Self::Lease
            | Self::Progress
            | Self::Status
            | Self::Continuation => Operation::Receive,
            Self::Message => Operation::PostMessage,
        }
    }

    /// Whether it is decided on as a whole before it is taken in. That somebody is there is no question of rights, and a message is about
    /// places that only it names.
    pub(super) const fn is_decided_on(self) -> bool {
        !matches!(self, Self::Heartbeat | Self::Message)
    }

    /// Whether whoever says it may at all, now.
    pub(super) fn is_admitted(self, bearer: &Bearer, now: Timestamp) -> bool {
        let request = bearer.request(self.operation().row().name, &[], now);
        bearer.admits(&request).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::access;

    fn kind(message: &serde_json::Value) -> Option<Said> {
        Said::of(&Upward::read(message.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn every_kind_of_message_has_a_row() {
        for said in Said::ALL {
            let row = said.operation().row();
            let decided = access::Operation::find(row.name);
            assert!(
                decided.is_some_and(|row| !row.is_not_yet),
                "{said:?}: {}",
                row.name
            );
        }
    }

    #[test]
    fn what_is_no_kind_is_not_taken_in() {
        assert_eq!(kind(&json!({"ping": 1})), Some(Said::Heartbeat));
        assert_eq!(kind(&json!({"pong": 1})), Some(Said::Heartbeat));
        for (name, said) in [
            ("backoff", Said::Backoff),
            ("drain", Said::Drain),
            ("ack", Said::Ack),
            ("lease", Said::Lease),
            ("progress", Said::Progress),
        ] {
            let control = json!({"control": {"name": name}});
            assert_eq!(kind(&control), Some(said), "{name}");
        }
        assert_eq!(kind(&json!({"control": {"name": "become_admin"}})), None);
    }
}
