//! The hub: the workspace service that machines, forges and people talk to.
//!
//! [`start`] opens the memory, listens, and keeps house until it is told to stop. [`http`] is what can be asked over
//! HTTP, each route by its row in the operation table ([`access`]); [`machines`] is the conversation with machines, [`ingest`]
//! what forges tell. Everything that changes the graph goes through `changes`.

pub mod access;
pub mod addons;
pub mod administration;
mod applier;
mod approvals;
mod asked;
mod badges;
mod becoming;
mod changes;
mod channels;
mod commands;
pub mod console;
mod crowd;
mod desk;
mod desks;
mod error;
pub mod extensions;
mod federation;
mod fingerprints;
mod follower;
mod found;
mod goals;
mod hints;
mod histogram;
pub mod history;
mod http;
mod in_shape;
mod in_time;
pub mod ingest;
mod jobs;
mod last_words;
mod lists;
mod lock;
pub mod logs;
pub mod machines;
mod metrics;
mod missed;
pub mod pages;
pub mod people;
mod questions;
mod refusal;
mod refused;
mod remembered;
mod resource_providers;
pub mod restore;
mod rhythm;
pub mod safe;
mod said;
mod serve;
mod streams;
mod told_forges;
mod traces;
mod vitals;
mod workspaces;
mod written_down;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::HOST;
use secrecy::SecretString;
use tokio::net::TcpListener;

use crate::access::PersonId;
use crate::files::logs::LogShelf;
use crate::model::Timestamp;
use crate::ports::hub::secrets::SealedSecrets;
use crate::ports::hub::{HubStore, Keys, QueueLimits, RestedLogs};
use crate::runtime::clock::{Clock, Ids, RandomIds, SystemClock};
use crate::runtime::tasks::Tasks;
use crate::runtime::trace::Tracer;
use crate::runtime::trace::otlp::{self, Export};
use crate::secrets::envelope::MasterKeys;
use crate::store::hub::{Place, SqlHub};
use access::agreed::{Agreeing, agree_to_known};
use access::rights::Rights;
use addons::tell::ToldChannel;
use commands::progress::Progress;
use desks::{Desks, desks};
pub use error::HubError;
use extensions::listening::Listening;
use extensions::{ExtensionError, ExtensionOptions, Extensions, Network};
use federation::Issuers;
use hints::Whispers;
use ingest::WebhookSecrets;
use lock::MemoryLock;
use logs::LogOptions;
use machines::deliver::Sessions;
use machines::known::Known;
use machines::register::Pace;
use machines::room::Room;
use machines::settings::ChangedSettings;
use metrics::Counters;
use pages::stream::Readers;
use people::forge::ForgeAnswers;
use people::in_graph::Told;
use people::providers::{HookSettings, ProviderSettings, Providers};
pub use rhythm::Rhythm;
use safe::Safe;
use streams::Streams;
use vitals::Vitals;
use workspaces::Workspaces;

/// How long the hub waits for its conversations to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long it waits for its memory to close afterwards.
const CLOSING: Duration = Duration::from_secs(5);

/// How a hub is to start.
#[derive(Debug, Clone)]
pub struct HubOptions {
    /// Where its memory is.
    pub place: Place,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Its address as machines reach it, `http://…` or `https://…`; what they asked for when absent.
    pub address: Option<String>,
    /// How often and how long.
    pub rhythm: Rhythm,
    /// Limits of what waits for one machine.
    pub limits: QueueLimits,
    /// Secrets of webhooks.
    pub webhooks: WebhookSecrets,
    /// Secrets for machines that declare them, by their URIs, such as `github://org_token`.
    pub secrets: BTreeMap<String, SecretString>,
    /// File of the policy, which then is the only source of who may do what; what administrators decided when absent.
    pub policy: Option<PathBuf>,
    /// File of the audit log; none is kept when absent.
    pub audit: Option<PathBuf>,
    /// What becomes of logs of goals.
    pub logs: LogOptions,
    /// How long goal sets that have ended, and pushes, are kept; for ever when absent.
    pub history: Option<Duration>,
    /// Systems that people sign in with.
    pub providers: Vec<ProviderSettings>,
    /// Webhooks of repositories and organisations that are asked for what did not arrive.
    pub hooks: Vec<HookSettings>,
    /// What opens the hub's safe; it keeps no secrets when absent.
    pub master_keys: Option<Arc<MasterKeys>>,
    /// How the hub deals with extensions.
    pub extensions: ExtensionOptions,
    /// Where logs go that have rested, before the directory of `logs`.
    pub log_store: Option<Arc<dyn RestedLogs>>,
    /// Who is told how long things take; nobody when absent.
    pub traces: Option<Export>,
    /// How long the hub says that it is not ready before it ends and takes no more requests; not at all when zero.
    pub notice: Duration,
    /// Networks of proxies in front of the hub whose word about where a request comes from is believed.
    pub proxies: Vec<Network>,
    /// The channel in which administrators are told of what waits for them; they are told on pages and in the log alone when absent.
    pub told_channel: Option<ToldChannel>,
}

