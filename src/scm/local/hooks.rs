//! Installing and removing the hooks (semantics 8.2). Works without a running daemon, and a hook works without sdm.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::discover::RepositoryPaths;
use super::hook_section::{
    EVENTS, NotOurs, SPOOL_DIRECTORY, SPOOL_FILE, new_hook, with_section, without_section,
};

/// Why hooks were not changed.
#[derive(Debug, Error)]
pub enum HookError {
    /// Somebody else's directory.
    #[error("core.hooksPath names {}, which is outside of this repository", path.display())]
    ForeignDirectory {
        /// It.
        path: PathBuf,
    },
    /// A hook that we do not edit.
    #[error("the hook {} is left as it is: {because}", path.display())]
    NotEditable {
        /// The hook.
        path: PathBuf,
        /// Why.
        because: String,
    },
    /// The file system does not let us.
    #[error("failed to {doing} {}", path.display())]
    Io {
        /// What we were doing.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl HookError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::ForeignDirectory { .. } => {
                "say --shared to use that directory: in repositories without sdm the hooks do nothing. Without hooks the daemon still sees commits, a little later"
            }
            Self::NotEditable { .. } => {
                "without this hook the daemon still sees the change, a little later; the other hooks are installed"
            }
            Self::Io { .. } => {
                "check the permissions of the repository's hooks; without hooks the daemon still sees commits, a little later"
            }
        }
    }
}

/// What happened to one hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A new file.
    Created,
    /// Our part was added to an existing hook.
    Added,
    /// Our part was replaced by a newer one.
    Updated,
    /// It was as it should be.
    Unchanged,
    /// Our part was taken out.
    Removed,
    /// The file had only our part and is gone.
    Deleted,
}

/// One hook with what happened to it, or why nothing did.
#[derive(Debug)]
pub struct HookReport {
    /// The hook.
    pub path: PathBuf,
    /// What happened.
    pub outcome: Result<Change, HookError>,
}

/// Installs all hooks and makes the directory they write to. One hook that cannot be edited does not keep out the others.
///
/// # Errors
/// The hooks directory is shared and `shared` was not said, or a directory cannot be made.
pub fn add(paths: &RepositoryPaths, shared: bool) -> Result<Vec<HookReport>, HookError> {
    if paths.hooks_are_foreign && !shared {
        return Err(HookError::ForeignDirectory {
            path: paths.hooks.clone(),
        });
    }
    make_spool(&paths.common)?;
    fs::create_dir_all(&paths.hooks).map_err(io_error("make the directory", &paths.hooks))?;
    Ok(each(paths, |event, path| add_one(paths, event, path)))
}

/// Removes all hooks and the directory they write to. Hooks in a shared directory stay unless `shared` is said.
///
/// # Errors
/// The directory of hints cannot be removed.
pub fn remove(paths: &RepositoryPaths, shared: bool) -> Result<Vec<HookReport>, HookError> {
    let spool = paths.common.join(SPOOL_DIRECTORY);
    for result in [fs::remove_file(spool.join(SPOOL_FILE)), fs::remove_dir(&spool)] {
        match result {
            Err(error)
                if !matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty
                ) =>
            {
                return Err(HookError::Io {
                    doing: "remove",
                    path: spool,
                    source: error,
                });
            }
            _ => {}
        }
    }
    if paths.hooks_are_foreign && !shared {
        return Ok(Vec::new());
    }
    Ok(each(paths, |_, path| remove_one(paths, path)))
}

/// The events whose hook is installed here, as it would be now.
pub fn installed(paths: &RepositoryPaths) -> Vec<&'static str> {
    let current = |event: &&str| {
        let hook = fs::read(paths.hooks.join(event)).ok();
        hook.is_some_and(|hook| with_section(event, &hook).is_ok_and(|wanted| wanted == hook))
    };
    EVENTS.into_iter().filter(current).collect()
}

fn each(
    paths: &RepositoryPaths,
    change: impl Fn(&'static str, &Path) -> Result<Change, HookError>,
) -> Vec<HookReport> {
    let report = |event: &'static str| {
        let path = paths.hooks.join(event);
        HookReport {
            outcome: change(event, &path),
            path,
        }
    };
    EVENTS.into_iter().map(report).collect()
}

