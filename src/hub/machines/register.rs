//! `POST /registration` (wire protocol 2).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::operations::Operation;
use super::super::changes::Change;
use super::super::refusal::Refusal;
use super::known::Unservable;
use super::runs::run_of;
use super::tickets::fresh_ticket;
use crate::ports::hub::{
    Arrival, Arrived, HubStoreError, Life, Run, SentAway, StoredKey, StoredRegistration, Ticket,
};
use crate::wire::hub::{MemoryLife, Registered, Registration, extensions};

/// Extensions of the protocol that this hub knows (wire protocol 18).
pub const CAPABILITIES: &[&str] = &[
    extensions::ACK,
    extensions::LEASE,
    extensions::HEADER,
    extensions::CONTEXT,
    extensions::IDENTITY,
    extensions::LOGS,
    extensions::TRACE,
    extensions::FINGERPRINTS,
    extensions::PUSHES,
    extensions::RESUME,
    extensions::PROGRESS,
    extensions::SETTINGS,
];

/// What the only chat of each workspace is known by.
pub(in super::super) const THE_CHAT: &str = "the chat";

/// Registrations of one machine that are taken at once; the original asks again and again without a pause when it
/// cannot open its websocket.
const AT_ONCE: u32 = 20;

/// One more for each such time.
const EVERY: Duration = Duration::from_millis(500);

/// Registrations that are worked on at once; after a restart of the hub all machines come together (threat G5).
const TOGETHER: usize = 256;

/// How long one waits for its turn before it is told to come again.
const TURN: Duration = Duration::from_secs(5);

/// How often machines may register, and how many at once.
#[derive(Debug)]
pub struct Pace {
    /// Since when how many; whatever becomes of the clock.
    used: Mutex<HashMap<String, (Instant, u32)>>,
    turns: Semaphore,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            used: Mutex::default(),
            turns: Semaphore::new(TOGETHER),
        }
    }
}

impl Pace {
    /// A turn; none when too many wait for theirs.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        let turn = tokio::time::timeout(TURN, self.turns.acquire()).await;
        turn.ok().and_then(Result::ok)
    }

    /// Whether one more of this name is in order.
    pub fn bears(&self, who: &str, now: Instant) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() > 10_000 {
            used.retain(|_, (since, _)| now.duration_since(*since) < Duration::from_secs(60));
        }
        let (since, count) = used.entry(who.to_owned()).or_insert((now, 0));
        let regained = now.duration_since(*since).as_millis() / EVERY.as_millis();
        let regained = u32::try_from(regained).unwrap_or(u32::MAX);
        if regained > 0 {
            *count = count.saturating_sub(regained);
            *since = now;
        }
        let is_borne = *count < AT_ONCE;
        *count = count.saturating_add(1).min(AT_ONCE);
        is_borne
    }
}

