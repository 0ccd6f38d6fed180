//! Streams are well-formed whatever the upstream says, and in whatever order.

use proptest::prelude::*;
use serde_json::Value;

use super::answers::{call, chunk, conversations, datas, kinds, streamed, translated};
use super::reply;
use crate::fixtures::sse;
use crate::provider::Dialect;
use crate::translate::Writer;

/// Numbers without gaps, one item after the other, and the whole answer at the end.
fn check(name: &str, events: &[Value]) {
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], at, "{name}");
    }
    assert_eq!(kinds(events)[..2], ["created", "in_progress"], "{name}");
    let (mut open, mut next, mut said) = (None, 0, String::new());
    let mut items = Vec::new();
    for event in events {
        let kind = event["type"].as_str().unwrap();
        match kind {
            "response.output_item.added" => {
                assert_eq!((open, &event["output_index"]), (None, &next.into()), "{name}");
                open = Some(event["item"]["id"].as_str().unwrap());
                next += 1;
                said.clear();
            }
            "response.output_item.done" => {
                assert_eq!(open.take(), event["item"]["id"].as_str(), "{name}");
                items.push(event["item"].clone());
            }
            _ if event["item_id"].is_string() => {
                let belongs = (event["item_id"].as_str(), event["output_index"].as_u64());
                assert_eq!((open, Some(next - 1)), belongs, "{name}");
                said += event["delta"].as_str().unwrap_or_default();
                for member in ["text", "refusal", "arguments"] {
                    if let Some(whole) = event[member].as_str() {
                        assert_eq!(whole, said, "{name}: deltas add up");
                    }
                }
            }
            _ => assert_eq!(open, None, "{name}"),
        }
    }
    assert_eq!(events.last().unwrap()["response"]["output"], Value::Array(items), "{name}");
}

#[test]
fn events_are_numbered_and_items_open_fill_and_close() {
    for (name, chunks) in conversations() {
        check(name, &datas(&streamed(&chunks)));
    }
}

fn piece() -> impl Strategy<Value = String> {
    let text = "[a-z\"\\\\]{0,4}";
    prop_oneof![
        text.prop_map(|text| chunk(&format!(r#"{{"content":{text:?}}}"#), "")),
        text.prop_map(|text| chunk(&format!(r#"{{"reasoning_content":{text:?}}}"#), "")),
        text.prop_map(|text| chunk(&format!(r#"{{"refusal":{text:?}}}"#), "")),
        any::<bool>().prop_map(|signs| {
            let name = if signs { "signature" } else { "data" };
            let detail = format!(r#"{{"format":"x","{name}":"sealed"}}"#);
            chunk(&format!(r#"{{"reasoning_details":[{detail}]}}"#), "")
        }),
        (0_u32..3, any::<bool>(), prop_oneof!["", "\\{", "\\}", "\\{\\}", " "]).prop_map(
            |(index, opens, arguments)| {
                let id = if opens { format!("c{index}") } else { String::new() };
                call(index, &id, &arguments)
            }
        ),
    ]
}

proptest! {
    #[test]
    fn any_order_of_pieces_gives_a_well_formed_stream(
        mut chunks in prop::collection::vec(piece(), 0..12),
        reason in prop_oneof!["stop", "length", "tool_calls"],
    ) {
        chunks.push(chunk("{}", &reason));
        let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
        let stream = sse(&chunks);
        let (written, end) = translated(&stream, Writer::events(Dialect::Responses, reply()));
        let events = datas(&written);
        // Calls that overlap beyond repair end the answer with an error.
        if end.is_ok() && events.last().unwrap()["type"] != "response.failed" {
            check("generated", &events);
            let (whole, _) = translated(&stream, Writer::whole(Dialect::Responses, reply()));
            let whole: Value = serde_json::from_str(&whole).unwrap();
            prop_assert_eq!(&whole, &events.last().unwrap()["response"]);
        }
    }
}
