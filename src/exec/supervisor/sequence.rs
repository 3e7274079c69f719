//! Which step of an attempt comes next, and what they came to together: pure decisions.

use std::time::{Duration, Instant};

use nix::sys::wait::WaitStatus;

use super::failing::{Failing, StepEnd};
use crate::model::time::humane;
use crate::ports::executor::{OnFailure, Step, When};

/// What all steps came to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// Whatever had to end well did.
    Well,
    /// A step failed.
    Failed {
        /// Which one, when there are several.
        step: Option<String>,
        /// How.
        how: Failing,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The step at the position is to be started, unless it does not apply.
    Due,
    /// It runs.
    Running,
    /// It is to be started again then.
    Pausing { until: Instant },
    /// Nothing more will be started.
    Over,
}

/// The steps of an attempt and how far they have come.
pub(super) struct Sequence<'a> {
    steps: &'a [Step],
    position: usize,
    state: State,
    /// Refusals of the step at the position.
    refusals: u32,
    /// Nothing but steps that run finally is started any more.
    is_closing: bool,
    /// Not even those.
    is_abandoned: bool,
    /// The step at the position was ruled out by the one before it.
    skips_next: bool,
    verdict: Verdict,
    /// For the log.
    remarks: Vec<String>,
}

impl<'a> Sequence<'a> {
    /// Nothing was started.
    pub(super) fn new(steps: &'a [Step]) -> Self {
        Self {
            steps,
            position: 0,
            state: State::Due,
            refusals: 0,
            is_closing: false,
            is_abandoned: false,
            skips_next: false,
            verdict: Verdict::Well,
            remarks: Vec::new(),
        }
    }

    /// Whether there are steps to tell apart.
    pub(super) fn is_plural(&self) -> bool {
        self.steps.len() > 1
    }

    /// The name of a step for people.
    pub(super) fn label(&self, index: usize) -> String {
        match self.steps[index].name.as_str() {
            "" => format!("step {}", index + 1),
            name => name.to_owned(),
        }
    }

    /// The step to start now; it counts as running then.
    pub(super) fn due(&mut self, now: Instant) -> Option<usize> {
        match self.state {
            State::Pausing { until } if now < until && !self.is_closing => return None,
            State::Pausing { .. } if self.is_closing => self.advance(),
            State::Running | State::Over => return None,
            State::Due | State::Pausing { .. } => {}
        }
        while let Some(step) = self.steps.get(self.position) {
            if self.applies(step) {
                self.state = State::Running;
                return Some(self.position);
            }
            self.advance();
        }
        self.state = State::Over;
        None
    }

    fn applies(&mut self, step: &Step) -> bool {
        let is_ruled_out = std::mem::take(&mut self.skips_next);
        if is_ruled_out {
            let name = self.label(self.position);
            self.remarks
                .push(format!("{name} is skipped: its condition does not hold"));
        }
        !is_ruled_out && !self.is_abandoned && (step.when == When::Finally || !self.is_closing)
    }

    fn advance(&mut self) {
        self.position += 1;
        self.refusals = 0;
        self.state = State::Due;
    }

    /// Whether the step at the position has not refused yet.
    pub(super) fn is_first_try(&self) -> bool {
        self.refusals == 0
    }

