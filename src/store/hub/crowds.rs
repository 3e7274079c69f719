//! Many machines at once, each time in one transaction.

use std::ops::Range;

use async_trait::async_trait;
use sqlx::AnyConnection;

use super::SqlHub;
use super::answers::taken_over;
use super::deliveries::{claim_one, release_one, settle_one};
use super::registrations::{Asked, Refused, count_of, keep_alive, places_for};
use super::resumptions::{self, Resumable};
use super::statement::Doing;
use super::{runs, tickets};
use crate::model::Timestamp;
use crate::ports::hub::{
    Arrival, ArrivalLimits, Arrived, Claim, Crowds, Delivery, HubStoreError, Opened, Opening, OpeningLimits,
    Parting, QueueLimits, Settling,
};
use crate::wire::hub::extensions;

/// Most registrations of one statement.
const CHUNK: usize = 500;

/// The registrations of somebody who comes.
fn asked_by(arrival: &Arrival) -> impl Iterator<Item = Asked<'_>> {
    arrival.registrations.iter().map(move |registration| Asked {
        registration,
        owner: &arrival.owner,
    })
}

/// Takes in one who comes, or nothing of it; `room` is for how many tickets there is room.
async fn arrive(
    connection: &mut AnyConnection,
    arrival: &Arrival,
    limits: ArrivalLimits,
    (places, room): (&mut Range<i64>, &mut i64),
) -> Result<Arrived, sqlx::Error> {
    if *room <= 0 {
        return Ok(Arrived::Full);
    }
    let mut known = Vec::with_capacity(arrival.registrations.len());
    for asked in asked_by(arrival) {
        match asked.look(connection, places).await? {
            Ok(before) => known.push(before),
            Err(Refused::OfSomebodyElse(owner)) => return Ok(Arrived::OfSomebodyElse(owner)),
            Err(Refused::SentAway(away)) => return Ok(Arrived::SentAway(away)),
        }
    }
    let moments = (limits.tickets.now, limits.run_until);
    if let Some(run) = &arrival.ticket.run
        && !runs::claim_run(connection, run, moments).await?
    {
        return Ok(Arrived::Twin);
    }
    let mut ticket = arrival.ticket.clone();
    for (asked, before) in asked_by(arrival).zip(known) {
        let kept = asked.keep(connection, before, places).await?;
        ticket.registrations.push(kept.id);
    }
    tickets::keep(
        connection,
        (arrival.digest.as_str(), &ticket),
        limits.tickets.until,
    )
    .await?;
    *room -= 1;
    Ok(Arrived::Kept(ticket.registrations))
}

async fn open(
    connection: &mut AnyConnection,
    opening: &Opening,
    limits: OpeningLimits,
) -> Result<Option<Opened>, sqlx::Error> {
    let opened = match &opening.resumed_by {
        None => open_with_ticket(connection, opening, limits).await?,
        Some(key) => resume(connection, (opening, key.as_str()), limits).await?,
    };
    let may_be_resumed = |opened: &&Opened| opened.ticket.knows(extensions::RESUME);
    if let Some(opened) = opened.as_ref().filter(may_be_resumed) {
        resumptions::keep(connection, &opening.resumption, &opened.ticket).await?;
    }
    Ok(opened)
}

async fn open_with_ticket(
    connection: &mut AnyConnection,
    opening: &Opening,
    limits: OpeningLimits,
) -> Result<Option<Opened>, sqlx::Error> {
    let taken = tickets::take(connection, &opening.digest).await?;
    let Some((until, ticket)) = taken.filter(|(until, _)| *until > limits.now) else {
        return Ok(None);
    };
    if let Some(run) = &ticket.run {
        runs::keep_run(connection, (run, opening.session.as_str()), limits.alive_until).await?;
    }
    let mut there = 0;
    for chunk in ticket.registrations.chunks(CHUNK) {
        there += match until < limits.is_new {
            true => keep_alive(connection, chunk, limits.alive_until).await?,
            false => count_of(connection, chunk).await?,
        };
    }
    Ok(Some(Opened {
        ticket,
        is_there: there > 0,
        before: None,
    }))
}

