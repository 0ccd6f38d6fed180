//! Which keys of a key set are used, and which are passed over.

use super::{BadKeySet, KEYS_MAX, KeySet};

/// The Ed25519 key of RFC 8037, appendix A.2.
const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

fn okp(kid: &str, rest: &str) -> String {
    format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"{X}"{rest}}}"#)
}

fn set(keys: &[String]) -> Result<KeySet, BadKeySet> {
    KeySet::parse(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes())
}

#[test]
fn what_is_published_reads_back() {
    let keys = set(&[okp("b", ""), okp("a", r#","alg":"EdDSA","use":"sig""#)]).unwrap();
    let json = keys.to_json();
    assert_eq!(json["keys"][0]["kid"], "a", "in a fixed order");
    assert_eq!(json["keys"][0]["x"], X);
    assert!(json["keys"][0].get("d").is_none(), "no secret half");
    assert_eq!(KeySet::parse(json.to_string().as_bytes()).unwrap(), keys);
}

#[test]
fn keys_for_other_purposes_and_algorithms_are_passed_over() {
    let good = okp("good", "");
    let others = [
        okp("enc", r#","use":"enc""#),
        okp("other-alg", r#","alg":"HS256""#),
        good.replace("\"kid\":\"good\",", ""),
        good.replace("\"good\"", "7"),
        good.replace(X, "AAAA"),
        good.replace("Ed25519", "Ed448"),
        r#"{"kty":"oct","kid":"secret","k":"c2VjcmV0","alg":"HS256"}"#.to_owned(),
        r#"{"kty":"EC","crv":"P-521","kid":"p","x":"AA","y":"AA"}"#.to_owned(),
        r#"{"kty":"RSA","kid":"r","n":"!!","e":"AQAB"}"#.to_owned(),
        "7".to_owned(),
    ];
    for other in &others {
        assert_eq!(set(std::slice::from_ref(other)), Err(BadKeySet::NoKey), "{other}");
        let both = set(&[other.clone(), good.clone()]).unwrap();
        assert_eq!((both.len(), both.has("good")), (1, true), "{other}");
    }
}

#[test]
fn a_set_is_a_list_of_at_most_a_hundred() {
    for malformed in ["", "[]", "{}", r#"{"keys":{}}"#, "\u{1F511}"] {
        assert_eq!(KeySet::parse(malformed.as_bytes()), Err(BadKeySet::Malformed), "{malformed}");
    }
    let keys: Vec<_> = (0..=KEYS_MAX).map(|at| okp(&at.to_string(), "")).collect();
    assert_eq!(set(&keys[1..]).unwrap().len(), KEYS_MAX);
    assert_eq!(set(&keys), Err(BadKeySet::TooMany));
}
