//! What the machine asks of the hub for whoever started something, proven by a handle (security model 10.4, 15).

use reqwest::header::HeaderValue;
use reqwest::{RequestBuilder, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use super::super::as_person::Opened;
use super::{HubClient, HubError, SaidError, answer, plain, refusal, said};

/// Name of the header in which handles go back.
const CONTEXT: &str = "x-hub-context";

impl HubClient {
    /// A short token of whoever started something, proven by a handle, for a repository of a workspace.
    ///
    /// # Errors
    /// The hub does not give it, or is not there.
    pub(in crate::daemon::team) async fn user_token(
        &self,
        key: &SecretString,
        handle: &SecretString,
        [workspace, owner, repo]: [&str; 3],
    ) -> Result<SecretString, HubError> {
        #[derive(Deserialize)]
        struct Given {
            token: String,
        }
        let url = self.url(&["api", "user-tokens", workspace, owner, repo])?;
        let given: Given = for_somebody(self.post_to(url, key, &Value::Null), handle).await?;
        Ok(SecretString::from(given.token))
    }

    /// Whether whoever started something may ask for branches of a repository at a host to be merged.
    ///
    /// # Errors
    /// They may not, or the hub is not there.
    pub(in crate::daemon::team) async fn may_act_as(
        &self,
        key: &SecretString,
        handle: &SecretString,
        [workspace, owner, repo]: [&str; 3],
        host: &str,
    ) -> Result<(), HubError> {
        let mut url = self.url(&["api", "as-person", workspace, owner, repo])?;
        url.query_pairs_mut().append_pair("host", host);
        let request = self.http.get(url).header(header::ACCEPT, "application/json");
        let _: IgnoredAny = for_somebody(request.bearer_auth(key.expose_secret()), handle).await?;
        Ok(())
    }

    /// Asks for a branch to be merged in the name of whoever started something.
    ///
    /// # Errors
    /// The hub does not do it, or is not there.
    pub(in crate::daemon::team) async fn ask_to_merge_as(
        &self,
        key: &SecretString,
        handle: &SecretString,
        [workspace, owner, repo]: [&str; 3],
        wanted: &Value,
    ) -> Result<Opened, HubError> {
        let url = self.url(&["api", "as-person", workspace, owner, repo, "pull-request"])?;
        for_somebody(self.post_to(url, key, wanted), handle).await
    }
}

impl SaidError {
    /// With where to allow it.
    fn of_somebody(&self) -> String {
        let words = plain(&self.message);
        match (&self.authorize_url, &self.hint) {
            (Some(url), _) => format!("{words}: they allow it at {}", plain(url)),
            (None, Some(hint)) => format!("{words}; {}", plain(hint)),
            (None, None) => words,
        }
    }
}

/// What a request for whoever started something came to, proven by a handle.
async fn for_somebody<T: DeserializeOwned>(
    request: RequestBuilder,
    handle: &SecretString,
) -> Result<T, HubError> {
    let mut handle = HeaderValue::from_str(handle.expose_secret())
        .map_err(|_| HubError::NotAHub("its proof of who asks is none".to_owned()))?;
    handle.set_sensitive(true);
    let (status, wish, body) = answer(request.header(CONTEXT, handle)).await?;
    match status {
        StatusCode::OK => serde_json::from_slice(&body)
            .map_err(|_| HubError::NotAHub("its answer to who asks cannot be read".to_owned())),
        StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::CONFLICT => {
            Err(HubError::NotTaken(said(&body).of_somebody()))
        }
        _ => Err(refusal(status, wish, &body)),
    }
}
