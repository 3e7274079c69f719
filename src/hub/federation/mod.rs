//! Jobs of other systems (security model 10.6): a job brings a token of its issuer, and gets one of this hub for the add-on that
//! an administrator trusts it to be, with less than the add-on has, for as long as the job's token lives and an hour at most.
//!
//! [`issuers`] reads the keys of issuers, which nobody but an administrator names; [`jobs`] is the exchange. What was given ends with
//! the trust by which it was.

mod issuers;
mod jobs;

pub(super) use issuers::Issuers;
pub(super) use jobs::NotAJob;
