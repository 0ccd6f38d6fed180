//! `x-to11-cache` in a request: what the caller wants of the cache.

use http::{HeaderMap, HeaderName};

use crate::request::Rejection;

/// In a request what the caller wants, in a response what was done.
pub const CACHE_HEADER: &str = "x-to11-cache";
/// The same as a name that need not be parsed for each look.
static NAME: HeaderName = HeaderName::from_static(CACHE_HEADER);

/// What the caller wants; nothing in particular by default. As in `Cache-Control` (RFC 9111, 5.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Directive {
    /// The answer is not kept.
    pub no_store: bool,
    /// An entry is not taken; the answer takes its place.
    pub no_cache: bool,
    /// An entry, or nothing (`only-if-cached`).
    pub only: bool,
}

// === impl Directive ===

impl Directive {
    /// Reads the header; several words are parted by commas.
    ///
    /// # Errors
    /// [`Rejection::InvalidField`] for any other word: one that is misspelt would keep what must
    /// not be kept.
    pub fn read(headers: &HeaderMap) -> Result<Self, Rejection> {
        let mut directive = Self::default();
        for value in headers.get_all(&NAME) {
            for word in value.as_bytes().split(|byte| *byte == b',') {
                match &*word.trim_ascii().to_ascii_lowercase() {
                    b"no-store" => directive.no_store = true,
                    b"no-cache" => directive.no_cache = true,
                    b"only" => directive.only = true,
                    b"" => {}
                    _ => {
                        return Err(Rejection::InvalidField {
                            field: CACHE_HEADER,
                            reason: format!(
                                "`{CACHE_HEADER}` takes `no-store`, `no-cache` and `only`"
                            ),
                        });
                    }
                }
            }
        }
        Ok(directive)
    }
}
