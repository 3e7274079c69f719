//! Tests of rules that cannot hold, whatever is planned: they contradict themselves, or ask for what no rule can do.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::model::plan::RuleOutcome;
use crate::model::rule_test::{Expectation, Expected, Mention};
use crate::model::set_tag::SetTag;
use crate::model::{
    Diagnostic, GoalDefinition, GoalKey, Place, RuleDefinition, RuleTest, StateName, UniqueName, suggest,
};

use super::problems::{Problems, shorten};
use super::rule::ReadRule;

/// Goals of a circle that are named.
const MAX_CIRCLE: usize = 8;

/// Looks at every test by itself.
pub(crate) fn check(
    tests: &[RuleTest],
    rules: &[ReadRule],
    standalone: &[GoalDefinition],
    problems: &mut Problems,
) {
    let definitions: Vec<&RuleDefinition> =
        rules.iter().filter_map(|rule| rule.definition.as_ref()).collect();
    // What a rule that could not be read does is not known.
    if definitions.len() < rules.len() {
        return;
    }
    let in_rules = definitions.iter().flat_map(|rule| rule.goals());
    let goals = Goals::of(in_rules.chain(standalone).collect());
    let rules = Rules::of(&definitions);
    for test in tests {
        check_goals(test, &goals, problems);
        check_states(test, &goals, problems);
        check_order(test, &goals, problems);
        check_rules(test, &rules, problems);
        check_failure(test, problems);
    }
}

/// What is known of goals, by the names that people say.
struct Goals<'a> {
    all: Vec<&'a GoalDefinition>,
    by_name: HashMap<&'a str, BTreeSet<usize>>,
    by_unique_name: HashMap<&'a UniqueName, BTreeSet<usize>>,
}

/// A goal that is meant: by its place among all, or by its name when it is none of them, as an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Meant<'t> {
    Goal(usize),
    Name(&'t str),
}

impl<'a> Goals<'a> {
    /// One goal in several rules is one.
    fn of(goals: Vec<&'a GoalDefinition>) -> Self {
        let mut places: HashMap<GoalKey, usize> = HashMap::new();
        let mut known = Self {
            all: Vec::new(),
            by_name: HashMap::new(),
            by_unique_name: HashMap::new(),
        };
        for goal in goals {
            let place = *places.entry(goal.key()).or_insert_with(|| {
                known.all.push(goal);
                known.all.len() - 1
            });
            known.by_name.entry(&goal.name).or_default().insert(place);
            known
                .by_unique_name
                .entry(&goal.unique_name)
                .or_default()
                .insert(place);
        }
        known
    }

    /// As [`GoalDefinition::is_called`].
    fn meant<'t>(&self, mention: &'t Mention) -> Vec<Meant<'t>> {
        let name = mention.name.as_str();
        let mut found = self.called(name);
        if let Some((name, environment)) = name.rsplit_once(" in ") {
            let is_there = |place: &usize| {
                let key = self.all[*place].key();
                key == GoalKey::new(key.unique_name.clone(), environment)
            };
            found.extend(self.called(name).into_iter().filter(is_there));
        }
        match found.is_empty() {
            true => vec![Meant::Name(name)],
            false => found.into_iter().map(Meant::Goal).collect(),
        }
    }

    fn called(&self, name: &str) -> BTreeSet<usize> {
        let unique = UniqueName::parse(name).ok();
        let by_unique = unique.and_then(|unique| self.by_unique_name.get(&unique));
        let found = self.by_name.get(name).into_iter().chain(by_unique);
        found.flatten().copied().collect()
    }
}

