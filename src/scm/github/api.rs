//! The calls, and what the answers mean.

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::address::Place;
use crate::model::{BranchName, Timestamp};
use crate::ports::forges::{
    ForgeError, NewRelease, OpenPullRequest, Pause, PublishedRelease, PullRequest, mark,
};

/// Largest answer that is read, in bytes.
const MAX_ANSWER: usize = 2 << 20;

/// Longest answer of the forge that is passed on, in characters.
const LONGEST_WORDS: usize = 300;

/// The version of the API that this is written for.
const VERSION: &str = "2022-11-28";

/// Longest time that a forge can want to be left alone.
const LONGEST_PAUSE: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// How long one call may take.
const DEADLINE: std::time::Duration = std::time::Duration::from_secs(30);

/// One repository of one forge, with the token for it.
pub(super) struct Session<'a> {
    pub(super) client: &'a Client,
    pub(super) origin: String,
    pub(super) api: &'a Url,
    pub(super) token: SecretString,
    pub(super) place: Place,
}

/// A pull request as the forge shows it.
#[derive(Debug, Deserialize)]
pub(super) struct Shown {
    number: u64,
    html_url: String,
    title: String,
    #[serde(default)]
    body: Option<String>,
    head: Side,
    #[serde(default)]
    labels: Vec<Label>,
}

#[derive(Debug, Deserialize)]
struct Label {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Side {
    #[serde(rename = "ref")]
    branch: String,
    #[serde(default)]
    user: Option<User>,
}

#[derive(Debug, Deserialize)]
struct User {
    login: String,
}

impl Shown {
    fn has(&self, label: &str) -> bool {
        self.labels.iter().any(|own| own.name == label)
    }

    pub(super) fn opened(self, is_new: bool) -> OpenPullRequest {
        OpenPullRequest {
            number: self.number,
            url: self.html_url,
            is_new,
        }
    }
}

/// A repository as the forge shows it.
#[derive(Debug, Deserialize)]
struct ShownRepository {
    private: bool,
    /// `internal` is for everybody of an enterprise, and not private.
    #[serde(default)]
    visibility: Option<String>,
}

/// A release as the forge shows it.
#[derive(Debug, Deserialize)]
struct ShownRelease {
    html_url: String,
}

/// An answer: its status and its beginning.
pub(super) struct Answer {
    status: StatusCode,
    body: Vec<u8>,
    /// How long it wants to be left alone, where it says so.
    pause: Option<Pause>,
}

impl Answer {
    pub(super) const fn status(&self) -> StatusCode {
        self.status
    }

    /// What the forge says, on one line.
    pub(super) fn words(&self) -> String {
        words(&self.body)
    }
}

impl Session<'_> {
    /// Whether anybody may read the repository.
    pub(super) async fn is_public(&self) -> Result<bool, ForgeError> {
        let answer = self.call(Method::GET, self.url(&[])?, None).await?;
        let shown: ShownRepository = self.read(&answer)?;
        Ok(!shown.private && shown.visibility.is_none_or(|visibility| visibility == "public"))
    }

    /// The open pull request of a branch.
    pub(super) async fn open_for(&self, branch: &BranchName) -> Result<Option<Shown>, ForgeError> {
        let mut url = self.url(&["pulls"])?;
        url.query_pairs_mut()
            .append_pair("state", "open")
            .append_pair("head", &format!("{}:{branch}", self.place.owner));
        let answer = self.call(Method::GET, url, None).await?;
        let shown: Vec<Shown> = self.read(&answer)?;
        // A filter that it does not understand it leaves out.
        let is_it = |one: &Shown| {
            let owner = one.head.user.as_ref();
            one.head.branch == branch.as_str()
                && owner.is_none_or(|user| user.login.eq_ignore_ascii_case(&self.place.owner))
        };
        Ok(shown.into_iter().find(is_it))
    }

    /// Opens one; `None` when there is one already.
    pub(super) async fn open(&self, wanted: &PullRequest) -> Result<Option<Shown>, ForgeError> {
        let body = json!({
            "title": wanted.title,
            "body": wanted.body,
            "head": wanted.branch.as_str(),
            "base": wanted.target.as_str(),
        });
        let answer = self.call(Method::POST, self.url(&["pulls"])?, Some(body)).await?;
        if answer.status == StatusCode::UNPROCESSABLE_ENTITY && words(&answer.body).contains("already exists")
        {
            return Ok(None);
        }
        self.read(&answer).map(Some)
    }

    /// Changes what it says where that is not what is wanted.
    pub(super) async fn bring_up_to_date(
        &self,
        open: Shown,
        wanted: &PullRequest,
    ) -> Result<Shown, ForgeError> {
        if open.title == wanted.title && open.body.as_deref().unwrap_or_default() == wanted.body {
            return Ok(open);
        }
        let body = json!({ "title": wanted.title, "body": wanted.body });
        let url = self.url(&["pulls", &open.number.to_string()])?;
        self.read(&self.call(Method::PATCH, url, Some(body)).await?)
    }

