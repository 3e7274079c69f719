//! Goals of other machines of the workspace, for the rules that wait for them (semantics 2.8).
//!
//! Such a goal says that rules are to be asked about its push, and nothing more: what the push may do is what it may do
//! anyway, and what the other machine says is text for tests to compare.

use serde::Deserialize;
use serde_json::Value;

use super::Inner;
use super::inbox::answer;
use super::places::KnownAs;
use super::pushes::{self, named_id};
use crate::engine::deliver::ToldPush;
use crate::engine::ingest::IngestError;
use crate::model::trigger::{LONGEST_CHAIN, is_completion};
use crate::model::{GoalKey, GoalSetId, GoalTrigger, Push, StateName, UniqueName};
use crate::ports::store::{Cause, StoreError};
use crate::ports::team::{Delivery, DeliveryAnswer};

/// Before the number of goals that triggered each other, where a report says from what it comes.
const CHAIN: &str = "goals:";
/// What stands there of a goal that only shows what it would do.
const DRY_RUN: &str = "dry-run";
/// Before the version in which the goal came to its state, where that was an earlier one.
const SINCE: &str = "since:";
/// Under which key a goal's data says what files it left.
const OUTPUT: &str = "@atomist/sdm/output";
/// Most classifiers of files that are taken over.
const MOST_OUTPUTS: usize = 100;
/// Longest name of a machine or a goal, in bytes.
const LONGEST_NAME: usize = 1_000;

/// A goal of the graph, as the subscription shapes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    unique_name: String,
    name: Option<String>,
    environment: Option<String>,
    goal_set_id: String,
    registration: String,
    state: String,
    version: Option<u32>,
    ts: Option<i64>,
    data: Option<String>,
    provenance: Option<Vec<Provenance>>,
    push: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Provenance {
    correlation_id: Option<String>,
}

/// What a report says for the rules of other machines, in words: how many goals triggered each other up to the set of this
/// one, and since which version it is in its state.
pub(super) fn said(cause: &Cause, since: u32, version: u32) -> String {
    if matches!(cause, Cause::Command { dry_run: true, .. }) {
        return DRY_RUN.to_owned();
    }
    let chain = (cause.chain() > 0).then(|| format!("{CHAIN}{}", cause.chain()));
    let since = (since < version).then(|| format!("{SINCE}{since}"));
    let words: Vec<String> = chain.into_iter().chain(since).collect();
    words.join(" ")
}

impl Told {
    fn words(&self) -> impl Iterator<Item = &str> {
        let said = self.provenance.iter().flatten();
        let said = said.filter_map(|one| one.correlation_id.as_deref());
        said.flat_map(|said| said.split(' '))
    }

    fn number(&self, key: &str) -> Option<u32> {
        let numbers = self
            .words()
            .filter_map(|word| word.strip_prefix(key)?.parse().ok());
        numbers.max()
    }

    fn is_dry_run(&self) -> bool {
        self.words().any(|word| word == DRY_RUN)
    }

    fn chain(&self) -> u32 {
        self.number(CHAIN).unwrap_or(0).min(LONGEST_CHAIN)
    }

    /// What makes the result of a goal itself: the version in which it came to it, or when it was told where a machine counts
    /// no versions.
    fn version(&self) -> u32 {
        let moment = || self.ts.unwrap_or_default().rem_euclid(1 << 32);
        let version = self
            .version
            .unwrap_or_else(|| u32::try_from(moment()).expect("it is less than 2^32"));
        self.number(SINCE).unwrap_or(version).min(version)
    }
}

