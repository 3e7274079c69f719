//! What a push to a branch will or may set: the rules, then the goals that are certain and those that are possible.

use std::fmt::Write as _;

use super::super::text::{cut, neutralise};
use super::super::theme::{Role, Theme};
use super::explain::rules;
use crate::wire::prediction::{PredictedGoalView, PredictionView};

/// A prediction as text; `verbose` shows the tests of every rule.
pub fn prediction(theme: &Theme, view: &PredictionView, verbose: bool) -> String {
    let place = neutralise(&format!("{}/{}", view.repo, view.branch));
    let mut text = format!("{} - any push\n\n", theme.paint(Role::Strong, &place));
    text.push_str(&rules(theme, &view.rules, verbose));
    text.push('\n');
    if view.goals.is_empty() {
        text.push_str("No push to this branch sets goals.\n");
        return text;
    }
    let (certain, possible): (Vec<_>, Vec<_>) = view.goals.iter().partition(|goal| goal.certain);
    for (heading, goals) in [("Certain:", certain), ("Possible:", possible)] {
        if !goals.is_empty() {
            let _ = writeln!(text, "{}", theme.paint(Role::Strong, heading));
            goals
                .iter()
                .for_each(|goal| text.push_str(&goal_line(theme, goal)));
        }
    }
    text
}

fn goal_line(theme: &Theme, goal: &PredictedGoalView) -> String {
    let rules = goal.rules.join(", ");
    let words = neutralise(&format!("{} ({}) by {rules}", goal.name, goal.kind));
    format!(
        "  {}\n",
        cut(&words, theme.width.saturating_sub(2).max(20), theme.unicode)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plan::RuleOutcome;
    use crate::wire::explain::ExplainedRule;

    #[test]
    fn ru_17_a_prediction_says_what_is_certain_and_what_is_possible() {
        let rule = |name: &str, outcome, because: &str, depth| ExplainedRule {
            name: name.to_owned(),
            place: "goals/main.yaml:2:5".to_owned(),
            outcome,
            because: because.to_owned(),
            goals: Vec::new(),
            tests: Vec::new(),
            depth,
            facts: serde_json::Map::new(),
            instances: Vec::new(),
        };
        let goal = |name: &str, certain, rules: &[&str]| PredictedGoalView {
            name: name.to_owned(),
            unique_name: name.to_owned(),
            environment: "0-code".to_owned(),
            kind: "execute".to_owned(),
            certain,
            rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
        };
        let view = PredictionView {
            repo: "acme/shop".to_owned(),
            branch: "main".to_owned(),
            goals: vec![
                goal("format", true, &["checks", "rust"]),
                goal("test", false, &["rust"]),
            ],
            rules: vec![
                rule("checks", RuleOutcome::Matched, "it applies to any push", 0),
                rule("build", RuleOutcome::Possible, "it applies to any push", 0),
                rule("rust", RuleOutcome::Possible, "the push decides", 1),
                rule(
                    "older",
                    RuleOutcome::NotReached,
                    "rust applies and comes before it",
                    1,
                ),
            ],
        };
        insta::assert_snapshot!("prediction", prediction(&Theme::plain(), &view, false));
        insta::assert_json_snapshot!("prediction_json", view);
        let none = PredictionView {
            goals: Vec::new(),
            ..view
        };
        assert!(
            prediction(&Theme::plain(), &none, false).ends_with("\nNo push to this branch sets goals.\n")
        );
    }
}
