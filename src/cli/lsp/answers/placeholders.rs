//! Placeholders: what may be asked for where a text stands, and what a path means.

use serde_json::{Value, json};

use super::super::place::{Kind, names_of, shape};
use super::super::scan::{Frame, Named, given, here};
use super::super::text;
use super::completion::MOST_NAMES;
use super::{Question, document};
use crate::model::descriptor::Form;
use crate::model::{UniqueName, ValueType};
use crate::spec::keys::snake_case;
use crate::spec::placeholder::{Asker, FACTS, Fact, fact_at};

/// Kind of items, as the protocol numbers them.
const VARIABLE: u8 = 6;

/// Everything that the placeholder at the position may ask for; `None` where there is no placeholder.
pub(super) fn items(question: &Question<'_>) -> Option<Value> {
    let (start, end) = text::path_at(question.text, question.offset)?;
    let frames = frames_around(question.text, start);
    let range = range(question.text, start, end);
    let askers = askers(&frames);
    let mut paths: Vec<(String, &Fact)> = Vec::new();
    for fact in FACTS.iter().filter(|fact| may_ask(&askers, fact)) {
        for path in paths_of(question, &frames, fact) {
            if paths.last().is_none_or(|(last, _)| *last != path) {
                paths.push((path, fact));
            }
        }
    }
    let item = |(path, fact): (String, &Fact)| {
        json!({
            "label": path,
            "kind": VARIABLE,
            "documentation": fact.help,
            "textEdit": { "range": range, "newText": path },
        })
    };
    Some(paths.into_iter().map(item).collect())
}

/// What the placeholder at the position asks for, in Markdown.
pub(super) fn explanation(question: &Question<'_>) -> Option<String> {
    let (start, end) = text::path_at(question.text, question.offset)?;
    let path = &question.text[start..end];
    let fact = fact_at(path)?;
    let askers: Vec<&str> = fact.known_to.iter().copied().map(Asker::plural).collect();
    Some(format!("**{path}**: {}\n\nIn: {}", fact.help, askers.join(", ")))
}

/// What is around a placeholder, its own brackets left out.
fn frames_around(text: &str, path: usize) -> Vec<Frame> {
    let before = text[..path].trim_end_matches('!');
    here(before.strip_suffix("${").unwrap_or(before)).frames
}

fn range(text: &str, start: usize, end: usize) -> Value {
    let line = text[..start].matches('\n').count();
    let begins = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let column = text[begins..start].chars().count();
    text::range(text::line(text, line), line, column, end - start)
}

/// Who may ask there; nobody in push tests, where only parameters are filled in.
fn askers(frames: &[Frame]) -> Vec<Asker> {
    let outermost = frames.first().and_then(|frame| frame.key.as_deref());
    if outermost.is_some_and(|key| snake_case(key) == "push_tests") {
        return Vec::new();
    }
    for (depth, frame) in frames.iter().enumerate() {
        match shape(document(), &frames[..depth]).map(|place| place.value()) {
            Some(ValueType::Form(Form::Listener)) => return vec![Asker::Listener],
            Some(ValueType::Form(Form::Command)) => return askers_of_command(frame),
            _ => {}
        }
    }
    vec![Asker::Goal]
}

/// What a command runs by `run` may have no repository; `targets` may also stand below the position.
fn askers_of_command(command: &Frame) -> Vec<Asker> {
    let has_targets = command.siblings.iter().any(|(key, _)| key == "targets");
    let may_have_none = command
        .key
        .as_deref()
        .is_none_or(|key| ["run", "env"].contains(&key));
    match may_have_none && !has_targets {
        true => vec![Asker::OnRepositories, Asker::Command],
        false => vec![Asker::OnRepositories],
    }
}

fn may_ask(askers: &[Asker], fact: &Fact) -> bool {
    match askers {
        [] => fact.stem() == "parameters.",
        askers => fact.known_to.iter().any(|asker| askers.contains(asker)),
    }
}

