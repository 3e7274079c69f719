//! What configuration is read from, as a value.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The surroundings of a process. Tests make their own; the program uses [`Sources::of_process`] once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// Environment; variables that are not UTF-8 are left out.
    pub environment: BTreeMap<String, String>,
    /// Working directory.
    pub directory: PathBuf,
    /// Home directory, when there is one.
    pub home: Option<PathBuf>,
    /// Where the system's configuration file is looked for: `/etc/sdm` outside tests.
    pub system: PathBuf,
}

impl Sources {
    /// Those of this process.
    ///
    /// # Errors
    /// The working directory does not exist any more.
    pub fn of_process() -> std::io::Result<Self> {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let environment: BTreeMap<String, String> = std::env::vars_os().filter_map(text).collect();
        let home = environment
            .get("HOME")
            .filter(|home| !home.is_empty())
            .map(PathBuf::from);
        Ok(Self {
            directory: std::env::current_dir()?,
            environment,
            home,
            system: PathBuf::from("/etc/sdm"),
        })
    }

    /// A variable that is set and not empty.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// A directory from the environment; relative ones are ignored, as the XDG base directory specification asks.
    pub fn directory_variable(&self, name: &str) -> Option<PathBuf> {
        self.variable(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    }

    /// `path` as people write it: `~/` is the home directory, relative ones are below `base`.
    pub fn resolve_path(&self, base: &Path, path: &Path) -> PathBuf {
        match (&self.home, path.strip_prefix("~")) {
            (Some(home), Ok(rest)) => home.join(rest),
            _ => base.join(path),
        }
    }

    /// The files of git's own configuration for this user, weakest first, as git finds them.
    pub fn git_configuration(&self) -> Vec<PathBuf> {
        let system = match self.variable("GIT_CONFIG_NOSYSTEM") {
            Some(_) => None,
            None => Some(PathBuf::from("/etc/gitconfig")),
        };
        let own = match self.variable("GIT_CONFIG_GLOBAL") {
            Some(file) => vec![PathBuf::from(file)],
            None => {
                let beside_ours = self.user_configuration_directory();
                let xdg = beside_ours.map(|ours| ours.with_file_name("git").join("config"));
                let home = self.home.as_ref().map(|home| home.join(".gitconfig"));
                xdg.into_iter().chain(home).collect()
            }
        };
        system.into_iter().chain(own).collect()
    }

    /// Directory of the user's configuration file.
    pub fn user_configuration_directory(&self) -> Option<PathBuf> {
        self.directory_variable("XDG_CONFIG_HOME")
            .or_else(|| self.home.as_ref().map(|home| home.join(".config")))
            .map(|directory| directory.join("sdm"))
    }
}
