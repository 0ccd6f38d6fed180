//! Which events go out together, and when.

use std::time::Duration;

use bytes::Bytes;

use crate::answer::{Chunk, Event};
use crate::scenario::Scenario;

/// The least pause between the parts of a body that is split, so that they are read apart.
const SPLIT_PAUSE: Duration = Duration::from_millis(2);

/// Paces events: the first content after `first_delay_ms`, later content every `gap_ms`.
pub(crate) fn chunks(scenario: &Scenario, events: Vec<Event>) -> Vec<Chunk> {
    let mut wait_ms = scenario.first_delay_ms;
    let mut chunks = Vec::with_capacity(events.len());
    for event in events {
        let mut wait = Duration::ZERO;
        if event.content {
            wait = Duration::from_millis(std::mem::replace(&mut wait_ms, scenario.gap_ms));
        }
        chunks.push(Chunk { wait, bytes: event.bytes, content: event.content });
    }
    if scenario.events_per_chunk > 1 {
        chunks = chunks.chunks(scenario.events_per_chunk).map(join).collect();
    }
    split(scenario, chunks)
}

/// Cuts the body where `split_at` says, events disregarded.
pub(crate) fn split(scenario: &Scenario, chunks: Vec<Chunk>) -> Vec<Chunk> {
    if scenario.split_at.is_empty() {
        return chunks;
    }
    let Chunk { bytes: mut rest, content, .. } = join(&chunks);
    let mut borders = scenario.split_at.clone();
    borders.retain(|at| (1..rest.len()).contains(at));
    borders.sort_unstable();
    borders.dedup();
    let gap = Duration::from_millis(scenario.gap_ms).max(SPLIT_PAUSE);
    let mut wait = Duration::from_millis(scenario.first_delay_ms);
    let mut parts = Vec::with_capacity(borders.len() + 1);
    let mut done = 0;
    for border in borders {
        let bytes = rest.split_to(border - done);
        parts.push(Chunk { wait: std::mem::replace(&mut wait, gap), bytes, content: false });
        done = border;
    }
    // Where in the body the content lies is not looked for: it has all come with the last part.
    parts.push(Chunk { wait, bytes: rest, content });
    parts
}

/// Cuts the body into pieces of `bytes` each.
pub(crate) fn dribble(chunks: &[Chunk], bytes: usize, gap: Duration) -> Vec<Chunk> {
    let Chunk { bytes: mut rest, content, .. } = join(chunks);
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let bytes = rest.split_to(bytes.clamp(1, rest.len()));
        pieces.push(Chunk { wait: gap, bytes, content: content && rest.is_empty() });
    }
    pieces
}

/// Keeps the first `bytes` of the body.
pub(crate) fn truncate(chunks: &mut Vec<Chunk>, bytes: usize) {
    let mut left = bytes;
    for chunk in chunks.iter_mut() {
        chunk.bytes.truncate(left);
        left -= chunk.bytes.len();
    }
    chunks.retain(|chunk| !chunk.bytes.is_empty());
}

/// The bytes of the body.
pub(crate) fn body_bytes(chunks: &[Chunk]) -> usize {
    chunks.iter().map(|chunk| chunk.bytes.len()).sum()
}

/// One chunk, sent when its last part would be.
fn join(chunks: &[Chunk]) -> Chunk {
    let mut bytes = Vec::with_capacity(body_bytes(chunks));
    for chunk in chunks {
        bytes.extend_from_slice(&chunk.bytes);
    }
    let content = chunks.iter().any(|chunk| chunk.content);
    let wait = chunks.iter().map(|chunk| chunk.wait).sum();
    Chunk { wait, bytes: Bytes::from(bytes), content }
}
