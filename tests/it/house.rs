//! The rules of the house, read against the code: floors, proportion, words, and what may lie where.

mod acceptance;
mod source;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use source::{Source, files_below, read_sources, relative};

/// Every room under `src/` and the floor it is on.
const FLOORS: &[(&str, u8)] = &[
    ("model", 0),
    ("runtime", 1),
    ("spec", 1),
    ("rules", 1),
    ("wire", 1),
    ("config", 1),
    ("ports", 2),
    ("access", 2),
    ("kinds", 3),
    ("graph", 3),
    ("engine", 4),
    ("store", ADAPTERS),
    ("git", ADAPTERS),
    ("scm", ADAPTERS),
    ("chat", ADAPTERS),
    ("exec", ADAPTERS),
    ("files", ADAPTERS),
    ("secrets", ADAPTERS),
    ("hub", 6),
    ("daemon", 6),
    ("own", 6),
    ("cli", 7),
];

/// The floor of the adapters, who look no higher than [`PORTS`].
const ADAPTERS: u8 = 5;

/// The highest floor an adapter may use.
const PORTS: u8 = 2;

/// No file is longer.
const LINES_OF_A_FILE: usize = 600;

/// From here on a file is named in the output.
const MANY_LINES: usize = 500;

/// Files that are longer than the limit, to be split; nothing may be added.
const STILL_TOO_LONG: &[&str] = &[];

/// Half of all functions are shorter than this many lines.
const LINES_OF_A_FUNCTION: usize = 15;

/// Words that mark unfinished work, compared whole and with their case.
const UNFINISHED: &[&str] = &["todo!", "unimplemented!", "dbg!", "TODO", "FIXME", "TBD", "HACK"];

/// What may lie at the top of the repository, names that begin with a dot apart.
const TOP_LEVEL: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "Dockerfile",
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "benches",
    "build.rs",
    "clippy.toml",
    "deny.toml",
    "examples",
    "goals",
    "migrations",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "src",
    "systemd",
    "target",
    "tests",
];

/// Second TLS stacks; the rule is one, and it is rustls on aws-lc-rs.
const OTHER_TLS: &[&str] = &["openssl-sys", "openssl", "native-tls", "boring-sys"];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    read_sources(&repository().join("src"))
}

fn floor(room: &str) -> Option<u8> {
    FLOORS
        .iter()
        .find(|(name, _)| *name == room)
        .map(|(_, floor)| *floor)
}

/// Why code in the room `here` must not use the room `there`; `None` when it may.
fn objection(here: &str, there: &str) -> Option<String> {
    let (Some(from), Some(to)) = (floor(here), floor(there)) else {
        return Some(format!("{here} or {there} is not a room with a floor"));
    };
    if here == there {
        return None;
    }
    if to >= from {
        return Some(format!("{here} (floor {from}) must not use {there} (floor {to})"));
    }
    (from == ADAPTERS && to > PORTS)
        .then(|| format!("{here} is an adapter and looks no higher than ports, {there} is on floor {to}"))
}

/// Objections to one file, with their place.
fn objections(source: &Source) -> Vec<String> {
    let module = source.module();
    let Some(here) = module.first() else {
        return Vec::new(); // lib.rs and main.rs are outside the rooms
    };
    let judge = |path: source::RootPath| {
        objection(here, &path.first).map(|why| format!("src/{}:{}: {why}", source.name, path.line))
    };
    source.root_paths().into_iter().filter_map(judge).collect()
}

/// `word` as a whole: not a part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// Places in a text where one of the words stands, as `file:line: word`.
fn places_of(words: &[&str], name: &str, text: &str) -> Vec<String> {
    let in_line = |(index, line): (usize, &str)| {
        let found: Vec<_> = words.iter().filter(|word| has_word(line, word)).collect();
        found
            .into_iter()
            .map(|word| format!("{name}:{}: {word}", index + 1))
            .collect::<Vec<_>>()
    };
    text.lines().enumerate().flat_map(in_line).collect()
}

/// Files of the data directories that ship.
fn shipped_data() -> Vec<PathBuf> {
    ["goals", "examples", "systemd"]
        .iter()
        .flat_map(|directory| files_below(&repository().join(directory)))
        .collect()
}

