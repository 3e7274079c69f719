//! What goes, and what everything that is kept points at.

use serde_json::json;

use super::*;
use crate::graph::tests::memory::MemoryGraph;

const BEFORE: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

/// A graph that is small enough to be looked through.
#[derive(Default)]
struct World(MemoryGraph);

impl World {
    fn add(&mut self, kind: &str, keys: &[&str], body: &Value, links: &[(&str, &str)]) {
        let targets: Vec<[&str; 1]> = links.iter().map(|(_, target)| [*target]).collect();
        let links: Vec<(&str, &[&str])> = links
            .iter()
            .zip(&targets)
            .map(|((field, _), targets)| (*field, targets.as_slice()))
            .collect();
        self.0 = std::mem::take(&mut self.0).with(kind, keys, body, &links);
    }

    async fn goes(&self, kind: &str) -> Option<BTreeSet<String>> {
        let mut forgetting = Forgetting {
            before: BEFORE,
            heads: HashMap::new(),
        };
        let node = self.0.of(kind).next().unwrap();
        let gone = forgetting.goes_with(&self.0, node).await.unwrap()?;
        Some(gone.iter().map(|node| node.id().to_owned()).collect())
    }
}

/// A moment before or after what goes, as machines write it.
fn ts(is_old: bool) -> i64 {
    let moment = BEFORE.as_micros() / 1_000;
    if is_old { moment - 1_000 } else { moment + 1_000 }
}

/// A goal set of two goals of a push to `main` of repository `r`.
fn world(state: &str, of_goal: (&str, bool)) -> World {
    let mut world = World::default();
    let repo = json!({"owner": "acme", "name": "app", "providerId": "p"});
    let (goal, is_old) = of_goal;
    world.add(
        "SdmGoalSet",
        &["set"],
        &json!({"goalSetId": "s", "state": state, "ts": ts(true), "repo": repo, "branch": "main", "sha": "c"}),
        &[("push", "push")],
    );
    for (id, state, is_old) in [("one", "success", true), ("two", goal, is_old)] {
        let body = json!({"goalSetId": "s", "state": state, "ts": ts(is_old), "repo": repo});
        world.add("SdmGoal", &[id], &body, &[("push", "push")]);
    }
    let other = json!({"goalSetId": "s", "state": "requested", "ts": ts(false), "repo": {"owner": "eve"}});
    world.add("SdmGoal", &["another's"], &other, &[]);
    world
}

/// Adds the push and its commit, and of what may point there whatever the bits say; whether the commit is still needed.
fn surround(world: &mut World, bits: u32) -> bool {
    world.add("Push", &["push"], &json!({}), &[("after", "c"), ("repo", "r")]);
    world.add("Commit", &["c", "c by name"], &json!({}), &[("repo", "r")]);
    let mut is_needed = false;
    let mut add = |world: &mut World, bit: u32, needs: bool, kind: &str, body: Value, link: (&str, &str)| {
        if bits & (1 << bit) != 0 {
            let key = format!("{kind}-{bit}");
            let links = match kind {
                "Branch" => vec![link, ("repo", "r")],
                _ => vec![link],
            };
            world.add(kind, &[&key], &body, &links);
            is_needed |= needs;
        }
    };
    add(
        world,
        0,
        true,
        "Branch",
        json!({"deleted": false}),
        ("commit", "c"),
    );
    add(
        world,
        1,
        false,
        "Branch",
        json!({"deleted": true}),
        ("commit", "c"),
    );
    add(world, 2, false, "Branch", json!({}), ("commit", "another"));
    add(world, 3, true, "Tag", json!({}), ("commit", "c by name"));
    add(world, 4, false, "Tag", json!({"deleted": true}), ("commit", "c"));
    add(
        world,
        5,
        true,
        "PullRequest",
        json!({"state": "open"}),
        ("head", "c"),
    );
    add(
        world,
        6,
        false,
        "PullRequest",
        json!({"state": "closed"}),
        ("head", "c"),
    );
    add(world, 7, true, "Application", json!({}), ("commits", "c"));
    add(
        world,
        8,
        bits & (1 << 4) != 0,
        "Release",
        json!({}),
        ("tag", "Tag-4"),
    );
    is_needed
}

#[tokio::test]
async fn a_goal_set_goes_when_it_is_over_for_long_and_nothing_that_counts_is_at_its_commit() {
    let states = [
        "planned",
        "waiting_for_pre_approval",
        "pre_approved",
        "requested",
        "in_process",
        "waiting_for_approval",
        "approved",
        "success",
        "failure",
        "stopped",
        "canceled",
        "skipped",
    ];
    let all: BTreeSet<String> = ["set", "one", "two"].map(str::to_owned).into();
    for state in states {
        for goal in states {
            let is_ended = ENDED.contains(&state) && ENDED.contains(&goal);
            for is_old in [true, false] {
                for bits in 0..1 << if is_old && is_ended { 9 } else { 1 } {
                    let mut world = world(state, (goal, is_old));
                    let is_needed = surround(&mut world, bits);
                    let expected = (is_ended && is_old && !is_needed).then(|| all.clone());
                    let gone = world.goes("SdmGoalSet").await;
                    assert_eq!(gone, expected, "{state} {goal} {is_old} {bits:b}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_push_goes_after_everything_that_is_of_it() {
    for bits in 0..1 << 9 {
        for of_it in [None, Some("SdmGoalSet"), Some("SdmGoal"), Some("Build")] {
            let mut world = World::default();
            let is_needed = surround(&mut world, bits);
            if let Some(kind) = of_it {
                world.add(kind, &["of it"], &json!({}), &[("push", "push")]);
            }
            let goes = world.goes("Push").await.is_some();
            assert_eq!(goes, of_it.is_none() && !is_needed, "{of_it:?} {bits:b}");
        }
    }
}

#[tokio::test]
async fn where_no_forge_tells_of_a_branch_its_last_goal_set_stays() {
    let mut world = world("success", ("failure", true));
    assert_eq!(world.goes("SdmGoalSet").await, None);
    let later = |sha: &str, owner: &str| {
        json!({
            "goalSetId": "later", "state": "success", "ts": ts(false), "branch": "main", "sha": sha,
            "repo": {"owner": owner, "name": "app", "providerId": "p"}
        })
    };
    world.add("SdmGoalSet", &["of another"], &later("d", "eve"), &[]);
    world.add("SdmGoalSet", &["of the same"], &later("c", "acme"), &[]);
    assert_eq!(world.goes("SdmGoalSet").await, None);
    world.add("SdmGoalSet", &["later"], &later("d", "acme"), &[]);
    assert!(world.goes("SdmGoalSet").await.is_some());
}
