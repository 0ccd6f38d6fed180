//! What came in and what went out: a bounded log that tests read.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Parts;
use tokio::sync::Notify;

#[cfg(test)]
mod tests;

/// Requests kept unless told otherwise; the oldest go first.
pub const LOG_REQUESTS_MAX: usize = 4096;
/// Body bytes kept in all; the oldest requests go first.
pub const LOG_BODY_BYTES_MAX: usize = 512 * 1024 * 1024;

/// One request as it arrived, and the answer as far as it got.
#[derive(Clone)]
pub struct Received {
    /// When the head had arrived.
    pub at: Instant,
    /// The method.
    pub method: http::Method,
    /// The path with its query.
    pub path_and_query: String,
    /// Names in lower case; fields of one name in the order sent.
    pub headers: Vec<(String, String)>,
    /// The body; empty until it has come whole.
    pub body: Bytes,
    /// [`body_hash`] of it.
    pub body_hash: u64,
    /// Whether the body has come whole.
    pub body_complete: bool,
    /// The connection, counted from 1.
    pub connection: u64,
    /// The protocol version.
    pub http_version: http::Version,
    /// How the scenario was found: `trace`, `script`, `@name`, `header`, `model:...`, `default`;
    /// empty until then.
    pub scenario: String,
    /// The answer as far as it got.
    pub response: Progress,
}

/// An answer as far as it got.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The status, once the head is out.
    pub status: Option<u16>,
    /// When each chunk of the body was handed to the connection, and its bytes.
    pub sent: Vec<(Instant, usize)>,
    /// When the first chunk with content was handed to the connection; streams only.
    pub first_content: Option<Instant>,
    /// When and how the exchange ended; `None` while it runs.
    pub ended: Option<(Instant, Ended)>,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    /// Everything was handed over.
    Complete,
    /// The peer closed its connection or reset its stream first, or broke off its own body.
    PeerClosed,
    /// It was told to break off, and did.
    Faulted,
    /// The provider was stopped first.
    Stopped,
}

/// The hash in [`Received::body_hash`], to compare large bodies by; stable within one build.
pub fn body_hash(body: &[u8]) -> u64 {
    use std::hash::Hasher as _;
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(body);
    hasher.finish()
}

/// The log of one provider.
#[derive(Debug)]
pub(crate) struct Log {
    ring: Mutex<Ring>,
    requests_max: AtomicUsize,
    body_bytes_max: usize,
    changed: Notify,
    stopping: AtomicBool,
}

#[derive(Debug, Default)]
struct Ring {
    entries: VecDeque<Arc<Mutex<Received>>>,
    body_bytes: usize,
    dropped: u64,
}

/// The one who answers a request: writes its progress, and when dropped before the end, its end.
#[derive(Debug)]
pub(crate) struct Witness {
    log: Arc<Log>,
    entry: Arc<Mutex<Received>>,
    ended: bool,
}

// === impl Received ===

impl Received {
    /// The value of the first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<Ended> {
        self.response.ended.map(|(_, ended)| ended)
    }

    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Leaves out header values and the body: both may hold secrets.
impl std::fmt::Debug for Received {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Received")
            .field("method", &self.method)
            .field("path_and_query", &self.path_and_query)
            .field("headers", &names)
            .field("body_bytes", &self.body.len())
            .field("body_complete", &self.body_complete)
            .field("connection", &self.connection)
            .field("http_version", &self.http_version)
            .field("scenario", &self.scenario)
            .field("response", &self.response)
            .finish_non_exhaustive()
    }
}

// === impl Log ===

impl Log {
    pub(crate) fn new(body_bytes_max: usize) -> Self {
        Self {
            ring: Mutex::default(),
            requests_max: AtomicUsize::new(LOG_REQUESTS_MAX),
            body_bytes_max,
            changed: Notify::new(),
            stopping: AtomicBool::new(false),
        }
    }