/// The file that must hold the `mod` line of a file, and the name in that line; `None` for the root of a crate.
fn parent_of(name: &str, roots: &[&str]) -> Option<(Vec<String>, String)> {
    if roots.contains(&name) {
        return None;
    }
    let stem = name.strip_suffix("/mod.rs").or(name.strip_suffix(".rs"))?;
    match stem.rsplit_once('/') {
        None => Some((roots.iter().map(ToString::to_string).collect(), stem.to_owned())),
        Some((above, own)) => Some((
            vec![format!("{above}/mod.rs"), format!("{above}.rs")],
            own.to_owned(),
        )),
    }
}

/// Files that no `mod` line reaches.
fn forgotten(sources: &[Source], roots: &[&str]) -> Vec<String> {
    let is_declared = |source: &Source| {
        let Some((parents, own)) = parent_of(&source.name, roots) else {
            return true;
        };
        let line = format!("mod {own};");
        sources
            .iter()
            .filter(|candidate| parents.contains(&candidate.name))
            .any(|parent| parent.code.lines().any(|code| code.trim_end().ends_with(&line)))
    };
    let is_forgotten = |source: &&Source| !is_declared(source);
    sources
        .iter()
        .filter(is_forgotten)
        .map(|source| source.name.clone())
        .collect()
}

fn assert_none(complaints: &[String], rule: &str) {
    assert!(complaints.is_empty(), "{rule}:\n{}", complaints.join("\n"));
}

#[test]
fn rooms_use_only_lower_floors() {
    let complaints: Vec<_> = sources().iter().flat_map(objections).collect();
    assert_none(&complaints, "a room uses only rooms on lower floors");
}

#[test]
fn every_room_has_a_floor() {
    let rooms: BTreeSet<String> = sources()
        .iter()
        .filter_map(|source| source.module().first().map(ToString::to_string))
        .collect();
    let without: Vec<_> = rooms.into_iter().filter(|room| floor(room).is_none()).collect();
    assert_none(&without, "every room under src/ stands in FLOORS");
}

#[test]
fn floors_are_told_apart() {
    assert_eq!(objection("engine", "ports"), None);
    assert_eq!(objection("engine", "engine"), None);
    assert_eq!(objection("git", "rules"), None);
    assert!(objection("model", "runtime").is_some(), "upwards");
    assert!(objection("store", "git").is_some(), "a neighbour");
    assert!(objection("store", "kinds").is_some(), "an adapter above ports");
    assert!(objection("engine", "attic").is_some(), "an unknown room");
}

#[test]
fn paths_to_other_rooms_are_found_however_they_are_written() {
    let text = r#"
        //! [`crate::cli`] in a comment does not count.
        use crate::{model::Push, ports::{Store, Scm}, engine};
        use super::super::git::Mirror;
        fn quote() -> char { let text = "crate::hub"; '"' }
        #[cfg(test)]
        mod tests {
            use super::near;
            use super::super::super::daemon;
            pub(crate) fn inside<'a>(at: &'a crate::wire::Message) {}
        }
    "#;
    let source = Source::new("kinds/execute.rs", text);
    let found: Vec<_> = source.root_paths().into_iter().map(|path| path.first).collect();
    assert_eq!(found, ["model", "ports", "engine", "git", "daemon", "wire"]);
}

#[test]
fn functions_are_measured_to_their_closing_brace() {
    let text = "trait T {\n    fn declared(&self);\n}\nfn long(\n    list: [u8; 2],\n) {\n    let brace = '{';\n}\nfn short() {}\n";
    let functions = Source::new("model/x.rs", text).functions();
    let measured: Vec<_> = functions
        .iter()
        .map(|function| (function.name.as_str(), function.lines))
        .collect();
    assert_eq!(measured, [("long", 5), ("short", 1)]);
}

#[test]
fn no_file_is_forgotten_by_its_module() {
    let code = forgotten(&sources(), &["lib.rs", "main.rs"]);
    let tests = forgotten(&read_sources(&repository().join("tests/it")), &["main.rs"]);
    assert_none(&code, "every file in src/ has its mod line");
    assert_none(&tests, "every file in tests/it/ has its mod line");
}

#[test]
fn files_are_short_and_begin_with_what_they_are_for() {
    let mut complaints = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > LINES_OF_A_FILE && !STILL_TOO_LONG.contains(&source.name.as_str()) {
            complaints.push(format!("src/{}: {lines} lines", source.name));
        } else if lines > MANY_LINES {
            println!(
                "src/{} has {lines} lines: what is the second thing in it called?",
                source.name
            );
        }
        if !source.text.starts_with("//!") {
            complaints.push(format!("src/{}: does not begin with //!", source.name));
        }
    }
    assert_none(&complaints, "a file says what it is for and does one thing");
}

