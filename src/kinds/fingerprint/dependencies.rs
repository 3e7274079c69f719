//! Lock files as lists of dependencies.

use serde_json::Value;

/// Largest lock file in bytes.
pub(super) const MAX_LOCK_FILE: usize = 32 << 20;

/// Most dependencies of one lock file.
const MAX_DEPENDENCIES: usize = 50_000;

/// Lock files that are understood, by their names.
pub(super) const LOCK_FILES: [&str; 8] = [
    "Cargo.lock",
    "package-lock.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "poetry.lock",
    "uv.lock",
    "go.sum",
    "Gemfile.lock",
];

/// Whether the name of a file is that of a lock file.
pub(super) fn is_lock_file(path: &str) -> bool {
    LOCK_FILES.contains(&path.rsplit('/').next().unwrap_or(path))
}

/// One dependency: name and version.
pub(super) type Dependency = (String, String);

/// The dependencies of a lock file, sorted.
///
/// # Errors
/// It is no lock file, or not one that is understood.
pub(super) fn dependencies(path: &str, content: &[u8]) -> Result<Vec<Dependency>, String> {
    if content.len() > MAX_LOCK_FILE {
        return Err(format!("{path} is larger than {MAX_LOCK_FILE} bytes"));
    }
    let text = std::str::from_utf8(content).map_err(|_| format!("{path} is not UTF-8"))?;
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut found = match name {
        "Cargo.lock" | "poetry.lock" | "uv.lock" => packages_of_toml(text),
        "package-lock.json" => packages_of_npm(text).map_err(|error| format!("{path}: {error}"))?,
        "yarn.lock" => packages_of_yarn(text),
        "pnpm-lock.yaml" => packages_of_pnpm(text),
        "go.sum" => modules_of_go(text),
        "Gemfile.lock" => gems(text),
        _ => {
            return Err(format!(
                "{path} is not a lock file that is understood: {}",
                LOCK_FILES.join(", ")
            ));
        }
    };
    found.sort();
    found.dedup();
    match found.len() > MAX_DEPENDENCIES {
        true => Err(format!("{path} has more than {MAX_DEPENDENCIES} dependencies")),
        false => Ok(found),
    }
}

/// `[[package]]` tables with `name` and `version`, each on a line of its own, as the tools write them.
fn packages_of_toml(text: &str) -> Vec<Dependency> {
    let quoted = |line: &str, key: &str| -> Option<String> {
        let value = line.strip_prefix(key)?.trim_start().strip_prefix('=')?.trim();
        Some(value.strip_prefix('"')?.split('"').next()?.to_owned())
    };
    let tables = text
        .split("\n[[package]]")
        .skip(usize::from(!text.starts_with("[[package]]")));
    let package = |table: &str| {
        let own = table.split("\n[").next().unwrap_or(table);
        let name = own.lines().find_map(|line| quoted(line, "name"))?;
        let version = own.lines().find_map(|line| quoted(line, "version"));
        Some((name, version.unwrap_or_else(|| "-".to_owned())))
    };
    tables.filter_map(package).collect()
}

/// `packages` of npm's lock file; the path after the last `node_modules/` is the name.
fn packages_of_npm(text: &str) -> Result<Vec<Dependency>, String> {
    let document: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let version = |package: &Value| package.get("version").and_then(Value::as_str).map(str::to_owned);
    let packages = document.get("packages").and_then(Value::as_object);
    let Some(packages) = packages else {
        let older = document.get("dependencies").and_then(Value::as_object);
        let older = older.ok_or("it has neither `packages` nor `dependencies`")?;
        let all = older
            .iter()
            .filter_map(|(name, package)| Some((name.clone(), version(package)?)));
        return Ok(all.collect());
    };
    let named = packages.iter().filter_map(|(path, package)| {
        let (_, name) = path.rsplit_once("node_modules/")?;
        Some((name.to_owned(), version(package)?))
    });
    Ok(named.collect())
}

/// Entries of yarn's lock file, of the first line and of later ones: a line of what is asked for, `"@s/x@^1", x@^2:`, and
/// indented below it `version "1.2.3"` or `version: 1.2.3`. Those of the repository itself have no version of their own.
fn packages_of_yarn(text: &str) -> Vec<Dependency> {
    let (mut found, mut name) = (Vec::new(), None);
    for line in text.lines() {
        if !line.starts_with([' ', '\t']) {
            name = line.trim_end().strip_suffix(':').and_then(asked_of_yarn);
            continue;
        }
        let field = line.strip_prefix("  ").filter(|field| !field.starts_with(' '));
        let version = field.and_then(|field| field.strip_prefix("version"));
        let Some(version) = version.and_then(|version| version.strip_prefix([' ', ':'])) else {
            continue;
        };
        let version = version.trim().trim_matches('"');
        if let Some(name) = name.take().filter(|_| version != "0.0.0-use.local") {
            found.push((name, version.to_owned()));
        }
    }
    found
}

/// The name in what is asked of yarn: before the `@` that is not its first letter.
fn asked_of_yarn(asked: &str) -> Option<String> {
    let first = asked.split(',').next()?.trim().trim_matches('"');
    let at = first.char_indices().skip(1).find(|(_, letter)| *letter == '@')?.0;
    Some(first[..at].to_owned())
}

