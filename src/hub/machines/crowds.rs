//! Many machines at once: whoever comes, opens a conversation or parts at the same time shares a commit.

use std::collections::BTreeSet;

use super::super::Hub;
use super::super::desks::Come;
use super::resume::RESUMABLE;
use super::tickets::ticket_limits;
use crate::ports::hub::{
    Arrival, ArrivalLimits, Arrived, Hint, HubStoreError, Opened, Opening, OpeningLimits, Parting,
};

impl Hub {
    /// Takes in who registers.
    pub(in super::super) async fn arrive_together(
        &self,
        arrivals: Vec<Arrival>,
    ) -> Result<Vec<Come>, HubStoreError> {
        let now = self.shared_now();
        let limits = ArrivalLimits {
            run_until: now.plus(super::runs::OPENING),
            tickets: ticket_limits(now),
        };
        let arrived = self.store().arrive_all(&arrivals, limits).await?;
        if self.look_at_machines().await? {
            self.whispers().tell(Hint::Machines);
        }
        self.make_chat_teams(&workspaces_of(&arrivals, &arrived)).await?;
        let life = self.store().life().await?;
        Ok(arrived
            .into_iter()
            .map(|arrived| (arrived, life.clone()))
            .collect())
    }

    /// Takes tickets and what conversations are resumed with, and keeps what belongs to them.
    pub(in super::super) async fn open_together(
        &self,
        openings: Vec<Opening>,
    ) -> Result<Vec<Option<Opened>>, HubStoreError> {
        let (now, linger) = (self.shared_now(), self.rhythm().linger);
        let limits = OpeningLimits {
            now,
            alive_until: now.plus(linger),
            // Whoever registered so lately is alive for most of that time.
            is_new: ticket_limits(now).until.minus(linger / 3),
            resumable_since: now.minus(RESUMABLE),
            lease_until: now.plus(self.rhythm().lease),
        };
        self.store().open_all(&openings, limits).await
    }

    /// Gives back what machines had.
    pub(in super::super) async fn part_together(
        &self,
        partings: Vec<Parting>,
    ) -> Result<Vec<()>, HubStoreError> {
        let now = self.shared_now();
        let pause = now.plus(self.rhythm().again);
        self.store()
            .part_all(&partings, now, pause, self.limits())
            .await?;
        Ok(vec![(); partings.len()])
    }
}

/// Workspaces of those who are kept.
fn workspaces_of(arrivals: &[Arrival], arrived: &[Arrived]) -> BTreeSet<String> {
    let kept = arrivals.iter().zip(arrived);
    let kept = kept.filter(|(_, arrived)| matches!(arrived, Arrived::Kept(_)));
    kept.flat_map(|(arrival, _)| &arrival.registrations)
        .map(|registration| registration.workspace.clone())
        .collect()
}
