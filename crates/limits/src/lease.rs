//! What a gateway may use of a count that several share, without asking again.
//!
//! A lease is taken from the shared count as a whole and used up locally for a short while; what is
//! left of it, and what requests give back, returns to where it was taken from. So the shared count is
//! never less than what is used, and most requests ask nobody.

use crate::rule::Kind;
use crate::window::{SLOT_MS, SLOTS};

/// How long a lease is good.
pub(crate) const LEASE_MS: u64 = 2_000;
/// A twentieth of a limit is leased at once, if there is that much.
const SHARE: u64 = 20;
/// Slots of a shared window: those of a minute, and those in which a lease is used and asked for.
const SHARED_SLOTS: u64 = SLOTS + LEASE_MS / SLOT_MS + 1;
/// Amounts that wait to be told, by slot. Older ones no longer count.
const OWED_MAX: usize = SHARED_SLOTS as usize;
/// How often a gateway says that its requests are still running.
const RENEW_MS: u64 = 3_000;
/// A slot that whoever keeps the count chooses: the one of the moment.
pub const SLOT_NOW: u64 = u64::MAX;

/// A gateway's part of one shared count.
#[derive(Debug, Default)]
pub(crate) struct Lease {
    left: u64,
    slot: u64,
    until_ms: u64,
    /// What was used without a lease, or is given back: by slot.
    owed: Vec<(u64, i64)>,
    /// Until when there is known to be nothing left.
    exhausted_until_ms: u64,
    /// Permits that are out: of concurrency.
    out: u64,
    renewed_ms: u64,
}

/// A question to whoever keeps the shared counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What is counted: the rule's name, the subject, what is limited, and of money the period.
    pub key: String,
    /// How it is counted.
    pub shape: Shape,
    /// How much is allowed.
    pub limit: u64,
    /// The least that is of use; 0 where nothing is asked for.
    pub need: u64,
    /// What would be taken.
    pub want: u64,
    /// What is to be added to slots first, or taken off.
    pub owed: Vec<(u64, i64)>,
    pub(crate) kind: Kind,
    pub(crate) asked_ms: u64,
}

/// How something is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// By slots, of which the latest so many count.
    Window {
        /// The length of a slot, in milliseconds.
        slot_ms: u64,
        /// How many count.
        slots: u64,
    },
    /// As a sum that is never taken back, until it is forgotten.
    Sum {
        /// In how many milliseconds.
        ttl_ms: u64,
    },
    /// As a sum for each gateway, which counts while the gateway speaks.
    Held {
        /// How long its silence may be, in milliseconds.
        ttl_ms: u64,
    },
}

/// What was granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// How much: at least what was needed, or nothing.
    pub granted: u64,
    /// The slot that it was taken from.
    pub slot: u64,
    /// How much is left of the limit after that.
    pub left: u64,
    /// When what was needed may fit, in milliseconds.
    pub wait_ms: u64,
}

// === impl Lease ===

impl Lease {
    /// Takes so much, if the lease has it; says from which slot.
    pub(crate) fn take(&mut self, amount: u64, now_ms: u64) -> Option<u64> {
        if now_ms >= self.until_ms || self.left < amount {
            return None;
        }
        self.left -= amount;
        self.out += amount;
        Some(self.slot)
    }

    /// Gives back what was taken from this slot.
    pub(crate) fn give(&mut self, slot: u64, amount: u64, now_ms: u64) {
        if slot == self.slot && now_ms < self.until_ms {
            self.left += amount;
        } else {
            self.owe(slot, negative(amount));
        }
    }

    /// What was out has ended, be it given back or used.
    pub(crate) const fn ended(&mut self, amount: u64) {
        self.out = self.out.saturating_sub(amount);
    }

    /// So much was used that no request had taken: of what the lease still has, and beyond it.
    pub(crate) fn overdraw(&mut self, slot: u64, amount: u64, now_ms: u64) {
        let leased = if now_ms < self.until_ms { self.left.min(amount) } else { 0 };
        self.left -= leased;
        if amount > leased {
            self.owe(slot, i64::try_from(amount - leased).unwrap_or(i64::MAX));
        }
    }

    pub(crate) fn grant(&mut self, grant: &Grant, asked_ms: u64) {
        if grant.granted == 0 {
            return;
        }
        let until_ms = asked_ms + LEASE_MS;
        if self.slot == grant.slot {
            self.left += grant.granted;
            // What the earlier one left must not be used longer than that.
            self.until_ms =
                if self.left == grant.granted { until_ms } else { self.until_ms.min(until_ms) };
        } else {
            self.return_rest();
            (self.left, self.slot, self.until_ms) = (grant.granted, grant.slot, until_ms);
        }
        self.renewed_ms = asked_ms;
    }

