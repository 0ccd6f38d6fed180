//! The response cache: answers that are told again to whoever asks the same.
//!
//! An entry is found by a [`Key`], which nobody can make without saying whose it is. One call of
//! several equal ones asks the upstream, the others wait for it: see [`Flights`]. What leaves for the
//! caller is recorded ([`Recording`]) and admitted where the request ends, if it is whole and good.
//! The rules are in `docs/cache.md`.

mod admission;
mod answer;
mod directive;
mod eligible;
mod flights;
mod key;
mod memory;
mod recording;
mod remote;
mod stored;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;
use tollgate_providers::Endpoint;
use tollgate_routing::Layer;

use crate::request::Facts;

pub use admission::Admission;
pub use answer::{Answer, Cost, Piece, Told};
pub use directive::{CACHE_HEADER, Directive};
pub use eligible::is_natural_end;
pub use flights::{Flights, Joined, Landing, Ticket};
pub use key::{Key, KeyMaker, Tenant};
pub use recording::Recording;
pub use remote::Remote;

pub(crate) use eligible::Question;
use flights::Heard;
use memory::Memory;
use remote::Shared;

/// The part of the cache's size that recordings in the making may take besides.
const RECORDING_PART: usize = 4;

/// What the response cache did with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Answered from the cache.
    Hit,
    /// Looked for and not there.
    Miss,
    /// Not looked for.
    Skip,
}

/// Which requests are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// None.
    Never,
    /// Those whose answer does not depend on chance.
    #[default]
    Eligible,
    /// All that are only a question.
    Force,
}

/// How fast a stream is told again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// As fast as the caller reads.
    #[default]
    AtOnce,
    /// With the pauses it had.
    Recorded,
}

/// What a route or function says of itself.
pub type Modes = HashMap<(Layer, Arc<str>), Mode>;

/// What the cache works by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long an entry lives.
    pub ttl: Duration,
    /// The size of all entries, in bytes.
    pub bytes_max: usize,
    /// The size of one entry, in bytes.
    pub entry_bytes_max: usize,
    /// Whether streams are cached.
    pub streams: bool,
    /// How fast they are told again.
    pub pace: Pace,
    /// Which requests are looked for.
    pub mode: Mode,
    /// What routes and functions say otherwise.
    pub modes: Modes,
    /// How long a request waits for an equal one that is on its way.
    pub wait: Duration,
    /// The configuration that answers are made under; those made under another are not found.
    pub version: [u8; 32],
}

/// The cache of one configuration.
#[derive(Debug)]
pub struct ResponseCache {
    settings: Settings,
    /// Whether any request is looked for that chance has a part in.
    forces: bool,
    entries: Entries,
    flights: Arc<Flights>,
    counts: Arc<Counts>,
    recording: recording::Allowance,
}

/// What is counted, over all configurations of a process.
#[derive(Debug, Default)]
pub struct Counts {
    /// Answers that were admitted.
    pub admitted: Counter,
    /// Answers that were recorded and not admitted.
    pub refused: Counter,
    /// Recordings given up because the answer, or all of them together, became too large.
    pub too_large: Counter,
    /// Entries that went to make room, or were too old.
    pub evicted: Counter,
    /// Requests that waited for an equal one and had its answer.
    pub shared: Counter,
    /// Requests that waited for an equal one in vain.
    pub waited_in_vain: Counter,
    /// Answers that were not written to where other gateways find them.
    pub unwritten: Counter,
}

/// A count that only grows.
#[derive(Debug, Default)]
pub struct Counter(std::sync::atomic::AtomicU64);

/// Where the entries are.
#[derive(Debug)]
enum Entries {
    Here(Memory),
    Shared(Shared),
}

/// What came of looking.
#[derive(Debug)]
pub(crate) enum Found {
    /// An answer, and how old it is.
    Hit(Arc<Answer>, Duration),
    /// None. Whoever asks records its own.
    Miss(Option<Admission>),
    /// It was not looked for; the answer may be recorded all the same.
    Skip(Option<Admission>),
}

// === impl Status ===

impl Status {
    /// The value of `x-to11-cache` in a response.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Skip => "skip",
        }
    }
}

