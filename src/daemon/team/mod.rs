//! Team mode: the same machine with a hub beside it.
//!
//! The hub is never needed for work: it tells of pushes and events, passes on what people want, and is told what becomes of
//! goals. [`Team::run`] keeps one conversation going ([`session`]) and begins it anew when it ends, at a pace that spares the
//! hub ([`Backoff`]).

mod acts;
mod announce;
mod answers;
pub(super) mod as_person;
pub mod asker;
pub mod asking;
mod client;
mod commands;
mod completion;
mod events;
mod foreign_goals;
mod found;
mod frames;
mod goals;
mod inbox;
mod lines;
mod link;
mod logs;
mod memory;
mod place;
mod places;
mod progress;
mod pushes;
mod report;
mod resume;
mod session;
mod settings;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::Value;
use thiserror::Error;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use crate::config::{Configuration, HubEntry};
use crate::daemon::people::People;
use crate::daemon::traces::Heard;
use crate::engine::Engine;
use crate::model::Timestamp;
use crate::ports::scm::ScmError;
use crate::ports::store::StoreError;
use crate::runtime::backoff::{Backoff, Setback};
use crate::runtime::causes::chain;
use crate::runtime::tasks::Tasks;
use crate::secrets::Vault;
use crate::wire::hub::{Downward, Instance, Registered, Registration, extensions};
use crate::wire::views::HubView;
use as_person::Proofs;
use client::{HubClient, HubError, Socket};
use inbox::Speaker;
use lines::Lines;
use link::{Link, Standing};
use resume::Resumption;
use session::{Cues, Ending, Partner, Rhythm, Saying, Session};

/// What waits to be said; whoever has more to say waits.
const SAYINGS: usize = 64;

/// A conversation of this length was one.
const LASTED: Duration = Duration::from_secs(60);

/// Why the machine cannot work with a hub.
#[derive(Debug, Error)]
pub enum TeamError {
    /// Nothing says where it is.
    #[error("no hub is configured")]
    NoHub,
    /// Proxy or authorities.
    #[error(transparent)]
    Network(#[from] ScmError),
}

/// The machine's side of team mode. Clones share it.
#[derive(Clone)]
pub struct Team(Arc<Inner>);

struct Inner {
    name: String,
    hub: HubEntry,
    engine: Engine,
    client: HubClient,
    vault: Vault,
    link: Link,
    tasks: Tasks,
    /// The machine has something else to announce.
    again: Notify,
    /// What was announced last.
    announced: Mutex<Option<Registration>>,
    /// What the configuration says of people.
    people: People,
    /// The way to the hub while they talk.
    speaker: Speaker,
    /// There may be something to say.
    spoken_to: Notify,
    /// What needs a repository and waits for its turn.
    lines: Lines,
    /// Something of them was dealt with, or has to wait.
    look: Notify,
    /// Commands that are being begun.
    beginning: Mutex<HashSet<String>>,
    /// The hub has forgotten something, and is told all over again.
    told_anew: AtomicBool,
    /// Which machine this is, and which run of it; known once it was prepared.
    instance: OnceLock<Instance>,
    /// The hub has refused it because another run of it is there.
    is_fenced: AtomicBool,
    /// Where its state is.
    place: Value,
    /// Whether they talk, and the hub takes logs.
    takes_logs: watch::Sender<bool>,
    /// Whether they talk, and the hub takes what commands are at.
    takes_progress: watch::Sender<bool>,
    /// Whether the hub takes fingerprints.
    takes_fingerprints: AtomicBool,
    /// Whether the hub tells when shared settings change, and when it last did.
    told_settings: settings::Told,
    /// Whether the hub takes pushes that the machine found by itself.
    takes_pushes: AtomicBool,
    /// The traces that pushes belong to.
    heard: Heard,
    /// Who asked for which job, for what is done in their name.
    proofs: Proofs,
    /// How a conversation that was lost is gone on with.
    resumption: Resumption,
}

impl Team {
    /// Nothing is contacted yet.
    ///
    /// # Errors
    /// No hub is configured, or its network cannot be used.
    pub fn new(
        configuration: &Configuration,
        engine: Engine,
        vault: Vault,
        tasks: &Tasks,
        proofs: Proofs,
    ) -> Result<Self, TeamError> {
        let hub = configuration.hub.clone().ok_or(TeamError::NoHub)?;
        let network = super::network::options(configuration)?;
        let client = HubClient::new(&hub.address, &network)?;
        let link = Link::new(&hub.address, engine.now());
        Ok(Self(Arc::new(Inner {
            name: configuration.name.clone(),
            hub,
            engine,
            client,
            vault,
            link,
            tasks: tasks.clone(),
            again: Notify::new(),
            announced: Mutex::default(),
            people: People::new(configuration.people.clone()),
            speaker: Speaker::default(),
            spoken_to: Notify::new(),
            lines: Lines::default(),
            look: Notify::new(),
            beginning: Mutex::default(),
            told_anew: AtomicBool::new(false),
            instance: OnceLock::new(),
            is_fenced: AtomicBool::new(false),
            place: place::here(&configuration.state_directory),
            takes_logs: watch::Sender::new(false),
            takes_progress: watch::Sender::new(false),
            takes_fingerprints: AtomicBool::new(false),
            told_settings: settings::Told::default(),
            takes_pushes: AtomicBool::new(false),
            heard: Heard::default(),
            proofs,
            resumption: Resumption::default(),
        })))
    }

