//! What one subject of one rule uses: its minute, its requests at a time, its day and month.

mod leases;

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::lease::{Ask, Lease};
use crate::ledger::Now;
use crate::rule::{Caps, Kind};
use crate::window::Window;

/// The counts of one subject under one rule.
#[derive(Debug, Default)]
pub(crate) struct Entry(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    requests: Window,
    tokens: Window,
    running: u64,
    day: Spent,
    month: Spent,
    /// Where the counts are shared.
    shared: Option<Box<Shared>>,
}

/// This gateway's part of shared counts.
#[derive(Debug)]
struct Shared {
    /// What the counts are called there.
    name: Box<str>,
    caps: Caps,
    leases: [Lease; Kind::ALL.len()],
    /// It is in the queue of those that have something to tell.
    is_queued: bool,
}

/// Money of one period.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    /// The period's number.
    number: u64,
    nanos: u64,
}

/// What a request holds of an entry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    request: Option<u64>,
    /// Slot and amount of what was reserved at the beginning.
    tokens: Option<(u64, u64)>,
    /// The same of the last extension.
    last: (u64, u64),
    /// What was extended before that: used, and no longer given back.
    kept: u64,
    running: bool,
    /// The numbers of day and month that the money is of.
    periods: (u64, u64),
    nanos: u64,
    /// Slots and amounts that were taken from leases, by kind.
    leased: [Option<(u64, u64)>; Kind::ALL.len()],
}

/// Why there is no hold.
#[derive(Debug)]
pub(crate) enum Unheld {
    /// It does not fit.
    Refused(Refusal),
    /// It may fit: somebody else has to be asked.
    Asks(Vec<Ask>),
}

/// Why something does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) kind: Kind,
    pub(crate) limit: u64,
    /// In how many milliseconds it would; `None` if never.
    pub(crate) wait_ms: Option<u64>,
}

/// How much of a limit is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) limit: u64,
    pub(crate) left: u64,
    /// When some of what is used comes back.
    pub(crate) reset_ms: u64,
}

/// How long to wait for a request to end: nobody knows.
const RUNNING_WAIT_MS: u64 = 1_000;

// === impl Entry ===

impl Entry {
    /// Takes one request with so many tokens and so much money, if all of it fits.
    pub(crate) fn hold(
        &self,
        caps: &Caps,
        tokens: u64,
        nanos: u64,
        now: Now,
        shared: Option<&dyn Fn() -> Box<str>>,
    ) -> Result<Held, Unheld> {
        let amount = |kind| match kind {
            Kind::Requests | Kind::Concurrency => 1,
            Kind::Tokens => tokens,
            Kind::BudgetDay | Kind::BudgetMonth => nanos,
        };
        let mut state = self.state();
        for kind in Kind::ALL {
            state.fits(caps, kind, amount(kind), now).map_err(Unheld::Refused)?;
        }
        let mut held = Held::default();
        if let Some(name) = shared {
            held.leased = state.take_leases(caps, amount, name, now).map_err(Unheld::Asks)?;
        }
        if caps.requests_per_minute.is_some() {
            held.request = Some(state.requests.add(1, now.ms));
        }
        if caps.tokens_per_minute.is_some() {
            held.tokens = Some((state.tokens.add(tokens, now.ms), tokens));
        }
        if caps.concurrency_max.is_some() {
            state.running += 1;
            held.running = true;
        }
        if caps.budget.is_some() {
            held.periods = state.spend(nanos, now);
            held.nanos = nanos;
        }
        Ok(held)
    }

    /// Takes more for the same request; whatever fits or not, if it is `forced`.
    pub(crate) fn extend(
        &self,
        caps: &Caps,
        held: &mut Held,
        (tokens, nanos): (u64, u64),
        forced: bool,
        now: Now,
    ) -> Result<(), Refusal> {
        let mut state = self.state();
        let amounts =
            [(Kind::Tokens, tokens), (Kind::BudgetDay, nanos), (Kind::BudgetMonth, nanos)];
        if !forced {
            for (kind, amount) in amounts {
                state.fits(caps, kind, amount, now)?;
                let limit = caps.of(kind).filter(|_| held.is_leased(kind));
                if let (Some(limit), Some(lease)) = (limit, state.lease(kind))
                    && lease.is_exhausted(now.ms)
                {
                    return Err(Refusal { kind, limit, wait_ms: Some(RUNNING_WAIT_MS) });
                }
            }
        }
        // Nobody can be asked in the middle of a stream: what no lease has is told afterwards.
        for (kind, amount) in amounts.into_iter().filter(|(kind, _)| held.is_leased(*kind)) {
            state.extend_lease(kind, amount, now);
        }
        if held.tokens.is_some() {
            let slot = state.tokens.add(tokens, now.ms);
            if held.last.0 == slot {
                held.last.1 += tokens;
            } else {
                held.kept += held.last.1;
                held.last = (slot, tokens);
            }
        }
        if caps.budget.is_some() && nanos > 0 {
            held.periods = state.spend(nanos, now);
            held.nanos += nanos;
        }
        Ok(())
    }

