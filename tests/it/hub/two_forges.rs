//! Two forges at one hub (threat A8): both have a repository `acme/app`, and both number it 7.

use reqwest::Method;
use sdm::access::{Grant, Level, Principal, Resource, Right, Selector};
use sdm::hub::administration::KeyWish;
use sdm::ports::people::PersonRole;
use serde_json::{Value, json};

use super::access::push_of;
use super::commands_about::{APP, asks, offers, posts};
use super::forge_rights::is_at_github;
use super::machine::{PATIENCE, TestHub, registration, wish};
use super::people::signed_in;
use super::sign_in::hub_with;
use crate::support::fake_provider::{Account, FakeProvider};
use crate::support::remains::Remains;

/// A hub, the forge that it asks, and another one.
struct Scene {
    here: FakeProvider,
    there: FakeProvider,
    hub: TestHub,
    _directory: Remains,
}

fn host(forge: &FakeProvider) -> String {
    forge.address.trim_start_matches("http://").to_owned()
}

impl Scene {
    async fn start() -> Self {
        let (here, there) = (FakeProvider::start().await, FakeProvider::start().await);
        let (hub, directory) = hub_with(vec![here.github()]).await;
        Self {
            here,
            there,
            hub,
            _directory: directory,
        }
    }

    /// A push to `acme/app`, number 7, at a forge.
    async fn pushed(&self, id: &str, forge: &FakeProvider) {
        let mut push = push_of("app", 7);
        push["ref"] = json!(format!("refs/heads/{id}"));
        push["repository"]["html_url"] = json!(format!("{}/acme/app", forge.address));
        let (status, answer) = self.hub.github("push", id, &push).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// A key of a machine of this name, for these repositories.
    async fn key(&self, name: &str, repositories: &[&str]) -> String {
        let wish = KeyWish {
            name: name.to_owned(),
            repositories: repositories.iter().map(ToString::to_string).collect(),
            ..wish(&[])
        };
        self.hub.administration().new_key(&wish).await.unwrap().1
    }

    /// The forges whose repositories somebody sees.
    async fn seen(&self, key: &str) -> Vec<String> {
        let question = json!({"query": "query { Repo { url } }"});
        let (_, answer) = self.hub.post("/graphql/team/w", key, &question).await;
        let found = answer["data"]["Repo"].as_array().unwrap().iter();
        let urls = found.map(|repo| repo["url"].as_str().unwrap().to_owned());
        let mut hosts: Vec<String> = urls
            .map(|url| {
                url.trim_start_matches("http://")
                    .trim_end_matches("/acme/app")
                    .to_owned()
            })
            .collect();
        hosts.sort();
        hosts
    }

    fn goal(forge: &FakeProvider, goal_set: &str) -> Value {
        json!({"query": format!(
            "mutation {{ ingestCustomSdmGoal(value: {{goalSetId: \"{goal_set}\", environment: \"0-code\", uniqueName: \"g\", \
             state: waiting_for_approval, sha: \"b\", branch: \"main\", \
             repo: {{owner: \"acme\", name: \"app\", providerId: \"{}\"}}}}) }}", host(forge)
        )})
    }
}

fn is_written(answer: &Value) -> bool {
    answer.get("errors").is_none()
}

#[tokio::test]
async fn a8_a_key_for_a_repository_is_for_that_of_its_forge_alone() {
    let scene = Scene::start().await;
    let (here, there) = (host(&scene.here), host(&scene.there));
    scene.pushed("1", &scene.here).await;
    // Made while there was one forge, so that they say it without being asked.
    let (named, owners) = (
        scene.key("named", &["acme/app"]).await,
        scene.key("owners", &["acme/*"]).await,
    );
    let unheard = scene.key("unheard", &["acme/later"]).await;
    let wanted = json!({"subscription": "subscription OnPush { Push { repo { url } } }"});
    let mut registration = registration("m", "1.0.0", "durable");
    registration["events"] = json!([wanted]);
    let (status, answer) = scene.hub.post("/registration", &named, &registration).await;
    assert_eq!(status, 200, "{answer}");
    let mut machine = super::machine::Machine::open(answer["url"].as_str().unwrap()).await;
    scene.pushed("2", &scene.there).await;
    machine.settled().await;
    scene.pushed("3", &scene.here).await;
    let heard = machine.hear().await;
    assert_eq!(
        heard["data"]["Push"][0]["repo"]["url"],
        json!(format!("http://{here}/acme/app"))
    );
    for (name, key) in [("named", &named), ("owners", &owners)] {
        assert_eq!(scene.seen(key).await, [here.as_str()]);
        for (forge, may) in [(&scene.here, true), (&scene.there, false)] {
            let goal = Scene::goal(forge, &format!("{name}-{may}"));
            let (_, answer) = scene.hub.post("/graphql/team/w", key, &goal).await;
            assert_eq!(is_written(&answer), may, "{name}: {answer}");
        }
    }
    assert_eq!(scene.seen(&unheard).await, Vec::<String>::new());
    let other = scene.key("other", &[&format!("{there}/acme/app")]).await;
    assert_eq!(scene.seen(&other).await, [there.as_str()]);
    let mut both = vec![here, there];
    both.sort();
    assert_eq!(
        scene.seen(&scene.hub.key).await,
        both,
        "whoever may everything sees both"
    );
}

#[tokio::test]
async fn a8_what_was_given_before_any_forge_was_heard_of_stays_with_the_first() {
    let scene = Scene::start().await;
    let first = host(&scene.here);
    scene.key("named", &["acme/app"]).await;
    let owners = scene.key("owners", &["acme/*"]).await;
    let places = async |owner: &str| {
        let keys = scene.hub.administration().keys().await.unwrap();
        let key = keys.into_iter().find(|key| key.owner == format!("addon:{owner}"));
        key.unwrap().repositories
    };
    assert_eq!(places("owners").await, ["repo:acme/*"]);
    scene.pushed("1", &scene.here).await;
    assert_eq!(scene.seen(&owners).await, [first.as_str()]);
    scene.pushed("2", &scene.there).await;
    assert_eq!(places("owners").await, [format!("repo:{first}/acme/*")]);
    assert_eq!(places("named").await, [format!("repo:{first}/acme/app")]);
    assert_eq!(
        scene.seen(&owners).await,
        [first.as_str()],
        "and not with the second"
    );
    for (forge, may) in [(&scene.here, true), (&scene.there, false)] {
        let goal = Scene::goal(forge, &format!("owners-{may}"));
        let (_, answer) = scene.hub.post("/graphql/team/w", &owners, &goal).await;
        assert_eq!(is_written(&answer), may, "{answer}");
    }
}

#[tokio::test]
async fn a8_with_two_forges_a_place_says_which_and_a_denial_that_does_not_is_for_both() {
    let scene = Scene::start().await;
    scene.pushed("1", &scene.here).await;
    scene.pushed("2", &scene.there).await;
    let administration = scene.hub.administration();
    let give = async |selector: &str, right: Right| {
        let grant = Grant::new(Selector::parse(selector).unwrap(), right);
        let to = Principal::parse("addon:test").unwrap();
        administration.give(to, grant, false).await
    };
    for selector in ["repo:acme/app", "repo:acme/*", "repo:acme/new"] {
        let refused = give(selector, Right::Allow(Level::Read))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("says no forge, and there are several"),
            "{refused}"
        );
        assert!(refused.contains(&host(&scene.there)), "{refused}");
    }
    let wish = KeyWish {
        name: "unsaid".to_owned(),
        repositories: vec!["acme/app".to_owned()],
        ..wish(&[])
    };
    assert!(administration.new_key(&wish).await.is_err());
    let at_one = format!("repo:{}/acme/app", host(&scene.there));
    let given = give(&at_one, Right::Deny).await.unwrap();
    assert_eq!(given.grant.grant.selector.to_string(), format!("{at_one}#7"));
    let sees = async |hosts: &[String]| {
        tokio::time::timeout(PATIENCE, async {
            while scene.seen(&scene.hub.key).await != hosts {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("what is denied is not seen");
    };
    sees(&[host(&scene.here)]).await;
    let denial = give("repo:acme/app", Right::Deny).await.unwrap();
    assert_eq!(
        denial.grant.grant.selector,
        Selector::One(Resource::repository("acme", "app")),
        "it stays for all"
    );
    sees(&[]).await;
}

#[tokio::test]
async fn a8_f8_what_a_person_may_do_at_one_forge_says_nothing_of_another() {
    let scene = Scene::start().await;
    let Scene { here, there, hub, .. } = &scene;
    let account = Account::new(1, "ada");
    here.permits("acme/app", &account, "admin");
    scene.pushed("1", here).await;
    scene.pushed("2", there).await;
    let mut ada = signed_in(hub, "ada", PersonRole::Member).await;
    is_at_github(hub, "ada", &account).await;
    let token = ada.token().await;
    for (forge, goal_set) in [(here, "here"), (there, "there")] {
        let (_, written) = hub
            .post("/graphql/team/w", &hub.key, &Scene::goal(forge, goal_set))
            .await;
        assert!(is_written(&written), "{written}");
    }
    let approve = async |ada: &mut super::people::Browser<'_>, goal_set: &str| {
        let headers = [("sec-fetch-site", "same-origin"), ("x-sdm-anti-forgery", &*token)];
        let path = format!("/goals/w/{goal_set}/0-code/g/approve");
        ada.send(Method::POST, &path, &headers, "").await.status
    };
    assert_eq!(approve(&mut ada, "there").await, 404, "she sees nothing of it");
    assert_ne!(approve(&mut ada, "here").await, 404);
    let _machine = hub.machine(&offers()).await;
    let (status, _) = posts(&mut ada, &token, "/command", &asks("Look", APP, &[])).await;
    assert_eq!(status, 403, "it may be about that of either forge");
}

#[tokio::test]
async fn a8_a_second_forge_that_one_workspace_hears_of_changes_nothing_in_another() {
    let scene = Scene::start().await;
    let (here, there) = (host(&scene.here), host(&scene.there));
    let hub = &scene.hub;
    let key = async |name: &str, workspace: &str, repositories: &[&str]| {
        let wish = KeyWish {
            name: name.to_owned(),
            workspaces: vec![workspace.to_owned()],
            repositories: repositories.iter().map(ToString::to_string).collect(),
            ..wish(&[])
        };
        hub.administration()
            .new_key(&wish)
            .await
            .map(|(key, text)| (key.repositories, text))
    };
    let early = key("early", "other", &["acme/*"]).await.unwrap();
    scene.pushed("1", &scene.here).await;
    let mut push = push_of("app", 7);
    push["repository"]["html_url"] = json!(format!("{}/acme/app", scene.there.address));
    let body = push.to_string();
    let signature = super::machine::signature(&body);
    let (status, answer) = hub.signed_to("other", ("push", "2"), body, &signature).await;
    assert_eq!(status, 200, "{answer}");
    // Each workspace has heard of one forge, and what is for it alone is there without saying so.
    let (own, text) = key("late", "w", &["acme/app"]).await.unwrap();
    assert_eq!(own, [format!("repo:{here}/acme/app#7")]);
    assert_eq!(scene.seen(&text).await, [here.as_str()]);
    let (others, _) = key("theirs", "other", &["acme/*"]).await.unwrap();
    assert_eq!(others, [format!("repo:{there}/acme/*")]);
    let kept = hub.administration().keys().await.unwrap();
    let kept = kept.into_iter().find(|key| key.owner == "addon:early").unwrap();
    assert_eq!(
        (&*early.0, &*kept.repositories),
        (&["repo:acme/*".to_owned()][..], &others[..])
    );
    let give = async |to: &str| {
        let grant = Grant::new(
            Selector::parse("repo:acme/new").unwrap(),
            Right::Allow(Level::Read),
        );
        let given = hub
            .administration()
            .give(Principal::parse(to).unwrap(), grant, false)
            .await;
        given.map(|given| given.grant.grant.selector.to_string())
    };
    assert_eq!(give("addon:late").await.unwrap(), format!("repo:{here}/acme/new"));
    assert_eq!(
        give("addon:theirs").await.unwrap(),
        format!("repo:{there}/acme/new")
    );
    // What is for both says which.
    let both = KeyWish {
        name: "both".to_owned(),
        workspaces: vec!["w".to_owned(), "other".to_owned()],
        repositories: vec!["acme/new".to_owned()],
        ..wish(&[])
    };
    let refused = hub.administration().new_key(&both).await.unwrap_err().to_string();
    assert!(
        refused.contains("says no forge, and there are several"),
        "{refused}"
    );
}
