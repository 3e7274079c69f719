//! A descriptor as it is kept: the bytes, and what they say.

use reqwest::Url;
use serde_json::json;

use super::error::ExtensionError;
use crate::access::narrow::scopes_of;
use crate::access::registration::Declared;
use crate::wire::connect::{Descriptor, DescriptorProblem};

/// A descriptor with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownDescriptor {
    /// As it was read, to the byte.
    pub text: String,
    /// What it says.
    pub descriptor: Descriptor,
}

impl KnownDescriptor {
    /// Reads what was fetched from an address.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn read(bytes: &[u8], from: &Url, development: bool) -> Result<Self, ExtensionError> {
        let descriptor = Descriptor::parse(bytes, from, development).map_err(ExtensionError::Descriptor)?;
        if !descriptor.is_authenticated {
            return Err(ExtensionError::Unauthenticated);
        }
        scopes_of(descriptor.scopes.iter().map(String::as_str))?;
        Ok(Self {
            text: String::from_utf8_lossy(bytes).into_owned(),
            descriptor,
        })
    }

    /// Reads one that is kept. It was read before, so that only another development mode can make a difference.
    ///
    /// # Errors
    /// It cannot be used any more.
    pub fn kept(text: &str, from: &str, development: bool) -> Result<Self, ExtensionError> {
        let from = Url::parse(from).map_err(|_| {
            ExtensionError::Descriptor(vec![DescriptorProblem {
                field: String::new(),
                message: "has an address that is none".to_owned(),
            }])
        })?;
        Self::read(text.as_bytes(), &from, development)
    }

    /// What of it needs consent.
    ///
    /// # Errors
    /// A scope that is none.
    pub fn declared(&self) -> Result<Declared, ExtensionError> {
        Ok(Declared {
            scopes: scopes_of(self.descriptor.scopes.iter().map(String::as_str))?,
            digest: self.descriptor.digest.clone(),
            addresses: self.addresses(),
        })
    }

    /// Its base address, its hooks and how it authenticates, in one text that changes when any of them does.
    pub fn addresses(&self) -> String {
        let lifecycle = &self.descriptor.lifecycle;
        let hook = |url: &Option<Url>| url.as_ref().map(Url::as_str).map(str::to_owned);
        json!({
            "base": self.descriptor.base_url.as_str(),
            "installed": hook(&lifecycle.installed), "enabled": hook(&lifecycle.enabled),
            "disabled": hook(&lifecycle.disabled), "uninstalled": hook(&lifecycle.uninstalled),
            "authentication": if self.descriptor.is_authenticated { "jwt" } else { "none" },
        })
        .to_string()
    }
}
