//! Keys of caches: texts with digests of files in them (semantics 3.17).

use crate::model::Diagnostic;
use crate::model::cache_key::{globs, hashes_in, without_hashes};

use super::super::yaml::Node;
use super::Checker;
use super::pattern::invalid_glob;

/// Longest key as it is written, in bytes.
const MAX_KEY: usize = 1024;

impl Checker<'_> {
    /// A key, its digests and other placeholders well formed.
    pub(super) fn cache_key(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = self.plain_text(node, what)?;
        if text.len() > MAX_KEY {
            let message = format!("{what} has more than {MAX_KEY} bytes");
            let hint = "a digest says the same of long lists: `${hash:GLOB}`";
            self.problems.error_with_hint("too_long", node, message, hint);
            return None;
        }
        let says_something = |c: char| c.is_alphanumeric() || c == '$';
        if !text.is_empty() && !text.contains(says_something) {
            let message = format!("{what} has neither a letter nor a digit");
            let hint = "name what is kept, such as `cargo-${hash:Cargo.lock}`";
            self.problems.error_with_hint("invalid_key", node, message, hint);
            return None;
        }
        let mut is_right = true;
        for hash in hashes_in(text) {
            if let Some((message, hint)) = objection(hash.globs) {
                let place = node.place_within(hash.offset);
                self.problems
                    .add(Diagnostic::error("invalid_hash", place, message).hint(hint));
                is_right = false;
            }
        }
        is_right &= self.has_right_placeholders(node, &without_hashes(text));
        is_right.then(|| text.to_owned())
    }
}

/// What is wrong with the globs of a digest, and what to do.
fn objection(written: &str) -> Option<(String, &'static str)> {
    const HINT: &str = "write `${hash:GLOB}` or `${hash:GLOB,GLOB}`, such as `${hash:**/Cargo.lock}`";
    if written.contains("${") {
        let message = format!("`${{hash:{written}}}` has a placeholder among its globs");
        return Some((
            message,
            "write the globs out: they are read when the commit is known",
        ));
    }
    let globs = globs(written);
    if globs.is_empty() {
        return Some(("`${hash:…}` names no file".to_owned(), HINT));
    }
    let wrong = |glob: &String| {
        Some(format!(
            "`{glob}` in `${{hash:…}}` is not a glob: {}",
            invalid_glob(glob)?
        ))
    };
    globs.iter().find_map(wrong).map(|message| (message, HINT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_of_globs_inside_the_repository() {
        for right in ["Cargo.lock", "**/{a,b}.lock, package.json"] {
            assert_eq!(objection(right), None, "{right}");
        }
        for (wrong, why) in [
            ("", "names no file"),
            (" , ", "names no file"),
            ("[a", "`[a` in"),
            ("a,/etc/passwd", "`/etc/passwd` in"),
            ("../x", "would leave the repository"),
            ("${sha}", "has a placeholder"),
        ] {
            let (message, _) = objection(wrong).unwrap();
            assert!(message.contains(why), "{wrong}: {message}");
        }
    }
}
