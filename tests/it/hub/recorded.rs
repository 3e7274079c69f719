//! Conversations as machines of the original were seen to have them, frame by frame, against our hub: `testdata/recorded`.
//!
//! Each is a list of steps in the order in which they were recorded. What the machine sends is sent, whatever the hub says meanwhile; what
//! it was told is waited for, each `hears` with all of its events in whichever order, and with nothing else before the machine goes on.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::events::push;
use super::machine::{Machine, TestHub, quick, registration};

/// The goal set of every recording.
const GOAL_SET: &str = "2e649d2c-9ad8-4107-bab5-c60908c520de";

/// What a machine of the original waits for, with the fields that these recordings look at.
const STATES: &str =
    "[in_process, failure, success, stopped, canceled, waiting_for_pre_approval, waiting_for_approval]";
const GOAL: &str = "{ id environment uniqueName name sha branch state version ts goalSetId registration \
    fulfillment { method registration name } preConditions { environment uniqueName name } provenance { registration name correlationId ts } \
    push { id branch after { sha } goals { uniqueName state } repo { owner name } } repo { name owner providerId } }";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recording {
    steps: Vec<Step>,
}

/// One of these.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Step {
    /// The forge tells of a push.
    forge: Option<String>,
    /// The machine says this.
    says: Option<Value>,
    /// It is told this, and nothing before it.
    told: Option<Value>,
    /// It hears these events: their operation, and of goals their name and state.
    hears: Option<Vec<String>>,
    /// It answers the first event of this operation that it has not answered.
    answers: Option<String>,
    /// It writes a goal.
    goal: Option<WrittenGoal>,
    /// It writes the goal set.
    goal_set: Option<WrittenSet>,
    /// It asks the graph.
    asks: Option<Asked>,
    /// It writes to a log.
    log: Option<Logged>,
}

#[derive(Deserialize)]
struct WrittenGoal {
    name: String,
    state: String,
    version: u32,
    ts: i64,
    after: Option<String>,
}

#[derive(Deserialize)]
struct WrittenSet {
    state: String,
    ts: i64,
}

#[derive(Deserialize)]
struct Asked {
    query: String,
    variables: Value,
    answer: Value,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Logged {
    probe: bool,
    goal: String,
    message: String,
    closed: bool,
}

/// A machine in the middle of a recording.
struct Replay {
    hub: TestHub,
    machine: Machine,
    /// Events that it has heard and not answered, by their operation.
    open: BTreeMap<String, Vec<Value>>,
}

fn subscriptions() -> Value {
    let own = "registration: [\"@acme/sdm\"]";
    let all = [
        "subscription SetGoalsOnPush { Push { id timestamp branch before { sha } after @required { url sha message author { login name } } \
         repo { id owner name org { id owner ownerType provider { providerId providerType apiUrl url } } defaultBranch } \
         commits { sha message } } }"
            .to_owned(),
        format!("subscription FulfillGoalOnRequested {{ SdmGoal(state: [requested]) {GOAL} }}"),
        format!("subscription SetGoalsOnGoal {{ SdmGoal(state: {STATES}) {GOAL} }}"),
        format!("subscription SkipDownstreamGoalsOnGoalFailure {{ SdmGoal(state: [failure, stopped, canceled], {own}) {GOAL} }}"),
        format!("subscription RequestDownstreamGoalsOnGoalSuccess {{ SdmGoal(state: [success], {own}) {GOAL} }}"),
        format!("subscription RespondOnGoalCompletion {{ SdmGoal(state: {STATES}, {own}) {GOAL} }}"),
        format!("subscription VoteOnGoalApprovalRequest {{ SdmGoal(state: [approved, pre_approved], {own}) {GOAL} }}"),
    ];
    let one = |text: &String| json!({"subscription": text, "secrets": [{"uri": "github://org_token"}]});
    Value::Array(all.iter().map(one).collect())
}

/// An event in a word.
fn shown(event: &Value) -> String {
    let operation = event["extensions"]["operationName"].as_str().unwrap_or_default();
    let goal = &event["data"]["SdmGoal"][0];
    match (goal["uniqueName"].as_str(), goal["state"].as_str()) {
        (Some(name), Some(state)) => format!("{operation} {name} {state}"),
        _ => operation.to_owned(),
    }
}

impl Replay {
    async fn begin() -> Self {
        let hub = TestHub::start(quick()).await;
        let mut registration = registration("@acme/sdm", "0.1.0", "ephemeral");
        registration["events"] = subscriptions();
        let machine = hub.machine(&registration).await;
        Self {
            hub,
            machine,
            open: BTreeMap::new(),
        }
    }

    async fn step(&mut self, step: Step) {
        if step.forge.is_some() {
            assert_eq!(self.hub.github("push", "d-1", &push("a", "b")).await.0, 200);
        }
        if let Some(said) = &step.says {
            self.machine.say(said).await;
        }
        if let Some(told) = step.told {
            assert_eq!(self.machine.hear().await, told);
        }
        if let Some(hears) = step.hears {
            self.hears(hears).await;
        }
        if let Some(operation) = step.answers {
            let open = self.open.get_mut(&operation).filter(|open| !open.is_empty());
            let event = open
                .unwrap_or_else(|| panic!("{operation} was not heard"))
                .remove(0);
            self.machine.answer(&event).await;
        }
        if let Some(goal) = &step.goal {
            self.writes("Goal", written_goal(goal)).await;
        }
        if let Some(set) = &step.goal_set {
            self.writes("GoalSet", written_set(set)).await;
        }
        if let Some(asked) = step.asks {
            let answer = self.hub.ask(&asked.query, asked.variables).await;
            assert_eq!(answer, json!({"data": asked.answer}), "{}", asked.query);
        }
        if let Some(logged) = &step.log {
            self.logs(logged).await;
        }
    }

