//! What one request holds, from its admission to the truth about it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::entry::{Entry, Held, Refusal};
use crate::ledger::Ledger;
use crate::rule::{Kind, OnExceed, Rule, Scope};
use crate::{Need, Used, nanos_of};

/// Output tokens that are taken at once when a stream goes on beyond what was reserved.
const STEP_TOKENS: u64 = 64;

/// A rule that applies to a request, and to whom its use is counted.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The rule.
    pub rule: &'a Arc<Rule>,
    /// The key's id, the user, the model, the target; empty for everything together.
    pub subject: &'a str,
}

/// What a request holds. Dropped without a word, it settles at what is known.
#[derive(Debug)]
pub struct Reservation {
    ledger: Arc<Ledger>,
    holds: Vec<Hold>,
    need: Need,
    /// Output tokens that are reserved by now.
    output_reserved: u64,
    /// Output tokens that were seen.
    output_seen: u64,
    began: bool,
    settled: bool,
}

/// What it holds by one rule.
#[derive(Debug)]
pub(crate) struct Hold {
    pub(crate) entry: Arc<Entry>,
    pub(crate) rule: Arc<Rule>,
    pub(crate) held: Held,
}

/// How much of the tightest limit is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// What is limited.
    pub kind: Kind,
    /// How much is allowed in a minute.
    pub limit: u64,
    /// How much of it is left.
    pub left: u64,
    /// When some of what is used comes back.
    pub reset: Duration,
}

/// A request does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// What is limited.
    pub kind: Kind,
    /// Whose use it is.
    pub scope: Scope,
    /// The rule's name.
    pub rule: Arc<str>,
    /// How much is allowed; money in billionths.
    pub limit: u64,
    /// When it would fit; `None` if never: it is larger than the limit.
    pub wait: Option<Duration>,
    /// Tokens that it may use.
    pub tokens: u64,
    /// The currency of money.
    pub currency: Option<Arc<str>>,
}

// === impl Reservation ===

impl Reservation {
    pub(crate) const fn new(ledger: Arc<Ledger>, holds: Vec<Hold>, need: Need) -> Self {
        let output_reserved = need.output;
        Self { ledger, holds, need, output_reserved, output_seen: 0, began: false, settled: false }
    }

    /// How much is left of the limit of which the smallest part is.
    pub fn status(&self) -> Option<Status> {
        let now = self.ledger.now();
        let mut tightest: Option<Status> = None;
        for Hold { entry, rule, .. } in &self.holds {
            for kind in [Kind::Requests, Kind::Tokens] {
                let Some(it) = entry.left(&rule.caps, kind, now) else { continue };
                let reset = Duration::from_millis(it.reset_ms);
                let status = Status { kind, limit: it.limit, left: it.left, reset };
                // Parts compared without dividing.
                let part = |of: &Status, by: &Status| u128::from(of.left) * u128::from(by.limit);
                if tightest.is_none_or(|known| part(&status, &known) < part(&known, &status)) {
                    tightest = Some(status);
                }
            }
        }
        tightest
    }

    /// Whether tokens that a stream generates have to be told.
    pub fn counts_tokens(&self) -> bool {
        self.holds.iter().any(|hold| hold.rule.caps.counts_tokens())
    }

    /// An upstream has the request: its input counts, whatever comes of it.
    pub const fn began(&mut self) {
        self.began = true;
    }

