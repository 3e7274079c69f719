//! What a process holds stays with it: it leaves no core dump, and nobody of the same user reads or traces it (threats E3, E4 and I2).

use nix::sys::resource::{Resource, setrlimit};

/// Forbids dumps of this process, and to look into it, for as long as it runs. What it starts leaves no dump either, and can be looked
/// into again.
///
/// # Errors
/// The system does not do so.
pub fn forbid() -> std::io::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_dumpable(false)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e3_a_process_that_forbids_it_leaves_no_dump() {
        forbid().unwrap();
        let (soft, hard) = nix::sys::resource::getrlimit(Resource::RLIMIT_CORE).unwrap();
        assert_eq!((soft, hard), (0, 0));
        #[cfg(target_os = "linux")]
        assert!(!nix::sys::prctl::get_dumpable().unwrap());
    }
}
