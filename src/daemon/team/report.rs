//! Tells the hub what becomes of goals, from the log of the machine and as far as the hub has taken it.
//!
//! The mark moves when the hub has answered, so whatever ends in between, machine or hub, a change is told at least once; the
//! hub knows a change by goal and version. So are pushes told that the machine found by itself ([`found`]). A change that the hub does not want is put aside, so that it holds up no other.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::client::HubError;
use super::goals::Confirmations;
use super::places::KnownAs;
use super::{Inner, found, goals};
use crate::model::{
    Cursor, FeedEntry, GoalChange, GoalEvent, GoalKey, GoalSetId, News, PushId, StateName, Timestamp,
};
use crate::ports::store::{GoalSetRecord, StoreError};
use crate::ports::team::Waiting;
use crate::ports::team_logs::LogOnItsWay;
use crate::runtime::backoff::{Backoff, Setback};
use crate::runtime::causes::chain;
use crate::wire::hub::completion::TOLD_BY;
use crate::wire::hub::found::TELL_PUSH;

/// Entries of the log read at once.
const PAGE: u32 = 200;
/// Writes of one request; the hub takes twenty root fields.
const TOGETHER: usize = 20;
/// How often a change is offered by itself before it is put aside.
const OFFERS: u32 = 3;
/// Pause between two such offers.
const BETWEEN_OFFERS: Duration = Duration::from_millis(500);
/// Longest pause before the hub is offered something again; whether it is there is seen elsewhere.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Sets whose last told state is remembered.
const REMEMBERED: usize = 10_000;

/// When a change has waited so long, somebody else than the leader of the replicas tells it: the leader has no way to the hub.
const OVERDUE: Duration = Duration::from_secs(10);
/// Pause before somebody else than the leader looks again.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);

/// One change of the graph.
struct WriteOut {
    workspace: String,
    field: &'static str,
    /// Names of its arguments, with their types and values.
    arguments: Vec<(&'static str, &'static str, Value)>,
}

impl WriteOut {
    /// What it is about, for people.
    fn about(&self) -> String {
        let said = |name: &str| {
            let values = self.arguments.iter().map(|(_, _, value)| &value[name]);
            let found = values.filter_map(Value::as_str).next();
            found.unwrap_or_default().to_owned()
        };
        format!("{} {} {}", self.field, said("goalSetId"), said("uniqueName"))
    }
}

/// What was told last: of sets, so that one is told when its state changes and not with each of its goals; of goals, who
/// confirmed them.
#[derive(Default)]
pub(super) struct Told {
    sets: HashMap<GoalSetId, StateName>,
    confirmations: HashMap<(GoalSetId, GoalKey), Confirmations>,
}

impl Told {
    fn is_news(&mut self, set: GoalSetId, state: StateName) -> bool {
        if self.sets.len() > REMEMBERED {
            self.sets.clear();
        }
        self.sets.insert(set, state) != Some(state)
    }

    fn confirmations(&mut self, set: GoalSetId, event: &GoalEvent) -> Confirmations {
        if self.confirmations.len() > REMEMBERED {
            self.confirmations.clear();
        }
        let known = self.confirmations.entry((set, event.goal.clone())).or_default();
        known.take_over(event);
        known.clone()
    }
}

/// Why reporting stopped for now.
enum Stuck {
    Hub(HubError),
    Store(StoreError),
}

