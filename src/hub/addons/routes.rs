//! What administrators ask about add-ons over HTTP.

use std::str::FromStr as _;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Hub;
use super::super::access::Caller;
use super::super::access::audit::export;
use super::super::access::edit::EditError;
use super::super::access::held::HeldAddon;
use super::super::access::operations::Operation;
use super::super::http::mount;
use super::super::refusal::Refusal;
use super::AddonError;
use super::answers::{Answer, Answering, answer};
use super::giving::{Given, Giver, Wanted, give, take};
use super::operations::Administering;
use super::policy::{Applied, NotApplied, Proposed, apply};
use super::trusting;
use super::views;
use crate::access::effective::{Question, effective, told_apart};
use crate::access::request::Proof;
use crate::access::snapshot::Right;
use crate::access::{AddonKey, Context, Grant, Level, PersonId, Principal, Resource, ScopeSet, Selector};
use crate::model::Timestamp;

/// The routes of this room.
pub(in super::super) fn routes() -> Router<Hub> {
    use Administering as A;
    let router = Router::new();
    let router = mount(router, Operation::Administer(A::List), get(list));
    let router = mount(router, Operation::Administer(A::Look), get(look));
    let router = mount(router, Operation::Administer(A::Effective), get(may_do));
    let router = mount(router, Operation::Administer(A::Approve), post(approve));
    let router = mount(router, Operation::Administer(A::Reject), post(reject));
    let router = mount(router, Operation::Administer(A::Disable), post(disable));
    let router = mount(router, Operation::Administer(A::Enable), post(enable));
    let router = mount(router, Operation::Administer(A::Uninstall), post(uninstall));
    let router = mount(router, Operation::Administer(A::Give), post(give_grant));
    let router = mount(router, Operation::Administer(A::Take), post(take_grant));
    let router = mount(router, Operation::Administer(A::ReadPolicy), get(read_policy));
    let router = mount(router, Operation::Administer(A::ApplyPolicy), post(apply_policy));
    let router = trusting::routes(router);
    let router = mount(router, Operation::Administer(A::ReadAudit), get(read_audit));
    mount(router, Operation::Administer(A::ExportAudit), get(export_audit))
}

pub(super) type Answered = Result<Json<Value>, Refusal>;

/// Whoever does something that only an administrator does, and who they are.
pub(super) async fn administrator(
    hub: &Hub,
    headers: &HeaderMap,
    what: Administering,
) -> Result<Caller, Refusal> {
    let caller = hub.caller(headers).await?;
    caller.may_at_hub(Operation::Administer(what))?;
    Ok(caller)
}

/// The same for what changes: not at a hub that is governed by a file.
pub(super) async fn editor(
    hub: &Hub,
    headers: &HeaderMap,
    what: Administering,
) -> Result<(Caller, PersonId), Refusal> {
    let caller = administrator(hub, headers, what).await?;
    if let Some(file) = hub.rights().governing_file() {
        tracing::debug!(file = %file.display(), "somebody wants to change what a file governs");
        let message =
            "a policy in a file governs this hub, and nothing else changes who may do what: change the file";
        return Err(Refusal::conflict(message));
    }
    match caller.principal() {
        Principal::Person(id) => {
            let id = id.clone();
            Ok((caller, id))
        }
        Principal::Addon(_) | Principal::Anonymous => {
            Err(Refusal::person_required(Operation::Administer(what)))
        }
    }
}

/// What is kept, as it is now.
pub(super) async fn held(hub: &Hub) -> Result<Arc<super::super::access::held::Held>, Refusal> {
    hub.rights().refresh(hub.store(), hub.now()).await?;
    Ok(hub.rights().held())
}

pub(super) fn addon_key(text: &str) -> Result<AddonKey, Refusal> {
    AddonKey::parse(text).map_err(|_| Refusal::missing_thing("there is no such add-on"))
}

async fn list(State(hub): State<Hub>, headers: HeaderMap) -> Answered {
    administrator(&hub, &headers, Administering::List).await?;
    let held = held(&hub).await?;
    let addons: Vec<Value> = held
        .addons
        .iter()
        .map(|(key, addon)| views::addon(key, addon))
        .collect();
    let file = hub.rights().governing_file().is_some();
    Ok(Json(
        json!({"addons": addons, "governed_by_file": file, "version": held.version}),
    ))
}

async fn look(State(hub): State<Hub>, Path(key): Path<String>, headers: HeaderMap) -> Answered {
    administrator(&hub, &headers, Administering::Look).await?;
    let (held, key) = (held(&hub).await?, addon_key(&key)?);
    let addon = held.addons.get(&key);
    let addon = addon.ok_or_else(|| Refusal::missing_thing("there is no such add-on"))?;
    Ok(Json(views::consent(&key, addon, &held)))
}

