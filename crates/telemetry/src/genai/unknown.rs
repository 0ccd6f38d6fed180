//! What is said of every call, and may never have been known: the provider of one that was refused
//! before there was one, the model of a body that could not be read.

use super::GenAi;

/// In the place of what was never known.
pub(crate) const UNKNOWN: &str = "unknown";

// === impl GenAi ===

impl GenAi {
    /// The value of `gen_ai.provider.name`, which every call has: else `unknown`.
    pub fn provider_name(&self) -> &str {
        self.provider.as_deref().unwrap_or(UNKNOWN)
    }

    /// The value of `gen_ai.request.model`, which every call has: else `unknown`.
    pub fn model_name(&self) -> &str {
        if self.request_model.is_empty() { UNKNOWN } else { &self.request_model }
    }
}
