//! One request's state, as phases: what is known grows, and each part is there or not as a whole.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use pingora::upstreams::peer::HttpPeer;
use tokio::time::Instant;
use tollgate_filters::cache::{Admission, Status as CacheStatus};
use tollgate_filters::guard::{Refusal, Told};
use tollgate_filters::request::{
    Cached, Caller, Context, Facts, Forward, InFlightPermit, Rejection, Replay, RequestId,
};
use tollgate_filters::response::{OwnChain, Pipeline};
use tollgate_limits::Status;
use tollgate_providers::endpoint::Endpoint;
use tollgate_providers::translate::Untranslatable;
use tollgate_providers::{Dialect, ErrorClass};
use tollgate_routing::{
    Attempt, Attempts, Blame, Credential, Failure, Flight, Plan, RoutingPath, StickyBy, Verdict,
};
use tollgate_telemetry::{SpanId, TraceContext};

use crate::proxy::downstream::Installed;
use crate::proxy::quota::Holds;
use crate::proxy::started::Started;
use crate::proxy::watch::{Deadline, Watch};
use crate::proxy::{logging, subject};
use crate::shared::Shared;
use crate::snapshot::Snapshot;

/// Everything that one request carries from hook to hook.
///
/// `logging` ends it. Where that hook is never called, because another one panicked or the task was
/// dropped, its own end does: a request ends exactly once, whatever happens.
pub(crate) struct Ctx {
    /// Where its end is told.
    pub(crate) shared: Arc<Shared>,
    /// The end was told.
    pub(crate) ended: bool,
    /// The configuration that this request lives by, whatever is loaded meanwhile.
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) id: RequestId,
    pub(crate) started: Started,
    /// Where the request belongs in the caller's trace.
    pub(crate) trace: TraceContext,
    pub(crate) http: HttpFacts,
    /// The endpoint, once the path named one.
    pub(crate) endpoint: Option<Endpoint>,
    /// The dialect in which the caller expects errors.
    pub(crate) dialect: Dialect,
    /// What guardrails found in the request.
    pub(crate) told: Option<Told>,
    /// A refusal by tollgate itself.
    pub(crate) rejection: Option<Rejection>,
    /// Who calls, by the key that was shown.
    pub(crate) caller: Option<Arc<Caller>>,
    /// How much is left of the tightest limit.
    pub(crate) limit: Option<Status>,
    /// What a refused request said of itself.
    pub(crate) refused: Option<Box<(Facts, Context)>>,
    /// The ids of the spans that this request will end as.
    pub(crate) spans: SpanIds,
    /// Present from the moment a plan exists.
    pub(crate) routed: Option<Box<Routed>>,
    /// Present where the answer comes from the cache.
    pub(crate) replayed: Option<Box<Replayed>>,
    /// What the response cache did; `None` where there is none, or nobody came to ask it.
    pub(crate) cache: Option<CacheStatus>,
    /// The status that the caller was sent.
    pub(crate) status: Option<StatusCode>,
}

/// Ids chosen at the start, because they travel in headers before the spans exist.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpanIds {
    /// The HTTP span; named in the response's `traceparent`.
    pub(crate) http: SpanId,
    /// The GenAI span; named in the upstream request's `traceparent`.
    pub(crate) genai: SpanId,
}

/// What the request line and headers said, for the HTTP span.
#[derive(Default)]
pub(crate) struct HttpFacts {
    pub(crate) method: http::Method,
    pub(crate) path: String,
    pub(crate) version: http::Version,
    pub(crate) client: Option<std::net::SocketAddr>,
    pub(crate) user_agent: Option<String>,
}

/// A request that got its answer from the cache.
pub(crate) struct Replayed {
    pub(crate) replay: Replay,
    pub(crate) started: Started,
    pub(crate) pipeline: Pipeline,
    /// All of it has left.
    pub(crate) ended: bool,
}

/// A request that has a plan.
pub(crate) struct Routed {
    pub(crate) plan: Plan,
    pub(crate) attempts: Attempts,
    pub(crate) facts: Facts,
    pub(crate) context: Context,
    /// As the caller sent it; each attempt sends its own rewriting.
    pub(crate) body: Bytes,
    /// Held until the response has ended.
    pub(crate) _permit: Option<InFlightPermit>,
    /// What it holds of the limits that apply to it.
    pub(crate) holds: Holds,
    /// The place in the cache that the answer may take.
    pub(crate) admission: Option<Admission>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) installed: Option<Installed>,
    pub(crate) current: Option<Current>,
    pub(crate) peer: Option<Box<HttpPeer>>, // of the running attempt, until Pingora asks for it
    pub(crate) failures: Vec<Failed>,
    /// Why no target can take the request.
    pub(crate) unsuited: Option<Untranslatable>,
    /// The running attempt begins again: its pooled connection turned out to be closed.
    pub(crate) repeat: bool,
    repeated: bool,
}

