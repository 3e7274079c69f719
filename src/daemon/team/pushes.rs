//! Pushes that the hub tells of, on their way to the engine: one after the other for each repository, so that one that cannot
//! be fetched holds up no other.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::inbox::answer;
use super::places::KnownAs;
use super::{Inner, Team};
use crate::engine::deliver::{Accepted, ToldPush};
use crate::engine::ingest::IngestError;
use crate::git::address::AddressPolicy;
use crate::git::remote;
use crate::model::push::Trust;
use crate::model::{BranchName, CommitSha, PushId, RepoSlug, Repository};
use crate::ports::scm::ScmError;
use crate::ports::team::{Delivered, Delivery, DeliveryAnswer};
use crate::runtime::causes::chain;

/// Repositories that are worked on at once.
const AT_ONCE: usize = 8;
/// Pause before a push that could not be fetched is tried again; each failure doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// Longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A forge that does not have the commit of a push so many times is believed: a copy of it may be late (threat C5).
const NOT_THERE: u32 = 3;
/// After this time a push that cannot be fetched is given up.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(24 * 3600);

/// A push of a hub, as its subscription shapes it.
#[derive(Debug, Deserialize)]
struct Told {
    id: String,
    branch: String,
    before: Option<ToldCommit>,
    after: ToldCommit,
    repo: ToldRepo,
}

#[derive(Debug, Deserialize)]
struct ToldCommit {
    sha: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToldRepo {
    id: Option<String>,
    owner: String,
    name: String,
    url: Option<String>,
    default_branch: Option<String>,
    org: Option<ToldOrg>,
}

#[derive(Debug, Deserialize)]
struct ToldOrg {
    provider: Option<ToldProvider>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToldProvider {
    provider_id: Option<String>,
    api_url: Option<String>,
    git_url: Option<String>,
    url: Option<String>,
}

/// A push that waits, with what it is about.
pub(super) struct Waiting {
    delivery: Delivery,
    /// What is done one after the other.
    repository: String,
}

impl Waiting {
    pub(super) fn of(delivery: &Delivery, object: &Value) -> Self {
        let part = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let provider = part("/repo/org/provider/providerId");
        Self {
            delivery: delivery.clone(),
            repository: format!("{provider}/{}/{}", part("/repo/owner"), part("/repo/name")),
        }
    }
}

/// What waits, by repository.
#[derive(Default)]
pub(super) struct Pushes(Mutex<BTreeMap<String, Line>>);

#[derive(Default)]
struct Line {
    waiting: VecDeque<Delivery>,
    is_busy: bool,
    failures: u32,
    not_before: Option<Instant>,
}

impl Pushes {
    fn lines(&self) -> MutexGuard<'_, BTreeMap<String, Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more, unless it waits already.
    pub(super) fn add(&self, push: Waiting) {
        let mut lines = self.lines();
        let line = lines.entry(push.repository).or_default();
        if !line
            .waiting
            .iter()
            .any(|waiting| waiting.key == push.delivery.key)
        {
            line.waiting.push_back(push.delivery);
        }
    }

    /// The next repositories to work on, with what they tell and how often that could not be done yet.
    fn next(&self) -> Vec<(String, Delivery, u32)> {
        let mut lines = self.lines();
        lines.retain(|_, line| line.is_busy || !line.waiting.is_empty());
        let busy = lines.values().filter(|line| line.is_busy).count();
        let is_due =
            |line: &Line| !line.is_busy && line.not_before.is_none_or(|moment| moment <= Instant::now());
        let due = lines.iter_mut().filter(|(_, line)| is_due(line));
        let taken = due.take(AT_ONCE.saturating_sub(busy)).filter_map(|(name, line)| {
            let first = line.waiting.front()?.clone();
            line.is_busy = true;
            Some((name.clone(), first, line.failures))
        });
        taken.collect()
    }

