//! What the machine asks of the hub over http: to register, to open the websocket, and to take reports; and for those who started
//! something ([`somebody`]).

mod somebody;

use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Upgraded, Url, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::git::network::NetworkOptions;
use crate::git::transport::http1_client;
use crate::ports::scm::ScmError;
use crate::ports::secrets::NotGiven;
use crate::ports::team_logs::LogOnItsWay;
use crate::runtime::backoff::Setback;
use crate::runtime::causes::chain;
use crate::wire::hub::extensions;
use crate::wire::hub::{LogPart, LogTaken, MAX_DOWNWARD, Registered, Registration};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause before a machine that was taken for a copy asks again: the other one may have ended.
const AS_A_TWIN: Duration = Duration::from_secs(5);
/// Largest answer that is read.
const LARGEST_ANSWER: usize = 4 << 20;
/// Most characters of what a hub says that people are shown.
const LONGEST_WORDS: usize = 300;
/// What RFC 6455 appends to the key of a websocket.
const WEBSOCKET: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A websocket to the hub.
pub(super) type Socket = WebSocketStream<Upgraded>;

/// Why there is no conversation with the hub.
#[derive(Debug, Error)]
pub(super) enum HubError {
    /// The machine's key.
    #[error("the key for the hub: {0}")]
    Key(#[from] NotGiven),
    /// Proxy or authorities of the configuration.
    #[error(transparent)]
    Network(#[from] ScmError),
    /// The key is not good, or not for this.
    #[error("the hub refuses the key: {0}")]
    KeyRefused(String),
    /// What the machine asks for goes beyond its key until somebody agrees.
    #[error("the hub waits for consent to what this machine asks for: {words}{}", at(.place.as_deref()))]
    Consent {
        /// What it said.
        words: String,
        /// Where to consent.
        place: Option<String>,
    },
    /// Somebody has taken this machine's registration away.
    #[error("the hub has sent this machine away: {0}")]
    SentAway(String),
    /// The registration makes no sense to it.
    #[error("the hub refuses the registration: {0}")]
    RegistrationRefused(String),
    /// Another machine with a copy of this state directory is there.
    #[error(
        "the hub refuses this machine: another one with a copy of its state directory is there; nothing is started here"
    )]
    Twin,
    /// It cannot now.
    #[error("the hub cannot now: {words}")]
    Busy {
        /// What it said.
        words: String,
        /// How long to wait.
        wish: Option<Duration>,
    },
    /// It is not reached.
    #[error("the hub is not reached: {0}")]
    NotReached(String),
    /// Something else is there.
    #[error("what is at this address does not behave like a hub: {0}")]
    NotAHub(String),
    /// The conversation that was lost cannot be gone on with.
    #[error("the hub does not resume the conversation: {0}")]
    NotResumed(String),
    /// It does not take a report, and would not take it another time either.
    #[error("the hub does not take it: {0}")]
    NotTaken(String),
}

fn at(place: Option<&str>) -> String {
    place.map(|place| format!("; see {place}")).unwrap_or_default()
}

impl HubError {
    /// How fast to ask again.
    pub(super) fn setback(&self) -> Setback {
        match self {
            Self::KeyRefused(_) | Self::SentAway(_) | Self::RegistrationRefused(_) => Setback::Refused,
            Self::Consent { .. } => Setback::Away(Some(PATIENCE)),
            Self::Twin => Setback::Away(Some(AS_A_TWIN)),
            Self::Busy { wish, .. } => Setback::Away(*wish),
            Self::Key(_)
            | Self::Network(_)
            | Self::NotReached(_)
            | Self::NotAHub(_)
            | Self::NotResumed(_)
            | Self::NotTaken(_) => Setback::Away(None),
        }
    }

