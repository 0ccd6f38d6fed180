//! What tokens cost: every token once, at the price of its kind, or nothing at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_config::Price;
use tollgate_providers::{Usage, is_snapshot_of};
use tollgate_telemetry::genai::Cost;

#[cfg(test)]
mod tests;

/// Prices are for so many tokens.
pub(crate) const TOKENS_PER_PRICE: f64 = 1_000_000.0;

/// Tokens that are billed alike; each token of a call is in one part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Parts {
    input: u64,
    cache_read: u64,
    cache_write: u64,
    cache_write_1h: u64,
    output: u64,
    reasoning: u64,
}

/// The price of the first of these models that has one: under its own name, else under the name
/// that it is a dated snapshot of.
pub(crate) fn price_of<'p>(
    pricing: &'p BTreeMap<Arc<str>, Price>,
    models: &[Option<&str>],
) -> Option<&'p Price> {
    models.iter().copied().flatten().find_map(|model| {
        let base = || pricing.iter().find(|(name, _)| is_snapshot_of(model, name));
        pricing.get(model).or_else(|| base().map(|(_, price)| price))
    })
}

/// The cost, where every count and every price that it takes is known.
pub(super) fn cost(usage: &Usage, price: &Price) -> Option<Cost> {
    let parts = Parts::of(usage)?;
    let mut amount = 0.0;
    for (tokens, price) in [
        (parts.input, price.input),
        (parts.cache_read, price.cache_read),
        (parts.cache_write, price.cache_write),
        (parts.cache_write_1h, price.cache_write_1h),
        (parts.output, price.output),
        (parts.reasoning, price.reasoning.or(price.output)),
    ] {
        // What is not used needs no price.
        if tokens > 0 {
            amount += f64::from(u32::try_from(tokens).ok()?) * price?;
        }
    }
    Some(Cost { amount: amount / TOKENS_PER_PRICE, currency: Arc::clone(&price.currency) })
}

// === impl Parts ===

impl Parts {
    /// `None` where a count is missing, or the counts contradict each other.
    fn of(usage: &Usage) -> Option<Self> {
        let input = usage.input?;
        let cache_read = usage.cache_read.unwrap_or(0);
        let written = usage.cache_creation.unwrap_or(0);
        let cache_write_1h = usage.cache_creation_1h.unwrap_or(0);
        let cached = cache_read.checked_add(written)?;
        // Embeddings read and write nothing: then the total is the input.
        let output = match usage.output {
            Some(output) => output,
            None if usage.total == Some(input) => 0,
            None => return None,
        };
        let reasoning = usage.reasoning.unwrap_or(0);
        Some(Self {
            input: if usage.input_excludes_cache { input } else { input.checked_sub(cached)? },
            cache_read,
            cache_write: written.checked_sub(cache_write_1h)?,
            cache_write_1h,
            output: if usage.output_excludes_reasoning {
                output
            } else {
                output.checked_sub(reasoning)?
            },
            reasoning,
        })
    }
}
