//! What is known of remembered tool calls, asked when metrics are read.

use opentelemetry::metrics::MeterProvider;

use super::{METER, Metrics};

/// The memory of tool calls at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ToolLinkCounts {
    /// Ids that are remembered.
    pub known: u64,
    /// Ids that were forgotten before their time, because others came.
    pub evicted: u64,
}

// === impl Metrics ===

impl Metrics {
    /// Registers the instruments of remembered tool calls; to be called once.
    pub fn observe_tool_links(
        &self,
        counts: impl Fn() -> ToolLinkCounts + Clone + Send + Sync + 'static,
    ) {
        let meter = self.provider.meter(METER);
        let asked = counts.clone();
        let _known = meter
            .u64_observable_gauge("gateway.tool_links.known")
            .with_unit("{id}")
            .with_description("Ids of tool calls that are remembered for later results")
            .with_callback(move |gauge| gauge.observe(asked().known, &[]))
            .build();
        let _evicted = meter
            .u64_observable_counter("gateway.tool_links.evicted")
            .with_unit("{id}")
            .with_description("Ids of tool calls that were forgotten before their time")
            .with_callback(move |counter| counter.observe(counts().evicted, &[]))
            .build();
    }
}