    /// The step at the position, while there is one.
    pub(super) fn current(&self) -> Option<&'a Step> {
        self.steps.get(self.position)
    }

    /// The running step has ended. `is_final` says that its result asks for the end of the sequence.
    pub(super) fn ended(&mut self, now: Instant, end: StepEnd, is_final: bool) {
        let Some(step) = self.current() else { return };
        let code = end.code();
        if code == Some(0) {
            if is_final {
                self.close_on_purpose("says so in its result");
            }
            return self.advance();
        }
        if code.is_some() && code == step.stop_code {
            self.close_on_purpose("says so by its code");
            return self.advance();
        }
        match step
            .poll
            .filter(|_| matches!(end, StepEnd::Ended(WaitStatus::Exited(..))))
        {
            Some(poll) => self.refused(now, poll.retries, poll.pause),
            None => self.failed(Failing::End(end)),
        }
    }

    fn close_on_purpose(&mut self, why: &str) {
        self.is_closing = true;
        let name = self.label(self.position);
        self.remarks
            .push(format!("{name} ends the goal on purpose: it {why}"));
    }

    fn refused(&mut self, now: Instant, retries: u32, pause: Duration) {
        self.refusals += 1;
        if self.refusals >= retries || self.is_closing {
            return self.failed(Failing::NeverReady);
        }
        self.remarks.push(format!(
            "not yet: {} of {retries}, again in {}",
            self.refusals,
            humane(pause)
        ));
        self.state = match now.checked_add(pause) {
            Some(until) => State::Pausing { until },
            None => State::Over,
        };
    }

    fn failed(&mut self, how: Failing) {
        let Some(step) = self.current() else { return };
        match step.on_failure {
            OnFailure::EndsGoal => self.fail(how),
            // A condition that cannot be asked is not one that does not hold.
            OnFailure::SkipsNext if !how.is_answer() => self.fail(how),
            OnFailure::IsIgnored => {
                let name = self.label(self.position);
                self.remarks
                    .push(format!("{name} failed, which is ignored: {}", how.words()));
            }
            OnFailure::SkipsNext => self.skips_next = true,
        }
        self.advance();
    }

    /// The first failure is the one that counts.
    fn fail(&mut self, how: Failing) {
        self.is_closing = true;
        if self.is_well() {
            let step = self.is_plural().then(|| self.label(self.position));
            self.verdict = Verdict::Failed { step, how };
        }
    }

    /// From now on nothing but steps that run finally is started.
    pub(super) fn close(&mut self) {
        self.is_closing = true;
    }

    /// Nothing is started any more.
    pub(super) fn abandon(&mut self) {
        self.is_closing = true;
        self.is_abandoned = true;
    }

    /// When to ask again what is due; `None` when only an event can change anything.
    pub(super) fn next_moment(&self, now: Instant) -> Option<Instant> {
        match self.state {
            State::Due => Some(now),
            State::Pausing { .. } if self.is_closing => Some(now),
            State::Pausing { until } => Some(until),
            State::Running | State::Over => None,
        }
    }

    /// Whether nothing runs and nothing will.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Whether nothing has failed so far.
    pub(super) fn is_well(&self) -> bool {
        self.verdict == Verdict::Well
    }

    /// What is to be written to the log.
    pub(super) fn take_remarks(&mut self) -> Vec<String> {
        std::mem::take(&mut self.remarks)
    }

    /// What it came to; a step that could not even be killed has not ended well.
    pub(super) fn verdict(&self) -> Verdict {
        match self.state {
            State::Running if self.is_well() => Verdict::Failed {
                step: self.is_plural().then(|| self.label(self.position)),
                how: Failing::End(StepEnd::Ended(WaitStatus::StillAlive)),
            },
            State::Due | State::Running | State::Pausing { .. } | State::Over => self.verdict.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::unistd::Pid;

    use super::*;
    use crate::model::ExecutionResult;
    use crate::ports::executor::Poll;

    fn step(name: &str) -> Step {
        Step {
            name: name.to_owned(),
            ..Step::default()
        }
    }

    fn exited(code: i32) -> StepEnd {
        StepEnd::Ended(WaitStatus::Exited(Pid::from_raw(1), code))
    }

    /// Runs all steps; each ends with the next code given for it, 0 in the end.
    fn run(steps: &[Step], codes: &[(&str, i32)]) -> (Vec<String>, Verdict) {
        let (mut sequence, mut ran, mut now) = (Sequence::new(steps), Vec::new(), Instant::now());
        let mut codes = codes.to_vec();
        while !sequence.is_over() {
            if let Some(index) = sequence.due(now) {
                let name = sequence.label(index);
                let found = codes.iter().position(|(of, _)| *of == name);
                let code = found.map_or(0, |found| codes.remove(found).1);
                ran.push(name);
                sequence.ended(now, exited(code), false);
            }
            now = sequence.next_moment(now).unwrap_or(now);
        }
        (ran, sequence.verdict())
    }

    fn failed(step: &str, how: Failing) -> Verdict {
        let step = Some(step.to_owned());
        Verdict::Failed { step, how }
    }

    #[test]
    fn ex_10_steps_run_in_order_and_a_failure_leaves_only_what_runs_finally() {
        let mut last = step("clean");
        last.when = When::Finally;
        let steps = [step("one"), step("two"), step("three"), last];
        assert_eq!(run(&steps, &[]).0, ["one", "two", "three", "clean"]);
        let (ran, verdict) = run(&steps, &[("two", 3), ("clean", 4)]);
        assert_eq!(ran, ["one", "two", "clean"]);
        assert_eq!(verdict, failed("two", Failing::End(exited(3))));
        let (_, verdict) = run(&steps, &[("clean", 4)]);
        assert_eq!(verdict, failed("clean", Failing::End(exited(4))));
    }

    #[test]
    fn ex_10_a_condition_leaves_its_step_out_and_a_stop_ends_it_on_purpose() {
        let mut condition = step("if");
        condition.on_failure = OnFailure::SkipsNext;
        let mut stop = step("two");
        stop.stop_code = Some(78);
        let steps = [condition, step("one"), stop, step("three")];
        assert_eq!(
            run(&steps, &[("if", 1)]),
            (vec!["if".into(), "two".into(), "three".into()], Verdict::Well)
        );
        assert_eq!(
            run(&steps, &[("two", 78)]),
            (vec!["if".into(), "one".into(), "two".into()], Verdict::Well)
        );
        let mut sequence = Sequence::new(&steps);
        sequence.due(Instant::now());
        sequence.ended(Instant::now(), StepEnd::NotStarted(Box::default()), false);
        assert!(!sequence.is_well());
    }

    #[test]
    fn an_ignored_failure_is_none() {
        let mut ignored = step("one");
        ignored.on_failure = OnFailure::IsIgnored;
        let steps = [ignored, step("two")];
        assert_eq!(
            run(&steps, &[("one", 1)]),
            (vec!["one".into(), "two".into()], Verdict::Well)
        );
        let mut sequence = Sequence::new(&steps);
        for end in [
            exited(3),
            StepEnd::NotStarted(Box::new(ExecutionResult::failure("no such file"))),
        ] {
            sequence.position = 0;
            sequence.ended(Instant::now(), end, false);
        }
        assert_eq!(
            sequence.take_remarks(),
            [
                "one failed, which is ignored: the command ended with code 3",
                "one failed, which is ignored: no such file"
            ]
        );
    }

    #[test]
    fn ex_06_a_wait_runs_again_until_it_is_true_or_tired() {
        let mut wait = step("wait");
        wait.poll = Some(Poll {
            retries: 10,
            pause: Duration::from_secs(1),
        });
        let steps = [wait, step("work")];
        let (ran, verdict) = run(&steps, &[("wait", 1); 8]);
        assert_eq!(
            (ran.len(), verdict),
            (10, Verdict::Well),
            "true at the ninth look, then the work"
        );
        let (ran, verdict) = run(&steps, &[("wait", 1); 20]);
        assert_eq!((ran.len(), verdict), (10, failed("wait", Failing::NeverReady)));
        assert!(ran.iter().all(|name| name == "wait"));
    }

    #[test]
    fn a_stop_ends_a_pause_and_leaves_what_runs_finally() {
        let mut wait = step("wait");
        wait.poll = Some(Poll {
            retries: 10,
            pause: Duration::from_secs(1000),
        });
        let mut last = step("clean");
        last.when = When::Finally;
        let (steps, now) = ([wait, step("work"), last], Instant::now());
        let mut sequence = Sequence::new(&steps);
        sequence.due(now);
        sequence.ended(now, exited(1), false);
        assert_eq!(sequence.due(now), None);
        sequence.close();
        assert_eq!(sequence.next_moment(now), Some(now));
        assert_eq!(sequence.due(now), Some(2));
        sequence.abandon();
        sequence.ended(now, exited(0), false);
        assert_eq!((sequence.due(now), sequence.is_over()), (None, true));
    }
}