/// Goals that must be set, those that must not, and whether all are named.
fn check_goals(test: &RuleTest, goals: &Goals<'_>, problems: &mut Problems) {
    let mut wanted: HashMap<Meant<'_>, &Mention> = HashMap::new();
    let mut exact: Option<HashSet<Meant<'_>>> = None;
    for Expectation { expected, .. } in &test.expectations {
        let mentions = match expected {
            Expected::Absent(_) => &[],
            expected => expected.goals(),
        };
        let meant = mentions.iter().flat_map(|mention| {
            let all = goals.meant(mention).into_iter();
            all.map(move |meant| (meant, mention))
        });
        let meant: Vec<_> = meant.collect();
        if let Expected::Goals(mentions) = expected {
            repeated(mentions, goals, problems);
            exact = Some(meant.iter().map(|(meant, _)| *meant).collect());
        }
        for (meant, mention) in meant {
            wanted.entry(meant).or_insert(mention);
        }
    }
    for Expectation { expected, .. } in &test.expectations {
        match expected {
            Expected::Absent(mention) => {
                let set = goals
                    .meant(mention)
                    .into_iter()
                    .find_map(|meant| wanted.get(&meant));
                if let Some(set) = set {
                    problems.add(both(mention, set));
                }
            }
            Expected::Included(_) | Expected::Order(_) | Expected::State(..) => {
                let others = |mention: &&Mention| {
                    let meant = goals.meant(mention);
                    let is_known = meant.iter().any(|meant| matches!(meant, Meant::Goal(_)));
                    let is_all = exact.as_ref();
                    is_known && is_all.is_some_and(|exact| !meant.iter().any(|meant| exact.contains(meant)))
                };
                for mention in expected.goals().iter().filter(others) {
                    problems.add(not_among_all(mention));
                }
            }
            Expected::Goals(_)
            | Expected::Locked(_)
            | Expected::GoalSet(_)
            | Expected::Tags(_)
            | Expected::Rule(..)
            | Expected::Error(_) => {}
        }
    }
}

fn both(absent: &Mention, set: &Mention) -> Diagnostic {
    let message = format!(
        "`{}` must not be set here, and must be at {}",
        shorten(&absent.name, 80),
        set.place
    );
    at(absent, message).hint("a goal is set or not; remove it from one of them")
}

fn not_among_all(mention: &Mention) -> Diagnostic {
    let message = format!(
        "`{}` is not among `goals`, and those are all that are set",
        shorten(&mention.name, 80)
    );
    at(mention, message).hint("add it there, or write `includes` instead of `goals`")
}

fn repeated(mentions: &[Mention], goals: &Goals<'_>, problems: &mut Problems) {
    let mut known: HashMap<Meant<'_>, &Mention> = HashMap::new();
    for mention in mentions {
        let meant = goals.meant(mention);
        let earlier = meant.iter().find_map(|meant| known.get(meant));
        if let Some(earlier) = earlier {
            let message = format!(
                "`{}` is named already, at {}: a goal is set once",
                shorten(&mention.name, 80),
                earlier.place
            );
            problems.add(at(mention, message).hint("remove one of them"));
        }
        known.extend(meant.into_iter().map(|meant| (meant, mention)));
    }
}

/// States that goals cannot begin in.
fn check_states(test: &RuleTest, goals: &Goals<'_>, problems: &mut Problems) {
    let mut waiting: HashMap<Meant<'_>, &Mention> = HashMap::new();
    for Expectation { expected, .. } in &test.expectations {
        if let Expected::Order(chain) = expected {
            for mention in chain.iter().skip(1) {
                waiting.extend(goals.meant(mention).into_iter().map(|meant| (meant, mention)));
            }
        }
    }
    for Expectation { expected, .. } in &test.expectations {
        let Expected::State(mention, state) = expected else {
            continue;
        };
        let meant = goals.meant(mention);
        let is_confirmed = |meant: &Meant<'_>| match meant {
            Meant::Goal(place) => goals.all[*place].pre_approval.is_some(),
            Meant::Name(_) => true,
        };
        if *state == StateName::WaitingForPreApproval && !meant.iter().any(is_confirmed) {
            let message = format!("`{}` has no `pre_approval`", shorten(&mention.name, 80));
            problems.add(
                at(mention, message)
                    .hint("it begins as `requested`, or as `planned` where it waits for others"),
            );
        }
        let waits = meant.iter().find_map(|meant| waiting.get(meant));
        if let Some(other) = waits.filter(|_| *state != StateName::Planned) {
            let message = format!(
                "`{}` waits for another goal, says {}, and cannot begin as `{state}`",
                shorten(&mention.name, 80),
                other.place
            );
            problems.add(at(mention, message).hint("goals that wait for others begin as `planned`"));
        }
    }
}

