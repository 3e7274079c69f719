//! Saying to a machine what was taken for it. What is not said waits, as if nobody had taken it.
//!
//! A machine of the original acknowledges nothing: what it had when it was lost it may have done without being able to say so. It is told
//! of it again only while that can be done once and no more (wire protocol 12, 18).

use super::super::Hub;
use super::super::access::bearer::Bearer;
use super::deliver::{Session, may_hear_of};
use super::session::CLOSING;
use crate::ports::hub::{Delivery, DeliveryKind, HubStoreError};
use crate::wire::hub::extensions;

/// What has become of something that was taken for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// It is on its way.
    Yes,
    /// It is over: the machine may not hear of it any more, or not again.
    Over,
    /// There is no room.
    NoRoom,
}

impl Hub {
    /// Says to a session what was taken for it; whether it was all of it.
    pub(super) async fn say_all(
        &self,
        session: &Session,
        bearer: &Bearer,
        taken: &[Delivery],
    ) -> Result<bool, HubStoreError> {
        let (mut told, mut done) = (Vec::new(), 0);
        let mut ended = Ok(Said::Yes);
        for delivery in taken {
            ended = self.say_one(session, bearer, delivery).await;
            match ended {
                Ok(Said::Yes) => told.push(delivery),
                Ok(Said::Over) => {}
                Ok(Said::NoRoom) | Err(_) => break,
            }
            done += 1;
        }
        if done < taken.len() {
            self.put_back(session, &taken[done..]).await;
        }
        let are_sent = self.commands_are_sent(session, &told).await;
        let was_room = ended.map(|said| said != Said::NoRoom)?;
        are_sent.map(|()| was_room)
    }

    async fn say_one(
        &self,
        session: &Session,
        bearer: &Bearer,
        delivery: &Delivery,
    ) -> Result<Said, HubStoreError> {
        if !may_hear_of(bearer, delivery, self.now()) {
            self.is_not_told(delivery).await?;
            self.withhold(session, delivery).await?;
            return Ok(Said::Over);
        }
        if !self.is_still_wished(delivery).await? {
            self.withhold(session, delivery).await?;
            return Ok(Said::Over);
        }
        // A machine that acknowledges knows by its id what comes again.
        let is_again = delivery.attempts > 1 && !session.knows(extensions::ACK);
        if is_again && !self.may_come_again(&delivery.what).await? {
            self.tell_no_more(session, delivery).await?;
            return Ok(Said::Over);
        }
        let mut message = self.message(session, bearer, delivery);
        if session.knows(extensions::IDENTITY) {
            message = self.with_names(delivery, bearer, message).await?;
        }
        let message = self.with_context(session, delivery, message).await?;
        match session.try_say(message) {
            true => Ok(Said::Yes),
            false => Ok(Said::NoRoom),
        }
    }

