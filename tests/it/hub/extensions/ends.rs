//! What is under way when an extension is uninstalled acts no more afterwards, and brings nothing back (security model 3.3 and 14).

use sdm::access::snapshot::{AddonState, Right};
use sdm::access::{Level, PersonId, Selector};
use sdm::hub::extensions::ExtensionError;
use sdm::ports::hub::secrets::SealedSecrets as _;
use serde_json::json;

use super::Pair;
use super::add_on::KEY;
use super::tokens::{ask, assertion, exchange};
use crate::hub::logs::{line, part};

/// Secrets that are shared with anybody.
async fn secrets(pair: &Pair) -> usize {
    let all = pair.hub.memory().secrets().await.unwrap();
    all.iter().filter(|secret| secret.kind == "shared_secret").count()
}

#[tokio::test]
async fn f3_a_secret_that_is_on_its_way_counts_for_nothing_once_its_extension_is_uninstalled() {
    let pair = Pair::start().await;
    let gate = pair.add_on.hold("/app/installed");
    pair.register().await;
    pair.agree("events:read graph:read").await;
    pair.until("the secret is on its way", async || gate.held() == 1)
        .await;
    pair.operator.uninstall(KEY).await.unwrap();
    gate.open();
    pair.until("it is told that it is gone", async || {
        !pair.add_on.told("/app/uninstalled").is_empty()
    })
    .await;
    pair.until("it is over", async || !pair.shown().await.is_installed)
        .await;
    assert_eq!(pair.shown().await.state, AddonState::Uninstalled);
    assert_eq!(secrets(&pair).await, 0, "it is destroyed");
    assert_eq!(pair.get("/self").await.0, 401, "and signs nothing");
    assert!(pair.add_on.told("/app/enabled").is_empty());
}

#[tokio::test]
async fn f3_a_rotation_that_is_under_way_leaves_no_secret_behind() {
    let pair = Pair::start().await;
    pair.install("events:read graph:read", &[]).await;
    let gate = pair.add_on.hold("/app/installed");
    pair.operator.want_secret(KEY).await.unwrap();
    pair.until("the secret is on its way", async || gate.held() == 1)
        .await;
    pair.operator.uninstall(KEY).await.unwrap();
    pair.add_on.refuse("/app/installed", 500, 1);
    gate.open();
    pair.until("it is over", async || !pair.shown().await.is_installed)
        .await;
    assert_eq!((secrets(&pair).await, pair.get("/self").await.0), (0, 401));
}

#[tokio::test]
async fn f3_a8_what_was_on_its_way_to_an_earlier_life_is_none_of_the_next() {
    let pair = Pair::start().await;
    pair.install("events:read graph:read", &["*"]).await;
    let first = pair.add_on.secret();
    let gate = pair.add_on.hold("/app/installed");
    pair.operator.want_secret(KEY).await.unwrap();
    pair.until("the secret is on its way", async || gate.held() == 1)
        .await;
    pair.operator.uninstall(KEY).await.unwrap();
    pair.register().await;
    pair.agree("events:read graph:read").await;
    pair.add_on.hold_nothing();
    gate.open();
    pair.until("it has a secret of its own life", async || {
        pair.add_on.told("/app/installed").len() == 3
    })
    .await;
    pair.until("and that counts", async || pair.get("/self").await.0 == 200)
        .await;
    let secret = |number: usize| {
        let text = pair.add_on.told("/app/installed")[number].body["sharedSecret"].clone();
        sdm::wire::connect::SharedSecret::from_text(text.as_str().unwrap().to_owned().into()).unwrap()
    };
    for (name, old) in [("the first", first), ("the one on its way", secret(1))] {
        let token = format!("JWT {}", pair.add_on.token(&old, "GET", "/self"));
        let (status, _) = pair.add_on.call(&pair.url("/self"), &token, &[], None).await;
        assert_eq!(status, 401, "{name} has no grace");
    }
    assert_eq!(secrets(&pair).await, 1);
}

