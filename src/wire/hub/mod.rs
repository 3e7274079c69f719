//! The conversation between a hub and its machines (wire protocol 2 to 8), as the original client speaks it and as ours does.
//!
//! What a client sends is read leniently, because clients of ten years' standing cannot be changed, and kept within limits,
//! because a client may be hostile: unknown keys are ignored, sizes and counts are not. What is sent is exact. Begin with
//! [`Registration`], then [`Upward`] for what a client says on its websocket and [`Downward`] for what it hears.

pub mod completion;
mod downward;
pub mod extensions;
pub mod found;
mod logs;
mod registration;
mod source;
mod upward;
pub mod uris;

pub use downward::{
    CommandInvocation, Control, Downward, DownwardError, EventDelivery, EventExtensions, GivenContext,
    SecretValue,
};
pub use logs::{LogPart, LogTaken, LoggedLine};
pub use registration::{
    Choice, Command, Group, Instance, MappedParameter, MemoryLife, Metadata, Parameter, ParameterType,
    Policy, PolicyName, Registered, Registration, RegistrationProblem, SecretDeclaration, Subscription,
};
pub use source::{Channel, ChatUser, NameValue, Person, Posted, Slack, Source, Team, UserAgent, Web};
pub use upward::{
    Action, Continuation, Destination, Envelope, Message, MessageKind, PostMode, Status, StatusReport,
    Upward, UpwardError,
};

/// The only version of the original protocol; there was never another.
pub const API_VERSION: &str = "1";

/// Largest message of a client in bytes: room for a rich chat message or a custom event, not for a flood (threat G3).
pub const MAX_MESSAGE: usize = 4 * 1024 * 1024;

/// Largest message of a hub in bytes, also when it was compressed: an event with its whole projection.
pub const MAX_DOWNWARD: usize = 8 * 1024 * 1024;

/// Largest registration in bytes; one of a large machine with every optional part has about 200 KiB.
pub const MAX_REGISTRATION: usize = 4 * 1024 * 1024;

#[cfg(test)]
mod tests;