/// What is asked about an add-on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    #[serde(default)]
    person: Option<String>,
    #[serde(default)]
    resource: Option<String>,
}

/// `GET /admin/addons/{key}/effective?person=&resource=` (security model 12.3).
async fn may_do(
    State(hub): State<Hub>,
    Path(key): Path<String>,
    Query(about): Query<About>,
    headers: HeaderMap,
) -> Answered {
    administrator(&hub, &headers, Administering::Effective).await?;
    let (key, now) = (addon_key(&key)?, hub.now());
    hub.rights().refresh(hub.store(), now).await?;
    let snapshot = hub.rights().snapshot(now);
    let addon = snapshot.addons.get(&key);
    let addon = addon.ok_or_else(|| Refusal::missing_thing("there is no such add-on"))?;
    let terms = views::terms(&addon.terms);
    let resources = match &about.resource {
        Some(text) => vec![Resource::parse(text).map_err(|error| malformed(&error))?],
        None => told_apart(addon.grants.iter().map(|grant| &**grant)),
    };
    let principal = Principal::Addon(key);
    let mut snapshot = (*snapshot).clone();
    let context = match &about.person {
        None => Context::None,
        Some(text) => {
            let person = PersonId::parse(text).map_err(|error| malformed(&error))?;
            if let Some(known) = hub.store().person(text).await? {
                let standing = hub.rights().standing_of(&known, &person, hub.asks_forge());
                snapshot.people.insert(person.clone(), standing);
            }
            let proof = Proof::Handle(vec![Selector::Everything]);
            Context::Proven { person, proof }
        }
    };
    let question = Question {
        principal: &principal,
        context,
        now,
    };
    let lines = effective(&question, &resources, &snapshot);
    Ok(Json(
        json!({"who": principal.to_string(), "terms": terms, "rights": views::effective(&lines)}),
    ))
}

pub(super) fn malformed(error: &dyn std::error::Error) -> Refusal {
    Refusal::bad("invalid_argument", error.to_string())
}

/// What is agreed to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Agreement {
    /// SHA-256 of what was shown.
    digest: String,
    /// Less than everything.
    #[serde(default)]
    scopes: Option<Vec<String>>,
    /// Scopes of high sensitivity that have a tick of their own.
    #[serde(default)]
    ticked: Vec<String>,
}

pub(super) fn scope_set(words: &[String]) -> Result<ScopeSet, Refusal> {
    ScopeSet::parse(words.iter().map(String::as_str))
        .map_err(|error| Refusal::bad("invalid_argument", format!("{error}; {}", error.hint())))
}

async fn approve(
    State(hub): State<Hub>,
    Path(key): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answered {
    let by = editor(&hub, &headers, Administering::Approve).await?.1;
    let agreement: Agreement = read(&body)?;
    let scopes = agreement.scopes.as_deref().map(scope_set).transpose()?;
    let agreed = Answer::Approve {
        shown: agreement.digest,
        scopes,
        ticked: scope_set(&agreement.ticked)?,
    };
    let answered = answered(&hub, &key, &agreed, &by).await?;
    let mut view = views::addon(&answered.0, &answered.1);
    view["keys_that_do_not_reach"] = json!(unreached(&hub, &answered.0, &answered.1).await?);
    Ok(Json(view))
}

/// Keys of an add-on whose own limit bars something that it may.
async fn unreached(hub: &Hub, key: &AddonKey, addon: &HeldAddon) -> Result<Vec<String>, Refusal> {
    let owner = Principal::Addon(key.clone()).to_string();
    let approved = addon.registration.approved();
    let now = hub.now();
    let keys = hub.store().keys().await?;
    let is_barred = |key: &&crate::ports::hub::StoredKey| {
        let limit = super::super::access::rights::scopes(&key.scopes).closure();
        key.owner == owner
            && key.revoked.is_none()
            && key.expires > now
            && !approved.without(limit).is_empty()
    };
    Ok(keys.iter().filter(is_barred).map(|key| key.id.clone()).collect())
}

async fn reject(State(hub): State<Hub>, Path(key): Path<String>, headers: HeaderMap) -> Answered {
    simple(&hub, &key, &headers, (Administering::Reject, Answer::Reject)).await
}

async fn disable(State(hub): State<Hub>, Path(key): Path<String>, headers: HeaderMap) -> Answered {
    simple(&hub, &key, &headers, (Administering::Disable, Answer::Disable)).await
}

async fn enable(State(hub): State<Hub>, Path(key): Path<String>, headers: HeaderMap) -> Answered {
    simple(&hub, &key, &headers, (Administering::Enable, Answer::Enable)).await
}

async fn uninstall(State(hub): State<Hub>, Path(key): Path<String>, headers: HeaderMap) -> Answered {
    simple(
        &hub,
        &key,
        &headers,
        (Administering::Uninstall, Answer::Uninstall),
    )
    .await
}

/// An answer without more to say.
async fn simple(
    hub: &Hub,
    key: &str,
    headers: &HeaderMap,
    (what, answer): (Administering, Answer),
) -> Answered {
    let by = editor(hub, headers, what).await?.1;
    let (key, addon) = answered(hub, key, &answer, &by).await?;
    Ok(Json(views::addon(&key, &addon)))
}

async fn answered(
    hub: &Hub,
    key: &str,
    given: &Answer,
    by: &PersonId,
) -> Result<(AddonKey, HeldAddon), Refusal> {
    let key = addon_key(key)?;
    let answering = Answering { by, at: hub.now() };
    let (addon, _) = answer(hub.store(), &key, given, answering).await?;
    hub.rights().refresh(hub.store(), hub.now()).await?;
    Ok((key, addon))
}

/// A grant as it is wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedGrant {
    to: String,
    on: String,
    #[serde(default)]
    allow: Option<String>,
    #[serde(default)]
    deny: bool,
    #[serde(default)]
    until: Option<String>,
    #[serde(default)]
    note: Option<String>,
}

