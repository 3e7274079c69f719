//! Threat B7 for the whole of a load; what the YAML layer refuses by itself is tested there.

use std::time::Duration;

use proptest::prelude::*;

use super::super::testing::{load_bytes, load_files};
use super::super::{Loaded, MAX_PROBLEMS};

/// Loads within a limit of the thread's own processor time, which other programs do not spend.
fn timed(bytes: &[u8]) -> Loaded {
    let started = processor_time();
    let loaded = load_bytes(bytes);
    let took = processor_time() - started;
    // The limit is for the program we ship; tests without optimisation are given more.
    let limit = Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 1 });
    assert!(took < limit, "it took {took:?}");
    loaded
}

/// What this thread has used so far; nothing where the system does not say.
fn processor_time() -> Duration {
    let stated = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = stated.split(' ').next().and_then(|text| text.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

#[test]
fn b7_nothing_of_a_refused_file_is_used() {
    let good = "rules: [{name: a, goals: cancel}]\n";
    let bad = [
        format!("{good}---\n{}", "[".repeat(100)),
        format!("{good}---\n!!python/object x\n"),
        format!("{good}rules: []\n"),
        format!("{good}\0"),
        " ".repeat(2 << 20),
    ];
    for text in bad {
        let loaded = timed(text.as_bytes());
        assert!(loaded.has_errors() && loaded.rules.is_empty() && loaded.goals.is_empty());
    }
    // Nor of the files beside it.
    assert!(load_files(&[good, "rules: ["]).rules.is_empty());
}

#[test]
fn d10_a_cycle_cannot_be_written_and_too_many_goals_are_refused() {
    let rule = |name: &str, after: &str| format!("{{name: {name}, depends_on: {after}, goals: cancel}}");
    let cycle = format!("rules: [{}, {}]", rule("a", "b"), rule("b", "a"));
    let loaded = timed(cycle.as_bytes());
    assert!(loaded.has_errors() && loaded.rules.is_empty());
    assert!(
        loaded.diagnostics[0].message.contains("after current goals"),
        "{}",
        loaded.diagnostics[0].message
    );
    let own = timed(b"rules: [{name: a, depends_on: a, goals: cancel}]");
    assert!(own.has_errors());
    let many = format!("rules: [{{name: a, goals: [[{}]]}}]", "cancel, ".repeat(100_000));
    let loaded = timed(many.as_bytes());
    assert!(loaded.has_errors() && loaded.rules.is_empty());
}

#[test]
fn b7_many_problems_are_bounded_in_number_and_time() {
    let texts = [
        format!("rules:\n{}", "- {name: a, goals: [nope]}\n".repeat(12_000)),
        format!(
            "rules: [{}]",
            "{name: a, depends_on: nope, goals: []},".repeat(10_000)
        ),
        (0..40_000).map(|key| format!("unknown_key_{key}: 1\n")).collect(),
        format!(
            "rules: [{{name: a, goals: [], test: [{}]}}]",
            "has_fle, ".repeat(90_000)
        ),
        format!(
            "x-a: &a {{use: nope, b: [{}]}}\nrules: [{{name: b, goals: [{}]}}]",
            "x, ".repeat(900),
            "*a, ".repeat(100)
        ),
    ];
    for text in texts {
        let loaded = timed(text.as_bytes());
        assert!(loaded.has_errors() && loaded.diagnostics.len() <= MAX_PROBLEMS + 1);
    }
}

#[test]
fn b8_many_large_patterns_are_bounded() {
    let patterns: String = (0..8_000)
        .map(|n| format!("{{is_branch: '^\\w{{5}}{n}'}}, "))
        .collect();
    let loaded = timed(format!("rules: [{{name: a, goals: [], test: [{patterns}]}}]").as_bytes());
    let last = loaded.diagnostics.first().expect("a problem");
    assert!(last.message.contains("too many different ones"), "{last:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn b7_any_bytes_end_with_a_result(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        load_bytes(&bytes);
    }

    #[test]
    fn ym_11_b7_any_tests_by_name_end_with_a_result(
        tests in "([abc]: (\\[(\\{use: [abc]\\}, )*\\]|\\{use: [abc](, parameters: \\{x: [abc]\\})?\\}|\\{not: \\{use: [abc]\\}\\}|\\{has_file: '\\$\\{parameters.x(:a)?\\}'\\}|is_default_branch)\n){1,4}"
    ) {
        let indented: String = tests.lines().map(|line| format!("  {line}\n")).collect();
        let rule = "rules: [{name: r, goals: cancel, test: {use: a}}]\n";
        let loaded = load_files(&[&format!("push_tests:\n{indented}{rule}")]);
        prop_assert!(loaded.has_errors() || loaded.rules.len() == 1);
    }

    #[test]
    fn b7_anything_like_a_goal_file_ends_with_places_inside_it(
        text in "((rules|goals|name|test|not|and|has_file|use|execute|run|retry|approval|by|lock|cancel|timeout|depends_on|override|parameters|pattern)(: |:\n|, )|- |\\[|\\]|\\{|\\}|\n|  |a|~|5m|true|\\$\\{a|'\\(')*"
    ) {
        let loaded = load_files(&[&format!("rules:\n- {text}")]);
        let text = format!("rules:\n- {text}");
        let lines: Vec<&str> = text.split('\n').collect();
        for problem in loaded.diagnostics {
            let (line, column) = (problem.place.line as usize, problem.place.column as usize);
            prop_assert!((1..=lines.len()).contains(&line), "{problem:?}");
            prop_assert!((1..=lines[line - 1].chars().count() + 1).contains(&column), "{problem:?}");
        }
    }
}
