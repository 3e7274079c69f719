//! Globs over repository paths, all of a rule set in one automaton.
//!
//! A thousand rules with a glob each over a hundred thousand files would be a hundred million matches one by one. Tests
//! therefore register their globs while the rules are compiled and get a [`PatternId`]; the first question about
//! any of them answers it for all in a single walk over the paths.
//!
//! That walk is quick for names and whole directories, and slow for many globs like `src/a/**/*.rs`, which need a
//! regular expression each. Those are only matched against the paths that begin as they do. The commonest kind, `**/*.rs`, needs
//! no automaton: what follows each dot of a file's name is looked up.

use std::collections::{BTreeMap, HashMap};

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

/// Longest glob, in bytes.
const MAX_GLOB: usize = 1024;

/// One registered glob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PatternId(usize);

/// Globs of a rule set while it is compiled, each once.
#[derive(Debug, Default)]
pub struct PatternSet {
    globs: Vec<Glob>,
    ids: HashMap<String, PatternId>,
}

impl PatternSet {
    /// Registers a glob.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn add(&mut self, pattern: &str) -> Result<PatternId, String> {
        if let Some(id) = self.ids.get(pattern) {
            return Ok(*id);
        }
        let id = PatternId(self.globs.len());
        self.globs.push(glob(pattern)?);
        self.ids.insert(pattern.to_owned(), id);
        Ok(id)
    }

    /// All registered globs, ready to match.
    ///
    /// # Errors
    /// Together they exceed the limits of an automaton.
    pub fn finish(self) -> Result<CompiledPatterns, String> {
        let count = self.globs.len();
        let mut by_directory: BTreeMap<String, Vec<(usize, Glob)>> = BTreeMap::new();
        let mut extensions: HashMap<String, usize> = HashMap::new();
        for (id, glob) in self.globs.into_iter().enumerate() {
            if let Some(extension) = only_extension(glob.glob()) {
                extensions.insert(extension.to_owned(), id);
                continue;
            }
            let directory = own_directory(glob.glob()).to_owned();
            by_directory.entry(directory).or_default().push((id, glob));
        }
        let groups = by_directory
            .into_iter()
            .map(|(directory, globs)| Group::new(directory, globs))
            .collect::<Result<_, _>>()?;
        Ok(CompiledPatterns {
            groups,
            extensions,
            count,
        })
    }
}

/// The extension, when the glob asks for nothing else: `rs` of `**/*.rs`.
fn only_extension(glob: &str) -> Option<&str> {
    let extension = glob.strip_prefix("**/*.")?;
    let is_literal = !extension.contains(['*', '?', '[', ']', '{', '}', '\\', '/']);
    (is_literal && !extension.is_empty()).then_some(extension)
}

/// The directory a glob that needs a regular expression begins with, with its `/`; empty for all others.
fn own_directory(glob: &str) -> &str {
    let Some(wildcard) = glob.find(['*', '?', '[', '{', '\\']) else {
        return "";
    };
    let (literal, rest) = glob.split_at(wildcard);
    match literal.rfind('/') {
        Some(slash) if rest != "**" => &literal[..=slash],
        Some(_) | None => "",
    }
}

/// All globs of a rule set, ready to match.
#[derive(Debug)]
pub struct CompiledPatterns {
    groups: Vec<Group>,
    /// Id by extension; no two globs of this kind have the same.
    extensions: HashMap<String, usize>,
    count: usize,
}

/// Globs over the paths of one directory, or over all when it is empty.
#[derive(Debug)]
struct Group {
    directory: String,
    set: GlobSet,
    /// Ids in the order of the set.
    ids: Vec<usize>,
}

impl Group {
    fn new(directory: String, globs: Vec<(usize, Glob)>) -> Result<Self, String> {
        let mut builder = GlobSetBuilder::new();
        let mut ids = Vec::with_capacity(globs.len());
        for (id, glob) in globs {
            ids.push(id);
            builder.add(glob);
        }
        let set = builder.build().map_err(|error| error.to_string())?;
        Ok(Self { directory, set, ids })
    }

