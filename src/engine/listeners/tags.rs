//! Tags: what is new since the last look is an event. They are looked at only where a listener wants to know.

use serde_json::json;

use super::events::repo_facts;
use crate::engine::Engine;
use crate::engine::ingest::IngestError;
use crate::model::{CommitSha, Event, Repository};

impl Engine {
    /// Compares the tags with those seen last. At first sight they are only remembered.
    pub(in crate::engine) async fn observe_tags(&self, repo: &Repository) -> Result<(), IngestError> {
        if !self
            .machine()
            .listeners
            .iter()
            .any(|listener| listener.event == "Tag")
        {
            return Ok(());
        }
        let tags = self.parts.scm.tags(repo).await?;
        let known = self.parts.store.tags(&repo.key).await?;
        if known.as_ref() == Some(&tags) {
            return Ok(());
        }
        let is_new =
            |name: &String, sha: &CommitSha| known.as_ref().is_some_and(|known| known.get(name) != Some(sha));
        let events: Vec<Event> = tags
            .iter()
            .filter(|(name, sha)| is_new(name, sha))
            .map(|(name, sha)| self.tag_event(repo, name, sha))
            .collect();
        Ok(self.parts.store.set_tags(&repo.key, &tags, &events).await?)
    }

    fn tag_event(&self, repo: &Repository, name: &str, sha: &CommitSha) -> Event {
        let at = self.parts.clock.now();
        Event {
            key: format!("Tag:{}:{name}:{sha}:{}", repo.key, at.as_micros()),
            name: "Tag".to_owned(),
            at,
            depth: 0,
            payload: json!({"tag": name, "sha": sha.as_str(), "repo": repo_facts(&repo.slug)}),
        }
    }
}
