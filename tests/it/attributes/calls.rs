//! One call of every kind, through a real gateway: the sources of all attributes, and their absence.

use std::collections::BTreeMap;

use tollgate_mock::{Fault, Piece, Scenario};

use super::receiver::{Receiver, Told};
use crate::client::post;
use crate::harness::{World, trace_id, traceparent};

/// The calls that are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Case {
    /// Everything that a caller and a provider can say, through a function, in one piece.
    Full,
    /// The same as a stream, passed through.
    Stream,
    /// Written to the prompt cache; Anthropic's words.
    Cached,
    /// The least that a caller and a provider can say.
    Bare,
    /// All of it there, and empty or `null`.
    Blank,
    /// A tool call without content capture, and no headers.
    Quiet,
    /// The first target failed, the second answered.
    FailedOver,
    /// The provider refused.
    Failed,
    /// The provider said nothing in time.
    Late,
    /// The provider hung up.
    Reset,
    /// Refused by the gateway.
    Refused,
    /// The caller declared a retrieval.
    Retrieval,
    /// The caller declared a step of an agent.
    Invoked,
    /// The caller declared a new agent.
    Created,
    /// Operations with nothing said of them.
    Tool0,
    Retrieval0,
    Invoked0,
    Created0,
    /// A provider with two spellings.
    Xai,
    /// A guardrail found something in the request.
    Guarded,
}

pub(super) const SECTIONS: &str = r#"
providers:
  openai:    { base_url: "{mock}/v1", models: [gpt-4o, gpt-4o-mini], auth_type: none }
  anthropic: { base_url: "{mock}/v1", models: [claude-sonnet-4-6], dialect: messages, auth_type: none }
  xai:       { base_url: "{mock}/v1", models: [grok-4], auth_type: none }
  first:     { base_url: "{mock}/@first/v1", models: [broken], auth_type: none }
  silent:    { base_url: "{mock}/@silent/v1", models: [never], auth_type: none }
  hangup:    { base_url: "{mock}/@hangup/v1", models: [gone], auth_type: none }
targets:
  primary:   { model: broken, provider: first, timeout_ms: 300 }
  secondary: { model: gpt-4o, provider: openai }
  slow:      { model: never, timeout_ms: 100 }
routes:
  resilient: { models: [resilient], strategy: fallback, targets: [primary, secondary], retry: { max_retries: 0 } }
  late:      { models: [late], strategy: single, targets: [slow], retry: { max_retries: 0 } }
functions:
  summarize: { strategy: experiment, variants: { fast: { model: gpt-4o-mini, weight: 7 } } }
security: { enabled: true }
pricing: { grok-4: { input: 2.0, output: 4.0 } }
"#;

const SAMPLING: &str = r#""temperature":0.5,"max_tokens":99,"top_p":0.25,"frequency_penalty":-0.5,"presence_penalty":1.5,"seed":7,"top_k":40,"n":1,"stop":["\n\n","END"]"#;
const TOOLS: &str = r#"[{"type":"function","function":{"name":"weather"}}]"#;
const HI: &str = r#"[{"role":"user","content":"hi"}]"#;
/// What Anthropic says of a prompt that it put aside.
const CACHED: &str = r#"{"id":"msg_7","type":"message","role":"assistant","model":"claude-sonnet-4-6-20260101","content":[{"type":"text","text":"Yes."}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":5,"cache_creation_input_tokens":30,"cache_read_input_tokens":60,"cache_creation":{"ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":10}}}"#;

/// Reasoning that is no part of the completion, as the total tells.
const APART: &str = r#"{"id":"x","object":"chat.completion","model":"grok-4","choices":[{"index":0,"message":{"role":"assistant","content":"Yes."},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":18,"completion_tokens_details":{"reasoning_tokens":3}}}"#;
const NULLS: &str = r#""temperature":null,"max_tokens":null,"top_p":null,"frequency_penalty":null,"presence_penalty":null,"seed":null,"top_k":null,"n":null,"stop":[ ],"user":"","tools":null,"system":null,"#;
const BLANK: &str = r#"{"id":"","object":"chat.completion","model":"","choices":[{"index":0,"message":{"role":"assistant","content":"","tool_calls":[{"id":"","type":"function","function":{"name":"","arguments":""}}]},"finish_reason":""}],"usage":{}}"#;

const SESSION: [&str; 8] = [
    "x-to11-prompt-id: p-1",
    "x-to11-prompt-version: 3",
    "x-to11-prompt-label: production",
    "x-to11-prompt-slug: greeting",
    "x-to11-user-id: ada",
    "x-to11-session-id: s-1",
    "x-to11-conversation-id: c-1",
    "x-to11-env: staging",
];
const TOOL_RUN: [&str; 4] = [
    "x-to11-context-operation: execute_tool",
    "x-to11-context-tool-name: web_search",
    "x-to11-context-tool-call-id: call_abc123",
    "x-to11-context-tool-duration-ms: 250",
];
const LOOKED_UP: [&str; 4] = [
    "x-to11-context-operation: retrieval",
    "x-to11-context-retrieval-source: pinecone",
    "x-to11-context-retrieval-document-count: 5",
    "x-to11-context-retrieval-duration-ms: 40",
];
const STEP: [&str; 4] = [
    "x-to11-context-operation: invoke_agent",
    "x-to11-context-agent-id: agent-001",
    "x-to11-context-agent-name: planner",
    "x-to11-context-agent-step: 0",
];
const MADE: [&str; 4] = [
    "x-to11-context-operation: create_agent",
    "x-to11-context-agent-id: agent-002",
    "x-to11-context-agent-name: writer",
    "x-to11-context-agent-description: writes it down",
];

