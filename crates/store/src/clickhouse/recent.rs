//! The list of traces: one question for a stretch of time, ever longer ones until there are enough.
//!
//! A line says what the embedded store's says about the same spans. A trace is looked for by the
//! spans inside the stretch and read with a day on either side, so that a page never reads the whole
//! table; spans of one trace that are further apart than that are listed as two.

use serde::Deserialize;

use super::http::Http;
use super::literal;
use super::read::rows;
use super::schema::Names;
use crate::{LIMIT_MAX, StatusCode, StoreError, TraceFilter, TraceSummary};

const MINUTE_NS: i64 = 60_000_000_000;
const HOUR_NS: i64 = 60 * MINUTE_NS;
const DAY_NS: i64 = 24 * HOUR_NS;
/// Stretches that are looked through, one after the other; the last one has no beginning.
const STRETCHES_NS: [i64; 6] =
    [MINUTE_NS, 10 * MINUTE_NS, HOUR_NS, 6 * HOUR_NS, DAY_NS, 7 * DAY_NS];
/// How far before and after a stretch its traces' other spans are looked for.
const MARGIN_NS: i64 = DAY_NS;

/// A line as the question selects it.
#[derive(Deserialize)]
struct Line {
    trace_id: String,
    started_ns: i64,
    duration_ns: i64,
    spans: u64,
    errors: u64,
    root: (String, String),
    /// Whether there is a provider, which, whether there is a model, which, and the time to the
    /// first token.
    llm: (u8, String, u8, String, String),
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    sessions: u64,
    session: String,
}

/// The traces that match, newest start first; `now_ns` is Unix time in nanoseconds.
pub(super) async fn recent(
    http: &Http,
    names: &Names,
    filter: &TraceFilter,
    now_ns: i64,
) -> Result<Vec<TraceSummary>, StoreError> {
    let status = match filter.status.as_deref().map(StatusCode::parse) {
        None => None,
        Some(Some(status)) => Some(status),
        Some(None) => return Ok(Vec::new()),
    };
    let limit = filter.limit.min(LIMIT_MAX);
    let end_ns = filter.before_ns.unwrap_or(now_ns);
    let stretches = STRETCHES_NS.iter().map(|stretch_ns| Some(end_ns.saturating_sub(*stretch_ns)));
    for from_ns in stretches.chain([None]) {
        let whole = match (from_ns, filter.since_ns) {
            (None, _) => true,
            (Some(from_ns), Some(since_ns)) => from_ns <= since_ns,
            (Some(from_ns), None) => from_ns <= 0,
        };
        let from_ns = if whole { filter.since_ns } else { from_ns };
        let sql = question(names, filter, status, from_ns, limit);
        let lines: Vec<Line> = rows(http, &sql, Vec::new()).await?;
        if whole || lines.len() >= limit {
            return Ok(lines.into_iter().map(TraceSummary::from).collect());
        }
    }
    Ok(Vec::new())
}

fn question(
    names: &Names,
    filter: &TraceFilter,
    status: Option<StatusCode>,
    from_ns: Option<i64>,
    limit: usize,
) -> String {
    let traces = &names.traces;
    let (mut inside, mut around) = (vec!["1".to_owned()], vec!["1".to_owned()]);
    let mut having = vec!["1".to_owned()];
    if let Some(from_ns) = from_ns {
        inside.push(format!("Timestamp >= {}", time(from_ns)));
        around.push(format!("Timestamp >= {}", time(from_ns.saturating_sub(MARGIN_NS))));
        having.push(format!("started_ns >= {from_ns}"));
    }
    if let Some(before_ns) = filter.before_ns {
        inside.push(format!("Timestamp < {}", time(before_ns)));
        around.push(format!("Timestamp < {}", time(before_ns.saturating_add(MARGIN_NS))));
        having.push(format!("started_ns < {before_ns}"));
    }
    for (column, value) in [
        ("model", &filter.model),
        ("provider", &filter.provider),
        ("session_id", &filter.session),
        ("user_id", &filter.user),
    ] {
        if let Some(value) = value {
            having.push(format!("countIf(has_{column} AND {column} = {}) > 0", literal(value)));
        }
    }
    if filter.errors_only {
        having.push("errors > 0".to_owned());
    }
    if let Some(status) = status {
        having.push(format!("root.2 = {}", literal(status.as_str())));
    }
    let attributes: String = [
        ("provider", "gen_ai.provider.name"),
        ("model", "gen_ai.request.model"),
        ("session_id", "gen_ai.session.id"),
        ("user_id", "gen_ai.user.id"),
    ]
    .iter()
    .map(|(column, key)| {
        format!(
            ", SpanAttributes['{key}'] AS {column}, \
             mapContains(SpanAttributes, '{key}') AS has_{column}"
        )
    })
    .collect();
    format!(
        "SELECT TraceId, min(ns) AS started_ns, max(ns + took) - min(ns) AS duration_ns, \
         count() AS spans, countIf(StatusCode = 'Error') AS errors, \
         argMin((SpanName, StatusCode), (ParentSpanId != '', ns, -took, SpanName)) AS root, \
         argMinIf((has_provider, provider, has_model, model, ttft), \
         (ns, -took, has_provider, provider, has_model, model), has_provider OR has_model) AS llm, \
         sum(if(input >= 0, input, NULL)) AS input_tokens, \
         sum(if(output >= 0, output, NULL)) AS output_tokens, countIf(has_session_id) AS sessions, \
         argMinIf(session_id, (ns, session_id), has_session_id) AS session \
         FROM (SELECT TraceId, SpanId, ParentSpanId, SpanName, StatusCode, \
         toUnixTimestamp64Nano(Timestamp) AS ns, toInt64(Duration) AS took, \
         SpanAttributes['gen_ai.server.time_to_first_token'] AS ttft, \
         toInt64OrNull(SpanAttributes['gen_ai.usage.input_tokens']) AS input, \
         toInt64OrNull(SpanAttributes['gen_ai.usage.output_tokens']) AS output{attributes} \
         FROM {traces} WHERE {around} AND TraceId IN (SELECT TraceId FROM {traces} WHERE {inside}) \
         LIMIT 1 BY TraceId, SpanId) \
         GROUP BY TraceId HAVING {having} ORDER BY started_ns DESC, TraceId LIMIT {limit}",
        around = around.join(" AND "),
        inside = inside.join(" AND "),
        having = having.join(" AND "),
    )
}

fn time(ns: i64) -> String {
    format!("fromUnixTimestamp64Nano({})", ns.max(0))
}

// === impl TraceSummary ===

impl From<Line> for TraceSummary {
    fn from(line: Line) -> Self {
        let (has_provider, provider, has_model, model, ttft) = line.llm;
        let tokens = |count: Option<i64>| count.and_then(|count| u64::try_from(count).ok());
        Self {
            trace_id: line.trace_id,
            started_ns: line.started_ns,
            duration_ns: line.duration_ns,
            root_name: line.root.0,
            spans: line.spans,
            errors: line.errors,
            provider: (has_provider != 0).then_some(provider),
            model: (has_model != 0).then_some(model),
            input_tokens: tokens(line.input_tokens),
            output_tokens: tokens(line.output_tokens),
            ttft_seconds: ttft.parse().ok().filter(|seconds: &f64| seconds.is_finite()),
            status: StatusCode::parse(&line.root.1).unwrap_or_default(),
            session: (line.sessions > 0).then_some(line.session),
        }
    }
}
