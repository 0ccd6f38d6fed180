//! Answers and requests that are said anew in another dialect: a stream of each upstream's through
//! the body filters, and one request. Beside them, the same stream where nothing is translated.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tollgate_bench::chunks::{Way, pass};
use tollgate_bench::stack::body;
use tollgate_bench::streams::all;
use tollgate_providers::translate::{Target, translate_request};
use tollgate_providers::{Capabilities, Dialect};

/// Events of one stream.
const EVENTS: usize = 1_000;
/// Those that callers speak.
const CALLERS: [(Dialect, &str); 3] =
    [(Dialect::Chat, "chat"), (Dialect::Messages, "messages"), (Dialect::Responses, "responses")];

fn answers(criterion: &mut Criterion) {
    for stream in all(EVENTS) {
        let bytes = stream.bytes();
        let mut group = criterion.benchmark_group(format!("translate/{}", stream.name));
        group.throughput(Throughput::Elements(stream.events.len() as u64));
        let others = CALLERS.iter().filter(|(dialect, _)| *dialect != stream.dialect);
        let ways = others.map(|(caller, name)| (Way::Translate(*caller), format!("to {name}")));
        for (way, name) in ways.chain([(Way::Pass, "not translated".to_owned())]) {
            let left = pass(stream.dialect, &stream.events, &way);
            assert!(left > bytes.len() / 4, "a wrong answer is not worth timing: {left} bytes");
            group.bench_function(name, |bencher| {
                bencher.iter(|| pass(stream.dialect, black_box(&stream.events), &way));
            });
        }
        group.finish();
    }
}

fn requests(criterion: &mut Criterion) {
    let body = body("0.7", "");
    let mut group = criterion.benchmark_group("translate/request of a kilobyte");
    let upstreams = [
        (Dialect::Messages, "messages"),
        (Dialect::Responses, "responses"),
        (Dialect::Cohere, "cohere"),
        (Dialect::Gemini, "gemini"),
    ];
    for (upstream, name) in upstreams {
        let target = Target {
            model: "some-model",
            capabilities: Capabilities::assumed(upstream),
            temperature: None,
            max_tokens: Some(256),
        };
        let translate = || translate_request(Dialect::Chat, upstream, black_box(&body), &target);
        assert!(translate().is_ok(), "a wrong answer is not worth timing: chat to {name}");
        group.bench_function(format!("chat to {name}"), |bencher| bencher.iter(translate));
    }
    group.finish();
}

criterion_group!(benches, answers, requests);
criterion_main!(benches);
