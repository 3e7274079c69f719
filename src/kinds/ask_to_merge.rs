//! Branches of goals that ask to be merged: where there is a forge, by a pull request (semantics 4.1, 5.5).

use serde_json::{Value, json};

use super::{GoalContext, KindError};
use crate::model::goal_event::ExternalUrl;
use crate::model::{BranchName, ExecutionResult};
use crate::ports::forges::{OpenPullRequest, PullRequest};
use crate::ports::secrets::Asker;

/// Longest title, in characters; forges cut longer ones or refuse them.
const LONGEST_TITLE: usize = 200;

/// Asks that the branch is merged into the target. What is pushed stays pushed, whatever the forge says.
pub(super) async fn ask_to_merge(
    context: &GoalContext<'_>,
    branch: &BranchName,
    target: &BranchName,
    title: &str,
    body: &str,
) -> Result<OpenPullRequest, KindError> {
    let push = &context.record.push;
    let wanted = PullRequest {
        branch: branch.clone(),
        target: target.clone(),
        title: title
            .chars()
            .filter(|c| !c.is_control())
            .take(LONGEST_TITLE)
            .collect(),
        body: body.to_owned(),
    };
    Ok(context
        .forges
        .ask_to_merge(&push.repo, &wanted, &asker(context))
        .await?)
}

/// For whom a forge's token is asked.
pub(super) fn asker(context: &GoalContext<'_>) -> Asker {
    let push = &context.record.push;
    Asker {
        repo: push.repo.slug.clone(),
        branch: push.branch.clone(),
        goal: context.goal.definition().unique_name.to_string(),
        trust: push.trust,
    }
}

/// The result of a goal whose branch asks to be merged.
pub(super) fn with_pull_request(result: ExecutionResult, open: &OpenPullRequest) -> ExecutionResult {
    let what = match open.is_new {
        true => "opened",
        false => "brought up to date",
    };
    let said = result.description.clone().unwrap_or_default();
    let mut external_urls = result.external_urls.clone();
    external_urls.push(ExternalUrl {
        label: Some(format!("Pull request {}", open.number)),
        url: open.url.clone(),
    });
    let data = result.data.as_deref().map(|data| with_number(data, open));
    ExecutionResult {
        description: Some(format!(
            "{said}; pull request {} {what}: {}",
            open.number, open.url
        )),
        external_urls,
        data,
        ..result
    }
}

/// The data of a goal with its pull request beside the branch.
fn with_number(data: &str, open: &OpenPullRequest) -> String {
    let mut data: Value = serde_json::from_str(data).unwrap_or_default();
    let of_kind = data.as_object_mut().and_then(|data| data.values_mut().next());
    if let Some(of_kind) = of_kind.and_then(Value::as_object_mut) {
        let pull_request = json!({"number": open.number, "url": open.url});
        of_kind.insert("pull_request".to_owned(), pull_request);
    }
    data.to_string()
}