/// Goals that would wait for themselves, by all orders together.
fn check_order(test: &RuleTest, goals: &Goals<'_>, problems: &mut Problems) {
    let mut after: HashMap<Meant<'_>, Vec<(Meant<'_>, &Mention)>> = HashMap::new();
    let mut firsts: Vec<Meant<'_>> = Vec::new();
    for Expectation { expected, .. } in &test.expectations {
        let Expected::Order(chain) = expected else {
            continue;
        };
        for pair in chain.windows(2) {
            // A name in several environments may mean either.
            let (first, second) = (goals.meant(&pair[0]), goals.meant(&pair[1]));
            let ([first], [second]) = (first.as_slice(), second.as_slice()) else {
                continue;
            };
            firsts.push(*first);
            after.entry(*first).or_default().push((*second, &pair[1]));
        }
    }
    let Some((mention, circle)) = circle(&firsts, &after) else {
        return;
    };
    let message = match circle.as_slice() {
        [] => format!("`{}` cannot wait for itself", shorten(&mention.name, 80)),
        others => {
            let names: Vec<String> = others
                .iter()
                .take(MAX_CIRCLE)
                .map(|name| format!("`{name}`"))
                .collect();
            format!(
                "`{}` would have to wait for itself: it comes before {}",
                shorten(&mention.name, 80),
                names.join(", then ")
            )
        }
    };
    problems.add(at(mention, message).hint("name each goal once, after those that it waits for"));
}

/// The first goal that comes after itself, where that is said, with the goals in between.
fn circle<'t>(
    firsts: &[Meant<'t>],
    after: &HashMap<Meant<'t>, Vec<(Meant<'t>, &'t Mention)>>,
) -> Option<(&'t Mention, Vec<&'t str>)> {
    let mut done: HashSet<Meant<'t>> = HashSet::new();
    let mut on_the_way: HashSet<Meant<'t>> = HashSet::new();
    for first in firsts {
        // Goals on the way, each with how many of its successors were looked at and how it is called.
        let mut way: Vec<(Meant<'t>, usize, &'t str)> = vec![(*first, 0, "")];
        on_the_way.insert(*first);
        while let Some((goal, looked_at, _)) = way.last_mut() {
            let next = after.get(goal).and_then(|next| next.get(*looked_at));
            let Some((next, mention)) = next.filter(|_| !done.contains(goal)) else {
                done.insert(*goal);
                on_the_way.remove(goal);
                way.pop();
                continue;
            };
            *looked_at += 1;
            if !on_the_way.insert(*next) {
                let begin = way
                    .iter()
                    .position(|(goal, ..)| goal == next)
                    .unwrap_or(way.len());
                let between = way.iter().skip(begin + 1).map(|(_, _, name)| *name);
                return Some((mention, between.collect()));
            }
            way.push((*next, 0, &mention.name));
        }
    }
    None
}

/// What is known of rules.
struct Rules<'a> {
    /// Names of rules that nothing before them can lock out.
    never_locked_out: HashSet<&'a str>,
    /// Names of rules that stand in a `first_of`.
    inner: HashSet<&'a str>,
    /// What goal sets are called after.
    labels: Vec<String>,
    /// What goal sets may be tagged with.
    tags: Vec<String>,
    any_locks: bool,
}

