//! The life of signing keys, second by second.

use super::{KEPT_AFTER_USE_S, Lives, PUBLISHED_BEFORE_USE_S, SigningKey, USED_S};
use crate::token::{LEEWAY_S, TOKEN_LIFE_S};

const START: u64 = 1_700_000_000;

fn lives(created_s: &[u64], now_s: u64) -> Lives {
    Lives::of(created_s.iter().copied(), now_s)
}

#[test]
fn the_first_key_is_made_when_it_is_needed_and_used_at_once() {
    assert_eq!(lives(&[], START), Lives { signer: None, is_due: true, kept: 0 });
    assert_eq!(lives(&[START], START), Lives { signer: Some(0), is_due: false, kept: 1 });
}

#[test]
fn a_new_key_is_due_after_a_month_published_before_it_is_used_and_the_old_one_outlives_its_tokens()
{
    let due = START + USED_S;
    assert!(!lives(&[START], due - 1).is_due && lives(&[START], due).is_due);
    let both = [due, START];
    let used = due + PUBLISHED_BEFORE_USE_S;
    assert_eq!(lives(&both, due).signer, Some(1));
    assert_eq!(lives(&both, used - 1), Lives { signer: Some(1), is_due: false, kept: 2 });
    assert_eq!(lives(&both, used), Lives { signer: Some(0), is_due: false, kept: 2 });
    // The last token of the old key was signed a second before `used`.
    let last_token_ends = used - 1 + TOKEN_LIFE_S + LEEWAY_S;
    let dropped = used + KEPT_AFTER_USE_S;
    assert!(dropped > last_token_ends);
    assert_eq!(lives(&both, dropped - 1).kept, 2);
    assert_eq!(lives(&both, dropped).kept, 1);
}

#[test]
fn a_year_without_use_makes_one_key_and_signs_with_the_published_one() {
    let late = START + 365 * 24 * 3_600;
    assert_eq!(lives(&[START], late), Lives { signer: Some(0), is_due: true, kept: 1 });
    assert_eq!(lives(&[late, START], late).signer, Some(1));
}

#[test]
fn a_clock_that_jumps_back_leaves_a_signer() {
    for now_s in [0, START - 10 * 365 * 86_400, START - 600, START + 600] {
        let Lives { signer, kept, .. } = lives(&[START, START - USED_S], now_s);
        assert!(signer.is_some() && kept == 2, "{now_s}");
    }
    assert_eq!(lives(&[u64::MAX, 0], u64::MAX), Lives { signer: Some(0), is_due: true, kept: 1 });
}

#[test]
fn a_key_shows_its_name_and_nothing_else() {
    let key = SigningKey::generate(START).unwrap();
    let shown = format!("{key:?}");
    assert!(shown.contains(&key.kid) && shown.len() < 64, "{shown}");
    assert!(SigningKey::of(key.kid.clone(), b"no key".to_vec(), 1).is_none());
    let again = SigningKey::of(key.kid.clone(), key.pkcs8().to_vec(), START).unwrap();
    assert_eq!(again.public(), key.public());
}
