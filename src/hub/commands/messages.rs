//! What machines answer: statuses, messages for people, and questions for more parameters (wire protocol 5, 7).

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::super::Hub;
use super::super::access::bearer::Bearer;
use super::super::access::noted::Noted;
use super::super::access::operations::Operation;
use super::super::changes::Origin;
use super::super::goals::ingested;
use super::super::machines::deliver::Session;
use super::super::refusal::Refusal;
use super::super::traces::What;
use super::{hidden, parsed};
use crate::access::audit::{Details, Outcome};
use crate::access::{self, Resource};
use crate::ports::hub::{DeliveryKind, HubStoreError, Phase, StoredInvocation, StoredMessage};
use crate::wire::hub::{Continuation, Destination, Message, MessageKind, PostMode, StatusReport, UserAgent};

/// Longest id of a message.
const LONGEST_ID: usize = 500;

/// Most places of one message.
const MOST_PLACES: usize = 100;

impl Hub {
    /// How an invocation ended: its delivery is settled, and whoever asked can see it.
    pub(in super::super) async fn take_status(
        &self,
        session: &Session,
        report: &StatusReport,
    ) -> Result<(), HubStoreError> {
        let correlation = &report.envelope.correlation_id;
        let settled = self.settle(session, correlation).await?;
        let is_command = report.envelope.command.is_some()
            || settled.is_some_and(|delivery| delivery.what.kind == DeliveryKind::Command);
        let found = match is_command {
            true => self.answered_for(session, correlation).await?,
            false => None,
        };
        if let Some(found) = found {
            self.forget_told(&found).await?;
            let phase = if report.status.code == 0 {
                Phase::Success
            } else {
                Phase::Failure
            };
            let answer = serde_json::to_string(report).expect("a status has text keys only");
            let is_news = self
                .store()
                .answered(correlation, phase, &answer, self.now())
                .await?;
            if is_news {
                self.note_came_of(&found, phase, &answer).await;
            }
            self.progress().forget(correlation);
        }
        self.ring();
        Ok(())
    }

    /// A command wants more parameters: no status follows.
    pub(in super::super) async fn take_continuation(
        &self,
        session: &Session,
        continuation: &Continuation,
    ) -> Result<(), HubStoreError> {
        let correlation = &continuation.envelope.correlation_id;
        let told = self.settle(session, correlation).await?;
        if let Some(found) = self.answered_for(session, correlation).await? {
            self.keep_told(&found, told.as_ref()).await?;
            let kept = hidden::question(continuation, &found.request);
            let answer = serde_json::to_string(&kept).expect("a question has text keys only");
            self.store()
                .answered(correlation, Phase::Asking, &answer, self.now())
                .await?;
            self.give_time(session, correlation, self.rhythm().person).await?;
        }
        Ok(())
    }

    /// An invocation of a machine of this conversation, if the machine may answer for it.
    async fn answered_for(
        &self,
        session: &Session,
        invocation: &str,
    ) -> Result<Option<StoredInvocation>, HubStoreError> {
        let Some(found) = self.own(session, invocation).await? else {
            return Ok(None);
        };
        let may_answer = self.may_answer(session, &found).await?;
        Ok(may_answer.then_some(found))
    }

    /// An invocation of a machine of this conversation. That somebody else's is answered for is written down (threat G2).
    async fn own(
        &self,
        session: &Session,
        invocation: &str,
    ) -> Result<Option<StoredInvocation>, HubStoreError> {
        let Some(found) = self.store().invocation(invocation).await? else {
            return Ok(None);
        };
        if session.serves(&found.registration) {
            return Ok(Some(found));
        }
        let rights = self.rights();
        let machines = self.known().machines();
        let asked = machines.by_id(&found.registration);
        let owner = asked.and_then(|machine| rights.owner_of(&machine.stored.principal));
        let by = rights.owner_of(&session.ticket.key);
        if let (Some(by), true) = (&by, owner.is_some() && owner != by) {
            let noted = Noted {
                outcome: Outcome::Refused("insufficient_permission"),
                ..Noted::done(
                    by,
                    "command.invoke",
                    format!("an answer to {invocation} of another's machine"),
                )
            };
            rights.note_refusal(&noted, self.now());
        }
        Ok(None)
    }