#[test]
fn half_of_all_functions_are_short() {
    let sources = sources();
    let mut functions: Vec<_> = sources
        .iter()
        .flat_map(|source| {
            source
                .functions()
                .into_iter()
                .map(|function| (function, &source.name))
        })
        .collect();
    functions.sort_by_key(|(function, _)| function.lines);
    assert!(!functions.is_empty(), "no function was found in src/");
    let at = |percent: usize| functions[(functions.len() - 1) * percent / 100].0.lines;
    let mut figures = format!(
        "{} functions, median {}, 90 % {} lines; longest:",
        functions.len(),
        at(50),
        at(90)
    );
    for (function, file) in functions.iter().rev().take(10) {
        write!(
            figures,
            "\n  {:4} {} src/{file}:{}",
            function.lines, function.name, function.line
        )
        .expect("a String takes what is written to it");
    }
    println!("{figures}");
    assert!(at(50) < LINES_OF_A_FUNCTION, "{figures}");
}

#[test]
fn nothing_is_left_unfinished() {
    let code = sources();
    let mut complaints: Vec<_> = code
        .iter()
        .flat_map(|source| places_of(UNFINISHED, &format!("src/{}", source.name), &source.prose))
        .collect();
    for file in shipped_data() {
        let text = std::fs::read_to_string(&file).unwrap();
        complaints.extend(places_of(UNFINISHED, &relative(repository(), &file), &text));
    }
    assert_none(&complaints, "work is finished or not there");
}

#[test]
fn unfinished_work_is_found_in_code_and_comments_not_in_literals() {
    let text = "// TODO: later\nfn a() { todo!() }\nlet b = \"TODO\"; let methodTODO = r#\"FIXME\"#;\n";
    let source = Source::new("model/x.rs", text);
    assert_eq!(
        places_of(UNFINISHED, "x.rs", &source.prose),
        ["x.rs:1: TODO", "x.rs:2: todo!"]
    );
}

#[test]
fn the_top_level_is_as_fixed() {
    let entries = std::fs::read_dir(repository()).unwrap();
    let strangers: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(&name.as_str()))
        .collect();
    assert_none(
        &strangers,
        "what lies at the top of the repository is fixed in TOP_LEVEL",
    );
}

#[test]
fn shipped_data_is_text_without_anybodys_home() {
    let homes = ["/home/", "/Users/", "/root/", "C:\\Users"];
    let mut complaints = Vec::new();
    for file in shipped_data() {
        let name = relative(repository(), &file);
        let Ok(text) = String::from_utf8(std::fs::read(&file).unwrap()) else {
            complaints.push(format!("{name}: not UTF-8"));
            continue;
        };
        let found = homes.iter().filter(|home| text.contains(*home));
        complaints.extend(found.map(|home| format!("{name}: {home}")));
    }
    assert_none(
        &complaints,
        "what ships is UTF-8 and names nobody's home directory",
    );
}

#[test]
fn goal_packs_and_examples_are_where_they_belong() {
    let mut complaints = Vec::new();
    for file in files_below(&repository().join("goals")) {
        let name = relative(repository(), &file);
        let own = name.trim_start_matches("goals/");
        let is_ordered = own.len() > 3 && own.as_bytes()[..2].iter().all(u8::is_ascii_digit);
        if !is_ordered || !own.ends_with(".yaml") || own.contains('/') {
            complaints.push(format!("{name}: not named NN-topic.yaml"));
        }
    }
    for entry in std::fs::read_dir(repository().join("examples")).unwrap() {
        let example = entry.unwrap().path();
        if !example.join("goals.yaml").is_file() || !example.join("repo").is_dir() {
            complaints.push(format!(
                "{}: without goals.yaml or repo/",
                relative(repository(), &example)
            ));
        }
    }
    assert_none(
        &complaints,
        "packs are in order of their names, examples have goals and a repository",
    );
}

#[test]
fn one_tls_stack_is_locked() {
    let lock = std::fs::read_to_string(repository().join("Cargo.lock")).unwrap();
    let complaints: Vec<String> = OTHER_TLS
        .iter()
        .filter(|other| lock.contains(&format!("name = \"{other}\"\n")))
        .map(|other| format!("Cargo.lock: {other}"))
        .collect();
    assert_none(&complaints, "TLS is rustls on aws-lc-rs and nothing else");
    // `ring` stands in Cargo.lock as an optional dependency nobody turns on; whether it is built is asked in .ci/run.
    assert!(
        lock.contains("name = \"aws-lc-rs\"\n"),
        "Cargo.lock does not name aws-lc-rs"
    );
}