fn add_one(paths: &RepositoryPaths, event: &str, path: &Path) -> Result<Change, HookError> {
    let Some(old) = read_hook(paths, path)? else {
        write_hook(path, new_hook(event).as_bytes(), 0o755)?;
        return Ok(Change::Created);
    };
    let refuse = |because: NotOurs| HookError::NotEditable {
        path: path.to_owned(),
        because: because.to_string(),
    };
    let new = with_section(event, &old).map_err(refuse)?;
    let mode = fs::metadata(path).map_err(io_error("read", path))?.mode() & 0o7777;
    let has_ours = without_section(&old).is_some();
    if mode & 0o100 == 0 && !has_ours && old.iter().any(|byte| !byte.is_ascii_whitespace()) {
        // Git ignores it as it is; making it executable would switch on what somebody has switched off.
        let because = "it is not executable, so git ignores it".to_owned();
        return Err(HookError::NotEditable {
            path: path.to_owned(),
            because,
        });
    }
    if new == old && mode & 0o100 != 0 {
        return Ok(Change::Unchanged);
    }
    write_hook(path, &new, mode | 0o100)?;
    Ok(if has_ours { Change::Updated } else { Change::Added })
}

fn remove_one(paths: &RepositoryPaths, path: &Path) -> Result<Change, HookError> {
    let old = match read_hook(paths, path) {
        Ok(Some(old)) => old,
        Ok(None) | Err(HookError::NotEditable { .. }) => return Ok(Change::Unchanged),
        Err(error) => return Err(error),
    };
    match without_section(&old) {
        None => Ok(Change::Unchanged),
        Some(None) => {
            fs::remove_file(path).map_err(io_error("remove", path))?;
            Ok(Change::Deleted)
        }
        Some(Some(rest)) => {
            let mode = fs::metadata(path).map_err(io_error("read", path))?.mode() & 0o7777;
            write_hook(path, &rest, mode)?;
            Ok(Change::Removed)
        }
    }
}

/// The hook's bytes; `None` when there is none.
fn read_hook(paths: &RepositoryPaths, path: &Path) -> Result<Option<Vec<u8>>, HookError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error("read", path)(error)),
    };
    let refuse = |because: &str| {
        Err(HookError::NotEditable {
            path: path.to_owned(),
            because: because.to_owned(),
        })
    };
    if metadata.is_symlink() {
        let inside = |target: &PathBuf| {
            target.starts_with(&paths.common)
                || paths
                    .worktree
                    .as_ref()
                    .is_some_and(|tree| target.starts_with(tree))
        };
        if !fs::canonicalize(path).is_ok_and(|target| inside(&target)) {
            return refuse("it is a link to a file outside of this repository");
        }
    }
    let metadata = fs::metadata(path).map_err(io_error("read", path))?;
    if !metadata.is_file() {
        return refuse("it is not a file");
    }
    if metadata.len() > 1 << 20 {
        return refuse(&NotOurs::TooLarge.to_string());
    }
    fs::read(path).map(Some).map_err(io_error("read", path))
}

/// Writes beside and renames, so that git never runs half a hook. A link keeps being one: its target is replaced.
fn write_hook(path: &Path, text: &[u8], mode: u32) -> Result<(), HookError> {
    let failed = io_error("write", path);
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = target.parent().unwrap_or(Path::new("."));
    let write = || -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(".sdm-hook-")
            .tempfile_in(directory)?;
        file.write_all(text)?;
        file.as_file().set_permissions(Permissions::from_mode(mode))?;
        file.persist(&target).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(failed)
}

/// The directory and file that hooks write hints to: for their owner only. The hooks do nothing where it is missing.
fn make_spool(common: &Path) -> Result<(), HookError> {
    let directory = common.join(SPOOL_DIRECTORY);
    match fs::create_dir(&directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(io_error("make the directory", &directory)(error));
        }
        _ => {}
    }
    fs::set_permissions(&directory, Permissions::from_mode(0o700))
        .map_err(io_error("protect", &directory))?;
    let file = directory.join(SPOOL_FILE);
    let opened = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
        .open(&file);
    opened.map(drop).map_err(io_error("make", &file))
}

/// Forgets the hints written so far: the branches have been looked at after they were written, or will be when the refs
/// move next. Hooks append, so nothing is torn; a file that is not ours, or is not there, is left alone.
pub fn empty_spool(common: &Path) {
    let opened = OpenOptions::new()
        .write(true)
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
        .open(common.join(SPOOL_DIRECTORY).join(SPOOL_FILE));
    let Ok(file) = opened else { return };
    let has_hints = file
        .metadata()
        .is_ok_and(|found| found.is_file() && found.len() > 0);
    if has_hints && let Err(error) = file.set_len(0) {
        tracing::debug!(%error, "the hints of hooks could not be forgotten");
    }
}

fn io_error(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> HookError + use<> {
    let path = path.to_owned();
    move |source| HookError::Io {
        doing,
        path: path.clone(),
        source,
    }
}
