//! The http clients of the machine: proxies, trust, timeouts, no redirects of its own.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder, NoProxy, Proxy, Url, redirect};
use secrecy::ExposeSecret;
use thiserror::Error;

use super::advertisements::Advertisements;
use super::capabilities::Capabilities;
use super::resolver::GuardedResolver;
use super::session::failed;
use crate::git::network::{NetworkOptions, ProxyChoice};
use crate::ports::scm::ScmError;

/// Largest file of certificate authorities that is read.
const MAX_CA_FILE: u64 = 4 << 20;

/// Options with what is built from them once and shared by all connections: cheap delta fetches reuse a connection.
pub struct Network {
    options: NetworkOptions,
    client: OnceLock<Client>,
    advertisements: Advertisements,
    capabilities: Capabilities,
}

#[derive(Debug, Error)]
enum ClientError {
    #[error("the file has no certificate in PEM form")]
    NoCertificate,
    #[error("the file is larger than {MAX_CA_FILE} bytes")]
    TooLarge,
    #[error("the proxy is not an http or https address")]
    NotAProxy,
}

impl Network {
    /// Nothing is read or contacted yet.
    pub fn new(options: NetworkOptions) -> Self {
        Self {
            options,
            client: OnceLock::new(),
            advertisements: Advertisements::default(),
            capabilities: Capabilities::default(),
        }
    }

    /// What was given.
    pub fn options(&self) -> &NetworkOptions {
        &self.options
    }

    /// Answers to looks, for the fetches that follow them.
    pub(super) fn advertisements(&self) -> &Advertisements {
        &self.advertisements
    }

    /// What servers can do, for fetches of known commits.
    pub(super) fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The client, built when first needed.
    ///
    /// # Errors
    /// A file of authorities cannot be read, the proxy is not an address, the system has no trust store.
    pub(super) fn client(&self) -> Result<&Client, ScmError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = build(&self.options)?;
        Ok(self.client.get_or_init(|| client))
    }
}

/// A client for other conversations under the same rules: proxies, trust, timeouts, no redirects. It speaks HTTP/1.1 only,
/// so that a connection can become a websocket.
///
/// # Errors
/// As for the client of git.
pub fn http1_client(options: &NetworkOptions) -> Result<Client, ScmError> {
    let agent = concat!("sdm/", env!("CARGO_PKG_VERSION"));
    let built = builder(options, agent)?.http1_only().build();
    built.map_err(|error| failed("set up http", error))
}

fn build(options: &NetworkOptions) -> Result<Client, ScmError> {
    let agent = concat!("git/2.0 (sdm/", env!("CARGO_PKG_VERSION"), ")");
    let built = builder(options, agent)?.build();
    built.map_err(|error| failed("set up http", error))
}

fn builder(options: &NetworkOptions, agent: &str) -> Result<ClientBuilder, ScmError> {
    let mut builder = Client::builder()
        .user_agent(agent)
        .redirect(redirect::Policy::none())
        .referer(false)
        .tcp_nodelay(true)
        .connect_timeout(options.connect_timeout)
        .pool_idle_timeout(Duration::from_secs(60))
        .pool_max_idle_per_host(4);
    let mut proxy_host = None;
    match &options.proxy {
        ProxyChoice::System => {}
        ProxyChoice::Direct => builder = builder.no_proxy(),
        ProxyChoice::Fixed { url, except } => {
            let (host, proxy) = fixed_proxy(url.expose_secret(), except)?;
            proxy_host = Some(host);
            builder = builder.no_proxy().proxy(proxy);
        }
    }
    for file in &options.extra_ca_files {
        let doing = format!("read the certificate authorities in {}", file.display());
        let certificates = authorities(file).map_err(|source| failed(&doing, source))?;
        builder = builder.tls_certs_merge(certificates);
    }
    let policy = options.policy;
    Ok(builder.dns_resolver(Arc::new(GuardedResolver { policy, proxy_host })))
}

fn fixed_proxy(text: &str, except: &str) -> Result<(String, Proxy), ScmError> {
    let doing = "set up the proxy";
    // The causes of these errors could repeat the address, and with it a password.
    let url = Url::parse(text).map_err(|_| failed(doing, ClientError::NotAProxy))?;
    let host = url.host_str().unwrap_or_default().to_owned();
    if !matches!(url.scheme(), "http" | "https") || host.is_empty() {
        return Err(failed(doing, ClientError::NotAProxy));
    }
    let proxy = Proxy::all(url).map_err(|_| failed(doing, ClientError::NotAProxy))?;
    Ok((host, proxy.no_proxy(NoProxy::from_string(except))))
}

fn authorities(file: &Path) -> Result<Vec<Certificate>, Box<dyn std::error::Error + Send + Sync>> {
    if std::fs::metadata(file)?.len() > MAX_CA_FILE {
        return Err(ClientError::TooLarge.into());
    }
    let certificates = Certificate::from_pem_bundle(&std::fs::read(file)?)?;
    if certificates.is_empty() {
        return Err(ClientError::NoCertificate.into());
    }
    Ok(certificates)
}
