//! Two people decide about a goal of a machine of the original at the same instant: one of them, and the other is told.

use sdm::hub::RunningHub;
use sdm::hub::administration::{Administration, KeyWish};
use sdm::ports::people::PersonRole;
use serde_json::{Value, json};

use super::machine::{TestHub, quick, wish};
use super::people::has_come_in;
use super::replicas::replica;
use crate::support::postgres::Postgres;

const GOAL: &str = "mutation { ingestCustomSdmGoal(value: {goalSetId: \"s\", environment: \"0-code\", uniqueName: \"NAME\", \
    state: waiting_for_approval, version: 3, ts: 1, sha: \"b\", branch: \"main\", \
    repo: {owner: \"acme\", name: \"app\", providerId: \"git.example.org:8080\"}}) }";

/// Decisions are raced so often.
const RACES: usize = 12;

struct Deciding<'a> {
    hubs: [&'a RunningHub; 2],
    machine: String,
    person: String,
    http: reqwest::Client,
}

impl<'a> Deciding<'a> {
    async fn at(hubs: [&'a RunningHub; 2]) -> Self {
        let administration = Administration::of(hubs[0].memory());
        has_come_in(hubs[0].memory(), "ada", PersonRole::Admin).await;
        let person = KeyWish {
            name: "ada".to_owned(),
            is_person: true,
            ..wish(&[])
        };
        Self {
            hubs,
            machine: administration.new_key(&wish(&[])).await.unwrap().1,
            person: administration.new_key(&person).await.unwrap().1,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    async fn post(&self, hub: &RunningHub, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let request = self.http.post(format!("http://{}{path}", hub.address));
        let request = request
            .bearer_auth(key)
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    /// Lets one approve and the other cancel, at once; the state that each was told, if any, and the one that is known afterwards.
    async fn race(&self, name: &str) -> ([Option<String>; 2], String) {
        let query = json!({"query": GOAL.replace("NAME", name)});
        let (_, written) = self
            .post(self.hubs[0], "/graphql/team/w", &self.machine, &query)
            .await;
        assert_eq!(written.get("errors"), None, "{written}");
        let decide = async |hub, decision: &str| {
            let path = format!("/goals/w/s/0-code/{name}/{decision}");
            let (status, answer) = self.post(hub, &path, &self.person, &json!({})).await;
            match status {
                200 => Some(answer["state"].as_str().unwrap().to_owned()),
                409 => None,
                other => panic!("{other} {answer}"),
            }
        };
        let (one, other) = tokio::join!(decide(self.hubs[0], "approve"), decide(self.hubs[1], "cancel"));
        let query = json!({"query": format!("{{ SdmGoal(uniqueName: [\"{name}\"]) {{ state version }} }}")});
        let (_, known) = self
            .post(self.hubs[0], "/graphql/team/w", &self.machine, &query)
            .await;
        let goal = &known["data"]["SdmGoal"][0];
        ([one, other], goal["state"].as_str().unwrap().to_owned())
    }

    /// Whoever is told that it is done is who has decided; who is late is told that, or has decided over what the first decided.
    async fn races(&self) {
        for number in 0..RACES {
            let (told, known) = self.race(&format!("g{number}")).await;
            match &told {
                [Some(approved), None] => {
                    assert_eq!((approved.as_str(), known.as_str()), ("approved", "approved"));
                }
                [None, Some(canceled)] => {
                    assert_eq!((canceled.as_str(), known.as_str()), ("canceled", "canceled"));
                }
                // One after the other: what was approved is canceled, and what was canceled is not approved.
                [Some(_), Some(_)] => assert_eq!(known, "canceled", "{told:?}"),
                [None, None] => panic!("somebody was first"),
            }
        }
    }
}

#[tokio::test]
async fn d3_of_two_decisions_at_once_one_counts_and_the_other_is_refused() {
    let hub = TestHub::start(quick()).await;
    Deciding::at([&hub.hub, &hub.hub]).await.races().await;
}

#[tokio::test]
async fn d3_the_same_at_two_hubs_of_one_memory() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let (one, other) = (replica(&server).await, replica(&server).await);
    Deciding::at([&one, &other]).await.races().await;
    assert!(one.stop().await && other.stop().await);
}

#[tokio::test]
async fn d2_a_decision_is_of_the_version_that_was_looked_at_and_its_refusal_says_what_is_different() {
    let hub = TestHub::start(quick()).await;
    has_come_in(hub.hub.memory(), "ada", PersonRole::Admin).await;
    let person = KeyWish {
        name: "ada".to_owned(),
        is_person: true,
        ..wish(&[])
    };
    let (_, ada) = hub.administration().new_key(&person).await.unwrap();
    let goal = |version: u32, data: &str| {
        let goal = GOAL.replace("NAME", "g");
        goal.replace("version: 3", &format!("version: {version}, data: \"{data}\""))
    };
    for text in [goal(3, "one"), goal(4, "two")] {
        let written = hub.ask(&text, Value::Null).await;
        assert_eq!(written.get("errors"), None, "{written}");
    }
    let approved = async |version: u32| {
        let path = format!("/goals/w/s/0-code/g/approve?version={version}");
        hub.post(&path, &ada, &json!({})).await
    };
    let (status, refused) = approved(3).await;
    assert_eq!(
        (status, &refused["error"]["changed"]),
        (409, &json!(["data"])),
        "{refused}"
    );
    assert_eq!(refused["error"]["version"], json!(4));
    let (status, done) = approved(4).await;
    assert_eq!((status, &done["state"]), (200, &json!("approved")), "{done}");
    let (status, again) = approved(4).await;
    assert_eq!(
        (status, &again["error"]["changed"][0]),
        (409, &json!("state")),
        "{again}"
    );
}