    /// Takes labels off that hold no more. Before its body is brought up to date, which says whose they are.
    pub(super) async fn take_labels_off(&self, open: &Shown, wanted: &PullRequest) -> Result<(), ForgeError> {
        let number = open.number.to_string();
        for stale in wanted
            .former_labels
            .iter()
            .filter(|label| is_stale(open, wanted, label))
        {
            let url = self.url(&["issues", &number, "labels", stale])?;
            let answer = self.call(Method::DELETE, url, None).await?;
            // Somebody took it off meanwhile.
            if answer.status != StatusCode::NOT_FOUND {
                self.read::<Value>(&answer)?;
            }
        }
        Ok(())
    }

    /// Puts labels on it that it does not have.
    pub(super) async fn put_labels_on(&self, open: &Shown, wanted: &[String]) -> Result<(), ForgeError> {
        let missing: Vec<&String> = wanted.iter().filter(|label| !open.has(label)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let url = self.url(&["issues", &open.number.to_string(), "labels"])?;
        let body = json!({ "labels": missing });
        self.read::<Value>(&self.call(Method::POST, url, Some(body)).await?)?;
        Ok(())
    }

    /// Publishes a release; `None` when its tag has one.
    pub(super) async fn publish(&self, release: &NewRelease) -> Result<Option<PublishedRelease>, ForgeError> {
        let changelog = release.changelog.map(|path| self.link(&release.tag, path));
        let body = json!({
            "tag_name": release.tag,
            "target_commitish": release.target.as_str(),
            "name": release.tag,
            "body": changelog.unwrap_or_default(),
            "prerelease": release.is_prerelease,
        });
        let answer = self
            .call(Method::POST, self.url(&["releases"])?, Some(body))
            .await?;
        let exists = words(&answer.body).contains("already_exists");
        if answer.status == StatusCode::UNPROCESSABLE_ENTITY && exists {
            return Ok(None);
        }
        let shown: ShownRelease = self.read(&answer)?;
        Ok(Some(PublishedRelease {
            url: shown.html_url,
            is_new: true,
        }))
    }

    /// The release of a tag, which is there.
    pub(super) async fn published(&self, tag: &str) -> Result<PublishedRelease, ForgeError> {
        let url = self.url(&["releases", "tags", tag])?;
        let shown: ShownRelease = self.read(&self.call(Method::GET, url, None).await?)?;
        Ok(PublishedRelease {
            url: shown.html_url,
            is_new: false,
        })
    }

    /// A link to a file as the release has it.
    fn link(&self, tag: &str, path: &str) -> String {
        let Place { owner, name, .. } = &self.place;
        format!("[{path}]({}/{owner}/{name}/blob/{tag}/{path})", self.origin)
    }

    pub(super) fn url(&self, rest: &[&str]) -> Result<Url, ForgeError> {
        let repository = ["repos", self.place.owner.as_str(), self.place.name.as_str()];
        self.route(&[&repository, rest].concat())
    }

    /// A place of the API.
    pub(super) fn route(&self, parts: &[&str]) -> Result<Url, ForgeError> {
        let mut url = self.api.clone();
        let mut segments = url
            .path_segments_mut()
            .map_err(|()| self.refused("has an address without a path".to_owned()))?;
        segments.pop_if_empty().extend(parts);
        drop(segments);
        Ok(url)
    }

    pub(super) async fn call(
        &self,
        method: Method,
        url: Url,
        body: Option<Value>,
    ) -> Result<Answer, ForgeError> {
        let request = self.request(method, url, body)?;
        // The error would repeat the address and never the token, which stands in a header.
        let response = request
            .send()
            .await
            .map_err(|error| self.unavailable(error.without_url().to_string()))?;
        self.answer(response).await
    }

    fn request(&self, method: Method, url: Url, body: Option<Value>) -> Result<RequestBuilder, ForgeError> {
        let bearer = format!("Bearer {}", self.token.expose_secret().trim());
        let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| {
            self.refused("has a token that is no token: it has characters that none has".to_owned())
        })?;
        bearer.set_sensitive(true);
        let request = self
            .client
            .request(method, url)
            .timeout(DEADLINE)
            .header(AUTHORIZATION, bearer)
            .header(ACCEPT, "application/vnd.github+json")
            .header(USER_AGENT, concat!("sdm/", env!("CARGO_PKG_VERSION")))
            .header("X-GitHub-Api-Version", VERSION);
        Ok(match body {
            Some(body) => request
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_string()),
            None => request,
        })
    }

    async fn answer(&self, mut response: Response) -> Result<Answer, ForgeError> {
        let status = response.status();
        let pause = pause(&response);
        let mut body = Vec::new();
        while let Some(piece) = response
            .chunk()
            .await
            .map_err(|error| self.unavailable(error.without_url().to_string()))?
        {
            if body.len() + piece.len() > MAX_ANSWER {
                return Err(self.refused(format!("answers with more than {MAX_ANSWER} bytes")));
            }
            body.extend_from_slice(&piece);
        }
        Ok(Answer { status, body, pause })
    }

    pub(super) fn read<T: serde::de::DeserializeOwned>(&self, answer: &Answer) -> Result<T, ForgeError> {
        if answer.status.is_success() {
            return serde_json::from_slice(&answer.body).map_err(|error| {
                self.refused(format!("answers with something else than was asked for: {error}"))
            });
        }
        let said = words(&answer.body);
        if let Some(pause) = answer.pause.filter(|_| !answer.status.is_server_error()) {
            return Err(ForgeError::Busy {
                origin: self.origin.clone(),
                because: format!(
                    "has had too many questions and wants none until {}: {said}",
                    until(pause)
                ),
                pause,
            });
        }
        Err(match answer.status {
            StatusCode::UNAUTHORIZED => ForgeError::Unauthorized {
                origin: self.origin.clone(),
                because: said,
            },
            StatusCode::FORBIDDEN => self.refused(format!("does not let the token do this: {said}")),
            StatusCode::NOT_FOUND => self.refused(format!(
                "has no repository {}/{}, or the token may not see it",
                self.place.owner, self.place.name
            )),
            status if status.is_server_error() => ForgeError::Unavailable {
                origin: self.origin.clone(),
                because: format!("it answers {status}: {said}"),
                pause: answer.pause,
            },
            status if status.is_redirection() => {
                self.refused("has the repository somewhere else now: name it by its new address".to_owned())
            }
            status => self.refused(format!("says no ({status}): {said}")),
        })
    }

    pub(super) fn refused(&self, because: String) -> ForgeError {
        ForgeError::Refused {
            origin: self.origin.clone(),
            because,
        }
    }

    fn unavailable(&self, because: String) -> ForgeError {
        ForgeError::Unavailable {
            origin: self.origin.clone(),
            because,
            pause: None,
        }
    }
}

