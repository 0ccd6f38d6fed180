//! Hostile exports: refused, cut or stamped in bounded memory, and the counters say why. The
//! collector is a process of its own, so that its memory is nobody else's.

use std::io::Write;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use serde_json::{Value, json};

use crate::client::{Answer, exchange};
use crate::collect::{Collect, bearer};
use crate::http2::Connection;
use crate::ingest::now_s;
use crate::ingest_issuers::Issuer;

/// What hostile exports may add to the process, several at once: as much as one decoded request may
/// take.
const GROWTH_BYTES_MAX: u64 = 128 << 20;
const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const PROTOBUF: &str = "content-type: application/x-protobuf";
const JSON: &str = "content-type: application/json";
/// The status of gRPC that is not worth another try.
const RESOURCE_EXHAUSTED: &str = "8";
const INVALID_ARGUMENT: &str = "3";

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Any::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn span(id: u64) -> Span {
    Span {
        trace_id: vec![7; 16],
        span_id: id.to_be_bytes().to_vec(),
        name: "step".to_owned(),
        start_time_unix_nano: 1_000,
        end_time_unix_nano: 2_000,
        ..Span::default()
    }
}

fn export(spans: Vec<Span>) -> Vec<u8> {
    let attributes = vec![attribute("project.id", "claimed")];
    let resource = Some(Resource { attributes, ..Resource::default() });
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// `content` as the field of this tag, in all the messages of this path.
fn inside(path: &[u8], content: Vec<u8>) -> Vec<u8> {
    path.iter().rev().fold(content, |content, tag| {
        let mut out = vec![tag << 3 | 2];
        prost::encoding::encode_varint(content.len() as u64, &mut out);
        [out, content].concat()
    })
}

fn compressed(codec: &str, bytes: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default();
    match codec {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        "deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        _ => zstd::encode_all(bytes, 0).unwrap(),
    }
}

/// A collector that wants tokens, and one that is good.
struct Target {
    collect: Collect,
    token: String,
}

impl Target {
    fn new() -> Self {
        let collect = Collect::start("auth: required", "");
        let key = collect.key(&["--scope", "otel:write", "--project", "mine"]);
        let token = bearer(&collect.token(&key));
        Self { collect, token }
    }

    fn post(&self, headers: &[&str], body: &[u8]) -> Answer {
        let mut head = "POST /v1/traces HTTP/1.1\r\nhost: c\r\nconnection: close\r\n".to_owned();
        for header in headers.iter().chain(&[self.token.as_str()]) {
            head.push_str(&format!("{header}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        exchange(self.collect.http, &[head.as_bytes(), body].concat())
    }

    /// The status of a call with this message, and whether it is worth another try.
    async fn call(&self, codec: Option<&str>, message: &[u8]) -> (String, bool) {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let body = [&[u8::from(codec.is_some())][..], &length, message].concat();
        let token = self.token.strip_prefix("authorization: ").unwrap();
        let mut headers = vec![
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("authorization", token),
        ];
        headers.extend(codec.map(|codec| ("grpc-encoding", codec)));
        let mut connection = Connection::open(self.collect.grpc).await;
        let answer = connection.request("POST", EXPORT, &headers, &body).await;
        let header =
            |name: &str| answer.headers().get(name).map(|it| it.to_str().unwrap().to_owned());
        (header("grpc-status").unwrap_or_default(), header("grpc-status-details-bin").is_some())
    }

    fn refused(&self, reason: &str) -> u64 {
        let series = format!(
            "gateway_collector_requests_refused_total{{stage=\"receiver\",reason=\"{reason}\"}}"
        );
        self.collect.counter(&series)
    }

    fn cut(&self, limit: &str) -> u64 {
        self.collect
            .counter(&format!("gateway_collector_cut_total{{signal=\"traces\",limit=\"{limit}\"}}"))
    }

    /// Nothing of the bad ones is left, and a good one is still taken.
    fn is_well(&self) {
        let in_work = self.collect.counter(r#"gateway_collector_memory_bytes{of="in_work"}"#);
        assert_eq!(in_work, 0);
        assert_eq!(self.post(&[PROTOBUF], &export(vec![span(1)])).status, 200);
    }
}

#[test]
fn bombs_of_every_codec_are_refused_over_both_protocols_in_bounded_memory() {
    let target = Target::new();
    target.is_well();
    let before = target.collect.peak_bytes();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let zeros = vec![0; 64 << 20];
    for codec in ["gzip", "deflate", "zstd"] {
        let bomb = compressed(codec, &zeros);
        // Over the ratio, and, where little is compressed much, over the size.
        let reasons = ["inflate_ratio_max", "body_bytes_max"];
        let counted = || reasons.map(|reason| target.refused(reason)).iter().sum::<u64>();
        let earlier = counted();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let encoding = format!("content-encoding: {codec}");
                    let answer = target.post(&[PROTOBUF, &encoding], &bomb);
                    assert_eq!((answer.status, answer.header("retry-after")), (413, None));
                });
            }
        });
        for _ in 0..8 {
            let answered = runtime.block_on(target.call(Some(codec), &bomb));
            assert_eq!(answered, (RESOURCE_EXHAUSTED.to_owned(), false), "{codec}");
        }
        assert_eq!(counted(), earlier + 16, "{codec}");
    }
    if let Some((before, after)) = before.zip(target.collect.peak_bytes()) {
        assert!(after - before < GROWTH_BYTES_MAX, "{before} became {after}");
    }
    target.is_well();
}

