//! Defaults written as for a shell: `${sha:-none}` is `-none` here where there is no sha, since all that stands behind the colon is
//! the default.

use super::known::Objection;
use super::parse::{Part, Placeholder, Template};

impl Template {
    /// Defaults that begin as a shell's operators do, at the beginning of a word, and look like no flag.
    pub fn shell_defaults(&self) -> Vec<Objection> {
        let mut found = Vec::new();
        self.collect_shell_defaults(&mut found);
        found
    }

    fn collect_shell_defaults(&self, found: &mut Vec<Objection>) {
        let mut before = "";
        for part in &self.parts {
            match part {
                Part::Text(text) => before = text,
                Part::Placeholder(placeholder) => {
                    found.extend(placeholder.shell_default(before));
                    if let Some(default) = &placeholder.default {
                        default.collect_shell_defaults(found);
                    }
                    before = "x";
                }
            }
        }
    }

    /// What it begins with, as it is written.
    fn begins(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            Some(Part::Placeholder(_)) | None => "",
        }
    }
}

impl Placeholder {
    fn shell_default(&self, before: &str) -> Option<Objection> {
        let default = self.default.as_ref()?;
        let text = default.begins();
        let operator = text.chars().next().filter(|c| "-=?+".contains(*c))?;
        let meant = &text[1..];
        let is_meant_so = before.ends_with(|c: char| c.is_alphanumeric() || "._-".contains(c));
        let is_alone = meant.is_empty() && default.parts.len() == 1;
        if is_meant_so || (operator == '-' && (is_alone || is_flag(meant))) {
            return None;
        }
        let path = &self.path;
        let rest = if default.parts.len() > 1 { "…" } else { "" };
        Some(Objection {
            offset: self.offset,
            message: format!(
                "the default of `${{{path}:{text}{rest}}}` begins with `{operator}`: all behind the colon is the default here"
            ),
            hint: match operator {
                '-' => format!("write `${{{path}:{meant}{rest}}}`; `:-` is for shells"),
                _ => format!("write `${{{path}:…}}` with what stands for it; `:{operator}` is for shells"),
            },
        })
    }
}

/// Whether what stands behind a dash makes a flag of it: `-B`, `-Xmx1g`, `--all`, `-v -x`.
fn is_flag(text: &str) -> bool {
    let word = text.split_whitespace().next().unwrap_or_default();
    let is_letter = word.len() == 1 && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_letter
        || word.starts_with(|c: char| c == '-' || c.is_ascii_uppercase())
        || text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(text: &str) -> Vec<String> {
        let found = Template::parse(text).unwrap().shell_defaults();
        found.into_iter().map(|one| one.hint).collect()
    }

    #[test]
    fn ym_15_a_default_as_shells_write_it_is_pointed_out() {
        assert_eq!(
            hints("v ${push.after.version:-none}"),
            ["write `${push.after.version:none}`; `:-` is for shells"]
        );
        assert_eq!(
            hints("${parameters.jobs:-4}"),
            ["write `${parameters.jobs:4}`; `:-` is for shells"]
        );
        assert_eq!(
            hints("${sha:${branch:-none}}"),
            ["write `${branch:none}`; `:-` is for shells"]
        );
        assert_eq!(
            hints("${parameters.a:-${sha}}"),
            ["write `${parameters.a:…}`; `:-` is for shells"]
        );
        for text in ["${sha:?missing}", "${sha:=x}", "${sha:+x}"] {
            assert_eq!(hints(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn ym_15_flags_and_ends_of_words_may_be_defaults() {
        for text in [
            "${parameters.flags:-B clean install}",
            "${parameters.flags:--all}",
            "${parameters.flags:-Dx=1}",
            "${parameters.flags:-v}",
            "${parameters.file:-}",
            "app${parameters.suffix:-rc1}",
            "${repo.name}${parameters.suffix:-rc1}",
            "${sha:none}",
            "$${sha:-none}",
        ] {
            assert_eq!(hints(text), Vec::<String>::new(), "{text}");
        }
    }
}
