//! The news a supervisor leaves for whoever watches: one JSON record a line.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// Most bytes of news read at once; a supervisor stops writing phases long before.
const LIMIT: u64 = 16 * 1024 * 1024;

/// One piece of news. Kinds are only ever added; readers pass over what they do not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum NewsRecord {
    /// The command is about to be started; while this is missing nothing of it has run.
    Beginning {},
    /// The first command was started.
    Running(CommandIdentity),
    /// Another command of the same attempt was started.
    Step {
        /// Its process.
        command: CommandIdentity,
        /// Whether nothing of the earlier commands lived any more.
        is_alone: bool,
    },
    /// A new phase.
    Phase(String),
    /// The outcome has been written.
    Ended {},
}

/// The command's process, told apart from a later one that got the same number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CommandIdentity {
    /// Process id, also of its group and its session.
    pub(super) pid: u32,
    /// When it was started.
    pub(super) at: Timestamp,
    /// Process id of the supervisor, for people.
    pub(super) supervisor: u32,
    /// Start time as the kernel counts it, in ticks since boot.
    pub(super) started: u64,
    /// Which boot of the machine that was.
    pub(super) boot: String,
}

/// Reads whole records from a byte offset on and tells where to go on. A record that is not complete yet is left
/// for the next time.
///
/// # Errors
/// The file cannot be read.
pub(super) fn read_from(path: &Path, offset: u64) -> io::Result<(Vec<NewsRecord>, u64)> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(LIMIT).read_to_end(&mut bytes)?;
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    let records = bytes[..whole]
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    Ok((records, offset + whole as u64))
}

/// The commands of an attempt of which something may have been left when the last of them was started.
pub(super) fn commands_of(path: &Path) -> Vec<CommandIdentity> {
    let (records, _) = read_from(path, 0).unwrap_or_default();
    let mut commands = Vec::new();
    for record in records {
        match record {
            NewsRecord::Running(command) => commands.push(command),
            NewsRecord::Step { command, is_alone } => {
                if is_alone {
                    commands.clear();
                }
                commands.push(command);
            }
            NewsRecord::Beginning {} | NewsRecord::Phase(_) | NewsRecord::Ended {} => {}
        }
    }
    commands
}
