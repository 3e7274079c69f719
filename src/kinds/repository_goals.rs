//! `use: repository_goals`: the goals that the pushed repository brings along (semantics 7.9). Planning puts them in place of this
//! goal; it is carried out itself only where there are none, and says why.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use super::{Begun, GoalContext, Kind, KindError};
use crate::model::push::Trust;
use crate::model::{Descriptor, ExecutionResult, StateName, ValueType};

/// Name of the kind.
pub const NAME: &str = "repository_goals";

pub(super) struct RepositoryGoals;

static DESCRIPTOR: Descriptor = Descriptor {
    name: NAME,
    aliases: &[],
    value: Some(ValueType::Fields(&[])),
    by_use: true,
    help: "The goals that the pushed repository brings along in `.atomist/*goals.yaml`: containers only, with secrets only where the \
           configuration grants them, and never for pushes that are not trusted.",
    example: "use: repository_goals",
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Arguments {
    /// What planning found wrong with them.
    problem: Option<String>,
    /// What a push that is not trusted would change of them.
    preview: Option<String>,
}

/// The arguments of one whose files cannot be used.
pub fn with_problem(problem: &str) -> Value {
    serde_json::json!({ "problem": problem })
}

/// The arguments of one for a push that is not trusted and would change them.
pub fn with_preview(words: &str) -> Value {
    serde_json::json!({ "preview": words })
}

#[async_trait]
impl Kind for RepositoryGoals {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn only_schedules(&self) -> bool {
        true
    }

    async fn begin(&self, context: &GoalContext<'_>) -> Result<Begun, KindError> {
        let arguments = &context.goal.definition().work.arguments;
        let arguments: Arguments = serde_json::from_value(arguments.clone()).unwrap_or_default();
        let says = |text: &str| ExecutionResult {
            description: Some(text.to_owned()),
            ..ExecutionResult::success()
        };
        Ok(Begun::Ended(
            match (arguments.problem, context.record.push.trust) {
                (Some(problem), _) => ExecutionResult::failure(problem),
                (None, Trust::Untrusted) => ExecutionResult {
                    state: Some(StateName::Skipped),
                    ..says(&not_trusted(arguments.preview.as_deref()))
                },
                (None, Trust::Member) => says("The repository brings no goals for this push"),
            },
        ))
    }
}

fn not_trusted(preview: Option<&str>) -> String {
    let text = "Goals of the repository are not for pushes that are not trusted";
    preview.map_or_else(
        || text.to_owned(),
        |preview| format!("{text}; trusted, {preview}"),
    )
}
