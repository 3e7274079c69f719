//! What a template asks for, placeholder by placeholder, for who knows which of it there will be.

use super::parse::{Part, Template};

/// One placeholder of a template; those of defaults are some too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'t> {
    /// What it asks for.
    pub path: &'t str,
    /// Where its path begins in the text, in bytes.
    pub offset: usize,
    /// Whether it may find nothing: it has a default, or leaves out the value it stands in.
    pub may_find_nothing: bool,
    /// Whether it is all of the text, so that a list or map may stand behind it.
    pub is_whole: bool,
}

impl Template {
    /// Every placeholder, those of defaults after the one they stand in for.
    pub fn asked(&self) -> Vec<Asked<'_>> {
        let mut all = Vec::new();
        self.collect(true, &mut all);
        all
    }

    /// Whether it cannot be filled in without something below this root, such as `matches`.
    pub fn needs(&self, root: &str) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Text(_) => false,
            Part::Placeholder(placeholder) => {
                let begins = placeholder.path.split('.').next() == Some(root);
                begins && !placeholder.optional && placeholder.default.is_none()
            }
        })
    }

    /// Whether nothing of the text is left where a placeholder that is written `${!…}` finds nothing.
    pub fn may_be_left_out(&self) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Text(_) => false,
            Part::Placeholder(placeholder) => match &placeholder.default {
                Some(default) => default.may_be_left_out(),
                None => placeholder.optional,
            },
        })
    }

    fn collect<'t>(&'t self, is_outermost: bool, all: &mut Vec<Asked<'t>>) {
        let is_whole = is_outermost && self.parts.len() == 1;
        for part in &self.parts {
            let Part::Placeholder(placeholder) = part else {
                continue;
            };
            all.push(Asked {
                path: &placeholder.path,
                offset: placeholder.offset + "${".len() + usize::from(placeholder.optional),
                may_find_nothing: placeholder.optional || placeholder.default.is_some(),
                is_whole,
            });
            if let Some(default) = &placeholder.default {
                default.collect(is_whole, all);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Vec<(String, usize, bool, bool)> {
        let template = Template::parse(text).unwrap();
        let all = template.asked().into_iter();
        all.map(|one| {
            (
                one.path.to_owned(),
                one.offset,
                one.may_find_nothing,
                one.is_whole,
            )
        })
        .collect()
    }

    #[test]
    fn ym_13_every_placeholder_is_told_with_its_place() {
        assert_eq!(
            asked("ä ${a} ${!b} ${c:x${d}}"),
            [
                ("a".to_owned(), 5, false, false),
                ("b".to_owned(), 11, true, false),
                ("c".to_owned(), 16, true, false),
                ("d".to_owned(), 21, false, false),
            ]
        );
        assert_eq!(
            asked("${a:${b}}"),
            [("a".to_owned(), 2, true, true), ("b".to_owned(), 6, false, true)]
        );
        assert_eq!(asked("$${a} $HOME"), []);
    }

    #[test]
    fn cm_03_what_a_text_cannot_do_without_is_told() {
        for (text, needs) in [
            ("x ${matches.1}", true),
            ("${matches}", true),
            ("${matches.1:x}", false),
            ("${!matches.1}", false),
            ("${parameters.x:${matches.1}}", false),
            ("${matched.1}", false),
            ("$${matches.1}", false),
        ] {
            assert_eq!(Template::parse(text).unwrap().needs("matches"), needs, "{text}");
        }
    }

    #[test]
    fn ym_13_what_may_be_left_out_is_told() {
        for (text, may_be) in [
            ("${!a}", true),
            ("x ${a:${!b}}", true),
            ("${!a:b}", false),
            ("${a}", false),
            ("a", false),
        ] {
            assert_eq!(Template::parse(text).unwrap().may_be_left_out(), may_be, "{text}");
        }
    }
}
