//! A request's state as the facts of its spans.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::time::Instant;
use tollgate_filters::request::{Context, Facts, Rejection};
use tollgate_filters::response::{Seen, Times};
use tollgate_providers::Endpoint;
use tollgate_routing::{Layer, RoutingPath};
use tollgate_telemetry::genai::{
    Call, CallError, CallerKey, ContextOperation, FailedAttempt, GenAi, Http, Outcome, Response,
    Routing, Server, StreamTiming, Variant,
};

use super::{End, cached, content, cost, guard, tool_calls, usage};
use crate::proxy::ctx::{Ctx, Current, Failed, Replayed, Routed};
use crate::proxy::quota;
use crate::proxy::started::Started;

/// The call, and how it ended where it was routed.
pub(super) fn call(
    ctx: &Ctx,
    routed: Option<&mut Routed>,
    how: End<'_>,
) -> (Call, Option<Outcome>) {
    let end = Instant::now();
    let mut http = http(ctx);
    let was_routed = routed.is_some();
    let genai = match routed {
        Some(routed) => {
            let kept_back = guard::judge(ctx.rejection.as_ref()).map(|(outcome, _)| outcome);
            http.outcome = Some(kept_back.unwrap_or_else(|| plain_outcome(routed, how)));
            let genai = genai_of_routed(ctx, routed, how, end);
            routed.holds.settle(genai.as_deref());
            genai
        }
        None => {
            http.outcome = outcome_of_unrouted(ctx, how);
            genai_of_unrouted(ctx, http.outcome, how, end)
        }
    };
    let outcome = genai.as_ref().map(|genai| genai.outcome).or(http.outcome);
    match &genai {
        Some(genai) => guard::log(genai, ctx.id.as_str()),
        None => guard::log_apart(&guard::found(ctx), ctx.id.as_str()),
    }
    (whole(ctx, http, genai, end), outcome.filter(|_| was_routed))
}

/// The call that the cache answered.
pub(super) fn replayed(ctx: &Ctx, replayed: Replayed, how: End<'_>) -> (Call, Option<Outcome>) {
    let end = Instant::now();
    let genai = cached::genai(ctx, replayed, how, end);
    let outcome = genai.as_ref().map(|genai| genai.outcome);
    let mut http = http(ctx);
    http.outcome = outcome;
    (whole(ctx, http, genai, end), outcome)
}

/// The call, where telling all of it panicked.
pub(super) fn broken(ctx: &Ctx, routed: Option<&Routed>) -> (Call, Option<Outcome>) {
    let end = Instant::now();
    let genai = match routed {
        Some(routed) => request(ctx, &routed.facts, &routed.context, end),
        None => request(ctx, &Facts::default(), &Context::default(), end),
    };
    let genai = genai.filter(|_| ctx.snapshot.settings.genai.enabled);
    (whole(ctx, http(ctx), genai, end).broken(), None)
}

fn whole(ctx: &Ctx, http: Http, genai: Option<Box<GenAi>>, end: Instant) -> Call {
    Call {
        trace: ctx.trace.clone(),
        http_span: ctx.spans.http,
        genai_span: ctx.spans.genai,
        start_ns: ctx.started.unix_ns,
        end_ns: ctx.started.unix_ns_at(end),
        http,
        genai,
    }
}

fn http(ctx: &Ctx) -> Http {
    Http {
        method: ctx.http.method.as_str().to_owned(),
        path: ctx.http.path.clone(),
        route: ctx.endpoint.as_ref().map_or("", Endpoint::route),
        status: ctx.status.map(|status| status.as_u16()),
        client: ctx.http.client.map(|client| address(client.ip())),
        user_agent: ctx.http.user_agent.clone(),
        version: if ctx.http.version == http::Version::HTTP_2 { "2" } else { "1.1" },
        request_id: ctx.id.as_str().to_owned(),
        error_code: ctx.rejection.as_ref().map(|rejection| rejection.code()),
        outcome: None,
        key: ctx.caller.as_ref().map(|caller| CallerKey {
            id: Arc::clone(&caller.key_id),
            name: Arc::clone(&caller.key_name),
            project: caller.project.clone(),
            metadata: Arc::clone(&caller.metadata),
        }),
        limit: ctx.rejection.as_ref().and_then(quota::limit_of),
    }
}

