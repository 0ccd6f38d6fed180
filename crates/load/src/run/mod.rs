//! Sends what a plan says and measures what comes back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::arrivals::{Arrivals, Schedule};
use crate::exchange::{Connection, Target};
use crate::record::Measured;

#[cfg(test)]
mod tests;

/// Parts that answers are recorded in, so that connections seldom wait for each other.
const PARTS: usize = 8;
/// How long a closed loop takes to open its connections, at most; many at once would be refused.
const RAMP: Duration = Duration::from_secs(2);
/// The pause after a request of a closed loop that failed: one that fails at once is no load.
const FAILED_PAUSE: Duration = Duration::from_millis(10);

/// How requests are sent.
#[derive(Clone, Debug)]
pub struct Plan {
    /// When.
    pub arrivals: Arrivals,
    /// On how many connections: in a closed loop always all, else at most.
    pub connections: usize,
    /// What is sent before anything is counted.
    pub warm_up: Duration,
    /// What is counted.
    pub duration: Duration,
    /// For the moments of sending.
    pub seed: u64,
}

/// What is sent, and how.
#[derive(Clone, Debug)]
pub struct Load {
    /// Where to.
    pub target: Target,
    /// When.
    pub plan: Plan,
}

/// What all connections of one run share.
struct Run {
    target: Target,
    parts: Vec<Mutex<Measured>>,
    /// What was meant to be sent before is warm-up.
    counts_from: Instant,
    ends_at: Instant,
    idle: Mutex<Vec<Connection>>,
    at_once: AtomicUsize,
    at_once_max: AtomicUsize,
}

/// Sends `load` and waits for the last answer. Requests that were begun are ended, so that the run
/// takes a little longer than its duration.
pub async fn run(load: &Load) -> Measured {
    let Load { target, plan } = load;
    let start = Instant::now();
    let counts_from = start + plan.warm_up;
    let run = Arc::new(Run {
        target: target.clone(),
        parts: (0..PARTS).map(|_| Mutex::default()).collect(),
        counts_from,
        ends_at: counts_from + plan.duration,
        idle: Mutex::default(),
        at_once: AtomicUsize::new(0),
        at_once_max: AtomicUsize::new(0),
    });
    match Schedule::new(plan.arrivals, plan.seed) {
        None => closed(&run, plan, start).await,
        Some(schedule) => open(&run, plan, schedule, start).await,
    }
    let mut whole = Measured::default();
    for part in &run.parts {
        whole.add(&lock(part));
    }
    whole.took = plan.duration;
    whole.at_once_max = run.at_once_max.load(Ordering::Relaxed);
    whole
}

/// Each connection sends its next request when the one before has ended.
async fn closed(run: &Arc<Run>, plan: &Plan, start: Instant) {
    let mut callers = JoinSet::new();
    let connections = u32::try_from(plan.connections).unwrap_or(u32::MAX).max(1);
    let apart = (plan.warm_up / 2).min(RAMP) / connections;
    for at in 0..connections {
        let run = Arc::clone(run);
        callers.spawn(async move {
            tokio::time::sleep_until((start + apart * at).into()).await;
            let mut connection = None;
            while Instant::now() < run.ends_at {
                let due = Instant::now();
                connection = run.call(connection, due, at as usize).await;
                if connection.is_none() {
                    tokio::time::sleep(FAILED_PAUSE).await;
                }
            }
        });
    }
    while callers.join_next().await.is_some() {}
}

/// A clock sends, whatever becomes of the requests before.
async fn open(run: &Arc<Run>, plan: &Plan, schedule: Schedule, start: Instant) {
    let places = Arc::new(Semaphore::new(plan.connections.max(1)));
    let mut callers = JoinSet::new();
    for (at, after) in schedule.enumerate() {
        let due = start + after;
        if due >= run.ends_at {
            break;
        }
        tokio::time::sleep_until(due.into()).await;
        // Those that have ended go, so that a long run does not keep them all.
        while callers.try_join_next().is_some() {}
        let (run, places) = (Arc::clone(run), Arc::clone(&places));
        callers.spawn(async move {
            // Waiting for a connection is part of the latency: nobody else would have one either.
            let Ok(_place) = places.acquire().await else { return };
            let connection = lock(&run.idle).pop();
            if let Some(connection) = run.call(connection, due, at).await {
                lock(&run.idle).push(connection);
            }
        });
    }
    while callers.join_next().await.is_some() {}
}

// === impl Run ===

impl Run {
    /// One request that was meant to be sent at `due`. Returns the connection if it can be used again.
    async fn call(
        &self,
        connection: Option<Connection>,
        due: Instant,
        number: usize,
    ) -> Option<Connection> {
        let result = self.exchange(connection).await;
        let counts = due >= self.counts_from;
        let part = self.parts.get(number % PARTS)?;
        match result {
            Ok((seen, connection)) => {
                if counts {
                    seen.record(due, &mut lock(part));
                }
                connection.is_open().then_some(connection)
            }
            Err(broken) => {
                if counts {
                    lock(part).fail(broken.to_string());
                }
                None
            }
        }
    }

    async fn exchange(
        &self,
        connection: Option<Connection>,
    ) -> Result<(crate::exchange::Seen, Connection), crate::exchange::Broken> {
        let mut connection = match connection.filter(Connection::is_open) {
            Some(connection) => connection,
            None => Connection::open(&self.target).await?,
        };
        let at_once = self.at_once.fetch_add(1, Ordering::Relaxed) + 1;
        self.at_once_max.fetch_max(at_once, Ordering::Relaxed);
        let seen = connection.exchange(&self.target).await;
        self.at_once.fetch_sub(1, Ordering::Relaxed);
        Ok((seen?, connection))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
