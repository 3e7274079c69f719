//! Forges that webhooks tell of: what is kept of the only one is written down as its own before there is a second.

use super::Hub;
use super::changes::Change;
use super::remembered::Seen;
use crate::ports::hub::HubStoreError;

/// Forges that changes tell of and that this hub has not heard of, with those that are kept already.
#[derive(Debug)]
pub(super) struct ToldForges {
    hosts: Vec<String>,
    kept: Vec<String>,
}

impl ToldForges {
    /// The only forge that is kept, where these are more.
    fn only_before(&self) -> Option<&str> {
        let has_more = self.hosts.iter().any(|host| !self.kept.contains(host));
        match self.kept.as_slice() {
            [only] if has_more => Some(only.as_str()),
            _ => None,
        }
    }
}

impl Hub {
    /// The forges that changes tell of, before they are made.
    pub(super) async fn told_forges(
        &self,
        seen: &Seen<'_>,
        changes: &[Change],
    ) -> Result<ToldForges, HubStoreError> {
        let nodes = changes.iter().map(|change| &change.node);
        let providers = nodes.filter(|node| node.kind == "SCMProvider");
        let hosts = providers.map(|node| node.id().to_owned());
        let hosts: Vec<String> = hosts.filter(|host| !self.rights().knows_forge(host)).collect();
        let kept = match hosts.is_empty() {
            true => Vec::new(),
            false => seen.work().forges().await?,
        };
        Ok(ToldForges { hosts, kept })
    }

    /// Lets forges count that changes have told of, before anybody is told of what happened there.
    pub(super) async fn learn_told_forges(
        &self,
        workspace: &str,
        seen: &Seen<'_>,
        told: ToldForges,
    ) -> Result<(), HubStoreError> {
        if let Some(only) = told.only_before() {
            seen.work().pin_places(only).await?;
            warn_of_second(workspace, only, &told.hosts);
        }
        // What was kept before counts first, so that what this hub remembers is at the only one too.
        self.rights().learn_forges(told.kept);
        self.rights().learn_forges(told.hosts);
        Ok(())
    }

    /// Forgets forges of which something told that was not kept.
    pub(super) async fn forget_unkept_forges(&self) {
        match self.store().forges().await {
            Ok(kept) => self.rights().relearn_forges(kept),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the forges that are kept could not be listed");
            }
        }
    }
}

fn warn_of_second(workspace: &str, only: &str, hosts: &[String]) {
    tracing::warn!(
        workspace,
        only,
        forges = hosts.join(", "),
        "a webhook tells of another forge: what was given on repositories is at the one before it from now on; what says no forge in \
         a policy in a file gives nothing there any more, and a denial without one keeps back all of them: write \
         `repo:{only}/owner/name`, and `--repo {only}/owner/name` for keys"
    );
}