/// Whether a former label is on it and is not what people say.
fn is_stale(open: &Shown, wanted: &PullRequest, label: &str) -> bool {
    let family = |label: &str| label.split_once(':').map(|(family, _)| family.to_owned());
    let is_replaced = || wanted.labels.iter().any(|wanted| family(wanted) == family(label));
    let is_marked = || {
        open.body
            .as_deref()
            .is_some_and(|body| body.contains(&mark(label)))
    };
    open.has(label) && (is_replaced() || is_marked())
}

/// How long the forge wants to be left alone, where it says so.
fn pause(response: &Response) -> Option<Pause> {
    let header = |name: &str| response.headers().get(name)?.to_str().ok().map(str::to_owned);
    let status = response.status();
    let wish = header("retry-after");
    let is_limited = status == StatusCode::TOO_MANY_REQUESTS
        || header("x-ratelimit-remaining").as_deref() == Some("0") && !status.is_success();
    let is_wish = wish.is_some() && (status == StatusCode::FORBIDDEN || status.is_server_error());
    if !is_limited && !is_wish {
        return None;
    }
    let seconds = |text: String| {
        text.trim()
            .parse::<u64>()
            .ok()
            .map(std::time::Duration::from_secs)
    };
    if let Some(wish) = wish.and_then(seconds) {
        return Some(Pause::For(wish.min(LONGEST_PAUSE)));
    }
    let reset = header("x-ratelimit-reset").and_then(|reset| reset.parse::<i64>().ok());
    let at = |reset: i64| Timestamp::from_micros(reset.saturating_mul(1_000_000));
    Some(reset.map_or(Pause::Unsaid, |reset| Pause::Until(at(reset))))
}

/// The end of a pause, in words.
fn until(pause: Pause) -> String {
    match pause {
        Pause::For(wish) => format!("{} seconds from now", wish.as_secs()),
        Pause::Until(at) => at.rfc3339(),
        Pause::Unsaid => "later".to_owned(),
    }
}

/// What the forge says, on one line; what it says is not ours.
fn words(body: &[u8]) -> String {
    let read: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut words = read["message"].as_str().unwrap_or_default().to_owned();
    let more = read["errors"].as_array().into_iter().flatten();
    let said = |error: &'_ Value| -> Option<String> {
        let said = error["message"].as_str().or(error["code"].as_str());
        said.or(error.as_str()).map(str::to_owned)
    };
    for error in more.filter_map(said) {
        words.push_str(&format!("; {error}"));
    }
    let plain = words.chars().filter(|c| !c.is_control());
    let plain: String = plain.take(LONGEST_WORDS).collect();
    match plain.is_empty() {
        true => "it gives no reason".to_owned(),
        false => plain,
    }
}
