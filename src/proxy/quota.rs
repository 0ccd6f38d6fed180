//! What a request holds of the limits that apply to it, from its admission to the truth.

use http::{HeaderName, HeaderValue};
use pingora::{Error, ErrorType};
use tollgate_filters::request::{Quotas, Rejection};
use tollgate_filters::response::Pipeline;
use tollgate_limits::{Exceeded, Kind, Reservation, Status, Used};
use tollgate_providers::Endpoint;
use tollgate_providers::estimate::Family;
use tollgate_routing::Target;
use tollgate_routing::live::{At, Load, Probe, Standing, View};
use tollgate_telemetry::genai::{GenAi, Outcome};

/// The error of a request that a limit ends: all targets at theirs, or a stream that is cut.
pub(crate) const EXCEEDED: &str = "LimitExceeded";
/// draft-ietf-httpapi-ratelimit-headers-06, the last with a field for each.
pub(crate) static LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
static REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
static RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
/// Official SDKs heed it: without, they try thrice what cannot succeed.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// What one request holds.
#[derive(Default)]
pub(crate) struct Holds {
    /// By the limits of its caller.
    request: Option<Reservation>,
    /// By those of the target that is being asked.
    target: Option<Reservation>,
    /// Whose tokens its stream has, where they have to be counted on the way.
    family: Option<Family>,
    /// The limit that ended it, after it had been admitted.
    pub(crate) rejection: Option<Rejection>,
}

/// Targets as they are, but that one at its limit counts as ejected: another one is better.
pub(crate) struct Limited<'q> {
    pub(crate) at: At,
    pub(crate) quotas: &'q Quotas,
}

// === impl Holds ===

impl Holds {
    /// What the stack reserved.
    pub(crate) fn new(request: Option<Reservation>) -> Self {
        Self { request, ..Self::default() }
    }

    /// How much is left of the tightest limit.
    pub(crate) fn status(&self) -> Option<Status> {
        self.request.as_ref()?.status()
    }

    /// The attempt is over, or none has begun: nothing is held of a target.
    pub(crate) fn leave_target(&mut self) {
        self.target = None;
    }

    /// Takes a place at the target of an attempt that begins.
    pub(crate) async fn take_target(
        &mut self,
        quotas: &Quotas,
        target: &Target,
        endpoint: &Endpoint,
        facts: &tollgate_filters::request::Facts,
    ) -> Result<(), Rejection> {
        if self.target.is_none() && quotas.limits_targets() {
            self.target = quotas.reserve_target(&target.name, Some(endpoint), facts).await?;
        }
        let counts = self.each().any(|reservation| reservation.counts_tokens());
        self.family = counts.then(|| Family::of(&target.model));
        self.each().for_each(Reservation::began);
        Ok(())
    }

    /// Counts what a stream has generated so far.
    ///
    /// # Errors
    /// A limit that cuts it.
    pub(crate) fn count(&mut self, pipeline: &Pipeline) -> Result<(), ()> {
        let Some(family) = self.family.filter(|_| pipeline.is_stream()) else { return Ok(()) };
        let seen = pipeline.output_tokens(family);
        let cut = self.each().find_map(|reservation| reservation.output(seen).err());
        match cut {
            Some(exceeded) => {
                self.refuse(Rejection::Exceeded(Box::new(exceeded)));
                Err(())
            }
            None => Ok(()),
        }
    }

    /// A limit ends the request; the first one is told.
    pub(crate) fn refuse(&mut self, rejection: Rejection) {
        self.rejection.get_or_insert(rejection);
    }

    /// The truth about the call. Where nobody knows it, as of a stream that was left before its
    /// content, what was sent counts.
    pub(crate) fn settle(&mut self, genai: Option<&GenAi>) {
        let used = genai.map_or_else(|| Some(Used::nothing()), used);
        for reservation in [self.request.take(), self.target.take()].into_iter().flatten() {
            match &used {
                Some(used) => reservation.settle(used),
                None => drop(reservation),
            }
        }
    }

    fn each(&mut self) -> impl Iterator<Item = &mut Reservation> {
        self.request.iter_mut().chain(&mut self.target)
    }
}

/// `None` where what was sent is all that is known.
fn used(genai: &GenAi) -> Option<Used> {
    let response = &genai.response;
    let cost = response.cost.as_ref().map(|cost| (cost.amount, cost.currency.clone()));
    match (&response.usage, genai.outcome) {
        (Some(usage), _) => {
            let tokens = usage.input_total().unwrap_or(0) + usage.output_total().unwrap_or(0);
            Some(Used { tokens: Some(tokens), cost })
        }
        // It was answered, and whatever it took was reserved.
        (None, Outcome::Complete) => Some(Used { tokens: None, cost }),
        (None, Outcome::Cancelled) => None,
        (None, _) => Some(Used::nothing()),
    }
}

// === impl Limited ===

impl View for Limited<'_> {
    fn load(&self, target: &Target) -> Load {
        let load = self.at.load(target);
        if self.quotas.target_has_room(&target.name) {
            load
        } else {
            Load { standing: Standing::Ejected, ..load }
        }
    }

    fn claim(&self, target: &Target) -> Option<Probe> {
        self.at.claim(target)
    }
}

/// The error of a request that a limit ends.
pub(crate) fn end() -> Box<Error> {
    Error::explain(ErrorType::new(EXCEEDED), "a limit ends the request")
}

/// What was exceeded, and whose use it is: for the span.
pub(crate) fn limit_of(rejection: &Rejection) -> Option<(&'static str, &'static str)> {
    match rejection {
        Rejection::Exceeded(exceeded) => Some((exceeded.kind.name(), exceeded.scope.name())),
        _ => None,
    }
}

/// What an answer says of the tightest limit. Static names, which a head takes without a copy.
pub(crate) fn headers(status: &Status) -> [(HeaderName, HeaderValue); 3] {
    let reset_s = status.reset.as_secs() + u64::from(status.reset.subsec_nanos() > 0);
    [
        (LIMIT.clone(), HeaderValue::from(status.limit)),
        (REMAINING.clone(), HeaderValue::from(status.left)),
        (RESET.clone(), HeaderValue::from(reset_s)),
    ]
}

/// Whether a header says how it stands with a limit.
pub(crate) fn is_field(name: &HeaderName) -> bool {
    [&LIMIT, &REMAINING, &RESET].contains(&name)
}

/// What a refusal says of the limit that has no room.
pub(crate) fn headers_of_refusal(exceeded: &Exceeded) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::new();
    if matches!(exceeded.kind, Kind::Requests | Kind::Tokens) {
        let reset = exceeded.wait.unwrap_or_default();
        let status = Status { kind: exceeded.kind, limit: exceeded.limit, left: 0, reset };
        headers.extend(self::headers(&status));
    }
    // Before the day is over, or ever.
    if exceeded.kind.is_budget() || exceeded.wait.is_none() {
        headers.push((SHOULD_RETRY, HeaderValue::from_static("false")));
    }
    headers
}
