//! What placeholders of commands and listeners may ask for, as far as that is known before anything runs.

use regex::Regex;

use crate::model::event::{Shape, Stray};
use crate::model::parameter::variable;
use crate::model::{EventType, Intent, ParameterDefinition, ParameterType, suggest};

use super::super::placeholder::Asked;
use super::super::problems::listed;

/// What is wrong with asking for something, and what to do about it.
pub(super) type Objection = (String, String);

/// What placeholders may ask for.
#[derive(Clone, Copy)]
pub(crate) struct Roots<'a> {
    who: Who<'a>,
    /// Whether it is a goal, which knows what goals know.
    is_goal: bool,
}

#[derive(Clone, Copy)]
enum Who<'a> {
    Command {
        parameters: &'a [ParameterDefinition],
        intents: &'a [Intent],
    },
    Listener {
        /// `None` for an event without a shape of its own, which may carry anything.
        event: Option<&'static EventType>,
        /// The path of the list whose items it runs for, and what each is.
        items: Option<(&'a str, Shape)>,
    },
}

impl<'a> Roots<'a> {
    /// A command without a repository.
    pub(crate) fn of_command(parameters: &'a [ParameterDefinition], intents: &'a [Intent]) -> Self {
        Self {
            who: Who::Command { parameters, intents },
            is_goal: false,
        }
    }

    /// A command on repositories.
    pub(crate) fn of_goal(parameters: &'a [ParameterDefinition], intents: &'a [Intent]) -> Self {
        Self {
            is_goal: true,
            ..Self::of_command(parameters, intents)
        }
    }

    /// A listener, perhaps for each item of a list.
    pub(crate) fn of_listener(event: Option<&'static EventType>, items: Option<(&'a str, Shape)>) -> Self {
        Self {
            who: Who::Listener { event, items },
            is_goal: false,
        }
    }

    /// Whether it is a goal.
    pub(super) fn is_goal(&self) -> bool {
        self.is_goal
    }

    /// Whether whoever runs the command may say anything for a parameter.
    pub(super) fn is_anything(&self, path: &str) -> bool {
        let Who::Command { parameters, .. } = self.who else {
            return false;
        };
        let name = path.strip_prefix("parameters.");
        let parameter = name.and_then(|name| parameters.iter().find(|parameter| parameter.name == name));
        parameter.is_some_and(|parameter| !matches!(parameter.kind, ParameterType::Options { .. }))
    }

    /// What is wrong with a placeholder; `is_data` says that it travels beside the text, where a list or map may stand.
    pub(super) fn objection(&self, asked: &Asked<'_>, is_data: bool) -> Option<Objection> {
        let (root, rest) = asked.path.split_once('.').unwrap_or((asked.path, ""));
        let fits = is_data || asked.is_whole;
        match (root, self.who) {
            ("parameters", Who::Command { parameters, .. }) => no_parameter(parameters, asked, rest, fits),
            ("parameters", Who::Listener { .. }) => Some((
                format!("`${{{}}}`: a listener has no parameters", asked.path),
                "what it may ask for begins with `event.`".to_owned(),
            )),
            (
                "event",
                Who::Listener {
                    event: Some(event), ..
                },
            ) => no_event(event, asked, rest, fits),
            ("event", Who::Listener { event: None, .. }) => None,
            ("event", Who::Command { .. }) => Some((
                format!("`${{{}}}`: a command has no event", asked.path),
                "what it may ask for begins with `parameters.`".to_owned(),
            )),
            (
                "item",
                Who::Listener {
                    items: Some(items), ..
                },
            ) => no_item(items, asked, rest, fits),
            ("matches", Who::Command { intents, .. }) => no_group(intents, asked, rest, fits),
            ("machine" | "preferences", _) if self.is_goal => self.not_of_goals(asked, root),
            ("machine", _) => (!matches!(rest, "" | "name")).then(|| {
                let message = format!("`${{{}}}`: of the machine only its name is known", asked.path);
                (message, "write `${machine.name}`".to_owned())
            }),
            ("preferences" | "home" | "values", _) => None,
            ("facts" | "goals", _) if self.is_goal => Some(beside_no_rule(asked, root)),
            _ if self.is_goal => None,
            _ => Some((
                format!("`${{{}}}` has no meaning here", asked.path),
                format!("placeholders here begin with {}", listed(self.known())),
            )),
        }
    }

    fn known(&self) -> &'static [&'static str] {
        match self.who {
            Who::Listener { items: Some(_), .. } => &["item", "event", "machine", "preferences"],
            Who::Listener { items: None, .. } => &["event", "machine", "preferences"],
            Who::Command { .. } => &["parameters", "matches", "machine", "preferences"],
        }
    }

    fn not_of_goals(&self, asked: &Asked<'_>, root: &str) -> Option<Objection> {
        let message = format!("a command on repositories is a goal, which knows nothing of `{root}`");
        let hint = match root {
            "preferences" => {
                "take it from a parameter: `parameters: {x: {value: x}}` reads the preference `x`"
            }
            _ => "remove it",
        };
        (!asked.may_find_nothing).then(|| (message, hint.to_owned()))
    }
}

