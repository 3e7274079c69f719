//! `sdm hub extensions`: programs of others, installed by the address of their descriptor, and everything that becomes of them.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::super::context::{CommandResult, Context, Exit};
use super::super::error::{CommandError, ErrorKind};
use super::super::extension_door::{Wanted, extensions};
use super::super::text::neutralise;
use super::hub_secrets::MasterKeyArgs;
use crate::access::scope::Sensitivity;
use crate::access::snapshot::{AddonState, Right};
use crate::access::{PersonId, Scope, ScopeSet, Selector};
use crate::hub::extensions::life::{Answer, Shown};
use crate::hub::extensions::{ExtensionOptions, Network, OutsideRules};
use crate::store::hub::Place;

/// How long a hub that runs is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which addresses of extensions a hub reaches.
#[derive(Debug, Clone, Args)]
pub(super) struct OutsideArgs {
    /// Reach extensions on this computer, also without TLS; for development alone
    #[arg(long, global = true)]
    development: bool,
    /// A port at which extensions are reached, beside 80, 443 and 8080
    #[arg(long = "extension-port", global = true, value_name = "PORT")]
    ports: Vec<u16>,
    /// A network in which extensions are reached although it is not public, such as 10.1.0.0/16
    #[arg(long = "extension-network", global = true, value_name = "NETWORK")]
    networks: Vec<Network>,
    /// What extensions are told that the hub is; some frameworks branch on it
    #[arg(
        long = "product-type",
        global = true,
        value_name = "WORD",
        default_value = "hub"
    )]
    product_type: String,
}

impl OutsideArgs {
    /// As the hub takes it.
    pub(super) fn options(&self) -> ExtensionOptions {
        let usual = OutsideRules::default();
        ExtensionOptions {
            rules: OutsideRules {
                development: self.development,
                ports: [usual.ports, self.ports.clone()].concat(),
                networks: self.networks.clone(),
            },
            product_type: self.product_type.clone(),
            ..ExtensionOptions::default()
        }
    }
}

/// What to do with extensions.
#[derive(Debug, Subcommand)]
pub(super) enum ExtensionsCommand {
    /// List extensions: where each stands, what it may do, and what is wrong
    List,
    /// Read the descriptor at an address and let it wait for your answer; nothing is handed out
    Add(AddArgs),
    /// Show what an extension asks for and what it may do
    Show {
        /// Its key
        key: String,
    },
    /// Agree to what an extension asks for, or to a part of it; the hub then hands it its secret
    Approve(ApproveArgs),
    /// Do not agree; all stays as it is, and the same wish does not ask again
    Reject {
        /// Its key
        key: String,
    },
    /// Read its descriptor again; less takes effect at once, more waits for an answer
    Read {
        /// Its key
        key: String,
    },
    /// Give it another secret; the one before counts for ten more minutes
    Rotate {
        /// Its key
        key: String,
    },
    /// Switch it off; its tokens end now
    Disable {
        /// Its key
        key: String,
    },
    /// Switch it on again
    Enable {
        /// Its key
        key: String,
    },
    /// Remove it and destroy its secrets; it is told, and not waited for
    Uninstall {
        /// Its key
        key: String,
    },
    /// Agree for everybody that it acts for people, or take that back; people agree for themselves in a browser
    ActFor {
        /// Its key
        key: String,
        /// Take it back
        #[arg(long)]
        nobody: bool,
    },
    /// Make another key that signs installs; those before it stay published for two days
    InstallKey,
}

/// Which.
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// Address of its descriptor
    #[arg(value_name = "URL")]
    address: String,
    /// Workspaces it is for; `main` when absent
    #[arg(long = "in", value_name = "WORKSPACE")]
    workspaces: Vec<String>,
}

/// What is agreed to.
#[derive(Debug, Args)]
pub(super) struct ApproveArgs {
    /// Its key
    key: String,
    /// Digest of what you have seen, as `show` prints it; its first 8 characters are enough
    #[arg(long, value_name = "DIGEST")]
    shown: String,
    /// A scope that you agree to; all that it asks for when none is named
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// A scope of high sensitivity that you agree to by name
    #[arg(long = "high", value_name = "SCOPE")]
    high: Vec<String>,
    /// Where it may do it, such as `repo:acme/*=write`, `workspace=read` or `env:production=deny`
    #[arg(long = "on", value_name = "RESOURCE=LEVEL")]
    grants: Vec<String>,
}

