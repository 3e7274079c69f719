//! What the machine asks the hub to tell, and what listeners hear of it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Inner;
use super::inbox::answer;
use crate::config::HubEntry;
use crate::engine::Machine;
use crate::model::event::LARGEST_PAYLOAD;
use crate::model::trigger::COMPLETIONS;
use crate::model::{Event, RepoSlug};
use crate::ports::store::StoreError;
use crate::ports::team::{Delivery, DeliveryAnswer};
use crate::wire::hub::Subscription;

/// The subscription of every machine.
pub(super) const ON_PUSH: &str = "OnPush";

/// The subscription of a machine whose rules wait for goals of others.
pub(super) const ON_GOAL: &str = "OnGoal";

/// The subscription of a machine that plans pull requests of forks.
pub(super) const ON_FORK: &str = "OnFork";

const PUSH: &str = "id branch before { sha } after @required { sha } repo { id owner name url \
                    defaultBranch org { provider { providerId providerType apiUrl gitUrl url } } }";
const FORK: &str = "id number state fork head @required { sha } base { sha } repo { id owner name url \
                    defaultBranch org { provider { providerId providerType apiUrl gitUrl url } } }";
const GOAL: &str = "uniqueName name environment goalSetId state version ts data provenance { correlationId }";

const REPO: &str = "repo { owner name url defaultBranch }";
const BY: &str = "{ login name }";

/// An event of the forge: its name here, its type at the hub, what is asked of it, and the name under which listeners find it.
struct Told {
    event: &'static str,
    operation: &'static str,
    kind: &'static str,
    fields: &'static [&'static str],
    shown_as: &'static str,
}

static TOLD: &[Told] = &[
    Told {
        event: "PullRequest",
        operation: "OnPullRequest",
        kind: "PullRequest",
        fields: &[
            "id number title body url state action draft merged branchName baseBranchName",
            "labels { name } author",
            BY,
            "head { sha } base { sha }",
            REPO,
        ],
        shown_as: "pull_request",
    },
    Told {
        event: "Issue",
        operation: "OnIssue",
        kind: "Issue",
        fields: &[
            "id number title body url state action labels { name } openedBy",
            BY,
            REPO,
        ],
        shown_as: "issue",
    },
    Told {
        event: "Comment",
        operation: "OnComment",
        kind: "Comment",
        fields: &[
            "id body url deleted by",
            BY,
            "issue { number title",
            REPO,
            "} pullRequest { number title",
            REPO,
            "}",
        ],
        shown_as: "comment",
    },
    Told {
        event: "Review",
        operation: "OnReview",
        kind: "Review",
        fields: &[
            "id state body url by",
            BY,
            "commit { sha } pullRequest { number title",
            REPO,
            "}",
        ],
        shown_as: "review",
    },
    Told {
        event: "Build",
        operation: "OnBuild",
        kind: "Build",
        fields: &[
            "id buildId name status number trigger provider buildUrl commit { sha }",
            REPO,
        ],
        shown_as: "build",
    },
    Told {
        event: "Status",
        operation: "OnStatus",
        kind: "Status",
        fields: &["id context state description targetUrl commit { sha", REPO, "}"],
        shown_as: "status",
    },
    Told {
        event: "Release",
        operation: "OnRelease",
        kind: "Release",
        fields: &[
            "id name draft prerelease url tag { name commit { sha }",
            REPO,
            "}",
        ],
        shown_as: "release",
    },
    Told {
        event: "Tag",
        operation: "OnTag",
        kind: "Tag",
        fields: &["id name timestamp commit @required { sha }", REPO],
        shown_as: "tag",
    },
    Told {
        event: "Deployment",
        operation: "OnDeployment",
        kind: "Deployment",
        fields: &[
            "id environment state description ref task url creator",
            BY,
            "commit { sha }",
            REPO,
        ],
        shown_as: "deployment",
    },
    Told {
        event: "RepoCreated",
        operation: "OnRepo",
        kind: "Repo",
        fields: &["id owner name url description defaultBranch private"],
        shown_as: "repo",
    },
];

/// Whether a subscription is one of this program's.
pub(super) fn is_ours(operation: &str) -> bool {
    [ON_PUSH, ON_GOAL, ON_FORK].contains(&operation) || TOLD.iter().any(|told| told.operation == operation)
}

/// In which line an event waits because it needs a repository; none when it needs none.
pub(super) fn line(operation: &str, object: &Value) -> Option<String> {
    let repo = match operation {
        ON_PUSH | ON_FORK => &object["repo"],
        ON_GOAL => &object["push"]["repo"],
        _ => return None,
    };
    let part = |path: &str| repo.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let provider = part("/org/provider/providerId");
    Some(format!("{provider}/{}/{}", part("/owner"), part("/name")))
}

