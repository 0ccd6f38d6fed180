//! Every deviation is shown by a stream, and every row's deviations are among them.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::catalog::{Deviation, ROWS};
use crate::inspect::{Cut, inspect};
use crate::provider::Dialect;

fn fixture(deviation: Deviation, extension: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/deviations");
    let path = format!("{folder}/{}.{extension}", deviation.name());
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn each_deviation_is_read_as_its_fixture_says_however_it_is_cut() {
    for deviation in Deviation::ALL {
        let stream = fixture(deviation, "sse");
        let expected: Value = serde_json::from_str(&fixture(deviation, "json")).unwrap();
        let seeds = (0..20).map(Cut::Random);
        for cut in [Cut::Whole, Cut::Small].into_iter().chain(seeds) {
            let said = inspect(Dialect::Chat, stream.as_bytes(), cut).to_json();
            // A fixture says what it is about; the rest may be anything.
            for (key, value) in expected.as_object().unwrap() {
                assert_eq!(&said[key], value, "{}: {key}, {cut:?}", deviation.name());
            }
        }
    }
}

#[test]
fn each_fixture_shows_what_it_is_named_after() {
    let says = |deviation, text: &str| fixture(deviation, "sse").contains(text);
    assert!(says(Deviation::CrLf, "\r\n\r\n"));
    assert!(says(Deviation::Comments, ": "));
    for (deviation, text) in [
        (Deviation::FilterChunkFirst, "prompt_filter_results"),
        (Deviation::UsageInExtension, "x_groq"),
        (Deviation::CacheHitTokens, "prompt_cache_hit_tokens"),
        (Deviation::ReasoningContent, "\"reasoning_content\""),
        (Deviation::Reasoning, "\"reasoning\""),
        (Deviation::ContentParts, "\"thinking\""),
        (Deviation::ErrorEvent, "event: error"),
        (Deviation::ErrorInChunk, "\"error\""),
    ] {
        assert!(says(deviation, text), "{}", deviation.name());
    }
    for deviation in [Deviation::NoDoneMark, Deviation::ErrorEvent] {
        assert!(!says(deviation, "[DONE]"), "{}", deviation.name());
    }
    assert!(!says(Deviation::NoToolIndex, "\"tool_calls\":[{\"index\""));
}

#[test]
fn every_deviation_belongs_to_a_row_and_no_fixture_to_none() {
    let known: BTreeSet<_> = Deviation::ALL.iter().map(|it| it.name().to_owned()).collect();
    assert_eq!(known.len(), Deviation::ALL.len());
    let used: BTreeSet<_> =
        ROWS.iter().flat_map(|row| row.deviations).map(|it| it.name().to_owned()).collect();
    assert_eq!(used, known, "a deviation that nobody shows, or one that is not in ALL");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/deviations");
    let files: BTreeSet<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(files, known, "a fixture without a deviation, or the other way round");
}
