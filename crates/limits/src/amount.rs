//! What a request may use, and what it did use.

use std::sync::Arc;

/// Money is counted in billionths of its unit.
const NANOS: f64 = 1e9;

/// The most that a request may use, as far as that is known before it.
#[derive(Clone, Debug, Default)]
pub struct Need {
    /// Tokens of its input, estimated.
    pub input: u64,
    /// Tokens that it may generate: what it asks for, or what is assumed.
    pub output: u64,
    /// What they cost; `None` where there is no price.
    pub price: Option<Priced>,
}

/// Prices of one token each, in one currency.
#[derive(Clone, Debug, PartialEq)]
pub struct Priced {
    /// Of the input, in units of the currency.
    pub input: f64,
    /// Of the output, in units of the currency.
    pub output: f64,
    /// ISO 4217.
    pub currency: Arc<str>,
}

/// What a request used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Used {
    /// Input and output tokens; `None` where nobody knows: then what was reserved counts.
    pub tokens: Option<u64>,
    /// What they cost, with its currency; `None` where nobody knows.
    pub cost: Option<(f64, Arc<str>)>,
}

/// An amount of money in billionths, rounded up: what is reserved is never too little.
pub fn nanos_of(amount: f64) -> u64 {
    // The cast saturates, and makes nothing of NaN.
    (amount * NANOS).ceil() as u64
}

// === impl Need ===

impl Need {
    /// At least one: where nothing is left, nothing fits.
    pub(crate) fn tokens(&self) -> u64 {
        self.input.saturating_add(self.output).max(1)
    }

    /// In billionths of the currency's unit, with `output` tokens generated: at least one, but nothing where
    /// there is no price in it.
    pub(crate) fn nanos(&self, output: u64, currency: &str) -> u64 {
        let price = self.price.as_ref().filter(|price| *price.currency == *currency);
        price.map_or(0, |price| {
            nanos_of(self.input as f64 * price.input + output as f64 * price.output).max(1)
        })
    }
}

// === impl Used ===

impl Used {
    /// Nothing at all.
    pub const fn nothing() -> Self {
        Self { tokens: Some(0), cost: None }
    }
}
