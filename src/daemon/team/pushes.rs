//! Pushes that the hub tells of, on their way to the engine: those of members, and pull requests of forks as what somebody
//! pushes who may not write to the repository.

use serde::Deserialize;
use serde_json::Value;

use super::Inner;
use super::inbox::answer;
use super::places::KnownAs;
use crate::engine::deliver::{Accepted, ToldPush};
use crate::engine::ingest::IngestError;
use crate::git::address::AddressPolicy;
use crate::git::remote;
use crate::model::push::Trust;
use crate::model::{BranchName, CommitSha, PushId, RepoSlug, Repository};
use crate::ports::team::{Delivery, DeliveryAnswer};
use crate::runtime::causes::chain;

/// A push of a hub, as its subscription shapes it.
#[derive(Debug, Deserialize)]
struct Told {
    id: String,
    branch: String,
    before: Option<ToldCommit>,
    after: ToldCommit,
    repo: ToldRepo,
}

/// A pull request of a hub, as its subscription shapes it.
#[derive(Debug, Deserialize)]
struct ToldRequest {
    id: String,
    number: u64,
    state: Option<String>,
    fork: Option<bool>,
    head: ToldCommit,
    base: Option<ToldCommit>,
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

/// What is answered to what another machine found by itself.
pub(super) const FOUND_ELSEWHERE: &str = "another machine found it, and carries it out";

/// Whether a machine found a push by itself: nothing says where its repository is, so that none but this machine carries it out.
pub(super) fn is_found_elsewhere(object: &Value) -> bool {
    let repo = &object["repo"];
    repo.is_object() && repo["url"].is_null() && repo["org"]["provider"].is_null()
}

impl Inner {
    /// What to answer; nothing while it is worth another try.
    pub(super) async fn accept_push(
        &self,
        delivery: &Delivery,
        object: &Value,
        failures: u32,
    ) -> Option<DeliveryAnswer> {
        if is_found_elsewhere(object) {
            return Some(answer(0, FOUND_ELSEWHERE));
        }
        match read(object, delivery, &self.hub.address) {
            Ok(read) => self.answer_to(delivery, read, failures).await,
            Err(because) => Some(answer(1, because)),
        }
    }

    /// The same for a pull request, which is a push where it is of a fork.
    pub(super) async fn accept_fork(
        &self,
        delivery: &Delivery,
        object: &Value,
        failures: u32,
    ) -> Option<DeliveryAnswer> {
        if !self.hub.forks {
            return Some(answer(0, "this machine plans no pull requests of forks any more"));
        }
        match read_fork(object, delivery, &self.hub.address) {
            Ok(Some(read)) => self.answer_to(delivery, read, failures).await,
            Ok(None) => Some(answer(0, "it is no open pull request of a fork")),
            Err(because) => Some(answer(1, because)),
        }
    }

    async fn answer_to(
        &self,
        delivery: &Delivery,
        (told, known_as): (ToldPush, KnownAs),
        failures: u32,
    ) -> Option<DeliveryAnswer> {
        let repo = &told.repo.slug;
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
            Err(error) => self.not_had(delivery, (repo, &told.after), &error, failures),
        }
    }

    pub(super) async fn accept(&self, told: &ToldPush, known_as: &KnownAs) -> Result<Accepted, IngestError> {
        self.remember(&told.repo, known_as).await?;
        // The operator chose this workspace of this hub, and with it its repositories.
        if !self.engine.store().is_trusted(&told.repo.key).await? {
            self.engine.store().set_trusted(&told.repo.key, true).await?;
        }
        self.engine.accept(told).await
    }
}

/// The push, and what the hub calls its repository.
pub(super) fn read(object: &Value, delivery: &Delivery, hub: &str) -> Result<(ToldPush, KnownAs), String> {
    let told = Told::deserialize(object).map_err(|error| format!("the push cannot be read: {error}"))?;
    let wrong = |error: &dyn std::fmt::Display| format!("the push cannot be read: {error}");
    let known_as = known_as(&told.repo, delivery);
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

/// What a fork asks to be merged, as an untrusted push that begins where the branch is which it asks for; nothing where the pull
/// request is of the repository itself, whose branches are pushed, or is closed.
///
/// Its branch is where the forge keeps its head in the repository: no branch that anybody can push, and never named as the fork
/// names its own, so that no rule takes it for one of the repository's.
pub(super) fn read_fork(
    object: &Value,
    delivery: &Delivery,
    hub: &str,
) -> Result<Option<(ToldPush, KnownAs)>, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("the pull request cannot be read: {error}");
    let told = ToldRequest::deserialize(object).map_err(|error| wrong(&error))?;
    if told.fork != Some(true) || told.state.as_deref() != Some("open") {
        return Ok(None);
    }
    let sha = |commit: &ToldCommit| CommitSha::parse(&commit.sha).map_err(|error| wrong(&error));
    let known_as = known_as(&told.repo, delivery);
    let branch = format!("pull/{}/head", told.number);
    let push = ToldPush {
        id: push_id(&[hub, &delivery.workspace, "fork", &told.id, &told.head.sha]),
        repo: repository(&told.repo, &known_as)?,
        branch: BranchName::parse(&branch).map_err(|error| wrong(&error))?,
        before: told.base.as_ref().map(sha).transpose()?,
        after: sha(&told.head)?,
        trust: Trust::Untrusted,
    };
    Ok(Some((push, known_as)))
}

fn known_as(repo: &ToldRepo, delivery: &Delivery) -> KnownAs {
    let provider = repo.org.as_ref().and_then(|org| org.provider.as_ref());
    KnownAs {
        workspace: delivery.workspace.clone(),
        provider: provider.and_then(|provider| provider.provider_id.clone()),
    }
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
    use crate::ports::team::Delivered;

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

    fn request(change: impl FnOnce(&mut Value)) -> Result<Option<ToldPush>, String> {
        let mut object = json!({
            "id": "pr-1", "number": 7, "state": "open", "fork": true, "head": {"sha": "b".repeat(40)}, "base": {"sha": "a".repeat(40)},
            "repo": {"id": "4711", "owner": "acme", "name": "app", "url": "https://forge.example.com/acme/app", "defaultBranch": "main", "org": null}
        });
        change(&mut object);
        let delivery = delivery(object.clone());
        let read = read_fork(&object, &delivery, "https://hub.example.com")?;
        Ok(read.map(|(told, _)| told))
    }

    #[test]
    fn b10_an_open_pull_request_of_a_fork_is_a_push_that_is_not_trusted() {
        let told = request(|_| {}).unwrap().unwrap();
        assert_eq!(
            (told.trust, told.branch.as_str()),
            (Trust::Untrusted, "pull/7/head")
        );
        assert_eq!(
            (told.after.as_str(), told.before.is_some()),
            ("b".repeat(40).as_str(), true)
        );
        assert_eq!(told.repo.address, "https://forge.example.com/acme/app.git");
        let same = request(|object| object["title"] = json!("other"))
            .unwrap()
            .unwrap();
        assert_eq!(told.id, same.id);
        let newer = request(|object| object["head"]["sha"] = json!("c".repeat(40)))
            .unwrap()
            .unwrap();
        assert_ne!(told.id, newer.id);
        for (name, value) in [
            ("fork", json!(false)),
            ("fork", json!(null)),
            ("state", json!("closed")),
        ] {
            assert_eq!(
                request(|object| object[name] = value.clone()),
                Ok(None),
                "{name}: {value}"
            );
        }
        assert!(request(|object| object["head"]["sha"] = json!("--upload-pack=x")).is_err());
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
}
