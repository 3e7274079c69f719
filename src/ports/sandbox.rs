//! What a goal's command may see and do when it runs in a sandbox (threats I2, I3).

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A variable of steps that are our own program: the order for the sandbox that programs they start belong in.
pub const SANDBOX_ORDER: &str = "SDM_SANDBOX_ORDER";

/// How earnestly a sandbox is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxMode {
    /// None.
    #[default]
    Off,
    /// As much of it as this computer offers; the log says what that is.
    Auto,
    /// All of it, or the goal fails.
    Required,
}

/// The sandbox of one command: one JSON document, private to the attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxOrder {
    /// Whether all of it must hold.
    pub is_required: bool,
    /// Whether the command reaches other computers.
    pub network: bool,
    /// Directories it may change: working copy and output.
    pub writable: Vec<PathBuf>,
    /// What it may read beyond the system and its user's tools.
    pub readable: Vec<PathBuf>,
    /// Directories nothing of which it may see, but for what the other two name.
    pub hidden: Vec<PathBuf>,
    /// A directory of its own for temporary files, where the system's cannot be replaced.
    pub temporary: PathBuf,
}
