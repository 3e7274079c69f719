//! What we wrote into a workspace, in the format of git's index: one file serves us and the `git` program.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use git2::Oid;
use nix::sys::stat::FileStat;

use crate::git::tree::EntryKind;

/// How a file looked when we had written it. Any change of it by anybody moves the change time, which only the
/// kernel sets. Cut to 32 bits as the index does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Stamp {
    changed: (u32, u32),
    modified: (u32, u32),
    device: u32,
    inode: u32,
    owner: u32,
    group: u32,
    size: u32,
}

impl Stamp {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the format of the index keeps the low 32 bits"
    )]
    pub(super) fn of(stat: &FileStat) -> Self {
        Self {
            changed: (stat.st_ctime as u32, stat.st_ctime_nsec as u32),
            modified: (stat.st_mtime as u32, stat.st_mtime_nsec as u32),
            device: stat.st_dev as u32,
            inode: stat.st_ino as u32,
            owner: stat.st_uid,
            group: stat.st_gid,
            size: stat.st_size as u32,
        }
    }

    fn numbers(self) -> [u32; 9] {
        let ((changed, changed_ns), (modified, modified_ns)) = (self.changed, self.modified);
        let (device, inode) = (self.device, self.inode);
        [
            changed,
            changed_ns,
            modified,
            modified_ns,
            device,
            inode,
            self.owner,
            self.group,
            self.size,
        ]
    }
}

/// One file, link or submodule of the commit a workspace is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tracked {
    pub(super) path: Vec<u8>,
    pub(super) kind: EntryKind,
    pub(super) oid: Oid,
    /// `None` when it is not on disk, or not as we wrote it, and must be written before the workspace is lent.
    pub(super) stamp: Option<Stamp>,
}

const HEADER: &[u8] = b"DIRC\0\0\0\x02";
const FIXED: usize = 62;
const HASH: usize = 20;

/// Prints entries, which must be sorted by path, as a git index of version 2.
pub(super) fn encode(entries: &[Tracked]) -> Vec<u8> {
    let mut data = Vec::with_capacity(entries.len() * 112 + 32);
    data.extend_from_slice(HEADER);
    data.extend_from_slice(&u32::try_from(entries.len()).unwrap_or(u32::MAX).to_be_bytes());
    for entry in entries {
        let [
            changed,
            changed_ns,
            modified,
            modified_ns,
            device,
            inode,
            owner,
            group,
            size,
        ] = entry.stamp.unwrap_or_default().numbers();
        let mode = entry.kind.mode();
        for number in [
            changed,
            changed_ns,
            modified,
            modified_ns,
            device,
            inode,
            mode,
            owner,
            group,
            size,
        ] {
            data.extend_from_slice(&number.to_be_bytes());
        }
        data.extend_from_slice(entry.oid.as_bytes());
        let length = u16::try_from(entry.path.len().min(0xfff)).unwrap_or(0xfff);
        data.extend_from_slice(&length.to_be_bytes());
        data.extend_from_slice(&entry.path);
        let padding = 8 - (FIXED + entry.path.len()) % 8;
        data.extend_from_slice(&[0; 8][..padding]);
    }
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &data);
    data.extend_from_slice(hash.as_ref());
    data
}

/// Reads what [`encode`] printed; `None` when it is anything else, such as half of it.
pub(super) fn decode(data: &[u8]) -> Option<Vec<Tracked>> {
    let body = data.len().checked_sub(HASH)?;
    let (body, hash) = data.split_at(body);
    if digest(&SHA1_FOR_LEGACY_USE_ONLY, body).as_ref() != hash {
        return None;
    }
    let rest = body.strip_prefix(HEADER)?;
    let count = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?);
    let mut rest = &rest[4..];
    let mut entries = Vec::with_capacity(usize::try_from(count).ok()?.min(data.len() / FIXED));
    while !rest.is_empty() {
        let (entry, length) = decode_entry(rest)?;
        entries.push(entry);
        rest = rest.get(length..)?;
    }
    Some(entries)
}

fn decode_entry(data: &[u8]) -> Option<(Tracked, usize)> {
    let mut numbers = [0; 10];
    for (number, bytes) in numbers.iter_mut().zip(data.get(..40)?.chunks_exact(4)) {
        *number = u32::from_be_bytes(bytes.try_into().ok()?);
    }
    let [
        changed,
        changed_ns,
        modified,
        modified_ns,
        device,
        inode,
        mode,
        owner,
        group,
        size,
    ] = numbers;
    let stamp = Stamp {
        changed: (changed, changed_ns),
        modified: (modified, modified_ns),
        device,
        inode,
        owner,
        group,
        size,
    };
    let name = data.get(FIXED..)?;
    let path = &name[..name.iter().position(|byte| *byte == 0)?];
    let entry = Tracked {
        path: path.to_vec(),
        kind: EntryKind::of_mode(mode)?,
        oid: Oid::from_bytes(data.get(40..60)?).ok()?,
        stamp: (stamp != Stamp::default()).then_some(stamp),
    };
    let unpadded = FIXED + path.len();
    Some((entry, unpadded + 8 - unpadded % 8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tracked(path: Vec<u8>, number: u32) -> Tracked {
        Tracked {
            path,
            kind: EntryKind::File {
                executable: number.is_multiple_of(2),
            },
            oid: Oid::from_bytes(&[7; 20]).unwrap(),
            stamp: (number != 0).then_some(Stamp {
                changed: (number, 1),
                inode: number,
                ..Stamp::default()
            }),
        }
    }

    proptest! {
        #[test]
        fn a_record_comes_back_as_it_was(entries in proptest::collection::vec(
            (proptest::collection::vec(1_u8.., 1..300), any::<u32>()), 0..20)
        ) {
            let entries: Vec<_> = entries.into_iter().map(|(path, number)| tracked(path, number)).collect();
            let data = encode(&entries);
            prop_assert_eq!(decode(&data), Some(entries));
            for cut in [0, 1, data.len() / 2, data.len() - 1] {
                prop_assert_eq!(decode(&data[..cut]), None);
            }
        }

        #[test]
        fn noise_is_no_record(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(decode(&noise), None);
        }
    }
}
