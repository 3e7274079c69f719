//! Writing into mirrors what goals made, and sessions to send it on with.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::{FETCH, Mirrors};
use crate::git::network::Login;
use crate::git::transport::{Session, failed};
use crate::model::Repository;
use crate::ports::scm::ScmError;

/// What a session that writes is doing.
const PUSH: &str = "push to";

impl Mirrors {
    /// Works on a repository's mirror while nobody fetches into it. Stopped half way it leaves objects that nothing names.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        repo: &Repository,
        work: impl FnOnce(&git2::Repository) -> Result<T, ScmError> + Send + 'static,
    ) -> Result<T, ScmError> {
        let layout = self.layout(repo);
        let session = self.session_to_push(repo)?;
        let doing = format!("write into the mirror of {}", repo.slug);
        let locked = move || {
            let _locked = layout.lock(&session)?;
            work(&layout.open().map_err(|error| failed(&doing, error))?)
        };
        tokio::task::spawn_blocking(locked)
            .await
            .unwrap_or_else(|error| Err(failed("write into a mirror", error)))
    }

    /// A session that only asks.
    pub(crate) fn session_to_read(&self, repo: &Repository) -> Result<Arc<Session>, ScmError> {
        self.inner
            .session(&repo.address, &Handle::current(), CancellationToken::new(), FETCH)
    }

    /// A session that pushes.
    pub(crate) fn session_to_push(&self, repo: &Repository) -> Result<Arc<Session>, ScmError> {
        self.inner
            .session(&repo.address, &Handle::current(), CancellationToken::new(), PUSH)
    }

    /// A session that pushes with this login, whatever else is known for that origin.
    pub(crate) fn session_to_push_as(
        &self,
        repo: &Repository,
        login: Login,
    ) -> Result<Arc<Session>, ScmError> {
        let address = self.inner.allowed(&repo.address)?;
        let network = Arc::clone(&self.inner.network);
        let runtime = Handle::current();
        let session = Session::of(network, address, runtime, CancellationToken::new(), PUSH);
        Ok(Arc::new(session.with_login(login)))
    }
}
