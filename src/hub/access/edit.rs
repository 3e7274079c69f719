//! Changes of who may do what: decided over everything that is kept, and made only if it is still so.

use thiserror::Error;

use super::held::{BadRow, Held};
use crate::ports::hub::HubStoreError;
use crate::ports::rights::{RightsChange, RightsStore};

/// Why something does not change.
#[derive(Debug, Error)]
pub enum EditError {
    /// The memory.
    #[error(transparent)]
    Store(#[from] HubStoreError),
    /// What is kept makes no sense.
    #[error("what is kept of rights makes no sense")]
    Row(#[from] BadRow),
}

/// Changes what is kept. `decide` says what to change and what to tell of it; it is asked again when somebody else has changed
/// something meanwhile.
///
/// # Errors
/// What `decide` refuses, and what keeps the memory from changing.
pub async fn edit<T, E>(
    store: &dyn RightsStore,
    decide: impl Fn(&Held) -> Result<(Vec<RightsChange>, T), E> + Sync,
) -> Result<T, E>
where
    E: From<EditError>,
{
    loop {
        let stored = store.rights().await.map_err(EditError::from)?;
        let held = Held::try_from(stored).map_err(EditError::from)?;
        let (changes, told) = decide(&held)?;
        if changes.is_empty() {
            return Ok(told);
        }
        let changed = store.change_rights(held.version, &changes).await;
        if changed.map_err(EditError::from)?.is_some() {
            return Ok(told);
        }
    }
}
