//! Nobody finds what another one asked for: every pair of callers and requests.

use std::sync::Arc;

use super::{admission, admit, cache, request, send, settings, stack, stack_for, told};
use crate::cache::{ResponseCache, Tenant};
use crate::request::tests::gates::{caller, keys};
use crate::request::{Request, Stack, Verdict};

const KEYS: usize = 100;
const REQUESTS: usize = 100;

/// The callers, each with a credential that is nearly another's.
fn callers() -> Vec<Vec<(&'static str, String)>> {
    let headers =
        ["authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization"];
    let mut callers: Vec<_> = (0..KEYS - 3)
        .map(|at| vec![(headers[at % headers.len()], format!("sk-{}", at / headers.len()))])
        .collect();
    callers.push(Vec::new());
    callers.push(vec![("authorization", "sk-0".to_owned()), ("x-api-key", "sk-0".to_owned())]);
    callers.push(vec![("authorization", "sk-0sk-1".to_owned())]);
    callers
}

fn bodies() -> Vec<String> {
    let body = |at: usize| {
        let content = match at % 4 {
            0 => format!("{at}"),
            1 => format!("{at} "),
            2 => format!(r#"\"{at}"#),
            _ => format!("{at}\\n"),
        };
        format!(
            r#"{{"model":"gpt-4o","temperature":0,"messages":[{{"role":"user","content":"{content}"}}]}}"#
        )
    };
    (0..REQUESTS).map(body).collect()
}

fn of(caller: &[(&'static str, String)], body: &str) -> Request {
    let headers: Vec<_> = caller.iter().map(|(name, value)| (*name, value.as_str())).collect();
    request(body, &headers)
}

async fn ask(stack: &Stack, caller: &[(&'static str, String)], body: &str) -> Verdict {
    send(stack, of(caller, body)).await.unwrap()
}

#[tokio::test]
async fn of_ten_thousand_pairs_of_keys_and_requests_none_hits_anothers_answer() {
    let mut roomy = settings();
    roomy.bytes_max = 64 << 20;
    let cache = cache(roomy);
    let stack = stack(&cache);
    let (callers, bodies) = (callers(), bodies());
    let mark = |caller: usize, body: usize| format!("{caller}/{body}");
    let mut foreign = 0;
    for (who, caller) in callers.iter().enumerate() {
        for (what, body) in bodies.iter().enumerate() {
            let verdict = ask(&stack, caller, body).await;
            if told(&verdict).is_some() {
                foreign += 1;
            } else {
                admit(admission(verdict), &mark(who, what));
            }
        }
    }
    assert_eq!(foreign, 0, "each pair is new");
    let mut own = 0;
    for (who, caller) in callers.iter().enumerate() {
        for (what, body) in bodies.iter().enumerate() {
            let verdict = ask(&stack, caller, body).await;
            assert_eq!(told(&verdict), Some(mark(who, what).as_bytes()), "{caller:?} {body}");
            own += 1;
        }
    }
    assert_eq!((callers.len() * bodies.len(), own), (10_000, 10_000));
}

#[tokio::test]
async fn a_key_that_a_layer_named_is_the_tenant_whatever_the_headers_say() {
    let cache = cache(settings());
    let stack = stack(&cache);
    let as_key = |id: &str, credential: &str| {
        let mut request = request(super::BODY, &[("authorization", credential)]);
        request.extensions_mut().insert(Tenant::Key(id.into()));
        request
    };
    let first = send(&stack, as_key("a", "one")).await.unwrap();
    admit(admission(first), "a's");
    let same = send(&stack, as_key("a", "two")).await.unwrap();
    assert_eq!(told(&same), Some(&b"a's"[..]));
    let other = send(&stack, as_key("b", "one")).await.unwrap();
    assert_eq!(told(&other), None);
    let without = send(&stack, request(super::BODY, &[("authorization", "one")])).await.unwrap();
    assert_eq!(told(&without), None);
}

#[tokio::test]
async fn callers_with_keys_of_ours_are_told_apart_by_them_alone() {
    let cache = cache(settings());
    let known = [("tg_a", caller("a", None, None)), ("tg_b", caller("b", None, None))];
    let (_, keys) = keys(&known, true);
    let stack = stack_for(&cache, keys);
    let shows = |key: &str| {
        let header = format!("Bearer {key}");
        request(super::BODY, &[("x-to11-authorization", &header), ("x-api-key", "sk-shared")])
    };
    admit(admission(send(&stack, shows("tg_a")).await.unwrap()), "a's");
    assert_eq!(told(&send(&stack, shows("tg_a")).await.unwrap()), Some(&b"a's"[..]));
    assert_eq!(told(&send(&stack, shows("tg_b")).await.unwrap()), None, "the same provider key");
}

#[tokio::test]
async fn another_version_model_endpoint_or_query_is_another_question() {
    let one = cache(settings());
    admit(admission(send(&stack(&one), request(super::BODY, &[])).await.unwrap()), "one");
    let found = async |cache: &Arc<ResponseCache>, request: Request| {
        told(&send(&stack(cache), request).await.unwrap()).is_some()
    };
    assert!(found(&one, request(super::BODY, &[])).await);
    let mut query = request(super::BODY, &[]);
    *query.uri_mut() = "/v1/chat/completions?a=b".parse().unwrap();
    assert!(!found(&one, query).await);
    let mut endpoint = request(super::BODY, &[]);
    endpoint.extensions_mut().insert(tollgate_providers::Endpoint::Responses);
    assert!(!found(&one, endpoint).await);
    assert!(!found(&one, request(super::BODY, &[("openai-beta", "x")])).await);
    assert!(found(&one, request(super::BODY, &[("user-agent", "x")])).await);
}
