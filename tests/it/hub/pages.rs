//! The hub's pages as a browser without script meets them.

use reqwest::Method;
use sdm::access::handed::digest_of;
use sdm::hub::access::operations::{Operation, Row};
use sdm::hub::administration::KeyWish;
use sdm::hub::pages::operations::Page;
use sdm::model::{StateName, Timestamp};
use sdm::ports::people::{PersonRole, SignIn, SignIns as _, StoredSession};
use sdm::wire::hub::extensions::DECIDING;
use serde_json::{Value, json};

use super::events::push;
use super::machine::{TestHub, quick, registration, wish};
use super::people::{Browser, signed_in};

/// A hub, with the key of a person who looks.
struct Seen {
    hub: TestHub,
    person: String,
}

struct Got {
    status: u16,
    headers: reqwest::header::HeaderMap,
    text: String,
}

impl Seen {
    async fn start() -> Self {
        let hub = TestHub::start(quick()).await;
        let wanted = KeyWish {
            name: "ada".to_owned(),
            is_person: true,
            ..wish(&["graph:read", "goals:read"])
        };
        let (_, person) = hub.administration().new_key(&wanted).await.unwrap();
        Self { hub, person }
    }

    async fn page(&self, path: &str) -> Got {
        let answer = self.hub.http.get(self.hub.url(path)).bearer_auth(&self.person);
        let answer = answer.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = String::from_utf8(answer.bytes().await.unwrap().to_vec()).unwrap();
        Got {
            status,
            headers,
            text,
        }
    }

