//! The stack as a whole: what a request that passes carries, and what one is refused for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use tollgate_providers::{AuthStyle, Dialect, Endpoint, Provider};
use tollgate_routing::{Credential, Deadlines, Table, Target};
use tower::ServiceExt;

use super::gates::{open, unlimited};
use crate::detect::Kind;
use crate::guard::{self, Action, DetectorSettings, Directions, Policy};
use crate::request::{
    InFlight, OwnLayers, Rejection, Request, RequestId, Settings, Stack, Verdict, stack,
};

pub(super) const BODY: &str =
    r#"{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hi"}],"user":"u"}"#;

pub(crate) fn table() -> Arc<Table> {
    let provider = Arc::new(Provider {
        name: "openai".into(),
        base_url: "http://127.0.0.1:1/v1".parse().unwrap(),
        auth: AuthStyle::Bearer,
        credential: None,
        models: vec!["gpt-4o".into()],
        dialect: Dialect::Chat,
        capabilities: tollgate_providers::Capabilities::assumed(Dialect::Chat),
        ca_file: None,
        timeout: Duration::from_secs(30),
    });
    let target = Target {
        name: "openai".into(),
        provider,
        model: "gpt-4o".into(),
        weight: 1,
        credential: Credential::Caller,
        deadlines: Deadlines::default(),
        health: None,
        live: tollgate_routing::live::LiveSlot::default(),
    };
    Arc::new(Table::new([Arc::new(target)], Vec::new(), Vec::new()))
}

/// A blocklist of one phrase.
pub(super) fn guard() -> Arc<Policy> {
    let detectors = vec![DetectorSettings {
        kinds: vec![Kind::Blocklist],
        action: Action::Block,
        directions: Directions::Both,
    }];
    let blocklist = vec!["internal only".to_owned()];
    Arc::new(Policy::new(&guard::Settings { blocklist, detectors }).unwrap())
}

fn build(body_bytes_max: usize, in_flight_max: usize) -> (Stack, InFlight) {
    let in_flight = InFlight::default();
    let settings = Settings {
        body_bytes_max,
        in_flight_max,
        in_flight: in_flight.clone(),
        keys: open(),
        quotas: Arc::new(unlimited(table())),
        table: table(),
        header_attributes: [("x-team".parse().unwrap(), "app.team".into())].into(),
        guard: Some(guard()),
        cache: None,
        own: OwnLayers::default(),
    };
    (stack(&settings), in_flight)
}

pub(super) fn request(body: &str, headers: &[(&'static str, &'static str)]) -> Request {
    let mut request = Request::new(Bytes::copy_from_slice(body.as_bytes()));
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let endpoint = Endpoint::resolve(&Method::POST, "/v1/chat/completions").unwrap();
    request.extensions_mut().insert(endpoint);
    request
}

pub(super) async fn send(stack: &Stack, request: Request) -> Result<Verdict, Rejection> {
    stack.clone().oneshot(request).await
}

#[tokio::test]
async fn a_request_that_passes_carries_its_plan_facts_context_and_permit() {
    let (stack, in_flight) = build(1_000, 1);
    let verdict = send(&stack, request(BODY, &[("x-to11-session-id", "s")])).await.unwrap();
    let Verdict::Forward(forward) = verdict else { panic!("{verdict:?}") };
    assert_eq!(forward.body, BODY);
    assert!(forward.facts.stream && !forward.facts.include_usage);
    assert_eq!(forward.facts.user.as_deref(), Some("u"));
    assert_eq!(forward.context.session_id.as_deref(), Some("s"));
    assert_eq!(forward.plan.targets().len(), 1);
    assert_eq!(in_flight.count(), 1, "the place is taken until the response ends");
    drop(forward);
    assert_eq!(in_flight.count(), 0);
}

#[tokio::test]
async fn limits_hold_at_n_and_refuse_at_n_plus_one() {
    let (stack, _) = build(BODY.len(), 2);
    let first = send(&stack, request(BODY, &[])).await.unwrap();
    let second = send(&stack, request(BODY, &[("content-encoding", "identity")])).await.unwrap();
    let third = send(&stack, request(BODY, &[])).await.unwrap_err();
    assert_eq!(third, Rejection::Overloaded { in_flight_max: 2 });
    drop((first, second));
    let (stack, _) = build(BODY.len() - 1, 2);
    assert!(matches!(send(&stack, request(BODY, &[])).await, Err(Rejection::BodyTooLarge { .. })));
}

