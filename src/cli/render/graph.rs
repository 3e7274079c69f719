//! Plans as pictures: mermaid and dot. Names are data; they cannot end a label.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::super::text::neutralise;
use crate::wire::explain::{ExplainView, ExplainedGoal};

/// Flowcharts for mermaid, one per push; node identifiers are numbers, so names never become syntax.
pub fn mermaid(views: &[ExplainView]) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for (push, view) in views.iter().enumerate() {
        let _ = writeln!(text, "  subgraph p{push}[\"{}\"]", mermaid_text(&title(view)));
        for (index, goal) in view.goals.iter().enumerate() {
            let (open, close) = if needs_person(goal) {
                ("{{", "}}")
            } else {
                ("[", "]")
            };
            let _ = writeln!(
                text,
                "    p{push}g{index}{open}\"{}\"{close}",
                mermaid_text(&goal.name)
            );
        }
        if view.goals.is_empty() {
            let _ = writeln!(text, "    p{push}none[\"no goals\"]");
        }
        for (from, to) in edges(&view.goals) {
            let _ = writeln!(text, "    p{push}g{from} --> p{push}g{to}");
        }
        text.push_str("  end\n");
    }
    text
}

/// A directed graph for graphviz.
pub fn dot(views: &[ExplainView]) -> String {
    let mut text = "digraph plan {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n".to_owned();
    for (push, view) in views.iter().enumerate() {
        let _ = writeln!(
            text,
            "  subgraph cluster_{push} {{\n    label=\"{}\";",
            dot_text(&title(view))
        );
        for (index, goal) in view.goals.iter().enumerate() {
            let shape = if needs_person(goal) { ", shape=hexagon" } else { "" };
            let _ = writeln!(
                text,
                "    p{push}g{index} [label=\"{}\"{shape}];",
                dot_text(&goal.name)
            );
        }
        if view.goals.is_empty() {
            let _ = writeln!(text, "    p{push}none [label=\"no goals\"];");
        }
        for (from, to) in edges(&view.goals) {
            let _ = writeln!(text, "    p{push}g{from} -> p{push}g{to};");
        }
        text.push_str("  }\n");
    }
    text.push_str("}\n");
    text
}

fn title(view: &ExplainView) -> String {
    let sha = view.push.after.get(..7).unwrap_or(&view.push.after);
    format!(
        "{}/{} {sha}: {}",
        view.push.repo,
        view.push.branch,
        view.goal_set.as_deref().unwrap_or("no goals")
    )
}

const fn needs_person(goal: &ExplainedGoal) -> bool {
    goal.approval.is_some() || goal.pre_approval.is_some()
}

fn edges(goals: &[ExplainedGoal]) -> Vec<(usize, usize)> {
    let index: HashMap<&str, usize> = goals
        .iter()
        .enumerate()
        .map(|(index, goal)| (goal.unique_name.as_str(), index))
        .collect();
    let mut found = Vec::new();
    for (to, goal) in goals.iter().enumerate() {
        found.extend(
            goal.after
                .iter()
                .filter_map(|unique| index.get(unique.as_str()))
                .map(|from| (*from, to)),
        );
    }
    found
}

/// Mermaid reads entity codes in quoted labels; everything that could be markup becomes one.
fn mermaid_text(text: &str) -> String {
    let mut escaped = String::new();
    for c in neutralise(text).chars() {
        match c {
            c if c.is_alphanumeric() || " /-_.,:()+".contains(c) => escaped.push(c),
            c => {
                let _ = write!(escaped, "#{};", u32::from(c));
            }
        }
    }
    escaped
}

fn dot_text(text: &str) -> String {
    neutralise(text).replace('\\', "\\\\").replace('"', "\\\"")
}
