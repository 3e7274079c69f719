//! Custom types, generic builds and images, figures (wire protocol 10.4, 14).

use sdm::hub::administration::KeyWish;
use serde_json::{Value, json};

use super::events::push;
use super::machine::{TestHub, quick, registration, wish};

/// A machine that announces a type and hears of it.
fn announces(definition: &str) -> Value {
    let mut registration = registration("m", "1.0.0", "durable");
    registration["ingesters"] = json!([definition]);
    registration["events"][0]["subscription"] =
        json!("subscription OnDeploy { Deploy { env version at { place } } }");
    registration
}

const DEPLOY: &str = "type Deploy @rootType @compositeId(fields: [\"env\"]) { env: String! version: Int at: Where } type Where { place: String }";

#[tokio::test]
async fn a_custom_type_is_written_by_its_address_and_by_mutation_and_heard_of() {
    let hub = TestHub::start(quick()).await;
    let path = "/atomist/teams/w/ingestion/Deploy/ignored";
    assert_eq!(
        hub.post(path, &hub.key, &json!({"env": "prod"})).await.0,
        404,
        "nobody has announced it"
    );
    let mut machine = hub.machine(&announces(DEPLOY)).await;
    let deploy = json!({"env": "prod", "version": 9_007_199_254_740_991_u64, "at": {"place": "x", "more": 1}, "unknown": true});
    assert_eq!(
        hub.post(path, "hub_a_guess", &deploy).await.0,
        401,
        "unlike the original"
    );
    let (status, answer) = hub.post(path, &hub.key, &deploy).await;
    assert_eq!((status, &answer["message"]), (200, &json!("kept")));
    let heard = machine.hear().await;
    assert_eq!(
        heard["data"]["Deploy"],
        json!([{"env": "prod", "version": 9_007_199_254_740_991_u64, "at": {"place": "x"}}])
    );
    hub.ask(
        "mutation M { ingestCustomDeploy(value: {env: \"prod\", version: 2}) }",
        Value::Null,
    )
    .await;
    assert_eq!(machine.hear().await["data"]["Deploy"][0]["version"], json!(2));
    let said = json!({
        "api_version": "1", "correlation_id": "x", "team": {"id": "w"}, "content_type": "application/json", "id": "i",
        "destinations": [{"user_agent": "ingester", "ingester": {"root_type": "Deploy"}}], "body": "{\"env\": \"test\", \"version\": 3}"
    });
    machine.say(&said).await;
    assert_eq!(machine.hear().await["data"]["Deploy"][0]["env"], json!("test"));
    let asked = hub
        .ask(
            "{ Deploy(_orderBy: \"version\", _ordering: asc) { env version } }",
            Value::Null,
        )
        .await;
    assert_eq!(
        asked["data"]["Deploy"],
        json!([{"env": "prod", "version": 2}, {"env": "test", "version": 3}])
    );
    let delete =
        "mutation M { deleteCustomDeploy(value: {env: \"test\"}) deleteCustomDeployById(id: \"nothing\") }";
    hub.ask(delete, Value::Null).await;
    let asked = hub.ask("{ Deploy { env } }", Value::Null).await;
    assert_eq!(asked["data"]["Deploy"], json!([{"env": "prod"}]));
    let history = hub
        .ask(
            "{ Deploy(env: \"prod\", _showHistory: true) { version } }",
            Value::Null,
        )
        .await;
    assert_eq!(history["data"]["Deploy"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn values_that_are_not_what_their_type_says_are_refused_by_the_name_of_their_field() {
    let hub = TestHub::start(quick()).await;
    hub.register(&announces(DEPLOY)).await;
    let path = "/atomist/teams/w/ingestion/Deploy/ignored";
    for (value, message) in [
        (
            json!({"env": "prod", "version": "text"}),
            "`Deploy.version` must be a whole number, and is the text `text`",
        ),
        (
            json!({"env": "prod", "at": {"place": {}}}),
            "`Deploy.at.place` must be a text, and is an object",
        ),
    ] {
        let (status, answer) = hub.post(path, &hub.key, &value).await;
        assert_eq!((status, &answer["error"]["message"]), (400, &json!(message)));
        let asked = json!({"query": "mutation M($it: X) { ingestCustomDeploy(value: $it) }", "variables": {"it": value}});
        let (_, answer) = hub.post("/graphql/team/w", &hub.key, &asked).await;
        assert_eq!(answer["errors"][0]["message"], json!(message));
    }
    for place in ["x", "y"] {
        let value = json!({"env": place, "version": 18, "at": {"place": place}});
        assert_eq!(hub.post(path, &hub.key, &value).await.0, 200);
    }
    let asked = hub
        .ask(
            "{ Deploy(at: {place: \"x\"}, version: \"18\") { env } }",
            Value::Null,
        )
        .await;
    assert_eq!(asked["data"]["Deploy"], json!([{"env": "x"}]));
}

#[tokio::test]
async fn types_are_described_as_far_as_whoever_asks_may_see_them() {
    let hub = TestHub::start(quick()).await;
    hub.register(&announces(DEPLOY)).await;
    let limited = |name: &str, places: &[&str]| KeyWish {
        name: name.to_owned(),
        repositories: vec!["acme/app".to_owned()],
        places: places.iter().map(ToString::to_string).collect(),
        ..wish(&["graph:read"])
    };
    let key = async |wanted: KeyWish| hub.administration().new_key(&wanted).await.unwrap().1;
    let (stranger, reader) = (
        key(limited("stranger", &[])).await,
        key(limited("reader", &["feed:Deploy"])).await,
    );
    let question = json!({"query": "{ __type(name: \"Deploy\") { name } \
        __schema { types { name } queryType { fields { name } } mutationType { fields { name } } subscriptionType { fields { name } } } }"});
    let described = async |key: &str| hub.post("/graphql/team/w", key, &question).await.1["data"].clone();
    for key in [&hub.key, &reader] {
        let all = described(key).await;
        assert_eq!(all["__type"], json!({"name": "Deploy"}), "{all}");
        assert!(all.to_string().contains("ingestCustomDeploy"));
    }
    let part = described(&stranger).await;
    assert_eq!(part["__type"], Value::Null);
    let said = part.to_string();
    assert!(said.contains("\"Push\""));
    for hidden in ["\"Deploy\"", "CustomDeployInput", "\"ingestCustomDeploy\""] {
        assert!(!said.contains(hidden), "as if nobody had announced it: {hidden}");
    }
    let asked = json!({"query": "{ Deploy { env } }"});
    let refused = hub.post("/graphql/team/w", &stranger, &asked).await.1;
    assert_eq!(
        refused["errors"][0]["message"],
        json!("`Query` has no field `Deploy`")
    );
}

#[tokio::test]
async fn types_that_cannot_be_are_refused() {
    let hub = TestHub::start(quick()).await;
    for (definition, because) in [
        ("type Push @rootType { a: String }", "the name `Push` is taken"),
        ("type X { a: String }", "no type is marked `@rootType`"),
        ("type Deploy @rootType { a: Nothing }", "which is not there"),
        ("type {", "the types cannot be read"),
    ] {
        let (status, answer) = hub.post("/registration", &hub.key, &announces(definition)).await;
        let message = answer["error"]["message"].as_str().unwrap();
        assert_eq!(status, 400);
        assert!(message.contains(because), "{message}");
    }
}

#[tokio::test]
async fn a_machine_whose_type_begins_with_an_enumeration_comes_back_and_so_does_another() {
    let hub = TestHub::start(quick()).await;
    let definition = format!(
        "enum Stage {{ one two }} {}",
        DEPLOY.replace("version: Int", "version: Int stage: Stage")
    );
    let announced = announces(&definition);
    let mut machine = hub.machine(&announced).await;
    machine.settled().await;
    let mut again = hub.machine(&announced).await;
    again.settled().await;
    let mut second = announced.clone();
    second["name"] = json!("second");
    let mut second = hub.machine(&second).await;
    second.settled().await;
    hub.ask(
        "mutation M { ingestCustomDeploy(value: {env: \"prod\", stage: one}) }",
        Value::Null,
    )
    .await;
    assert_eq!(second.hear().await["data"]["Deploy"][0]["env"], json!("prod"));
}

#[tokio::test]
async fn a_type_is_changed_by_registering_anew_and_a_new_one_comes_with_it() {
    let hub = TestHub::start(quick()).await;
    hub.register(&announces(DEPLOY)).await;
    let more = "type Rollback @rootType { id: ID by: String }";
    for version in ["1.0.0", "2.0.0"] {
        let mut changed = announces(&DEPLOY.replace(
            "version: Int",
            &format!("version: Int v{}: String", &version[..1]),
        ));
        changed["version"] = json!(version);
        changed["ingesters"].as_array_mut().unwrap().push(json!(more));
        changed["events"][0]["subscription"] = json!(format!(
            "subscription OnDeploy {{ Deploy {{ env v{} }} }}",
            &version[..1]
        ));
        let mut machine = hub.machine(&changed).await;
        let number = &version[..1];
        let write =
            format!("mutation M {{ ingestCustomDeploy(value: {{env: \"{version}\", v{number}: \"new\"}}) }}");
        hub.ask(&write, Value::Null).await;
        let heard = machine.hear().await;
        assert_eq!(heard["data"]["Deploy"][0][format!("v{number}")], json!("new"));
        machine.answer(&heard).await;
        machine.settled().await;
    }
    let asked = hub.ask("{ Rollback { by } Deploy { v2 } }", Value::Null).await;
    assert_eq!(asked["data"]["Rollback"], json!([]), "{asked}");
    // The newest definition is the one that counts.
    let gone = hub
        .post(
            "/graphql/team/w",
            &hub.key,
            &json!({"query": "{ Deploy { v1 } }"}),
        )
        .await;
    assert!(gone.1["errors"][0]["message"].is_string(), "{gone:?}");
}

#[tokio::test]
async fn nobody_takes_away_what_another_machine_hears_of() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&announces(DEPLOY)).await;
    let mut other = announces(&DEPLOY.replace("version: Int ", ""));
    other["name"] = json!("other");
    other["events"] = json!([]);
    let (status, answer) = hub.post("/registration", &hub.key, &other).await;
    let message = answer["error"]["message"].as_str().unwrap();
    assert_eq!(status, 409, "one that is told so asks again: {message}");
    assert!(
        message.contains("another machine hears of") && message.contains("`Deploy` has no field `version`"),
        "{message}"
    );
    // More than before is in nobody's way, and counts for both.
    other["ingesters"] = json!([DEPLOY.replace("version: Int", "version: Int by: String")]);
    other["events"] = json!([{"subscription": "subscription OnBy { Deploy { by } }", "secrets": []}]);
    hub.register(&other).await;
    hub.ask(
        "mutation M { ingestCustomDeploy(value: {env: \"prod\", version: 1, by: \"ada\"}) }",
        Value::Null,
    )
    .await;
    assert_eq!(machine.hear().await["data"]["Deploy"][0]["version"], json!(1));
    let asked = hub.ask("{ Deploy { by } }", Value::Null).await;
    assert_eq!(asked["data"]["Deploy"], json!([{"by": "ada"}]));
    // Whoever comes back as before changes nothing.
    let mut again = hub.machine(&announces(DEPLOY)).await;
    again.settled().await;
    let asked = hub.ask("{ Deploy { by } }", Value::Null).await;
    assert_eq!(asked["data"]["Deploy"], json!([{"by": "ada"}]));
}

/// The status and the code with which a registration is answered.
async fn registered(hub: &TestHub, key: &str, name: &str, definition: &str) -> (u16, Value) {
    let mut registration = registration(name, "1.0.0", "durable");
    registration["ingesters"] = json!([definition]);
    let (status, answer) = hub.post("/registration", key, &registration).await;
    (status, answer["error"]["code"].clone())
}

#[tokio::test]
async fn d35_a_type_is_changed_by_whose_it_is_and_by_who_may_write_its_feed() {
    let hub = TestHub::start(quick()).await;
    let key_of = async |name: &str, scopes: &[&str]| {
        let key = KeyWish {
            name: name.to_owned(),
            ..wish(scopes)
        };
        hub.administration().new_key(&key).await.unwrap().1
    };
    let few = key_of("few", &["events:read"]).await;
    let many = key_of("many", &["events:read", "ingest:write"]).await;
    let wider = DEPLOY.replace("version: Int", "version: Int more: String");
    let refused = (403, json!("insufficient_permission"));
    let taken = (200, Value::Null);
    hub.machine(&announces(DEPLOY)).await.settled().await;
    assert_eq!(
        registered(&hub, &few, "other", DEPLOY).await,
        taken,
        "as it is already"
    );
    // It comes again behind the other, and the type is still its own.
    let mut again = announces(DEPLOY);
    again["version"] = json!("1.0.1");
    hub.machine(&again).await.settled().await;
    assert_eq!(registered(&hub, &few, "other", &wider).await, refused);
    let own = "type Own @rootType @compositeId(fields: [\"env\"]) { env: String! }";
    assert_eq!(registered(&hub, &few, "other", own).await, taken);
    assert_eq!(
        registered(&hub, &many, "third", &own.replace("env", "at")).await,
        taken
    );
    let of_all = hub.ask("{ Own { at } }", Value::Null).await;
    assert_eq!(of_all.get("errors"), None, "{of_all}");
    let twice = own.replace("env: String!", "env: String! twice: Int");
    assert_eq!(
        registered(&hub, &few, "other", &twice).await,
        taken,
        "it is theirs all the same"
    );
}

#[tokio::test]
async fn builds_and_images_find_their_commit() {
    let hub = TestHub::start(quick()).await;
    let build = json!({
        "repository": {"owner_name": "acme", "name": "app"}, "type": "push", "status": "started", "commit": "b".repeat(40),
        "branch": "main", "number": 4, "name": "ci", "build_url": "https://ci.example.org/4", "provider": "buildbot"
    });
    let mut passed = build.clone();
    passed["status"] = json!("passed");
    // Before anybody has told of the repository, and what it became before what it was.
    for build in [&passed, &build] {
        let (status, answer) = hub.post("/atomist/build/teams/w", &hub.key, build).await;
        assert_eq!(status, 200, "{answer}");
        let said = answer["message"].as_str().unwrap();
        assert!(
            said.contains("until a webhook tells of the repository `acme/app`"),
            "{said}"
        );
    }
    let asked = hub.ask("{ Build { status } }", Value::Null).await;
    assert_eq!(asked["data"]["Build"], json!([]));
    hub.github("push", "d-1", &push("a", "b")).await;
    let asked = hub.ask("{ Build { status finishedAt } }", Value::Null).await;
    let finished = asked["data"]["Build"][0]["finishedAt"].clone();
    assert_eq!(
        (&asked["data"]["Build"][0]["status"], finished.is_string()),
        (&json!("passed"), true)
    );
    assert_eq!(hub.post("/atomist/build/teams/w", &hub.key, &build).await.0, 200);
    let asked = hub.ask("{ Build { status finishedAt } }", Value::Null).await;
    assert_eq!(
        asked["data"]["Build"],
        json!([{"status": "passed", "finishedAt": finished}]),
        "that it began comes late"
    );
    let mut of_branch = build.clone();
    of_branch["commit"] = json!("main");
    let (status, answer) = hub.post("/atomist/build/teams/w", &hub.key, &of_branch).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("invalid_argument"))
    );
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .contains("40 hexadecimal digits"),
        "{answer}"
    );
    passed["status"] = json!("perhaps");
    assert_eq!(hub.post("/atomist/build/teams/w", &hub.key, &passed).await.0, 400);
    for image in ["registry.example.org/app:1", "registry.example.org/app:2"] {
        let linked = json!({"git": {"owner": "acme", "repo": "app", "sha": "b".repeat(40)}, "docker": {"image": image}, "type": "link-image"});
        assert_eq!(
            hub.post("/atomist/link-image/teams/w", &hub.key, &linked).await.0,
            200
        );
    }
    let asked = hub.ask("{ Push { builds { status number } after { image { imageName } images { imageName } message } } }", Value::Null).await;
    assert_eq!(
        asked["data"]["Push"],
        json!([{
            "builds": [{"status": "passed", "number": 4}],
            "after": {"message": "two", "image": {"imageName": "registry.example.org/app:2"},
                "images": [{"imageName": "registry.example.org/app:2"}, {"imageName": "registry.example.org/app:1"}]}
        }])
    );
}

