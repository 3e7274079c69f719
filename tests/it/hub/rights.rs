//! Who may do what, as it is kept: the contract of both databases, and a hub that decides by it.

use std::time::Duration;

use sdm::hub::administration::KeyWish;

use sdm::model::Timestamp;
use sdm::ports::rights::{
    RightsChange, RightsStore, StoredAddon, StoredApproval, StoredConsent, StoredDeed, StoredGrant,
    StoredNote, StoredTerm, StoredTrust, StoredWish,
};
use sdm::store::hub::SqlHub;
use serde_json::{Value, json};

use super::machine::{TestHub, quick, wish};

fn at(second: u64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000).plus(Duration::from_secs(second))
}

fn addon() -> StoredAddon {
    StoredAddon {
        key: "build".to_owned(),
        kind: "sdm".to_owned(),
        state: "active".to_owned(),
        since: at(0),
        approval: Some(StoredApproval {
            by: "ada".to_owned(),
            at: at(0).as_micros(),
            scopes: vec!["events:read".to_owned()],
            digest: "d".to_owned(),
            addresses: String::new(),
            version: 1,
        }),
        wish: Some(StoredWish {
            scopes: vec!["repo:write".to_owned()],
            digest: "e".to_owned(),
            addresses: "https://example.org".to_owned(),
        }),
        rejected: vec!["f".to_owned()],
        held_until: Some(at(9)),
    }
}

fn grant(id: &str, selector: &str, given: Timestamp) -> StoredGrant {
    StoredGrant {
        id: id.to_owned(),
        principal: "addon:build".to_owned(),
        selector: selector.to_owned(),
        allows: "write".to_owned(),
        ends: None,
        given_by: "ada".to_owned(),
        given,
        note: "it's \"quoted\"".to_owned(),
    }
}

fn consent(person: Option<&str>) -> StoredConsent {
    StoredConsent {
        addon: "build".to_owned(),
        person: person.map(str::to_owned),
        given_by: "ada".to_owned(),
        given: at(1),
    }
}

fn trust() -> StoredTrust {
    StoredTrust {
        id: "t".to_owned(),
        issuer: "https://gitlab.example.org".to_owned(),
        audience: "https://hub.example.org".to_owned(),
        claims: [("project_id".to_owned(), "42".to_owned())].into(),
        addon: "build".to_owned(),
        scopes: vec!["goals:write".to_owned()],
        workspaces: vec!["w".to_owned()],
        given_by: "ada".to_owned(),
        given: at(2),
    }
}

fn term(word: &str) -> StoredTerm {
    StoredTerm {
        addon: "build".to_owned(),
        term: word.to_owned(),
        given_by: "ada".to_owned(),
        given: at(3),
    }
}

/// Part of the contract of a hub's memory.
pub async fn who_may_do_what_is_kept(hub: &SqlHub) {
    let empty = hub.rights().await.unwrap();
    let version = empty.version;
    let setting = |value: &str| RightsChange::Setting {
        name: "tests".to_owned(),
        value: value.to_owned(),
    };
    let all = [
        RightsChange::Addon(addon()),
        RightsChange::Grant(grant("g-2", "repo:acme/api#7", at(2))),
        RightsChange::Grant(grant("g-1", "*", at(1))),
        RightsChange::Consent(consent(None)),
        RightsChange::Consent(consent(Some("ada"))),
        RightsChange::Trust(trust()),
        RightsChange::Term(term("single_use")),
        RightsChange::Term(term("audience")),
        RightsChange::Term(term("audience")),
        setting("a"),
    ];
    let next = hub.change_rights(version, &all).await.unwrap();
    assert_eq!(next, Some(version + 1));
    assert_eq!(hub.rights_version().await.unwrap(), version + 1);
    let kept = hub.rights().await.unwrap();
    assert_eq!(kept.addons, [addon()]);
    let ids: Vec<&str> = kept.grants.iter().map(|grant| grant.id.as_str()).collect();
    assert_eq!(ids, ["g-1", "g-2"], "in the order in which they were given");
    assert_eq!(kept.grants[1], grant("g-2", "repo:acme/api#7", at(2)));
    assert_eq!(kept.consents, [consent(None), consent(Some("ada"))]);
    assert_eq!(kept.trusts, [trust()]);
    assert_eq!(kept.terms, [term("audience"), term("single_use")]);
    nobody_changes_what_they_have_not_seen(hub, version).await;
    let deed = StoredDeed {
        who: "person:ada".to_owned(),
        request: "r-1".to_owned(),
        ip: "2001:db8::1".to_owned(),
        user_agent: "a browser é".to_owned(),
        noted: Some(vec![StoredNote {
            by: "anonymous".to_owned(),
            operation: "addon.grant".to_owned(),
            resource: "repo:acme/api".to_owned(),
            said: "took addon:build: write on repo:acme/api".to_owned(),
        }]),
    };
    let fewer = [
        RightsChange::Addon(StoredAddon {
            approval: None,
            wish: None,
            held_until: None,
            ..addon()
        }),
        RightsChange::NoGrant("g-1".to_owned()),
        RightsChange::NoConsent {
            addon: "build".to_owned(),
            person: None,
        },
        RightsChange::NoTrust("t".to_owned()),
        RightsChange::NoTerm {
            addon: "build".to_owned(),
            term: "single_use".to_owned(),
        },
        setting(""),
        RightsChange::Deed(deed.clone()),
    ];
    hub.change_rights(version + 2, &fewer).await.unwrap().unwrap();
    let kept = hub.rights().await.unwrap();
    assert_eq!((kept.addons[0].approval.is_none(), kept.grants.len()), (true, 1));
    assert_eq!(
        (kept.consents, kept.trusts),
        (vec![consent(Some("ada"))], Vec::new())
    );
    assert_eq!(kept.terms, [term("audience")]);
    assert_eq!(kept.settings["tests"], "");
    assert_eq!(
        kept.deeds,
        [(version + 3, deed)].into(),
        "by whose request, where one was"
    );
}

