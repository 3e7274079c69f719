//! Under which names files are kept (acceptance CA-01, CA-02), and digests in them.

use std::collections::BTreeMap;

/// A classifier or key as it may stand in a path: letters, digits and `. - _ +`, without leading dots.
pub(super) fn sanitised(text: &str) -> String {
    let kept = |c: char| {
        if c.is_ascii_alphanumeric() || "-._+".contains(c) {
            c
        } else {
            '_'
        }
    };
    let text: String = text.chars().map(kept).collect();
    text.trim_start_matches('.').to_owned()
}

/// The name under which files are kept on a machine.
pub(super) fn classifier(machine: &str, text: &str) -> String {
    match sanitised(text) {
        text if text.is_empty() => machine.to_owned(),
        text => format!("{machine}/{text}"),
    }
}

/// What is written between `${hash:` and its brace, each once.
pub(super) fn hashes_in(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(OPENING) {
        let Some(end) = closing(after) else { break };
        if !found.contains(&&after[..end]) {
            found.push(&after[..end]);
        }
        rest = &after[end..];
    }
    found
}

/// The text with each `${hash:…}` replaced by its digest.
pub(super) fn with_hashes(text: &str, digests: &BTreeMap<String, String>) -> String {
    digests.iter().fold(text.to_owned(), |text, (globs, digest)| {
        text.replace(&format!("{OPENING}{globs}}}"), digest)
    })
}

const OPENING: &str = "${hash:";

/// Where the brace closes; globs have braces of their own.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (index, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(index),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The globs of `${hash:a,b}`; commas within braces belong to a glob.
pub(super) fn globs(text: &str) -> Vec<String> {
    let mut globs = vec![String::new()];
    let mut depth = 0;
    for character in text.chars() {
        match character {
            ',' if depth == 0 => globs.push(String::new()),
            _ => {
                depth += i32::from(character == '{') - i32::from(character == '}');
                globs
                    .last_mut()
                    .expect("there is one from the beginning")
                    .push(character);
            }
        }
    }
    globs
        .iter()
        .map(|glob| glob.trim().to_owned())
        .filter(|glob| !glob.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ca_01_classifiers_become_names_of_files() {
        for (text, name) in [
            ("reports-1.2_x+y", "reports-1.2_x+y"),
            ("a/b\\c:d é", "a_b_c_d__"),
            ("..", ""),
            ("...hidden", "hidden"),
            ("../../../foo", "_.._.._foo"),
        ] {
            assert_eq!(sanitised(text), name, "{text}");
        }
    }

    #[test]
    fn ca_02_a_classifier_is_one_of_its_machine() {
        assert_eq!(classifier("sdm", ""), "sdm");
        assert_eq!(classifier("sdm", ".."), "sdm");
        assert_eq!(classifier("sdm", "a/../b"), "sdm/a_.._b");
    }

    #[test]
    fn digests_stand_for_globs() {
        let text = "cargo-${hash:Cargo.lock}-${os}-${hash: a/{b,c}/*.x , d}-${hash:Cargo.lock}";
        assert_eq!(hashes_in(text), ["Cargo.lock", " a/{b,c}/*.x , d"]);
        assert_eq!(globs(" a/{b,c}/*.x , d"), ["a/{b,c}/*.x", "d"]);
        let digests = [("Cargo.lock", "1"), (" a/{b,c}/*.x , d", "2")];
        let digests = digests
            .map(|(globs, digest)| (globs.to_owned(), digest.to_owned()))
            .into();
        assert_eq!(with_hashes(text, &digests), "cargo-1-${os}-2-1");
        assert_eq!(hashes_in("${hash:open"), [""; 0]);
    }
}
