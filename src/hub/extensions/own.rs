//! What an add-on asks about itself: its registration, and another secret. It needs no scope, and nobody's agreement.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::operations::Operation;
use super::super::refusal::Refusal;
use super::signed::arrived;
use crate::access::AddonKey;
use crate::access::snapshot::AddonKind;

/// `GET /self`
pub(in super::super) async fn read(
    State(hub): State<Hub>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.caller(&headers).await?;
    caller.may_at_hub(Operation::ReadSelf)?;
    let key = key(&caller)?;
    let snapshot = hub.rights().snapshot(hub.now());
    let addon = snapshot.addons.get(&key);
    let addon = addon.ok_or_else(|| Refusal::missing_thing("nothing is registered under this key"))?;
    let places: Vec<String> = addon.grants.iter().map(|grant| grant.sentence()).collect();
    Ok(Json(json!({
        "key": key.as_str(), "kind": addon.kind.word(), "state": addon.state.word(), "approved": addon.approved.names(),
        "asks_for": addon.asked.names(), "grants": places, "workspaces": caller.key()?.workspaces,
    })))
}

/// `POST /self/rotate`: hands over another secret; the call that asks for it is answered when it was taken or not.
pub(in super::super) async fn rotate(
    State(hub): State<Hub>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = hub.caller(&headers).await?;
    caller.may_at_hub(Operation::RotateSelf)?;
    let key = key(&caller)?;
    let snapshot = hub.rights().snapshot(hub.now());
    let kind = snapshot.addons.get(&key).map(|addon| addon.kind);
    if kind != Some(AddonKind::Extension) {
        return Err(Refusal::missing_thing(
            "this add-on shares no secret with the hub",
        ));
    }
    has_the_secret()?;
    hub.extensions().want_secret(key.as_str()).await?;
    hub.see_to_extension(key.as_str()).await?;
    let shown = hub.extensions().shown(key.as_str()).await?;
    match shown.trouble.as_str() {
        "" => Ok(Json(json!({"rotated": true}))),
        trouble => Err(Refusal::conflict(trouble)),
    }
}

/// Another secret is for whoever has the present one: a token ends within the hour and may be for less than its add-on may, and what
/// it begins must not last longer (threat F6).
fn has_the_secret() -> Result<(), Refusal> {
    match arrived() {
        Some(_) => Ok(()),
        None => Err(Refusal::forbidden(
            "insufficient_permission",
            "another secret is asked for with a signed call, and not with a token",
        )),
    }
}

fn key(caller: &Caller) -> Result<AddonKey, Refusal> {
    AddonKey::parse(caller.name()).map_err(|_| Refusal::missing_thing("nothing is registered under this key"))
}
