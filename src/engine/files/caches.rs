//! Caches around a goal's process: looked for before, kept after. They never fail a goal, which only takes longer without
//! them: what is wrong with one is a line in the log.

use std::collections::BTreeMap;
use std::path::Path;

use aws_lc_rs::digest;

use super::before::{Around, files_with_ids, found, with_view};
use super::{KeepStep, key, sought};
use crate::engine::words::chain;
use crate::kinds::process::Step;
use crate::model::cache_key::{globs, hashes_in, with_hashes};
use crate::model::files::{Cache, KeptOn};
use crate::ports::executor::OnFailure;
use crate::ports::kept::{Keep, Kept, KeptAs, RESTORE_VERB, Restore, Sought};

/// Where it is said what became of looking for caches.
const REPORT: &str = "restored-caches.json";

/// The digests that keys ask for, by the globs as they are written.
#[derive(Default)]
struct Hashes {
    digests: BTreeMap<String, String>,
    /// Why there is none.
    wrong: BTreeMap<String, String>,
}

impl Hashes {
    /// The text with its digests.
    fn in_text(&self, text: &str) -> Result<String, String> {
        let mut wrong = hashes_in(text)
            .into_iter()
            .filter_map(|hash| self.wrong.get(hash.globs));
        match wrong.next() {
            Some(why) => Err(why.clone()),
            None => Ok(with_hashes(text, &self.digests)),
        }
    }
}

impl Around<'_> {
    /// Adds the steps that restore and save caches.
    pub(super) async fn caches(&mut self, caches: &[Cache]) {
        let hashes = self.hashes(caches).await;
        let (mut restores, mut keeps, mut notes) = (Vec::new(), Vec::new(), Vec::new());
        for (index, cache) in caches.iter().enumerate() {
            match self.cache(index, cache, &hashes).await {
                Ok((restore, keep)) => {
                    restores.push(restore);
                    keeps.extend(keep);
                }
                Err(why) => notes.push(format!("cache `{}`: left out: {why}", cache.key)),
            }
        }
        let home = self.engine.home_of_goals(self.trust());
        if !restores.is_empty() || !notes.is_empty() {
            let mut order = self.restore_order(restores, REPORT, home.clone());
            order.notes = notes;
            let step = Step::own("restoring caches", RESTORE_VERB, serde_json::json!(order));
            self.before.push(ignored(step));
        }
        if !keeps.is_empty() {
            let step = self.keeping("saving caches", KeepStep::Caches, keeps, home);
            self.after.push(ignored(step));
        }
    }

    /// What is to be restored of one cache, and what is to be kept unless it is there already.
    async fn cache(
        &mut self,
        index: usize,
        cache: &Cache,
        hashes: &Hashes,
    ) -> Result<(Restore, Option<Keep>), String> {
        let text = self.cache_name(&cache.key, hashes)?;
        let key = key::classifier(&self.engine.settings.name, &text);
        let file = self.directory.join(format!("cache-{index}"));
        let lent = self.lend_cache(cache, &key, hashes, &file).await?;
        let is_new = lent.as_ref().is_none_or(|kept| kept.classifier != key);
        let what = format!("cache `{text}`");
        let restore = Restore {
            what: what.clone(),
            archive: lent.map(|kept| found(&kept, file)),
            required: false,
            on_miss: Vec::new(),
        };
        let paths = self.paths_of(cache);
        let is_kept = is_new && !paths.is_empty();
        let ordered = (KeptAs::Cache, key, cache.scope, KeptOn::Success);
        let keep = is_kept.then(|| self.keep(KeepStep::Caches, ordered, what, paths));
        Ok((restore, keep))
    }

    /// Its paths, as far as goals of this push may write there.
    fn paths_of(&self, cache: &Cache) -> Vec<String> {
        let has_home = self.engine.home_of_goals(self.trust()).is_some();
        let paths = cache.paths.iter();
        paths
            .filter(|path| has_home || !path.starts_with("~/"))
            .cloned()
            .collect()
    }

    fn cache_name(&self, written: &str, hashes: &Hashes) -> Result<String, String> {
        let text = self.placeholders.text(&hashes.in_text(written)?);
        match text.map_err(|error| chain(&error))? {
            text if text.trim().is_empty() => Err(format!("`{written}` is empty on this push")),
            text => Ok(text),
        }
    }

    /// The cache with the key, else the newest that begins with the first fallback that any begins with.
    async fn lend_cache(
        &self,
        cache: &Cache,
        key: &str,
        hashes: &Hashes,
        file: &Path,
    ) -> Result<Option<Kept>, String> {
        let exact = sought(self.context, KeptAs::Cache, key.to_owned(), cache.scope);
        if let Some(kept) = self.lent_or_none(&exact, file).await {
            return Ok(Some(kept));
        }
        for fallback in &cache.fallback {
            let name = self.cache_name(fallback, hashes)?;
            let beginning = Sought {
                classifier: key::classifier(&self.engine.settings.name, &name),
                beginning: true,
                ..exact.clone()
            };
            if let Some(kept) = self.lent_or_none(&beginning, file).await {
                return Ok(Some(kept));
            }
        }
        Ok(None)
    }

    /// Files of a cache; what cannot be read is none.
    async fn lent_or_none(&self, sought: &Sought, file: &Path) -> Option<Kept> {
        match self.engine.lend_files(sought, file).await {
            Ok(lent) => lent,
            Err(error) => {
                let goal = &self.context.goal.definition().name;
                tracing::warn!(goal, error = %chain(&error), "a cache cannot be read");
                None
            }
        }
    }

    /// The digests that keys ask for, read from the commit.
    async fn hashes(&self, caches: &[Cache]) -> Hashes {
        let texts = caches
            .iter()
            .flat_map(|cache| std::iter::once(&cache.key).chain(&cache.fallback));
        let asked = texts.flat_map(|text| hashes_in(text));
        let mut wanted: Vec<String> = asked.map(|hash| hash.globs.to_owned()).collect();
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return Hashes::default();
        }
        let scm = self.engine.parts.scm.clone();
        let push = self.context.record.push.clone();
        let asked_for = wanted.clone();
        let looked = with_view(scm, push, move |view| {
            let mut hashes = Hashes::default();
            for written in asked_for {
                match files_with_ids(view, &globs(&written)) {
                    Ok(files) => {
                        hashes.digests.insert(written, short_digest(&files));
                    }
                    Err(error) => {
                        hashes.wrong.insert(written, error.to_string());
                    }
                }
            }
            Ok(hashes)
        });
        looked.await.unwrap_or_else(|error| {
            let why = chain(&error);
            Hashes {
                wrong: wanted.into_iter().map(|written| (written, why.clone())).collect(),
                ..Hashes::default()
            }
        })
    }
}

fn ignored(step: Step) -> Step {
    Step {
        on_failure: OnFailure::IsIgnored,
        ..step
    }
}

/// Long enough to tell files apart, short enough to be read.
fn short_digest(files: &[(String, String)]) -> String {
    let text = serde_json::to_vec(files).expect("pairs of text can be written");
    hex::encode(&digest::digest(&digest::SHA256, &text).as_ref()[..8])
}
