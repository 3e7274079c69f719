//! What commands ask of the hub in this very process: to run it, and to change its memory.

use std::future::Future;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use secrecy::SecretString;

use super::doors::{DoorError, failed, runtime};
use crate::config::SecretSource;
use crate::hub::access::audit::AuditError;
use crate::hub::access::edit::EditError;
use crate::hub::access::key::random_text;
use crate::hub::access::rights::RightsError;
use crate::hub::addons::AddonError;
use crate::hub::administration::{Administration, AdministrationError, KeyWish};
use crate::hub::console::{ConsoleUser, at_console};
use crate::hub::people::providers::{HookSettings, ProviderSettings, hooks, settings};
use crate::hub::restore::{Restored, note_restored, restore};
use crate::hub::{HubError, HubOptions, RunningHub, start};
use crate::runtime::causes::chain;
use crate::runtime::lifecycle::{self, Signals, Wish};
use crate::secrets::envelope::MasterKeys;
use crate::secrets::master_key;
use crate::store::hub::Place;

/// Fewest characters of a secret of webhooks.
const SHORTEST_SECRET: usize = 16;

/// What becomes of a hub, for the person who started it.
#[derive(Debug)]
pub enum HubNews<'a> {
    /// It listens; the first key of its life, when there was none before.
    Started {
        /// Address with its scheme.
        address: &'a str,
        /// The key's text, shown once.
        first_key: Option<&'a str>,
        /// Where the first administrator signs in, while there is none.
        first_link: Option<&'a str>,
    },
    /// It is told to stop.
    Stopping,
}

