//! What administrators ask over HTTP about terms of add-ons and about trusted issuers of job tokens.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::super::Hub;
use super::super::access::held::HeldTrust;
use super::super::access::operations::Operation;
use super::super::http::mount;
use super::super::refusal::Refusal;
use super::giving::Giver;
use super::operations::Administering as A;
use super::routes::{Answered, addon_key, administrator, editor, held, read, scope_set};
use super::{terms, views};
use crate::access::federation::TrustedIssuer;
use crate::access::{Limit, Term, Terms};

/// The routes of terms and trust.
pub(super) fn routes(router: Router<Hub>) -> Router<Hub> {
    let router = mount(router, Operation::Administer(A::SetTerms), post(set));
    let router = mount(router, Operation::Administer(A::ListTrust), get(list));
    let router = mount(router, Operation::Administer(A::Trust), post(trust));
    mount(router, Operation::Administer(A::Distrust), post(distrust))
}

/// Terms as they are wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedTerms {
    terms: Vec<String>,
}

/// `POST /admin/addons/{key}/terms`
async fn set(State(hub): State<Hub>, Path(key): Path<String>, headers: HeaderMap, body: Bytes) -> Answered {
    let by = editor(&hub, &headers, A::SetTerms).await?.1;
    let wanted: WantedTerms = read(&body)?;
    let wanted: Result<Terms, _> = wanted.terms.iter().map(|word| Term::parse(word)).collect();
    let wanted = wanted.map_err(|error| Refusal::bad("invalid_argument", error.to_string()))?;
    let giver = Giver {
        by,
        caller: None,
        at: hub.now(),
    };
    terms::set_terms(hub.store(), &addon_key(&key)?, &wanted, &giver).await?;
    hub.rights().refresh(hub.store(), hub.now()).await?;
    Ok(Json(json!({"key": key, "terms": views::terms(&wanted)})))
}

/// `GET /admin/trust`
async fn list(State(hub): State<Hub>, headers: HeaderMap) -> Answered {
    administrator(&hub, &headers, A::ListTrust).await?;
    let held = held(&hub).await?;
    let trusts: Vec<_> = held.trusts.iter().map(views::trust).collect();
    Ok(Json(json!({ "trust": trusts })))
}

/// A trust as it is wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedTrust {
    issuer: String,
    audience: Option<String>,
    claims: BTreeMap<String, String>,
    addon: String,
    scopes: Vec<String>,
    workspaces: Vec<String>,
}

/// `POST /admin/trust`
async fn trust(State(hub): State<Hub>, headers: HeaderMap, body: Bytes) -> Answered {
    let (caller, by) = editor(&hub, &headers, A::Trust).await?;
    let wanted: WantedTrust = read(&body)?;
    let new = HeldTrust {
        id: hub.fresh_id(),
        issuer: TrustedIssuer {
            issuer: wanted.issuer,
            audience: wanted.audience.unwrap_or_else(|| hub.own_address()),
            claims: wanted.claims,
            addon: addon_key(&wanted.addon)?,
            limit: Limit {
                scopes: Some(scope_set(&wanted.scopes)?),
                ..Limit::default()
            },
        },
        workspaces: wanted.workspaces,
        given_by: by.as_str().to_owned(),
        given: hub.now(),
    };
    let giver = Giver {
        by,
        caller: Some(caller),
        at: new.given,
    };
    terms::trust(hub.store(), &new, &giver).await?;
    hub.rights().refresh(hub.store(), hub.now()).await?;
    Ok(Json(views::trust(&new)))
}

/// `POST /admin/trust/{id}/remove`
async fn distrust(State(hub): State<Hub>, Path(id): Path<String>, headers: HeaderMap) -> Answered {
    editor(&hub, &headers, A::Distrust).await?;
    let gone = terms::distrust(hub.store(), &id, hub.now()).await?;
    hub.rights().refresh(hub.store(), hub.now()).await?;
    Ok(Json(views::trust(&gone)))
}
