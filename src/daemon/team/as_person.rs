//! Pull requests in the name of whoever asked for a command at the hub: the hub opens them as that person, whose token nobody gets,
//! and the machine needs none of its own (security model 15).
//!
//! Who asked is proven to this machine for a quarter of an hour, and in memory alone. When that is over nothing is done in the
//! machine's own name instead: the person asks again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

use super::client::{HubClient, HubError};
use crate::config::{Configuration, HubEntry};
use crate::model::{BranchName, CommitSha, JobId, Repository, Timestamp};
use crate::ports::Forges;
use crate::ports::checks::{Check, CheckRun, FoundCheck};
use crate::ports::forges::{
    EmptyRepository, ForgeError, NewRelease, OpenPullRequest, PublishedRelease, PullRequest, Report,
    WantedRepository,
};
use crate::ports::scm::ScmError;
use crate::ports::secrets::Asker;
use crate::runtime::causes::chain;
use crate::runtime::clock::Clock;
use crate::scm::github::host_of;
use crate::secrets::Vault;
use crate::wire::hub::GivenContext;

/// Who asked for a job.
#[derive(Clone)]
struct Proof {
    workspace: String,
    handle: SecretString,
    ends: Timestamp,
}

/// Who asked for which job, as the hub has proven it. Clones share it.
#[derive(Clone, Default)]
pub struct Proofs(Arc<Mutex<HashMap<JobId, Proof>>>);

impl Proofs {
    /// Keeps a proof for as long as it counts.
    pub(super) fn keep(&self, job: JobId, workspace: &str, context: &GivenContext, now: Timestamp) {
        let proof = Proof {
            workspace: workspace.to_owned(),
            handle: SecretString::from(context.handle.as_str()),
            ends: now.plus(Duration::from_secs(context.expires_in)),
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, kept| kept.ends > now);
        all.insert(job, proof);
    }

    fn of(&self, job: JobId, now: Timestamp) -> Option<Proof> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&job).filter(|proof| proof.ends > now).cloned()
    }
}

/// The forges of a machine, and those of the hub for whoever asked.
pub(in crate::daemon) struct AsPerson {
    own: Arc<dyn Forges>,
    hub: HubEntry,
    client: HubClient,
    vault: Vault,
    clock: Arc<dyn Clock>,
    proofs: Proofs,
}

impl AsPerson {
    /// Nothing is contacted yet.
    ///
    /// # Errors
    /// The network of the configuration cannot be used.
    pub(in crate::daemon) fn new(
        own: Arc<dyn Forges>,
        (configuration, hub): (&Configuration, &HubEntry),
        (vault, clock): (Vault, Arc<dyn Clock>),
        proofs: Proofs,
    ) -> Result<Self, ScmError> {
        let network = crate::daemon::network::options(configuration)?;
        Ok(Self {
            own,
            client: HubClient::new(&hub.address, &network)?,
            hub: hub.clone(),
            vault,
            clock,
            proofs,
        })
    }

    /// Who asked; none where the machine acts in its own name.
    fn proof(&self, asker: &Asker) -> Result<Option<Proof>, ForgeError> {
        let Some(job) = asker.in_name_of else {
            return Ok(None);
        };
        match self.proofs.of(job, self.clock.now()) {
            Some(proof) => Ok(Some(proof)),
            None => Err(refused(
                "does not say any more who asked, which it does for a quarter of an hour and to one run of the machine: ask for \
                 it again",
            )),
        }
    }

    async fn key(&self) -> Result<SecretString, ForgeError> {
        let key = self.vault.of_machine("hub.key", &self.hub.key).await;
        key.map_err(|error| refused(&format!("is not asked: {}", chain(&error))))
    }
}

#[async_trait]
impl Forges for AsPerson {
    fn knows(&self, repo: &Repository, asker: &Asker) -> bool {
        match asker.in_name_of {
            Some(_) => host_of(repo).is_some(),
            None => self.own.knows(repo, asker),
        }
    }

    async fn may_ask_to_merge(&self, repo: &Repository, asker: &Asker) -> Result<(), ForgeError> {
        let Some(proof) = self.proof(asker)? else {
            return self.own.may_ask_to_merge(repo, asker).await;
        };
        let (key, host) = (self.key().await?, host_of(repo).unwrap_or_default());
        let asking = self
            .client
            .may_act_as(&key, &proof.handle, place(&proof, repo), &host);
        asking.await.map_err(|error| not_done(&error))
    }

    async fn is_public(&self, repo: &Repository, asker: &Asker) -> Result<bool, ForgeError> {
        self.own.is_public(repo, asker).await
    }

    async fn pull_request(
        &self,
        repo: &Repository,
        branch: &BranchName,
        asker: &Asker,
    ) -> Result<Option<u64>, ForgeError> {
        self.own.pull_request(repo, branch, asker).await
    }