/// `sdm hub extensions`.
pub(super) fn run(
    context: &mut Context,
    place: &Place,
    (keys, outside): (&MasterKeyArgs, &OutsideArgs),
    command: &ExtensionsCommand,
) -> CommandResult {
    let wanted = Wanted {
        place: place.clone(),
        master_keys: keys.load(context)?,
        options: outside.options(),
    };
    match command {
        ExtensionsCommand::List => {
            let all = extensions(&wanted, |hub| async move { hub.all_shown().await })?;
            list(context, &all)
        }
        ExtensionsCommand::Add(args) => {
            let workspaces = match args.workspaces.as_slice() {
                [] => vec!["main".to_owned()],
                named => named.to_vec(),
            };
            let address = args.address.clone();
            let shown = extensions(&wanted, |hub| async move {
                hub.register_anew(&address, &workspaces).await
            })?;
            show(context, &shown)
        }
        ExtensionsCommand::Show { key } => {
            let shown = extensions(&wanted, |hub| async move { hub.shown(key).await })?;
            show(context, &shown)
        }
        ExtensionsCommand::Approve(args) => approve(context, &wanted, args),
        ExtensionsCommand::Reject { key } => {
            extensions(&wanted, |hub| async move { hub.reject(key).await })?;
            done(context, "all stays as it is")
        }
        ExtensionsCommand::Read { key } => {
            let shown = extensions(&wanted, |hub| async move { hub.read_again(key).await })?;
            show(context, &shown)
        }
        ExtensionsCommand::Rotate { key } => {
            extensions(&wanted, |hub| async move { hub.want_secret(key).await })?;
            done(
                context,
                "the hub gives it another secret; `show` tells if it did not take it",
            )
        }
        ExtensionsCommand::Disable { key } => {
            extensions(&wanted, |hub| async move { hub.disable(key).await })?;
            done(context, "it is switched off")
        }
        ExtensionsCommand::Enable { key } => {
            extensions(&wanted, |hub| async move { hub.enable(key).await })?;
            done(context, "it is switched on")
        }
        ExtensionsCommand::Uninstall { key } => {
            extensions(&wanted, |hub| async move { hub.uninstall(key).await })?;
            done(
                context,
                "it is removed; the hub destroys its secrets and tells it",
            )
        }
        ExtensionsCommand::ActFor { key, nobody: true } => {
            extensions(
                &wanted,
                |hub| async move { hub.take_consent_back(key, None).await },
            )?;
            done(context, "it acts only for people who agreed for themselves")
        }
        ExtensionsCommand::ActFor { key, nobody: false } => {
            let by = PersonId::operator();
            extensions(
                &wanted,
                |hub| async move { hub.consent(key, None, by.as_str()).await },
            )?;
            done(
                context,
                "with the scope act_as_user it acts for everybody, within what each may do",
            )
        }
        ExtensionsCommand::InstallKey => {
            let id = extensions(&wanted, |hub| async move { hub.renew_install_key().await })?;
            context.ui.data(&format!("{id}\n"))?;
            Ok(Exit::Ok)
        }
    }
}

fn done(context: &Context, what: &str) -> CommandResult {
    context.ui.note(what);
    Ok(Exit::Ok)
}

fn approve(context: &mut Context, wanted: &Wanted, args: &ApproveArgs) -> CommandResult {
    let (scopes, high) = (set(&args.scopes)?, set(&args.high)?);
    let grants: Result<Vec<(Selector, Right)>, CommandError> =
        args.grants.iter().map(|text| grant(text)).collect();
    let grants = grants?;
    let key = args.key.clone();
    let shown = extensions(wanted, |hub| async move { hub.shown(&key).await })?;
    let start = args.shown.as_str();
    if start.len() < 8 || !shown.digest.starts_with(start) {
        return Err(CommandError::new(
            ErrorKind::Refused,
            "the extension has changed since this was shown; look at it again",
        )
        .hint(format!("`sdm hub extensions show {}`", neutralise(&args.key))));
    }
    let answer = Answer {
        by: PersonId::operator(),
        shown: shown.digest.clone(),
        scopes: (!args.scopes.is_empty() || !args.high.is_empty()).then(|| scopes.with(high)),
        ticked: high,
    };
    let key = args.key.clone();
    let settled = extensions(wanted, |hub| async move {
        hub.approve(&key, &answer).await?;
        hub.grant(&key, &grants, &PersonId::operator()).await?;
        hub.settled(&key, PATIENCE).await
    })?;
    match settled {
        Some(shown) if shown.trouble.is_empty() => done(context, "it has taken its secret and is at work"),
        Some(shown) => Err(CommandError::new(ErrorKind::Refused, neutralise(&shown.trouble))
            .hint("what you agreed to waits again; put the extension right, and approve it again")),
        None => done(
            context,
            "agreed; it is installed as soon as a hub runs with its master key",
        ),
    }
}

fn set(words: &[String]) -> Result<ScopeSet, CommandError> {
    ScopeSet::parse(words.iter().map(String::as_str))
        .map_err(|error| CommandError::from_error(ErrorKind::Usage, error))
}

