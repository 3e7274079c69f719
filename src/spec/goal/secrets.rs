//! `secrets` of a goal (semantics 3.20; threats D9, E1).

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::model::files::{SecretUse, SecretValue, variable_of_secret};
use crate::model::variables::{CONTRACT, VariableMeaning, may_carry_secret, may_name_secret_file};
use crate::model::{ArgumentProblems, Field, FieldPath, ValueType};

use super::super::problems::listed;
use super::files::list;

/// Types whose secrets have a file of their own form.
const TYPES_WITH_FILE: &[&str] = &["docker", "npm", "scm", "atomist"];

const PROVIDER_FIELDS: &[Field] = &[
    Field::new(
        "type",
        ValueType::Text,
        "`docker`, `npm`, `maven2`, `scm` (the token of the repository's forge), `atomist` (a key of the hub) or the type of a secret",
    )
    .required()
    .not_empty(),
    Field::new(
        "names",
        ValueType::List(&ValueType::Text),
        "only these of that type; all of it when absent",
    )
    .not_empty(),
];

const SECRET_VALUE_FIELDS: &[Field] = &[
    Field::new(
        "provider",
        ValueType::Fields(PROVIDER_FIELDS),
        "secrets by their type",
    ),
    Field::new("encrypted", ValueType::Text, "what `sdm secret encrypt` printed"),
];

const VARIABLE_FIELDS: &[Field] = &[
    Field::new("name", ValueType::Text, "the variable").required(),
    Field::new(
        "value",
        ValueType::Fields(SECRET_VALUE_FIELDS),
        "where its value comes from",
    ),
];

const MOUNT_FIELDS: &[Field] = &[
    Field::new("mount_path", ValueType::Text, "where the file is").required(),
    Field::new(
        "value",
        ValueType::Fields(SECRET_VALUE_FIELDS),
        "where its content comes from",
    )
    .required(),
];

const SECRET_FIELDS: &[Field] = &[
    Field::new("name", ValueType::Text, "a secret of the configuration"),
    Field::new(
        "env",
        ValueType::List(&ValueType::TextOr("name", VARIABLE_FIELDS)),
        "variables that carry it",
    ),
    Field::new(
        "file",
        ValueType::Path,
        "a file of the working copy that holds it meanwhile",
    ),
    Field::new(
        "file_env",
        ValueType::Text,
        "a variable that names a private file that holds it",
    ),
    Field::new(
        "descriptor",
        ValueType::Text,
        "a variable that names a descriptor to read it from",
    ),
    Field::new(
        "file_mounts",
        ValueType::List(&ValueType::Fields(MOUNT_FIELDS)),
        "files, as the original writes them",
    ),
];

pub(crate) const SECRETS: Field = Field::new(
    "secrets",
    ValueType::List(&ValueType::TextOr("name", SECRET_FIELDS)),
    "secrets that its process is given",
);

/// What the checked values of the common keys say about secrets.
pub(super) fn secrets(common: &mut Map<String, Value>) -> Vec<SecretUse> {
    list(common.remove(SECRETS.name))
}

/// What types cannot say to be wrong with secrets.
pub(super) fn problems(secrets: &[SecretUse]) -> ArgumentProblems {
    problems_at(&FieldPath::to(SECRETS.name), secrets)
}

/// The same of those that stand elsewhere.
pub(crate) fn problems_at(all: &FieldPath, secrets: &[SecretUse]) -> ArgumentProblems {
    let mut problems = ArgumentProblems::default();
    let mut taken = Taken::default();
    for (index, secret) in secrets.iter().enumerate() {
        let field = all.item(index);
        problems.extend(way(&field, secret));
        for (field, name, is_right) in variables(&field, secret) {
            problems.extend(variable(&field, &name, is_right));
            problems.extend(taken.variable(&field, &name));
        }
        problems.extend(files(&field, secret, &mut taken));
    }
    problems
}

/// Whether it says which secret, and how it is given.
fn way(field: &FieldPath, secret: &SecretUse) -> ArgumentProblems {
    const HINT: &str =
        "write `{name: SECRET, env: VARIABLE}`, or `file`, `file_env` or `descriptor` in place of `env`";
    let wrong =
        |field: &FieldPath, message: &str| ArgumentProblems::one(field, "invalid_secret", message, HINT);
    let has_own_way = secret.file.is_some() || secret.file_env.is_some() || secret.descriptor.is_some();
    let mut values = values(field, secret).into_iter();
    match &secret.name {
        Some(name) if name.trim().is_empty() => wrong(&field.key("name"), "a secret has an empty `name`"),
        Some(name) => match values.find(|(_, value)| value.is_some()) {
            Some((field, _)) => {
                let message =
                    format!("the secret `{name}` is given by name, and by a `value` of its own as well");
                wrong(&field, &message)
            }
            None => ArgumentProblems::default(),
        },
        None if secret.env.is_empty() && secret.file_mounts.is_empty() && !has_own_way => {
            wrong(field, "a secret has neither `name` nor `env` nor `file_mounts`")
        }
        None if has_own_way || values.clone().any(|(_, value)| value.is_none()) => {
            wrong(field, "a secret is asked for without its `name`")
        }
        None => values
            .find(|(_, value)| {
                value.is_some_and(|value| value.provider.is_some() == value.encrypted.is_some())
            })
            .map_or_else(ArgumentProblems::default, |(field, _)| {
                wrong(
                    &field,
                    "the value of a secret is either a `provider` or `encrypted`",
                )
            }),
    }
}

