//! W3C Trace Context: from the caller, upstream, and back.

use tollgate_mock::Received;
use tollgate_telemetry::genai::attributes::On;

use super::receiver::{Receiver, hex};
use crate::client::post;
use crate::harness::{World, trace_id};

const SECTIONS: &str =
    "providers: { openai: { base_url: \"{mock}/v1\", models: [gpt-4o], auth_type: none } }\n";
const BODY: &str = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}"#;
const PARENT: &str = "00f067aa0ba902b7";

/// A request that was answered, and not looked at yet.
struct Sent {
    headers: Vec<String>,
    /// `traceparent` of the answer.
    back: String,
    upstream: Received,
}

/// What came of the headers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    trace: String,
    flags: String,
    state: Option<String>,
    parent: String,
}

fn send(world: &World, headers: Vec<String>) -> Sent {
    let lines: Vec<&str> = headers.iter().map(String::as_str).collect();
    let answer = post(world.gateway, "/v1/chat/completions", &lines, BODY);
    assert_eq!(answer.status, 200, "{headers:?}");
    let back = answer.header("traceparent").expect("every answer has it").to_owned();
    Sent { headers, back, upstream: world.upstream().pop().unwrap() }
}

/// Checks that upstream, answer and spans agree with one another.
fn look(world: &World, receiver: &Receiver, sent: &Sent) -> Seen {
    let [version, trace, span, flags] = sent.back.split('-').collect::<Vec<_>>()[..] else {
        panic!("{}", sent.back)
    };
    assert_eq!(version, "00");
    let told = receiver.told(world, trace);
    let (http, call) = (told.span(On::Http).unwrap(), told.span(On::Call).unwrap());
    assert_eq!(span, hex(&http.span_id), "the answer names the HTTP span");
    assert_eq!(call.parent_span_id, http.span_id);
    let of = |wanted: &str| {
        let found = sent.upstream.headers.iter().filter(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    let expected = format!("00-{trace}-{}-{flags}", hex(&call.span_id));
    assert_eq!(of("traceparent"), [expected], "upstream's parent is the model call's span");
    let state = of("tracestate");
    assert!(state.len() <= 1, "{state:?}");
    assert_eq!(told.rows[0].trace_state, state.concat(), "in the store");
    assert_eq!(call.trace_state, state.concat(), "over OTLP");
    Seen {
        trace: trace.to_owned(),
        flags: flags.to_owned(),
        state: state.first().cloned(),
        parent: hex(&http.parent_span_id),
    }
}

fn world() -> (Receiver, World) {
    let receiver = Receiver::start();
    let world = World::new(&format!("{SECTIONS}{}", receiver.sections(false)));
    (receiver, world)
}

#[test]
fn a_valid_parent_is_joined_with_its_flag_and_its_state() {
    let (receiver, world) = world();
    // 512 and 513 bytes; one member's value may have 256.
    let long = format!("a={},b={}", "x".repeat(253), "x".repeat(254));
    let longer = format!("{long}x");
    let mut all = Vec::new();
    for (version, rest, states, flags, state) in [
        ("00", "01", &[][..], "01", None),
        ("00", "00", &[], "00", None),
        ("00", "01", &["rojo=1,congo=t61"], "01", Some("rojo=1,congo=t61")),
        ("00", "00", &["rojo=1"], "00", Some("rojo=1")),
        ("00", "03", &[], "01", None),
        ("01", "01-what-comes-later", &["a=1"], "01", Some("a=1")),
        ("fe", "00", &[], "00", None),
        ("00", "01", &["a=1", "b=2"], "01", Some("a=1,b=2")),
        ("00", "01", &[long.as_str()], "01", Some(long.as_str())),
        ("00", "01", &[longer.as_str()], "01", None),
        ("00", "01", &["a=\u{e9}"], "01", None),
        ("00", "01", &[""], "01", None),
    ] {
        let trace = trace_id();
        let mut headers = vec![format!("traceparent: {version}-{trace}-{PARENT}-{rest}")];
        headers.extend(states.iter().map(|state| format!("tracestate: {state}")));
        let expected = Seen {
            trace,
            flags: flags.to_owned(),
            state: state.map(str::to_owned),
            parent: PARENT.to_owned(),
        };
        all.push((send(&world, headers), expected));
    }
    for (sent, expected) in all {
        assert_eq!(look(&world, &receiver, &sent), expected, "{:?}", sent.headers);
    }
}

#[test]
fn an_invalid_parent_begins_a_new_trace_without_the_old_state() {
    let (receiver, world) = world();
    let (trace, zero) = (trace_id(), "0".repeat(32));
    let mut all = Vec::new();
    for parents in [
        vec![],
        vec![format!("ff-{trace}-{PARENT}-01")],
        vec![format!("00-{zero}-{PARENT}-01")],
        vec![format!("00-{trace}-0000000000000000-01")],
        vec![format!("00-{trace}-{PARENT}")],
        vec![format!("00-{trace}-{PARENT}-01-more")],
        vec![format!("00-{}-{PARENT}-01", trace.to_uppercase().replace(char::is_numeric, "A"))],
        vec![format!("00-{trace}-{PARENT}-1")],
        vec![format!("00-{trace}0-{PARENT}-01")],
        vec!["garbage".to_owned()],
        vec![String::new()],
        vec![format!("00-{trace}-{PARENT}-01"), format!("00-{trace}-{PARENT}-00")],
    ] {
        let mut headers: Vec<String> =
            parents.iter().map(|parent| format!("traceparent: {parent}")).collect();
        headers.push("tracestate: a=1".to_owned());
        all.push(send(&world, headers));
    }
    for sent in all {
        let seen = look(&world, &receiver, &sent);
        assert_ne!(seen.trace, trace, "{:?}", sent.headers);
        let expected =
            Seen { flags: "01".to_owned(), state: None, parent: String::new(), ..seen.clone() };
        assert_eq!(seen, expected, "{:?}: it begins here", sent.headers);
    }
}

#[test]
fn refusals_and_answers_of_our_own_name_the_trace_too() {
    let (_receiver, world) = world();
    for (path, body) in [
        ("/v1/chat/completions", r#"{"model":"nobody-knows"}"#),
        ("/v1/chat/completions", "no json"),
        ("/v1/nothing", "{}"),
    ] {
        let trace = trace_id();
        let header = format!("traceparent: 00-{trace}-{PARENT}-00");
        let answer = post(world.gateway, path, &[&header], body);
        let back = answer.header("traceparent").unwrap_or_else(|| panic!("{path}"));
        assert!(back.starts_with(&format!("00-{trace}-")) && back.ends_with("-00"), "{back}");
    }
}
