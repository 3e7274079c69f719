//! Commands that a machine of the original spreads over many repositories, settings by key, and systems beside the forge (wire
//! protocol 10.5), in the words of its own client.

use std::time::Duration;

use serde_json::{Value, json};

use sdm::hub::Rhythm;

use super::machine::{Machine, TestHub, quick, registration, wish};

const CREATE: &str = "mutation CreateJob($data: String!, $name: String!, $description: String!, $owner: String!, $concurrentTasks: Int, \
    $tasks: [AtmJobTaskInput!]!) { createAtmJob(jobInput: {data: $data, name: $name, description: $description, owner: $owner, \
    jobTasks: $tasks, maxRunningTasks: $concurrentTasks, initialState: preparing}) { __typename id } }";
const ADD: &str = "mutation AddJobTasks($id: String!, $tasks: [AtmJobTaskInput!]!) { addAtmJobTasks(jobId: $id, jobTasks: $tasks) { id } }";
const RESUME: &str = "mutation ResumeJob($id: String!) { resumeAtmJob(jobId: $id) { id } }";
const SET: &str = "mutation SetJobTaskState($id: ID!, $state: AtmJobTaskStateInput!) { \
    setAtmJobTaskState(id: $id, jobTaskState: $state) { __typename id } }";

/// A machine that carries tasks out.
fn carries_out() -> Value {
    let mut machine = registration("m", "1.0.0", "durable");
    machine["events"][0]["subscription"] = json!(
        "subscription ExecuteTask { AtmJobTask(owner: \"m\", state: created) { id data name job { id data } state message } }"
    );
    machine
}

fn tasks(count: usize) -> Value {
    let task = |number: usize| json!({"name": "Greet", "data": json!({"number": number}).to_string()});
    (0..count).map(task).collect()
}

async fn create(hub: &TestHub, count: usize, at_once: u32) -> String {
    let variables = json!({
        "data": "{\"secrets\":[{\"uri\":\"u\",\"value\":\"canary-of-a-job\"}],\"source\":{}}", "name": "greetings", "description": "d",
        "owner": "m", "concurrentTasks": at_once, "tasks": tasks(count)
    });
    let made = hub.ask(CREATE, variables).await;
    assert_eq!(made["data"]["createAtmJob"]["__typename"], "AtmJob", "{made}");
    made["data"]["createAtmJob"]["id"].as_str().unwrap().to_owned()
}

/// The next task that the machine hears of: its id.
async fn heard(machine: &mut Machine) -> (String, Value) {
    let event = machine.hear().await;
    machine.answer(&event).await;
    let task = event["data"]["AtmJobTask"][0].clone();
    (task["id"].as_str().unwrap().to_owned(), task)
}

async fn ended(hub: &TestHub, id: &str, state: &str) -> Value {
    let variables = json!({"id": id, "state": {"state": state, "message": "done"}});
    hub.ask(SET, variables).await
}

async fn job(hub: &TestHub, id: &str) -> Value {
    let text = format!(
        "{{ AtmJob(id: \"{id}\") {{ state taskCount completedCount data jobTasks {{ name state message }} }} }}"
    );
    hub.ask(&text, Value::Null).await["data"]["AtmJob"][0].clone()
}

