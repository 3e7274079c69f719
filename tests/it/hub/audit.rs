//! What always stands in the audit log (security model 16), a test for each kind: who did what, about whom, from where, and what
//! came of it.

use reqwest::Method;
use sdm::access::audit::{Given, verify};
use sdm::access::{Grant, Principal, Right, Selector};
use sdm::hub::administration::{Administration, KeyWish};
use sdm::hub::extensions::Network;
use sdm::hub::ingest::WebhookSecrets;
use sdm::hub::{HubOptions, start};
use sdm::ports::people::{People as _, PersonChange, PersonRole, PersonState};
use sdm::ports::rights::{RightsChange, RightsStore as _, StoredTrust};
use sdm::store::hub::Place;
use serde_json::{Value, json};

use super::commands::{answer, asked, deploy, offers, person};
use super::events::push;
use super::extensions::Pair;
use super::extensions::add_on::KEY;
use super::machine::{Machine, PATIENCE, SECRET, TestHub, quick, registration, wish};
use super::people::{Browser, signed_in};

/// The secret of machines.
const OF_MACHINES: &str = "canary-of-machines";

/// A hub that keeps an audit log, and the place of that.
pub struct Audited {
    pub hub: TestHub,
    directory: crate::support::remains::Remains,
}

impl Audited {
    pub async fn start() -> Self {
        let directory = crate::support::remains::directory();
        let place = Place::File(directory.path().join("hub.db"));
        let mut options = HubOptions::new(place, "127.0.0.1:0".parse().unwrap());
        options.rhythm = quick();
        options.webhooks = WebhookSecrets::for_all(SECRET);
        options.secrets = [("github://org_token".to_owned(), OF_MACHINES.into())].into();
        options.audit = Some(directory.path().join("audit.jsonl"));
        let proxy: Network = "127.0.0.1".parse().unwrap();
        options.proxies = vec![proxy];
        let hub = start(options).await.unwrap();
        let administration = Administration::of(hub.memory());
        let (_, key) = administration.new_key(&wish(&[])).await.unwrap();
        let hub = TestHub::of(hub, key);
        Self { hub, directory }
    }

    pub fn text(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("audit.jsonl")).unwrap()
    }

    /// A statement that somebody else makes in the hub's database.
    async fn meddle(&self, statement: &'static str) {
        use sqlx::{AnyConnection, Connection as _, Executor as _};
        let url = format!("sqlite://{}", self.directory.path().join("hub.db").display());
        let mut connection = AnyConnection::connect(&url).await.unwrap();
        connection.execute("PRAGMA busy_timeout = 15000").await.unwrap();
        connection.execute(statement).await.unwrap();
        connection.close().await.unwrap();
    }

    /// The first entry that fits, once it is there.
    async fn entry(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        entry(what, || self.text(), fits).await
    }

    /// The entry of an operation that says this.
    pub async fn said(&self, operation: &str, said: &str) -> Value {
        let fits = |entry: &Value| {
            entry["operation"] == json!(operation) && entry["rule"].as_str().unwrap().contains(said)
        };
        self.entry(&format!("{operation}: {said}"), fits).await
    }

    /// The entry of an operation that was decided so.
    pub async fn decided(&self, principal: &str, operation: &str, reason: &str) -> Value {
        let fits = |entry: &Value| {
            entry["principal"] == json!(principal)
                && entry["operation"] == json!(operation)
                && entry["reason"] == json!(reason)
        };
        self.entry(&format!("{principal} {operation} {reason}"), fits)
            .await
    }
}

