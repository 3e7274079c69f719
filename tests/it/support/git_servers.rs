//! Real servers of git repositories, each with the mischief a test asks for: `git http-backend` (with TLS, logins,
//! redirects, stalls), a proxy that remembers, `git daemon` and `sshd`. All on 127.0.0.1 and gone when dropped.

mod http;
mod programs;
mod proxy;
mod tls;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) use http::{HttpServer, Mischief};
pub(crate) use programs::{SshServer, git_daemon};
pub(crate) use proxy::ProxyServer;
pub(crate) use tls::{Authority, TlsListener};

/// Whether an optional program may be missing; prints what to install, or fails when the environment requires it.
pub(crate) fn skipped(name: &str, install: &str) -> bool {
    let required = std::env::var_os("SDM_TEST_REQUIRE").unwrap_or_default();
    let is_required = required
        .to_string_lossy()
        .split(',')
        .any(|required| required.trim() == name);
    assert!(
        !is_required,
        "{name} is required and not there: install {install}"
    );
    println!("skipped: install {install}");
    true
}

/// A repository made with git itself, untouched by the configuration of whoever runs the tests.
pub(crate) struct TestRepository {
    pub(crate) path: PathBuf,
}

impl TestRepository {
    /// An empty repository with a working tree.
    pub(crate) fn init(path: &Path) -> Self {
        std::fs::create_dir_all(path).expect("the directory of a test is writable");
        let repository = Self {
            path: path.to_owned(),
        };
        repository.git(&["init", "-q", "-b", "main"]);
        repository
    }

    /// Runs git and returns what it printed.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        self.git_with(arguments, &[])
    }

    /// Runs git with something on its standard input.
    pub(crate) fn git_with(&self, arguments: &[&str], input: &[u8]) -> String {
        use std::io::Write;
        let mut child = hermetic(Command::new("git"), &self.path)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("git can be run");
        let mut stdin = child.stdin.take().expect("its input is a pipe");
        stdin.write_all(input).expect("git reads its input");
        drop(stdin);
        let output = child.wait_with_output().expect("git ends");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {complaint}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Commits one file and returns the commit's id.
    pub(crate) fn commit(&self, file: &str, content: &str) -> String {
        let path = self.path.join(file);
        let directory = path.parent().expect("a file has a directory");
        std::fs::create_dir_all(directory).expect("the directory of a test is writable");
        std::fs::write(&path, content).expect("the directory of a test is writable");
        self.git(&["add", "--", file]);
        self.git(&["commit", "-q", "-m", file]);
        self.git(&["rev-parse", "HEAD"])
    }
}

/// Without the configuration of system and user, with a name for commits.
pub(crate) fn hermetic(mut command: Command, directory: &Path) -> Command {
    command.current_dir(directory).env("HOME", directory);
    command
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
    for role in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{role}_NAME"), "Test")
            .env(format!("GIT_{role}_EMAIL"), "test@example.com");
    }
    command
}
