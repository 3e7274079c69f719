//! Takes connections and serves them: each a task of ours, none for longer than it keeps its word.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::Hub;
use super::asked::from_peer;
use super::crowd::{Crowd, Place};
use super::in_time::InTime;
use super::last_words::{HeardOut, LastWords};
use super::refused::Door;

/// How long the head of a request may take, from the end of the one before (threat C7).
const HEAD: Duration = Duration::from_secs(30);

/// Largest head of a request in bytes, and so what a connection holds at most while it says nothing.
const LARGEST_HEAD: usize = 32 * 1024;

/// Pause after a connection that could not be taken, because this process has too many files open or no memory.
const PAUSE: Duration = Duration::from_millis(200);

/// How long the other end may take nothing of what it is sent.
const TAKING: Duration = Duration::from_secs(30);

/// How long somebody may take to hear that there is no place.
const HEARING: Duration = Duration::from_secs(1);

/// Most who are told so at once: they have no place for long either.
const TOLD_AT_ONCE: usize = 64;

/// What somebody hears for whom there is no place.
const NO_PLACE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\n\
    content-type: application/json\r\ncontent-length: 97\r\n\r\n\
    {\"error\":{\"status\":503,\"code\":\"too_many_connections\",\"message\":\"there are too many connections\"}}";

/// Serves until the hub stops.
pub(super) async fn serve(hub: Hub, router: Router, listener: TcpListener) {
    let (tasks, stop) = (hub.tasks(), hub.tasks().stop_token());
    let crowd = Crowd::of(hub.room_for_others());
    let telling = Arc::new(Semaphore::new(TOLD_AT_ONCE));
    loop {
        let taken = tokio::select! {
            () = stop.cancelled() => return,
            taken = listener.accept() => taken,
        };
        match taken {
            Ok((stream, peer)) => {
                // Small messages go at once; where that cannot be had they go a little later.
                let _ = stream.set_nodelay(true);
                let is_proxy = hub.proxies().iter().any(|network| network.holds(peer.ip()));
                match crowd.admit(peer.ip(), is_proxy) {
                    Ok(place) => {
                        let words = LastWords::default();
                        let stream = HeardOut::new(stream, words.clone(), tasks.clone());
                        let connection = hold(stream, router.clone(), (stop.clone(), place));
                        tasks.spawn("connection", from_peer(peer.ip(), words.within(connection)));
                    }
                    Err(full) => {
                        hub.count_refused(Door::Connection, full.reason());
                        if let Ok(turn) = Arc::clone(&telling).try_acquire_owned() {
                            tasks.spawn("no place", turn_away(stream, turn));
                        }
                    }
                }
            }
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "no connection can be taken now"
                );
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Says that there is no place.
async fn turn_away(mut stream: TcpStream, _turn: OwnedSemaphorePermit) {
    let said = async {
        stream.write_all(NO_PLACE).await?;
        stream.shutdown().await?;
        // What was sent already would else take the answer with it.
        let mut unread = [0; 1_024];
        while stream.read(&mut unread).await? > 0 {}
        std::io::Result::Ok(())
    };
    // Whoever does not hear it is turned away all the same.
    let _ = tokio::time::timeout(HEARING, said).await;
}

/// Serves one connection to its end, or until it is a conversation with a machine. At the end of the hub it takes no further request.
async fn hold(stream: HeardOut<TcpStream>, router: Router, (stop, _place): (CancellationToken, Place)) {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LARGEST_HEAD);
    let service = TowerToHyperService::new(router);
    let stream = TokioIo::new(InTime::new(stream, TAKING));
    let connection = builder.serve_connection_with_upgrades(stream, service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection broke: {error}");
    }
}

/// Whether it was the other end's doing.
fn is_of_the_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}
