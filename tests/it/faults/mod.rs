//! Every way in which a target fails, alone and in chains, on sockets.
//!
//! One world serves a whole table: each fault is a provider of its own (`/@name`), each case a route
//! whose model is the case's name. Cases run beside each other, so that hanging costs time once.

mod chains;
mod held;
mod matrix;
mod raw;
mod storm;
mod time;
mod translated;
mod traps;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use tollgate_mock::{Fault, Scenario};
use tollgate_store::SpanRow;

use crate::client::{Answer, post};
use crate::harness::{World, attribute, free_port, trace_id, traceparent};
use crate::http2::Connection;

/// Requests under way at a time: waiting is cheap, and two cores are soon full.
const WORKERS: usize = 12;
/// Of long bodies: the gateway's one thread reads them in turn, and a connection that is made meanwhile
/// has five seconds.
const WORKERS_LONG: usize = 4;
/// From here on a body takes a busy machine a while.
const LONG_BYTES: usize = 1_000_000;
/// How long a target that hangs may take.
const PATIENCE_MS: u64 = 400;

/// A way to fail.
pub(super) struct Fails {
    pub(super) name: String,
    scenario: Option<Scenario>,
    /// `gateway.attempt.status`, where there was one.
    pub(super) status: Option<u16>,
    hangs: bool,
    /// Whether its target is never asked again.
    pub(super) leaves: bool,
    /// Only what streams fails so: a whole answer has no beginning to speak of.
    pub(super) streams_only: bool,
}

/// A request and how it is to be made.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// The model asked for, which names a route.
    pub(super) model: String,
    /// The targets of that route.
    pub(super) chain: Vec<String>,
    pub(super) stream: bool,
    pub(super) body_bytes: usize,
    pub(super) h2: bool,
}

/// What came of a case.
pub(super) struct Outcome {
    pub(super) answer: Answer,
    pub(super) span: SpanRow,
}

fn fails(name: &str, fault: Fault) -> Fails {
    let status = match &fault {
        Fault::Status { code, .. } => Some(*code),
        _ => None,
    };
    Fails {
        name: name.to_owned(),
        hangs: matches!(fault, Fault::HangHead | Fault::Stall { .. }),
        scenario: Some(Scenario::fault(fault)),
        status,
        leaves: matches!(status, Some(401)),
        streams_only: false,
    }
}

fn status(code: u16, headers: &[(&str, &str)]) -> Fault {
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    Fault::Status { code, body: None, headers: headers.collect::<BTreeMap<_, _>>() }
}

