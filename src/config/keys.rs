//! The keys of configuration files with their types, for editors and the reference.

use super::environment::{VARIABLES, variable_for};
use crate::model::{Field, ValueType};

/// Types of values; what a key means is said with its variable.
const TYPES: &[(&str, ValueType)] = &[
    ("name", ValueType::Verbatim),
    ("goals", ValueType::Verbatim),
    ("state_directory", ValueType::Verbatim),
    ("socket", ValueType::Verbatim),
    ("parallel", ValueType::Integer { min: 1, max: 1024 }),
    ("repositories", ValueType::List(&ValueType::Verbatim)),
    ("remotes", ValueType::List(&ValueType::Verbatim)),
    ("poll_interval", ValueType::Duration),
    ("logins", ValueType::Map(&ValueType::Fields(LOGIN))),
    ("hub", ValueType::Fields(HUB)),
    ("forges", ValueType::Map(&ValueType::Fields(FORGE))),
    ("values", ValueType::Map(&ValueType::Any)),
    ("extra_ca_files", ValueType::List(&ValueType::Verbatim)),
    ("proxy", ValueType::Verbatim),
    ("ssh_command", ValueType::List(&ValueType::Verbatim)),
    ("fetch_timeout", ValueType::Duration),
    ("log_limit", ValueType::Verbatim),
    ("workspace_keep", ValueType::List(&ValueType::Verbatim)),
    (
        "retention_days",
        ValueType::Integer {
            min: 0,
            max: u32::MAX as i64,
        },
    ),
    ("repository_hooks", ValueType::List(&ValueType::Verbatim)),
    ("trusted_owners", ValueType::List(&ValueType::Verbatim)),
    ("reference_address", ValueType::Verbatim),
    ("signing", ValueType::Fields(SIGNING)),
    ("people", ValueType::Map(&ValueType::Fields(PERSON))),
    ("trust", ValueType::Choice(&["ask", "all"])),
    ("engine", ValueType::Verbatim),
    ("containers", ValueType::Fields(CONTAINERS)),
    ("sandbox", ValueType::Choice(&["off", "auto", "required"])),
    (
        "sandbox_untrusted",
        ValueType::Choice(&["off", "auto", "required"]),
    ),
    ("sandbox_readable", ValueType::List(&ValueType::Verbatim)),
    ("untrusted_network", ValueType::Boolean),
    ("cache_limit", ValueType::Verbatim),
    ("database", ValueType::Any),
    ("file_store", ValueType::Fields(FILE_STORE)),
    ("goal_limits", ValueType::Fields(GOAL_LIMITS)),
    ("mock", ValueType::List(&ValueType::Fields(MOCK))),
    ("secrets", ValueType::Map(&ValueType::Any)),
    ("secret_key_file", ValueType::Verbatim),
    ("otlp", ValueType::Verbatim),
    ("log_level", ValueType::Verbatim),
    ("log_format", ValueType::Choice(&["text", "json"])),
];

const PERSON: &[Field] = &[
    Field::new(
        "teams",
        ValueType::List(&ValueType::Verbatim),
        "teams they are in",
    ),
    Field::new(
        "emails",
        ValueType::List(&ValueType::Verbatim),
        "addresses they commit with",
    ),
];

const LOGIN: &[Field] = &[
    Field::new(
        "user",
        ValueType::Verbatim,
        "the user; forges take any name with a token",
    ),
    Field::new(
        "secret_file",
        ValueType::Verbatim,
        "a file with the password or token in its first line",
    ),
];

