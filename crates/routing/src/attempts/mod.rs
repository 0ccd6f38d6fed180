//! Walks a plan: one attempt at a time, each decided by how the one before it failed.
//!
//! Invariants: an ejected target is drawn only where no other one is left; no target is asked again
//! after it has been left, but for the one degraded attempt; the number of attempts never passes [`Plan::attempts_max`]; a retry never takes the place of a
//! target that has not been asked yet.

use std::sync::Arc;
use std::time::Duration;

use crate::live::{Probe, Unknown, View};
use crate::plan::{ATTEMPTS_MAX, Choice, Plan, RoutingPath, Step};
use crate::retry::{Failure, FailureKind};
use crate::strategy::{StickyBy, Subject};
use crate::target::Target;
use crate::variant::Variant;

mod choose;
#[cfg(test)]
mod tests;

/// One try at one target.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// 1 for the first; `gateway.routing.attempt`.
    pub number: u32,
    /// Where it goes.
    pub target: Arc<Target>,
    /// How long to pause before it.
    pub wait: Duration,
    /// The arm of the experiment it belongs to.
    pub variant: Option<Arc<Variant>>,
    /// Whether it is the last resort after all targets were excluded.
    pub degraded: bool,
}

/// What the attempts of one request add to the retry metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Attempts that asked the target before them again; `gateway.retry.attempts`.
    pub retries: u32,
    /// The targets that were left, in that order; `gateway.retry.target_exclusions`.
    pub exclusions: Vec<Arc<str>>,
    /// 1 once a degraded attempt was made; `gateway.retry.exhaustion_resets`.
    pub exhaustion_resets: u32,
}

/// The attempts of one request.
#[derive(Debug)]
pub struct Attempts {
    plan: Plan,
    state: State,
    /// Whose request it is at each of `plan.steps`; empty where no step is sticky.
    subjects: Vec<Option<Subject>>,
    /// The attempt in flight tries a half-open target.
    probe: Option<Probe>,
    current: Option<Choice>,
    retries_of_current: u32,
    number: u32,
    first: Option<Choice>,
    /// The first target refused our credential or asked us to stay away: no degraded attempt.
    first_is_barred: bool,
    /// How long the first target asked us to stay away when it was left.
    first_asked: Duration,
    counters: Counters,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The next attempt takes a new choice.
    Choose,
    /// The next attempt asks the current target again.
    Retry { wait: Duration },
    /// The next attempt is the degraded one.
    Degraded { wait: Duration },
    /// An attempt was handed out and has not failed.
    InFlight { degraded: bool },
    /// No attempt is left.
    Over,
}

// === impl Attempts ===