/// An address as it is written. Most are four numbers, which a formatter takes long for.
fn address(ip: IpAddr) -> String {
    let IpAddr::V4(ip) = ip else { return ip.to_string() };
    let [a, b, c, d] = ip.octets().map(|number| number.to_string());
    [a, b, c, d].join(".")
}

/// How a request ended of which only HTTP is known.
fn plain_outcome(routed: &Routed, end: End<'_>) -> Outcome {
    let answered = |current: &Current| {
        current.error.is_none() && current.responding.as_ref().is_some_and(|it| it.ended)
    };
    if end.is_cancelled(Some(routed)) {
        Outcome::Cancelled
    } else if routed.holds.rejection.is_some() {
        Outcome::Rejected
    } else if !matches!(end, End::Panicked) && routed.current.as_ref().is_some_and(answered) {
        Outcome::Complete
    } else {
        Outcome::UpstreamFailed
    }
}

/// How a request ended that never had a plan; `None` if it was answered here, as it wished.
fn outcome_of_unrouted(ctx: &Ctx, end: End<'_>) -> Option<Outcome> {
    let refused = ctx.rejection.is_some() || ctx.status.is_some_and(|it| it.is_client_error());
    match end {
        End::Panicked => Some(Outcome::UpstreamFailed),
        End::Logged(_, None) if ctx.rejection.is_none() => None,
        _ if refused => Some(Outcome::Rejected),
        // It left before its request was there, or before the answer was.
        _ if end.is_cancelled(None) => Some(Outcome::Cancelled),
        _ => Some(Outcome::UpstreamFailed),
    }
}

/// What a span says of the request, routed or not.
pub(super) fn request(
    ctx: &Ctx,
    facts: &Facts,
    context: &Context,
    end: Instant,
) -> Option<Box<GenAi>> {
    let endpoint = ctx.endpoint.as_ref()?;
    let mut operation = endpoint.operation()?;
    if operation == "chat" {
        let detected = if facts.has_image { "generate_content" } else { "chat" };
        operation = context.operation_name.unwrap_or(detected);
    }
    let mut genai = Box::new(GenAi {
        start_ns: ctx.started.unix_ns,
        end_ns: ctx.started.unix_ns_at(end),
        operation,
        request_model: Arc::clone(&facts.model),
        stream: facts.stream,
        params: facts.params.clone(),
        output_type: endpoint.output_type(),
        user: context.user_id.clone().or_else(|| facts.user.clone()),
        session: context.session_id.clone(),
        conversation: context.conversation_id.clone(),
        environment: context.environment.clone(),
        custom: context.custom.clone(),
        context_operation: context.operation.as_ref().map(|operation| ContextOperation {
            name: operation.kind.name(),
            subject: operation.subject.clone(),
            attributes: operation.attributes.clone(),
            duration: operation.duration,
            links: Vec::new(),
        }),
        ..GenAi::default()
    });
    guard::tell(&mut genai, &guard::found(ctx));
    Some(genai)
}

/// A request that was refused, or was over before it had a plan, has a span, too; with a model if
/// it came to name one.
fn genai_of_unrouted(
    ctx: &Ctx,
    outcome: Option<Outcome>,
    how: End<'_>,
    end: Instant,
) -> Option<Box<GenAi>> {
    let mut genai = match ctx.refused.as_deref() {
        Some((facts, context)) => request(ctx, facts, context, end)?,
        None => request(ctx, &Facts::default(), &Context::default(), end)?,
    };
    let refused = ctx.status.is_some_and(|status| !status.is_success());
    let answered = if refused { Outcome::Rejected } else { Outcome::Complete };
    genai.outcome = outcome.unwrap_or(answered);
    genai.cache = cached::cache_use(ctx);
    let refusal = ctx.rejection.as_ref().map(refusal);
    genai.error = match (genai.outcome, how) {
        (_, End::Panicked) => Some(CallError::panic()),
        (Outcome::UpstreamFailed, _) => Some(CallError {
            kind: "connection_error",
            class: None,
            message: how.error().map_or("no answer", |error| error.etype.as_str()).to_owned(),
        }),
        _ => refusal,
    };
    Some(genai)
}

