//! Hostile tokens: each is good but for one thing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use super::{
    Algorithm, LEEWAY_S, Rejected, Rules, TOKEN_BYTES_MAX, TOKEN_LIFE_S, Unverified, bearer,
};
use crate::Scope;
use crate::jwks::KeySet;
use crate::signing::SigningKey;

const NOW: u64 = 1_800_000_000;

struct Issuer {
    key: SigningKey,
    keys: KeySet,
    rules: Rules,
}

impl Issuer {
    fn new() -> Self {
        let key = SigningKey::generate(NOW).unwrap();
        let keys = KeySet::ed25519([(key.kid.as_str(), key.public())].into_iter());
        let rules = Rules {
            issuer: "https://gateway.example".to_owned(),
            audience: "collector".to_owned(),
            life_s_max: TOKEN_LIFE_S,
            scope: Some(Scope::OtelWrite),
        };
        Self { key, keys, rules }
    }

    /// The token with this header and these claims, rightly signed.
    fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
        let pair = ring::signature::Ed25519KeyPair::from_pkcs8(self.key.pkcs8()).unwrap();
        format!("{signed}.{}", BASE64.encode(pair.sign(signed.as_bytes())))
    }

    fn header(&self) -> Value {
        json!({ "alg": "EdDSA", "typ": "JWT", "kid": self.key.kid })
    }

    /// A token whose claims are good but for these.
    fn with(&self, change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> String {
        let mut claims = good();
        change(claims.as_object_mut().unwrap());
        self.sign(&self.header().to_string(), &claims.to_string())
    }

    fn judge(&self, token: &str) -> Result<String, Rejected> {
        let claims = Unverified::parse(token)?.verify(&self.rules, &self.keys, NOW)?;
        Ok(claims.project)
    }
}

fn good() -> Value {
    json!({
        "iss": "https://gateway.example", "aud": "collector", "sub": "p1", "scope": "otel:write",
        "iat": NOW, "nbf": NOW, "exp": NOW + TOKEN_LIFE_S,
    })
}

#[test]
fn a_good_token_is_taken() {
    let issuer = Issuer::new();
    assert_eq!(issuer.judge(&issuer.with(|_| ())), Ok("p1".to_owned()));
    let lists = issuer.with(|claims| {
        claims["aud"] = json!(["other", "collector"]);
        claims["scope"] = json!("query:read otel:write");
        claims["exp"] = json!(NOW as f64 + 10.5);
    });
    assert_eq!(issuer.judge(&lists), Ok("p1".to_owned()));
}

#[test]
fn every_claim_is_judged() {
    let issuer = Issuer::new();
    let cases: [(&str, Value, Rejected); 31] = [
        ("exp", json!(NOW - LEEWAY_S), Rejected::Expired),
        ("exp", json!(NOW + TOKEN_LIFE_S + LEEWAY_S + 1), Rejected::Life),
        ("exp", json!(253_402_300_799_u64), Rejected::Life),
        ("exp", json!((NOW + 60).to_string()), Rejected::Claims),
        ("exp", json!(-1), Rejected::Claims),
        ("exp", json!(1e300), Rejected::Claims),
        ("exp", json!(u64::MAX), Rejected::Claims),
        ("exp", json!([NOW + 60]), Rejected::Claims),
        ("exp", json!(true), Rejected::Claims),
        ("exp", Value::Null, Rejected::Claims),
        ("nbf", json!(NOW + LEEWAY_S + 1), Rejected::NotYet),
        ("nbf", json!(NOW.to_string()), Rejected::Claims),
        ("nbf", Value::Null, Rejected::Claims),
        ("iat", json!(NOW + LEEWAY_S + 1), Rejected::NotYet),
        ("iat", json!("now"), Rejected::Claims),
        ("aud", json!("collectors"), Rejected::Audience),
        ("aud", json!(["a", "b"]), Rejected::Audience),
        ("aud", json!([]), Rejected::Audience),
        ("aud", json!(["collector", 7]), Rejected::Claims),
        ("aud", json!({ "collector": true }), Rejected::Claims),
        ("iss", json!("https://gateway.example/"), Rejected::Issuer),
        ("iss", json!("https://evil.example"), Rejected::Issuer),
        ("iss", json!(["https://gateway.example"]), Rejected::Claims),
        ("sub", json!(""), Rejected::Claims),
        ("sub", json!("  "), Rejected::Claims),
        ("sub", json!("a\u{0}b"), Rejected::Claims),
        ("sub", json!("x".repeat(257)), Rejected::Claims),
        ("sub", json!(7), Rejected::Claims),
        ("scope", json!("query:read"), Rejected::Scope),
        ("scope", json!("otel:write:more"), Rejected::Scope),
        ("scope", json!(["otel:write"]), Rejected::Scope),
    ];
    for (claim, value, expected) in cases {
        let token = issuer.with(|claims| {
            claims.insert(claim.to_owned(), value.clone());
        });
        assert_eq!(issuer.judge(&token), Err(expected), "{claim}: {value}");
    }
    for (claim, expected) in [
        ("exp", Rejected::Claims),
        ("aud", Rejected::Claims),
        ("iss", Rejected::Claims),
        ("sub", Rejected::Claims),
        ("scope", Rejected::Scope),
    ] {
        let token = issuer.with(|claims| assert!(claims.remove(claim).is_some()));
        assert_eq!(issuer.judge(&token), Err(expected), "{claim} is missing");
    }
    let at_the_edge = [
        ("exp", json!(NOW - LEEWAY_S + 1)),
        ("exp", json!(NOW + TOKEN_LIFE_S + LEEWAY_S)),
        ("nbf", json!(NOW + LEEWAY_S)),
        ("sub", json!("x".repeat(256))),
    ];
    for (claim, value) in at_the_edge {
        let token = issuer.with(|claims| claims[claim] = value.clone());
        assert!(issuer.judge(&token).is_ok(), "{claim}: {value}");
    }
}

