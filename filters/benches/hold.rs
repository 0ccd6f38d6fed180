//! A chat stream through the body filters, without and with output guardrails.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http::StatusCode;
use tokio::time::Instant;
use tollgate_filters::detect::Kind;
use tollgate_filters::guard::{
    self, Action, DetectorSettings, Direction, Directions, Policy, Rules,
};
use tollgate_filters::response::{Body, Flow, Pipeline, Settings};
use tollgate_providers::Dialect;

/// Events of one stream.
const EVENTS: usize = 1_000;
/// What one read from a socket gives at most.
const CHUNK_BYTES: usize = 16 * 1024;

fn events() -> Vec<String> {
    let text = |at: usize| format!("{{\"content\":\" word{at}\"}}");
    let event = |delta: String, reason: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"gpt-4o\",\
             \"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{reason}}}]}}\n\n"
        )
    };
    let mut events: Vec<String> = (0..EVENTS).map(|at| event(text(at), "null")).collect();
    events.push(event("{}".to_owned(), "\"stop\""));
    events.push("data: [DONE]\n\n".to_owned());
    events
}

fn rules(action: Action) -> Option<Arc<Rules>> {
    let settings = guard::Settings {
        blocklist: vec!["internal only".to_owned(), "project nightjar".to_owned()],
        detectors: vec![DetectorSettings {
            kinds: Kind::ALL.to_vec(),
            action,
            directions: Directions::Both,
        }],
    };
    Policy::new(&settings).ok()?.rules(Direction::Output).cloned()
}

/// How many bytes leave.
fn pass(chunks: &[Bytes], guard: Option<&Arc<Rules>>) -> usize {
    let now = Instant::now();
    let settings = Settings {
        status: StatusCode::OK,
        swallow_usage: false,
        hold: false,
        content_bytes_max: 0,
        started: now,
        translation: None,
        secret: None,
        guard: guard.cloned(),
        encoded: false,
    };
    let mut pipeline = Pipeline::new(Body::Stream(Dialect::Chat), settings);
    let mut left = 0;
    let mut take = |flow| {
        if let Flow::Forward(bytes) = flow {
            left += bytes.len();
        }
    };
    for chunk in chunks {
        take(pipeline.on_chunk(chunk.clone(), now));
    }
    take(pipeline.on_end(now));
    left
}

fn bench(criterion: &mut Criterion) {
    let events = events();
    let stream = Bytes::from(events.concat());
    let end = |at: usize| stream.len().min(at + CHUNK_BYTES);
    let reads: Vec<Bytes> =
        (0..stream.len()).step_by(CHUNK_BYTES).map(|at| stream.slice(at..end(at))).collect();
    let single: Vec<Bytes> = events.into_iter().map(Bytes::from).collect();
    let mut group = criterion.benchmark_group("stream");
    group.throughput(Throughput::Bytes(stream.len() as u64));
    for (name, action) in [
        ("off", None),
        ("flag", Some(Action::Flag)),
        ("redact", Some(Action::Redact)),
        ("block", Some(Action::Block)),
    ] {
        let rules = action.and_then(rules);
        for (size, chunks) in [("16 KiB reads", &reads), ("a read for each event", &single)] {
            let left = pass(chunks, rules.as_ref());
            assert_eq!(left, stream.len(), "a wrong answer is not worth timing");
            group.bench_function(format!("guard {name}, {size}"), |bencher| {
                bencher.iter(|| pass(black_box(chunks), rules.as_ref()));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
