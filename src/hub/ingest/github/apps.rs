//! What is about no repository in particular: installations of an app, people who use one, and that a webhook was set up.

use serde_json::Value;

use super::super::super::changes::Change;
use super::super::known::{Forge, fields, moment, number, text};
use super::place;

/// Most repositories of one installation that are told of at once.
const MOST_REPOSITORIES: usize = 10_000;

/// The installation of an app at somebody's, with the repositories that it may see from now on. Those that it sees no more stay known,
/// with what was told of them, as they do when it is gone; nothing is done there for people then.
pub(super) fn installation(payload: &Value) -> Option<Vec<Change>> {
    let value = payload.get("installation")?;
    let owner = text(value, "/account/login")?;
    let forge = Forge::of_page(text(value, "/account/html_url")?)?;
    let key = forge.installation_key(&number(value, "/id")?);
    let kind = text(value, "/account/type");
    let mut changes = vec![forge.change(), forge.with_app(), forge.organization(owner, kind)];
    if text(payload, "/action") == Some("deleted") {
        changes.push(Change::ended("GitHubAppInstallation", key));
        changes.extend(reached(&forge, payload, &["repositories"], false));
        return Some(changes);
    }
    let body = fields([
        ("owner", Some(owner.into())),
        ("gitHubAppId", number(value, "/app_id").map(Value::from)),
        ("timestamp", Some(moment(value, "/updated_at"))),
        (
            "suspended",
            value
                .get("suspended_at")
                .map(|moment| Value::Bool(!moment.is_null())),
        ),
        ("clientId", text(value, "/client_id").map(Value::from)),
    ]);
    let further = place(payload, &["suspend", "unsuspend"]);
    changes.push(Change::dated("GitHubAppInstallation", vec![key], body).ranked(0, further));
    let told = listed(payload, &WITHIN);
    changes.extend(told.filter_map(|repository| forge.named_repository(repository)));
    changes.extend(reached(&forge, payload, &WITHIN, true));
    changes.extend(reached(&forge, payload, &["repositories_removed"], false));
    Some(changes)
}

/// Where repositories are told of that an app may see.
const WITHIN: [&str; 2] = ["repositories", "repositories_added"];

/// Repositories that are told of there.
fn listed<'p>(payload: &'p Value, fields: &'p [&str]) -> impl Iterator<Item = &'p Value> {
    let told = fields
        .iter()
        .filter_map(|field| payload.get(*field).and_then(Value::as_array));
    told.flatten().take(MOST_REPOSITORIES)
}

/// Whether the app may see the repositories that are told of there.
fn reached<'p>(
    forge: &'p Forge,
    payload: &'p Value,
    fields: &'p [&str],
    is_within: bool,
) -> impl Iterator<Item = Change> + 'p {
    let installation = payload.get("installation").unwrap_or(&Value::Null);
    // That it is gone altogether is told with the moment of what was before.
    let further = place(payload, &["deleted"]);
    let reach = move |repository| {
        Some(
            forge
                .reach(installation, repository, is_within)?
                .ranked(0, further),
        )
    };
    listed(payload, fields).filter_map(reach)
}

/// Somebody lets an app act for them no more; they are known all the same.
pub(super) fn authorization(payload: &Value) -> Option<Vec<Change>> {
    let value = payload.get("sender")?;
    let forge = Forge::of_page(text(value, "/html_url")?)?;
    let (account, _) = forge.account(value)?;
    Some(vec![forge.change(), account])
}

/// Somebody, or an organization, is called otherwise; their repositories with them.
pub(super) fn renamed_account(payload: &Value) -> Option<Vec<Change>> {
    if text(payload, "/action") != Some("renamed") {
        return None;
    }
    let before = text(payload, "/changes/login/from")?;
    let account = payload.get("organization").or_else(|| payload.get("account"))?;
    let page = text(account, "/html_url").or_else(|| text(payload, "/sender/html_url"))?;
    let (forge, now) = (Forge::of_page(page)?, text(account, "/login")?);
    let kind = text(account, "/type").or_else(|| text(payload, "/target_type"));
    Some(vec![forge.change(), forge.renamed(before, now, kind)])
}

/// A webhook was set up for a whole organization.
pub(super) fn ping(payload: &Value) -> Option<Vec<Change>> {
    let owner = text(payload, "/organization/login")?;
    let forge = Forge::of_page(text(payload, "/sender/html_url")?)?;
    Some(vec![
        forge.change(),
        forge.organization(owner, Some("Organization")),
    ])
}
