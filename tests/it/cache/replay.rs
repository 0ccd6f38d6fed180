//! A cached stream is a stream: the same bytes, in pieces, at the pace that was asked for, no faster
//! than it is read, and over when its caller is gone.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use tollgate_mock::{Piece, Scenario};

use super::{CHAT, MESSAGES, RESPONSES, ask, ask_until_hit, body, calls, said, world};
use crate::client::{Answer, connect, leave_after, request};
use crate::harness::{at_best, attribute, trace_id, traceparent, until};

fn talkative() -> Scenario {
    let content = vec![
        Piece::Reasoning("Let me think.".into()),
        Piece::text("It is warm, and it will stay so."),
        Piece::tool("weather", r#"{"city":"Rome"}"#),
        Piece::tool("time", r#"{"zone":"CET"}"#),
    ];
    Scenario { content, unique: true, ..Scenario::default() }
}

const STREAM: &str = r#""stream":true,"#;
const WITH_USAGE: &str = r#""stream":true,"stream_options":{"include_usage":true},"#;

#[test]
fn a_stream_is_told_again_byte_for_byte_in_every_dialect() {
    let world = world("streams: true");
    world.mock.set("usual", talkative());
    for (path, model, more) in [
        (CHAT, "gpt-4o", STREAM),
        (CHAT, "gpt-4o", WITH_USAGE),
        (CHAT, "foreign", STREAM),
        (CHAT, "foreign", WITH_USAGE),
        (MESSAGES, "claude-sonnet-4-6", STREAM),
        (MESSAGES, "gpt-4o", STREAM),
        (RESPONSES, "gpt-4o", r#""stream":true,"input":"hi","#),
    ] {
        let before = calls(&world);
        let body = body(model, more);
        let (first, _) = ask(&world, path, &body, &[]);
        assert_eq!(said(&first), (200, Some("miss")), "{}", first.text());
        let (again, _) = ask_until_hit(&world, path, &body);
        assert_eq!(again.text(), first.text(), "{path} {model}");
        assert_eq!(again.header("content-type"), first.header("content-type"));
        assert_eq!(again.header("transfer-encoding"), Some("chunked"));
        assert!(again.complete);
        assert_eq!(calls(&world), before + 1, "{path} {model}");
    }
}

#[test]
fn a_stream_and_a_plain_answer_to_the_same_request_are_two() {
    let world = world("streams: true");
    ask(&world, CHAT, &body("gpt-4o", STREAM), &[]);
    ask_until_hit(&world, CHAT, &body("gpt-4o", STREAM));
    let (plain, _) = ask(&world, CHAT, &body("gpt-4o", ""), &[]);
    assert_eq!(said(&plain), (200, Some("miss")));
    assert_eq!(plain.json()["object"], "chat.completion");
}

#[test]
fn the_span_of_a_stream_told_again_has_usage_tool_calls_and_the_times_of_the_telling() {
    let world = world("streams: true");
    world.mock.set("usual", Scenario { gap_ms: 150, ..talkative() });
    let body = body("gpt-4o", STREAM);
    let (_, miss) = ask(&world, CHAT, &body, &[]);
    let (_, hit) = ask_until_hit(&world, CHAT, &body);
    let names = |trace: &str| {
        let mut names: Vec<_> = world.spans(trace).into_iter().map(|span| span.name).collect();
        names.sort();
        names
    };
    assert_eq!(names(&hit), names(&miss));
    assert!(names(&hit).contains(&"tool_call.weather".to_owned()), "{:?}", names(&hit));
    let (miss, hit) = (world.genai(&miss), world.genai(&hit));
    for name in ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.response.id"] {
        // The caller did not ask for usage, and so the bytes that are told again have none.
        assert_eq!(attribute(&hit, name), attribute(&miss, name), "{name}");
        assert!(attribute(&hit, name).is_some(), "{name}");
    }
    let seconds = |span, name| attribute(span, name).unwrap().parse::<f64>().unwrap();
    let last = "gen_ai.server.request.duration";
    let (told, told_again) = (seconds(&miss, last), seconds(&hit, last));
    assert!(told > 1.0 && told_again < told / 2.0, "{told} s, and {told_again} s from the cache");
    assert!(attribute(&hit, "gen_ai.server.time_to_first_token").is_some());
    assert_eq!(attribute(&hit, "gateway.outcome"), Some("cached"));
}

#[test]
fn a_stream_is_told_at_the_pace_it_had_where_that_is_asked_for() {
    let scenario =
        Scenario { gap_ms: 150, first_delay_ms: 200, ..Scenario::text("a b c d e f g h") };
    let spread = |answer: &Answer| *answer.arrivals.last().unwrap() - answer.arrivals[0];
    for (cache, slow) in [("replay: paced", true), ("replay: at_once", false)] {
        let world = world(&format!("streams: true, {cache}"));
        world.mock.push("/", scenario.clone());
        let body = body("gpt-4o", STREAM);
        let (first, _) = ask(&world, CHAT, &body, &[]);
        let wanted = spread(&first);
        ask_until_hit(&world, CHAT, &body);
        let tell = || {
            let began = Instant::now();
            let (again, _) = ask(&world, CHAT, &body, &[]);
            assert_eq!((said(&again), again.text()), ((200, Some("hit")), first.text()));
            (spread(&again), again.arrivals.len(), began.elapsed())
        };
        let is_good = |(spread, pieces, took): &(Duration, usize, Duration)| {
            let paced = *spread > wanted / 2 && *spread < wanted * 2 && *pieces > 4;
            if slow { paced } else { *took < Duration::from_millis(200) }
        };
        at_best(&format!("{cache}, for {wanted:?}"), tell, is_good);
    }
}

#[test]
fn a_paced_telling_ends_when_its_caller_leaves() {
    let world = world("streams: true, replay: paced");
    world.mock.push("/", Scenario { gap_ms: 500, ..Scenario::text("a b c d e f g h i j k l") });
    let body = body("gpt-4o", STREAM);
    let (_, first) = ask(&world, CHAT, &body, &[]);
    world.spans(&first);
    let trace = trace_id();
    let bytes = request("POST", CHAT, &[&traceparent(&trace)], body.as_bytes());
    let (answer, left) = leave_after(world.gateway, &bytes, 2);
    assert_eq!(said(&answer), (200, Some("hit")));
    let span = world.genai(&trace);
    // The whole telling takes six seconds.
    assert!(left.elapsed() < Duration::from_millis(3_500), "{:?}", left.elapsed());
    assert_eq!(attribute(&span, "gateway.outcome"), Some("cancelled"));
    assert_eq!(attribute(&span, "gen_ai.cache.status"), Some("hit"));
    world.until_idle();
    ask_until_hit(&world, CHAT, &body);
}

#[test]
fn a_caller_that_does_not_read_holds_its_place_and_gets_all_of_it_later() {
    let size = 24 << 20;
    let world = world(&format!("streams: true, max_entry_bytes: {}", 2 * size));
    // More than all socket buffers between the two.
    world.mock.push("/", Scenario::load(size / 65_536, 65_536, 0));
    let body = body("gpt-4o", STREAM);
    let (first, trace) = ask(&world, CHAT, &body, &[]);
    assert!(first.body.len() >= size - size / 100, "{} {}", first.status, first.body.len());
    world.spans(&trace);
    world.until_idle();
    let mut slow = connect(world.gateway);
    slow.write_all(&request("POST", CHAT, &[], body.as_bytes())).unwrap();
    until("it is being told", || world.running().in_flight() == 1);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(world.running().in_flight(), 1, "it is not through yet");
    let mut all = Vec::new();
    let mut piece = vec![0; 1 << 20];
    while !all.ends_with(b"\r\n0\r\n\r\n") {
        let read = slow.read(&mut piece).unwrap();
        assert_ne!(read, 0, "it broke off after {} bytes", all.len());
        all.extend_from_slice(&piece[..read]);
    }
    assert!(all.len() >= first.body.len());
}

#[test]
fn content_of_an_answer_told_again_is_captured_where_it_is_asked_for() {
    let text = super::sections("streams: true")
        + "genai_telemetry: { capture_content: true, redact: [email] }\n";
    let world = crate::harness::World::new(&text);
    world.mock.set("usual", Scenario::text("Write to a@example.com today."));
    for more in ["", STREAM] {
        let body = body("gpt-4o", more);
        let (_, miss) = ask(&world, CHAT, &body, &[]);
        let (_, hit) = ask_until_hit(&world, CHAT, &body);
        let (miss, hit) = (world.genai(&miss), world.genai(&hit));
        for name in ["gen_ai.input.messages", "gen_ai.output.messages"] {
            assert_eq!(attribute(&hit, name), attribute(&miss, name), "{name} {more}");
            assert!(attribute(&hit, name).is_some_and(|it| !it.contains("a@example")), "{name}");
        }
    }
}

#[test]
fn an_answer_is_told_again_over_http_2_and_over_a_connection_that_goes_on() {
    let world = world("streams: true");
    for more in ["", STREAM] {
        let body = body("gpt-4o", more);
        let (first, _) = ask(&world, CHAT, &body, &[]);
        ask_until_hit(&world, CHAT, &body);
        let mut one = connect(world.gateway);
        for _ in 0..3 {
            one.write_all(&request("POST", CHAT, &[], body.as_bytes())).unwrap();
            let answer = crate::client::read(&mut one, usize::MAX).unwrap();
            assert_eq!(said(&answer), (200, Some("hit")));
            assert_eq!(answer.text(), first.text());
            assert!(answer.complete);
        }
        world.block_on(async {
            let mut two = crate::http2::Connection::open(world.gateway).await;
            for _ in 0..3 {
                let answer = two.post(CHAT, &[], body.as_bytes()).await;
                assert_eq!(said(&answer), (200, Some("hit")));
                assert_eq!(answer.text(), first.text());
                assert!(answer.complete);
            }
        });
    }
    assert_eq!(calls(&world), 2);
}
