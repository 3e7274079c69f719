//! Which paths a list of globs chooses.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Globs below one root. A directory that matches stands for everything in it.
pub(crate) struct Choice {
    set: GlobSet,
    /// Each glob by its components, to know where nothing can match.
    components: Vec<Vec<String>>,
}

impl Choice {
    /// # Errors
    /// One of them is not a glob.
    pub(crate) fn new<'a>(globs: impl IntoIterator<Item = &'a str>) -> Result<Self, globset::Error> {
        let mut set = GlobSetBuilder::new();
        let mut components = Vec::new();
        for glob in globs {
            let glob = glob.trim_start_matches("./").trim_end_matches('/');
            set.add(GlobBuilder::new(glob).literal_separator(true).build()?);
            components.push(glob.split('/').map(str::to_owned).collect());
        }
        Ok(Self {
            set: set.build()?,
            components,
        })
    }

    /// Whether there is nothing to choose.
    pub(crate) fn is_empty(&self) -> bool {
        self.components.is_empty()
    }

    /// Whether this very path is chosen, with all that is in it.
    pub(crate) fn has(&self, path: &[u8]) -> bool {
        self.set.is_match(as_path(path))
    }

    /// Whether something below this directory may be chosen.
    pub(crate) fn may_have_below(&self, directory: &[u8]) -> bool {
        self.components.iter().any(|glob| leads_below(glob, directory))
    }
}

fn as_path(path: &[u8]) -> &std::path::Path {
    use std::os::unix::ffi::OsStrExt;
    std::path::Path::new(std::ffi::OsStr::from_bytes(path))
}

/// Whether a path below `directory` may match; says yes when in doubt.
fn leads_below(glob: &[String], directory: &[u8]) -> bool {
    let mut rest = glob.iter();
    for name in directory.split(|byte| *byte == b'/') {
        let Some(part) = rest.next() else {
            return false;
        };
        // Braces may hold a slash, which we do not take apart.
        if part == "**" || part.contains(['{', '}']) {
            return true;
        }
        let is_literal = !part.contains(['*', '?', '[', '\\']);
        if is_literal && part.as_bytes() != name {
            return false;
        }
    }
    rest.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(globs: &[&str]) -> Choice {
        Choice::new(globs.iter().copied()).unwrap()
    }

    #[test]
    fn ca_04_directories_that_tools_exclude_are_chosen_like_any_other() {
        let modules = choice(&["node_modules", "target/**/*.xml"]);
        assert!(modules.has(b"node_modules") && modules.has(b"target/a/b.xml"));
        assert!(!modules.has(b"packages/node_modules") && !modules.has(b"target"));
        assert!(choice(&["**/node_modules"]).has(b"packages/a/node_modules"));
    }

    #[test]
    fn only_what_can_lead_to_a_match_is_looked_at() {
        let reports = choice(&["target/nextest/**/junit.xml", "a/*/c"]);
        for yes in ["target", "target/nextest", "target/nextest/x/y", "a", "a/b"] {
            assert!(reports.may_have_below(yes.as_bytes()), "{yes}");
        }
        for no in ["src", "target/debug", "a/b/c"] {
            assert!(!reports.may_have_below(no.as_bytes()), "{no}");
        }
        assert!(choice(&["{a/b,c}/d"]).may_have_below(b"a"));
        assert!(!choice(&[]).may_have_below(b"a"));
    }
}
