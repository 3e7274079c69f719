//! One failure that many callers wait for.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::ports::scm::ScmError;

/// The cause of a failure, seen by several callers.
#[derive(Debug)]
struct SharedCause(Arc<ScmError>);

impl SharedCause {
    fn cause(&self) -> &(dyn Error + 'static) {
        self.0.source().unwrap_or(&*self.0)
    }
}

impl fmt::Display for SharedCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.cause())
    }
}

impl Error for SharedCause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause().source()
    }
}

/// One caller's own copy.
pub(super) fn copy_for_one(error: &Arc<ScmError>) -> ScmError {
    match &**error {
        ScmError::RefusedAddress { address, because } => ScmError::RefusedAddress {
            address: address.clone(),
            because: because.clone(),
        },
        ScmError::RepositoryGone(repository) => ScmError::RepositoryGone(repository.clone()),
        ScmError::CommitGone(sha) => ScmError::CommitGone(sha.clone()),
        ScmError::Unauthorized { address } => ScmError::Unauthorized {
            address: address.clone(),
        },
        ScmError::LimitExceeded { what, limit } => ScmError::LimitExceeded {
            what: what.clone(),
            limit: limit.clone(),
        },
        ScmError::RefusedContent { path, because } => ScmError::RefusedContent {
            path: path.clone(),
            because: because.clone(),
        },
        ScmError::Prevented { doing, .. } => ScmError::Prevented {
            doing: doing.clone(),
            source: Box::new(SharedCause(Arc::clone(error))),
        },
        ScmError::Failed { doing, .. } => ScmError::Failed {
            doing: doing.clone(),
            source: Box::new(SharedCause(Arc::clone(error))),
        },
    }
}
