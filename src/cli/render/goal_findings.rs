//! What a goal found and where more of it is: links, and how fingerprints differ from other commits (semantics 4.4).

use super::super::text::{cut, neutralise};
use super::super::theme::{Role, Theme};
use super::goal_details::INDENT;
use crate::model::StateName;
use crate::model::goal_event::ExternalUrl;
use crate::wire::views::GoalView;

/// Links and differences shown unless all are wanted.
const FEW: usize = 5;

/// Where the data of fingerprints keeps differences, and what they are.
const DIFFERENCES: &[(&str, &str)] = &[
    ("/fingerprints/changed", "since the last push"),
    ("/fingerprints/drift", "against the default branch"),
];

/// Links of a goal's result, one a line.
pub(super) fn links(theme: &Theme, goal: &GoalView, verbose: bool) -> Vec<String> {
    let most = if verbose { usize::MAX } else { FEW };
    let shown = goal.external_urls.iter().take(most);
    let mut lines: Vec<String> = shown.map(|link| on_one_line(theme, &words(link))).collect();
    lines.extend(more(theme, goal.external_urls.len(), most));
    lines
}

/// Images that the goal ran, one a line and whole, for whoever wants all.
pub(super) fn images(goal: &GoalView, verbose: bool) -> Vec<String> {
    let shown = goal.images.iter().filter(|_| verbose);
    shown
        .map(|(container, image)| neutralise(&format!("ran {image} as {container}")))
        .collect()
}

/// Never shortened by its label: an address is there to be opened.
fn words(link: &ExternalUrl) -> String {
    match link
        .label
        .as_deref()
        .filter(|label| !label.is_empty() && *label != link.url)
    {
        Some(label) => format!("{} ({label})", link.url),
        None => link.url.clone(),
    }
}

/// How the fingerprints of a goal differ, for whoever has to decide about it; with `verbose` for everybody.
pub(super) fn differences(theme: &Theme, goal: &GoalView, verbose: bool) -> Vec<String> {
    let is_asked = matches!(
        goal.state,
        StateName::WaitingForApproval | StateName::WaitingForPreApproval
    );
    if !is_asked && !verbose {
        return Vec::new();
    }
    let most = if verbose { usize::MAX } else { FEW };
    let mut lines = Vec::new();
    for (place, against) in DIFFERENCES {
        let found = goal
            .data
            .as_ref()
            .and_then(|data| data.pointer(place)?.as_array());
        let found: Vec<&str> = found
            .into_iter()
            .flatten()
            .filter_map(|one| one.as_str())
            .collect();
        let shown = found.iter().take(most);
        lines.extend(shown.map(|one| on_one_line(theme, &format!("{against}: {one}"))));
        lines.extend(more(theme, found.len(), most));
    }
    lines
}

fn more(theme: &Theme, all: usize, most: usize) -> Option<String> {
    let more = all.saturating_sub(most);
    let words = format!("{more} more; `sdm goals --verbose` shows them");
    (more > 0).then(|| theme.paint(Role::Dim, &words))
}

fn on_one_line(theme: &Theme, text: &str) -> String {
    let room = theme.width.saturating_sub(INDENT).max(10);
    cut(&neutralise(text), room, theme.unicode)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::fixture::goal;
    use super::*;

    fn found(state: StateName) -> GoalView {
        let drift: Vec<String> = (0..7).map(|number| format!("file f{number}: a → b")).collect();
        GoalView {
            external_urls: vec![ExternalUrl {
                label: Some("report\x1b[2J".to_owned()),
                url: "https://x.example/1".to_owned(),
            }],
            data: Some(
                json!({"fingerprints": {"taken": 7, "changed": ["file f0: added as a"], "drift": drift}}),
            ),
            ..goal("drift", state, Some(1), None)
        }
    }

    #[test]
    fn who_approves_sees_what_differs_and_everybody_sees_links() {
        let theme = Theme::plain();
        let waiting = found(StateName::WaitingForApproval);
        let shown = differences(&theme, &waiting, false);
        assert_eq!(shown.len(), 7, "{shown:?}");
        assert_eq!(shown[0], "since the last push: file f0: added as a");
        assert_eq!(shown[1], "against the default branch: file f0: a → b");
        assert_eq!(shown[6], "2 more; `sdm goals --verbose` shows them");
        assert_eq!(differences(&theme, &waiting, true).len(), 8);
        let ended = found(StateName::Success);
        assert!(differences(&theme, &ended, false).is_empty());
        assert!(links(&theme, &ended, false)[0].starts_with("https://x.example/1 (report"));
        assert!(!links(&theme, &ended, false)[0].contains('\x1b'));
    }
}
