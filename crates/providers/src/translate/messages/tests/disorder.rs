//! Whatever an upstream says and in whatever order: what the caller reads is well-formed.

use proptest::collection::vec;
use proptest::prelude::*;

use super::fold::{folded, payloads, reply};
use crate::event::{JsonStr, Opaque, StreamEvent, Usage};
use crate::provider::Dialect;
use crate::translate::Writer;

const fn text(text: &'static str) -> JsonStr<'static> {
    JsonStr::new(text.as_bytes())
}

fn event() -> impl Strategy<Value = StreamEvent<'static>> {
    let pieces = prop_oneof![Just(""), Just("a"), Just(" "), Just(r"\n")];
    let said = (pieces, 0..3_u8).prop_map(|(piece, kind)| {
        let text = text(piece);
        match kind {
            0 => StreamEvent::Text { choice: 0, text },
            1 => StreamEvent::Refusal { choice: 0, text },
            _ => StreamEvent::Reasoning { choice: 0, text },
        }
    });
    let formats = prop_oneof![Just(Opaque::ANTHROPIC), Just(Opaque::GEMINI)];
    let opaque = (formats, any::<bool>()).prop_map(|(format, signs)| {
        let (format, id, data) = (text(format), text(""), text("sealed"));
        StreamEvent::Opaque(Opaque { choice: 0, format, signs, id, data })
    });
    let start = (0..3_u32, prop_oneof![Just(""), Just("id")])
        .prop_map(|(call, id)| StreamEvent::ToolCallStart { call, id: text(id), name: text("f") });
    let fragments = prop_oneof![Just("{"), Just("}"), Just(r#"\"a\":1"#)];
    let arguments = (0..3_u32, fragments).prop_map(|(call, fragment)| {
        StreamEvent::ToolCallArguments { call, fragment: text(fragment) }
    });
    let usage = (0..9_u64, 0..9_u64).prop_map(|(input, output)| {
        let (input, output) = (Some(input), Some(output));
        StreamEvent::Usage(Usage { input, output, ..Usage::default() })
    });
    let reasons = prop_oneof![Just("stop"), Just("length"), Just("tool_use")];
    let finish =
        reasons.prop_map(|reason| StreamEvent::FinishReason { choice: 0, reason: text(reason) });
    prop_oneof![
        4 => said,
        2 => opaque,
        2 => start,
        4 => arguments,
        1 => (0..3_u32).prop_map(|call| StreamEvent::ToolCallEnd { call }),
        1 => usage,
        1 => finish,
    ]
}

proptest! {
    #[test]
    fn blocks_never_overlap_and_the_one_body_says_what_the_stream_says(events in vec(event(), 0..24)) {
        let mut writer = Writer::events(Dialect::Messages, reply());
        let mut whole = Writer::whole(Dialect::Messages, reply());
        let (mut out, mut body) = (Vec::new(), Vec::new());
        for event in &events {
            writer.on_event(event, &mut out);
            whole.on_event(event, &mut body);
        }
        let ended = writer.on_end(&mut out);
        let told = String::from_utf8(out).unwrap();
        // Checks the order of the events on its way.
        let message = folded(&told);
        let last = payloads(&told).pop().unwrap();
        let failed = ended.is_err() || told.contains("event: error");
        prop_assert_eq!(&last["type"], if failed { "error" } else { "message_stop" });
        if whole.on_end(&mut body).is_ok() {
            prop_assert!(!failed);
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            prop_assert_eq!(message, body);
        } else {
            prop_assert!(failed);
        }
    }
}
