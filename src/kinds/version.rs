//! `version`: gives the commit a version made of its version file, its branch and the time (semantics 4.6).

use async_trait::async_trait;
use serde::Deserialize;

use super::{Begun, GoalContext, Kind, KindError, look_into};
use crate::model::version::{NO_VERSION, VERSION_FILES, checked_version, prerelease, release};
use crate::model::{Descriptor, ExecutionResult, Field, ValueType};
use crate::rules::view::{ProjectView, ViewError};

pub(super) struct Version;

static FIELDS: &[Field] = &[
    Field::new(
        "file",
        ValueType::Path,
        "the file that holds the version; `.version` or `VERSION` when absent",
    ),
    Field::new(
        "style",
        ValueType::Choice(&["prerelease", "release"]),
        "with branch and time behind it, or as the file has it without prerelease and build",
    )
    .default("prerelease"),
];

static DESCRIPTOR: Descriptor = Descriptor {
    name: "version",
    aliases: &[],
    value: Some(ValueType::Fields(FIELDS)),
    by_use: true,
    help: "Gives the commit a version, which later goals find as `${push.after.version}` and `ATOMIST_VERSION`.",
    example: "use: version",
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Arguments {
    file: Option<String>,
    style: String,
}

#[async_trait]
impl Kind for Version {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    async fn begin(&self, context: &GoalContext<'_>) -> Result<Begun, KindError> {
        let arguments: Arguments = serde_json::from_value(context.goal.definition().work.arguments.clone())
            .map_err(|error| KindError::Definition(error.to_string()))?;
        let file = arguments.file.clone();
        let base = look_into(context, move |view| base_version(view, file.as_deref())).await?;
        let base = base.map_err(KindError::Definition)?;
        let push = &context.record.push;
        // The attempt's own time, so that beginning it twice gives the same version.
        let at = context.goal.started_at.unwrap_or(context.now);
        let branch = (!push.is_on_default_branch()).then_some(&push.branch);
        let version = match arguments.style.as_str() {
            "release" => release(&base).to_owned(),
            _ => prerelease(&base, branch, at),
        };
        context
            .store
            .set_version(&push.repo.key, &push.after, &version)
            .await?;
        Ok(Begun::Ended(ExecutionResult {
            description: Some(format!("Versioned {version}")),
            version: Some(version),
            ..ExecutionResult::success()
        }))
    }
}

/// The version that a tree states (VE-01).
pub(super) fn base_version(view: &dyn ProjectView, file: Option<&str>) -> Result<String, String> {
    match version_file(view, file).map_err(|error| error.to_string())? {
        Some(stated) => stated.version(),
        None => match file {
            Some(file) => Err(format!("there is no {file}")),
            None => Ok(NO_VERSION.to_owned()),
        },
    }
}

/// A version file with what it says.
pub(super) struct VersionFile {
    /// Where it is.
    pub(super) path: String,
    text: String,
}

impl VersionFile {
    /// The version it states.
    pub(super) fn version(&self) -> Result<String, String> {
        let version = checked_version(&self.text).map(str::to_owned);
        version.map_err(|error| format!("{} does not hold a version: {error}", self.path))
    }
}

/// The version file of a tree, if it has one.
pub(super) fn version_file(
    view: &dyn ProjectView,
    file: Option<&str>,
) -> Result<Option<VersionFile>, ViewError> {
    let candidates = match file {
        Some(file) => vec![file],
        None => VERSION_FILES.to_vec(),
    };
    for path in candidates {
        if let Some(content) = view.content(path)? {
            return Ok(Some(VersionFile {
                path: path.to_owned(),
                text: String::from_utf8_lossy(&content).into_owned(),
            }));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::memory_view::MemoryView;

    #[test]
    fn ve_01_dot_version_is_preferred_and_none_is_zero() {
        let both = MemoryView::new()
            .file("VERSION", "1.0.0\n")
            .file(".version", "2.0.0\n");
        assert_eq!(base_version(&both, None).unwrap(), "2.0.0");
        let one = MemoryView::new().file("VERSION", " 1.0.0 ");
        assert_eq!(base_version(&one, None).unwrap(), "1.0.0");
        assert_eq!(base_version(&MemoryView::new(), None).unwrap(), "0.0.0");
        let named = MemoryView::new().file("app/VERSION", "3.0.0");
        assert_eq!(base_version(&named, Some("app/VERSION")).unwrap(), "3.0.0");
        assert!(
            base_version(&named, Some("gone"))
                .unwrap_err()
                .contains("no gone")
        );
        let hostile = MemoryView::new().file("VERSION", "1.0; rm -rf /");
        assert!(
            base_version(&hostile, None)
                .unwrap_err()
                .contains("VERSION does not hold a version")
        );
    }
}
