//! The factory libgit2 calls: from the thread's session to a transport.

use std::io;
use std::sync::Arc;

use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream, Transport};
use git2::{ErrorClass, ErrorCode, Remote};

use super::duplex::Duplex;
use super::http_stream::HttpStream;
use super::session::{self, Session};
use super::{git, http, ssh};
use crate::git::address::Place;

/// The protocol under which libgit2 knows us.
pub(super) const SCHEME: &str = "sdm";
/// The address libgit2 is given; the session knows the real one.
pub(crate) const ANY_REMOTE: &str = "sdm://remote";

pub(super) fn transport_of_session(remote: &Remote<'_>) -> Result<Transport, git2::Error> {
    let session = session::current().ok_or_else(|| net_error("no operation is under way on this thread"))?;
    match session.address().place() {
        Place::Http(url) => {
            let conversation = http::Conversation::new(url.clone(), session);
            Transport::smart(remote, true, Http(conversation))
        }
        Place::Ssh { .. } | Place::Git { .. } => Transport::smart(remote, false, Pipes(session)),
        Place::File(_) => Err(net_error("files are not fetched over a network")),
    }
}

/// The name of the program that serves a request.
fn program(service: Service) -> &'static str {
    match service {
        Service::UploadPackLs | Service::UploadPack => "git-upload-pack",
        Service::ReceivePackLs | Service::ReceivePack => "git-receive-pack",
    }
}

struct Http(Arc<http::Conversation>);

impl SmartSubtransport for Http {
    fn action(&self, _: &str, service: Service) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let program = program(service);
        match service {
            Service::UploadPackLs | Service::ReceivePackLs => self.0.advertisement(program).map(boxed),
            Service::UploadPack | Service::ReceivePack => Ok(boxed(self.0.request(program))),
        }
        .map_err(from_io)
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

/// One connection for the whole conversation; libgit2 asks for it once.
struct Pipes(Arc<Session>);

impl SmartSubtransport for Pipes {
    fn action(&self, _: &str, service: Service) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        self.connect(program(service))
            .map(|duplex| Box::new(duplex) as Box<dyn SmartSubtransportStream>)
            .map_err(from_io)
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

impl Pipes {
    fn connect(&self, program: &str) -> io::Result<Duplex> {
        match self.0.address().place() {
            Place::Ssh {
                user,
                host,
                port,
                path,
            } => {
                let target = ssh::Target {
                    user: user.as_deref(),
                    host,
                    port: *port,
                };
                ssh::connect(&self.0, &target, program, path)
            }
            Place::Git { host, port, path } => git::connect(&self.0, host, *port, program, path),
            Place::Http(_) | Place::File(_) => Err(io::Error::other("not an address for pipes")),
        }
    }
}

fn boxed(stream: HttpStream) -> Box<dyn SmartSubtransportStream> {
    Box::new(stream)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn from_io(error: io::Error) -> git2::Error {
    net_error(&error.to_string())
}

fn net_error(message: &str) -> git2::Error {
    git2::Error::new(
        ErrorCode::GenericError,
        ErrorClass::Net,
        message.replace('\0', "\u{fffd}"),
    )
}
