//! The only unsafe code of this room: libgit2's global settings, made once.

use std::sync::OnceLock;

use git2::ConfigLevel;

use super::smart;

/// Registers our transport and cuts libgit2 off from the configuration of system and user (threat B2).
///
/// # Errors
/// What libgit2 said the first time; it is not tried again.
pub(crate) fn install() -> Result<(), git2::Error> {
    static INSTALLED: OnceLock<Result<(), (git2::ErrorCode, git2::ErrorClass, String)>> = OnceLock::new();
    INSTALLED
        .get_or_init(|| set_up().map_err(|error| (error.code(), error.class(), error.message().to_owned())))
        .clone()
        .map_err(|(code, class, message)| git2::Error::new(code, class, message))
}

#[expect(
    unsafe_code,
    reason = "libgit2 keeps transports and search paths in globals; the OnceLock around this makes it run once, \
              before any remote of ours exists"
)]
fn set_up() -> Result<(), git2::Error> {
    const LEVELS: [ConfigLevel; 4] = [
        ConfigLevel::ProgramData,
        ConfigLevel::System,
        ConfigLevel::XDG,
        ConfigLevel::Global,
    ];
    for level in LEVELS {
        // SAFETY: nothing else in this program changes search paths; libgit2 copies the text.
        unsafe { git2::opts::set_search_path(level, "")? };
    }
    git2::opts::strict_object_creation(true);
    git2::opts::strict_hash_verification(true);
    // SAFETY: called once, and no remote with this prefix can exist before it.
    unsafe { git2::transport::register(smart::SCHEME, smart::transport_of_session) }
}