const HUB: &[Field] = &[
    Field::new("address", ValueType::Verbatim, "its address, `https://…`"),
    Field::new(
        "key",
        ValueType::Any,
        "where the machine's key is, as for `secrets`",
    ),
    Field::new(
        "workspaces",
        ValueType::List(&ValueType::Verbatim),
        "workspaces the machine is for; `main`",
    ),
    Field::new(
        "scopes",
        ValueType::List(&ValueType::Verbatim),
        "scopes it asks for; those of its key",
    ),
    Field::new(
        "ephemeral",
        ValueType::Boolean,
        "whether what happens while it is away is not for it",
    ),
    Field::new(
        "drain",
        ValueType::Duration,
        "how long an end waits for the last reports; `5s`",
    ),
    Field::new(
        "pull_requests",
        ValueType::Choice(&["machine", "person"]),
        "in whose name commands open pull requests: the machine's by its `forges`, or by the hub that of the person who asked; \
         `machine`",
    ),
    Field::new(
        "forks",
        ValueType::Boolean,
        "whether pull requests of forks get goals, as pushes that are not trusted; `false`",
    ),
];

const FORGE: &[Field] = &[
    Field::new(
        "secret",
        ValueType::Verbatim,
        "the name of its token among `secrets`",
    ),
    Field::new(
        "api",
        ValueType::Verbatim,
        "where its API is, when not where GitHub has it",
    ),
    Field::new(
        "statuses",
        ValueType::Verbatim,
        "whether commits there carry the status `sdm/NAME` that says how their goals stand: `true`, `false`, or `checks` for checks of each goal instead, with the token of a GitHub App",
    ),
];

const FILE_STORE: &[Field] = &[
    Field::new(
        "address",
        ValueType::Verbatim,
        "`https://host[:port]`; Amazon's own for the region when absent",
    ),
    Field::new(
        "bucket",
        ValueType::Verbatim,
        "the bucket; `sdm-<name of the machine>-files` when absent",
    ),
    Field::new(
        "region",
        ValueType::Verbatim,
        "its region; `us-east-1` when absent",
    ),
    Field::new(
        "prefix",
        ValueType::Verbatim,
        "what names of objects begin with; the machine's name when absent",
    ),
    Field::new(
        "access_key_file",
        ValueType::Verbatim,
        "a file with the access key in its first line",
    )
    .required(),
    Field::new(
        "secret_key_file",
        ValueType::Verbatim,
        "a file with the secret key in its first line",
    )
    .required(),
];

const GOAL_LIMITS: &[Field] = &[
    Field::new("processes", ValueType::Verbatim, "processes and threads at once"),
    Field::new(
        "memory",
        ValueType::Verbatim,
        "resident memory of all its processes",
    ),
    Field::new("open_files", ValueType::Verbatim, "open files of each process"),
    Field::new("file_size", ValueType::Verbatim, "largest file it may write"),
    Field::new("disk", ValueType::Verbatim, "growth of its working copy"),
    Field::new(
        "free_disk",
        ValueType::Verbatim,
        "what must stay free of the disk",
    ),
];

const SIGNING: &[Field] = &[
    Field::new("key_name", ValueType::Verbatim, "what signatures call the key"),
    Field::new(
        "key_file",
        ValueType::Verbatim,
        "the key, as `sdm key new` makes it",
    ),
    Field::new(
        "trusted",
        ValueType::Map(&ValueType::Verbatim),
        "public keys by name whose signatures count too",
    ),
    Field::new(
        "scope",
        ValueType::Choice(&["all", "fulfillment"]),
        "whether all goals of a set must be signed well before one runs, or that one",
    ),
];

const MOCK: &[Field] = &[
    Field::new(
        "goals",
        ValueType::List(&ValueType::Verbatim),
        "globs over names of goals; all unless given",
    ),
    Field::new("size", ValueType::Verbatim, "how long the mock takes"),
    Field::new(
        "code",
        ValueType::Integer { min: 0, max: 255 },
        "the code it ends with",
    ),
];

const CONTAINERS: &[Field] = &[
    Field::new(
        "require_digest",
        ValueType::Boolean,
        "whether images must be named by digest",
    ),
    Field::new(
        "allow",
        ValueType::List(&ValueType::Fields(ALLOW)),
        "what single repositories may do beyond that",
    ),
];

