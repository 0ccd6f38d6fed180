//! Any bytes as what an HTTP/1.1 upstream answers, in any split: never a panic, the same head and body.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tollgate_http1::{Body, Framing, Malformed, parse};

/// The body, what is behind it, and whether it ended.
fn body(framing: Framing, pieces: &[&[u8]]) -> Result<(Vec<u8>, Vec<u8>, bool), Malformed> {
    let mut body = Body::new(framing);
    let (mut found, mut behind) = (Vec::new(), Vec::new());
    for piece in pieces {
        let mut input = *piece;
        while let Some(piece) = body.next(&mut input)? {
            assert!(!piece.is_empty());
            found.extend_from_slice(piece);
        }
        assert!(body.is_done() || input.is_empty());
        behind.extend_from_slice(input);
    }
    let done = body.is_done();
    Ok((found, behind, done))
}

fuzz_target!(|data: &[u8]| {
    let Some((at, bytes)) = data.split_first() else { return };
    let all = Bytes::copy_from_slice(bytes);
    let cut = usize::from(*at).min(bytes.len());
    let (framing, rest) = match parse(&all) {
        Ok(Some(head)) => {
            assert!(head.bytes <= bytes.len());
            // Less of it is no other head, and more of it neither.
            assert!(!matches!(parse(&all.slice(..cut.min(head.bytes - 1))), Ok(Some(_))));
            let again = parse(&all.slice(..head.bytes)).ok().flatten().map(|head| head.framing);
            assert_eq!(again, Some(head.framing));
            (head.framing, all.slice(head.bytes..))
        }
        _ => (Framing::Chunked, all),
    };
    let (first, second) = rest.split_at(cut.min(rest.len()));
    assert_eq!(body(framing, &[&rest]), body(framing, &[first, second]));
});
