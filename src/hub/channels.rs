//! Channels that are about repositories: whoever may post in a channel and change a repository links the two (wire protocol 10.5).
//!
//! A channel lists its repositories. What is put on that list, and that it was linked, [`follows`] in the unit of work that
//! changes the channel, so that two links at once do not undo each other.

use std::sync::Arc;

use serde_json::{Value, json};

use super::access::operations::Operation;
use super::access::sight::own_resource;
use super::changes::Change;
use super::goals::About;
use super::jobs::argument;
use super::machines::register::THE_CHAT;
use super::questions::Asking;
use super::refusal::Refusal;
use crate::access::Resource;
use crate::graph::question::Selection;
use crate::ports::graph::Node;

/// Longest id or name of a channel or chat.
const LONGEST: usize = 200;

/// Most repositories of one channel.
const MOST_REPOSITORIES: usize = 1_000;

/// A mutation of channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChannelMutation {
    /// `linkSlackChannelToRepo(…)`.
    Link,
    /// `unlinkSlackChannelFromRepo(…)`.
    Unlink,
}

impl ChannelMutation {
    /// The one of this name.
    pub(super) fn read(name: &str) -> Option<Self> {
        match name {
            "linkSlackChannelToRepo" => Some(Self::Link),
            "unlinkSlackChannelFromRepo" => Some(Self::Unlink),
            _ => None,
        }
    }
}

fn text<'r>(root: &'r Selection, name: &str) -> Option<&'r str> {
    root.argument(name).and_then(Value::as_str)
}

/// The repository and the channel, which has the name that grants use.
pub(super) fn about(root: &Selection) -> About {
    let said = |name: &str| text(root, name).unwrap_or_default();
    let (owner, name) = (said("owner"), said("repo"));
    let channel = text(root, "channelName").unwrap_or_else(|| said("channelId"));
    About {
        operation: Operation::LinkChannel,
        resources: vec![
            Resource::repository(owner, name),
            Resource::Channel(channel.to_owned()),
        ],
        repository_key: text(root, "providerId").map(|provider| format!("{provider}/{owner}/{name}")),
    }
}

impl Asking<'_> {
    /// Adds to what a mutation is about what the channel of its id is called already: a name that somebody says is no right to it.
    pub(super) async fn add_channel_before(
        &self,
        root: &Selection,
        resources: &mut Vec<Resource>,
    ) -> Result<(), Refusal> {
        if let Some(before) = self.channel_before(root).await? {
            if text(root, "channelName").is_none() {
                resources.retain(|resource| !matches!(resource, Resource::Channel(_)));
            }
            resources.push(before);
        }
        Ok(())
    }

    async fn channel_before(&self, root: &Selection) -> Result<Option<Resource>, Refusal> {
        let said = |name: &str| text(root, name).unwrap_or_default();
        let key = format!("{}/{}", said("chatTeamId"), said("channelId"));
        let graph = self.hub.store().reader(self.workspace);
        let known = graph.nodes("ChatChannel", &[key]).await?;
        Ok(known.first().and_then(|channel| own_resource(channel)))
    }

    /// The change that a mutation of channels is.
    ///
    /// # Errors
    /// What is wrong with it, or that nobody has heard of the repository.
    pub(super) async fn of_channel(
        &self,
        mutation: ChannelMutation,
        root: &Selection,
    ) -> Result<Vec<Change>, Refusal> {
        let of = |name: &'static str| argument::<String>(root, name);
        let (channel, chat) = (of("channelId")?, of("chatTeamId")?);
        let name = text(root, "channelName").unwrap_or(&channel);
        let is_name = |text: &str| !text.is_empty() && text.len() <= LONGEST && !text.contains('/');
        if ![channel.as_str(), chat.as_str(), name].into_iter().all(is_name) {
            let because = format!("ids and names of channels have 1 to {LONGEST} bytes and no `/`");
            return Err(Refusal::bad("invalid_argument", because));
        }
        let (owner, repo) = (of("owner")?, of("repo")?);
        let provider = text(root, "providerId");
        let repository = self
            .hub
            .repository(self.workspace, provider, &owner, &repo)
            .await?;
        let wanted = json!({"repository": repository.id(), "is_linked": mutation == ChannelMutation::Link});
        let mut body = json!({"channelId": channel, "archived": false, "wanted": wanted});
        if text(root, "channelName").is_some() || self.channel_before(root).await?.is_none() {
            body["name"] = json!(name);
        }
        let change = Change::merge("ChatChannel", vec![format!("{chat}/{channel}")], body);
        Ok(vec![change.link("team", [THE_CHAT.to_owned()])])
    }
}

/// What follows from changes of channels: their lists, and that a link is there or gone.
pub(super) fn follows(changed: &[Arc<Node>]) -> Vec<Vec<Change>> {
    let channels = changed.iter().filter(|node| node.kind == "ChatChannel");
    channels.filter_map(|channel| listed(channel)).collect()
}

fn listed(channel: &Node) -> Option<Vec<Change>> {
    let wanted = channel.body.get("wanted")?.as_object()?;
    let repository = wanted.get("repository")?.as_str()?.to_owned();
    let is_linked = wanted.get("is_linked")?.as_bool()?;
    let mut repositories = channel.links.get("repos").cloned().unwrap_or_default();
    repositories.retain(|known| *known != repository);
    let link = format!("{}~{repository}", channel.id());
    let link = match is_linked {
        true => Change::merge("ChannelLink", vec![link], json!({}))
            .link("channel", [channel.id().to_owned()])
            .link("repo", [repository.clone()]),
        false => Change::gone("ChannelLink", link),
    };
    if is_linked {
        repositories.insert(0, repository);
        repositories.truncate(MOST_REPOSITORIES);
    }
    let list = Change::merge(
        "ChatChannel",
        vec![channel.id().to_owned()],
        json!({ "wanted": null }),
    );
    Some(vec![list.link("repos", repositories), link])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::changes::How;

    fn channel(wanted: &Value, repositories: &[&str]) -> Arc<Node> {
        let change = Change::merge(
            "ChatChannel",
            vec!["w/C1".to_owned()],
            json!({ "wanted": wanted }),
        );
        Arc::new(
            change
                .link("repos", repositories.iter().map(ToString::to_string))
                .node,
        )
    }

    #[test]
    fn a_link_is_listed_once_and_taken_off_again() {
        let linked = follows(&[channel(
            &json!({"repository": "p/7", "is_linked": true}),
            &["p/7", "p/8"],
        )])
        .remove(0);
        assert_eq!(linked[0].node.links["repos"], ["p/7", "p/8"]);
        assert_eq!((linked[1].how, linked[1].node.id()), (How::Merge, "w/C1~p/7"));
        let gone = follows(&[channel(
            &json!({"repository": "p/7", "is_linked": false}),
            &["p/7", "p/8"],
        )])
        .remove(0);
        assert_eq!(gone[0].node.links["repos"], ["p/8"]);
        assert_eq!(gone[1].how, How::Gone);
        assert!(follows(&[channel(&Value::Null, &["p/7"])]).is_empty());
    }
}