#[tokio::test]
async fn a_refusal_names_the_field_and_repeats_little_of_what_it_got() {
    let (stack, _) = build(10_000, 1);
    for (body, field) in [
        (r#"{"messages":[]}"#, "model"),
        (r#"{"model":"a","stream":1}"#, "stream"),
        (r#"{"model":"a","tools":[],"tools":[]}"#, "tools"),
    ] {
        let rejection = send(&stack, request(body, &[])).await.unwrap_err();
        assert_eq!((rejection.param(), rejection.status().as_u16()), (Some(field), 400), "{body}");
    }
    let long = format!(r#"{{"model":"{}"}}"#, "m".repeat(500));
    let Err(Rejection::UnknownModel { model }) = send(&stack, request(&long, &[])).await else {
        panic!()
    };
    assert_eq!(model.len(), 128);
}

#[test]
fn request_ids_have_a_fixed_form() {
    let id = RequestId::new(u64::MAX, 1 << 32);
    assert_eq!(id.as_str(), "req_ffffffffffffffff00000001");
}

const FORM: &str = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx\r\n--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ngpt-4o\r\n--b--\r\n";

fn to(
    method: &Method,
    path: &str,
    body: &str,
    headers: &[(&'static str, &'static str)],
) -> Request {
    let mut request = request(body, headers);
    request.extensions_mut().insert(Endpoint::resolve(method, path).unwrap());
    request
}

#[tokio::test]
async fn each_endpoint_reads_the_body_that_it_takes() {
    let (stack, _) = build(1_000, 9);
    let form = [("content-type", "multipart/form-data; boundary=b")];
    let transcribe = |body, headers| to(&Method::POST, "/v1/audio/transcriptions", body, headers);
    let verdict = send(&stack, transcribe(FORM, &form)).await.unwrap();
    let Verdict::Forward(forward) = verdict else { panic!("{verdict:?}") };
    assert_eq!(&*forward.facts.model, "gpt-4o");
    assert!(forward.facts.form.is_some() && forward.facts.messages.is_none());
    let json = [("content-type", "application/json")];
    for (body, headers) in [(BODY, &json[..]), (FORM, &json), (FORM, &[])] {
        let refused = send(&stack, transcribe(body, headers)).await.unwrap_err();
        assert!(matches!(refused, Rejection::InvalidForm { .. }), "{refused}");
        assert_eq!((refused.status().as_u16(), refused.param()), (400, None));
    }
    let mut two = transcribe(FORM, &form);
    two.headers_mut().append("content-type", "multipart/form-data; boundary=c".parse().unwrap());
    let refused = send(&stack, two).await.unwrap_err();
    assert!(matches!(refused, Rejection::InvalidForm { .. }), "two content types: {refused}");
    let other = FORM.replace("\"model\"", "\"other\"");
    let refused = send(&stack, transcribe(&other, &form)).await.unwrap_err();
    assert_eq!((refused.status().as_u16(), refused.param()), (400, Some("model")));
    let speech = r#"{"model":"gpt-4o","input":"hi","instructions":"softly","stream_format":"sse"}"#;
    let verdict = send(&stack, to(&Method::POST, "/v1/audio/speech", speech, &[])).await.unwrap();
    let Verdict::Forward(forward) = verdict else { panic!("{verdict:?}") };
    assert_eq!((forward.facts.stream, forward.facts.system), (true, None));
    assert_eq!(forward.facts.messages.as_deref(), Some(&b"\"hi\""[..]));
}

#[tokio::test]
async fn a_request_without_a_model_needs_a_provider_that_serves_it() {
    let (stack, _) = build(1_000, 9);
    let list = |headers| to(&Method::GET, "/v1/files", "", headers);
    let refused = send(&stack, list(&[])).await.unwrap_err();
    assert_eq!(refused, Rejection::NotServed { route: "/v1/files" });
    assert_eq!((refused.status().as_u16(), refused.code()), (404, "bad_request"));
    let refused = send(&stack, list(&[("x-genai-provider", "openai")])).await.unwrap_err();
    let expected = Rejection::NotServedBy { provider: "openai".to_owned(), route: "/v1/files" };
    assert_eq!((refused.status().as_u16(), refused), (400, expected));
    let refused = send(&stack, list(&[("x-genai-provider", "nobody")])).await.unwrap_err();
    assert_eq!((refused.status().as_u16(), refused.code()), (404, "UnknownProvider"));
    assert!(refused.to_string().contains("`nobody`"), "{refused}");
    let chat = |headers| to(&Method::POST, "/v1/chat/completions", BODY, headers);
    assert!(send(&stack, chat(&[("x-genai-provider", "openai")])).await.is_ok());
    let refused = send(&stack, chat(&[("x-genai-provider", "nobody")])).await.unwrap_err();
    assert_eq!(refused, Rejection::UnknownProvider { provider: "nobody".to_owned() });
}