/// The values of its own, with where they stand.
fn values<'s>(field: &FieldPath, secret: &'s SecretUse) -> Vec<(FieldPath, Option<&'s SecretValue>)> {
    let env = secret.env.iter().enumerate().map(|(index, variable)| {
        let field = field.key("env").item(index).key("value");
        (field, variable.value.as_ref())
    });
    let mounts = secret.file_mounts.iter().enumerate().map(|(index, mount)| {
        let field = field.key("file_mounts").item(index).key("value");
        (field, Some(&mount.value))
    });
    env.chain(mounts).collect()
}

/// What may stand in a variable.
type IsRight = fn(&str) -> bool;

/// Every variable that it sets, with where that is said and what it may be.
fn variables(field: &FieldPath, secret: &SecretUse) -> Vec<(FieldPath, String, IsRight)> {
    let mut variables: Vec<(FieldPath, String, IsRight)> = Vec::new();
    for (index, variable) in secret.env.iter().enumerate() {
        let field = field.key("env").item(index).key("name");
        variables.push((field, variable.name.clone(), may_carry_secret));
    }
    if let Some(name) = &secret.file_env {
        variables.push((field.key("file_env"), name.clone(), may_name_secret_file));
    }
    if let Some(name) = &secret.descriptor {
        let is_plain: IsRight = |name| VariableMeaning::of(name) == VariableMeaning::Plain;
        variables.push((field.key("descriptor"), name.clone(), is_plain));
    }
    let own = secret.name.as_ref().filter(|name| !name.trim().is_empty());
    if let Some(name) = own.filter(|_| variables.is_empty() && secret.file.is_none()) {
        variables.push((field.key("name"), variable_of_secret(name), may_carry_secret));
    }
    variables
}

fn variable(field: &FieldPath, name: &str, is_right: IsRight) -> ArgumentProblems {
    let shown = name.escape_debug();
    if !is_variable(name) {
        let message = format!("`{shown}` is not the name of a variable");
        let hint = "write letters, digits and `_`, not beginning with a digit";
        return ArgumentProblems::one(field, "invalid_variable", message, hint);
    }
    match VariableMeaning::of(name) {
        VariableMeaning::Contract => {
            let message = format!("`{name}` is for the machine to set: goals rely on what it says there");
            let hint = format!(
                "give it another name; the machine's begin with {}",
                listed(CONTRACT)
            );
            ArgumentProblems::one(field, "reserved_variable", message, hint)
        }
        VariableMeaning::Loading | VariableMeaning::Plain if is_right(name) => ArgumentProblems::default(),
        VariableMeaning::Loading | VariableMeaning::Plain => {
            let message = format!(
                "`{name}` decides what programs load or whom they talk to, which is not for a secret to say"
            );
            let hint = "give it a variable of its own, such as `TOKEN`";
            ArgumentProblems::one(field, "chosen_outside", message, hint)
        }
    }
}

/// Files that secrets are written to.
fn files(field: &FieldPath, secret: &SecretUse, taken: &mut Taken) -> ArgumentProblems {
    let mut problems = ArgumentProblems::default();
    if let Some(path) = &secret.file {
        problems.extend(taken.file(&field.key("file"), path));
    }
    for (index, mount) in secret.file_mounts.iter().enumerate() {
        let field = field.key("file_mounts").item(index);
        let path = field.key("mount_path");
        match mount.path() {
            Ok(below) => problems.extend(taken.file(&path, &below)),
            Err(why) => problems.add(&path, "invalid_path", why, "write a path below the working copy"),
        }
        let provider = mount.value.provider.as_ref();
        let kind = provider.map_or("", |provider| provider.kind.as_str());
        if !kind.is_empty() && !TYPES_WITH_FILE.contains(&kind) {
            let message = format!("secrets of type `{kind}` cannot be given as a file");
            let hint = format!(
                "there are files of {}; name another secret with `name` and `file`",
                listed(TYPES_WITH_FILE)
            );
            problems.add(
                &field.key("value").key("provider").key("type"),
                "invalid_secret",
                message,
                hint,
            );
        }
    }
    problems
}

/// Variables and files that secrets are in already.
#[derive(Default)]
struct Taken {
    variables: HashSet<String>,
    files: HashSet<String>,
}

impl Taken {
    fn variable(&mut self, field: &FieldPath, name: &str) -> ArgumentProblems {
        once(&mut self.variables, field, "the variable", name)
    }

    fn file(&mut self, field: &FieldPath, path: &str) -> ArgumentProblems {
        once(&mut self.files, field, "the file", path)
    }
}

fn once(taken: &mut HashSet<String>, field: &FieldPath, what: &str, name: &str) -> ArgumentProblems {
    match taken.insert(name.to_owned()) {
        true => ArgumentProblems::default(),
        false => {
            let message = format!("{what} `{name}` holds another secret of this goal already");
            ArgumentProblems::one(field, "duplicate_secret", message, "give each a place of its own")
        }
    }
}

fn is_variable(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(legal) && !name.starts_with(|c: char| c.is_ascii_digit())
}
