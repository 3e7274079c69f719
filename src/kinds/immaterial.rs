//! `use: immaterial`: the one green goal of a push that changes nothing that matters (semantics 4.10).

use async_trait::async_trait;

use super::{Begun, GoalContext, Kind, KindError};
use crate::model::{Descriptor, ExecutionResult, ValueType};

pub(super) struct Immaterial;

static DESCRIPTOR: Descriptor = Descriptor {
    name: "immaterial",
    aliases: &[],
    value: Some(ValueType::Fields(&[])),
    by_use: true,
    help: "Reports that the push changes nothing material, and locks: later rules set no goals.",
    example: "use: immaterial",
};

#[async_trait]
impl Kind for Immaterial {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn only_schedules(&self) -> bool {
        true
    }

    async fn begin(&self, _context: &GoalContext<'_>) -> Result<Begun, KindError> {
        let description = Some("No material changes".to_owned());
        Ok(Begun::Ended(ExecutionResult {
            description,
            ..ExecutionResult::success()
        }))
    }
}