fn refusal(rejection: &Rejection) -> CallError {
    CallError {
        kind: "request_error",
        class: Some(rejection.code().into()),
        message: rejection.to_string(),
    }
}

fn genai_of_routed(
    ctx: &Ctx,
    routed: &mut Routed,
    how: End<'_>,
    end: Instant,
) -> Option<Box<GenAi>> {
    let mut genai = request(ctx, &routed.facts, &routed.context, end)?;
    genai.cache = cached::cache_use(ctx);
    genai.failed_attempts = routed.failures.iter().map(failed_attempt).collect();
    let cancelled = how.is_cancelled(Some(routed));
    let Some(mut current) = routed.current.take() else {
        genai.outcome = if cancelled { Outcome::Cancelled } else { Outcome::UpstreamFailed };
        genai.error = matches!(how, End::Panicked).then(CallError::panic);
        return Some(genai);
    };
    genai.provider = Some(Arc::clone(&current.attempt.target.provider.name));
    genai.routing = Some(routing(routed, &current, ctx));
    let url = &current.attempt.target.provider.base_url;
    genai.server = Some(Server { address: Arc::clone(&url.host), port: url.port });
    let responding = current.responding.take();
    let ended = responding.as_ref().is_some_and(|responding| responding.ended);
    let seen = responding.map(|responding| responding.pipeline.into_seen());
    let verdict = guard::judge(ctx.rejection.as_ref())
        .unwrap_or_else(|| judge(&current, seen.as_ref(), ended, cancelled, how));
    (genai.outcome, genai.error) = match &routed.holds.rejection {
        Some(rejection) if !cancelled => (Outcome::Rejected, Some(refusal(rejection))),
        _ => verdict,
    };
    if let Some(mut seen) = seen {
        let estimate = ctx.endpoint.as_ref().is_some_and(|endpoint| endpoint.dialect().is_some());
        let facts = estimate.then_some(&routed.facts);
        let findings = std::mem::take(&mut seen.findings);
        if let Some(guarded) = &seen.guarded {
            genai.guardrail_hold = guarded.held;
            genai.guardrail_bounds = guarded.bounds.reached().collect();
        }
        respond(ctx, &mut genai, seen, &current, facts, end);
        guard::tell(&mut genai, &findings);
        guard::redact(&mut genai, &findings, ctx.snapshot.guard.as_deref());
    }
    content::redact_response(&mut genai, &ctx.snapshot.redact);
    let (plan, capture) = (&routed.plan, &ctx.snapshot.settings.genai.capture);
    if capture.captures(plan.layer, plan.name.as_deref(), &current.attempt.target.name) {
        content::capture_request(&mut genai, &routed.facts, &ctx.snapshot.redact);
    }
    Some(genai)
}

/// How it ended, and what went wrong.
fn judge(
    current: &Current,
    seen: Option<&Seen>,
    ended: bool,
    cancelled: bool,
    end: End<'_>,
) -> (Outcome, Option<CallError>) {
    if cancelled {
        return (Outcome::Cancelled, None);
    }
    if matches!(end, End::Panicked) {
        return (Outcome::UpstreamFailed, Some(CallError::panic()));
    }
    if let Some(failure) = &current.error {
        let class = failure.status.map(|status| status.as_str().to_owned().into());
        let (kind, message) = (failure.kind, failure.message.clone());
        return (Outcome::UpstreamFailed, Some(CallError { kind, class, message }));
    }
    let failed = |kind, message: &str| {
        let message = message.to_owned();
        (Outcome::UpstreamFailed, Some(CallError { kind, class: None, message }))
    };
    if let Some(error) = end.error() {
        return failed("connection_error", error.etype.as_str());
    }
    let Some(seen) = seen else { return failed("connection_error", "no response") };
    if seen.transcript.error().is_some() {
        return failed("request_error", "the provider reported an error inside its response");
    }
    let finished = seen.transcript.is_done() || seen.transcript.finish_reasons().next().is_some();
    if !ended || (seen.stream && !finished) {
        return failed("connection_error", "the response broke off before its end");
    }
    (Outcome::Complete, None)
}