/// Whether only the effect is wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Preview {
    #[serde(default)]
    preview: bool,
}

impl WantedGrant {
    fn checked(self) -> Result<Wanted, Refusal> {
        let level = self.allow.as_deref().map(Level::parse);
        let right = match (level, self.deny) {
            (Some(Some(level)), false) => Right::Allow(level),
            (None, true) => Right::Deny,
            _ => {
                let message = "say either `allow` with read, write or admin, or `deny`";
                return Err(Refusal::bad("invalid_argument", message));
            }
        };
        let until = self.until.as_deref().map(moment).transpose()?;
        Ok(Wanted {
            principal: Principal::parse(&self.to).map_err(|error| malformed(&error))?,
            grant: Grant {
                selector: Selector::parse(&self.on).map_err(|error| malformed(&error))?,
                right,
                until,
                note: self.note.map(|note| note.chars().take(LONGEST_NOTE).collect()),
            },
        })
    }
}

/// Longest note of a grant, in characters.
const LONGEST_NOTE: usize = 500;

fn moment(text: &str) -> Result<Timestamp, Refusal> {
    DateTime::<Utc>::from_str(text).map(Timestamp::from).map_err(|_| {
        Refusal::bad(
            "invalid_argument",
            "`until` is a time with its zone, such as 2027-01-31T00:00:00Z",
        )
    })
}

async fn give_grant(
    State(hub): State<Hub>,
    Query(preview): Query<Preview>,
    headers: HeaderMap,
    body: Bytes,
) -> Answered {
    let (caller, by) = editor(&hub, &headers, Administering::Give).await?;
    let wanted: WantedGrant = read(&body)?;
    let giver = Giver {
        by,
        caller: Some(caller),
        at: hub.now(),
    };
    let how = (hub.fresh_id(), preview.preview);
    let given = give(hub.store(), wanted.checked()?, &giver, how).await?;
    told(&hub, &given, preview.preview).await
}

async fn take_grant(
    State(hub): State<Hub>,
    Path(id): Path<String>,
    Query(preview): Query<Preview>,
    headers: HeaderMap,
) -> Answered {
    let (caller, by) = editor(&hub, &headers, Administering::Take).await?;
    let giver = Giver {
        by,
        caller: Some(caller),
        at: hub.now(),
    };
    let taken = take(hub.store(), &id, &giver, preview.preview).await?;
    told(&hub, &taken, preview.preview).await
}

async fn told(hub: &Hub, given: &Given, is_preview: bool) -> Answered {
    hub.rights().refresh(hub.store(), hub.now()).await?;
    let effect = views::differences(&given.differences);
    Ok(Json(
        json!({"grant": views::grant(&given.grant), "effect": effect, "preview": is_preview}),
    ))
}

async fn read_policy(State(hub): State<Hub>, headers: HeaderMap) -> Result<impl IntoResponse, Refusal> {
    administrator(&hub, &headers, Administering::ReadPolicy).await?;
    let text = hub.policy_text().await?;
    Ok(([(CONTENT_TYPE, "application/yaml; charset=utf-8")], text))
}

