//! Repositories that are made at a forge (semantics 5.6).

use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::Session;
use crate::ports::forges::{ForgeError, Visibility, WantedRepository};

/// Whoever repositories belong to, as the forge shows them.
#[derive(Debug, Deserialize)]
struct Owner {
    login: String,
    #[serde(rename = "type", default)]
    kind: String,
}

/// A repository as the forge shows it.
#[derive(Debug, Deserialize)]
struct Shown {
    full_name: String,
    html_url: String,
}

impl Session<'_> {
    /// The page of the repository; `None` when there is none that the token may see.
    pub(super) async fn page(&self) -> Result<Option<String>, ForgeError> {
        let answer = self.call(Method::GET, self.url(&[])?, None).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            _ => self.read::<Shown>(&answer).map(|shown| Some(shown.html_url)),
        }
    }

    /// Where repositories of the owner are made.
    ///
    /// # Errors
    /// There is no such owner, or it is a person that the token is not of.
    pub(super) async fn nursery(&self, visibility: Visibility) -> Result<Url, ForgeError> {
        let owner = &self.place.owner;
        let answer = self
            .call(Method::GET, self.route(&["users", owner])?, None)
            .await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Err(self.refused(format!("has no owner {owner}")));
        }
        let shown: Owner = self.read(&answer)?;
        if shown.kind == "Organization" {
            return self.route(&["orgs", owner, "repos"]);
        }
        let answer = self.call(Method::GET, self.route(&["user"])?, None).await?;
        let own = match answer.status().is_success() {
            true => self.read::<Owner>(&answer)?.login,
            false => String::new(),
        };
        if !own.eq_ignore_ascii_case(owner) {
            return Err(self.refused(format!(
                "lets nobody but {owner} make repositories of {owner}, and the token is not theirs"
            )));
        }
        match visibility {
            Visibility::Internal => Err(self.refused(format!(
                "has internal repositories for organisations alone, and {owner} is none"
            ))),
            Visibility::Private | Visibility::Public => self.route(&["user", "repos"]),
        }
    }

    /// Makes the repository, and says its page; `None` when there is one of its name.
    pub(super) async fn make(&self, wanted: &WantedRepository) -> Result<Option<String>, ForgeError> {
        let url = self.nursery(wanted.visibility).await?;
        let answer = self.call(Method::POST, url, Some(body(wanted))).await?;
        let exists = || answer.words().contains("already exists");
        if answer.status() == StatusCode::UNPROCESSABLE_ENTITY && exists() {
            return Ok(None);
        }
        let shown: Shown = self.read(&answer)?;
        if !shown.full_name.eq_ignore_ascii_case(&wanted.slug.to_string()) {
            let called: String = shown
                .full_name
                .chars()
                .filter(|c| !c.is_control())
                .take(200)
                .collect();
            return Err(self.refused(format!(
                "made the repository under another name, {called}, where it is now and empty"
            )));
        }
        Ok(Some(shown.html_url))
    }
}

fn body(wanted: &WantedRepository) -> Value {
    let mut body = json!({
        "name": wanted.slug.name,
        "description": wanted.description,
        "private": wanted.visibility != Visibility::Public,
        "auto_init": false,
    });
    if wanted.visibility == Visibility::Internal {
        body["visibility"] = json!("internal");
    }
    body
}
