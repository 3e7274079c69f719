//! What the inspections of a goal set said.

use super::{Refused, choose};
use crate::daemon::local::LocalDaemon;
use crate::ports::store::GoalSetRecord;
use crate::wire::views::ReviewView;

impl LocalDaemon {
    /// The reviews of the newest set that is meant and has some, by goal in planned order: sets of commands and those that inspect
    /// nothing are passed over.
    pub(super) async fn reviews(
        &self,
        id: Option<&str>,
        repo: Option<&str>,
    ) -> Result<Vec<ReviewView>, Refused> {
        for record in choose::sets(self.engine(), id, repo).await? {
            let views = self.reviews_of(&record).await?;
            if !views.is_empty() {
                return Ok(views);
            }
        }
        Ok(Vec::new())
    }

    async fn reviews_of(&self, record: &GoalSetRecord) -> Result<Vec<ReviewView>, Refused> {
        let mut kept = self.engine().store().reviews(record.set.id).await?;
        let mut views = Vec::new();
        for goal in record.set.goals() {
            let of_goal = kept.iter().position(|(key, _)| *key == goal.key());
            let Some((_, review)) = of_goal.map(|index| kept.swap_remove(index)) else {
                continue;
            };
            views.push(ReviewView::of(record.set.id, &record.push, goal, review));
        }
        Ok(views)
    }
}
