//! Extensions and the policy on pages: in a real browser with the keyboard alone and without script, and as programs meet them.

use sdm::hub::administration::Administration;
use sdm::ports::people::{Invited, PersonRole};
use serde_json::json;

use super::extensions::Pair;
use super::extensions::add_on::KEY;
use super::machine::{TestHub, quick};
use super::people::signed_in;
use crate::support::browser::Browser;

/// A hub with an add-on beside it, and a browser in which an administrator is signed in; none where there is no browser.
pub async fn administered() -> Option<(Pair, Browser)> {
    let mut browser = Browser::start().await?;
    let pair = Pair::start().await;
    let invited = Invited {
        name: "Ada".to_owned(),
        role: PersonRole::Admin,
    };
    let administration = Administration::of(pair.hub.memory());
    let made = administration
        .invite("ada", invited, &pair.url(""))
        .await
        .unwrap();
    browser.sign_in(&made.address).await;
    Some((pair, browser))
}

/// Goes to a button with the keyboard and presses it.
pub async fn press(browser: &mut Browser, label: &str) {
    let button = format!("it.tagName === 'BUTTON' && it.innerText.startsWith({label:?})");
    browser.tab_to(&button).await;
    browser.press("Enter").await;
    browser.loaded().await;
}

/// Goes to a field with the keyboard and types into it.
pub async fn fill(browser: &mut Browser, id: &str, text: &str) {
    browser.tab_to(&format!("it.id === {id:?}")).await;
    browser.type_text(text).await;
}

pub async fn says(browser: &mut Browser, text: &str) -> bool {
    let shown = browser.value("document.body.innerText").await;
    shown.as_str().unwrap().contains(text)
}

#[tokio::test]
async fn an_extension_is_registered_agreed_to_rotated_and_removed_with_the_keyboard_and_no_script() {
    let Some((pair, mut browser)) = administered().await else {
        return;
    };
    browser.allow_script(false).await;
    pair.add_on
        .describe(&json!({"scopes": ["WRITE", "ACT_AS_USER"], "name": "Tests <b>of</b> add-ons"}));
    browser.open(&pair.url("/add-ons")).await;
    fill(&mut browser, "descriptor", &pair.add_on.descriptor_url()).await;
    fill(&mut browser, "workspace", "w").await;
    press(&mut browser, "Read its descriptor").await;
    assert!(says(&mut browser, "Tests <b>of</b> add-ons").await, "as text");
    assert!(says(&mut browser, "was not handed over yet").await);
    assert!(
        pair.add_on.paths().is_empty(),
        "nothing goes out before anybody agreed"
    );
    browser.picture("extension-asks-1280-light").await;
    let ticked = "document.querySelector('#scope-act_as_user').checked";
    assert_eq!(
        browser.value(ticked).await,
        json!(false),
        "what is dangerous has a tick of its own"
    );
    fill(&mut browser, "places", "repo:acme/*").await;
    press(&mut browser, "Approve what is ticked").await;
    assert!(says(&mut browser, "was handed over").await);
    assert!(says(&mut browser, "read on repo:acme/*").await);
    pair.add_on.check_install(&pair.url("")).await;
    press(&mut browser, "Give it another secret").await;
    assert_eq!(pair.add_on.told("/app/installed").len(), 2);
    pair.add_on.refuse("/app/installed", 500, 1);
    press(&mut browser, "Give it another secret").await;
    assert!(says(&mut browser, "It is in trouble").await);
    pair.add_on
        .describe(&json!({"scopes": ["WRITE", "ACT_AS_USER", "ADMIN"]}));
    press(&mut browser, "Read its descriptor again").await;
    assert!(says(&mut browser, "asks for more").await);
    press(&mut browser, "Reject").await;
    assert!(!says(&mut browser, "asks for more").await);
    press(&mut browser, "Disable").await;
    assert_eq!(pair.add_on.told("/app/disabled").len(), 1);
    press(&mut browser, "Enable").await;
    press(&mut browser, "Uninstall").await;
    assert!(says(&mut browser, "uninstalled").await);
    assert_eq!(pair.add_on.told("/app/uninstalled").len(), 1);
    assert_eq!(browser.complaints(), [] as [&str; 0]);
}