    async fn hears(&mut self, mut wanted: Vec<String>) {
        let mut heard = Vec::new();
        for _ in 0..wanted.len() {
            let event = self.machine.hear().await;
            let about = &event["extensions"];
            assert_eq!(about["team_id"], "w", "{event}");
            assert!(about["correlation_id"].is_string(), "{event}");
            assert_eq!(event["secrets"][0]["uri"], "github://org_token", "{event}");
            heard.push(shown(&event));
            let operation = about["operationName"].as_str().unwrap().to_owned();
            self.open.entry(operation).or_default().push(event);
        }
        heard.sort();
        wanted.sort();
        assert_eq!(heard, wanted);
    }

    async fn writes(&self, kind: &str, value: Value) {
        let query = format!(
            "mutation UpdateSdm{kind}($value: CustomSdm{kind}Input!) {{\n  ingestCustomSdm{kind}(value: $value)\n}}\n"
        );
        let answer = self.hub.ask(&query, json!({ "value": value })).await;
        let id = &answer["data"][format!("ingestCustomSdm{kind}")];
        assert!(id.is_string() && answer["errors"].is_null(), "{answer}");
    }

    async fn logs(&self, logged: &Logged) {
        if logged.probe {
            let probed = self
                .hub
                .http
                .head(self.hub.url("/api/logs"))
                .send()
                .await
                .unwrap();
            assert!(probed.status().is_success(), "{}", probed.status());
            return;
        }
        let closed = if logged.closed { "?closed=true" } else { "" };
        let path = format!(
            "/api/logs/w/acme/app/{}/0-code/{}/{GOAL_SET}/correlation{closed}",
            "b".repeat(40),
            logged.goal
        );
        let line = json!({"level": "info", "message": logged.message, "timestamp": "11/21/2026 21:33:40.492",
            "timestampMillis": 1_795_296_820_492_i64});
        let body = json!({"host": "host-1", "content": [line]});
        // The address of logs that the original is given has the key as its password.
        let request = self.hub.http.post(self.hub.url(&path));
        let request = request.basic_auth("hub", Some(&self.hub.key));
        let request = request.header("content-type", "application/json");
        let status = request.body(body.to_string()).send().await.unwrap().status();
        assert!(status.is_success(), "{path}: {status}");
    }
}

fn shared(ts: i64) -> Value {
    json!({
        "goalSet": "build, publish", "goalSetId": GOAL_SET, "sha": "b".repeat(40), "branch": "main", "ts": ts,
        "repo": {"name": "app", "owner": "acme", "providerId": "git.example.org:8080"}
    })
}

fn written_goal(goal: &WrittenGoal) -> Value {
    let name = &goal.name;
    let mut value = shared(goal.ts);
    let provenance = json!({"registration": "@acme/sdm", "version": "0.1.0", "name": "SetGoalsOnPush", "correlationId": "c", "ts": goal.ts});
    for (field, said) in [
        ("registration", json!("@acme/sdm")),
        ("name", json!(name)),
        ("uniqueName", json!(name)),
        ("environment", json!("0-code")),
        (
            "fulfillment",
            json!({"method": "sdm", "name": format!("{name}-impl"), "registration": "@acme/sdm"}),
        ),
        ("state", json!(goal.state)),
        ("description", json!(format!("{}: {name}", goal.state))),
        ("externalKey", json!(format!("sdm/atomist/0-code/{name}"))),
        ("approvalRequired", json!(false)),
        ("preApprovalRequired", json!(false)),
        ("retryFeasible", json!(false)),
        ("provenance", json!([provenance])),
        ("version", json!(goal.version)),
    ] {
        value[field] = said;
    }
    if let Some(after) = &goal.after {
        let before =
            json!({"goalSet": "build, publish", "name": after, "uniqueName": after, "environment": "0-code"});
        value["preConditions"] = json!([before]);
    }
    value
}

fn written_set(set: &WrittenSet) -> Value {
    let mut value = shared(set.ts);
    value["state"] = json!(set.state);
    // With what it was answered, and writes back.
    value["__typename"] = json!("SdmGoalSet");
    let goal = |name: &str| json!({"name": name, "uniqueName": name, "__typename": "SdmGoalName"});
    value["goals"] = json!([goal("build"), goal("publish")]);
    value["provenance"] = json!({"registration": "@acme/sdm", "version": "0.1.0", "name": "SetGoalsOnPush", "correlationId": "c",
        "ts": set.ts, "__typename": "SdmProvenance"});
    value
}

async fn replay(name: &str) {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/hub/testdata/recorded");
    let text = std::fs::read_to_string(place.join(name).with_extension("yaml")).unwrap();
    let recording: Recording = serde_yaml::from_str(&text).unwrap();
    let mut replay = Replay::begin().await;
    for step in recording.steps {
        replay.step(step).await;
    }
    replay.machine.settled().await;
}

#[tokio::test]
async fn a_push_goes_to_success_as_it_was_recorded() {
    replay("a_push_to_success").await;
}

#[tokio::test]
async fn a_failure_is_dealt_with_as_it_was_recorded() {
    replay("a_failure").await;
}

#[tokio::test]
async fn a_machine_that_has_too_much_is_left_alone_as_it_was_recorded() {
    replay("silence_when_there_is_too_much").await;
}
