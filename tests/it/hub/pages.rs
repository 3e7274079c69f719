//! The hub's pages as a browser without script meets them.

use sdm::hub::administration::KeyWish;
use serde_json::{Value, json};

use super::events::push;
use super::machine::{TestHub, quick, registration, wish};

/// A hub, with the key of a person who looks.
struct Seen {
    hub: TestHub,
    person: String,
}

struct Page {
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

    async fn page(&self, path: &str) -> Page {
        let answer = self.hub.http.get(self.hub.url(path)).bearer_auth(&self.person);
        let answer = answer.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = String::from_utf8(answer.bytes().await.unwrap().to_vec()).unwrap();
        Page {
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
        "repo": {"owner": "acme", "name": "app", "providerId": "git.example.org:8080"}, "goals": []});
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
    assert_eq!(seen.hub.post(path, "", &part).await.0, 204);
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
        assert_eq!(answer.status().as_u16(), 401, "{path}");
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