/// `facts` are there where tokens may be estimated: of chat alone.
fn respond(
    ctx: &Ctx,
    genai: &mut GenAi,
    seen: Seen,
    current: &Current,
    facts: Option<&Facts>,
    end: Instant,
) {
    let Seen { stream, times, transcript, tool_calls: times_of_calls, .. } = seen;
    let sent = &*current.attempt.target.model;
    let (usage, usage_source) = usage::usage(genai.outcome, stream, &transcript, facts, sent);
    let models = [transcript.model(), Some(sent), Some(&*genai.request_model)];
    let price = cost::price_of(&ctx.snapshot.settings.pricing, &models);
    genai.response = Response {
        id: transcript.id().map(str::to_owned),
        model: transcript.model().map(str::to_owned),
        usage,
        usage_source,
        cost: price.and_then(|price| cost::cost(&usage?, price)),
        finish_reasons: transcript.finish_reasons().map(str::to_owned).collect(),
    };
    // A stream that broke off was given no reason: that it broke, or who ended it, is one.
    let reason = match genai.outcome {
        Outcome::UpstreamFailed => Some("error"),
        Outcome::Rejected => Some("content_filter"),
        _ => None,
    };
    let reasons = &mut genai.response.finish_reasons;
    if let Some(reason) = reason.filter(|_| stream && reasons.is_empty()) {
        reasons.push(reason.to_owned());
    }
    let unix_ns = |at: Instant| current.started.unix_ns_at(at);
    let request_id = current.translated.map(|_| ctx.id.as_str());
    genai.tool_calls = tool_calls::tool_calls(&transcript, &times_of_calls, request_id, unix_ns);
    if stream {
        genai.gaps = times.gaps.by_length();
        genai.timing = Some(timing(&times, current.started, end));
    }
    content::capture_response(genai, &transcript);
}

/// When what came of a stream that began at `started`.
pub(super) fn timing(times: &Times, started: Started, end: Instant) -> StreamTiming {
    StreamTiming {
        first_byte: times.first_byte,
        first_event: times.first_event,
        first_reasoning: times.first_reasoning,
        first_content: times.first_content,
        last_content: times.last_content,
        gap_p50: times.gaps.quantile(0.5),
        gap_p99: times.gaps.quantile(0.99),
        gap_max: times.gaps.max(),
        stalls: times.gaps.stalls(),
        duration: end.saturating_duration_since(started.at),
    }
}

fn routing(routed: &Routed, current: &Current, ctx: &Ctx) -> Routing {
    let attempt = &current.attempt;
    let plan = &routed.plan;
    let managed = plan.path == RoutingPath::Managed;
    let function = plan.name.clone().filter(|_| managed && plan.layer == Layer::Function);
    let kind = ctx.endpoint.as_ref().map_or("chat", |endpoint| endpoint.kind().name());
    Routing {
        path: plan.path.name(),
        layer: plan.layer.name(),
        target: Arc::clone(&attempt.target.name),
        strategy: plan.strategy.name(),
        attempt: attempt.number,
        upstream_model: Arc::clone(&attempt.target.model),
        function: function.map(|name| (name, kind)),
        variant: attempt.variant.as_ref().map(|variant| Variant {
            name: Arc::clone(&variant.name),
            weight: variant.weight,
            total: variant.total_variants,
        }),
    }
}

fn failed_attempt(failed: &Failed) -> FailedAttempt {
    let Failed { attempt, started: Started { unix_ns, .. }, duration, error } = failed;
    FailedAttempt {
        number: attempt.number,
        target: Arc::clone(&attempt.target.name),
        provider: Arc::clone(&attempt.target.provider.name),
        model: Arc::clone(&attempt.target.model),
        kind: error.kind,
        status: error.status.map(|status| status.as_u16()),
        message: error.message.clone(),
        start_ns: *unix_ns,
        duration: *duration,
    }
}
