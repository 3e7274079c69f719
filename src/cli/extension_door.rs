//! What commands ask of the extensions of a hub, straight in its memory.

use std::future::Future;
use std::sync::Arc;

use super::doors::{DoorError, runtime};
use super::hub_door::not_done;
use crate::hub::administration::{Administration, AdministrationError};
use crate::hub::console::{ConsoleUser, at_console};
use crate::hub::extensions::{ExtensionError, ExtensionOptions, Extensions};
use crate::secrets::envelope::MasterKeys;
use crate::store::hub::Place;

/// Whose extensions, and how they are reached.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where the memory is.
    pub place: Place,
    /// What opens its safe.
    pub master_keys: Option<Arc<MasterKeys>>,
    /// How extensions are reached.
    pub options: ExtensionOptions,
}

/// Does something with the extensions of a memory.
///
/// # Errors
/// The memory cannot be opened, or it is not done.
pub fn extensions<T, F>(wanted: &Wanted, work: impl FnOnce(Extensions) -> F) -> Result<T, DoorError>
where
    F: Future<Output = Result<T, ExtensionError>>,
{
    runtime()?.block_on(async {
        let administration = Administration::open(&wanted.place, false)
            .await
            .map_err(not_done)?;
        let done = match administration.extensions(wanted.master_keys.clone(), wanted.options.clone()) {
            Ok(extensions) => at_console(ConsoleUser::present(), work(extensions)).await,
            Err(error) => Err(error),
        };
        administration.close().await;
        done.map_err(|error| match error {
            ExtensionError::Store(error) => not_done(AdministrationError::Store(error)),
            error => refused(&error),
        })
    })
}

fn refused(error: &ExtensionError) -> DoorError {
    let hint = error.hint().map(str::to_owned);
    let hint = hint.or_else(|| {
        matches!(error, ExtensionError::NotThere(_)).then(|| "`sdm hub extensions list` shows all".to_owned())
    });
    DoorError::Refused {
        message: crate::runtime::causes::chain(error),
        hint,
    }
}