/// The goal of a command is alone in its set, which no rule has planned.
fn beside_no_rule(asked: &Asked<'_>, root: &str) -> Objection {
    let message = match root {
        "facts" => format!(
            "`${{{}}}`: rules attach facts to the goals of a push, and a command is none of them",
            asked.path
        ),
        _ => format!(
            "`${{{}}}`: the goal of a command is the only one of its set",
            asked.path
        ),
    };
    (message, "take it from a parameter: `${parameters.…}`".to_owned())
}

fn no_parameter(
    parameters: &[ParameterDefinition],
    asked: &Asked<'_>,
    name: &str,
    fits: bool,
) -> Option<Objection> {
    let Some(parameter) = parameters.iter().find(|parameter| parameter.name == name) else {
        return Some(unknown_parameter(parameters, name));
    };
    if parameter.is_secret() {
        return Some((
            format!("`{name}` is secret and never becomes part of a text"),
            format!("the program finds it in the variable `{}`", variable(name)),
        ));
    }
    if parameter.may_be_absent() && !asked.may_find_nothing {
        return Some((
            format!("`{name}` may be left out, and nothing says what stands here then"),
            format!(
                "give it a `default`, or write `${{parameters.{name}:…}}` with what stands for it, or \
                 `${{!parameters.{name}}}` to leave out all that it stands in"
            ),
        ));
    }
    (parameter.is_list() && !fits).then(|| {
        (
            format!("`{name}` is a list and cannot be part of a text"),
            format!(
                "let `${{parameters.{name}}}` be all of an argument, which it is as JSON, or read the variable `{}`",
                variable(name)
            ),
        )
    })
}

fn unknown_parameter(parameters: &[ParameterDefinition], name: &str) -> Objection {
    if name.is_empty() {
        return (
            "`${parameters}` names no parameter".to_owned(),
            "write `${parameters.` and the name of one".to_owned(),
        );
    }
    let names = || parameters.iter().map(|parameter| parameter.name.as_str());
    let whole = name.split('.').next().unwrap_or(name);
    let hint = match suggest::nearest(name, names()) {
        _ if whole != name && names().any(|known| known == whole) => {
            format!("a parameter has no parts; write `${{parameters.{whole}}}`")
        }
        Some(near) => format!("did you mean `${{parameters.{near}}}`?"),
        None => "add it to `parameters`".to_owned(),
    };
    (format!("the command has no parameter `{name}`"), hint)
}

fn no_event(event: &EventType, asked: &Asked<'_>, path: &str, fits: bool) -> Option<Objection> {
    match event.shape().at(path) {
        Ok(shape) => no_text(shape, asked, fits),
        // Others tell of more than we know of; whoever says what stands for it knows that.
        Err(stray) if !event.is_noticed && !stray.reached.is_empty() && asked.may_find_nothing => None,
        Err(stray) => Some(astray(
            &format!("the event {}", event.name),
            Some("event"),
            path,
            &stray,
        )),
    }
}

fn no_item((list, shape): (&str, Shape), asked: &Asked<'_>, path: &str, fits: bool) -> Option<Objection> {
    match shape.at(path) {
        Ok(shape) => no_text(shape, asked, fits),
        Err(stray) => Some(astray(
            &format!("an item of `{list}`"),
            Some("item"),
            path,
            &stray,
        )),
    }
}

