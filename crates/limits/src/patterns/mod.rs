//! Names with `*` for any text, as rules and keys list them.

#[cfg(test)]
mod tests;

/// The longest pattern, in bytes.
pub const PATTERN_BYTES_MAX: usize = 256;

/// A list of names; `*` in one of them stands for any text, also for none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Patterns(Box<[Box<str>]>);

// === impl Patterns ===

impl Patterns {
    /// These names.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(Box::from).collect())
    }

    /// Whether one of them is this name.
    pub fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| is_like(pattern, name))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As they were given.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|pattern| &**pattern)
    }
}

/// Linear in the name for each star: the leftmost place where the next piece stands is as good as any.
fn is_like(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(head) else { return false };
    let (middle, tail) =
        rest.rsplit_once('*').map_or((None, rest), |(middle, tail)| (Some(middle), tail));
    for piece in middle.into_iter().flat_map(|middle| middle.split('*')) {
        let Some(at) = name.find(piece) else { return false };
        name = name.get(at + piece.len()..).unwrap_or_default();
    }
    name.ends_with(tail)
}
