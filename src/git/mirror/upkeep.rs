//! Idle work: many small packs become one, references are trimmed, damaged objects go that no goal borrows any more. Nothing else
//! that is in a mirror is ever lost by it.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use git2::{Oid, Repository};

use super::kept;
use super::layout::Layout;

/// Fewer small packs than this are left alone.
const JOIN_FROM: usize = 20;
/// Packs above this size stay as they are.
const SMALL_PACK: u64 = 64 << 20;
/// Most objects joined at one time.
const MAX_OBJECTS: usize = 300_000;

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// Packs that became part of a larger one.
    pub packs_joined: usize,
    /// References that newer ones made superfluous.
    pub references_removed: usize,
    /// Mirrors left out because they were in use or could not be read.
    pub mirrors_skipped: usize,
}

/// Looks after every mirror beneath `root`.
pub(super) fn all(root: &Path) -> Upkeep {
    let mut done = Upkeep::default();
    let Ok(entries) = fs::read_dir(root) else {
        return done;
    };
    let is_mirror = |path: &PathBuf| path.join("HEAD").is_file();
    for path in entries.flatten().map(|entry| entry.path()).filter(is_mirror) {
        let layout = Layout::found(path);
        match one(&layout) {
            Ok(Some((packs, references))) => {
                done.packs_joined += packs;
                done.references_removed += references;
            }
            Ok(None) => done.mirrors_skipped += 1,
            Err(error) => {
                done.mirrors_skipped += 1;
                tracing::warn!(mirror = %layout.path().display(), error = &*error, "failed to look after a mirror");
            }
        }
    }
    done
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// `None` when somebody is fetching into it.
fn one(layout: &Layout) -> Result<Option<(usize, usize)>, AnyError> {
    let Some(_locked) = layout.try_lock()? else {
        return Ok(None);
    };
    let has_forgotten = layout.forget_damaged()?;
    let mirror = layout.open()?;
    if has_forgotten {
        kept::forget_missing(&mirror)?;
    }
    let references = kept::trim(&mirror)?;
    let packs = join_small_packs(&mirror, &layout.pack_directory())?;
    Ok(Some((packs, references)))
}

fn join_small_packs(mirror: &Repository, directory: &Path) -> Result<usize, AnyError> {
    let mut indexes = Vec::new();
    let mut objects = HashSet::new();
    for index in small_packs(directory)? {
        let ids = ids_of_index(&index)?;
        if objects.len() + ids.len() > MAX_OBJECTS {
            break;
        }
        objects.extend(ids);
        indexes.push(index);
    }
    if indexes.len() < JOIN_FROM {
        return Ok(0);
    }
    let mut builder = mirror.packbuilder()?;
    for id in &objects {
        builder.insert_object(*id, None)?;
    }
    builder.write(directory, 0o444)?;
    let name = builder.name()?.ok_or("the joined pack has no name")?;
    let joined = directory.join(format!("pack-{name}.idx"));
    let found: HashSet<Oid> = ids_of_index(&joined)?.into_iter().collect();
    if found != objects {
        return Err("the joined pack does not have all objects".into());
    }
    for made in [&joined, &joined.with_extension("pack")] {
        File::open(made)?.sync_all()?;
    }
    File::open(directory)?.sync_all()?;
    for index in indexes.iter().filter(|index| **index != joined) {
        // The index first: a pack without one is not looked at, an index without its pack would be an error.
        fs::remove_file(index)?;
        fs::remove_file(index.with_extension("pack"))?;
    }
    Ok(indexes.len())
}

/// Indexes of small packs, smallest first, so that a limit reached leaves the larger ones.
fn small_packs(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut packs = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "idx") || path.with_extension("keep").exists()
        {
            continue;
        }
        let size = fs::metadata(path.with_extension("pack"))?.len();
        if size <= SMALL_PACK {
            packs.push((size, path));
        }
    }
    packs.sort();
    Ok(packs.into_iter().map(|(_, path)| path).collect())
}

/// The ids in a pack's index, version 2: 8 bytes of header, 256 counts, then the sorted ids.
fn ids_of_index(path: &Path) -> Result<Vec<Oid>, AnyError> {
    const HEADER: [u8; 8] = [0xff, b't', b'O', b'c', 0, 0, 0, 2];
    let mut file = io::BufReader::new(File::open(path)?);
    let mut header = [0; 8];
    file.read_exact(&mut header)?;
    if header != HEADER {
        return Err("the index of a pack is not of version 2".into());
    }
    let mut counts = [0; 1024];
    file.read_exact(&mut counts)?;
    let [.., a, b, c, d] = counts;
    let count = u32::from_be_bytes([a, b, c, d]) as usize;
    if count > MAX_OBJECTS {
        return Err("a small pack has too many objects".into());
    }
    let mut ids = vec![0; count * 20];
    file.read_exact(&mut ids)?;
    let ids = ids.chunks_exact(20).map(Oid::from_bytes);
    Ok(ids.collect::<Result<_, _>>()?)
}