/// An answer of this body, whatever was asked.
pub(super) fn body(body: &str) -> Scenario {
    Scenario::fault(Fault::Status {
        code: 200,
        body: Some(body.to_owned()),
        headers: BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]),
    })
}

fn rich() -> Scenario {
    let mut scenario = Scenario {
        content: vec![
            Piece::reasoning("I think so."),
            Piece::text("I will look now."),
            Piece::tool("weather", r#"{"city":"Paris"}"#),
        ],
        model: Some("gpt-4o-mini-2024-07-18".to_owned()),
        first_delay_ms: 20,
        gap_ms: 3,
        ..Scenario::default()
    };
    scenario.usage = scenario.usage.map(|usage| tollgate_mock::Tokens {
        input: 50,
        output: Some(20),
        cached: 40,
        reasoning: Some(3),
        ..usage
    });
    scenario
}

const CHAT: &str = "/v1/chat/completions";
const MINI: &str = "gpt-4o-mini";

/// One call to make.
struct Ask {
    case: Case,
    captured: bool,
    /// What the provider answers; its usual greeting without this.
    scenario: Option<Scenario>,
    headers: Vec<&'static str>,
    path: &'static str,
    body: String,
}

fn ask(case: Case, model: &str, more: &str) -> Ask {
    let body = format!(r#"{{"model":"{model}",{more}"messages":{HI}}}"#);
    Ask { case, captured: false, scenario: None, headers: Vec::new(), path: CHAT, body }
}

impl Ask {
    fn answered(self, scenario: Scenario) -> Self {
        Self { scenario: Some(scenario), ..self }
    }

    fn captured(self) -> Self {
        Self { captured: true, ..self }
    }
}

fn asks() -> Vec<Ask> {
    let full = format!(r#"{SAMPLING},"tools":{TOOLS},"#);
    let stream = r#""stream":true,"user":"body-user","#;
    let cached = r#""max_tokens":9,"system":"Be brief.","#;
    let nothing = r#"{"object":"chat.completion","choices":[]}"#;
    let mut asks = vec![
        Ask {
            headers: [&SESSION[..], &TOOL_RUN].concat(),
            ..ask(Case::Full, "summarize", &full).answered(rich()).captured()
        },
        ask(Case::Stream, MINI, stream).answered(rich()).captured(),
        Ask {
            path: "/v1/messages",
            ..ask(Case::Cached, "claude-sonnet-4-6", cached).answered(body(CACHED)).captured()
        },
        ask(Case::Bare, MINI, "").answered(body(nothing)),
        Ask {
            headers: vec![
                "x-to11-user-id:",
                "x-to11-session-id: ",
                "x-to11-env:",
                "x-conversation-id:",
            ],
            ..ask(Case::Blank, MINI, NULLS).answered(body(BLANK)).captured()
        },
        ask(Case::Quiet, MINI, "").answered(rich()),
        ask(Case::FailedOver, "resilient", ""),
        ask(Case::Failed, MINI, "").answered(Scenario::status(429)),
        ask(Case::Late, "late", ""),
        ask(Case::Reset, "gone", ""),
        ask(Case::Refused, "nobody-knows", ""),
        ask(Case::Xai, "grok-4", "").answered(body(APART)),
        ask(Case::Guarded, MINI, r#""user":"ada@example.com","#),
    ];
    for (said, silent, headers) in [
        (None, Case::Tool0, TOOL_RUN),
        (Some(Case::Retrieval), Case::Retrieval0, LOOKED_UP),
        (Some(Case::Invoked), Case::Invoked0, STEP),
        (Some(Case::Created), Case::Created0, MADE),
    ] {
        asks.extend(said.map(|case| Ask { headers: headers.to_vec(), ..ask(case, MINI, "") }));
        asks.push(Ask { headers: headers[..1].to_vec(), ..ask(silent, MINI, "") });
    }
    asks
}

/// Each call with what was told of it.
pub(super) fn make_all() -> BTreeMap<Case, Told> {
    let receiver = Receiver::start();
    let world = |capture| World::new(&format!("{SECTIONS}{}", receiver.sections(capture)));
    let (captured, plain) = (world(true), world(false));
    plain.mock.set("first", Scenario::status(503));
    plain.mock.set("silent", Scenario::fault(Fault::HangHead));
    plain.mock.set("hangup", Scenario::fault(Fault::Reset));
    let mut sent = Vec::new();
    for Ask { case, captured: capture, scenario, headers, path, body } in asks() {
        let world = if capture { &captured } else { &plain };
        if let Some(scenario) = scenario {
            world.mock.push("/v1/", scenario);
        }
        let trace = trace_id();
        let parent = traceparent(&trace);
        let headers = [&[&*parent, "user-agent: table/1"], &headers[..]].concat();
        let answer = post(world.gateway, path, &headers, &body);
        let fails = [Case::Failed, Case::Late, Case::Reset, Case::Refused].contains(&case);
        assert_eq!(answer.status != 200, fails, "{case:?}: {}", answer.text());
        sent.push((case, world, trace));
    }
    sent.iter().map(|(case, world, trace)| (*case, receiver.told(world, trace))).collect()
}
