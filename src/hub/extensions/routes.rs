//! What is asked over HTTP about extensions: public install keys by anybody, the rest by people who may.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::operations::Operation;
use super::super::addons::operations::Administering;
use super::super::http::mount;
use super::super::refusal::Refusal;
use super::life::Shown;
use super::{ExtensionError, consents, own, tokens};
use crate::access::Scope;
use crate::access::registration::Unchanged;
use crate::runtime::causes::chain;
use crate::wire::connect::LARGEST_TOKEN_REQUEST;

/// Largest request about an extension in bytes.
const MAX_WISH: usize = 16 * 1024;

/// The routes of extensions, beside the others.
pub(in super::super) fn mounted(router: Router<Hub>) -> Router<Hub> {
    let small = || DefaultBodyLimit::max(MAX_WISH);
    let router = mount(router, Operation::ReadInstallKey, get(install_key));
    let exchange = || post(tokens::exchange).layer(DefaultBodyLimit::max(LARGEST_TOKEN_REQUEST));
    let router = mount(router, Operation::ExchangeToken, exchange());
    let router = mount(router, Operation::ExchangeUserToken, exchange());
    let router = mount(
        router,
        Operation::RegisterExtension,
        post(register).layer(small()),
    );
    let router = mount(router, Operation::ListExtensions, get(list));
    let router = mount(router, Operation::ReadExtension, post(read_again).layer(small()));
    let router = mount(router, Operation::RotateExtension, post(rotate).layer(small()));
    let router = mount(router, Operation::ReadSelf, get(own::read));
    let router = mount(router, Operation::GiveConsent, post(consents::give));
    let router = mount(router, Operation::WithdrawConsent, delete(consents::withdraw));
    let router = mount(
        router,
        Operation::ConsentForEverybody,
        post(consents::give_for_everybody),
    );
    let router = mount(
        router,
        Operation::WithdrawConsentForEverybody,
        delete(consents::withdraw_for_everybody),
    );
    mount(router, Operation::RotateSelf, post(own::rotate).layer(small()))
}

impl From<ExtensionError> for Refusal {
    fn from(error: ExtensionError) -> Self {
        if error.is_internal() {
            let cause: &dyn std::error::Error = &error;
            tracing::error!(error = cause, "the hub's memory does not answer");
            return Self::busy("the hub cannot do this now", 5);
        }
        let more = error.hint().map_or(json!({}), |hint| json!({ "hint": hint }));
        let message = chain(&error);
        match error {
            ExtensionError::NotThere(_) => Self::missing_thing(message),
            ExtensionError::Unchanged(Unchanged::NotAsked(_) | Unchanged::NotTicked(_)) => {
                Self::bad("invalid_consent", message)
            }
            ExtensionError::Unchanged(_)
            | ExtensionError::IsThere(_)
            | ExtensionError::Contended
            | ExtensionError::Tests(_) => Self::conflict(message),
            ExtensionError::Safe(_) => Self::busy(message, 60),
            ExtensionError::Outside(_)
            | ExtensionError::Descriptor(_)
            | ExtensionError::Scope(_)
            | ExtensionError::NotYet(_)
            | ExtensionError::Unauthenticated
            | ExtensionError::OtherAddon(_)
            | ExtensionError::Key(_)
            | ExtensionError::OtherKey { .. }
            | ExtensionError::GovernedByFile
            | ExtensionError::Answer(_)
            | ExtensionError::Store(_)
            | ExtensionError::Row(_)
            | ExtensionError::Library(_) => Self::bad("invalid_descriptor", message),
        }
        .with(more)
    }
}

/// `GET /connect/install-keys/{kid}`: the public half of a key, as PEM text. Frameworks look at the body of an answer and not at its
/// status, so that an unknown key has none.
async fn install_key(
    State(hub): State<Hub>,
    Path(id): Path<String>,
) -> Result<(StatusCode, String), Refusal> {
    match hub.extensions().public_install_key(&id).await? {
        Some(pem) => Ok((StatusCode::OK, pem)),
        None => Ok((StatusCode::NOT_FOUND, String::new())),
    }
}

/// What is to be registered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    descriptor_url: String,
    workspaces: Vec<String>,
}

/// `POST /admin/extensions`: reads a descriptor, which then waits for an administrator.
async fn register(
    State(hub): State<Hub>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let caller = hub.caller(&headers).await?;
    let wish: Wish = serde_json::from_slice(&body)
        .map_err(|error| Refusal::bad("malformed_body", format!("the wish cannot be read: {error}")))?;
    may_in_all(&caller, Operation::RegisterExtension, &wish.workspaces)?;
    if hub.rights().governing_file().is_some() {
        return Err(ExtensionError::GovernedByFile.into());
    }
    let shown = hub
        .register_extension(&caller, &wish.descriptor_url, &wish.workspaces)
        .await?;
    Ok((StatusCode::CREATED, Json(row(&shown))))
}