impl Inner {
    /// What to answer; nothing while it is worth another try.
    pub(super) async fn accept_goal(
        &self,
        delivery: &Delivery,
        object: &Value,
        failures: u32,
    ) -> Option<DeliveryAnswer> {
        let (told, trigger) = match read(object, &self.hub.address, &delivery.workspace) {
            Ok(read) => read,
            Err(because) => return Some(answer(1, because)),
        };
        if trigger.registration == self.name || told.is_dry_run() {
            return Some(answer(0, "no rule waits for such a goal"));
        }
        if pushes::is_found_elsewhere(&told.push) {
            return Some(answer(0, pushes::FOUND_ELSEWHERE));
        }
        let (push, known_as) = match pushes::read(&told.push, delivery, &self.hub.address) {
            Ok(read) => read,
            Err(because) => return Some(answer(1, because)),
        };
        match self.heed_goal(&push, &known_as, trigger).await {
            Ok(reason) => Some(answer(0, reason)),
            Err(error) => self.not_had(delivery, (&push.repo.slug, &push.after), &error, failures),
        }
    }

    async fn heed_goal(
        &self,
        told: &ToldPush,
        known_as: &KnownAs,
        trigger: GoalTrigger,
    ) -> Result<String, IngestError> {
        let store = self.engine.store();
        let name = trigger.full_names()[0].clone();
        let known = store.push(told.id).await?;
        let shown = known
            .clone()
            .unwrap_or_else(|| told.without_commits(self.engine.now()));
        if !self.engine.waits_for(&shown, &trigger) {
            return Ok(format!("no rule waits for {name} to be {}", trigger.state));
        }
        let Some(push) = self.push_of(told, known_as, known).await? else {
            return Ok(format!("the push of {name} brings nothing new here"));
        };
        let trigger = self.with_its_own_set(trigger).await?;
        Ok(match self.engine.heed_foreign(&push, trigger).await? {
            true => format!("rules are asked because of {name}"),
            false => format!("rules were asked because of {name}"),
        })
    }

    /// A push that only the goal tells of is accepted as any that the hub tells of.
    async fn push_of(
        &self,
        told: &ToldPush,
        known_as: &KnownAs,
        known: Option<Push>,
    ) -> Result<Option<Push>, IngestError> {
        if known.is_some() {
            return Ok(known);
        }
        self.accept(told, known_as).await?;
        Ok(self.engine.store().push(told.id).await?)
    }

    /// A goal set of another machine that has the id of one of this machine gets another: nothing is taken for its own.
    async fn with_its_own_set(&self, trigger: GoalTrigger) -> Result<GoalTrigger, StoreError> {
        match self.engine.store().goal_set(trigger.goal_set).await? {
            None => Ok(trigger),
            Some(_) => Ok(GoalTrigger {
                goal_set: set_named(&[&trigger.registration, &trigger.goal_set.to_string()]),
                ..trigger
            }),
        }
    }
}

fn set_named(parts: &[&str]) -> GoalSetId {
    GoalSetId(named_id("goal set of another machine", parts))
}

/// The goal, and the trigger that it is.
fn read(object: &Value, hub: &str, workspace: &str) -> Result<(Told, GoalTrigger), String> {
    let wrong = |because: &dyn std::fmt::Display| format!("the goal cannot be read: {because}");
    let told = Told::deserialize(object).map_err(|error| wrong(&error))?;
    let name = told.name.clone().unwrap_or_else(|| told.unique_name.clone());
    if [&told.registration, &name]
        .iter()
        .any(|name| name.len() > LONGEST_NAME)
    {
        return Err(wrong(&"a name in it is too long"));
    }
    let state = StateName::parse(&told.state).filter(|state| is_completion(*state));
    let state = state.ok_or_else(|| wrong(&"it has not come to a result"))?;
    let unique_name = UniqueName::parse(&told.unique_name).map_err(|error| wrong(&error))?;
    let goal_set = GoalSetId::parse(&told.goal_set_id)
        .unwrap_or_else(|_| set_named(&[hub, workspace, &told.registration, &told.goal_set_id]));
    let trigger = GoalTrigger {
        goal_set,
        goal: GoalKey::new(unique_name, told.environment.as_deref().unwrap_or_default()),
        version: told.version(),
        registration: told.registration.clone(),
        is_own: false,
        name,
        state,
        data: told.data.clone(),
        outputs: outputs(told.data.as_deref()),
        chain: told.chain(),
        depth: 0,
    };
    Ok((told, trigger))
}

