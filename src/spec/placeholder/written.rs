//! A template as its author wrote it, for who fills in only some of it.

use super::parse::{Part, Template};

/// One stretch of a template.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Written<'t> {
    /// Text, `$${` read as `${`.
    Text(&'t str),
    /// A placeholder.
    Placeholder {
        /// What it asks for.
        path: &'t str,
        /// Whether it is written `${!…}`.
        optional: bool,
        /// What stands for it when there is nothing.
        default: Option<&'t Template>,
    },
}

impl Template {
    /// Its stretches, in order.
    pub fn written(&self) -> Vec<Written<'_>> {
        self.parts.iter().map(Part::written).collect()
    }
}

impl Part {
    fn written(&self) -> Written<'_> {
        match self {
            Self::Text(text) => Written::Text(text),
            Self::Placeholder(placeholder) => Written::Placeholder {
                path: &placeholder.path,
                optional: placeholder.optional,
                default: placeholder.default.as_ref(),
            },
        }
    }
}
