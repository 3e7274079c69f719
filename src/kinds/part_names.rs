//! Names of parts of a goal: steps, fixes, inspections, reactions. People see them, and each is known by its own.

use std::collections::HashMap;

use crate::model::{ArgumentProblems, FieldPath};

/// Longest name of a part, in bytes.
const MAX_NAME: usize = 100;

/// What is wrong with the names of the parts in a list.
pub(super) fn check<'a>(
    list: &FieldPath,
    what: &str,
    names: impl Iterator<Item = &'a str>,
) -> ArgumentProblems {
    let mut problems = ArgumentProblems::default();
    let mut seen: HashMap<String, &str> = HashMap::new();
    for (index, name) in names.enumerate() {
        let field = list.item(index).key("name");
        if !is_name(name) {
            let shown: String = name.escape_debug().take(MAX_NAME).collect();
            let message = match name.trim().is_empty() {
                true => format!("a {what} has an empty name"),
                false => format!("`{shown}` cannot be the name of a {what}"),
            };
            let hint = format!("write 1 to {MAX_NAME} bytes on one line, without spaces around them");
            problems.add(&field, "invalid_name", message, hint);
        } else if let Some(earlier) = seen.insert(mark(name), name) {
            let message = match earlier == name {
                true => format!("another {what} is called `{name}` already"),
                false => format!("another {what} is called `{earlier}`, which has the same mark as `{name}`"),
            };
            problems.add(
                &field,
                "duplicate_name",
                message,
                "rename one of them: each is known by its name",
            );
        }
    }
    problems
}

fn is_name(name: &str) -> bool {
    !name.trim().is_empty()
        && name.trim() == name
        && name.len() <= MAX_NAME
        && !name.chars().any(char::is_control)
}

/// A name inside a mark: lower case, `_` for white space.
pub(super) fn mark(name: &str) -> String {
    let words: Vec<String> = name.split_whitespace().map(str::to_lowercase).collect();
    words.join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_a_name_of_its_own_on_one_line() {
        let found = |names: &[&str]| {
            let problems = check(&FieldPath::to("steps"), "step", names.iter().copied());
            let codes: Vec<String> = problems.iter().map(|problem| problem.code.clone()).collect();
            codes.join(" ")
        };
        assert_eq!(found(&["build", "test it", "Ünit"]), "");
        assert_eq!(
            found(&["build", "build", "build"]),
            "duplicate_name duplicate_name"
        );
        assert_eq!(found(&["Rust Format", "rust format"]), "duplicate_name");
        for wrong in ["", " ", " a", "a\nb", &"x".repeat(101)] {
            assert_eq!(found(&[wrong]), "invalid_name", "{wrong:?}");
        }
    }
}
