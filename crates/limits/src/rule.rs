//! A rule: whose use is counted, and how much of it is allowed.

use std::sync::Arc;

use crate::period::Period;
use crate::{Patterns, nanos_of};

/// One rule of the configuration, or the limits of one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What tells it from other rules; its counts go on under that name when it changes.
    pub name: Arc<str>,
    /// What is counted by itself.
    pub scope: Scope,
    /// Of which ones; of all by default.
    pub matching: Option<Patterns>,
    /// How much each of them may use.
    pub caps: Caps,
    /// What becomes of a stream that uses more than was reserved for it.
    pub on_exceed: OnExceed,
}

/// What is counted by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Each caller key; calls without one together.
    Key,
    /// Each user; calls that name none together.
    User,
    /// Each model, by the name that callers ask for.
    Model,
    /// Each target.
    Target,
    /// Everything together.
    All,
}

/// How much may be used. What is not there is not limited.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Caps {
    /// In any minute.
    pub requests_per_minute: Option<u64>,
    /// Input and output, in any minute.
    pub tokens_per_minute: Option<u64>,
    /// Requests at a time.
    pub concurrency_max: Option<u64>,
    /// Money.
    pub budget: Option<Budget>,
}

/// How much may be spent, in billionths of the currency's unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// In a day, by UTC.
    pub day_nanos: Option<u64>,
    /// In a month, by UTC.
    pub month_nanos: Option<u64>,
    /// ISO 4217.
    pub currency: Arc<str>,
}

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `requests_per_minute`.
    Requests,
    /// `tokens_per_minute`.
    Tokens,
    /// `concurrency_max`.
    Concurrency,
    /// `budget.day`.
    BudgetDay,
    /// `budget.month`.
    BudgetMonth,
}

/// What becomes of a stream that uses more than was reserved for it, where no more is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnExceed {
    /// It goes on to its end; what it used counts.
    #[default]
    Finish,
    /// It ends with an error.
    Cut,
}

// === impl Scope ===

impl Scope {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Key, Self::User, Self::Model, Self::Target, Self::All];

    /// The name in the configuration, metrics and spans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::User => "user",
            Self::Model => "model",
            Self::Target => "target",
            Self::All => "all",
        }
    }

    /// In a sentence.
    pub(crate) const fn owner(self) -> &'static str {
        match self {
            Self::Key => "this key",
            Self::User => "this user",
            Self::Model => "this model",
            Self::Target => "this target",
            Self::All => "the gateway",
        }
    }
}

// === impl Kind ===

impl Kind {
    /// All of them, in the order in which they are looked at.
    pub const ALL: [Self; 5] =
        [Self::Requests, Self::Tokens, Self::Concurrency, Self::BudgetDay, Self::BudgetMonth];

    /// The name in metrics and spans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::Concurrency => "concurrency",
            Self::BudgetDay => "budget_day",
            Self::BudgetMonth => "budget_month",
        }
    }

    /// Whether it is about money.
    pub const fn is_budget(self) -> bool {
        matches!(self, Self::BudgetDay | Self::BudgetMonth)
    }

    pub(crate) const fn period(self) -> Option<Period> {
        match self {
            Self::BudgetDay => Some(Period::Day),
            Self::BudgetMonth => Some(Period::Month),
            Self::Requests | Self::Tokens | Self::Concurrency => None,
        }
    }
}

// === impl Caps ===

impl Caps {
    /// How much of this is allowed; money in billionths.
    pub(crate) fn of(&self, kind: Kind) -> Option<u64> {
        let budget = self.budget.as_ref();
        match kind {
            Kind::Requests => self.requests_per_minute,
            Kind::Tokens => self.tokens_per_minute,
            Kind::Concurrency => self.concurrency_max,
            Kind::BudgetDay => budget?.day_nanos,
            Kind::BudgetMonth => budget?.month_nanos,
        }
    }

    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        Kind::ALL.iter().all(|kind| self.of(*kind).is_none())
    }

    /// Whether tokens have to be known: they are limited, or cost money that is.
    pub const fn counts_tokens(&self) -> bool {
        self.tokens_per_minute.is_some() || self.budget.is_some()
    }
}

// === impl Budget ===

impl Budget {
    /// From whole units of a currency.
    pub fn new(
        day: Option<f64>,
        month: Option<f64>,
        currency: impl Into<Arc<str>>,
    ) -> Option<Self> {
        let (day_nanos, month_nanos) = (day.map(nanos_of), month.map(nanos_of));
        let any = day_nanos.is_some() || month_nanos.is_some();
        any.then(|| Self { day_nanos, month_nanos, currency: currency.into() })
    }
}