async fn nobody_changes_what_they_have_not_seen(hub: &SqlHub, old: i64) {
    let other = RightsChange::NoGrant("g-2".to_owned());
    assert_eq!(
        hub.change_rights(old, std::slice::from_ref(&other))
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        hub.rights().await.unwrap().grants.len(),
        2,
        "nothing has happened"
    );
    let same = [RightsChange::Grant(grant("g-2", "repo:acme/api#7", at(2)))];
    let (one, two) = tokio::join!(
        hub.change_rights(old + 1, &same),
        hub.change_rights(old + 1, &same)
    );
    let made = [one.unwrap(), two.unwrap()];
    assert_eq!(made.iter().flatten().count(), 1, "of two at once one looks again");
}

/// A goal of a repository of `acme`.
fn goal(repository: &str, environment: &str) -> Value {
    json!({"query": format!(
        "mutation {{ ingestCustomSdmGoal(value: {{goalSetId: \"s\", environment: \"{environment}\", uniqueName: \"g\", sha: \"b\", \
         branch: \"main\", repo: {{owner: \"acme\", name: \"{repository}\", providerId: \"git.example.org:8080\"}}}}) }}"
    )})
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"]
        .as_str()
        .unwrap_or("written")
}

#[tokio::test]
async fn d36_a_key_reaches_the_repositories_and_places_that_were_chosen_for_it() {
    let hub = TestHub::start(quick()).await;
    // The hub knows the repository and its number.
    assert_eq!(
        hub.github("push", "1", &super::events::push("a", "b")).await.0,
        200
    );
    let limited = KeyWish {
        name: "limited".to_owned(),
        repositories: vec!["acme/app".to_owned()],
        places: vec!["env:1-staging".to_owned()],
        ..wish(&[])
    };
    let (stored, key) = hub.administration().new_key(&limited).await.unwrap();
    assert_eq!(stored.repositories, ["repo:git.example.org:8080/acme/app#7"]);
    let wrote = async |repository: &str, environment: &str| {
        let (_, answer) = hub
            .post("/graphql/team/w", &key, &goal(repository, environment))
            .await;
        code(&answer).to_owned()
    };
    assert_eq!(wrote("app", "0-code").await, "written");
    assert_eq!(wrote("app", "1-staging").await, "written");
    assert_eq!(wrote("app", "2-production").await, "insufficient_permission");
    assert_eq!(wrote("payroll", "0-code").await, "insufficient_permission");
    let question = json!({"query": "query { Repo { name } SdmGoal { uniqueName } }"});
    let (_, seen) = hub.post("/graphql/team/w", &key, &question).await;
    assert_eq!(seen["data"]["Repo"], json!([{"name": "app"}]));
    assert_eq!(seen["data"]["SdmGoal"].as_array().unwrap().len(), 2, "{seen}");
}

#[tokio::test]
async fn d07_a_key_that_agrees_to_nothing_may_do_nothing() {
    let hub = TestHub::start(quick()).await;
    let waits = KeyWish {
        name: "waits".to_owned(),
        waits: true,
        ..wish(&[])
    };
    let (_, key) = hub.administration().new_key(&waits).await.unwrap();
    let (_, answer) = hub.post("/graphql/team/w", &key, &goal("app", "0-code")).await;
    assert_eq!(code(&answer), "principal_uninstalled", "{answer}");
}
