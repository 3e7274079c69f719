//! Digests in the keys of caches: `${hash:GLOB}`, or `${hash:GLOB,GLOB}` for several (semantics 3.17).

use std::collections::BTreeMap;

const OPENING: &str = "${hash:";

/// A digest that a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashOf<'t> {
    /// Where in the text it begins, in bytes.
    pub offset: usize,
    /// What is written between `${hash:` and its brace.
    pub globs: &'t str,
}

/// Every digest that a text asks for, in order.
pub fn hashes_in(text: &str) -> Vec<HashOf<'_>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find(OPENING) {
        let (offset, after) = (from + at, &text[from + at + OPENING.len()..]);
        let Some(end) = closing(after) else { break };
        found.push(HashOf {
            offset,
            globs: &after[..end],
        });
        from = offset + OPENING.len() + end;
    }
    found
}

/// The text with each digest it asks for replaced by that of its globs; those that are not there stay as they are.
pub fn with_hashes(text: &str, digests: &BTreeMap<String, String>) -> String {
    digests.iter().fold(text.to_owned(), |text, (globs, digest)| {
        text.replace(&format!("{OPENING}{globs}}}"), digest)
    })
}

/// The text as it is but for its digests, which are letters of the same length.
pub fn without_hashes(text: &str) -> String {
    let mut plain = text.to_owned();
    for hash in hashes_in(text) {
        let end = hash.offset + OPENING.len() + hash.globs.len() + 1;
        plain.replace_range(hash.offset..end, &"x".repeat(end - hash.offset));
    }
    plain
}

/// The globs of `${hash:a,b}`; commas within braces belong to a glob.
pub fn globs(text: &str) -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_stand_for_globs() {
        let text = "é-${hash:Cargo.lock}-${os}-${hash: a/{b,c}/*.x , d}-${hash:Cargo.lock}";
        let found: Vec<(usize, &str)> = hashes_in(text)
            .iter()
            .map(|hash| (hash.offset, hash.globs))
            .collect();
        assert_eq!(
            found,
            [(3, "Cargo.lock"), (28, " a/{b,c}/*.x , d"), (53, "Cargo.lock")]
        );
        assert_eq!(globs(" a/{b,c}/*.x , d"), ["a/{b,c}/*.x", "d"]);
        let digests = [("Cargo.lock", "1"), (" a/{b,c}/*.x , d", "2")];
        let digests = digests
            .map(|(globs, digest)| (globs.to_owned(), digest.to_owned()))
            .into();
        assert_eq!(with_hashes(text, &digests), "é-1-${os}-2-1");
        assert_eq!(hashes_in("${hash:open"), []);
        assert_eq!(without_hashes("a-${hash:b}-${os}"), "a-xxxxxxxxx-${os}");
    }
}
