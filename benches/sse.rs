//! Framing and delta scan of a chat stream, beside the plain way: a full JSON parse of every event.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tollgate_providers::{Dialect, StreamReader, Transcript};

/// Events of one stream.
const EVENTS: usize = 1_000;
/// What one read from a socket gives at most.
const CHUNK_BYTES: usize = 16 * 1024;

fn stream() -> Vec<u8> {
    let mut stream = String::new();
    for at in 0..EVENTS {
        stream.push_str(&format!(
            "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"gpt-4o\",\
             \"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" word{at}\"}},\"logprobs\":null,\"finish_reason\":null}}]}}\n\n"
        ));
    }
    stream.push_str("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1000,\"total_tokens\":1009}}\n\n");
    stream.push_str("data: [DONE]\n\n");
    stream.into_bytes()
}

/// Bytes of text, as our reader finds them.
fn ours(bytes: &[u8]) -> u64 {
    let mut transcript = Transcript::new(0);
    let mut reader = StreamReader::new(Dialect::Chat);
    for chunk in bytes.chunks(CHUNK_BYTES) {
        reader.feed(chunk, &mut |event| transcript.on_event(&event));
    }
    reader.finish(&mut |event| transcript.on_event(&event));
    transcript.output_bytes()
}

/// Bytes of text, as a parse of every event finds them.
fn plain(bytes: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(bytes);
    let events = text.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
    let texts = events.filter_map(|data| {
        let value: serde_json::Value = serde_json::from_str(data).ok()?;
        Some(value.get("choices")?.get(0)?.get("delta")?.get("content")?.as_str()?.len() as u64)
    });
    texts.sum()
}

fn bench(criterion: &mut Criterion) {
    let stream = stream();
    assert_eq!(ours(&stream), plain(&stream), "a wrong answer is not worth timing");
    let mut group = criterion.benchmark_group("sse");
    group.throughput(Throughput::Bytes(stream.len() as u64));
    group.bench_function("tollgate", |bencher| bencher.iter(|| ours(black_box(&stream))));
    group.bench_function("serde_json per event", |bencher| {
        bencher.iter(|| plain(black_box(&stream)));
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
