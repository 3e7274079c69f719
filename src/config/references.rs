//! Where the repositories of referenced goals are.

use super::error::ConfigError;
use super::resolve::{Origin, Resolver, without_credentials};

/// Where most of them are.
const REFERENCE_ADDRESS: &str = "https://github.com/{owner}/{repo}.git";

impl Resolver<'_> {
    pub(super) fn reference_address(&mut self) -> Result<String, ConfigError> {
        let forge = || (REFERENCE_ADDRESS.to_owned(), Origin::Default);
        let address = self.pick(
            "reference_address",
            |layer| layer.reference_address.clone(),
            forge,
            |address| without_credentials(address),
        );
        match address.contains("{owner}") && address.contains("{repo}") {
            true => Ok(address),
            false => {
                let message = format!("it needs `{{owner}}` and `{{repo}}`, such as `{REFERENCE_ADDRESS}`");
                Err(self.origin_error("reference_address", message))
            }
        }
    }
}
