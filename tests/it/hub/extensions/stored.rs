//! The part of the contract of stores that is about extensions and what they are handed.

use std::time::Duration;

use sdm::model::Timestamp;
use sdm::ports::hub::extensions::{ExtensionStore as _, StoredExtension, StoredInstallKey};
use sdm::ports::hub::handed::{HandedOut as _, KeptHandle, KeptToken};
use sdm::store::hub::SqlHub;

fn at(second: u64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000).plus(Duration::from_secs(second))
}

pub async fn extensions_are_kept_under_their_version(hub: &SqlHub) {
    let name = hub.identity("client_key", "hub-1").await.unwrap();
    assert_eq!(
        hub.identity("client_key", "hub-2").await.unwrap(),
        name,
        "made once"
    );
    let mut extension = StoredExtension {
        key: "e".to_owned(),
        workspaces: vec!["w".to_owned()],
        descriptor_url: "https://e.example/d".to_owned(),
        wished: "{}".to_owned(),
        client: "oauth-1".to_owned(),
        previous_until: Some(at(9)),
        wants_secret: true,
        attempts: 2,
        ..StoredExtension::default()
    };
    assert_eq!(hub.save_extension(&extension).await.unwrap(), Some(1));
    assert_eq!(
        hub.save_extension(&extension).await.unwrap(),
        None,
        "it is there already"
    );
    extension.version = 1;
    assert_eq!(hub.extension("e").await.unwrap().as_ref(), Some(&extension));
    extension.trouble = "it's late".to_owned();
    assert_eq!(hub.save_extension(&extension).await.unwrap(), Some(2));
    assert_eq!(
        hub.save_extension(&extension).await.unwrap(),
        None,
        "somebody else was faster"
    );
    extension.version = 2;
    assert_eq!(
        hub.extension_of_client("oauth-1").await.unwrap(),
        Some(extension.clone())
    );
    assert_eq!(hub.extensions().await.unwrap(), [extension]);
    assert_eq!(hub.extension("f").await.unwrap(), None);
}

pub async fn install_keys_stay_published_for_a_while(hub: &SqlHub) {
    let key = |id: &str, second| StoredInstallKey {
        id: id.to_owned(),
        pem: format!("pem {id}"),
        created: at(second),
        retired: None,
    };
    hub.add_install_key(&key("k1", 1)).await.unwrap();
    hub.add_install_key(&key("k1", 1)).await.unwrap_err();
    hub.add_install_key(&key("k2", 2)).await.unwrap();
    hub.retire_other_install_keys("k2", at(10)).await.unwrap();
    let kept = hub.install_keys().await.unwrap();
    assert_eq!((kept[0].retired, kept[1].retired), (Some(at(10)), None));
    assert!(hub.forget_install_keys(at(10)).await.unwrap().is_empty());
    assert_eq!(hub.forget_install_keys(at(11)).await.unwrap(), ["k1"]);
}

pub async fn what_was_handed_out_ends(hub: &SqlHub) {
    let token = |digest: &str, person: Option<&str>| KeptToken {
        digest: digest.to_owned(),
        id: format!("id-{digest}"),
        addon: "e".to_owned(),
        person: person.map(str::to_owned),
        trust: person.is_none().then(|| "trust".to_owned()),
        limits: "{}".to_owned(),
        given: at(0),
        ends: at(100),
        revoked: None,
    };
    hub.keep_token(&token("t1", None)).await.unwrap();
    hub.keep_token(&token("t2", Some("ada"))).await.unwrap();
    assert_eq!(hub.token("t1").await.unwrap(), Some(token("t1", None)));
    assert_eq!(hub.token("t2").await.unwrap(), Some(token("t2", Some("ada"))));
    assert_eq!(hub.token("t3").await.unwrap(), None);
    assert_eq!(hub.revoke_tokens("e", Some("ada"), at(5)).await.unwrap(), 1);
    assert_eq!(
        hub.revoke_tokens("e", None, at(6)).await.unwrap(),
        1,
        "the other was taken back before"
    );
    assert_eq!(hub.token("t1").await.unwrap().unwrap().revoked, Some(at(6)));
    let handle = KeptHandle {
        digest: "h1".to_owned(),
        addon: "e".to_owned(),
        person: "ada".to_owned(),
        invocation: "i".to_owned(),
        resources: vec!["repo:acme/app".to_owned()],
        given: at(0),
    };
    hub.keep_handle(&handle).await.unwrap();
    assert_eq!(hub.handle("h1").await.unwrap(), Some(handle));
    assert!(hub.use_once("m", at(50)).await.unwrap());
    assert!(!hub.use_once("m", at(60)).await.unwrap(), "f3: once");
    hub.forget_ended(at(51), at(0)).await.unwrap();
    assert!(
        hub.use_once("m", at(60)).await.unwrap(),
        "by then it has ended itself"
    );
    assert!(hub.token("t1").await.unwrap().is_some() && hub.handle("h1").await.unwrap().is_some());
    hub.forget_ended(at(101), at(1)).await.unwrap();
    assert!(hub.token("t1").await.unwrap().is_none() && hub.handle("h1").await.unwrap().is_none());
}
