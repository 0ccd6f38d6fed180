//! The streams say what their tables claim.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use tollgate_providers::{StreamReader, Transcript};

use super::{READ_BYTES, all, cut};

#[test]
fn every_stream_is_read_to_its_end_with_all_its_text_and_usage() {
    for stream in all(40) {
        let mut transcript = Transcript::new(1 << 20);
        let mut reader = StreamReader::new(stream.dialect);
        reader.feed(&stream.bytes(), &mut |event| transcript.on_event(&event));
        reader.finish(&mut |event| transcript.on_event(&event));
        let name = stream.name;
        assert_eq!(transcript.finish_reasons().count(), 1, "{name} has its end");
        let said = match transcript.tool_calls() {
            [call] => call.arguments.clone(),
            _ => transcript.text().to_owned(),
        };
        assert!(said.contains(" word0 word1 ") && said.contains(" word39"), "{name}: {said}");
        let usage = transcript.usage().map(|usage| usage.output);
        assert!(
            stream.name == "chat, tool call" || usage == Some(Some(1_000)),
            "{name}: {usage:?}"
        );
        assert_eq!(transcript.error(), None, "{name}");
    }
}

#[test]
fn the_body_is_the_pieces_and_nothing_else() {
    for stream in all(5) {
        assert_eq!(stream.body().len(), 5, "{}", stream.name);
        for (at, piece) in stream.body().iter().enumerate() {
            let text = std::str::from_utf8(piece).unwrap();
            assert!(text.contains(&format!(" word{at}\"")), "{}: {text}", stream.name);
        }
    }
}

#[test]
fn chunks_put_together_are_the_stream() {
    let stream = all(200).remove(0);
    assert!(stream.reads().iter().all(|read| read.len() <= READ_BYTES));
    for size in [1, 37, READ_BYTES] {
        assert_eq!(cut(&stream.bytes(), size).concat(), stream.bytes(), "{size}");
    }
}

#[test]
fn a_parse_of_every_event_finds_the_text_that_the_reader_finds() {
    for stream in all(40).into_iter().filter(|stream| stream.name != "chat, tool call") {
        let mut transcript = Transcript::new(0);
        let mut reader = StreamReader::new(stream.dialect);
        reader.feed(&stream.bytes(), &mut |event| transcript.on_event(&event));
        let parsed = stream.events.iter().filter_map(|event| {
            let (_, data) = std::str::from_utf8(event).unwrap().split_once("data: ").unwrap();
            let value: serde_json::Value = serde_json::from_str(data).ok()?;
            Some(value.pointer(stream.text_at)?.as_str()?.len() as u64)
        });
        assert_eq!(parsed.sum::<u64>(), transcript.output_bytes(), "{}", stream.name);
    }
}
