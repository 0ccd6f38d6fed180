//! Tokens of issuers that are not us, whose key sets come over HTTP or from a file.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use crate::harness::trace_id;
use crate::ingest::{Ingest, now_s};

/// An issuer with one key for ES256.
pub(crate) struct Issuer {
    pair: EcdsaKeyPair,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self { pair: EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap() }
    }

    pub(crate) fn key_set(&self) -> String {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (BASE64.encode(x), BASE64.encode(y));
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "k1", "x": x, "y": y }] })
            .to_string()
    }

    fn token(&self, issuer: &str, kid: &str, life_s: u64) -> String {
        let claims =
            json!({ "iss": issuer, "aud": "tollgate", "sub": "team", "exp": now_s() + life_s });
        self.signed(&json!({ "alg": "ES256", "kid": kid }), &claims)
    }

    /// Whatever it says, with a good signature.
    pub(crate) fn signed(&self, header: &Value, claims: &Value) -> String {
        let signed = [header, claims].map(|part| BASE64.encode(part.to_string())).join(".");
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("authorization: Bearer {signed}.{}", BASE64.encode(signature))
    }
}

/// Answers every request with this body; says how many there were.
fn serve(status: &str, body: String) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicUsize::new(0));
    let (counted, status) = (Arc::clone(&asked), status.to_owned());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = [0; 4_096];
            let read = stream.read(&mut head).unwrap_or(0);
            if String::from_utf8_lossy(&head[..read]).starts_with("GET /keys/jwks.json HTTP/1.1") {
                counted.fetch_add(1, Ordering::Relaxed);
            }
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let _gone = stream.write_all(answer.as_bytes());
        }
    });
    (port, asked)
}

#[test]
fn a_key_set_is_fetched_and_its_issuers_tokens_are_good() {
    let (issuer, evil) = (Issuer::new(), Issuer::new());
    let (port, asked) = serve("200 OK", issuer.key_set());
    let url = format!("http://127.0.0.1:{port}/keys/jwks.json");
    let ingest = Ingest::with(&format!(
        "auth: required, issuers: {{ sso: {{ issuer: \"https://sso.example\", audience: tollgate, jwks_url: \"{url}\", token_life_secs_max: 3600 }} }}"
    ));
    let trace = trace_id();
    let send = |header: &str| ingest.send(&trace, "claimed", &[header]).status;
    assert_eq!(send(&issuer.token("https://sso.example", "k1", 3_000)), 200);
    assert_eq!(ingest.world.spans(&trace)[0].resource_attribute("project.id"), Some("team"));
    for (reason, header) in [
        ("signature", evil.token("https://sso.example", "k1", 60)),
        ("issuer", issuer.token("https://sso.example.evil", "k1", 60)),
        ("life", issuer.token("https://sso.example", "k1", 3_700)),
        ("key", issuer.token("https://sso.example", "k2", 60)),
        ("key", issuer.token("https://sso.example", "k3", 60)),
    ] {
        let before = ingest.counter(reason);
        assert_eq!((send(&header), ingest.counter(reason)), (401, before + 1), "{reason}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1, "unknown keys do not make us ask at once");
}

#[test]
fn a_key_set_in_a_file_serves_as_well() {
    let issuer = Issuer::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    std::fs::write(&file, issuer.key_set()).unwrap();
    let ingest = Ingest::with(&format!(
        "auth: required, issuers: {{ sso: {{ issuer: sso, audience: tollgate, jwks_file: \"{}\" }} }}",
        file.display()
    ));
    let trace = trace_id();
    assert_eq!(ingest.send(&trace, "x", &[&issuer.token("sso", "k1", 800)]).status, 200);
    assert_eq!(ingest.send(&trace, "x", &[&issuer.token("sso", "k1", 1_000)]).status, 401);
}

#[test]
fn while_an_issuer_cannot_be_asked_its_senders_are_told_to_try_again() {
    let issuer = Issuer::new();
    let too_large = format!("{}{}", issuer.key_set(), " ".repeat(256 * 1_024));
    for (status, body) in [
        ("302 Found", issuer.key_set()),
        ("500 Internal Server Error", issuer.key_set()),
        ("200 OK", "<html>".to_owned()),
        ("200 OK", too_large),
    ] {
        let (port, _) = serve(status, body);
        let ingest = Ingest::with(&format!(
            "auth: optional, issuers: {{ sso: {{ issuer: sso, audience: tollgate, jwks_url: \"http://127.0.0.1:{port}/keys/jwks.json\" }} }}"
        ));
        let answer = ingest.send(&trace_id(), "x", &[&issuer.token("sso", "k1", 60)]);
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{status}");
        assert_eq!(ingest.counter("unavailable"), 1);
    }
}
