//! Putting the hub's memory back to an older point (threat K4).
//!
//! The copy becomes the memory of another life: machines notice by it and tell again what the hub has forgotten. What a hub
//! must not forget, that keys were revoked, who people are and what they may do now, and what is in the safe, is taken over from the
//! memory that is replaced, which stays beside the new one.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::access::noted::{Noted, nobody};
use super::administration::AdministrationError;
use super::console;
use super::lock::MemoryLock;
use crate::model::Timestamp;
use crate::ports::hub::{HubStoreError, Keys as _, Life, Registrations as _, StoredKey};
use crate::runtime::causes::chain;
use crate::runtime::clock::{Clock as _, Ids as _, RandomIds, SystemClock};
use crate::store::hub::{Place, Revoked, SqlHub, is_damaged};

/// What an operator has to know afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The last moment of which the memory knows now.
    pub known_until: Timestamp,
    /// Where the replaced memory is; none when there was none.
    pub aside: Option<PathBuf>,
    /// Why the replaced memory could not be read, so that nothing was taken over from it.
    pub unread: Option<String>,
    /// Keys that were revoked meanwhile, and stay so.
    pub revoked: Vec<String>,
    /// Keys that were made meanwhile and are gone: id and owner.
    pub lost_keys: Vec<(String, String)>,
    /// Machines that registered meanwhile; they will do so again.
    pub lost_machines: Vec<String>,
    /// Webhooks that came meanwhile, to be sent again by the forge.
    pub lost_webhooks: u64,
}

/// Puts the memory in a file back to a copy. No hub may run on it.
///
/// # Errors
/// A hub runs on it, or the copy is no memory of a hub, is damaged, or was written by a newer program. Then nothing is changed.
pub async fn restore(copy: &Path, file: &Path) -> Result<Restored, AdministrationError> {
    if !copy.exists() {
        return Err(AdministrationError::NoCopy(copy.to_owned()));
    }
    let _lock = MemoryLock::take(file).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => AdministrationError::InUse(file.to_owned()),
        _ => failed("take the hub's memory")(error),
    })?;
    let fresh = beside(file, "restoring");
    let prepared = prepare(copy, &fresh, file).await;
    let mut restored = match prepared {
        Ok(restored) => restored,
        Err(error) => {
            remove(&fresh).ok();
            return Err(error);
        }
    };
    restored.aside =
        replace(&fresh, file).map_err(failed("put the copy in the place of the hub's database"))?;
    Ok(restored)
}

/// Says of a memory that was put back by other means, as one in Postgres is, that it was.
///
/// # Errors
/// It cannot be opened or written.
pub async fn note_restored(place: &Place) -> Result<Restored, AdministrationError> {
    let memory = SqlHub::open(place).await?;
    let known_until = memory.last_known().await?;
    let restored = nothing_lost(known_until);
    let deeds = console::deeds(noted(&restored));
    memory.begin_life(&another(known_until), &[], &deeds).await?;
    memory.close().await;
    Ok(restored)
}

/// What the audit log says of it: keys that were made meanwhile are good no more.
fn noted(restored: &Restored) -> Vec<Noted> {
    let when = restored.known_until.rfc3339();
    let back = nobody(
        "settings.write",
        format!("the hub's memory was put back to {when}"),
    );
    let lost = restored.lost_keys.iter();
    let lost = lost.map(|(id, owner)| nobody("key.revoke", format!("{id} of {owner}")));
    std::iter::once(back).chain(lost).collect()
}

fn another(known_until: Timestamp) -> Life {
    Life {
        id: RandomIds.fresh().to_string(),
        known_until: Some(known_until),
    }
}

fn nothing_lost(known_until: Timestamp) -> Restored {
    Restored {
        known_until,
        aside: None,
        unread: None,
        revoked: Vec::new(),
        lost_keys: Vec::new(),
        lost_machines: Vec::new(),
        lost_webhooks: 0,
    }
}

