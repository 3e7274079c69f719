//! Finding and reading the layers.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::layer::{Flags, Layer};
use super::resolve::{Configuration, LayerOrigin, Origin, Resolver};
use super::sources::Sources;

/// Most bytes of a configuration file.
const LARGEST_FILE: u64 = 1 << 20;

/// Name of a project's own file.
const PROJECT_FILE: &str = "sdm.yaml";

/// Reads every layer, strongest first: flags, environment, project file, user file, system file.
///
/// A missing file is no error unless it was named by `--config` or `SDM_CONFIG`; such a file stands in for the project's.
///
/// # Errors
/// A file or value that is not configuration, with its place.
pub fn load(sources: &Sources, flags: &Flags) -> Result<Configuration, ConfigError> {
    let flag_layer = Layer::from(flags).anchored(sources, &sources.directory);
    let mut layers = vec![
        (LayerOrigin::Flags, flag_layer),
        (LayerOrigin::Environment, Layer::of_environment(sources)?),
    ];
    let named = flags
        .config
        .clone()
        .or_else(|| sources.variable("SDM_CONFIG").map(PathBuf::from));
    match named {
        Some(path) => {
            let path = sources.resolve_path(&sources.directory, &path);
            let layer = read_layer(sources, &path)?.ok_or_else(|| ConfigError::Unreadable {
                file: path.clone(),
                source: io::ErrorKind::NotFound.into(),
            })?;
            layers.push((LayerOrigin::File(path), layer));
        }
        None => layers.extend(project_layer(sources)?),
    }
    let user = sources.user_configuration_directory();
    for directory in user.iter().chain([&sources.system]) {
        let path = directory.join("config.yaml");
        if let Some(layer) = read_layer(sources, &path)? {
            layers.push((LayerOrigin::File(path), layer));
        }
    }
    let files = layers
        .iter()
        .filter_map(|(origin, _)| file_of(origin))
        .map(Path::to_owned)
        .collect();
    Resolver {
        sources,
        layers,
        entries: Vec::new(),
    }
    .resolve(files)
}

fn file_of(origin: &LayerOrigin) -> Option<&Path> {
    match origin {
        LayerOrigin::File(path) => Some(path),
        LayerOrigin::Flags | LayerOrigin::Environment => None,
    }
}

fn project_layer(sources: &Sources) -> Result<Option<(LayerOrigin, Layer)>, ConfigError> {
    let path = sources.directory.join(PROJECT_FILE);
    let Some(layer) = read_layer(sources, &path)? else {
        return Ok(None);
    };
    if let Some(key) = layer.key_not_for_projects() {
        let user = sources.user_configuration_directory();
        let place = user.map_or_else(
            || "/etc/sdm/config.yaml".to_owned(),
            |directory| directory.join("config.yaml").display().to_string(),
        );
        let hint =
            format!("move `{key}` to {place}, or say `--config {PROJECT_FILE}` if this file is your own");
        return Err(ConfigError::NotForProjects {
            file: path,
            key,
            hint,
        });
    }
    Ok(Some((LayerOrigin::File(path), layer)))
}

fn read_layer(sources: &Sources, path: &Path) -> Result<Option<Layer>, ConfigError> {
    let failed = |source| ConfigError::Unreadable {
        file: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(failed(io::Error::other("it is not a file")));
    }
    let mut text = String::new();
    file.take(LARGEST_FILE + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > LARGEST_FILE {
        return Err(ConfigError::TooLarge {
            file: path.to_owned(),
            limit: LARGEST_FILE,
        });
    }
    let base = path.parent().unwrap_or(Path::new("/"));
    parse_layer(path, &text).map(|layer| Some(layer.anchored(sources, base)))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn parse_layer(path: &Path, text: &str) -> Result<Layer, ConfigError> {
    // An empty file, or one with comments only, is a null document and says nothing.
    let parsed: Result<Option<Layer>, _> = serde_yaml::from_str(text);
    parsed
        .map(Option::unwrap_or_default)
        .map_err(|error| ConfigError::from_yaml(path.to_owned(), &error))
}

/// Goal files beside a configuration file, strongest first, or `goals/` in the working directory.
pub(super) fn goals_beside(sources: &Sources, layers: &[(LayerOrigin, Layer)]) -> (Option<PathBuf>, Origin) {
    let beside = |origin: &LayerOrigin| {
        let file = file_of(origin)?;
        let goals = file.parent()?.join("goals");
        has_goal_files(&goals).then(|| (Some(goals), Origin::File(file.to_owned())))
    };
    let here = sources.directory.join("goals");
    layers
        .iter()
        .find_map(|(origin, _)| beside(origin))
        .or_else(|| has_goal_files(&here).then_some((Some(here), Origin::Default)))
        .unwrap_or((None, Origin::Default))
}

fn has_goal_files(directory: &Path) -> bool {
    let is_goal_file = |path: PathBuf| {
        path.extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml")
    };
    std::fs::read_dir(directory).is_ok_and(|entries| {
        entries
            .flatten()
            .take(10_000)
            .any(|entry| is_goal_file(entry.path()))
    })
}
