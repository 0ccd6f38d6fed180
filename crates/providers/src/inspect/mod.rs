//! Recorded answers: what a span would say of one, read as it came or cut anew.

use crate::body;
use crate::endpoint::EndpointKind;
use crate::event::StreamEvent;
use crate::media::{MediaForm, MediaReader};
use crate::provider::Dialect;
use crate::stream::StreamReader;
use crate::transcript::Transcript;

#[cfg(test)]
mod tests;

/// Sizes that share no divisor with anything, so that cuts fall everywhere, in bytes.
const SMALL_BYTES: [usize; 7] = [7, 1, 13, 3, 61, 2, 1_021];
/// Longest piece between two random cuts, in bytes.
const RANDOM_BYTES_MAX: u64 = 300;

/// What answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// A chat endpoint, or legacy completions.
    Chat(Dialect),
    /// An endpoint of another kind.
    Other(EndpointKind),
}

/// In which pieces a recording is fed to the reader. The outcome is the same for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// In one.
    Whole,
    /// In many small ones.
    Small,
    /// At random places that follow from the number.
    Random(u64),
}

/// Reads a recorded body, SSE or JSON, and folds it.
pub fn inspect(api: impl Into<Api>, bytes: &[u8], cut: Cut) -> Transcript {
    let begins = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let is_json = matches!(begins, Some(b'{' | b'['));
    match api.into() {
        Api::Chat(dialect) if is_json => {
            let mut transcript = Transcript::of_recording(dialect);
            // A broken body gives what could be read of it.
            let _broken = body::read_body(dialect, bytes, &mut |event| transcript.on_event(&event));
            transcript
        }
        Api::Chat(dialect) => {
            let mut transcript = Transcript::of_recording(dialect);
            let mut sink = |event: StreamEvent<'_>| transcript.on_event(&event);
            let mut reader = StreamReader::new(dialect);
            cut.pieces(bytes, &mut |piece| reader.feed(piece, &mut sink));
            reader.finish(&mut sink);
            transcript
        }
        Api::Other(kind) => {
            let form = if is_json {
                MediaForm::Json
            } else if is_events(bytes) {
                MediaForm::Events
            } else {
                MediaForm::Text
            };
            let mut transcript = Transcript::new(usize::MAX);
            // With a picture, text is the prompt as it was used; the picture is the answer.
            let answers = |event: &StreamEvent<'_>| {
                kind != EndpointKind::ImageGeneration || !matches!(event, StreamEvent::Text { .. })
            };
            let mut sink = |event: StreamEvent<'_>| {
                if answers(&event) {
                    transcript.on_event(&event);
                }
            };
            let mut reader = MediaReader::new(kind, form);
            cut.pieces(bytes, &mut |piece| reader.feed(piece, &mut sink));
            reader.finish(&mut sink);
            transcript
        }
    }
}

/// Whether it begins as server-sent events do.
fn is_events(bytes: &[u8]) -> bool {
    [&b"data:"[..], b"event:", b":"].iter().any(|field| bytes.starts_with(field))
}

impl From<Dialect> for Api {
    fn from(dialect: Dialect) -> Self {
        Self::Chat(dialect)
    }
}

// === impl Cut ===

impl Cut {
    fn pieces(self, bytes: &[u8], feed: &mut dyn FnMut(&[u8])) {
        let mut sizes = SMALL_BYTES.iter().cycle();
        let mut state = match self {
            Self::Random(seed) => seed,
            Self::Whole | Self::Small => 0,
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            let size = match self {
                Self::Whole => rest.len(),
                Self::Small => sizes.next().copied().unwrap_or(1),
                // One in two pieces is a few bytes long: events are short.
                Self::Random(_) if next(&mut state).is_multiple_of(2) => small(&mut state, 8),
                Self::Random(_) => small(&mut state, RANDOM_BYTES_MAX),
            };
            let (piece, later) = rest.split_at(size.min(rest.len()));
            feed(piece);
            rest = later;
        }
    }
}

/// A size from 1 to `max`.
fn small(state: &mut u64, max: u64) -> usize {
    usize::try_from(next(state) % max + 1).unwrap_or(1)
}

/// The next number of SplitMix64.
const fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
