//! What is published can be checked by the steps that `SECURITY.md` names, and those find whatever was altered (threat K6).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::git_servers::skipped;

/// What somebody has who wants to install a version: what was published, and who signs.
struct Published {
    directory: tempfile::TempDir,
}

impl Published {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn archive(&self) -> PathBuf {
        let files = std::fs::read_dir(self.directory.path()).unwrap();
        let mut paths = files.map(|file| file.unwrap().path());
        paths
            .find(|path| path.extension().is_some_and(|end| end == "gz"))
            .unwrap()
    }

    /// The documented steps, as they stand in `SECURITY.md`.
    fn is_genuine(&self) -> bool {
        let text = std::fs::read_to_string(root().join("SECURITY.md")).unwrap();
        let (_, steps) = text.split_once("```sh\n").expect("the steps");
        let (steps, _) = steps.split_once("```").unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-e", "-c", steps]).current_dir(self.directory.path());
        let checked = shell.stdout(Stdio::null()).stderr(Stdio::null()).status();
        checked.unwrap().success()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn make_key(directory: &Path, name: &str) -> Option<PathBuf> {
    let key = directory.join(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "release", "-f"])
        .arg(&key)
        .status();
    made.ok()?.success().then_some(key)
}

/// What is published of a program, signed with this key; its owner is who signs.
fn published(key: &Path, signer: &Path) -> Published {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("program");
    std::fs::write(&program, "#!/bin/sh\n").unwrap();
    let made = Command::new(root().join(".ci/release"))
        .arg(directory.path())
        .args([
            "--key".as_ref(),
            key.as_os_str(),
            "--program".as_ref(),
            program.as_os_str(),
        ])
        .env("SOURCE_DATE_EPOCH", "1800000000")
        .status()
        .unwrap();
    assert!(made.success());
    let public = std::fs::read_to_string(signer.with_extension("pub")).unwrap();
    std::fs::write(
        directory.path().join("sdm-signers"),
        format!("release@sdm {public}"),
    )
    .unwrap();
    Published { directory }
}

#[test]
fn k6_whatever_is_altered_of_a_release_is_found_by_the_documented_steps() {
    let keys = tempfile::tempdir().unwrap();
    let (Some(own), Some(other)) = (make_key(keys.path(), "own"), make_key(keys.path(), "other")) else {
        skipped("ssh-keygen", "git");
        return;
    };
    let genuine = published(&own, &own);
    assert!(genuine.is_genuine());
    let again = published(&own, &own);
    assert_eq!(
        std::fs::read(genuine.archive()).unwrap(),
        std::fs::read(again.archive()).unwrap(),
        "the same bytes whoever makes it"
    );
    let alter = |path: &Path| {
        let mut bytes = std::fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    alter(&again.archive());
    assert!(!again.is_genuine(), "an archive");
    let sums = Command::new("sh")
        .args(["-c", "sha256sum *.tar.gz > SHA256SUMS"])
        .current_dir(again.directory.path())
        .status();
    assert!(sums.unwrap().success());
    assert!(!again.is_genuine(), "with its checksum");
    assert!(!published(&other, &own).is_genuine(), "signed by somebody else");
    let unsigned = published(&own, &own);
    std::fs::remove_file(unsigned.path("SHA256SUMS.sig")).unwrap();
    assert!(!unsigned.is_genuine(), "not signed at all");
}
