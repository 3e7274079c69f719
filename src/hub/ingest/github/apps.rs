//! What is about no repository in particular: installations of an app, people who use one, and that a webhook was set up.

use serde_json::{Value, json};

use super::super::super::changes::Change;
use super::super::known::{Forge, moment, number, text};

/// Most repositories of one installation that are told of at once.
const MOST_REPOSITORIES: usize = 10_000;

/// The installation of an app at somebody's, with the repositories that it may see from now on. Those that it sees no more stay known,
/// with what was told of them, as they do when it is gone.
pub(super) fn installation(payload: &Value) -> Option<Vec<Change>> {
    let value = payload.get("installation")?;
    let owner = text(value, "/account/login")?;
    let forge = Forge::of_page(text(value, "/account/html_url")?)?;
    let key = forge.installation_key(&number(value, "/id")?);
    let kind = text(value, "/account/type");
    let mut changes = vec![forge.change(), forge.with_app(), forge.organization(owner, kind)];
    if text(payload, "/action") == Some("deleted") {
        changes.push(Change::ended("GitHubAppInstallation", key));
        return Some(changes);
    }
    let body = json!({
        "owner": owner, "gitHubAppId": number(value, "/app_id"), "timestamp": moment(value, "/updated_at"),
        "suspended": value.get("suspended_at").is_some_and(|moment| !moment.is_null()),
    });
    changes.push(Change::dated("GitHubAppInstallation", vec![key], body));
    let told =
        ["repositories", "repositories_added"].map(|field| payload.get(field).and_then(Value::as_array));
    let told = told.into_iter().flatten().flatten().take(MOST_REPOSITORIES);
    changes.extend(told.filter_map(|repository| forge.named_repository(repository)));
    Some(changes)
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