impl Attempts {
    /// Starts at the beginning of the plan.
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            state: State::Choose,
            subjects: Vec::new(),
            probe: None,
            current: None,
            retries_of_current: 0,
            number: 0,
            first: None,
            first_is_barred: false,
            first_asked: Duration::ZERO,
            counters: Counters::default(),
        }
    }

    /// Says whose request it is, asked once for each sticky step. Without a subject the choice is
    /// drawn as ever.
    #[must_use]
    pub fn with_subjects(mut self, subject: impl Fn(&StickyBy) -> Option<Subject>) -> Self {
        let mut steps = self.plan.steps.iter();
        if steps.any(|step| step.sticky_by.is_some()) {
            let subjects = self.plan.steps.iter().map(|it| subject(it.sticky_by.as_ref()?));
            self.subjects = subjects.collect();
        }
        self
    }

    /// As [`Attempts::next_seeing`], where nothing is known of the targets.
    pub fn next(&mut self, random: f64) -> Option<Attempt> {
        self.next_seeing(random, &Unknown)
    }

    /// The next attempt; `random` is from [0, 1). `None` while an attempt is in flight, and when
    /// none is left.
    pub fn next_seeing(&mut self, random: f64, view: &impl View) -> Option<Attempt> {
        let mut wait = Duration::ZERO;
        let mut degraded = false;
        if matches!(self.state, State::Retry { .. }) && self.is_better_left(view) {
            self.leave(false, None);
            self.state = State::Choose;
        }
        match self.state {
            State::InFlight { .. } | State::Over => return None,
            State::Choose => {
                if !self.choose(random, view) {
                    self.state = State::Over;
                    return None;
                }
                self.retries_of_current = 0;
            }
            State::Retry { wait: pause } => {
                wait = pause;
                self.retries_of_current += 1;
                self.counters.retries += 1;
            }
            State::Degraded { wait: pause } => {
                wait = pause;
                degraded = true;
                self.current.clone_from(&self.first);
                self.counters.exhaustion_resets += 1;
            }
        }
        self.state = State::InFlight { degraded };
        self.number += 1;
        let Choice { target, variant } = self.current.clone()?;
        Some(Attempt { number: self.number, target, wait, variant, degraded })
    }

    /// The attempt in flight failed. `random`, from [0, 1), is the jitter of the pause. Returns
    /// whether another attempt follows; if not, this failure is the caller's answer.
    pub fn failed(&mut self, failure: Failure, random: f64) -> bool {
        let State::InFlight { degraded } = self.state else { return false };
        self.state = self.after(&failure, random, degraded);
        self.state != State::Over
    }

    /// The claim on the half-open target of the attempt in flight, if it tries one. Kept by the
    /// attempt, given back when dropped.
    pub fn take_probe(&mut self) -> Option<Probe> {
        self.probe.take()
    }

    /// The pause before the next attempt, should one follow.
    pub const fn wait(&self) -> Duration {
        match self.state {
            State::Retry { wait } | State::Degraded { wait } => wait,
            State::Choose | State::InFlight { .. } | State::Over => Duration::ZERO,
        }
    }

    /// Whether the failure is of a kind that another attempt may follow, be any left or not.
    pub fn is_retryable(&self, failure: &Failure) -> bool {
        let managed = self.plan.path == RoutingPath::Managed;
        managed && (failure.is_about_credential() || self.plan.retry.is_retryable(failure))
    }

    /// The plan being walked.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Attempts made so far, the one in flight included.
    pub const fn made(&self) -> u32 {
        self.number
    }

    /// What to add to the retry metrics.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    fn after(&mut self, failure: &Failure, random: f64, degraded: bool) -> State {
        if degraded || !self.is_retryable(failure) {
            return State::Over;
        }
        let refused = failure.is_about_credential();
        let wait = self.plan.retry.wait(failure, self.retries_of_current, random);
        // A target that is full stays so for a while; another one may have room.
        let full = failure.kind == FailureKind::Status(429) && self.untried() > 0;
        if let (false, Some(wait), true) = (refused || full, wait, self.may_retry()) {
            return State::Retry { wait };
        }
        self.leave(refused || wait.is_none(), failure.retry_after);
        if self.untried() > 0 {
            return State::Choose;
        }
        let chain = self.plan.targets().len();
        if chain > 1 && !self.first_is_barred {
            return State::Degraded { wait: self.first_asked };
        }
        State::Over
    }

    /// Excludes the current target from every further choice.
    fn leave(&mut self, barred: bool, asked: Option<Duration>) {
        let Some(current) = &self.current else { return };
        if self.first.as_ref().is_some_and(|first| first.target.name == current.target.name) {
            self.first_is_barred |= barred;
            self.first_asked = asked.unwrap_or_default();
        }
        self.counters.exclusions.push(Arc::clone(&current.target.name));
    }

    fn may_retry(&self) -> bool {
        if self.retries_of_current >= self.plan.retry.max_retries {
            return false;
        }
        let chain = u32::try_from(self.plan.targets().len()).unwrap_or(u32::MAX);
        let degraded = u32::from(chain > 1);
        let budget = ATTEMPTS_MAX.max(chain.saturating_add(degraded));
        let reserved = self.untried().saturating_add(degraded);
        self.number.saturating_add(reserved) < budget
    }

    /// Different targets ahead that were neither left nor are being asked.
    fn untried(&self) -> u32 {
        let current = self.current.as_ref().map(|choice| &choice.target.name);
        let mut seen: Vec<&Arc<str>> = Vec::new();
        for choice in self.plan.steps.iter().flat_map(Step::eligible) {
            let name = &choice.target.name;
            if Some(name) != current && !self.is_excluded(choice) && !seen.contains(&name) {
                seen.push(name);
            }
        }
        u32::try_from(seen.len()).unwrap_or(u32::MAX)
    }

    fn is_excluded(&self, choice: &Choice) -> bool {
        self.counters.exclusions.contains(&choice.target.name)
    }
}
