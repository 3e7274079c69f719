//! How deep brackets are nested in a text of the language, seen before its recursive reader is let near it.

/// Deepest nesting of brackets of all kinds.
const MAX_NESTING: u32 = 64;

/// Whether brackets are nested within reason. Brackets in texts and comments count like others when they open more than
/// they close, which only a text that wants to be refused does.
pub(super) fn check(text: &str) -> Result<(), String> {
    let mut depth = 0_u32;
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            return Err(format!("brackets are nested deeper than {MAX_NESTING} levels"));
        }
    }
    Ok(())
}
