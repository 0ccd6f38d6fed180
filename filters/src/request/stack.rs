//! The only place where the order of the layers is written.

use std::sync::Arc;

use tollgate_routing::Table;
use tower::ServiceBuilder;
use tower::util::BoxCloneSyncService;

use super::{
    BodyLimitLayer, ContextLayer, HeaderAttributes, InFlight, InFlightLayer, Rejection, Request,
    RequestIdLayer, Route, Verdict,
};

/// The composed stack: cheap to clone, shared by all workers.
pub type Stack = BoxCloneSyncService<Request, Verdict, Rejection>;

/// What the layers need to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Longest request body, in bytes.
    pub body_bytes_max: usize,
    /// Most requests at once.
    pub in_flight_max: usize,
    /// The count they are counted in; outlives a reload.
    pub in_flight: InFlight,
    /// Where models lead.
    pub table: Arc<Table>,
    /// Headers that become attributes.
    pub header_attributes: HeaderAttributes,
}

/// Builds the stack. A request passes the layers from top to bottom.
pub fn stack(settings: &Settings) -> Stack {
    let Settings { body_bytes_max, in_flight_max, in_flight, table, header_attributes } = settings;
    BoxCloneSyncService::new(
        ServiceBuilder::new()
            // First, so that every refusal below can name the request.
            .layer(RequestIdLayer)
            // Before the body is looked at: shedding must cost next to nothing.
            .layer(InFlightLayer::new(in_flight.clone(), *in_flight_max))
            // Before anything that asks for the model.
            .layer(BodyLimitLayer::new(*body_bytes_max))
            // Last of the layers: only a request that may go on is worth describing.
            .layer(ContextLayer::new(Arc::clone(header_attributes)))
            // Innermost: a plan of attempts, or `UnknownModel`.
            .service(Route::new(Arc::clone(table))),
    )
}
