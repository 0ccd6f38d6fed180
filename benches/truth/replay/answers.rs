//! Calls that are answered well: text, tool calls, thoughts, refusals, counts in all places.

use fastrand::Rng;
use tollgate_mock::{Fault, Fragments, Piece, Scenario, Tokens, ToolCall, UsagePlace};

use super::dialect::{CALLERS, Dialect, UPSTREAMS};
use super::script::{Attempt, Call, Said, Tool, Truth, Usage, pieces};

/// The longest wait before the first content, in milliseconds.
const FIRST_DELAY_MS_MAX: u64 = 12;
/// Tool calls in one answer.
const CALLS_MAX: usize = 5;

/// Who speaks what in a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) caller: Dialect,
    pub(crate) upstream: Dialect,
    pub(crate) stream: bool,
}

/// Arguments that are JSON, and hard on whoever reads them.
const ARGUMENTS: [&str; 9] = [
    r#"{"city":"cnry7q Paris"}"#,
    r#"{ "city" : "cnry7q" ,  "n":1 }"#,
    r#"{"city":"cnry7q \u00fc \ud83c\udf26 \"x\" \\ \n"}"#,
    r#"{"a":[{"b":[{"c":"cnry7q"}]},null,true,1.5e-7]}"#,
    r#"{"q":"}{][\": cnry7q"}"#,
    r#"{"data":"data: [DONE] cnry7q"}"#,
    "{}",
    r#"{"big":12345678901234567890,"t":"cnry7q"}"#,
    r#"{"ü":"天気 cnry7q"}"#,
];
/// Arguments that are none: a model may say anything.
const BROKEN_ARGUMENTS: [&str; 4] = [r#"{"city":"cnry7q"#, "cnry7q, not JSON", r#"["cnry7q"]"#, ""];
const NAMES: [&str; 6] = [
    "weather",
    "news",
    "get_time",
    "a",
    "x-y_z9",
    "a_rather_long_name_for_a_tool_that_does_little",
];

// === impl Pair ===

impl Pair {
    /// Caller and upstream speak the same.
    pub(crate) fn same(rng: &mut Rng) -> Self {
        let caller = CALLERS[rng.usize(..CALLERS.len())];
        Self { caller, upstream: caller, stream: rng.u8(..3) != 0 }
    }

    /// They speak whatever they like.
    pub(crate) fn any(rng: &mut Rng) -> Self {
        let upstream = UPSTREAMS[rng.usize(..UPSTREAMS.len())];
        Self { upstream, ..Self::same(rng) }
    }

    /// They speak differently.
    fn translated(rng: &mut Rng) -> Self {
        loop {
            let pair = Self::any(rng);
            if pair.caller != pair.upstream {
                return pair;
            }
        }
    }
}

/// A name to ask for that leads to `upstream`, and who is asked then.
pub(crate) fn way(rng: &mut Rng, upstream: Dialect) -> (String, Attempt, bool) {
    let name = upstream.name();
    let attempt = |target: Option<&str>| Attempt {
        provider: format!("one-{name}"),
        target: target.map(|target| format!("{target}-{name}")),
    };
    match rng.u8(..8) {
        0 | 1 => (format!("solo-{name}"), attempt(Some("one")), false),
        2 => (format!("call-{name}"), attempt(Some("one")), false),
        3 => (format!("spread-{name}"), attempt(Some("one")), true),
        _ => (name.to_owned(), attempt(None), false),
    }
}

/// Counts that no other call has.
pub(crate) fn tokens(rng: &mut Rng) -> Tokens {
    let reasoning = if rng.bool() { rng.u64(..500) } else { 0 };
    let cached = if rng.bool() { rng.u64(1..900) } else { 0 };
    let cache_creation = if rng.bool() { rng.u64(1..90) } else { 0 };
    Tokens {
        input: cached + cache_creation + rng.u64(1..100_000),
        output: Some(reasoning + rng.u64(1..10_000)),
        cached,
        cache_creation,
        reasoning: Some(reasoning),
    }
}

/// A good answer with this content.
pub(crate) fn good(rng: &mut Rng, content: Vec<Piece>) -> Scenario {
    Scenario {
        content,
        usage: Some(tokens(rng)),
        id: Some(format!("answer-{:016x}", rng.u64(..))),
        model: Some(format!("model-{}", rng.u8(..20))),
        first_delay_ms: rng.u64(..=FIRST_DELAY_MS_MAX),
        gap_ms: u64::from(rng.u8(..4) == 0),
        omit_null_usage: rng.bool(),
        events_per_chunk: if rng.u8(..5) == 0 { rng.usize(2..6) } else { 1 },
        ..Scenario::default()
    }
}

/// A call that `scenario` answers well, and the truth about it.
pub(crate) fn answered(rng: &mut Rng, pair: Pair, scenario: Scenario) -> Call {
    let (model, attempt, by_chance) = way(rng, pair.upstream);
    let mut call = asked(rng, pair, &model, &scenario);
    call.truth =
        Truth { attempts: vec![attempt], by_chance, ..truth_of(pair, &scenario, call.truth) };
    call.scenarios = vec![scenario];
    call
}

/// The request of a call, with the tools that `scenario` calls.
pub(crate) fn asked(rng: &mut Rng, pair: Pair, model: &str, scenario: &Scenario) -> Call {
    let names: Vec<&str> = scenario
        .content
        .iter()
        .filter_map(|piece| match piece {
            Piece::ToolCall(call) => Some(&*call.name),
            _ => None,
        })
        .collect();
    let names: Vec<&str> = NAMES.into_iter().filter(|name| names.contains(name)).collect();
    let body = pair.caller.body(model, pair.stream, rng.bool(), &names);
    let truth =
        Truth { genai: Some(("chat", model.to_owned())), stream: pair.stream, ..Truth::default() };
    Call::post(pair.caller.path(), &body, truth)
}

/// What is true once `scenario` has been said to its end.
pub(crate) fn truth_of(pair: Pair, scenario: &Scenario, asked: Truth) -> Truth {
    let mut text = String::new();
    let mut tools = Vec::new();
    for piece in &scenario.content {
        match piece {
            Piece::Text(fragments) => text.push_str(&fragments.concat()),
            Piece::ToolCall(call) => tools.push(Tool {
                id: call.id.clone().unwrap_or_default(),
                name: call.name.clone(),
                arguments: call.arguments.concat(),
            }),
            _ => {}
        }
    }
    let natural = if tools.is_empty() { "stop" } else { "tool_calls" };
    let finish = pair.upstream.finish(scenario.finish.as_deref().unwrap_or(natural));
    let model = scenario.model.clone().filter(|_| pair.upstream != Dialect::Cohere);
    Truth {
        outcome: "complete",
        usage: scenario
            .usage
            .map_or(Usage::Open, |tokens| Usage::Reported(pair.upstream.counts(tokens))),
        said: Some(Said {
            id: scenario.id.clone(),
            model,
            finish: Some(finish),
            text: (!text.is_empty()).then_some(text),
        }),
        tools: Some(tools),
        timed: pair.stream && scenario.split_at.is_empty(),
        ..asked
    }
}

pub(crate) fn said(rng: &mut Rng, words_min: usize) -> Piece {
    Piece::Text(Fragments(pieces(rng, words_min)))
}

pub(crate) fn text(rng: &mut Rng) -> Call {
    let (pair, content) = (Pair::same(rng), vec![said(rng, 1)]);
    let scenario = good(rng, content);
    answered(rng, pair, scenario)
}

pub(crate) fn translated(rng: &mut Rng) -> Call {
    let (pair, content) = (Pair::translated(rng), vec![said(rng, 1)]);
    let scenario = good(rng, content);
    answered(rng, pair, scenario)
}

fn tool_call(rng: &mut Rng, at: usize, arguments: &str) -> Piece {
    let id = match rng.u8(..8) {
        0 => format!("call_ü天{at}-{}", rng.u32(..)),
        1 => format!("{}{at}", "long_".repeat(30)),
        2 => format!("call/{at}:\"quoted\" {}", rng.u32(..)),
        _ => format!("call_{at}_{:x}", rng.u64(..)),
    };
    let name = NAMES[rng.usize(..NAMES.len())].to_owned();
    let arguments = if rng.bool() {
        Fragments(arguments.chars().map(String::from).collect())
    } else {
        Fragments::from(arguments)
    };
    Piece::ToolCall(ToolCall { id: Some(id), name, arguments })
}

fn calls(rng: &mut Rng, arguments: &[&str]) -> Vec<Piece> {
    let mut content = if rng.bool() { vec![said(rng, 1)] } else { Vec::new() };
    let count = rng.usize(1..=CALLS_MAX);
    content.extend((0..count).map(|at| {
        let arguments = arguments[rng.usize(..arguments.len())];
        tool_call(rng, at, arguments)
    }));
    content
}

pub(crate) fn tools(rng: &mut Rng) -> Call {
    let (pair, content) = (Pair::any(rng), calls(rng, &ARGUMENTS));
    let interleave_tool_calls = rng.bool();
    let scenario = Scenario { interleave_tool_calls, ..good(rng, content) };
    answered(rng, pair, scenario)
}

/// Only where nothing is translated: who translates has to read them.
pub(crate) fn odd_arguments(rng: &mut Rng) -> Call {
    let (pair, content) = (Pair::same(rng), calls(rng, &BROKEN_ARGUMENTS));
    // A plain Messages answer holds arguments as JSON: there they cannot be broken.
    let stream = pair.stream || pair.caller == Dialect::Messages;
    let scenario = good(rng, content);
    answered(rng, Pair { stream, ..pair }, scenario)
}

pub(crate) fn reasoning(rng: &mut Rng) -> Call {
    let pair = Pair::any(rng);
    let mut content = vec![Piece::Reasoning(Fragments(pieces(rng, 2)))];
    if rng.bool() {
        content.push(said(rng, 2));
    } else {
        content.push(tool_call(rng, 0, ARGUMENTS[0]));
    }
    let scenario = good(rng, content);
    answered(rng, pair, scenario)
}

pub(crate) fn other_ends(rng: &mut Rng) -> Call {
    let (pair, content) = (Pair::any(rng), vec![said(rng, 1)]);
    let finish = if rng.bool() { "length" } else { "content_filter" };
    // Cohere has no word for the latter.
    let finish = if pair.upstream == Dialect::Cohere { "length" } else { finish };
    let scenario = Scenario { finish: Some(finish.to_owned()), ..good(rng, content) };
    answered(rng, pair, scenario)
}

pub(crate) fn refusal(rng: &mut Rng) -> Call {
    let upstream = if rng.bool() { Dialect::Chat } else { Dialect::Responses };
    let pair = Pair { upstream, ..Pair::any(rng) };
    let content = vec![Piece::Refusal(Fragments(pieces(rng, 3)))];
    let scenario = good(rng, content);
    answered(rng, pair, scenario)
}

pub(crate) fn missing_usage(rng: &mut Rng) -> Call {
    let (pair, content) = (Pair::any(rng), vec![said(rng, 2)]);
    let mut scenario = Scenario { usage: None, ..good(rng, content) };
    if rng.bool() {
        scenario.fault = Some(Fault::NoUsage);
    }
    let mut call = answered(rng, pair, scenario);
    call.truth.usage = Usage::Estimated;
    call
}

pub(crate) fn usage_elsewhere(rng: &mut Rng) -> Call {
    let pair = Pair { upstream: Dialect::Chat, stream: true, ..Pair::any(rng) };
    let usage_place = if rng.bool() { UsagePlace::Finish } else { UsagePlace::Every };
    let content = vec![said(rng, 2)];
    let scenario = Scenario { usage_place, ..good(rng, content) };
    answered(rng, pair, scenario)
}

pub(crate) fn no_end_mark(rng: &mut Rng) -> Call {
    let (pair, content) = (Pair { stream: true, ..Pair::any(rng) }, vec![said(rng, 2)]);
    let scenario = Scenario { fault: Some(Fault::NoDone), ..good(rng, content) };
    let mut call = answered(rng, pair, scenario);
    if !pair.upstream.says_why_without_mark() {
        call.truth = Truth {
            outcome: "upstream_failed",
            error: Some("connection_error"),
            usage: Usage::Open,
            said: None,
            ..call.truth
        };
    }
    call
}

/// The body comes in pieces that have nothing to do with its events.
pub(crate) fn split(rng: &mut Rng) -> Call {
    let (pair, content) = (Pair::any(rng), calls(rng, &ARGUMENTS));
    let split_at: Vec<usize> = (0..rng.usize(1..6)).map(|_| rng.usize(1..2_000)).collect();
    let mut scenario = Scenario { split_at, ..good(rng, content) };
    if rng.u8(..4) == 0 {
        scenario.fault = Some(Fault::SlowBytes { bytes: rng.usize(40..400), gap_ms: 1 });
    }
    answered(rng, pair, scenario)
}