    /// Whether the hub is only away or busy, so that the same may be answered later.
    pub(super) const fn is_away(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::NotReached(_))
    }

    /// What to do about it.
    pub(super) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Key(_) => Some("look at `hub` in the configuration: `sdm doctor --config`"),
            Self::KeyRefused(_) => Some("make another key at the hub and put it in the place of this one"),
            Self::SentAway(_) => Some("stop it, or have it let in again where the hub runs"),
            Self::Consent { .. } => Some("an administrator of the workspace has to agree"),
            Self::Twin => Some(
                "stop one of them; a machine of its own begins with an empty state directory; or it is its earlier run, \
                 which the hub takes for alive for half a minute after both have died: then wait",
            ),
            Self::RegistrationRefused(_) => Some("machine and hub may be of versions too far apart"),
            Self::Network(_) => Some("look at `proxy` and `extra_ca_files`: `sdm doctor --config`"),
            Self::NotAHub(_) => Some("look at `hub.address`: `sdm doctor --config`"),
            Self::Busy { .. } | Self::NotReached(_) | Self::NotResumed(_) | Self::NotTaken(_) => None,
        }
    }
}

/// The hub over http.
pub(super) struct HubClient {
    http: Client,
    address: String,
}

impl HubClient {
    /// Nothing is contacted yet.
    ///
    /// # Errors
    /// The proxy or a file of authorities cannot be used.
    pub(super) fn new(address: &str, network: &NetworkOptions) -> Result<Self, ScmError> {
        Ok(Self {
            http: http1_client(network)?,
            address: address.to_owned(),
        })
    }

    /// Announces the machine.
    ///
    /// # Errors
    /// Everything but an address for the websocket.
    pub(super) async fn register(
        &self,
        key: &SecretString,
        registration: &Registration,
    ) -> Result<Registered, HubError> {
        let request = self.post("/registration", key, registration);
        let (status, wish, body) = answer(request).await?;
        if status != StatusCode::OK {
            return Err(refusal(status, wish, &body));
        }
        serde_json::from_slice(&body)
            .map_err(|_| HubError::NotAHub("its answer to a registration cannot be read".to_owned()))
    }

    /// Asks the graph of a workspace.
    ///
    /// # Errors
    /// There is no answer, or one with errors.
    pub(super) async fn ask(
        &self,
        key: &SecretString,
        workspace: &str,
        question: &Value,
    ) -> Result<Value, HubError> {
        let request = self.post(&format!("/graphql/team/{workspace}"), key, question);
        let (status, wish, body) = answer(request).await?;
        if status != StatusCode::OK {
            return Err(refusal(status, wish, &body));
        }
        let answer: Value = serde_json::from_slice(&body)
            .map_err(|_| HubError::NotAHub("its answer to a question cannot be read".to_owned()))?;
        match answer.pointer("/errors/0/message") {
            Some(message) => Err(HubError::NotTaken(plain(
                message.as_str().unwrap_or("it says not why"),
            ))),
            None => Ok(answer),
        }
    }

    /// Asks for a command of some machine.
    ///
    /// # Errors
    /// The hub does not take it.
    pub(super) async fn invoke(&self, key: &SecretString, asked: &Value) -> Result<Value, HubError> {
        told(answer(self.post("/command?invoke=true", key, asked)).await?)
    }

    /// What is at an address, given by its steps.
    ///
    /// # Errors
    /// The hub does not show it.
    pub(super) async fn get(
        &self,
        key: &SecretString,
        steps: &[&str],
        query: &[(&str, String)],
    ) -> Result<Value, HubError> {
        let mut url = self.url(steps)?;
        for (name, value) in query {
            url.query_pairs_mut().append_pair(name, value);
        }
        let request = self.http.get(url).header(header::ACCEPT, "application/json");
        told(answer(request.bearer_auth(key.expose_secret())).await?)
    }

    /// Sends a part of a log; how far the hub has it then.
    ///
    /// # Errors
    /// The hub does not take it, or is not there.
    pub(super) async fn append_log(
        &self,
        key: &SecretString,
        log: &LogOnItsWay,
        part: &LogPart,
    ) -> Result<u64, HubError> {
        let (set, attempt) = (log.goal_set.to_string(), log.attempt.to_string());
        let (environment, name) = (log.goal.environment.as_str(), log.goal.unique_name.as_str());
        let url = self.url(&[
            "api",
            "goal-logs",
            &log.workspace,
            &set,
            environment,
            name,
            &attempt,
        ])?;
        let (status, wish, body) = answer(self.post_to(url, key, part)).await?;
        if status == StatusCode::FORBIDDEN {
            return Err(HubError::NotTaken(plain(&said(&body).message)));
        }
        let taken = told((status, wish, body))?;
        let taken: Result<LogTaken, _> = serde_json::from_value(taken);
        taken
            .map(|taken| taken.next)
            .map_err(|_| HubError::NotAHub("its answer to a log cannot be read".to_owned()))
    }

