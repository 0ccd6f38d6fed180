//! What is stored comes back as it was, and nothing else does.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use tollgate_providers::Usage;

use super::{decode, encode};
use crate::cache::{Answer, Cost, Piece, Told};

fn full() -> Answer {
    let usage = Usage {
        input: Some(1),
        output: Some(2),
        total: Some(3),
        cache_read: Some(4),
        cache_creation: Some(5),
        cache_creation_5m: Some(6),
        cache_creation_1h: Some(7),
        reasoning: Some(8),
        duration_ms: Some(9),
        input_excludes_cache: true,
        output_excludes_reasoning: true,
    };
    Answer {
        stream: true,
        headers: vec![(
            HeaderName::from_static("content-type"),
            HeaderValue::from_bytes(b"text/\xe9").unwrap(),
        )],
        body: Bytes::from_static(b"data: \xff\n\n"),
        pieces: vec![Piece { end: 3, at_us: 0 }, Piece { end: 9, at_us: 7 }],
        told: Told {
            id: Some("id\"\n".to_owned()),
            model: Some("m".to_owned()),
            usage: Some(usage),
            is_usage_reported: true,
            cost: Some(Cost { amount: 0.1 + 0.2, currency: "EUR".into() }),
            finish_reasons: vec!["stop".to_owned()],
            provider: "p".into(),
            target: "t".into(),
            upstream_model: "u".into(),
        },
        stored_ns: 1_700_000_000_123_456_789,
    }
}

#[test]
fn what_is_stored_comes_back_as_it_was() {
    let bare = Answer { headers: vec![], pieces: vec![], told: Told::default(), ..full() };
    for answer in [full(), bare] {
        assert_eq!(decode(&encode(&answer).into()), Some(answer));
    }
}

#[test]
fn what_is_damaged_anywhere_is_no_answer_or_the_same_length_of_one() {
    let bytes = encode(&full());
    for length in 0..bytes.len() {
        assert_eq!(decode(&Bytes::copy_from_slice(&bytes[..length])), None, "{length} bytes");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(decode(&longer.into()), None);
    let mut other = bytes;
    other[3] = b'2';
    assert_eq!(decode(&other.into()), None, "another version's");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>(), flip in any::<(usize, u8)>()) {
        decode(&bytes.into());
        let mut damaged = encode(&full());
        let at = flip.0 % damaged.len();
        damaged[at] ^= flip.1;
        // Whatever it says, its pieces stay within its body.
        if let Some(answer) = decode(&damaged.into()) {
            let told: usize = answer.pieces().map(|(_, piece)| piece.len()).sum();
            prop_assert!(told <= answer.body.len());
        }
    }
}
