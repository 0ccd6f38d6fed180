//! Every metric once: what `docs/telemetry.md` and the tests are made from. The instruments in this
//! folder must all stand here, with the same description.

use super::bounds::{FIRST_TOKEN, GAPS, PER_TOKEN, SECONDS, THROUGHPUT, TOKENS};
use super::metric::{of_calls, plain};
use super::{collector, guardrails, limits, store_queue};
use crate::genai::attributes as a;

pub use super::metric::{Instrument, Metric};

/// The dimensions of every metric of calls. Without a source a dimension is absent.
pub const CALL_DIMENSIONS: [&str; 6] = [
    a::OPERATION_NAME,
    a::PROVIDER_NAME,
    a::REQUEST_MODEL,
    a::RESPONSE_MODEL,
    a::SERVER_ADDRESS,
    a::SERVER_PORT,
];

/// The dimensions of what is known of targets.
const TARGET: &[&str] = &["provider", "target", "model"];

/// Every metric, in the order of the documentation.
pub const METRICS: &[Metric] = &[
    Metric {
        bounds: &SECONDS,
        ..of_calls(
            Instrument::Histogram,
            "gen_ai.client.operation.duration",
            "s",
            "End-to-end latency of each model call",
        )
    },
    Metric {
        bounds: &TOKENS,
        dimensions: &[a::TOKEN_TYPE],
        ..of_calls(
            Instrument::Histogram,
            "gen_ai.client.token.usage",
            "tokens",
            "Tokens of each model call, by type",
        )
    },
    Metric {
        bounds: &FIRST_TOKEN,
        ..of_calls(
            Instrument::Histogram,
            "gen_ai.server.time_to_first_token",
            "s",
            "Time from the start of a stream to its first content",
        )
    },
    Metric {
        bounds: &SECONDS,
        ..of_calls(
            Instrument::Histogram,
            "gen_ai.server.request.duration",
            "s",
            "Duration of the upstream request",
        )
    },
    Metric {
        bounds: &PER_TOKEN,
        ..of_calls(
            Instrument::Histogram,
            "gen_ai.server.time_per_output_token",
            "s",
            "Time per output token after the first",
        )
    },
    Metric {
        bounds: &THROUGHPUT,
        ..of_calls(
            Instrument::Histogram,
            "gen_ai.server.output_tokens_per_second",
            "tokens/sec",
            "Output tokens per second over a stream's life",
        )
    },
    Metric {
        dimensions: &[a::ERROR_TYPE],
        ..of_calls(
            Instrument::Counter,
            "gen_ai.client.errors",
            "{error}",
            "Model calls that failed, by error type",
        )
    },
    Metric {
        dimensions: &[a::GUARDRAIL_DETECTOR, a::GUARDRAIL_DIRECTION],
        ..of_calls(
            Instrument::Counter,
            "gen_ai.client.guardrail_violations",
            "{violation}",
            "Findings of guardrails, by detector and direction",
        )
    },
    Metric {
        bounds: &GAPS,
        ..of_calls(
            Instrument::Histogram,
            "gateway.guardrail.hold",
            "s",
            "Longest time for which guardrails held an event of a stream back",
        )
    },
    guardrails::BOUNDS_REACHED,
    Metric {
        dimensions: &[a::GUARDRAIL_WEBHOOK, a::GUARDRAIL_REASON],
        ..of_calls(
            Instrument::Counter,
            "gateway.guardrail.unanswered",
            "{question}",
            "Questions that guardrail webhooks gave no answer to, by webhook and reason",
        )
    },
    Metric {
        dimensions: &[a::RESPONSE_FINISH_REASON],
        ..of_calls(
            Instrument::Counter,
            "gen_ai.client.finish_reasons",
            "{choice}",
            "Reasons for which answers ended",
        )
    },
    Metric {
        bounds: &GAPS,
        ..of_calls(
            Instrument::Histogram,
            "gateway.stream.gap",
            "s",
            "Time between arrivals of content in streams",
        )
    },
    of_calls(
        Instrument::Counter,
        "gateway.stream.stalls",
        "{stall}",
        "Gaps between content in streams that lasted two seconds or more",
    ),
    Metric {
        dimensions: &[a::USAGE_CURRENCY],
        ..of_calls(
            Instrument::Counter,
            "gateway.usage.cost",
            "{currency}",
            "Cost of tokens at the configured prices, by model and currency",
        )
    },
    Metric {
        dimensions: &[a::CACHE_STATUS],
        ..of_calls(
            Instrument::Counter,
            "gateway.cache.lookups",
            "{request}",
            "Requests that the response cache decided on, by status",
        )
    },
    plain(
        Instrument::Counter,
        "gateway.retry.attempts",
        "{attempt}",
        &[],
        "Attempts that asked the same target again",
    ),
    plain(
        Instrument::Counter,
        "gateway.retry.target_exclusions",
        "{target}",
        &[a::EXCLUDED_TARGET],
        "Targets left for the rest of a request",
    ),
    plain(
        Instrument::Counter,
        "gateway.retry.exhaustion_resets",
        "{request}",
        &[],
        "Requests that got one more attempt after all their targets had failed",
    ),
    plain(
        Instrument::Counter,
        "gateway.requests_finished",
        "{request}",
        &[a::OUTCOME, a::OPERATION_NAME],
        "Requests that ended, by outcome",
    ),
    plain(
        Instrument::Counter,
        "gateway.requests_refused",
        "{request}",
        &["code"],
        "Requests that tollgate refused, by error code",
    ),
    plain(
        Instrument::Gauge,
        "gateway.in_flight",
        "{request}",
        &[],
        "Requests whose responses have not ended",
    ),
    plain(
        Instrument::Counter,
        "gateway.spans_stored",
        "{span}",
        &["queue"],
        "Spans that a destination has taken, by queue",
    ),
    plain(
        Instrument::Counter,
        "gateway.spans_dropped",
        "{span}",
        &["queue", "reason"],
        "Spans that never reached a destination, by queue and reason",
    ),
    plain(
        Instrument::Counter,
        "gateway.spans_unsampled",
        "{span}",
        &["queue"],
        "Spans of traces that a destination is not to get, by queue",
    ),
    plain(
        Instrument::Gauge,
        "gateway.spans_queued",
        "{span}",
        &["queue"],
        "Spans that wait for a destination, by queue",
    ),
    plain(
        Instrument::Gauge,
        "gateway.target.in_flight",
        "{attempt}",
        TARGET,
        "Attempts at each target that have not ended",
    ),
    plain(
        Instrument::Gauge,
        "gateway.target.ejected",
        "{target}",
        TARGET,
        "1 while a target is left alone, else 0",
    ),
    plain(
        Instrument::Counter,
        "gateway.target.ejections",
        "{ejection}",
        TARGET,
        "Times that a target was left alone for its faults",
    ),
    plain(
        Instrument::Gauge,
        "gateway.target.first_content",
        "s",
        TARGET,
        "Decaying time to the first content of each target",
    ),
    plain(Instrument::Gauge, "gateway.cache.size", "By", &[], "What they take"),
    of_calls(
        Instrument::Counter,
        "gateway.cache.saved_tokens",
        "{token}",
        "Tokens that hits of the response cache did not use again",
    ),
    Metric {
        dimensions: &[a::USAGE_CURRENCY],
        ..of_calls(
            Instrument::Counter,
            "gateway.cache.saved_cost",
            "{currency}",
            "What they would have cost by the configured prices",
        )
    },
    plain(
        Instrument::Gauge,
        "gateway.cache.entries",
        "{answer}",
        &[],
        "Answers that the response cache holds in memory",
    ),
    plain(Instrument::Gauge, "gateway.cache.bytes", "{byte}", &[], "What they take"),
    plain(
        Instrument::Counter,
        "gateway.cache.answers",
        "{answer}",
        &["result"],
        "Answers that were recorded for the response cache, or left it, by what came of them",
    ),
    plain(
        Instrument::Counter,
        "gateway.cache.waits",
        "{request}",
        &["result"],
        "Requests that waited for an equal one, by whether they got its answer",
    ),
    plain(
        Instrument::Gauge,
        "gateway.tool_links.known",
        "{id}",
        &[],
        "Ids of tool calls that are remembered for later results",
    ),
    plain(
        Instrument::Counter,
        "gateway.tool_links.evicted",
        "{id}",
        &[],
        "Ids of tool calls that were forgotten before their time",
    ),
    store_queue::BYTES,
    store_queue::WAITING_RECORDS,
    store_queue::WAITING,
    store_queue::OLDEST_AGE,
    store_queue::ROWS,
    store_queue::REFUSALS,
    store_queue::RETRIES,
    store_queue::LOST,
    limits::REFUSED,
    limits::TOKENS_RESERVED,
    limits::TOKENS_SETTLED,
    limits::STREAMS_CUT,
    limits::POOLED,
    limits::UNPRICED,
    limits::REDIS_FAILURES,
    limits::SUBJECTS,
    plain(
        Instrument::Counter,
        "gateway.redis.failures",
        "{failure}",
        &[],
        "Times that Redis gave no answer; requests that did not ask are not counted",
    ),
    plain(
        Instrument::Counter,
        "gateway.config_reloads",
        "{reload}",
        &["result"],
        "Times that the configuration was read again, by result",
    ),
    plain(
        Instrument::Counter,
        "gateway.ingest_token_exchanges",
        "",
        &["result"],
        "Keys brought to the token exchange, by what came of it",
    ),
    plain(
        Instrument::Counter,
        "gateway.caller_auth",
        "",
        &["result"],
        "Requests by what was found of their caller's key",
    ),
    plain(
        Instrument::Counter,
        "gateway.collector_auth",
        "",
        &["result"],
        "Exports whose sender was looked at, by what was found",
    ),
    collector::REQUESTS_REFUSED,
    collector::ITEMS,
    collector::DROPPED,
    collector::CUT,
    collector::WRITES,
    collector::MEMORY_BYTES,
    plain(
        Instrument::Gauge,
        "gateway.config_in_force_since_timestamp",
        "s",
        &[],
        "When the configuration in force was taken, in Unix time",
    ),
    plain(
        Instrument::Gauge,
        "gateway.config_last_reload_successful",
        "{reload}",
        &[],
        "1 if the configuration in force is what the file said when last read",
    ),
];