#[tokio::test]
async fn tasks_of_a_job_are_handed_out_so_many_at_a_time_until_all_are_done() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&carries_out()).await;
    let id = create(&hub, 2, 2).await;
    hub.ask(ADD, json!({"id": id, "tasks": tasks(1)})).await;
    let waiting = job(&hub, &id).await;
    assert_eq!(
        (&waiting["state"], &waiting["taskCount"]),
        (&json!("preparing"), &json!(3))
    );
    assert!(
        !waiting["data"].as_str().unwrap().contains("canary-of-a-job"),
        "{waiting}"
    );
    hub.ask(RESUME, json!({ "id": id })).await;
    let (first, task) = heard(&mut machine).await;
    assert_eq!(
        (&task["name"], &task["state"]),
        (&json!("Greet"), &json!("created"))
    );
    assert_eq!(
        (&task["data"], &task["job"]["id"]),
        (&json!("{\"number\":0}"), &json!(id))
    );
    let (second, _) = heard(&mut machine).await;
    let states = async || {
        let job = job(&hub, &id).await;
        let tasks = job["jobTasks"].as_array().unwrap().iter();
        tasks.map(|task| task["state"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(states().await, ["running", "running", "created"]);
    let set = ended(&hub, &first, "success").await;
    assert_eq!(
        set["data"]["setAtmJobTaskState"],
        json!({"__typename": "AtmJobTask", "id": first})
    );
    let (third, _) = heard(&mut machine).await;
    ended(&hub, &second, "failed").await;
    ended(&hub, &third, "success").await;
    ended(&hub, &third, "failed").await;
    let done = job(&hub, &id).await;
    assert_eq!(
        (&done["state"], &done["completedCount"]),
        (&json!("completed"), &json!(3)),
        "{done}"
    );
    assert_eq!(
        states().await,
        ["success", "failed", "success"],
        "what is over stays as it ended"
    );
}

#[tokio::test]
async fn a_task_of_which_nobody_says_anything_fails_and_the_next_goes_on() {
    let rhythm = Rhythm {
        task: Duration::from_millis(300),
        ..quick()
    };
    let hub = TestHub::start(rhythm).await;
    let mut machine = hub.machine(&carries_out()).await;
    let id = create(&hub, 2, 1).await;
    hub.ask(RESUME, json!({ "id": id })).await;
    let (silent, _) = heard(&mut machine).await;
    let (next, _) = heard(&mut machine).await;
    assert_ne!(silent, next);
    ended(&hub, &next, "success").await;
    // What comes too late changes nothing.
    ended(&hub, &silent, "success").await;
    let done = job(&hub, &id).await;
    assert_eq!(
        (&done["state"], &done["completedCount"]),
        (&json!("completed"), &json!(2)),
        "{done}"
    );
    let task = &done["jobTasks"][0];
    assert_eq!(task["state"], "failed", "{done}");
    assert!(
        task["message"].as_str().unwrap().contains("said nothing"),
        "{done}"
    );
}

#[tokio::test]
async fn jobs_are_for_machines_of_ones_own_and_within_limits() {
    let hub = TestHub::start(quick()).await;
    hub.register(&carries_out()).await;
    let id = create(&hub, 1, 1).await;
    let (_, other) = hub
        .administration()
        .new_key(&sdm::hub::administration::KeyWish {
            name: "other".to_owned(),
            ..wish(&[])
        })
        .await
        .unwrap();
    let asked = async |key: &str, query: &str, variables: Value| {
        let body = json!({"query": query, "variables": variables});
        let (_, answer) = hub.post("/graphql/team/w", key, &body).await;
        answer["errors"][0]["extensions"]["code"].clone()
    };
    let wanted = |owner: &str, count: usize| json!({"data": "{}", "name": "n", "description": "d", "owner": owner, "tasks": tasks(count)});
    let denied = json!("insufficient_permission");
    assert_eq!(asked(&other, CREATE, wanted("m", 1)).await, denied);
    assert_eq!(
        asked(&hub.key, CREATE, wanted("nobody", 1)).await,
        denied,
        "nobody has this name yet"
    );
    assert_eq!(asked(&other, RESUME, json!({ "id": id })).await, denied);
    let state = json!({"id": format!("{id}/0"), "state": {"state": "success"}});
    assert_eq!(asked(&other, SET, state).await, denied);
    let invalid = json!("invalid_argument");
    assert_eq!(asked(&hub.key, CREATE, wanted("m", 1_001)).await, invalid);
    assert_eq!(
        asked(&hub.key, ADD, json!({"id": id, "tasks": tasks(1_000)})).await,
        invalid
    );
    assert_eq!(
        asked(&hub.key, RESUME, json!({"id": "none"})).await,
        json!("not_found")
    );
}

#[tokio::test]
async fn a_setting_by_key_is_kept_until_its_time_is_over() {
    let hub = TestHub::start(quick()).await;
    let put = "mutation M($value: CustomSdmPreferenceInput!) { ingestCustomSdmPreference(value: $value) }";
    let get = "query SdmPreferenceByKey($key: [String!]) { SdmPreference(key: $key) { key value ttl } }";
    let of = async |key: &str| hub.ask(get, json!({ "key": [key] })).await["data"]["SdmPreference"].clone();
    hub.ask(
        put,
        json!({"value": {"key": "a", "value": "1", "ttl": 4_102_444_800_000_i64}}),
    )
    .await;
    assert_eq!(
        of("a").await,
        json!([{"key": "a", "value": "1", "ttl": 4_102_444_800_000_i64}])
    );
    hub.ask(put, json!({"value": {"key": "a", "value": "2"}})).await;
    assert_eq!(of("a").await, json!([{"key": "a", "value": "2", "ttl": null}]));
    hub.ask(put, json!({"value": {"key": "b", "value": "1", "ttl": 1}}))
        .await;
    assert_eq!(of("b").await, json!([]), "it was over before it came");
    hub.ask(
        "mutation { deleteCustomSdmPreference(value: {key: \"a\"}) }",
        Value::Null,
    )
    .await;
    assert_eq!(of("a").await, json!([]));
}

#[tokio::test]
async fn systems_beside_the_forge_are_named_and_their_secrets_are_not_here() {
    let hub = TestHub::start(quick()).await;
    let make = "mutation { createDockerRegistryProvider(type: DockerHub, name: \"images\", url: \"https://registry.example.org\") { id __typename } }";
    let made = hub.ask(make, Value::Null).await;
    let id = made["data"]["createDockerRegistryProvider"]["id"].clone();
    let set = "mutation S($id: ID!, $state: ResourceProviderStateName!, $error: String!) { \
        setResourceProviderState(id: $id, providerState: {state: $state, error: $error}) { id __typename } }";
    let answer = hub
        .ask(set, json!({"id": id, "state": "unauthorized", "error": "who"}))
        .await;
    assert_eq!(
        answer["data"]["setResourceProviderState"],
        json!({"id": id, "__typename": "ResourceProvider"})
    );
    let ask = "query D($name: String) { DockerRegistryProvider(name: $name) { url name state { error name } credential { owner { login } id } } }";
    let found = hub.ask(ask, json!({"name": "images"})).await["data"]["DockerRegistryProvider"][0].clone();
    assert_eq!(found["state"], json!({"error": "who", "name": "unauthorized"}));
    assert_eq!(found["credential"]["owner"], json!({"login": null}));
    let refused = hub
        .ask(
            "query P($id: ID!) { Password(id: $id) { owner { login } secret } }",
            json!({"id": found["credential"]["id"]}),
        )
        .await;
    let said = refused["errors"][0]["message"].as_str().unwrap();
    assert!(
        said.contains("no secret is in the graph") && refused["data"].is_null(),
        "{said}"
    );
    let with_password = "mutation { createGenericResourceProvider(type: \"t\", name: \"n\", url: \"https://ada:secret@example.org\") { id } }";
    let refused = hub.ask(with_password, Value::Null).await;
    assert_eq!(
        refused["errors"][0]["extensions"]["code"],
        json!("invalid_argument")
    );
    hub.ask(
        "mutation D($id: ID!) { deleteResourceProvider(id: $id) }",
        json!({ "id": id }),
    )
    .await;
    assert_eq!(
        hub.ask(ask, json!({"name": null})).await["data"]["DockerRegistryProvider"],
        json!([])
    );
}

#[tokio::test]
async fn h7_a_job_is_seen_by_its_machine() {
    let hub = TestHub::start(quick()).await;
    let _machine = hub.machine(&carries_out()).await;
    let id = create(&hub, 1, 1).await;
    let key = async |name: &str, repositories: &[&str]| {
        let wanted = sdm::hub::administration::KeyWish {
            name: name.to_owned(),
            repositories: repositories.iter().map(ToString::to_string).collect(),
            places: vec!["workspace".to_owned()],
            ..wish(&[])
        };
        hub.administration().new_key(&wanted).await.unwrap().1
    };
    let sees = async |key: &str| {
        let query = json!({"query": "{ AtmJob { id } AtmJobTask { jobId } }"});
        let (_, answer) = hub.post("/graphql/team/w", key, &query).await;
        answer["data"].clone()
    };
    let all = json!({"AtmJob": [{"id": id}], "AtmJobTask": [{"jobId": id}]});
    assert_eq!(sees(&hub.key).await, all);
    let narrow = key("narrow", &["acme/app"]).await;
    assert_eq!(sees(&narrow).await, json!({"AtmJob": [], "AtmJobTask": []}));
    // Whoever has the machine's name later has no job of before.
    let registrations = hub.administration().registrations().await.unwrap();
    hub.administration()
        .send_away(&registrations[0].id)
        .await
        .unwrap();
    let (status, answer) = hub.post("/registration", &narrow, &carries_out()).await;
    assert_eq!(status, 200, "{answer}");
    let resume = json!({"query": RESUME, "variables": {"id": id}});
    let (_, answer) = hub.post("/graphql/team/w", &narrow, &resume).await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        json!("insufficient_permission"),
        "g2: {answer}"
    );
}
