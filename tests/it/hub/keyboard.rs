//! Pages of administrators and of people in a real browser with the keyboard alone and without script: grants with their effect, keys,
//! sessions and who acts for somebody, people, and the audit log.

use sdm::hub::administration::Administration;
use sdm::ports::people::PersonRole;
use serde_json::json;

use super::extensions::add_on::KEY;
use super::machine::wish;
use super::people::has_come_in;
use super::rights_pages::{administered, fill, press, says};
use crate::support::browser::Browser;

/// Goes to a list with the keyboard and chooses in it by its arrows.
async fn choose(browser: &mut Browser, id: &str, value: &str) {
    browser.tab_to(&format!("it.id === {id:?}")).await;
    for _ in 0..10 {
        if browser.value("document.activeElement.value").await == json!(value) {
            return;
        }
        browser.press("ArrowDown").await;
    }
    panic!("no arrow leads to {value} in {id}");
}

async fn count(browser: &mut Browser, selector: &str) -> u64 {
    let found = format!("document.querySelectorAll({selector:?}).length");
    browser.value(&found).await.as_u64().unwrap()
}

#[tokio::test]
async fn a_grant_is_given_and_taken_with_the_keyboard_and_shows_its_effect_first() {
    let Some((pair, mut browser)) = administered().await else {
        return;
    };
    pair.add_on.describe(&json!({"scopes": ["WRITE"]}));
    pair.install("graph:read goals:write", &["repo:acme/*"]).await;
    browser.allow_script(false).await;
    browser.open(&pair.url(&format!("/add-ons/{KEY}"))).await;
    fill(&mut browser, "selector", "env:production").await;
    choose(&mut browser, "right", "write").await;
    fill(&mut browser, "note", "for the release").await;
    press(&mut browser, "Show the effect").await;
    assert!(says(&mut browser, "gains").await);
    let grants = async || {
        let all = Administration::of(pair.hub.memory()).grants().await.unwrap();
        let on = |text: &str| all.iter().any(|grant| grant.grant.selector.to_string() == text);
        on("env:production")
    };
    assert!(!grants().await, "nothing has changed yet");
    press(&mut browser, "Do it").await;
    assert!(says(&mut browser, "for the release").await && grants().await);
    let button = "it.tagName === 'BUTTON' && it.innerText.includes('env:production')";
    browser.tab_to(button).await;
    browser.press("Enter").await;
    browser.loaded().await;
    assert!(says(&mut browser, "loses").await && grants().await);
    press(&mut browser, "Do it").await;
    assert!(!grants().await);
    assert_eq!(browser.complaints(), [] as [&str; 0]);
}

#[tokio::test]
async fn a_key_is_made_and_revoked_with_the_keyboard() {
    let Some((pair, mut browser)) = administered().await else {
        return;
    };
    // A key of one's own is for a workspace that is there.
    let administration = Administration::of(pair.hub.memory());
    administration.new_key(&wish(&[])).await.unwrap();
    browser.allow_script(false).await;
    browser.open(&pair.url("/keys")).await;
    assert_eq!(
        count(&mut browser, "#scope-deployments-write").await,
        0,
        "what is not available yet is not offered"
    );
    browser.tab_to("it.id === 'scope-goals-read'").await;
    browser.press(" ").await;
    fill(&mut browser, "workspace", "w").await;
    press(&mut browser, "Make the key").await;
    assert!(says(&mut browser, "is shown only now").await);
    let keys = async || Administration::of(pair.hub.memory()).keys().await.unwrap();
    let made = keys().await;
    let own = made.iter().find(|key| key.owner == "person:ada").unwrap();
    assert!(
        own.scopes.iter().any(|scope| scope == "goals:read") && own.workspaces == ["w"],
        "{own:?}"
    );
    press(&mut browser, "Revoke").await;
    assert!(says(&mut browser, "revoked").await);
    assert!(
        keys()
            .await
            .iter()
            .all(|key| key.owner != "person:ada" || key.revoked.is_some())
    );
    assert_eq!(browser.complaints(), [] as [&str; 0]);
}