/// Takes an announcement in, and says where the websocket is.
pub(in super::super) async fn register(
    State(hub): State<Hub>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Registered>, Refusal> {
    let mut caller = hub.caller(&headers).await?;
    has_key(&caller)?;
    let registration: Registration = serde_json::from_slice(&body).map_err(|error| {
        Refusal::bad(
            "malformed_body",
            format!("the registration cannot be read: {error}"),
        )
    })?;
    registration
        .check()
        .map_err(|problem| Refusal::bad("invalid_registration", problem.to_string()))?;
    let who = format!("{} {}", caller.key()?.id, registration.name);
    if !hub.pace().bears(&who, Instant::now()) {
        return Err(Refusal::busy("this machine registers too often", 5));
    }
    let _turn = hub
        .pace()
        .turn()
        .await
        .ok_or_else(|| Refusal::busy("too many machines register at once", 5))?;
    if hub.declare(&caller, &registration).await? {
        caller = hub.caller(&headers).await?;
    }
    hub.may_register(&caller, &registration)?;
    let warnings = hub.unheard(&registration)?;
    hub.may_define(&caller, &registration).await?;
    hub.may_have_name(&caller, &registration).await?;
    hub.has_room()?;
    if hub.is_stopping() {
        return Err(Refusal::busy("the hub is closing", 2));
    }
    let run = registration.instance.as_ref();
    let run = run.map(|instance| run_of(caller.owner(), instance)).transpose()?;
    let (text, ticket, life) = hub.take_in(&caller, registration, run).await?;
    let base = hub.websocket_address(&headers);
    let url = match ticket.knows(extensions::HEADER) {
        true => format!("{base}/ws/open"),
        false => format!("{base}/ws/{text}"),
    };
    Ok(Json(Registered {
        url,
        jwt: Some(text),
        capabilities: ticket.capabilities,
        life: life.map(|life| MemoryLife {
            id: life.id,
            known_until: life.known_until,
        }),
        warnings,
    }))
}

/// What cannot be served is not tried again as it is; what stands in somebody else's way may be in order later.
pub(super) fn unservable(problem: &Unservable) -> Refusal {
    match problem {
        Unservable::Heard { .. } => Refusal::conflict(problem.to_string()),
        Unservable::Subscription { .. } | Unservable::Type { .. } => {
            Refusal::bad("invalid_registration", problem.to_string())
        }
    }
}

/// A name is its owner's.
fn not_theirs() -> Refusal {
    let message = "a machine of this name belongs to somebody else's key";
    Refusal::forbidden("insufficient_permission", message).with(serde_json::json!({
        "operation": Operation::Register.row().name,
        "who_can_fix": "whoever runs the hub can take its registration away: `sdm hub machines --remove ID`",
    }))
}

/// Whoever was sent away stays away: a machine of the original ends with this answer, ours asks again now and then (wire
/// protocol 2.2, 3.5).
fn sent_away(away: &SentAway) -> Refusal {
    let message = format!(
        "the registration of {} {} was taken away",
        away.name, away.version
    );
    Refusal::forbidden(extensions::SENT_AWAY, message).with(serde_json::json!({
        "operation": Operation::Register.row().name,
        "who_can_fix": format!("whoever runs the hub can let it in again: `sdm hub machines --let-in {}`", away.id),
    }))
}

/// Whether it is a key that a machine registers with (security model 10.1, 14): what is registered outlives every token, and hears of
/// more than the person might whose key it is.
fn has_key(caller: &Caller) -> Result<(), Refusal> {
    let (code, message) = match (caller.has_token(), caller.is_person()) {
        (false, false) => return Ok(()),
        (true, _) => (
            "insufficient_permission",
            "machines register with a key, and not with a token that ends with a job or within the hour",
        ),
        (false, true) => (
            "addon_required",
            "machines register with a key of their own, and not with a person's",
        ),
    };
    Err(Refusal::forbidden(code, message).with(serde_json::json!({
        "operation": Operation::Register.row().name,
        "who_can_fix": "an administrator, with a key for the machine (`sdm hub key new`)",
    })))
}

/// A workspace and its chat in the graph.
pub(in super::super) fn workspace_itself(workspace: &str) -> Vec<Change> {
    let keys = || vec![workspace.to_owned(), THE_CHAT.to_owned()];
    let chat = Change::merge(
        "ChatTeam",
        keys(),
        serde_json::json!({"name": workspace, "provider": "hub"}),
    );
    let team = Change::merge("Team", keys(), serde_json::json!({ "name": workspace }));
    vec![chat, team.link("chatTeams", [THE_CHAT.to_owned()])]
}

impl Hub {
    /// What a machine will not hear of though it is served, as it is told: each once, whatever the workspaces.
    fn unheard(&self, registration: &Registration) -> Result<Vec<String>, Refusal> {
        let mut warnings = Vec::new();
        for workspace in &registration.team_ids {
            let unheard = self
                .known()
                .check(workspace, registration)
                .map_err(|problem| unservable(&problem))?;
            warnings.extend(unheard.iter().map(ToString::to_string));
        }
        warnings.sort();
        warnings.dedup();
        Ok(warnings)
    }

    /// Whether the key is for what the machine asks for. Where administrators are asked, what goes beyond waits for them, and
    /// the machine is at work with what it has.
    fn may_register(&self, caller: &Caller, registration: &Registration) -> Result<(), Refusal> {
        for workspace in &registration.team_ids {
            caller.may(Operation::Register, workspace)?;
            if !registration.commands.is_empty() {
                caller.may(Operation::RegisterCommands, workspace)?;
            }
        }
        if self.rights().governing_file().is_none() {
            return Ok(());
        }
        let asked = registration.scopes.iter().flatten();
        let missing: Vec<&str> = asked
            .map(String::as_str)
            .filter(|scope| !caller.has(scope))
            .collect();
        match missing.is_empty() {
            true => Ok(()),
            false => Err(Refusal::missing(Operation::Register, &missing)),
        }
    }

    /// A name is its owner's, whichever of their keys they come with, for as long as its registration is there (threat G2). The
    /// memory has the last word when it takes the registration in.
    async fn may_have_name(&self, caller: &Caller, registration: &Registration) -> Result<(), Refusal> {
        if !self.is_somebody_elses(caller, registration).await? {
            return Ok(());
        }
        // It may just have been taken away.
        self.look_at_machines().await?;
        match self.is_somebody_elses(caller, registration).await? {
            true => Err(not_theirs()),
            false => Ok(()),
        }
    }

    /// Whether a name is somebody else's, as far as is known here.
    async fn is_somebody_elses(&self, caller: &Caller, registration: &Registration) -> Result<bool, Refusal> {
        let machines = self.known().machines();
        for workspace in &registration.team_ids {
            let workspace = machines.workspace(workspace);
            let Some(machine) = workspace.served(&registration.name) else {
                continue;
            };
            // Another replica may be the only one that has seen its key.
            self.bearer_for(&machine.stored.principal, self.now()).await?;
            let owner = self.rights().owner_of(&machine.stored.principal);
            if let Some(owner) = owner.filter(|owner| owner != caller.owner()) {
                tracing::warn!(machine = %registration.name, %owner, by = %caller.owner(),
                    "somebody else's key has tried to register a machine's name");
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Machines of the original ask for their workspace and for its chat, and want exactly one of each.
    pub(super) async fn make_chat_teams(&self, workspaces: &BTreeSet<String>) -> Result<(), HubStoreError> {
        for workspace in workspaces {
            let graph = self.store().reader(workspace);
            let known = graph.nodes("Team", &[THE_CHAT.to_owned()]).await?;
            if known.is_empty() {
                self.apply(workspace, workspace_itself(workspace)).await?;
            }
        }
        Ok(())
    }

    /// Keeps the registration in each of its workspaces; the text of a ticket, and what its websocket is opened with by that.
    async fn take_in(
        &self,
        caller: &Caller,
        registration: Registration,
        run: Option<Run>,
    ) -> Result<(String, Ticket, Option<Life>), Refusal> {
        let machine = registration.name.clone();
        let (text, digest) = fresh_ticket();
        let arrival = Arrival {
            owner: caller.owner().to_owned(),
            digest,
            ticket: ticket(caller.key()?, &registration, run.clone()),
            registrations: self.registrations(caller.key()?, registration),
        };
        let ticket = arrival.ticket.clone();
        let (arrived, life) = self.desks().arrivals.ask(arrival).await?;
        match (arrived, run) {
            (Arrived::Kept(_), _) => {
                let (machine, key) = (&ticket.machine, &ticket.key);
                tracing::info!(%machine, %key, "a machine has registered");
                Ok((text, ticket, life))
            }
            (Arrived::OfSomebodyElse(_), _) => Err(not_theirs()),
            (Arrived::SentAway(away), _) => Err(sent_away(&away)),
            (Arrived::Twin, Some(run)) => Err(self.is_twin(&run, &machine)),
            (Arrived::Twin, None) | (Arrived::Full, _) => {
                Err(Refusal::busy("too many machines register at once", 5))
            }
        }
    }

    /// A registration as it is kept, in each of its workspaces.
    fn registrations(&self, key: &StoredKey, mut registration: Registration) -> Vec<StoredRegistration> {
        // Runs come and go; what the machine is stays the same.
        registration.instance = None;
        let body = serde_json::to_string(&registration).expect("a registration has text keys only");
        let alive_until = self.shared_now().plus(self.rhythm().linger);
        let mut workspaces: Vec<&String> = registration.team_ids.iter().collect();
        let mut named = HashSet::new();
        workspaces.retain(|workspace| named.insert(*workspace));
        let in_one = |workspace: &String| StoredRegistration {
            id: self.fresh_id(),
            workspace: workspace.clone(),
            name: registration.name.clone(),
            version: registration.version.clone(),
            policy: registration.policy.name,
            body: body.clone(),
            principal: key.id.clone(),
            position: 0,
            alive_until,
        };
        workspaces.into_iter().map(in_one).collect()
    }
}

/// What a machine's websocket is opened with, without the ids of its registrations.
fn ticket(key: &StoredKey, registration: &Registration, run: Option<Run>) -> Ticket {
    let both = CAPABILITIES.iter().filter(|known| registration.knows(known));
    Ticket {
        registrations: Vec::new(),
        machine: format!("{}@{}", registration.name, registration.version),
        key: key.id.clone(),
        scopes: key.scopes.clone(),
        gzip: registration.reads_gzip(),
        capabilities: both.map(ToString::to_string).collect(),
        run,
    }
}
