//! The guard as a layer: webhooks in order, what they are asked, and what becomes of no answer.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::Method;
use tollgate_providers::Endpoint;
use tower::{Layer, ServiceExt, service_fn};

use crate::guard::{
    Ask, NoAnswer, Opinion, Policy, Question, Settings, Told, WEBHOOK_TEXT_BYTES_MAX, Webhook,
};
use crate::request::{Facts, GuardLayer, Rejection, Request, RequestId};

/// Says the same to everyone, and remembers what it was asked.
#[derive(Clone, Debug)]
struct Saying(Result<Opinion, NoAnswer>, Arc<Mutex<Vec<Question>>>);

impl Ask for Saying {
    fn ask(&self, question: Question) -> BoxFuture<'static, Result<Opinion, NoAnswer>> {
        self.1.lock().unwrap().push(question);
        Box::pin(std::future::ready(self.0.clone()))
    }
}

fn webhook(name: &str, says: Result<Opinion, NoAnswer>) -> (Webhook, Arc<Mutex<Vec<Question>>>) {
    let asked = Arc::default();
    let ask = Arc::new(Saying(says, Arc::clone(&asked)));
    (Webhook { name: name.into(), only_flags: false, fails_open: false, ask }, asked)
}

fn request(text: &str) -> (Request, Told) {
    let body =
        serde_json::json!({ "model": "m", "messages": [{ "role": "user", "content": text }] });
    let mut request = Request::new(Bytes::from(body.to_string()));
    let (endpoint, told) =
        (Endpoint::resolve(&Method::POST, "/v1/chat/completions"), Told::default());
    let facts = Facts::read(request.body()).unwrap();
    request.headers_mut().insert("x-to11-project-id", "p-1".parse().unwrap());
    request.extensions_mut().insert(endpoint.unwrap());
    request.extensions_mut().insert(facts);
    request.extensions_mut().insert(told.clone());
    request.extensions_mut().insert(RequestId::new(1, 2));
    (request, told)
}

/// What the layer makes of a text, and what it tells of it.
async fn pass(webhooks: Vec<Webhook>, text: &str) -> (Result<(), Rejection>, Vec<String>) {
    let policy = Policy::new(&Settings::default()).unwrap().with_webhooks(webhooks);
    let inner = service_fn(|_: Request| std::future::ready(Ok::<(), Rejection>(())));
    let (request, told) = request(text);
    let answer = GuardLayer::new(Arc::new(policy)).layer(inner).oneshot(request).await;
    let found = told.take();
    let mut all: Vec<String> =
        found.iter().map(|it| format!("{} {}", it.kind(), it.action.name())).collect();
    let open = |open| if open { "open" } else { "closed" };
    let unanswered = found.unanswered().iter();
    all.extend(unanswered.map(|it| format!("{} {} {}", it.webhook, it.why.name(), open(it.open))));
    (answer, all)
}

#[tokio::test]
async fn webhooks_are_asked_in_order_until_one_blocks() {
    let (first, asked) = webhook("first", Ok(Opinion::Flag));
    let (second, _) = webhook("second", Ok(Opinion::Block(Some("too rude".to_owned()))));
    let (third, never) = webhook("third", Ok(Opinion::Pass));
    let (answer, told) = pass(vec![first, second, third], "hi").await;
    let rejection = answer.unwrap_err();
    assert_eq!((rejection.status().as_u16(), rejection.code()), (400, "content_policy"));
    let plain = "the guardrail `webhook` (second) blocked the request: it said so";
    assert_eq!(rejection.to_string(), plain);
    assert_eq!(rejection.for_caller(), format!("{plain}: too rude"));
    assert_eq!(told, ["first flag", "second block"]);
    assert!(never.lock().unwrap().is_empty());
    let asked = asked.lock().unwrap();
    let Question { direction, text, truncated, model, request_id, project } = asked[0].clone();
    assert_eq!((direction.name(), &*text, truncated, &*model), ("input", "hi", false, "m"));
    assert_eq!(request_id, RequestId::new(1, 2).as_str());
    assert_eq!(project.as_deref(), Some("p-1"));
    assert!(!format!("{:?}", asked[0]).contains("hi"), "no text in Debug");
}

#[tokio::test]
async fn a_webhook_that_is_tried_out_only_flags() {
    let (webhook, _) = webhook("new", Ok(Opinion::Block(None)));
    let (answer, told) = pass(vec![Webhook { only_flags: true, ..webhook }], "hi").await;
    assert_eq!((answer, told), (Ok(()), vec!["new flag".to_owned()]));
}

#[tokio::test]
async fn no_answer_is_a_refusal_unless_the_webhook_fails_open_and_is_told_either_way() {
    for why in [NoAnswer::Timeout, NoAnswer::Unreachable, NoAnswer::Status, NoAnswer::Malformed] {
        let (closed, _) = webhook("w", Err(why));
        let (answer, told) = pass(vec![closed.clone()], "hi").await;
        let message = answer.unwrap_err().for_caller();
        assert!(message.ends_with(&format!("it did not answer ({})", why.name())), "{message}");
        assert_eq!(told, [format!("w {} closed", why.name())]);
        let (answer, told) = pass(vec![Webhook { fails_open: true, ..closed }], "hi").await;
        assert_eq!((answer, told), (Ok(()), vec![format!("w {} open", why.name())]));
    }
}

#[tokio::test]
async fn text_behind_the_end_of_what_is_sent_passes_no_webhook_that_fails_closed() {
    let fits = "a".repeat(WEBHOOK_TEXT_BYTES_MAX);
    let (closed, asked) = webhook("w", Ok(Opinion::Pass));
    assert_eq!(pass(vec![closed.clone()], &fits).await, (Ok(()), Vec::new()));
    let (answer, told) = pass(vec![closed.clone()], &format!("{fits}b")).await;
    assert!(answer.is_err());
    assert_eq!(told, ["w too_long closed"]);
    assert_eq!(asked.lock().unwrap().len(), 1, "it is not asked half a question");
    let open = Webhook { fails_open: true, ..closed };
    let (answer, told) = pass(vec![open], &format!("{fits}b")).await;
    assert_eq!((answer, told), (Ok(()), vec!["w too_long open".to_owned()]));
    let asked = asked.lock().unwrap();
    assert_eq!((asked[1].text.len(), asked[1].truncated), (WEBHOOK_TEXT_BYTES_MAX, true));
}

#[test]
fn an_opinion_is_one_of_three_words_and_its_reason_is_short_and_plain() {
    let read = |text: &str| Opinion::read(text.as_bytes());
    assert_eq!(read(r#"{"action":"pass","reason":"x"}"#), Ok(Opinion::Pass));
    assert_eq!(read(r#"{"action":"flag"}"#), Ok(Opinion::Flag));
    assert_eq!(read(r#"{"action":"block"}"#), Ok(Opinion::Block(None)));
    assert_eq!(
        read(r#"{"action":"block","reason":"a\nb"}"#),
        Ok(Opinion::Block(Some("ab".into())))
    );
    let long = format!(r#"{{"action":"block","reason":"{}"}}"#, "é".repeat(300));
    assert_eq!(read(&long), Ok(Opinion::Block(Some("é".repeat(256)))));
    for wrong in ["", "{}", r#"{"action":"allow"}"#, r#"{"action":1}"#, "[]"] {
        assert_eq!(read(wrong), Err(NoAnswer::Malformed), "{wrong}");
    }
}