/// The keys of `packages:` in pnpm's lock file, at two spaces: `name@version` with the peers it was put beside in brackets,
/// or `/name/version` as older ones have it.
fn packages_of_pnpm(text: &str) -> Vec<Dependency> {
    let sections = text
        .lines()
        .skip_while(|line| line.trim_end() != "packages:")
        .skip(1);
    let own = sections.take_while(|line| line.is_empty() || line.starts_with(' '));
    let key = |line: &str| {
        let key = line.strip_prefix("  ").filter(|key| !key.starts_with(' '))?;
        let key = key.split_once(':').filter(|(_, rest)| !rest.starts_with('/'))?.0;
        let key = key.trim_matches(['\'', '"']);
        let key = key.split('(').next().unwrap_or(key);
        let name = key.strip_prefix('/').unwrap_or(key);
        let at = name.char_indices().skip(1).find(|(_, letter)| *letter == '@');
        let (name, version) = match at {
            Some((at, _)) => (&name[..at], &name[at + 1..]),
            None => name.rsplit_once('/')?,
        };
        Some((name.to_owned(), version.to_owned()))
    };
    own.filter_map(key).collect()
}

/// `module version hash`; the lines of `go.mod` files are left out.
fn modules_of_go(text: &str) -> Vec<Dependency> {
    let module = |line: &str| {
        let mut words = line.split_whitespace();
        let (name, version) = (words.next()?, words.next()?);
        (!version.ends_with("/go.mod")).then(|| (name.to_owned(), version.to_owned()))
    };
    text.lines().filter_map(module).collect()
}

/// The indented `name (version)` lines below `specs:`.
fn gems(text: &str) -> Vec<Dependency> {
    let gem = |line: &str| {
        let rest = line.strip_prefix("    ").filter(|rest| !rest.starts_with(' '))?;
        let (name, version) = rest.trim_end().split_once(" (")?;
        Some((name.to_owned(), version.strip_suffix(')')?.to_owned()))
    };
    text.lines().filter_map(gem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(path: &str, content: &str) -> Vec<String> {
        let found = dependencies(path, content.as_bytes()).unwrap();
        found
            .iter()
            .map(|(name, version)| format!("{name} {version}"))
            .collect()
    }

    #[test]
    fn lock_files_are_lists_of_names_and_versions() {
        let cargo = "version = 4\n\n[[package]]\nname = \"b\"\nversion = \"1.0.0\"\ndependencies = [\n \"a\",\n]\n\n\
                     [[package]]\nname = \"a\"\nversion = \"0.2.0\"\n\n[metadata]\nname = \"not this\"\n";
        assert_eq!(shown("sub/Cargo.lock", cargo), ["a 0.2.0", "b 1.0.0"]);
        let npm = r#"{"lockfileVersion":3,"packages":{"":{"version":"9"},"node_modules/x":{"version":"1.2.3"},
            "node_modules/x/node_modules/@s/y":{"version":"2.0.0"}}}"#;
        assert_eq!(shown("package-lock.json", npm), ["@s/y 2.0.0", "x 1.2.3"]);
        let go = "example.com/m v1.0.0 h1:x=\nexample.com/m v1.0.0/go.mod h1:y=\n";
        assert_eq!(shown("go.sum", go), ["example.com/m v1.0.0"]);
        let ruby = "GEM\n  remote: https://x/\n  specs:\n    rack (2.2.8)\n      other (>= 1)\n\nPLATFORMS\n  ruby\n";
        assert_eq!(shown("Gemfile.lock", ruby), ["rack 2.2.8"]);
    }

    #[test]
    fn lock_files_of_yarn_and_pnpm_are_read_as_every_version_writes_them() {
        let classic = "# yarn lockfile v1\n\n\n\"@s/y@^2.0.0\", \"@s/y@^2.1.0\":\n  version \"2.1.3\"\n  resolved \"https://r/y.tgz\"\n  \
                       dependencies:\n    version \"^9\"\n\nx@^1:\n  version \"1.2.3\"\n";
        assert_eq!(shown("yarn.lock", classic), ["@s/y 2.1.3", "x 1.2.3"]);
        let berry = "__metadata:\n  version: 8\n\n\"@s/y@npm:^2.0.0\":\n  version: 2.1.3\n  resolution: \"@s/y@npm:2.1.3\"\n\n\
                     \"app@workspace:.\":\n  version: 0.0.0-use.local\n\n\"x@npm:^1\":\n  version: 1.2.3\n";
        assert_eq!(shown("web/yarn.lock", berry), ["@s/y 2.1.3", "x 1.2.3"]);
        let newer = "lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies: {}\n\npackages:\n\n  '@s/y@2.1.3':\n    \
                     resolution: {integrity: sha512-x==}\n\n  x@1.2.3:\n    engines: {node: '>=8'}\n\nsnapshots:\n\n  z@9.0.0: {}\n";
        assert_eq!(shown("pnpm-lock.yaml", newer), ["@s/y 2.1.3", "x 1.2.3"]);
        let older = "lockfileVersion: 5.4\n\npackages:\n\n  /@s/y/2.1.3:\n    dev: true\n\n  /x/1.2.3:\n    dev: true\n";
        assert_eq!(shown("pnpm-lock.yaml", older), ["@s/y 2.1.3", "x 1.2.3"]);
        let between = "packages:\n\n  /@s/y@2.1.3(x@1.2.3):\n    dev: true\n";
        assert_eq!(shown("pnpm-lock.yaml", between), ["@s/y 2.1.3"]);
    }

    #[test]
    fn other_files_are_refused_with_a_reason() {
        assert!(dependencies("bun.lock", b"").unwrap_err().contains("Cargo.lock"));
        assert!(dependencies("package-lock.json", b"{").is_err());
        assert!(dependencies("Cargo.lock", &[0xff]).unwrap_err().contains("UTF-8"));
    }
}
