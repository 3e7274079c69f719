//! Text into a template.

use thiserror::Error;

/// How deep defaults may nest.
pub(super) const MAX_NESTING: usize = 32;

/// A text with its placeholders, read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub(super) parts: Vec<Part>,
}

/// A stretch of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Placeholder(Placeholder),
}

/// One `${…}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placeholder {
    pub(super) path: String,
    pub(super) optional: bool,
    pub(super) default: Option<Template>,
    pub(super) offset: usize,
}

/// A placeholder that cannot be read or filled in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{problem}")]
pub struct PlaceholderError {
    /// Where in the text it begins or goes wrong, in bytes.
    pub offset: usize,
    /// What is wrong.
    pub problem: PlaceholderProblem,
}

/// What is wrong with a placeholder.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlaceholderProblem {
    /// No `}` for this `${`.
    #[error("placeholder is not closed: `}}` is missing")]
    Unclosed,
    /// `${}` or `${:default}`.
    #[error("placeholder names nothing")]
    Empty,
    /// A character that no path has.
    #[error("placeholder has `{0}` in its path, which may have letters, digits, `_`, `-` and `.`")]
    BadCharacter(char),
    /// Defaults inside defaults, too deep.
    #[error("placeholders are nested deeper than {MAX_NESTING}")]
    TooDeep,
    /// Nothing stands behind the path, and it has no default.
    #[error("Placeholder '{0}' can't be resolved")]
    Unresolved(String),
    /// A list or map in the middle of a text.
    #[error("Placeholder '{0}' is a list or map and can only be a whole value, not part of a text")]
    NotText(String),
    /// The filled in text is longer than anybody needs.
    #[error("the text is longer than {limit} bytes once its placeholders are filled in", limit = super::resolve::MAX_TEXT)]
    TooLong,
}

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    /// The first placeholder that is not well formed.
    pub fn parse(text: &str) -> Result<Self, PlaceholderError> {
        let mut reader = Reader { text, position: 0 };
        reader.template(0)
    }

    /// Whether there is nothing to fill in.
    pub fn is_literal(&self) -> bool {
        !self.parts.iter().any(|part| matches!(part, Part::Placeholder(_)))
    }

    /// Every path that may be asked for, those of defaults included, in the order written.
    pub fn paths(&self) -> Vec<&str> {
        let mut paths = Vec::new();
        for part in &self.parts {
            if let Part::Placeholder(placeholder) = part {
                paths.push(placeholder.path.as_str());
                paths.extend(placeholder.default.iter().flat_map(Self::paths));
            }
        }
        paths
    }
}

struct Reader<'t> {
    text: &'t str,
    position: usize,
}

impl<'t> Reader<'t> {
    /// A template up to the end of the text, or inside a default (`depth` > 0) up to the brace that closes it.
    fn template(&mut self, depth: usize) -> Result<Template, PlaceholderError> {
        let mut template = Builder::default();
        let mut braces = 0_usize;
        while let Some(c) = self.rest().chars().next() {
            if self.rest().starts_with("$${") {
                template.text.push_str("${");
                self.position += 3;
                braces += usize::from(depth > 0);
            } else if self.rest().starts_with("${") {
                let placeholder = self.placeholder(depth)?;
                template.placeholder(placeholder);
            } else if depth > 0 && c == '}' && braces == 0 {
                break;
            } else {
                if depth > 0 {
                    braces = match c {
                        '{' => braces + 1,
                        '}' => braces - 1,
                        _ => braces,
                    };
                }
                template.text.push(c);
                self.position += c.len_utf8();
            }
        }
        Ok(template.finish())
    }

    /// One placeholder, from its `${` to its `}`.
    fn placeholder(&mut self, depth: usize) -> Result<Placeholder, PlaceholderError> {
        let offset = self.position;
        let wrong = |offset, problem| Err(PlaceholderError { offset, problem });
        if depth >= MAX_NESTING {
            return wrong(offset, PlaceholderProblem::TooDeep);
        }
        self.position += 2;
        let optional = self.take('!');
        let path = self.path();
        let default = if self.take(':') {
            Some(self.template(depth + 1)?)
        } else {
            None
        };
        match self.rest().chars().next() {
            Some('}') if path.is_empty() => wrong(offset, PlaceholderProblem::Empty),
            Some('}') => {
                self.position += 1;
                Ok(Placeholder {
                    path: path.to_owned(),
                    optional,
                    default,
                    offset,
                })
            }
            Some(c) => wrong(self.position, PlaceholderProblem::BadCharacter(c)),
            None => wrong(offset, PlaceholderProblem::Unclosed),
        }
    }

    fn path(&mut self) -> &'t str {
        let rest = self.rest();
        let belongs = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.position += end;
        &rest[..end]
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.rest().starts_with(wanted);
        self.position += if found { wanted.len_utf8() } else { 0 };
        found
    }

    fn rest(&self) -> &'t str {
        &self.text[self.position..]
    }
}

/// A template as it grows: text is gathered until a placeholder interrupts it.
#[derive(Default)]
struct Builder {
    parts: Vec<Part>,
    text: String,
}

impl Builder {
    fn placeholder(&mut self, placeholder: Placeholder) {
        self.flush();
        self.parts.push(Part::Placeholder(placeholder));
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.parts.push(Part::Text(std::mem::take(&mut self.text)));
        }
    }

    fn finish(mut self) -> Template {
        self.flush();
        Template { parts: self.parts }
    }
}