    /// A message for people, or a custom event.
    pub(in super::super) async fn take_said(
        &self,
        session: &Session,
        bearer: &Bearer,
        message: &Message,
    ) -> Result<(), HubStoreError> {
        let workspace = &message.envelope.team.id;
        if !self.is_in(session, workspace) {
            tracing::warn!(machine = %session.ticket.machine, workspace, "a message for a workspace that is not the machine's is dropped");
            return Ok(());
        }
        let invocation = &message.envelope.correlation_id;
        let invocation = match self.own(session, invocation).await? {
            Some(own) if !self.may_answer(session, &own).await? => return Ok(()),
            Some(_) => invocation.as_str(),
            None => "",
        };
        let places = message.envelope.destinations.iter().take(MOST_PLACES);
        for destination in places {
            if !self.may_say(session, bearer, &about(destination.as_ref())) {
                continue;
            }
            match destination.as_ref().and_then(|place| place.ingester.as_ref()) {
                Some(ingester) => {
                    self.ingest_said(session, workspace, &ingester.root_type, message)
                        .await?;
                }
                None => {
                    let place = place(destination.as_ref(), invocation);
                    self.post_said(session, workspace, &place, invocation, message)
                        .await?;
                }
            }
        }
        if message.envelope.destinations.is_empty() && self.may_say(session, bearer, &about(None)) {
            let place = place(None, invocation);
            self.post_said(session, workspace, &place, invocation, message)
                .await?;
        }
        Ok(())
    }

    /// Whether a machine may say something there; what is refused is written down, and told to a machine that understands it.
    fn may_say(
        &self,
        session: &Session,
        bearer: &Bearer,
        (operation, resource): &(Operation, Resource),
    ) -> bool {
        let (resources, now) = ([resource.clone()], self.now());
        let request = bearer.request(operation.row().name, &resources, now);
        let decision = bearer.decide(&request);
        let details = Details {
            credential_id: Some(session.ticket.key.clone()),
            policy_version: bearer.snapshot().version,
            ..Details::default()
        };
        if let Some(audit) = self.rights().audit() {
            audit.record(&request, &decision, &details);
        }
        let Some(refused) = access::Refusal::of(&decision, &request, bearer.snapshot()) else {
            return true;
        };
        let refusal = Refusal::of(&refused);
        self.refused(session, &refusal);
        if !session.ticket.capabilities.is_empty() {
            session.try_say(json!({ "error": refusal.to_json() }).to_string());
        }
        false
    }

    /// Whether a conversation serves a workspace.
    fn is_in(&self, session: &Session, workspace: &str) -> bool {
        let machines = self.known().machines();
        let registrations = session.ticket.registrations.iter();
        let mut own = registrations.filter_map(|id| machines.by_id(id));
        own.any(|machine| machine.stored.workspace == workspace)
    }

    async fn ingest_said(
        &self,
        session: &Session,
        workspace: &str,
        kind: &str,
        message: &Message,
    ) -> Result<(), HubStoreError> {
        let schema = self.known().schema(workspace);
        let definition = schema.root(kind).filter(|definition| definition.is_custom);
        let body = message.body.as_deref().map(serde_json::from_str::<Value>);
        let (Some(definition), Some(Ok(Value::Object(value)))) = (definition, body) else {
            tracing::warn!(machine = %session.ticket.machine, kind, "a custom event cannot be used");
            return Ok(());
        };
        match ingested(&schema, definition, &value, || {
            message.id.clone().unwrap_or_else(|| self.fresh_id())
        }) {
            Ok(change) => {
                let taking = self.begin_trace(What::Event, &HeaderMap::new());
                let about = [
                    ("sdm.workspace", workspace),
                    ("sdm.event", kind),
                    ("sdm.machine", session.ticket.machine.as_str()),
                ];
                self.apply_traced(taking, about, (workspace, Origin::default()), vec![vec![change]])
                    .await
                    .map(|_| ())
            }
            Err(refusal) => {
                self.refused(session, &refusal);
                Ok(())
            }
        }
    }

    fn refused(&self, session: &Session, refusal: &Refusal) {
        tracing::warn!(machine = %session.ticket.machine, refusal = %refusal.to_json(), "what a machine sends cannot be used");
    }

