//! The functions of an expression's context.

use std::sync::Arc;

use cel::common::types::{CelBool, CelBytes, CelList, CelMap, CelString};
use cel::common::value::{CowVal, Val};
use cel::{Context, ExecutionError, FunctionContext};

use super::desk::{Asked, Reply, STEP, SharedDesk, lock};
use super::instrument::{MATCHES, RANGE, SIZED};
use super::{LANGUAGE, facts};
use crate::model::Push;
use crate::rules::push_test::PlanningFacts;

/// A function as the context keeps it.
type Function = Box<
    dyn for<'c, 'v> Fn(&mut FunctionContext<'c, 'v>) -> Result<CowVal<'c, 'v>, ExecutionError> + Send + Sync,
>;

/// The facts of a push as variables, and the functions that ask and charge.
pub(super) fn context(push: &Push, facts: &PlanningFacts, desk: &SharedDesk) -> Context<'static, 'static> {
    let mut context = Context::with_env(Arc::clone(&LANGUAGE));
    context.add_variable_from_value("push", facts::push(push, facts));
    context.add_variable_from_value("repo", facts::repo(&push.repo));
    context.add_variable_from_value("preferences", facts::preferences(&facts.preferences));
    let functions = [
        ("project.has_file", asking(desk, Asked::HasFile)),
        ("project.content", asking(desk, Asked::Content)),
        ("project.files", asking(desk, Asked::Files)),
        ("project.directories", asking(desk, Asked::Directories)),
        ("changed", asking(desk, Asked::Changed)),
        (SIZED, charging(desk, 0)),
        (RANGE, charging(desk, STEP)),
        (MATCHES, matching(desk)),
    ];
    for (name, function) in functions {
        context
            .add_function::<Function, Function>(name, function)
            .expect("the language declares none of these names");
    }
    context
}

/// A function that answers from the replies, or leaves its question and stops the evaluation.
fn asking(desk: &SharedDesk, question: fn(String) -> Asked) -> Function {
    let desk = Arc::clone(desk);
    Box::new(move |call| {
        let asked = question(text_argument(call, 0)?.to_owned());
        let mut desk = lock(&desk);
        match desk.replies.get(&asked).cloned() {
            Some(Reply::Holds(holds)) => Ok(CowVal::owned(CelBool::from(holds))),
            Some(Reply::Text(text)) => {
                desk.charge(text.len() as u64)?;
                Ok(CowVal::owned(CelString::from(text.to_string())))
            }
            Some(Reply::List(paths)) => {
                let bytes: usize = paths.iter().map(String::len).sum();
                desk.charge(bytes as u64 + STEP * paths.len() as u64)?;
                Ok(CowVal::owned(texts(&paths)))
            }
            None => {
                if !desk.questions.contains(&asked) {
                    desk.questions.push(asked);
                }
                Err(call.error("waiting for an answer"))
            }
        }
    })
}

fn texts(paths: &[String]) -> CelList<'static> {
    let items = paths
        .iter()
        .map(|path| Box::new(CelString::from(path.clone())) as Box<dyn Val>);
    CelList::from(items.collect::<Vec<_>>())
}

/// A function that charges its argument's size, and `step` for each of its elements, and hands it on.
fn charging(desk: &SharedDesk, step: u64) -> Function {
    let desk = Arc::clone(desk);
    Box::new(move |call| {
        let value = call
            .args
            .pop()
            .ok_or_else(ExecutionError::missing_argument_or_target)?;
        let (elements, bytes) = weight(value.as_ref());
        lock(&desk).charge(bytes.saturating_add(elements.saturating_mul(step)))?;
        Ok(value)
    })
}

/// How many elements a value has, and how many bytes in all.
fn weight(value: &dyn Val) -> (u64, u64) {
    if let Some(text) = value.downcast_ref::<CelString>() {
        return (0, text.inner().len() as u64);
    }
    if let Some(bytes) = value.downcast_ref::<CelBytes>() {
        return (0, bytes.inner().len() as u64);
    }
    if let Some(list) = value.downcast_ref::<CelList>() {
        let bytes = list.inner().iter().map(|item| 8 + weight(item.as_ref()).1).sum();
        return (list.inner().len() as u64, bytes);
    }
    if let Some(map) = value.downcast_ref::<CelMap>() {
        let bytes = map
            .inner()
            .values()
            .map(|item| 32 + weight(item.as_ref()).1)
            .sum();
        return (map.inner().len() as u64, bytes);
    }
    (0, 1)
}

fn matching(desk: &SharedDesk) -> Function {
    let desk = Arc::clone(desk);
    Box::new(move |call| {
        let text = text_argument(call, 0)?;
        let pattern = text_argument(call, 1)?;
        let mut desk = lock(&desk);
        desk.charge(text.len() as u64)?;
        let regex = desk
            .regexes
            .get(pattern)
            .ok_or_else(|| call.error("the pattern was not compiled"))?;
        Ok(CowVal::owned(CelBool::from(regex.is_match(text))))
    })
}

fn text_argument<'a>(call: &'a FunctionContext<'_, '_>, index: usize) -> Result<&'a str, ExecutionError> {
    let argument = call
        .args
        .get(index)
        .ok_or_else(ExecutionError::missing_argument_or_target)?;
    match argument.downcast_ref::<CelString>() {
        Some(text) => Ok(text.inner()),
        None => Err(ExecutionError::no_such_overload(
            call.name,
            vec![argument.get_type().name().to_owned()],
        )),
    }
}