impl From<StoreError> for Stuck {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<HubError> for Stuck {
    fn from(error: HubError) -> Self {
        Self::Hub(error)
    }
}

impl Inner {
    /// Reports until told to stop, and then what is left for as long as an end may take.
    pub(super) async fn run_reports(&self) {
        let stop = self.tasks.stop_token();
        let mut changes = self.engine.store().subscribe();
        let (mut told, mut backoff) = (Told::default(), Backoff::default());
        loop {
            let connected = tokio::select! {
                () = stop.cancelled() => self.link.is_talking(),
                () = self.link.talking() => true,
            };
            if stop.is_cancelled() {
                if connected {
                    tokio::time::timeout(self.hub.drain, self.report(&mut told))
                        .await
                        .ok();
                }
                return;
            }
            changes.mark_unchanged();
            let reported = tokio::select! {
                () = stop.cancelled() => continue,
                reported = self.report(&mut told) => reported,
            };
            let next = async {
                match reported {
                    Ok(()) if !self.engine.leads() => {
                        backoff.reset();
                        tokio::time::sleep(BETWEEN_LOOKS).await;
                    }
                    Ok(()) => {
                        backoff.reset();
                        changes.changed().await.ok();
                    }
                    Err(stuck) => {
                        let pause = backoff.next(note(&stuck), self.engine.fresh_id().as_u64_pair().0);
                        tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
                    }
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = next => {}
            }
        }
    }

    /// Everything up to the end of the log; of several replicas one tells it, or whoever can when that one does not. Should two
    /// tell the same, the mark moves for one of them, and the hub knows a change by its version.
    async fn report(&self, told: &mut Told) -> Result<(), Stuck> {
        let store = self.engine.store();
        if !self.engine.leads() && !is_overdue(&store.waiting().await?, self.engine.now()) {
            return Ok(());
        }
        if self.told_anew.swap(false, Ordering::Relaxed) {
            *told = Told::default();
        }
        let mut cursor = store.begin_reporting(&self.hub.address).await?;
        loop {
            let page = store.feed(cursor, PAGE).await?;
            let Some(last) = page.last().map(|entry| entry.cursor) else {
                return Ok(());
            };
            if !self.report_page(cursor, &page, told).await? {
                // Somebody has gone back: what is to be told is something else now.
                return Ok(());
            }
            cursor = last;
        }
    }

    /// The mark follows after each request, so that little is told twice; `false` when it is somewhere else.
    async fn report_page(
        &self,
        mut mark: Cursor,
        page: &[FeedEntry],
        told: &mut Told,
    ) -> Result<bool, Stuck> {
        let mut records: HashMap<GoalSetId, Option<GoalSetRecord>> = HashMap::new();
        let mut waiting: Vec<WriteOut> = Vec::new();
        let mut logs: Vec<LogOnItsWay> = Vec::new();
        let mut behind: Option<Cursor> = None;
        for entry in page {
            let writes = self.writes_of(entry, &mut records, told).await?;
            if !waiting.is_empty() && waiting.len() + writes.len() > TOGETHER {
                self.tell(&waiting).await?;
                waiting.clear();
                if !self.move_mark(&mut mark, behind, &logs).await? {
                    return Ok(false);
                }
                logs.clear();
            }
            logs.extend(log_of(entry, &writes));
            waiting.extend(writes);
            behind = Some(entry.cursor);
        }
        if !waiting.is_empty() {
            self.tell(&waiting).await?;
        }
        Ok(self.move_mark(&mut mark, behind, &logs).await?)
    }

    async fn move_mark(
        &self,
        mark: &mut Cursor,
        behind: Option<Cursor>,
        logs: &[LogOnItsWay],
    ) -> Result<bool, StoreError> {
        let Some(to) = behind else {
            return Ok(true);
        };
        let from = std::mem::replace(mark, to);
        let store = self.engine.store();
        store.reported(&self.hub.address, (from, to), logs).await
    }

    /// What an entry of the log means for the graph.
    async fn writes_of(
        &self,
        entry: &FeedEntry,
        records: &mut HashMap<GoalSetId, Option<GoalSetRecord>>,
        told: &mut Told,
    ) -> Result<Vec<WriteOut>, StoreError> {
        if let News::Push { push, .. } = &entry.news {
            return Ok(self.found_push(*push).await?.into_iter().collect());
        }
        let News::Goal {
            goal_set,
            state,
            attempt,
            text,
            set_state,
            event,
            ..
        } = &entry.news
        else {
            return Ok(Vec::new());
        };
        if !records.contains_key(goal_set) {
            records.insert(*goal_set, self.engine.store().goal_set(*goal_set).await?);
        }
        let Some(Some(record)) = records.get(goal_set) else {
            return Ok(Vec::new());
        };
        let Some(goal) = record.set.goal(&event.goal) else {
            return Ok(Vec::new());
        };
        let known_as = self.told_as(self.known_as(&record.push.repo).await?);
        let shown = (*state, text.as_str(), *attempt);
        let write = |field, kind, value| WriteOut {
            workspace: known_as.workspace.clone(),
            field,
            arguments: vec![("value", kind, value)],
        };
        let confirmations = told.confirmations(*goal_set, event).up_to(event.at);
        let mut value = goals::goal(&self.name, record, goal, event, shown, &known_as, &confirmations);
        if let Some(digest) = self.told_by((*goal_set, &event.goal), *state, *attempt).await? {
            value[TOLD_BY] = digest.into();
        }
        let mut writes = vec![write("ingestCustomSdmGoal", "CustomSdmGoalInput!", value)];
        if told.is_news(*goal_set, *set_state) {
            let value = goals::set(&self.name, record, entry, *set_state, &known_as);
            writes.push(write("ingestCustomSdmGoalSet", "CustomSdmGoalSetInput!", value));
        }
        if matches!(event.change, GoalChange::Ended { .. }) {
            writes.extend(self.fingerprints_of(record, event, &known_as).await?);
        }
        Ok(writes)
    }

    /// A push that this machine found by itself, if the hub takes such.
    async fn found_push(&self, push: PushId) -> Result<Option<WriteOut>, StoreError> {
        if !self.takes_pushes.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let Some(push) = self.engine.store().push(push).await? else {
            return Ok(None);
        };
        let known_as = self.known_as(&push.repo).await?;
        let is_found = known_as.provider.is_none();
        Ok(is_found.then(|| WriteOut {
            workspace: known_as.workspace,
            field: TELL_PUSH,
            arguments: vec![("value", "FoundPushInput!", found::told(&self.name, &push))],
        }))
    }

    /// The fingerprints that a goal took of its commit, by their types, if the hub takes them.
    async fn fingerprints_of(
        &self,
        record: &GoalSetRecord,
        event: &GoalEvent,
        known_as: &KnownAs,
    ) -> Result<Vec<WriteOut>, StoreError> {
        if !self.takes_fingerprints.load(Ordering::Relaxed) {
            return Ok(Vec::new());
        }
        let (push, goal) = (&record.push, &event.goal.unique_name);
        let store = self.engine.store();
        let taken = store.fingerprints(&push.repo.key, &push.after, goal).await?;
        let mut by_type: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for one in taken.unwrap_or_default() {
            let told = json!({"name": one.name, "sha": one.sha, "data": one.data});
            by_type.entry(one.kind).or_default().push(told);
        }
        let slug = &push.repo.slug;
        let repo = json!({"owner": slug.owner, "name": slug.name, "providerId": known_as.provider});
        let write = |(kind, told): (String, Vec<Value>)| WriteOut {
            workspace: known_as.workspace.clone(),
            field: "setCommitFingerprints",
            arguments: vec![
                ("add", "[FingerprintInput!]", Value::Array(told)),
                ("commitSha", "String!", json!(push.after.as_str())),
                ("repo", "CustomSdmRepositoryInput", repo.clone()),
                ("type", "String!", json!(kind)),
                ("goal", "String", json!(goal.as_str())),
            ],
        };
        Ok(by_type.into_iter().map(write).collect())
    }

    /// In one request for each workspace; one by one when the hub does not want all of it.
    async fn tell(&self, writes: &[WriteOut]) -> Result<(), HubError> {
        for workspace in &self.hub.workspaces {
            let of_workspace: Vec<&WriteOut> = writes
                .iter()
                .filter(|write| write.workspace == *workspace)
                .collect();
            for together in of_workspace.chunks(TOGETHER) {
                match self.ask(workspace, together).await {
                    Err(HubError::NotTaken(_)) => self.tell_one_by_one(workspace, together).await?,
                    other => other?,
                }
            }
        }
        Ok(())
    }

    async fn tell_one_by_one(&self, workspace: &str, writes: &[&WriteOut]) -> Result<(), HubError> {
        for write in writes {
            let mut offers = 0;
            while let Err(error) = self.ask(workspace, &[*write]).await {
                let HubError::NotTaken(because) = error else {
                    return Err(error);
                };
                offers += 1;
                // A push is told for others; what they need not know holds nothing up.
                if offers == OFFERS || write.field == TELL_PUSH {
                    tracing::error!(about = %write.about(), "the hub does not take a report, it is put aside: {because}");
                    break;
                }
                tokio::time::sleep(BETWEEN_OFFERS).await;
            }
        }
        Ok(())
    }

    async fn ask(&self, workspace: &str, writes: &[&WriteOut]) -> Result<(), HubError> {
        let key = self.key().await?;
        self.client
            .ask(&key, workspace, &question(writes))
            .await
            .map(|_| ())
    }
}

fn is_overdue(waiting: &Waiting, now: Timestamp) -> bool {
    waiting
        .oldest_report
        .is_some_and(|oldest| now.since(oldest) >= OVERDUE)
}

/// The log of an attempt that has begun, and goes where the goal is told.
fn log_of(entry: &FeedEntry, writes: &[WriteOut]) -> Option<LogOnItsWay> {
    let News::Goal { goal_set, event, .. } = &entry.news else {
        return None;
    };
    let GoalChange::Started { attempt, .. } = event.change else {
        return None;
    };
    Some(LogOnItsWay {
        goal_set: *goal_set,
        goal: event.goal.clone(),
        attempt,
        workspace: writes.first()?.workspace.clone(),
        taken: 0,
    })
}

/// A mutation of all of them.
fn question(writes: &[&WriteOut]) -> Value {
    let (mut declared, mut fields) = (Vec::new(), Vec::new());
    let mut variables = Map::new();
    for (number, write) in writes.iter().enumerate() {
        let mut arguments = Vec::new();
        for (place, (name, kind, value)) in write.arguments.iter().enumerate() {
            let variable = format!("v{number}_{place}");
            declared.push(format!("${variable}: {kind}"));
            arguments.push(format!("{name}: ${variable}"));
            variables.insert(variable, value.clone());
        }
        fields.push(format!("r{number}: {}({})", write.field, arguments.join(", ")));
    }
    let query = format!(
        "mutation ReportGoals({}) {{ {} }}",
        declared.join(", "),
        fields.join(" ")
    );
    json!({"operationName": "ReportGoals", "query": query, "variables": variables})
}

fn note(stuck: &Stuck) -> Setback {
    match stuck {
        Stuck::Hub(error) => {
            tracing::info!("reports wait: {error}");
            error.setback()
        }
        Stuck::Store(error) => {
            tracing::error!("reports wait for the store: {}", chain(error));
            Setback::Away(None)
        }
    }
}