    /// The text of a page that is there.
    async fn text(&self, path: &str) -> String {
        let page = self.page(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        page.text
    }

    async fn push(&self, id: &str, change: impl FnOnce(&mut Value)) {
        let mut payload = push("a", "b");
        change(&mut payload);
        assert_eq!(self.hub.github("push", id, &payload).await.0, 200);
    }

    async fn goal(&self, value: Value) {
        let mut goal = json!({
            "goalSetId": "set-1", "goalSet": "rust", "environment": "0-code", "uniqueName": "build", "name": "build",
            "state": "in_process", "description": "Working", "version": 1, "ts": 1_800_000_000_000_i64, "attempt": 1,
            "sha": "b".repeat(40), "branch": "main", "registration": "m", "data": null,
            "repo": {"owner": "acme", "name": "app", "providerId": "git.example.org:8080"},
        });
        for (field, value) in value.as_object().unwrap() {
            goal[field] = value.clone();
        }
        let mutation = "mutation G($v: CustomSdmGoalInput!) { ingestCustomSdmGoal(value: $v) }";
        let answer = self.hub.ask(mutation, json!({ "v": goal })).await;
        assert!(answer.get("errors").is_none(), "{answer}");
    }
}

/// Everything that a stranger could write, as a name.
const HOSTILE: &str = "<script>alert(1)</script>\u{202e}\"'>&";

#[tokio::test]
async fn h2_a4_a5_what_strangers_write_is_text_on_every_page() {
    let seen = Seen::start().await;
    seen.push("1", |push| {
        push["ref"] = json!(format!("refs/heads/{HOSTILE}"));
        push["head_commit"]["message"] = json!(format!("{HOSTILE}{}", "x".repeat(100_000)));
        push["head_commit"]["author"]["name"] = json!(HOSTILE);
        push["head_commit"]["url"] = json!("javascript:alert(1)");
        push["commits"][0]["message"] = json!(HOSTILE);
    })
    .await;
    seen.goal(json!({
        "branch": HOSTILE, "name": HOSTILE, "uniqueName": HOSTILE, "state": "failure", "error": HOSTILE, "description": HOSTILE,
        "phase": HOSTILE, "externalUrls": [{"label": HOSTILE, "url": "javascript:alert(1)"}], "registration": HOSTILE,
        "preConditions": [{"environment": HOSTILE, "uniqueName": HOSTILE, "name": HOSTILE}],
    }))
    .await;
    for path in ["/workspaces/w/activity", "/workspaces/w/goals/set-1"] {
        let text = seen.text(path).await;
        assert!(
            text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
            "{path}: {text}"
        );
        assert!(
            !text.contains("<script>alert") && !text.contains('\u{202e}'),
            "{path}: {text}"
        );
        assert!(text.contains("<span class=\"odd\">\\u{202e}</span>"), "{path}");
        assert!(!text.contains("href=\"javascript:"), "{path}");
        assert!(text.len() < 40_000, "long text is cut: {}", text.len());
    }
}

#[tokio::test]
async fn a_push_is_one_entry_with_its_goals_and_leads_to_them() {
    let seen = Seen::start().await;
    assert!(
        seen.text("/workspaces/w/activity")
            .await
            .contains("No push has come yet")
    );
    seen.push("1", |_| {}).await;
    seen.goal(json!({})).await;
    seen.goal(json!({"uniqueName": "test", "name": "test", "state": "planned",
        "preConditions": [{"environment": "0-code", "uniqueName": "build", "name": "build"}]}))
        .await;
    let set = json!({"goalSetId": "set-1", "goalSet": "rust", "state": "in_process", "sha": "b".repeat(40), "branch": "main", "ts": 1,
        "repo": {"owner": "acme", "name": "app", "providerId": "git.example.org:8080"}, "goals": [],
        "tags": [{"name": "team", "value": HOSTILE}, {"name": "nightly"}]});
    let mutation = "mutation G($v: CustomSdmGoalSetInput!) { ingestCustomSdmGoalSet(value: $v) }";
    seen.hub.ask(mutation, json!({ "v": set })).await;
    let text = seen.text("/workspaces/w/activity").await;
    assert_eq!(text.matches("<article").count(), 1);
    assert!(text.contains("href=\"/workspaces/w/goals/set-1\""), "{text}");
    assert!(
        text.contains("2 commits") && text.contains("in process"),
        "{text}"
    );
    let text = seen.text("/workspaces/w/goals/set-1").await;
    assert!(
        text.contains("class=\"drawing\"") && text.contains("after build"),
        "{text}"
    );
    assert!(
        text.contains("<span class=\"tag\">team:&lt;script&gt;")
            && text.contains("<span class=\"tag\">nightly</span>"),
        "{text}"
    );
    let elsewhere = seen.page("/workspaces/w/goals/other").await;
    assert_eq!(elsewhere.status, 404);
    assert!(elsewhere.text.contains("<h1>There is nothing here</h1>"));
    // Another repository has none.
    let text = seen.text("/workspaces/w/activity?repository=acme%2Fother").await;
    assert_eq!(text.matches("<article").count(), 0);
    let text = seen.text("/workspaces/w/activity?repository=acme%2Fapp").await;
    assert_eq!(text.matches("<article").count(), 1);
}

#[tokio::test]
async fn a_log_is_read_from_its_first_line() {
    let seen = Seen::start().await;
    seen.goal(json!({"fulfillment": {"method": "sdm", "name": "execute", "registration": "builder"}}))
        .await;
    let address = "/workspaces/w/goals/set-1/logs/0-code/build";
    assert!(seen.text(address).await.contains("Nothing has been written yet"));
    let part = json!({"content": [{"level": "info", "message": "one\ntwo <b>\n", "timestampMillis": 1}]});
    let path = "/api/logs/w/acme/app/sha/0-code/build/set-1/c";
    let sent = seen.hub.http.post(seen.hub.url(path)).bearer_auth(&seen.hub.key);
    let sent = sent.body(part.to_string());
    assert_eq!(sent.send().await.unwrap().status().as_u16(), 204);
    let text = seen.text(address).await;
    assert!(
        text.contains("id=\"L2\"") && text.contains("two &lt;b&gt;"),
        "{text}"
    );
    assert_eq!(
        seen.page("/workspaces/w/goals/set-1/logs/0-code/other")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn machines_are_shown_with_what_they_do() {
    let seen = Seen::start().await;
    assert!(
        seen.text("/workspaces/w/machines")
            .await
            .contains("No machine has registered")
    );
    let machine = seen
        .hub
        .machine(&registration("builder", "1.2.3", "durable"))
        .await;
    let text = seen.text("/workspaces/w/machines").await;
    assert!(
        text.contains("builder") && text.contains("1.2.3") && text.contains(" connected"),
        "{text}"
    );
    drop(machine);
    let mut other = registration("other", "1.0.0", "durable");
    other["events"][0]["subscription"] = json!("subscription X { Push(brnch: \"main\") { id } }");
    seen.hub.register(&other).await;
    let text = seen.text("/workspaces/w/machines").await;
    assert!(
        text.contains("it does not hear of what it asked for") && text.contains("`brnch` of `Push`"),
        "{text}"
    );
}

#[tokio::test]
async fn h2_every_page_carries_the_headers_that_keep_it_safe() {
    let seen = Seen::start().await;
    let css = {
        let text = seen.text("/workspaces/w/activity").await;
        let from = text.find("/assets/").unwrap();
        text[from..].split('"').next().unwrap().to_owned()
    };
    for path in [
        "/",
        "/workspaces/w/activity",
        "/workspaces/w/goals/x",
        "/workspaces/w/machines",
        "/workspaces/other/activity",
        &css,
    ] {
        let page = seen.page(path).await;
        let header = |name: &str| {
            page.headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned()
        };
        let policy = header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        let kept = header("cache-control");
        assert!(
            kept == "no-store" || path.starts_with("/assets/"),
            "{path}: {kept}"
        );
        assert!(
            !page.text.contains("style=") && !page.text.contains("onclick"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn h8_without_a_credential_there_is_nothing_to_see() {
    let seen = Seen::start().await;
    seen.push("1", |_| {}).await;
    for path in [
        "/",
        "/workspaces/w/activity",
        "/workspaces/w/machines",
        "/workspaces/w/goals/set-1",
        "/workspaces/w/activity/stream",
    ] {
        let answer = seen.hub.http.get(seen.hub.url(path)).send().await.unwrap();
        match path.ends_with("/stream") {
            true => assert_eq!(answer.status().as_u16(), 401, "{path}"),
            false => assert_eq!(answer.url().path(), "/sign-in", "{path}"),
        }
        let text = String::from_utf8(answer.bytes().await.unwrap().to_vec()).unwrap();
        assert!(
            !text.contains("acme") && !text.contains(env!("CARGO_PKG_VERSION")),
            "{path}: {text}"
        );
    }
}

#[tokio::test]
async fn e8_a_page_grows_and_goes_on_after_a_break() {
    let seen = Seen::start().await;
    seen.push("1", |_| {}).await;
    let mut stream = seen.stream("/workspaces/w/activity/stream", None).await;
    let first = stream.hear().await;
    assert!(first.data.contains("<article"), "{first:?}");
    seen.goal(json!({})).await;
    seen.push("2", |push| push["after"] = json!("d".repeat(40))).await;
    let second = stream.hear().await;
    assert!(
        second.data.contains("ddddddd") && second.id.starts_with(&first.id),
        "{second:?}"
    );
    drop(stream);
    seen.push("3", |push| push["after"] = json!("e".repeat(40))).await;
    let mut again = seen
        .stream("/workspaces/w/activity/stream", Some(&second.id))
        .await;
    let third = again.hear().await;
    assert!(third.data.contains("eeeeeee"), "only what is new: {third:?}");
}

#[tokio::test]
async fn h1_g1_nothing_is_changed_from_elsewhere_or_without_the_token_of_the_page() {
    let seen = Seen::start().await;
    let mut browser = signed_in(&seen.hub, "ada", PersonRole::Admin).await;
    let token = browser.token().await;
    let changing = Page::ALL
        .iter()
        .filter_map(|page| page.row().route)
        .filter(|(method, _)| *method == "POST");
    let mut count = 0;
    for (_, path) in changing {
        count += 1;
        let path = path.replace("{workspace}", "w").replace(['{', '}'], "");
        let without = browser.submit(&path, "name=x").await;
        assert_eq!(
            (without.status, without.code()),
            (403, json!("anti_forgery_token_missing")),
            "{path}"
        );
        let kind = ("content-type", "application/x-www-form-urlencoded");
        for site in ["cross-site", "same-site", "none"] {
            let form = format!("anti_forgery={token}");
            let foreign = browser
                .send(Method::POST, &path, &[kind, ("sec-fetch-site", site)], &form)
                .await;
            assert_eq!(
                (foreign.status, foreign.code()),
                (403, json!("foreign_origin")),
                "{path} from {site}"
            );
        }
    }
    assert!(count >= 4, "{count}");
}

#[tokio::test]
async fn people_read_every_refusal_as_a_page_and_programs_as_json() {
    let seen = Seen::start().await;
    let mut browser = signed_in(&seen.hub, "ada", PersonRole::Admin).await;
    let html = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    let form = ("content-type", "application/x-www-form-urlencoded");
    for (method, path, says) in [
        (Method::GET, "/nowhere", "There is nothing here"),
        (Method::POST, "/keys", "You may not do this"),
    ] {
        let page = browser.send(method.clone(), path, &[html, form], "name=x").await;
        assert!(
            page.text.contains(says) && page.text.starts_with("<!DOCTYPE html>"),
            "{}",
            page.text
        );
        let told = browser.send(method, path, &[form], "name=x").await;
        assert_eq!(told.status, page.status);
        assert!(!told.code().is_null(), "{}", told.text);
    }
    let nowhere = seen.hub.http.get(seen.hub.url("/nowhere")).header(html.0, html.1);
    let headers = nowhere.send().await.unwrap().headers().clone();
    assert!(
        headers.contains_key("content-security-policy") && headers.contains_key("x-request-id"),
        "it is a page like any other: {headers:?}"
    );
}

#[tokio::test]
async fn whoever_is_not_signed_in_is_led_there_and_back() {
    let seen = Seen::start().await;
    let mut browser = Browser::new(&seen.hub);
    let led = browser.get("/workspaces/w/activity?from=25").await;
    assert_eq!(
        (led.status, led.location.as_str()),
        (303, "/sign-in?return=/workspaces/w/activity%3Ffrom%3D25")
    );
    let stream = browser.get("/workspaces/w/activity/stream").await;
    assert_eq!(stream.status, 401, "a stream is not led anywhere");
    let mut browser = signed_in(&seen.hub, "ada", PersonRole::Member).await;
    let there = browser.get("/workspaces/w/activity").await;
    assert!(
        there.status == 200 && there.text.contains("Sign out"),
        "{}",
        there.text
    );
    let you = browser.get("/you").await;
    assert!(
        you.text.contains("ada &lt;b&gt;") && you.text.contains("this browser"),
        "{}",
        you.text
    );
}

#[tokio::test]
async fn d3_a_goal_is_decided_about_once_and_only_as_it_was_looked_at() {
    let seen = Seen::start().await;
    seen.goal(json!({"state": "waiting_for_approval", "version": 7}))
        .await;
    let mut browser = signed_in(&seen.hub, "ada", PersonRole::Admin).await;
    let page = browser.get("/workspaces/w/goals/set-1").await;
    assert!(page.text.contains("Approve the result"), "{}", page.text);
    let token = browser.token().await;
    let form = |version: u32, decision: &str| {
        format!("anti_forgery={token}&environment=0-code&name=build&version={version}&decision={decision}")
    };
    let path = "/workspaces/w/goals/set-1/decide";
    let old = browser.submit(path, &form(6, "approve")).await;
    assert_eq!(old.status, 409, "{}", old.text);
    let approved = browser.submit(path, &form(7, "approve")).await;
    assert!(
        approved.status == 303 && approved.location.starts_with("/workspaces/w/goals/set-1#goal-"),
        "{}",
        approved.text
    );
    let again = browser.submit(path, &form(7, "deny")).await;
    assert_eq!(again.status, 409, "{}", again.text);
    let page = browser.get("/workspaces/w/goals/set-1").await;
    assert!(
        page.text.contains("approved by ada") && !page.text.contains("Approve the result"),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn a_page_that_is_left_open_keeps_nobody_signed_in() {
    let seen = Seen::start().await;
    seen.push("1", |_| {}).await;
    let mut browser = signed_in(&seen.hub, "ada", PersonRole::Member).await;
    let memory = seen.hub.hub.memory();
    let opened = memory.sessions_of("ada").await.unwrap()[0].clone();
    let long_ago = Timestamp::from_micros(opened.last_seen.as_micros() - 3_600_000_000);
    let (name, text) = browser.cookie.split_once('=').unwrap();
    let text = format!("{}{}", if text.starts_with('a') { 'b' } else { 'a' }, &text[1..]);
    let cookie = format!("{name}={text}");
    let left_open = StoredSession {
        digest: digest_of(&text),
        id: "left-open".to_owned(),
        last_seen: long_ago,
        ..opened
    };
    let sign_in = SignIn {
        link: None,
        makes: None,
        identity: None,
        session: left_open,
        replaces: None,
    };
    assert!(memory.sign_in(&sign_in).await.unwrap());
    let last_seen = async || {
        let sessions = memory.sessions_of("ada").await.unwrap();
        let mut found = sessions.into_iter().filter(|session| session.id == "left-open");
        found.next().unwrap().last_seen
    };
    let request = seen.hub.http.get(seen.hub.url("/workspaces/w/activity/stream"));
    let answer = request.header("cookie", &cookie).send().await.unwrap();
    let mut stream = Stream {
        answer,
        read: String::new(),
    };
    assert!(stream.hear().await.data.contains("<article"));
    assert_eq!(last_seen().await, long_ago, "it looks by itself");
    browser.cookie = cookie;
    browser.get("/workspaces/w/activity").await;
    assert!(last_seen().await > long_ago);
}

/// A way to decide about a goal.
#[derive(Debug)]
pub enum Way {
    /// By a route, with this decision.
    Route(&'static str, &'static str),
    /// By a command of the machine.
    Command(&'static str),
    /// By writing that it was decided.
    Written(&'static str),
}

/// Every way there is, by the tables of operations and of commands: whoever adds one is tested without saying so.
pub fn ways_to_decide() -> Vec<Way> {
    let is_decision =
        |row: &&Row| ["goal.approve", "goal.deny", "goal.retry", "goal.cancel"].contains(&row.name);
    let rows = Operation::every().map(Operation::row);
    let routes = rows.filter(is_decision).filter_map(|row| row.route);
    let routes = routes.flat_map(|(method, path)| {
        assert_eq!(method, "POST", "{path}");
        ["approve", "cancel"].map(|decision| Way::Route(path, decision))
    });
    let commands = DECIDING.iter().copied().map(Way::Command);
    let states = StateName::ALL.map(|state| Way::Written(state.as_str()));
    routes.chain(commands).chain(states).collect()
}

/// The path with the goal's places in it; a place that is not known here asks for more of this test.
fn filled(path: &str, decision: &str) -> String {
    let fill = |part: &str| match part {
        "{workspace}" => "w".to_owned(),
        "{goal_set}" => "set-1".to_owned(),
        "{environment}" => "0-code".to_owned(),
        "{name}" => "build".to_owned(),
        "{decision}" => decision.to_owned(),
        part => {
            assert!(
                !part.starts_with('{'),
                "{path} has a place that is not known: {part}"
            );
            part.to_owned()
        }
    };
    path.split('/').map(fill).collect::<Vec<_>>().join("/")
}

/// What a page of the hub's own sends along.
fn from_page<'a>(content: &'a str, token: &'a str) -> [(&'a str, &'a str); 3] {
    [
        ("content-type", content),
        ("sec-fetch-site", "same-origin"),
        ("x-sdm-anti-forgery", token),
    ]
}

/// What is posted to try it on the goal at this version: where, as what, and the body.
pub fn attempt(way: &Way, version: i64, token: &str) -> (String, &'static str, String) {
    match way {
        Way::Route(path, decision) => {
            let form = format!(
                "anti_forgery={token}&environment=0-code&name=build&version={version}&decision={decision}"
            );
            (filled(path, decision), "application/x-www-form-urlencoded", form)
        }
        Way::Command(name) => {
            let command = json!({"command": name, "team": {"id": "w"}, "parameters": [
                {"name": "goal_set", "value": "set-1"}, {"name": "goal", "value": "build"},
                {"name": "environment", "value": "0-code"},
            ]});
            ("/command".to_owned(), "application/json", command.to_string())
        }
        Way::Written(state) => {
            let goal = json!({
                "goalSetId": "set-1", "environment": "0-code", "uniqueName": "build", "state": state,
                "version": version + 1, "ts": 1_800_000_000_001_i64 + version, "sha": "b".repeat(40), "branch": "main",
                "repo": {"owner": "acme", "name": "app", "providerId": "git.example.org:8080"},
            });
            let query = "mutation G($v: CustomSdmGoalInput!) { ingestCustomSdmGoal(value: $v) }";
            let text = json!({"query": query, "variables": {"v": goal}}).to_string();
            ("/graphql/team/w".to_owned(), "application/json", text)
        }
    }
}

/// The status of an answer; the graph says what it refuses in another way.
pub fn status_of(status: u16, text: &str) -> u16 {
    let said: Value = serde_json::from_str(text).unwrap_or_default();
    match said["errors"][0]["extensions"]["code"].as_str() {
        Some("insufficient_permission") => 403,
        Some(other) => panic!("{other}: {said}"),
        None => status,
    }
}

/// Tries it in a browser; the status.
pub async fn tried(browser: &mut Browser<'_>, way: &Way, version: i64) -> u16 {
    let token = browser.token().await;
    let (path, kind, body) = attempt(way, version, &token);
    let headers = from_page(kind, &token);
    let answer = browser.send(Method::POST, &path, &headers, &body).await;
    status_of(answer.status, &answer.text)
}

/// Tries it with a key; the status.
pub async fn tried_with(hub: &TestHub, key: &str, way: &Way, version: i64) -> u16 {
    let (path, kind, body) = attempt(way, version, "");
    let request = hub.http.post(hub.url(&path)).bearer_auth(key);
    let answer = request
        .header("content-type", kind)
        .body(body)
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let text = answer.bytes().await.unwrap();
    status_of(status, &String::from_utf8_lossy(&text))
}

#[tokio::test]
async fn d57_d62_d5_a_reader_decides_about_no_goal_whichever_way_they_come() {
    let seen = Seen::start().await;
    let mut announced = registration("builder", "1.0.0", "durable");
    let commands = DECIDING.iter().map(|name| {
        json!({"name": name, "parameters": [
            {"name": "goal_set"}, {"name": "goal"}, {"name": "environment"}, {"name": "version"},
        ]})
    });
    announced["commands"] = commands.collect();
    let _machine = seen.hub.machine(&announced).await;
    let ours = json!({"method": "sdm", "name": "execute", "registration": "builder"});
    let ways = ways_to_decide();
    assert!(ways.len() >= DECIDING.len() + 4, "{ways:?}");
    let mut version = 0;
    for (id, role) in [("grace", PersonRole::Member), ("ada", PersonRole::Admin)] {
        let mut browser = signed_in(&seen.hub, id, role).await;
        let wanted = KeyWish {
            name: id.to_owned(),
            is_person: true,
            ..wish(&["graph:read", "goals:write", "commands:register", "admin:read"])
        };
        let (_, key) = seen.hub.administration().new_key(&wanted).await.unwrap();
        for way in &ways {
            for is_by_key in [false, true] {
                version += 10;
                seen.goal(json!({
                    "state": "waiting_for_approval", "fulfillment": ours, "version": version,
                    "ts": 1_800_000_000_000_i64 + version,
                }))
                .await;
                let status = match is_by_key {
                    true => tried_with(&seen.hub, &key, way, version).await,
                    false => tried(&mut browser, way, version).await,
                };
                // D6: who may decide does so, and writes down nothing of how the goal goes on.
                match role.administers() && !matches!(way, Way::Written(_)) {
                    false => assert_eq!(status, 403, "{id} by {way:?}, key: {is_by_key}"),
                    // Its machine decides about it, and says so.
                    true if matches!(way, Way::Route(path, _) if path.starts_with("/goals/")) => {
                        assert_eq!(status, 409, "{way:?}");
                    }
                    true => assert!(
                        [200, 303].contains(&status),
                        "{id} by {way:?}, key: {is_by_key}: {status}"
                    ),
                }
            }
        }
        let people = seen.hub.http.get(seen.hub.url("/api/people")).bearer_auth(&key);
        let status = people.send().await.unwrap().status().as_u16();
        let expected = if role.administers() { 200 } else { 403 };
        assert_eq!(status, expected, "d62: a key of {id} is no more than {id}");
        let (status, answer) = seen
            .hub
            .post("/registration", &key, &registration("n", "1.0.0", "durable"))
            .await;
        assert_eq!(
            (status, &answer["error"]["code"]),
            (403, &json!("addon_required")),
            "what is told to machines is told to no person's key"
        );
    }
}

#[tokio::test]
async fn c7_nobody_keeps_others_from_pages_that_grow() {
    let seen = Seen::start().await;
    seen.push("1", |_| {}).await;
    let other = KeyWish {
        name: "grace".to_owned(),
        is_person: true,
        ..wish(&["graph:read", "goals:read"])
    };
    let (_, other) = seen.hub.administration().new_key(&other).await.unwrap();
    let follows = async |key: &str| {
        let url = seen.hub.url("/workspaces/w/activity/stream");
        let answer = seen.hub.http.get(url).bearer_auth(key).send().await.unwrap();
        (answer.status().as_u16(), answer)
    };
    let mut open = Vec::new();
    for _ in 0..100 {
        let (status, answer) = follows(&seen.person).await;
        assert_eq!(status, 200);
        open.push(answer);
    }
    assert_eq!(follows(&seen.person).await.0, 503, "one has had enough");
    assert_eq!(follows(&other).await.0, 200, "others have their places");
    drop(open);
}

#[tokio::test]
async fn what_a_machine_of_ours_is_asked_from_a_page_reaches_it() {
    let seen = Seen::start().await;
    let mut announced = registration("builder", "1.0.0", "durable");
    announced["commands"] = json!([{"name": "sdm.approve", "parameters": [
        {"name": "goal_set"}, {"name": "goal"}, {"name": "environment"}, {"name": "version"},
    ]}]);
    let mut machine = seen.hub.machine(&announced).await;
    let ours = json!({"method": "sdm", "name": "execute", "registration": "builder"});
    seen.goal(json!({"state": "waiting_for_approval", "fulfillment": ours}))
        .await;
    let mut browser = signed_in(&seen.hub, "ada", PersonRole::Admin).await;
    let token = browser.token().await;
    let form = format!("anti_forgery={token}&environment=0-code&name=build&version=1&decision=approve");
    let by_page = browser.submit("/workspaces/w/goals/set-1/decide", &form).await;
    let (_, asked) = by_page.location.split_once("asked=").unwrap();
    let told = machine.hear().await;
    assert_eq!(told["command"], json!("sdm.approve"), "{told}");
    let page = browser
        .get(&format!("/workspaces/w/goals/set-1?asked={}", &asked[..36]))
        .await;
    assert!(page.text.contains("has not answered yet"), "{}", page.text);
}

#[tokio::test]
async fn keys_are_made_within_what_is_ticked_shown_once_and_revoked() {
    let seen = Seen::start().await;
    let mut ada = signed_in(&seen.hub, "ada", PersonRole::Admin).await;
    let token = ada.token().await;
    let form = |whose: &str| {
        format!(
            "anti_forgery={token}&for={whose}&machine=builder&scope=graph:read&workspace=w&repositories=acme/app&days=7"
        )
    };
    let made = ada.submit("/keys", &form("machine")).await;
    let (_, rest) = made.text.split_once("class=\"once\">").expect("a key");
    let key = rest.split('<').next().unwrap().to_owned();
    let page = ada.get("/keys").await;
    assert!(
        page.text.contains("addon:builder") && page.text.contains("repo:acme/app"),
        "{}",
        page.text
    );
    assert!(!page.text.contains(&key), "it was shown once");
    let question = json!({"query": "query { Repo { name } }"});
    assert_eq!(seen.hub.post("/graphql/team/w", &key, &question).await.0, 200);
    let id = key.split('_').nth(2).unwrap();
    let mut grace = signed_in(&seen.hub, "grace", PersonRole::Member).await;
    let own = grace.token().await;
    assert!(
        !grace.get("/keys").await.text.contains("addon:builder"),
        "a member sees their own"
    );
    let foreign = grace
        .submit(&format!("/keys/{id}/revoke"), &format!("anti_forgery={own}"))
        .await;
    assert_eq!(foreign.status, 404, "{}", foreign.text);
    let elsewhere = form("me")
        .replace(&token, &own)
        .replace("workspace=w", "workspace=other");
    let refused = grace.submit("/keys", &elsewhere).await;
    assert!(
        refused.status == 400 && refused.text.contains("there is no such workspace"),
        "{}",
        refused.text
    );
    let form = form("machine").replace(&token, &own);
    assert_eq!(
        grace.submit("/keys", &form).await.status,
        403,
        "members make no keys of machines"
    );
    let revoked = ada
        .submit(&format!("/keys/{id}/revoke"), &format!("anti_forgery={token}"))
        .await;
    assert_eq!(revoked.status, 303, "{}", revoked.text);
    assert_eq!(seen.hub.post("/graphql/team/w", &key, &question).await.0, 401);
}

#[tokio::test]
async fn f5_people_agree_for_themselves_that_an_add_on_acts_for_them_and_take_it_back() {
    let seen = Seen::start().await;
    let acts = KeyWish {
        name: "assistant".to_owned(),
        ..wish(&["events:read", "act_as_user"])
    };
    seen.hub.administration().new_key(&acts).await.unwrap();
    let mut ada = signed_in(&seen.hub, "ada", PersonRole::Member).await;
    let token = format!("anti_forgery={}", ada.token().await);
    let page = ada.get("/you").await.text;
    assert!(
        page.contains("assistant") && page.contains("you have not agreed"),
        "{page}"
    );
    assert!(
        !page.contains(">test<"),
        "only those that want to are asked about: {page}"
    );
    let agreed = ada.submit("/you/consents/assistant/give", &token).await;
    assert_eq!(
        (agreed.status, agreed.location.as_str()),
        (303, "/you"),
        "{}",
        agreed.text
    );
    let page = ada.get("/you").await.text;
    assert!(
        page.contains("you agreed") && page.contains("Take back"),
        "{page}"
    );
    assert_eq!(
        ada.submit("/you/consents/assistant/withdraw", &token)
            .await
            .status,
        303
    );
    assert!(ada.get("/you").await.text.contains("you have not agreed"));
    assert_eq!(ada.submit("/you/consents/nobody/give", &token).await.status, 404);
}

#[tokio::test]
async fn goal_sets_of_pushes_that_no_forge_told_of_are_entries_of_their_own() {
    let seen = Seen::start().await;
    seen.goal(json!({})).await;
    let set = json!({"goalSetId": "set-1", "goalSet": "rust", "state": "in_process", "sha": "b".repeat(40), "branch": "main",
        "ts": 1, "repo": {"owner": "acme", "name": "app", "providerId": "git.example.org:8080"}, "goals": []});
    let mutation = "mutation G($v: CustomSdmGoalSetInput!) { ingestCustomSdmGoalSet(value: $v) }";
    seen.hub.ask(mutation, json!({ "v": set })).await;
    let text = seen.text("/workspaces/w/activity").await;
    assert!(
        text.contains("href=\"/workspaces/w/goals/set-1\"") && text.contains("build<span class=\"unseen\">"),
        "{text}"
    );
    let elsewhere = seen.text("/workspaces/w/activity?repository=acme%2Fother").await;
    assert_eq!(elsewhere.matches("<article").count(), 0);
    seen.push("1", |_| {}).await;
    let text = seen.text("/workspaces/w/activity").await;
    assert_eq!(
        text.matches("<article").count(),
        1,
        "it is its push's once that is known: {text}"
    );
}

#[tokio::test]
async fn an_administrator_invites_somebody_with_a_link_that_is_shown_once() {
    let seen = Seen::start().await;
    let mut ada = signed_in(&seen.hub, "ada", PersonRole::Owner).await;
    let page = ada.get("/people").await;
    assert!(
        page.status == 200 && page.text.contains("Invite somebody"),
        "{}",
        page.text
    );
    let token = ada.token().await;
    let made = ada
        .submit(
            "/people/invite",
            &format!("anti_forgery={token}&id=grace&name=Grace+%3Cb%3E&role=member"),
        )
        .await;
    let (_, rest) = made.text.split_once("class=\"once\">").expect("a link");
    let link = rest.split('<').next().unwrap();
    let page = ada.get("/people").await;
    assert!(
        page.text.contains("Grace &lt;b&gt;") && !page.text.contains(link),
        "{}",
        page.text
    );
    let mut grace = Browser::new(&seen.hub);
    assert_eq!(grace.come_in(link).await.status, 303);
    let page = grace.get("/people").await;
    assert_eq!(page.status, 403, "members do not see who is there");
    assert!(
        !grace
            .get("/workspaces/w/activity")
            .await
            .text
            .contains("href=\"/people\"")
    );
    let suspended = ada
        .submit("/people/grace/suspend", &format!("anti_forgery={token}"))
        .await;
    assert_eq!((suspended.status, suspended.location.as_str()), (303, "/people"));
    assert_ne!(grace.get("/workspaces/w/activity").await.status, 200);
    let last = ada
        .submit("/people/ada/role", &format!("anti_forgery={token}&role=member"))
        .await;
    assert_eq!(last.status, 409, "{}", last.text);
}

#[tokio::test]
async fn f4_what_a_machine_asks_for_waits_until_it_is_ticked_and_a_grant_shows_its_effect_first() {
    let seen = Seen::start().await;
    let waiting = KeyWish {
        name: "newcomer".to_owned(),
        waits: true,
        ..wish(&[])
    };
    let (_, key) = seen.hub.administration().new_key(&waiting).await.unwrap();
    let mut asks = registration("newcomer", "1.0.0", "durable");
    asks["scopes"] = json!(["events:read", "goals:write", "admin:read"]);
    seen.hub.post("/registration", &key, &asks).await;
    let mut ada = signed_in(&seen.hub, "ada", PersonRole::Owner).await;
    let token = ada.token().await;
    let page = ada.get("/add-ons/newcomer").await.text;
    assert!(page.contains("waits for an administrator"), "{page}");
    let is_ticked = |scope: &str| page.contains(&format!("value=\"{scope}\" checked"));
    assert!(
        is_ticked("goals:write") && !is_ticked("admin:read"),
        "what is dangerous has a tick of its own: {page}"
    );
    let (_, rest) = page.split_once("name=\"shown\" value=\"").unwrap();
    let shown = rest.split('"').next().unwrap();
    let other = format!("anti_forgery={token}&shown=other&scope=events:read");
    assert_eq!(ada.submit("/add-ons/newcomer/approve", &other).await.status, 409);
    let less = format!("anti_forgery={token}&shown={shown}&scope=events:read&scope=goals:write");
    let approved = ada.submit("/add-ons/newcomer/approve", &less).await;
    assert_eq!(approved.status, 303, "{}", approved.text);
    let grant = format!("anti_forgery={token}&selector=repo:acme/app&right=write&days=7&note=a+%3Cb%3E");
    let effect = ada.submit("/add-ons/newcomer/grants", &grant).await;
    assert!(
        effect.text.contains("gains") && effect.text.contains("goal.update"),
        "{}",
        effect.text
    );
    assert!(
        !ada.get("/add-ons/newcomer").await.text.contains("Take away"),
        "looking gives nothing"
    );
    let given = ada
        .submit("/add-ons/newcomer/grants", &format!("{grant}&sure=yes"))
        .await;
    assert_eq!(given.status, 303, "{}", given.text);
    let page = ada.get("/add-ons/newcomer").await.text;
    assert!(
        page.contains("Take away") && page.contains("a &lt;b&gt;") && page.contains("active"),
        "{page}"
    );
    let mut grace = signed_in(&seen.hub, "grace", PersonRole::Member).await;
    let own = grace.token().await;
    let own = grant.replace(&token, &own);
    assert_eq!(grace.submit("/add-ons/newcomer/grants", &own).await.status, 403);
}

/// Something that a stream has said.
#[derive(Debug)]
struct Heard {
    id: String,
    data: String,
}

/// A stream, as it is read.
struct Stream {
    answer: reqwest::Response,
    read: String,
}

impl Seen {
    async fn stream(&self, path: &str, last: Option<&str>) -> Stream {
        let request = self.hub.http.get(self.hub.url(path)).bearer_auth(&self.person);
        let request = match last {
            Some(id) => request.header("last-event-id", id),
            None => request,
        };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Stream {
            answer,
            read: String::new(),
        }
    }
}

impl Stream {
    async fn hear(&mut self) -> Heard {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let fields = |name: &str| {
                    let lines = event.lines().filter_map(|line| line.strip_prefix(name));
                    lines
                        .map(|line| line.trim_start_matches(' '))
                        .collect::<Vec<_>>()
                        .join("\n")
                };
                let heard = Heard {
                    id: fields("id:"),
                    data: fields("data:"),
                };
                self.read = rest.to_owned();
                if !heard.data.is_empty() {
                    return heard;
                }
                continue;
            }
            let next = tokio::time::timeout(super::machine::PATIENCE, self.answer.chunk());
            let chunk = next
                .await
                .expect("news in time")
                .unwrap()
                .expect("a stream that goes on");
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}
