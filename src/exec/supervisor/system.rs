//! What a supervisor has of the system it runs on.
//!
//! Linux lets it adopt what its command leaves behind, see its whole family, and die together with it. Elsewhere it has what
//! every Unix has, process groups: what leaves its group is not found again, what two killed supervisors left is not
//! killed, and of the limits only those hold that the kernel keeps for each process. The portable way is compiled
//! and tested on Linux too.

use std::io;

use nix::unistd::Pid;

/// The two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum System {
    /// With subreapers, parent-death signals and `/proc`.
    #[cfg(target_os = "linux")]
    Linux,
    /// With process groups.
    Portable,
}

impl System {
    /// The best there is here.
    pub(super) const fn native() -> Self {
        #[cfg(target_os = "linux")]
        {
            Self::Linux
        }
        #[cfg(not(target_os = "linux"))]
        {
            Self::Portable
        }
    }

    /// Becomes the parent of orphans among its descendants.
    pub(super) fn adopt_orphans(self) -> io::Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Linux => Ok(nix::sys::prctl::set_child_subreaper(true)?),
            Self::Portable => Ok(()),
        }
    }

    /// Dies with its parent from now on. A system call and nothing else: it is asked for between fork and exec.
    pub(super) fn die_with_parent(self) -> nix::Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Linux => nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL),
            Self::Portable => Ok(()),
        }
    }

    /// Should the machine run out of memory, this process ends before the machine itself. Where that cannot be said,
    /// nothing is lost.
    pub(super) fn offer_to_the_kernel(self, pid: Pid) {
        match self {
            #[cfg(target_os = "linux")]
            Self::Linux => {
                let _ = std::fs::write(format!("/proc/{pid}/oom_score_adj"), "500");
            }
            Self::Portable => {}
        }
    }

    /// Whether the family can be looked at.
    pub(super) fn sees_family(self) -> bool {
        self != Self::Portable
    }
}