fn on_push() -> String {
    format!("subscription {ON_PUSH} {{ Push {{ {PUSH} }} }}")
}

fn on_fork() -> String {
    format!("subscription {ON_FORK} {{ PullRequest {{ {FORK} }} }}")
}

/// The goals of all machines but the one of this name.
fn on_goal(name: &str) -> String {
    let (states, own) = (COMPLETIONS.join(", "), json!(name));
    format!(
        "subscription {ON_GOAL} {{ SdmGoal(state: [{states}]) {{ {GOAL} registration @ne(value: {own}) @required \
         push @required {{ {PUSH} }} }} }}"
    )
}

/// Pushes, pull requests of forks where they get goals, goals of other machines that rules wait for, and what listeners of
/// the goal files wait for.
pub(super) fn subscriptions(name: &str, hub: &HubEntry, machine: &Machine) -> Vec<Subscription> {
    let wanted: BTreeSet<&str> = machine
        .listeners
        .iter()
        .map(|listener| listener.event.as_str())
        .collect();
    let others = TOLD
        .iter()
        .filter(|told| wanted.contains(told.event))
        .map(|told| {
            let (operation, kind, fields) = (told.operation, told.kind, told.fields.join(" "));
            format!("subscription {operation} {{ {kind} {{ {fields} }} }}")
        });
    let subscription = |subscription| Subscription {
        subscription,
        secrets: Vec::new(),
    };
    let waits = machine.rules.waits_for_foreign_goals();
    let goals = waits.then(|| on_goal(name));
    std::iter::once(on_push())
        .chain(hub.forks.then(on_fork))
        .chain(goals)
        .chain(others)
        .map(subscription)
        .collect()
}

impl Inner {
    /// Tells listeners of an event; they act on its key once, however often this is tried.
    pub(super) async fn raise(
        &self,
        operation: &str,
        object: &Value,
        delivery: &Delivery,
    ) -> Result<DeliveryAnswer, StoreError> {
        let Some(told) = TOLD.iter().find(|told| told.operation == operation) else {
            return Ok(answer(1, "this machine does not wait for it any more"));
        };
        let payload = payload(told, object);
        if payload.to_string().len() > LARGEST_PAYLOAD {
            let reason = format!("an event for listeners has at most {LARGEST_PAYLOAD} bytes");
            return Ok(answer(1, reason));
        }
        let event = Event {
            key: key(told, object, delivery),
            name: told.event.to_owned(),
            at: delivery.at,
            depth: 0,
            payload,
        };
        self.engine.store().raise(&[event]).await?;
        Ok(answer(0, format!("listeners hear of the {}", told.event)))
    }
}

/// What makes an event itself. Of a tag several messages of a forge tell, and it is one when it is where it was put then.
fn key(told: &Told, object: &Value, delivery: &Delivery) -> String {
    let part = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default();
    match told.event {
        "Tag" => format!(
            "hub:{}:Tag:{}/{}:{}:{}:{}",
            delivery.workspace,
            part("/repo/owner"),
            part("/repo/name"),
            part("/name"),
            part("/commit/sha"),
            part("/timestamp")
        ),
        _ => format!("hub:{}", delivery.key),
    }
}

/// What `${event.…}` shows: the object under its name, and repository, commit, action and sender beside it.
fn payload(told: &Told, object: &Value) -> Value {
    let snake = snake(object);
    let found = |paths: &[&str]| {
        paths
            .iter()
            .find_map(|path| snake.pointer(path))
            .filter(|value| !value.is_null())
            .cloned()
    };
    let repo = match told.shown_as {
        "repo" => Some(snake.clone()),
        _ => found(&[
            "/repo",
            "/commit/repo",
            "/tag/repo",
            "/issue/repo",
            "/pull_request/repo",
        ]),
    };
    let mut payload = Map::new();
    // A tag is known by its name alone.
    let shown = match told.shown_as {
        "tag" => snake["name"].clone(),
        _ => snake.clone(),
    };
    payload.insert(told.shown_as.to_owned(), shown);
    let beside = [
        ("repo", repo.map(with_slug)),
        ("sha", found(&["/commit/sha", "/head/sha", "/tag/commit/sha"])),
        ("action", found(&["/action"]).or_else(|| found(&["/state"]))),
        (
            "sender",
            found(&["/author", "/opened_by", "/by/0", "/by", "/creator"]),
        ),
        ("issue", found(&["/issue"])),
        ("pull_request", found(&["/pull_request"])),
    ];
    for (name, value) in beside {
        if let Some(value) = value {
            payload.entry(name).or_insert(value);
        }
    }
    if let (Some(repo), "repo") = (payload.get("repo").cloned(), told.shown_as) {
        payload.insert("repo".to_owned(), with_slug(repo));
    }
    Value::Object(payload)
}

