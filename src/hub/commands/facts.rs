//! What is known of the place where somebody asks for a command: values of mapped parameters (wire protocol 4.3).

use std::collections::BTreeMap;

use serde_json::Value;

use super::Request;
use super::caller::Asker;
use crate::hub::Hub;
use crate::hub::access::Caller;
use crate::hub::access::operations::Operation;
use crate::hub::refusal::Refusal;
use crate::ports::graph::{GraphReader, Node};
use crate::wire::hub::{Slack, uris};

/// Values by what parameters are mapped to.
#[derive(Debug, Default)]
pub(super) struct Facts(BTreeMap<&'static str, Value>);

impl Facts {
    /// The value for this address, if it is known.
    pub(super) fn of(&self, uri: &str) -> Option<&Value> {
        self.0.get(uri)
    }

    pub(super) fn add(&mut self, uri: &'static str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.0.insert(uri, Value::from(value));
        }
    }

    /// The chat, as whoever asks says; not who they are there.
    fn add_chat(&mut self, chat: &Slack) {
        self.add(uris::CHAT, Some(&chat.team.id));
        let channel = chat.channel.as_ref();
        self.add(uris::CHANNEL, channel.and_then(|channel| channel.id.as_deref()));
        self.add(
            uris::CHANNEL_NAME,
            channel.and_then(|channel| channel.name.as_deref()),
        );
        self.add(
            uris::CHANNEL_TYPE,
            channel.map(|channel| kind_of(channel.id.as_deref())),
        );
    }

    fn add_repository(&mut self, repository: &Node, provider: Option<&Node>) {
        let mut name = repository.keys.last().map_or("", String::as_str).splitn(3, '/');
        self.add(uris::REPOSITORY_PROVIDER, name.next());
        self.add(uris::REPOSITORY_OWNER, name.next());
        self.add(uris::REPOSITORY, name.next());
        let of = |field: &str| provider?.body.get(field)?.as_str();
        self.add(uris::FORGE_URL, of("url"));
        self.add(uris::FORGE_API_URL, of("apiUrl"));
    }
}

/// Talks of two have channels of their own, whose ids begin so.
fn kind_of(channel: Option<&str>) -> &'static str {
    match channel.is_some_and(|id| id.starts_with('D')) {
        true => "user",
        false => "channel",
    }
}

impl Hub {
    /// What is known of the place where a request comes from, at a hub with this address. Of a channel that is linked to several
    /// repositories that the caller sees, none is meant.
    ///
    /// # Errors
    /// The memory.
    pub(super) async fn facts(
        &self,
        (caller, asker): (&Caller, &Asker),
        request: &Request,
        base: &str,
    ) -> Result<Facts, Refusal> {
        let mut facts = Facts::default();
        let webhooks = format!("{base}/webhooks");
        facts.add(uris::WEBHOOK_URL, Some(&webhooks));
        facts.add(uris::FORGE_WEBHOOK_URL, Some(&format!("{webhooks}/github")));
        let chat = request.source.as_ref().and_then(|source| source.slack.as_ref());
        asker.tell(&mut facts, chat.is_some());
        let Some(chat) = chat else {
            return Ok(facts);
        };
        facts.add_chat(chat);
        let graph = self.store().reader(&request.team.id);
        if let Some(repository) = repository_of(caller, &*graph, chat).await? {
            let provider = repository.keys.last().and_then(|name| name.split('/').next());
            let providers = Vec::from_iter(provider.map(str::to_owned));
            let providers = graph.nodes("SCMProvider", &providers).await?;
            facts.add_repository(&repository, providers.first().map(AsRef::as_ref));
        }
        Ok(facts)
    }
}

/// The one repository that the caller sees and that the channel is linked to.
async fn repository_of(
    caller: &Caller,
    graph: &dyn GraphReader,
    chat: &Slack,
) -> Result<Option<std::sync::Arc<Node>>, Refusal> {
    let channel = chat.channel.as_ref().and_then(|channel| channel.id.as_deref());
    let Some(channel) = channel else {
        return Ok(None);
    };
    let channels = graph
        .nodes("ChatChannel", &[format!("{}/{channel}", chat.team.id)])
        .await?;
    let linked = channels.first().and_then(|channel| channel.links.get("repos"));
    let linked = graph.nodes("Repo", linked.map_or(&[], Vec::as_slice)).await?;
    let sight = caller.sight(Operation::Invoke, graph);
    let mut seen = Vec::new();
    for repository in linked {
        if sight.sees(&repository).await? {
            seen.push(repository);
        }
    }
    Ok(seen.pop().filter(|_| seen.is_empty()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_chat_says_where_and_a_name_in_it_proves_nothing() {
        let chat = json!({"team": {"id": "T1"}, "channel": {"id": "D7", "name": "ada"}, "user": {"id": "U1", "name": "root"}});
        let mut facts = Facts::default();
        facts.add_chat(&serde_json::from_value(chat).unwrap());
        let of = |uri: &str| {
            facts
                .of(&format!("atomist://slack/{uri}"))
                .and_then(Value::as_str)
        };
        assert_eq!(
            ["team", "channel", "channel_name", "channel_type"].map(of),
            [Some("T1"), Some("D7"), Some("ada"), Some("user")]
        );
        assert_eq!((of("user"), of("user_name")), (None, None));
    }

    #[test]
    fn a_repository_is_known_by_its_last_key() {
        let node = |keys: &[&str], body: Value| Node {
            keys: keys.iter().map(ToString::to_string).collect(),
            body: body.as_object().cloned().unwrap_or_default(),
            ..Node::default()
        };
        let mut facts = Facts::default();
        facts.add_repository(
            &node(&["ghe.local/7", "ghe.local/acme/app"], json!({})),
            Some(&node(
                &["ghe.local"],
                json!({"url": "https://ghe.local", "apiUrl": "https://ghe.local/api/v3"}),
            )),
        );
        for (uri, value) in [
            ("atomist://github/repository/provider", "ghe.local"),
            ("atomist://github/repository/owner", "acme"),
            ("atomist://github/repository", "app"),
            ("atomist://github_url", "https://ghe.local"),
            ("atomist://github_api_url", "https://ghe.local/api/v3"),
        ] {
            assert_eq!(facts.of(uri), Some(&Value::from(value)), "{uri}");
        }
    }
}