/// The first entry of a log that fits, once it is there.
async fn entry(what: &str, text: impl Fn() -> String, fits: impl Fn(&Value) -> bool) -> Value {
    let begun = std::time::Instant::now();
    loop {
        let now = text();
        let mut entries = now
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        if let Some(found) = entries.find(|entry| fits(entry)) {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} is never written down:\n{now}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// What an administrator decides on a page.
async fn submits(browser: &mut Browser<'_>, path: &str, fields: &str) -> u16 {
    let token = browser.token().await;
    browser
        .submit(path, &format!("anti_forgery={token}&{fields}"))
        .await
        .status
}

pub const QUESTION: &str = "query { Repo { name } }";

#[tokio::test]
async fn every_refusal_is_written_down_whoever_was_refused() {
    let audited = Audited::start().await;
    let hub = &audited.hub;
    let question = json!({ "query": QUESTION });
    assert_eq!(
        hub.post("/graphql/team/w", "hub_a_nonsense", &question).await.0,
        401
    );
    let bad = audited
        .decided("anonymous", "sign_in", "invalid_credentials")
        .await;
    assert_eq!(bad["decision"], json!("deny"));
    let nobody = hub.http.post(hub.url("/graphql/team/w")).send().await.unwrap();
    assert_eq!(nobody.status().as_u16(), 401);
    audited
        .decided("anonymous", "sign_in", "authentication_required")
        .await;
    let twice = hub.http.get(hub.url("/metrics")).bearer_auth(&hub.key);
    let twice = twice
        .header("authorization", "Bearer other")
        .send()
        .await
        .unwrap();
    assert_eq!(twice.status().as_u16(), 400);
    audited
        .decided("anonymous", "sign_in", "ambiguous_credentials")
        .await;
    let (status, _) = hub.post("/graphql/team/elsewhere", &hub.key, &question).await;
    assert_eq!(status, 403);
    audited
        .decided("addon:test", "graph.ask", "insufficient_permission")
        .await;
    assert_eq!(
        hub.http
            .get(hub.url("/metrics"))
            .bearer_auth(&hub.key)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16(),
        403
    );
    audited
        .decided("addon:test", "metrics.read", "insufficient_scope")
        .await;
    let forged = hub.signed("push", "1", "{}".to_owned(), "sha256=00").await;
    assert_eq!(forged.0, 401);
    audited
        .decided("anonymous", "webhook.receive", "invalid_credentials")
        .await;
    let mut eve = signed_in(hub, "eve", PersonRole::Member).await;
    assert_eq!(eve.get("/audit").await.status, 403);
    audited
        .decided("person:eve", "audit.export", "insufficient_permission")
        .await;
    let suspended = PersonChange {
        state: Some(PersonState::Suspended),
        ..PersonChange::default()
    };
    hub.hub
        .memory()
        .change_person("eve", &suspended, &[])
        .await
        .unwrap();
    verify(audited.text().as_bytes(), Given::default()).unwrap();
}

#[tokio::test]
async fn what_is_refused_where_it_is_done_is_written_down_like_everything_else() {
    let audited = Audited::start().await;
    let hub = &audited.hub;
    hub.register(&registration("m", "1.0.0", "durable")).await;
    let stranger = KeyWish {
        name: "stranger".to_owned(),
        ..wish(&[])
    };
    let (_, stranger) = hub.administration().new_key(&stranger).await.unwrap();
    let goal = "mutation { ingestCustomSdmGoal(value: {goalSetId: \"s\", environment: \"0-code\", uniqueName: \"g\", \
         registration: \"m\", state: STATE, sha: \"b\", branch: \"main\", \
         repo: {owner: \"acme\", name: \"app\", providerId: \"x\"}}) }";
    let said = |state: &str| json!({ "query": goal.replace("STATE", state) });
    let (_, written) = hub.post("/graphql/team/w", &hub.key, &said("in_process")).await;
    assert_eq!(written.get("errors"), None, "{written}");
    hub.post("/graphql/team/w", &stranger, &said("success")).await;
    audited
        .decided("addon:stranger", "goal.update", "insufficient_permission")
        .await;
    let job = "mutation { createAtmJob(jobInput: {data: \"{}\", name: \"j\", description: \"d\", \
         owner: \"m\", jobTasks: []}) { id } }";
    hub.post("/graphql/team/w", &stranger, &json!({ "query": job }))
        .await;
    audited
        .decided("addon:stranger", "job.write", "insufficient_permission")
        .await;
    let mut root = signed_in(hub, "root", PersonRole::Admin).await;
    let forged = root.submit("/keys", "anti_forgery=guess&for=me").await;
    assert_eq!(forged.status, 403);
    audited
        .decided("anonymous", "key.create", "anti_forgery_token_missing")
        .await;
    let elsewhere = [("sec-fetch-site", "cross-site")];
    root.send(Method::POST, "/keys", &elsewhere, "").await;
    audited.decided("anonymous", "key.create", "foreign_origin").await;
    verify(audited.text().as_bytes(), Given::default()).unwrap();
}

#[tokio::test]
async fn g2_who_takes_a_name_or_answers_for_another_is_refused_and_written_down() {
    let audited = Audited::start().await;
    let hub = &audited.hub;
    let mut machine = hub.machine(&offers("m")).await;
    let stranger = KeyWish {
        name: "stranger".to_owned(),
        ..wish(&[])
    };
    let (_, stranger) = hub.administration().new_key(&stranger).await.unwrap();
    let (status, refused) = hub.post("/registration", &stranger, &offers("m")).await;
    assert!(status == 403 || status == 409, "{refused}");
    let code = refused["error"]["code"].as_str().unwrap();
    audited.decided("addon:stranger", "events.subscribe", code).await;
    let (_, answered) = hub
        .post(
            "/registration",
            &stranger,
            &registration("other", "1.0.0", "ephemeral"),
        )
        .await;
    let mut other = Machine::open(answered["url"].as_str().unwrap()).await;
    let ada = person(hub, "ada").await;
    let (_, command) = asked(hub, &ada, &mut machine).await;
    let forged = json!({"status": {"code": 0, "reason": "forged"}});
    other.say(&answer(&command, &forged)).await;
    other.settled().await;
    let said = format!("an answer to {}", command["correlation_id"].as_str().unwrap());
    let entry = audited.said("command.invoke", &said).await;
    assert_eq!(
        (&entry["principal"], &entry["decision"]),
        (&json!("addon:stranger"), &json!("deny"))
    );
}

#[tokio::test]
async fn f10_links_states_and_tickets_are_guessed_at_a_few_times_only() {
    let audited = Audited::start().await;
    let hub = &audited.hub;
    let mut browser = Browser::new(hub);
    let mut last = 0;
    for number in 0..25 {
        last = browser.get(&format!("/sign-in/link/guess{number}")).await.status;
    }
    assert_eq!(
        last, 429,
        "links are counted together, as nobody knows whose they would be"
    );
    audited
        .decided("anonymous", "sign_in", "invalid_credentials")
        .await;
    for number in 0..25 {
        last = hub
            .signed("push", "1", "{}".to_owned(), &format!("sha256={number:064}"))
            .await
            .0;
    }
    assert_eq!(last, 429);
    // Whoever has the right thing is let in all the same.
    assert_eq!(hub.github("push", "2", &push("a", "b")).await.0, 200);
    signed_in(hub, "ada", PersonRole::Member).await;
}

#[tokio::test]
async fn f10_sessions_are_guessed_at_a_thousand_times_a_minute_altogether() {
    let audited = Audited::start().await;
    let hub = &audited.hub;
    let mut ada = signed_in(hub, "ada", PersonRole::Member).await;
    let port = hub.hub.address.port();
    let guess = async |number: u32| {
        let request = hub.http.get(hub.url("/machines/w"));
        let request = request.header("cookie", format!("sdm-session-{port}=guess{number}"));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(guess(0).await, 401);
    let mut last = 401;
    for number in 1..=1_000 {
        last = guess(number).await;
    }
    assert_eq!(last, 429);
    assert_eq!(
        ada.get("/you").await.status,
        200,
        "a session that counts is none of them"
    );
}

#[tokio::test]
async fn everything_that_writes_or_administers_is_written_down_with_where_it_came_from() {
    let audited = Audited::start().await;
    let hub = &audited.hub;
    let goal = json!({
        "goalSetId": "set-1", "goalSet": "npm", "environment": "0-code", "uniqueName": "build", "name": "build",
        "state": "in_process", "description": "", "version": 1, "ts": 1, "attempt": 1, "sha": "b".repeat(40), "branch": "main",
        "registration": "m", "data": null, "repo": {"owner": "acme", "name": "app", "providerId": "p"},
    });
    let mutation = "mutation G($v: CustomSdmGoalInput!) { ingestCustomSdmGoal(value: $v) }";
    hub.ask(mutation, json!({ "v": goal })).await;
    let wrote = audited.decided("addon:test", "goal.update", "allowed").await;
    assert_eq!(wrote["ip"], json!("127.0.0.1"));
    let mut root = signed_in(hub, "root", PersonRole::Admin).await;
    let token = root.token().await;
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("sec-fetch-site", "same-origin"),
        ("user-agent", "a browser"),
        ("x-forwarded-for", "198.51.100.9, 203.0.113.7"),
    ];
    let form = format!("anti_forgery={token}");
    let done = root
        .send(Method::POST, "/add-ons/test/disable", &headers, &form)
        .await;
    assert_eq!(done.status, 303, "{}", done.text);
    let decided = audited.decided("person:root", "addon.disable", "allowed").await;
    let came = audited.said("addon.disable", "addon:test disabled").await;
    for entry in [&decided, &came] {
        assert_eq!(entry["principal"], json!("person:root"), "{entry}");
        assert_eq!(
            entry["ip"],
            json!("203.0.113.7"),
            "what the proxy saw, and no more: {entry}"
        );
        assert_eq!(entry["user_agent"], json!("a browser"));
        assert_eq!(entry["request_id"], decided["request_id"]);
    }
    assert_eq!(decided["kind"], json!("session"));
}

#[tokio::test]
async fn secrets_that_machines_are_given_are_written_down_by_their_name() {
    let audited = Audited::start().await;
    let mut machine = audited
        .hub
        .machine(&registration("m", "1.0.0", "ephemeral"))
        .await;
    assert_eq!(audited.hub.github("push", "1", &push("a", "b")).await.0, 200);
    let event = machine.hear().await;
    assert_eq!(event["secrets"][0]["value"], json!(OF_MACHINES));
    let given = audited
        .said("repo.token.read", "addon:test was given github://org_token")
        .await;
    assert_eq!(
        given["resource"],
        json!("repo:git.example.org:8080/acme/app#7"),
        "{given}"
    );
    assert!(!audited.text().contains(OF_MACHINES));
}

/// What a command brings of the secret that its machine declares.
async fn brought(audited: &Audited, (name, machine): (&str, &mut Machine), ada: &str) -> Value {
    let mut deploy = deploy();
    deploy["automation"] = json!({ "name": name });
    let (status, answer) = audited.hub.post("/command", ada, &deploy).await;
    assert_eq!(status, 200, "{answer}");
    machine.hear().await["secrets"][0]["value"].clone()
}

#[tokio::test]
async fn what_opens_every_repository_is_handed_to_machines_that_may_read_every_repository() {
    let audited = Audited::start().await;
    let hub = &audited.hub;
    let administration = hub.administration();
    let person = KeyWish {
        name: "ada".to_owned(),
        is_person: true,
        ..wish(&[])
    };
    let (_, ada) = administration.new_key(&person).await.unwrap();
    let narrow = KeyWish {
        name: "narrow".to_owned(),
        repositories: vec!["acme/app".to_owned()],
        ..wish(&[])
    };
    let (_, narrow) = administration.new_key(&narrow).await.unwrap();
    let (status, registered) = hub.post("/registration", &narrow, &offers("narrow")).await;
    assert_eq!(status, 200, "{registered}");
    let mut machine = Machine::open(registered["url"].as_str().unwrap()).await;
    assert_eq!(hub.github("push", "1", &push("a", "b")).await.0, 200);
    let event = machine.hear().await;
    assert_eq!(event["secrets"][0]["value"], json!("null"), "{event}");
    assert_eq!(
        brought(&audited, ("narrow", &mut machine), &ada).await,
        json!("null")
    );
    audited
        .decided("addon:narrow", "repo.token.read", "insufficient_permission")
        .await;
    let mut wide = hub.machine(&offers("wide")).await;
    assert_eq!(
        brought(&audited, ("wide", &mut wide), &ada).await,
        json!(OF_MACHINES)
    );
    let denial = Grant::new(Selector::parse("repo:acme/wages#8").unwrap(), Right::Deny);
    let test = Principal::parse("addon:test").unwrap();
    administration.give(test, denial, false).await.unwrap();
    audited
        .said("addon.grant", "gave addon:test: deny on repo:")
        .await;
    assert_eq!(
        brought(&audited, ("wide", &mut wide), &ada).await,
        json!("null"),
        "not every repository any more"
    );
    audited
        .decided("addon:test", "repo.token.read", "insufficient_permission")
        .await;
}

#[tokio::test]
async fn registrations_approvals_and_grants_are_written_down_with_who_made_them() {
    let audited = Audited::start().await;
    let hub = &audited.hub;
    hub.machine(&registration("m", "1.0.0", "ephemeral")).await;
    audited.decided("addon:test", "events.subscribe", "allowed").await;
    let agreed = audited.said("addon.approve", "addon:test active").await;
    assert_eq!(agreed["principal"], json!("person:operator"));
    assert_eq!(
        agreed["ip"],
        Value::Null,
        "what is done at the hub's computer is no request"
    );
    let mut root = signed_in(hub, "root", PersonRole::Admin).await;
    let grant = "selector=env%3Aproduction&right=deny&days=&note=&sure=yes";
    assert_eq!(submits(&mut root, "/add-ons/test/grants", grant).await, 303);
    let gave = audited
        .said("addon.grant", "gave addon:test: deny on env:production")
        .await;
    assert_eq!(
        (&gave["principal"], &gave["ip"]),
        (&json!("person:root"), &json!("127.0.0.1"))
    );
    let grants = hub.administration().grants().await.unwrap();
    let id = &grants.last().unwrap().id;
    let path = format!("/add-ons/test/grants/{id}/remove");
    assert_eq!(submits(&mut root, &path, "sure=yes").await, 303);
    let took = audited.said("addon.grant", "took addon:test").await;
    assert_eq!(took["principal"], json!("person:root"), "{took}");
    let first = &grants[0].id;
    hub.administration().take(first, false).await.unwrap();
    let took = audited.said("addon.grant", "took addon:test: admin on *").await;
    assert_eq!(
        (&took["principal"], &took["request_id"]),
        (&json!("anonymous"), &Value::Null),
        "no request did it, whichever came next"
    );
}

/// A goal that waits for approval, of a machine of the original or of ours.
fn waiting_goal(name: &str, method: &str) -> Value {
    json!({"query": format!(
        "mutation {{ ingestCustomSdmGoal(value: {{goalSetId: \"s\", environment: \"0-code\", uniqueName: \"{name}\", name: \"{name}\", \
         state: waiting_for_approval, sha: \"b\", branch: \"main\", version: 1, \
         fulfillment: {{method: \"{method}\", name: \"x\", registration: \"m\"}}, \
         repo: {{owner: \"acme\", name: \"app\", providerId: \"git.example.org:8080\"}}}}) }}"
    )})
}

#[tokio::test]
async fn decisions_about_goals_and_replays_are_written_down_by_their_own_names() {
    let audited = Audited::start().await;
    let hub = &audited.hub;
    hub.github("push", "1", &push("a", "b")).await;
    let mut ada = signed_in(hub, "ada", PersonRole::Admin).await;
    for (name, decision, operation) in [
        ("g1", "approve", "goal.approve"),
        ("g2", "deny", "goal.deny"),
        ("g3", "cancel", "goal.cancel"),
    ] {
        let (_, written) = hub
            .post("/graphql/team/w", &hub.key, &waiting_goal(name, "other"))
            .await;
        assert_eq!(written.get("errors"), None, "{written}");
        let form = format!("decision={decision}&environment=0-code&name={name}&version=1");
        assert_eq!(
            submits(&mut ada, "/workspaces/w/goals/s/decide", &form).await,
            303,
            "{decision}"
        );
        let decided = audited.decided("person:ada", operation, "allowed").await;
        assert_eq!(decided["decision"], json!("allow"));
        let said = audited.said(operation, &format!("s/0-code/{name} is ")).await;
        assert_eq!(
            (&said["principal"], &said["resource"]),
            (
                &json!("person:ada"),
                &json!("repo:git.example.org:8080/acme/app#7")
            )
        );
    }
    let approved = |line: &&str| line.contains("\"goal.approve\"");
    let first: Vec<String> = audited
        .text()
        .lines()
        .filter(approved)
        .map(str::to_owned)
        .collect();
    assert!(
        first
            .iter()
            .all(|line| !line.contains("g2") && !line.contains("g3")),
        "{first:?}"
    );
    let mut announced = registration("m", "1.0.0", "durable");
    announced["commands"] = json!([{"name": "sdm.retry", "parameters": [
        {"name": "goal_set"}, {"name": "goal"}, {"name": "environment"}, {"name": "reason"},
    ]}]);
    hub.register(&announced).await;
    let person = KeyWish {
        name: "ada".to_owned(),
        is_person: true,
        ..wish(&[])
    };
    let (_, key) = hub.administration().new_key(&person).await.unwrap();
    let value = |(name, value): (&str, &str)| json!({"name": name, "value": value});
    let given = [
        ("goal_set", "s"),
        ("goal", "g1"),
        ("environment", "0-code"),
        ("reason", "the disk was full"),
    ];
    let asked = json!({"command": "sdm.retry", "team": {"id": "w"}, "parameters": given.map(value)});
    let (status, answer) = hub.post("/command", &key, &asked).await;
    assert_eq!(status, 200, "{answer}");
    let said = audited
        .said("goal.retry", "g1 in 0-code of s by machine m: the disk was full")
        .await;
    assert_eq!(said["principal"], json!("person:ada"));
    // What waits for the machine has been given up.
    hub.github("push", "2", &push("b", "c")).await;
    audited.meddle("UPDATE hub_delivery SET state = 'dead'").await;
    let dead = hub.administration().dead("w").await.unwrap();
    let id = &dead.first().expect("it is given up").what.id;
    assert_eq!(
        submits(&mut ada, &format!("/workspaces/w/machines/dead/{id}"), "").await,
        303
    );
    let said = audited
        .said("settings.write", &format!("the delivery {id} waits again"))
        .await;
    assert_eq!(said["principal"], json!("person:ada"));
}

#[tokio::test]
async fn what_came_of_a_decision_that_a_machine_was_asked_for_is_written_down() {
    let audited = Audited::start().await;
    let hub = &audited.hub;
    hub.github("push", "1", &push("a", "b")).await;
    let (_, written) = hub
        .post("/graphql/team/w", &hub.key, &waiting_goal("g1", "sdm"))
        .await;
    assert_eq!(written.get("errors"), None, "{written}");
    let mut announced = registration("m", "1.0.0", "durable");
    announced["commands"] = json!([{"name": "sdm.deny", "parameters": [
        {"name": "goal_set"}, {"name": "goal"}, {"name": "environment"},
    ]}]);
    let mut machine = hub.machine(&announced).await;
    // Where no forge says what people may do, administrators decide, and of whom only a key is known nobody has said anything.
    signed_in(hub, "ada", PersonRole::Admin).await;
    let person = KeyWish {
        name: "ada".to_owned(),
        is_person: true,
        ..wish(&[])
    };
    let (_, key) = hub.administration().new_key(&person).await.unwrap();
    for (code, reason, decision, said) in [
        (
            1,
            "it waits for nobody",
            "deny",
            "the machine does not do it: it waits for nobody",
        ),
        (0, "", "allow", "the machine has done it"),
    ] {
        let value = |(name, value): (&str, &str)| json!({"name": name, "value": value});
        let given = [("goal_set", "s"), ("goal", "g1"), ("environment", "0-code")];
        let asked = json!({"command": "sdm.deny", "team": {"id": "w"}, "parameters": given.map(value)});
        let (status, begun) = hub.post("/command", &key, &asked).await;
        assert_eq!(status, 200, "{begun}");
        let command = machine.hear().await;
        let status = json!({"status": {"code": code, "reason": reason}});
        machine.say(&answer(&command, &status)).await;
        let entry = audited
            .said("goal.deny", &format!("g1 in 0-code of s by machine m; {said}"))
            .await;
        assert_eq!(
            (&entry["principal"], &entry["decision"], &entry["resource"]),
            (
                &json!("person:ada"),
                &json!(decision),
                &json!("repo:git.example.org:8080/acme/app#7")
            )
        );
    }
}

#[tokio::test]
async fn a_decision_that_is_refused_is_written_down_by_its_own_name() {
    let audited = Audited::start().await;
    let hub = &audited.hub;
    let mut ada = signed_in(hub, "ada", PersonRole::Member).await;
    let form = "decision=cancel&environment=0-code&name=g&version=1";
    let status = submits(&mut ada, "/workspaces/w/goals/s/decide", form).await;
    assert!(status == 403 || status == 404, "{status}");
    let elsewhere = KeyWish {
        name: "eve".to_owned(),
        is_person: true,
        workspaces: vec!["other".to_owned()],
        ..wish(&[])
    };
    let (_, key) = hub.administration().new_key(&elsewhere).await.unwrap();
    let (status, answer) = hub.post("/goals/w/s/0-code/g/cancel", &key, &json!({})).await;
    assert_eq!(
        (status, &answer["error"]["operation"]),
        (403, &json!("goal.cancel"))
    );
    audited
        .decided("person:eve", "goal.cancel", "insufficient_permission")
        .await;
    assert!(!audited.text().contains("\"goal.approve\""), "{}", audited.text());
}

#[tokio::test]
async fn keys_that_come_and_go_are_written_down_by_their_id() {
    let audited = Audited::start().await;
    let hub = &audited.hub;
    let mut root = signed_in(hub, "root", PersonRole::Admin).await;
    let made = "for=me&workspace=w&scope=graph%3Aread&days=7";
    let token = root.token().await;
    let page = root
        .submit("/keys", &format!("anti_forgery={token}&{made}"))
        .await;
    assert_eq!(page.status, 200, "{}", page.text);
    let created = audited.said("key.create", "of person:root: graph:read").await;
    assert_eq!(
        (&created["principal"], &created["ip"]),
        (&json!("person:root"), &json!("127.0.0.1"))
    );
    let keys = hub.administration().keys().await.unwrap();
    let own = keys.iter().find(|key| key.owner == "person:root").unwrap();
    let other = keys.iter().find(|key| key.owner == "addon:test").unwrap();
    assert_eq!(
        submits(&mut root, &format!("/keys/{}/revoke", own.id), "").await,
        303
    );
    let revoked = audited.said("key.revoke", &own.id).await;
    assert_eq!(revoked["principal"], json!("person:root"));
    hub.administration().revoke_key(&other.id).await.unwrap();
    let revoked = audited.said("key.revoke", &other.id).await;
    assert_eq!(
        revoked["principal"],
        json!("anonymous"),
        "the operator says it to the memory"
    );
    assert!(!audited.text().contains(&hub.key));
}

#[tokio::test]
async fn trust_and_consents_are_written_down_one_by_one() {
    let audited = Audited::start().await;
    let hub = &audited.hub;
    let mut ada = signed_in(hub, "ada", PersonRole::Member).await;
    // Of what several have done before the hub looks again nobody is named.
    audited
        .said("person.invite", "person:ada has come in as member")
        .await;
    assert_eq!(submits(&mut ada, "/you/consents/test/give", "").await, 303);
    let given = audited
        .said("consent.give", "addon:test may act for person:ada")
        .await;
    assert_eq!(given["principal"], json!("person:ada"));
    assert_eq!(submits(&mut ada, "/you/consents/test/withdraw", "").await, 303);
    audited
        .said(
            "consent.withdraw",
            "addon:test may not act any more for person:ada",
        )
        .await;
    let memory = hub.hub.memory();
    let trust = StoredTrust {
        id: "t".to_owned(),
        issuer: "https://jobs.example.org".to_owned(),
        audience: "hub".to_owned(),
        claims: [("project_id".to_owned(), "7".to_owned())].into(),
        addon: "test".to_owned(),
        workspaces: vec!["w".to_owned()],
        scopes: vec!["graph:read".to_owned()],
        given_by: "operator".to_owned(),
        given: sdm::model::Timestamp::from_micros(0),
    };
    let change = async |change: RightsChange| {
        let version = memory.rights_version().await.unwrap();
        memory.change_rights(version, &[change]).await.unwrap().unwrap();
    };
    change(RightsChange::Trust(trust)).await;
    let trusts = audited
        .said("trust.change", "trusts https://jobs.example.org as addon:test")
        .await;
    assert_eq!(trusts["principal"], json!("person:operator"));
    change(RightsChange::NoTrust("t".to_owned())).await;
    audited
        .said("trust.change", "trusts no more: https://jobs.example.org")
        .await;
}

#[tokio::test]
async fn changes_of_people_say_whom_they_are_about() {
    let audited = Audited::start().await;
    let hub = &audited.hub;
    let mut root = signed_in(hub, "root", PersonRole::Admin).await;
    audited
        .said("person.invite", "person:root has come in as admin")
        .await;
    signed_in(hub, "eve", PersonRole::Member).await;
    assert_eq!(
        submits(&mut root, "/people/invite", "id=bob&name=&role=member").await,
        200
    );
    let invited = audited
        .said("person.invite", "invited person:bob as member")
        .await;
    assert_eq!(invited["principal"], json!("person:root"));
    assert_eq!(submits(&mut root, "/people/eve/role", "role=admin").await, 303);
    let role = audited.said("person.role", "person:eve is admin now").await;
    assert_eq!(
        (&role["principal"], &role["ip"]),
        (&json!("person:root"), &json!("127.0.0.1"))
    );
    assert_eq!(submits(&mut root, "/people/eve/suspend", "").await, 303);
    audited
        .said("person.suspend", "person:eve is suspended now")
        .await;
    assert_eq!(submits(&mut root, "/people/eve/restore", "").await, 303);
    audited.said("person.role", "person:eve is let in again").await;
    let member = PersonChange {
        role: Some(PersonRole::Member),
        ..PersonChange::default()
    };
    hub.administration().change_person("eve", &member).await.unwrap();
    let role = audited.said("person.role", "person:eve is member now").await;
    assert_eq!(
        (&role["principal"], &role["ip"]),
        (&json!("anonymous"), &Value::Null),
        "it was done at the hub's computer"
    );
    let written = audited.text();
    assert_eq!(
        written.matches("person:eve is admin now").count(),
        1,
        "once, whoever looks"
    );
}

#[tokio::test]
async fn what_the_hub_does_with_extensions_is_written_down_taken_or_not() {
    let pair = Pair::start().await;
    pair.add_on.refuse("/app/installed", 500, 1);
    pair.register().await;
    pair.agree("graph:read events:read").await;
    let said = async |operation: &str, outcome: &str, said: &str| {
        let fits = |entry: &Value| {
            entry["operation"] == json!(operation)
                && entry["reason"] == json!(outcome)
                && entry["rule"].as_str().unwrap().contains(said)
        };
        let found = entry(&format!("{operation}: {said}"), || pair.audit(), fits).await;
        assert_eq!(found["principal"], json!("hub"), "{found}");
        found
    };
    let refused = said("addon.install", "not_taken", "did not take its secret").await;
    assert_eq!(refused["decision"], json!("deny"));
    pair.install("graph:read events:read repo:meta", &["*"]).await;
    said("addon.install", "allowed", "has taken its secret").await;
    said("addon.tell", "allowed", "was told that it is enabled").await;
    pair.add_on.refuse("/app/hook", 503, 1);
    pair.operator.want_secret(KEY).await.unwrap();
    said("addon.rotate", "allowed", "has taken its secret").await;
    // What it listens to is looked up now and then: one push after the other, until it is told of one.
    let mut number = 0;
    let hears = async || {
        number += 1;
        let mut payload = push("a", "b");
        payload["ref"] = json!(format!("refs/heads/branch-{number}"));
        pair.push(&format!("d-{number}"), &payload).await;
        pair.add_on.told("/app/hook").len() > 1
    };
    pair.until("it hears of a push", hears).await;
    said("events.receive", "not_taken", "did not take push").await;
    pair.add_on.refuse("/app/disabled", 500, 1);
    pair.operator.disable(KEY).await.unwrap();
    said("addon.tell", "not_taken", "was not told that it is disabled").await;
    pair.operator.uninstall(KEY).await.unwrap();
    said("addon.uninstall", "allowed", "the secrets of").await;
    said("addon.tell", "allowed", "was told that it is uninstalled").await;
    verify(pair.audit().as_bytes(), Given::default()).unwrap();
}
