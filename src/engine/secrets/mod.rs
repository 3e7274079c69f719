//! The secrets that a goal asks for (semantics 3.20), given to its own steps and to no other: not to those that restore or
//! keep files, nor to anything that runs around it.

mod provider;
mod registries;

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::{Engine, exchange};
use crate::config::private_directory;
use crate::kinds::process::{Command, ProcessRequest, Step};
use crate::kinds::{GoalContext, KindError, autofix, containers};
use crate::model::files::{SecretMount, SecretUse, SecretValue, variable_of_secret};
use crate::model::{Goal, Repository};
use crate::ports::AttemptRef;
use crate::ports::containers::{ContainerOrder, OWN_SECRET, PASSED_ON};
use crate::ports::executor::{SecretFile, SecretText, StepSecrets};
use crate::ports::secrets::{Asker, NotGiven, Opened};
use crate::ports::store::GoalSetRecord;

impl Engine {
    /// Gives every step of the request what the goal asks for, and those that fetch images the logins for that. Returns the
    /// values, so that they can be kept out of the log.
    ///
    /// # Errors
    /// A secret may not be given, cannot be read, or cannot be given in the way that was asked for.
    pub(in crate::engine) async fn give_secrets(
        &self,
        context: &GoalContext<'_>,
        attempt: &AttemptRef,
        project: &Path,
        request: &mut ProcessRequest,
    ) -> Result<Vec<SecretString>, KindError> {
        let mut values = self
            .give_what_is_asked(context, attempt, project, request)
            .await?;
        values.extend(self.give_logins(context, request).await);
        Ok(values)
    }

    async fn give_what_is_asked(
        &self,
        context: &GoalContext<'_>,
        attempt: &AttemptRef,
        project: &Path,
        request: &mut ProcessRequest,
    ) -> Result<Vec<SecretString>, KindError> {
        let uses = &context.goal.definition().secrets;
        let mut giving = Giving {
            engine: self,
            asker: asker(context.record, context.goal),
            repo: context.record.push.repo.clone(),
            project: project.to_owned(),
            private: exchange::directory(&self.settings.exchange, attempt).join("secrets"),
            given: StepSecrets::default(),
            private_files: 0,
            values: Vec::new(),
        };
        for secret in uses {
            giving.one(secret).await?;
        }
        let steps = request.steps.iter_mut().filter(|step| step.is_work);
        let (in_containers, others): (Vec<_>, Vec<_>) = steps.partition(|step| runs_containers(step));
        let is_asked = !uses.is_empty();
        for step in others.into_iter().filter(|_| is_asked) {
            step.secrets = giving.given.clone();
        }
        if !in_containers.is_empty() {
            giving.descriptors_become_files();
        }
        for step in in_containers {
            if is_asked {
                step.secrets = giving.given.clone();
                step.environment.push((PASSED_ON.to_owned(), giving.variables()));
            }
            giving.give_each_container(step).await?;
        }
        if giving.private_files > 0 {
            private_directory(&giving.private).map_err(|error| {
                KindError::Definition(format!("failed to make a directory for secrets: {error}"))
            })?;
        }
        Ok(giving.values)
    }
}

/// What a step tells the driver of an engine.
fn containers_of(step: &Step) -> Vec<ContainerOrder> {
    match &step.command {
        Command::Own { verb, order } if *verb == containers::VERB => {
            serde_json::from_value(order.clone()).into_iter().collect()
        }
        Command::Own { verb, order } if *verb == autofix::order::VERB => {
            let order = serde_json::from_value::<autofix::order::Order>(order.clone());
            let fixes = order.into_iter().flat_map(|order| order.fixes);
            fixes.filter_map(|fix| fix.container).collect()
        }
        Command::Own { .. } | Command::Program(_) => Vec::new(),
    }
}

fn runs_containers(step: &Step) -> bool {
    match &step.command {
        // Without a look into what it is told: whatever that is, its secrets are for containers.
        Command::Own { verb, .. } if *verb == containers::VERB => true,
        Command::Own { .. } | Command::Program(_) => !containers_of(step).is_empty(),
    }
}

fn asker(record: &GoalSetRecord, goal: &Goal) -> Asker {
    let push = &record.push;
    Asker {
        repo: push.repo.slug.clone(),
        branch: push.branch.clone(),
        goal: goal.definition().unique_name.to_string(),
        trust: push.trust,
        in_name_of: None,
        is_supplied: goal.definition().is_supplied,
    }
}

/// Secrets on their way.
struct Giving<'a> {
    engine: &'a Engine,
    asker: Asker,
    repo: Repository,
    project: PathBuf,
    private: PathBuf,
    given: StepSecrets,
    /// How many files there are in the directory of them.
    private_files: usize,
    values: Vec<SecretString>,
}

