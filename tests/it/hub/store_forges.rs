//! What says no forge is put at the first that its workspaces are told of (threat A8), on both databases.

use std::collections::BTreeMap;

use sdm::ports::graph::Node;
use sdm::ports::hub::handed::{HandedOut as _, KeptHandle};
use sdm::ports::hub::{Deliveries as _, HubGraph as _, Keys as _, StoredKey};
use sdm::ports::rights::{RightsChange, RightsStore as _, StoredGrant};
use sdm::ports::told_forges::{News, PinnedPlaces};
use sdm::store::hub::SqlHub;

use super::store::{at, delivery};

const GITHUB: &str = "github.com";
const OTHER: &str = "ghe.example.org:8443";

fn key(id: &str, workspaces: &[&str]) -> StoredKey {
    StoredKey {
        id: format!("forges-{id}"),
        digest: "d".to_owned(),
        owner: format!("addon:of-{id}"),
        workspaces: workspaces.iter().map(ToString::to_string).collect(),
        scopes: Vec::new(),
        repositories: vec!["repo:acme/app#7".to_owned(), "repo:acme/*".to_owned()],
        is_chosen: true,
        created: at(0),
        expires: at(100),
        revoked: None,
        last_used: None,
    }
}

fn grant(of: &str, allows: &str) -> RightsChange {
    RightsChange::Grant(StoredGrant {
        id: format!("forges-{of}-{allows}"),
        principal: format!("addon:of-{of}"),
        selector: "repo:acme/*".to_owned(),
        allows: allows.to_owned(),
        ends: None,
        given_by: "ada".to_owned(),
        given: at(9),
        note: String::new(),
    })
}

/// A workspace is told of a forge.
async fn told(hub: &SqlHub, workspace: &str, forge: &str) -> PinnedPlaces {
    let work = hub.begin(workspace).await.unwrap();
    let before = work.told_forges().await.unwrap();
    let provider = Node {
        kind: "SCMProvider".to_owned(),
        keys: vec![forge.to_owned()],
        ..Node::default()
    };
    work.put(&provider.into(), None, false).await.unwrap();
    let after = work.told_forges().await.unwrap();
    assert!(after.knows(workspace, forge), "what is not written yet is seen");
    let news = News {
        workspace: workspace.to_owned(),
        before,
        after,
    };
    let pinned = work.pin_places(&news).await.unwrap();
    work.commit().await.unwrap();
    pinned
}

/// Where something is, as it is kept.
async fn grants(hub: &SqlHub) -> BTreeMap<String, String> {
    let kept = hub.rights().await.unwrap().grants.into_iter();
    let own = kept.filter(|grant| grant.id.starts_with("forges-"));
    own.map(|grant| (grant.id, grant.selector)).collect()
}

async fn repositories(hub: &SqlHub, key: &str) -> Vec<String> {
    hub.key(&format!("forges-{key}"))
        .await
        .unwrap()
        .unwrap()
        .repositories
}

fn at_forge(forge: &str) -> [String; 2] {
    [format!("repo:{forge}/acme/app#7"), format!("repo:{forge}/acme/*")]
}

