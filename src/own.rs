//! What a gateway brings of its own: layers of the request stack and body filters.

use tollgate_filters::request::OwnLayers;
use tollgate_filters::response::OwnFilters;

/// Everything of the operator's own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Own {
    pub(crate) layers: OwnLayers,
    pub(crate) filters: OwnFilters,
}