/// All of them, as the issue lists them.
pub(super) fn all() -> Vec<Fails> {
    let mut refused = fails("refused", Fault::Reset);
    refused.scenario = None;
    let mut all = vec![
        refused,
        fails("closed", Fault::RefuseAfterAccept),
        fails("reset", Fault::Reset),
        fails("storm", status(500, &[])),
        fails("overloaded", status(529, &[])),
        fails("unauthorized", status(401, &[])),
        fails("limited", status(429, &[])),
        fails("limited-secs", status(429, &[("retry-after", "1")])),
        fails("limited-ms", status(429, &[("retry-after-ms", "20")])),
        fails("limited-date", status(429, &[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")])),
        fails("limited-day", status(429, &[("retry-after", "86400")])),
        fails("limited-odd", status(429, &[("retry-after", "-1e999 soon")])),
        fails("limited-reset", status(429, &[("x-ratelimit-reset-requests", "6m0s")])),
        fails("hang-head", Fault::HangHead),
        fails("hang-body", Fault::Stall { after_events: 0 }),
        fails("silent", Fault::Stall { after_events: 1 }),
        fails("error-event", Fault::ErrorEventAfter(1)),
        fails("cut", Fault::CutAfterEvents(1)),
        fails("cut-at-once", Fault::CutAfterBytes(0)),
        fails("reset-late", Fault::ResetAfterEvents(1)),
        fails("truncated", Fault::CutAfterBytes(90)),
    ];
    if let Some(error_event) = all.iter_mut().find(|fault| fault.name == "error-event") {
        error_event.streams_only = true;
    }
    all
}

/// A world in which `faults` are targets of their names, and each chain a route of the name of its
/// targets, joined by `_`. `good` is a target that answers.
pub(super) fn world(faults: &[Fails], chains: &[Vec<String>], retry: &str) -> World {
    let closed = free_port();
    let mut text = String::from(
        "providers:\n  good: { base_url: \"{mock}/v1\", models: [m], auth_type: none }\n",
    );
    let mut targets = String::from("targets:\n  good: { model: m, provider: good }\n");
    for fault in faults {
        let name = &fault.name;
        let url = match fault.scenario {
            Some(_) => format!("{{mock}}/@{name}/v1"),
            None => format!("http://127.0.0.1:{closed}/v1"),
        };
        let credential = if fault.status == Some(401) {
            "credential: \"env::OPENAI_KEY\""
        } else {
            "auth_type: none"
        };
        text.push_str(&format!("  {name}: {{ base_url: \"{url}\", models: [m], {credential} }}\n"));
        // What does not hang has all the time it needs on a machine that is busy.
        let time = if fault.hangs {
            format!(", timeout_ms: {PATIENCE_MS}, idle_timeout_ms: {PATIENCE_MS}")
        } else {
            String::new()
        };
        targets.push_str(&format!("  {name}: {{ model: m, provider: {name}{time} }}\n"));
    }
    let mut routes = String::from("routes:\n");
    for chain in chains {
        let name = chain.join("_");
        let strategy = if chain.len() == 1 { "single" } else { "fallback" };
        routes.push_str(&format!(
            "  {name}: {{ models: [{name}], strategy: {strategy}, targets: [{}] }}\n",
            chain.join(", ")
        ));
    }
    let world = World::new(&format!("{text}{targets}{routes}routing: {{ retry: {retry} }}\n"));
    world.mock.keep_log(100_000);
    for fault in faults {
        if let Some(scenario) = &fault.scenario {
            world.mock.set(&fault.name, scenario.clone());
        }
    }
    world
}

/// Each chain as cases: streaming and not, over h1 and h2, with each size of body. Of long bodies
/// every other chain has one half of these, and its neighbour the other; `TOLLGATE_FULL_MATRIX` in the
/// environment gives each chain both.
pub(super) fn cases(chains: &[Vec<String>], sizes: &[usize]) -> Vec<Case> {
    let full = is_full_matrix();
    let mut cases = Vec::new();
    for (at, chain) in chains.iter().enumerate() {
        for &body_bytes in sizes {
            for (stream, h2) in [(true, false), (true, true), (false, false), (false, true)] {
                if !full && body_bytes > LONG_BYTES && (stream == h2) == (at % 2 == 0) {
                    continue;
                }
                let (model, chain) = (chain.join("_"), chain.clone());
                cases.push(Case { model, chain, stream, body_bytes, h2 });
            }
        }
    }
    cases
}

/// Whether everything is to be tried, which takes minutes.
pub(super) fn is_full_matrix() -> bool {
    std::env::var_os("TOLLGATE_FULL_MATRIX").is_some()
}

/// The body of a case, for another model if need be.
pub(super) fn body(case: &Case, model: &str) -> String {
    let text = "x".repeat(case.body_bytes);
    let stream = if case.stream { "\"stream\":true," } else { "" };
    format!(r#"{{"model":"{model}",{stream}"messages":[{{"role":"user","content":"{text}"}}]}}"#)
}

/// Makes the request and waits for its one GenAI span.
pub(super) fn run(world: &World, case: &Case) -> Outcome {
    let trace = trace_id();
    let body = body(case, &case.model);
    let path = "/v1/chat/completions";
    let answer = if case.h2 {
        let parent = traceparent(&trace);
        let value = parent.split_once(": ").unwrap().1;
        world.block_on(async {
            let mut connection = Connection::open(world.gateway).await;
            connection.post(path, &[("traceparent", value)], body.as_bytes()).await
        })
    } else {
        post(world.gateway, path, &[&traceparent(&trace)], &body)
    };
    Outcome { answer, span: world.genai(&trace) }
}

/// Runs `check` on each item, some of them at a time; a panic in one fails the test.
pub(crate) fn in_parallel<T: Sync>(items: &[T], check: impl Fn(&T) + Sync) {
    in_parallel_by(WORKERS, items, check);
}

/// The same for cases, as many at a time as their bodies allow.
pub(super) fn all_cases(cases: &[Case], check: impl Fn(&Case) + Sync) {
    let is_long = cases.iter().any(|case| case.body_bytes > LONG_BYTES);
    in_parallel_by(if is_long { WORKERS_LONG } else { WORKERS }, cases, check);
}

fn in_parallel_by<T: Sync>(workers: usize, items: &[T], check: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..workers.min(items.len()) {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    check(item);
                }
            });
        }
    });
}

/// What the provider itself answers, however long the question.
pub(super) fn direct(world: &World, case: &Case) -> Answer {
    let short = Case { body_bytes: 1, ..case.clone() };
    post(world.mock.addr(), "/v1/chat/completions", &[], &body(&short, "m"))
}

/// The failed attempts that a span tells of: target, status and whether it took time.
pub(super) fn failed(span: &SpanRow) -> Vec<(String, Option<u16>, f64)> {
    let events = span.events.iter().filter(|event| event.name == "gateway.attempt");
    events
        .map(|event| {
            let of = |name: &str| {
                let found = event.attributes.iter().find(|(known, _)| known == name);
                found.map(|(_, value)| value.to_string())
            };
            let number = |text: String| text.parse::<f64>().unwrap();
            (
                of("gateway.attempt.target").unwrap(),
                of("http.response.status_code").map(|status| status.parse().unwrap()),
                of("gateway.attempt.duration_seconds").map_or(-1.0, number),
            )
        })
        .collect()
}

/// The sum of a counter over all lines that have `part`.
pub(crate) fn counter(world: &World, name: &str, part: &str) -> u64 {
    world.until_idle();
    world.running().flush(crate::harness::PATIENCE);
    let metrics = world.running().metrics();
    let lines = metrics.lines().filter(|line| line.starts_with(name) && line.contains(part));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64).sum()
}

pub(super) fn of<'a>(span: &'a SpanRow, name: &str) -> &'a str {
    attribute(span, name).unwrap_or_else(|| panic!("no {name} in {span:#?}"))
}
