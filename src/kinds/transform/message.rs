//! The commit of a transform: what it says, whose it is, and how it is recognised.

use super::super::machine;
use crate::model::push::Signature;
use crate::rules::GENERATED_TRAILER;

/// Longest message of the author's, in bytes.
const LONGEST: usize = 4096;

/// The name of a command inside a mark: lower case, `_` for white space.
fn mark(name: &str) -> String {
    name.to_lowercase()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join("_")
}

/// The whole message of a commit that a command of this kind makes: the author's text, then the marks by which machines know it.
///
/// # Errors
/// The text cannot be a message.
pub(in crate::kinds) fn of_command(kind: &str, text: &str, command: &str) -> Result<String, String> {
    let text = text.trim();
    let is_text = |c: char| !c.is_control() || c == '\n';
    if text.is_empty() || text.len() > LONGEST || !text.chars().all(is_text) {
        return Err(format!(
            "the message of its commit must have 1 to {LONGEST} bytes of text"
        ));
    }
    let name = command.replace(['\n', '\r'], " ");
    let marks = marks(kind, command);
    Ok(format!("{text}\n\n{marks}\n\n{GENERATED_TRAILER}: {name}\n"))
}

/// The marks of the original, in commits and pull requests.
pub(super) fn marks(kind: &str, command: &str) -> String {
    format!("[atomist:generated] [atomist:{kind}={}]", mark(command))
}

/// `Name <address>`; the machine where nothing is written.
///
/// # Errors
/// It is not of that form.
pub(in crate::kinds) fn author(written: &str) -> Result<Signature, String> {
    if written.is_empty() {
        return Ok(machine());
    }
    let wrong = || {
        let shown: String = written.escape_debug().take(100).collect();
        format!("the author `{shown}` is not of the form `Name <address>`")
    };
    let (name, rest) = written.split_once('<').ok_or_else(wrong)?;
    let address = rest.strip_suffix('>').ok_or_else(wrong)?;
    let (name, address) = (name.trim(), address.trim());
    let is_plain = |part: &str| {
        !part.is_empty() && part.len() <= 200 && !part.contains(|c: char| c.is_control() || "<>".contains(c))
    };
    match is_plain(name) && is_plain(address) && !address.contains(' ') {
        true => Ok(Signature {
            name: name.to_owned(),
            email: address.to_owned(),
        }),
        false => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_says_what_was_asked_for_and_carries_the_marks() {
        let message = of_command("transform", "Use the new logo\n\nEverywhere.\n", "New  Logo");
        assert_eq!(
            message.unwrap(),
            "Use the new logo\n\nEverywhere.\n\n[atomist:generated] [atomist:transform=new_logo]\n\nSdm-Generated: New  Logo\n"
        );
        for text in ["", " \n ", "a\u{7}b", &"x".repeat(LONGEST + 1)] {
            assert!(of_command("transform", text, "x").is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_author_is_a_name_with_an_address() {
        let ada = author("Ada L. <ada@example.com>").unwrap();
        assert_eq!(
            (ada.name.as_str(), ada.email.as_str()),
            ("Ada L.", "ada@example.com")
        );
        assert_eq!(author("").unwrap(), machine());
        for wrong in [
            "Ada",
            "<a@b>",
            "Ada <>",
            "Ada <a@b> c",
            "Ada <a <b>>",
            "A\nb <a@b>",
            "Ada <a b>",
        ] {
            assert!(author(wrong).is_err(), "{wrong:?}");
        }
    }
}
