//! A whole answer on its way to the caller: held until it is known what it has, or, where nothing
//! but flags can come of it, looked at in passing.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::{Cause, Findings, Refusal, Rules};

#[cfg(test)]
mod tests;

/// The longest answer that is looked through. A longer one does not pass a rule that acts.
pub const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// One answer that is not streamed.
#[derive(Debug)]
pub struct Answer {
    rules: Arc<Rules>,
    pieces: Vec<Bytes>,
    bytes: usize,
    too_long: bool,
    encoded: bool,
    findings: Findings,
}

// === impl Answer ===

impl Answer {
    /// Nothing of the answer has come yet. `encoded`: it is compressed.
    pub fn new(rules: Arc<Rules>, encoded: bool) -> Self {
        let findings = Findings::default();
        Self { rules, pieces: Vec::new(), bytes: 0, too_long: false, encoded, findings }
    }

    /// Whether nothing leaves before all is known.
    pub fn holds(&self) -> bool {
        !self.rules.only_flags()
    }

    /// Takes a piece in; returns what leaves now.
    ///
    /// # Errors
    /// When the answer is too long to be held.
    pub fn on_chunk(&mut self, piece: Bytes) -> Result<Bytes, Refusal> {
        self.bytes = self.bytes.saturating_add(piece.len());
        if self.bytes > ANSWER_BYTES_MAX {
            self.pieces.clear();
            self.too_long = true;
            let cause = Cause::TooLong { bytes_max: ANSWER_BYTES_MAX };
            return self.rules.refuse(cause).map_or(Ok(piece), Err);
        }
        if self.holds() {
            self.pieces.push(piece);
            return Ok(Bytes::new());
        }
        self.pieces.push(piece.clone());
        Ok(piece)
    }

    /// The answer is whole with `rest`, its last piece; returns what leaves now.
    ///
    /// # Errors
    /// When none of it may.
    pub fn on_end(&mut self, rest: Bytes) -> Result<Bytes, Refusal> {
        let rest = if rest.is_empty() { rest } else { self.on_chunk(rest)? };
        if self.too_long {
            return Ok(rest);
        }
        let body = gather(std::mem::take(&mut self.pieces), self.bytes);
        let scanned =
            if self.encoded { self.rules.unreadable() } else { self.rules.scan_body(&body) };
        self.findings.append(scanned.findings);
        match scanned.refusal {
            Some(refusal) => Err(refusal),
            None if self.holds() => Ok(scanned.changed.unwrap_or(body)),
            None => Ok(rest),
        }
    }

    /// Whether the answer was too long to be looked through.
    pub const fn too_long(&self) -> bool {
        self.too_long
    }

    /// What was found.
    pub fn into_findings(self) -> Findings {
        self.findings
    }
}

/// The pieces as one; without a copy where there is only one.
fn gather(mut pieces: Vec<Bytes>, bytes: usize) -> Bytes {
    if pieces.len() == 1 {
        return pieces.swap_remove(0);
    }
    let mut all = BytesMut::with_capacity(bytes);
    for piece in pieces {
        all.extend_from_slice(&piece);
    }
    all.freeze()
}
