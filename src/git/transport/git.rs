//! `git://`: git's own daemon over plain TCP, with our limits and our rule about hosts instead of libgit2's sockets.

use std::io;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::duplex::Duplex;
use super::resolver::allowed_addresses;
use super::session::{Session, failed};
use crate::ports::scm::ScmError;

/// Connects and names program, path and host.
pub(super) fn connect(
    session: &Arc<Session>,
    host: &str,
    port: u16,
    program: &str,
    path: &str,
) -> io::Result<Duplex> {
    let policy = session.options().policy;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let opened = session.wait(session.options().connect_timeout, async {
        let addresses = match allowed_addresses(bare, port, policy).await? {
            Ok(addresses) => addresses,
            Err(refused) => return Ok(Err(refused)),
        };
        let mut stream = TcpStream::connect(addresses.as_slice()).await?;
        stream.set_nodelay(true)?;
        stream.write_all(&greeting(program, path, host, port)).await?;
        Ok(Ok(stream))
    });
    let stream = opened
        .map_err(|error| session.fail(failed(&session.doing(), error)))?
        .map_err(|refused| {
            session.fail(ScmError::RefusedAddress {
                address: session.address().to_string(),
                because: refused.because.to_owned(),
            })
        })?;
    let (reader, writer) = stream.into_split();
    Ok(Duplex {
        session: Arc::clone(session),
        reader: Box::new(reader),
        writer: Box::new(writer),
        carrier: None,
        has_spoken: false,
    })
}

/// The first packet; host and path have no control characters, so none can forge another field.
fn greeting(program: &str, path: &str, host: &str, port: u16) -> Vec<u8> {
    let text = format!("{program} {path}\0host={host}:{port}\0");
    format!("{:04x}{text}", text.len() + 4).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::greeting;

    #[test]
    fn the_greeting_has_its_own_length() {
        let packet = greeting("git-upload-pack", "/r", "h", 9418);
        assert_eq!(packet, b"0023git-upload-pack /r\0host=h:9418\0");
        assert_eq!(packet.len(), 0x23);
    }
}
