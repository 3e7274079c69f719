//! The reference tables of README.md say what the program says of itself, and every example in them checks.
//!
//! The tables stand between `<!-- reference: NAME -->` and `<!-- end of reference -->`. After a change that is meant to
//! change them: `SDM_TEST_UPDATE=1 cargo test --test it reference`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sdm::access::operation::Who;
use sdm::access::scope::SCOPES;
use sdm::access::{OPERATIONS, Scope, ScopeSet, policy};
use sdm::config::{Flags, Sources, VARIABLES, load};
use sdm::engine::Machine;
use sdm::kinds::{COMMAND_KINDS, KINDS, Kind};
use sdm::model::event::EVENTS;
use sdm::model::{Descriptor, Field, Timestamp, ValueType};
use sdm::rules::descriptors;
use sdm::rules::expression::terms;
use sdm::spec::placeholder::{Asker, FACTS};
use sdm::spec::{
    COMMAND_FIELDS, COMMON_GOAL_FIELDS, LISTENER_FIELDS, PARAMETER_FIELDS, PROGRAMS, RULE_FIELDS, RUN_FIELDS,
    SourceFile, TARGET_FIELDS, TEST_EXPECT_FIELDS, TEST_FIELDS, TEST_GOAL_FIELDS, TEST_PUSH_FIELDS,
};

use crate::support::expected::expect_file;

fn readme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

/// Code in a cell of a table.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

fn also(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        names => {
            let names: Vec<String> = names.iter().map(|name| code(name)).collect();
            format!(" (also {})", names.join(", "))
        }
    }
}

fn push_tests() -> String {
    let mut text = "| Test, as an example | Holds when |\n|---|---|\n".to_owned();
    for test in descriptors() {
        let _ = writeln!(
            text,
            "| {} | {}{} |",
            code(test.example),
            test.help,
            also(test.aliases)
        );
    }
    text
}

/// A line for each, with its example.
fn examples_of(kinds: &[&dyn Kind]) -> String {
    let mut text = String::new();
    for kind in kinds.iter().map(|kind| kind.descriptor()) {
        let example = format!("{{{}}}", kind.example.replace('\n', ", "));
        let _ = writeln!(
            text,
            "| {} | {}{} |",
            code(&example),
            kind.help,
            also(kind.aliases)
        );
    }
    text
}

fn kinds() -> String {
    let mut text = "| Goal, as an example | What it does |\n|---|---|\n".to_owned() + &examples_of(KINDS);
    text.push_str(
        "| `{use: lock}` | Sets no goal and ends the plan: later rules are not asked. |\n\n| Key of | | Means | Default |\n|---|---|---|---|\n",
    );
    let mut keys = Keys::default();
    for kind in KINDS.iter().map(|kind| kind.descriptor()) {
        match kind.value {
            Some(ValueType::Fields(fields)) => text.push_str(&keys.of(&code(kind.name), fields)),
            Some(ValueType::With { main, beside }) => {
                if let ValueType::List(ValueType::Fields(fields)) = main {
                    text.push_str(&keys.of(&format!("each of {}", code(kind.name)), fields));
                }
                text.push_str(&keys.of(&format!("beside {}", code(kind.name)), beside));
            }
            _ => {}
        }
    }
    text + &keys.of("every goal", COMMON_GOAL_FIELDS) + &keys.of("every rule", RULE_FIELDS)
}

fn placeholders() -> String {
    let mut text = "| Placeholder | Stands for | In |\n|---|---|---|\n".to_owned();
    for fact in FACTS {
        let askers: Vec<&str> = fact.known_to.iter().copied().map(Asker::plural).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} |",
            code(&format!("${{{}}}", fact.path)),
            fact.help,
            askers.join(", ")
        );
    }
    text
}

fn expressions() -> String {
    let mut text = "| Of expressions | Type | Means |\n|---|---|---|\n".to_owned();
    for term in terms() {
        let _ = writeln!(
            text,
            "| {} | {} | {} |",
            code(&term.written),
            term.kind,
            term.help
        );
    }
    text
}

fn tests() -> String {
    let text = "| Key of | | Means | Default |\n|---|---|---|---|\n".to_owned();
    let mut keys = Keys::default();
    text + &keys.of("a test", TEST_FIELDS)
        + &keys.of("`push`", TEST_PUSH_FIELDS)
        + &keys.of("`goal`", TEST_GOAL_FIELDS)
        + &keys.of("`expect`", TEST_EXPECT_FIELDS)
}

