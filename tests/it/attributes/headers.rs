//! Context headers through a whole gateway: which spelling wins, where values are cut, and what is
//! passed over in silence.

use opentelemetry_proto::tonic::trace::v1::Span;
use tollgate_filters::request::{CONTEXT_HEADERS, CONTEXT_VALUE_CHARS_MAX, HeaderRole};
use tollgate_telemetry::genai::attributes::On;

use super::receiver::{Receiver, Told, is_text_of};
use crate::client::{exchange, request};
use crate::harness::{World, trace_id, traceparent};

const SECTIONS: &str =
    "providers: { openai: { base_url: \"{mock}/v1\", models: [gpt-4o], auth_type: none } }\n";
const BODY: &str =
    r#"{"model":"gpt-4o","user":"body","messages":[{"role":"user","content":"hi"}]}"#;
const PICTURE: &str = r#"{"model":"gpt-4o","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:,"}}]}]}"#;

/// A gateway, what it tells, and requests that were sent and not looked at yet.
struct Asked {
    world: World,
    receiver: Receiver,
}

type Header<'a> = (&'a str, &'a [u8]);

impl Asked {
    fn new() -> Self {
        let receiver = Receiver::start();
        let world = World::new(&format!("{SECTIONS}{}", receiver.sections(false)));
        Self { world, receiver }
    }

