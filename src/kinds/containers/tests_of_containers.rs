//! The push tests of containers: one whose test does not hold is left out (semantics 4.5, CO-14).

use super::arguments::{Arguments, Container};
use crate::kinds::part_tests::{self, Part};
use crate::kinds::{GoalContext, KindError};
use crate::model::{ArgumentProblems, FieldPath};

/// Which containers a push has.
pub(super) enum Chosen {
    /// These; the first decides.
    These(Vec<Container>),
    /// None that could decide, for this reason.
    Nothing(String),
}

/// What is wrong with the tests: those that cannot be asked at all.
pub(super) fn check(arguments: &Arguments) -> ArgumentProblems {
    part_tests::check(&FieldPath::to("containers"), parts(arguments).into_iter())
}

fn parts(arguments: &Arguments) -> Vec<Part<'_>> {
    let containers = arguments.containers.iter();
    containers
        .map(|container| (container.name.as_str(), container.test.as_ref()))
        .collect()
}

/// Asks the tests of all containers, when there are any.
pub(super) async fn choose(context: &GoalContext<'_>, arguments: &Arguments) -> Result<Chosen, KindError> {
    let asked = part_tests::ask(context, &parts(arguments)).await?;
    if let Some(main) = asked.first().filter(|main| !main.holds) {
        let name = arguments
            .containers
            .first()
            .map_or("", |first| first.name.as_str());
        let because = &main.because;
        return Ok(Chosen::Nothing(format!(
            "container `{name}` is not for this push: {because}"
        )));
    }
    let left = arguments.containers.iter().zip(&asked);
    let left = left.filter(|(_, asked)| asked.holds);
    Ok(Chosen::These(
        left.map(|(container, _)| container.clone()).collect(),
    ))
}