/// A list or map inside a text.
fn no_text(shape: Shape, asked: &Asked<'_>, fits: bool) -> Option<Objection> {
    let is_text = matches!(shape, Shape::Value | Shape::Open);
    (!is_text && !fits).then(|| {
        (
            format!(
                "`${{{}}}` is {} and cannot be part of a text",
                asked.path,
                shape.what()
            ),
            match shape.names().as_slice() {
                [] => "let it be all of an argument, which it is as JSON, or use `for_each`".to_owned(),
                names => format!("ask for one part of it: {}", listed(names)),
            },
        )
    })
}

/// A path that leads nowhere in `owner`. With a root it is meant as a placeholder, and shown as one.
pub(crate) fn astray(owner: &str, root: Option<&str>, path: &str, stray: &Stray) -> Objection {
    let Stray { reached, part, found } = stray;
    let shown = |parts: &[&str]| {
        let written: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
        match root {
            Some(root) => format!("`${{{}}}`", [&[root], written.as_slice()].concat().join(".")),
            None => format!("`{}`", written.join(".")),
        }
    };
    match found {
        Shape::Parts(_) => {
            let names = found.names();
            let hint = match (suggest::nearest(part, names.iter().copied()), reached.as_str()) {
                (Some(near), _) => format!("did you mean {}?", shown(&[reached, near])),
                (None, "") => format!("it has {}", listed(&names)),
                (None, reached) => format!("`{reached}` has {}", listed(&names)),
            };
            (format!("{owner} has no `{path}`"), hint)
        }
        Shape::List(_) => (
            format!("`{reached}` of {owner} is a list and has no `{part}`"),
            format!("write `for_each: {reached}`, and `${{item.{part}}}` is that of each of its items"),
        ),
        Shape::Value | Shape::Open => (
            format!("{owner} has no `{path}`: {} is one value", shown(&[reached])),
            format!("write {}", shown(&[reached])),
        ),
    }
}

/// A group of a pattern that nobody says.
fn no_group(intents: &[Intent], asked: &Asked<'_>, group: &str, fits: bool) -> Option<Objection> {
    if group.is_empty() {
        let hint = "write `${matches.1}` for the first group";
        return (!fits).then(|| {
            (
                "`${matches}` is all groups of a pattern".to_owned(),
                hint.to_owned(),
            )
        });
    }
    let Ok(number) = group.parse::<usize>() else {
        let message = format!("`${{matches.{group}}}`: groups of a pattern have numbers");
        return Some((message, "write `${matches.1}` for the first group".to_owned()));
    };
    let groups: Vec<usize> = intents.iter().filter_map(groups_of).collect();
    if asked.may_find_nothing {
        return None;
    }
    let hint = format!("say what stands for it then: `${{matches.{group}:…}}`");
    match groups.iter().max() {
        None => Some((
            "no intent of the command is a pattern, so there are no groups of one".to_owned(),
            "add `{pattern: …}` to `intent`, or use a parameter".to_owned(),
        )),
        Some(most) if number >= *most => Some((
            format!("no pattern of the command has a group {number}"),
            match most.saturating_sub(1) {
                0 => "put what you mean in brackets: `(…)`".to_owned(),
                1 => "there is `${matches.1}`".to_owned(),
                last => format!("there are `${{matches.1}}` to `${{matches.{last}}}`"),
            },
        )),
        Some(_) if groups.len() < intents.len() => Some((
            "the command can also be said in words, and there are no groups then".to_owned(),
            hint,
        )),
        Some(_) if groups.iter().any(|groups| number >= *groups) => Some((
            format!("not every pattern of the command has a group {number}"),
            hint,
        )),
        Some(_) => None,
    }
}

/// Groups of a pattern, all that it matches among them; nothing for words.
fn groups_of(intent: &Intent) -> Option<usize> {
    match intent {
        Intent::Words(_) => None,
        Intent::Pattern(pattern) => Some(Regex::new(pattern).map_or(1, |pattern| pattern.captures_len())),
    }
}
