//! Keys are random, copied whole or not at all, and never shown by accident.

use std::collections::HashSet;

use super::{ALPHABET, ApiKey, BadKey, Environment, is_symbol};

#[test]
fn a_symbol_is_what_the_alphabet_has() {
    for byte in 0..=u8::MAX {
        assert_eq!(is_symbol(byte), ALPHABET.contains(&byte), "{byte}");
    }
}

#[test]
fn a_new_key_reads_back_with_its_prefix() {
    for (environment, start) in [
        (None, "tg_"),
        (Some(Environment::Live), "tg_live_"),
        (Some(Environment::Test), "tg_test_"),
    ] {
        let key = ApiKey::generate(environment).unwrap();
        assert!(key.expose().starts_with(&format!("{start}{}_", key.prefix())));
        let read = ApiKey::parse(key.expose()).unwrap();
        assert_eq!((read.prefix(), read.hash()), (key.prefix(), key.hash()));
    }
}

#[test]
fn ten_thousand_keys_have_ten_thousand_prefixes_and_use_every_symbol() {
    let keys: Vec<_> = (0..10_000).map(|_| ApiKey::generate(None).unwrap()).collect();
    let prefixes: HashSet<_> = keys.iter().map(|key| key.prefix().to_owned()).collect();
    assert_eq!(prefixes.len(), keys.len());
    let secrets = keys.iter().flat_map(|key| key.expose().bytes().skip(14).take(32));
    let mut counts = [0_u32; 128];
    secrets.for_each(|byte| counts[usize::from(byte)] += 1);
    for symbol in ALPHABET {
        let count = counts[usize::from(*symbol)];
        assert!((9_000..11_000).contains(&count), "{}: {count} of 320,000", char::from(*symbol));
    }
}

#[test]
fn every_single_typing_error_is_found_offline() {
    let key = ApiKey::generate(Some(Environment::Live)).unwrap();
    let text = key.expose();
    for at in 0..text.len() {
        for symbol in ALPHABET.iter().chain(b"_-Z ") {
            let mut wrong = text.as_bytes().to_vec();
            wrong[at] = *symbol;
            let wrong = String::from_utf8(wrong).unwrap();
            assert_eq!(ApiKey::parse(&wrong).is_ok(), wrong == text, "{at}");
        }
        let cut = &text[..at];
        assert!(ApiKey::parse(cut).is_err(), "cut at {at}");
    }
}

#[test]
fn what_is_no_key_is_told_from_a_key_with_an_error() {
    let key = ApiKey::generate(None).unwrap();
    let longer = format!("{}0", key.expose());
    let upper = key.expose().to_uppercase();
    assert_eq!(ApiKey::parse(&longer), Err(BadKey::Checksum));
    for other in ["", "sk-abc", &upper, "eyJhbGciOiJub25lIn0.e30.", &"tg_".repeat(1_000)] {
        assert_eq!(ApiKey::parse(other), Err(BadKey::Shape), "{other:.40}");
    }
    assert_eq!(ApiKey::parse("tg_nothing"), Err(BadKey::Checksum));
}

#[test]
fn the_secret_is_in_no_debug_text() {
    let key = ApiKey::generate(None).unwrap();
    let secret = key.expose().rsplit('_').next().unwrap();
    let shown = format!("{key:?}");
    assert!(shown.contains(key.prefix()) && !shown.contains(&secret[..8]), "{shown}");
}
