//! `sdm policy`: the policy of a hub as a file, looked at before it is applied (security model 12.3).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Subcommand;

use super::super::context::{CommandResult, Context, Exit};
use super::super::doors::GoalFile;
use super::super::error::{CommandError, ErrorKind};
use super::super::render::diagnostics::{CheckView, diagnostics};
use super::super::render::policy::{self as render, ComparisonView, EffectiveView};
use crate::access::effective::{Question, effective, told_apart};
use crate::access::policy::{Outcome, Policy, compare, parse, run_tests, unsaid, unsaid_places};
use crate::access::request::Proof;
use crate::access::{Context as ActingFor, PersonId, Principal, Resource, Selector, Snapshot};
use crate::model::{Diagnostic, Severity, Timestamp};
use crate::runtime::clock::{Clock, SystemClock};

/// What to do with a policy.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Find every problem in a policy, and run its tests
    Check {
        /// The policy
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Say who gains and who loses what, from one policy to another
    Compare {
        /// The policy as it is
        #[arg(value_name = "BEFORE")]
        before: PathBuf,
        /// The policy as it shall be; its tests must pass
        #[arg(value_name = "AFTER")]
        after: PathBuf,
        /// A resource that neither of them names, such as `repo:acme/api`
        #[arg(long, value_name = "RESOURCE")]
        on: Vec<String>,
    },
    /// Say for every operation whether somebody may do it, and what decides
    Explain(ExplainArgs),
}

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// The policy
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Whose rights: `addon:KEY` or `person:ID`
    #[arg(value_name = "WHO")]
    who: String,
    /// Where; every resource that the policy tells apart when absent
    #[arg(long, value_name = "RESOURCE")]
    on: Vec<String>,
    /// The person, by id, who started what an add-on does
    #[arg(long, value_name = "PERSON")]
    r#for: Option<String>,
}

/// `sdm policy`.
pub(super) fn run(context: &mut Context, command: &PolicyCommand) -> CommandResult {
    match command {
        PolicyCommand::Check { file } => check(context, file),
        PolicyCommand::Compare { before, after, on } => compared(context, before, after, on),
        PolicyCommand::Explain(args) => explain(context, args),
    }
}

/// A policy that was read, with its text for quotations.
struct Written {
    quotable: GoalFile,
    policy: Option<Policy>,
    problems: Vec<Diagnostic>,
    outcomes: Vec<Outcome>,
}

impl Written {
    /// Reads a policy and runs its tests.
    fn read(context: &Context, path: &Path, now: Timestamp) -> Result<Self, CommandError> {
        let failed = |error| {
            CommandError::new(ErrorKind::Usage, format!("failed to read {}", path.display())).caused_by(error)
        };
        let bytes = std::fs::read(context.sources.directory.join(path)).map_err(failed)?;
        let name: Arc<str> = Arc::from(path.display().to_string());
        let parsed = parse(&name, &bytes);
        let outcomes = parsed
            .policy
            .as_ref()
            .map(|policy| run_tests(&policy.tests, &policy.alone(now), now))
            .unwrap_or_default();
        let mut problems = parsed.diagnostics;
        problems.extend(outcomes.iter().flat_map(Outcome::problems));
        problems.extend(parsed.policy.as_ref().and_then(unsaid));
        Ok(Self {
            quotable: GoalFile {
                name: name.to_string(),
                text: String::from_utf8_lossy(&bytes).into_owned(),
            },
            policy: parsed.policy,
            problems,
            outcomes,
        })
    }

    fn is_bad(&self) -> bool {
        let is_error = |problem: &Diagnostic| problem.severity == Severity::Error;
        self.problems.iter().any(is_error)
    }

    /// What is wrong with it, on standard output.
    fn tell(&self, context: &mut Context) -> CommandResult {
        if context.ui.json {
            context
                .ui
                .object(&CheckView::of(&[&self.quotable.name], &self.problems))?;
        } else {
            let text = diagnostics(
                &context.ui.theme,
                std::slice::from_ref(&self.quotable),
                &self.problems,
            );
            let line = render::summary(
                &context.ui.theme,
                self.policy.as_ref(),
                &self.outcomes,
                &self.problems,
            );
            context.ui.data(&format!("{text}{line}\n"))?;
        }
        Ok(if self.is_bad() { Exit::Bad } else { Exit::Ok })
    }

