//! Administrators are told that somebody waits for them (security model 14.4): once for each thing that an add-on asks for, in the channel
//! that is named for it. There it is read by whatever brings messages into the chat; the hub itself posts nowhere.

use std::str::FromStr;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::Hub;
use super::super::access::held::{Held, HeldAddon};
use super::AddonError;
use super::beyond::workspaces_of;
use crate::access::snapshot::AddonState;
use crate::access::{AddonKey, Principal, ScopeSet};
use crate::ports::hub::StoredMessage;
use crate::wire::hub::MessageKind;

/// Who says it, where machines have their name; none has one like this.
const THE_HUB: &str = "the hub";

/// Longest name of a channel or a chat team.
const LONGEST: usize = 200;

/// A channel of a chat, `NAME` or `TEAM:NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldChannel {
    /// Id of the chat team; empty where nobody says which.
    team: String,
    name: String,
}

/// A text that names no channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no channel; write its name, or TEAM:NAME", .0.escape_debug())]
pub struct NoChannel(String);

impl FromStr for ToldChannel {
    type Err = NoChannel;

    fn from_str(text: &str) -> Result<Self, NoChannel> {
        let (team, name) = text.split_once(':').unwrap_or(("", text));
        let name = name.trim_start_matches('#');
        let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && c != ':' && c != '/';
        let is_name =
            !name.is_empty() && text.len() <= LONGEST && name.chars().chain(team.chars()).all(is_plain);
        match is_name {
            true => Ok(Self {
                team: team.to_owned(),
                name: name.to_owned(),
            }),
            false => Err(NoChannel(text.to_owned())),
        }
    }
}

impl ToldChannel {
    fn place(&self) -> String {
        format!("channel:{}:{}", self.team, self.name)
    }

    fn destination(&self) -> Value {
        json!({"user_agent": "slack", "slack": {"team": {"id": self.team}, "channel": {"name": self.name}}})
    }
}

/// What an add-on waits for, and what this is called: of the same descriptor nobody is told twice.
fn waits(key: &AddonKey, addon: &HeldAddon) -> Option<(String, ScopeSet)> {
    let registration = &addon.registration;
    let is_there = matches!(registration.state, AddonState::Pending | AddonState::Active);
    let wish = registration.wish.as_ref().filter(|_| is_there)?;
    Some((
        format!("consent/{}/{}", key.as_str(), wish.digest),
        registration.asked(),
    ))
}

/// For people.
fn said(key: &AddonKey, addon: &HeldAddon, asked: ScopeSet, address: &str) -> String {
    let (kind, key) = (addon.kind.word(), key.as_str());
    let what = match asked.is_empty() {
        true => "has changed its addresses".to_owned(),
        false => format!("asks for {asked}"),
    };
    format!("The {kind} {key} {what}. An administrator decides: {address}/add-ons/{key}")
}

impl Hub {
    /// Tells administrators what waits for them and they were not told of.
    ///
    /// # Errors
    /// The memory; it is told later.
    pub(in super::super) async fn tell_administrators(&self) -> Result<(), AddonError> {
        let Some(channel) = self.told_channel() else {
            return Ok(());
        };
        let held: Arc<Held> = self.rights().held();
        for (key, addon) in &held.addons {
            if let Some((id, asked)) = waits(key, addon) {
                let text = said(key, addon, asked, &self.own_address());
                let principal = Principal::Addon(key.clone());
                for workspace in workspaces_of(self.store(), &principal).await? {
                    self.tell_once(&workspace, channel, (&id, &text)).await?;
                }
            }
        }
        Ok(())
    }

    async fn tell_once(
        &self,
        workspace: &str,
        channel: &ToldChannel,
        (id, text): (&str, &str),
    ) -> Result<(), AddonError> {
        let place = channel.place();
        let known = self.store().message(workspace, &place, id).await?;
        // What a machine says under this name tells nobody.
        if known.is_some_and(|known| known.machine == THE_HUB) {
            return Ok(());
        }
        let body = json!({
            "content_type": MessageKind::Text, "body": text, "id": id, "destinations": [channel.destination()], "actions": [],
        });
        let now = self.now();
        let message = StoredMessage {
            workspace: workspace.to_owned(),
            place: place.clone(),
            id: id.to_owned(),
            invocation: String::new(),
            machine: THE_HUB.to_owned(),
            said_at: now.as_micros() / 1_000,
            ttl: 0,
            posted: now,
            body: body.to_string(),
        };
        self.store().post(&message).await?;
        self.tell_who_reads_along(workspace, &place);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_named_with_their_team_or_without() {
        let place = |text: &str| text.parse::<ToldChannel>().map(|channel| channel.place());
        assert_eq!(place("ops").unwrap(), "channel::ops");
        assert_eq!(place("#ops").unwrap(), "channel::ops");
        assert_eq!(place("T1:ops").unwrap(), "channel:T1:ops");
        for wrong in ["", "#", "T1:", "a b", "a/b", "T1:a:b"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }
}