    /// The truth: what was too much comes back, what was too little is added.
    pub(crate) fn settle(&self, held: &Held, tokens: Option<u64>, nanos: Option<u64>, now: Now) {
        let mut state = self.state();
        if held.running {
            state.running = state.running.saturating_sub(1);
        }
        state.settle_leases(held, tokens, nanos, now);
        if let (Some((slot, first)), Some(tokens)) = (held.tokens, tokens) {
            let reserved = first + held.kept + held.last.1;
            if tokens >= reserved {
                state.tokens.add(tokens - reserved, now.ms);
            } else {
                let back = reserved - tokens;
                let of_last = back.min(held.last.1);
                state.tokens.take_back(held.last.0, of_last);
                state.tokens.take_back(slot, (back - of_last).min(first));
            }
        }
        let Some(nanos) = nanos else { return };
        let (day, month) = held.periods;
        if nanos >= held.nanos {
            if nanos > held.nanos {
                state.spend(nanos - held.nanos, now);
            }
        } else {
            let back = held.nanos - nanos;
            state.day.give_back(day, back);
            state.month.give_back(month, back);
        }
    }

    /// Undoes a hold, as if the request had never been.
    pub(crate) fn release(&self, held: &Held, now: Now) {
        self.settle(held, Some(0), Some(0), now);
        let mut state = self.state();
        if let Some(slot) = held.request {
            state.requests.take_back(slot, 1);
        }
        if let Some((slot, amount)) = held.leased_of(Kind::Requests) {
            state.give_lease(Kind::Requests, slot, amount, now);
        }
    }

    /// How much is left in this minute.
    pub(crate) fn left(&self, caps: &Caps, kind: Kind, now: Now) -> Option<Left> {
        let limit = caps.of(kind)?;
        let mut state = self.state();
        let window = match kind {
            Kind::Requests => &mut state.requests,
            Kind::Tokens => &mut state.tokens,
            Kind::Concurrency | Kind::BudgetDay | Kind::BudgetMonth => return None,
        };
        let used = window.used(now.ms);
        let reset_ms = window.wait_ms(used.saturating_sub(1), now.ms);
        Some(Left { limit, left: limit.saturating_sub(used), reset_ms })
    }

    /// Whether one more request with nothing in it would fit.
    pub(crate) fn has_room(&self, caps: &Caps, now: Now) -> bool {
        let mut state = self.state();
        Kind::ALL.into_iter().all(|kind| {
            // Of tokens and money one is the least that a request can be about.
            state.fits(caps, kind, 1, now).is_ok()
        })
    }

    /// Whether nothing of it counts any more.
    pub(crate) fn is_idle(&self, now: Now) -> bool {
        let mut state = self.state();
        state.roll(now);
        let told = state.shared.as_ref().is_none_or(|shared| {
            !shared.is_queued && shared.leases.iter().all(|it| !it.is_open() && !it.is_out())
        });
        told && state.running == 0
            && state.requests.used(now.ms) == 0
            && state.tokens.used(now.ms) == 0
            && state.month.nanos == 0
            && state.day.nanos == 0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn fits(&mut self, caps: &Caps, kind: Kind, amount: u64, now: Now) -> Result<(), Refusal> {
        let Some(limit) = caps.of(kind).filter(|_| amount > 0) else { return Ok(()) };
        self.roll(now);
        let used = match kind {
            Kind::Requests => self.requests.used(now.ms),
            Kind::Tokens => self.tokens.used(now.ms),
            Kind::Concurrency => self.running,
            Kind::BudgetDay => self.day.nanos,
            Kind::BudgetMonth => self.month.nanos,
        };
        if used.saturating_add(amount) <= limit {
            return Ok(());
        }
        let wait_ms = limit.checked_sub(amount).map(|most| match (kind, kind.period()) {
            (_, Some(period)) => (period.end_s(now.unix_s) - now.unix_s).saturating_mul(1_000),
            (Kind::Requests, None) => self.requests.wait_ms(most, now.ms),
            (Kind::Tokens, None) => self.tokens.wait_ms(most, now.ms),
            _ => RUNNING_WAIT_MS,
        });
        Err(Refusal { kind, limit, wait_ms })
    }

    /// Begins a new day and a new month where one has come. A clock that goes back begins nothing.
    fn roll(&mut self, now: Now) {
        for (spent, kind) in
            [(&mut self.day, Kind::BudgetDay), (&mut self.month, Kind::BudgetMonth)]
        {
            let number = kind.period().map_or(0, |period| period.number(now.unix_s));
            if number > spent.number {
                *spent = Spent { number, nanos: 0 };
            }
        }
    }

    fn spend(&mut self, nanos: u64, now: Now) -> (u64, u64) {
        self.roll(now);
        self.day.nanos = self.day.nanos.saturating_add(nanos);
        self.month.nanos = self.month.nanos.saturating_add(nanos);
        (self.day.number, self.month.number)
    }
}

// === impl Held ===

impl Held {
    fn leased_of(&self, kind: Kind) -> Option<(u64, u64)> {
        self.leased.get(kind as usize).copied().flatten()
    }

    fn is_leased(&self, kind: Kind) -> bool {
        self.leased_of(kind).is_some()
    }
}

// === impl Spent ===

impl Spent {
    /// Money of a period that is over is gone with it.
    const fn give_back(&mut self, number: u64, nanos: u64) {
        if self.number == number {
            self.nanos = self.nanos.saturating_sub(nanos);
        }
    }
}
