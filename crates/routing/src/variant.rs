//! A variant of an experiment: a model and the parameters it is tried with.

use std::sync::Arc;

/// One arm of an experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// The key under `variants`; `gateway.variant.name` and the `X-Gateway-Variant` header.
    pub name: Arc<str>,
    /// The configured weight, not the probability; `gateway.variant.weight`.
    pub weight: u32,
    /// How many variants the function has; `gateway.experiment.total_variants`.
    pub total_variants: u32,
    /// What it adds to the request.
    pub params: Params,
}

/// Request parameters that a variant supplies where the caller left them out: explicit wins.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Params {
    /// Sampling temperature.
    pub temperature: Option<f64>,
    /// Limit on generated tokens.
    pub max_tokens: Option<u32>,
}

// === impl Params ===

impl Params {
    /// Whether the variant supplies nothing.
    pub const fn is_empty(&self) -> bool {
        self.temperature.is_none() && self.max_tokens.is_none()
    }
}
