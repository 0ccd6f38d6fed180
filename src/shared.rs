//! What all requests share, whatever configuration they live by.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use tollgate_routing::Registry;
use tollgate_telemetry::metrics::CacheCounts;

use crate::limits::Gate;
use crate::observe::Observe;
use crate::proxy::Resolver;
use crate::snapshot::{Lasting, Snapshot};
use crate::targets;
use crate::tool_links::ToolLinks;

/// The process's one instance of everything that outlives a configuration.
pub(crate) struct Shared {
    /// The configuration in force.
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) resolver: Resolver,
    /// What is part of every configuration.
    pub(crate) lasting: Lasting,
    /// Callers, and what they used.
    pub(crate) gate: Gate,
    /// The state of targets, carried from one configuration to the next.
    pub(crate) live: Registry,
    /// Which answers asked for tool runs whose results are yet to come.
    pub(crate) tool_links: Arc<ToolLinks>,
    /// Where finished requests are told.
    pub(crate) observe: Observe,
    draining: AtomicBool,
}

// === impl Shared ===

impl Shared {
    pub(crate) fn new(
        snapshot: Snapshot,
        lasting: Lasting,
        live: Registry,
        gate: Gate,
        observe: Observe,
    ) -> Arc<Self> {
        let asked = live.clone();
        observe.watch_targets(move || targets::gauges(&asked));
        let tool_links = Arc::new(ToolLinks::default());
        let counted = Arc::clone(&tool_links);
        observe.watch_tool_links(move || counted.counts());
        if let Some(redis) = lasting.redis.clone() {
            observe.watch_redis(move || redis.failures());
        }
        let ledger = Arc::clone(&gate.ledger);
        observe.watch_limits(move || crate::limits::counts(&ledger));
        observe.configured(snapshot.models());
        let shared = Arc::new(Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            resolver: Resolver::default(),
            lasting,
            gate,
            live,
            tool_links,
            observe,
            draining: AtomicBool::new(false),
        });
        let counted = Arc::downgrade(&shared);
        shared.observe.watch_cache(move || {
            counted.upgrade().map(|shared| shared.cache_counts()).unwrap_or_default()
        });
        shared
    }

    /// The response cache in force, and what was counted over all of them.
    fn cache_counts(&self) -> CacheCounts {
        let counts = &self.lasting.cached;
        let (entries, bytes) =
            self.snapshot.load().cache.as_ref().map(|cache| cache.size()).unwrap_or_default();
        CacheCounts {
            entries,
            bytes,
            admitted: counts.admitted.get(),
            refused: counts.refused.get(),
            too_large: counts.too_large.get(),
            evicted: counts.evicted.get(),
            shared: counts.shared.get(),
            waited_in_vain: counts.waited_in_vain.get(),
            unwritten: counts.unwritten.get(),
        }
    }

    /// From now on new requests are refused, and `/ready` says no.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}
