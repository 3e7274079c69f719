//! The extension protocol (security model 2 to 8): descriptors, signed calls in both directions, and the install handshake.
//!
//! Begin with [`canonical`], the request as its hash covers it, and [`verify`], which follows the order of checks of the
//! specification. Nothing here has a clock or a network: the time, the keys and the memory of what was seen come in from
//! whoever asks. Secrets that sign ([`SharedSecret`]) and keys that prove installs ([`InstallKey`]) are types of their own,
//! so that one can never be taken for the other.

pub mod address;
mod assertion;
pub mod canonical;
mod credential;
pub mod descriptor;
mod install;
mod keys;
mod pem;
mod percent;
mod replay;
mod sign;
pub(in crate::wire) mod token;
pub mod verify;

#[cfg(test)]
mod tests;

pub use assertion::{
    ACCESS_TOKEN, Assertion, Brought, LARGEST_TOKEN_REQUEST, TokenRequest, TokenRequestError, TokenService,
    claimed_client, verify_assertion,
};
pub use credential::{Found, find_credential};
pub use descriptor::{Descriptor, DescriptorProblem, LARGEST_DESCRIPTOR};
pub use install::{Event, Secrets, SecurityContext};
pub use keys::{InstallKey, KeyError, PublicInstallKey, SharedSecret};
pub use percent::form_fields;
pub use sign::{Call, sign_call, sign_install};
pub use token::{LONGEST_TOKEN, TokenError};
pub use verify::{Arrived, RouteClass, Verified, verify_call, verify_install};

/// Seconds by which clocks may differ.
pub const LEEWAY: i64 = 30;

/// Most seconds between a token's beginning and its end.
pub const LONGEST_LIFETIME: i64 = 900;

/// The hash that a token for a page carries, because it cannot name one address.
pub const PAGE_HASH: &str = "context-qsh";