    /// The traces that the hub has told of.
    pub(super) fn heard(&self) -> Heard {
        self.0.heard.clone()
    }

    /// From now on every change of a goal is kept until the hub has heard of it.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn prepare(&self) -> Result<(), StoreError> {
        self.0.know_oneself().await?;
        let store = self.0.engine.store();
        store.begin_reporting(&self.0.hub.address).await.map(|_| ())
    }

    /// Starts everything that team mode does.
    pub fn begin(&self) {
        self.forever("hub", |team| async move { team.run().await });
        self.forever("deliveries", |team| async move { team.run_deliveries().await });
        self.forever("answers", |team| async move { team.0.run_answers().await });
        self.forever("reports", |team| async move { team.0.run_reports().await });
        self.forever("logs", |team| async move { team.0.run_logs().await });
        self.forever(
            "shared settings",
            |team| async move { team.0.run_settings().await },
        );
        self.forever("progress", |team| async move { team.0.run_progress().await });
        if self.0.engine.holds_work() {
            let inner = Arc::clone(&self.0);
            self.0
                .tasks
                .spawn("word of the hub", async move { inner.wait_for_word().await });
        }
    }

    /// Starts a part of team mode that goes on until the machine is told to stop.
    fn forever<Task>(&self, name: &'static str, task: impl FnOnce(Self) -> Task)
    where
        Task: Future<Output = ()> + Send + 'static,
    {
        self.0.tasks.spawn_forever(name, task(self.clone()));
    }

    /// The operator's files were read again: what is announced may be something else, and a hub that refused may not do so
    /// any more.
    pub fn announce_again(&self) {
        let registration = self.registration();
        let announced = self.0.announced.lock().unwrap_or_else(PoisonError::into_inner);
        let is_apart = matches!(self.0.link.standing().0, Standing::Apart(..));
        if is_apart
            || announced
                .as_ref()
                .is_some_and(|announced| *announced != registration)
        {
            self.0.again.notify_one();
        }
    }

    /// How the machine stands with its hub.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn view(&self) -> Result<HubView, StoreError> {
        let waiting = self.0.engine.store().waiting().await?;
        let (standing, since) = self.0.link.standing();
        let (problem, hint) = match (&standing, self.0.link.twin()) {
            (Standing::Apart(because, hint), _) => (Some(because.clone()), hint.map(str::to_owned)),
            (Standing::Connecting | Standing::Connected | Standing::Superseded, None) => (None, None),
            (Standing::Connecting | Standing::Connected | Standing::Superseded, Some(at)) => (
                Some(format!(
                    "another machine with a copy of this state directory came to the hub at {at}, and was refused"
                )),
                Some("stop it; a machine of its own begins with an empty state directory".to_owned()),
            ),
        };
        Ok(HubView {
            address: self.0.hub.address.clone(),
            workspaces: self.0.hub.workspaces.clone(),
            standing: standing.word().to_owned(),
            since: since.rfc3339(),
            problem,
            hint,
            reports_waiting: waiting.reports,
            oldest_report: waiting.oldest_report.map(Timestamp::rfc3339),
            deliveries_open: waiting.deliveries,
            answers_waiting: waiting.answers,
        })
    }

    fn registration(&self) -> Registration {
        let mut registration = announce::registration(&self.0.name, &self.0.hub, &self.0.engine.machine());
        registration.instance = self.0.instance.get().cloned();
        registration
    }