async fn resume(
    connection: &mut AnyConnection,
    (opening, key): (&Opening, &str),
    limits: OpeningLimits,
) -> Result<Option<Opened>, sqlx::Error> {
    let which = (opening.digest.as_str(), key);
    let Some(Resumable { session, ticket }) =
        resumptions::take(connection, which, limits.resumable_since).await?
    else {
        return Ok(None);
    };
    let mut there = 0;
    for chunk in ticket.registrations.chunks(CHUNK) {
        there += keep_alive(connection, chunk, limits.alive_until).await?;
    }
    if there < ticket.registrations.len() as u64 {
        return Ok(None);
    }
    if let Some(run) = &ticket.run {
        runs::keep_run(connection, (run, opening.session.as_str()), limits.alive_until).await?;
    }
    let sessions = (session.as_str(), opening.session.as_str());
    resumptions::hand_on(connection, sessions, limits.lease_until).await?;
    Ok(Some(Opened {
        ticket,
        is_there: true,
        before: Some(session),
    }))
}

async fn settle(
    connection: &mut AnyConnection,
    settling: &Settling,
) -> Result<Option<Delivery>, sqlx::Error> {
    let correlation = settling.correlation.as_str();
    if let Some(moments) = settling.stored {
        for registration in &settling.registrations {
            if taken_over(connection, (registration.as_str(), correlation), moments).await? {
                return Ok(None);
            }
        }
    }
    for registration in &settling.registrations {
        let settled = settle_one(connection, registration, correlation).await?;
        if settled.is_some() {
            return Ok(settled);
        }
    }
    Ok(None)
}

#[async_trait]
impl Crowds for SqlHub {
    async fn arrive_all(
        &self,
        arrivals: &[Arrival],
        limits: ArrivalLimits,
    ) -> Result<Vec<Arrived>, HubStoreError> {
        const DOING: &str = "take in a registration";
        let mut transaction = self.transaction().await?;
        let connection = &mut *transaction;
        let asked: Vec<Asked<'_>> = arrivals.iter().flat_map(asked_by).collect();
        let mut places = places_for(connection, &asked).await.doing(DOING)?;
        let waiting = tickets::waiting(connection, limits.tickets.now)
            .await
            .doing(DOING)?;
        let mut room = i64::from(limits.tickets.most) - waiting;
        let mut arrived = Vec::with_capacity(arrivals.len());
        for arrival in arrivals {
            let one = arrive(connection, arrival, limits, (&mut places, &mut room)).await;
            arrived.push(one.doing(DOING)?);
        }
        transaction.commit().await.doing(DOING)?;
        Ok(arrived)
    }

    async fn open_all(
        &self,
        openings: &[Opening],
        limits: OpeningLimits,
    ) -> Result<Vec<Option<Opened>>, HubStoreError> {
        const DOING: &str = "take a ticket";
        let mut transaction = self.transaction().await?;
        let mut tickets = Vec::with_capacity(openings.len());
        for opening in openings {
            tickets.push(open(&mut transaction, opening, limits).await.doing(DOING)?);
        }
        transaction.commit().await.doing(DOING)?;
        Ok(tickets)
    }

    async fn part_all(
        &self,
        partings: &[Parting],
        now: Timestamp,
        not_before: Timestamp,
        limits: QueueLimits,
    ) -> Result<(), HubStoreError> {
        const DOING: &str = "take back what machines had";
        let mut transaction = self.transaction().await?;
        let connection = &mut *transaction;
        for parting in partings {
            let released = release_one(connection, &parting.session, (not_before, limits)).await;
            released.doing(DOING)?;
            if parting.has_run {
                let ended = runs::end_run(connection, &parting.session, now).await;
                ended.doing(DOING)?;
            }
            for chunk in parting.lonely.chunks(CHUNK) {
                let kept = keep_alive(connection, chunk, parting.alive_until).await;
                kept.doing(DOING)?;
            }
        }
        transaction.commit().await.doing(DOING)
    }

    async fn settle_all(&self, settlings: &[Settling]) -> Result<Vec<Option<Delivery>>, HubStoreError> {
        const DOING: &str = "acknowledge deliveries";
        let mut transaction = self.transaction().await?;
        let mut settled = Vec::with_capacity(settlings.len());
        for settling in settlings {
            settled.push(settle(&mut transaction, settling).await.doing(DOING)?);
        }
        transaction.commit().await.doing(DOING)?;
        Ok(settled)
    }

    async fn claim_all(
        &self,
        claims: &[Claim],
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<Vec<Delivery>>, HubStoreError> {
        const DOING: &str = "take what waits for machines";
        let mut transaction = self.transaction().await?;
        let mut claimed = Vec::with_capacity(claims.len());
        for claim in claims {
            let one = claim_one(&mut transaction, claim, (now, lease_until)).await;
            claimed.push(one.doing(DOING)?);
        }
        transaction.commit().await.doing(DOING)?;
        Ok(claimed)
    }
}
