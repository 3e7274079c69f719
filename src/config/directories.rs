//! Where the machine keeps its state and its socket. Never under a predictable name in a shared directory (threat J6).

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::resolve::Origin;
use super::sources::Sources;

/// Where the service keeps its state.
const SERVICE_STATE: &str = "/var/lib/sdm";

/// `$XDG_STATE_HOME/sdm`, else `~/.local/state/sdm`, else the service's directory for accounts without a real home.
pub fn default_state_directory(sources: &Sources) -> (PathBuf, Origin) {
    if let Some(base) = sources.directory_variable("XDG_STATE_HOME") {
        return (base.join("sdm"), Origin::Variable("XDG_STATE_HOME".to_owned()));
    }
    let real_home =
        |home: &&PathBuf| home.is_absolute() && home.parent().is_some() && !home.starts_with("/nonexistent");
    match sources.home.as_ref().filter(real_home) {
        Some(home) => (home.join(".local/state/sdm"), Origin::Variable("HOME".to_owned())),
        None => (PathBuf::from(SERVICE_STATE), Origin::Default),
    }
}

/// `$XDG_RUNTIME_DIR/sdm/<name>.sock`, else `<state>/run/<name>.sock`.
pub fn default_socket(sources: &Sources, state_directory: &Path, name: &str) -> (PathBuf, Origin) {
    let file = format!("{name}.sock");
    match sources.directory_variable("XDG_RUNTIME_DIR") {
        Some(base) => (
            base.join("sdm").join(file),
            Origin::Variable("XDG_RUNTIME_DIR".to_owned()),
        ),
        None => (state_directory.join("run").join(file), Origin::Default),
    }
}

/// Makes a directory that only its owner may enter, or makes sure that an existing one is.
///
/// # Errors
/// It cannot be made, is not a directory, or belongs to somebody else.
pub fn create_private_directory(path: &Path) -> Result<(), ConfigError> {
    let failed = |source| ConfigError::Directory {
        path: path.to_owned(),
        source,
    };
    private_directory(path).map_err(failed)
}

/// The same, for those who say themselves what it was for.
///
/// # Errors
/// It cannot be made, is not a directory, or belongs to somebody else.
pub fn private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let metadata = std::fs::symlink_metadata(path)?;
    let metadata = if metadata.is_symlink() {
        std::fs::metadata(path)?
    } else {
        metadata
    };
    if metadata.uid() != nix::unistd::geteuid().as_raw() {
        let message = format!("{} belongs to another user, {}", path.display(), metadata.uid());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    Ok(())
}