/// `GET /admin/extensions`
async fn list(State(hub): State<Hub>, headers: HeaderMap) -> Result<Json<Value>, Refusal> {
    hub.caller(&headers)
        .await?
        .may_at_hub(Operation::ListExtensions)?;
    let all = hub.extensions().all_shown().await?;
    Ok(Json(
        json!({ "extensions": all.iter().map(row).collect::<Vec<_>>() }),
    ))
}

/// `POST /admin/extensions/{key}/read`: reads its descriptor again.
async fn read_again(
    State(hub): State<Hub>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.caller(&headers).await?;
    may_in_all(
        &caller,
        Operation::ReadExtension,
        &hub.extensions().workspaces(&key).await?,
    )?;
    Ok(Json(row(&hub.extensions().read_again(&key).await?)))
}

/// `POST /admin/extensions/{key}/rotate`: gives it another secret, and says whether it took it.
async fn rotate(
    State(hub): State<Hub>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.caller(&headers).await?;
    may_in_all(
        &caller,
        Operation::RotateExtension,
        &hub.extensions().workspaces(&key).await?,
    )?;
    hub.extensions().want_secret(&key).await?;
    hub.see_to_extension(&key).await?;
    Ok(Json(row(&hub.extensions().shown(&key).await?)))
}

/// Whether this may be done in every workspace that an extension is for, or would be.
fn may_in_all(caller: &Caller, operation: Operation, workspaces: &[String]) -> Result<(), Refusal> {
    if workspaces.is_empty() {
        return Err(Refusal::bad("malformed_body", "no workspace is named"));
    }
    workspaces
        .iter()
        .try_for_each(|workspace| caller.may(operation, workspace))
}

fn row(shown: &Shown) -> Value {
    let sentences = |scopes: &[Scope]| -> Vec<Value> {
        let sentence = |scope: &Scope| {
            let row = scope.row();
            json!({
                "scope": row.name, "allows": row.allows, "sensitivity": row.sensitivity.word(),
                "not_yet": scope.is_not_yet(),
            })
        };
        scopes.iter().map(sentence).collect()
    };
    json!({
        "key": shown.key, "state": shown.state.word(), "name": shown.name, "vendor": shown.vendor, "host": shown.host,
        "digest": shown.digest, "waits": shown.waits, "installed": shown.is_installed,
        "approved": shown.approved.names(), "asks_for": sentences(&shown.scopes.new),
        "keeps": sentences(&shown.scopes.kept), "gives_up": sentences(&shown.scopes.given_up),
        "could_not": shown.scopes.never.iter().map(|scope| scope.name()).collect::<Vec<_>>(),
        "events": shown.events, "warnings": shown.warnings, "trouble": shown.trouble,
    })
}

impl Hub {
    /// Registers an extension for somebody. Where one of its key is there at another address or for other workspaces, that changes what
    /// others have agreed to: only who may agree may do so.
    ///
    /// # Errors
    /// They may not, or its descriptor is none.
    pub(in super::super) async fn register_extension(
        &self,
        caller: &Caller,
        address: &str,
        workspaces: &[String],
    ) -> Result<Shown, Refusal> {
        let extensions = self.extensions();
        let registered = extensions.register_for(caller.owner(), address, workspaces).await;
        if !matches!(registered, Err(ExtensionError::IsThere(_))) {
            return Ok(registered?);
        }
        caller.may_at_hub(Operation::Administer(Administering::Approve))?;
        Ok(extensions.register_anew(address, workspaces).await?)
    }

    /// Sees to one extension at once, as somebody waits for it.
    ///
    /// # Errors
    /// The memory does not answer, or there is no master key.
    pub(in super::super) async fn see_to_extension(&self, key: &str) -> Result<(), ExtensionError> {
        self.extensions().see_to(key, &self.own_address()).await
    }

    /// Reads again who listens, and forgets what has ended.
    async fn refresh_extensions(&self) -> Result<(), ExtensionError> {
        self.listening().replace(self.extensions().listeners().await?);
        self.extensions().tidy().await
    }

    /// Sees to all extensions, again and again.
    pub(in super::super) async fn see_to_extensions(&self) {
        let stop = self.tasks().stop_token();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.rhythm().tidy) => {}
            }
            let seen = self.extensions().see_to_all(&self.own_address()).await;
            let done = match seen {
                Ok(()) => self.refresh_extensions().await,
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the hub cannot see to its extensions now");
            }
        }
    }
}
