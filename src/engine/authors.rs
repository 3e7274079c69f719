//! Who wrote a push, for goals that somebody else must confirm (threat D1).
//!
//! Commits say what they like, so this can only find more people: all that the commits name, those that are not kept with the
//! push included, and addresses that the repository's `.mailmap` says are one person's, as it stands before the push and,
//! where the pusher is trusted, after it.

use std::sync::Arc;

use super::Engine;
use crate::kinds::ActError;
use crate::model::push::Trust;
use crate::model::{ApprovalPolicy, Authors, CommitSha, Goal, Push, Refusal};
use crate::ports::scm::ScmError;
use crate::ports::store::GoalSetRecord;

/// Where repositories say which addresses are one person's.
const MAILMAP: &str = ".mailmap";

impl Engine {
    /// The authors of the push of a goal that one of them may not confirm, with all the addresses they are known by.
    ///
    /// # Errors
    /// The repository cannot be read: nobody knows then who they are.
    pub(super) async fn known_authors(
        &self,
        record: &GoalSetRecord,
        goal: &Goal,
        authors: &Authors,
    ) -> Result<Authors, ActError> {
        let mut all = authors.clone();
        if !asks_for_others(goal) {
            return Ok(all);
        }
        let unread = |why: String| {
            ActError::Refused(Refusal::NotSettled {
                name: goal.definition().name.clone(),
                why: format!("who wrote its push cannot be read: {why}"),
            })
        };
        if !record.push.is_whole() {
            let read = self.parts.scm.authors(&record.push).await;
            all.join(read.map_err(|error| unread(error.to_string()))?);
        }
        for sha in sides(&record.push) {
            let mailmap = self.mailmap(&record.push, sha).await.map_err(unread)?;
            all.join_same_people(&mailmap);
        }
        Ok(all)
    }

    /// The `.mailmap` of a commit; empty when it has none.
    async fn mailmap(&self, push: &Push, sha: CommitSha) -> Result<String, String> {
        let at = Push {
            before: None,
            after: sha,
            ..push.clone()
        };
        let scm = Arc::clone(&self.parts.scm);
        let reading = tokio::task::spawn_blocking(move || {
            let view = match scm.view(&at) {
                Ok(view) => view,
                // Of a commit that nobody has any more nothing can be learned.
                Err(ScmError::CommitGone(_)) => return Ok(None),
                Err(error) => return Err(error.to_string()),
            };
            view.content(MAILMAP).map_err(|error| error.to_string())
        });
        let content = reading.await.map_err(|error| error.to_string())??;
        Ok(String::from_utf8_lossy(&content.unwrap_or_default()).into_owned())
    }
}

fn asks_for_others(goal: &Goal) -> bool {
    let excludes = |policy: &Option<ApprovalPolicy>| policy.as_ref().is_some_and(|policy| policy.not_author);
    excludes(&goal.definition().approval) || excludes(&goal.definition().pre_approval)
}

/// Commits whose word counts for a push.
fn sides(push: &Push) -> impl Iterator<Item = CommitSha> {
    let after = Some(push.after.clone()).filter(|_| push.trust == Trust::Member);
    push.before.clone().into_iter().chain(after)
}
