//! What is looked for in each direction, and what a finding leads to. Shared by all requests.
//!
//! Rules are applied from the cheapest to the dearest, and the first one that blocks ends it.

use std::sync::Arc;

use aho_corasick::BuildError;

use super::{Unanswered, Webhook};
use crate::detect::{Detector, Detectors, Kind};

#[cfg(test)]
mod tests;

/// What a finding leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// It is counted and told of, nothing else.
    Flag,
    /// [`Kind::mark`] takes its place.
    Redact,
    /// The request is refused, or the answer does not reach the caller.
    Block,
}

/// Which way a text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// To the model.
    Input,
    /// To the caller.
    Output,
}

/// The directions that a rule holds for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Directions {
    /// Requests only.
    Input,
    /// Answers only.
    Output,
    /// Both.
    #[default]
    Both,
}

/// What is to be found by one detector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetectorSettings {
    /// The kinds that count; all of one detector.
    pub kinds: Vec<Kind>,
    /// What a finding leads to.
    pub action: Action,
    /// Where it is looked for.
    pub directions: Directions,
}

/// What the configuration says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The phrases of [`Kind::Blocklist`].
    pub blocklist: Vec<String>,
    /// What is looked for, in any order.
    pub detectors: Vec<DetectorSettings>,
}

/// Everything that is looked for, by direction.
#[derive(Debug, Default)]
pub struct Policy {
    input: Option<Arc<Rules>>,
    output: Option<Arc<Rules>>,
    webhooks: Arc<[Webhook]>,
}

/// What is looked for in one direction: at least one rule.
#[derive(Debug)]
pub struct Rules {
    direction: Direction,
    rules: Vec<Rule>,
    redacted: Detectors,
    unseen: Detectors,
}

/// One detector and what its findings lead to.
#[derive(Debug)]
pub struct Rule {
    /// Which detector.
    pub detector: Detector,
    /// What a finding leads to.
    pub action: Action,
    /// The detector itself.
    pub detectors: Detectors,
}

/// That something was found, and where; never what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What found it, and as what.
    pub what: What,
    /// What it led to.
    pub action: Action,
    /// Where it was.
    pub direction: Direction,
    /// How often.
    pub count: u32,
}

/// What found something, and as what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// A detector of [`crate::detect`].
    Shape(Kind),
    /// A webhook, by its name in the configuration.
    Webhook(Arc<str>),
}

/// The findings of one request, one for each kind, action and direction: so they are few.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    found: Vec<Finding>,
    unanswered: Vec<Unanswered>,
}

// === impl Action ===

impl Action {
    /// The words of the configuration.
    pub const WORDS: [(&'static str, Self); 3] =
        [("flag", Self::Flag), ("redact", Self::Redact), ("block", Self::Block)];

    /// The word of the configuration and of telemetry.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Redact => "redact",
            Self::Block => "block",
        }
    }
}

// === impl Direction ===

impl Direction {
    /// Both, requests first.
    pub const ALL: [Self; 2] = [Self::Input, Self::Output];

    /// The value of `gen_ai.guardrail.direction`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
        }
    }
}

// === impl Directions ===