const ALLOW: &[Field] = &[
    Field::new(
        "repositories",
        ValueType::List(&ValueType::Verbatim),
        "`owner/name`, each part perhaps `*`",
    ),
    Field::new("privileged", ValueType::Boolean, "privileged containers"),
    Field::new("host_network", ValueType::Boolean, "the computer's own network"),
    Field::new(
        "host_paths",
        ValueType::List(&ValueType::Verbatim),
        "directories of the computer, and what is below them",
    ),
    Field::new(
        "capabilities",
        ValueType::List(&ValueType::Verbatim),
        "capabilities, as the engine calls them",
    ),
    Field::new(
        "devices",
        ValueType::List(&ValueType::Verbatim),
        "devices of the computer, and those below a directory",
    ),
    Field::new(
        "sysctls",
        ValueType::List(&ValueType::Verbatim),
        "kernel parameters; with `.*` at its end, all that begin so",
    ),
];

/// What keys without a variable mean; editors and the reference say it.
const WITHOUT_VARIABLE: &[(&str, &str)] = &[
    (
        "people",
        "people by login: `{teams: […], emails: […], aliases: […]}`, for who may approve what; `aliases` are further logins of theirs",
    ),
    (
        "signing",
        "the key that [signs goals](#signed-goals): `{key_name, key_file, trusted: {NAME: FILE}, scope: all}`",
    ),
    (
        "logins",
        "logins by origin: `'https://host': {user: …, secret_file: …}`",
    ),
    (
        "forges",
        "GitHubs by origin, for pull requests, releases and commit statuses: `'https://github.com': {secret: …, api: …, statuses: …}`",
    ),
    (
        "values",
        "values that goal files name as `${values.…}`, and that parameters with `value:` take by their path; no secrets",
    ),
    (
        "containers",
        "what goals in containers may: `{require_digest, allow: [{repositories, privileged, host_network, host_paths, \
         capabilities, devices, sysctls}, …]}`",
    ),
    (
        "goal_limits",
        "what goals may use: `{processes, memory, open_files, file_size, disk, free_disk}`",
    ),
    (
        "secrets",
        "secrets by name: where each is, and which repositories, branches and goals it is for",
    ),
    (
        "file_store",
        "a bucket that archives of files between goals are kept in as well: `{address, bucket, region, prefix, \
         access_key_file, secret_key_file}`",
    ),
];

/// Every key, in the order of the reference.
pub fn keys() -> Vec<Field> {
    let of_variable = |key: &str| {
        let variable = variable_for(key);
        VARIABLES.iter().find(|(name, _)| *name == variable)
    };
    let help = |key: &str| {
        let known = of_variable(key).or_else(|| WITHOUT_VARIABLE.iter().find(|(name, _)| *name == key));
        known.map_or("", |(_, help)| *help)
    };
    TYPES
        .iter()
        .map(|(key, value)| Field::new(key, *value, help(key)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{Flags, Sources, load};
    use super::*;

    /// A key that is added to the configuration gets its line here.
    #[test]
    fn every_key_of_the_configuration_has_a_type_and_a_help() {
        let sources = Sources {
            directory: "/".into(),
            home: Some("/nobody".into()),
            system: "/nowhere".into(),
            ..Sources::default()
        };
        let loaded = load(&sources, &Flags::default()).unwrap();
        let there_are: BTreeSet<&str> = loaded.entries().iter().map(|entry| entry.key).collect();
        let keys = keys();
        let described: BTreeSet<&str> = keys.iter().map(|key| key.name).collect();
        assert_eq!(there_are, described);
        let without: Vec<&str> = keys
            .iter()
            .filter(|key| key.help.is_empty())
            .map(|key| key.name)
            .collect();
        assert_eq!(
            without, [""; 0],
            "a key without a variable says what it means in WITHOUT_VARIABLE"
        );
    }
}