    /// Indexes of the paths in its directory, which are together when the paths are sorted.
    fn range(&self, paths: &[String]) -> std::ops::Range<usize> {
        let start = paths.partition_point(|path| *path < self.directory);
        let length = paths[start..].partition_point(|path| path.starts_with(&self.directory));
        start..start + length
    }
}

impl CompiledPatterns {
    /// Which paths each glob matches; the paths are sorted.
    pub fn matches(&self, paths: &[String]) -> PatternMatches {
        let mut paths_of = vec![Vec::new(); self.count];
        let mut hits = Vec::new();
        let sorted = paths.is_sorted();
        for group in &self.groups {
            let range = if sorted {
                group.range(paths)
            } else {
                0..paths.len()
            };
            for index in range {
                group.set.matches_into(&paths[index], &mut hits);
                for hit in &hits {
                    paths_of[group.ids[*hit]].push(index);
                }
            }
        }
        self.match_extensions(paths, &mut paths_of);
        PatternMatches { paths_of }
    }

    fn match_extensions(&self, paths: &[String], paths_of: &mut [Vec<usize>]) {
        if self.extensions.is_empty() {
            return;
        }
        for (index, path) in paths.iter().enumerate() {
            let name = path.rfind('/').map_or(path.as_str(), |slash| &path[slash + 1..]);
            for (dot, _) in name.match_indices('.') {
                if let Some(id) = self.extensions.get(&name[dot + 1..]) {
                    paths_of[*id].push(index);
                }
            }
        }
    }
}

/// The answer for every glob over one list of paths.
#[derive(Debug)]
pub struct PatternMatches {
    paths_of: Vec<Vec<usize>>,
}

impl PatternMatches {
    /// Indexes of the paths a glob matches, ascending.
    pub fn of(&self, pattern: PatternId) -> &[usize] {
        &self.paths_of[pattern.0]
    }
}

/// Compiles one glob: `*` and `?` stay within a component, `**` crosses them, `{a,b}` chooses, `\` quotes. A leading
/// `./` means nothing and a trailing `/` means everything below, for no file's path ends with one.
///
/// # Errors
/// What is wrong with it.
pub fn glob(pattern: &str) -> Result<Glob, String> {
    if pattern.len() > MAX_GLOB {
        return Err(format!("the glob is longer than {MAX_GLOB} bytes"));
    }
    let trimmed = pattern.strip_prefix("./").unwrap_or(pattern);
    if trimmed.is_empty() {
        return Err("the glob is empty".into());
    }
    let whole = match trimmed.strip_suffix('/') {
        Some(directory) => format!("{directory}/**"),
        None => trimmed.to_owned(),
    };
    GlobBuilder::new(&whole)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map_err(|error| error.kind().to_string())
}

/// The glob for exactly this path.
pub fn exact(path: &str) -> String {
    globset::escape(normal(path))
}

/// The glob for everything in a directory, by path components: `src` is not `src2` (semantics 2.5 DECISION).
pub fn below(directory: &str) -> String {
    match normal(directory) {
        "" | "." => "**".to_owned(),
        directory => format!("{}/**", globset::escape(directory)),
    }
}

/// The glob for files with an extension, its leading dot optional.
pub fn with_extension(extension: &str) -> String {
    format!("**/*.{}", globset::escape(extension.trim_start_matches('.')))
}

