//! The hub's pages in a real browser: people sign in, see pushes as they come, decide with the keyboard alone, on a telephone
//! and at a desk, with script and without.

use sdm::ports::people::{Invited, PersonRole};
use serde_json::json;

use super::commands::{answer, asked, offers, person};
use super::events::push;
use super::machine::{TestHub, quick};
use crate::support::browser::Browser;

/// A hub and a browser in which an administrator is signed in; none where there is no browser.
async fn signed_in() -> Option<(TestHub, Browser)> {
    let mut browser = Browser::start().await?;
    let hub = TestHub::start(quick()).await;
    let invited = Invited {
        name: "Ada <b>Lovelace</b>".to_owned(),
        role: PersonRole::Admin,
    };
    let made = hub
        .administration()
        .invite("ada", invited, &hub.url(""))
        .await
        .unwrap();
    browser.sign_in(&made.address).await;
    Some((hub, browser))
}

async fn goal(hub: &TestHub, version: i64, state: &str) {
    let goal = json!({
        "goalSetId": "set-1", "goalSet": "npm", "environment": "0-code", "uniqueName": "publish", "name": "publish",
        "state": state, "description": "Approval required", "version": version, "ts": 1_800_000_000_000_i64 + version, "attempt": 1,
        "sha": "b".repeat(40), "branch": "main", "registration": "m", "data": null, "approvalRequired": true,
        "repo": {"owner": "acme", "name": "app", "providerId": "git.example.org:8080"},
    });
    let mutation = "mutation G($v: CustomSdmGoalInput!) { ingestCustomSdmGoal(value: $v) }";
    let answer = hub.ask(mutation, json!({ "v": goal })).await;
    assert!(answer.get("errors").is_none(), "{answer}");
}

#[tokio::test]
async fn a_push_is_seen_while_it_comes_and_nothing_is_complained_about() {
    let Some((hub, mut browser)) = signed_in().await else {
        return;
    };
    assert_eq!(hub.github("push", "1", &push("a", "b")).await.0, 200);
    browser.open(&hub.url("/workspaces/w/activity")).await;
    browser
        .until("document.documentElement.classList.contains('live')")
        .await;
    browser
        .until("document.querySelectorAll('article').length === 1")
        .await;
    // Whoever has opened something keeps it open when the page changes beneath.
    browser
        .value("document.querySelector('details').open = true")
        .await;
    let mut second = push("b", "d");
    second["head_commit"]["message"] = json!("<script>document.title = 'taken'</script>");
    second["head_commit"]["id"] = json!("d".repeat(40));
    assert_eq!(hub.github("push", "2", &second).await.0, 200);
    browser
        .until("document.querySelectorAll('article').length === 2")
        .await;
    let first = browser
        .value("document.querySelector('article .message').textContent")
        .await;
    assert_eq!(
        first,
        json!("<script>document.title = 'taken'</script>"),
        "the newest is above, as text"
    );
    assert_eq!(browser.value("document.title").await, json!("Activity · sdm"));
    assert_eq!(
        browser
            .value("document.querySelectorAll('details')[1].open")
            .await,
        json!(true)
    );
    assert_eq!(browser.complaints(), [] as [&str; 0]);
}

#[tokio::test]
async fn a_goal_is_approved_with_the_keyboard_alone_and_the_page_shows_it() {
    let Some((hub, mut browser)) = signed_in().await else {
        return;
    };
    assert_eq!(hub.github("push", "1", &push("a", "b")).await.0, 200);
    goal(&hub, 1, "in_process").await;
    browser.open(&hub.url("/workspaces/w/goals/set-1")).await;
    browser
        .until("document.documentElement.classList.contains('live')")
        .await;
    goal(&hub, 2, "waiting_for_approval").await;
    browser
        .until("document.body.innerText.includes('Approve the result')")
        .await;
    browser.tab_to("it.value === 'approve'").await;
    let outline = browser
        .value("getComputedStyle(document.activeElement).outlineStyle")
        .await;
    assert_eq!(outline, json!("solid"), "the focus is seen");
    browser.press("Enter").await;
    browser.loaded().await;
    browser
        .until("document.querySelector('.goal .standing').innerText.startsWith('approved')")
        .await;
    browser
        .until("document.body.innerText.includes('approved by ada')")
        .await;
    assert_eq!(browser.complaints(), [] as [&str; 0]);
}

