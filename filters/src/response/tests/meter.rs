//! When things arrive.

use std::time::Duration;

use tokio::time::Instant;
use tollgate_providers::{JsonStr, StreamEvent};

use crate::response::{Gaps, Meter, STALL_MIN};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn byte_event_reasoning_and_content_are_told_apart() {
    let start = Instant::now();
    let mut meter = Meter::new(start);
    let text = |text: &'static [u8]| StreamEvent::Text { choice: 0, text: JsonStr::new(text) };
    meter.on_chunk(start + ms(10));
    meter.on_event(&StreamEvent::Boundary { end: 1, usage_only: false }, start + ms(20));
    meter.on_event(&text(b""), start + ms(25));
    let reasoning = StreamEvent::Reasoning { choice: 0, text: JsonStr::new(b"hm") };
    meter.on_event(&reasoning, start + ms(30));
    meter.on_event(&text(b"a"), start + ms(50));
    meter.on_event(&text(b"b"), start + ms(50));
    meter.on_event(&text(b"c"), start + ms(90));
    let times = meter.into_times();
    assert_eq!(times.first_byte, Some(ms(10)));
    assert_eq!(times.first_event, Some(ms(20)));
    assert_eq!(times.first_reasoning, Some(ms(30)));
    assert_eq!(times.first_content, Some(ms(30)), "reasoning is content, an empty text is not");
    assert_eq!(times.last_content, Some(ms(90)));
    assert_eq!(times.gaps.count(), 2, "what arrives together has no gap");
    assert_eq!(times.gaps.max(), Some(ms(40)));
}

#[test]
fn a_call_without_text_has_a_first_content_too() {
    let start = Instant::now();
    let mut meter = Meter::new(start);
    let call =
        StreamEvent::ToolCallStart { call: 0, id: JsonStr::new(b"i"), name: JsonStr::new(b"n") };
    meter.on_event(&call, start + ms(7));
    assert!(meter.has_content());
}

#[test]
fn quantiles_are_off_by_at_most_an_eighth() {
    let mut gaps = Gaps::default();
    assert_eq!(gaps.quantile(0.5), None, "no gaps, no quantile");
    let mut exact: Vec<u64> = (0..1_000).map(|at| 50 + at * at * 7 % 900_000).collect();
    for us in &exact {
        gaps.record(Duration::from_micros(*us));
    }
    exact.sort_unstable();
    for (share, at) in [(0.5, 499), (0.9, 899), (0.99, 989), (1.0, 999)] {
        let (got, wanted) = (gaps.quantile(share).unwrap().as_secs_f64() * 1e6, exact[at] as f64);
        assert!((wanted..=wanted * 1.125 + 1.0).contains(&got), "{share}: {got} for {wanted}");
    }
}

#[test]
fn a_stall_begins_at_two_seconds() {
    let mut gaps = Gaps::default();
    gaps.record(STALL_MIN - Duration::from_nanos(1));
    assert_eq!(gaps.stalls(), 0);
    gaps.record(STALL_MIN);
    assert_eq!((gaps.stalls(), gaps.max()), (1, Some(STALL_MIN)));
}

#[test]
fn gaps_by_length_are_all_of_them_and_close_to_what_they_were() {
    let mut gaps = Gaps::default();
    assert!(gaps.by_length().is_empty());
    let lengths = [8, 9, 1_000, 1_000, 40_000, 2_000_000, 90_000_000];
    for us in lengths {
        gaps.record(Duration::from_micros(us));
    }
    let told = gaps.by_length();
    assert_eq!(told.iter().map(|(_, count)| count).sum::<u32>(), gaps.count());
    let each = told.iter().flat_map(|(gap, count)| vec![*gap; *count as usize]);
    for (told, us) in each.zip(lengths) {
        let (told, was) = (told.as_secs_f64(), us as f64 / 1e6);
        assert!((told - was).abs() <= was / 16.0 + 1e-12, "{told} for {was}");
    }
    assert!(told.iter().all(|(gap, _)| *gap <= gaps.max().unwrap()));
}