async fn apply_policy(
    State(hub): State<Hub>,
    Query(preview): Query<Preview>,
    headers: HeaderMap,
    body: Bytes,
) -> Answered {
    let (caller, by) = editor(&hub, &headers, Administering::ApplyPolicy).await?;
    let giver = Giver {
        by,
        caller: Some(caller),
        at: hub.now(),
    };
    let people = hub.store().people().await?;
    let proposed = Proposed {
        text: &body,
        base: None,
        is_preview: preview.preview,
    };
    let Applied {
        differences,
        outcomes,
        besides,
    } = apply(hub.store(), proposed, &people, &giver)
        .await
        .map_err(|refused| match refused {
            NotApplied::Addon(error) => Refusal::from(error),
            NotApplied::Problems(problems) => {
                let said =
                    |problem: &crate::model::Diagnostic| format!("{}: {}", problem.place, problem.message);
                let problems: Vec<String> = problems.iter().map(said).collect();
                let message = format!("the policy cannot be applied: {}", problems.join("; "));
                Refusal::bad("invalid_policy", message).with(json!({ "problems": problems }))
            }
        })?;
    hub.rights().refresh(hub.store(), hub.now()).await?;
    Ok(Json(json!({
        "effect": views::differences(&differences), "besides": besides,
        "tests": views::outcomes(&outcomes), "preview": preview.preview,
    })))
}

/// From where on, and how much.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    #[serde(default)]
    after: u64,
}

/// Entries of the audit log in one export.
const MOST_ENTRIES: usize = 10_000;

/// Entries of the audit log on one page.
const MOST_ON_A_PAGE: usize = 500;

/// `GET /admin/audit?after=`: entries as they were written, oldest first; the number of the last one is where the next part begins.
async fn export_audit(
    State(hub): State<Hub>,
    Query(part): Query<Part>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Refusal> {
    administrator(&hub, &headers, Administering::ExportAudit).await?;
    let lines = audit_lines(&hub, part.after, MOST_ENTRIES)?;
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], lines))
}

/// `GET /admin/audit/entries?after=`: a page of the same, and behind which entry the next one begins.
async fn read_audit(State(hub): State<Hub>, Query(part): Query<Part>, headers: HeaderMap) -> Answered {
    administrator(&hub, &headers, Administering::ReadAudit).await?;
    let lines = audit_lines(&hub, part.after, MOST_ON_A_PAGE)?;
    let entries: Vec<Value> = lines
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    let is_full = entries.len() == MOST_ON_A_PAGE;
    let next = entries
        .last()
        .filter(|_| is_full)
        .map(|entry| entry["id"].clone());
    Ok(Json(json!({ "entries": entries, "next": next })))
}

/// Entries behind one of this number, a line each.
fn audit_lines(hub: &Hub, after: u64, most: usize) -> Result<Vec<u8>, Refusal> {
    let audit = hub.rights().audit();
    let path = audit
        .ok_or_else(|| Refusal::missing_thing("this hub keeps no audit log"))?
        .path();
    let mut lines = Vec::new();
    export(&path, after, most, &mut lines).map_err(|error| {
        let error: &dyn std::error::Error = &error;
        tracing::error!(error, "the audit log cannot be read");
        Refusal::busy("the audit log cannot be read now", 5)
    })?;
    Ok(lines)
}

pub(super) fn read<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        Refusal::bad(
            "malformed_body",
            format!("what is asked for cannot be read: {error}"),
        )
    })
}

impl From<AddonError> for Refusal {
    fn from(error: AddonError) -> Self {
        match error {
            AddonError::Edit(error) => error.into(),
            AddonError::Unchanged(unchanged) => Self::conflict(unchanged.to_string()),
            AddonError::NotThere { .. } => Self::missing_thing(error.to_string()),
            AddonError::Selector(error) => Self::bad("invalid_argument", error.to_string()),
            AddonError::Unsaid(error) => Self::bad("invalid_argument", error.to_string()),
            AddonError::Untrustworthy(_) | AddonError::EmptyTrust => {
                Self::bad("invalid_argument", error.to_string())
            }
            AddonError::NotYet(_) => Self::bad("not_available_yet", error.to_string()),
            AddonError::TooManyTrusts => Self::conflict(error.to_string()),
            AddonError::Beyond(_) => Self::forbidden("insufficient_permission", error.to_string()),
        }
    }
}

impl From<EditError> for Refusal {
    fn from(error: EditError) -> Self {
        match error {
            EditError::Store(error) => error.into(),
            EditError::Row(error) => {
                tracing::error!("what is kept of rights makes no sense: {error}");
                Self::busy("it cannot be decided now", 5)
            }
            EditError::Tests(failures) => {
                let message = format!("a test of the policy fails with it: {}", failures.join("; "));
                Self::conflict(message).with(json!({ "failures": failures }))
            }
        }
    }
}
