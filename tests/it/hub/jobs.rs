//! Jobs of other systems: a token of their issuer for one of the hub, for what an administrator trusts and nothing else
//! (security model 10.6).

use std::collections::BTreeMap;

use sdm::access::federation::TrustedIssuer;
use sdm::access::{AddonKey, Limit, ScopeSet};
use sdm::hub::access::held::HeldTrust;
use sdm::hub::administration::{Administration, AdministrationError, KeyWish};
use sdm::hub::{HubOptions, RunningHub, start};
use sdm::store::hub::Place;
use serde_json::{Value, json};

use super::extensions::extension_options;
use super::machine::{TestHub, quick, registration, wish};
use crate::support::fake_provider::FakeProvider;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const AUDIENCE: &str = "https://hub.example.org";

/// A hub that reaches this computer, an add-on `build` with everything, and an issuer of jobs.
struct Scene {
    hub: TestHub,
    issuer: FakeProvider,
    directory: crate::support::remains::Remains,
}

async fn run(directory: &std::path::Path) -> RunningHub {
    let place = Place::File(directory.join("hub.db"));
    let mut options = HubOptions::new(place, "127.0.0.1:0".parse().unwrap());
    options.rhythm = quick();
    options.audit = Some(directory.join("audit.jsonl"));
    options.extensions = extension_options(std::time::Duration::ZERO);
    start(options).await.unwrap()
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let texts = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    texts.collect()
}

impl Scene {
    async fn start() -> Self {
        let directory = crate::support::remains::directory();
        let hub = run(directory.path()).await;
        let own = KeyWish {
            name: "build".to_owned(),
            ..wish(&["graph:read", "goals:write", "events:read"])
        };
        let (_, key) = Administration::of(hub.memory()).new_key(&own).await.unwrap();
        Self {
            hub: TestHub::of(hub, key),
            issuer: FakeProvider::start().await,
            directory,
        }
    }

    fn trusted(&self, scopes: &str, claims: &[(&str, &str)]) -> TrustedIssuer {
        TrustedIssuer {
            issuer: self.issuer.address.clone(),
            audience: AUDIENCE.to_owned(),
            claims: map(claims),
            addon: AddonKey::parse("build").unwrap(),
            limit: Limit {
                scopes: Some(ScopeSet::parse(scopes.split_whitespace()).unwrap()),
                ..Limit::default()
            },
        }
    }

    async fn trust(&self, issuer: TrustedIssuer) -> Result<HeldTrust, AdministrationError> {
        let administration = self.hub.administration();
        administration.trust(issuer, vec!["w".to_owned()]).await
    }

    /// Trusts the protected main branch of project 42.
    async fn trust_main(&self) -> HeldTrust {
        let claims = [
            ("project_id", "42"),
            ("ref", "refs/heads/main"),
            ("ref_protected", "true"),
        ];
        self.trust(self.trusted("graph:read", &claims)).await.unwrap()
    }

    /// A token of a job of that branch, with other claims besides.
    fn job(&self, more: &Value) -> String {
        let mut claims = json!({
            "aud": AUDIENCE, "sub": "project_path:acme/app", "project_id": "42", "ref": "refs/heads/main", "ref_protected": "true",
        });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.issuer.job(&claims)
    }

