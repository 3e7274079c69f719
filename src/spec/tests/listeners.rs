//! What listeners ask of events, whose parts are known (semantics 6).

use insta::assert_snapshot;

use super::super::testing::{problems, right};

fn listener(more: &str) -> String {
    problems(&format!("on:\n- {{name: l, {more}}}\n"))
}

#[test]
fn a_list_is_one_that_the_event_has() {
    assert_snapshot!(listener("event: Push, for_each: push.autors, run: [x]"), @r"
    a.yaml:2:36 Error unknown_placeholder (+11): the event Push has no `push.autors`
      hint: did you mean `push.authors`?
    ");
    assert_snapshot!(listener("event: Push, for_each: push.branch, run: [x]"), @r"
    a.yaml:2:36 Error wrong_type (+11): `push.branch` of the event Push is one value, not a list
      hint: remove `for_each`, or name a list: `push.authors`
    ");
    assert_snapshot!(listener("event: Tag, for_each: repo, run: [x]"), @r"
    a.yaml:2:35 Error wrong_type (+4): `repo` of the event Tag is a map, not a list
      hint: remove `for_each`: the event has no list
    ");
    assert_snapshot!(listener("event: Push, for_each: push.authors.email, run: [x]"), @r"
    a.yaml:2:36 Error unknown_placeholder (+18): `push.authors` of the event Push is a list and has no `email`
      hint: write `for_each: push.authors`, and `${item.email}` is that of each of its items
    ");
    assert_snapshot!(listener("event: Push, for_each: push.branch.x, run: [x]"), @r"
    a.yaml:2:36 Error unknown_placeholder (+13): the event Push has no `push.branch.x`: `push.branch` is one value
      hint: write `push.branch`
    ");
    for more in [
        "event: GoalsSet, for_each: goals, run: [x, '${item.name}', '${event.goal_set.name}']",
        "event: acme.greeting, for_each: anything.at.all, run: [x, '${item.any.thing}', '${item}']",
        "event: PullRequest, for_each: pull_request.labels, run: [x, '${item.name}']",
    ] {
        assert_eq!(listener(more), "", "{more}");
    }
}

#[test]
fn an_item_has_the_parts_of_its_list() {
    assert_snapshot!(listener("event: Push, for_each: push.authors, run: [x, '${item.emial}', '${item.email.x}', 'a ${item}', '${item}']"), @r"
    a.yaml:2:62 Error unknown_placeholder (+1): an item of `push.authors` has no `emial`
      hint: did you mean `${item.email}`?
    a.yaml:2:79 Error unknown_placeholder (+1): an item of `push.authors` has no `email.x`: `${item.email}` is one value
      hint: write `${item.email}`
    a.yaml:2:100 Error unknown_placeholder (+1): `${item}` is a map and cannot be part of a text
      hint: ask for one part of it: `name`, `email`
    ");
    let wrong_list = listener("event: Push, for_each: push.autors, run: [x, '${item.email}']");
    assert_eq!(wrong_list.matches("Error").count(), 1, "{wrong_list}");
}

#[test]
fn an_event_has_the_parts_that_it_has() {
    assert_snapshot!(listener("event: Push, run: [x, '${event.push.brnch}', '${event.push.authors.email}', '${event.repo.slug.x}', 'a ${event.push}', '${event}']"), @r"
    a.yaml:2:38 Error unknown_placeholder (+1): the event Push has no `push.brnch`
      hint: did you mean `${event.push.branch}`?
    a.yaml:2:61 Error unknown_placeholder (+1): `push.authors` of the event Push is a list and has no `email`
      hint: write `for_each: push.authors`, and `${item.email}` is that of each of its items
    a.yaml:2:92 Error unknown_placeholder (+1): the event Push has no `repo.slug.x`: `${event.repo.slug}` is one value
      hint: write `${event.repo.slug}`
    a.yaml:2:118 Error unknown_placeholder (+1): `${event.push}` is a map and cannot be part of a text
      hint: ask for one part of it: `branch`, `before`, `after`, `repo`, `forced`, `authors`
    ");
    assert_snapshot!(listener("event: PullRequest, run: [x, '${event.pull_request.tilte}', '${event.pull_request.milestone:none}', '${event.pullrequest:x}']"), @r"
    a.yaml:2:45 Error unknown_placeholder (+1): the event PullRequest has no `pull_request.tilte`
      hint: did you mean `${event.pull_request.title}`?
    a.yaml:2:116 Error unknown_placeholder (+1): the event PullRequest has no `pullrequest`
      hint: did you mean `${event.pull_request}`?
    ");
    assert_eq!(
        listener(
            "event: Push, run: [sh, -c, 'echo ${event.push} ${event}'], env: {A: '${event.push.after.author.email}'}"
        ),
        ""
    );
}

#[test]
fn patterns_and_states_can_match() {
    assert_snapshot!(listener("event: Push, where: {push.brnch: ^main$, 'push.after.message': fix}, run: [x]"), @r"
    a.yaml:2:34 Error unknown_placeholder (+10): the event Push has no `push.brnch`
      hint: did you mean `push.branch`?
    ");
    assert_snapshot!(listener("event: Push, where: {push: ^main$, push.branch: ^main$, push.after.author: ada}, run: [x]"), @r"
    a.yaml:2:34 Error wrong_type (+4): `push` of the event Push is a map, and a pattern is for one value
      hint: ask for one part of it: `branch`, `before`, `after`, `repo`, `forced`, `authors`
    a.yaml:2:69 Error wrong_type (+17): `push.after.author` of the event Push is a map, and a pattern is for one value
      hint: ask for one part of it: `name`, `email`
    ");
    assert_snapshot!(listener("event: GoalCompletion, state: [success, in_process], run: [x]"), @r"
    a.yaml:2:53 Error wrong_event (+10): no goal completes as `in_process`
      hint: wait for the event GoalState, or for one of `success`, `failure`, `stopped`, `canceled`, `waiting_for_pre_approval`, `waiting_for_approval`
    ");
    assert_eq!(listener("event: GoalState, state: in_process, run: [x]"), "");
    assert_eq!(listener("event: own, where: {any.thing: x}, run: [x]"), "");
}

#[test]
fn a_goal_that_is_spelled_almost_like_one_is_warned_about() {
    let goals = "rules: [{name: r, goals: [{name: unit test, execute: {run: [x]}}]}]\n";
    let listens = |goal: &str| {
        problems(&format!(
            "{goals}on: [{{name: l, event: GoalCompletion, goal: {goal}, run: [x]}}]\n"
        ))
    };
    assert_snapshot!(listens("[unit tset, unit-test, unit test]"), @r"
    a.yaml:2:46 Warning unknown_goal (+9): no rule sets a goal `unit tset`
      hint: did you mean `unit test`?
    ");
    assert_snapshot!(listens("elsewhere"), @r"
    a.yaml:2:45 Warning unknown_goal (+9): no rule sets a goal `elsewhere`
      hint: name a goal that some rule sets
    ");
    right(&format!(
        "{goals}on: [{{name: l, event: GoalState, goal: unit-test, run: [x]}}]\n"
    ));
}

#[test]
fn names_of_the_original_are_for_what_they_were() {
    let filter = |more: &str| {
        let loaded = right(&format!("on: [{{name: l, {more}, run: [x]}}]\n"));
        loaded.listeners[0].filter.clone()
    };
    let closed = filter("event: closed_issue, where: {issue.title: x}");
    let fields: Vec<&str> = closed.fields.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(fields, ["issue.title", "action"]);
    assert!(filter("event: Issue").fields.is_empty());
    let executions = filter("event: GoalExecution, state: success");
    assert_eq!(executions.fields[0].0, "goal.execution");
    assert_eq!(executions.states.len(), 1);
    assert!(filter("event: GoalState").states.is_empty());
}
