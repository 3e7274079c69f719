//! Adapter: archives of files that goals hand on to each other, and of dependency caches (semantics 3.17).
//!
//! An archive is a tar file compressed with zstd, named by its digest. Goals fill it with whatever they like, so it is hostile on both
//! ways: [`pack`] leaves out what must not be restored, and [`unpack`] trusts nothing of what it reads. Both work below a
//! directory by its handle and follow no link. They run as steps of a goal, below its supervisor ([`steps`]); what may be
//! kept and restored is decided by the daemon, which finds the archives by the store and keeps them on a [`Shelf`], and where that
//! is configured in a [`Bucket`] as well.

mod bucket;
mod links;
pub mod logs;
mod pack;
mod shelf;
pub mod steps;
mod unpack;

#[cfg(test)]
mod tests;

pub use bucket::{Bucket, BucketAddress};
pub use shelf::Shelf;

use std::io::{self, Read};

use aws_lc_rs::digest;

/// Deepest path in components; deeper ones are left out, so that no stack of handles grows without end.
const DEEPEST: usize = 200;

/// Compression that costs little time; twice the effort gains a tenth of the size (see `benches/`).
const LEVEL: i32 = 1;

/// Where an entry of an archive belongs; the first component of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Root {
    /// The working copy.
    Project,
    /// The home directory of goals.
    Home,
}

impl Root {
    const fn name(self) -> &'static [u8] {
        match self {
            Self::Project => b"project",
            Self::Home => b"home",
        }
    }

    fn parse(name: &[u8]) -> Option<Self> {
        [Self::Project, Self::Home]
            .into_iter()
            .find(|root| root.name() == name)
    }
}

/// The digest of everything that can be read, as hexadecimal SHA-256.
fn digest_of(mut content: impl Read) -> io::Result<String> {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut piece = vec![0; 1 << 16];
    loop {
        match content.read(&mut piece)? {
            0 => return Ok(hex::encode(context.finish())),
            length => context.update(&piece[..length]),
        }
    }
}
