//! What an inspection in containers reports, kept for the step that reads it. It is hostile: no link is followed to it, and
//! it has a limit.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::ports::containers::{ReportFrom, WantedReport};
use crate::runtime::directory::Directory;
use crate::runtime::matching;

use super::exchange::Places;

/// Takes away what lies in its place from before, or notes it where it may be more than reports: that is no report of this run.
///
/// # Errors
/// It cannot be removed, or looked at.
pub(super) fn make_room(wanted: &WantedReport, places: &Places) -> io::Result<()> {
    let path = match &wanted.from {
        ReportFrom::Output => return Ok(()),
        ReportFrom::Files(glob) => return note_before(glob, places),
        ReportFrom::File(path) => path,
    };
    match Directory::holding(&places.project, path) {
        Ok((directory, name)) => directory.make_room(&name),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Keeps what matches already, unless a driver before us has: then the containers may have begun.
fn note_before(glob: &str, places: &Places) -> io::Result<()> {
    let note = places.kept_report();
    if note.exists() {
        return Ok(());
    }
    let found = matching::files(&places.project, glob)?;
    kept_file(&note)?.write_all(&serde_json::to_vec(&found)?)
}

/// Keeps the file that was left in the working copy; none is an empty report.
///
/// # Errors
/// It is no file, or cannot be read or kept.
pub(super) fn take_in(wanted: &WantedReport, places: &Places) -> io::Result<()> {
    let ReportFrom::File(path) = &wanted.from else {
        return Ok(());
    };
    let found = Directory::holding(&places.project, path);
    let opened = found.and_then(|(directory, name)| directory.open_file(&name));
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a file"));
    }
    let mut kept = kept_file(&places.kept_report())?;
    io::copy(&mut file.take(wanted.limit), &mut kept).map(drop)
}

/// For whoever reads it later, and nobody else.
fn kept_file(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).mode(0o600).open(path)
}

/// Standard output that is kept instead of shown.
pub(super) struct KeptOutput {
    file: File,
    left: u64,
}

impl KeptOutput {
    /// # Errors
    /// It cannot be kept.
    pub(super) fn new(wanted: &WantedReport, places: &Places) -> io::Result<Self> {
        Ok(Self {
            file: kept_file(&places.kept_report())?,
            left: wanted.limit,
        })
    }

    /// Takes in a piece; what is beyond the limit is dropped. A report that cannot be written whole is none.
    pub(super) fn take(&mut self, piece: &[u8]) {
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(piece.len());
        self.left -= length as u64;
        if self.file.write_all(&piece[..length]).is_err() {
            self.left = 0;
            let _ = self.file.set_len(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn places(top: &Path) -> Places {
        for name in ["project/sub", "output"] {
            std::fs::create_dir_all(top.join(name)).unwrap();
        }
        let place = |name: &str| top.join(name).to_string_lossy().into_owned();
        let contract = [
            ("ATOMIST_PROJECT_DIR", place("project")),
            ("ATOMIST_INPUT_DIR", place("input")),
            ("ATOMIST_OUTPUT_DIR", place("output")),
        ];
        let contract = contract.map(|(name, path)| (name.to_owned(), path));
        Places::of_contract(&BTreeMap::from(contract)).unwrap()
    }

    fn file(path: &str) -> WantedReport {
        WantedReport {
            from: ReportFrom::File(path.to_owned()),
            limit: 5,
        }
    }

    #[test]
    fn b5_a_report_is_a_file_of_the_working_copy_and_has_a_limit() {
        let top = tempfile::tempdir().unwrap();
        let places = places(top.path());
        let report = places.project.join("sub/report");
        std::fs::write(&report, "old").unwrap();
        make_room(&file("sub/report"), &places).unwrap();
        assert!(!report.exists());
        take_in(&file("sub/report"), &places).unwrap();
        assert!(!places.kept_report().exists());
        std::fs::write(&report, "0123456789").unwrap();
        take_in(&file("sub/report"), &places).unwrap();
        assert_eq!(std::fs::read_to_string(places.kept_report()).unwrap(), "01234");

        let secret = top.path().join("secret");
        std::fs::write(&secret, "canary").unwrap();
        std::os::unix::fs::symlink(&secret, places.project.join("link")).unwrap();
        std::os::unix::fs::symlink(top.path(), places.project.join("up")).unwrap();
        nix::unistd::mkfifo(&places.project.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for refused in ["link", "up/secret", "fifo", "sub", "../secret", "", "/etc/passwd"] {
            assert!(take_in(&file(refused), &places).is_err(), "{refused}");
        }
        assert_eq!(std::fs::read_to_string(places.kept_report()).unwrap(), "01234");
        make_room(&file("link"), &places).unwrap();
        assert!(secret.exists());
    }

    #[test]
    fn in_03_what_matches_before_the_containers_begin_is_noted_once() {
        let top = tempfile::tempdir().unwrap();
        let places = places(top.path());
        std::fs::write(places.project.join("sub/old.xml"), "old").unwrap();
        let wanted = WantedReport {
            from: ReportFrom::Files("sub/*.xml".to_owned()),
            limit: 5,
        };
        make_room(&wanted, &places).unwrap();
        std::fs::write(places.project.join("sub/new.xml"), "new").unwrap();
        make_room(&wanted, &places).unwrap();
        take_in(&wanted, &places).unwrap();
        let noted = std::fs::read_to_string(places.kept_report()).unwrap();
        assert!(
            noted.contains("sub/old.xml") && !noted.contains("sub/new.xml"),
            "{noted}"
        );
        assert!(
            places.project.join("sub/old.xml").exists(),
            "it may be more than a report"
        );
    }

    #[test]
    fn e7_output_beyond_the_limit_is_dropped() {
        let top = tempfile::tempdir().unwrap();
        let places = places(top.path());
        let wanted = WantedReport {
            from: ReportFrom::Output,
            limit: 6,
        };
        let mut kept = KeptOutput::new(&wanted, &places).unwrap();
        for piece in ["abc", "defgh", "ijk"] {
            kept.take(piece.as_bytes());
        }
        assert_eq!(std::fs::read_to_string(places.kept_report()).unwrap(), "abcdef");
    }
}
