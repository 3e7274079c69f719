//! Files that goals hand on to each other, and secrets that goals are given (semantics 3.17, 3.20), as goal files say it.

use serde::{Deserialize, Serialize};

/// Files of a goal: what it wants to find, what it leaves, and what it keeps for the next time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GoalFiles {
    /// Restored into the working copy before the goal's process.
    pub inputs: Vec<Input>,
    /// Kept after it.
    pub outputs: Vec<Output>,
    /// Dependency caches: restored before, saved after.
    pub caches: Vec<Cache>,
    /// When the goal need not run at all.
    pub unchanged: Option<Unchanged>,
}

impl GoalFiles {
    /// Whether nothing is to be done about files.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Who may find kept files, from narrow to wide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Goals of the same goal set.
    #[default]
    Set,
    /// Goals on the same branch, and on other branches when it is the default one.
    Branch,
    /// Goals of the same repository.
    Repo,
    /// Every goal of the machine.
    Machine,
}

impl Scope {
    /// The words of goal files, in the order of the variants.
    pub const WORDS: &'static [&'static str] = &["set", "branch", "repo", "machine"];
}

/// Files that a goal wants to find in its working copy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Input {
    /// Under which name they were kept; placeholders allowed.
    pub classifier: String,
    /// Where to look, the goal set always first.
    pub scope: Scope,
    /// Whether the goal fails without them.
    pub required: bool,
    /// What is run in the working copy when there are none.
    pub on_miss: Vec<Vec<String>>,
}

/// Whether the files of a goal that failed are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptOn {
    /// Only those of a goal that succeeded.
    #[default]
    Success,
    /// Also those of one that failed.
    Always,
}

impl KeptOn {
    /// The words of goal files.
    pub const WORDS: &'static [&'static str] = &["success", "always"];
}

/// Files that a goal leaves for others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Output {
    /// The name to keep them under; placeholders allowed.
    pub classifier: String,
    /// Globs below the root of the working copy; a directory that matches stands for all in it.
    pub paths: Vec<String>,
    /// Who may find them.
    pub scope: Scope,
    /// When they are kept.
    pub on: KeptOn,
}

/// Files worth keeping from one run to the next, such as downloaded dependencies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cache {
    /// Name; `${hash:GLOB}` stands for a digest of files of the commit.
    pub key: String,
    /// Beginnings of other keys to take the newest of, in this order, when there is none with the key.
    pub fallback: Vec<String>,
    /// Paths or globs below the working copy, or below the home directory when they begin with `~/`.
    pub paths: Vec<String>,
    /// Who may find them.
    pub scope: Scope,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            key: String::new(),
            fallback: Vec::new(),
            paths: Vec::new(),
            scope: Scope::Repo,
        }
    }
}

/// When a goal takes over an earlier success instead of running.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Unchanged {
    /// Globs of the files of the commit that its result depends on.
    pub inputs: Vec<String>,
    /// Variables of its environment that its result depends on as well.
    pub env: Vec<String>,
    /// Who made the earlier success: goals of the same branch (or the default one), or of the repository.
    pub scope: Scope,
}

/// A secret that a goal is given, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecretUse {
    /// A secret of the configuration, for the ways below.
    pub name: Option<String>,
    /// Variables to put it in, or variables with values of their own.
    pub env: Vec<SecretVariable>,
    /// File to write it to: a path below the working copy, or empty for a private one, named by `file_env`.
    pub file: Option<String>,
    /// Variable that names the file.
    pub file_env: Option<String>,
    /// Variable that names an open descriptor from which it is read.
    pub descriptor: Option<String>,
    /// Files with values of their own.
    pub file_mounts: Vec<SecretMount>,
}

/// A variable of the environment that carries a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecretVariable {
    /// The variable.
    pub name: String,
    /// What it carries, where the entry names no secret.
    pub value: Option<SecretValue>,
}

/// The working copy, as the original writes it in paths.
const PROJECT_IN_CONTAINERS: &str = "/atm/home/";

/// A file that carries a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecretMount {
    /// Where it is; below the working copy.
    pub mount_path: String,
    /// What it carries.
    pub value: SecretValue,
}

impl SecretMount {
    /// The file below the working copy that is meant.
    ///
    /// # Errors
    /// It would be elsewhere.
    pub fn path(&self) -> Result<String, String> {
        let path = &self.mount_path;
        let relative = path.strip_prefix(PROJECT_IN_CONTAINERS).unwrap_or(path);
        let is_elsewhere = relative.is_empty()
            || relative.starts_with(['/', '~'])
            || relative.split('/').any(|part| part == "..");
        match is_elsewhere {
            true => Err(format!(
                "a secret cannot be written to `{path}`: it is not below the working copy"
            )),
            false => Ok(relative.trim_start_matches("./").to_owned()),
        }
    }
}

/// The variable of a secret that asks for none: `npm-token` is `NPM_TOKEN`.
pub fn variable_of_secret(name: &str) -> String {
    let one = |c: char| match c.is_ascii_alphanumeric() {
        true => c.to_ascii_uppercase(),
        false => '_',
    };
    let text: String = name.chars().map(one).collect();
    match text.starts_with(|c: char| c.is_ascii_digit()) {
        true => format!("_{text}"),
        false => text,
    }
}

/// Where the value of a secret comes from, in the shape of the original (semantics 3.20).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecretValue {
    /// Secrets of the configuration with a type.
    pub provider: Option<SecretProvider>,
    /// A value that only the machine's key opens.
    pub encrypted: Option<String>,
}

/// Secrets of the configuration by their type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecretProvider {
    /// `docker`, `npm`, `maven2` or any other word.
    #[serde(rename = "type")]
    pub kind: String,
    /// Only these of that type.
    pub names: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_secrets_go_below_the_working_copy_only() {
        let path = |text: &str| {
            let mount = SecretMount {
                mount_path: text.to_owned(),
                ..SecretMount::default()
            };
            mount.path()
        };
        assert_eq!(path("/atm/home/.npmrc").as_deref(), Ok(".npmrc"));
        assert_eq!(path("./a/b").as_deref(), Ok("a/b"));
        for wrong in [
            "/elsewhere/.docker/config.json",
            "../x",
            "a/../../x",
            "~/.npmrc",
            "",
            "/atm/home/",
        ] {
            assert!(path(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_name_of_a_secret_is_a_variable() {
        assert_eq!(variable_of_secret("npm-token.2"), "NPM_TOKEN_2");
        assert_eq!(variable_of_secret("2fa"), "_2FA");
    }
}