    /// The address with these steps behind it.
    fn url(&self, steps: &[&str]) -> Result<Url, HubError> {
        let mut url =
            Url::parse(&self.address).map_err(|_| HubError::NotAHub("it has no address".to_owned()))?;
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(steps);
        }
        Ok(url)
    }

    fn post(&self, path: &str, key: &SecretString, body: &impl serde::Serialize) -> RequestBuilder {
        self.post_to(format!("{}{path}", self.address), key, body)
    }

    fn post_to(
        &self,
        url: impl reqwest::IntoUrl,
        key: &SecretString,
        body: &impl serde::Serialize,
    ) -> RequestBuilder {
        let body = serde_json::to_vec(body).expect("messages to the hub have text keys only");
        self.http
            .post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .bearer_auth(key.expose_secret())
            .body(body)
    }

    /// Opens the websocket that the hub named.
    ///
    /// # Errors
    /// It named none that may be opened, or it does not open.
    pub(super) async fn open(&self, registered: &Registered, nonce: [u8; 16]) -> Result<Socket, HubError> {
        let with_ticket = |request: RequestBuilder| match &registered.jwt {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        self.upgrade((registered, nonce), with_ticket)
            .await?
            .map_err(|(status, wish, body)| not_opened(status, wish, &body))
    }

    /// Opens it again after it was lost, with what the hub said for that.
    ///
    /// # Errors
    /// The conversation cannot be resumed, or not now.
    pub(super) async fn resume(
        &self,
        key: &SecretString,
        (registered, token): (&Registered, &SecretString),
        nonce: [u8; 16],
    ) -> Result<Socket, HubError> {
        let with_token = |request: RequestBuilder| {
            let request = request.bearer_auth(key.expose_secret());
            request.header(extensions::RESUME_HEADER, token.expose_secret())
        };
        self.upgrade((registered, nonce), with_token)
            .await?
            .map_err(|(status, wish, body)| not_resumed(status, wish, &body))
    }

    /// Opens the websocket, or says what the hub answers instead.
    async fn upgrade(
        &self,
        (registered, nonce): (&Registered, [u8; 16]),
        credentials: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Result<Socket, (StatusCode, Option<Duration>, Vec<u8>)>, HubError> {
        let url = socket_address(&self.address, &registered.url)?;
        let key = STANDARD.encode(nonce);
        let request = self
            .http
            .get(url)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, &key);
        let response = in_time(credentials(request).send()).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(Err(read(response).await?));
        }
        let accepted = response.headers().get(header::SEC_WEBSOCKET_ACCEPT);
        if accepted.map(header::HeaderValue::as_bytes) != Some(accept_of(&key).as_bytes()) {
            return Err(HubError::NotAHub(
                "it does not open a websocket as it should".to_owned(),
            ));
        }
        let upgraded = response.upgrade().await.map_err(|error| not_reached(&error))?;
        let limits = WebSocketConfig::default()
            .max_message_size(Some(MAX_DOWNWARD))
            .max_frame_size(Some(MAX_DOWNWARD));
        let socket = WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(limits));
        Ok(Ok(socket.await))
    }
}

fn accept_of(key: &str) -> String {
    let text = format!("{key}{WEBSOCKET}");
    STANDARD.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

/// The address of the websocket for the http client. A hub that is reached with encryption cannot lead to a place without.
fn socket_address(hub: &str, named: &str) -> Result<Url, HubError> {
    let wrong = |because: &str| HubError::NotAHub(format!("the websocket it names {because}"));
    let mut url = Url::parse(named).map_err(|_| wrong("has no address"))?;
    let scheme = match url.scheme() {
        "wss" => "https",
        "ws" if hub.starts_with("https:") => return Err(wrong("is not encrypted")),
        "ws" => "http",
        _ => return Err(wrong("is none")),
    };
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("has no host"));
    }
    url.set_scheme(scheme).map_err(|()| wrong("is none"))?;
    url.set_fragment(None);
    Ok(url)
}