    /// The first of a repository is dealt with, or has to wait.
    fn done(&self, repository: &str, is_settled: bool) {
        let mut lines = self.lines();
        let Some(line) = lines.get_mut(repository) else {
            return;
        };
        line.is_busy = false;
        if is_settled {
            line.waiting.pop_front();
            (line.failures, line.not_before) = (0, None);
            return;
        }
        let pause = FIRST_PAUSE
            .saturating_mul(1 << line.failures.min(16))
            .min(LONGEST_PAUSE);
        line.failures = line.failures.saturating_add(1);
        line.not_before = Some(Instant::now() + pause);
    }
}

impl Team {
    /// Works on what waits, as far as it may be done at once.
    pub(super) fn work_on_pushes(&self) {
        for (repository, delivery, failures) in self.0.pushes.next() {
            let inner = Arc::clone(&self.0);
            self.0.tasks.spawn("push of the hub", async move {
                let is_settled = inner.work_on_push(delivery, failures).await;
                inner.pushes.done(&repository, is_settled);
                inner.look.notify_one();
            });
        }
    }
}

impl Inner {
    /// Whether it is dealt with.
    async fn work_on_push(&self, delivery: Delivery, failures: u32) -> bool {
        let stop = self.tasks.stop_token();
        let answer = tokio::select! {
            () = stop.cancelled() => return false,
            answer = self.accept_push(&delivery, failures) => answer,
        };
        let Some(answer) = answer else {
            return false;
        };
        let settled = self.settle(delivery, answer).await;
        settled
            .inspect_err(|error| tracing::error!("a push of the hub waits for the store: {}", chain(error)))
            .is_ok()
    }

    /// What to answer; nothing while it is worth another try.
    async fn accept_push(&self, delivery: &Delivery, failures: u32) -> Option<DeliveryAnswer> {
        let Delivered::Event { object, .. } = &delivery.what else {
            return Some(answer(1, "it is no push"));
        };
        let (told, known_as) = match read(object, delivery, &self.hub.address) {
            Ok(read) => read,
            Err(because) => return Some(answer(1, because)),
        };
        let repo = told.repo.slug.to_string();
        match self.accept(&told, &known_as).await {
            Ok(accepted) => {
                let words = match accepted {
                    Accepted::New => "accepted",
                    Accepted::Known => "was known",
                    Accepted::Nothing => "brings nothing new",
                };
                Some(answer(
                    0,
                    format!("the push of {} to {repo} {words}", told.after.short()),
                ))
            }
            Err(IngestError::Scm(ScmError::CommitGone(_))) if failures + 1 >= NOT_THERE => {
                let sha = told.after.short();
                tracing::error!(repo = %repo, sha = %told.after, "a push that the hub told of is stale: the forge has no such commit");
                Some(answer(
                    1,
                    format!("the push is stale: {repo} has no commit {sha}"),
                ))
            }
            Err(IngestError::Scm(error)) if is_final(&error) || self.is_old(delivery) => {
                let because = chain(&error);
                tracing::error!(repo = %repo, sha = %told.after, "a push that the hub told of is given up: {because}");
                Some(answer(1, format!("the push cannot be had: {because}")))
            }
            Err(error) => {
                tracing::warn!(repo = %repo, sha = %told.after, "a push that the hub told of has to wait: {}", chain(&error));
                None
            }
        }
    }

    async fn accept(&self, told: &ToldPush, known_as: &KnownAs) -> Result<Accepted, IngestError> {
        self.remember(&told.repo, known_as).await?;
        // The operator chose this workspace of this hub, and with it its repositories.
        if !self.engine.store().is_trusted(&told.repo.key).await? {
            self.engine.store().set_trusted(&told.repo.key, true).await?;
        }
        self.engine.accept(told).await
    }

