//! Files with secrets on their way into containers: in a directory of ours that is removed with the attempt's containers.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use crate::ports::containers::ContainerOrder;

/// The files of all containers. Nobody but us may enter their directory; inside a container, whoever it runs as reads them.
pub(super) struct SecretFiles {
    _directory: Option<TempDir>,
    /// Container, where the file lies, where it appears.
    files: Vec<(String, String, String)>,
}

impl SecretFiles {
    /// Writes them below `parent`; no directory is made when there are none.
    ///
    /// # Errors
    /// They cannot be written.
    pub(super) fn write(order: &ContainerOrder, parent: &Path) -> io::Result<Self> {
        let all = || order.init_containers.iter().chain(&order.containers);
        if all().all(|container| container.files.is_empty()) {
            return Ok(Self {
                _directory: None,
                files: Vec::new(),
            });
        }
        let directory = tempfile::Builder::new().prefix("files-").tempdir_in(parent)?;
        let mut files = Vec::new();
        for container in all() {
            for file in &container.files {
                let path = directory.path().join(files.len().to_string());
                fs::write(&path, &file.content)?;
                fs::set_permissions(&path, fs::Permissions::from_mode(0o444))?;
                let path = path.to_string_lossy().into_owned();
                files.push((container.name.clone(), path, file.path.clone()));
            }
        }
        Ok(Self {
            _directory: Some(directory),
            files,
        })
    }

    /// Those of one container: where they lie and where they appear.
    pub(super) fn of(&self, container: &str) -> Vec<(String, String)> {
        self.files
            .iter()
            .filter(|(name, ..)| name == container)
            .map(|(_, from, to)| (from.clone(), to.clone()))
            .collect()
    }
}
