//! Which names of a tree may become names on disk (threat B1).
//!
//! Git itself would refuse these; so do we, before anything is written. Besides the plain `.git` there are its look-alikes on
//! file systems that fold names: a workspace may lie on one of them, or be copied to one.

/// Why a name may not be written; `None` when it may.
pub(crate) fn refusal(name: &[u8]) -> Option<&'static str> {
    if name.is_empty() || name == b"." || name == b".." {
        return Some("it is not a name");
    }
    if name.contains(&b'/') || name.contains(&0) {
        return Some("it has a character that no name may have");
    }
    if name.len() > 255 {
        return Some("it is longer than 255 bytes");
    }
    if is_git_on_ntfs(name) || is_git_on_hfs(name) {
        return Some("it stands for the git directory");
    }
    None
}

/// NTFS ignores case, trailing dots and spaces, and a stream after a colon; `git~1` is the short name. A backslash separates.
fn is_git_on_ntfs(name: &[u8]) -> bool {
    name.split(|byte| *byte == b'\\').any(|part| {
        let stem = part.split(|byte| *byte == b':').next().unwrap_or(part);
        let end = stem
            .iter()
            .rposition(|byte| !b". ".contains(byte))
            .map_or(0, |last| last + 1);
        stem[..end].eq_ignore_ascii_case(b".git") || stem[..end].eq_ignore_ascii_case(b"git~1")
    })
}

/// HFS+ ignores case and invisible characters.
fn is_git_on_hfs(name: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(name) else {
        return false;
    };
    let invisible = |c: &char| matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}');
    let visible: String = name.chars().filter(|c| !invisible(c)).collect();
    visible.eq_ignore_ascii_case(".git")
}

#[cfg(test)]
mod tests {
    use super::refusal;

    #[test]
    fn b1_nothing_that_is_or_looks_like_the_git_directory_is_written() {
        let refused = [
            "",
            ".",
            "..",
            "a/b",
            ".git",
            ".GIT",
            ".GiT",
            "git~1",
            "GIT~1",
            ".git ",
            ".git.",
            ".git. . ",
            ".git::$INDEX_ALLOCATION",
            ".git\\hooks",
            "x\\.git",
            ".g\u{200c}it",
            "\u{feff}.git",
            ".gi\u{206f}T",
        ];
        for name in refused {
            assert!(refusal(name.as_bytes()).is_some(), "{name:?}");
        }
        assert!(refusal(b"a\0b").is_some() && refusal(&[b'a'; 256]).is_some());
        let allowed = [
            ".gitignore",
            ".gitattributes",
            ".github",
            "git",
            "git~2",
            ".git2",
            "...",
            "a\nb",
            " ",
            "-rf",
            "back\\slash",
            "x.git",
        ];
        for name in allowed {
            assert_eq!(refusal(name.as_bytes()), None, "{name:?}");
        }
        assert_eq!(refusal(b"caf\xe9"), None);
        assert_eq!(refusal(&[b'a'; 255]), None);
    }
}