#[tokio::test]
async fn d15_what_is_told_of_a_commit_is_weighed_on_its_repository() {
    let hub = TestHub::start(quick()).await;
    hub.github("push", "d-1", &push("a", "b")).await;
    let feeds = ["Build", "Status", "Image", "Application"].map(|kind| format!("feed:{kind}"));
    let wanted = KeyWish {
        name: "ci".to_owned(),
        repositories: vec!["acme/other".to_owned()],
        places: feeds.to_vec(),
        ..wish(&["ingest:write"])
    };
    let (_, key) = hub.administration().new_key(&wanted).await.unwrap();
    let sha = "b".repeat(40);
    let told = |name: &str| {
        let repository = json!({"owner_name": "acme", "name": name});
        [
            (
                "build",
                json!({"repository": repository, "status": "passed", "commit": sha, "name": "ci"}),
            ),
            (
                "status",
                json!({"repository": repository, "commit": sha, "context": "ci", "state": "success"}),
            ),
            (
                "link-image",
                json!({"git": {"owner": "acme", "repo": name, "sha": sha}, "docker": {"image": "i:1"}}),
            ),
            (
                "application",
                json!({
                    "id": "a", "state": "healthy", "git": {"sha": sha, "repo": format!("https://git.example.org/acme/{name}.git")},
                }),
            ),
        ]
    };
    for name in ["app", "unheard"] {
        for (door, body) in told(name) {
            let path = format!("/atomist/{door}/teams/w");
            let (status, answer) = hub.post(&path, &key, &body).await;
            assert_eq!(
                (status, &answer["error"]["code"]),
                (403, &json!("insufficient_permission")),
                "{door} of {name}: {answer}"
            );
        }
    }
    let (door, body) = &told("other")[0];
    let (status, answer) = hub.post(&format!("/atomist/{door}/teams/w"), &key, body).await;
    assert_eq!(status, 200, "its own, which nobody has told of: {answer}");
    let image = json!({"git": {"owner": "acme", "repo": "other", "sha": sha}, "docker": {"image": "i:2"}});
    for body in [&told("other")[2].1, &image] {
        assert_eq!(hub.post("/atomist/link-image/teams/w", &key, body).await.0, 200);
    }
    // What waits is of that repository alone.
    let builds = "{ Build { name repo { name } } }";
    let asked = hub.ask(builds, Value::Null).await;
    assert_eq!(asked["data"]["Build"], json!([]));
    let mut of_other = push("a", "b");
    of_other["repository"]["id"] = json!(8);
    of_other["repository"]["name"] = json!("other");
    of_other["repository"]["full_name"] = json!("acme/other");
    hub.github("push", "d-2", &of_other).await;
    let asked = hub.ask(builds, Value::Null).await;
    assert_eq!(
        asked["data"]["Build"],
        json!([{"name": "ci", "repo": {"name": "other"}}])
    );
}