#[test]
fn the_key_decides_about_the_algorithm_and_the_header_about_nothing() {
    let issuer = Issuer::new();
    let sign = |change: Value| {
        let mut header = issuer.header();
        header.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        issuer.sign(&header.to_string(), &good().to_string())
    };
    let jwk = issuer.keys.to_json()["keys"][0].clone();
    let cases = [
        (json!({ "alg": "none" }), Rejected::Algorithm),
        (json!({ "alg": "nOnE" }), Rejected::Algorithm),
        (json!({ "alg": "HS256" }), Rejected::Algorithm),
        (json!({ "alg": "ES256" }), Rejected::Algorithm),
        (json!({ "alg": "RS256" }), Rejected::Algorithm),
        (json!({ "alg": "eddsa" }), Rejected::Algorithm),
        (json!({ "alg": ["EdDSA"] }), Rejected::Algorithm),
        (json!({ "kid": "another" }), Rejected::Key),
        (json!({ "kid": "../../etc/passwd" }), Rejected::Key),
        (json!({ "kid": null }), Rejected::Key),
        (json!({ "jwk": jwk }), Rejected::Header),
        (json!({ "jku": "https://evil.example/jwks" }), Rejected::Header),
        (json!({ "x5u": "https://evil.example/cert" }), Rejected::Header),
        (json!({ "x5c": ["AAAA"] }), Rejected::Header),
        (json!({ "crit": ["exp"] }), Rejected::Header),
    ];
    for (change, expected) in cases {
        assert_eq!(issuer.judge(&sign(change.clone())), Err(expected), "{change}");
    }
}

#[test]
fn signatures_of_others_are_refused() {
    let (issuer, evil) = (Issuer::new(), Issuer::new());
    let header = issuer.header().to_string();
    assert_eq!(issuer.judge(&evil.sign(&header, &good().to_string())), Err(Rejected::Signature));
    let none = json!({ "alg": "none", "kid": issuer.key.kid }).to_string();
    let unsigned = format!("{}.{}.", BASE64.encode(none), BASE64.encode(good().to_string()));
    assert_eq!(issuer.judge(&unsigned), Err(Rejected::Algorithm));
    let empty = format!("{}.{}.", BASE64.encode(&header), BASE64.encode(good().to_string()));
    assert_eq!(issuer.judge(&empty), Err(Rejected::Signature));
    // The public key as the secret of a symmetric algorithm, raw and as it is published.
    let symmetric = json!({ "alg": "HS256", "kid": issuer.key.kid }).to_string();
    let signed = format!("{}.{}", BASE64.encode(symmetric), BASE64.encode(good().to_string()));
    for secret in [issuer.key.public().to_vec(), issuer.keys.to_json().to_string().into_bytes()] {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes());
        let token = format!("{signed}.{}", BASE64.encode(tag));
        assert_eq!(issuer.judge(&token), Err(Rejected::Algorithm));
    }
}

