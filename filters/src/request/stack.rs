//! The only place where the order of the layers is written.

use std::sync::Arc;

use tollgate_routing::Table;
use tower::ServiceBuilder;
use tower::layer::layer_fn;
use tower::util::{BoxCloneSyncService, option_layer};

use super::{
    BodyLimitLayer, CacheLayer, CallerKeyLayer, CallerKeys, ContextLayer, GuardLayer,
    HeaderAttributes, InFlight, InFlightLayer, LimitsLayer, Quotas, Rejection, Request,
    RequestIdLayer, Route, Verdict,
};
use crate::cache::ResponseCache;
use crate::guard::Policy;

/// The composed stack: cheap to clone, shared by all workers.
pub type Stack = BoxCloneSyncService<Request, Verdict, Rejection>;

/// A layer of the operator's own, whatever its type.
pub type OwnLayer = Arc<dyn Fn(Stack) -> Stack + Send + Sync>;

/// Layers of the operator's own; a request passes them in this order.
#[derive(Clone, Default)]
pub struct OwnLayers(pub Vec<OwnLayer>);

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
    /// Answers that may be told again; `None` where the cache is off.
    pub cache: Option<Arc<ResponseCache>>,
    /// Layers of the operator's own.
    pub own: OwnLayers,
}

// === impl OwnLayers ===

impl OwnLayers {
    /// `inner` behind all of them.
    fn around(&self, inner: Stack) -> Stack {
        self.0.iter().rev().fold(inner, |inner, layer| layer(inner))
    }
}

impl std::fmt::Debug for OwnLayers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OwnLayers({})", self.0.len())
    }
}

/// Builds the stack. A request passes the layers from top to bottom.
pub fn stack(settings: &Settings) -> Stack {
    let Settings { body_bytes_max, in_flight_max, in_flight, keys, quotas, .. } = settings;
    let Settings { table, header_attributes, guard, cache, own, .. } = settings;
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
            // What they change of a request, the cache must see changed.
            .layer(option_layer(
                (!own.0.is_empty())
                    .then(|| layer_fn(|inner| own.around(BoxCloneSyncService::new(inner)))),
            ))
            // Behind everything that refuses or changes a request: an answer is told to those alone
            // who would have got it.
            .layer(CacheLayer::new(cache.clone()))
            // Innermost: a plan of attempts, or `UnknownModel`.
            .service(Route::new(Arc::clone(table))),
    )
}
