//! Who is let in, over both protocols, and what is stamped on what they send.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use futures_util::FutureExt;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;
use tokio::sync::Mutex;
use tollgate_keys::token::{Rejected, Rules};
use tollgate_keys::{Exchange, KeyRing, KeyStore, NewKey, Scope, now_s};
use tonic::Code;
use tonic::transport::Endpoint;

use super::issuer::FETCH_EVERY_MIN;
use super::{Auth, AuthMode, FetchKeySet, IssuerSettings, Sender, Unauthenticated};
use crate::CollectorSettings;
use crate::tests::{Running, export_of, span};

/// Keys of our own in a folder of their own.
struct Ours {
    exchange: Exchange,
    store: KeyStore,
    _folder: tempfile::TempDir,
}

impl Ours {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.db");
        let exchange = Exchange::new("http://localhost:4500", Arc::new(KeyRing::new(&path)));
        Self { exchange, store: KeyStore::create(&path).unwrap(), _folder: folder }
    }

    /// A token of this project, and its key's id.
    fn token(&self, project: &str) -> (String, String) {
        let new = NewKey {
            name: String::new(),
            project: Some(project.to_owned()),
            scopes: vec![Scope::OtelWrite],
            expires_s: None,
            environment: None,
            grants: tollgate_keys::Grants::default(),
        };
        let (key, _) = self.store.add(&new, now_s()).unwrap();
        let issued = self.exchange.exchange(key.expose(), None, now_s()).unwrap();
        (issued.token, issued.key_id)
    }

    fn auth(&self, mode: AuthMode) -> Auth {
        Auth::new(mode, Some(self.exchange.clone()), Vec::new())
    }
}

/// Somebody else who issues tokens, and counts how often the key set is asked for.
struct Theirs {
    pair: Ed25519KeyPair,
    published: Arc<Mutex<Result<Vec<u8>, String>>>,
    fetched: Arc<AtomicUsize>,
}

impl Theirs {
    fn new() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let published = Arc::new(Mutex::new(Err("not there yet".to_owned())));
        Self { pair, published, fetched: Arc::default() }
    }

    async fn publish(&self, kid: &str) {
        let x = BASE64.encode(self.pair.public_key().as_ref());
        let set = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x }] });
        *self.published.lock().await = Ok(set.to_string().into_bytes());
    }

    fn settings(&self) -> IssuerSettings {
        let (published, fetched) = (Arc::clone(&self.published), Arc::clone(&self.fetched));
        let fetch: FetchKeySet = Arc::new(move || {
            let (published, fetched) = (Arc::clone(&published), Arc::clone(&fetched));
            async move {
                fetched.fetch_add(1, Ordering::Relaxed);
                published.lock().await.clone()
            }
            .boxed()
        });
        let rules = Rules {
            issuer: "https://issuer.example".to_owned(),
            audience: "tollgate".to_owned(),
            life_s_max: 3_600,
            scope: None,
        };
        IssuerSettings { name: "theirs".to_owned(), rules, fetch }
    }

    fn token(&self, kid: &str, audience: &str) -> String {
        let header = json!({ "alg": "EdDSA", "kid": kid }).to_string();
        let claims = json!({
            "iss": "https://issuer.example", "aud": audience, "sub": "team", "exp": now_s() + 1_800,
        });
        let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims.to_string()));
        let signature = self.pair.sign(signed.as_bytes());
        format!("{signed}.{}", BASE64.encode(signature))
    }

    fn fetched(&self) -> usize {
        self.fetched.load(Ordering::Relaxed)
    }
}

fn headers(authorization: &[&str]) -> HeaderMap {
    let values = authorization.iter().map(|value| HeaderValue::from_str(value).unwrap());
    values.map(|value| (AUTHORIZATION, value)).collect()
}

async fn check(auth: &Auth, token: &str) -> Result<Sender, Unauthenticated> {
    auth.check(&headers(&[&format!("Bearer {token}")])).await
}

fn of(project: &str) -> Result<Sender, Unauthenticated> {
    Ok(Sender::Of(project.into()))
}

fn rejected<T>(why: Rejected) -> Result<T, Unauthenticated> {
    Err(Unauthenticated::Rejected(why))
}

fn refusals(auth: &Auth, reason: &str) -> u64 {
    auth.refusals().into_iter().find(|(name, _)| *name == reason).unwrap().1
}

