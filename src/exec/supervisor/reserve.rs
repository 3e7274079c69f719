//! Room for the outcome, taken when the attempt begins: a disk that fills up meanwhile does not make a goal lost whose command
//! has ended, and so does not make it run twice.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use super::super::attempt::{AttemptDirectory, write_durably};

/// Bytes kept free; nearly every outcome is smaller.
const ROOM: usize = 64 * 1024;

/// Longest time between two tries to write.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The room of one attempt.
pub(super) struct Reserve<'a> {
    directory: &'a AttemptDirectory,
    file: Option<File>,
}

impl<'a> Reserve<'a> {
    /// Takes the room, where there is any.
    pub(super) fn take(directory: &'a AttemptDirectory) -> Self {
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(directory.reserved());
        let file = file.and_then(|mut file| file.write_all(&[b' '; ROOM]).map(|()| file));
        Self {
            directory,
            file: file.ok(),
        }
    }

    /// Leaves the outcome, for as long as it takes: whoever watches sees meanwhile that the attempt lives.
    ///
    /// # Errors
    /// It cannot be written for a reason that does not pass.
    pub(super) fn leave(mut self, outcome: &[u8]) -> io::Result<()> {
        insist(|| self.write(outcome), std::thread::sleep)
    }

    fn write(&mut self, outcome: &[u8]) -> io::Result<()> {
        if let Some(file) = self.file.take() {
            if outcome.len() <= ROOM && self.write_in_place(&file, outcome).is_ok() {
                return Ok(());
            }
            // What is written now may take its place.
            let _ = fs::remove_file(self.directory.reserved());
        }
        write_durably(&self.directory.outcome(), outcome)
    }

    fn write_in_place(&self, file: &File, outcome: &[u8]) -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        file.write_all_at(outcome, 0)?;
        file.set_len(outcome.len() as u64)?;
        file.sync_all()?;
        fs::rename(self.directory.reserved(), self.directory.outcome())?;
        // What is renamed is there; that the name is on the disk too is more than can be asked of one that is full.
        let _ = File::open(self.directory.path()).and_then(|directory| directory.sync_all());
        Ok(())
    }
}

/// Tries until it works, with growing pauses, as long as what stands in the way may pass.
fn insist(mut write: impl FnMut() -> io::Result<()>, mut pause: impl FnMut(Duration)) -> io::Result<()> {
    let mut length = Duration::from_millis(20);
    loop {
        match write() {
            Err(error) if may_pass(&error) => pause(length),
            result => return result,
        }
        length = (length * 2).min(LONGEST_PAUSE);
    }
}

/// Full, over its quota, read-only for a while, or failing.
fn may_pass(error: &io::Error) -> bool {
    use nix::errno::Errno;
    let passing = [
        Errno::ENOSPC,
        Errno::EDQUOT,
        Errno::EIO,
        Errno::EROFS,
        Errno::ENOMEM,
        Errno::EMFILE,
        Errno::ENFILE,
        Errno::EINTR,
        Errno::EAGAIN,
    ];
    error
        .raw_os_error()
        .is_some_and(|number| passing.contains(&Errno::from_raw(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> io::Error {
        io::Error::from_raw_os_error(nix::libc::ENOSPC)
    }

    #[test]
    fn an_outcome_waits_for_a_full_disk_and_not_for_what_does_not_pass() {
        let (mut tries, mut pauses) = (0, Vec::new());
        let written = insist(
            || {
                tries += 1;
                if tries < 20 { Err(full()) } else { Ok(()) }
            },
            |pause| pauses.push(pause),
        );
        assert!(written.is_ok());
        assert_eq!((pauses.len(), pauses.last()), (19, Some(&LONGEST_PAUSE)));
        let gone = insist(|| Err(io::ErrorKind::NotFound.into()), |_| panic!("it waits"));
        assert_eq!(gone.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn an_outcome_takes_the_room_that_was_kept_or_more() {
        for length in [2, ROOM, ROOM + 1] {
            let root = tempfile::tempdir().unwrap();
            let directory = AttemptDirectory::at(root.path().to_owned());
            let reserve = Reserve::take(&directory);
            assert_eq!(fs::metadata(directory.reserved()).unwrap().len(), ROOM as u64);
            let outcome = vec![b'x'; length];
            reserve.leave(&outcome).unwrap();
            assert_eq!(fs::read(directory.outcome()).unwrap(), outcome);
            assert!(!directory.reserved().exists());
        }
    }

    #[test]
    fn an_outcome_is_left_where_no_room_was() {
        let root = tempfile::tempdir().unwrap();
        let directory = AttemptDirectory::at(root.path().to_owned());
        fs::write(directory.reserved(), "").unwrap();
        Reserve::take(&directory).leave(b"{}").unwrap();
        assert_eq!(fs::read(directory.outcome()).unwrap(), b"{}");
    }
}
