//! Where the values of secrets come from.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::sealed::LARGEST_VALUE;
use crate::model::time::humane;
use crate::ports::secrets::SHORTEST_SECRET;

/// Most bytes of what a command complains about that are passed on.
const LONGEST_COMPLAINT: u64 = 500;

/// A file's text without its last line end.
///
/// # Errors
/// Why not, as a fragment that names nothing of the content.
pub(super) fn read_file(path: &Path) -> Result<SecretString, String> {
    let doing = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(doing)?;
    if !file.metadata().map_err(doing)?.is_file() {
        return Err(format!("{} is not a file", path.display()));
    }
    let mut bytes = Vec::new();
    let limit = LARGEST_VALUE as u64 + 1;
    file.take(limit).read_to_end(&mut bytes).map_err(doing)?;
    text(bytes)
}

/// What a command prints, without its last line end. Its own complaints are passed on, its output never is.
///
/// # Errors
/// It cannot be started, fails, prints too much, or takes too long.
pub(super) async fn ask(argv: &[String], timeout: Duration) -> Result<SecretString, String> {
    let (program, arguments) = argv.split_first().ok_or("no command is given")?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command
        .spawn()
        .map_err(|error| format!("failed to start `{program}`: {error}"))?;
    let (Some(mut out), Some(mut err)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(format!("the output of `{program}` is not connected"));
    };
    let (mut answer, mut complaint) = (Vec::new(), Vec::new());
    let limit = LARGEST_VALUE as u64 + 1;
    let reading = async {
        let mut out = (&mut out).take(limit);
        let mut err = (&mut err).take(LONGEST_COMPLAINT);
        let both = tokio::join!(out.read_to_end(&mut answer), err.read_to_end(&mut complaint));
        both.0.and(both.1)?;
        child.wait().await
    };
    match tokio::time::timeout(timeout, reading).await {
        Err(_) => Err(format!("`{program}` took longer than {}", humane(timeout))),
        Ok(Err(error)) => Err(format!("`{program}` cannot be heard: {error}")),
        Ok(Ok(status)) if !status.success() => {
            let complaint = without_answer(&complaint, &answer);
            Err(format!("`{program}` failed ({status}): {}", complaint.trim()))
        }
        Ok(Ok(_)) => text(answer),
    }
}

/// What a command complains about, without the lines it printed as its answer: those may be the secret.
fn without_answer(complaint: &[u8], answer: &[u8]) -> String {
    let answer = String::from_utf8_lossy(answer);
    let lines = answer.lines().map(str::trim);
    let telling = lines.filter(|line| line.chars().count() >= SHORTEST_SECRET);
    let complaint = String::from_utf8_lossy(complaint).into_owned();
    telling.fold(complaint, |text, line| text.replace(line, "***"))
}

fn text(mut bytes: Vec<u8>) -> Result<SecretString, String> {
    if bytes.len() > LARGEST_VALUE {
        return Err(format!("it is longer than {LARGEST_VALUE} bytes"));
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    if bytes.contains(&0) {
        return Err("it holds a NUL byte".to_owned());
    }
    String::from_utf8(bytes)
        .map(SecretString::from)
        .map_err(|_| "it is not UTF-8".to_owned())
}

/// Whether a value is too short to be kept out of logs.
pub(super) fn is_trivial(value: &SecretString) -> bool {
    value.expose_secret().trim().chars().count() < SHORTEST_SECRET
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    async fn asked(argv: &[&str]) -> Result<String, String> {
        let answer = ask(&words(argv), Duration::from_secs(5)).await?;
        Ok(answer.expose_secret().to_owned())
    }

    #[tokio::test]
    async fn e3_a_command_answers_or_says_why_not_without_its_output() {
        assert_eq!(
            asked(&["printf", "se\ncret\r\n"]).await,
            Ok("se\ncret".to_owned())
        );
        let failed = asked(&["sh", "-c", "echo hunter2; echo 'vault is sealed' >&2; exit 3"]).await;
        assert_eq!(
            failed,
            Err("`sh` failed (exit status: 3): vault is sealed".to_owned())
        );
        let telling = asked(&[
            "sh",
            "-c",
            "echo hunter2; echo 'cannot open hunter2!' >&2; exit 1",
        ])
        .await;
        assert_eq!(
            telling,
            Err("`sh` failed (exit status: 1): cannot open ***!".to_owned())
        );
        assert!(
            asked(&["/nowhere/x"])
                .await
                .unwrap_err()
                .contains("failed to start")
        );
        assert!(
            asked(&["head", "-c", "70000", "/dev/zero"])
                .await
                .unwrap_err()
                .contains("longer than")
        );
        assert!(asked(&["printf", "a\\000b"]).await.unwrap_err().contains("NUL"));
        let late = ask(&words(&["sleep", "30"]), Duration::from_millis(50)).await;
        assert!(late.unwrap_err().contains("took longer"));
    }

    #[test]
    fn a_file_is_read_within_limits() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, "hunter2\n").unwrap();
        assert_eq!(read_file(&path).unwrap().expose_secret(), "hunter2");
        assert!(read_file(directory.path()).unwrap_err().contains("is not a file"));
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert_eq!(read_file(&path).unwrap_err(), "it is not UTF-8");
        assert!(is_trivial(&" abc\n".into()) && !is_trivial(&"abcd".into()));
    }
}
