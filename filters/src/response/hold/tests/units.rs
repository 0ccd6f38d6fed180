//! The parts: cutting events, reading escapes, values behind keys.

use bytes::Bytes;

use super::super::frames::{Frames, data_of, readable};
use super::super::strings::{values_of, walk};
use crate::guard::reading::Unescape;

fn frames(pieces: &[&str]) -> Vec<String> {
    let mut frames = Frames::default();
    let mut cut = Vec::new();
    let mut take = |frame: Bytes| cut.push(String::from_utf8(frame.to_vec()).unwrap());
    for piece in pieces {
        frames.feed(&Bytes::copy_from_slice(piece.as_bytes()), &mut take);
    }
    if let Some(rest) = frames.finish() {
        take(rest);
    }
    cut
}

#[test]
fn events_are_cut_behind_their_blank_line_whatever_ends_a_line() {
    for (stream, count) in [
        ("data: a\n\ndata: b\n\n", 2),
        ("data: a\r\n\r\ndata: b\r\n\r\n", 2),
        ("data: a\r\rdata: b\r\r", 2),
        (": ping\n\nevent: x\ndata: {}\n\ndata: cut", 3),
        ("\n\ndata: a\n\n", 3),
    ] {
        let whole = frames(&[stream]);
        assert_eq!(whole.len(), count, "{whole:?}");
        assert_eq!(whole.concat(), stream);
        for at in 0..=stream.len() {
            let (left, right) = stream.split_at(at);
            let cut = frames(&[left, right]);
            assert_eq!(cut.concat(), stream);
            let text = |frames: &[String]| -> Vec<String> {
                frames.iter().map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect()
            };
            assert_eq!(text(&cut), text(&whole), "{stream:?} cut at {at}");
        }
    }
}

#[test]
fn several_lines_of_data_are_read_as_one() {
    let frame = Bytes::from_static(b"event: x\ndata: {\"a\":\ndata:1}\n\n");
    let one = readable(&frame, true);
    let json: serde_json::Value = serde_json::from_slice(&one[data_of(&one)]).unwrap();
    assert_eq!(json, serde_json::json!({ "a": 1 }));
    assert!(one.starts_with(b"event: x\n") && one.ends_with(b"\n\n"));
    let plain = Bytes::from_static(b": c\r\ndata:{}\r\n\r\n");
    assert_eq!(readable(&plain, true), plain);
    assert_eq!(&plain[data_of(&plain)], b"{}");
    assert_eq!(data_of(b": only a comment\n\n"), 0..0);
}

#[test]
fn escapes_read_the_same_in_any_split() {
    let json = r#"{"a":"x\"y\\n\né\u00e9\ud83d\ude00\ud83dz\/","n":[1,"\u0041"]}"#;
    let read = "{\"a\":\"x\"y\\n\né\u{e9}\u{1F600}\u{FFFD}z/\",\"n\":[1,\"A\"]}";
    let chars: Vec<usize> = json.char_indices().map(|(at, _)| at).collect();
    for at in &chars {
        for to in chars.iter().filter(|to| *to >= at) {
            let mut unescape = Unescape::default();
            let (mut text, mut strings) = (String::new(), String::new());
            for piece in [&json[..*at], &json[*at..*to], &json[*to..]] {
                let mut bytes = 0;
                unescape.push(piece, &mut |it| {
                    text.push_str(it.text);
                    bytes += it.bytes;
                    if it.in_string {
                        strings.push_str(it.text);
                    }
                });
                assert_eq!(bytes, piece.len());
            }
            assert_eq!(text, read, "cut at {at} and {to}");
            assert_eq!(strings, "{ax\"y\\n\né\u{e9}\u{1F600}\u{FFFD}z/nA");
        }
    }
}

#[test]
fn values_are_told_with_the_key_around_them() {
    let json = br#"{"type":"x","n":[1,{"text":"a\"b","skip":{"text":"c"}}],"list":["d",["e"]],"o":{"text":"f"},"g":-1.5e3}"#;
    let mut told = Vec::new();
    walk(json, &[b"skip"], &mut |it| {
        let text = std::str::from_utf8(&json[it.range]).unwrap();
        told.push(format!("{} {} {text}", std::str::from_utf8(it.key).unwrap(), it.depth));
    });
    let expected =
        ["type 1 x", "n 2 1", "text 3 a\\\"b", "list 2 d", "list 3 e", "text 2 f", "g 1 -1.5e3"];
    assert_eq!(told, expected);
    let json =
        br#"{"logprobs":{"content":[{"token":"}"}]},"x":{"logprobs": [1]},"y":{"logprobs":null}}"#;
    let found: Vec<_> = values_of(json, b"logprobs").into_iter().map(|it| &json[it]).collect();
    assert_eq!(found, [&br#"{"content":[{"token":"}"}]}"#[..], b" [1]"]);
}
