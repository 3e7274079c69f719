//! The commit of a transform: what it says, whose it is, and how it is recognised.

use super::super::machine;
use super::super::part_names::mark;
use crate::model::push::Signature;
use crate::rules::GENERATED_TRAILER;
use crate::spec::placeholder::{Template, Written};

/// Longest message of the author's, in bytes.
const LONGEST: usize = 4096;

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

/// Whether a text with placeholders can become the message of a commit.
///
/// # Errors
/// It never can.
pub(in crate::kinds) fn check(written: &str) -> Result<(), String> {
    let text = match Template::parse(written) {
        Ok(template) if template.is_literal() => written,
        // What they stand for is seen when it is known.
        Ok(_) | Err(_) => return Ok(()),
    };
    of_command("", text, "").map(|_| ())
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
    let wrong = || not_an_author(written);
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

/// Whether a text with placeholders can become an author: each of them may be the whole, a name or an address.
///
/// # Errors
/// It never can.
pub(in crate::kinds) fn check_author(written: &str) -> Result<(), String> {
    let Ok(template) = Template::parse(written) else {
        return Ok(());
    };
    let stretches = template.written();
    let text: String = stretches
        .iter()
        .map(|stretch| match stretch {
            Written::Text(text) => *text,
            Written::Placeholder { .. } => "x",
        })
        .collect();
    let may_be_whole = !template.is_literal() && !text.contains(['<', '>']);
    match may_be_whole {
        true => Ok(()),
        false => author(&text).map(|_| ()).map_err(|_| not_an_author(written)),
    }
}

fn not_an_author(written: &str) -> String {
    let shown: String = written.escape_debug().take(100).collect();
    format!("the author `{shown}` is not of the form `Name <address>`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_never_be_a_message_or_an_author_is_known_before() {
        for text in ["", " ", "a\u{7}"] {
            assert!(check(text).is_err(), "{text:?}");
        }
        for text in ["Use the new logo", "${parameters.text}", " ${parameters.text}"] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        for text in [
            "",
            "A <a@b>",
            "${parameters.author}",
            "${parameters.name} <${parameters.mail}>",
        ] {
            assert_eq!(check_author(text), Ok(()), "{text}");
        }
        for text in ["A", "A <>", "${parameters.name} <a@b", "<${parameters.mail}>"] {
            let why = check_author(text).unwrap_err();
            assert!(why.contains(text) && why.contains("`Name <address>`"), "{why}");
        }
    }

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