fn with_slug(mut repo: Value) -> Value {
    let text = |name: &str| repo[name].as_str().unwrap_or_default().to_owned();
    let slug = RepoSlug::new(text("owner"), text("name")).to_string();
    repo["slug"] = json!(slug);
    repo
}

/// Keys as goal files write them.
fn snake(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let entry = |(key, value): (&String, &Value)| (snake_key(key), snake(value));
            Value::Object(object.iter().map(entry).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(snake).collect()),
        other => other.clone(),
    }
}

fn snake_key(key: &str) -> String {
    let mut text = String::new();
    for c in key.chars() {
        if c.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Question, Schema};
    use crate::model::EventType;
    use crate::model::event::{Part, Shape};

    #[test]
    fn every_subscription_can_be_asked_of_a_hub() {
        let all = TOLD.iter().map(|told| {
            let fields = told.fields.join(" ");
            format!(
                "subscription {} {{ {} {{ {fields} }} }}",
                told.operation, told.kind
            )
        });
        for text in all.chain([on_push(), on_fork(), on_goal("my \"own\" machine")]) {
            let question = Question::read(&Schema::builtin(), &text, None, &Map::new());
            assert!(question.is_ok(), "{text}: {question:?}");
        }
        for told in TOLD {
            assert!(
                EventType::named(told.event).is_some_and(|known| known.has(told.shown_as)),
                "{}",
                told.event
            );
        }
    }

    /// Paths that a subscription asks for, as listeners write them.
    fn asked(told: &Told) -> BTreeSet<String> {
        let text = told.fields.join(" ").replace('{', " { ").replace('}', " } ");
        let (mut paths, mut above, mut last) = (BTreeSet::new(), Vec::new(), String::new());
        for word in text.split_whitespace() {
            match word {
                "{" => {
                    paths.remove(&path_of(&above, &last));
                    above.push(last.clone());
                }
                "}" => drop(above.pop()),
                name => {
                    last = snake_key(name);
                    paths.insert(path_of(&above, &last));
                }
            }
        }
        paths
    }

    fn path_of(above: &[String], name: &str) -> String {
        [above, &[name.to_owned()]].concat().join(".")
    }

    /// Paths of single values, those in lists too.
    fn known(shape: Shape, above: &[String]) -> BTreeSet<String> {
        match shape {
            Shape::Value | Shape::Open => BTreeSet::from([above.join(".")]),
            Shape::List(item) => known(*item, above),
            Shape::Parts(parts) => {
                let below = |part: &Part| known(part.shape, &[above, &[part.name.to_owned()]].concat());
                parts.iter().flat_map(below).collect()
            }
        }
    }

    #[test]
    fn what_is_told_is_what_goal_files_are_checked_against() {
        for told in TOLD {
            let shape = EventType::named(told.event)
                .unwrap()
                .shape()
                .at(told.shown_as)
                .unwrap();
            let (asked, known) = (asked(told), known(shape, &[]));
            if told.shown_as == "tag" {
                assert_eq!(known, BTreeSet::from([String::new()]), "it is its name");
            } else if told.shown_as == "repo" {
                assert!(
                    asked.is_subset(&known),
                    "a machine that makes one itself knows more"
                );
            } else {
                assert_eq!(asked, known, "{}", told.event);
            }
        }
    }

    #[test]
    fn listeners_find_an_event_under_the_names_they_know() {
        let told = |name: &str| TOLD.iter().find(|told| told.event == name).unwrap();
        let object = json!({"number": 7, "action": "opened", "branchName": "fix", "author": {"login": "ada"},
            "head": {"sha": "a"}, "repo": {"owner": "acme", "name": "app", "defaultBranch": "main"}});
        let event = payload(told("PullRequest"), &object);
        assert_eq!(event["pull_request"]["branch_name"], "fix");
        assert_eq!(
            (&event["action"], &event["sender"]["login"], &event["sha"]),
            (&json!("opened"), &json!("ada"), &json!("a"))
        );
        assert_eq!(event["repo"]["slug"], "acme/app");
        let repo = payload(told("RepoCreated"), &json!({"owner": "acme", "name": "new"}));
        assert_eq!(repo["repo"]["slug"], "acme/new");
        let comment = json!({"body": "hi", "issue": {"number": 3, "repo": {"owner": "acme", "name": "app"}}, "pullRequest": null});
        let comment = payload(told("Comment"), &comment);
        assert_eq!(
            (&comment["issue"]["number"], &comment["repo"]["name"]),
            (&json!(3), &json!("app"))
        );
        assert!(comment.get("pull_request").is_none());
    }
}
