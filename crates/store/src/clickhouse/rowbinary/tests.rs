//! The format byte by byte. That the engine reads it is shown in `tests/clickhouse`.

use super::*;
use crate::{EventRow, SpanKind, StatusCode};

#[test]
fn a_row_is_these_bytes() {
    let row = SpanRow {
        timestamp_ns: 1,
        duration_ns: 258,
        trace_id: "a".to_owned(),
        span_id: "b".to_owned(),
        name: "ü".to_owned(),
        kind: SpanKind::Client,
        attributes: vec![("k".into(), "v".to_owned())],
        status: StatusCode::Ok,
        events: vec![EventRow { timestamp_ns: -1, name: "e".to_owned(), attributes: Vec::new() }],
        ..SpanRow::default()
    };
    let mut expected = Vec::new();
    expected.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    expected.extend(b"\x01a\x01b\x00\x00\x02\xc3\xbc\x06Client\x00");
    expected.extend(b"\x00\x00\x00\x01\x01k\x01v");
    expected.extend([2, 1, 0, 0, 0, 0, 0, 0]);
    expected.extend(b"\x02Ok\x00");
    expected.extend(b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01e\x01\x00");
    expected.extend(b"\x00\x00\x00\x00");
    assert_eq!(encode([&row]), expected);
    assert_eq!(encode([&row, &row]).len(), expected.len() * 2);
}

#[test]
fn lengths_take_a_further_byte_every_seven_bits() {
    for (length, bytes) in [
        (0, vec![0]),
        (127, vec![0x7f]),
        (128, vec![0x80, 1]),
        (16_383, vec![0xff, 0x7f]),
        (16_384, vec![0x80, 0x80, 1]),
    ] {
        let mut writer = Writer::default();
        writer.length(length);
        assert_eq!(writer.0, bytes, "{length}");
    }
}