#[tokio::test]
async fn each_mode_does_what_it_says_without_a_token_and_with_one() {
    let ours = Ours::new();
    let (token, _) = ours.token("p1");
    let with = |token: &str| headers(&[&format!("bearer {token}")]);
    for (mode, without, good, bad) in [
        (AuthMode::Off, Ok(Sender::Unverified), Ok(Sender::Unverified), Ok(Sender::Unverified)),
        (AuthMode::Optional, Ok(Sender::Unverified), of("p1"), rejected(Rejected::Malformed)),
        (
            AuthMode::Required,
            Err(Unauthenticated::Missing),
            of("p1"),
            rejected(Rejected::Malformed),
        ),
    ] {
        let auth = ours.auth(mode);
        assert_eq!(auth.check(&headers(&[])).await, without, "{mode:?}");
        assert_eq!(auth.check(&with(&token)).await, good, "{mode:?}");
        assert_eq!(auth.check(&with("nonsense")).await, bad, "{mode:?}");
    }
    let auth = ours.auth(AuthMode::Optional);
    assert_eq!(auth.check(&headers(&["Basic YTpi"])).await, Err(Unauthenticated::Missing));
    let bearer = format!("Bearer {token}");
    let two = auth.check(&headers(&[&bearer, &bearer])).await;
    assert_eq!(two, rejected(Rejected::Malformed), "which one counts?");
    assert_eq!(
        (refusals(&auth, "missing"), refusals(&auth, "malformed"), auth.accepted()),
        (1, 1, 0)
    );
}