/// `repo:acme/*=write`
fn grant(text: &str) -> Result<(Selector, Right), CommandError> {
    let wrong = || {
        CommandError::new(ErrorKind::Usage, format!("`{}` is no grant", neutralise(text)))
            .hint("write it as `repo:acme/*=write`, with read, write, admin or deny")
    };
    let (selector, right) = text.rsplit_once('=').ok_or_else(wrong)?;
    let selector =
        Selector::parse(selector).map_err(|error| CommandError::from_error(ErrorKind::Usage, error))?;
    Ok((selector, Right::read(right).ok_or_else(wrong)?))
}

fn list(context: &mut Context, all: &[Shown]) -> CommandResult {
    if context.ui.json {
        let rows: Vec<Value> = all.iter().map(row).collect();
        context.ui.object(&json!({ "extensions": rows }))?;
        return Ok(Exit::Ok);
    }
    if all.is_empty() {
        context.ui.note("no extensions");
    }
    let lines: String = all.iter().map(|shown| neutralise(&line(shown)) + "\n").collect();
    context.ui.data(&lines)?;
    Ok(Exit::Ok)
}

fn line(shown: &Shown) -> String {
    let asks_for_more = shown.waits && shown.state != AddonState::Pending;
    let waits = if asks_for_more { ", asks for more" } else { "" };
    let trouble = match shown.trouble.as_str() {
        "" => String::new(),
        trouble => format!("  {trouble}"),
    };
    let scopes = shown.approved.names().join(",");
    format!(
        "{}  {}{waits}  at {}  {scopes}{trouble}",
        shown.key,
        shown.state.word(),
        shown.host
    )
}

fn row(shown: &Shown) -> Value {
    let names = |scopes: &[Scope]| scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>();
    json!({
        "key": shown.key, "state": shown.state.word(), "name": shown.name, "vendor": shown.vendor, "host": shown.host,
        "digest": shown.digest, "waits": shown.waits, "installed": shown.is_installed, "approved": shown.approved.names(),
        "asks_for": names(&shown.scopes.new), "gives_up": names(&shown.scopes.given_up), "events": shown.events,
        "warnings": shown.warnings, "trouble": shown.trouble,
    })
}

fn show(context: &mut Context, shown: &Shown) -> CommandResult {
    if context.ui.json {
        context.ui.object(&row(shown))?;
        return Ok(Exit::Ok);
    }
    let text = page(shown);
    let lines: String = text.lines().map(|line| neutralise(line) + "\n").collect();
    context.ui.data(&lines)?;
    if shown.waits {
        let start = shown.digest.get(..8).unwrap_or_default();
        context.ui.note(&format!(
            "agree with: sdm hub extensions approve {} --shown {start}",
            neutralise(&shown.key)
        ));
    }
    Ok(Exit::Ok)
}

/// What an administrator reads before agreeing.
fn page(shown: &Shown) -> String {
    let mut text = format!("{}  {}\n", shown.key, shown.state.word());
    let says = [
        ("says it is", shown.name.as_deref()),
        ("says it is made by", shown.vendor.as_deref()),
    ];
    for (label, value) in says {
        text.extend(value.map(|value| format!("{label}: {value}\n")));
    }
    text.push_str(&format!("is at: {}\nread as: {}\n", shown.host, shown.digest));
    let groups: [(&str, &[Scope]); 3] = [
        ("asks for", &shown.scopes.new),
        ("has", &shown.scopes.kept),
        ("gives up", &shown.scopes.given_up),
    ];
    for (label, scopes) in groups.into_iter().filter(|(_, scopes)| !scopes.is_empty()) {
        text.push_str(&format!("{label}:\n"));
        text.extend(scopes.iter().map(|scope| sentence(*scope)));
    }
    let never: Vec<&str> = shown.scopes.never.iter().map(|scope| scope.name()).collect();
    text.push_str(&format!("could not: {}\n", never.join(", ")));
    if !shown.events.is_empty() {
        text.push_str(&format!("wants to hear of: {}\n", shown.events.join(", ")));
    }
    text.extend(shown.warnings.iter().map(|warning| format!("note: {warning}\n")));
    if !shown.trouble.is_empty() {
        text.push_str(&format!("trouble: {}\n", shown.trouble));
    }
    text
}

fn sentence(scope: Scope) -> String {
    let row = scope.row();
    let tick = match row.sensitivity {
        Sensitivity::High => format!("  (high: name it with --high {})", row.name),
        Sensitivity::Low | Sensitivity::Medium => String::new(),
    };
    format!("  {:<18}  {}{tick}\n", row.name, row.allows)
}