fn commands() -> String {
    let mut text =
        "| Command, as an example | What it does |\n|---|---|\n".to_owned() + &examples_of(COMMAND_KINDS);
    text.push_str("\n| Key of | | Means | Default |\n|---|---|---|---|\n");
    let mut keys = Keys::default();
    for kind in COMMAND_KINDS.iter().map(|kind| kind.descriptor()) {
        if let Some(ValueType::Fields(fields)) = kind.value {
            text.push_str(&keys.of(&code(kind.name), fields));
        }
    }
    text.push_str(&keys.of("a command", COMMAND_FIELDS));
    text.push_str(&keys.of("`targets`", TARGET_FIELDS));
    text.push_str(&keys.of("a parameter", PARAMETER_FIELDS));
    text.push_str(&keys.of("a listener", LISTENER_FIELDS));
    text.push_str(&keys.of("`run`, beside it", RUN_FIELDS));
    text.push_str("\n| Event | Happens when | `${event.…}` |\n|---|---|---|\n");
    for event in EVENTS {
        let fields: Vec<String> = event.parts.iter().map(|part| code(part.name)).collect();
        let source = match (event.is_noticed, event.is_told) {
            (true, _) => "",
            (false, true) => " Told by a hub; without one `sdm emit` can.",
            (false, false) => " Not noticed by this version; `sdm emit` can.",
        };
        let _ = writeln!(
            text,
            "| {}{} | {}{source} | {} |",
            code(event.name),
            also(event.aliases),
            event.help,
            fields.join(", ")
        );
    }
    text
}

fn policies() -> String {
    let mut text = "| Key of | | Means | Default |\n|---|---|---|---|\n".to_owned();
    let mut keys = Keys::default();
    text.push_str(&keys.of("a policy", policy::FIELDS));
    text.push_str(&keys.of("an add-on", policy::ADDON_FIELDS));
    text.push_str(&keys.of("a person", policy::PERSON_FIELDS));
    text.push_str(&keys.of("a grant", policy::GRANT_FIELDS));
    text.push_str(&keys.of("a trusted issuer", policy::TRUST_FIELDS));
    text.push_str(&keys.of("a test", policy::TEST_FIELDS));
    text.push_str("\n| Scope | It may | Includes | Sensitivity |\n|---|---|---|---|\n");
    for row in SCOPES {
        let includes = ScopeSet::of(row.implies)
            .names()
            .iter()
            .map(|name| code(name))
            .collect::<Vec<_>>();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            code(row.name),
            row.allows,
            includes.join(", "),
            match row.scope.is_not_yet() {
                true => "not available yet",
                false => row.sensitivity.word(),
            }
        );
    }
    text.push_str("\n| Operation | To | Scopes | Level |\n|---|---|---|---|\n");
    for row in OPERATIONS {
        let scopes: Vec<String> = row.required().names().iter().map(|name| code(name)).collect();
        let level = match row.who {
            _ if row.is_not_yet => "not available yet",
            Who::Open => "open to everybody",
            Who::Own => "an add-on about itself",
            Who::Anybody | Who::Addon => row.level.word(),
            Who::Person | Who::FreshPerson => {
                &format!("{}, people only{}", row.level.word(), by_key(row.keys))
            }
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {level} |",
            code(row.name),
            row.does,
            scopes.join(", ")
        );
    }
    text
}

/// With which of their scopes a key of a person does what is for people.
fn by_key(scopes: &[Scope]) -> String {
    let names: Vec<String> = scopes.iter().map(|scope| code(scope.name())).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!(", or a key of theirs with {}", names.join(" or ")),
    }
}

/// Which keys a table has told of already: those that stand inside of several others are told once.
#[derive(Default)]
struct Keys(Vec<&'static [Field]>);

impl Keys {
    /// The lines of some keys, and of those that stand inside of them.
    fn of(&mut self, owner: &str, fields: &'static [Field]) -> String {
        self.0.push(fields);
        let mut text: String = fields.iter().map(|field| row(owner, field)).collect();
        for field in fields {
            let Some(inside) = inside(field.value).filter(|inside| !self.0.contains(inside)) else {
                continue;
            };
            text.push_str(&self.of(&format!("{owner}: {}", code(field.name)), inside));
        }
        text
    }
}

fn row(owner: &str, field: &Field) -> String {
    let default = match field.default {
        "" => String::new(),
        default => code(default),
    };
    format!(
        "| {owner} | {} | {}{}{} | {default} |\n",
        code(field.name),
        field.help,
        shape(field.value),
        also(field.aliases)
    )
}

/// The keys that stand inside of a value, or of each of its items.
fn inside(value: ValueType) -> Option<&'static [Field]> {
    match value {
        ValueType::Fields(fields) | ValueType::BooleanOr(fields) | ValueType::TextOr(_, fields) => {
            Some(fields)
        }
        ValueType::List(item) | ValueType::Map(item) => inside(*item),
        _ => None,
    }
}

