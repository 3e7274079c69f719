//! Asks an engine which version of its interface it speaks, by the cheapest question there is: one request, answered in
//! a millisecond where the long answer about versions takes some engines a third of a second.

use std::io;
use std::path::Path;

use bollard::ClientVersion;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const QUESTION: &[u8] = b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n";

/// Longest answer that is read.
const LONGEST: u64 = 16 * 1024;

/// The newest version an engine speaks; none when it does not say.
///
/// # Errors
/// Nobody is there, or it is no engine.
pub(super) async fn version(socket: &Path) -> io::Result<Option<ClientVersion>> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(QUESTION).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer);
    let status = text.split_ascii_whitespace().nth(1);
    if !text.starts_with("HTTP/") || status != Some("200") {
        let line = text.lines().next().unwrap_or("nothing");
        return Err(io::Error::other(format!("it answered: {line}")));
    }
    Ok(text
        .lines()
        .skip(1)
        .take_while(|line| !line.is_empty())
        .find_map(said))
}

fn said(line: &str) -> Option<ClientVersion> {
    let (name, value) = line.split_once(':')?;
    let (major, minor) = value.trim().split_once('.')?;
    (name.eq_ignore_ascii_case("api-version")).then_some(())?;
    Some(ClientVersion {
        major_version: major.parse().ok()?,
        minor_version: minor.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_among_the_headers() {
        let version = said("Api-Version: 1.41").unwrap();
        assert_eq!((version.major_version, version.minor_version), (1, 41));
        for other in ["Libpod-Api-Version: 4.3.1", "Api-Version: new", "nonsense"] {
            assert!(said(other).is_none(), "{other}");
        }
    }
}