    /// Keeps a conversation going until told to stop.
    async fn run(&self) {
        let stop = self.0.tasks.stop_token();
        let mut backoff = Backoff::default();
        while !stop.is_cancelled() {
            let begun = Instant::now();
            let setback = match self.converse().await {
                Ok(Ending::Stopped) => return,
                Ok(Ending::Again) => continue,
                Ok(Ending::Drained(wish)) => {
                    backoff.reset();
                    self.0.link.lost("it closes for a while", self.0.engine.now());
                    Setback::Away(wish)
                }
                Ok(Ending::Lost(because)) => {
                    // A conversation that lasted is a success; one that breaks at once is not.
                    if begun.elapsed() >= LASTED {
                        backoff.reset();
                    }
                    self.0.link.lost(&because, self.0.engine.now());
                    Setback::Away(None)
                }
                Ok(Ending::Dismissed(because)) => {
                    self.0.resumption.forget();
                    self.0.link.lost(&because, self.0.engine.now());
                    // What it says to the next registration says what to do.
                    Setback::Away(None)
                }
                Err(error) => {
                    if matches!(error, HubError::Twin) {
                        self.0.fenced_off();
                    }
                    self.0.link.failed(&error, self.0.engine.now());
                    error.setback()
                }
            };
            let chance = self.0.engine.fresh_id().as_u64_pair().0;
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.0.again.notified() => {}
                () = tokio::time::sleep(backoff.next(setback, chance)) => {}
            }
        }
    }

    /// One conversation, from the registration on.
    async fn converse(&self) -> Result<Ending, HubError> {
        let registration = self.registration();
        let stop = self.0.tasks.stop_token();
        let (registered, socket, resumed) = tokio::select! {
            () = stop.cancelled() => return Ok(Ending::Stopped),
            opened = self.open(&registration) => opened?,
        };
        if resumed.is_none() {
            let met = self.0.confirmed().await;
            if let Err(error) = met.and(self.0.recognise(&registered).await) {
                return Ok(Ending::Lost(format!(
                    "the store does not answer: {}",
                    chain(&error)
                )));
            }
        }
        self.0.resumption.begin(&registration, &registered);
        *self.0.announced.lock().unwrap_or_else(PoisonError::into_inner) = Some(registration);
        let takes = registered.knows(extensions::FINGERPRINTS);
        self.0.takes_fingerprints.store(takes, Ordering::Relaxed);
        let tells = registered.knows(extensions::SETTINGS);
        self.0.told_settings.are_told(tells);
        let takes = registered.knows(extensions::PUSHES);
        self.0.takes_pushes.store(takes, Ordering::Relaxed);
        self.0.link.connected(self.0.engine.now());
        let (speaker, sayings) = mpsc::channel(SAYINGS);
        self.0.speaker.open(speaker, registered.knows(extensions::ACK));
        self.0.spoken_to.notify_one();
        self.0.takes_logs.send_replace(registered.knows(extensions::LOGS));
        let takes_progress = registered.knows(extensions::PROGRESS);
        self.0.takes_progress.send_replace(takes_progress);
        let cues = Cues {
            stop,
            again: &self.0.again,
            sayings,
            leases: registered.knows(extensions::LEASE),
            resumed,
        };
        let rhythm = Rhythm::usual(self.0.hub.drain);
        let ending = Session::new(socket, self, rhythm).run(cues).await;
        self.0.speaker.close();
        self.0.takes_logs.send_replace(false);
        self.0.takes_progress.send_replace(false);
        Ok(ending)
    }

    /// A conversation, which goes on with the one before where there is something stored of which the hub may not have heard.
    async fn open(
        &self,
        registration: &Registration,
    ) -> Result<(Registered, Socket, Option<Vec<String>>), HubError> {
        if let Some((registered, socket, unheard)) = self.0.resume(registration).await? {
            return Ok((registered, socket, Some(unheard)));
        }
        let registered = {
            let key = self.0.key().await?;
            self.0.client.register(&key, registration).await?
        };
        let nonce = self.0.engine.fresh_id().into_bytes();
        let socket = self.0.client.open(&registered, nonce).await?;
        Ok((registered, socket, None))
    }
}

impl Inner {
    /// Read anew each time, so that a key that was exchanged is used without a restart.
    async fn key(&self) -> Result<SecretString, HubError> {
        Ok(self.vault.of_machine("hub.key", &self.hub.key).await?)
    }
}

#[async_trait]
impl Partner for Team {
    async fn take(&self, message: Downward) -> Result<Option<Saying>, StoreError> {
        match message {
            Downward::Event(event) => self.0.take_event(*event).await,
            Downward::Command(invocation) => self.0.take_command(*invocation).await,
            Downward::Ping { .. } | Downward::Pong { .. } | Downward::Control { .. } => Ok(None),
        }
    }

    async fn taken(&self, answers: &[String]) -> Result<(), StoreError> {
        self.0.engine.store().answered(answers).await
    }

    async fn in_hand(&self) -> Vec<String> {
        let open = self.0.engine.store().open_correlations().await;
        open.unwrap_or_else(|error| {
            tracing::warn!("the hub is not told what is in hand: {}", chain(&error));
            Vec::new()
        })
    }

    async fn is_waiting(&self) -> bool {
        let waiting = self.0.engine.store().waiting().await;
        waiting.is_ok_and(|waiting| waiting.answers > 0)
    }

    fn may_resume(&self, token: &str) {
        self.0.resumption.may(token);
    }

    fn unheard(&self, deliveries: Vec<String>) {
        self.0.resumption.unheard(deliveries);
    }

    fn superseded(&self) {
        self.0.link.superseded(self.0.engine.now());
    }

    fn settings_changed(&self, workspace: &str, spread: Duration) {
        if self.0.hub.workspaces.first().is_some_and(|own| own == workspace) {
            self.0.told_settings.changed(spread);
        }
    }

    fn met_twin(&self) {
        self.0.met_twin(self.0.engine.now());
    }
}
