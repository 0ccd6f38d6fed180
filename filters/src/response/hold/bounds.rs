//! How often a stream reached what guardrails hold of it, or tell apart in it, at most.

/// How often which bound was reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// So much waited behind an event that nothing more was waited for:
    /// [`HELD_BYTES_MAX`](crate::response::HELD_BYTES_MAX).
    pub held_bytes: u32,
    /// So many texts were told apart that the oldest counted as over, or, where findings are only
    /// told, the new one was not looked at: [`TEXTS_MAX`](crate::response::TEXTS_MAX).
    pub texts: u32,
}

// === impl Bounds ===

impl Bounds {
    /// Each bound that was reached, by its name in the metric, and how often.
    pub fn reached(self) -> impl Iterator<Item = (&'static str, u32)> {
        let all = [("held_bytes", self.held_bytes), ("texts", self.texts)];
        all.into_iter().filter(|(_, times)| *times > 0)
    }
}
