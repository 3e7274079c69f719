//! git's smart http: an advertisement that may be redirected, then requests to where it led.
//!
//! Logins belong to one origin. A login for the address's origin is sent to that origin only; once a redirect has led to
//! another origin the conversation goes on without any login, so that nobody is sent there in another's name.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{RequestBuilder, Response, StatusCode, Url};
use secrecy::ExposeSecret;

use super::http_stream::HttpStream;
use super::resolver::RefusedHost;
use super::session::{Session, failed};
use crate::git::address::{RemoteAddress, origin_of_url};
use crate::git::network::Login;
use crate::ports::scm::ScmError;
use crate::runtime::causes::causes;

/// Redirects followed for one advertisement.
const MAX_REDIRECTS: usize = 5;

/// The requests of one operation.
pub(super) struct Conversation {
    pub(super) session: Arc<Session>,
    /// Where the repository is, after redirects.
    base: Mutex<Url>,
    /// Whether the pack has been asked for early (see [`super::early`]), and its answer until libgit2 asks for it.
    pub(super) early: Mutex<EarlyPack>,
}

/// The pack that came with the first answer.
#[derive(Default)]
pub(super) enum EarlyPack {
    /// Not asked for.
    #[default]
    Possible,
    /// Here, from the last acknowledgement on.
    Here(Response, Bytes),
    /// Taken, or not to be had.
    Over,
}

impl Conversation {
    pub(super) fn new(base: Url, session: Arc<Session>) -> Arc<Self> {
        Arc::new(Self {
            session,
            base: Mutex::new(base),
            early: Mutex::default(),
        })
    }

    fn move_to(&self, base: Url) {
        *self.base.lock().unwrap_or_else(PoisonError::into_inner) = base;
    }

