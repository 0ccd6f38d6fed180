//! What all requests share, whatever configuration they live by.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use tollgate_filters::request::InFlight;
use tollgate_routing::Registry;

use crate::limits::Gate;
use crate::observe::Observe;
use crate::proxy::Resolver;
use crate::redis::Redis;
use crate::snapshot::Snapshot;
use crate::targets;
use crate::tool_links::ToolLinks;

/// The process's one instance of everything that outlives a configuration.
pub(crate) struct Shared {
    /// The configuration in force.
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) resolver: Resolver,
    pub(crate) in_flight: InFlight,
    /// Callers, and what they used.
    pub(crate) gate: Gate,
    /// The state of targets, carried from one configuration to the next.
    pub(crate) live: Registry,
    /// Which answers asked for tool runs whose results are yet to come.
    pub(crate) tool_links: Arc<ToolLinks>,
    /// What several gateways know together, where one is configured.
    #[allow(dead_code, reason = "cached answers that gateways share come next")]
    pub(crate) redis: Option<Redis>,
    /// Where finished requests are told.
    pub(crate) observe: Observe,
    draining: AtomicBool,
}

// === impl Shared ===

impl Shared {
    pub(crate) fn new(
        snapshot: Snapshot,
        in_flight: InFlight,
        live: Registry,
        gate: Gate,
        redis: Option<Redis>,
        observe: Observe,
    ) -> Arc<Self> {
        let asked = live.clone();
        observe.watch_targets(move || targets::gauges(&asked));
        let tool_links = Arc::new(ToolLinks::default());
        let counted = Arc::clone(&tool_links);
        observe.watch_tool_links(move || counted.counts());
        if let Some(redis) = redis.clone() {
            observe.watch_redis(move || redis.failures());
        }
        let ledger = Arc::clone(&gate.ledger);
        observe.watch_limits(move || crate::limits::counts(&ledger));
        observe.configured(snapshot.models());
        Arc::new(Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            resolver: Resolver::default(),
            in_flight,
            gate,
            live,
            tool_links,
            redis,
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
