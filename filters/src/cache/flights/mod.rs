//! Single flight: of equal requests at the same time one asks the upstream, the others wait.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::{Answer, Key};

#[cfg(test)]
mod tests;

/// Who asks for what right now.
#[derive(Debug, Default)]
pub struct Flights(Mutex<HashMap<Key, Flight>>);

/// Where those who wait are told; nothing as long as nobody does, as in most flights.
type Flight = Option<watch::Sender<Option<Landing>>>;

/// How a flight ended.
#[derive(Clone, Debug)]
pub enum Landing {
    /// With an answer that all may have.
    Landed(Arc<Answer>),
    /// With none, or with one that is for its caller alone.
    Failed,
    /// Its caller left before it was known.
    Abandoned,
}

/// A place in a flight.
#[derive(Debug)]
pub enum Joined {
    /// The first: it asks.
    Leader(Ticket),
    /// One of those who wait.
    Follower(Wait),
}

/// The leader's: whoever waits is told when it lands, and at the latest when it is dropped.
#[derive(Debug)]
pub struct Ticket {
    flights: Arc<Flights>,
    key: Key,
    ended: bool,
}

/// A follower's.
#[derive(Debug)]
pub struct Wait(watch::Receiver<Option<Landing>>);

/// What came of waiting.
#[derive(Debug)]
pub(super) enum Heard {
    Landed(Arc<Answer>),
    Failed,
    Abandoned,
    TooLate,
}

// === impl Flights ===

impl Flights {
    /// Joins the flight of `key`, or begins it.
    pub fn join(self: &Arc<Self>, key: Key) -> Joined {
        match self.flying().entry(key) {
            Entry::Occupied(mut flight) => {
                let tell = flight.get_mut().get_or_insert_with(|| watch::Sender::new(None));
                Joined::Follower(Wait(tell.subscribe()))
            }
            Entry::Vacant(place) => {
                place.insert(None);
                Joined::Leader(Ticket { flights: Arc::clone(self), key, ended: false })
            }
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.flying().len()
    }

    fn flying(&self) -> MutexGuard<'_, HashMap<Key, Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Ticket ===

impl Ticket {
    /// Tells those who wait. To be called when the answer can be found by those who come later.
    pub fn land(mut self, landing: Landing) {
        self.end(landing);
    }

    fn end(&mut self, landing: Landing) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        // First out of the way, so that whoever is told to ask again begins a flight of its own.
        let tell = self.flights.flying().remove(&self.key).flatten();
        if let Some(tell) = tell {
            tell.send_replace(Some(landing));
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.end(Landing::Failed);
    }
}

// === impl Wait ===

impl Wait {
    /// Waits, at most until `until`.
    pub(super) async fn until(mut self, until: Instant) -> Heard {
        match timeout_at(until, self.0.wait_for(Option::is_some)).await {
            Ok(Ok(landing)) => match &*landing {
                Some(Landing::Landed(answer)) => Heard::Landed(Arc::clone(answer)),
                Some(Landing::Abandoned) => Heard::Abandoned,
                Some(Landing::Failed) | None => Heard::Failed,
            },
            // A ticket tells before it goes, so this is not met with.
            Ok(Err(_)) => Heard::Failed,
            Err(_) => Heard::TooLate,
        }
    }
}
