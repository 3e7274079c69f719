//! What a goal wants is found, and the steps are added that restore and keep files.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest;

use super::{KeepStep, NOTE, Ordered, OrderedKeep, RESTORED, bounded, directory, key, sought};
use crate::config::private_directory;
use crate::engine::Engine;
use crate::engine::words::chain;
use crate::kinds::process::{ProcessRequest, Step};
use crate::kinds::resolve::Placeholders;
use crate::kinds::{GoalContext, KindError};
use crate::model::Push;
use crate::model::files::{Cache, Input, KeptOn, Output};
use crate::model::push::Trust;
use crate::ports::executor::{OnFailure, When};
use crate::ports::kept::{
    ArchiveLimits, FoundArchive, KEEP_VERB, Keep, KeepOrder, Kept, KeptAs, RESTORE_VERB, Restore,
    RestoreOrder, Sought,
};
use crate::ports::{AttemptRef, Scm};
use crate::rules::view::{ProjectView, ViewError};

/// Most entries of an archive.
const MOST_ENTRIES: u64 = 1_000_000;

/// How often another archive is looked for when the one that was found has gone.
const MOST_LOOKS: usize = 5;

impl Engine {
    /// Adds to what a goal's kind asks for the steps that restore and keep its files. The directory of the attempt must be
    /// fresh. `success` is noted, to be recorded when the goal succeeds.
    ///
    /// # Errors
    /// A name cannot be resolved, or a file or the store cannot be used.
    pub(in crate::engine) async fn add_file_steps(
        &self,
        context: &GoalContext<'_>,
        attempt: &AttemptRef,
        project: &Path,
        success: Option<String>,
        request: &mut ProcessRequest,
    ) -> Result<(), KindError> {
        let files = &context.goal.definition().files;
        if files.is_empty() {
            return Ok(());
        }
        let directory = directory(&self.settings.exchange, attempt);
        private_directory(&directory).map_err(failed("make a directory for archives"))?;
        let mut around = Around {
            engine: self,
            context,
            placeholders: Placeholders::of(context).await?,
            project: project.to_owned(),
            directory,
            ordered: Ordered {
                success,
                ..Ordered::default()
            },
            before: Vec::new(),
            after: Vec::new(),
        };
        around.inputs(&files.inputs).await?;
        if self.keeps_files() {
            around.outputs(&files.outputs)?;
            around.caches(&files.caches).await?;
        }
        around.put_around(request)
    }

    /// The directory where goals have their home, when a goal of this trust may find and leave caches there: it is shared
    /// by all goals, so what is not trusted may not.
    fn home_of_goals(&self, trust: Trust) -> Option<PathBuf> {
        let home = self
            .settings
            .base_environment
            .iter()
            .find(|(name, _)| name == "HOME");
        match trust {
            Trust::Member => home.map(|(_, path)| PathBuf::from(path)),
            Trust::Untrusted => None,
        }
    }

    /// Whether files are kept at all: where there is no room for any, every look for some is a miss (CA-05).
    fn keeps_files(&self) -> bool {
        self.settings.cache_limit > 0
    }

    fn archive_limits(&self) -> ArchiveLimits {
        ArchiveLimits {
            bytes: self.settings.cache_limit,
            entries: MOST_ENTRIES,
        }
    }

    /// Looks for files and gives the attempt a name of its own for their archive.
    async fn lend_files(&self, sought: &Sought, to: &Path) -> Result<Option<Kept>, KindError> {
        let looks = if self.keeps_files() { MOST_LOOKS } else { 0 };
        for _ in 0..looks {
            let Some(found) = self.parts.store.find_kept(sought).await? else {
                return Ok(None);
            };
            let lent = self.parts.archives.lend(found.trust, &found.digest, to).await;
            if lent.map_err(failed("read an archive"))? {
                let now = self.parts.clock.now();
                self.parts
                    .store
                    .use_archive(found.trust, &found.digest, now)
                    .await?;
                return Ok(Some(found));
            }
            self.parts
                .store
                .forget_archive(found.trust, &found.digest)
                .await?;
        }
        Ok(None)
    }
}

/// The steps around a goal's process, in the making.
struct Around<'a> {
    engine: &'a Engine,
    context: &'a GoalContext<'a>,
    placeholders: Placeholders,
    project: PathBuf,
    directory: PathBuf,
    ordered: Ordered,
    before: Vec<Step>,
    after: Vec<Step>,
}