/// Makes the memory that is to be, beside the one that is.
async fn prepare(copy: &Path, fresh: &Path, file: &Path) -> Result<Restored, AdministrationError> {
    remove(fresh).map_err(failed("make room for the copy"))?;
    fs::copy(copy, fresh).map_err(failed("copy the copy"))?;
    let opened = SqlHub::open(&Place::File(fresh.to_owned())).await;
    let memory = opened.map_err(|error| not_opened(copy, error))?;
    if let Some(damage) = memory.damage().await? {
        memory.close().await;
        return Err(AdministrationError::Damaged(copy.to_owned(), damage));
    }
    let known_until = memory.last_known().await?;
    let mut restored = nothing_lost(known_until);
    let mut revoked = Vec::new();
    if file.exists() {
        match compared(&memory, file, &mut restored).await {
            Ok(found) => revoked = found,
            Err(error) => restored.unread = Some(chain(&error)),
        }
    }
    restored.revoked = revoked.iter().map(|one| one.key.clone()).collect();
    let deeds = console::deeds(noted(&restored));
    memory.begin_life(&another(known_until), &revoked, &deeds).await?;
    memory.close().await;
    sync(fresh).map_err(failed("write the copy"))?;
    Ok(restored)
}

/// Why a copy cannot be opened: mostly it is none.
fn not_opened(copy: &Path, error: HubStoreError) -> AdministrationError {
    match is_damaged(&error) {
        true => AdministrationError::Damaged(copy.to_owned(), chain(&*error.source)),
        false => error.into(),
    }
}

/// What the memory that is replaced knows beyond the copy; keys that were revoked meanwhile.
async fn compared(
    memory: &SqlHub,
    file: &Path,
    restored: &mut Restored,
) -> Result<Vec<Revoked>, HubStoreError> {
    let replaced = SqlHub::open(&Place::File(file.to_owned())).await?;
    let compared = compared_with(memory, (&replaced, file), restored).await;
    replaced.close().await;
    compared
}

async fn compared_with(
    memory: &SqlHub,
    (replaced, file): (&SqlHub, &Path),
    restored: &mut Restored,
) -> Result<Vec<Revoked>, HubStoreError> {
    let old: Vec<StoredKey> = memory.keys().await?;
    let good: BTreeSet<&str> = old
        .iter()
        .filter(|key| key.revoked.is_none())
        .map(|key| key.id.as_str())
        .collect();
    let known: BTreeSet<&str> = old.iter().map(|key| key.id.as_str()).collect();
    let mut revoked = Vec::new();
    for key in replaced.keys().await? {
        match key.revoked {
            Some(at) if good.contains(key.id.as_str()) => revoked.push(Revoked { key: key.id, at }),
            None if !known.contains(key.id.as_str()) => restored.lost_keys.push((key.id, key.owner)),
            Some(_) | None => {}
        }
    }
    let machines = memory.registrations().await?;
    let machines: BTreeSet<String> = machines.into_iter().map(|one| one.id).collect();
    let later = replaced.registrations().await?;
    let later = later.into_iter().filter(|one| !machines.contains(&one.id));
    restored.lost_machines = later.map(|one| format!("{} {}", one.name, one.version)).collect();
    restored.lost_webhooks = replaced.received_since(restored.known_until).await?;
    memory.take_over_rights(file).await?;
    Ok(revoked)
}

/// Puts the new file in the place of the old one, which stays beside it. There is a memory at every moment: the old one or
/// the new one.
fn replace(fresh: &Path, file: &Path) -> io::Result<Option<PathBuf>> {
    let mut aside = None;
    if file.exists() {
        let stamp = SystemClock.now().to_utc().format("%Y%m%dT%H%M%SZ");
        let kept = beside(file, &format!("replaced-{stamp}"));
        fs::hard_link(file, &kept)?;
        // Whatever was not in the file itself yet; the copy must not take it for its own.
        for ending in ["-wal", "-shm"] {
            let from = with_ending(file, ending);
            if from.exists() {
                fs::rename(&from, with_ending(&kept, ending))?;
            }
        }
        aside = Some(kept);
    }
    fs::rename(fresh, file)?;
    let directory = file
        .parent()
        .filter(|directory| !directory.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(aside)
}

fn beside(file: &Path, word: &str) -> PathBuf {
    with_ending(file, &format!(".{word}"))
}

fn with_ending(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Removes a database that is half made.
fn remove(file: &Path) -> io::Result<()> {
    for ending in ["", "-wal", "-shm"] {
        match fs::remove_file(with_ending(file, ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn sync(file: &Path) -> io::Result<()> {
    File::open(file)?.sync_all()
}

fn failed(doing: &'static str) -> impl Fn(io::Error) -> AdministrationError {
    move |source| {
        AdministrationError::Store(HubStoreError {
            doing,
            source: Box::new(source),
        })
    }
}
