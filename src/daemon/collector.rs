//! The collector of traces that the configuration names, reached by the rules for everything else of the network.

use secrecy::ExposeSecret as _;
use thiserror::Error;

use crate::config::Configuration;
use crate::git::transport::http1_client;
use crate::ports::scm::ScmError;
use crate::runtime::clock::{Ids as _, RandomIds};
use crate::runtime::trace::otlp::{Export, headers, traces_at};

/// Why the collector cannot be used.
#[derive(Debug, Error)]
pub enum CollectorError {
    /// The network cannot be set up.
    #[error(transparent)]
    Network(#[from] ScmError),
    /// What is to be sent along cannot be read.
    #[error("OTEL_EXPORTER_OTLP_HEADERS has what is no header: write `name=value`, separated by commas")]
    Headers,
}

/// Where a process of this kind sends its traces; `None` when no collector is configured.
///
/// # Errors
/// The network cannot be set up, or the headers cannot be read.
pub fn collector(
    configuration: &Configuration,
    service: &'static str,
) -> Result<Option<Export>, CollectorError> {
    let Some(collector) = &configuration.otlp else {
        return Ok(None);
    };
    let text = collector.headers.as_ref().map(|text| text.0.expose_secret());
    Ok(Some(Export {
        client: http1_client(&super::network::options(configuration)?)?,
        address: traces_at(&collector.address),
        headers: headers(text.unwrap_or_default()).ok_or(CollectorError::Headers)?,
        service,
        instance: format!("{}-{}", configuration.name, RandomIds.fresh()),
    }))
}
