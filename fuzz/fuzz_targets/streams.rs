//! Any bytes in any split: the readers never panic, and what they see does not depend on the split.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_providers::{Dialect, StreamReader, Transcript};

fn read(dialect: Dialect, pieces: &[&[u8]]) -> String {
    let mut transcript = Transcript::new(1 << 20);
    let mut reader = StreamReader::new(dialect);
    for piece in pieces {
        reader.feed(piece, &mut |event| transcript.on_event(&event));
    }
    reader.finish(&mut |event| transcript.on_event(&event));
    transcript.to_json().to_string()
}

const DIALECTS: [Dialect; 5] =
    [Dialect::Chat, Dialect::Messages, Dialect::Responses, Dialect::Cohere, Dialect::Gemini];

fuzz_target!(|data: &[u8]| {
    let Some((at, bytes)) = data.split_first() else { return };
    let (first, second) = bytes.split_at(usize::from(*at).min(bytes.len()));
    for dialect in DIALECTS {
        assert_eq!(read(dialect, &[bytes]), read(dialect, &[first, second]));
    }
});
