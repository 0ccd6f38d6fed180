//! An entry's part of counts that several gateways share.

use super::{Entry, Held, RUNNING_WAIT_MS, Shared, State};
use crate::lease::{Ask, Grant, Lease, SLOT_NOW};
use crate::ledger::Now;
use crate::rule::{Caps, Kind};

// === impl Entry ===

impl Entry {
    /// Something was granted.
    pub(crate) fn granted(&self, ask: &Ask, grant: &Grant, now: Now) {
        let mut state = self.state();
        let period = state.period(ask.kind, now);
        // Of money the period is the slot.
        let slot = period.unwrap_or(grant.slot);
        if let Some(lease) = state.lease(ask.kind) {
            lease.grant(&Grant { slot, ..*grant }, ask.asked_ms);
            if grant.granted == 0 && (ask.need > 0 || grant.left == 0) {
                lease.exhausted(now.ms + grant.wait_ms.min(RUNNING_WAIT_MS));
            }
            lease.renewed(ask.asked_ms);
        }
    }

    /// Nobody was asked after all.
    pub(crate) fn unasked(&self, ask: &Ask) {
        if let Some(lease) = self.state().lease(ask.kind) {
            lease.unasked(&ask.owed);
        }
    }

    /// Nobody answered.
    pub(crate) fn unanswered(&self, ask: &Ask) {
        if let Some(lease) = self.state().lease(ask.kind) {
            lease.restore(ask.kind, &ask.owed);
        }
    }

    /// Whether it is not yet in the queue of those that have something to tell, and should be.
    pub(crate) fn enqueue(&self) -> bool {
        let mut state = self.state();
        let Some(shared) = &mut state.shared else { return false };
        let has_news = shared.leases.iter().any(|lease| lease.is_open() || lease.is_out());
        has_news && !std::mem::replace(&mut shared.is_queued, true)
    }

    /// What is to be told now; it leaves the queue.
    pub(crate) fn news(&self, now: Now) -> Vec<Ask> {
        let mut state = self.state();
        let periods = Kind::ALL.map(|kind| state.period(kind, now).unwrap_or(0));
        let Some(shared) = &mut state.shared else { return Vec::new() };
        shared.is_queued = false;
        let mut news = Vec::new();
        for ((kind, lease), period) in Kind::ALL.into_iter().zip(&mut shared.leases).zip(periods) {
            let Some(limit) = shared.caps.of(kind).filter(|_| lease.is_due(kind, now.ms)) else {
                continue;
            };
            let mut ask = Ask::new(&shared.name, kind, limit, 0, period);
            ask.fill(lease, period, now.ms);
            news.push(ask);
        }
        news
    }
}

// === impl State ===

impl State {
    /// The period of money that is now.
    fn period(&mut self, kind: Kind, now: Now) -> Option<u64> {
        kind.period().map(|period| period.number(now.unix_s))
    }

    pub(super) fn lease(&mut self, kind: Kind) -> Option<&mut Lease> {
        self.shared.as_mut()?.leases.get_mut(kind as usize)
    }

    /// Takes from leases what a request needs: all of it, or nothing, with what is to be asked.
    pub(super) fn take_leases(
        &mut self,
        caps: &Caps,
        amount: impl Fn(Kind) -> u64,
        name: &dyn Fn() -> Box<str>,
        now: Now,
    ) -> Result<[Option<(u64, u64)>; Kind::ALL.len()], Vec<Ask>> {
        let periods = Kind::ALL.map(|kind| self.period(kind, now).unwrap_or(0));
        let shared = self.shared.get_or_insert_with(|| {
            let leases = Default::default();
            Box::new(Shared { name: name(), caps: caps.clone(), leases, is_queued: false })
        });
        if shared.caps != *caps {
            shared.caps = caps.clone();
        }
        let (mut leased, mut asks) = ([None; Kind::ALL.len()], Vec::new());
        let kinds = Kind::ALL.into_iter().zip(&mut shared.leases).zip(periods);
        for (((kind, lease), period), taken) in kinds.zip(&mut leased) {
            let (amount, Some(limit)) = (amount(kind), caps.of(kind)) else { continue };
            if amount == 0 {
                continue;
            }
            lease.leave_period(kind, period);
            match lease.take(amount, now.ms) {
                Some(slot) => *taken = Some((slot, amount)),
                None => {
                    let mut ask = Ask::new(&shared.name, kind, limit, amount, period);
                    ask.fill(lease, period, now.ms);
                    asks.push(ask);
                }
            }
        }
        if asks.is_empty() {
            return Ok(leased);
        }
        for (lease, taken) in shared.leases.iter_mut().zip(leased) {
            if let Some((slot, amount)) = taken {
                lease.give(slot, amount, now.ms);
                lease.ended(amount);
            }
        }
        Err(asks)
    }

    pub(super) fn extend_lease(&mut self, kind: Kind, amount: u64, now: Now) {
        let slot = self.period(kind, now).unwrap_or(SLOT_NOW);
        let Some(lease) = self.lease(kind) else { return };
        lease.overdraw(slot, amount, now.ms);
    }

    pub(super) fn give_lease(&mut self, kind: Kind, slot: u64, amount: u64, now: Now) {
        if let Some(lease) = self.lease(kind) {
            lease.give(slot, amount, now.ms);
        }
    }

    /// What was leased and not used is given back; what was used beyond is told.
    pub(super) fn settle_leases(
        &mut self,
        held: &Held,
        tokens: Option<u64>,
        nanos: Option<u64>,
        now: Now,
    ) {
        for kind in Kind::ALL {
            let Some((slot, leased)) = held.leased_of(kind) else { continue };
            let (used, reserved) = match kind {
                Kind::Requests => (None, 0),
                Kind::Concurrency => (Some(0), 1),
                Kind::Tokens => (tokens, leased + held.kept + held.last.1),
                Kind::BudgetDay | Kind::BudgetMonth => (nanos, held.nanos),
            };
            let now_slot = self.period(kind, now).unwrap_or(SLOT_NOW);
            let Some(lease) = self.lease(kind) else { continue };
            lease.ended(leased);
            match used {
                Some(used) if used > reserved => {
                    lease.overdraw(now_slot, used - reserved, now.ms);
                }
                // Of what a stream took later, nothing comes back: it was about what it used.
                Some(used) => {
                    let extended = reserved - leased;
                    let back = (reserved - used).saturating_sub(extended).min(leased);
                    lease.give(slot, back, now.ms);
                }
                None => {}
            }
        }
    }
}
