//! `sdm doctor`: what is around, and what is wrong with it.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::super::client::ClientError;
use super::super::context::{CommandResult, Context, Exit};
use super::super::error::CommandError;
use super::super::text::{neutralise, pad, plural, width};
use super::super::theme::{Role, Theme};
use super::daemon_goals::{plans_with, shown};
use crate::config::{Configuration, SandboxChoice, SecretSource, Statuses, unknown_variables};
use crate::exec::sandbox::offer;
use crate::scm::local::{discover::discover, hook_section::EVENTS, hooks};
use crate::wire::views::{HubView, StatusView};

/// Arguments; the global `--config` prints the configuration where it stands behind `doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "With --config, prints every value of the configuration with its origin.")]
pub struct Args {
    /// Only say by the exit code whether the daemon answers: 0, or 3 when it does not
    #[arg(long)]
    alive: bool,
    /// Only say by the exit code whether the daemon can take on work now: 0, or 3 when it cannot
    #[arg(long, conflicts_with = "alive")]
    ready: bool,
}

/// How a look ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    Note,
    Bad,
}

/// One thing looked at.
struct Finding {
    verdict: Verdict,
    what: &'static str,
    words: String,
    hint: Option<String>,
}

impl Finding {
    fn new(verdict: Verdict, what: &'static str, words: impl Into<String>) -> Self {
        Self {
            verdict,
            what,
            words: words.into(),
            hint: None,
        }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

/// `sdm doctor`.
pub(super) fn run(context: &mut Context, args: &Args) -> CommandResult {
    if args.alive {
        return alive(context);
    }
    if args.ready {
        return ready(context);
    }
    let configuration = context.configuration()?;
    if context.prints_configuration {
        return values(context, &configuration);
    }
    let (daemon, status) = daemon(context)?;
    let hub = status.as_ref().and_then(|status| status.hub.as_ref()).map(hub);
    let findings = [
        git(),
        daemon,
        state(&configuration),
        goal_files(&configuration, status.as_ref()),
        hooks_here(context),
        engine(&configuration),
        sandbox(&configuration),
    ];
    let findings: Vec<Finding> = findings
        .into_iter()
        .chain(database(&configuration, status.as_ref()))
        .chain(hub)
        .chain(branches_here(context))
        .chain(variables(context))
        .chain(statuses(&configuration))
        .chain(secrets(&configuration))
        .collect();
    let bad = findings.iter().any(|finding| finding.verdict == Verdict::Bad);
    if context.ui.json {
        let rows: Vec<_> = findings.iter().map(|finding| json!({"what": finding.what, "good": finding.verdict != Verdict::Bad, "text": finding.words, "hint": finding.hint})).collect();
        context.ui.object(&json!({ "findings": rows }))?;
    } else {
        let text: String = findings
            .iter()
            .map(|finding| line(&context.ui.theme, finding))
            .collect();
        context.ui.data(&text)?;
    }
    Ok(if bad { Exit::Bad } else { Exit::Ok })
}

/// Whether the daemon answers. One whose hub is away is well: it works.
fn alive(context: &mut Context) -> CommandResult {
    let status = context.client()?.status();
    match status {
        Ok(status) => {
            context
                .ui
                .data(&format!("{} is alive\n", neutralise(&status.name)))?;
            Ok(Exit::Ok)
        }
        Err(error) => {
            context.ui.note(&error.to_string());
            Ok(Exit::NotReachable)
        }
    }
}

/// Whether the daemon can take on work. One whose hub is away can.
fn ready(context: &mut Context) -> CommandResult {
    match context.client()?.ready() {
        Ok(()) => {
            context.ui.data("ready\n")?;
            Ok(Exit::Ok)
        }
        Err(error) => {
            context.ui.note(&error.to_string());
            Ok(Exit::NotReachable)
        }
    }
}

/// Secrets whose files are not there, or that others can read.
fn secrets(configuration: &Configuration) -> Vec<Finding> {
    let of_entries = configuration
        .secrets
        .iter()
        .filter_map(|(name, entry)| match &entry.source {
            SecretSource::File(path) => secret_file(name, path),
            SecretSource::Missing(because) => Some(Finding::new(
                Verdict::Note,
                "secrets",
                format!("`{name}` cannot be read: {because}"),
            )),
            SecretSource::Variable { .. } | SecretSource::Command { .. } | SecretSource::Encrypted(_) => None,
        });
    let key = configuration.secret_key_file.iter();
    of_entries
        .chain(key.filter_map(|path| secret_file("secret_key_file", path)))
        .collect()
}

fn secret_file(name: &str, path: &Path) -> Option<Finding> {
    let shown = path.display();
    match std::fs::metadata(path) {
        Err(error) => Some(Finding::new(
            Verdict::Note,
            "secrets",
            format!("`{name}` cannot be read: {shown}: {error}"),
        )),
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => Some(
            Finding::new(
                Verdict::Bad,
                "secrets",
                format!("`{name}` can be read by others: {shown}"),
            )
            .hint(format!("chmod 600 {shown}")),
        ),
        Ok(_) => None,
    }
}

fn values(context: &mut Context, configuration: &Configuration) -> CommandResult {
    if context.ui.json {
        let rows: Vec<_> = configuration
            .entries()
            .iter()
            .map(|entry| json!({"key": entry.key, "value": entry.value, "origin": entry.origin.to_string()}))
            .collect();
        context.ui.object(&json!({ "values": rows }))?;
        return Ok(Exit::Ok);
    }
    let longest = |text: &dyn Fn(&crate::config::Entry) -> &str| {
        configuration
            .entries()
            .iter()
            .map(|entry| width(text(entry)))
            .max()
            .unwrap_or(0)
    };
    let (keys, shown) = (
        longest(&|entry| entry.key),
        longest(&|entry| &entry.value).min(40),
    );
    let mut text = String::new();
    for entry in configuration.entries() {
        let origin = context
            .ui
            .theme
            .paint(Role::Dim, &neutralise(&entry.origin.to_string()));
        let _ = writeln!(
            text,
            "{}  {}  {origin}",
            pad(entry.key, keys),
            pad(&neutralise(&entry.value), shown)
        );
    }
    context.ui.data(&text)?;
    Ok(Exit::Ok)
}

fn line(theme: &Theme, finding: &Finding) -> String {
    let mark = match finding.verdict {
        Verdict::Good => theme.paint(Role::Good, theme.either("✓", "+")),
        Verdict::Note => theme.paint(Role::Waiting, theme.either("–", "-")),
        Verdict::Bad => theme.paint(Role::Bad, theme.either("⨯", "x")),
    };
    let mut text = format!("{mark} {:<11} {}\n", finding.what, neutralise(&finding.words));
    if let Some(hint) = &finding.hint {
        let _ = writeln!(
            text,
            "              {} {}",
            theme.paint(Role::Hint, "hint:"),
            neutralise(hint)
        );
    }
    text
}

fn git() -> Finding {
    match Command::new("git").arg("--version").output() {
        Ok(output) if output.status.success() => Finding::new(
            Verdict::Good,
            "git",
            String::from_utf8_lossy(&output.stdout).trim(),
        ),
        _ => Finding::new(Verdict::Note, "git", "not found")
            .hint("sdm itself works without it; `sdm clone` and most goals do not"),
    }
}

/// Whether a container engine listens where it is looked for.
fn engine(configuration: &Configuration) -> Finding {
    let answers = |path: &&std::path::PathBuf| UnixStream::connect(path).is_ok();
    match configuration.engines.iter().find(answers) {
        Some(socket) => Finding::new(
            Verdict::Good,
            "containers",
            format!("an engine listens at {}", socket.display()),
        ),
        None => Finding::new(Verdict::Note, "containers", "no container engine listens").hint(
            "only `containers` goals need one: `systemctl --user enable --now podman.socket`, or name one with `engine`",
        ),
    }
}

/// What a sandbox would hold here, and whether that is enough for what is configured.
fn sandbox(configuration: &Configuration) -> Finding {
    let offer = offer();
    let wanted = [configuration.sandboxes.trusted, configuration.sandboxes.untrusted];
    let verdict = match (offer.bubblewrap, wanted.contains(&SandboxChoice::Required)) {
        (true, _) => Verdict::Good,
        (false, true) => Verdict::Bad,
        (false, false) => Verdict::Note,
    };
    let finding = Finding::new(verdict, "sandbox", offer.words());
    if offer.bubblewrap {
        return finding;
    }
    finding.hint("install bubblewrap, and let it make namespaces where the system forbids that")
}

/// The daemon, and what it says of itself.
fn daemon(context: &Context) -> Result<(Finding, Option<StatusView>), CommandError> {
    let client = context.client()?;
    let status = match client.status() {
        Ok(status) => status,
        Err(error @ ClientError::NoDaemon { .. }) => {
            let finding = Finding::new(Verdict::Note, "daemon", error.to_string())
                .hint("start one with `sdm start --local`");
            return Ok((finding, None));
        }
        Err(error) => {
            let hint = error.hint().unwrap_or_default();
            return Ok((
                Finding::new(Verdict::Bad, "daemon", error.to_string()).hint(hint),
                None,
            ));
        }
    };
    let repositories = u32::try_from(status.repositories.len()).unwrap_or(u32::MAX);
    let words = format!(
        "{} runs as process {} (sdm {}), {} {}",
        status.name,
        status.pid,
        status.version,
        repositories,
        plural(repositories, "repository", "repositories")
    );
    let finding = Finding::new(Verdict::Good, "daemon", words);
    Ok((finding, Some(status)))
}

/// A hub that is away holds up reports, not work.
fn hub(hub: &HubView) -> Finding {
    let (verdict, words) = match (hub.standing.as_str(), &hub.problem) {
        ("connected", _) => (Verdict::Good, format!("connected to {}", hub.address)),
        ("superseded", _) => (
            Verdict::Note,
            format!("{} prefers another version of this machine", hub.address),
        ),
        (_, Some(problem)) => (Verdict::Bad, format!("{}: {problem}", hub.address)),
        (_, None) => (Verdict::Note, format!("connecting to {}", hub.address)),
    };
    let waiting = match (hub.reports_waiting, hub.answers_waiting) {
        (0, 0) => String::new(),
        (reports, answers) => format!(" ({reports} reports and {answers} answers wait for it)"),
    };
    let finding = Finding::new(verdict, "hub", neutralise(&words) + &waiting);
    match &hub.hint {
        Some(hint) => finding.hint(hint.clone()),
        None => finding,
    }
}

/// At which forges commits carry how their goals stand.
fn statuses(configuration: &Configuration) -> Option<Finding> {
    let of = |wanted: Statuses| {
        let forges = configuration.forges.iter();
        let fitting = forges.filter(move |(_, forge)| forge.statuses == wanted);
        fitting
            .map(|(origin, _)| origin.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let name = configuration.name.as_str();
    let (with, without) = (of(Statuses::Statuses), of(Statuses::None));
    let checked = of(Statuses::Checks);
    let said = [
        (&with, format!("commits at {with} carry the status sdm/{name}")),
        (
            &checked,
            format!("commits at {checked} carry the checks sdm/{name} and sdm/{name}/GOAL"),
        ),
    ];
    let mut said: Vec<String> = said
        .into_iter()
        .filter(|(at, _)| !at.is_empty())
        .map(|(_, said)| said)
        .collect();
    let tells = !said.is_empty();
    match (without.is_empty(), tells) {
        (true, false) => return None,
        (true, true) => {}
        (false, false) => said.push(format!("no commit statuses at {without}")),
        (false, true) => said.push(format!("those at {without} none")),
    }
    let words = said.join(", ");
    let verdict = if tells { Verdict::Good } else { Verdict::Note };
    let finding = Finding::new(verdict, "statuses", words);
    match tells {
        true => Some(finding),
        false => Some(finding.hint("`statuses: false` of a forge in the configuration says so")),
    }
}

/// The database that is shared, when one is.
fn database(configuration: &Configuration, daemon: Option<&StatusView>) -> Option<Finding> {
    let configured = configuration.database.is_some();
    match daemon.map(|status| &status.database) {
        Some(Some(shared)) => Some(Finding::new(Verdict::Good, "database", shared)),
        Some(None) if configured => {
            let finding = Finding::new(Verdict::Bad, "database", "the daemon uses a file of its own");
            Some(finding.hint("restart it, so that it uses the `database` of the configuration"))
        }
        None if configured => {
            let words = "Postgres is configured; whether it answers is seen at the start";
            Some(Finding::new(Verdict::Note, "database", words))
        }
        Some(None) | None => None,
    }
}

/// Private, when it is there (threat J6).
fn state(configuration: &Configuration) -> Finding {
    let path = &configuration.state_directory;
    match std::fs::metadata(path) {
        Err(_) => Finding::new(
            Verdict::Note,
            "state",
            format!("{} is made at the first start", path.display()),
        ),
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => Finding::new(
            Verdict::Bad,
            "state",
            format!("{} can be read by others", path.display()),
        )
        .hint(format!("chmod 700 {}", path.display())),
        Ok(_) => match has_room(path, configuration.goal_limits.free_disk.unwrap_or(0)) {
            Ok(()) => Finding::new(Verdict::Good, "state", path.display().to_string()),
            Err((problem, hint)) => {
                Finding::new(Verdict::Bad, "state", format!("{}: {problem}", path.display())).hint(hint)
            }
        },
    }
}

/// Whether the machine could write there, and `least` bytes are left for goals.
fn has_room(path: &Path, least: u64) -> Result<(), (String, &'static str)> {
    let trial = path.join(format!(".doctor-{}", std::process::id()));
    let written = std::fs::write(&trial, [b' '; 4096]);
    std::fs::remove_file(&trial).ok();
    written.map_err(|error| {
        let problem = format!("nothing can be written there: {error}");
        (problem, "make room, or name another directory with SDM_HOME")
    })?;
    let Ok(disk) = nix::sys::statvfs::statvfs(path) else {
        return Ok(());
    };
    let free = disk.blocks_available().saturating_mul(disk.fragment_size());
    if free < least {
        let problem = format!("only {} MiB are free, and goals need {}", free >> 20, least >> 20);
        return Err((problem, "make room, or set `goal_limits.free_disk`"));
    }
    Ok(())
}

/// Those of the daemon, where one runs: it is the one that plans.
fn goal_files(configuration: &Configuration, daemon: Option<&StatusView>) -> Finding {
    if let Some(status) = daemon.filter(|status| !plans_with(status, configuration)) {
        let words = format!("the daemon uses {}", shown(status));
        return Finding::new(Verdict::Note, "goal files", words)
            .hint("without `--goals` commands read others here; `sdm explain --stored` shows what the daemon planned");
    }
    match &configuration.goals {
        None => Finding::new(Verdict::Good, "goal files", "those that ship with sdm"),
        Some(path) if path.exists() => Finding::new(Verdict::Good, "goal files", path.display().to_string()),
        Some(path) => Finding::new(
            Verdict::Bad,
            "goal files",
            format!("{} is missing", path.display()),
        )
        .hint("write one there, or name another place with --goals"),
    }
}

fn hooks_here(context: &Context) -> Finding {
    let Ok(paths) = discover(&context.sources.directory) else {
        return Finding::new(Verdict::Note, "hooks", "this directory is in no git repository");
    };
    let found = hooks::installed(&paths);
    match found.len() {
        0 => Finding::new(Verdict::Note, "hooks", "none in this repository")
            .hint("`sdm hooks add` lets the daemon see commits at once"),
        count if count == EVENTS.len() => Finding::new(
            Verdict::Good,
            "hooks",
            format!("all in {}", paths.hooks.display()),
        ),
        _ => Finding::new(Verdict::Note, "hooks", format!("only {}", found.join(", ")))
            .hint("`sdm hooks add` adds the others"),
    }
}

/// Branches whose pushes are never delivered.
fn branches_here(context: &Context) -> Option<Finding> {
    let paths = discover(&context.sources.directory).ok()?;
    let refused = crate::git::heads::heads(&paths.common).ok()?.refused;
    let first = refused.first()?;
    let more = match refused.len() {
        1 => String::new(),
        count => format!(", and {} more", count - 1),
    };
    let finding = Finding::new(
        Verdict::Note,
        "branches",
        format!("left out: branch {first}{more}"),
    );
    Some(finding.hint("pushes to it set no goals; `git branch -m` renames a branch"))
}

fn variables(context: &Context) -> Vec<Finding> {
    let finding = |(name, meant): (String, Option<&str>)| {
        let finding = Finding::new(
            Verdict::Note,
            "environment",
            format!("{name} is not a variable of sdm"),
        );
        match meant {
            Some(meant) => finding.hint(format!("did you mean {meant}?")),
            None => finding,
        }
    };
    unknown_variables(&context.sources)
        .into_iter()
        .map(finding)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semantics_6_whether_commits_carry_a_status_is_said() {
        let forge = |statuses| crate::config::ForgeEntry {
            secret: "token".to_owned(),
            api: None,
            statuses,
        };
        let sources = crate::config::Sources {
            directory: "/".into(),
            home: Some("/nobody".into()),
            system: "/nowhere".into(),
            ..Default::default()
        };
        let mut configuration = crate::config::load(&sources, &Default::default()).unwrap();
        assert!(statuses(&configuration).is_none(), "no forge, nothing to say");
        configuration.name = "build".to_owned();
        let origin = |name: &str| format!("https://{name}.example.com");
        configuration.forges = [(origin("silent"), forge(Statuses::None))].into();
        let finding = statuses(&configuration).unwrap();
        assert_eq!(finding.words, "no commit statuses at https://silent.example.com");
        configuration
            .forges
            .insert(origin("git"), forge(Statuses::Statuses));
        let finding = statuses(&configuration).unwrap();
        assert_eq!(
            finding.words,
            "commits at https://git.example.com carry the status sdm/build, those at https://silent.example.com none"
        );
        configuration.forges = [(origin("app"), forge(Statuses::Checks))].into();
        assert_eq!(
            statuses(&configuration).unwrap().words,
            "commits at https://app.example.com carry the checks sdm/build and sdm/build/GOAL"
        );
    }

    #[test]
    fn a_state_directory_without_room_is_said_to_be_bad() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(has_room(place.path(), 0), Ok(()));
        assert_eq!(
            std::fs::read_dir(place.path()).unwrap().count(),
            0,
            "nothing is left behind"
        );
        let (problem, _) = has_room(place.path(), u64::MAX).unwrap_err();
        assert!(problem.contains("MiB are free, and goals need"), "{problem}");
        let (problem, _) = has_room(&place.path().join("missing"), 0).unwrap_err();
        assert!(problem.starts_with("nothing can be written there: "), "{problem}");
    }
}
