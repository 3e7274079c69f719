//! Files of logs that have rested: one for each, of parts that are compressed by themselves, so that reading may begin at any.
//! The names of files are digests; nothing that anybody calls a goal is part of a path (threat G8).

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::config::private_directory;
use crate::ports::hub::{FilePlace, LogName};

/// Largest part that is unpacked.
const LARGEST_PART: u64 = 16 * 1024 * 1024;

/// A directory of logs.
#[derive(Debug, Clone)]
pub struct LogShelf {
    directory: PathBuf,
}

impl LogShelf {
    /// Nothing is made yet.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes the parts of a log, in place of the file it may have; where each of them is. After a crash the file is the
    /// old one or the new one.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put(&self, name: &LogName, parts: &[String]) -> io::Result<Vec<FilePlace>> {
        let path = self.path(name);
        let directory = path.parent().unwrap_or(&self.directory);
        private_directory(&self.directory)?;
        private_directory(directory)?;
        let mut file = tempfile::Builder::new().prefix(".log-").tempfile_in(directory)?;
        let (mut places, mut at) = (Vec::new(), 0);
        for part in parts {
            let packed = packed(part)?;
            file.write_all(&packed)?;
            let length = packed.len() as u64;
            places.push(FilePlace { at, length });
            at += length;
        }
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        File::open(directory)?.sync_all()?;
        Ok(places)
    }

    /// A part of a log; `None` when its file is not there.
    ///
    /// # Errors
    /// It is there and cannot be read, or is not what was written.
    pub fn read(&self, name: &LogName, place: FilePlace) -> io::Result<Option<String>> {
        let mut file = match File::open(self.path(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        file.seek(SeekFrom::Start(place.at))?;
        let mut text = String::new();
        GzDecoder::new(file.take(place.length))
            .take(LARGEST_PART)
            .read_to_string(&mut text)?;
        Ok(Some(text))
    }

    /// Removes the file of a log, if there is one.
    ///
    /// # Errors
    /// It is there and stays.
    pub fn remove(&self, name: &LogName) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn path(&self, name: &LogName) -> PathBuf {
        let named = format!("{}\0{}\0{}", name.workspace, name.goal, name.attempt);
        let digest = hex::encode(digest::digest(&digest::SHA256, named.as_bytes()));
        self.directory.join(&digest[..2]).join(format!("{digest}.log.gz"))
    }
}

fn packed(text: &str) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes())?;
    encoder.write_all(b"\n")?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(goal: &str) -> LogName {
        LogName {
            workspace: "w".to_owned(),
            goal: goal.to_owned(),
            attempt: 1,
        }
    }

    #[test]
    fn g8_names_are_no_paths_and_each_part_is_read_by_itself() {
        let directory = tempfile::tempdir().unwrap();
        let shelf = LogShelf::new(directory.path().join("logs"));
        let hostile = name("../../../etc/cron.d/x");
        let parts = ["[\"one\"]".to_owned(), "[\"two\"]".to_owned()];
        let places = shelf.put(&hostile, &parts).unwrap();
        assert_eq!(shelf.read(&hostile, places[1]).unwrap().unwrap().trim(), parts[1]);
        assert_eq!(shelf.read(&hostile, places[0]).unwrap().unwrap().trim(), parts[0]);
        let outside: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
        assert_eq!(outside.len(), 1, "everything lies in the directory of logs");
        assert_eq!(shelf.read(&name("other"), places[0]).unwrap(), None);
        // Longer by a part, the first ones lie where they lay.
        let longer = [parts[0].clone(), parts[1].clone(), "[\"three\"]".to_owned()];
        assert_eq!(shelf.put(&hostile, &longer).unwrap()[..2], places);
        shelf.remove(&hostile).unwrap();
        shelf.remove(&hostile).unwrap();
        assert_eq!(shelf.read(&hostile, places[0]).unwrap(), None);
    }
}