    pub(super) fn base(&self) -> Url {
        self.base.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks what the repository has, following redirects.
    pub(super) fn advertisement(self: &Arc<Self>, program: &str) -> io::Result<HttpStream> {
        let suffix = "/info/refs";
        let mut url = below(&self.base(), suffix);
        url.set_query(Some(&format!("service={program}")));
        let asked = url.clone();
        if self.session.follows_a_look()
            && let Some((base, answer)) = self.session.network().advertisements().take(&asked)
        {
            self.move_to(base);
            return Ok(HttpStream::given(Arc::clone(self), answer));
        }
        if let Some((base, answer)) = self.session.assumed(&asked) {
            self.move_to(base);
            return Ok(HttpStream::given(Arc::clone(self), answer));
        }
        for _ in 0..=MAX_REDIRECTS {
            let request = self.client()?.get(url.clone()).header(CACHE_CONTROL, "no-cache");
            let response = self.send(request, &url)?;
            if response.status().is_redirection() {
                url = self.redirected(&url, &response)?;
                continue;
            }
            self.check(&response, &format!("application/x-{program}-advertisement"))?;
            if let Some(path) = url.path().strip_suffix(suffix) {
                let mut base = url.clone();
                base.set_query(None);
                base.set_path(path);
                self.move_to(base);
            }
            return HttpStream::looking(Arc::clone(self), response, asked);
        }
        Err(self.failed("it redirects too often"))
    }

    /// A request that is sent when its answer is first read.
    pub(super) fn request(self: &Arc<Self>, program: &'static str) -> HttpStream {
        HttpStream::asking(Arc::clone(self), program)
    }

    pub(super) fn post(&self, program: &str, body: Vec<u8>) -> io::Result<Response> {
        let url = below(&self.base(), &format!("/{program}"));
        let result = format!("application/x-{program}-result");
        let request = self
            .client()?
            .post(url.clone())
            .header(CONTENT_TYPE, format!("application/x-{program}-request"))
            .header(ACCEPT, &result)
            .body(body);
        let response = self.send(request, &url)?;
        if response.status().is_redirection() {
            return Err(self.failed("it redirects a request that has a body"));
        }
        self.check(&response, &result)?;
        Ok(response)
    }

    fn send(&self, mut request: RequestBuilder, url: &Url) -> io::Result<Response> {
        if let Some(login) = self.login(url) {
            request = request.header(AUTHORIZATION, basic(&login).map_err(|()| self.unauthorized())?);
        }
        // Connecting and the first byte of the answer; the connection alone has the client's own limit.
        let options = self.session.options();
        let patience = options.connect_timeout + options.stall_timeout;
        let sent = self.session.wait(patience, async { Ok(request.send().await) })?;
        sent.map_err(|error| self.session.fail(why(&self.session, error)))
    }

    /// The login for a request: only at the origin of the address itself.
    fn login(&self, url: &Url) -> Option<Login> {
        let origin = origin_of_url(url);
        let address = self.session.address();
        if address.origin().as_ref() != Some(&origin) {
            return None;
        }
        if let Some(own) = self.session.login() {
            return Some(own.clone());
        }
        let given = self.session.options().credentials.for_origin(&origin);
        given.or_else(|| address.login().cloned())
    }

    fn redirected(&self, from: &Url, response: &Response) -> io::Result<Url> {
        let location = response
            .headers()
            .get(LOCATION)
            .and_then(|location| location.to_str().ok())
            .and_then(|location| from.join(location).ok())
            .ok_or_else(|| self.failed("it redirects without saying where to"))?;
        let mut bare = location.clone();
        bare.set_query(None);
        bare.set_fragment(None);
        let refused = |address: String, because: String| {
            self.session.fail(ScmError::RefusedAddress { address, because })
        };
        // Also without the user information a hostile server may have put there.
        let target = RemoteAddress::parse(bare.as_str())
            .and_then(|target| target.check(&self.session.options().policy).map(|()| target))
            .map_err(|error| refused(error.address, error.because))?;
        let downwards = from.scheme() == "https" && location.scheme() != "https";
        if downwards || !matches!(location.scheme(), "http" | "https") {
            return Err(refused(
                target.to_string(),
                "it is a redirect to a weaker protocol".to_owned(),
            ));
        }
        let mut next = location;
        // Cannot fail: the address is http or https and has a host.
        let _ = next.set_username("");
        let _ = next.set_password(None);
        Ok(next)
    }

    fn check(&self, response: &Response, wanted: &str) -> io::Result<()> {
        match response.status() {
            status if status.is_success() => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(self.unauthorized()),
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                let gone = ScmError::RepositoryGone(self.session.address().to_string());
                return Err(self.session.fail(gone));
            }
            status => return Err(self.failed(&format!("the server answers {status}"))),
        }
        let kind = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        match kind {
            Some(kind) if kind.split(';').next().map(str::trim) == Some(wanted) => Ok(()),
            Some(_) | None => Err(self.failed("the server does not speak git's smart http protocol here")),
        }
    }

    fn client(&self) -> io::Result<&reqwest::Client> {
        self.session
            .network()
            .client()
            .map_err(|error| self.session.fail(error))
    }

    fn unauthorized(&self) -> io::Error {
        let address = origin_of_url(&self.base()).to_string();
        self.session.fail(ScmError::Unauthorized { address })
    }

    fn failed(&self, because: &str) -> io::Error {
        self.session
            .fail(failed(&self.session.doing(), because.to_owned()))
    }
}

fn below(base: &Url, suffix: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{suffix}", base.path().trim_end_matches('/')));
    url
}

fn basic(login: &Login) -> Result<HeaderValue, ()> {
    let pair = format!("{}:{}", login.user(), login.secret().expose_secret());
    let text = format!("Basic {}", STANDARD.encode(pair));
    let mut value = HeaderValue::from_str(&text).map_err(drop)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The cause of a failed request; a refused host is not a passing failure.
pub(super) fn why(session: &Session, error: reqwest::Error) -> ScmError {
    if let Some(refused) = causes(&error).find_map(|cause| cause.downcast_ref::<RefusedHost>()) {
        return ScmError::RefusedAddress {
            address: session.address().to_string(),
            because: refused.because.to_owned(),
        };
    }
    failed(&session.doing(), error.without_url())
}
