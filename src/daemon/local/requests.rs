//! What the control socket asks of the daemon itself.

use std::path::Path;
use std::sync::PoisonError;

use super::{LocalDaemon, StartError, repository_of};
use crate::git::address::AddressPolicy;
use crate::git::{history, identity, remote};
use crate::model::{BranchName, Repository};
use crate::ports::store::StoreError;
use crate::wire::control::CONTROL_VERSION;
use crate::wire::views::StatusView;

impl LocalDaemon {
    /// The daemon as people see it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn status(&self) -> Result<StatusView, StoreError> {
        let inner = &self.0;
        let machine = inner.engine.machine();
        let mut repositories = Vec::new();
        for (key, mut view) in inner.repositories.views() {
            view.trusted = self.trusts_all() || inner.engine.store().is_trusted(&key).await?;
            repositories.push(view);
        }
        let hub = match &inner.team {
            Some(team) => Some(team.view().await?),
            None => None,
        };
        Ok(StatusView {
            name: inner.configuration.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            control_version: CONTROL_VERSION,
            pid: std::process::id(),
            socket: inner.configuration.socket.display().to_string(),
            state_directory: inner.configuration.state_directory.display().to_string(),
            goal_files: machine.files.clone(),
            rules: u32::try_from(machine.rules.definitions().len()).unwrap_or(u32::MAX),
            goal_files_problem: inner
                .goal_files_problem
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            repositories,
            running: u32::try_from(inner.engine.running()).unwrap_or(u32::MAX),
            started_at: inner.started_at.rfc3339(),
            database: inner.engine.store().shared(),
            hub,
        })
    }

    /// Owners of other repositories whose referenced goals may do more than run containers.
    pub(in crate::daemon) fn trusted_owners(&self) -> Vec<String> {
        self.0.configuration.trusted_owners.clone()
    }

    fn trusts_all(&self) -> bool {
        self.0.configuration.trust == crate::config::TrustPolicy::All
    }

    /// The repository at a path and the branch checked out there, or the watched one at an address.
    ///
    /// # Errors
    /// There is none; an address that is not watched is never contacted.
    pub async fn repository_named(
        &self,
        place: &str,
    ) -> Result<(Repository, Option<BranchName>), StartError> {
        if !place.contains("://") {
            return self.repository_at(place.as_ref()).await;
        }
        let named = remote::repository_at(place, &AddressPolicy::LOCAL)?;
        match self.0.repositories.with_key(&named.key) {
            Some(repository) => Ok((repository, None)),
            None => Err(StartError::NotWatched(named.address)),
        }
    }

    async fn repository_at(&self, path: &Path) -> Result<(Repository, Option<BranchName>), StartError> {
        let path = path.to_owned();
        let look = move || {
            let found = identity::discover(&path)?.ok_or(StartError::NoRepository(path))?;
            let branch = history::checked_out_branch(&found);
            Ok((repository_of(&found).0, branch))
        };
        tokio::task::spawn_blocking(look)
            .await
            .expect("looking does not panic")
    }
}
