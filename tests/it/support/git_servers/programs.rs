//! Servers that are programs: `git daemon` and `sshd`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};

use super::{hermetic, skipped};

/// A program that serves until it is dropped.
pub(crate) struct Served {
    child: std::process::Child,
    pub(crate) port: u16,
}

impl Drop for Served {
    fn drop(&mut self) {
        // Its whole group: `git daemon` starts a program per connection.
        let group = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

async fn serve_program(mut command: Command, port: u16) -> Served {
    use std::os::unix::process::CommandExt;
    let child = command
        .process_group(0)
        .stdin(Stdio::null())
        .spawn()
        .expect("the server can be run");
    let served = Served { child, port };
    let ready = async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ready)
        .await
        .expect("the server listens in time");
    served
}

async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    listener.local_addr().expect("a listener has an address").port()
}

/// `git daemon` for the repositories beneath `root`.
pub(crate) async fn git_daemon(root: &Path) -> Served {
    let port = free_port().await;
    let mut command = hermetic(Command::new("git"), root);
    command.args(["daemon", "--export-all", "--listen=127.0.0.1", "--reuseaddr"]);
    command
        .arg(format!("--base-path={}", root.display()))
        .arg(format!("--port={port}"));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    serve_program(command, port).await
}

/// A real `sshd` that lets one key in, and the command that has the key.
pub(crate) struct SshServer {
    pub(crate) served: Served,
    pub(crate) ssh_command: Vec<String>,
    _directory: TempDir,
}

impl SshServer {
    /// `None` when there is no `sshd`.
    pub(crate) async fn start() -> Option<Self> {
        let sshd = ["/usr/sbin/sshd", "/usr/local/sbin/sshd"]
            .map(Path::new)
            .into_iter()
            .find(|path| path.exists());
        let Some(sshd) = sshd else {
            skipped("sshd", "openssh-server");
            return None;
        };
        let directory = tempfile::tempdir().expect("a directory can be made");
        let path = directory.path();
        for key in ["host", "user"] {
            let mut keygen = Command::new("ssh-keygen");
            keygen
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(path.join(key));
            assert!(keygen.status().expect("ssh-keygen can be run").success());
        }
        // sshd run by root wants the directory of its separated process.
        let _ = std::fs::create_dir_all("/run/sshd");
        let port = free_port().await;
        let at = path.display();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {at}/host\nAuthorizedKeysFile {at}/user.pub\n\
             UsePAM no\nStrictModes no\nPidFile {at}/pid\nPasswordAuthentication no\n"
        );
        std::fs::write(path.join("config"), config).expect("the directory of a test is writable");
        let mut command = Command::new(sshd);
        command
            .arg("-D")
            .arg("-f")
            .arg(path.join("config"))
            .stderr(Stdio::null());
        let served = serve_program(command, port).await;
        let ssh_command = format!(
            "ssh -F none -i {at}/user -o IdentitiesOnly=yes -o StrictHostKeyChecking=no \
             -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
        );
        Some(Self {
            served,
            ssh_command: ssh_command.split(' ').map(str::to_owned).collect(),
            _directory: directory,
        })
    }
}