#[test]
fn messages_that_would_become_gigabytes_are_not_decoded() {
    let target = Target::new();
    target.is_well();
    let before = target.collect.peak_bytes();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let spans = inside(&[1, 2], [0x12, 0].repeat(8_000_000));
    let attributes = inside(&[1, 2, 2], [0x4a, 0].repeat(8_000_000));
    let elements = inside(&[1, 2, 2, 9, 2, 5], [0x0a, 0].repeat(8_000_000));
    let bodies = [&spans, &attributes, &elements];
    for (at, body) in bodies.into_iter().enumerate() {
        assert_eq!(target.post(&[PROTOBUF], body).status, 413, "{at}");
        let answered = runtime.block_on(target.call(None, body));
        assert_eq!(answered, (RESOURCE_EXHAUSTED.to_owned(), false), "{at}");
    }
    let empty = "{},".repeat(5_000_000);
    let json = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{empty}{{}}]}}]}}]}}"#);
    assert_eq!(target.post(&[JSON], json.as_bytes()).status, 413);
    assert_eq!(target.refused("decoded_bytes_max"), 7);
    if let Some((before, after)) = before.zip(target.collect.peak_bytes()) {
        assert!(after - before < GROWTH_BYTES_MAX, "{before} became {after}");
    }
    target.is_well();
}

#[test]
fn a_hundred_thousand_attributes_are_cut_and_too_many_spans_rejected() {
    let target = Target::new();
    let attributes = (0..100_000).map(|at| attribute(&format!("a{at}"), "v")).collect();
    let long = attribute("long", &"ä".repeat(40_000));
    let greedy = Span { attributes, ..span(1) };
    let spans = vec![greedy, Span { attributes: vec![long], ..span(2) }];
    assert_eq!(target.post(&[PROTOBUF], &export(spans)).status, 200);
    assert_eq!(target.cut("attributes_max"), 100_000 - 128);
    assert_eq!(target.cut("value_bytes_max"), 1);
    let sql =
        "SELECT SpanAttributes['otel.dropped_attributes_count'], length(SpanAttributes['long']),
               ResourceAttributes['project.id'] FROM otel_traces ORDER BY SpanId";
    let rows = target.collect.query(sql, &[]).json()["rows"].take();
    assert_eq!(
        rows,
        json!([["99872", 0, "mine"], ["", 65_536, "mine"]]),
        "stamped, whatever it said"
    );

    let answer = target.post(&[JSON], &{
        let many = export((0..20_001).map(|id| span(id + 10)).collect());
        let many = ExportTraceServiceRequest::decode(&many[..]).unwrap();
        serde_json::to_vec(&many).unwrap()
    });
    assert_eq!(
        (answer.status, &answer.json()["partialSuccess"]["rejectedSpans"]),
        (200, &json!("1"))
    );
    let dropped = r#"{signal="traces",stage="limits",reason="items_max"}"#;
    assert_eq!(target.collect.counter(&format!("gateway_collector_dropped_total{dropped}")), 1);
    target.is_well();
}

