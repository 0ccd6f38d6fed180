//! Whether pieces of JSON text have come to the end of one value.

/// Counts brackets outside of strings.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Balance {
    depth: u32,
    begun: bool,
    in_string: bool,
    escaped: bool,
}

impl Balance {
    pub(super) fn feed(&mut self, text: &str) {
        for byte in text.bytes() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    self.begun = true;
                    self.depth = self.depth.saturating_add(1);
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    /// An object or array has begun and ended.
    pub(super) const fn is_whole(self) -> bool {
        self.begun && self.depth == 0 && !self.in_string
    }
}