#[tokio::test]
async fn a_policy_is_edited_with_the_keyboard_and_says_what_it_does_before_it_does_it() {
    let Some((pair, mut browser)) = administered().await else {
        return;
    };
    pair.add_on.describe(&json!({"scopes": ["WRITE"]}));
    pair.install("graph:read goals:write", &["*"]).await;
    browser.allow_script(false).await;
    browser.open(&pair.url("/policy")).await;
    browser.tab_to("it.id === 'text'").await;
    let text = browser.value("document.activeElement.value").await;
    let text = text.as_str().unwrap().to_owned();
    assert!(text.contains("on: \"*\""), "{text}");
    let less = text.replace("allow: write, on: \"*\"", "allow: write, on: \"repo:acme/*\"");
    let tested = format!(
        "{less}tests:\n  - name: \"production is safe\"\n    who: \"addon:{KEY}\"\n    on: [\"env:production\"]\n    cannot: [goal.update]\n"
    );
    let rewrite = async |browser: &mut Browser, text: &str| {
        browser.value("document.querySelector('#text').select()").await;
        browser.type_text(text).await;
    };
    rewrite(
        &mut browser,
        &tested.replace("cannot: [goal.update]", "can: [goal.update]"),
    )
    .await;
    press(&mut browser, "Show the effect").await;
    assert!(says(&mut browser, "It cannot be put in force").await);
    assert!(says(&mut browser, "production is safe").await);
    browser.tab_to("it.id === 'text'").await;
    rewrite(&mut browser, &tested).await;
    press(&mut browser, "Show the effect").await;
    assert!(says(&mut browser, "loses").await);
    assert!(says(&mut browser, "1 test passes").await);
    assert!(says(&mut browser, "+ tests:").await, "the lines that change");
    browser.picture("policy-effect-1280-light").await;
    let before = Administration::of(pair.hub.memory()).policy().await.unwrap();
    assert_eq!(before, text, "nothing has changed yet");
    press(&mut browser, "Put it in force").await;
    assert!(says(&mut browser, "The policy is in force.").await);
    let after = Administration::of(pair.hub.memory()).policy().await.unwrap();
    assert!(
        after.contains("production is safe") && !after.contains("on: \"*\""),
        "{after}"
    );
    assert_eq!(browser.complaints(), [] as [&str; 0]);
}

#[tokio::test]
async fn pages_of_rights_fit_every_width_in_light_and_dark_and_name_their_fields() {
    let Some((pair, mut browser)) = administered().await else {
        return;
    };
    pair.add_on
        .describe(&json!({"scopes": ["ADMIN", "ACT_AS_USER"], "name": "A name without an end ".repeat(20)}));
    pair.register().await;
    let one = format!("/add-ons/{KEY}");
    let places = [
        "/add-ons",
        one.as_str(),
        "/policy",
        "/audit",
        "/audit?who=ada&outcome=deny",
        "/you",
        "/people",
    ];
    for (width, is_dark) in [(390, false), (390, true), (1280, false), (1280, true)] {
        browser.size(width, 844, is_dark).await;
        for place in places {
            browser.open(&pair.url(place)).await;
            let tone = if is_dark { "dark" } else { "light" };
            let name = place.replace(['/', '?', '&', '='], "-");
            browser.picture(&format!("rights{name}-{width}-{tone}")).await;
            let wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
            assert_eq!(
                browser.value(wide).await,
                json!(0),
                "{place} is wider than {width}"
            );
            let unnamed = "[...document.querySelectorAll('input:not([type=hidden]), textarea, select')].filter((it) => !it.labels.length && !it.ariaLabel).length";
            assert_eq!(
                browser.value(unnamed).await,
                json!(0),
                "{place}: every field has a label"
            );
        }
    }
    assert_eq!(browser.complaints(), [] as [&str; 0]);
}

/// A field of a page.
fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let (_, rest) = page
        .split_once(&format!("name=\"{name}\" value=\""))
        .expect("a field");
    rest.split('"').next().unwrap()
}

#[tokio::test]
async fn what_others_change_while_somebody_edits_the_policy_is_not_written_over() {
    let hub = TestHub::start(quick()).await;
    let mut root = signed_in(&hub, "root", PersonRole::Admin).await;
    let page = root.get("/policy").await.text;
    let (base, token) = (hidden(&page, "base").to_owned(), root.token().await);
    let text = hub.administration().policy().await.unwrap();
    let edited = text.replace("allow: admin", "allow: write");
    let form = |sure: &str| {
        let mut url = reqwest::Url::parse("form:/").unwrap();
        url.query_pairs_mut()
            .append_pair("anti_forgery", &token)
            .append_pair("base", &base)
            .append_pair("text", &edited)
            .append_pair("sure", sure);
        url.query().unwrap().to_owned()
    };
    let effect = root.submit("/policy", &form("")).await;
    assert!(effect.text.contains("loses"), "{}", effect.text);
    let grants = hub.administration().grants().await.unwrap();
    hub.administration().take(&grants[0].id, false).await.unwrap();
    let late = root.submit("/policy", &form("yes")).await;
    assert!(
        late.text.contains("rights have changed since you began to edit"),
        "{}",
        late.text
    );
    assert!(
        hub.administration().grants().await.unwrap().is_empty(),
        "what was taken stays taken"
    );
    let mut eve = signed_in(&hub, "eve", PersonRole::Member).await;
    assert_eq!(eve.get("/policy").await.status, 403);
    let own = format!("anti_forgery={}&text=x&sure=yes", eve.token().await);
    assert_eq!(eve.submit("/policy", &own).await.status, 403);
    assert_eq!(eve.submit("/add-ons/test/rotate", &own).await.status, 403);
}
