//! What a gateway brings of its own: layers of the request stack and body filters.

use tollgate_filters::request::OwnLayers;

/// Everything of the operator's own.
#[derive(Clone, Default)]
pub(crate) struct Own {
    pub(crate) layers: OwnLayers,
}
