//! People, channels and fingerprints in the hub's graph: who somebody is at a forge and in a chat comes together in any order, and
//! addresses are shown to those alone who see the commits that carry them.

use std::time::{Duration, Instant};

use sdm::hub::administration::KeyWish;
use sdm::hub::people::providers::ProviderKind;
use sdm::ports::people::{People as _, PersonRole, StoredIdentity};
use serde_json::{Value, json};

use super::chats::{code, said};
use super::events::push;
use super::forge_rights::is_at_github;
use super::machine::{PATIENCE, TestHub, quick, registration, wish};
use super::people::signed_in;
use super::sign_in::hub_with;
use crate::support::fake_provider::{Account, FakeProvider};

/// The answer, when it is as it should be; the hub looks for changes of people from time to time.
async fn until(hub: &TestHub, query: &str, is_there: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let answer = hub.ask(query, Value::Null).await;
        if is_there(&answer["data"]) {
            return answer["data"].clone();
        }
        assert!(begun.elapsed() < PATIENCE, "{query}: {answer}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A push whose author the forge knows by this login, or by this address alone.
fn pushed_by(host: &str, after: &str, login: Option<&str>, email: &str) -> Value {
    let mut payload = push("0", after);
    payload["repository"]["html_url"] = json!(format!("{host}/acme/app"));
    let mut author = json!({"name": "Ada", "email": email});
    if let Some(login) = login {
        author["username"] = json!(login);
    }
    payload["commits"] = json!([]);
    payload["head_commit"]["author"] = author.clone();
    payload["head_commit"]["committer"] = author;
    payload
}

const AUTHORS: &str =
    "{ Push { after { author { login person { name gitHubId { login } chatId { screenName } } } } } }";

fn is_known(data: &Value) -> bool {
    let mut pushes = data["Push"].as_array().unwrap().iter();
    pushes.all(|push| !push["after"]["author"]["person"].is_null())
}

#[tokio::test]
async fn authors_are_people_whether_the_push_or_the_person_comes_first() {
    let provider = FakeProvider::start().await;
    let settings = provider.github();
    let ProviderKind::GitHub(github) = &settings.kind else {
        panic!("it is a GitHub");
    };
    let (host, name) = (
        github.address.to_string(),
        github.address.host_str().unwrap().to_owned(),
    );
    let host = host.trim_end_matches('/').to_owned();
    let (hub, _directory) = hub_with(vec![settings]).await;
    hub.register(&registration("m", "1.0.0", "durable")).await;
    let made_up = format!("42+ada@users.noreply.{name}");
    assert_eq!(
        hub.github(
            "push",
            "1",
            &pushed_by(&host, "a", Some("ada"), "ada@home.example")
        )
        .await
        .0,
        200
    );
    let mut browser = signed_in(&hub, "ada", PersonRole::Member).await;
    let account = Account::new(42, "ada");
    is_at_github(&hub, "ada", &account).await;
    let known = until(&hub, AUTHORS, is_known).await;
    let person = &known["Push"][0]["after"]["author"]["person"];
    assert_eq!(person["gitHubId"]["login"], "ada");
    assert_eq!(
        hub.github("push", "2", &pushed_by(&host, "b", None, &made_up))
            .await
            .0,
        200
    );
    until(&hub, AUTHORS, is_known).await;
    let company = StoredIdentity {
        provider: "company".to_owned(),
        subject: "s".to_owned(),
        login: "ada.l".to_owned(),
        email: Some("ada@example.org".to_owned()),
        person: "ada".to_owned(),
        linked: sdm::model::Timestamp::from_micros(2),
    };
    assert!(hub.hub.memory().link_identity(&company).await.unwrap());
    assert_eq!(
        hub.github("push", "3", &pushed_by(&host, "c", None, "Ada@Example.org"))
            .await
            .0,
        200
    );
    until(&hub, AUTHORS, is_known).await;
    let all = hub
        .ask(
            "{ Person { name emails { address } scmId { login } team { id } } }",
            Value::Null,
        )
        .await;
    assert_eq!(
        all["data"]["Person"],
        json!([{"name": "ada <b>", "emails": [{"address": "ada@example.org"}], "scmId": {"login": "ada"}, "team": {"id": "w"}}])
    );
    provider.permits("acme/app", &account, "read");
    let page = browser.get("/workspaces/w/activity").await;
    let author = "<span class=\"author\">ada &lt;b&gt;</span>";
    assert_eq!(
        (page.status, page.text.contains(author)),
        (200, true),
        "{}",
        page.text
    );
}

const LOGIN: &str = "{ Team { name chatTeams { members(screenName: \"Ada <b>\") @required { person @required { name } } } } }";

#[tokio::test]
async fn who_somebody_is_in_a_chat_is_known_until_they_take_it_back() {
    let hub = TestHub::start(quick()).await;
    hub.register(&registration("m", "1.0.0", "durable")).await;
    let wanted = KeyWish {
        name: "bridge".to_owned(),
        ..wish(&["act_as_user", "messages:write"])
    };
    let bridge = hub.administration().new_key(&wanted).await.unwrap().1;
    let mut ada = signed_in(&hub, "ada", PersonRole::Member).await;
    let text = code(&mut ada).await;
    assert_eq!(said(&hub, &bridge, &text, "U1").await.0, 200);
    let ask =
        "{ ChatId(screenName: \"Ada <b>\") { userId person @required { name chatId { chatTeam { id } } } } }";
    let found = until(&hub, ask, |data| data["ChatId"] != json!([])).await;
    assert_eq!(
        found["ChatId"],
        json!([{"userId": "U1", "person": {"name": "ada <b>", "chatId": {"chatTeam": {"id": "w"}}}}])
    );
    let team = hub.ask(LOGIN, Value::Null).await;
    assert_eq!(
        team["data"]["Team"],
        json!([{"name": "w", "chatTeams": [{"members": [{"person": {"name": "ada <b>"}}]}]}])
    );
    assert_eq!(hub.github("push", "1", &push("a", "b")).await.0, 200);
    let orgs = "{ Team { orgs(owner: \"acme\") @required { provider(providerId: \"git.example.org:8080\") @required { apiUrl } } } }";
    let found = hub.ask(orgs, Value::Null).await;
    assert_eq!(
        found["data"]["Team"][0]["orgs"][0]["provider"]["apiUrl"],
        "http://git.example.org:8080/api/v3"
    );
    let one = hub.ask("{ ChatTeam { id } }", Value::Null).await;
    assert_eq!(
        one["data"]["ChatTeam"],
        json!([{"id": "w"}]),
        "machines of the original want exactly one"
    );
    let token = ada.token().await;
    let form = format!("anti_forgery={token}");
    assert_eq!(
        ada.submit("/you/chats/chat%3Abridge%3AT1/unlink", &form)
            .await
            .status,
        303
    );
    until(&hub, ask, |data| data["ChatId"] == json!([])).await;
}

#[tokio::test]
async fn addresses_are_seen_with_commits_that_are_seen_and_nowhere_else() {
    let hub = TestHub::start(quick()).await;
    let host = "https://git.example.org";
    assert_eq!(
        hub.github(
            "push",
            "1",
            &pushed_by(host, "a", Some("ada"), "ada@home.example")
        )
        .await
        .0,
        200
    );
    assert_eq!(
        hub.github("push", "2", &pushed_by(host, "b", None, "eve@home.example"))
            .await
            .0,
        200
    );
    let limited = |name: &str, repository: &str| KeyWish {
        name: name.to_owned(),
        repositories: vec![repository.to_owned()],
        ..wish(&["graph:read", "events:read"])
    };
    let key = async |name: &str, repository: &str| {
        let made = hub.administration().new_key(&limited(name, repository)).await;
        made.unwrap().1
    };
    let (near, far) = (key("near", "acme/app").await, key("far", "acme/other").await);
    let text = "{ ScmId { id login emails { address } } Person { emails { address } } Push { after { author { login emails { address } } } } }";
    let seen = async |key: &str| {
        let (_, answer) = hub.post("/graphql/team/w", key, &json!({ "query": text })).await;
        answer["data"].clone()
    };
    let all = hub.ask(text, Value::Null).await["data"].to_string();
    assert!(
        all.matches("ada@home.example").count() >= 2 && all.contains("eve@home.example"),
        "{all}"
    );
    let of_near = seen(&near).await;
    assert_eq!(
        of_near["ScmId"],
        json!([{"id": "git.example.org/ada", "login": "ada", "emails": []}])
    );
    let pushes = of_near["Push"].to_string();
    assert!(
        pushes.contains("ada@home.example") && pushes.contains("eve@home.example"),
        "{pushes}"
    );
    let of_far = seen(&far).await.to_string();
    assert!(!of_far.contains("home.example"), "{of_far}");
}

#[tokio::test]
async fn a_channel_is_linked_to_a_repository_by_whoever_may_change_both() {
    let hub = TestHub::start(quick()).await;
    assert_eq!(hub.github("push", "1", &push("a", "b")).await.0, 200);
    let mut listener = registration("m", "1.0.0", "durable");
    listener["events"][0]["subscription"] = json!(
        "subscription OnChannelLink { ChannelLink { repo { name channels { name team { id } } } channel { name id } } }"
    );
    let mut machine = hub.machine(&listener).await;
    let link = |field: &str, channel: &str, name: &str| {
        format!(
            "mutation {{ {field}(channelId: \"{channel}\", {name} chatTeamId: \"T1\", owner: \"acme\", repo: \"app\") {{ __typename id chatTeamId }} }}"
        )
    };
    let made = hub
        .ask(
            &link("linkSlackChannelToRepo", "C1", "channelName: \"general\","),
            Value::Null,
        )
        .await;
    assert_eq!(
        made["data"]["linkSlackChannelToRepo"],
        json!({"__typename": "ChannelLinked", "id": "T1/C1", "chatTeamId": "T1"}),
        "{made}"
    );
    let heard = machine.hear().await;
    assert_eq!(
        heard["data"]["ChannelLink"][0]["repo"],
        json!({"name": "app", "channels": [{"name": "general", "team": {"id": "w"}}]}),
        "{heard}"
    );
    let mapped = "{ ChatChannel(channelId: \"C1\") { repos { name org { owner } } links { id } } }";
    let found = hub.ask(mapped, Value::Null).await;
    assert_eq!(found["data"]["ChatChannel"][0]["repos"][0]["name"], "app");
    let limited = KeyWish {
        name: "limited".to_owned(),
        repositories: vec!["acme/app".to_owned()],
        ..wish(&[])
    };
    let (_, key) = hub.administration().new_key(&limited).await.unwrap();
    let body = json!({"query": link("linkSlackChannelToRepo", "C2", "")});
    let (_, refused) = hub.post("/graphql/team/w", &key, &body).await;
    assert_eq!(
        refused["errors"][0]["extensions"]["code"],
        json!("insufficient_permission")
    );
    hub.ask(&link("unlinkSlackChannelFromRepo", "C1", ""), Value::Null)
        .await;
    let found = hub.ask(mapped, Value::Null).await;
    assert_eq!(found["data"]["ChatChannel"], json!([{"repos": [], "links": []}]));
}

#[tokio::test]
async fn h7_a_channel_is_linked_by_who_may_change_both_and_shows_a_repository_to_who_sees_it() {
    let hub = TestHub::start(quick()).await;
    assert_eq!(hub.github("push", "1", &push("a", "b")).await.0, 200);
    let mut number = 0;
    let mut key = async |repository: &str, place: Option<&str>| {
        number += 1;
        let limited = KeyWish {
            name: format!("k{number}"),
            repositories: vec![repository.to_owned()],
            places: place.map(str::to_owned).into_iter().collect(),
            ..wish(&["graph:read", "messages:write"])
        };
        hub.administration().new_key(&limited).await.unwrap().1
    };
    let both = key("acme/app", Some("channel:C1")).await;
    let repository = key("acme/app", None).await;
    let channel = key("acme/other", Some("channel:C1")).await;
    let link = json!({"query": "mutation { linkSlackChannelToRepo(channelId: \"C1\", chatTeamId: \"T1\", owner: \"acme\", \
        repo: \"app\", providerId: \"git.example.org:8080\") { id } }"});
    for half in [&repository, &channel] {
        let (_, refused) = hub.post("/graphql/team/w", half, &link).await;
        let code = &refused["errors"][0]["extensions"]["code"];
        assert_eq!(code, &json!("insufficient_permission"), "{refused}");
    }
    let (_, linked) = hub.post("/graphql/team/w", &both, &link).await;
    assert_eq!(linked.get("errors"), None, "{linked}");
    let question = json!({"query": "{ ChatChannel(channelId: \"C1\") { channelId repos { name } } }"});
    let (_, seen) = hub.post("/graphql/team/w", &both, &question).await;
    assert_eq!(
        seen["data"]["ChatChannel"][0]["repos"],
        json!([{"name": "app"}]),
        "{seen}"
    );
    let (_, seen) = hub.post("/graphql/team/w", &channel, &question).await;
    let shown = &seen["data"]["ChatChannel"];
    assert_eq!(
        shown,
        &json!([{"channelId": "C1", "repos": []}]),
        "the repository is not its to see"
    );
}

#[tokio::test]
async fn d31_who_may_post_in_one_channel_takes_no_other_by_calling_it_so() {
    let hub = TestHub::start(quick()).await;
    assert_eq!(hub.github("push", "1", &push("a", "b")).await.0, 200);
    let link = |channel: &str, name: &str| {
        json!({"query": format!(
            "mutation {{ linkSlackChannelToRepo(channelId: \"{channel}\", {name} chatTeamId: \"T1\", owner: \"acme\", repo: \"app\", providerId: \"git.example.org:8080\") {{ id }} }}"
        )})
    };
    let exec = link("C9", "channelName: \"exec\",");
    assert_eq!(
        hub.post("/graphql/team/w", &hub.key, &exec).await.1.get("errors"),
        None
    );
    let ops = KeyWish {
        name: "ops".to_owned(),
        repositories: vec!["acme/app".to_owned()],
        places: vec!["channel:ops".to_owned()],
        ..wish(&[])
    };
    let (_, ops) = hub.administration().new_key(&ops).await.unwrap();
    let code = async |channel: &str, name: &str| {
        let (_, answer) = hub.post("/graphql/team/w", &ops, &link(channel, name)).await;
        answer["errors"][0]["extensions"]["code"].clone()
    };
    assert_eq!(code("C1", "channelName: \"ops\",").await, Value::Null);
    assert_eq!(code("C1", "").await, Value::Null, "it is called so already");
    for name in ["channelName: \"ops\",", "channelName: \"exec\",", ""] {
        assert_eq!(code("C9", name).await, json!("insufficient_permission"), "{name}");
    }
    let names = hub
        .ask(
            "{ ChatChannel(channelId: [\"C1\", \"C9\"]) { name } }",
            Value::Null,
        )
        .await;
    let names = names["data"]["ChatChannel"].to_string();
    assert!(names.contains("exec") && names.contains("ops"), "{names}");
}

#[tokio::test]
async fn fingerprints_of_a_type_replace_those_that_were_known() {
    let hub = TestHub::start(quick()).await;
    assert_eq!(hub.github("push", "1", &push("a", "b")).await.0, 200);
    let found = hub.ask("{ Commit { sha repo { id } } }", Value::Null).await;
    let commit = &found["data"]["Commit"][0];
    let set = "mutation F($add: [FingerprintInput!], $repo: String, $sha: String!) { setCommitFingerprints(add: $add, repoId: $repo, \
        branchId: \"b\", commitSha: $sha, isDefaultBranch: true, isHeadCommit: true, type: \"dependency\") }";
    let told = async |add: Value| {
        let variables = json!({"add": add, "repo": commit["repo"]["id"], "sha": commit["sha"]});
        let answer = hub.ask(set, variables).await;
        assert!(answer.get("errors").is_none(), "{answer}");
    };
    told(json!([{"name": "a", "sha": "1", "data": "{}", "displayName": "A"}, {"name": "b/c", "sha": "2"}]))
        .await;
    told(json!([{"name": "b/c", "sha": "3"}])).await;
    let ask = "{ Commit { analysis { type name sha displayName } fingerprints(name: \"b/c\") { sha } } }";
    let answer = hub.ask(ask, Value::Null).await;
    let commits = answer["data"]["Commit"].as_array().unwrap().iter();
    let known = commits
        .clone()
        .find(|commit| commit["analysis"] != json!([]))
        .unwrap();
    assert_eq!(
        known,
        &json!({"analysis": [{"type": "dependency", "name": "b/c", "sha": "3", "displayName": null}], "fingerprints": [{"sha": "3"}]})
    );
    let limited = KeyWish {
        name: "limited".to_owned(),
        repositories: vec!["acme/other".to_owned()],
        ..wish(&[])
    };
    let (_, key) = hub.administration().new_key(&limited).await.unwrap();
    let variables = json!({"add": [], "repo": commit["repo"]["id"], "sha": commit["sha"]});
    let body = json!({"query": set, "variables": variables});
    let (_, refused) = hub.post("/graphql/team/w", &key, &body).await;
    assert_eq!(
        refused["errors"][0]["extensions"]["code"],
        json!("insufficient_permission")
    );
    let (_, seen) = hub
        .post(
            "/graphql/team/w",
            &key,
            &json!({"query": "{ Fingerprint { name } }"}),
        )
        .await;
    assert_eq!(seen["data"]["Fingerprint"], json!([]), "{seen}");
}
