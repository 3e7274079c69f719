//! A real Postgres of the tests' own, on a socket in a temporary directory. It refuses to run as root, so that root starts
//! it as the user that Debian's package makes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The user who may run it when we are root.
const USER: &str = "postgres";

/// A server, ended with the test.
pub struct Postgres {
    directory: tempfile::TempDir,
}

impl Postgres {
    /// `None`, said aloud, when there is none here.
    pub fn start() -> Option<Self> {
        if program("initdb").is_none() {
            super::git_servers::skipped("postgres", "postgresql");
            return None;
        }
        // In /tmp, because the path of a socket must be short, and others must reach it.
        let directory = tempfile::Builder::new()
            .prefix("sdm-pg-")
            .tempdir_in("/tmp")
            .unwrap();
        let server = Self { directory };
        server.prepare();
        let data = server.data();
        run(
            "initdb",
            &[
                "-D",
                &data,
                "-A",
                "trust",
                "-U",
                USER,
                "--no-sync",
                "-E",
                "UTF8",
                "--locale=C",
            ],
        );
        let options = format!(
            "-c listen_addresses= -c unix_socket_directories={} -c fsync=off -c synchronous_commit=off -c full_page_writes=off",
            server.directory.path().display()
        );
        let log = server.directory.path().join("d/log").display().to_string();
        run(
            "pg_ctl",
            &["-D", &data, "-w", "-l", &log, "-o", &options, "start"],
        );
        Some(server)
    }

    /// The URL of its only database.
    pub fn url(&self) -> String {
        format!(
            "postgres://{USER}@localhost/postgres?host={}",
            self.directory.path().display()
        )
    }

    /// A database of this name with what `pg_dump` says of the first; its URL.
    pub fn copy_by_dump(&self, name: &str) -> String {
        let host = self.directory.path().display().to_string();
        let dump = self.directory.path().join("dump").display().to_string();
        let at_host = ["-h", &host, "-U", USER];
        run("pg_dump", &[&at_host[..], &["-f", &dump, "postgres"]].concat());
        run("createdb", &[&at_host[..], &[name]].concat());
        let quietly = ["-q", "-v", "ON_ERROR_STOP=1", "-f", &dump, name];
        run("psql", &[&at_host[..], &quietly].concat());
        self.url().replace("/postgres?", &format!("/{name}?"))
    }

    fn data(&self) -> String {
        self.directory.path().join("d").display().to_string()
    }

    /// The user who runs it owns its directory.
    fn prepare(&self) {
        if !nix::unistd::Uid::effective().is_root() {
            return;
        }
        let user = nix::unistd::User::from_name(USER).unwrap();
        let user = user.expect("the package postgresql makes the user postgres");
        nix::unistd::chown(self.directory.path(), Some(user.uid), Some(user.gid)).unwrap();
    }
}

impl Postgres {
    /// Leaves what is in the database where what tests leave is searched.
    fn leave(&self) {
        let Some(kept) = std::env::var_os("SDM_TEST_REMAINS") else {
            return;
        };
        let host = self.directory.path().display().to_string();
        let left = self.directory.path().join("left");
        let file = left.display().to_string();
        // Any other database here was copied from this one.
        let arguments = ["-h", &host, "-U", USER, "-f", &file, "postgres"];
        let _ = command("pg_dump", &arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let name = self.directory.path().file_name().unwrap_or_default();
        let _ = std::fs::copy(&left, Path::new(&kept).join(format!("{}.db", name.display())));
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.leave();
        let _ = command("pg_ctl", &["-D", &self.data(), "-m", "immediate", "stop"]).output();
    }
}

/// A program of Postgres, on `PATH` or where Debian has it.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let debian = versions.flatten().map(|version| version.path().join("bin"));
    std::env::split_paths(&path)
        .chain(debian)
        .map(|directory| directory.join(name))
        .find(|program| program.is_file())
}

fn command(name: &str, arguments: &[&str]) -> Command {
    let program: OsString = program(name).expect("looked for before").into();
    let mut command = match nix::unistd::Uid::effective().is_root() {
        true => {
            let mut command = Command::new("runuser");
            command.args(["-u", USER, "--"]).arg(program);
            command
        }
        false => Command::new(program),
    };
    command
        .args(arguments)
        .current_dir(Path::new("/"))
        .stdin(Stdio::null());
    command
}

fn run(name: &str, arguments: &[&str]) {
    // Into nothing rather than into a pipe, which the server would hold open.
    let status = command(name, arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{name} failed");
}