/// Runs a hub until it is told to stop; `workspace` is what a first key is for.
///
/// # Errors
/// It cannot start, or a part of it breaks.
pub fn run_hub(options: HubOptions, workspace: &str, on_news: &dyn Fn(HubNews<'_>)) -> Result<(), DoorError> {
    runtime()?.block_on(async {
        let mut signals = Signals::listen().map_err(failed("listen to signals"))?;
        let address = options.address.clone();
        let hub = start(options).await.map_err(not_started)?;
        let address = address.unwrap_or_else(|| format!("http://{}", hub.address));
        let first_key = first_key(&hub, workspace).await?;
        let first_link = Administration::of(hub.memory())
            .first_link(&address)
            .await
            .map_err(not_done)?;
        on_news(HubNews::Started {
            address: &address,
            first_key: first_key.as_deref(),
            first_link: first_link.as_deref(),
        });
        lifecycle::notify_ready(&format!("listening on {}", hub.address));
        let is_well = until_told(&mut signals, &hub).await;
        on_news(HubNews::Stopping);
        lifecycle::notify_stopping();
        hub.stop().await;
        match is_well {
            true => Ok(()),
            false => Err(DoorError::Refused {
                message: "a part of the hub ended unexpectedly".to_owned(),
                hint: None,
            }),
        }
    })
}

/// Waits for the end; `false` when something broke.
async fn until_told(signals: &mut Signals, hub: &RunningHub) -> bool {
    let pause = lifecycle::watchdog_interval().unwrap_or(std::time::Duration::from_secs(3_600));
    loop {
        tokio::select! {
            wish = signals.next() => if wish == Wish::Stop { return true },
            () = hub.broken() => return false,
            () = tokio::time::sleep(pause) => lifecycle::notify_alive(),
        }
    }
}

async fn first_key(hub: &RunningHub, workspace: &str) -> Result<Option<String>, DoorError> {
    let administration = Administration::of(hub.memory());
    let keys = administration.keys().await.map_err(not_done)?;
    if !keys.is_empty() {
        return Ok(None);
    }
    let wish = KeyWish {
        name: "first".to_owned(),
        is_person: false,
        workspaces: vec![workspace.to_owned()],
        scopes: Vec::new(),
        ..KeyWish::default()
    };
    let (_, text) = administration.new_key(&wish).await.map_err(not_done)?;
    Ok(Some(text))
}

/// The master keys of a hub's safe.
///
/// # Errors
/// One of them is not to be had.
pub fn master_keys(current: &SecretSource, earlier: &[SecretSource]) -> Result<MasterKeys, DoorError> {
    let loaded = runtime()?.block_on(master_key::load(current, earlier));
    loaded.map_err(|error| DoorError::Refused {
        message: chain(&error),
        hint: Some("`sdm secret master-key FILE` makes one, readable for its owner alone".to_owned()),
    })
}

/// Does something in the memory at a place; `makes_it`: where there is none, a new one.
///
/// # Errors
/// The memory cannot be opened, or it is not done.
pub fn administer<T, F>(
    place: &Place,
    makes_it: bool,
    work: impl FnOnce(Administration) -> F,
) -> Result<T, DoorError>
where
    F: Future<Output = Result<T, AdministrationError>>,
{
    runtime()?.block_on(async {
        let administration = Administration::open(place, makes_it).await.map_err(not_done)?;
        let done = at_console(ConsoleUser::present(), work(administration.clone())).await;
        administration.close().await;
        done.map_err(not_done)
    })
}

/// Puts the memory at a place back to a copy, or says of one that was put back otherwise that it was.
///
/// # Errors
/// A hub runs on it, or the copy is none.
pub fn put_back(place: &Place, copy: Option<&Path>) -> Result<Restored, DoorError> {
    let work = async {
        match (place, copy) {
            (Place::File(file), Some(copy)) => restore(copy, file).await,
            (Place::File(_) | Place::Postgres(_), _) => note_restored(place).await,
        }
    };
    let done = runtime()?.block_on(at_console(ConsoleUser::present(), work));
    done.map_err(not_done)
}

fn not_started(error: HubError) -> DoorError {
    match &error {
        HubError::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
            DoorError::Refused {
                message: error.to_string(),
                hint: Some("somebody else listens there; name another place with --listen".to_owned()),
            }
        }
        HubError::Rights(RightsError::Policy { .. }) => DoorError::Refused {
            message: error.to_string(),
            hint: Some("`sdm policy check FILE` shows every problem with its place".to_owned()),
        },
        HubError::Rights(RightsError::Audit(AuditError::End(_) | AuditError::Taken(_))) => {
            DoorError::Refused {
                message: error.to_string(),
                hint: Some("name another file with --audit, or put the log right".to_owned()),
            }
        }
        HubError::InUse(_) => DoorError::Refused {
            message: error.to_string(),
            hint: Some("one hub at a time; for several use Postgres".to_owned()),
        },
        HubError::Listen { .. }
        | HubError::Place(_)
        | HubError::Store(_)
        | HubError::Rights(_)
        | HubError::Edit(_)
        | HubError::Extensions(_) => DoorError::Failed {
            doing: "start the hub",
            source: Box::new(error),
        },
    }
}

