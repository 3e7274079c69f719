//! What an errand's process gets: arguments and variables from its facts, secrets by variable only, and directories.

use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::engine::attempt::process::{last_of_each, shown};
use crate::engine::commands::ask::{MACHINE_SCOPE, WORKSPACE_SCOPE};
use crate::engine::exchange::{self, ErrandFiles};
use crate::engine::words::{chain, humane};
use crate::kinds::resolve::{Placeholders, ResolvedArgv};
use crate::model::parameter::variable;
use crate::model::variables::VariableMeaning;
use crate::model::{Errand, ErrandCause};
use crate::ports::AttemptRef;
use crate::ports::executor::{ExecutionError, ExecutionWatch, ProcessSpec, Step};

impl Engine {
    /// Starts the process; why that is impossible otherwise.
    pub(super) async fn start_process(
        &self,
        errand: &Errand,
        attempt: &AttemptRef,
    ) -> Result<Box<dyn ExecutionWatch>, String> {
        if !errand.secrets.is_empty() && !self.vault.has(errand.id.0) {
            return Err(
                "its secret parameters were kept in memory only and are gone: run it again".to_owned(),
            );
        }
        let facts = self.facts_of(errand).await?;
        let placeholders = Placeholders::from_facts(facts.clone());
        let resolved = placeholders
            .argv_beside(&errand.run.argv, &[&errand.run.environment])
            .map_err(|error| error.to_string())?;
        let files = exchange::prepare_errand(&self.settings.exchange, attempt, &facts)
            .await
            .map_err(|error| format!("failed to prepare its files: {error}"))?;
        let spec = self.errand_spec(errand, &facts, &placeholders, resolved, &files)?;
        match self.parts.executor.start(attempt, spec).await {
            Err(ExecutionError::AlreadyStarted(_)) => self.parts.executor.watch(attempt).await,
            started => started,
        }
        .map_err(|error| format!("failed to start it: {}", chain(&error)))
    }

    /// What its placeholders show: what was stored with it, and what the machine knows now.
    async fn facts_of(&self, errand: &Errand) -> Result<Value, String> {
        let now = self.parts.clock.now();
        let preferences = self.parts.store.preferences(MACHINE_SCOPE, now).await;
        let shared = self.parts.store.preferences(WORKSPACE_SCOPE, now).await;
        let unread = |error| format!("its preferences cannot be read: {}", chain(&error));
        let mut preferences = preferences.map_err(unread)?;
        preferences
            .entry(WORKSPACE_SCOPE.to_owned())
            .or_insert(json!(shared.map_err(unread)?));
        let mut facts = errand.facts.clone();
        facts["preferences"] = json!(preferences);
        facts["machine"] = json!({"name": self.settings.name});
        facts["home"] = json!(self.settings.home());
        facts["values"] = self.settings.values.clone();
        Ok(facts)
    }

    fn errand_spec(
        &self,
        errand: &Errand,
        facts: &Value,
        placeholders: &Placeholders,
        resolved: ResolvedArgv,
        files: &ErrandFiles,
    ) -> Result<ProcessSpec, String> {
        let secrets = self.vault.of(errand.id.0);
        let mut environment = self.settings.base_environment.clone();
        environment.extend(self.errand_contract(errand, files));
        environment.extend(parameter_variables(facts));
        environment.extend(resolved.environment);
        let own = placeholders.variables(&errand.run.environment);
        let own = own.map_err(|error| error.to_string())?.into_iter();
        environment.extend(own.filter(|(name, _)| VariableMeaning::of(name) != VariableMeaning::Contract));
        for (name, secret) in &secrets {
            environment.push((variable(name), secret.expose_secret().to_owned()));
        }
        let timeout = Duration::from_millis(errand.run.timeout);
        Ok(ProcessSpec {
            header: header(errand, &resolved.argv, timeout),
            steps: vec![Step {
                argv: resolved.argv,
                directory: files.work.clone(),
                ..Step::default()
            }],
            environment: last_of_each(environment),
            redact: secrets.into_values().collect(),
            timeout,
            grace: Duration::from_millis(errand.run.grace),
            progress: Vec::new(),
            result_file: files.output.join("result.json"),
            beside: Vec::new(),
            log_limit: self.settings.log_limit,
            limits: self.settings.limits,
            watched: vec![files.work.clone(), files.output.clone()],
        })
    }

    /// What every errand finds in its environment.
    fn errand_contract(&self, errand: &Errand, files: &ErrandFiles) -> Vec<(String, String)> {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let mut contract = vec![
            ("ATOMIST_WORKSPACE_ID".to_owned(), self.settings.name.clone()),
            ("ATOMIST_INPUT_DIR".to_owned(), path(&files.input)),
            ("ATOMIST_OUTPUT_DIR".to_owned(), path(&files.output)),
            (
                "ATOMIST_RESULT".to_owned(),
                path(&files.output.join("result.json")),
            ),
            ("SDM_ERRAND".to_owned(), errand.id.0.to_string()),
            ("SDM_FACTS".to_owned(), path(&files.input.join("facts.json"))),
            ("SDM_ATTEMPT".to_owned(), errand.attempt.to_string()),
            ("CI".to_owned(), "true".to_owned()),
        ];
        if let Some(socket) = &self.settings.socket {
            contract.push(("SDM_SOCKET".to_owned(), path(socket)));
        }
        contract
    }
}

fn parameter_variables(facts: &Value) -> Vec<(String, String)> {
    let parameters = facts["parameters"].as_object().into_iter().flatten();
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    parameters
        .map(|(name, value)| (variable(name), text(value)))
        .collect()
}

fn header(errand: &Errand, argv: &[String], timeout: Duration) -> Vec<String> {
    let cause = match &errand.cause {
        ErrandCause::Command { by } => format!("asked for by {by}"),
        ErrandCause::Event { name } => format!("because of the event {name}"),
    };
    vec![
        format!("{} · {cause}", errand.name),
        format!("errand {} · attempt {}", errand.id.short(), errand.attempt),
        format!("runs {} (at most {})", shown(argv), humane(timeout)),
    ]
}
