//! An extension names a person by who they are in its chat; a name that nobody has proven is nobody's.

use std::time::Duration;

use sdm::access::handed::digest_of;
use sdm::model::Timestamp;
use sdm::ports::chats::{ChatCode, Chats as _};
use sdm::ports::people::{Invited, PersonRole};
use serde_json::json;

use super::Pair;
use super::add_on::{KEY, seconds};
use super::tokens::{ask, assertion, consent, exchange};

#[tokio::test]
async fn h5_d38_whoever_is_linked_in_a_chat_is_acted_for_as_the_person_and_no_bare_name_is() {
    let pair = Pair::start().await;
    pair.install("events:read graph:read act_as_user", &["*"]).await;
    let administration = sdm::hub::administration::Administration::of(pair.hub.memory());
    let invited = Invited {
        name: "Ada".to_owned(),
        role: PersonRole::Member,
    };
    let link = administration
        .invite("ada", invited, &pair.url(""))
        .await
        .unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let come_in = http.post(&link.address).header("sec-fetch-site", "same-origin");
    come_in.send().await.unwrap();
    consent(&pair, Some("ada")).await;
    let path = "/oauth2/token";
    let number = std::cell::Cell::new(60);
    let asked = async |person: &str| {
        number.set(number.get() - 1);
        let text = assertion(&pair, path, Some(person), |claims| {
            claims["exp"] = json!(seconds() + number.get());
        });
        exchange(&pair, path, &text, &[]).await
    };
    assert_eq!(asked("chat:T1:U1").await.0, 400, "nobody has said who that is");
    let now = Timestamp::from_micros(seconds() * 1_000_000);
    let code = ChatCode {
        digest: digest_of("the-code"),
        person: "ada".to_owned(),
        expires: now.plus(Duration::from_secs(600)),
    };
    assert!(pair.hub.memory().add_chat_code(&code, 5, now).await.unwrap());
    let target = "/chat/identities";
    let token = pair.add_on.token(&pair.add_on.secret(), "POST", target);
    let said = json!({"code": "the-code", "team": "T1", "user": "U1", "name": "root"});
    let linked = pair
        .add_on
        .call(&pair.url(target), &format!("JWT {token}"), &[], Some(&said))
        .await;
    assert_eq!(linked.0, 200, "{}", linked.1);
    let (status, given) = asked("chat:T1:U1").await;
    assert_eq!(status, 200, "{given}");
    let text = given["access_token"].as_str().unwrap();
    assert_eq!(ask(&pair, text, &[], "{ Repo { name } }").await.0, 200);
    assert_eq!(asked("chat:T2:U1").await.0, 400, "of another chat");
    assert_eq!(
        asked("root").await.0,
        400,
        "what they are called there is no name here"
    );
    pair.operator.take_consent_back(KEY, Some("ada")).await.unwrap();
    assert_eq!(asked("chat:T1:U1").await.0, 400, "to be linked is not to agree");
}
