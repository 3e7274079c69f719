//! Forges that webhooks tell of: what is kept and says no forge is written down at the only one of its workspaces, when they hear of it.

use super::Hub;
use super::access::noted::Noted;
use super::changes::Change;
use super::remembered::Seen;
use crate::access::audit::Outcome;
use crate::ports::hub::HubStoreError;
use crate::ports::told_forges::{News, PinnedPlaces, ToldForges};

impl Hub {
    /// What changes tell of forges, before they are made; none where the workspace knows of all of them.
    pub(super) async fn news_of_forges(
        &self,
        workspace: &str,
        seen: &Seen<'_>,
        changes: &[Change],
    ) -> Result<Option<News>, HubStoreError> {
        let nodes = changes.iter().map(|change| &change.node);
        let providers = nodes.filter(|node| node.kind == "SCMProvider");
        let hosts = providers.map(|node| node.id().to_owned());
        let unheard = hosts.filter(|host| !self.rights().knows_forge(workspace, host));
        let told: Vec<(String, String)> = unheard.map(|host| (workspace.to_owned(), host)).collect();
        if told.is_empty() {
            return Ok(None);
        }
        let before = seen.work().told_forges().await?;
        let mut after = before.clone();
        after.extend(told);
        Ok(Some(News {
            workspace: workspace.to_owned(),
            before,
            after,
        }))
    }

    /// Lets forges count that changes have told of, before anybody is told of what happened there.
    pub(super) async fn learn_of_forges(&self, seen: &Seen<'_>, news: News) -> Result<(), HubStoreError> {
        let pinned = match news.after.has_news_for(&news.before) {
            true => seen.work().pin_places(&news).await?,
            // Another replica has heard of it, and done so.
            false => PinnedPlaces::default(),
        };
        warn_of_second(&news);
        self.note_pinned(&news.workspace, &pinned);
        self.rights().learn_forges(news.after, &pinned);
        Ok(())
    }

    /// Writes down what was put at a forge.
    fn note_pinned(&self, workspace: &str, pinned: &PinnedPlaces) {
        let (keys, grants) = (pinned.keys.len(), pinned.grants.len());
        if keys + grants > 0 {
            let said = format!(
                "what said no forge is at the one that workspace {workspace} is told of, or was before: {grants} grants, repositories of {keys} keys"
            );
            tracing::info!(
                workspace,
                grants,
                keys,
                "what said no forge is written down at the only one"
            );
            let noted = Noted::by_hub("addon.grant", Outcome::Done, said);
            self.rights().note(&noted, self.now());
        }
    }

    /// Forgets forges of which something told that was not kept.
    pub(super) async fn forget_unkept_forges(&self) {
        match self.store().told_forges().await {
            Ok(kept) => self.rights().relearn_forges(kept),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the forges that are kept could not be listed");
            }
        }
    }
}

/// Says that a workspace is told of another forge than the only one before.
fn warn_of_second(news: &News) {
    let workspace = [news.workspace.clone()];
    let told = |forges: &ToldForges| -> Vec<String> {
        let forges = forges.of(&workspace).into_iter();
        forges.map(str::to_owned).collect()
    };
    let (before, after) = (told(&news.before), told(&news.after));
    if let [only] = before.as_slice()
        && after.len() > 1
    {
        tracing::warn!(
            workspace = news.workspace,
            only,
            forges = after.join(", "),
            "a webhook tells a workspace of another forge: what was given on repositories is at the one before it; who gives more in \
             this workspace says which: `repo:{only}/owner/name`, and `--repo {only}/owner/name` for keys"
        );
    }
}
