//! What rules ask forges while they plan, on the blocking thread on which they do.

use std::fmt;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::words::chain;
use crate::model::push::Trust;
use crate::model::{Push, Repository};
use crate::ports::forges::ForgeError;
use crate::ports::secrets::Asker;
use crate::ports::{Forges, Scm};
use crate::rules::view::{ForgeView, ViewError};

/// For whom the token of a forge is asked: for no goal.
const PLANNING: &str = "planning";

/// The forges of the machine, asked from a thread that may wait.
pub struct AskedForges {
    forges: Arc<dyn Forges>,
    scm: Arc<dyn Scm>,
    runtime: Handle,
}

impl AskedForges {
    /// Asks by the runtime that is current; questions must not come from one of its own threads.
    pub fn new(forges: Arc<dyn Forges>, scm: Arc<dyn Scm>) -> Self {
        Self {
            forges,
            scm,
            runtime: Handle::current(),
        }
    }

    /// The repository as a forge knows it: itself, or where it was cloned from.
    fn place(&self, push: &Push) -> Result<Option<Repository>, ViewError> {
        let asker = asker(push);
        if self.forges.knows(&push.repo, &asker) {
            return Ok(Some(push.repo.clone()));
        }
        let origin = self.runtime.block_on(self.scm.origin(&push.repo));
        let origin = origin.map_err(|error| ViewError {
            what: format!("where {} was cloned from", push.repo.slug),
            because: chain(&error),
        })?;
        Ok(origin.filter(|origin| self.forges.knows(origin, &asker)))
    }

    fn at_forge(&self, push: &Push) -> Result<Repository, ViewError> {
        self.place(push)?.ok_or_else(|| ViewError {
            what: format!("the forge of {}", push.repo.slug),
            because: "it is at none that is connected".to_owned(),
        })
    }

    fn ask<T>(
        &self,
        what: String,
        answer: impl Future<Output = Result<T, ForgeError>>,
    ) -> Result<T, ViewError> {
        self.runtime.block_on(answer).map_err(|error| ViewError {
            what,
            because: chain(&error),
        })
    }
}

impl fmt::Debug for AskedForges {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AskedForges")
    }
}

/// The machine asks for itself: a push learns one answer, and is given nothing.
fn asker(push: &Push) -> Asker {
    Asker {
        repo: push.repo.slug.clone(),
        branch: push.branch.clone(),
        goal: PLANNING.to_owned(),
        trust: Trust::Member,
        in_name_of: None,
        is_supplied: false,
    }
}

impl ForgeView for AskedForges {
    fn knows(&self, push: &Push) -> Result<bool, ViewError> {
        Ok(self.place(push)?.is_some())
    }

    fn is_public(&self, push: &Push) -> Result<bool, ViewError> {
        let repo = self.at_forge(push)?;
        let what = format!("whether {} is public", push.repo.slug);
        self.ask(what, self.forges.is_public(&repo, &asker(push)))
    }

    fn pull_request(&self, push: &Push) -> Result<Option<u64>, ViewError> {
        let repo = self.at_forge(push)?;
        let what = format!("whether {} has a pull request", push.branch);
        self.ask(what, self.forges.pull_request(&repo, &push.branch, &asker(push)))
    }
}