    async fn ask_to_merge(
        &self,
        repo: &Repository,
        wanted: &PullRequest,
        asker: &Asker,
    ) -> Result<OpenPullRequest, ForgeError> {
        let Some(proof) = self.proof(asker)? else {
            return self.own.ask_to_merge(repo, wanted, asker).await;
        };
        let key = self.key().await?;
        let body = json!({
            "branch": wanted.branch.as_str(), "target": wanted.target.as_str(), "title": wanted.title, "body": wanted.body,
            "labels": wanted.labels, "former_labels": wanted.former_labels, "host": host_of(repo),
        });
        let asking = self
            .client
            .ask_to_merge_as(&key, &proof.handle, place(&proof, repo), &body);
        let opened: Opened = asking.await.map_err(|error| not_done(&error))?;
        Ok(OpenPullRequest {
            number: opened.number,
            url: opened.url,
            is_new: opened.is_new,
        })
    }

    async fn publish(
        &self,
        repo: &Repository,
        release: &NewRelease,
        asker: &Asker,
    ) -> Result<PublishedRelease, ForgeError> {
        self.own.publish(repo, release, asker).await
    }

    async fn room_for(&self, wanted: &WantedRepository, asker: &Asker) -> Result<Option<String>, ForgeError> {
        self.own.room_for(wanted, asker).await
    }

    async fn make(
        &self,
        wanted: &WantedRepository,
        asker: &Asker,
    ) -> Result<Option<EmptyRepository>, ForgeError> {
        self.own.make(wanted, asker).await
    }

    async fn made(&self, wanted: &WantedRepository, asker: &Asker) -> Result<EmptyRepository, ForgeError> {
        self.own.made(wanted, asker).await
    }

    fn takes_reports(&self, repo: &Repository) -> Option<String> {
        self.own.takes_reports(repo)
    }

    async fn report(
        &self,
        repo: &Repository,
        sha: &CommitSha,
        report: &Report,
        asker: &Asker,
    ) -> Result<(), ForgeError> {
        self.own.report(repo, sha, report, asker).await
    }

    fn takes_checks(&self, repo: &Repository) -> bool {
        self.own.takes_checks(repo)
    }

    async fn make_check(
        &self,
        repo: &Repository,
        sha: &CommitSha,
        check: &Check,
        id: &str,
        asker: &Asker,
    ) -> Result<CheckRun, ForgeError> {
        self.own.make_check(repo, sha, check, id, asker).await
    }

    async fn change_check(
        &self,
        repo: &Repository,
        run: CheckRun,
        check: &Check,
        asker: &Asker,
    ) -> Result<bool, ForgeError> {
        self.own.change_check(repo, run, check, asker).await
    }

    async fn find_check(
        &self,
        repo: &Repository,
        sha: &CommitSha,
        context: &str,
        id: &str,
        asker: &Asker,
    ) -> Result<Option<FoundCheck>, ForgeError> {
        self.own.find_check(repo, sha, context, id, asker).await
    }

    fn secret_of(&self, repo: &Repository) -> Option<String> {
        self.own.secret_of(repo)
    }
}

/// A pull request as the hub tells of it.
#[derive(Debug, Deserialize)]
pub(super) struct Opened {
    number: u64,
    url: String,
    is_new: bool,
}

fn place<'a>(proof: &'a Proof, repo: &'a Repository) -> [&'a str; 3] {
    [&proof.workspace, &repo.slug.owner, &repo.slug.name]
}

fn not_done(error: &HubError) -> ForgeError {
    match error {
        HubError::NotTaken(words) => refused(&format!("does not do it for whoever asked: {words}")),
        HubError::Key(_)
        | HubError::Network(_)
        | HubError::KeyRefused(_)
        | HubError::SentAway(_)
        | HubError::Consent { .. }
        | HubError::RegistrationRefused(_)
        | HubError::Twin
        | HubError::NotAHub(_) => refused(&format!("cannot be asked: {}", chain(error))),
        HubError::Busy { .. } | HubError::NotReached(_) | HubError::NotResumed(_) => {
            ForgeError::Unavailable {
                origin: "the hub".to_owned(),
                because: chain(error),
                pause: None,
            }
        }
    }
}

fn refused(because: &str) -> ForgeError {
    ForgeError::Refused {
        origin: "the hub".to_owned(),
        because: because.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn who_asked_is_known_for_as_long_as_the_hub_says() {
        let at = |seconds| Timestamp::from_micros(1_767_225_600_000_000).plus(Duration::from_secs(seconds));
        let job = |number| JobId(Uuid::from_u128(number));
        let context = GivenContext {
            handle: "h".to_owned(),
            expires_in: 900,
        };
        let proofs = Proofs::default();
        proofs.keep(job(1), "w", &context, at(0));
        assert!(proofs.of(job(1), at(899)).is_some() && proofs.of(job(1), at(900)).is_none());
        assert!(proofs.of(job(2), at(1)).is_none(), "of another job");
        proofs.keep(job(2), "w", &context, at(900));
        assert_eq!(proofs.0.lock().unwrap().len(), 1, "what has ended is forgotten");
    }
}