/// Classifiers of the files that the goal left.
fn outputs(data: Option<&str>) -> Vec<String> {
    let data = data.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let outputs = data.as_ref().and_then(|data| data[OUTPUT].as_array());
    let classifiers = outputs
        .into_iter()
        .flatten()
        .filter_map(|output| output["classifier"].as_str());
    classifiers.take(MOST_OUTPUTS).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn goal(change: impl FnOnce(&mut Value)) -> Result<GoalTrigger, String> {
        let mut object = json!({
            "uniqueName": "build", "name": "build it", "environment": "0-code", "registration": "other", "state": "success",
            "goalSetId": "00abcdef-0000-0001-0000-000000000077", "version": 3, "ts": 1,
            "data": r#"{"@atomist/sdm/output": [{"classifier": "reports", "uri": "s3://x"}, 7]}"#,
            "provenance": [{"correlationId": "goals:4"}, {"correlationId": null}], "push": null
        });
        change(&mut object);
        read(&object, "https://hub.example.com", "A1").map(|(_, trigger)| trigger)
    }

    #[test]
    fn a_goal_of_another_machine_is_no_own_one_and_says_what_it_left() {
        let trigger = goal(|_| {}).unwrap();
        assert!(!trigger.is_own && trigger.is_called("other/build") && !trigger.is_called("build"));
        assert_eq!((trigger.version, trigger.chain), (3, 4));
        assert_eq!(trigger.outputs, ["reports"]);
    }

    #[test]
    fn ru_38_no_chain_is_told_longer_than_one_may_be() {
        let told = |text: &str| goal(|goal| goal["provenance"] = json!([{"correlationId": text}])).unwrap();
        assert_eq!(told("goals:4000000000").chain, LONGEST_CHAIN);
        assert_eq!(told("goals:-1").chain, 0);
        assert_eq!(told("").chain, 0);
        let cause = |chain| Cause::Goal {
            number: 1,
            goal_set: set_named(&["x"]),
            goal: GoalKey::new(UniqueName::parse("x").unwrap(), ""),
            version: 1,
            chain,
            depth: 0,
        };
        assert_eq!(told(&said(&cause(7), 3, 3)).chain, 7);
        assert_eq!(said(&Cause::Push, 3, 3), "");
    }

    #[test]
    fn a_goal_that_stays_in_its_state_is_the_same_result() {
        let told = |version: u32, text: &str| {
            goal(|goal| {
                goal["version"] = json!(version);
                goal["provenance"] = json!([{"correlationId": text}]);
            })
        };
        let first = told(5, &said(&Cause::Push, 5, 5)).unwrap();
        let later = told(7, &said(&Cause::Push, 5, 7)).unwrap();
        assert_eq!((first.version, later.version), (5, 5));
        assert_eq!(told(7, "since:9").unwrap().version, 7);
    }

    #[test]
    fn sets_and_versions_that_an_original_machine_names_otherwise_are_the_same_each_time() {
        let other = |id: &str| goal(|goal| goal["goalSetId"] = json!(id)).unwrap().goal_set;
        assert_eq!(other("set-1"), other("set-1"));
        assert_ne!(other("set-1"), other("set-2"));
        let without = |ts: i64| {
            goal(|goal| {
                goal["version"] = json!(null);
                goal["ts"] = json!(ts);
            })
        };
        assert_ne!(
            without(1_795_000_000_000).unwrap().version,
            without(1_795_000_000_001).unwrap().version
        );
        assert!(without(-5).is_ok());
    }

    #[test]
    fn a3_what_cannot_be_meant_is_refused() {
        for (key, value) in [
            ("state", json!("in_process")),
            ("state", json!("nonsense")),
            ("uniqueName", json!("../x")),
            ("registration", json!("x".repeat(LONGEST_NAME + 1))),
            ("version", json!(-1)),
        ] {
            assert!(goal(|goal| goal[key] = value.clone()).is_err(), "{key}: {value}");
        }
    }
}
