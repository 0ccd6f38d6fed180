//! Which answer asked for a tool run: the ids of tool calls that went to callers, for as long as a
//! bounded memory keeps them.
//!
//! Only a keyed hash of caller and id is kept, so that a caller that brings another's ids finds
//! nothing, and nobody finds an id or a credential here.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderMap;
use tollgate_telemetry::metrics::ToolLinkCounts;
use tollgate_telemetry::{SpanId, TraceId};

#[cfg(test)]
mod tests;

/// Headers that tell one caller from another.
const CREDENTIALS: [&str; 5] =
    ["authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization"];
/// The parameter in which Gemini's callers send their key.
const CREDENTIAL_PARAM: &str = "key=";

/// How much is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The most ids.
    pub(crate) ids_max: usize,
    /// How long each of them is known.
    pub(crate) ttl: Duration,
}

/// The span of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
}

/// Who calls, as far as one caller's ids are to be told from another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller(u128);

/// The memory of one process.
#[derive(Debug, Default)]
pub(crate) struct ToolLinks {
    hashers: [RandomState; 2],
    known: Mutex<Known>,
    evicted: AtomicU64,
}

#[derive(Debug, Default)]
struct Known {
    origins: HashMap<u128, Remembered>,
    /// Each of them once, the oldest first.
    order: VecDeque<u128>,
}

#[derive(Debug)]
struct Remembered {
    origin: Origin,
    at: Instant,
}

// === impl ToolLinks ===

impl ToolLinks {
    /// The caller of a request: its credential, else its address.
    pub(crate) fn caller(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
        address: Option<IpAddr>,
    ) -> Caller {
        let credentials: Vec<(&str, &[u8])> = CREDENTIALS
            .iter()
            .flat_map(|name| headers.get_all(*name).iter().map(|value| (*name, value.as_bytes())))
            .collect();
        let mut params = query.unwrap_or_default().split('&');
        let param = params.find_map(|param| param.strip_prefix(CREDENTIAL_PARAM));
        Caller(if credentials.is_empty() && param.is_none() {
            self.hash(address)
        } else {
            self.hash((credentials, param))
        })
    }

    /// An answer with these tool calls went to `caller`.
    pub(crate) fn remember<'a>(
        &self,
        caller: Caller,
        ids: impl IntoIterator<Item = &'a str>,
        origin: Origin,
        limits: Limits,
    ) {
        let keys: Vec<u128> = ids.into_iter().map(|id| self.hash((caller.0, id))).collect();
        if keys.is_empty() {
            return;
        }
        let at = Instant::now();
        let mut evicted = 0;
        let mut known = self.known();
        known.forget_expired(at, limits.ttl);
        for key in keys {
            // An id that comes again belongs to the later answer.
            if known.origins.insert(key, Remembered { origin, at }).is_none() {
                known.order.push_back(key);
            }
        }
        while known.order.len() > limits.ids_max {
            known.forget_oldest();
            evicted += 1;
        }
        drop(known);
        self.evicted.fetch_add(evicted, Ordering::Relaxed);
    }

    /// The answers that asked for the runs that `caller` brings the results of: each id that is
    /// known, and whose it is.
    pub(crate) fn find<'a>(
        &self,
        caller: Caller,
        ids: impl IntoIterator<Item = &'a str>,
        limits: Limits,
    ) -> Vec<(&'a str, Origin)> {
        let keys: Vec<_> = ids.into_iter().map(|id| (id, self.hash((caller.0, id)))).collect();
        if keys.is_empty() {
            return Vec::new();
        }
        let now = Instant::now();
        let known = self.known();
        let found = keys.into_iter().filter_map(|(id, key)| {
            let it = known.origins.get(&key)?;
            (now.saturating_duration_since(it.at) < limits.ttl).then_some((id, it.origin))
        });
        found.collect()
    }

    /// For the metrics.
    pub(crate) fn counts(&self) -> ToolLinkCounts {
        let known = self.known().order.len() as u64;
        ToolLinkCounts { known, evicted: self.evicted.load(Ordering::Relaxed) }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hash(&self, what: impl Hash) -> u128 {
        let [high, low] = &self.hashers;
        u128::from(high.hash_one(&what)) << 64 | u128::from(low.hash_one(&what))
    }
}

// === impl Known ===

impl Known {
    /// From the front, where the oldest are. One that came again may hide a few behind it, until it
    /// expires itself.
    fn forget_expired(&mut self, now: Instant, ttl: Duration) {
        while let Some(oldest) = self.order.front() {
            let at = self.origins.get(oldest).map(|it| it.at);
            if at.is_some_and(|at| now.saturating_duration_since(at) < ttl) {
                return;
            }
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.order.pop_front() {
            self.origins.remove(&oldest);
        }
    }
}
