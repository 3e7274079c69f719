//! Logs of goals at the hub: live, and whole whatever is killed meanwhile (threat E8).

use serde_json::Value;

use super::real::{RealHub, connected, together, watch};

/// Says something, waits to be told, and says more; a character of several bytes among it.
const TALKING: &str = r#"
rules:
  - name: build
    goals:
      name: talk
      execute:
        run:
          - sh
          - -c
          - 'for word in eins zwei drei; do echo "$word ä"; while [ ! -e "$0/$word" ]; do sleep 0.02; done; done; seq 1 5000; echo end'
          - 'SIGNALS'
"#;

/// What the hub has of a log.
async fn at_hub(hub: &RealHub, set: &str) -> Option<Value> {
    let url = format!("{}/api/logs/A1/{set}/0-code/talk", hub.url);
    let mut from = 0;
    let mut all: Option<Value> = None;
    loop {
        let request = hub.http.get(format!("{url}?offset={from}")).bearer_auth(&hub.key);
        let page: Value = serde_json::from_str(&request.send().await.ok()?.text().await.ok()?).ok()?;
        let lines = page["lines"].as_array()?.clone();
        let next = page["next"].as_u64()?;
        let known = all.get_or_insert_with(|| page.clone());
        if from > 0 {
            known["lines"].as_array_mut()?.extend(lines);
        }
        known["complete"] = page["complete"].clone();
        if next == from || page["complete"] == true {
            return all;
        }
        from = next;
    }
}

async fn until_hub_has(hub: &RealHub, set: &str, text: &str) {
    let look = async || {
        let log = at_hub(hub, set).await?;
        let has = log["lines"].as_array()?.iter().any(|line| line["text"] == text);
        has.then_some(())
    };
    hub.until(&format!("the hub has `{text}`"), look).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e8_a_log_is_at_the_hub_while_it_grows_and_whole_whoever_is_killed() {
    let (mut machine, mut hub) = together(TALKING).await;
    let signals = machine.path("signals");
    std::fs::create_dir_all(&signals).unwrap();
    machine.write_goals(&TALKING.replace("SIGNALS", &signals.display().to_string()));
    watch(&machine);
    machine.start_with_hub();
    connected(&machine);
    let sha = machine.commit("change", &[("README.md", "hello")]);
    let set = machine.set_of(&sha)["id"].as_str().unwrap().to_owned();
    until_hub_has(&hub, &set, "eins ä").await;
    assert_eq!(
        at_hub(&hub, &set).await.unwrap()["complete"],
        false,
        "it is read while it grows"
    );
    // The hub is killed, and the goal goes on.
    hub.kill();
    std::fs::write(signals.join("eins"), "").unwrap();
    hub.run(&machine).await;
    until_hub_has(&hub, &set, "zwei ä").await;
    // The machine is killed, and the goal goes on.
    machine.kill();
    for word in ["zwei", "drei"] {
        std::fs::write(signals.join(word), "").unwrap();
    }
    machine.start_with_hub();
    assert_eq!(machine.ended_set_of(&sha)["state"], "success");
    let look = async || at_hub(&hub, &set).await.filter(|log| log["complete"] == true);
    let log = hub.until("the log is whole", look).await;
    let here = machine.ok(&["logs", "--json", "talk"]);
    let here: Vec<Value> = here
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let there = log["lines"].as_array().unwrap();
    assert_eq!(here.len(), there.len(), "no gap and no duplicate");
    for (here, there) in here.iter().zip(there) {
        for field in ["offset", "at", "stream", "text"] {
            assert_eq!(here[field], there[field]);
        }
    }
}
