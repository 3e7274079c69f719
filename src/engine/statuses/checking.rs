//! Telling a forge by checks: of each goal of a commit one run, brought up to date as the goal goes on (semantics 7.1).
//!
//! Before a run is asked for, the id by which it is ours is noted, and the number that the forge gives it afterwards. So a machine
//! that ends in between finds the run that it has made, and makes no second one. A forge takes nothing back of a run that has
//! ended: what a retry or a reset begins again is a new run of the same name, of which the newest counts.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest;

use super::checks::{self, Draft};
use super::telling::asker;
use crate::engine::Engine;
use crate::model::{GoalSetId, Push};
use crate::ports::checks::{Check, CheckRun, FoundCheck};
use crate::ports::forges::ForgeError;
use crate::ports::secrets::Asker;
use crate::ports::statuses::{DueCommit, KnownCheck, NotedCommit, ToldCheck};
use crate::ports::store::StoreError;

/// Why a forge does not know.
pub(super) enum NotTold {
    Store(StoreError),
    Forge(ForgeError),
}

impl From<StoreError> for NotTold {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ForgeError> for NotTold {
    fn from(error: ForgeError) -> Self {
        Self::Forge(error)
    }
}

/// A commit at a forge that is told by checks.
struct Telling<'a> {
    noted: &'a NotedCommit,
    push: &'a Push,
    asker: Asker,
}

impl Engine {
    /// Tells the forge of a commit what its checks do not say yet, one after the other. What was told stays told when one is
    /// refused.
    pub(super) async fn tell_checks(&self, commit: &DueCommit, push: &Push) -> Result<(), NotTold> {
        let telling = Telling {
            noted: &commit.noted,
            push,
            asker: asker(push),
        };
        let records = self.sets_of(push).await?;
        let known = self.parts.store.known_checks(telling.noted).await?;
        let drafts = checks::of(&records, &self.settings.name);
        let pages = self.pages_of(&drafts, push).await?;
        for draft in drafts {
            let page = pages.get(&draft.goal_set).cloned();
            let check = check_of(draft, page);
            let told = ToldCheck {
                state: check.state,
                digest: digest_of(&check),
            };
            let known = known.iter().find(|known| known.context == check.context);
            if known.is_some_and(|known| known.told.as_ref() == Some(&told)) {
                continue;
            }
            self.tell_check(&telling, &check, known, told).await?;
        }
        Ok(())
    }

    /// The pages of the goal sets that checks are of, each read once.
    async fn pages_of(
        &self,
        drafts: &[Draft],
        push: &Push,
    ) -> Result<BTreeMap<GoalSetId, String>, StoreError> {
        let sets: BTreeSet<GoalSetId> = drafts.iter().map(|draft| draft.goal_set).collect();
        let mut pages = BTreeMap::new();
        for set in sets {
            let page = self.page_of_set(push, set).await?;
            pages.extend(page.map(|page| (set, page)));
        }
        Ok(pages)
    }

    async fn tell_check(
        &self,
        telling: &Telling<'_>,
        check: &Check,
        known: Option<&KnownCheck>,
        told: ToldCheck,
    ) -> Result<(), NotTold> {
        let changed = match known {
            Some(known) if may_change(known, &told) => self.change_known(telling, check, known).await?,
            Some(_) | None => None,
        };
        let (id, run) = match changed {
            Some(changed) => changed,
            None => self.make_new(telling, check).await?,
        };
        let known = KnownCheck {
            context: check.context.clone(),
            id,
            run: Some(run),
            told: Some(told),
        };
        Ok(self.parts.store.check_known(telling.noted, &known).await?)
    }

    /// Brings the run that there is up to date; nothing when there is none, or none any more.
    async fn change_known(
        &self,
        telling: &Telling<'_>,
        check: &Check,
        known: &KnownCheck,
    ) -> Result<Option<(String, CheckRun)>, ForgeError> {
        let (forges, repo) = (&self.parts.forges, &telling.push.repo);
        let run = match known.run {
            Some(run) => Some(run),
            // It was asked for, and the answer got lost.
            None => {
                let sha = &telling.push.after;
                let finding = forges.find_check(repo, sha, &check.context, &known.id, &telling.asker);
                let takes_it = |found: &FoundCheck| !found.is_completed || check.state.is_completed();
                finding.await?.filter(takes_it).map(|found| found.run)
            }
        };
        let Some(run) = run else { return Ok(None) };
        let is_there = forges.change_check(repo, run, check, &telling.asker).await?;
        Ok(is_there.then(|| (known.id.clone(), run)))
    }

    async fn make_new(&self, telling: &Telling<'_>, check: &Check) -> Result<(String, CheckRun), NotTold> {
        let id = self.fresh_id().to_string();
        let asked = KnownCheck {
            context: check.context.clone(),
            id: id.clone(),
            run: None,
            told: None,
        };
        self.parts.store.check_known(telling.noted, &asked).await?;
        let (forges, push) = (&self.parts.forges, telling.push);
        let making = forges.make_check(&push.repo, &push.after, check, &id, &telling.asker);
        Ok((id.clone(), making.await?))
    }
}

fn check_of(draft: Draft, page: Option<String>) -> Check {
    Check {
        context: draft.context,
        state: draft.state,
        title: draft.title,
        summary: draft.summary,
        url: page,
    }
}

/// Whether the run that there is can say it: it has not ended, or says the same in other words.
fn may_change(known: &KnownCheck, told: &ToldCheck) -> bool {
    let before = known.told.as_ref();
    before.is_none_or(|before| !before.state.is_completed() || before.state == told.state)
}

fn digest_of(check: &Check) -> String {
    let text = serde_json::to_vec(check).expect("a check is made of texts");
    hex::encode(digest::digest(&digest::SHA256, &text))
}
