//! Variables that are set to what is left of their own value: `n=$(printf %s "$n" | tr -cd 0-9)`. From there on they hold no more
//! than that, unless they are set to something else afterwards.

use std::collections::HashMap;
use std::ops::Range;

use super::flow::{Flow, Given, Set, Use};

/// Most functions of a script in which that is looked for: what they set may be set at any time.
const MOST_FUNCTIONS: usize = 100;

/// Whether a use does no harm in the stretch that a variable is set to.
type AskUse<'a> = &'a dyn Fn(&Use, &Range<usize>) -> bool;

/// Such variables, each with the place from which on it is clean.
pub(super) fn cleaned<'f>(flow: &'f Flow, is_harmless: AskUse<'_>) -> HashMap<&'f str, usize> {
    let mut all: HashMap<&str, Range<usize>> = HashMap::new();
    for set in &flow.sets {
        if let Some(span) = span_of(set).filter(|span| cleans(flow, set, span, is_harmless)) {
            let last = all.entry(&set.name).or_insert_with(|| span.clone());
            if last.end < span.end {
                *last = span.clone();
            }
        }
    }
    if flow.bodies.len() > MOST_FUNCTIONS {
        all.clear();
    }
    for set in &flow.sets {
        let Some(last) = all.get(set.name.as_str()) else {
            continue;
        };
        let is_before = |span: &Range<usize>| {
            let is_in_function = flow.bodies.iter().any(|(_, body)| body.contains(&span.start));
            span.start <= last.start && !is_in_function
        };
        let is_kept = span_of(set).is_some_and(|span| is_before(span) || is_all(flow, span, is_harmless));
        if !is_kept {
            all.remove(set.name.as_str());
        }
    }
    all.into_iter().map(|(name, span)| (name, span.end)).collect()
}

fn span_of(set: &Set) -> Option<&Range<usize>> {
    match &set.to {
        Given::Value(value) => Some(&value.span),
        Given::Variable(_) | Given::Stream => None,
    }
}

/// Whether a variable is set to something of its own value, and to nothing that does harm.
fn cleans(flow: &Flow, set: &Set, span: &Range<usize>, is_harmless: AskUse<'_>) -> bool {
    let is_own = |one: &Use| one.name.as_deref() == Some(set.name.as_str()) && !one.is_bare;
    flow.uses_in(span).any(is_own) && is_all(flow, span, is_harmless)
}

fn is_all(flow: &Flow, span: &Range<usize>, is_harmless: AskUse<'_>) -> bool {
    flow.uses_in(span)
        .all(|one| one.is_bare || is_harmless(one, span))
}
