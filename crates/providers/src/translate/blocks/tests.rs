//! Blocks in order, whatever order events come in.

use proptest::prelude::*;

use super::{Blocks, Kind, Step, WAITING_BLOCK_BYTES, WAITING_BYTES_MAX};
use crate::event::{JsonStr, Opaque, StreamEvent};
use crate::translate::answer::Answer;
use crate::translate::finish::Finish;

fn text(text: &str) -> JsonStr<'_> {
    JsonStr::new(text.as_bytes())
}

fn start(call: u32, id: &'static str) -> StreamEvent<'static> {
    StreamEvent::ToolCallStart { call, id: text(id), name: text("f") }
}

fn arguments(call: u32, fragment: &str) -> StreamEvent<'_> {
    StreamEvent::ToolCallArguments { call, fragment: text(fragment) }
}

const STOP: StreamEvent<'static> =
    StreamEvent::FinishReason { choice: 0, reason: JsonStr::new(b"stop") };

/// The steps in a few words.
fn steps(events: &[StreamEvent<'_>]) -> Vec<String> {
    let mut all = Vec::new();
    let mut blocks = Blocks::default();
    let mut note = |step: Step<'_>| all.push(written(&step));
    for event in events {
        blocks.on_event(event, &mut note);
    }
    if !blocks.on_end(&mut note) {
        all.push("broken".to_owned());
    }
    all
}

fn written(step: &Step<'_>) -> String {
    let name = |kind: &Kind| match kind {
        Kind::Text => "text".to_owned(),
        Kind::Refusal => "refusal".to_owned(),
        Kind::Reasoning => "reasoning".to_owned(),
        Kind::ToolCall { id, .. } => id.clone(),
    };
    match step {
        Step::Begin { id, model, .. } => format!("begin {id} {model}"),
        Step::Open { index, kind } => format!("open {index} {}", name(kind)),
        Step::Delta { index, text, .. } => format!("{index} {text}"),
        Step::Sealed { index, sealed } => format!("sealed {index} {}", sealed.data),
        Step::Close { index, .. } => format!("close {index}"),
        Step::End { finish, .. } => format!("end {finish:?}"),
        Step::Fail { message, .. } => format!("fail {message}"),
    }
}

#[test]
fn text_and_calls_follow_each_other() {
    let steps = steps(&[
        StreamEvent::Id(text("a")),
        StreamEvent::Model(text("m")),
        StreamEvent::Text { choice: 0, text: text("hi") },
        start(0, "c0"),
        arguments(0, "{}"),
        StreamEvent::ToolCallEnd { call: 0 },
        STOP,
    ]);
    assert_eq!(
        steps,
        [
            "begin a m",
            "open 0 text",
            "0 hi",
            "close 0",
            "open 1 c0",
            "1 {}",
            "close 1",
            "end ToolCalls"
        ]
    );
}

#[test]
fn three_interleaved_calls_come_one_after_the_other() {
    let steps = steps(&[
        start(0, "c0"),
        start(1, "c1"),
        start(2, "c2"),
        arguments(2, "[2"),
        arguments(0, "{\\\"a\\\":"),
        arguments(1, "{\\\"b\\\":1}"),
        // The reader closes a call when the next one is touched, which here is a guess.
        StreamEvent::ToolCallEnd { call: 0 },
        StreamEvent::ToolCallEnd { call: 1 },
        arguments(0, "1}"),
        arguments(2, "]"),
        StreamEvent::ToolCallEnd { call: 2 },
        STOP,
    ]);
    assert_eq!(
        steps,
        [
            "begin  ",
            "open 0 c0",
            "0 {\"a\":",
            "0 1}",
            "close 0",
            "open 1 c1",
            "1 {\"b\":1}",
            "close 1",
            "open 2 c2",
            "2 [2",
            "2 ]",
            "close 2",
            "end ToolCalls"
        ]
    );
}

#[test]
fn what_is_said_inside_of_a_call_waits_for_its_end() {
    let steps = steps(&[
        start(0, "c0"),
        arguments(0, "{"),
        StreamEvent::Reasoning { choice: 0, text: text("so") },
        StreamEvent::Text { choice: 0, text: text("a") },
        StreamEvent::Text { choice: 0, text: text("b") },
        arguments(0, "}"),
        StreamEvent::ToolCallEnd { call: 0 },
        StreamEvent::Text { choice: 0, text: text("c") },
        STOP,
    ]);
    assert_eq!(
        steps,
        [
            "begin  ",
            "open 0 c0",
            "0 {",
            "0 }",
            "close 0",
            "open 1 reasoning",
            "1 so",
            "close 1",
            "open 2 text",
            "2 ab",
            "2 c",
            "close 2",
            "end ToolCalls"
        ]
    );
}

#[test]
fn a_signature_ends_the_reasoning_that_it_signs() {
    let sealed = |signs| {
        let format = text(Opaque::ANTHROPIC);
        StreamEvent::Opaque(Opaque { choice: 0, format, signs, id: text(""), data: text("sig") })
    };
    let thought = StreamEvent::Reasoning { choice: 0, text: text("hm") };
    let steps = steps(&[thought.clone(), sealed(true), sealed(false), thought, STOP]);
    assert_eq!(
        steps,
        [
            "begin  ",
            "open 0 reasoning",
            "0 hm",
            "sealed 0 sig",
            "close 0",
            "open 1 reasoning",
            "sealed 1 sig",
            "close 1",
            "open 2 reasoning",
            "2 hm",
            "close 2",
            "end Stop"
        ]
    );
}

#[test]
fn an_answer_without_its_end_is_broken_and_one_without_a_reason_is_not() {
    let said = StreamEvent::Text { choice: 0, text: text("x") };
    assert_eq!(steps(std::slice::from_ref(&said)).last().unwrap(), "broken");
    assert_eq!(steps(&[said, StreamEvent::Done]).last().unwrap(), "end Stop");
}

#[test]
fn calls_without_ids_get_ids_of_their_own() {
    let call = |call| start(call, "");
    let end = StreamEvent::ToolCallEnd { call: 0 };
    let long = StreamEvent::Id(text("resp-0123456789abcdefghijklmnopqrstuvwxyz"));
    let steps = steps(&[long, call(0), arguments(0, "{}"), end, call(1), STOP]);
    assert_eq!(steps[1], "open 0 call_cdefghijklmnopqrstuvwxyz_0");
    assert_eq!(steps[4], "open 1 call_cdefghijklmnopqrstuvwxyz_1");
    let mut unnamed = Blocks::new("req:1");
    let mut ids = Vec::new();
    unnamed.on_event(&call(0), &mut |step| ids.push(written(&step)));
    assert_eq!(ids[1], "open 0 call_req1_0");
}

#[test]
fn nothing_follows_a_failure() {
    let failure = StreamEvent::Error { kind: None, message: Some(text("no")) };
    let said = StreamEvent::Text { choice: 0, text: text("x") };
    assert_eq!(steps(&[failure.clone(), said, failure, STOP]), ["fail no"]);
}

#[test]
fn what_waits_has_a_limit() {
    let room = WAITING_BYTES_MAX - WAITING_BLOCK_BYTES;
    let within = "x".repeat(room);
    let above = "x".repeat(room + 1);
    let overlap = |waiting: &str| {
        steps(&[start(0, "c0"), arguments(0, "{"), start(1, "c1"), arguments(1, waiting), STOP])
    };
    assert_eq!(overlap(&within).last().unwrap(), "end ToolCalls");
    assert!(overlap(&above).last().unwrap().starts_with("fail "));
    // Many small blocks count for more than they say.
    let mut many = vec![start(0, "c0"), arguments(0, "{")];
    for _ in 0..WAITING_BYTES_MAX / WAITING_BLOCK_BYTES {
        many.push(StreamEvent::Text { choice: 0, text: text("t") });
        many.push(StreamEvent::Reasoning { choice: 0, text: text("r") });
    }
    assert!(steps(&many).iter().any(|step| step.starts_with("fail ")));
    // A call that its reader takes for complete has to make room.
    let ended = steps(&[
        start(0, "c0"),
        StreamEvent::ToolCallEnd { call: 0 },
        start(1, "c1"),
        arguments(1, &above),
        STOP,
    ]);
    assert_eq!(ended.last().unwrap(), "end ToolCalls");
}

#[test]
fn every_kind_of_reason_is_told_and_calls_are_never_a_plain_stop() {
    for (said, finish) in [
        ("length", Finish::Length),
        ("max_tokens", Finish::Length),
        ("model_length", Finish::Length),
        ("content_filter", Finish::Refused),
        ("end_turn", Finish::Stop),
        ("tool_use", Finish::ToolCalls),
    ] {
        let reason = StreamEvent::FinishReason { choice: 0, reason: text(said) };
        assert_eq!(steps(&[reason]).last().unwrap(), &format!("end {finish:?}"));
    }
}

/// Any events of up to four calls, texts and thoughts, arguments being whole in the end.
fn conversation() -> impl Strategy<Value = Vec<(u8, u32)>> {
    prop::collection::vec((0_u8..5, 0_u32..4), 0..60)
}

proptest! {
    #[test]
    fn blocks_never_overlap_and_nothing_is_lost(script in conversation()) {
        let mut events = Vec::new();
        let mut started = Vec::new();
        let (mut said, mut thought) = (String::new(), String::new());
        for (what, call) in script {
            match what {
                0 => { events.push(StreamEvent::Text { choice: 0, text: text("t") }); said.push('t'); }
                1 => { events.push(StreamEvent::Reasoning { choice: 0, text: text("r") }); thought.push('r'); }
                2 if !started.contains(&call) && call as usize == started.len() => {
                    started.push(call);
                    events.push(start(call, "c"));
                    events.push(arguments(call, "{\\\"k\\\":["));
                }
                3 if started.contains(&call) => events.push(arguments(call, "1,")),
                4 if started.contains(&call) => events.push(StreamEvent::ToolCallEnd { call }),
                _ => {}
            }
        }
        for call in &started {
            events.push(arguments(*call, "1]}"));
        }
        events.push(STOP);
        let (mut open, mut next, mut answer) = (None, 0, Answer::default());
        let mut blocks = Blocks::default();
        let mut check = |step: Step<'_>| {
            answer.on_step(&step);
            match step {
                Step::Open { index, .. } => {
                    assert_eq!((open, index), (None, next));
                    (open, next) = (Some(index), next + 1);
                }
                Step::Delta { index, .. } | Step::Sealed { index, .. } => assert_eq!(open, Some(index)),
                Step::Close { index, .. } => assert_eq!(open.take(), Some(index)),
                Step::End { .. } => assert_eq!(open, None),
                Step::Begin { .. } => assert_eq!(next, 0),
                Step::Fail { message, .. } => panic!("{message}"),
            }
        };
        for event in &events {
            blocks.on_event(event, &mut check);
        }
        assert!(blocks.on_end(&mut check));
        assert_eq!(answer.text_of(&Kind::Text), said);
        assert_eq!(answer.text_of(&Kind::Reasoning), thought);
        let calls: Vec<_> =
            answer.blocks.iter().filter(|b| matches!(b.kind, Kind::ToolCall { .. })).collect();
        assert_eq!(calls.len(), started.len());
        for call in calls {
            assert!(serde_json::from_str::<serde_json::Value>(&call.text).is_ok(), "{}", call.text);
        }
    }
}

#[test]
fn white_space_before_the_arguments_of_a_call_is_no_piece_of_them() {
    let blank = steps(&[start(0, "a"), arguments(0, " "), STOP]);
    assert_eq!(blank, steps(&[start(0, "a"), STOP]));
    let inside = [start(0, "a"), arguments(0, " "), arguments(0, "{"), arguments(0, " "), STOP];
    let kept = [start(0, "a"), arguments(0, "{"), arguments(0, " "), STOP];
    assert_eq!(steps(&inside), steps(&kept));
    assert_ne!(steps(&kept), steps(&[start(0, "a"), arguments(0, "{"), STOP]));
}
