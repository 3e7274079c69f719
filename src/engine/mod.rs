//! The one path of a push: ingest → plan → schedule → carry out → report. Sees ports, never adapters.
//!
//! Begin with [`scheduler`]: a reconciler that is woken by a change or a timer, takes no input, reads the store and
//! does what is due. A restart is nothing special to it, so there is no separate recovery.

pub mod attempt;
mod authors;
pub mod commands;
pub mod compare;
mod confirmations;
pub mod deliver;
pub mod errands;
mod exchange;
pub mod explain;
mod files;
pub mod forge_view;
mod images;
pub mod ingest;
mod listeners;
pub mod machine;
#[cfg(test)]
mod origins;
pub mod planner;
pub mod push_meant;
pub mod replay;
mod replicas;
mod repository_goals;
pub mod scheduler;
mod secrets;
pub mod settings;
mod signing;
#[cfg(test)]
mod snippets;
mod statuses;
mod triggers;
mod vault;
pub mod words;
pub mod writer;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::Notify;

use crate::kinds::Policy;
use crate::model::PushId;
use crate::ports::containers::Images;
use crate::ports::signing::Signing;
use crate::ports::{Archives, Executor, Forges, Scm, Secrets, Store, Workspaces};
use crate::rules::view::ForgeView;
use crate::runtime::clock::{Clock, Ids};
use crate::runtime::tasks::Tasks;

use forge_view::AskedForges;
pub use machine::{Machine, catalogue};
pub use settings::{SandboxPolicy, Settings};

/// What the engine is built from: one of each port, and the doors for time, identity and tasks.
#[derive(Clone)]
pub struct Parts {
    /// The machine's memory.
    pub store: Arc<dyn Store>,
    /// Repositories.
    pub scm: Arc<dyn Scm>,
    /// Forges.
    pub forges: Arc<dyn Forges>,
    /// Working copies.
    pub workspaces: Arc<dyn Workspaces>,
    /// Processes.
    pub executor: Arc<dyn Executor>,
    /// Archives of files between goals.
    pub archives: Arc<dyn Archives>,
    /// Secrets that goals are given.
    pub secrets: Arc<dyn Secrets>,
    /// Signatures of goals, where there are any.
    pub signing: Option<Arc<dyn Signing>>,
    /// Images of containers.
    pub images: Arc<dyn Images>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Identity.
    pub ids: Arc<dyn Ids>,
    /// Owner of every task of the engine.
    pub tasks: Tasks,
}

impl Parts {
    /// What rules may ask forges.
    fn forge_view(&self) -> Arc<dyn ForgeView> {
        Arc::new(AskedForges::new(Arc::clone(&self.forges), Arc::clone(&self.scm)))
    }
}

/// The engine. Clones share everything.
#[derive(Clone)]
pub struct Engine {
    /// Doors.
    pub(crate) parts: Parts,
    /// What the operator decided.
    pub(crate) settings: Arc<Settings>,
    /// The part of it that goals depend on.
    policy: Arc<Policy>,
    /// The goal files in use; swapped whole (semantics 7.8).
    machine: Arc<RwLock<Arc<Machine>>>,
    /// Attempts this process follows.
    attempts: attempt::Attempts,
    /// Pushes being planned right now, so that one is never planned twice at once.
    planning: Arc<Mutex<HashSet<PushId>>>,
    /// One observation of a repository at a time.
    observing: Arc<Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>>,
    /// Why branches were left out, by repository, as far as it was said.
    left_out: Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>,
    /// When to try again to plan a push that could not be planned.
    planning_retries: Arc<Mutex<HashMap<PushId, crate::model::Timestamp>>>,
    /// Goal sets whose images are being fetched.
    settling: Arc<Mutex<HashSet<crate::model::GoalSetId>>>,
    /// A hint to look again, beside the store's own.
    look: Arc<Notify>,
    /// Errands this process carries.
    errands: errands::Errands,
    /// How far listeners have read the log.
    reading: Arc<listeners::Reading>,
    /// How far rules that wait for goals have.
    heeding: Arc<triggers::Heeding>,
    /// Goal files are changing: what is planned now would be planned by rules that are about to go.
    holds_plans: Arc<AtomicBool>,
    /// Somebody else may be carrying out what is in the store.
    holds_work: Arc<AtomicBool>,
    /// Secret parameters of what runs or waits.
    vault: vault::Vault,
    /// What attempts were given in secret.
    given: vault::Given,
    /// Other replicas of the machine.
    replicas: replicas::Replicas,
    /// Pushes that this replica took in.
    taken_in: Arc<Mutex<HashSet<PushId>>>,
}

impl Engine {
    /// An engine over these parts; nothing runs until [`Engine::run`].
    pub fn new(parts: Parts, settings: Settings, machine: Machine) -> Self {
        let mut policy = settings.policy();
        policy.planning.forges = Some(parts.forge_view());
        Self {
            parts,
            policy: Arc::new(policy),
            settings: Arc::new(settings),
            machine: Arc::new(RwLock::new(Arc::new(machine))),
            attempts: attempt::Attempts::default(),
            planning: Arc::default(),
            observing: Arc::default(),
            left_out: Arc::default(),
            planning_retries: Arc::default(),
            settling: Arc::default(),
            look: Arc::default(),
            errands: errands::Errands::default(),
            reading: Arc::default(),
            heeding: Arc::default(),
            holds_plans: Arc::default(),
            holds_work: Arc::default(),
            vault: vault::Vault::default(),
            given: vault::Given::default(),
            replicas: replicas::Replicas::default(),
            taken_in: Arc::default(),
        }
    }

    /// The goal files in use.
    pub fn machine(&self) -> Arc<Machine> {
        self.machine
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Uses other goal files from the next plan on; running sets keep the definitions they were planned with.
    pub fn swap_machine(&self, machine: Machine) {
        *self.machine.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(machine);
        self.look.notify_one();
        self.errands.look.notify_one();
    }

    /// Lets pushes wait to be planned, or no longer.
    pub fn hold_plans(&self, hold: bool) {
        self.holds_plans.store(hold, Ordering::Release);
        if !hold {
            self.look.notify_one();
        }
    }

    /// Lets everything wait that is not running yet, or no longer.
    pub fn hold_work(&self, hold: bool) {
        self.holds_work.store(hold, Ordering::Release);
        if !hold {
            self.look.notify_one();
            self.errands.look.notify_one();
        }
    }

    /// Whether everything waits.
    pub fn holds_work(&self) -> bool {
        self.holds_work.load(Ordering::Acquire)
    }

    /// The machine's memory.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.parts.store
    }

    /// Processes and their logs.
    pub fn executor(&self) -> &Arc<dyn Executor> {
        &self.parts.executor
    }

    /// Now.
    pub fn now(&self) -> crate::model::Timestamp {
        self.parts.clock.now()
    }

    /// An identity that was never given before.
    pub fn fresh_id(&self) -> uuid::Uuid {
        self.parts.ids.fresh()
    }

    /// How many attempts this process follows.
    pub fn running(&self) -> usize {
        self.attempts.count()
    }

    /// Asks the scheduler to look again.
    pub fn look_again(&self) {
        self.look.notify_one();
    }
}