async fn in_time(
    sending: impl Future<Output = reqwest::Result<Response>> + Send,
) -> Result<Response, HubError> {
    let sending: BoxFuture<'_, reqwest::Result<Response>> = Box::pin(sending);
    match tokio::time::timeout(PATIENCE, sending).await {
        Ok(answered) => answered.map_err(|error| not_reached(&error)),
        Err(_) => Err(HubError::NotReached(format!(
            "it did not answer within {} s",
            PATIENCE.as_secs()
        ))),
    }
}

/// What a request came to: status, how long to wait, body.
async fn answer(request: RequestBuilder) -> Result<(StatusCode, Option<Duration>, Vec<u8>), HubError> {
    let response = in_time(request.send()).await?;
    read(response).await
}

async fn read(mut response: Response) -> Result<(StatusCode, Option<Duration>, Vec<u8>), HubError> {
    let status = response.status();
    let seconds = response.headers().get(header::RETRY_AFTER);
    let seconds = seconds.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let mut body = Vec::new();
    let reading = async {
        while let Some(chunk) = response.chunk().await.map_err(|error| not_reached(&error))? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(HubError::NotAHub(format!(
                    "an answer has more than {LARGEST_ANSWER} bytes"
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(())
    };
    match tokio::time::timeout(PATIENCE, reading).await {
        Ok(read) => read?,
        Err(_) => {
            return Err(HubError::NotReached(
                "its answer does not come to an end".to_owned(),
            ));
        }
    }
    Ok((status, seconds.map(Duration::from_secs), body))
}

/// The address may hold a credential, so it is left out.
fn not_reached(error: &reqwest::Error) -> HubError {
    let source = std::error::Error::source(error);
    HubError::NotReached(source.map_or_else(
        || "the connection failed".to_owned(),
        |cause| plain(&chain(cause)),
    ))
}

/// What a hub says with an error: our shape, or text.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    error: SaidError,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SaidError {
    code: String,
    message: String,
    url: Option<String>,
    /// Somebody may agree to it later.
    pending: bool,
    who_can_fix: Option<String>,
    /// Where whoever is meant, and nobody else, lets the hub act for them.
    authorize_url: Option<String>,
    hint: Option<String>,
}

fn said(body: &[u8]) -> SaidError {
    let said: Option<Said> = serde_json::from_slice(body).ok();
    said.map(|said| said.error)
        .filter(|error| !error.message.is_empty())
        .unwrap_or_else(|| SaidError {
            message: String::from_utf8_lossy(&body[..body.len().min(4 * LONGEST_WORDS)]).into_owned(),
            ..SaidError::default()
        })
}

fn refusal(status: StatusCode, wish: Option<Duration>, body: &[u8]) -> HubError {
    let said = said(body);
    let words = match plain(&said.message) {
        words if words.is_empty() => format!("status {}", status.as_u16()),
        words => words,
    };
    match status.as_u16() {
        401 | 403 if said.pending || said.code == "consent_required" => HubError::Consent {
            words,
            place: said.url.or(said.who_can_fix).as_deref().map(plain),
        },
        403 if said.code == extensions::SENT_AWAY => HubError::SentAway(with_help(words, said.who_can_fix)),
        401 | 403 => HubError::KeyRefused(with_help(words, said.who_can_fix)),
        409 if said.code == extensions::SAME_IDENTITY => HubError::Twin,
        400 | 413 | 422 => HubError::RegistrationRefused(words),
        408 | 409 | 425 | 429 | 500..=599 => HubError::Busy { words, wish },
        other => HubError::NotAHub(format!("status {other}: {words}")),
    }
}

/// What a hub said, with who can help.
fn with_help(words: String, who: Option<String>) -> String {
    match who {
        Some(who) => format!("{words} ({})", plain(&who)),
        None => words,
    }
}

/// An answer, or why there is none.
fn told((status, wish, body): (StatusCode, Option<Duration>, Vec<u8>)) -> Result<Value, HubError> {
    match status.as_u16() {
        200..=299 => serde_json::from_slice(&body)
            .map_err(|_| HubError::NotAHub("its answer cannot be read".to_owned())),
        400 | 404 | 409 | 413 | 422 => Err(HubError::NotTaken(plain(&said(&body).message))),
        _ => Err(refusal(status, wish, &body)),
    }
}

/// The credential of a socket lives a minute; that it is refused says nothing of the key.
fn not_opened(status: StatusCode, wish: Option<Duration>, body: &[u8]) -> HubError {
    let words = plain(&said(body).message);
    HubError::Busy {
        words: format!("the websocket is not opened (status {}) {words}", status.as_u16())
            .trim_end()
            .to_owned(),
        wish,
    }
}

/// Whatever refuses to go on, somebody beside the hub among it: a new registration says what is wrong.
fn not_resumed(status: StatusCode, wish: Option<Duration>, body: &[u8]) -> HubError {
    match status.as_u16() {
        408 | 425 | 429 => not_opened(status, wish, body),
        400..=499 => HubError::NotResumed(plain(&said(body).message)),
        _ => not_opened(status, wish, body),
    }
}

/// What others say, fit for a log: one line, not long.
pub(super) fn plain(text: &str) -> String {
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let cut: String = printable.take(LONGEST_WORDS).collect();
    cut.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_6455_is_accepted() {
        assert_eq!(
            accept_of("dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    #[test]
    fn g1_a_hub_cannot_lead_away_from_encryption() {
        let at = |hub: &str, named: &str| socket_address(hub, named).map(|url| url.to_string()).ok();
        let secure = "https://hub.example.com";
        assert_eq!(
            at(secure, "wss://cell.example.com/ws?token=x").as_deref(),
            Some("https://cell.example.com/ws?token=x")
        );
        assert_eq!(at(secure, "ws://hub.example.com/ws"), None);
        assert_eq!(
            at("http://127.0.0.1:1", "ws://127.0.0.1:1/ws").as_deref(),
            Some("http://127.0.0.1:1/ws")
        );
        for wrong in [
            "",
            "nonsense",
            "file:///etc/passwd",
            "https://hub.example.com",
            "javascript:alert(1)",
        ] {
            assert_eq!(at(secure, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_a_hub_says_decides_how_fast_it_is_asked_again() {
        let with =
            |status: u16, body: &str| refusal(StatusCode::from_u16(status).unwrap(), None, body.as_bytes());
        let refused = with(
            401,
            r#"{"error": {"code": "credentials_invalid", "message": "no such key\u001b[31m"}}"#,
        );
        assert_eq!(refused.to_string(), "the hub refuses the key: no such key [31m");
        assert_eq!(refused.setback(), Setback::Refused);
        let consent = with(
            403,
            r#"{"error": {"code": "consent_required", "message": "wider than the key", "url": "https://h/c/1"}}"#,
        );
        assert_eq!(
            consent.to_string(),
            "the hub waits for consent to what this machine asks for: wider than the key; see https://h/c/1"
        );
        assert!(matches!(consent.setback(), Setback::Away(Some(_))));
        let away = with(
            403,
            r#"{"error": {"code": "sent_away", "message": "the registration of m 1.0.0 was taken away"}}"#,
        );
        assert!(matches!(away, HubError::SentAway(_)), "{away}");
        assert_eq!(away.setback(), Setback::Refused);
        assert!(matches!(with(503, ""), HubError::Busy { .. }));
        assert!(with(503, "").is_away() && !away.is_away() && !with(404, "").is_away());
        assert_eq!(with(500, "").to_string(), "the hub cannot now: status 500");
        assert!(matches!(with(404, "<html>"), HubError::NotAHub(_)));
        assert!(with(400, &"x".repeat(100_000)).to_string().len() < 400);
    }
}