    async fn post_said(
        &self,
        session: &Session,
        workspace: &str,
        place: &str,
        invocation: &str,
        message: &Message,
    ) -> Result<(), HubStoreError> {
        let said = message.id.as_deref().filter(|id| id.len() <= LONGEST_ID);
        let known = match said {
            Some(id) => self.store().message(workspace, place, id).await?,
            None => None,
        };
        if known
            .as_ref()
            .is_some_and(|known| name_of(&known.machine) != name_of(&session.ticket.machine))
        {
            tracing::warn!(machine = %session.ticket.machine, place, "a message with the id of another machine's is dropped");
            return Ok(());
        }
        let id = match said {
            Some(id) if message.content_type == MessageKind::Delete => {
                // Who reads along has to know where it was.
                let left = known.map(|known| left_of(&known)).unwrap_or_default();
                if self.store().take_back((workspace, place, id), &left).await? {
                    self.tell_who_reads_along(workspace, place);
                }
                return Ok(());
            }
            Some(id) if message.post_mode != PostMode::Always => id.to_owned(),
            Some(_) | None => self.fresh_id(),
        };
        let known = known.filter(|known| known.id == id);
        let Some(posted) = self.posted(message, known.as_ref()) else {
            return Ok(());
        };
        let stored = StoredMessage {
            workspace: workspace.to_owned(),
            place: place.to_owned(),
            id,
            invocation: invocation.to_owned(),
            machine: session.ticket.machine.clone(),
            said_at: message.timestamp.unwrap_or(0),
            ttl: message.ttl.unwrap_or(0),
            posted,
            body: json!({
                "content_type": message.content_type, "body": message.body, "id": message.id,
                "destinations": message.envelope.destinations, "actions": message.actions,
            })
            .to_string(),
        };
        self.store().post(&stored).await?;
        self.tell_who_reads_along(workspace, place);
        Ok(())
    }

    /// When a message counts as posted, by the update rule (wire protocol 5.2); `None` when it is dropped.
    fn posted(&self, message: &Message, known: Option<&StoredMessage>) -> Option<crate::model::Timestamp> {
        let said_at = message.timestamp.unwrap_or(0);
        match known {
            None => (message.post_mode != PostMode::UpdateOnly).then(|| self.now()),
            Some(known) if said_at < known.said_at => None,
            Some(known) if known.ttl > 0 && known.said_at.saturating_add(known.ttl) < said_at => {
                Some(self.now())
            }
            Some(known) => Some(known.posted),
        }
    }
}

/// The name of who said something, whichever version said it: a machine keeps its messages when it is upgraded.
pub(super) fn name_of(machine: &str) -> &str {
    machine.rsplit_once('@').map_or(machine, |(name, _)| name)
}

/// What is left of a message that is taken back.
fn left_of(message: &StoredMessage) -> String {
    json!({ "destinations": parsed(&message.body)["destinations"] }).to_string()
}

/// What a message is about: the feed of a custom event, a channel, or else the workspace.
fn about(destination: Option<&Destination>) -> (Operation, Resource) {
    if let Some(ingester) = destination.and_then(|place| place.ingester.as_ref()) {
        return (
            Operation::IngestCustom,
            Resource::Feed(ingester.root_type.clone()),
        );
    }
    let slack = destination
        .filter(|destination| destination.user_agent == UserAgent::Slack)
        .and_then(|destination| destination.slack.as_ref());
    let channel = slack.and_then(|slack| slack.channel.as_ref());
    let named = channel.and_then(|channel| channel.name.as_ref().or(channel.id.as_ref()));
    let resource = named.map_or(Resource::Workspace, |name| Resource::Channel(name.clone()));
    (Operation::PostMessage, resource)
}

/// Where a message stands: a channel, a person, or with whoever asked.
pub(super) fn place(destination: Option<&Destination>, invocation: &str) -> String {
    let slack = destination
        .filter(|destination| destination.user_agent == UserAgent::Slack)
        .and_then(|destination| destination.slack.as_ref());
    let Some(slack) = slack else {
        return format!("invocation:{invocation}");
    };
    let channel = slack
        .channel
        .as_ref()
        .and_then(|channel| channel.name.as_ref().or(channel.id.as_ref()));
    let user = slack
        .user
        .as_ref()
        .and_then(|user| user.name.as_ref().or(user.id.as_ref()));
    let thread = slack
        .thread_ts
        .as_ref()
        .map(|thread| format!("/{thread}"))
        .unwrap_or_default();
    match (channel, user) {
        (Some(channel), _) => format!("channel:{}:{channel}{thread}", slack.team.id),
        (None, Some(user)) => format!("person:{}:{user}{thread}", slack.team.id),
        (None, None) => format!("invocation:{invocation}"),
    }
}
