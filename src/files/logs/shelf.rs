//! A directory of logs.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use async_trait::async_trait;

use super::super::shelf::blocking;
use super::{file_of, pack_all, unpacked};
use crate::config::private_directory;
use crate::ports::hub::{FilePlace, LogName, RestedLogs};

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

    fn path(&self, name: &LogName) -> PathBuf {
        let (directory, file) = file_of(name);
        self.directory.join(directory).join(file)
    }

    fn write(&self, name: &LogName, parts: &[String]) -> io::Result<Vec<FilePlace>> {
        let path = self.path(name);
        let directory = path.parent().unwrap_or(&self.directory);
        private_directory(&self.directory)?;
        private_directory(directory)?;
        let mut file = tempfile::Builder::new().prefix(".log-").tempfile_in(directory)?;
        let places = pack_all(parts, |packed| file.write_all(packed))?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        File::open(directory)?.sync_all()?;
        Ok(places)
    }

    fn look_up(&self, name: &LogName, place: FilePlace) -> io::Result<Option<String>> {
        let mut file = match File::open(self.path(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        file.seek(SeekFrom::Start(place.at))?;
        unpacked(file.take(place.length)).map(Some)
    }

    fn delete(&self, name: &LogName) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl RestedLogs for LogShelf {
    fn place(&self) -> String {
        self.directory.display().to_string()
    }

    async fn put(&self, name: &LogName, parts: &[String]) -> io::Result<Vec<FilePlace>> {
        let (shelf, name, parts) = (self.clone(), name.clone(), parts.to_vec());
        blocking(move || shelf.write(&name, &parts)).await
    }

    async fn read(&self, name: &LogName, place: FilePlace) -> io::Result<Option<String>> {
        let (shelf, name) = (self.clone(), name.clone());
        blocking(move || shelf.look_up(&name, place)).await
    }

    async fn remove(&self, name: &LogName) -> io::Result<()> {
        let (shelf, name) = (self.clone(), name.clone());
        blocking(move || shelf.delete(&name)).await
    }
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
        let places = shelf.write(&hostile, &parts).unwrap();
        assert_eq!(
            shelf.look_up(&hostile, places[1]).unwrap().unwrap().trim(),
            parts[1]
        );
        assert_eq!(
            shelf.look_up(&hostile, places[0]).unwrap().unwrap().trim(),
            parts[0]
        );
        let outside: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
        assert_eq!(outside.len(), 1, "everything lies in the directory of logs");
        assert_eq!(shelf.look_up(&name("other"), places[0]).unwrap(), None);
        // Longer by a part, the first ones lie where they lay.
        let longer = [parts[0].clone(), parts[1].clone(), "[\"three\"]".to_owned()];
        assert_eq!(shelf.write(&hostile, &longer).unwrap()[..2], places);
        shelf.delete(&hostile).unwrap();
        shelf.delete(&hostile).unwrap();
        assert_eq!(shelf.look_up(&hostile, places[0]).unwrap(), None);
    }
}
