//! The same for OTLP's JSON: what an object becomes is told by the name that it stands behind.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, Metric, NumberDataPoint,
    SummaryDataPoint,
};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

use super::GROWTH;

/// What every member is charged: decoders keep a value as it came before they know what it is.
const MEMBER_BYTES: usize = 64;
/// As deep as the decoder goes.
const DEPTH_MAX: usize = 128;
/// The largest of all.
const LARGEST_BYTES: usize = largest(&[
    size_of::<Span>(),
    size_of::<Metric>(),
    size_of::<LogRecord>(),
    size_of::<ResourceSpans>(),
    size_of::<ScopeSpans>(),
    DATA_POINT_BYTES,
]);
const DATA_POINT_BYTES: usize = largest(&[
    size_of::<NumberDataPoint>(),
    size_of::<HistogramDataPoint>(),
    size_of::<ExponentialHistogramDataPoint>(),
    size_of::<SummaryDataPoint>(),
]);

/// A walk over JSON that is valid, or that the decoder gives up where it ceases to be.
struct Walk {
    bytes: usize,
    /// What an object is in memory at each depth; those beyond the last are not decoded.
    stack: [usize; DEPTH_MAX],
    depth: usize,
    /// What the last name says of the value behind it.
    named: usize,
}

/// Bytes that `body` becomes; once more than `bytes_max` it looks no further.
pub(crate) fn weigh(body: &[u8], bytes_max: usize) -> usize {
    let mut walk = Walk { bytes: body.len(), stack: [0; DEPTH_MAX], depth: 0, named: 0 };
    let mut rest = body;
    while walk.bytes <= bytes_max
        && let Some((byte, after)) = rest.split_first()
    {
        rest = match byte {
            b'"' => walk.text(after),
            _ => {
                walk.sign(*byte);
                after
            }
        };
    }
    walk.bytes
}

// === impl Walk ===

impl Walk {
    fn sign(&mut self, byte: u8) {
        match byte {
            b'{' | b'[' => {
                // The elements of a list are what the list is named for.
                let inherited =
                    self.depth.checked_sub(1).and_then(|at| self.stack.get(at)).copied();
                let each = if self.named > 0 { self.named } else { inherited.unwrap_or(0) };
                if byte == b'{' {
                    self.charge(each.saturating_mul(GROWTH));
                }
                self.charge(MEMBER_BYTES);
                if let Some(place) = self.stack.get_mut(self.depth) {
                    *place = if byte == b'[' { each } else { 0 };
                }
                self.depth += 1;
                self.named = 0;
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.named = 0;
            }
            b',' => {
                self.charge(MEMBER_BYTES);
                self.named = 0;
            }
            _ => {}
        }
    }

    /// Reads a text whose first quotation mark was read; returns what follows it.
    fn text<'b>(&mut self, body: &'b [u8]) -> &'b [u8] {
        let mut at = 0;
        let mut is_escaped = false;
        while let Some(byte) = body.get(at) {
            match byte {
                b'\\' => {
                    is_escaped = true;
                    at += 1;
                }
                b'"' => break,
                _ => {}
            }
            at += 1;
        }
        let (text, rest) = body.split_at_checked(at).unwrap_or((body, &[]));
        // A name may be written in many ways; who does so is charged the most.
        self.named = if is_escaped { LARGEST_BYTES } else { object_bytes(text) };
        rest.get(1..).unwrap_or_default()
    }

    fn charge(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// What an object behind this name is in memory; 0 for what is no message, or lies in its parent.
const fn object_bytes(name: &[u8]) -> usize {
    match name {
        b"spans" => size_of::<Span>(),
        b"attributes" | b"filteredAttributes" | b"metadata" | b"values" => size_of::<KeyValue>(),
        b"events" | b"links" => largest(&[size_of::<Event>(), size_of::<Link>()]),
        b"metrics" => size_of::<Metric>(),
        b"dataPoints" => DATA_POINT_BYTES,
        b"logRecords" => size_of::<LogRecord>(),
        b"exemplars" | b"quantileValues" | b"entityRefs" => size_of::<Exemplar>(),
        b"resourceSpans" | b"resourceMetrics" | b"resourceLogs" => size_of::<ResourceSpans>(),
        b"scopeSpans" | b"scopeMetrics" | b"scopeLogs" => size_of::<ScopeSpans>(),
        _ => 0,
    }
}

const fn largest(sizes: &[usize]) -> usize {
    let mut largest = 0;
    let mut rest = sizes;
    while let Some((size, after)) = rest.split_first() {
        if *size > largest {
            largest = *size;
        }
        rest = after;
    }
    largest
}
