//! What is sent: one table row a scenario.

use std::time::Duration;

use tollgate_load::Arrivals;
use tollgate_mock::Scenario as Answer;

use crate::cell::STORING;
use crate::gateways::{Ability, Gateway};

/// One kind of load.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What it is, for the table.
    pub(crate) what: &'static str,
    /// What a gateway must be able to do for it.
    pub(crate) needs: Ability,
    /// The path that is asked.
    pub(crate) endpoint: &'static str,
    /// The model, which names the mock provider's answer.
    model: &'static str,
    stream: bool,
    /// Bytes of the prompt.
    prompt_bytes: usize,
    pub(crate) arrivals: Arrivals,
    pub(crate) connections: usize,
    pub(crate) warm_up: Duration,
    pub(crate) duration: Duration,
    /// How long one answer takes by its nature, and so a run beyond its duration.
    tail: Duration,
    /// Rounds are as many as asked for, but no more than these: some take long by their nature.
    rounds_max: usize,
    /// Whether events, not requests, are the work.
    pub(crate) per_event: bool,
}

pub(crate) const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const MANY: usize = 100;
/// As many rounds as scenarios get that take long by their nature.
const FEW: usize = 3;
/// Bytes of an event on the wire, as chat streams have them.
pub(crate) const EVENT_BYTES: usize = 240;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What most scenarios have in common.
const USUAL: Scenario = Scenario {
    name: "",
    what: "",
    needs: Ability::Forward,
    endpoint: CHAT,
    model: "mock-json",
    stream: false,
    prompt_bytes: 400,
    arrivals: Arrivals::Closed,
    connections: 32,
    warm_up: ms(200),
    duration: ms(1_000),
    tail: Duration::ZERO,
    rounds_max: MANY,
    per_event: false,
};

/// Every scenario, in the order of the table.
pub(crate) const SCENARIOS: [Scenario; 10] = [
    Scenario { name: "json", what: "small JSON, 32 at a time", ..USUAL },
    Scenario {
        name: "burst",
        what: "streams of 200 events as fast as they go, 16 at a time",
        model: "mock-burst",
        stream: true,
        connections: 16,
        ..USUAL
    },
    Scenario {
        name: "paced",
        what: "streams of 100 events, one each 10 ms, 200 at a time",
        model: "mock-paced",
        stream: true,
        connections: 200,
        warm_up: ms(100),
        duration: ms(3_000),
        tail: ms(1_000),
        rounds_max: FEW,
        per_event: true,
        ..USUAL
    },
    Scenario {
        name: "calm",
        what: "40 streams a second: what the first content and each event wait",
        model: "mock-calm",
        stream: true,
        arrivals: Arrivals::Poisson { per_second: 40.0 },
        connections: 64,
        duration: ms(2_500),
        tail: ms(100),
        rounds_max: FEW,
        ..USUAL
    },
    Scenario {
        name: "megabyte",
        what: "bodies of 1 MB, 8 at a time",
        prompt_bytes: 1_000_000,
        connections: 8,
        rounds_max: FEW,
        ..USUAL
    },
    Scenario {
        name: "translate",
        what: "messages to a chat provider, 200-event streams, 16 at a time",
        needs: Ability::Translate,
        endpoint: MESSAGES,
        model: "mock-burst",
        stream: true,
        connections: 16,
        ..USUAL
    },
    Scenario {
        name: "failover",
        what: "the first target answers 503, the second well",
        needs: Ability::FailOver,
        model: "fails-over",
        ..USUAL
    },
    Scenario {
        name: "hit",
        what: "small JSON that was answered before, 32 at a time",
        needs: Ability::Repeat,
        ..USUAL
    },
    Scenario {
        name: "replay",
        what: "streams of 200 events that were sent before, 16 at a time",
        needs: Ability::Repeat,
        model: "mock-plain",
        stream: true,
        connections: 16,
        ..USUAL
    },
    Scenario {
        name: "ingest",
        what: "OTLP traces, 100 spans a request, 4 at a time",
        needs: Ability::Ingest,
        endpoint: "/v1/traces",
        connections: 4,
        ..USUAL
    },
];

/// The mock provider's answers, by the names that models give after `mock-`.
pub(crate) fn of_the_mock() -> Vec<(&'static str, Answer)> {
    let grouped = |events_per_chunk, answer: Answer| Answer { events_per_chunk, ..answer };
    vec![
        ("json", Answer::text(&"An answer of some length. ".repeat(30))),
        ("burst", grouped(10, Answer::stamped_load(200, EVENT_BYTES, 0))),
        // Without the moment of sending, which says nothing when it is told again.
        ("plain", grouped(10, Answer::load(200, EVENT_BYTES, 0))),
        ("paced", Answer::stamped_load(100, EVENT_BYTES, 10)),
        ("calm", Answer::stamped_load(20, EVENT_BYTES, 5)),
        ("broken", Answer::status(503)),
    ]
}

// === impl Scenario ===

impl Scenario {
    pub(crate) fn suits(&self, gateway: &Gateway) -> bool {
        gateway.can(self.needs)
    }

    pub(crate) fn rounds(&self, wanted: usize) -> usize {
        wanted.min(self.rounds_max)
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        if self.needs == Ability::Ingest {
            return spans();
        }
        chat(self.model, self.stream, self.prompt_bytes)
    }

    /// About how long it takes with so many gateways.
    pub(crate) fn time(&self, gateways: usize, wanted: usize) -> Duration {
        let turn = self.warm_up + self.duration + self.tail * 2 + STORING;
        turn * u32::try_from(gateways * self.rounds(wanted)).unwrap_or(u32::MAX)
    }
}

/// A chat request with a prompt of about so many bytes.
pub(crate) fn chat(model: &str, stream: bool, prompt_bytes: usize) -> Vec<u8> {
    let prompt = "what is the answer? ".repeat(prompt_bytes.div_ceil(20));
    format!(
        r#"{{"model":"{model}","stream":{stream},"max_tokens":500,"messages":[{{"role":"user","content":"{prompt}"}}]}}"#
    )
    .into_bytes()
}

/// An export of a hundred GenAI spans in OTLP's JSON.
fn spans() -> Vec<u8> {
    let attribute = |name: &str, value: &str| {
        format!(r#"{{"key":"{name}","value":{{"stringValue":"{value}"}}}}"#)
    };
    let attributes = [
        attribute("gen_ai.operation.name", "chat"),
        attribute("gen_ai.provider.name", "acme"),
        attribute("gen_ai.request.model", "mock-json"),
        attribute("gen_ai.response.model", "mock-json"),
        attribute("user.id", "ada"),
        attribute("session.id", "s-1"),
        r#"{"key":"gen_ai.usage.input_tokens","value":{"intValue":"120"}}"#.to_owned(),
        r#"{"key":"gen_ai.usage.output_tokens","value":{"intValue":"48"}}"#.to_owned(),
    ]
    .join(",");
    let span = |number: usize| {
        format!(
            r#"{{"traceId":"{:032x}","spanId":"{number:016x}","name":"chat mock-json","kind":3,"startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000001000000000","attributes":[{attributes}]}}"#,
            number / 10 + 1
        )
    };
    let spans: Vec<_> = (1..=100).map(span).collect();
    let resource = attribute("service.name", "bench");
    format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{resource}]}},"scopeSpans":[{{"spans":[{}]}}]}}]}}"#,
        spans.join(",")
    )
    .into_bytes()
}
