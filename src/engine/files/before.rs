//! What a goal wants is found, and the steps are added that restore and keep files.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{KeepStep, NOTE, Ordered, OrderedKeep, RESTORED, bounded, directory, key, sought};
use crate::config::private_directory;
use crate::engine::Engine;
use crate::kinds::process::{ProcessRequest, Step};
use crate::kinds::resolve::Placeholders;
use crate::kinds::{GoalContext, KindError};
use crate::model::Push;
use crate::model::files::{Input, KeptOn, Output};
use crate::model::push::Trust;
use crate::ports::executor::When;
use crate::ports::kept::{
    ArchiveLimits, FoundArchive, KEEP_VERB, Keep, KeepOrder, Kept, KeptAs, OnMiss, RESTORE_VERB, Restore,
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
            around.caches(&files.caches).await;
        }
        around.put_around(request)
    }

    /// The directory where goals have their home, when a goal of this trust may find and leave caches there: it is shared
    /// by all goals, so what is not trusted may not.
    pub(super) fn home_of_goals(&self, trust: Trust) -> Option<PathBuf> {
        match trust {
            Trust::Member => self.settings.home().map(PathBuf::from),
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
    pub(super) async fn lend_files(&self, sought: &Sought, to: &Path) -> Result<Option<Kept>, KindError> {
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
pub(super) struct Around<'a> {
    pub(super) engine: &'a Engine,
    pub(super) context: &'a GoalContext<'a>,
    pub(super) placeholders: Placeholders,
    project: PathBuf,
    pub(super) directory: PathBuf,
    ordered: Ordered,
    pub(super) before: Vec<Step>,
    pub(super) after: Vec<Step>,
}

impl Around<'_> {
    pub(super) fn trust(&self) -> Trust {
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
        for (index, input) in inputs.iter().enumerate() {
            let classifier = self.name(&input.classifier)?;
            let sought = sought(self.context, KeptAs::Output, classifier.clone(), input.scope);
            let file = self.directory.join(format!("input-{index}"));
            let on_miss = self.on_miss(&input.on_miss)?;
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
            let order = self.restore_order(archives, RESTORED, None);
            let step = Step::own("restoring inputs", RESTORE_VERB, serde_json::json!(order));
            self.before.push(step);
        }
        Ok(())
    }

    /// Each with variables of its own: those of another would have the same names.
    fn on_miss(&self, commands: &[Vec<String>]) -> Result<Vec<OnMiss>, KindError> {
        let filled = |argv: &Vec<String>| {
            let resolved = self.placeholders.argv(argv)?;
            Ok(OnMiss {
                argv: resolved.argv,
                environment: resolved.environment,
            })
        };
        commands.iter().map(filled).collect()
    }

    pub(super) fn restore_order(
        &self,
        archives: Vec<Restore>,
        report: &str,
        home: Option<PathBuf>,
    ) -> RestoreOrder {
        RestoreOrder {
            project: self.project.clone(),
            home,
            notes: Vec::new(),
            archives,
            limits: self.engine.archive_limits(),
            report: self.directory.join(report),
        }
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

    pub(super) fn keep(
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
            scope: bounded(scope, self.context),
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

    pub(super) fn keeping(
        &self,
        name: &str,
        step: KeepStep,
        archives: Vec<Keep>,
        home: Option<PathBuf>,
    ) -> Step {
        let order = KeepOrder {
            project: self.project.clone(),
            home,
            archives,
            limits: self.engine.archive_limits(),
            report: self.directory.join(step.report()),
        };
        Step::own(name, KEEP_VERB, serde_json::json!(order))
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

pub(super) fn found(kept: &Kept, file: PathBuf) -> FoundArchive {
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
