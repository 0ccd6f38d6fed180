//! How fast requests are looked through, every detector on: a conversation of ordinary text, one of
//! program text, and one in which every line has something that only looks like a finding.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tollgate_filters::detect::{Detector, Detectors, Kind};
use tollgate_filters::guard::{
    Action, DetectorSettings, Direction, Directions, Policy, Rules, Settings,
};

/// A long prompt.
const TEXT_BYTES: usize = 64 * 1024;
const PROSE: &str = "The committee met on Tuesday to talk about the new library. It was agreed, after \
    some discussion, that the reading room should stay open until nine in the evening; 42 people had \
    asked for it. \"What about the garden?\" somebody said. Nobody knew.\n\nIn the second part of the \
    meeting, the plans for 2027 were shown: three floors, a café, and room for about 120,000 books. ";
const PROGRAM: &str = "pub fn parse(input: &str) -> Result<Vec<Token>, Error> {\n    let mut out = Vec::with_capacity(16);\n    \
    for (at, ch) in input.char_indices() {\n        match ch {\n            '0'..='9' => out.push(Token::Digit(at)),\n            \
    '@' | ':' => return Err(Error::At { at, what: \"sign\" }),\n            _ => {}\n        }\n    }\n    Ok(out)\n}\n\n";
const LOOKALIKES: &str = "At 10:30 call 555-1234 or write to @team; version 1.2.3.4.5, order 4111-1111-1111-1112, \
    sk-something-with-words, see std::fmt::Debug, ratio 3:2, AKIA is a prefix, eyJ too. ";

const PHRASES: [&str; 8] = [
    "internal only",
    "project nightjar",
    "do not distribute",
    "strictly confidential",
    "attorney-client",
    "merger talks",
    "salary bands",
    "board minutes",
];

fn rules() -> Arc<Rules> {
    let of = |detector: Detector| DetectorSettings {
        kinds: Kind::named(detector.name()),
        action: if detector == Detector::Blocklist { Action::Block } else { Action::Redact },
        directions: Directions::Both,
    };
    let settings = Settings {
        blocklist: PHRASES.map(str::to_owned).to_vec(),
        detectors: Detector::ALL.map(of).to_vec(),
    };
    let policy = Policy::new(&settings).ok();
    let rules = policy.and_then(|policy| policy.rules(Direction::Input).cloned());
    rules.unwrap_or_else(|| unreachable!("eight phrases fit an automaton"))
}

fn body(text: &str) -> Bytes {
    let content = text.repeat(TEXT_BYTES / text.len());
    serde_json::json!({ "model": "m", "messages": [{ "role": "user", "content": content }] })
        .to_string()
        .into()
}

fn bench(criterion: &mut Criterion) {
    let rules = rules();
    for (name, text) in [("prose", PROSE), ("program", PROGRAM), ("lookalikes", LOOKALIKES)] {
        let body = body(text);
        let found = rules.scan_json(&body).findings;
        assert!(found.is_empty(), "a clean text is to be timed: {found:?}");
        let mut group = criterion.benchmark_group(format!("guard/{name}"));
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function("all detectors", |bencher| {
            bencher.iter(|| rules.scan_json(black_box(&body)));
        });
        let plain = text.repeat(TEXT_BYTES / text.len());
        for detector in Detector::ALL {
            let Ok(one) = Detectors::new(Kind::named(detector.name()), PHRASES) else { continue };
            group.bench_function(detector.name(), |bencher| {
                bencher.iter(|| one.find(black_box(&plain)));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