/// Part of the contract of a hub's memory.
pub async fn places_are_pinned(hub: &SqlHub) {
    for (id, workspaces) in [
        ("a", &["forges-a"][..]),
        ("b", &["forges-b"]),
        ("both", &["forges-a", "forges-b"]),
    ] {
        hub.add_key(&key(id, workspaces), &[]).await.unwrap();
    }
    let version = hub.rights_version().await.unwrap();
    let given = [grant("a", "write"), grant("a", "deny"), grant("b", "read")];
    hub.change_rights(version, &given).await.unwrap().unwrap();
    let mut waits = delivery("forges-d", "forges-r");
    waits.workspace = "forges-a".to_owned();
    waits.resource = "repo:acme/app".to_owned();
    hub.enqueue(&waits).await.unwrap();
    let handle = KeptHandle {
        digest: "forges-h".to_owned(),
        addon: "of-a".to_owned(),
        person: "ada".to_owned(),
        invocation: "i".to_owned(),
        resources: vec!["repo:acme/app".to_owned(), "env:production".to_owned()],
        given: at(0),
    };
    hub.keep_handle(&handle).await.unwrap();

    let pinned = told(hub, "forges-a", GITHUB).await;
    assert_eq!(repositories(hub, "a").await, at_forge(GITHUB));
    assert_eq!(
        repositories(hub, "both").await,
        at_forge(GITHUB),
        "one of its workspaces has heard"
    );
    assert_eq!(
        repositories(hub, "b").await,
        ["repo:acme/app#7", "repo:acme/*"],
        "its own has not"
    );
    assert_eq!(
        pinned.keys.keys().collect::<Vec<_>>(),
        ["forges-a", "forges-both"]
    );
    let kept = grants(hub).await;
    assert_eq!(kept["forges-a-write"], format!("repo:{GITHUB}/acme/*"));
    assert_eq!(pinned.grants["forges-a-write"], kept["forges-a-write"]);
    assert_eq!(kept["forges-a-deny"], "repo:acme/*", "a denial is for all forges");
    assert_eq!(kept["forges-b-read"], "repo:acme/*");
    assert_eq!(
        hub.handle("forges-h").await.unwrap().unwrap().resources,
        [format!("repo:{GITHUB}/acme/app"), "env:production".to_owned()]
    );
    let taken = hub.claim("forges-r", "s", 9, at(1), at(60)).await.unwrap();
    assert_eq!(taken[0].what.resource, format!("repo:{GITHUB}/acme/app"));

    let pinned = told(hub, "forges-b", OTHER).await;
    assert_eq!(
        repositories(hub, "b").await,
        at_forge(OTHER),
        "the first of its own"
    );
    assert_eq!(grants(hub).await["forges-b-read"], format!("repo:{OTHER}/acme/*"));
    assert_eq!(pinned.keys.keys().collect::<Vec<_>>(), ["forges-b"]);
    assert_eq!(repositories(hub, "a").await, at_forge(GITHUB));
    assert!(
        hub.rights_version().await.unwrap() > version + 2,
        "whoever looks at rights reads them again"
    );
}

/// What a dead command holds that is not to be shown again goes, and it is delivered no more.
pub async fn dead_commands_are_looked_at(hub: &SqlHub) {
    use sdm::ports::hub::{DeliveryKind, QueueLimits, Revived};
    const ONCE: QueueLimits = QueueLimits {
        waiting: 10,
        attempts: 1,
    };
    for id in ["dead-whole", "dead-blank"] {
        let mut command = delivery(id, "dead-r");
        (command.kind, command.payload) = (DeliveryKind::Command, "{\"code\":4711}".to_owned());
        hub.enqueue(&command).await.unwrap();
    }
    let unlooked = async || {
        let dead = hub.dead_unlooked_at(999).await.unwrap();
        dead.iter()
            .filter(|dead| dead.what.registration == "dead-r")
            .count()
    };
    assert_eq!(unlooked().await, 0, "they wait");
    hub.claim("dead-r", "dead-s", 9, at(1), at(60)).await.unwrap();
    hub.release("dead-s", at(1), ONCE).await.unwrap();
    assert_eq!(unlooked().await, 2);
    hub.looked_at_dead("dead-whole", None).await.unwrap();
    hub.looked_at_dead("dead-blank", Some("{\"code\":null}"))
        .await
        .unwrap();
    assert_eq!(unlooked().await, 0);
    let dead = hub.dead("w", 99).await.unwrap();
    let of = |id: &str| dead.iter().find(|dead| dead.what.id == id).unwrap();
    assert!(of("dead-blank").is_blank && !of("dead-blank").what.payload.contains("4711"));
    assert!(!of("dead-whole").is_blank && of("dead-whole").what.payload.contains("4711"));
    let revive = async |id: &str| hub.revive(id, Some("w"), (at(1), at(60)), &[]).await.unwrap();
    assert_eq!(revive("dead-blank").await, Revived::Blank);
    assert_eq!(revive("dead-whole").await, Revived::Waits);
}
