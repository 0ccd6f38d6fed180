//! Host names to addresses: asynchronous, cached, and never in the way of a request for long.
//!
//! Pingora's own look-up blocks the worker thread and panics on failure, so peers are made from
//! addresses. A stale answer is served while a fresh one is fetched; a failed look-up keeps the
//! last good answer.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

/// How long an answer is fresh. The system's resolver does not tell us the record's own.
const FRESH: Duration = Duration::from_secs(30);
/// How long one look-up may take.
const LOOKUP_MAX: Duration = Duration::from_secs(5);
/// Host names come from the configuration, so this is only reached by a very large one.
const HOSTS_MAX: usize = 4_096;

type Key = (Arc<str>, u16);

/// A cache in front of the system's resolver.
#[derive(Clone, Default)]
pub(crate) struct Resolver {
    hosts: Arc<RwLock<HashMap<Key, Arc<Entry>>>>,
}

struct Entry {
    addresses: Vec<SocketAddr>,
    until: Instant,
    turn: AtomicUsize,
    refreshing: std::sync::atomic::AtomicBool,
}

// === impl Resolver ===

impl Resolver {
    /// An address of `host`; several take turns.
    ///
    /// # Errors
    /// The resolver's, when the name was never resolved before.
    pub(crate) async fn resolve(&self, host: &Arc<str>, port: u16) -> io::Result<SocketAddr> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(SocketAddr::new(address, port));
        }
        let key = (Arc::clone(host), port);
        let cached = self.hosts.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        match cached {
            Some(entry) => {
                let stale = entry.until <= Instant::now();
                if stale && !entry.refreshing.swap(true, Ordering::AcqRel) {
                    let (resolver, entry) = (self.clone(), Arc::clone(&entry));
                    tokio::spawn(async move {
                        if resolver.look_up(key).await.is_err() {
                            entry.refreshing.store(false, Ordering::Release);
                        }
                    });
                }
                entry.next()
            }
            None => self.look_up(key).await?.next(),
        }
    }

    async fn look_up(&self, key: Key) -> io::Result<Arc<Entry>> {
        let found = tokio::time::timeout(LOOKUP_MAX, tokio::net::lookup_host((&*key.0, key.1)))
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "name look-up timed out"))??;
        let addresses: Vec<_> = found.collect();
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        let entry = Arc::new(Entry {
            addresses,
            until: Instant::now() + FRESH,
            turn: AtomicUsize::new(0),
            refreshing: false.into(),
        });
        let mut hosts = self.hosts.write().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= HOSTS_MAX && !hosts.contains_key(&key) {
            hosts.clear();
        }
        hosts.insert(key, Arc::clone(&entry));
        Ok(entry)
    }
}

// === impl Entry ===

impl Entry {
    fn next(&self) -> io::Result<SocketAddr> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.addresses
            .get(turn % self.addresses.len().max(1))
            .copied()
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))
    }
}