/// What may stand inside, where the key's own line does not say it.
fn shape(value: ValueType) -> String {
    let inside = |fields: &[Field]| {
        let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
        format!("{{{}}}", names.join(", "))
    };
    let words = match value {
        ValueType::Choice(words) => words.join("` or `"),
        ValueType::Map(ValueType::Choice(words)) => words.join("` or `"),
        ValueType::BooleanOr(fields) => format!("true` or `{}", inside(fields)),
        ValueType::Fields(fields) => inside(fields),
        ValueType::TextOr(_, fields) => inside(fields),
        ValueType::List(ValueType::Fields(fields) | ValueType::TextOr(_, fields)) => {
            format!("[{}, …]", inside(fields))
        }
        _ => return String::new(),
    };
    format!(": `{words}`")
}

fn configuration() -> String {
    let sources = Sources {
        home: Some("/~".into()),
        directory: "/".into(),
        system: "/nowhere".into(),
        ..Sources::default()
    };
    let loaded = load(&sources, &Flags::default()).unwrap();
    let mut text = "| Key | Variable | Default | Means |\n|---|---|---|---|\n".to_owned();
    for entry in loaded.entries() {
        let name = match entry.key {
            "state_directory" => "SDM_HOME".to_owned(),
            "database" => "SDM_DATABASE_FILE".to_owned(),
            key => format!("SDM_{}", key.to_uppercase()),
        };
        let default = match entry.key {
            "parallel" => "the number of cores".to_owned(),
            "goals" => "`goals/` beside the configuration, else those that ship".to_owned(),
            "log_limit" => code("64MiB"),
            "cache_limit" => code("10GiB"),
            "proxy" => "what `https_proxy` and the like say".to_owned(),
            "engine" => "`$DOCKER_HOST`, one's own podman, the system's, Docker".to_owned(),
            _ => code(&entry.value.replace("/~", "~")),
        };
        let variable = VARIABLES.iter().find(|(variable, _)| *variable == name);
        let (variable, help) = variable.map_or_else(
            || (String::new(), help_without_variable(entry.key)),
            |(variable, help)| (code(variable), *help),
        );
        let _ = writeln!(text, "| {} | {variable} | {default} | {help} |", code(entry.key));
    }
    text
}

/// What stands in files only.
fn help_without_variable(key: &str) -> &'static str {
    let known = sdm::config::keys().into_iter().find(|known| known.name == key);
    known.map_or("", |known| known.help)
}

fn with_table(text: &str, name: &str, table: &str) -> String {
    let begin = format!("<!-- reference: {name} -->\n");
    let (before, rest) = text
        .split_once(&begin)
        .unwrap_or_else(|| panic!("README.md has no place for {name}"));
    let (_, after) = rest.split_once("<!-- end of reference -->").unwrap();
    format!("{before}{begin}{table}<!-- end of reference -->{after}")
}

#[test]
fn the_reference_is_complete_and_true() {
    let mut text = std::fs::read_to_string(readme()).unwrap();
    for (name, table) in [
        ("push tests", push_tests()),
        ("expressions", expressions()),
        ("goals", kinds()),
        ("placeholders", placeholders()),
        ("tests", tests()),
        ("commands", commands()),
        ("policy", policies()),
        ("configuration", configuration()),
    ] {
        text = with_table(&text, name, &table);
    }
    expect_file(&readme(), &text);
    let everything = descriptors()
        .into_iter()
        .chain(KINDS.iter().chain(COMMAND_KINDS).map(|kind| kind.descriptor()));
    for descriptor in everything {
        assert!(text.contains(descriptor.help), "{}", descriptor.name);
        assert!(text.contains(descriptor.name), "{}", descriptor.name);
    }
}

fn indented(text: &str, by: usize) -> String {
    text.lines()
        .map(|line| format!("{}{line}\n", " ".repeat(by)))
        .collect()
}

fn assert_checks(name: &str, text: &str) {
    let file = SourceFile::new(name, text);
    let checked = Machine::check(&[file]);
    assert!(
        checked.diagnostics.is_empty() && checked.machine.is_some(),
        "{name}: {:?}\n{text}",
        checked.diagnostics
    );
}