    /// Enters a request whose head has arrived.
    pub(crate) fn enter(self: &Arc<Self>, head: &Parts, connection: u64) -> Witness {
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into();
        let path_and_query = head.uri.path_and_query().map_or("", |path| path.as_str()).to_owned();
        let entry = Arc::new(Mutex::new(Received {
            at: Instant::now(),
            method: head.method.clone(),
            path_and_query,
            headers: head.headers.iter().map(|(n, v)| (n.as_str().to_owned(), text(v))).collect(),
            body: Bytes::new(),
            body_hash: body_hash(&[]),
            body_complete: false,
            connection,
            http_version: head.version,
            scenario: String::new(),
            response: Progress::default(),
        }));
        let mut ring = self.ring();
        ring.entries.push_back(Arc::clone(&entry));
        self.evict(&mut ring);
        drop(ring);
        Witness { log: Arc::clone(self), entry, ended: false }
    }

    pub(crate) fn snapshot(&self) -> Vec<Received> {
        let entries: Vec<_> = self.ring().entries.iter().cloned().collect();
        entries.iter().map(|entry| lock(entry).clone()).collect()
    }

    pub(crate) fn clear(&self) {
        let mut ring = self.ring();
        ring.entries.clear();
        ring.body_bytes = 0;
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.ring().dropped
    }

    pub(crate) fn keep(&self, requests_max: usize) {
        self.requests_max.store(requests_max, Ordering::Relaxed);
        self.evict(&mut self.ring());
    }

    /// From now on, what is left unfinished was stopped.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Waits until so many requests have ended, or the time is up; the log either way.
    pub(crate) async fn ended(&self, count: usize, limit: Duration) -> Vec<Received> {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before the look, so that no change falls in between.
            changed.as_mut().enable();
            let log = self.snapshot();
            if log.iter().filter(|received| received.response.ended.is_some()).count() >= count
                || tokio::time::timeout_at(deadline, changed).await.is_err()
            {
                return log;
            }
        }
    }

    fn evict(&self, ring: &mut Ring) {
        let requests_max = self.requests_max.load(Ordering::Relaxed);
        while ring.entries.len() > requests_max
            || (ring.body_bytes > self.body_bytes_max && !ring.entries.is_empty())
        {
            let Some(oldest) = ring.entries.pop_front() else { return };
            ring.body_bytes = ring.body_bytes.saturating_sub(lock(&oldest).body.len());
            ring.dropped += 1;
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Witness ===

impl Witness {
    /// The body has come whole.
    pub(crate) fn body(&self, body: Bytes) {
        let hash = body_hash(&body);
        let mut ring = self.log.ring();
        // One that has been evicted meanwhile is no longer counted.
        if ring.entries.iter().rev().any(|entry| Arc::ptr_eq(entry, &self.entry)) {
            ring.body_bytes += body.len();
        }
        let mut received = lock(&self.entry);
        received.body = body;
        received.body_hash = hash;
        received.body_complete = true;
        drop(received);
        self.log.evict(&mut ring);
    }

    pub(crate) fn scenario(&self, label: &str) {
        label.clone_into(&mut lock(&self.entry).scenario);
    }

    pub(crate) fn status(&self, status: http::StatusCode) {
        lock(&self.entry).response.status = Some(status.as_u16());
    }

    /// `content`: whether the chunk holds an event that says something.
    pub(crate) fn sent(&self, bytes: usize, content: bool) {
        let mut received = lock(&self.entry);
        let now = Instant::now();
        received.response.sent.push((now, bytes));
        if content {
            received.response.first_content.get_or_insert(now);
        }
    }

    /// The exchange is over; only the first end counts.
    pub(crate) fn end(&mut self, ended: Ended) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        lock(&self.entry).response.ended = Some((Instant::now(), ended));
        self.log.changed.notify_waiters();
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let stopped = self.log.stopping.load(Ordering::Acquire);
        self.end(if stopped { Ended::Stopped } else { Ended::PeerClosed });
    }
}

fn lock(entry: &Mutex<Received>) -> MutexGuard<'_, Received> {
    entry.lock().unwrap_or_else(PoisonError::into_inner)
}
