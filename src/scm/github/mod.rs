//! GitHub, in the cloud and of one's own: pull requests for what goals push, releases, and how the goals of commits stand.
//!
//! A few calls are all there is: look at the repository, look for the open pull request of a branch, open one, change one, put a label on it, take one
//! off; publish a release, look for that of a tag; set the status of a commit; make a check, change one, look for one; look at an owner, ask
//! whose the token is, make a repository. Each goes to the API of the origin that the token is for and nowhere
//! else; redirects are not followed.

mod address;
mod api;
mod checks;
mod make;
mod statuses;

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::{Client, Url};

use crate::model::{BranchName, CommitSha, Repository};
use crate::ports::Secrets;
use crate::ports::checks::{Check, CheckRun, FoundCheck};
use crate::ports::forges::{
    EmptyRepository, ForgeError, Forges, NewRelease, OpenPullRequest, PublishedRelease, PullRequest,
    PushLogin, Report, WantedRepository,
};
use crate::ports::secrets::{Asker, Opened};
use address::Place;
use api::{Session, Shown};

/// As whom a token pushes: forges take any name with one.
const TOKEN_USER: &str = "x-access-token";

/// The host where a repository is that has an owner and a name there, as on a GitHub.
pub fn host_of(repo: &Repository) -> Option<String> {
    Place::of(&repo.address).map(|place| place.host)
}

/// One GitHub that is connected.
#[derive(Debug, Clone)]
pub struct Forge {
    origin: Url,
    api: Url,
    secret: String,
    telling: Telling,
}

/// How the commits of a forge carry how their goals stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Telling {
    /// Not at all.
    Nothing,
    /// Each with a status.
    #[default]
    Statuses,
    /// Each with checks, one of them for each goal.
    Checks,
}

impl Forge {
    /// The GitHub at an origin; `secret` is the name of its token among the machine's secrets. Its API is where GitHub has it
    /// unless `api` says otherwise.
    ///
    /// # Errors
    /// What is wrong with the addresses, as a sentence.
    pub fn new(origin: &str, api: Option<&str>, secret: &str) -> Result<Self, String> {
        let origin = address::origin(origin)?;
        let api = match api {
            Some(api) => address::origin_with_path(api)?,
            None => address::usual_api(&origin),
        };
        Ok(Self {
            origin,
            api,
            secret: secret.to_owned(),
            telling: Telling::default(),
        })
    }

    /// The same, whose commits carry how their goals stand in this way.
    #[must_use]
    pub fn telling(self, telling: Telling) -> Self {
        Self { telling, ..self }
    }

    fn name(&self) -> String {
        self.origin.as_str().trim_end_matches('/').to_owned()
    }
}

/// All of them.
pub struct GitHub {
    client: Client,
    forges: Vec<Forge>,
    secrets: Arc<dyn Secrets>,
}

impl GitHub {
    /// Over a client with the machine's proxies and authorities, which follows no redirects.
    pub fn new(client: Client, forges: Vec<Forge>, secrets: Arc<dyn Secrets>) -> Self {
        Self {
            client,
            forges,
            secrets,
        }
    }

    async fn session(&self, repo: &Repository, asker: &Asker) -> Result<Session<'_>, ForgeError> {
        let Some((forge, place)) = self.at(repo) else {
            return Err(ForgeError::NotConnected(repo.slug.to_string()));
        };
        self.session_at(forge, place, asker).await
    }

    async fn session_at<'s>(
        &'s self,
        forge: &'s Forge,
        place: Place,
        asker: &Asker,
    ) -> Result<Session<'s>, ForgeError> {
        let token = self.secrets.by_name(&forge.secret, asker).await?;
        check_token(forge, &token)?;
        Ok(Session {
            client: &self.client,
            origin: forge.name(),
            api: &forge.api,
            token: token.value,
            place,
        })
    }

    /// For a repository that is not there yet.
    async fn session_for(&self, wanted: &WantedRepository, asker: &Asker) -> Result<Session<'_>, ForgeError> {
        let origin = address::origin(&wanted.forge).ok();
        let is_it = |forge: &&Forge| Some(&forge.origin) == origin.as_ref();
        let forge = self.forges.iter().find(is_it);
        let forge = forge.ok_or_else(|| ForgeError::unknown(&wanted.forge))?;
        let place = Place::of(&address_of(&forge.name(), wanted))
            .ok_or_else(|| ForgeError::unknown(&wanted.forge))?;
        self.session_at(forge, place, asker).await
    }

    fn at(&self, repo: &Repository) -> Option<(&Forge, Place)> {
        let place = Place::of(&repo.address)?;
        let forge = self.forges.iter().find(|forge| place.is_at(&forge.origin))?;
        Some((forge, place))
    }
}

/// Where git finds a repository of a forge; what its API says of that is not believed, because the token goes there.
fn address_of(origin: &str, wanted: &WantedRepository) -> String {
    format!("{origin}/{}.git", wanted.slug)
}

fn empty(session: &Session<'_>, wanted: &WantedRepository, page: String) -> EmptyRepository {
    EmptyRepository {
        address: address_of(&session.origin, wanted),
        page,
        login: PushLogin {
            user: TOKEN_USER.to_owned(),
            secret: session.token.clone(),
        },
    }
}