#[tokio::test]
async fn f6_a_token_of_an_earlier_life_stays_worthless() {
    let pair = Pair::start().await;
    pair.install("events:read graph:read", &["*"]).await;
    let path = "/auth/oauth2/token";
    let (_, given) = exchange(&pair, path, &assertion(&pair, path, None, |_| {}), &[]).await;
    let token = given["access_token"].as_str().unwrap().to_owned();
    assert_eq!(ask(&pair, &token, &[], "{ Repo { name } }").await.0, 200);
    pair.operator.uninstall(KEY).await.unwrap();
    // As it would be of one that was given just when its extension ended.
    let mut connection = raw(&pair).await;
    sqlx::query("UPDATE hub_handed_token SET revoked = 0")
        .execute(&mut connection)
        .await
        .unwrap();
    pair.until("it is over", async || !pair.shown().await.is_installed)
        .await;
    pair.install("events:read graph:read", &["*"]).await;
    sqlx::query("UPDATE hub_handed_token SET revoked = 0")
        .execute(&mut connection)
        .await
        .unwrap();
    let (status, refused) = ask(&pair, &token, &[], "{ Repo { name } }").await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (401, &json!("credential_revoked"))
    );
}

async fn raw(pair: &Pair) -> sqlx::AnyConnection {
    use sqlx::{Connection as _, Executor as _};
    let url = format!("sqlite://{}", pair.directory.path().join("hub.db").display());
    let mut connection = sqlx::AnyConnection::connect(&url).await.unwrap();
    connection.execute("PRAGMA busy_timeout = 15000").await.unwrap();
    connection
}

/// A signed answer of the hub to the add-on, which grows.
async fn follows(pair: &Pair, target: &str, accept: &str) -> reqwest::Response {
    let token = pair.add_on.token(&pair.add_on.secret(), "GET", target);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http
        .get(pair.url(target))
        .header("authorization", format!("JWT {token}"));
    request.header("accept", accept).send().await.unwrap()
}

#[tokio::test]
async fn f1_what_grows_is_read_no_further_by_an_extension_that_is_not_for_the_workspace_any_more() {
    let pair = Pair::start().await;
    pair.add_on
        .describe(&json!({"scopes": ["goals:write", "graph:read"]}));
    pair.install("goals:write graph:read", &["*"]).await;
    let goal = "mutation { ingestCustomSdmGoal(value: {goalSetId: \"s\", environment: \"0-code\", uniqueName: \"g\", \
        state: in_process, sha: \"b\", branch: \"main\", repo: {owner: \"acme\", name: \"app\"}}) }";
    assert_eq!(pair.ask(goal).await.1.get("errors"), None);
    let part = part(0, 10, &[line(0, "one")]);
    let target = "/api/goal-logs/w/s/0-code/g/1";
    let token = pair.add_on.token(&pair.add_on.secret(), "POST", target);
    let (url, authorization) = (pair.url(target), format!("JWT {token}"));
    let sent = pair.add_on.call(&url, &authorization, &[], Some(&part)).await;
    assert_eq!(sent.0, 200, "{}", sent.1);
    let log = "/api/logs/w/s/0-code/g";
    let stream = follows(&pair, log, "text/event-stream").await;
    assert_eq!(stream.status().as_u16(), 200);
    let waits = format!("{log}?wait=3&offset=10");
    let waiting = follows(&pair, &waits, "application/json");
    let moving = async {
        let workspaces = ["elsewhere".to_owned()];
        let url = pair.add_on.descriptor_url();
        pair.operator.register_anew(&url, &workspaces).await.unwrap();
        tokio::time::timeout(std::time::Duration::from_secs(5), stream.bytes())
            .await
            .expect("the stream outlives its workspace")
            .ok();
    };
    let (waited, ()) = tokio::join!(waiting, moving);
    assert_eq!(waited.status().as_u16(), 403, "nor by whoever waited for it");
}

#[tokio::test]
async fn a_descriptor_that_is_read_again_brings_back_nothing_that_was_uninstalled_meanwhile() {
    let pair = Pair::start().await;
    pair.install("events:read graph:read", &[]).await;
    let gate = pair.add_on.hold("/app/descriptor.json");
    let (read, ()) = tokio::join!(pair.operator.read_again(KEY), async {
        pair.until("it is read", async || gate.held() == 1).await;
        pair.operator.uninstall(KEY).await.unwrap();
        gate.open();
    });
    assert!(matches!(read, Err(ExtensionError::Unchanged(_))), "{read:?}");
    assert_eq!(pair.shown().await.state, AddonState::Uninstalled);
    let late = [(Selector::Everything, Right::Allow(Level::Write))];
    let given = pair.operator.grant(KEY, &late, &PersonId::operator()).await;
    assert!(matches!(given, Err(ExtensionError::NotThere(_))), "{given:?}");
    let agreed = pair.operator.consent(KEY, None, "root").await;
    assert!(matches!(agreed, Err(ExtensionError::NotThere(_))), "{agreed:?}");
}