impl<'a> Rules<'a> {
    fn of(definitions: &[&'a RuleDefinition]) -> Self {
        let mut rules = Self {
            never_locked_out: HashSet::new(),
            inner: HashSet::new(),
            labels: Vec::new(),
            tags: Vec::new(),
            any_locks: false,
        };
        for definition in definitions {
            let all = with_inner(definition);
            if !rules.any_locks {
                rules
                    .never_locked_out
                    .extend(all.iter().map(|rule| rule.name.as_str()));
            }
            rules
                .inner
                .extend(all.iter().skip(1).map(|rule| rule.name.as_str()));
            rules.labels.extend(all.iter().map(|rule| rule.label()));
            let tags = all.iter().flat_map(|rule| &rule.tags);
            rules.tags.extend(tags.map(ToString::to_string));
            rules.any_locks |= all.iter().any(|rule| rule.locks);
        }
        rules
    }
}

/// The rule, and those in it.
fn with_inner(rule: &RuleDefinition) -> Vec<&RuleDefinition> {
    let inner = rule.first_of.iter().flatten().flat_map(with_inner);
    std::iter::once(rule).chain(inner).collect()
}

/// Outcomes that rules cannot have, and names that goal sets cannot.
fn check_rules(test: &RuleTest, rules: &Rules<'_>, problems: &mut Problems) {
    let locked_out = test.expectations.iter().find_map(locked_out);
    for Expectation { expected, place } in &test.expectations {
        match expected {
            Expected::Rule(rule, RuleOutcome::LockedOut)
                if rules.never_locked_out.contains(rule.name.as_str()) =>
            {
                let message = format!("no rule before `{}` locks", shorten(&rule.name, 80));
                problems.add(at(rule, message).hint("a rule locks with the goal `lock` or `immaterial`"));
            }
            Expected::Rule(rule, RuleOutcome::NotReached) if !rules.inner.contains(rule.name.as_str()) => {
                let message = format!(
                    "`{}` stands in no `first_of`, so it is always asked",
                    shorten(&rule.name, 80)
                );
                problems.add(at(rule, message).hint("write `not_matched` or `locked_out`"));
            }
            Expected::Locked(true) if !rules.any_locks => {
                let hint = "a rule locks with the goal `lock` or `immaterial`; remove this";
                problems.add(cannot_hold(place, "no rule locks").hint(hint));
            }
            Expected::Locked(false) => {
                if let Some(rule) = locked_out {
                    let rule = shorten(&rule.name, 80);
                    let message = format!("nothing locks here, and `{rule}` must be locked out");
                    problems.add(cannot_hold(place, message).hint("remove one of them"));
                }
            }
            Expected::GoalSet(name) => check_name(name, place, test, rules, problems),
            Expected::Tags(tags) => check_tags(tags, place, rules, problems),
            Expected::Rule(..)
            | Expected::Locked(true)
            | Expected::Goals(_)
            | Expected::Included(_)
            | Expected::Absent(_)
            | Expected::Order(_)
            | Expected::State(..)
            | Expected::Error(_) => {}
        }
    }
}

/// Goal sets have the tags of rules and no others.
fn check_tags(tags: &[SetTag], place: &Place, rules: &Rules<'_>, problems: &mut Problems) {
    for tag in tags.iter().map(ToString::to_string) {
        if rules.tags.contains(&tag) {
            continue;
        }
        let hint = match suggest::nearest(&tag, rules.tags.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write a tag as some rule has it, with its value".to_owned(),
        };
        let message = format!("no rule has the tag `{}`", shorten(&tag, 80));
        problems.add(cannot_hold(place, message).hint(hint));
    }
}

fn locked_out(expectation: &Expectation) -> Option<&Mention> {
    let is_out = matches!(expectation.expected, Expected::Rule(_, RuleOutcome::LockedOut));
    expectation.expected.rule().filter(|_| is_out)
}

/// Goal sets are called after the rules that contribute goals.
fn check_name(name: &str, place: &Place, test: &RuleTest, rules: &Rules<'_>, problems: &mut Problems) {
    let is_nothing = |expectation: &Expectation| matches!(&expectation.expected, Expected::Goals(goals) if goals.is_empty());
    if test.expectations.iter().any(is_nothing) {
        let message = "no goal is set, so there is no goal set with a name";
        problems.add(cannot_hold(place, message).hint("remove `set`, or name the goals"));
        return;
    }
    // A label with a comma may be part of it in more ways than one.
    if rules.labels.iter().any(|label| label.contains(", ")) {
        return;
    }
    let is_known = |part: &&str| rules.labels.iter().any(|label| label == part);
    let Some(unknown) = name.split(", ").find(|part| !is_known(part)) else {
        return;
    };
    let message = format!(
        "no rule is called `{}`, and goal sets are called after rules",
        shorten(unknown, 80)
    );
    let hint = match suggest::nearest(unknown, rules.labels.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write the names of the rules that match, in order, with `, ` between them".to_owned(),
    };
    problems.add(cannot_hold(place, message).hint(hint));
}

/// A push that cannot be planned sets nothing.
fn check_failure(test: &RuleTest, problems: &mut Problems) {
    let fails = |expectation: &&Expectation| {
        matches!(
            expectation.expected,
            Expected::Error(_) | Expected::Rule(_, RuleOutcome::Error)
        )
    };
    let Some(failure) = test.expectations.iter().find(fails) else {
        return;
    };
    for Expectation { expected, place } in &test.expectations {
        let is_set = match expected {
            Expected::Goals(goals) => !goals.is_empty(),
            Expected::Tags(tags) => !tags.is_empty(),
            Expected::Included(_) | Expected::Order(_) | Expected::State(..) | Expected::GoalSet(_) => true,
            Expected::Absent(_) | Expected::Locked(_) | Expected::Rule(..) | Expected::Error(_) => false,
        };
        if is_set {
            let message = format!(
                "planning must fail, says {}, and sets no goal then",
                failure.place
            );
            problems.add(cannot_hold(place, message).hint("remove this, or what says that planning fails"));
        }
    }
}

fn at(mention: &Mention, message: String) -> Diagnostic {
    cannot_hold(&mention.place, message).spanning(mention.length)
}

fn cannot_hold(place: &Place, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error("cannot_hold", place.clone(), message)
}