/// The attempt that is running, or was the last one.
pub(crate) struct Current {
    pub(crate) attempt: Attempt,
    pub(crate) started: Started,
    /// What goes upstream: the caller's bytes, but for what this target needs changed.
    pub(crate) body: Bytes,
    /// We asked for usage and the caller did not.
    pub(crate) swallow_usage: bool,
    /// The upstream's dialect, where it is another than the caller's.
    pub(crate) translated: Option<Dialect>,
    /// Parameters of the caller's that this target cannot express.
    pub(crate) dropped: Vec<String>,
    /// The upstream answered.
    pub(crate) responding: Option<Responding>,
    /// Why the attempt failed, if it did.
    pub(crate) error: Option<AttemptError>,
    /// Why a guardrail keeps the answer back.
    pub(crate) refusal: Option<Refusal>,
    /// The attempt in its target's state.
    pub(crate) flight: Option<Flight>,
}

/// A response that was accepted.
pub(crate) struct Responding {
    pub(crate) status: StatusCode,
    pub(crate) pipeline: Pipeline,
    /// What the operator's own filters do to what leaves.
    pub(crate) own: OwnChain,
    /// When the response last got on: its head, or a piece of a plain body. Pings are no progress.
    pub(crate) progress_at: Instant,
    /// The pipeline saw the response's end.
    pub(crate) ended: bool,
    /// Something of the body was let through.
    pub(crate) has_left: bool,
    /// What an error answer is called in the one taxonomy.
    pub(crate) class: Option<ErrorClass>,
}

/// Why an attempt gave no good answer.
#[derive(Clone, Debug)]
pub(crate) struct AttemptError {
    /// `timeout`, `connection_error` or `request_error`.
    pub(crate) kind: &'static str,
    /// For the span's status message and the error's body.
    pub(crate) message: String,
    /// The upstream's status, where it gave one.
    pub(crate) status: Option<StatusCode>,
}

/// An attempt that another one followed.
pub(crate) struct Failed {
    pub(crate) attempt: Attempt,
    pub(crate) started: Started,
    pub(crate) duration: Duration,
    pub(crate) error: AttemptError,
}

/// Whether more attempts may follow so many.
pub(crate) fn attempts_left(plan: &Plan, made: u32) -> bool {
    plan.path == RoutingPath::Managed && made < plan.attempts_max()
}

// === impl Ctx ===

impl Ctx {
    /// Continues the caller's trace, if it sent one that is valid.
    pub(crate) fn join_trace(&mut self, traceparent: Option<&str>, tracestate: Option<&str>) {
        if let Some(trace) = TraceContext::parse(traceparent, tracestate) {
            self.trace = trace;
        }
    }

    /// The provider of the attempt that counts.
    pub(crate) fn provider_name(&self) -> Option<&str> {
        let current = self.routed.as_ref()?.current.as_ref()?;
        Some(&current.attempt.target.provider.name)
    }

    /// What stays here while another task goes on with the request, and ends it if need be.
    pub(crate) fn lend(&mut self) -> Self {
        let shared = Arc::clone(&self.shared);
        let mut away = Self::of(shared, Arc::clone(&self.snapshot), self.started);
        away.ended = true;
        std::mem::replace(self, away)
    }

    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let snapshot = shared.snapshot.load_full();
        Self::of(shared, snapshot, Started::now())
    }

    fn of(shared: Arc<Shared>, snapshot: Arc<Snapshot>, started: Started) -> Self {
        Self {
            snapshot,
            shared,
            ended: false,
            id: RequestId::new(fastrand::u64(..), fastrand::u64(..)),
            started,
            trace: TraceContext::root_at(started.unix_ns, fastrand::u128(..)),
            http: HttpFacts::default(),
            endpoint: None,
            dialect: Dialect::Chat,
            told: None,
            rejection: None,
            caller: None,
            limit: None,
            refused: None,
            spans: SpanIds {
                http: SpanId::new(fastrand::u64(1..)),
                genai: SpanId::new(fastrand::u64(1..)),
            },
            routed: None,
            replayed: None,
            cache: None,
            status: None,
        }
    }
}

impl Drop for Ctx {
    fn drop(&mut self) {
        logging::dropped(self);
    }
}

