//! People: how they sign in, in which browsers they are signed in, and what that lets them do (security model 10.7).
//!
//! For whoever writes a route that people use in a browser:
//!
//! - **Who is it?** Take a [`Viewer`] as an argument of the handler: whoever is not signed in gets 401. A page takes an
//!   `Option<Viewer>` and leads whoever it shows nothing to [`sign_in_place`], which comes back afterwards.
//! - **May they?** `viewer.caller()` is a [`Caller`](super::access::Caller) like that of a key: `may`, `may_on`,
//!   `may_somewhere`, `sight`. What a key can be used for, a signed-in person can be too: `Hub::caller` takes both.
//! - **Was it meant?** A request that changes something and comes with a session is let through by [`guard`] only if it comes from a
//!   page of the hub and carries the session's anti-forgery token: a form has it in a hidden field [`guard::FIELD`] with
//!   [`Viewer::anti_forgery`] as its value, a script sends it in the header [`guard::HEADER`]. Nobody has to ask for it, and no route
//!   can forget it. Forms are sent as `application/x-www-form-urlencoded`.
//! - **Was it just now?** Operations for `FreshPerson` are refused with `interactive_session_required` when the sign-in is older than
//!   15 minutes; lead the person to [`sign_in_place`], which signs in anew.
//!
//! - **On a repository?** `caller.with_forge(operation, resources)` asks the forge what the person may do there; `may_on` on what comes
//!   back knows it. [`sight`](super::access::Caller) does so by itself.
//!
//! [`sign_in`] is signing in by a link, [`with_provider`] with GitHub or OpenID Connect ([`providers`]), [`forge`] what a forge says of
//! people, [`authorizations`] what they let the hub do for them, [`asking`] how they are asked, [`lost`] how that ends elsewhere, [`reach`] what is not true any more of what it said,
//! [`login`] how a program gets a key by a person's sign-in, [`brokering`] what the hub does with that for add-ons, [`api`] what can be asked and changed, each by its row in
//! [`operations`].
//!
//! A session is 256 random bits in a cookie, `__Host-sdm-session`, stored as a digest. Over plain http, which is taken from the same
//! computer only, the cookie is `sdm-session-PORT`. It ends 12 hours after its last use, 24 hours after its beginning, when the person
//! signs out, is suspended or gets another role.

pub mod administration;
pub(super) mod api;
mod asking;
mod authorizations;
mod brokering;
pub(super) mod chats;
mod cookie;
mod face;
pub(super) mod forge;
pub mod guard;
pub(super) mod in_graph;
mod joined;
mod login;
mod login_graph;
mod lost;
pub(super) mod operations;
pub mod providers;
mod reach;
mod routes;
mod session;
mod sign_in;
mod told;
mod user_tokens;
mod viewer;
pub(super) mod with_provider;

pub(super) use cookie::is_safe;
pub(super) use login_graph::brings_login;
pub(super) use routes::routes;
pub(super) use session::{IDLE, LONGEST};
pub use sign_in::sign_in_place;
pub use viewer::Viewer;
pub(super) use viewer::{BY_ITSELF, Session, session_ended};