    fn is_old(&self, delivery: &Delivery) -> bool {
        self.engine.now().since(delivery.at) > GIVEN_UP_AFTER
    }
}

/// Whether trying again cannot help.
fn is_final(error: &ScmError) -> bool {
    matches!(
        error,
        ScmError::RefusedAddress { .. } | ScmError::LimitExceeded { .. }
    )
}

/// The push, and what the hub calls its repository.
fn read(object: &Value, delivery: &Delivery, hub: &str) -> Result<(ToldPush, KnownAs), String> {
    let told = Told::deserialize(object).map_err(|error| format!("the push cannot be read: {error}"))?;
    let wrong = |error: &dyn std::fmt::Display| format!("the push cannot be read: {error}");
    let provider = told.repo.org.as_ref().and_then(|org| org.provider.as_ref());
    let known_as = KnownAs {
        workspace: delivery.workspace.clone(),
        provider: provider.and_then(|provider| provider.provider_id.clone()),
    };
    let sha = |commit: &ToldCommit| CommitSha::parse(&commit.sha).map_err(|error| wrong(&error));
    let before = told
        .before
        .as_ref()
        .filter(|before| before.sha.bytes().any(|byte| byte != b'0'));
    let push = ToldPush {
        id: push_id(&[hub, &delivery.workspace, &told.id]),
        repo: repository(&told.repo, &known_as)?,
        branch: BranchName::parse(&told.branch).map_err(|error| wrong(&error))?,
        before: before.map(sha).transpose()?,
        after: sha(&told.after)?,
        trust: Trust::Member,
    };
    Ok((push, known_as))
}

/// The same push has the same id, whenever and however often it is told.
pub(super) fn push_id(parts: &[&str]) -> PushId {
    PushId(named_id("push", parts))
}

/// An id that names are all it takes to make.
pub(super) fn named_id(kind: &str, parts: &[&str]) -> uuid::Uuid {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in [kind].iter().chain(parts) {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let digest = context.finish();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_ref()[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// A repository of a forge: known by the forge's own id, so that a new one of an old name is another (threat A8), and
/// fetched from where the forge says it is, with the login that is configured for that place.
fn repository(told: &ToldRepo, known_as: &KnownAs) -> Result<Repository, String> {
    let slug =
        RepoSlug::parse(&format!("{}/{}", told.owner, told.name)).map_err(|error| error.to_string())?;
    let address = address(told, &slug).ok_or_else(|| format!("nothing says where {slug} is"))?;
    let at = remote::repository_at(&address, &AddressPolicy::TEAM).map_err(|error| chain(&error))?;
    let key = match (&known_as.provider, &told.id) {
        (Some(provider), Some(id)) => format!("{provider}:{id}"),
        (None, _) | (_, None) => at.key,
    };
    let default_branch = told.default_branch.as_deref().map(BranchName::parse).transpose();
    Ok(Repository {
        key,
        slug,
        address: at.address,
        default_branch: default_branch.map_err(|error| error.to_string())?,
    })
}

fn address(told: &ToldRepo, slug: &RepoSlug) -> Option<String> {
    let provider = told.org.as_ref().and_then(|org| org.provider.as_ref());
    let base = provider.and_then(|provider| {
        let git = provider.git_url.clone().or_else(|| provider.url.clone());
        git.or_else(|| {
            provider
                .api_url
                .as_deref()
                .map(|api| api.trim_end_matches("/api/v3").to_owned())
        })
    });
    match (base.filter(|base| base.contains("://")), &told.url) {
        (Some(base), _) => Some(format!("{}/{slug}.git", base.trim_end_matches('/'))),
        (None, Some(url)) if url.ends_with(".git") => Some(url.clone()),
        (None, Some(url)) => Some(format!("{}.git", url.trim_end_matches('/'))),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Timestamp;

    fn delivery(object: Value) -> Delivery {
        Delivery {
            key: "A1:OnPush:e-1".to_owned(),
            workspace: "A1".to_owned(),
            correlation: "e-1".to_owned(),
            what: Delivered::Event {
                operation: "OnPush".to_owned(),
                object,
            },
            at: Timestamp::from_micros(1),
            answer: None,
        }
    }

    fn push(change: impl FnOnce(&mut Value)) -> Result<(ToldPush, KnownAs), String> {
        let mut object = json!({
            "id": "push-1", "branch": "main", "before": {"sha": "a".repeat(40)}, "after": {"sha": "b".repeat(40)},
            "repo": {"id": "4711", "owner": "acme", "name": "app", "url": "https://forge.example.com/acme/app", "defaultBranch": "main",
                "org": {"provider": {"providerId": "ghe_1", "providerType": "ghe", "apiUrl": "https://forge.example.com/api/v3", "gitUrl": null, "url": "https://forge.example.com/"}}}
        });
        change(&mut object);
        let delivery = delivery(object.clone());
        read(&object, &delivery, "https://hub.example.com")
    }

    #[test]
    fn a_push_is_read_with_the_place_of_its_repository() {
        let (told, known_as) = push(|_| {}).unwrap();
        assert_eq!(told.repo.address, "https://forge.example.com/acme/app.git");
        assert_eq!(
            (told.repo.key.as_str(), known_as.provider.as_deref()),
            ("ghe_1:4711", Some("ghe_1"))
        );
        assert_eq!(told.id, push(|_| {}).unwrap().0.id, "told again it is the same");
        assert_ne!(told.id, push(|told| told["id"] = json!("push-2")).unwrap().0.id);
        let (new, _) = push(|told| told["before"] = json!({"sha": "0".repeat(40)})).unwrap();
        assert_eq!(new.before, None);
        let (api, _) = push(|told| told["repo"]["org"]["provider"]["url"] = json!(null)).unwrap();
        assert_eq!(api.repo.address, "https://forge.example.com/acme/app.git");
        let (alone, _) = push(|told| told["repo"]["org"] = json!(null)).unwrap();
        assert_eq!(alone.repo.address, "https://forge.example.com/acme/app.git");
        assert_eq!(alone.repo.key, alone.repo.address);
    }

    #[test]
    fn a8_a_new_repository_of_an_old_name_is_another() {
        let (old, _) = push(|_| {}).unwrap();
        let (new, _) = push(|told| told["repo"]["id"] = json!("4712")).unwrap();
        assert_eq!(old.repo.slug, new.repo.slug);
        assert_ne!(old.repo.key, new.repo.key);
    }

    #[test]
    fn a3_what_cannot_be_meant_is_refused() {
        for (path, value) in [
            ("/branch", json!("../x")),
            ("/after/sha", json!("zz")),
            ("/repo/owner", json!("a/../b")),
            ("/repo/org/provider/url", json!("file:///etc")),
            ("/repo/org/provider/url", json!("ext::sh://x")),
            (
                "/repo/org/provider/url",
                json!("https://me:CANARY@forge.example.com"),
            ),
            ("/repo/org/provider/url", json!("https://169.254.169.254")),
        ] {
            let refused = push(|told| *told.pointer_mut(path).unwrap() = value.clone());
            let because = refused.map(|(told, _)| told.repo.address).expect_err(path);
            assert!(!because.contains("CANARY"), "{because}");
        }
    }

    #[test]
    fn one_push_of_a_repository_at_a_time_and_a_failure_holds_up_only_its_own() {
        let pushes = Pushes::default();
        let add = |repository: &str, key: &str| {
            let delivery = Delivery {
                key: key.to_owned(),
                ..delivery(Value::Null)
            };
            pushes.add(Waiting {
                delivery,
                repository: repository.to_owned(),
            });
        };
        let next = || {
            let next = pushes.next();
            next.into_iter()
                .map(|(_, delivery, _)| delivery.key)
                .collect::<Vec<_>>()
        };
        for (repository, key) in [("a", "1"), ("a", "2"), ("b", "3"), ("a", "1")] {
            add(repository, key);
        }
        assert_eq!(next(), ["1", "3"]);
        assert!(next().is_empty());
        pushes.done("a", false);
        pushes.done("b", true);
        assert!(
            next().is_empty(),
            "the first of `a` waits before it is tried again"
        );
        add("b", "4");
        assert_eq!(next(), ["4"]);
    }
}
