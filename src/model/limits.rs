//! What the processes of a goal may use of the machine (threat I1).

use serde::{Deserialize, Serialize};

/// Limits of one goal; what is not given is not limited, or as the machine's configuration says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GoalLimits {
    /// Processes and threads at once.
    pub processes: Option<u64>,
    /// Bytes of memory of all processes together.
    pub memory: Option<u64>,
    /// Open files of each process.
    pub open_files: Option<u64>,
    /// Bytes of each file that is written.
    pub file_size: Option<u64>,
    /// Bytes it may write in its working copy and its output.
    pub disk: Option<u64>,
    /// Bytes that stay free on the disks it writes to.
    pub free_disk: Option<u64>,
}

impl GoalLimits {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These limits, and where they say nothing the others.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            processes: self.processes.or(others.processes),
            memory: self.memory.or(others.memory),
            open_files: self.open_files.or(others.open_files),
            file_size: self.file_size.or(others.file_size),
            disk: self.disk.or(others.disk),
            free_disk: self.free_disk.or(others.free_disk),
        }
    }
}