    /// The state of things by this policy alone.
    fn snapshot(&self, now: Timestamp) -> Option<Snapshot> {
        self.policy.as_ref().map(|policy| policy.alone(now))
    }
}

fn check(context: &mut Context, file: &Path) -> CommandResult {
    let written = Written::read(context, file, SystemClock.now())?;
    let unsaid = written.policy.as_ref().map(unsaid_places).unwrap_or_default();
    if let Some(first) = unsaid.first().filter(|_| !context.ui.json) {
        context.ui.note(&format!(
            "`{first}` says no forge: that is the only one that webhooks tell the hub of, and none where there are several; say which, \
             as in `repo:github.com/owner/name`"
        ));
    }
    written.tell(context)
}

fn compared(context: &mut Context, before: &Path, after: &Path, on: &[String]) -> CommandResult {
    let now = SystemClock.now();
    let also = resources(on)?;
    let was = Written::read(context, before, now)?;
    let will = Written::read(context, after, now)?;
    // The tests of what is replaced do not count any more.
    let (Some(old), Some(new)) = (was.snapshot(now), will.snapshot(now)) else {
        let bad = if was.policy.is_none() { was } else { will };
        return bad.tell(context);
    };
    if will.is_bad() {
        return will.tell(context);
    }
    let differences = compare(&old, &new, &also, now);
    if context.ui.json {
        context.ui.object(&ComparisonView::of(&differences))?;
    } else {
        let text = render::differences(&context.ui.theme, &differences);
        context.ui.data(&text)?;
    }
    Ok(Exit::Ok)
}

fn explain(context: &mut Context, args: &ExplainArgs) -> CommandResult {
    let now = SystemClock.now();
    let written = Written::read(context, &args.file, now)?;
    let Some(snapshot) = written.snapshot(now) else {
        return written.tell(context);
    };
    let principal =
        Principal::parse(&args.who).map_err(|error| CommandError::from_error(ErrorKind::Usage, error))?;
    let grants = known(&principal, &snapshot)?;
    let on = if args.on.is_empty() {
        grants
    } else {
        resources(&args.on)?
    };
    let question = Question {
        principal: &principal,
        context: acting_for(args.r#for.as_deref())?,
        now,
    };
    let lines = effective(&question, &on, &snapshot);
    if context.ui.json {
        context.ui.object(&EffectiveView::of(&principal, &lines))?;
    } else {
        context.ui.data(&render::effective(&context.ui.theme, &lines))?;
        if matches!(principal, Principal::Person(_)) {
            context
                .ui
                .note("what people may do on repositories, the forge decides; a policy only denies");
        }
    }
    Ok(Exit::Ok)
}

/// What the grants of somebody tell apart.
fn known(principal: &Principal, snapshot: &Snapshot) -> Result<Vec<Resource>, CommandError> {
    let grants = match principal {
        Principal::Addon(key) => snapshot.addons.get(key).map(|addon| &addon.grants),
        Principal::Person(id) => snapshot.people.get(id).map(|person| &person.grants),
        Principal::Anonymous => return Ok(vec![Resource::Workspace]),
    };
    let grants = grants.ok_or_else(|| {
        CommandError::new(
            ErrorKind::Bad,
            format!("the policy does not mention `{principal}`"),
        )
        .hint("write `addon:KEY` or `person:ID` as the policy names them")
    })?;
    Ok(told_apart(grants.iter().map(|grant| &**grant)))
}

fn acting_for(person: Option<&str>) -> Result<ActingFor, CommandError> {
    let Some(person) = person else {
        return Ok(ActingFor::None);
    };
    let person =
        PersonId::parse(person).map_err(|error| CommandError::from_error(ErrorKind::Usage, error))?;
    let proof = Proof::Handle(vec![Selector::Everything]);
    Ok(ActingFor::Proven { person, proof })
}

fn resources(texts: &[String]) -> Result<Vec<Resource>, CommandError> {
    let parse = |text: &String| {
        Resource::parse(text).map_err(|error| CommandError::from_error(ErrorKind::Usage, error))
    };
    texts.iter().map(parse).collect()
}
