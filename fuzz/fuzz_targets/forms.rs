//! Any bytes as a form, in any split: the same parts or the same refusal, and only the model changes
//! when it is rewritten.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tollgate_providers::multipart::{Form, FormError, FormScanner, Part};

const TYPE: &str = "multipart/form-data; boundary=b";

fn scan(pieces: &[&[u8]]) -> Result<Vec<Part>, FormError> {
    let mut scanner = FormScanner::new(TYPE)?;
    for piece in pieces {
        scanner.feed(piece)?;
    }
    scanner.finish()
}

fuzz_target!(|data: &[u8]| {
    let Some((at, bytes)) = data.split_first() else { return };
    let (first, second) = bytes.split_at(usize::from(*at).min(bytes.len()));
    let whole = scan(&[bytes]);
    assert_eq!(scan(&[first, second]), whole);
    let _content_type = FormScanner::new(&String::from_utf8_lossy(bytes));
    let Ok(parts) = whole else { return };
    for part in &parts {
        let content = bytes.get(part.place.clone()).expect("a part is in the body");
        assert!(part.value.as_deref().is_none_or(|value| value == content));
    }
    let Ok(form) = Form::of(parts) else { return };
    let body = Bytes::copy_from_slice(bytes);
    let changed = form.with_model(&body, "another");
    let again = Form::read(TYPE, &changed).expect("a rewritten form is as valid as it was");
    assert_eq!(again.model(), "another");
    assert_eq!(again.with_model(&changed, form.model()), body);
});