impl Around<'_> {
    fn trust(&self) -> Trust {
        self.context.record.push.trust
    }

    fn name(&self, text: &str) -> Result<String, KindError> {
        Ok(key::classifier(
            &self.engine.settings.name,
            &self.placeholders.text(text)?,
        ))
    }

    async fn inputs(&mut self, inputs: &[Input]) -> Result<(), KindError> {
        let mut archives = Vec::new();
        let mut environment = Vec::new();
        for (index, input) in inputs.iter().enumerate() {
            let classifier = self.name(&input.classifier)?;
            let sought = sought(
                self.context.record,
                KeptAs::Output,
                classifier.clone(),
                input.scope,
            );
            let file = self.directory.join(format!("input-{index}"));
            let mut on_miss = Vec::new();
            for argv in &input.on_miss {
                let resolved = self.placeholders.argv(argv)?;
                environment.extend(resolved.environment);
                on_miss.push(resolved.argv);
            }
            archives.push(Restore {
                what: format!("input `{}`", input.classifier),
                archive: self
                    .engine
                    .lend_files(&sought, &file)
                    .await?
                    .map(|kept| found(&kept, file)),
                required: input.required,
                on_miss,
            });
            self.ordered.inputs.push(classifier);
        }
        if !archives.is_empty() {
            let mut step = self.restore("restoring inputs", archives, RESTORED, None);
            step.environment = environment;
            self.before.push(step);
        }
        Ok(())
    }

    fn restore(&self, name: &str, archives: Vec<Restore>, report: &str, home: Option<PathBuf>) -> Step {
        let order = RestoreOrder {
            project: self.project.clone(),
            home,
            archives,
            limits: self.engine.archive_limits(),
            report: self.directory.join(report),
        };
        Step::own(name, RESTORE_VERB, serde_json::json!(order))
    }

    fn outputs(&mut self, outputs: &[Output]) -> Result<(), KindError> {
        for (step, on) in [
            (KeepStep::Outputs, KeptOn::Success),
            (KeepStep::OutputsInAnyCase, KeptOn::Always),
        ] {
            let mut archives = Vec::new();
            for output in outputs.iter().filter(|output| output.on == on) {
                let classifier = self.name(&output.classifier)?;
                let what = format!("output `{}`", output.classifier);
                let ordered = (KeptAs::Output, classifier, output.scope, on);
                archives.push(self.keep(step, ordered, what, output.paths.clone()));
            }
            if !archives.is_empty() {
                let mut keeping = self.keeping("caching outputs", step, archives, None);
                if on == KeptOn::Always {
                    keeping.when = When::Finally;
                }
                self.after.push(keeping);
            }
        }
        Ok(())
    }

    fn keep(
        &mut self,
        step: KeepStep,
        (kept_as, classifier, scope, on): (KeptAs, String, crate::model::Scope, KeptOn),
        what: String,
        paths: Vec<String>,
    ) -> Keep {
        let file = format!("kept-{}", self.ordered.keep.len());
        let path = self.directory.join(&file);
        self.ordered.keep.push(OrderedKeep {
            kept_as,
            classifier,
            scope: bounded(scope, self.trust()),
            on,
            step,
            file,
        });
        Keep {
            what,
            paths,
            // Tools compare the times of what they cached; outputs are what they hold.
            times: kept_as == KeptAs::Cache,
            file: path,
        }
    }

    fn keeping(&self, name: &str, step: KeepStep, archives: Vec<Keep>, home: Option<PathBuf>) -> Step {
        let order = KeepOrder {
            project: self.project.clone(),
            home,
            archives,
            limits: self.engine.archive_limits(),
            report: self.directory.join(step.report()),
        };
        Step::own(name, KEEP_VERB, serde_json::json!(order))
    }

    /// Caches never fail a goal: without them it takes longer.
    async fn caches(&mut self, caches: &[Cache]) -> Result<(), KindError> {
        let hashes = self.hashes(caches).await?;
        let home = self.engine.home_of_goals(self.trust());
        let (mut restores, mut keeps) = (Vec::new(), Vec::new());
        for (index, cache) in caches.iter().enumerate() {
            let text = self.placeholders.text(&key::with_hashes(&cache.key, &hashes))?;
            let key = key::classifier(&self.engine.settings.name, &text);
            let file = self.directory.join(format!("cache-{index}"));
            let lent = self.lend_cache(cache, &key, &hashes, &file).await?;
            let is_new = lent.as_ref().is_none_or(|kept| kept.classifier != key);
            let what = format!("cache `{text}`");
            restores.push(Restore {
                what: what.clone(),
                archive: lent.map(|kept| found(&kept, file)),
                required: false,
                on_miss: Vec::new(),
            });
            let paths = cache
                .paths
                .iter()
                .filter(|path| home.is_some() || !path.starts_with("~/"));
            let paths: Vec<String> = paths.cloned().collect();
            if is_new && !paths.is_empty() {
                let ordered = (KeptAs::Cache, key, cache.scope, KeptOn::Success);
                keeps.push(self.keep(KeepStep::Caches, ordered, what, paths));
            }
        }
        if !restores.is_empty() {
            let step = self.restore("restoring caches", restores, "restored-caches.json", home.clone());
            self.before.push(ignored(step));
        }
        if !keeps.is_empty() {
            let step = self.keeping("saving caches", KeepStep::Caches, keeps, home);
            self.after.push(ignored(step));
        }
        Ok(())
    }

    /// The cache with the key, else the newest that begins with the first fallback that any begins with.
    async fn lend_cache(
        &self,
        cache: &Cache,
        key: &str,
        hashes: &BTreeMap<String, String>,
        file: &Path,
    ) -> Result<Option<Kept>, KindError> {
        let exact = sought(self.context.record, KeptAs::Cache, key.to_owned(), cache.scope);
        if let Some(kept) = self.lent_or_none(&exact, file).await {
            return Ok(Some(kept));
        }
        for fallback in &cache.fallback {
            let beginning = Sought {
                classifier: self.name(&key::with_hashes(fallback, hashes))?,
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
    async fn hashes(&self, caches: &[Cache]) -> Result<BTreeMap<String, String>, KindError> {
        let texts = caches
            .iter()
            .flat_map(|cache| std::iter::once(&cache.key).chain(&cache.fallback));
        let mut wanted: Vec<String> = texts
            .flat_map(|text| key::hashes_in(text))
            .map(str::to_owned)
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return Ok(BTreeMap::new());
        }
        let scm = self.engine.parts.scm.clone();
        with_view(scm, self.context.record.push.clone(), move |view| {
            let digest = |globs: String| {
                let files = files_with_ids(view, &key::globs(&globs))?;
                Ok((globs, short_digest(&files)))
            };
            wanted.into_iter().map(digest).collect()
        })
        .await
    }

    /// Puts the steps around those of the kind and notes what was ordered.
    fn put_around(self, request: &mut ProcessRequest) -> Result<(), KindError> {
        let note = serde_json::to_vec(&self.ordered).map_err(io::Error::other);
        note.and_then(|note| std::fs::write(self.directory.join(NOTE), note))
            .map_err(failed("note what is to be kept"))?;
        if self.before.is_empty() && self.after.is_empty() {
            return Ok(());
        }
        for step in request.steps.iter_mut().filter(|step| step.name.is_empty()) {
            step.name.clone_from(&self.context.goal.definition().name);
        }
        request.steps.splice(0..0, self.before);
        request.steps.extend(self.after);
        Ok(())
    }
}

fn ignored(step: Step) -> Step {
    Step {
        on_failure: OnFailure::IsIgnored,
        ..step
    }
}

fn found(kept: &Kept, file: PathBuf) -> FoundArchive {
    FoundArchive {
        file,
        digest: kept.digest.clone(),
        from: format!(
            "goal {} of goal set {} on {}",
            kept.goal,
            kept.goal_set.short(),
            kept.branch
        ),
    }
}

/// An error of the file system, as the goal's failure.
pub(super) fn failed(doing: &'static str) -> impl FnOnce(io::Error) -> KindError {
    move |error| KindError::Definition(format!("failed to {doing}: {error}"))
}

/// Asks something about the tree of a push, on a thread where it may block.
pub(super) async fn with_view<T: Send + 'static>(
    scm: Arc<dyn Scm>,
    push: Push,
    ask: impl FnOnce(&dyn ProjectView) -> Result<T, ViewError> + Send + 'static,
) -> Result<T, KindError> {
    let asked = tokio::task::spawn_blocking(move || {
        let view = scm.view(&push).map_err(|error| error.to_string())?;
        ask(view.as_ref()).map_err(|error| error.to_string())
    });
    let answer = asked.await.map_err(|error| error.to_string());
    answer.and_then(|answer| answer).map_err(KindError::Definition)
}

/// The files that one of the globs matches, sorted, each with the identity of its content.
pub(super) fn files_with_ids(
    view: &dyn ProjectView,
    globs: &[String],
) -> Result<Vec<(String, String)>, ViewError> {
    let wrong = |error: globset::Error| ViewError {
        what: "the globs".to_owned(),
        because: error.to_string(),
    };
    let mut set = globset::GlobSetBuilder::new();
    for glob in globs {
        set.add(
            globset::GlobBuilder::new(glob)
                .literal_separator(true)
                .build()
                .map_err(wrong)?,
        );
    }
    let set = set.build().map_err(wrong)?;
    let mut found = Vec::new();
    for path in view.files()?.iter().filter(|path| set.is_match(path)) {
        if let Some(id) = view.file_id(path)? {
            found.push((path.clone(), id));
        }
    }
    Ok(found)
}

/// Long enough to tell files apart, short enough to be read.
fn short_digest(files: &[(String, String)]) -> String {
    let text = serde_json::to_vec(files).expect("pairs of text can be written");
    hex::encode(&digest::digest(&digest::SHA256, &text).as_ref()[..8])
}
