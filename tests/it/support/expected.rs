//! Files that hold what the program says, checked in.

use std::path::Path;

/// Whether to write what is said instead of comparing.
pub fn updates() -> bool {
    std::env::var_os("SDM_TEST_UPDATE").is_some_and(|value| value == "1")
}

/// The file holds exactly this text; with `SDM_TEST_UPDATE=1` it does afterwards.
pub fn expect_file(path: &Path, text: &str) {
    if updates() {
        std::fs::write(path, text).unwrap();
        return;
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == text,
        "{} is not what is said now (SDM_TEST_UPDATE=1 writes it):\n{}",
        path.display(),
        first_difference(&written, text)
    );
}

fn first_difference(written: &str, said: &str) -> String {
    let mut lines = said.lines();
    for (number, line) in written.lines().enumerate() {
        let now = lines.next();
        if now != Some(line) {
            return format!(
                "line {}\n  written: {line}\n  said:    {}",
                number + 1,
                now.unwrap_or("(nothing)")
            );
        }
    }
    format!(
        "after the last line\n  said:    {}",
        lines.next().unwrap_or("(a line break)")
    )
}
