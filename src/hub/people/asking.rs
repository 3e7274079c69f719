//! Asking people to let the hub act for them (security model 15): with a link of ten minutes that is theirs alone, after which what
//! they had asked for begins by itself. Where nobody can be asked it is said why.

use std::collections::BTreeSet;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::json;

use super::super::Hub;
use super::super::refusal::Refusal;
use super::authorizations::PAGE;
use super::providers::ProviderSettings;
use crate::access::handed::Handed;
use crate::ports::authorizations::AuthorizeLink;

/// The code of the refusal.
pub(super) const REQUIRED: &str = "user_authorization_required";

/// How long a link counts.
const LINK_COUNTS: Duration = Duration::from_secs(10 * 60);

/// Most links of one person at a time.
const MOST_LINKS: u32 = 20;

/// Who is asked for what.
pub(super) struct Asked<'a> {
    /// The person.
    pub(super) person: &'a str,
    /// Public id of the session in which the link counts; none is any of the person's.
    pub(super) session: Option<String>,
    /// Where they authorise the hub.
    pub(super) provider: &'a ProviderSettings,
    /// What is asked for: with what they granted before, which they would lose otherwise.
    pub(super) scopes: BTreeSet<String>,
    /// Of that, what is missing.
    pub(super) missing: Vec<String>,
    /// What they had asked for, as JSON; empty when it is not known.
    pub(super) resumes: &'a str,
    /// Where the hub is for them.
    pub(super) address: &'a str,
}

impl Hub {
    /// The refusal of what somebody has not let the hub do, with where they do that, or why they cannot.
    ///
    /// # Errors
    /// The memory, or there is no randomness.
    pub(super) async fn ask_to_authorize(&self, asked: Asked<'_>, who: &str) -> Result<Refusal, Refusal> {
        let link = self.link(&asked).await?;
        let message = format!("{who} not let the hub do this at {}", asked.provider.title);
        let mut told = json!({
            "provider": asked.provider.name, "missing": asked.missing, "authorize_url": link.as_ref().ok(),
        });
        if let Err(hint) = link {
            told["hint"] = json!(hint);
        }
        Ok(Refusal::forbidden(REQUIRED, message).with(told))
    }

    /// A link of somebody's own, or why there is none.
    async fn link(&self, asked: &Asked<'_>) -> Result<Result<String, &'static str>, Refusal> {
        if !self.safe().is_usable() {
            return Ok(Err(
                "the hub keeps no secrets, so nobody can allow it; whoever runs it starts it with `--master-key`",
            ));
        }
        if self.store().person(asked.person).await?.is_none() {
            return Ok(Err(
                "nobody of this name has signed in at the hub, which is where it is allowed; they sign in once in a browser",
            ));
        }
        let handed = Handed::fresh().map_err(|_| Refusal::busy("there is no randomness", 5))?;
        let now = self.now();
        let link = AuthorizeLink {
            digest: handed.digest,
            person: asked.person.to_owned(),
            session: asked.session.clone(),
            provider: asked.provider.name.clone(),
            scopes: asked.scopes.iter().cloned().collect(),
            resumes: asked.resumes.to_owned(),
            expires: now.plus(LINK_COUNTS),
        };
        if !self.store().add_authorize_link(&link, MOST_LINKS, now).await? {
            return Ok(Err(
                "too many links to allow it wait for them; they open one of them, or wait ten minutes",
            ));
        }
        let address = asked.address.trim_end_matches('/');
        Ok(Ok(format!("{address}{PAGE}/{}", handed.text.expose_secret())))
    }
}
