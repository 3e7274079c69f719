//! Public keys as PEM text, and nothing else that PEM can hold.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// Characters of a line.
const LINE: usize = 64;

/// The bytes between the two lines; `None` when it is no public key.
pub(super) fn read(text: &str) -> Option<Vec<u8>> {
    let inner = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    let compact: String = inner.split_ascii_whitespace().collect();
    BASE64_STANDARD.decode(compact).ok()
}

/// As the usual tools write it.
pub(super) fn write(der: &[u8]) -> String {
    let encoded = BASE64_STANDARD.encode(der);
    let lines = encoded.as_bytes().chunks(LINE).map(String::from_utf8_lossy);
    let lines: Vec<_> = lines.collect();
    format!("{BEGIN}\n{}\n{END}\n", lines.join("\n"))
}