    /// So many output tokens were seen so far. Takes more where that is more than was reserved.
    ///
    /// # Errors
    /// No more is to be had, and the rule says that the stream is cut.
    pub fn output(&mut self, seen: u64) -> Result<(), Exceeded> {
        self.output_seen = self.output_seen.max(seen);
        if self.output_seen <= self.output_reserved {
            return Ok(());
        }
        let more = (self.output_seen - self.output_reserved).max(STEP_TOKENS);
        let now = self.ledger.now();
        for Hold { entry, rule, held } in &mut self.holds {
            let budget = rule.caps.budget.as_ref();
            let nanos = budget.map_or(0, |budget| {
                let until = |output| self.need.nanos(output, &budget.currency);
                until(self.output_reserved + more) - until(self.output_reserved)
            });
            let forced = rule.on_exceed == OnExceed::Finish;
            if let Err(refusal) = entry.extend(&rule.caps, held, (more, nanos), forced, now) {
                self.ledger.count_refusal(rule.scope, refusal.kind);
                self.ledger.count_cut();
                return Err(Exceeded::new(rule, refusal, self.need.tokens()));
            }
        }
        self.output_reserved += more;
        Ok(())
    }

    /// The truth.
    pub fn settle(mut self, used: &Used) {
        self.end(used);
    }

    fn end(&mut self, used: &Used) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        let now = self.ledger.now();
        if let Some(tokens) = used.tokens.filter(|_| self.counts_tokens()) {
            self.ledger.count_settled(tokens);
        }
        for Hold { entry, rule, held } in &self.holds {
            let nanos = match (&rule.caps.budget, &used.cost, used.tokens) {
                (Some(budget), Some((amount, currency)), _) if *currency == budget.currency => {
                    Some(nanos_of(*amount))
                }
                (_, None, None) => None,
                // No tokens, no price, or one in another currency.
                _ => Some(0),
            };
            entry.settle(held, used.tokens, nanos, now);
            self.ledger.enqueue(entry);
        }
    }

    /// Without the truth: the input where it was sent, and the output that was seen.
    fn known(&self) -> Used {
        let input = if self.began { self.need.input } else { 0 };
        let cost = self.need.price.as_ref().map(|price| {
            let amount = input as f64 * price.input + self.output_seen as f64 * price.output;
            (amount, Arc::clone(&price.currency))
        });
        Used { tokens: Some(input + self.output_seen), cost }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.settled {
            let known = self.known();
            self.end(&known);
        }
    }
}

// === impl Exceeded ===

impl Exceeded {
    pub(crate) fn new(rule: &Rule, refusal: Refusal, tokens: u64) -> Self {
        let Refusal { kind, limit, wait_ms } = refusal;
        let currency = rule.caps.budget.as_ref().map(|budget| Arc::clone(&budget.currency));
        Self {
            kind,
            scope: rule.scope,
            rule: Arc::clone(&rule.name),
            limit,
            wait: wait_ms.map(Duration::from_millis),
            tokens,
            currency: currency.filter(|_| kind.is_budget()),
        }
    }

    /// When to try again, in whole seconds, where trying again can help.
    pub fn retry_after_s(&self) -> Option<u64> {
        self.wait.map(|wait| {
            (u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).div_ceil(1_000)).max(1)
        })
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, scope, limit, tokens, .. } = self;
        let owner = scope.owner();
        let money = *limit as f64 / 1e9;
        let currency = self.currency.as_deref().unwrap_or_default();
        match (kind, self.wait) {
            (Kind::Tokens, None) => write!(
                f,
                "the request may use about {tokens} tokens, more than the {limit} a minute that {owner} may use: shorten it or lower its token limit"
            ),
            (Kind::Requests, _) => write!(f, "{owner} may make {limit} requests a minute, and has"),
            (Kind::Tokens, _) => {
                write!(f, "{owner} may use {limit} tokens a minute, and too few are left")
            }
            (Kind::Concurrency, _) => {
                write!(f, "{owner} may have {limit} requests at a time, and has")
            }
            (Kind::BudgetDay, _) => {
                write!(f, "{owner} may spend {money} {currency} a day, and too little is left")
            }
            (Kind::BudgetMonth, _) => {
                write!(f, "{owner} may spend {money} {currency} a month, and too little is left")
            }
        }?;
        match self.retry_after_s() {
            Some(after_s) => write!(f, "; try again in {after_s} s"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Exceeded {}
