//! Any bytes as an upstream's stream, told to a caller of another dialect: the same in any split, every
//! event valid JSON, blocks and items one after the other, and one end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tollgate_providers::translate::{Reply, Writer};
use tollgate_providers::{Dialect, StreamReader};

const CALLERS: [Dialect; 3] = [Dialect::Chat, Dialect::Responses, Dialect::Messages];
const UPSTREAMS: [Dialect; 5] =
    [Dialect::Chat, Dialect::Messages, Dialect::Responses, Dialect::Cohere, Dialect::Gemini];

fn translate(upstream: Dialect, caller: Dialect, pieces: &[&[u8]]) -> Vec<u8> {
    let reply =
        Reply { request_id: "r".into(), model: "m".into(), created: 1, include_usage: true };
    let (mut out, mut writer) = (Vec::new(), Writer::events(caller, reply));
    let mut reader = StreamReader::new(upstream).holding(1 << 20);
    for piece in pieces {
        reader.feed(piece, &mut |event| writer.on_event(&event, &mut out));
    }
    reader.finish(&mut |event| writer.on_event(&event, &mut out));
    let _broken = writer.on_end(&mut out);
    out
}

/// The JSON of each event.
fn payloads(out: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(out).unwrap();
    assert!(text.is_empty() || text.ends_with("\n\n"));
    let data = text
        .split("\n\n")
        .filter(|event| !event.is_empty())
        .map(|event| event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap());
    data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// Blocks of the Messages API, items of the Responses API: they open, fill and close in turn.
fn check_order(caller: Dialect, events: &[Value]) {
    let (opens, closes, place) = match caller {
        Dialect::Messages => ("content_block_start", "content_block_stop", "index"),
        Dialect::Responses => {
            ("response.output_item.added", "response.output_item.done", "output_index")
        }
        _ => return,
    };
    let (mut open, mut next) = (None, 0);
    for event in events {
        let kind = event["type"].as_str().unwrap_or_default();
        let index = event[place].as_u64();
        if kind == opens {
            assert_eq!((open, index), (None, Some(next)));
            (open, next) = (index, next + 1);
        } else if kind == closes {
            assert_eq!(open.take(), index);
        } else if index.is_some() {
            assert_eq!(open, index, "{kind}");
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((at, bytes)) = data.split_first() else { return };
    let (first, second) = bytes.split_at(bytes.len() * usize::from(*at) / 256);
    for upstream in UPSTREAMS {
        for caller in CALLERS.into_iter().filter(|caller| *caller != upstream) {
            let whole = translate(upstream, caller, &[bytes]);
            assert!(whole == translate(upstream, caller, &[first, second]));
            check_order(caller, &payloads(&whole));
        }
    }
});