#[tokio::test]
async fn a_command_is_seen_while_it_runs_by_whoever_asked_for_it() {
    let Some((hub, mut browser)) = signed_in().await else {
        return;
    };
    let mut machine = hub.machine(&offers("m")).await;
    let (ada, bob) = (person(&hub, "ada").await, person(&hub, "bob").await);
    browser.open(&hub.url("/workspaces/w/activity")).await;
    browser
        .until("document.documentElement.classList.contains('live')")
        .await;
    let section = "document.getElementById('your-commands')";
    assert_eq!(browser.value(&format!("{section}.hidden")).await, json!(true));
    asked(&hub, &bob, &mut machine).await;
    let (_, command) = asked(&hub, &ada, &mut machine).await;
    browser
        .until(&format!("{section}.innerText.includes('runs')"))
        .await;
    let says = json!({"correlation_id": command["correlation_id"], "text": "<b>3 of 4"});
    machine
        .say(&json!({"control": {"name": "progress", "params": says}}))
        .await;
    machine.settled().await;
    let progress = format!("{section}.querySelector('.progress')?.textContent === '<b>3 of 4'");
    browser.until(&progress).await;
    let rows = format!("{section}.querySelectorAll('li').length");
    assert_eq!(browser.value(&rows).await, json!(1), "nobody else's");
    for (width, has_script) in [(360, true), (1400, false)] {
        browser.size(width, 740, width == 360).await;
        browser.allow_script(has_script).await;
        browser.open(&hub.url("/workspaces/w/activity")).await;
        assert_eq!(browser.value(&progress).await, json!(true));
        browser.picture(&format!("{width}-commands")).await;
    }
    browser.allow_script(true).await;
    browser.open(&hub.url("/workspaces/w/activity")).await;
    let done = json!({"status": {"code": 0, "reason": "deployed to prod"}});
    machine.say(&answer(&command, &done)).await;
    machine.settled().await;
    browser
        .until(&format!("{section}.innerText.includes('deployed to prod')"))
        .await;
    assert_eq!(browser.complaints(), [] as [&str; 0]);
}

#[tokio::test]
async fn pages_fit_a_telephone_and_work_without_script() {
    let Some((hub, mut browser)) = signed_in().await else {
        return;
    };
    let mut long = push("a", "b");
    long["ref"] = json!(format!("refs/heads/{}", "feature-without-an-end-".repeat(10)));
    long["head_commit"]["message"] = json!("x".repeat(300));
    assert_eq!(hub.github("push", "1", &long).await.0, 200);
    goal(&hub, 1, "waiting_for_approval").await;
    let places = [
        "/workspaces/w/activity",
        "/workspaces/w/goals/set-1",
        "/workspaces/w/goals/set-1/logs/0-code/publish",
        "/workspaces/w/machines",
        "/workspaces/w/graph",
        "/you",
        "/keys",
        "/audit",
    ];
    for (width, has_script) in [(360, true), (320, false), (1400, true)] {
        browser.size(width, 740, width == 320).await;
        browser.allow_script(has_script).await;
        for place in places {
            browser.open(&hub.url(place)).await;
            browser
                .picture(&format!("{width}{}", place.replace('/', "-")))
                .await;
            let wide = browser
                .value("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                .await;
            assert_eq!(wide, json!(0), "{place} is wider than {width}");
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

#[tokio::test]
async fn a_question_is_completed_from_the_types_and_asked_with_the_keyboard() {
    let Some((hub, mut browser)) = signed_in().await else {
        return;
    };
    assert_eq!(hub.github("push", "1", &push("a", "b")).await.0, 200);
    browser.open(&hub.url("/workspaces/w/graph")).await;
    browser.tab_to("it.id === 'query'").await;
    browser.value("document.activeElement.value = ''").await;
    browser.type_text("{ Push { aft").await;
    browser
        .until(
            "document.querySelector('#completions li[aria-selected=true]')?.textContent.startsWith('after')",
        )
        .await;
    browser.press("Tab").await;
    browser.type_text(" { mess").await;
    browser.until("document.querySelector('#completions li[aria-selected=true]')?.textContent.startsWith('message')").await;
    browser.press("Enter").await;
    browser.type_text(" } } }").await;
    assert_eq!(
        browser.value("document.activeElement.value").await,
        json!("{ Push { after { message } } }")
    );
    browser.tab_to("it.innerText === 'Ask'").await;
    browser.press("Enter").await;
    browser.loaded().await;
    browser
        .until("document.querySelector('pre.answer').textContent.includes('two')")
        .await;
    assert_eq!(browser.complaints(), [] as [&str; 0]);
}