    /// What was not said waits for this session or another. Where that cannot be written down the conversation ends, and gives
    /// everything back by that.
    async fn put_back(&self, session: &Session, unsaid: &[Delivery]) {
        let ids: Vec<&str> = unsaid.iter().map(|delivery| delivery.what.id.as_str()).collect();
        if let Err(error) = self.store().unsaid(&session.id, &ids).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                machine = %session.ticket.machine,
                "what was not said to a machine cannot be taken back from it; its conversation ends"
            );
            session.close(CLOSING, "the hub's memory does not answer");
        }
    }

    /// A delivery is given up, and whoever waits for it is told: it would be done twice.
    async fn tell_no_more(&self, session: &Session, delivery: &Delivery) -> Result<(), HubStoreError> {
        let what = &delivery.what;
        let because = match what.kind {
            DeliveryKind::Command => {
                "the machine was lost while it had the command; what it was asked for may have happened"
            }
            DeliveryKind::Event => "the machine was lost while it had it, and it is not done twice",
        };
        tracing::info!(machine = %session.ticket.machine, delivery = %what.id, operation = %what.operation, "{because}");
        // It has just been taken, and has its whole time.
        let until = self.now().plus(what.patience);
        self.store().give_up(&what.id, until, because).await?;
        match what.kind {
            DeliveryKind::Command => self.end_given_up_commands().await,
            DeliveryKind::Event => Ok(()),
        }
    }

    /// What its machine may not hear of any more is over.
    async fn withhold(&self, session: &Session, delivery: &Delivery) -> Result<(), HubStoreError> {
        let (machine, about) = (&session.ticket.machine, &delivery.what.resource);
        tracing::info!(%machine, about, "something is not told: its machine may not hear of it any more");
        self.store()
            .settle(&delivery.what.registration, &delivery.what.correlation)
            .await
            .map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::sync::mpsc;

    use super::*;
    use crate::access::snapshot::Right;
    use crate::access::{Grant, Principal, Selector};
    use crate::hub::administration::{Administration, KeyWish};
    use crate::hub::{HubOptions, RunningHub, start};
    use crate::model::Timestamp;
    use crate::ports::hub::{Deliveries as _, NewDelivery, Ticket};
    use crate::store::hub::Place;

    /// Long after whatever the clock says while this is tested.
    const NOW: Timestamp = Timestamp::from_micros(4_000_000_000_000_000);

    async fn hub(directory: &tempfile::TempDir) -> RunningHub {
        let place = Place::File(directory.path().join("hub.db"));
        start(HubOptions::new(place, "127.0.0.1:0".parse().unwrap()))
            .await
            .unwrap()
    }

    /// A conversation with a machine of the original, and what is said in it.
    async fn session(hub: &RunningHub) -> (Arc<Session>, mpsc::Receiver<String>) {
        let wish = KeyWish {
            name: "m".to_owned(),
            workspaces: vec!["w".to_owned()],
            ..KeyWish::default()
        };
        let (key, _) = Administration::of(hub.memory()).new_key(&wish).await.unwrap();
        let ticket = Ticket {
            registrations: vec!["r".to_owned()],
            machine: "m@1.0.0".to_owned(),
            key: key.id,
            scopes: Vec::new(),
            gzip: false,
            capabilities: Vec::new(),
            run: None,
        };
        Session::new("s".to_owned(), ticket)
    }

    async fn let_wait(hub: &RunningHub, id: &str) {
        let_wait_as(hub, DeliveryKind::Event, id).await;
    }

    async fn let_wait_as(hub: &RunningHub, kind: DeliveryKind, id: &str) {
        let event = NewDelivery {
            id: id.to_owned(),
            workspace: "w".to_owned(),
            registration: "r".to_owned(),
            kind,
            operation: "OnPush".to_owned(),
            correlation: id.to_owned(),
            payload: "{}".to_owned(),
            resource: String::new(),
            created: NOW,
            expires: NOW.plus(Duration::from_secs(900)),
            patience: Duration::from_secs(900),
        };
        hub.memory().enqueue(&event).await.unwrap();
    }

    async fn taken(hub: &RunningHub) -> Vec<Delivery> {
        let claimed = hub
            .memory()
            .claim("r", "s", 9, NOW, NOW.plus(Duration::from_secs(60)));
        claimed.await.unwrap()
    }

    #[tokio::test]
    async fn d33_a_command_is_not_told_to_who_may_not_have_commands_any_more() {
        let directory = tempfile::tempdir().unwrap();
        let hub = hub(&directory).await;
        let (session, mut said) = session(&hub).await;
        let administration = Administration::of(hub.memory());
        let denial = Grant::new(Selector::Everything, Right::Deny);
        let to = Principal::parse("addon:m").unwrap();
        administration.give(to, denial, false).await.unwrap();
        let_wait_as(&hub, DeliveryKind::Command, "c").await;
        let all = taken(&hub).await;
        assert_eq!(all.len(), 1);
        hub.hub
            .rights()
            .refresh(hub.memory(), hub.hub.now())
            .await
            .unwrap();
        let bearer = hub.hub.bearer_for(&session.ticket.key, hub.hub.now()).await;
        let bearer = bearer.unwrap().expect("its key is good");
        hub.hub.say_all(&session, &bearer, &all).await.unwrap();
        assert!(said.try_recv().is_err(), "nothing was said");
        assert!(taken(&hub).await.is_empty(), "and nothing waits");
        hub.stop().await;
    }

    #[tokio::test]
    async fn what_finds_no_room_in_a_conversation_waits_as_if_nobody_had_taken_it() {
        let directory = tempfile::tempdir().unwrap();
        let hub = hub(&directory).await;
        let (session, mut said) = session(&hub).await;
        let bearer = hub.hub.bearer_for(&session.ticket.key, hub.hub.now()).await;
        let bearer = bearer.unwrap().expect("its key is good");
        for id in ["a", "b", "c"] {
            let_wait(&hub, id).await;
        }
        let all = taken(&hub).await;
        while session.try_say("superseded".to_owned()) {}
        said.recv().await.unwrap();
        assert!(!hub.hub.say_all(&session, &bearer, &all).await.unwrap());
        let left = taken(&hub).await;
        let left: Vec<_> = left
            .iter()
            .map(|one| (one.what.id.as_str(), one.attempts))
            .collect();
        assert_eq!(left, [("b", 1), ("c", 1)], "one was said");
        hub.stop().await;
    }
}
