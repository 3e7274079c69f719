//! Where project, input and output are outside and inside of the containers (semantics 3.19).

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::ports::containers::{
    BORROWED_OBJECTS, INPUT, KEPT_REPORT, LOGINS, OUTPUT, OWN_SECRET, OwnSecrets, PASSED_ON, PROJECT, REPORT,
};
use crate::ports::sandbox::SANDBOX_ORDER;

/// The directories of an attempt, and what containers are told of them.
pub(super) struct Places {
    /// The working copy.
    pub(super) project: PathBuf,
    /// Holds `goal.json`.
    pub(super) input: PathBuf,
    /// Where `result.json` may be left.
    pub(super) output: PathBuf,
    /// The directory of files with secrets that variables name, where there is one; inside they have the same places.
    pub(super) secrets: Option<PathBuf>,
    /// Objects that the working copy's repository borrows, so that git works inside.
    pub(super) borrowed: Vec<PathBuf>,
    /// The variables of the contract, with the paths inside.
    pub(super) environment: Vec<(String, String)>,
    /// Values of secrets that are for one container, by the variables of ours that carry them.
    own_secrets: BTreeMap<String, String>,
}

impl Places {
    /// Reads the contract that this process was started with.
    ///
    /// # Errors
    /// A directory is not named.
    pub(super) fn of_contract(contract: &BTreeMap<String, String>) -> Result<Self, String> {
        let place = |name: &str| {
            let path = contract.get(name).map(PathBuf::from);
            path.filter(|path| path.is_absolute())
                .ok_or_else(|| format!("{name} names no directory"))
        };
        let output = place("ATOMIST_OUTPUT_DIR")?;
        Ok(Self {
            project: place("ATOMIST_PROJECT_DIR")?,
            input: place("ATOMIST_INPUT_DIR")?,
            secrets: Some(output.with_file_name("secrets")).filter(|path| path.is_dir()),
            output,
            borrowed: borrowed(contract),
            environment: contract
                .iter()
                .filter(|(name, _)| {
                    ![PASSED_ON, SANDBOX_ORDER, BORROWED_OBJECTS, LOGINS].contains(&name.as_str())
                })
                .filter_map(inside)
                .chain(passed_on(contract))
                .collect(),
            own_secrets: contract
                .iter()
                .filter(|(name, _)| name.starts_with(OWN_SECRET))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        })
    }

    /// The variables of one container that carry its own secrets.
    pub(super) fn secret_variables(&self, own: &OwnSecrets) -> Vec<(String, String)> {
        let value =
            |(inside, ours): &(String, String)| Some((inside.clone(), self.own_secrets.get(ours)?.clone()));
        own.variables.iter().filter_map(value).collect()
    }

    /// Beside input and output, which containers see; this they do not.
    pub(super) fn report(&self) -> PathBuf {
        self.output.with_file_name(REPORT)
    }

    /// Where what an inspection reports is kept; there too.
    pub(super) fn kept_report(&self) -> PathBuf {
        self.output.with_file_name(KEPT_REPORT)
    }
}

/// A variable of the contract as it is inside; none for what belongs to the computer.
fn inside((name, value): (&String, &String)) -> Option<(String, String)> {
    let value = match name.as_str() {
        "ATOMIST_PROJECT_DIR" => PROJECT.to_owned(),
        "ATOMIST_INPUT_DIR" => INPUT.to_owned(),
        "ATOMIST_OUTPUT_DIR" => OUTPUT.to_owned(),
        "ATOMIST_GOAL" => format!("{INPUT}/goal.json"),
        "ATOMIST_RESULT" => format!("{OUTPUT}/result.json"),
        "CI" => value.clone(),
        other if other.starts_with("ATOMIST_") || other.starts_with("SDM_") => value.clone(),
        _ => return None,
    };
    Some((name.clone(), value))
}

fn borrowed(contract: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let paths = contract
        .get(BORROWED_OBJECTS)
        .map(String::as_str)
        .unwrap_or_default();
    paths
        .split(':')
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .collect()
}

/// Further variables that are meant for the containers: secrets reach them so.
fn passed_on(contract: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let names = contract.get(PASSED_ON).map(String::as_str).unwrap_or_default();
    names
        .split(',')
        .filter_map(|name| Some((name.to_owned(), contract.get(name)?.clone())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn co_11_the_contract_is_told_with_paths_inside_and_nothing_of_the_computer() {
        let contract = [
            ("ATOMIST_PROJECT_DIR", "/state/workspaces/7"),
            ("ATOMIST_INPUT_DIR", "/state/exchange/x/input"),
            ("ATOMIST_OUTPUT_DIR", "/state/exchange/x/output"),
            ("ATOMIST_GOAL", "/state/exchange/x/input/goal.json"),
            ("ATOMIST_RESULT", "/state/exchange/x/output/result.json"),
            ("ATOMIST_BRANCH", "main"),
            ("HOME", "/home/ada"),
            ("PATH", "/usr/bin"),
            ("TOKEN", "canary"),
            ("OTHER", "not this"),
            (PASSED_ON, "TOKEN,ABSENT"),
            ("OF_ONE_CONTAINER_0", "canary of one"),
            (BORROWED_OBJECTS, "/state/mirrors/7/objects"),
            (LOGINS, "/dev/fd/9"),
        ];
        let contract = contract.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let places = Places::of_contract(&BTreeMap::from(contract)).unwrap();
        let shown: Vec<String> = places
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let expected = [
            "ATOMIST_BRANCH=main",
            "ATOMIST_GOAL=/atm/input/goal.json",
            "ATOMIST_INPUT_DIR=/atm/input",
            "ATOMIST_OUTPUT_DIR=/atm/output",
            "ATOMIST_PROJECT_DIR=/atm/home",
            "ATOMIST_RESULT=/atm/output/result.json",
            "TOKEN=canary",
        ];
        assert_eq!(shown, expected);
        let own = OwnSecrets {
            variables: vec![("TOKEN".to_owned(), "OF_ONE_CONTAINER_0".to_owned())],
            ..OwnSecrets::default()
        };
        let told = places.secret_variables(&own);
        assert_eq!(told, [("TOKEN".to_owned(), "canary of one".to_owned())]);
        assert!(places.secret_variables(&OwnSecrets::default()).is_empty());
        assert_eq!(
            places.report(),
            PathBuf::from("/state/exchange/x/containers.json")
        );
        assert!(Places::of_contract(&BTreeMap::new()).is_err());
    }
}
