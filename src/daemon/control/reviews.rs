//! What the inspections of a goal set said.

use super::{Refused, choose};
use crate::daemon::local::LocalDaemon;
use crate::wire::views::ReviewView;

impl LocalDaemon {
    /// The reviews of the set that is meant, by goal in planned order.
    pub(super) async fn reviews(
        &self,
        id: Option<&str>,
        repo: Option<&str>,
    ) -> Result<Vec<ReviewView>, Refused> {
        let sets = choose::sets(self.engine(), id, repo).await?;
        let Some(record) = sets.into_iter().next() else {
            return Ok(Vec::new());
        };
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