#[tokio::test]
async fn a_token_of_a_revoked_key_is_refused_within_five_seconds() {
    let ours = Ours::new();
    let auth = ours.auth(AuthMode::Required);
    let (token, key_id) = ours.token("p1");
    assert_eq!(check(&auth, &token).await, of("p1"));
    ours.store.revoke(&key_id, now_s()).unwrap();
    let revoked = std::time::Instant::now();
    while check(&auth, &token).await.is_ok() {
        assert!(revoked.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(check(&auth, &token).await, rejected(Rejected::Revoked));
    assert!(refusals(&auth, "revoked") >= 1);
}

#[tokio::test]
async fn tokens_of_another_store_are_of_an_unknown_key() {
    let (ours, evil) = (Ours::new(), Ours::new());
    let auth = ours.auth(AuthMode::Required);
    assert_eq!(check(&auth, &ours.token("p1").0).await, of("p1"));
    assert_eq!(check(&auth, &evil.token("p1").0).await, rejected(Rejected::Key));
    let nobody = Auth::new(AuthMode::Required, None, Vec::new());
    assert_eq!(check(&nobody, &ours.token("p1").0).await, rejected(Rejected::Issuer));
}

#[tokio::test(start_paused = true)]
async fn another_issuers_keys_are_fetched_at_most_every_thirty_seconds() {
    let theirs = Theirs::new();
    let auth = Auth::new(AuthMode::Required, None, vec![theirs.settings()]);
    let token = theirs.token("first", "tollgate");
    assert_eq!(check(&auth, &token).await, Err(Unauthenticated::Unavailable));
    theirs.publish("first").await;
    assert_eq!(check(&auth, &token).await, Err(Unauthenticated::Unavailable), "a moment ago");
    tokio::time::advance(FETCH_EVERY_MIN).await;
    assert_eq!(check(&auth, &token).await, of("team"));
    assert_eq!(theirs.fetched(), 2);
    assert_eq!(check(&auth, &theirs.token("first", "x")).await, rejected(Rejected::Audience));

    theirs.publish("second").await;
    for _ in 0..100 {
        assert_eq!(check(&auth, &theirs.token("evil", "tollgate")).await, rejected(Rejected::Key));
    }
    assert_eq!(theirs.fetched(), 2, "nobody makes us ask more often");
    tokio::time::advance(FETCH_EVERY_MIN - Duration::from_millis(1)).await;
    let second = theirs.token("second", "tollgate");
    assert_eq!(check(&auth, &second).await, rejected(Rejected::Key));
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(check(&auth, &second).await, of("team"));
    assert_eq!(theirs.fetched(), 3);
    assert_eq!(check(&auth, &token).await, rejected(Rejected::Key), "the first is withdrawn");

    *theirs.published.lock().await = Ok(b"{}".to_vec());
    tokio::time::advance(FETCH_EVERY_MIN).await;
    assert_eq!(check(&auth, &theirs.token("third", "tollgate")).await, rejected(Rejected::Key));
    assert_eq!(check(&auth, &second).await, of("team"), "what is known stays");
}

#[tokio::test(start_paused = true)]
async fn key_sets_are_fetched_before_anybody_asks_and_again_later() {
    let theirs = Theirs::new();
    theirs.publish("first").await;
    let auth = Auth::new(AuthMode::Required, None, vec![theirs.settings()]);
    let keeping = auth.clone();
    let keeping = tokio::spawn(async move { keeping.keep_key_sets().await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(theirs.fetched(), 1);
    tokio::time::sleep(super::REFRESH_EVERY).await;
    assert_eq!(theirs.fetched(), 2);
    keeping.abort();
}

fn client(
    token: Option<&str>,
    request: ExportTraceServiceRequest,
) -> tonic::Request<ExportTraceServiceRequest> {
    let mut request = tonic::Request::new(request);
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    request
}

#[tokio::test]
async fn over_grpc_a_good_token_is_stamped_on_every_resource_and_a_bad_one_refused() {
    let ours = Ours::new();
    let auth = ours.auth(AuthMode::Required);
    let running = Running::with_auth(CollectorSettings::default(), auth.clone()).await;
    let (token, _) = ours.token("mine");
    let endpoint = Endpoint::from_shared(format!("http://{}", running.grpc)).unwrap();
    let mut traces = TraceServiceClient::new(endpoint.connect().await.unwrap());
    for (token, message) in [(None, "Bearer"), (Some("nonsense"), "no JWT")] {
        let refused = traces.export(client(token, export_of(vec![span()], Some("mine")))).await;
        let status = refused.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
        assert!(status.message().contains(message), "{status}");
    }
    assert_eq!(running.stored().await.len(), 0);
    assert_eq!(
        running.collector.counters(crate::SignalKind::Traces).received,
        0,
        "the first stage is the first"
    );

    let mut request = ExportTraceServiceRequest::default();
    for (at, claimed) in [Some("theirs"), None, Some("mine"), Some("")].into_iter().enumerate() {
        let mut span = span();
        span.span_id = vec![u8::try_from(at).unwrap() + 1; 8];
        request.resource_spans.extend(export_of(vec![span], claimed).resource_spans);
    }
    let first = &mut request.resource_spans[0];
    let again = first.resource.as_ref().unwrap().attributes.clone();
    first.resource.as_mut().unwrap().attributes.extend(again);
    let mut bare = span();
    bare.span_id = vec![9; 8];
    let scope_spans = export_of(vec![bare], None).resource_spans.remove(0).scope_spans;
    request.resource_spans.push(ResourceSpans { scope_spans, ..ResourceSpans::default() });
    let answer = traces.export(client(Some(&token), request)).await.unwrap().into_inner();
    assert_eq!(answer.partial_success, None, "nothing lacks a project any more");
    let stored = running.stored().await;
    assert_eq!(stored.len(), 5);
    for row in &stored {
        let projects: Vec<_> =
            row.resource_attributes.iter().filter(|(key, _)| key == "project.id").collect();
        assert_eq!(projects, [&("project.id".into(), "mine".to_owned())], "{row:?}");
    }
    assert_eq!((auth.accepted(), refusals(&auth, "missing")), (1, 1));
    let shown = format!("{:?}", running.collector.counters(crate::SignalKind::Traces));
    assert!(!shown.contains(&token));
}

#[tokio::test]
async fn over_http_the_answer_is_401_in_kind() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let ours = Ours::new();
    let running =
        Running::with_auth(CollectorSettings::default(), ours.auth(AuthMode::Required)).await;
    let (token, _) = ours.token("mine");
    let ask = async |authorization: &str, kind: &str, body: &[u8]| {
        let mut stream = tokio::net::TcpStream::connect(running.http).await.unwrap();
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {kind}\r\n\
             {authorization}content-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    let body = serde_json::to_vec(&export_of(vec![span()], Some("theirs"))).unwrap();
    let refused = ask("", "application/json", &body).await;
    assert!(refused.starts_with("HTTP/1.1 401") && refused.contains("www-authenticate: Bearer"));
    assert!(refused.contains(r#"{"code":16,"message":"send a token"#), "{refused}");
    let refused = ask("authorization: Bearer a.b.c\r\n", "application/x-protobuf", b"").await;
    assert!(refused.starts_with("HTTP/1.1 401") && refused.contains("application/x-protobuf"));
    assert_eq!(running.stored().await.len(), 0);
    let good = format!("authorization: Bearer {token}\r\n");
    let taken = ask(&good, "application/json", &body).await;
    assert!(taken.starts_with("HTTP/1.1 200"), "{taken}");
    assert_eq!(running.stored().await[0].resource_attribute("project.id"), Some("mine"));
}

#[test]
fn every_reason_has_a_counter_of_its_own() {
    let counts = super::Counts::default();
    let names: std::collections::BTreeSet<_> =
        counts.refusals().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 2 + Rejected::ALL.len());
}