    async fn exchange_at(&self, hub: &TestHub, token: &str, more: &[(&str, &str)]) -> (u16, Value) {
        let fields = [
            ("grant_type", GRANT),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
            ("subject_token", token),
        ];
        let fields = [&fields, more].concat();
        let mut form = reqwest::Url::parse("form:/").unwrap();
        form.query_pairs_mut().extend_pairs(&fields);
        let request = hub.http.post(hub.url("/auth/oauth2/token"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request
            .body(form.query().unwrap().to_owned())
            .send()
            .await
            .unwrap();
        let status = answer.status().as_u16();
        let answer = answer.bytes().await.unwrap();
        (status, serde_json::from_slice(&answer).unwrap_or_default())
    }

    async fn exchange(&self, token: &str, more: &[(&str, &str)]) -> (u16, Value) {
        self.exchange_at(&self.hub, token, more).await
    }

    /// Why a token gives nothing.
    async fn refused(&self, token: &str) -> String {
        let (status, answer) = self.exchange(token, &[]).await;
        assert_eq!(status, 400, "{answer}");
        format!(
            "{}: {}",
            answer["error"].as_str().unwrap(),
            answer["error_description"].as_str().unwrap()
        )
    }

    /// The code of what a token is answered that asks the graph.
    async fn asks(&self, workspace: &str, token: &Value) -> String {
        let path = format!("/graphql/team/{workspace}");
        let query = json!({"query": "{ Repo { name } }"});
        let (status, answer) = self.hub.post(&path, token.as_str().unwrap(), &query).await;
        let code = answer["error"]["code"].as_str().unwrap_or("answered");
        format!("{status} {code}")
    }

    fn audit(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("audit.jsonl")).unwrap()
    }
}

#[tokio::test]
async fn a_job_gets_a_token_for_what_its_add_on_may_and_it_is_trusted_with() {
    let scene = Scene::start().await;
    let trust = scene.trust_main().await;
    let job = scene.job(&json!({}));
    let (status, given) = scene.exchange(&job, &[("scope", "graph:read goals:write")]).await;
    assert_eq!(
        (status, &given["error"]),
        (400, &json!("invalid_scope")),
        "the trust limits it: {given}"
    );
    let (status, given) = scene.exchange(&job, &[]).await;
    assert_eq!(status, 200, "{given}");
    assert_eq!(
        (&given["scope"], &given["token_type"], &given["issued_token_type"]),
        (
            &json!("graph:read"),
            &json!("Bearer"),
            &json!("urn:ietf:params:oauth:token-type:access_token")
        )
    );
    let seconds = given["expires_in"].as_u64().unwrap();
    assert!(
        (500..=600).contains(&seconds),
        "as long as the job's token lives: {seconds}"
    );
    let token = &given["access_token"];
    assert_eq!(scene.asks("w", token).await, "200 answered");
    assert_eq!(scene.asks("other", token).await, "403 insufficient_permission");
    assert!(scene.refused(&job).await.contains("does not hold"), "f3: once");
    let audit = scene.audit();
    for said in [
        "\"token.exchange\"",
        "project_path:acme/app",
        &trust.id,
        "addon:build",
    ] {
        assert!(audit.contains(said), "{said}: {audit}");
    }
    assert!(!audit.contains(token.as_str().unwrap()) && !audit.contains(&job));
    scene.hub.administration().distrust(&trust.id).await.unwrap();
    assert_eq!(
        scene.asks("w", token).await,
        "401 credential_revoked",
        "it ends with its trust"
    );
    assert!(
        scene
            .refused(&scene.job(&json!({"jti": "2"})))
            .await
            .contains("does not hold")
    );
}

#[tokio::test]
async fn no_machine_registers_with_what_ends_with_a_job() {
    let scene = Scene::start().await;
    let claims = [("project_id", "42"), ("ref", "refs/heads/main")];
    scene
        .trust(scene.trusted("graph:read events:read", &claims))
        .await
        .unwrap();
    let (status, given) = scene.exchange(&scene.job(&json!({})), &[]).await;
    assert_eq!(status, 200, "{given}");
    let token = given["access_token"].as_str().unwrap();
    let (status, answer) = scene
        .hub
        .post("/registration", token, &registration("m", "1.0.0", "ephemeral"))
        .await;
    let error = &answer["error"];
    assert_eq!(
        (status, &error["code"], &error["operation"]),
        (403, &json!("insufficient_permission"), &json!("events.subscribe")),
        "{answer}"
    );
    assert!(error["message"].as_str().unwrap().contains("register with a key"));
    assert!(
        scene
            .hub
            .administration()
            .registrations()
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_job_that_lives_long_has_an_hour() {
    let scene = Scene::start().await;
    scene.trust_main().await;
    let now = sdm::runtime::clock::Clock::now(&sdm::runtime::clock::SystemClock).as_micros() / 1_000_000;
    let (status, given) = scene.exchange(&scene.job(&json!({"exp": now + 7200})), &[]).await;
    let seconds = given["expires_in"].as_u64().unwrap();
    assert!(status == 200 && (3590..=3600).contains(&seconds), "{given}");
}

#[tokio::test]
async fn what_is_not_trusted_is_nobody_and_is_told_why() {
    let scene = Scene::start().await;
    assert_eq!(
        scene.refused(&scene.job(&json!({}))).await,
        "invalid_grant: the job's token does not hold",
        "nobody trusts its issuer"
    );
    assert_eq!(scene.issuer.asked(), 0, "and nobody asks it");
    scene.trust_main().await;
    for (claim, value) in [
        ("project_id", json!("43")),
        ("ref", json!("refs/heads/topic")),
        ("ref_protected", json!("false")),
        ("ref_protected", json!(null)),
        ("aud", json!("https://other.example.org")),
        ("aud", json!([AUDIENCE, "https://other.example.org"])),
    ] {
        let token = scene.job(&json!({ claim: value }));
        assert_eq!(
            scene.refused(&token).await,
            "invalid_grant: nothing that is trusted here fits to this job",
            "{claim} {value}"
        );
    }
    for (claim, value) in [
        ("exp", json!(1)),
        ("exp", json!("soon")),
        ("iat", json!(9_999_999_999_i64)),
    ] {
        let token = scene.job(&json!({ claim: value }));
        let refused = scene.refused(&token).await;
        assert!(refused.contains("does not hold"), "{claim} {value}: {refused}");
    }
    let good = scene.job(&json!({}));
    let (message, _) = good.rsplit_once('.').unwrap();
    for wrong in [
        format!("{message}.{}", "A".repeat(86)),
        format!("{message}."),
        format!("{message}.x.y"),
        "x".repeat(9000),
        String::new(),
    ] {
        assert!(
            scene.refused(&wrong).await.contains("does not hold"),
            "{wrong:.40}"
        );
    }
    assert_eq!(
        scene.exchange(&good, &[]).await.0,
        200,
        "what was refused used nothing up"
    );
    let other = scene.trusted("graph:read", &[("project_id", "42"), ("ref", "refs/heads/*")]);
    scene.trust(other).await.unwrap();
    let both = scene.refused(&scene.job(&json!({"jti": "7"}))).await;
    assert!(both.contains("more than one trust"), "{both}");
}

#[tokio::test]
async fn an_issuer_changes_its_keys_and_is_asked_no_more_than_it_must() {
    let scene = Scene::start().await;
    scene.trust_main().await;
    let job = |number: u32| scene.job(&json!({ "jti": number.to_string() }));
    let tokens: Vec<String> = (0..8).map(job).collect();
    let all = tokens
        .iter()
        .map(async |token| scene.exchange(token, &[]).await.0);
    assert_eq!(futures_util::future::join_all(all).await, [200; 8]);
    assert_eq!(scene.issuer.asked(), 1, "whoever comes at once shares the answer");
    let rotated = Scene::start().await;
    rotated.trust_main().await;
    rotated.issuer.signs_by("rsa", true, true);
    assert_eq!(
        rotated.exchange(&rotated.job(&json!({})), &[]).await.0,
        200,
        "RS256 as well"
    );
    rotated.issuer.signs_by("next", false, true);
    for number in 0..3 {
        let token = rotated.job(&json!({ "jti": number }));
        assert!(rotated.refused(&token).await.contains("does not hold"));
    }
    assert_eq!(
        rotated.issuer.asked(),
        1,
        "an unknown key is looked for again, but not at once"
    );
    let silent = Scene::start().await;
    silent.trust_main().await;
    silent.issuer.is_silent(true);
    let (status, answer) = silent.exchange(&silent.job(&json!({})), &[]).await;
    assert_eq!(status, 503, "{answer}");
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .contains("cannot be asked now"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_token_of_a_job_ends_with_its_add_on_and_outlives_a_restart() {
    let scene = Scene::start().await;
    scene.trust_main().await;
    let (_, given) = scene.exchange(&scene.job(&json!({})), &[]).await;
    let token = given["access_token"].clone();
    let Scene {
        hub,
        issuer,
        directory,
    } = scene;
    let key = hub.key.clone();
    assert!(hub.hub.stop().await);
    let hub = TestHub::of(run(directory.path()).await, key);
    let scene = Scene {
        hub,
        issuer,
        directory,
    };
    assert_eq!(scene.asks("w", &token).await, "200 answered");
    let build = AddonKey::parse("build").unwrap();
    let answer = sdm::hub::addons::answers::Answer::Disable;
    scene
        .hub
        .administration()
        .answer_addon(&build, &answer)
        .await
        .unwrap();
    assert_eq!(
        scene.asks("w", &token).await,
        "401 credential_revoked",
        "it ended, and does not come back with its add-on"
    );
    assert_eq!(
        scene.refused(&scene.job(&json!({"jti": "2"}))).await,
        "invalid_grant: the add-on that this job is, is not at work"
    );
    let answer = sdm::hub::addons::answers::Answer::Uninstall;
    scene
        .hub
        .administration()
        .answer_addon(&build, &answer)
        .await
        .unwrap();
    let rights = scene.hub.administration().rights().await.unwrap();
    assert!(
        rights.trusts.is_empty(),
        "nothing stays behind for another of its name"
    );
}

#[tokio::test]
async fn trust_that_would_let_in_strangers_or_gives_nothing_is_refused() {
    let scene = Scene::start().await;
    let refused = async |issuer: TrustedIssuer| scene.trust(issuer).await.unwrap_err().to_string();
    let claims = [("project_id", "42"), ("ref", "main")];
    let names = scene.trusted("graph:read", &[("project_path", "acme/app"), ("ref", "main")]);
    assert!(refused(names).await.contains("holds an id of yours"));
    let anywhere = scene.trusted("graph:read", &[("project_id", "42")]);
    assert!(refused(anywhere).await.contains("jobs of forks"));
    assert!(
        refused(scene.trusted("", &claims))
            .await
            .contains("what its jobs may do")
    );
    let nobody = TrustedIssuer {
        addon: AddonKey::parse("nobody").unwrap(),
        ..scene.trusted("graph:read", &claims)
    };
    assert!(refused(nobody).await.contains("no add-on `nobody`"));
    let policy = scene.hub.administration().policy().await.unwrap();
    assert!(!policy.contains("trust:"), "{policy}");
    scene.trust_main().await;
    let policy = scene.hub.administration().policy().await.unwrap();
    let applied = scene
        .hub
        .administration()
        .apply_policy(policy.as_bytes(), true)
        .await;
    assert_eq!(
        applied.unwrap().besides,
        Vec::<String>::new(),
        "as it was: {policy}"
    );
    let without = policy.split("trust:").next().unwrap();
    let applied = scene
        .hub
        .administration()
        .apply_policy(without.as_bytes(), false)
        .await;
    let besides = applied.unwrap().besides;
    assert!(besides[0].starts_with("trusts no more:"), "{besides:?}");
    assert!(
        scene
            .refused(&scene.job(&json!({})))
            .await
            .contains("does not hold")
    );
}
