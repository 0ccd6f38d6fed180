//! Any bytes as an answer of a media endpoint, in any split: never a panic, and the same told.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_providers::media::{MediaForm, MediaReader};
use tollgate_providers::{EndpointKind, Transcript};

fn read(kind: EndpointKind, form: MediaForm, pieces: &[&[u8]]) -> String {
    let mut transcript = Transcript::new(1 << 20);
    let mut reader = MediaReader::new(kind, form);
    for piece in pieces {
        reader.feed(piece, &mut |event| transcript.on_event(&event));
    }
    reader.finish(&mut |event| transcript.on_event(&event));
    transcript.to_json().to_string()
}

fuzz_target!(|data: &[u8]| {
    let Some((at, bytes)) = data.split_first() else { return };
    let (first, second) = bytes.split_at(usize::from(*at).min(bytes.len()));
    for kind in [EndpointKind::ImageGeneration, EndpointKind::AudioTranscription] {
        for form in [MediaForm::Events, MediaForm::Json, MediaForm::Text] {
            assert_eq!(read(kind, form, &[bytes]), read(kind, form, &[first, second]));
        }
    }
});