    /// There is nothing to be had for a while.
    pub(crate) fn exhausted(&mut self, until_ms: u64) {
        self.exhausted_until_ms = until_ms;
    }

    /// Whether there is known to be nothing left.
    pub(crate) const fn is_exhausted(&self, now_ms: u64) -> bool {
        now_ms < self.exhausted_until_ms
    }

    /// What is to be told now: an expired lease's rest, too.
    pub(crate) fn owed(&mut self, now_ms: u64) -> Vec<(u64, i64)> {
        if now_ms >= self.until_ms {
            self.return_rest();
        }
        std::mem::take(&mut self.owed)
    }

    /// Whether anything has to be told, now or later.
    pub(crate) fn is_open(&self) -> bool {
        self.left > 0 || !self.owed.is_empty()
    }

    /// Whether it is time to tell it.
    pub(crate) fn is_due(&self, kind: Kind, now_ms: u64) -> bool {
        let rest = self.left > 0 && now_ms >= self.until_ms;
        let renewal = kind == Kind::Concurrency
            && (self.out > 0 || self.left > 0)
            && now_ms >= self.renewed_ms + RENEW_MS;
        rest || renewal || !self.owed.is_empty()
    }

    /// Whether requests hold permits of it.
    pub(crate) const fn is_out(&self) -> bool {
        self.out > 0
    }

    /// Money of a period that is over is no longer anybody's.
    pub(crate) fn leave_period(&mut self, kind: Kind, period: u64) {
        if kind.period().is_some() && self.slot != period {
            (self.left, self.slot, self.until_ms) = (0, period, 0);
            self.owed.clear();
        }
    }

    pub(crate) const fn renewed(&mut self, now_ms: u64) {
        self.renewed_ms = now_ms;
    }

    /// Nobody was asked after all.
    pub(crate) fn unasked(&mut self, owed: &[(u64, i64)]) {
        for (slot, amount) in owed {
            self.owe(*slot, *amount);
        }
    }

    /// Nobody knows whether this was taken note of. What was used is told again; what was given back is not,
    /// lest it be given twice, but for permits, which would be lost for ever.
    pub(crate) fn restore(&mut self, kind: Kind, owed: &[(u64, i64)]) {
        for (slot, amount) in owed {
            if *amount > 0 || kind == Kind::Concurrency {
                self.owe(*slot, *amount);
            }
        }
    }

    fn return_rest(&mut self) {
        let left = std::mem::take(&mut self.left);
        if left > 0 {
            self.owe(self.slot, negative(left));
        }
    }

    fn owe(&mut self, slot: u64, amount: i64) {
        if let Some((_, sum)) = self.owed.iter_mut().find(|(known, _)| *known == slot) {
            *sum = sum.saturating_add(amount);
            return;
        }
        if self.owed.len() >= OWED_MAX {
            self.owed.remove(0);
        }
        self.owed.push((slot, amount));
    }
}

fn negative(amount: u64) -> i64 {
    i64::try_from(amount).map_or(i64::MIN, |amount| -amount)
}

// === impl Ask ===

impl Ask {
    /// A question about `need` of a limit; a share of the limit is taken along.
    pub(crate) fn new(name: &str, kind: Kind, limit: u64, need: u64, period: u64) -> Self {
        let shape = match kind {
            Kind::Requests | Kind::Tokens => {
                Shape::Window { slot_ms: SLOT_MS, slots: SHARED_SLOTS }
            }
            Kind::BudgetDay => Shape::Sum { ttl_ms: 2 * 86_400_000 },
            Kind::BudgetMonth => Shape::Sum { ttl_ms: 32 * 86_400_000 },
            Kind::Concurrency => Shape::Held { ttl_ms: 5 * RENEW_MS },
        };
        let key = match kind.period() {
            Some(_) => format!("{name}:{}:{period}", kind.name()),
            None => format!("{name}:{}", kind.name()),
        };
        let want = if need == 0 { 0 } else { need.max(limit / SHARE) };
        Self { key, shape, limit, need, want, owed: Vec::new(), kind, asked_ms: 0 }
    }

    /// Takes along what is owed.
    pub(crate) fn fill(&mut self, lease: &mut Lease, period: u64, now_ms: u64) {
        lease.leave_period(self.kind, period);
        self.owed = lease.owed(now_ms);
        self.asked_ms = now_ms;
    }
}
