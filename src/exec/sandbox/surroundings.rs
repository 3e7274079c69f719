//! What of the computer a command needs to work: the system, and the tools of its user; and what it never needs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The system itself.
pub(super) const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc",
    "/opt",
    "/nix",
    "/gnu",
    "/snap",
    "/sys",
    "/run/systemd/resolve",
    "/run/current-system",
];

/// What is hidden of it: passwords, keys of the computer, and what the machine itself is configured with.
pub(super) const SECRET: &[&str] = &[
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/sdm",
    "/etc/ssl/private",
    "/etc/ssh",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/krb5.keytab",
    "/etc/docker",
    "/etc/containers/auth.json",
    "/etc/kubernetes",
    "/etc/rancher",
    "/etc/letsencrypt",
    "/etc/pki/tls/private",
    "/etc/wireguard",
    "/etc/NetworkManager/system-connections",
    "/etc/security/opasswd",
];

/// Tools below a home directory: programs and what they were given, without anybody's credentials.
const TOOLS: &[&str] = &[
    ".cargo/bin",
    ".cargo/registry",
    ".cargo/git",
    ".cargo/config.toml",
    ".cargo/env",
    ".rustup",
    ".pyenv",
    ".nvm",
    ".rbenv",
    ".sdkman",
    ".asdf",
    ".volta",
    ".bun",
    ".deno",
    ".goenv",
    ".jenv",
    ".local/bin",
    ".local/lib",
    ".local/share/mise",
    ".local/share/uv",
    "go",
];

/// What is a tool's of the home of Rust's, which also holds tokens.
const CARGO: &[&str] = &["bin", "registry", "git", "config.toml", "env"];

/// Variables that name where a tool is, besides those that end in `_HOME`.
const PLACES: &[&str] = &[
    "GOPATH",
    "GOROOT",
    "NVM_DIR",
    "PYENV_ROOT",
    "VIRTUAL_ENV",
    "NODE_PATH",
];

/// The environment of the command.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Its variables.
    pub variables: BTreeMap<String, String>,
}

impl Surroundings {
    /// Those of this process, which the command will have.
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self {
            variables: std::env::vars_os().filter_map(text).collect(),
        }
    }

    /// The home directory, unless that is no directory of somebody's own.
    pub(super) fn home(&self) -> Option<PathBuf> {
        let home = PathBuf::from(self.variables.get("HOME")?);
        (home.is_absolute() && home.parent().is_some()).then_some(home)
    }

    /// Tools outside of the system: those of the home directory, those that variables name, those on the path. Never a
    /// directory that holds one of `closed`.
    pub(super) fn tools(&self, closed: &[PathBuf]) -> Vec<PathBuf> {
        let home = self.home();
        let below_home = home
            .iter()
            .flat_map(|home| TOOLS.iter().map(|tool| home.join(tool)));
        let on_path = self.variables.get("PATH").map(String::as_str).unwrap_or_default();
        let named = self
            .variables
            .iter()
            .filter_map(|(name, value)| named_by(name, value));
        let all = below_home
            .chain(named.flatten())
            .chain(on_path.split(':').map(PathBuf::from));
        let mut tools: Vec<PathBuf> = all
            .filter(|path| path.is_absolute() && path.exists())
            .filter(|path| !SYSTEM.iter().any(|system| path.starts_with(system)))
            .filter(|path| !closed.iter().chain(&home).any(|closed| closed.starts_with(path)))
            .collect();
        tools.sort();
        tools.dedup();
        tools
    }
}

/// Where a variable says that a tool is.
fn named_by(name: &str, value: &str) -> Option<Vec<PathBuf>> {
    let path = Path::new(value);
    match name {
        "HOME" => None,
        "CARGO_HOME" => Some(CARGO.iter().map(|part| path.join(part)).collect()),
        _ if name.starts_with("XDG_") => None,
        _ if name.ends_with("_HOME") || PLACES.contains(&name) => Some(vec![path.to_owned()]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i2_tools_are_seen_and_nothing_that_holds_what_is_hidden() {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().join("home");
        for name in [".rustup", ".cargo/bin", ".ssh", "state", "jdk"] {
            std::fs::create_dir_all(home.join(name)).unwrap();
        }
        let text = |path: &Path| path.display().to_string();
        let variables = [
            ("HOME", text(&home)),
            ("JAVA_HOME", text(&home.join("jdk"))),
            ("EVIL_HOME", text(&home)),
            ("STATE_HOME", text(&home.join("state"))),
            ("XDG_CONFIG_HOME", text(&home.join(".ssh"))),
            ("PATH", format!("/usr/bin:{}", text(directory.path()))),
        ];
        let surroundings = Surroundings {
            variables: variables.map(|(name, value)| (name.to_owned(), value)).into(),
        };
        let tools = surroundings.tools(&[home.join("state")]);
        assert_eq!(
            tools,
            [home.join(".cargo/bin"), home.join(".rustup"), home.join("jdk")]
        );
    }
}