/// `./a/` and `a` are the same path.
fn normal(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path).trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        glob(pattern).unwrap().compile_matcher().is_match(path)
    }

    #[test]
    fn stars_respect_components() {
        assert!(matches("*.md", "README.md"));
        assert!(!matches("*.md", "docs/a.md"));
        assert!(matches("**/*.md", "README.md"));
        assert!(matches("docs/**", "docs/a/b.md"));
        assert!(matches("docs/", "docs/a/b.md"));
        assert!(matches("./docs/*.{md,txt}", "docs/a.txt"));
        assert!(matches("**/*", ".hidden/file"));
    }

    #[test]
    fn built_globs_quote_what_they_are_given() {
        assert!(matches(&exact("a[1].rs"), "a[1].rs"));
        assert!(!matches(&exact("a[1].rs"), "a1.rs"));
        assert!(matches(&below("src/"), "src/a.rs"));
        assert!(!matches(&below("src"), "src2/a.rs"));
        assert!(matches(&below("."), "any/where"));
        assert!(matches(&with_extension(".tar.gz"), "a/b.tar.gz"));
        assert!(!matches(&with_extension("gz"), "agz"));
    }

    #[test]
    fn b8_long_empty_and_broken_globs_are_refused() {
        assert!(glob("").is_err());
        assert!(glob("a[").is_err());
        assert!(glob(&"*a".repeat(1024)).is_err());
    }

    #[test]
    fn one_walk_answers_for_every_glob() {
        let mut set = PatternSet::default();
        let rust = set.add("**/*.rs").unwrap();
        let docs = set.add("docs/**").unwrap();
        assert_eq!(set.add("**/*.rs").unwrap(), rust);
        let paths = ["a.rs", "docs/b.rs", "docs/c.md"].map(str::to_owned);
        let matches = set.finish().unwrap().matches(&paths);
        assert_eq!(matches.of(rust), [0, 1]);
        assert_eq!(matches.of(docs), [1, 2]);
    }

    #[test]
    fn extensions_are_found_as_their_globs_would() {
        let globs = [
            "**/*.rs",
            "**/*.tar.gz",
            "**/*.gz",
            "**/*.x y",
            "**/*.{a,b}",
            "**/*.",
        ];
        assert_eq!(
            globs.map(only_extension),
            [Some("rs"), Some("tar.gz"), Some("gz"), Some("x y"), None, None]
        );
        let paths = [
            ".rs",
            "a.",
            "a.b/c",
            "a.rs",
            "a.rs.gz",
            "a.rs/b.tar.gz",
            "a.x y",
            "b.tar.gz",
            "c.RS",
            "gz",
            "rs/rs",
        ]
        .map(str::to_owned);
        let mut set = PatternSet::default();
        let ids = globs.map(|glob| set.add(glob).unwrap());
        let found = set.finish().unwrap().matches(&paths);
        for (glob, id) in globs.into_iter().zip(ids) {
            let expected: Vec<usize> = (0..paths.len())
                .filter(|index| matches(glob, &paths[*index]))
                .collect();
            assert_eq!(found.of(id), expected, "{glob}");
        }
    }

    #[test]
    fn globs_of_one_directory_meet_only_its_paths() {
        assert_eq!(own_directory("src/a/**/*.rs"), "src/a/");
        assert_eq!(own_directory("src/a*/x"), "src/");
        for quick in ["src/**", "src/a.rs", "**/*.rs", "*.rs", "{a,b}/c"] {
            assert_eq!(own_directory(quick), "", "{quick}");
        }
        let mut set = PatternSet::default();
        let ids = ["src/a/*.rs", "src/*/x.rs", "src/**", "z/?"].map(|glob| set.add(glob).unwrap());
        let set = set.finish().unwrap();
        let sorted = ["lib.rs", "src/a.rs", "src/a/x.rs", "src/ab/x.rs", "z/1"].map(str::to_owned);
        let found = |paths: &[String]| {
            let matches = set.matches(paths);
            ids.map(|id| {
                matches
                    .of(id)
                    .iter()
                    .map(|index| paths[*index].clone())
                    .collect::<Vec<_>>()
            })
        };
        let expected = found(&sorted);
        assert_eq!(expected[0], ["src/a/x.rs"]);
        assert_eq!(expected[1], ["src/a/x.rs", "src/ab/x.rs"]);
        assert_eq!(expected[2].len(), 3);
        assert_eq!(expected[3], ["z/1"]);
        let mut unsorted = sorted.clone();
        unsorted.reverse();
        let mut same = found(&unsorted);
        same.iter_mut().for_each(|paths| paths.sort());
        assert_eq!(same, expected);
    }
}