impl Giving<'_> {
    async fn one(&mut self, secret: &SecretUse) -> Result<(), KindError> {
        if let Some(name) = &secret.name {
            self.by_name(name, secret).await?;
            return Ok(());
        }
        for variable in &secret.env {
            let value = variable.value.clone().unwrap_or_default();
            self.variable(&variable.name, &value).await?;
        }
        for mount in &secret.file_mounts {
            self.mount(mount).await?;
        }
        Ok(())
    }

    async fn by_name(&mut self, name: &str, secret: &SecretUse) -> Result<(), NotGiven> {
        let value = self.engine.parts.secrets.by_name(name, &self.asker).await?.value;
        let text = self.noted(&value);
        let has_a_way = secret.file.is_some() || secret.file_env.is_some() || secret.descriptor.is_some();
        if secret.env.is_empty() && !has_a_way {
            self.given
                .environment
                .push((variable_of_secret(name), text.clone()));
        }
        for variable in &secret.env {
            self.given.environment.push((variable.name.clone(), text.clone()));
        }
        if let Some(path) = &secret.file {
            self.file(self.project.clone(), path.clone(), text.clone());
        }
        if let Some(variable) = &secret.file_env {
            self.private_file(variable, name, text.clone());
        }
        if let Some(variable) = &secret.descriptor {
            self.given.descriptors.push((variable.clone(), text));
        }
        Ok(())
    }

    async fn variable(&mut self, name: &str, value: &SecretValue) -> Result<(), KindError> {
        if let Some(sealed) = &value.encrypted {
            let value = self.engine.parts.secrets.unseal(sealed, &self.asker).await?;
            let text = self.noted(&value);
            self.given.environment.push((name.to_owned(), text));
        }
        if let Some(provider) = &value.provider {
            let found = self.of_type(&provider.kind, &provider.names).await?;
            let one = provider::only(&provider.kind, found).map_err(KindError::Definition)?;
            self.noted(&one.value);
            for (variable, text) in provider::variables(name, &one) {
                self.given.environment.push((variable, text));
            }
        }
        Ok(())
    }

    /// Secrets of a type; where the operator has named none for it, `scm` is the token with which the machine itself asks the
    /// repository's forge, if the goal may have that one by its name.
    async fn of_type(&self, kind: &str, names: &[String]) -> Result<Vec<Opened>, NotGiven> {
        let secrets = &self.engine.parts.secrets;
        let found = secrets.by_type(kind, names, &self.asker).await?;
        if kind != provider::SCM || !found.is_empty() || !names.is_empty() {
            return Ok(found);
        }
        match self.engine.parts.forges.secret_of(&self.repo) {
            Some(name) => Ok(vec![secrets.by_name(&name, &self.asker).await?]),
            None => Ok(Vec::new()),
        }
    }

    async fn mount(&mut self, mount: &SecretMount) -> Result<(), KindError> {
        let path = mount.path().map_err(KindError::Definition)?;
        if let Some(sealed) = &mount.value.encrypted {
            let value = self.engine.parts.secrets.unseal(sealed, &self.asker).await?;
            let text = self.noted(&value);
            self.file(self.project.clone(), path.clone(), text);
        }
        if let Some(provider) = &mount.value.provider {
            let found = self.of_type(&provider.kind, &provider.names).await?;
            found.iter().for_each(|one| drop(self.noted(&one.value)));
            let content = provider::file(&provider.kind, &found).map_err(KindError::Definition)?;
            self.values.push(content.expose().into());
            self.file(self.project.clone(), path, content);
        }
        Ok(())
    }

    /// A file of its own, named by a variable.
    fn private_file(&mut self, variable: &str, name: &str, text: SecretText) {
        let path = format!("{}-{}", self.private_files, variable_of_secret(name));
        self.private_files += 1;
        let place = self.private.join(&path).to_string_lossy().into_owned();
        self.file(self.private.clone(), path, text);
        self.given
            .environment
            .push((variable.to_owned(), SecretText::new(&place)));
    }

    /// No descriptor reaches into a container: there a file is in its place, which is read in the same way.
    fn descriptors_become_files(&mut self) {
        for (variable, text) in std::mem::take(&mut self.given.descriptors) {
            self.private_file(&variable, &variable, text);
        }
    }

    /// What single containers of a step ask for, each for itself: it travels under names of its own, and the order says which
    /// container is to find it under which.
    async fn give_each_container(&mut self, step: &mut Step) -> Result<(), KindError> {
        let Command::Own { verb, order } = &mut step.command else {
            return Ok(());
        };
        if *verb != containers::VERB {
            return Ok(());
        }
        let Ok(mut read) = serde_json::from_value::<ContainerOrder>(order.clone()) else {
            return Ok(());
        };
        let of_all = std::mem::take(&mut self.given);
        let mut count = 0;
        for container in read.init_containers.iter_mut().chain(&mut read.containers) {
            for secret in std::mem::take(&mut container.secrets.asked) {
                self.one(&secret).await?;
            }
            self.descriptors_become_files();
            let given = std::mem::take(&mut self.given);
            for (inside, text) in given.environment {
                let ours = format!("{OWN_SECRET}{count}");
                count += 1;
                step.secrets.environment.push((ours.clone(), text));
                container.secrets.variables.push((inside, ours));
            }
            for file in given.files {
                let place = file.root.join(&file.path).to_string_lossy().into_owned();
                container.secrets.files.push(place);
                step.secrets.files.push(file);
            }
        }
        self.given = of_all;
        if count > 0 {
            *order = serde_json::to_value(read).map_err(|error| KindError::Definition(error.to_string()))?;
        }
        Ok(())
    }

    /// The names of all variables, as a list.
    fn variables(&self) -> String {
        let names = self.given.environment.iter().map(|(name, _)| name.as_str());
        names.collect::<Vec<_>>().join(",")
    }

    fn file(&mut self, root: PathBuf, path: String, content: SecretText) {
        self.given.files.push(SecretFile { root, path, content });
    }

    /// Notes a value to be kept out of the log.
    fn noted(&mut self, value: &SecretString) -> SecretText {
        self.values.push(value.clone());
        SecretText::new(value.expose_secret())
    }
}
