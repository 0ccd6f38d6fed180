//! An upstream that quotes our key must not hand it to the caller.

use bytes::Bytes;
use memchr::memmem::Finder;
use tollgate_providers::Secret;

/// What stands in each byte's place: the length stays, since the head may have announced it.
const MASK: u8 = b'*';

/// Replaces every occurrence of one secret, however the body is cut.
pub(super) struct Mask {
    secret: Secret,
    /// The end of what came, where the secret may have begun; shorter than the secret.
    held: Vec<u8>,
}

// === impl Mask ===

impl Mask {
    /// For this secret.
    pub(super) const fn new(secret: Secret) -> Self {
        Self { secret, held: Vec::new() }
    }

    /// A piece of the body; its end may be held until the next one.
    pub(super) fn on_chunk(&mut self, chunk: &[u8]) -> Bytes {
        let mut out = std::mem::take(&mut self.held);
        out.extend_from_slice(chunk);
        self.whole(&mut out);
        self.held = out.split_off(out.len() - self.begun(&out));
        out.into()
    }

    /// What is still held: the secret did not go on.
    pub(super) fn on_end(&mut self) -> Bytes {
        std::mem::take(&mut self.held).into()
    }

    /// Masks all of a text.
    pub(super) fn whole(&self, text: &mut [u8]) {
        let secret = self.secret.expose().as_bytes();
        if secret.is_empty() {
            return;
        }
        let finder = Finder::new(secret);
        let mut from = 0;
        while let Some(at) = text.get(from..).and_then(|rest| finder.find(rest)) {
            let end = from + at + secret.len();
            if let Some(found) = text.get_mut(from + at..end) {
                found.fill(MASK);
            }
            from = end;
        }
    }

    /// How many of the last bytes are a beginning of the secret.
    fn begun(&self, text: &[u8]) -> usize {
        let secret = self.secret.expose().as_bytes();
        let longest = secret.len().saturating_sub(1).min(text.len());
        (1..=longest)
            .rev()
            .find(|len| text.get(text.len() - len..) == secret.get(..*len))
            .unwrap_or(0)
    }
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mask").field("held", &self.held.len()).finish_non_exhaustive()
    }
}
