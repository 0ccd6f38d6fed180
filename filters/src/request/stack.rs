//! The only place where the order of the layers is written.

use std::sync::Arc;

use tollgate_routing::Table;
use tower::ServiceBuilder;
use tower::util::{BoxCloneSyncService, option_layer};

use super::{
    BodyLimitLayer, CallerKeyLayer, CallerKeys, ContextLayer, GuardLayer, HeaderAttributes,
    InFlight, InFlightLayer, LimitsLayer, Quotas, Rejection, Request, RequestIdLayer, Route,
    Verdict,
};
use crate::guard::Policy;

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
    /// Who may call.
    pub keys: CallerKeys,
    /// How much each of them may use.
    pub quotas: Arc<Quotas>,
    /// Where models lead.
    pub table: Arc<Table>,
    /// Headers that become attributes.
    pub header_attributes: HeaderAttributes,
    /// Guardrails; without any, nothing is looked through.
    pub guard: Option<Arc<Policy>>,
}

/// Builds the stack. A request passes the layers from top to bottom.
pub fn stack(settings: &Settings) -> Stack {
    let Settings { body_bytes_max, in_flight_max, in_flight, keys, quotas, .. } = settings;
    let Settings { table, header_attributes, guard, .. } = settings;
    BoxCloneSyncService::new(
        ServiceBuilder::new()
            // First, so that every refusal below can name the request.
            .layer(RequestIdLayer)
            // Before the body is looked at: shedding must cost next to nothing.
            .layer(InFlightLayer::new(in_flight.clone(), *in_flight_max))
            // By headers alone: a stranger's body is not worth reading.
            .layer(CallerKeyLayer::new(keys.clone()))
            // Before anything that asks for the model.
            .layer(BodyLimitLayer::new(*body_bytes_max))
            // Before limits, some of which are by user.
            .layer(ContextLayer::new(Arc::clone(header_attributes)))
            // Before what costs more than counting; what later layers refuse, it gets back.
            .layer(LimitsLayer::new(Arc::clone(quotas)))
            // Before what keeps or sends the body: from here on it is what the model may read.
            .layer(option_layer(guard.clone().map(GuardLayer::new)))
            // Innermost: a plan of attempts, or `UnknownModel`.
            .service(Route::new(Arc::clone(table))),
    )
}