impl HubOptions {
    /// The usual ones.
    pub fn new(place: Place, listen: SocketAddr) -> Self {
        Self {
            place,
            listen,
            address: None,
            rhythm: Rhythm::default(),
            limits: QueueLimits {
                waiting: 10_000,
                attempts: 10,
            },
            webhooks: WebhookSecrets::default(),
            secrets: BTreeMap::new(),
            policy: None,
            audit: None,
            logs: LogOptions::default(),
            history: Some(history::KEPT),
            providers: Vec::new(),
            hooks: Vec::new(),
            master_keys: None,
            extensions: ExtensionOptions::default(),
            log_store: None,
            traces: None,
            notice: Duration::ZERO,
            proxies: Vec::new(),
            told_channel: None,
        }
    }
}

/// The hub's parts, as everything in this room shares them.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    store: Arc<dyn HubStore>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    tasks: Tasks,
    options: HubOptions,
    known: Known,
    sessions: Sessions,
    whispers: Whispers,
    changed_settings: ChangedSettings,
    /// What machines say of commands while they carry them out.
    progress: Progress,
    streams: Streams,
    pace: Pace,
    counters: Counters,
    rights: Arc<Rights>,
    desks: Desks,
    forge_answers: ForgeAnswers,
    providers: Providers,
    safe: Safe,
    readers: Readers,
    extensions: Extensions,
    issuers: Issuers,
    listening: Listening,
    workspaces: Workspaces,
    told_of_people: Told,
    tracer: Tracer,
    /// Where logs are that have rested: where they go, and where earlier ones may be.
    rested_logs: Vec<Arc<dyn RestedLogs>>,
    /// For how many connections there is room.
    room: Room,
    vitals: Vitals,
}

impl Hub {
    fn new(
        store: Arc<dyn HubStore>,
        options: HubOptions,
        tasks: Tasks,
        rights: Arc<Rights>,
        desks: Desks,
    ) -> Result<Self, ExtensionError> {
        let secrets: Arc<dyn SealedSecrets> = store.clone();
        let shelf = options.logs.directory.clone().map(LogShelf::new);
        let shelf = shelf.map(|shelf| Arc::new(shelf) as Arc<dyn RestedLogs>);
        let rested_logs = options.log_store.clone().into_iter().chain(shelf).collect();
        let traces = options.traces.clone();
        let tracer = traces.map_or_else(Tracer::off, |export| otlp::begin(export, &tasks));
        let safe = Safe::new(secrets, options.master_keys.clone());
        let (clock, ids): (Arc<dyn Clock>, Arc<dyn Ids>) = (Arc::new(SystemClock), Arc::new(RandomIds));
        let doors = (Arc::clone(&clock), Arc::clone(&ids));
        let vitals = Vitals::new(clock.now());
        let extensions = Extensions::new(
            Arc::clone(&store),
            safe.clone(),
            doors,
            options.extensions.clone(),
        )?
        .writing_to(Arc::clone(&rights));
        Ok(Self(Arc::new(Inner {
            forge_answers: ForgeAnswers::default(),
            providers: Providers::new(options.providers.clone()).with_hooks(options.hooks.clone()),
            safe,
            issuers: Issuers::new(extensions.outside().clone()),
            extensions,
            listening: Listening::default(),
            workspaces: Workspaces::default(),
            told_of_people: Told::default(),
            tracer,
            rested_logs,
            store,
            clock,
            ids,
            tasks,
            options,
            known: Known::new(),
            sessions: Sessions::default(),
            whispers: Whispers::default(),
            changed_settings: ChangedSettings::default(),
            progress: Progress::default(),
            streams: Streams::default(),
            pace: Pace::default(),
            counters: Counters::default(),
            rights,
            desks,
            readers: Readers::default(),
            room: machines::room::room(),
            vitals,
        })))
    }