pub(super) fn not_done(error: AdministrationError) -> DoorError {
    let hint = match &error {
        AdministrationError::Safe(refused) if refused.hint().is_some() => refused.hint().unwrap_or_default(),
        AdministrationError::Store(_)
        | AdministrationError::Safe(_)
        | AdministrationError::Edit(_)
        | AdministrationError::Addon(AddonError::Edit(EditError::Store(_) | EditError::Row(_))) => {
            return DoorError::Failed {
                doing: "change the hub's memory",
                source: Box::new(error),
            };
        }
        AdministrationError::NoHub(_) => "start the hub first: `sdm hub`; or name its memory with --database",
        AdministrationError::NoCopy(_) => "name the copy that `sdm hub backup` has written",
        AdministrationError::Workspace(_) => "such as main or acme-1",
        AdministrationError::NotOurs => "use pg_dump",
        AdministrationError::InUse(_) => "stop it first",
        AdministrationError::Damaged(..) => "take another copy",
        AdministrationError::IsThere(_) => "name a file that is not there yet",
        AdministrationError::Id(_) => "such as ada or ada.lovelace",
        AdministrationError::PersonIsThere(_) => {
            "`sdm hub people` lists them; `sdm hub people link` signs one in"
        }
        AdministrationError::LastAdmin(_) => {
            "make somebody else an administrator first: `sdm hub people role`"
        }
        AdministrationError::NoRandomness(_) => "try again",
        AdministrationError::NotThere { what: "person", .. } => "`sdm hub people` lists them",
        AdministrationError::Addon(AddonError::NotThere { .. }) => {
            "`sdm hub addons`, `sdm hub grants` and `sdm hub trust` list what there is"
        }
        AdministrationError::Addon(AddonError::Edit(EditError::Tests(_))) => {
            "change the tests first: `sdm hub policy export`, `sdm hub policy apply FILE`"
        }
        AdministrationError::Addon(AddonError::Unchanged(_) | AddonError::Beyond(_)) => {
            "`sdm hub addons show KEY` says where it stands"
        }
        AdministrationError::Addon(AddonError::Untrustworthy(_) | AddonError::EmptyTrust) => {
            "`sdm hub trust add --help` says what a trust must name"
        }
        AdministrationError::Addon(AddonError::NotYet(_)) => {
            "leave it out; the README lists what is not here yet"
        }
        AdministrationError::Addon(AddonError::TooManyTrusts) => "`sdm hub trust` lists them",
        AdministrationError::Policy(_) => "`sdm hub policy export` prints what is in force",
        AdministrationError::Place(_) | AdministrationError::Addon(AddonError::Selector(_)) => {
            "write --repo acme/app or --repo acme/*, and --on env:production, feed:Deploy, channel:ID or workspace"
        }
        AdministrationError::Addon(AddonError::Unsaid(_)) => {
            "write --repo github.com/acme/app, or --on repo:github.com/acme/*"
        }
        AdministrationError::Blank(_) => "ask for it again, by `sdm do --hub` or on the page of its machine",
        AdministrationError::Scope { .. } => "`sdm hub key new --help` lists the scopes",
        AdministrationError::TooMany(_)
        | AdministrationError::NotThere {
            what: "key that could be revoked:",
            ..
        } => "`sdm hub key list` shows all",
        AdministrationError::NotThere { .. } => "`sdm hub machines` and `sdm hub dead` list what there is",
    };
    DoorError::Refused {
        message: error.to_string(),
        hint: Some(hint.to_owned()),
    }
}

/// The secret of webhooks in a file, which is made when it is missing; whether it was made now.
///
/// # Errors
/// It cannot be read or made, or holds too little.
pub fn webhook_secret(file: &Path) -> Result<(SecretString, bool), DoorError> {
    match std::fs::read_to_string(file) {
        Ok(text) => {
            let secret = text.trim();
            match secret.len() >= SHORTEST_SECRET {
                true => Ok((SecretString::from(secret), false)),
                false => Err(DoorError::Refused {
                    message: format!(
                        "the secret of webhooks in {} is shorter than {SHORTEST_SECRET} characters",
                        file.display()
                    ),
                    hint: Some(
                        "write a longer one into it, or remove it: a good one is made then".to_owned(),
                    ),
                }),
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let secret = random_text(43);
            make_private(file, &secret).map_err(failed("keep the secret of webhooks"))?;
            Ok((SecretString::from(secret), true))
        }
        Err(error) => Err(failed("read the secret of webhooks")(error)),
    }
}

/// The systems that people sign in with, from the file that names them.
///
/// # Errors
/// It, or a secret that it names, cannot be used.
pub fn sign_in_providers(file: &Path) -> Result<Vec<ProviderSettings>, DoorError> {
    settings::read(file).map_err(|error| DoorError::Refused {
        message: error.to_string(),
        hint: Some("README, \"The hub\", shows such a file".to_owned()),
    })
}

/// The webhooks that a file names, with their tokens.
///
/// # Errors
/// It, or a token that it names, cannot be used.
pub fn asked_webhooks(file: &Path) -> Result<Vec<HookSettings>, DoorError> {
    hooks::read(file).map_err(|error| DoorError::Refused {
        message: error.to_string(),
        hint: Some("README, \"The hub\", shows such a file".to_owned()),
    })
}

fn make_private(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(directory) = file.parent() {
        crate::config::private_directory(directory)?;
    }
    let mut made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    made.write_all(text.as_bytes())?;
    made.write_all(b"\n")?;
    made.sync_all()
}
