//! The response cache at the end of a request: what may be told again is admitted here and nowhere
//! else, and what was told again has a span of its own.

use std::time::Duration;

use tokio::time::Instant;
use tollgate_filters::cache::{self, Admission, Status, Told, is_natural_end};
use tollgate_filters::response::Seen;
use tollgate_providers::Dialect;
use tollgate_telemetry::genai::{
    CacheStatus, CacheUse, Cost, GenAi, Outcome, Response, UsageSource,
};

use super::{End, content};
use crate::proxy::ctx::{Ctx, Replayed, Routed};

/// Whether an answer is whole and good as far as its bytes tell; its span has to say so, too.
pub(super) fn is_good(routed: &Routed, is_chat: bool) -> bool {
    let Some(current) = &routed.current else { return false };
    let Some(responding) = &current.responding else { return false };
    let transcript = responding.pipeline.transcript();
    // A chat says when it is over, if its dialect can; of other answers something must have been
    // understood.
    let has_end_mark = current.translated.is_none_or(Dialect::has_end_mark);
    let over = match is_chat {
        true => transcript.is_done() || !has_end_mark,
        false => transcript.usage().is_some() || transcript.id().is_some(),
    };
    over && current.error.is_none()
        && responding.ended
        && responding.status == http::StatusCode::OK
        && transcript.error().is_none()
        && !transcript.is_refused()
        && transcript.finish_reasons().all(is_natural_end)
}

/// Admits the answer, or tells those who wait for it that there is none for them.
pub(super) fn admit(admission: Admission, good: bool, ctx: &Ctx, genai: Option<&GenAi>) {
    let chat = is_chat(ctx);
    match genai {
        Some(genai) if good && genai.outcome == Outcome::Complete => {
            // What a guardrail found was for this caller; a chat that gives no reason for its end
            // may not have come to it.
            let reasons = genai.response.finish_reasons.len();
            if genai.violations.is_empty() && genai.error.is_none() && (reasons > 0 || !chat) {
                admission.admit(genai.stream, told(genai));
            } else {
                admission.refuse();
            }
        }
        Some(genai) if genai.outcome == Outcome::Cancelled => admission.abandon(),
        _ => admission.refuse(),
    }
}

/// Whether the answer is one of a chat, which has an end and a reason for it.
pub(super) fn is_chat(ctx: &Ctx) -> bool {
    ctx.endpoint.as_ref().is_some_and(|endpoint| endpoint.dialect().is_some())
}

fn told(genai: &GenAi) -> Told {
    let Response { id, model, usage, usage_source, cost, finish_reasons } = &genai.response;
    let cost = cost.as_ref().map(|cost| cache::Cost {
        amount: cost.amount,
        currency: std::sync::Arc::clone(&cost.currency),
    });
    let routing = genai.routing.as_ref();
    Told {
        id: id.clone(),
        model: model.clone(),
        usage: *usage,
        is_usage_reported: *usage_source == UsageSource::Reported,
        cost,
        finish_reasons: finish_reasons.clone(),
        provider: genai.provider.clone().unwrap_or_default(),
        target: routing.map(|routing| std::sync::Arc::clone(&routing.target)).unwrap_or_default(),
        upstream_model: routing
            .map(|it| std::sync::Arc::clone(&it.upstream_model))
            .unwrap_or_default(),
    }
}

/// What the cache did with a request that it did not answer.
pub(super) fn cache_use(ctx: &Ctx) -> Option<CacheUse> {
    let status = match ctx.cache? {
        Status::Hit => CacheStatus::Hit,
        Status::Miss => CacheStatus::Miss,
        Status::Skip => CacheStatus::Skip,
    };
    Some(CacheUse { status, age: None, saved_tokens: None, saved_cost: None })
}

/// A call that the cache answered: what the first answer told, with the times of this one.
pub(super) fn genai(
    ctx: &Ctx,
    replayed: Replayed,
    how: End<'_>,
    end: Instant,
) -> Option<Box<GenAi>> {
    let Replayed { replay, started, pipeline, ended } = replayed;
    let told = &replay.answer.told;
    let mut genai = super::call::request(ctx, &replay.facts, &replay.context, end)?;
    let cancelled = how.is_cancelled(None);
    genai.outcome = match how {
        _ if cancelled => Outcome::Cancelled,
        _ if ended => Outcome::Cached,
        _ => Outcome::UpstreamFailed,
    };
    if matches!(how, End::Panicked) {
        genai.error = Some(tollgate_telemetry::genai::CallError::panic());
    }
    genai.provider = Some(std::sync::Arc::clone(&told.provider)).filter(|name| !name.is_empty());
    let Seen { stream, times, transcript, tool_calls, .. } = pipeline.into_seen();
    let unix_ns = |at: Instant| started.unix_ns_at(at);
    genai.tool_calls = super::tool_calls::tool_calls(&transcript, &tool_calls, None, unix_ns);
    if stream {
        genai.gaps = times.gaps.by_length();
        genai.timing = Some(super::call::timing(&times, started, end));
    }
    genai.response = Response {
        id: told.id.clone(),
        model: told.model.clone(),
        usage: told.usage,
        usage_source: match told.usage {
            None => UsageSource::Unknown,
            Some(_) if told.is_usage_reported => UsageSource::Reported,
            Some(_) => UsageSource::Estimated,
        },
        // Nobody was paid.
        cost: told.cost.as_ref().map(|cost| paid(0.0, cost)),
        finish_reasons: told.finish_reasons.clone(),
    };
    genai.cache = Some(hit(&replay.answer.told, replay.age));
    content::capture_response(&mut genai, &transcript);
    content::redact_response(&mut genai, &ctx.snapshot.redact);
    let (plan, capture) = (&replay.plan, &ctx.snapshot.settings.genai.capture);
    if capture.captures(plan.layer, plan.name.as_deref(), &told.target) {
        content::capture_request(&mut genai, &replay.facts, &ctx.snapshot.redact);
    }
    Some(genai)
}

fn hit(told: &Told, age: Duration) -> CacheUse {
    let tokens = told.usage.and_then(|usage| {
        let output = usage.output_total().unwrap_or(0);
        Some(usage.input_total()?.saturating_add(output))
    });
    CacheUse {
        status: CacheStatus::Hit,
        age: Some(age),
        saved_tokens: tokens,
        saved_cost: told.cost.as_ref().map(|cost| paid(cost.amount, cost)),
    }
}

fn paid(amount: f64, cost: &cache::Cost) -> Cost {
    Cost { amount, currency: std::sync::Arc::clone(&cost.currency) }
}