    fn store(&self) -> &dyn HubStore {
        &*self.0.store
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn fresh_id(&self) -> String {
        self.0.ids.fresh().to_string()
    }

    fn tasks(&self) -> &Tasks {
        &self.0.tasks
    }

    fn is_stopping(&self) -> bool {
        self.0.tasks.stop_token().is_cancelled()
    }

    fn known(&self) -> &Known {
        &self.0.known
    }

    fn told_of_people(&self) -> &Told {
        &self.0.told_of_people
    }

    fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    fn streams(&self) -> &Streams {
        &self.0.streams
    }

    fn log_options(&self) -> &LogOptions {
        &self.0.options.logs
    }

    fn rested_logs(&self) -> &[Arc<dyn RestedLogs>] {
        &self.0.rested_logs
    }

    fn whispers(&self) -> &Whispers {
        &self.0.whispers
    }

    fn changed_settings(&self) -> &ChangedSettings {
        &self.0.changed_settings
    }

    fn progress(&self) -> &Progress {
        &self.0.progress
    }

    fn rights(&self) -> &Arc<Rights> {
        &self.0.rights
    }

    fn safe(&self) -> &Safe {
        &self.0.safe
    }

    fn forge_answers(&self) -> &ForgeAnswers {
        &self.0.forge_answers
    }

    fn providers(&self) -> &Providers {
        &self.0.providers
    }

    fn pace(&self) -> &Pace {
        &self.0.pace
    }

    fn desks(&self) -> &Desks {
        &self.0.desks
    }

    fn extensions(&self) -> &Extensions {
        &self.0.extensions
    }

    fn tracer(&self) -> &Tracer {
        &self.0.tracer
    }

    fn known_workspaces(&self) -> &Workspaces {
        &self.0.workspaces
    }

    fn issuers(&self) -> &Issuers {
        &self.0.issuers
    }

    fn listening(&self) -> &Listening {
        &self.0.listening
    }

    /// The hub's address as it is known to others, without a slash at its end.
    fn own_address(&self) -> String {
        match &self.0.options.address {
            Some(address) => address.trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.0.options.listen),
        }
    }

    /// The file of the audit log, where one is kept.
    fn audit_file(&self) -> Option<&Path> {
        self.0.options.audit.as_deref()
    }

    fn readers(&self) -> &Readers {
        &self.0.readers
    }

    fn proxies(&self) -> &[Network] {
        &self.0.options.proxies
    }

    fn told_channel(&self) -> Option<&ToldChannel> {
        self.0.options.told_channel.as_ref()
    }

    fn room_for_machines(&self) -> usize {
        self.0.room.machines
    }

    fn room_for_others(&self) -> usize {
        self.0.room.others
    }

    fn vitals(&self) -> &Vitals {
        &self.0.vitals
    }

    /// Whether other hubs may share the memory.
    fn may_have_replicas(&self) -> bool {
        matches!(self.0.options.place, Place::Postgres(_))
    }

    fn counters(&self) -> &Counters {
        &self.0.counters
    }

    fn rhythm(&self) -> Rhythm {
        self.0.options.rhythm
    }

    fn webhook_secrets(&self) -> &WebhookSecrets {
        &self.0.options.webhooks
    }

    fn limits(&self) -> QueueLimits {
        self.0.options.limits
    }

    /// A secret for machines that declare it and may have it.
    fn secret(&self, uri: &str) -> Option<&SecretString> {
        let name = uri.split('?').next().unwrap_or_default();
        self.0.options.secrets.get(name)
    }

    /// The hub's address, for somebody who sent these headers.
    fn address_for(&self, headers: &HeaderMap) -> String {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        match (&self.0.options.address, host) {
            (Some(address), _) => address.trim_end_matches('/').to_owned(),
            (None, Some(host)) => format!("http://{host}"),
            (None, None) => format!("http://{}", self.0.options.listen),
        }
    }

    /// Where websockets are opened, for somebody who sent these headers.
    fn websocket_address(&self, headers: &HeaderMap) -> String {
        self.address_for(headers).replacen("http", "ws", 1)
    }
}

/// A hub that runs.
pub struct RunningHub {
    /// Where it listens.
    pub address: SocketAddr,
    hub: Hub,
    memory: SqlHub,
    _lock: Option<MemoryLock>,
}

impl RunningHub {
    /// Completes when a part of it has broken.
    pub async fn broken(&self) {
        self.hub.tasks().crashed().await;
    }

