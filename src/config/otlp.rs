//! Where traces go: a collector that speaks OTLP over HTTP.

use reqwest::Url;

use super::error::ConfigError;
use super::resolve::{Origin, Resolver, without_credentials};
use super::secrets::Hidden;

/// The variable with headers for the collector, which are nobody's to see.
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";

/// A collector of traces.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectorEntry {
    /// Its address, below which it takes each kind of telemetry.
    pub address: Url,
    /// What is sent along, as `name=value` separated by commas.
    pub headers: Option<Hidden>,
}

impl Resolver<'_> {
    /// The collector, if there is one.
    pub(super) fn otlp(&mut self) -> Result<Option<CollectorEntry>, ConfigError> {
        let show = |address: &Option<String>| {
            address
                .as_deref()
                .map_or_else(|| "none".to_owned(), without_credentials)
        };
        let address = self.pick(
            "otlp",
            |layer| layer.otlp.clone().map(Some),
            || (None, Origin::Default),
            show,
        );
        let Some(address) = address.filter(|address| !address.is_empty()) else {
            return Ok(None);
        };
        let url = Url::parse(&address).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let Some(address) = url else {
            let message = "must be the address of a collector, such as `http://localhost:4318`".to_owned();
            return Err(self.origin_error("otlp", message));
        };
        let headers = self.sources.variable(HEADERS);
        Ok(Some(CollectorEntry {
            address,
            headers: headers.map(|text| Hidden(text.into())),
        }))
    }
}