#[tokio::test]
async fn sessions_are_ended_and_who_acts_for_somebody_is_agreed_to_with_the_keyboard() {
    let Some((pair, mut browser)) = administered().await else {
        return;
    };
    pair.add_on.describe(&json!({"scopes": ["READ", "ACT_AS_USER"]}));
    pair.install("graph:read act_as_user", &["*"]).await;
    let administration = Administration::of(pair.hub.memory());
    let again = administration.link_for("ada", &pair.url("")).await.unwrap();
    // As another browser: who signs in again in the same one is signed in once.
    browser.forget_cookies().await;
    browser.sign_in(&again.address).await;
    browser.allow_script(false).await;
    browser.open(&pair.url("/you")).await;
    let sessions = "#sessions + ul li";
    let before = count(&mut browser, sessions).await;
    press(&mut browser, "End").await;
    browser.open(&pair.url("/you")).await;
    assert_eq!(count(&mut browser, sessions).await, before - 1);
    assert!(says(&mut browser, "you have not agreed").await);
    press(&mut browser, "Agree").await;
    assert!(says(&mut browser, "you agreed").await);
    press(&mut browser, "Take back").await;
    assert!(says(&mut browser, "you have not agreed").await);
    assert_eq!(browser.complaints(), [] as [&str; 0]);
}

#[tokio::test]
async fn people_are_invited_made_administrators_and_suspended_with_the_keyboard() {
    let Some((pair, mut browser)) = administered().await else {
        return;
    };
    has_come_in(pair.hub.memory(), "eve", PersonRole::Member).await;
    browser.allow_script(false).await;
    browser.open(&pair.url("/people")).await;
    fill(&mut browser, "id", "bob").await;
    fill(&mut browser, "name", "Bob").await;
    press(&mut browser, "Make a link").await;
    assert!(says(&mut browser, "is shown only now").await);
    press(&mut browser, "Take back").await;
    assert_eq!(count(&mut browser, "#invited").await, 0);
    choose(&mut browser, "role-eve", "admin").await;
    // The button of the same row is the next step.
    browser.press("Tab").await;
    let named = "document.activeElement.textContent";
    let label = browser.value(named).await;
    assert!(
        label.as_str().unwrap().starts_with("Change role of "),
        "whose role it is, is said: {label}"
    );
    browser.press("Enter").await;
    browser.loaded().await;
    let of = async |id: &str| {
        let person = sdm::ports::people::People::person(pair.hub.memory(), id).await;
        person.unwrap().unwrap()
    };
    assert_eq!(of("eve").await.role, PersonRole::Admin);
    browser.tab_to("it.id === 'role-eve'").await;
    browser.tab_to("it.innerText.startsWith('Suspend')").await;
    browser.press("Enter").await;
    browser.loaded().await;
    assert!(says(&mut browser, "suspended").await);
    assert_eq!(of("eve").await.state, sdm::ports::people::PersonState::Suspended);
    assert_eq!(browser.complaints(), [] as [&str; 0]);
}

#[tokio::test]
async fn the_audit_log_is_searched_with_the_keyboard() {
    let Some((pair, mut browser)) = administered().await else {
        return;
    };
    browser.allow_script(false).await;
    browser.open(&pair.url("/audit")).await;
    choose(&mut browser, "outcome", "allow").await;
    press(&mut browser, "Show").await;
    assert!(count(&mut browser, ".entries tbody tr").await > 0);
    assert_eq!(count(&mut browser, ".entries tbody .state.bad").await, 0);
    // What stands in a field is selected by the step into it.
    fill(&mut browser, "who", "nobody-of-this-name").await;
    press(&mut browser, "Show").await;
    assert!(says(&mut browser, "Nothing in this part of the log.").await);
    browser.tab_to("it.id === 'who'").await;
    let kept = browser.value("document.activeElement.value").await;
    assert_eq!(
        kept,
        json!("nobody-of-this-name"),
        "the search says what it was for"
    );
    assert_eq!(browser.complaints(), [] as [&str; 0]);
}