    /// Sends a chat request with these headers, byte by byte, and says its trace.
    fn send(&self, headers: &[Header<'_>], body: &str) -> String {
        let trace = trace_id();
        let whole =
            request("POST", "/v1/chat/completions", &[&traceparent(&trace)], body.as_bytes());
        let line = whole.windows(2).position(|two| two == b"\r\n").unwrap() + 2;
        let mut bytes = whole[..line].to_vec();
        for (name, value) in headers {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        bytes.extend(&whole[line..]);
        let answer = exchange(self.world.gateway, &bytes);
        assert_eq!(answer.status, 200, "{headers:?}: {}", answer.text());
        trace
    }

    fn told(&self, trace: &str) -> Told {
        self.receiver.told(&self.world, trace)
    }
}

/// Whether an attribute says this, over OTLP and in the store.
fn assert_says(told: &Told, on: On, name: &str, expected: Option<&str>, what: &str) {
    let value = told.value(on, name);
    match (&value, expected) {
        (Some(value), Some(expected)) => {
            assert!(is_text_of(value, expected), "{what}: {name} is {value:?}, not {expected:?}");
        }
        (None, None) => {}
        _ => panic!("{what}: {name} is {value:?}, not {expected:?}"),
    }
    let row = told.row(on).map(|row| &row.attributes);
    let stored = row.and_then(|all| all.iter().find(|(known, _)| known == name));
    assert_eq!(stored.map(|(_, text)| text.as_str()), expected, "{what}: {name} in the store");
}

#[test]
fn each_session_header_is_an_attribute_and_the_newer_spelling_wins() {
    let asked = Asked::new();
    let mut sent = Vec::new();
    for header in CONTEXT_HEADERS.iter().filter(|it| it.role == HeaderRole::Session) {
        // Without a header, a user may be known from the body.
        let none = (header.attribute == Some("gen_ai.user.id")).then_some("body");
        let mut cases: Vec<(Vec<Header<'_>>, Option<&str>)> = vec![
            (vec![(header.name, b"new")], Some("new")),
            (vec![(header.name, b"  spaced out\t ")], Some("spaced out")),
            (vec![], none),
            (vec![(header.name, b"")], none),
            (vec![(header.name, b"  ")], none),
            (vec![(header.name, b"\xff\xfe")], none),
            (vec![(header.name, b"a\tb")], none),
            (vec![("x-to11-nobody-knows", b"x")], none),
        ];
        if let Some(older) = header.older {
            cases.push((vec![(older, b"old")], Some("old")));
            cases.push((vec![(older, b"old"), (header.name, b"new")], Some("new")));
            cases.push((vec![(header.name, b"new"), (older, b"old")], Some("new")));
            cases.push((vec![(header.name, b""), (older, b"old")], Some("old")));
            cases.push((vec![(header.name, b"\xff"), (older, b"old")], Some("old")));
        }
        for (headers, expected) in cases {
            let trace = asked.send(&headers, BODY);
            sent.push((header.attribute.unwrap(), expected, trace, format!("{headers:?}")));
        }
    }
    for (name, expected, trace, what) in sent {
        assert_says(&asked.told(&trace), On::Call, name, expected, &what);
    }
}

/// The operation whose span has what the header says.
fn operation_of(role: HeaderRole) -> Option<&'static str> {
    match role {
        HeaderRole::Says(of) => of.first().map(|operation| operation.name()),
        _ => None,
    }
}

#[test]
fn every_value_is_cut_after_256_characters_of_any_width() {
    let asked = Asked::new();
    let mut sent = Vec::new();
    let headers = CONTEXT_HEADERS
        .iter()
        .filter(|it| it.role == HeaderRole::Session || operation_of(it.role).is_some());
    for header in headers {
        for wide in ["x", "\u{e9}", "\u{6f22}", "\u{1f600}"] {
            let kept = wide.repeat(CONTEXT_VALUE_CHARS_MAX);
            let above = wide.repeat(CONTEXT_VALUE_CHARS_MAX + 1);
            for text in [&kept, &above] {
                let mut all: Vec<Header<'_>> = vec![(header.name, text.as_bytes())];
                if let Some(operation) = operation_of(header.role) {
                    all.push(("x-to11-context-operation", operation.as_bytes()));
                }
                sent.push((header, kept.clone(), asked.send(&all, BODY)));
            }
        }
    }
    for (header, kept, trace) in sent {
        let on = if header.role == HeaderRole::Session { On::Call } else { On::Operation };
        let told = asked.told(&trace);
        assert_says(&told, on, header.attribute.unwrap(), Some(&kept), header.name);
    }
}

#[test]
fn the_operation_header_beats_what_was_detected_and_other_values_are_passed_over() {
    let asked = Asked::new();
    let mut sent = Vec::new();
    for (value, body, expected) in [
        (None, BODY, "chat"),
        (None, PICTURE, "generate_content"),
        (Some("chat"), PICTURE, "chat"),
        (Some("generate_content"), BODY, "generate_content"),
        (Some("embeddings"), BODY, "chat"),
        (Some("embeddings"), PICTURE, "generate_content"),
        (Some("CHAT"), PICTURE, "generate_content"),
        (Some(""), PICTURE, "generate_content"),
        (Some("execute_tool"), BODY, "chat"),
    ] {
        let headers: Vec<Header<'_>> =
            value.iter().map(|value| ("x-to11-operation", value.as_bytes())).collect();
        sent.push((asked.send(&headers, body), expected, format!("{value:?} {body}")));
    }
    for (trace, expected, what) in sent {
        let told = asked.told(&trace);
        assert_says(&told, On::Call, "gen_ai.operation.name", Some(expected), &what);
        assert_eq!(told.span(On::Call).unwrap().name, format!("{expected} gpt-4o"), "{what}");
        assert!(told.span(On::Operation).is_none(), "{what}: nothing was declared");
    }
}

#[test]
fn declared_work_has_a_span_beside_the_call_whatever_else_is_said_of_it() {
    let asked = Asked::new();
    let mut sent = Vec::new();
    for (operation, subject) in [
        ("execute_tool", "x-to11-context-tool-name"),
        ("retrieval", "x-to11-context-retrieval-source"),
        ("invoke_agent", "x-to11-context-agent-name"),
        ("create_agent", "x-to11-context-agent-name"),
    ] {
        let declared: Header<'_> = ("x-to11-context-operation", operation.as_bytes());
        sent.push((asked.send(&[declared], BODY), Some(operation.to_owned())));
        let named = format!("{operation} it");
        sent.push((asked.send(&[declared, (subject, b"it")], BODY), Some(named)));
        sent.push((asked.send(&[(subject, b"it")], BODY), None));
    }
    for value in ["dance", "", "Retrieval", "chat", "retrieval,execute_tool"] {
        let declared = ("x-to11-context-operation", value.as_bytes());
        sent.push((asked.send(&[declared, ("x-to11-context-tool-name", b"it")], BODY), None));
    }
    for (trace, expected) in sent {
        let told = asked.told(&trace);
        let work = told.span(On::Operation);
        assert_eq!(work.map(|span| &span.name), expected.as_ref());
        let Some(work) = work else { continue };
        let call = told.span(On::Call).unwrap();
        assert_eq!(work.parent_span_id, call.parent_span_id, "siblings: {}", work.name);
        assert_eq!(work.parent_span_id, told.span(On::Http).unwrap().span_id);
    }
}

#[test]
fn what_is_said_of_other_work_than_the_declared_one_is_passed_over() {
    let asked = Asked::new();
    let says = CONTEXT_HEADERS.iter().filter(|it| operation_of(it.role).is_some());
    let all: Vec<Header<'_>> = says.clone().map(|it| (it.name, &b"said"[..])).collect();
    let operations = ["execute_tool", "retrieval", "invoke_agent", "create_agent"];
    let sent = operations.map(|operation| {
        let declared = ("x-to11-context-operation", operation.as_bytes());
        (operation, asked.send(&[&all[..], &[declared]].concat(), BODY))
    });
    for (operation, trace) in sent {
        let told = asked.told(&trace);
        for header in says.clone() {
            let HeaderRole::Says(of) = header.role else { continue };
            let own = of.iter().any(|it| it.name() == operation).then_some("said");
            assert_says(&told, On::Operation, header.attribute.unwrap(), own, operation);
        }
    }
}

#[test]
fn a_duration_is_whole_milliseconds_up_to_a_day_and_anything_else_is_none() {
    let asked = Asked::new();
    let mut sent = Vec::new();
    for (operation, header) in [
        ("execute_tool", "x-to11-context-tool-duration-ms"),
        ("retrieval", "x-to11-context-retrieval-duration-ms"),
    ] {
        for (value, ms) in [
            ("0", 0),
            ("1", 1),
            ("250", 250),
            (" 250 ", 250),
            ("86400000", 86_400_000),
            ("86400001", 0),
            ("18446744073709551616", 0),
            ("", 0),
            ("-1", 0),
            ("+5", 0),
            ("1.5", 0),
            ("1e3", 0),
            ("0x10", 0),
            ("soon", 0),
        ] {
            let headers: [Header<'_>; 2] =
                [("x-to11-context-operation", operation.as_bytes()), (header, value.as_bytes())];
            sent.push((asked.send(&headers, BODY), ms, format!("{header}: {value:?}")));
        }
    }
    let length = |span: &Span| span.end_time_unix_nano - span.start_time_unix_nano;
    for (trace, ms, what) in sent {
        let told = asked.told(&trace);
        let work = told.span(On::Operation).unwrap_or_else(|| panic!("{what}: no span"));
        assert_eq!(length(work), ms * 1_000_000, "{what}");
        let http = told.span(On::Http).unwrap();
        assert_eq!(work.end_time_unix_nano, http.start_time_unix_nano, "{what}: it came before");
    }
}
