//! Answers in another dialect than the upstream's.

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use tokio::time::Instant;
use tollgate_providers::error_body::ErrorBody;
use tollgate_providers::translate::{ANSWER_BYTES_MAX, Reply};
use tollgate_providers::{Dialect, ErrorClass};

use crate::response::{Body, Flow, Pipeline, Settings, Translation};

const MESSAGES: [&str; 6] = [
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"b\",\"model\":\"c\",\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"hé\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":9}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
];
const PLAIN: &str = r#"{"id":"b","model":"c","type":"message","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":9}}"#;

fn pipeline(body: Body, status: u16, stream: bool, hold: bool) -> Pipeline {
    let reply = Reply {
        request_id: "req".to_owned(),
        model: "asked".to_owned(),
        created: 1,
        include_usage: true,
    };
    Pipeline::new(
        body,
        Settings {
            status: StatusCode::from_u16(status).unwrap(),
            swallow_usage: false,
            hold,
            content_bytes_max: 1_000,
            started: Instant::now(),
            translation: Some(Translation { caller: Dialect::Chat, stream, reply }),
            secret: None,
            guard: None,
            encoded: false,
        },
    )
}

fn feed(pipeline: &mut Pipeline, chunk: &str) -> Flow {
    pipeline.on_chunk(Bytes::copy_from_slice(chunk.as_bytes()), Instant::now())
}

fn text(flow: Flow) -> String {
    match flow {
        Flow::Forward(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        failed => panic!("{failed:?}"),
    }
}

#[test]
fn each_event_is_said_anew_as_it_arrives_and_the_span_tells_of_the_upstream() {
    let mut all = String::new();
    let mut pipeline = pipeline(Body::Stream(Dialect::Messages), 200, true, false);
    for (at, event) in MESSAGES.iter().enumerate() {
        let said = text(feed(&mut pipeline, event));
        assert_eq!(said.contains("hé"), at == 2, "nothing is delayed: {said}");
        all += &said;
    }
    all += &text(pipeline.on_end(Instant::now()));
    assert!(
        all.ends_with("data: [DONE]\n\n") && all.contains("\"finish_reason\":\"stop\""),
        "{all}"
    );
    assert!(all.contains("\"prompt_tokens\":3") && !all.contains("message_start"), "{all}");
    assert_eq!(pipeline.media_type(), Some("text/event-stream; charset=utf-8"));
    assert!(pipeline.may_change_length() && !pipeline.waits_for_end());
    let seen = pipeline.into_seen();
    assert_eq!(seen.transcript.finish_reasons().collect::<Vec<_>>(), ["end_turn"]);
}

#[test]
fn nothing_leaves_before_the_first_content_while_another_target_could_answer() {
    let mut held = pipeline(Body::Stream(Dialect::Messages), 200, true, true);
    assert_eq!(text(feed(&mut held, MESSAGES[0])), "");
    assert_eq!(text(feed(&mut held, MESSAGES[1])), "");
    let said = text(feed(&mut held, MESSAGES[2]));
    assert!(said.contains("\"role\":\"assistant\"") && said.contains("hé"), "{said}");
    let mut cut = pipeline(Body::Stream(Dialect::Messages), 200, true, true);
    feed(&mut cut, MESSAGES[0]);
    assert!(matches!(cut.on_end(Instant::now()), Flow::Unwritable(_)), "it may be tried elsewhere");
}

#[test]
fn a_plain_answer_waits_for_its_end_and_a_broken_one_is_none() {
    let pipeline_of = |body: &str| {
        let mut pipeline = pipeline(Body::Whole(Dialect::Messages), 200, false, false);
        assert!(pipeline.waits_for_end());
        assert_eq!(text(feed(&mut pipeline, body)), "");
        pipeline.on_end(Instant::now())
    };
    let answer: Value = serde_json::from_str(&text(pipeline_of(PLAIN))).unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], "hi");
    assert_eq!(answer["usage"]["total_tokens"], 12);
    assert!(matches!(pipeline_of(&PLAIN[..40]), Flow::Unwritable(_)));
    assert!(matches!(pipeline_of("<html>"), Flow::Unwritable(_)));
}

