//! The score: how often each kind of claim was checked, how often it was wrong, and the first
//! wrong ones in full.

use std::fmt;
use std::time::Duration;

/// Wrong claims that are told in full.
const TOLD_MAX: usize = 6;

/// What is claimed of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Claim {
    Spans,
    Outcome,
    Status,
    UsageSource,
    UsageExact,
    ToolCalls,
    ToolArguments,
    Routing,
    Answer,
    Callers,
    FirstContent,
    NoContent,
    Content,
    Counters,
}

const CLAIMS: [(Claim, &str); 14] = [
    (Claim::Spans, "spans present, unique, in one tree"),
    (Claim::Outcome, "outcome"),
    (Claim::Status, "status and error"),
    (Claim::UsageSource, "source of usage"),
    (Claim::UsageExact, "usage exact where reported"),
    (Claim::ToolCalls, "tool calls: count, name, id"),
    (Claim::ToolArguments, "tool calls: arguments"),
    (Claim::Routing, "provider, target, attempts"),
    (Claim::Answer, "id, model, finish reason"),
    (Claim::Callers, "user and session"),
    (Claim::FirstContent, "first content has a time"),
    (Claim::NoContent, "no content where capture is off"),
    (Claim::Content, "content where capture is on"),
    (Claim::Counters, "counters add up"),
];

/// Right and wrong claims so far.
#[derive(Debug, Default)]
pub(crate) struct Score {
    checked: [u64; CLAIMS.len()],
    wrong: [u64; CLAIMS.len()],
    /// What is known of a call, and what is wrong with it.
    told: Vec<(String, String)>,
    /// How far the time of the first content is from the provider's own.
    off: Vec<Duration>,
    off_max: Duration,
}

// === impl Score ===

impl Score {
    /// `off_max` is how far the time of the first content may be off, in 99 of 100 cases.
    pub(crate) fn new(off_max: Duration) -> Self {
        Self { off_max, ..Self::default() }
    }

    /// One claim; `problem` is what is wrong with it, and `context` what else to tell then.
    pub(crate) fn check(
        &mut self,
        claim: Claim,
        problem: Option<String>,
        context: impl FnOnce() -> String,
    ) {
        let at = claim as usize;
        self.checked[at] += 1;
        let Some(problem) = problem else { return };
        self.wrong[at] += 1;
        // One kind of claim must not crowd out the others.
        if self.told.len() >= TOLD_MAX && self.wrong[at] > 1 {
            return;
        }
        let (context, name) = (context(), CLAIMS[at].1);
        match self.told.last_mut().filter(|(last, _)| *last == context) {
            Some((_, problems)) => problems.push_str(&format!("\n{name}: {problem}")),
            None => self.told.push((context, format!("{name}: {problem}"))),
        }
    }

    /// The time of a first content was off by so much.
    pub(crate) fn first_content(&mut self, off: Duration) {
        self.off.push(off);
    }

    /// So many of a hundred first contents are off by at most this.
    pub(crate) fn off_at(&self, percent: usize) -> Duration {
        let mut sorted = self.off.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(rank).copied().unwrap_or_default()
    }

    /// Whether every claim was right.
    pub(crate) fn is_perfect(&self) -> bool {
        self.wrong.iter().all(|wrong| *wrong == 0) && self.off_at(99) <= self.off_max
    }

    /// The wrong claims that are told, in full.
    pub(crate) fn told(&self) -> String {
        self.told.iter().map(|(context, problems)| format!("{problems}\n{context}\n")).collect()
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<36} {:>9} {:>7} {:>9}", "claim", "checked", "wrong", "right")?;
        for (at, (_, name)) in CLAIMS.iter().enumerate() {
            let (checked, wrong) = (self.checked[at], self.wrong[at]);
            let right = match checked {
                0 => "-".to_owned(),
                _ => format!("{:.3} %", 100.0 * (checked - wrong) as f64 / checked as f64),
            };
            writeln!(f, "{name:<36} {checked:>9} {wrong:>7} {right:>9}")?;
        }
        let ms = |percent| self.off_at(percent).as_secs_f64() * 1e3;
        let (count, limit) = (self.off.len(), self.off_max.as_secs_f64() * 1e3);
        writeln!(
            f,
            "first content against the provider's log, {count} streams: off by {:.3} ms p50, \
             {:.3} ms p99 (at most {limit} ms), {:.3} ms max",
            ms(50),
            ms(99),
            ms(100)
        )
    }
}
