//! The headers, by the letter of the specification.

use super::TraceContext;
use crate::span::SpanId;

const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn a_valid_header_is_read_and_written_back() {
    let context = TraceContext::parse(Some(VALID), Some("a=1,b=2")).unwrap();
    assert_eq!(context.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(context.parent.unwrap().to_string(), "00f067aa0ba902b7");
    assert!(context.sampled);
    assert_eq!(context.state.as_deref(), Some("a=1,b=2"));
    assert_eq!(context.traceparent(context.parent.unwrap()), VALID);
    let unsampled = TraceContext::parse(Some(&VALID.replace("-01", "-00")), None).unwrap();
    assert!(unsampled.traceparent(SpanId::new(1)).ends_with("-0000000000000001-00"));
}

#[test]
fn a_later_version_may_say_more_and_version_zero_may_not() {
    let later = VALID.replacen("00-", "cc-", 1) + "-what-the-future-brings";
    assert!(TraceContext::parse(Some(&later), None).is_some());
    assert!(TraceContext::parse(Some(&(VALID.to_owned() + "-x")), None).is_none());
}

#[test]
fn what_is_invalid_begins_a_new_trace() {
    for invalid in [
        "",
        "00",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
        "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
        "+0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ] {
        assert_eq!(TraceContext::parse(Some(invalid), Some("a=1")), None, "{invalid}");
    }
    assert_eq!(TraceContext::parse(None, Some("a=1")), None);
}

#[test]
fn a_state_is_carried_up_to_its_limit() {
    let state = |bytes: usize| "a".repeat(bytes);
    let read = |state: &str| TraceContext::parse(Some(VALID), Some(state)).unwrap().state;
    assert!(read(&state(512)).is_some());
    assert!(read(&state(513)).is_none());
    assert!(read("é=1").is_none());
    assert!(read(" ").is_none());
}

#[test]
fn a_header_with_any_part_missing_or_spoilt_is_invalid() {
    for cut in 0..VALID.len() {
        assert_eq!(TraceContext::parse(Some(&VALID[..cut]), None), None, "{}", &VALID[..cut]);
    }
    for at in 0..VALID.len() {
        for spoilt in ["g", "A", "+", "\u{e9}", " "] {
            let mut text = VALID.to_owned();
            text.replace_range(at..=at, spoilt);
            // A space at an end is trimmed, and then a digit is missing.
            assert_eq!(TraceContext::parse(Some(&text), None), None, "{text}");
        }
    }
}

#[test]
fn a_trace_that_begins_here_is_sampled_and_never_zero() {
    let root = TraceContext::root(0);
    assert_eq!((root.parent, root.state.as_ref()), (None, None));
    assert_eq!(
        root.traceparent(SpanId::new(0)),
        "00-00000000000000000000000000000001-0000000000000001-01"
    );
}

#[test]
fn the_id_of_a_trace_that_begins_here_is_its_time_and_then_chance() {
    let (early, late) = (1_763_775_000_123_999_999, 1_763_775_000_124_000_000);
    let id = |unix_ns, random| TraceContext::root_at(unix_ns, random).trace_id.to_hex().to_string();
    assert_eq!(id(early, 0), "019aa92eae3b00000000000000000000");
    assert_eq!(id(early, u128::MAX), "019aa92eae3bffffffffffffffffffff");
    assert_eq!(id(late, 0x0fff_1111_2222_3333_4444_5555), "019aa92eae3c11112222333344445555");
    assert!(id(early, u128::MAX) < id(late, 0), "later ids stand behind earlier ones");
}

#[test]
fn a_header_has_every_digit_and_reads_back() {
    for (trace, span, sampled) in [
        (0x0123_4567_89ab_cdef_fedc_ba98_7654_3210, 0x0fed_cba9_8765_4321, true),
        (u128::MAX, u64::MAX, false),
    ] {
        let context = TraceContext { sampled, ..TraceContext::root(trace) };
        let text = context.traceparent(SpanId::new(span));
        assert_eq!(text, format!("00-{trace:032x}-{span:016x}-{:02x}", u8::from(sampled)));
        assert_eq!(TraceContext::parse(Some(&text), None).unwrap().trace_id, context.trace_id);
        assert_eq!(context.trace_id.to_hex(), context.trace_id.to_string());
        assert_eq!(SpanId::new(span).to_hex(), SpanId::new(span).to_string());
    }
}