#[test]
fn every_example_of_the_reference_checks() {
    for test in descriptors() {
        let example = indented(test.example, 6);
        let text = format!(
            "rules:\n  - name: r\n    test:\n{example}    goals:\n      - name: publish\n        execute: {{run: [\"true\"]}}\n"
        );
        assert_checks(test.name, &text);
    }
    for kind in KINDS.iter().map(|kind| kind.descriptor()) {
        for example in written_both_ways(kind) {
            let example = indented(&example, 8).replacen("        ", "      - ", 1);
            assert_checks(kind.name, &format!("rules:\n  - name: r\n    goals:\n{example}"));
        }
    }
    for kind in COMMAND_KINDS.iter().map(|kind| kind.descriptor()) {
        // What it asks for in its example is a parameter of the command.
        let example = indented(kind.example, 4).replacen("    ", "  - ", 1);
        let parameters = "    parameters: {license: {}, owner: {}, name: {}}\n";
        assert_checks(kind.name, &format!("commands:\n{example}{parameters}"));
    }
}

/// As in its descriptor, and in one line as the table shows it.
fn written_both_ways(kind: &Descriptor) -> [String; 2] {
    [
        kind.example.to_owned(),
        format!("{{{}}}", kind.example.replace('\n', ", ")),
    ]
}

/// The goal files that README.md shows.
#[test]
fn goal_files_in_the_readme_check() {
    let text = std::fs::read_to_string(readme()).unwrap();
    let shown: Vec<&str> = text
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```").map(|(file, _)| file))
        .filter(|file| file.contains("rules:") || file.contains("commands:"))
        .collect();
    assert!(!shown.is_empty());
    for file in shown {
        assert_checks("README.md", file);
    }
}

/// The policies that README.md shows.
#[test]
fn policies_in_the_readme_check() {
    let text = std::fs::read_to_string(readme()).unwrap();
    let blocks = text.split("```yaml\n").skip(1);
    let shown = blocks.filter_map(|rest| rest.split_once("```").map(|(file, _)| file));
    let shown: Vec<&str> = shown.filter(|file| file.contains("addons:")).collect();
    assert!(!shown.is_empty());
    for file in shown {
        let parsed = policy::parse(&"README.md".into(), file.as_bytes());
        assert_eq!(parsed.diagnostics, []);
        let policy = parsed.policy.unwrap();
        let now = Timestamp::from_micros(1_767_225_600_000_000);
        for outcome in policy::run_tests(&policy.tests, &policy.alone(now), now) {
            assert!(outcome.failures.is_empty(), "{outcome:?}");
        }
    }
}

/// Keys within keys, as far down as they go.
/// Parameters become data only in what is known to be a program.
fn is_filled_in_as_program(name: &str, value: ValueType) -> bool {
    value != ValueType::Expression || PROGRAMS.contains(&name)
}

fn assert_explained(owner: &str, fields: &[Field]) {
    for field in fields {
        assert!(!field.help.is_empty(), "{owner}.{} has no help", field.name);
        assert!(
            is_filled_in_as_program(field.name, field.value),
            "{owner}.{}",
            field.name
        );
        assert_value_explained(&format!("{owner}.{}", field.name), field.value);
    }
}

fn assert_value_explained(owner: &str, value: ValueType) {
    match value {
        ValueType::List(inner) | ValueType::Map(inner) => assert_value_explained(owner, *inner),
        ValueType::Fields(fields) | ValueType::BooleanOr(fields) | ValueType::TextOr(_, fields) => {
            assert_explained(owner, fields);
        }
        _ => {}
    }
}

#[test]
fn every_key_test_kind_and_command_says_what_it_is() {
    let everything = descriptors()
        .into_iter()
        .chain(KINDS.iter().chain(COMMAND_KINDS).map(|kind| kind.descriptor()));
    for descriptor in everything {
        assert!(
            !descriptor.help.is_empty() && !descriptor.example.is_empty(),
            "{}",
            descriptor.name
        );
        let is_program = |value| is_filled_in_as_program(descriptor.name, value);
        assert!(descriptor.value.is_none_or(is_program), "{}", descriptor.name);
        descriptor
            .value
            .into_iter()
            .for_each(|value| assert_value_explained(descriptor.name, value));
    }
    assert_explained("a goal", COMMON_GOAL_FIELDS);
    assert_explained("a rule", RULE_FIELDS);
    assert_explained("a test", TEST_FIELDS);
    assert_explained("the configuration", &sdm::config::keys());
    let readme = std::fs::read_to_string(readme()).unwrap();
    for command in sdm::cli::command_line().get_subcommands() {
        let name = command.get_name();
        assert!(command.get_about().is_some(), "{name} has no help");
        assert!(readme.contains(name), "README.md does not name {name}");
        for argument in command.get_arguments() {
            let is_said = argument.get_help().is_some() || argument.is_hide_set();
            assert!(is_said, "{name} {} has no help", argument.get_id());
        }
    }
}