/// A token that is for somewhere else goes nowhere.
fn check_token(forge: &Forge, token: &Opened) -> Result<(), ForgeError> {
    let Some(url) = &token.url else { return Ok(()) };
    let is_for = Url::parse(url).is_ok_and(|url| url.origin() == forge.origin.origin());
    match is_for {
        true => Ok(()),
        false => Err(ForgeError::Refused {
            origin: forge.name(),
            because: format!(
                "is not where the secret `{}` counts: its `url` names another origin",
                token.name
            ),
        }),
    }
}

/// An open pull request as it is wanted, but for labels that it does not have yet.
async fn up_to_date(session: &Session<'_>, open: Shown, wanted: &PullRequest) -> Result<Shown, ForgeError> {
    session.take_labels_off(&open, wanted).await?;
    session.bring_up_to_date(open, wanted).await
}

/// The pull request as it is wanted, and whether it was not there before.
async fn there(session: &Session<'_>, wanted: &PullRequest) -> Result<(Shown, bool), ForgeError> {
    if let Some(open) = session.open_for(&wanted.branch).await? {
        return Ok((up_to_date(session, open, wanted).await?, false));
    }
    if let Some(opened) = session.open(wanted).await? {
        return Ok((opened, true));
    }
    // Somebody opened it meanwhile.
    match session.open_for(&wanted.branch).await? {
        Some(open) => Ok((up_to_date(session, open, wanted).await?, false)),
        None => Err(ForgeError::Unavailable {
            origin: session.origin.clone(),
            because: format!(
                "it says that {} has a pull request, and shows none",
                wanted.branch
            ),
            pause: None,
        }),
    }
}

#[async_trait]
impl Forges for GitHub {
    fn knows(&self, repo: &Repository, _asker: &Asker) -> bool {
        self.at(repo).is_some()
    }

    async fn is_public(&self, repo: &Repository, asker: &Asker) -> Result<bool, ForgeError> {
        self.session(repo, asker).await?.is_public().await
    }

    async fn pull_request(
        &self,
        repo: &Repository,
        branch: &BranchName,
        asker: &Asker,
    ) -> Result<Option<u64>, ForgeError> {
        let open = self.session(repo, asker).await?.open_for(branch).await?;
        Ok(open.map(|open| open.opened(false).number))
    }

    async fn ask_to_merge(
        &self,
        repo: &Repository,
        wanted: &PullRequest,
        asker: &Asker,
    ) -> Result<OpenPullRequest, ForgeError> {
        let session = self.session(repo, asker).await?;
        let (shown, is_new) = there(&session, wanted).await?;
        session.put_labels_on(&shown, &wanted.labels).await?;
        Ok(shown.opened(is_new))
    }

    async fn publish(
        &self,
        repo: &Repository,
        release: &NewRelease,
        asker: &Asker,
    ) -> Result<PublishedRelease, ForgeError> {
        let session = self.session(repo, asker).await?;
        match session.publish(release).await? {
            Some(published) => Ok(published),
            None => session.published(&release.tag).await,
        }
    }

    async fn room_for(&self, wanted: &WantedRepository, asker: &Asker) -> Result<Option<String>, ForgeError> {
        let session = self.session_for(wanted, asker).await?;
        if let Some(page) = session.page().await? {
            return Ok(Some(page));
        }
        session.nursery(wanted.visibility).await.map(|_| None)
    }

    async fn make(
        &self,
        wanted: &WantedRepository,
        asker: &Asker,
    ) -> Result<Option<EmptyRepository>, ForgeError> {
        let session = self.session_for(wanted, asker).await?;
        let page = session.make(wanted).await?;
        Ok(page.map(|page| empty(&session, wanted, page)))
    }

    async fn made(&self, wanted: &WantedRepository, asker: &Asker) -> Result<EmptyRepository, ForgeError> {
        let session = self.session_for(wanted, asker).await?;
        match session.page().await? {
            Some(page) => Ok(empty(&session, wanted, page)),
            None => Err(session.refused(format!("has no repository {} any more", wanted.slug))),
        }
    }

    fn takes_reports(&self, repo: &Repository) -> Option<String> {
        let (forge, _) = self.at(repo)?;
        (forge.telling != Telling::Nothing).then(|| forge.name())
    }

    async fn report(
        &self,
        repo: &Repository,
        sha: &CommitSha,
        report: &Report,
        asker: &Asker,
    ) -> Result<(), ForgeError> {
        self.session(repo, asker).await?.report(sha, report).await
    }

    fn takes_checks(&self, repo: &Repository) -> bool {
        self.at(repo)
            .is_some_and(|(forge, _)| forge.telling == Telling::Checks)
    }

    async fn make_check(
        &self,
        repo: &Repository,
        sha: &CommitSha,
        check: &Check,
        id: &str,
        asker: &Asker,
    ) -> Result<CheckRun, ForgeError> {
        self.session(repo, asker).await?.make_check(sha, check, id).await
    }

    async fn change_check(
        &self,
        repo: &Repository,
        run: CheckRun,
        check: &Check,
        asker: &Asker,
    ) -> Result<bool, ForgeError> {
        self.session(repo, asker).await?.change_check(run, check).await
    }

    async fn find_check(
        &self,
        repo: &Repository,
        sha: &CommitSha,
        context: &str,
        id: &str,
        asker: &Asker,
    ) -> Result<Option<FoundCheck>, ForgeError> {
        self.session(repo, asker)
            .await?
            .find_check(sha, context, id)
            .await
    }

    fn secret_of(&self, repo: &Repository) -> Option<String> {
        self.at(repo).map(|(forge, _)| forge.secret.clone())
    }
}
