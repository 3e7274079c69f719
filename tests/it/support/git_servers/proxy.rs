//! A proxy that remembers what it was asked for.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use sdm::runtime::tasks::Tasks;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A proxy for `http` (absolute addresses) and `https` (CONNECT) that remembers what it was asked for.
pub(crate) struct ProxyServer {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    _tasks: Tasks,
}

impl ProxyServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let (tasks, log) = (Tasks::new(), Arc::clone(&seen));
        let connections = tasks.clone();
        tasks.spawn("proxy", async move {
            while let Ok((client, _)) = listener.accept().await {
                let log = Arc::clone(&log);
                connections.spawn("proxied connection", async move {
                    // A connection that breaks is the client's business.
                    let _ = proxy_connection(client, &log).await;
                });
            }
        });
        Self {
            address,
            seen,
            _tasks: tasks,
        }
    }

    /// First lines of all requests, and their headers about logins.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("no test panicked holding it").clone()
    }
}

async fn proxy_connection(mut client: TcpStream, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 64 * 1024 {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let line = head.lines().next().unwrap_or_default().to_owned();
    log.lock()
        .expect("no test panicked holding it")
        .push(line.clone());
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if method == "CONNECT" {
        let mut server = TcpStream::connect(target).await?;
        client
            .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            .await?;
        tokio::io::copy_bidirectional(&mut client, &mut server).await?;
        return Ok(());
    }
    let rest = target.trim_start_matches("http://");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut server = TcpStream::connect(host).await?;
    // One request a connection, so that each one is seen.
    let head = head.replacen(target, &format!("/{path}"), 1);
    let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    server.write_all(head.as_bytes()).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
