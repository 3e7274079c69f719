//! Adapter: logs of goals that have rested at the hub, in a directory ([`LogShelf`]) or in a bucket ([`LogBucket`]).
//!
//! Each log is one file of parts that are compressed by themselves, so that reading may begin at any. Files are named by
//! digests; nothing that anybody calls a goal is part of a path (threat G8).

mod bucket;
mod shelf;

use std::io::{self, Read, Write as _};

use aws_lc_rs::digest;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::ports::hub::{FilePlace, LogName};

pub use bucket::LogBucket;
pub use shelf::LogShelf;

/// Largest part that is unpacked.
const LARGEST_PART: u64 = 16 * 1024 * 1024;

/// The name of a log's file, and of the directory of those that begin alike.
fn file_of(name: &LogName) -> (String, String) {
    let named = format!("{}\0{}\0{}", name.workspace, name.goal, name.attempt);
    let digest = hex::encode(digest::digest(&digest::SHA256, named.as_bytes()));
    (digest[..2].to_owned(), format!("{digest}.log.gz"))
}

fn packed(text: &str) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes())?;
    encoder.write_all(b"\n")?;
    encoder.finish()
}

/// Parts one behind the other, each handed to `write`; where each of them is.
fn pack_all(parts: &[String], mut write: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<Vec<FilePlace>> {
    let (mut places, mut at) = (Vec::new(), 0);
    for part in parts {
        let packed = packed(part)?;
        write(&packed)?;
        let length = packed.len() as u64;
        places.push(FilePlace { at, length });
        at += length;
    }
    Ok(places)
}

fn unpacked(packed: impl Read) -> io::Result<String> {
    let mut text = String::new();
    GzDecoder::new(packed)
        .take(LARGEST_PART)
        .read_to_string(&mut text)?;
    Ok(text)
}
