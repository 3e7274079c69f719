//! Who comes into a channel of a chat. The chat tells the add-on that is in it (Slack `member_joined_channel`, Mattermost
//! `user_added`), the add-on tells the hub, and machines that subscribe to `UserJoinedChannel` hear of it, also of those who are nobody
//! here. What an add-on says of a chat is kept under its own name, so that it changes nothing that another has said.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use chrono::DateTime;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Hub;
use super::super::access::operations::Operation;
use super::super::changes::{Applied, Change};
use super::super::machines::register::THE_CHAT;
use super::super::refusal::Refusal;
use super::chats::is_id;
use super::operations::PeopleOperation as About;
use crate::access::Principal;
use crate::model::Timestamp;
use crate::ports::graph::{GraphReader, Node};
use crate::ports::hub::HubStoreError;

/// Longest name of a channel or a user that is kept.
const LONGEST: usize = 80;

/// Somebody who came into a channel.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Joined {
    /// Id of the chat.
    team: String,
    /// Id of the channel.
    channel: String,
    /// Id of whoever came.
    user: String,
    /// What the channel is called there, for people.
    #[serde(default)]
    channel_name: Option<String>,
    /// What they are called there, for people.
    #[serde(default)]
    name: Option<String>,
    /// When, as RFC 3339 writes it; now when absent.
    #[serde(default)]
    at: Option<String>,
}

impl Joined {
    fn read(body: &[u8]) -> Result<Self, Refusal> {
        let joined: Self = serde_json::from_slice(body)
            .map_err(|error| Refusal::bad("malformed_body", format!("who came cannot be read: {error}")))?;
        match [&joined.team, &joined.channel, &joined.user]
            .iter()
            .all(|id| is_id(id))
        {
            true => Ok(joined),
            false => Err(Refusal::bad(
                "invalid_argument",
                "ids of chats, channels and users have at most 80 letters, digits, `.`, `_`, `-` and `@`",
            )),
        }
    }

    fn moment(&self, now: Timestamp) -> Result<String, Refusal> {
        let Some(at) = &self.at else {
            return Ok(now.rfc3339());
        };
        let moment = DateTime::parse_from_rfc3339(at).map_err(|_| {
            Refusal::bad(
                "invalid_argument",
                "`at` is a moment such as 2026-01-31T12:00:00Z",
            )
        })?;
        Ok(Timestamp::from(moment.to_utc()).rfc3339())
    }
}

/// `POST /chat/members/{workspace}`: an add-on that is in a chat says who came into a channel there.
pub(super) async fn tell(
    State(hub): State<Hub>,
    Path(workspace): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.caller(&headers).await?;
    caller.may(Operation::People(About::TellOfChatMember), &workspace)?;
    let Principal::Addon(addon) = caller.principal() else {
        return Err(Refusal::forbidden("addon_required", "add-ons alone are in chats"));
    };
    let joined = Joined::read(&body)?;
    let at = joined.moment(hub.now())?;
    let graph = hub.store().reader(&workspace);
    let changes = changes(&*graph, addon.as_str(), &joined, &at).await?;
    let machines = match hub.apply(&workspace, changes).await? {
        Applied::Deliveries(machines) => machines,
        Applied::Before | Applied::Overtaken | Applied::Misnamed(_) => 0,
    };
    Ok(Json(json!({ "machines": machines })))
}

/// What of it is news to the graph: the channel and the user where they were not known, and that they have come.
async fn changes(
    graph: &dyn GraphReader,
    addon: &str,
    joined: &Joined,
    at: &str,
) -> Result<Vec<Change>, HubStoreError> {
    let chat = format!("chat/{addon}/{}", joined.team);
    let mut changes = Vec::new();
    let user = format!("{chat}/{}", joined.user);
    if graph
        .nodes("ChatId", std::slice::from_ref(&user))
        .await?
        .is_empty()
    {
        let name = shown(joined.name.as_deref(), &joined.user);
        let body = json!({"userId": joined.user, "screenName": name});
        let change = Change::merge("ChatId", vec![user.clone()], body);
        changes.push(change.link("chatTeam", [THE_CHAT.to_owned()]));
    }
    // Who links a channel to repositories calls it by the chat as machines know it.
    let own = format!("{chat}/#{}", joined.channel);
    let usual = [joined.team.as_str(), THE_CHAT].map(|team| format!("{team}/{}", joined.channel));
    let known: Vec<Arc<Node>> = graph.nodes("ChatChannel", &usual).await?;
    let channel = known.first().map_or(own, |channel| channel.id().to_owned());
    if known.is_empty() {
        let name = shown(joined.channel_name.as_deref(), &joined.channel);
        let body = json!({"channelId": joined.channel, "name": name});
        let change = Change::merge("ChatChannel", vec![channel.clone()], body);
        changes.push(change.link("team", [THE_CHAT.to_owned()]));
    }
    let key = format!("{user}/#{}/{at}", joined.channel);
    let come = Change::merge("UserJoinedChannel", vec![key], json!({"timestamp": at}));
    changes.push(come.link("user", [user]).link("channel", [channel]));
    Ok(changes)
}

/// A name for people; the id where none is said.
fn shown(name: Option<&str>, id: &str) -> String {
    let name = name.filter(|name| !name.is_empty()).unwrap_or(id);
    name.chars().take(LONGEST).collect()
}
