//! Counts that several gateways share: leases are asked for, and what is left of them is told.

use std::fmt;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::sync::Arc;

use crate::Need;
use crate::entry::Refusal;
use crate::lease::{Ask, Grant, LEASE_MS};
use crate::ledger::{Ledger, Now, Unholdable};
use crate::reservation::{Claim, Exceeded, Reservation};
use crate::rule::Rule;

#[cfg(test)]
mod tests;

/// How often a request asks again for what others have taken meanwhile.
const TRIES: usize = 16;
/// The longest subject that stands in a key as it is, in bytes.
const SUBJECT_BYTES_MAX: usize = 256;

/// Keeps counts for several gateways.
pub trait Remote: fmt::Debug + Send + Sync {
    /// Takes note of what is owed, and grants what is needed: at least that, or nothing. As one step,
    /// whoever else asks.
    ///
    /// # Errors
    /// No answer in time.
    fn ask<'a>(&'a self, ask: &'a Ask) -> Asking<'a>;
}

/// An answer to come.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Result<Grant, Unreachable>> + Send + 'a>>;

/// Whoever keeps the counts gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable;

/// Who keeps the counts, and what is done without an answer.
#[derive(Clone, Debug)]
pub struct Sharing {
    /// Who keeps them.
    pub remote: Arc<dyn Remote>,
    /// Whether a request is then judged by what this process knows; refused otherwise.
    pub is_open: bool,
}

/// A rule that applies, and to whom its use is counted: to be kept while others are asked.
#[derive(Clone, Debug)]
pub struct OwnedClaim {
    /// The rule.
    pub rule: Arc<Rule>,
    /// As in [`Claim`].
    pub subject: String,
}

/// What becomes of a request at once.
#[derive(Debug)]
pub enum Admission {
    /// It is admitted.
    Admitted(Reservation),
    /// It may be: others have to be asked ([`Ledger::ask`]).
    Ask,
}

/// Why a request is not admitted.
#[derive(Debug)]
pub enum Unadmitted {
    /// It does not fit.
    Exceeded(Exceeded),
    /// Nobody knows, and that is reason enough.
    Unreachable,
}

// === impl Ledger ===

impl Ledger {
    /// Admits a request by what this process knows, and what it has leased of shared counts.
    ///
    /// # Errors
    /// The first rule that has no room.
    pub fn admit(
        self: &Arc<Self>,
        claims: &[Claim<'_>],
        need: &Need,
    ) -> Result<Admission, Exceeded> {
        match self.hold(claims, need, self.sharing().is_some()) {
            Ok(holds) => Ok(Admission::Admitted(self.admitted(holds, need.clone()))),
            Err(Unholdable::Exceeded(exceeded)) => Err(exceeded),
            Err(Unholdable::Asks(entry, _, asks)) => {
                asks.iter().for_each(|ask| entry.unasked(ask));
                self.enqueue(&entry);
                Ok(Admission::Ask)
            }
        }
    }

    /// Admits a request after asking for what it needs of shared counts.
    ///
    /// # Errors
    /// [`Unadmitted`].
    pub async fn ask(
        self: &Arc<Self>,
        claims: &[OwnedClaim],
        need: Need,
    ) -> Result<Reservation, Unadmitted> {
        let claims: Vec<Claim<'_>> = claims
            .iter()
            .map(|claim| Claim { rule: &claim.rule, subject: &claim.subject })
            .collect();
        let Some(sharing) = self.sharing() else {
            return self.reserve(&claims, need).map_err(Unadmitted::Exceeded);
        };
        let mut refused = None;
        let mut tries = TRIES;
        while tries > 0 {
            tries -= 1;
            let (entry, rule, asks) = match self.hold(&claims, &need, true) {
                Ok(holds) => return Ok(self.admitted(holds, need)),
                Err(Unholdable::Exceeded(exceeded)) => return Err(Unadmitted::Exceeded(exceeded)),
                Err(Unholdable::Asks(entry, rule, asks)) => (entry, rule, asks),
            };
            let mut asks = asks.into_iter();
            for ask in asks.by_ref() {
                let answer = sharing.remote.ask(&ask).await;
                let Ok(grant) = answer else {
                    entry.unanswered(&ask);
                    asks.by_ref().for_each(|ask| entry.unasked(&ask));
                    self.enqueue(&entry);
                    self.count_unreachable();
                    return match sharing.is_open {
                        true => self.reserve(&claims, need).map_err(Unadmitted::Exceeded),
                        false => Err(Unadmitted::Unreachable),
                    };
                };
                entry.granted(&ask, &grant, self.now());
                if grant.granted == 0 {
                    tries = 0;
                }
                // Where it was granted, others here may have taken it first; then it is asked for once
                // more.
                let wait_ms = (ask.need <= ask.limit).then_some(grant.wait_ms.max(1));
                let refusal = Refusal { kind: ask.kind, limit: ask.limit, wait_ms };
                refused = Some(Exceeded::new(&rule, refusal, need.tokens()));
                if tries == 0 {
                    break;
                }
            }
            asks.by_ref().for_each(|ask| entry.unasked(&ask));
            self.enqueue(&entry);
        }
        let Some(exceeded) = refused else { return Err(Unadmitted::Unreachable) };
        self.count_refusal(exceeded.scope, exceeded.kind);
        Err(Unadmitted::Exceeded(exceeded))
    }

    /// Tells what was used beyond leases, returns what is left of old ones, and says what is still
    /// running; to be called several times a second where counts are shared.
    pub async fn tell(self: &Arc<Self>) {
        self.tell_as_of(0).await;
    }

    /// As [`Ledger::tell`], for the last time: no lease will be used any more.
    pub async fn leave(self: &Arc<Self>) {
        self.tell_as_of(LEASE_MS).await;
    }

    /// As it will be so many milliseconds from now.
    async fn tell_as_of(self: &Arc<Self>, ahead_ms: u64) {
        let Some(sharing) = self.sharing() else { return };
        for entry in self.take_news() {
            let now = self.now();
            for ask in entry.news(Now { ms: now.ms + ahead_ms, ..now }) {
                match sharing.remote.ask(&ask).await {
                    Ok(grant) => entry.granted(&ask, &grant, self.now()),
                    Err(Unreachable) => entry.unanswered(&ask),
                }
            }
            self.enqueue(&entry);
        }
    }
}

/// What the counts of a subject are called, where they are shared.
pub(crate) fn name_of(rule: &str, subject: &str) -> Box<str> {
    let is_plain = subject.len() <= SUBJECT_BYTES_MAX && !subject.contains(char::is_control);
    if is_plain {
        return format!("{rule}:{subject}").into();
    }
    let hash = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, subject).hash(&mut hasher);
        hasher.finish()
    };
    format!("{rule}:\u{0}{:016x}{:016x}", hash(0), hash(1)).into()
}