    /// The hub's memory.
    pub fn memory(&self) -> &SqlHub {
        &self.memory
    }

    /// Ends it in good order; `false` when something did not end in time.
    pub async fn stop(self) -> bool {
        // Whoever sends requests here has time to send them elsewhere.
        self.hub.vitals().leaves();
        let notice = self.hub.0.options.notice;
        if !notice.is_zero() {
            tokio::select! {
                () = self.broken() => {}
                () = tokio::time::sleep(notice) => {}
            }
        }
        let ended = self.hub.tasks().shut_down(PATIENCE).await;
        // Whoever still has a connection to it then must not keep the process.
        let closed = tokio::time::timeout(CLOSING, self.memory.close()).await;
        ended && closed.is_ok()
    }
}

fn take_lock(place: &Place) -> Result<Option<MemoryLock>, HubError> {
    MemoryLock::of(place).map_err(|error| match (place, error.kind()) {
        (Place::File(path), std::io::ErrorKind::WouldBlock) => HubError::InUse(path.clone()),
        _ => HubError::Place(error),
    })
}

/// Starts a hub.
///
/// # Errors
/// Its memory cannot be opened or its address not listened on.
pub async fn start(options: HubOptions) -> Result<RunningHub, HubError> {
    let (policy, audit) = (options.policy.as_deref(), options.audit.as_deref());
    let lock = take_lock(&options.place)?;
    let rights = Rights::open(policy, audit, SystemClock.now())?;
    let memory = SqlHub::open(&options.place).await?;
    memory.begin_first_life(&RandomIds.fresh().to_string()).await?;
    let at_console = rights.done_so_far(&memory, SystemClock.now()).await?;
    let keys = memory.keys().await?;
    if rights.governing_file().is_none() {
        let agreeing = Agreeing {
            by: &PersonId::operator(),
            caller: None,
            at: SystemClock.now(),
            ids: &RandomIds,
        };
        agree_to_known(&memory, &keys, &agreeing).await?;
        rights.refresh(&memory, SystemClock.now()).await?;
    }
    rights.remember(keys);
    rights.look_at_people(&memory, SystemClock.now()).await?;
    // What was done at the console while no hub ran.
    rights
        .know_what_was_written()
        .map_err(access::rights::RightsError::from)?;
    rights.tell_rest(&memory, &at_console, SystemClock.now()).await?;
    let failed = |source| HubError::Listen {
        address: options.listen,
        source,
    };
    let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let tasks = Tasks::new();
    let (desks, lines) = desks();
    let options = HubOptions {
        listen: address,
        ..options
    };
    let hub = Hub::new(
        Arc::new(memory.clone()),
        options,
        tasks.clone(),
        Arc::new(rights),
        desks,
    )?;
    hub.set_clock().await?;
    hub.known().refresh(hub.store()).await?;
    hub.serve_at_desks(lines);
    let (sharer, keeper, server) = (hub.clone(), hub.clone(), hub.clone());
    let (seer, poster) = (hub.clone(), hub.clone());
    tasks.spawn_forever("extensions", async move { seer.see_to_extensions().await });
    tasks.spawn_forever("webhooks", async move { poster.post_to_extensions().await });
    tasks.spawn_forever("deliveries", async move { sharer.share_out().await });
    tasks.spawn_forever("housekeeping", async move { keeper.keep_house().await });
    let (renewer, introducer, forgetter) = (hub.clone(), hub.clone(), hub.clone());
    tasks.spawn_forever("retention", async move { forgetter.keep_forgetting().await });
    tasks.spawn_forever("leases", async move { renewer.keep_leases().await });
    tasks.spawn_forever("people", async move { introducer.keep_telling_of_people().await });
    let (teller, hearer, archivist) = (hub.clone(), hub.clone(), hub.clone());
    tasks.spawn_forever("hints", async move { teller.tell_replicas().await });
    tasks.spawn_forever("replicas", async move { hearer.hear_replicas().await });
    let (seeker, setter) = (hub.clone(), hub.clone());
    tasks.spawn_forever("settings", async move { setter.tell_settings().await });
    tasks.spawn_forever("missed webhooks", async move { seeker.look_for_missed().await });
    tasks.spawn_forever("logs", async move { archivist.keep_logs().await });
    tasks.spawn_forever("http", async move { http::serve(server, listener).await });
    Ok(RunningHub {
        address,
        hub,
        memory,
        _lock: lock,
    })
}
