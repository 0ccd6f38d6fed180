//! An answer as it is kept: the bytes that left, when they left, and what its span told.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use tollgate_providers::Usage;

/// What an entry takes besides its text: key, counters, places in the tables.
const ENTRY_BYTES: usize = 512;

/// An answer that can be told again.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Whether it is a stream of events.
    pub stream: bool,
    /// Headers that say something of the body.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// All of the body, as the caller got it.
    pub body: Bytes,
    /// In which pieces it left.
    pub pieces: Vec<Piece>,
    /// What its span told.
    pub told: Told,
    /// When it was admitted, in nanoseconds since 1970.
    pub stored_ns: u64,
}

/// A piece of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where it ends in the body, in bytes.
    pub end: u32,
    /// How long after the first piece it left, in microseconds.
    pub at_us: u32,
}

/// What the span of the first call told, so that those of the later ones tell the same.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// The response's id.
    pub id: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// Token counts.
    pub usage: Option<Usage>,
    /// Whether the provider reported them.
    pub is_usage_reported: bool,
    /// What they cost.
    pub cost: Option<Cost>,
    /// Why each choice ended.
    pub finish_reasons: Vec<String>,
    /// Who answered.
    pub provider: Arc<str>,
    /// The target that answered.
    pub target: Arc<str>,
    /// The model that it was asked for.
    pub upstream_model: Arc<str>,
}

/// What tokens cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// In whole units of the currency.
    pub amount: f64,
    /// ISO 4217, as configured.
    pub currency: Arc<str>,
}

// === impl Answer ===

impl Answer {
    /// What it takes of the cache's size, in bytes.
    pub fn weight(&self) -> usize {
        let told = &self.told;
        let names = [&told.id, &told.model].into_iter().flatten();
        let reasons = told.finish_reasons.iter();
        let texts: usize = names.chain(reasons).map(String::len).sum();
        let headers: usize =
            self.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        ENTRY_BYTES + self.body.len() + self.pieces.len() * size_of::<Piece>() + texts + headers
    }

    /// The pieces of the body with the time of each, in microseconds after the first.
    pub fn pieces(&self) -> impl Iterator<Item = (u32, Bytes)> + '_ {
        let mut start = 0;
        self.pieces.iter().map(move |piece| {
            let end = (piece.end as usize).clamp(start, self.body.len());
            let bytes = self.body.slice(start..end);
            start = end;
            (piece.at_us, bytes)
        })
    }
}