/// Paths of a fact: with each name that there is in place of the part of one's own, else up to there.
fn paths_of(question: &Question<'_>, frames: &[Frame], fact: &Fact) -> Vec<String> {
    let mut names = match fact.stem() {
        "parameters." => parameters(question.text, frames),
        "facts." => facts(question),
        "goals." => goals(question),
        "values." => question.files.values().to_vec(),
        _ => Vec::new(),
    };
    names.truncate(MOST_NAMES);
    match names.is_empty() {
        true => vec![fact.stem().to_owned()],
        false => names.iter().map(|name| fact.of(name)).collect(),
    }
}

/// Parameters of what is around, the axes of its plan among them.
fn parameters(text: &str, frames: &[Frame]) -> Vec<String> {
    let is_around = |number: usize| frames.iter().any(|frame| frame.number == number);
    let owners = |named: &Named| owner(named).is_some_and(|frame| is_around(frame.number));
    each_once(given(text).into_iter().filter(owners))
}

/// The map that parameters, or the axes of a plan, belong to.
fn owner(named: &Named) -> Option<&Frame> {
    let [before @ .., giving, _] = named.frames.as_slice() else {
        return None;
    };
    match giving.key.as_deref()? {
        "parameters" => Some(giving),
        "matrix" => before
            .iter()
            .rev()
            .find(|frame| frame.key.as_deref() == Some("plan")),
        _ => None,
    }
}

/// Facts that rules attach, in any file.
fn facts(question: &Question<'_>) -> Vec<String> {
    let is_fact = |named: &Named| {
        let [.., giving, _] = named.frames.as_slice() else {
            return false;
        };
        giving
            .key
            .as_deref()
            .is_some_and(|key| ["facts", "let"].contains(&key))
    };
    let files = question.files.around(question.uri);
    each_once(files.iter().flat_map(|file| given(&file.text)).filter(is_fact))
}

/// Unique names of goals.
fn goals(question: &Question<'_>) -> Vec<String> {
    let is_goal = |kind| matches!(kind, Kind::Goal | Kind::TopLevelGoal);
    let names = names_of(document(), &question.files.around(question.uri), is_goal);
    let unique = names.iter().filter_map(|name| UniqueName::parse(name).ok());
    unique.map(|name| name.as_str().to_owned()).collect()
}

fn each_once(named: impl Iterator<Item = Named>) -> Vec<String> {
    let mut names: Vec<String> = named.map(|named| named.name).collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(text: &str) -> Vec<Asker> {
        askers(&here(text).frames)
    }

    #[test]
    fn who_asks_is_told_by_what_is_around() {
        let goal = "rules:\n  - name: a\n    goals:\n      - name: b\n        execute: {run: [x, ";
        assert_eq!(asks(goal), [Asker::Goal]);
        let command = "commands:\n  - name: a\n    ";
        let either = [Asker::OnRepositories, Asker::Command];
        assert_eq!(asks(&format!("{command}run: [x, ")), either);
        assert_eq!(
            asks(&format!(
                "{command}targets: true\n    run:\n      - sh\n      - |\n        echo "
            )),
            [Asker::OnRepositories]
        );
        assert_eq!(
            asks(&format!("{command}transform: {{run: [x, ")),
            [Asker::OnRepositories]
        );
        assert_eq!(asks("on: [{name: a, event: Push, run: [x, "), [Asker::Listener]);
        assert_eq!(asks("push_tests:\n  a: {has_file: "), []);
    }

    #[test]
    fn parameters_are_those_of_what_is_around() {
        let text = "goals:\n  - name: a\n    parameters: {x: 1}\n    plan: {matrix: {axis: [1]}}\n    execute: {run: [here]}\n  - name: b\n    parameters: {y: 1}\n";
        let frames = here(&text[..text.find("here").unwrap()]).frames;
        assert_eq!(parameters(text, &frames), ["axis", "x"]);
    }
}
