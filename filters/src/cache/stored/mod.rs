//! An answer as one run of bytes, for a store that several gateways share.
//!
//! A mark with the version of the form, the length of what is said of the answer (JSON), that, and
//! the body as it is. What does not read as that is no answer: another version's, or damaged.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use tollgate_providers::Usage;

use super::{Answer, Cost, Piece, Told};

#[cfg(test)]
mod tests;

/// What every stored answer begins with; another form gets another one.
const MARK: [u8; 4] = *b"TGA1";
const LENGTH_BYTES: usize = 4;

/// What is said of an answer.
#[derive(Serialize, Deserialize)]
struct Said<'a> {
    stream: bool,
    stored_ns: u64,
    body_bytes: u64,
    headers: Vec<(Cow<'a, str>, Cow<'a, [u8]>)>,
    /// Ends and times, alternating.
    pieces: Vec<u32>,
    id: Option<Cow<'a, str>>,
    model: Option<Cow<'a, str>>,
    finish_reasons: Vec<Cow<'a, str>>,
    provider: Cow<'a, str>,
    target: Cow<'a, str>,
    upstream_model: Cow<'a, str>,
    cost: Option<(f64, Cow<'a, str>)>,
    is_usage_reported: bool,
    usage: Option<Counts>,
}

/// Token counts, in the order of [`Usage`].
#[derive(Serialize, Deserialize)]
struct Counts {
    counts: [Option<u64>; 9],
    excludes: [bool; 2],
}

/// The answer as bytes.
pub(super) fn encode(answer: &Answer) -> Vec<u8> {
    let told = &answer.told;
    let text = |text: &'_ str| -> Cow<'static, str> { Cow::Owned(text.to_owned()) };
    let said = Said {
        stream: answer.stream,
        stored_ns: answer.stored_ns,
        body_bytes: answer.body.len() as u64,
        headers: answer
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().into(), value.as_bytes().into()))
            .collect(),
        pieces: answer.pieces.iter().flat_map(|piece| [piece.end, piece.at_us]).collect(),
        id: told.id.as_deref().map(text),
        model: told.model.as_deref().map(text),
        finish_reasons: told.finish_reasons.iter().map(|reason| text(reason)).collect(),
        provider: text(&told.provider),
        target: text(&told.target),
        upstream_model: text(&told.upstream_model),
        cost: told.cost.as_ref().map(|cost| (cost.amount, text(&cost.currency))),
        is_usage_reported: told.is_usage_reported,
        usage: told.usage.as_ref().map(Counts::of),
    };
    // Text, numbers and no maps: there is nothing in it that JSON cannot hold.
    let said = serde_json::to_vec(&said).unwrap_or_default();
    let length = u32::try_from(said.len()).unwrap_or(u32::MAX);
    let mut out = Vec::with_capacity(MARK.len() + LENGTH_BYTES + said.len() + answer.body.len());
    out.extend_from_slice(&MARK);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&said);
    out.extend_from_slice(&answer.body);
    out
}

/// The answer that these bytes are, if they are one.
pub(super) fn decode(bytes: &Bytes) -> Option<Answer> {
    let rest = bytes.strip_prefix(&MARK)?;
    let (length, rest) = rest.split_first_chunk::<LENGTH_BYTES>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (said, body) = rest.split_at_checked(length)?;
    let said: Said<'_> = serde_json::from_slice(said).ok()?;
    if said.body_bytes != body.len() as u64 {
        return None;
    }
    let header = |(name, value): &(Cow<'_, str>, Cow<'_, [u8]>)| {
        Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_bytes(value).ok()?))
    };
    let (pieces, odd) = said.pieces.as_chunks::<2>();
    if !odd.is_empty() {
        return None;
    }
    Some(Answer {
        stream: said.stream,
        headers: said.headers.iter().map(header).collect::<Option<_>>()?,
        body: bytes.slice_ref(body),
        pieces: pieces.iter().map(|[end, at_us]| Piece { end: *end, at_us: *at_us }).collect(),
        stored_ns: said.stored_ns,
        told: Told {
            id: said.id.map(Cow::into_owned),
            model: said.model.map(Cow::into_owned),
            usage: said.usage.as_ref().map(Counts::usage),
            is_usage_reported: said.is_usage_reported,
            cost: said
                .cost
                .map(|(amount, currency)| Cost { amount, currency: Arc::from(currency) }),
            finish_reasons: said.finish_reasons.into_iter().map(Cow::into_owned).collect(),
            provider: said.provider.into(),
            target: said.target.into(),
            upstream_model: said.upstream_model.into(),
        },
    })
}

// === impl Counts ===

impl Counts {
    const fn of(usage: &Usage) -> Self {
        Self {
            counts: [
                usage.input,
                usage.output,
                usage.total,
                usage.cache_read,
                usage.cache_creation,
                usage.cache_creation_5m,
                usage.cache_creation_1h,
                usage.reasoning,
                usage.duration_ms,
            ],
            excludes: [usage.input_excludes_cache, usage.output_excludes_reasoning],
        }
    }

    const fn usage(&self) -> Usage {
        let [input, output, total, cache_read, cache_creation, five, hour, reasoning, duration_ms] =
            self.counts;
        let [input_excludes_cache, output_excludes_reasoning] = self.excludes;
        Usage {
            input,
            output,
            total,
            cache_read,
            cache_creation,
            cache_creation_5m: five,
            cache_creation_1h: hour,
            reasoning,
            duration_ms,
            input_excludes_cache,
            output_excludes_reasoning,
        }
    }
}