#[test]
fn what_is_malformed_is_refused_or_reported_and_the_rest_is_kept() {
    let target = Target::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let whole = export(vec![span(1)]);
    let not_text = inside(&[1, 2, 2, 5], vec![0xff, 0xfe]);
    let unending = inside(&[1, 2, 2], [vec![0x80; 11], vec![1]].concat());
    let too_long = [vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x07], vec![0; 10]].concat();
    let deep = inside(&[5, 1].repeat(2_000), Vec::new());
    let deep = inside(&[1, 2, 2, 9, 2], deep);
    for body in [&not_text, &unending, &too_long, &deep, &whole[..whole.len() - 1].to_vec()] {
        assert_eq!(target.post(&[PROTOBUF], body).status, 400);
        assert_eq!(runtime.block_on(target.call(None, body)), (INVALID_ARGUMENT.to_owned(), false));
    }
    let nested = format!(r#"{{"resourceSpans":{}{}}}"#, "[".repeat(500_000), "]".repeat(500_000));
    for body in
        [&b"\xff\xfe"[..], b"{\"resourceSpans\":[{\"\xff\":1}]}", nested.as_bytes(), b"[", b""]
    {
        assert_eq!(target.post(&[JSON], body).status, 400);
    }
    assert_eq!(target.refused("undecodable"), 15);
    for (trace_id, span_id) in [
        (vec![7; 15], vec![7; 8]),
        (vec![7; 16], vec![7; 9]),
        (vec![0; 16], vec![7; 8]),
        (vec![], vec![]),
    ] {
        let body = export(vec![Span { trace_id, span_id, ..span(1) }, span(2)]);
        let answer = target.post(&[PROTOBUF], &body);
        assert!(answer.status == 200 && answer.text().contains("no valid trace id"));
    }
    let malformed = r#"{signal="traces",stage="receiver",reason="malformed"}"#;
    assert_eq!(target.collect.counter(&format!("gateway_collector_dropped_total{malformed}")), 4);
    let future = Span { start_time_unix_nano: u64::MAX, end_time_unix_nano: 0, ..span(3) };
    assert_eq!(target.post(&[PROTOBUF], &export(vec![future])).status, 200);
    target.is_well();
}

#[test]
fn senders_who_are_not_who_they_say_are_told_nothing_but_no() {
    let (issuer, evil) = (Issuer::new(), Issuer::new());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    std::fs::write(&file, issuer.key_set()).unwrap();
    let collect = Collect::start(
        &format!(
            "auth: required, issuers: {{ sso: {{ issuer: sso, audience: tollgate, jwks_file: \"{}\" }} }}",
            file.display()
        ),
        "",
    );
    let header = json!({ "alg": "ES256", "kid": "k1" });
    let claims = |more: Value| {
        let mut claims =
            json!({ "iss": "sso", "aud": "tollgate", "sub": "p", "exp": now_s() + 60 });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    };
    let good = issuer.signed(&header, &claims(json!({})));
    let with_alg = |alg: &str| {
        let none = issuer.signed(&json!({ "alg": alg, "kid": "k1" }), &claims(json!({})));
        // Without, or with a foreign signature: neither is looked at.
        [none.rsplit_once('.').unwrap().0.to_owned() + ".", none]
    };
    let mut cases = vec![
        ("expired", issuer.signed(&header, &claims(json!({ "exp": now_s() - 60 })))),
        ("audience", issuer.signed(&header, &claims(json!({ "aud": "somebody" })))),
        ("signature", evil.signed(&header, &claims(json!({})))),
        ("key", issuer.signed(&json!({ "alg": "ES256", "kid": "other" }), &claims(json!({})))),
        ("malformed", good.rsplit_once('.').unwrap().0.to_owned()),
        ("malformed", good[..good.len() - 1].to_owned()),
        ("missing", "x-nothing: 1".to_owned()),
    ];
    cases
        .extend(["none", "HS256"].into_iter().flat_map(with_alg).map(|token| ("algorithm", token)));
    for (reason, header) in &cases {
        let series = format!("gateway_collector_auth_total{{result=\"{reason}\"}}");
        let before = collect.counter(&series);
        let answer = collect.send("bad", "p", &[header]);
        assert_eq!((answer.status, answer.json()["code"].as_u64()), (401, Some(16)), "{reason}");
        assert_eq!(collect.counter(&series), before + 1, "{reason}: {header}");
    }
    assert_eq!(collect.send("good", "p", &[&good]).status, 200);
    let names = collect.query("SELECT SpanName FROM otel_traces", &[]).json()["rows"].take();
    assert_eq!(names, json!([["good"]]));
}

#[test]
fn over_its_memory_limit_the_collector_asks_to_be_tried_again() {
    // Any process has more than this.
    let collect = Collect::start("auth: off, memory_limit_mib: 2, memory_poll_ms: 100", "");
    let full = r#"gateway_collector_requests_refused_total{stage="memory_limiter",reason="full"}"#;
    let answer = collect.send("one", "p", &[]);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert_eq!(answer.json()["code"].as_u64(), Some(14));
    assert_eq!(collect.counter(full), 1);
    let roomy = Collect::start("auth: off, memory_limit_mib: 2048, memory_poll_ms: 100", "");
    assert_eq!((roomy.send("one", "p", &[]).status, roomy.counter(full)), (200, 0));
}
