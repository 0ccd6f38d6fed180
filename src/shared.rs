//! What all requests share, whatever configuration they live by.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use tollgate_filters::request::InFlight;

use crate::observe::Observe;
use crate::proxy::Resolver;
use crate::snapshot::Snapshot;

/// The process's one instance of everything that outlives a configuration.
pub(crate) struct Shared {
    /// The configuration in force.
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) resolver: Resolver,
    pub(crate) in_flight: InFlight,
    /// Where finished requests are told.
    pub(crate) observe: Observe,
    draining: AtomicBool,
}

// === impl Shared ===

impl Shared {
    pub(crate) fn new(snapshot: Snapshot, in_flight: InFlight, observe: Observe) -> Arc<Self> {
        Arc::new(Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            resolver: Resolver::default(),
            in_flight,
            observe,
            draining: AtomicBool::new(false),
        })
    }

    /// From now on new requests are refused, and `/ready` says no.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}
