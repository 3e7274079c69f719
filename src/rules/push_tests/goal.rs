//! `is_goal`: rules are asked because of a goal, and it is this one (semantics 2.8).

use regex::Regex;
use serde_json::Value;

use super::arguments::{regex, text};
use crate::model::descriptor::Form;
use crate::model::goal::StateName;
use crate::model::trigger::{COMPLETIONS, GOAL_TEST, GoalTrigger, is_completion};
use crate::model::{Descriptor, Field, TestExpression, ValueType};
use crate::rules::display::shown;
use crate::rules::push_test::{
    Answer, Cost, Foresight, PatternsBuilder, PushTest, Question, Refusal, Registration, TestError,
};

const NAME_FIELDS: &[Field] = &[
    Field::new(
        "exact",
        ValueType::Form(Form::GoalName),
        "The goal's name, or `machine/name` for a goal of another machine.",
    ),
    Field::new(
        "regexp",
        ValueType::Regex,
        "A pattern searched for in `machine/name`.",
    ),
];

const FIELDS: &[Field] = &[
    Field::new(
        "name",
        ValueType::TextOr("exact", NAME_FIELDS),
        "Which goal: its name, `machine/name`, or `{regexp: …}`; any goal when it is left out.",
    ),
    Field::new("state", ValueType::Choice(COMPLETIONS), "The state it came to.").default("success"),
    Field::new(
        "output",
        ValueType::Regex,
        "A pattern that is found in a classifier of the files it left.",
    ),
    Field::new("data", ValueType::Regex, "A pattern that is found in its data."),
    Field::new(
        "test",
        ValueType::Test,
        "What must hold for the goal's push besides.",
    )
    .aliases(&["push_test"]),
];

/// Canonical name of the test.
const NAME: &str = GOAL_TEST;

pub(super) static REGISTRATION: Registration = Registration {
    descriptor: Descriptor {
        name: NAME,
        aliases: &["on_goal"],
        value: Some(ValueType::TextOr("name", FIELDS)),
        by_use: false,
        help: "A goal of the push has come to a state, by default to success: the rule sets further goals for the same push \
               then, in a goal set of their own. For the push itself the test does not hold.",
        example: "is_goal: {name: publish, state: success, test: {has_file: Dockerfile}}",
    },
    build,
};

/// The test that stands in the arguments of an `is_goal`, and the arguments without it; `None` when there is none.
pub(in crate::rules) fn nested(
    name: &str,
    arguments: &Value,
) -> Option<(Value, Result<TestExpression, String>)> {
    if name != NAME && !REGISTRATION.descriptor.aliases.contains(&name) {
        return None;
    }
    let mut own = arguments.as_object()?.clone();
    let test = own.remove("test").filter(|test| !test.is_null())?;
    let test = serde_json::from_value(test).map_err(|error| format!("`test` is none: {error}"));
    Some((Value::Object(own), test))
}

fn build(arguments: &Value, _: &mut PatternsBuilder) -> Result<Box<dyn PushTest>, Refusal> {
    let pattern = |key: &str| match arguments.get(key).filter(|value| !value.is_null()) {
        Some(value) => text(value).and_then(regex).map(Some),
        None => Ok(None),
    };
    let written = match arguments.get("state").filter(|state| !state.is_null()) {
        Some(state) => text(state)?,
        None => "success",
    };
    let state = StateName::parse(written)
        .filter(|state| is_completion(*state))
        .ok_or_else(|| format!("rules cannot wait for a goal to be `{written}`"))?;
    Ok(Box::new(IsGoal {
        name: named(arguments.get("name"))?,
        state,
        output: pattern("output")?,
        data: pattern("data")?,
    }))
}

fn named(name: Option<&Value>) -> Result<Name, Refusal> {
    let Some(name) = name.filter(|name| !name.is_null()) else {
        return Ok(Name::Any);
    };
    let given = |key: &str| name.get(key).filter(|value| !value.is_null());
    match (given("exact"), given("regexp")) {
        (Some(exact), None) => Ok(Name::Exact(text(exact)?.to_owned())),
        (None, Some(pattern)) => Ok(Name::Search(regex(text(pattern)?)?)),
        (Some(_), Some(_)) => Err(Refusal {
            message: "`name` is a name or a pattern, not both".to_owned(),
            hint: Some("write `name: publish`, or `name: {regexp: ^machine/pub}`".to_owned()),
        }),
        (None, None) => Err(Refusal {
            message: "`name` names no goal".to_owned(),
            hint: Some("write `name: publish`, or leave it out for any goal".to_owned()),
        }),
    }
}

#[derive(Debug)]
enum Name {
    Any,
    Exact(String),
    Search(Regex),
}

#[derive(Debug)]
struct IsGoal {
    name: Name,
    state: StateName,
    output: Option<Regex>,
    data: Option<Regex>,
}

impl PushTest for IsGoal {
    fn cost(&self) -> Cost {
        Cost::Event
    }

    fn foresight(&self) -> Foresight {
        Foresight::Known
    }

    fn asks_goal(&self) -> bool {
        true
    }

    fn asks_foreign_goal(&self) -> bool {
        match &self.name {
            Name::Exact(name) => name.contains('/'),
            Name::Any | Name::Search(_) => true,
        }
    }

    fn evaluate(&self, question: &Question<'_>) -> Result<Answer, TestError> {
        let Some(goal) = &question.facts.trigger else {
            return Ok(Answer::no("it waits for a goal, and this is the push itself"));
        };
        Ok(match self.objection(goal) {
            Some(because) => Answer::no(because),
            None => Answer::yes(format!("{} came to {}", shown(&goal.name), goal.state)),
        })
    }
}

impl IsGoal {
    /// Why it is not about this goal.
    fn objection(&self, goal: &GoalTrigger) -> Option<String> {
        let name = shown(&goal.name);
        match &self.name {
            Name::Exact(wanted) if !goal.is_called(wanted) => {
                return Some(format!("the goal is {name}, not {}", shown(wanted)));
            }
            Name::Search(pattern) if !goal.full_names().iter().any(|name| pattern.is_match(name)) => {
                let full = shown(&goal.full_names()[0]);
                return Some(format!(
                    "the goal {full} does not match {}",
                    shown(pattern.as_str())
                ));
            }
            Name::Any | Name::Exact(_) | Name::Search(_) => {}
        }
        if goal.state != self.state {
            return Some(format!("{name} came to {}, not to {}", goal.state, self.state));
        }
        self.unfit(goal, &name)
    }

    fn unfit(&self, goal: &GoalTrigger, name: &str) -> Option<String> {
        let lacks = |pattern: &Option<Regex>, texts: &[String]| {
            let pattern = pattern.as_ref()?;
            let found = texts.iter().any(|text| pattern.is_match(text));
            (!found).then(|| shown(pattern.as_str()))
        };
        if let Some(pattern) = lacks(&self.output, &goal.outputs) {
            return Some(format!("{name} left no files that match {pattern}"));
        }
        let pattern = lacks(&self.data, goal.data.as_slice())?;
        Some(format!("the data of {name} does not match {pattern}"))
    }
}
