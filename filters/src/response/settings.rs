//! What the body filters of one response need to know.

use std::sync::Arc;

use http::StatusCode;
use tokio::time::Instant;
use tollgate_providers::translate::Reply;
use tollgate_providers::{Dialect, Secret};

use crate::guard::Rules;

/// The caller speaks another dialect than the upstream.
#[derive(Clone, Debug)]
pub struct Translation {
    /// What the caller speaks.
    pub caller: Dialect,
    /// Whether the caller asked for a stream.
    pub stream: bool,
    /// What the answer needs to know that the upstream does not say.
    pub reply: Reply,
}

/// What the filters need to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The status of the response.
    pub status: StatusCode,
    /// We asked for usage and the caller did not.
    pub swallow_usage: bool,
    /// Another target may answer until the first content.
    pub hold: bool,
    /// How much text is kept for the span; 0 keeps none.
    pub content_bytes_max: usize,
    /// When the attempt began.
    pub started: Instant,
    /// `None` where the caller gets the upstream's bytes.
    pub translation: Option<Translation>,
    /// Our own key for the target; an error answer that quotes it leaves without it.
    pub secret: Option<Secret>,
    /// What is looked for in the answer; `None` costs nothing.
    pub guard: Option<Arc<Rules>>,
    /// The body is compressed, though we asked for none that is.
    pub encoded: bool,
}