impl Directions {
    /// The words of the configuration.
    pub const WORDS: [(&'static str, Self); 3] =
        [("input", Self::Input), ("output", Self::Output), ("both", Self::Both)];

    /// Whether a direction is among them.
    pub const fn covers(self, direction: Direction) -> bool {
        matches!(
            (self, direction),
            (Self::Both, _) | (Self::Input, Direction::Input) | (Self::Output, Direction::Output)
        )
    }
}

// === impl Policy ===

impl Policy {
    /// Builds the automata.
    ///
    /// # Errors
    /// When the phrases are too many for an automaton.
    pub fn new(settings: &Settings) -> Result<Self, BuildError> {
        let rules = |direction| Rules::new(settings, direction).map(|rules| rules.map(Arc::new));
        Ok(Self {
            input: rules(Direction::Input)?,
            output: rules(Direction::Output)?,
            webhooks: Arc::default(),
        })
    }

    /// Asks these, too, of requests that no rule blocks.
    #[must_use]
    pub fn with_webhooks(mut self, webhooks: impl IntoIterator<Item = Webhook>) -> Self {
        self.webhooks = webhooks.into_iter().collect();
        self
    }

    /// Who else is asked of requests, in order.
    pub const fn webhooks(&self) -> &Arc<[Webhook]> {
        &self.webhooks
    }

    /// The rules of a direction; `None` where nothing is looked for.
    pub const fn rules(&self, direction: Direction) -> Option<&Arc<Rules>> {
        match direction {
            Direction::Input => self.input.as_ref(),
            Direction::Output => self.output.as_ref(),
        }
    }
}

// === impl Rules ===

impl Rules {
    fn new(settings: &Settings, direction: Direction) -> Result<Option<Self>, BuildError> {
        let blocklist = &settings.blocklist;
        let of = |kinds: Vec<Kind>| Detectors::new(kinds, blocklist);
        let mut rules = Vec::new();
        for wanted in settings.detectors.iter().filter(|it| it.directions.covers(direction)) {
            for detector in Detector::ALL {
                let kinds = wanted.kinds.iter().copied();
                let mut kinds: Vec<Kind> = kinds.filter(|it| it.detector() == detector).collect();
                // A list without phrases finds nothing.
                kinds.retain(|kind| *kind != Kind::Blocklist || !blocklist.is_empty());
                if !kinds.is_empty() {
                    rules.push(Rule { detector, action: wanted.action, detectors: of(kinds)? });
                }
            }
        }
        rules.sort_by_key(|rule| rule.detector);
        let acting = |least: Action| {
            let rules = rules.iter().filter(move |rule| rule.action == least);
            rules.flat_map(|rule| rule.detectors.kinds().iter().copied()).collect::<Vec<_>>()
        };
        let redacted = acting(Action::Redact);
        let unseen = redacted.iter().copied().chain(acting(Action::Block)).collect();
        let (redacted, unseen) = (of(redacted)?, of(unseen)?);
        Ok((!rules.is_empty()).then_some(Self { direction, rules, redacted, unseen }))
    }

    /// Which way the texts go.
    pub const fn direction(&self) -> Direction {
        self.direction
    }

    /// The rules, cheapest first.
    pub fn iter(&self) -> std::slice::Iter<'_, Rule> {
        self.rules.iter()
    }

    /// What a finding of this kind leads to; `None` where it is not looked for.
    pub fn action(&self, kind: Kind) -> Option<Action> {
        let rules = self.rules.iter().filter(|rule| rule.detectors.kinds().contains(&kind));
        rules.map(|rule| rule.action).max()
    }

    /// Whether nothing has to be held back or changed: every rule only flags.
    pub fn only_flags(&self) -> bool {
        self.rules.iter().all(|rule| rule.action == Action::Flag)
    }

    /// Everything that is redacted, as one.
    pub const fn redacted(&self) -> &Detectors {
        &self.redacted
    }

    /// Everything that is redacted or blocked, as one: what must not be kept of a text either.
    pub const fn unseen(&self) -> &Detectors {
        &self.unseen
    }

    /// A finding of `kind`.
    pub fn finding(&self, kind: Kind, action: Action, count: u32) -> Finding {
        Finding { what: What::Shape(kind), action, direction: self.direction, count }
    }
}

impl<'a> IntoIterator for &'a Rules {
    type Item = &'a Rule;
    type IntoIter = std::slice::Iter<'a, Rule>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

// === impl Finding ===

impl Finding {
    /// The value of `gen_ai.guardrail.detector`.
    pub const fn detector(&self) -> &'static str {
        match &self.what {
            What::Shape(kind) => kind.detector().name(),
            What::Webhook(_) => "webhook",
        }
    }

    /// What it was taken for: the kind's name, or the webhook's.
    pub fn kind(&self) -> &str {
        match &self.what {
            What::Shape(kind) => kind.name(),
            What::Webhook(name) => name,
        }
    }
}

// === impl Findings ===

impl Findings {
    /// Adds a finding to those of its kind.
    pub fn note(&mut self, finding: Finding) {
        let same = |it: &&mut Finding| {
            (&it.what, it.action, it.direction)
                == (&finding.what, finding.action, finding.direction)
        };
        match self.found.iter_mut().find(same) {
            Some(same) => same.count = same.count.saturating_add(finding.count),
            None => self.found.push(finding),
        }
    }

    /// Adds all of another's.
    pub fn append(&mut self, other: Self) {
        for finding in other.found {
            self.note(finding);
        }
        self.unanswered.extend(other.unanswered);
    }

    /// Adds that a webhook did not answer.
    pub fn note_unanswered(&mut self, unanswered: Unanswered) {
        self.unanswered.push(unanswered);
    }

    /// The webhooks that did not answer.
    pub fn unanswered(&self) -> &[Unanswered] {
        &self.unanswered
    }

    /// In the order in which the kinds were first found.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.found.iter()
    }

    /// Whether nothing was found.
    pub const fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Whether anything was taken out or kept away: the text is no longer what was said.
    pub fn touched(&self, direction: Direction) -> bool {
        self.found.iter().any(|it| it.direction == direction && it.action != Action::Flag)
    }
}

impl<'a> IntoIterator for &'a Findings {
    type Item = &'a Finding;
    type IntoIter = std::slice::Iter<'a, Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
