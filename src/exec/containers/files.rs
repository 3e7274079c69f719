//! Files with secrets on their way into containers: in a directory of ours that is removed with the attempt's containers, or in
//! the attempt's own. Nobody else may enter either; each file is mounted by itself, so that inside of a container whoever it
//! runs as can read it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::ports::containers::ContainerOrder;

/// The files of all containers.
pub(super) struct SecretFiles {
    _directory: Option<TempDir>,
    /// Container, where the file lies, where it appears.
    files: Vec<(String, String, String)>,
    /// Those that every container finds in their own place.
    of_all: Vec<String>,
}

impl SecretFiles {
    /// Writes them below `parent`, unless there are none, and takes in those that are in a directory already.
    ///
    /// # Errors
    /// They cannot be written or read.
    pub(super) fn write(order: &ContainerOrder, parent: &Path, there: Option<&PathBuf>) -> io::Result<Self> {
        let mut of_all = there.map_or(Ok(Vec::new()), |directory| opened(directory))?;
        let all = || order.init_containers.iter().chain(&order.containers);
        let mut files: Vec<(String, String, String)> = Vec::new();
        for container in all() {
            let own = container.secrets.files.iter();
            files.extend(own.map(|path| (container.name.clone(), path.clone(), path.clone())));
        }
        of_all.retain(|path| files.iter().all(|(_, own, _)| own != path));
        if all().all(|container| container.files.is_empty()) {
            return Ok(Self {
                _directory: None,
                files,
                of_all,
            });
        }
        let directory = tempfile::Builder::new().prefix("files-").tempdir_in(parent)?;
        for container in all() {
            for file in &container.files {
                let path = directory.path().join(files.len().to_string());
                fs::write(&path, &file.content)?;
                open_to_all(&path)?;
                let path = path.to_string_lossy().into_owned();
                files.push((container.name.clone(), path, file.path.clone()));
            }
        }
        Ok(Self {
            _directory: Some(directory),
            files,
            of_all,
        })
    }

    /// Those of one container: where they lie and where they appear.
    pub(super) fn of(&self, container: &str) -> Vec<(String, String)> {
        let own = self.files.iter().filter(|(name, ..)| name == container);
        let of_all = self.of_all.iter().map(|path| (path.clone(), path.clone()));
        own.map(|(_, from, to)| (from.clone(), to.clone()))
            .chain(of_all)
            .collect()
    }
}

/// The files of a directory that only we may enter, each made readable.
fn opened(directory: &Path) -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        open_to_all(&path)?;
        files.push(path.to_string_lossy().into_owned());
    }
    files.sort_unstable();
    Ok(files)
}

fn open_to_all(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o444))
}
