//! What the configuration says about the network, for the git transports and for forges.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::local::StartError;
use crate::config::{Configuration, Statuses};
use crate::git::address::{AddressPolicy, Origin};
use crate::git::logins::{FileLogin, Logins, origin_named};
use crate::git::network::{NetworkOptions, ProxyChoice};
use crate::git::transport::http1_client;
use crate::ports::forges::NoForges;
use crate::ports::scm::ScmError;
use crate::ports::{Forges, Secrets};
use crate::runtime::clock::SystemClock;
use crate::scm::github::{Forge, GitHub, Telling};

/// The options of every fetch of this machine.
///
/// # Errors
/// A configured login is for something that is no origin.
pub(super) fn options(configuration: &Configuration) -> Result<NetworkOptions, ScmError> {
    let proxy = match &configuration.proxy {
        Some(url) => ProxyChoice::Fixed {
            url: url.clone().into(),
            except: String::new(),
        },
        None => ProxyChoice::System,
    };
    let helpers = configuration.git_configuration.clone();
    let logins = Logins::new(logins(configuration)?, helpers, Arc::new(SystemClock));
    Ok(NetworkOptions {
        proxy,
        extra_ca_files: configuration.extra_ca_files.clone(),
        ssh_command: configuration.ssh_command.clone(),
        deadline: configuration.fetch_timeout,
        policy: AddressPolicy::LOCAL,
        credentials: Arc::new(logins),
        ..NetworkOptions::default()
    })
}

/// The forges that are configured; their http obeys what git's does.
///
/// # Errors
/// An address or a secret is not what it should be.
pub(super) fn forges(
    configuration: &Configuration,
    secrets: &Arc<dyn Secrets>,
) -> Result<Arc<dyn Forges>, StartError> {
    if configuration.forges.is_empty() {
        return Ok(Arc::new(NoForges));
    }
    let connected = configuration.forges.iter().map(|(origin, entry)| {
        if !configuration.secrets.contains_key(&entry.secret) {
            return Err(format!(
                "{origin} has the secret `{}`, which is not in `secrets`",
                entry.secret
            ));
        }
        let forge = Forge::new(origin, entry.api.as_deref(), &entry.secret)?;
        Ok(forge.telling(match entry.statuses {
            Statuses::None => Telling::Nothing,
            Statuses::Statuses => Telling::Statuses,
            Statuses::Checks => Telling::Checks,
        }))
    });
    let connected: Vec<Forge> = connected.collect::<Result<_, _>>().map_err(StartError::Forge)?;
    let client = http1_client(&options(configuration)?)?;
    Ok(Arc::new(GitHub::new(client, connected, Arc::clone(secrets))))
}

fn logins(configuration: &Configuration) -> Result<BTreeMap<Origin, FileLogin>, ScmError> {
    let read = |(text, entry): (&String, &crate::config::LoginEntry)| {
        let origin = origin_named(text).ok_or_else(|| ScmError::RefusedAddress {
            address: text.rsplit('@').next().unwrap_or_default().to_owned(),
            because: "a login is for an origin, `https://host` or `https://host:port`".to_owned(),
        })?;
        let login = FileLogin {
            user: entry.user.clone(),
            secret: entry.secret_file.clone(),
        };
        Ok((origin, login))
    };
    configuration.logins.iter().map(read).collect()
}