/// What clients of the original send, which name no build, with the key in the address that they are told.
#[tokio::test]
async fn a_build_without_a_name_is_of_its_commit_and_a_key_may_come_as_a_password() {
    let hub = TestHub::start(quick()).await;
    hub.github("push", "d-1", &push("a", "b")).await;
    let sent = async |commit: &str, user: &str, password: &str| {
        let build = json!({
            "repository": {"owner_name": "acme", "name": "app"}, "type": "push", "status": "passed", "commit": commit.repeat(40),
            "branch": "main", "provider": "GoogleContainerBuilder"
        });
        let request = hub.http.post(hub.url("/atomist/build/teams/w"));
        let request = request
            .basic_auth(user, Some(password))
            .header("content-type", "application/json");
        request
            .body(build.to_string())
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    for commit in ["b", "c", "b"] {
        assert_eq!(sent(commit, "hub", &hub.key).await, 200);
    }
    let asked = hub
        .ask("{ Build { commit { sha } push { branch } } }", Value::Null)
        .await;
    let builds = asked["data"]["Build"].as_array().unwrap();
    assert_eq!(builds.len(), 2, "{asked}");
    assert_eq!(sent("b", "hub", "hub_a_guess").await, 401);
    assert_eq!(sent("b", &hub.key, "").await, 401, "a name is no key");
}

#[tokio::test]
async fn figures_are_for_those_who_may_read_them() {
    let hub = TestHub::start(quick()).await;
    let mut machine = hub.machine(&announces(DEPLOY)).await;
    machine.settled().await;
    let read = async |key: &str| {
        let response = hub
            .http
            .get(hub.url("/metrics"))
            .bearer_auth(key)
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    assert_eq!(read(&hub.key).await.0, 403);
    let (_, key) = hub
        .administration()
        .new_key(&wish(&["admin:read"]))
        .await
        .unwrap();
    let (status, text) = read(&key).await;
    assert_eq!(status, 200);
    assert!(
        text.contains("sdm_hub_sessions 1\n") && text.contains("# TYPE sdm_hub_changes_total counter"),
        "{text}"
    );
    let health = hub.http.get(hub.url("/health")).send().await.unwrap();
    assert_eq!(
        (health.status().as_u16(), health.text().await.unwrap().as_str()),
        (200, "UP")
    );
}

#[tokio::test]
async fn what_runs_somewhere_is_found_from_its_commit() {
    let hub = TestHub::start(quick()).await;
    let path = "/atomist/application/teams/w";
    // As machines of the original say it of themselves.
    let started = json!({
        "id": "7f1c", "state": "started", "ts": 1_800_000_000_000_i64, "domain": "production", "host": "node-1", "pod": "app-1",
        "data": {"cluster": "c"}, "git": {"sha": "b".repeat(40), "branch": "main", "repo": "git@git.example.org:acme/app.git"}
    });
    hub.github("push", "d-1", &push("a", "b")).await;
    let mut stopping = started.clone();
    stopping["state"] = json!("stopping");
    stopping["ts"] = json!(1_800_000_001_000_i64);
    // The earlier one comes late.
    for said in [&stopping, &started] {
        assert_eq!(hub.post(path, &hub.key, said).await.0, 200);
    }
    assert_eq!(hub.post(path, "hub_a_guess", &started).await.0, 401);
    let mut nowhere = started.clone();
    nowhere["git"]["repo"] = json!("app");
    assert_eq!(hub.post(path, &hub.key, &nowhere).await.0, 400);
    let asked = hub
        .ask(
            "{ Commit(sha: \"SHA\") { apps { state domain host pod data timestamp repo { name } } } Application { commits { message } } }"
                .replace("SHA", &"b".repeat(40))
                .as_str(),
            Value::Null,
        )
        .await;
    assert_eq!(
        asked["data"],
        json!({
            "Commit": [{"apps": [{"state": "stopping", "domain": "production", "host": "node-1", "pod": "app-1",
                "data": "{\"cluster\":\"c\"}", "timestamp": "2027-01-15T08:00:01.000Z", "repo": {"name": "app"}}]}],
            "Application": [{"commits": [{"message": "two"}]}]
        })
    );
}
