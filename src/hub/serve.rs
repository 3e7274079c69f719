//! Takes connections and serves them: each a task of ours, none for longer than it keeps its word.

use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::asked::from_peer;
use crate::runtime::tasks::Tasks;

/// How long the head of a request may take, from the end of the one before (threat C7).
const HEAD: Duration = Duration::from_secs(30);

/// Largest head of a request in bytes, and so what a connection holds at most while it says nothing.
const LARGEST_HEAD: usize = 32 * 1024;

/// Pause after a connection that could not be taken, because this process has too many files open or no memory.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves until the hub stops.
pub(super) async fn serve(tasks: Tasks, router: Router, listener: TcpListener) {
    let stop = tasks.stop_token();
    loop {
        let taken = tokio::select! {
            () = stop.cancelled() => return,
            taken = listener.accept() => taken,
        };
        match taken {
            Ok((stream, peer)) => {
                let connection = hold(stream, router.clone(), stop.clone());
                tasks.spawn("connection", from_peer(peer.ip(), connection));
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

/// Serves one connection to its end. At the end of the hub it takes no further request.
async fn hold(stream: TcpStream, router: Router, stop: CancellationToken) {
    // Small messages go at once; where that cannot be had they go a little later.
    let _ = stream.set_nodelay(true);
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LARGEST_HEAD);
    let service = TowerToHyperService::new(router);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
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
