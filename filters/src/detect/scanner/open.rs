//! What was found and goes on for as long as its alphabet does.

use std::cmp::Reverse;
use std::ops::Range;

use super::Length;
use crate::detect::text::{Growing, Text};
use crate::detect::{Kind, secret};

/// A finding whose end has not come.
#[derive(Debug)]
pub(super) struct Open {
    kind: Kind,
    pub(super) start: usize,
    /// As far as it certainly goes.
    pub(super) end: usize,
    stage: Stage,
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// More of a key, or of a token's signature.
    Last,
    /// More of a token's payload, and then a signature.
    Payload,
    /// More of a line of PEM.
    Line,
    /// The next line of PEM.
    NextLine,
}

// === impl Kind ===

impl Kind {
    /// Whether something of this kind may go on once it is found.
    pub(super) const fn goes_on(self) -> bool {
        matches!(self, Self::ApiKey | Self::Jwt | Self::PrivateKey)
    }
}

// === impl Open ===

impl Open {
    /// What was found in a text of which nothing more is there. `None` where it cannot go on.
    pub(super) fn new(kind: Kind, range: Range<usize>, window: &[u8], base: usize) -> Option<Self> {
        let Range { start, end } = range;
        let at_end = end == base + window.len();
        let last = window.get(end.checked_sub(base + 1)?)?;
        let stage = match kind {
            Kind::ApiKey => Stage::Last,
            Kind::Jwt => {
                let token = window.get(start - base..end - base)?;
                let points = token.iter().filter(|byte| **byte == b'.').count();
                if points < 2 { Stage::Payload } else { Stage::Last }
            }
            Kind::PrivateKey if at_end && secret::is_base64(*last) => Stage::Line,
            Kind::PrivateKey => Stage::NextLine,
            _ => return None,
        };
        Some(Self { kind, start, end, stage })
    }

    /// Reads on; true when it is over.
    pub(super) fn follow(&mut self, window: &[u8], base: usize, at_end: bool) -> bool {
        let text = Growing::new(window);
        let read = |at: usize, class: fn(u8) -> bool| text.run(at - base, usize::MAX, class);
        match self.stage {
            Stage::Last => self.end += read(self.end, secret::is_token),
            Stage::Payload => {
                self.end += read(self.end, secret::is_token);
                if text.byte(self.end - base) == Some(b'.') {
                    let signature = read(self.end + 1, secret::is_token);
                    if signature > 0 {
                        self.end += 1 + signature;
                        self.stage = Stage::Last;
                    }
                }
            }
            Stage::Line | Stage::NextLine => {
                if self.stage == Stage::Line {
                    self.end += read(self.end, secret::is_base64);
                }
                self.end = base + secret::pem_end(&text, self.end - base);
                let in_line = self.end == base + window.len()
                    && window.last().is_some_and(|byte| secret::is_base64(*byte));
                self.stage = if in_line { Stage::Line } else { Stage::NextLine };
            }
        }
        at_end || !text.asked()
    }

    pub(super) const fn length(&self) -> Length {
        (self.end - self.start, Reverse(self.start), Reverse(self.kind))
    }

    /// Whether both end at the same place, whatever comes.
    pub(super) fn ends_with(&self, other: &Self) -> bool {
        self.end == other.end && self.stage == other.stage
    }
}
