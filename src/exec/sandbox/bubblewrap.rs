//! The whole sandbox: namespaces of its own, made by `bwrap`.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use super::surroundings::{SECRET, SYSTEM, Surroundings};
use crate::ports::sandbox::SandboxOrder;

/// The program, found on the path.
pub(super) const PROGRAM: &str = "bwrap";

/// Whether it is there and may make namespaces: some systems forbid that to all but root.
pub(super) fn works() -> bool {
    let mut probe = Command::new(PROGRAM);
    probe
        .args([
            "--ro-bind",
            "/",
            "/",
            "--unshare-pid",
            "--unshare-ipc",
            "--unshare-net",
            "--proc",
            "/proc",
            "true",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

/// Everything before the command itself.
///
/// It is not told to die with its parent: asked to end, the command has its grace while `bwrap` is gone already, and the
/// supervisor above ends whatever is left.
pub(super) fn arguments(order: &SandboxOrder, surroundings: &Surroundings) -> Vec<OsString> {
    let mut arguments = Arguments::default();
    arguments.words(&[
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
        "--cap-drop",
        "ALL",
    ]);
    if !order.network {
        arguments.words(&["--unshare-net"]);
    }
    for path in SYSTEM {
        arguments.mount("--ro-bind-try", path.as_ref());
    }
    arguments.words(&[
        "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/var/tmp",
    ]);
    for path in SECRET.iter().map(Path::new).filter(|path| path.exists()) {
        arguments.hide(path);
    }
    if let Some(home) = surroundings.home() {
        arguments.0.extend(["--tmpfs".into(), home.into()]);
    }
    for path in surroundings.tools(&order.hidden).iter().chain(&order.readable) {
        arguments.mount("--ro-bind-try", path);
    }
    for path in order.hidden.iter().filter(|path| path.exists()) {
        arguments.hide(path);
    }
    // Named again where they lie below what was hidden.
    for path in order
        .readable
        .iter()
        .filter(|path| order.hidden.iter().any(|hidden| path.starts_with(hidden)))
    {
        arguments.mount("--ro-bind-try", path);
    }
    for path in &order.writable {
        arguments.mount("--bind", path);
    }
    arguments.words(&["--"]);
    arguments.0
}

#[derive(Default)]
struct Arguments(Vec<OsString>);

impl Arguments {
    fn words(&mut self, words: &[&str]) {
        self.0.extend(words.iter().map(OsString::from));
    }

    fn mount(&mut self, how: &str, path: &Path) {
        self.0.extend([how.into(), path.into(), path.into()]);
    }

    /// An empty directory in its place, or an empty file.
    fn hide(&mut self, path: &Path) {
        match path.is_dir() {
            true => self.0.extend(["--tmpfs".into(), path.into()]),
            false => self
                .0
                .extend(["--ro-bind".into(), "/dev/null".into(), path.into()]),
        }
    }
}