#[test]
fn a_token_that_was_changed_anywhere_is_refused() {
    let issuer = Issuer::new();
    let token = issuer.with(|_| ());
    for cut in 0..token.len() {
        assert!(issuer.judge(&token[..cut]).is_err(), "cut at {cut}");
    }
    for at in 0..token.len() {
        for symbol in [b'A', b'_', b'.', b'=', b' '] {
            let mut changed = token.clone().into_bytes();
            if std::mem::replace(&mut changed[at], symbol) != symbol {
                let changed = String::from_utf8(changed).unwrap();
                assert!(issuer.judge(&changed).is_err(), "{at}: {}", char::from(symbol));
            }
        }
    }
    for more in ["A", "=", ".", ".A", " ", "\n"] {
        assert!(issuer.judge(&format!("{token}{more}")).is_err(), "{more:?}");
    }
    // A signature has 64 bytes; the last symbol's low bits belong to none of them.
    let last = token.bytes().last().unwrap();
    let twins = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let good = twins.iter().filter(|twin| {
        let text = format!("{}{}", &token[..token.len() - 1], char::from(**twin));
        issuer.judge(&text).is_ok()
    });
    assert_eq!(good.copied().collect::<Vec<_>>(), [last]);
}

#[test]
fn repeated_fields_and_what_is_no_object_are_refused() {
    let issuer = Issuer::new();
    let claims = good().to_string();
    let twice = claims.replacen('{', r#"{"sub":"p2","#, 1);
    assert_eq!(
        issuer.judge(&issuer.sign(&issuer.header().to_string(), &twice)),
        Err(Rejected::Malformed)
    );
    let header = issuer.header().to_string().replacen('{', r#"{"alg":"none","#, 1);
    assert_eq!(issuer.judge(&issuer.sign(&header, &claims)), Err(Rejected::Malformed));
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(500), "]".repeat(500));
    for odd in ["", "null", "[]", "7", "{", "{}{}", "\u{feff}{}", &deep] {
        let token = issuer.sign(&issuer.header().to_string(), odd);
        assert!(matches!(issuer.judge(&token), Err(Rejected::Malformed)), "{odd:.20}");
    }
    for text in ["", ".", "..", "...", "a.b.c", "a.b.c.d", "é.é.é", "eyJ9.eyJ9.eyJ9"] {
        assert_eq!(issuer.judge(text), Err(Rejected::Malformed), "{text}");
    }
}

#[test]
fn the_size_is_bounded_exactly() {
    let issuer = Issuer::new();
    let sized = |bytes: usize| {
        let token = |filler: usize| {
            issuer.with(|claims| {
                claims.insert("filler".to_owned(), json!("x".repeat(filler)));
            })
        };
        (0..bytes).map(token).find(|token| token.len() >= bytes).unwrap()
    };
    // Three bytes become four symbols: not every length can be had, the limit happens to be.
    let longest =
        (0..4).map(|less| sized(TOKEN_BYTES_MAX - less)).find(|it| it.len() <= TOKEN_BYTES_MAX);
    assert!(issuer.judge(&longest.unwrap()).is_ok());
    assert_eq!(issuer.judge(&sized(TOKEN_BYTES_MAX + 1)), Err(Rejected::TooLong));
    assert_eq!(issuer.judge(&"x".repeat(1 << 20)), Err(Rejected::TooLong));
}

#[test]
fn tokens_on_other_curves_are_verified_by_their_own_algorithm() {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random)
        .unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let set = json!({ "keys": [{
        "kty": "EC", "crv": "P-256", "kid": "ec", "x": BASE64.encode(x), "y": BASE64.encode(y),
    }] });
    let keys = KeySet::parse(set.to_string().as_bytes()).unwrap();
    let issuer = Issuer { keys, ..Issuer::new() };
    let sign = |alg: &str| {
        let header = json!({ "alg": alg, "kid": "ec" }).to_string();
        let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(good().to_string()));
        let signature = pair.sign(&random, signed.as_bytes()).unwrap();
        format!("{signed}.{}", BASE64.encode(signature))
    };
    assert_eq!(issuer.judge(&sign("ES256")), Ok("p1".to_owned()));
    assert_eq!(issuer.judge(&sign("EdDSA")), Err(Rejected::Algorithm));
    assert_eq!(issuer.keys.get("ec").unwrap().algorithm(), Algorithm::Es256);
}

#[test]
fn no_bytes_panic() {
    let issuer = Issuer::new();
    let token = issuer.with(|_| ());
    let mut random = fastrand::Rng::with_seed(6);
    for _ in 0..20_000 {
        let mut bytes = token.clone().into_bytes();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(..bytes.len());
            bytes[at] = random.u8(..);
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(text == token || issuer.judge(&text).is_err(), "{text}");
    }
}

#[test]
fn a_bearer_is_told_from_other_schemes() {
    for (header, token) in [
        ("Bearer abc", Some("abc")),
        ("bearer abc ", Some("abc")),
        ("BEARER  abc", Some("abc")),
        ("Bearer ", Some("")),
        ("Bearer", None),
        ("Basic YTpi", None),
        ("abc", None),
        ("", None),
    ] {
        assert_eq!(bearer(header.as_bytes()).as_deref(), token, "{header}");
    }
}
