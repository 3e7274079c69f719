//! Paths in reports, made relative to the root of the repository.

/// Where the inspected tree lay, so that absolute paths can be made relative.
#[derive(Debug, Clone, Default)]
pub struct Root {
    path: String,
}

impl Root {
    /// The directory the tool ran in or below.
    pub fn new(path: &std::path::Path) -> Self {
        Self {
            path: path.to_string_lossy().trim_end_matches('/').to_owned(),
        }
    }

    /// The path as it is in the repository; one that lies elsewhere stays as it is.
    pub(super) fn relative(&self, path: &str) -> String {
        let path = path
            .strip_prefix("file://")
            .map_or_else(|| path.to_owned(), unescaped);
        let below = match path.strip_prefix(&self.path) {
            Some(rest) if !self.path.is_empty() && rest.starts_with('/') => rest.trim_start_matches('/'),
            Some(_) | None => &path,
        };
        let mut relative = below.replace('\\', "/");
        while let Some(rest) = relative.strip_prefix("./") {
            relative = rest.to_owned();
        }
        relative
    }
}

/// `%20` and its like as the bytes they mean.
pub(super) fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = (first == b'%').then(|| after.get(..2)).flatten();
        let byte = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_relative_to_the_root_by_whole_components() {
        let root = Root::new(std::path::Path::new("/src/project/"));
        for (path, relative) in [
            ("/src/project/src/a.rs", "src/a.rs"),
            ("/src/project2/src/a.rs", "/src/project2/src/a.rs"),
            ("./src/a.rs", "src/a.rs"),
            ("file:///src/project/a%20b.rs", "a b.rs"),
            ("src\\a.rs", "src/a.rs"),
            ("100%", "100%"),
        ] {
            assert_eq!(root.relative(path), relative, "{path}");
        }
        assert_eq!(Root::default().relative("/a"), "/a");
    }
}