// === impl Counter ===

impl Counter {
    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    /// How many there were.
    pub fn get(&self) -> u64 {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}

// === impl ResponseCache ===

impl ResponseCache {
    /// An empty cache, or one with the answers that are in `remote`.
    pub fn new(settings: Settings, counts: Arc<Counts>, remote: Option<Arc<dyn Remote>>) -> Self {
        let own = Arc::clone(&counts);
        let forces = settings.modes.values().chain([&settings.mode]).any(|it| *it == Mode::Force);
        Self {
            forces,
            entries: match remote {
                Some(remote) => Entries::Shared(Shared { remote, ttl: settings.ttl, counts: own }),
                None => Entries::Here(Memory::new(settings.bytes_max, settings.ttl, own)),
            },
            flights: Arc::default(),
            recording: recording::Allowance::new(settings.bytes_max / RECORDING_PART),
            settings,
            counts,
        }
    }

    /// What it works by.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether a request may be one that is looked for, whatever its plan will be.
    pub(crate) fn may_look(&self, endpoint: &Endpoint, facts: &Facts) -> bool {
        eligible::is_asked_for(&self.settings, endpoint, facts)
            && (self.forces || eligible::is_certain(endpoint, facts))
    }

    /// How many entries there are in this process, and how many bytes they take.
    pub fn size(&self) -> (u64, u64) {
        match &self.entries {
            Entries::Here(memory) => memory.size(),
            Entries::Shared(_) => (0, 0),
        }
    }

    /// Looks for the answer to `question`, or for a place among those who wait for it.
    pub(crate) async fn find(
        self: &Arc<Self>,
        question: Question<'_>,
        directive: Directive,
    ) -> Found {
        let Some(key) = eligible::key(&self.settings, question) else { return Found::Skip(None) };
        let admission = |ticket| Some(Admission::new(Arc::clone(self), key, ticket));
        if directive.no_cache {
            return Found::Skip(if directive.no_store { None } else { admission(None) });
        }
        let mut until = None;
        loop {
            if let Some(answer) = self.get(&key).await {
                return Self::hit(answer);
            }
            if directive.only {
                return Found::Miss(None);
            }
            let wait = match self.flights.join(key) {
                // Between the look and the taking of the lead another one may have landed.
                Joined::Leader(ticket) => match self.entries.here(&key) {
                    Some(answer) => return Self::hit(answer),
                    None if directive.no_store => {
                        // Its answer is for nobody: whoever began to wait for it leads in its place.
                        ticket.land(Landing::Abandoned);
                        return Found::Miss(None);
                    }
                    None => return Found::Miss(admission(Some(ticket))),
                },
                Joined::Follower(wait) => wait,
            };
            let until = until.get_or_insert_with(|| Instant::now() + self.settings.wait);
            match wait.until(*until).await {
                Heard::Landed(answer) => {
                    self.counts.shared.add();
                    return Self::hit(answer);
                }
                // Whose caller left has told nothing of the answer: one of those who wait takes over.
                Heard::Abandoned => {}
                Heard::Failed | Heard::TooLate => {
                    self.counts.waited_in_vain.add();
                    return Found::Miss(if directive.no_store { None } else { admission(None) });
                }
            }
        }
    }

    async fn get(&self, key: &Key) -> Option<Arc<Answer>> {
        match &self.entries {
            Entries::Here(memory) => memory.get(key),
            Entries::Shared(shared) => shared.get(key).await,
        }
    }

    fn hit(answer: Arc<Answer>) -> Found {
        let age = Duration::from_nanos(now_ns().saturating_sub(answer.stored_ns));
        Found::Hit(answer, age)
    }
}

// === impl Entries ===

impl Entries {
    /// What is in this process.
    fn here(&self, key: &Key) -> Option<Arc<Answer>> {
        match self {
            Self::Here(memory) => memory.get(key),
            Self::Shared(_) => None,
        }
    }

    fn put(&self, key: Key, answer: Arc<Answer>) {
        match self {
            Self::Here(memory) => memory.put(key, answer),
            Self::Shared(shared) => shared.put(&key, &answer),
        }
    }
}

/// The wall clock, in nanoseconds since 1970.
fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