#[test]
fn the_caller_gets_what_it_asked_for_whatever_the_upstream_sends() {
    let mut streamed = pipeline(Body::Whole(Dialect::Messages), 200, true, false);
    let mut all = text(feed(&mut streamed, PLAIN));
    all += &text(streamed.on_end(Instant::now()));
    assert!(all.starts_with("data: {") && all.ends_with("data: [DONE]\n\n"), "{all}");
    let mut whole = pipeline(Body::Stream(Dialect::Messages), 200, false, false);
    assert_eq!(text(feed(&mut whole, &MESSAGES.concat())), "");
    let answer: Value = serde_json::from_str(&text(whole.on_end(Instant::now()))).unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], "hé");
}

#[test]
fn a_stream_that_breaks_off_ends_with_the_callers_error_event() {
    let mut cut = pipeline(Body::Stream(Dialect::Messages), 200, true, false);
    let mut all = text(feed(&mut cut, &MESSAGES[..3].concat()));
    all += &text(cut.on_end(Instant::now()));
    assert!(all.contains("hé") && all.contains("\"error\"") && !all.contains("[DONE]"), "{all}");
    let mut reset = pipeline(Body::Stream(Dialect::Messages), 200, true, false);
    feed(&mut reset, &MESSAGES[..3].concat());
    let error = ErrorBody {
        status: StatusCode::BAD_GATEWAY,
        code: "upstream",
        message: "lost",
        param: None,
        request_id: "req",
    };
    let event = reset.end_with_error(Dialect::Chat, &error, Instant::now()).unwrap();
    assert!(event.starts_with(b"data: {\"error\""), "{event:?}");
    assert_eq!(
        reset.end_with_error(Dialect::Chat, &error, Instant::now()).unwrap(),
        "",
        "and only once"
    );
    let mut plain = pipeline(Body::Whole(Dialect::Messages), 200, false, false);
    assert_eq!(plain.end_with_error(Dialect::Chat, &error, Instant::now()), None);
}

#[test]
fn an_error_is_told_in_the_callers_envelope() {
    let body = r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}"#;
    let mut limited = pipeline(Body::Error(Dialect::Messages), 429, true, false);
    assert_eq!(text(feed(&mut limited, &body[..20])) + &text(feed(&mut limited, &body[20..])), "");
    let told: Value = serde_json::from_str(&text(limited.on_end(Instant::now()))).unwrap();
    assert_eq!(told["error"]["message"], "slow down");
    assert_eq!(limited.error_class(), Some(ErrorClass::RateLimit));
    assert_eq!(limited.media_type(), Some("application/json"));
    let long = "x".repeat(64 * 1024 + 1);
    let mut page = pipeline(Body::Error(Dialect::Messages), 502, true, false);
    assert_eq!(text(feed(&mut page, &long)), "");
    let told = text(page.on_end(Instant::now()));
    assert!(told.contains("provider returned status 502") && told.len() < 500, "{told}");
}

#[test]
fn a_long_event_is_translated_whole_and_one_above_the_limit_is_an_error() {
    let delta = |length: usize| {
        let text = "x".repeat(length);
        format!(
            "data: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{text}\"}}}}\n\n"
        )
    };
    let frame = delta(0).len() - "data: \n\n".len();
    let at_limit = ANSWER_BYTES_MAX - frame;
    let mut whole = pipeline(Body::Stream(Dialect::Messages), 200, true, false);
    let said = text(feed(&mut whole, &delta(at_limit)));
    assert!(said.len() > at_limit && !said.contains("\"error\""));
    let mut above = pipeline(Body::Stream(Dialect::Messages), 200, true, false);
    let said = text(feed(&mut above, &delta(at_limit + 1)));
    assert!(said.contains("\"error\"") && said.contains("too long"));
}
