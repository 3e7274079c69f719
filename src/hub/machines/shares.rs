//! What each session is to get in a round of sharing out: every registration something, and none so much that others wait for it.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::Hub;
use super::deliver::Session;
use crate::ports::hub::{Claim, HubStoreError};

/// Most deliveries of one registration in one round.
const BUDGET: usize = 32;

/// Claims that share a commit.
const TOGETHER: usize = 256;

/// How many each of several sessions is to get, of which these have so much room: one after the other, so that each gets its share; a
/// batch when there is only one.
fn shares(rooms: &[usize]) -> Vec<(usize, usize)> {
    if let [room] = rooms {
        return match room.min(&BUDGET) {
            0 => Vec::new(),
            room => vec![(0, *room)],
        };
    }
    let most = rooms.iter().copied().max().unwrap_or(0);
    let turns = (0..most).flat_map(|turn| (0..rooms.len()).filter(move |which| rooms[*which] > turn));
    turns.take(BUDGET).map(|which| (which, 1)).collect()
}

/// Sessions that are to get something together.
#[derive(Default)]
struct Round {
    claims: Vec<(Arc<Session>, Claim)>,
    /// Room that each session has left.
    rooms: HashMap<String, usize>,
}

impl Round {
    fn add(&mut self, registration: &str, ready: &[Arc<Session>]) {
        let room = |session: &Arc<Session>| self.rooms.get(&session.id).copied();
        let rooms: Vec<usize> = ready
            .iter()
            .map(|session| room(session).unwrap_or_else(|| session.room()))
            .collect();
        for (which, limit) in shares(&rooms) {
            let session = &ready[which];
            *self.rooms.entry(session.id.clone()).or_insert(rooms[which]) -= limit;
            let claim = Claim {
                registration: registration.to_owned(),
                session: session.id.clone(),
                limit: u32::try_from(limit).unwrap_or(1),
            };
            self.claims.push((Arc::clone(session), claim));
        }
    }
}

impl Hub {
    /// Shares out what waits now for machines that are connected here, in rounds in each of which everybody gets something.
    pub(super) async fn share_out_once(&self) -> Result<(), HubStoreError> {
        while self.sessions().count() > 0 && !self.is_stopping() {
            let mut round = Round::default();
            let mut has_got = false;
            for registration in self.store().waited_for().await? {
                round.add(&registration, &self.ready(&registration));
                if round.claims.len() >= TOGETHER {
                    has_got |= self.hand_out(std::mem::take(&mut round)).await?;
                }
            }
            has_got |= self.hand_out(round).await?;
            if !has_got {
                break;
            }
        }
        Ok(())
    }

    /// Gives sessions what waits for them; whether there was anything.
    async fn hand_out(&self, round: Round) -> Result<bool, HubStoreError> {
        let now = self.now();
        let mut heard = Vec::with_capacity(round.claims.len());
        for (session, claim) in round.claims {
            if let Some(bearer) = self.heard_by(&session, now).await? {
                heard.push((session, bearer, claim));
            }
        }
        if heard.is_empty() {
            return Ok(false);
        }
        let claims: Vec<Claim> = heard.iter().map(|(_, _, claim)| claim.clone()).collect();
        let lease = self.shared_now().plus(self.rhythm().lease);
        let claimed = self.store().claim_all(&claims, now, lease).await?;
        let mut has_got = Ok(false);
        for ((session, bearer, claim), claimed) in heard.into_iter().zip(claimed) {
            if !claimed.is_empty() {
                // What was taken for the others is theirs, whatever becomes of this one.
                let got = self.hand_over((&session, &bearer), &claimed).await;
                has_got = has_got.and_then(|before| got.map(|got| before | got));
                self.sessions().had_its_turn(&claim.registration, &session);
            }
        }
        has_got
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c7_a_backlog_takes_no_more_than_its_part_of_a_round() {
        assert!(shares(&[]).is_empty() && shares(&[0]).is_empty());
        assert_eq!(shares(&[5]), [(0, 5)]);
        assert_eq!(shares(&[1_000]), [(0, BUDGET)]);
        assert_eq!(shares(&[2, 0, 1]), [(0, 1), (2, 1), (0, 1)]);
        let of_many = shares(&[64, 64, 64]);
        assert_eq!(of_many.len(), BUDGET);
        assert_eq!(of_many[..4], [(0, 1), (1, 1), (2, 1), (0, 1)]);
    }
}