// === impl Responding ===

impl Responding {
    pub(crate) fn is_error(&self) -> bool {
        self.status.is_client_error() || self.status.is_server_error()
    }
}

// === impl Current ===

impl Current {
    /// Content came, or the head of an answer that is not streamed.
    pub(crate) fn first_content(&mut self, now: Instant) {
        if let Some(flight) = &mut self.flight {
            flight.first_content(now.into_std());
        }
    }

    /// Books a failure to whom it belongs.
    pub(crate) fn book(&mut self, failure: &Failure) {
        let callers_key = matches!(self.attempt.target.credential, Credential::Caller);
        self.settle(match failure.blame(callers_key) {
            Blame::Target | Blame::Credential => Verdict::Fault,
            Blame::Client => Verdict::Neutral,
        });
    }

    /// Tells the target's state how the attempt ended; the first verdict counts.
    pub(crate) fn settle(&mut self, verdict: Verdict) {
        if let Some(flight) = &mut self.flight {
            flight.settle(verdict, Instant::now().into_std());
        }
    }
}

// === impl Routed ===

impl Routed {
    /// What the stack forwarded, before any attempt.
    pub(crate) fn new(
        forward: Forward,
        headers: &HeaderMap,
        watch: Arc<Watch>,
        installed: Installed,
    ) -> Self {
        let Forward { plan, body, facts, context, permit, reservation, cache } = forward;
        let admission = cache.and_then(|Cached { admission, .. }| admission);
        let subject = |by: &StickyBy| subject::of(by, headers, facts.user.as_deref(), &context);
        Self {
            attempts: Attempts::new(plan.clone()).with_subjects(subject),
            plan,
            facts,
            context,
            body,
            _permit: permit,
            holds: Holds::new(reservation),
            admission,
            watch,
            installed: Some(installed),
            current: None,
            peer: None,
            failures: Vec::new(),
            unsuited: None,
            repeat: false,
            repeated: false,
        }
    }

    /// Whether the plan has room for another attempt. A failure may still end it early.
    pub(crate) fn attempts_left(&self) -> bool {
        let made = self.current.as_ref().map_or(0, |current| current.attempt.number);
        attempts_left(&self.plan, made)
    }

    /// Arms the earliest deadline that applies now.
    pub(crate) fn arm(&self, request: Started) {
        let Some(current) = &self.current else { return };
        let deadlines = &current.attempt.target.deadlines;
        // Writing a long body is not the upstream's answering.
        let asked = self.watch.uploaded_at().unwrap_or(current.started.at);
        let mut earliest = (Deadline::Total, request.at + deadlines.total);
        let mut consider = |kind, at| {
            if at < earliest.1 {
                earliest = (kind, at);
            }
        };
        match &current.responding {
            None => consider(Deadline::Head, asked + deadlines.head),
            Some(responding) => {
                let pipeline = &responding.pipeline;
                let idle_from = pipeline.last_content_at().unwrap_or(responding.progress_at);
                consider(Deadline::Idle, idle_from + deadlines.idle);
            }
        }
        let content = current.responding.as_ref().is_some_and(|r| r.pipeline.has_content());
        if let Some(first_token) = deadlines.first_token.filter(|_| self.facts.stream && !content) {
            consider(Deadline::FirstToken, asked + first_token);
        }
        self.watch.arm(earliest.0, earliest.1);
    }

    /// Takes the one repetition that a stale pooled connection is worth; it counts as no attempt.
    pub(crate) fn take_free_retry(&mut self) -> bool {
        self.repeat = !std::mem::replace(&mut self.repeated, true);
        self.repeat
    }

    /// Closes the running attempt as failed; `true` if another one follows. None does whose turn would
    /// come when the request's time is over: what failed is the answer, at once.
    pub(crate) fn fail(&mut self, failure: Failure, error: AttemptError) -> bool {
        let Some(mut current) = self.current.take() else { return false };
        if self.watch.fired() == Some(Deadline::Total) {
            // The whole request took too long: that may be any target's doing.
            current.settle(Verdict::Neutral);
        }
        current.book(&failure);
        let total = self.watch.base() + current.attempt.target.deadlines.total;
        let follows = self.attempts.failed(failure, fastrand::f64())
            && Instant::now() + self.attempts.wait() < total;
        if follows {
            let duration = current.started.at.elapsed();
            let Current { attempt, started, .. } = current;
            self.failures.push(Failed { attempt, started, duration, error });
        } else {
            current.error = Some(error);
            self.current = Some(current);
        }
        follows
    }
}
