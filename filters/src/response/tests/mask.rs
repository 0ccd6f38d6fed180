//! A quoted secret leaves as asterisks of its length.

use proptest::prelude::*;
use tollgate_providers::Secret;

use crate::response::mask::Mask;

fn masked(secret: &str, pieces: &[&[u8]]) -> Vec<u8> {
    let mut mask = Mask::new(Secret::new(secret));
    let mut out = Vec::new();
    for piece in pieces {
        out.extend_from_slice(&mask.on_chunk(piece));
    }
    out.extend_from_slice(&mask.on_end());
    out
}

#[test]
fn every_occurrence_is_replaced_and_nothing_else() {
    assert_eq!(masked("sk-1", &[b"a sk-1 sk-1sk-1 sk-2"]), b"a **** ******** sk-2");
    assert_eq!(masked("aab", &[b"aaab", b"aa"]), b"a***aa");
    assert_eq!(masked("", &[b"nothing"]), b"nothing");
}

proptest! {
    #[test]
    fn however_it_is_cut_it_is_the_same(
        text in "[ab]{0,40}",
        secret in "[ab]{1,6}",
        cuts in proptest::collection::vec(0_usize..40, 0..5),
    ) {
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|cut| &text.as_bytes()[cut[0]..cut[1]]).collect();
        let out = masked(&secret, &pieces);
        prop_assert_eq!(&out, &masked(&secret, &[text.as_bytes()]));
        prop_assert_eq!(out.len(), text.len());
        prop_assert!(memchr::memmem::find(&out, secret.as_bytes()).is_none());
    }
}
