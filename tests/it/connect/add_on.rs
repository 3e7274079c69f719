//! The add-on: node with the official framework, installed from the registry once.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::support::git_servers::skipped;

/// Files of the add-on.
const FILES: [(&str, &str); 4] = [
    ("package.json", include_str!("original/package.json")),
    ("package-lock.json", include_str!("original/package-lock.json")),
    (
        "atlassian-connect.json",
        include_str!("original/atlassian-connect.json"),
    ),
    ("index.js", include_str!("original/index.js")),
];

/// A running add-on; it ends with this.
pub struct AddOn {
    /// Address without a path.
    pub origin: String,
    /// Path below which it lives.
    pub base: String,
    /// Both together.
    pub base_url: String,
    _process: Child,
}

impl AddOn {
    /// Starts it; `None` when node is not here and nobody requires it.
    pub async fn start(base: &str, keys_url: &str) -> Option<Self> {
        let directory = installed()?;
        let port = free_port();
        let mut process = Command::new("node")
            .arg("index.js")
            .current_dir(directory)
            .env("PORT", port.to_string())
            .env("BASE_PATH", base)
            .env("CONNECT_KEYS_CDN_URL", keys_url)
            .env_remove("AC_OPTS")
            .env("NO_PROXY", "*")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let listens = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line == "listening" {
                    return;
                }
            }
            panic!("the add-on ended before it listened");
        };
        tokio::time::timeout(Duration::from_secs(60), listens)
            .await
            .unwrap();
        let origin = format!("http://127.0.0.1:{port}");
        Some(Self {
            base_url: format!("{origin}{base}"),
            origin,
            base: base.to_owned(),
            _process: process,
        })
    }
}

/// A port that nobody listens on now.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// The directory of the add-on with its packages, made once and kept for later runs.
fn installed() -> Option<PathBuf> {
    static DIRECTORY: OnceLock<Option<PathBuf>> = OnceLock::new();
    DIRECTORY.get_or_init(install).clone()
}

fn install() -> Option<PathBuf> {
    if !has("node") || !has("npm") {
        skipped("npm", "nodejs and npm");
        return None;
    }
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("connect-express");
    let lock = kept.with_extension("lock");
    std::fs::create_dir_all(kept.parent().unwrap()).unwrap();
    // Tests run in processes of their own: one installs, the others wait.
    let lock = std::fs::File::create(lock).unwrap();
    lock.lock().unwrap();
    let is_fresh = std::fs::read_to_string(kept.join("installed")).is_ok_and(|text| text == FILES[1].1);
    if !is_fresh {
        let _ = std::fs::remove_dir_all(&kept);
        std::fs::create_dir_all(&kept).unwrap();
    }
    for (name, text) in FILES {
        std::fs::write(kept.join(name), text).unwrap();
    }
    if !is_fresh {
        npm_install(&kept);
        std::fs::write(kept.join("installed"), FILES[1].1).unwrap();
    }
    Some(kept)
}

fn npm_install(directory: &Path) {
    let flags = [
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--omit=optional",
    ];
    let output = std::process::Command::new("npm")
        .args(flags)
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "npm: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn has(program: &str) -> bool {
    std::process::Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}
