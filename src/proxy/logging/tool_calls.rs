//! The tool calls of an answer, and the answers whose tool calls a request brings results of.

use tokio::time::Instant;
use tollgate_filters::request::Facts;
use tollgate_filters::response::ToolCallTimes;
use tollgate_providers::Transcript;
use tollgate_providers::translate::made_call_id;
use tollgate_telemetry::SpanLink;
use tollgate_telemetry::genai::{Call, ToolCall, attributes};

use crate::tool_links::{Caller, Limits, Origin, ToolLinks};

/// The calls as their spans tell them; arguments are there where the transcript kept them.
///
/// `translated` is the id of a request whose answer was written anew: calls without an id were given
/// one in it.
pub(super) fn tool_calls(
    transcript: &Transcript,
    times: &[ToolCallTimes],
    translated: Option<&str>,
    unix_ns: impl Fn(Instant) -> u64,
) -> Vec<ToolCall> {
    let given = |at: usize| {
        let call = u32::try_from(at).ok()?;
        Some(made_call_id(transcript.id().unwrap_or_default(), translated?, call))
    };
    let call = |(at, call): (usize, &tollgate_providers::ToolCall)| ToolCall {
        id: Some(&call.id)
            .filter(|id| !id.is_empty())
            .cloned()
            .or_else(|| given(at))
            .unwrap_or_default(),
        name: call.name.clone(),
        arguments: (!call.arguments.is_empty()).then(|| call.arguments.clone()),
        arguments_valid: transcript.arguments_valid(at),
        times: times.get(at).map(|times| (unix_ns(times.opened), unix_ns(times.closed))),
    };
    transcript.tool_calls().iter().enumerate().map(call).collect()
}

/// Points from the results in a request to the answers that asked for them, then remembers what
/// this call's own answer asks for.
///
/// A tool run that the caller declared has the link of its call; other results are linked from the
/// call itself.
pub(super) fn link(
    links: &ToolLinks,
    limits: Limits,
    caller: impl FnOnce() -> Caller,
    facts: &Facts,
    call: &mut Call,
) {
    let origin = Origin { trace_id: call.trace.trace_id, span_id: call.genai_span };
    let Some(genai) = &mut call.genai else { return };
    let run = genai.context_operation.as_mut().filter(|run| run.name == "execute_tool");
    let declared = run.as_ref().and_then(|run| {
        let id = |(name, _): &&(&str, String)| *name == attributes::TOOL_CALL_ID;
        run.attributes.iter().find(id).map(|(_, id)| id.clone())
    });
    let made = || genai.tool_calls.iter().map(|call| &*call.id).filter(|id| !id.is_empty());
    if declared.is_none() && facts.tool_results.is_empty() && made().next().is_none() {
        return;
    }
    let caller = caller();
    let mut ids: Vec<&str> = facts.tool_results.iter().map(String::as_str).collect();
    if let Some(id) = declared.as_deref().filter(|id| !ids.contains(id)) {
        ids.push(id);
    }
    let found = links.find(caller, ids, limits);
    links.remember(caller, made(), origin, limits);
    let (of_run, of_call): (Vec<_>, Vec<_>) = found.into_iter().partition(|(id, _)| {
        run.is_some() && declared.as_deref().is_none_or(|declared| declared == *id)
    });
    let link = |(id, origin): (&str, Origin)| SpanLink {
        trace_id: origin.trace_id,
        span_id: origin.span_id,
        attributes: vec![(attributes::TOOL_CALL_ID.into(), id.to_owned().into())],
    };
    if let Some(run) = run {
        run.links.extend(of_run.into_iter().map(link));
    }
    genai.links.extend(of_call.into_iter().map(link));
}
