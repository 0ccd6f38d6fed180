//! What the layer says of a request, and how equal ones wait for each other.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout};

use super::{BODY, admission, admit, cache, request, send, settings, stack, told};
use crate::cache::{Mode, Status};
use crate::request::{Rejection, Verdict};

/// What is said of a request that goes upstream, and whether its answer may be kept.
fn said(verdict: &Verdict) -> (Status, bool) {
    let Verdict::Forward(forward) = verdict else { panic!("{verdict:?}") };
    let cached = forward.cache.as_ref().unwrap();
    (cached.status, cached.admission.is_some())
}

#[tokio::test]
async fn a_request_is_looked_for_by_the_rules() {
    let body = |more: &str| format!(r#"{{"model":"gpt-4o",{more}"messages":[]}}"#);
    let cases = [
        (r#""temperature":0,"#, true, true),
        (r#""temperature":0.0,"stream":true,"#, true, true),
        ("", false, true),
        (r#""temperature":0.001,"#, false, true),
        (r#""temperature":0,"tools":[{"type":"function"}],"#, true, true),
        (r#""temperature":0,"tools":[{"type":"web_search"}],"#, false, false),
        (r#""temperature":0,"web_search_options":{"a":1},"#, false, false),
    ];
    for (more, eligible, forced) in cases {
        for (mode, looked_for) in
            [(Mode::Eligible, eligible), (Mode::Force, forced), (Mode::Never, false)]
        {
            let mut settings = settings();
            settings.mode = mode;
            let verdict = send(&stack(&cache(settings)), request(&body(more), &[])).await.unwrap();
            let expected = if looked_for { (Status::Miss, true) } else { (Status::Skip, false) };
            assert_eq!(said(&verdict), expected, "{mode:?} {more}");
        }
    }
    let mut plain = settings();
    plain.streams = false;
    let stream = body(r#""temperature":0,"stream":true,"#);
    let verdict = send(&stack(&cache(plain)), request(&stream, &[])).await.unwrap();
    assert_eq!(said(&verdict), (Status::Skip, false));
}

#[tokio::test]
async fn an_unknown_model_is_refused_before_it_is_looked_for() {
    let body = BODY.replace("gpt-4o", "nobody");
    let refused = send(&stack(&cache(settings())), request(&body, &[])).await;
    assert!(matches!(refused, Err(Rejection::UnknownModel { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_hit_holds_a_place_among_the_requests_in_flight() {
    let cache = cache(settings());
    let stack = stack(&cache);
    admit(admission(send(&stack, request(BODY, &[])).await.unwrap()), "told");
    let Ok(Verdict::Replay(replay)) = send(&stack, request(BODY, &[])).await else { panic!() };
    assert!(replay.permit.is_some());
    assert!(replay.age < Duration::from_secs(5));
}

#[tokio::test]
async fn who_waits_is_told_by_the_first_one_or_goes_on_alone() {
    for good in [true, false] {
        let cache = cache(settings());
        let stack = stack(&cache);
        let first = admission(send(&stack, request(BODY, &[])).await.unwrap());
        let waiting: Vec<_> = (0..50)
            .map(|_| {
                let stack = stack.clone();
                tokio::spawn(async move { send(&stack, request(BODY, &[])).await.unwrap() })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(waiting.iter().all(|one| !one.is_finished()));
        if good {
            admit(first, "told");
        } else {
            first.refuse();
        }
        for one in waiting {
            let verdict = timeout(Duration::from_secs(60), one).await.unwrap().unwrap();
            match told(&verdict) {
                Some(text) => assert!(good && text == b"told"),
                None => assert_eq!((good, said(&verdict)), (false, (Status::Miss, true))),
            }
        }
        assert_eq!(cache.flights.count(), 0);
        let counts = &cache.counts;
        let expected = if good { (50, 0) } else { (0, 50) };
        assert_eq!((counts.shared.get(), counts.waited_in_vain.get()), expected);
    }
}

#[tokio::test]
async fn one_of_those_who_wait_takes_over_where_the_first_ones_caller_left() {
    let cache = cache(settings());
    let stack = stack(&cache);
    let first = admission(send(&stack, request(BODY, &[])).await.unwrap());
    let (tell, mut hear) = tokio::sync::mpsc::channel(20);
    for _ in 0..20 {
        let (stack, tell) = (stack.clone(), tell.clone());
        tokio::spawn(
            async move { tell.send(send(&stack, request(BODY, &[])).await.unwrap()).await },
        );
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    first.abandon();
    let next = hear.recv().await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(hear.is_empty(), "the others wait for the new one");
    admit(admission(next), "told");
    for _ in 0..19 {
        let verdict = timeout(Duration::from_secs(60), hear.recv()).await.unwrap().unwrap();
        assert_eq!(told(&verdict), Some(&b"told"[..]));
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_does_so_for_as_long_as_it_may_and_no_longer() {
    let cache = cache(settings());
    let stack = stack(&cache);
    let _first = admission(send(&stack, request(BODY, &[])).await.unwrap());
    let began = Instant::now();
    let verdict = send(&stack, request(BODY, &[])).await.unwrap();
    assert_eq!(said(&verdict), (Status::Miss, true));
    let waited = began.elapsed();
    let wait = settings().wait;
    assert!(waited >= wait && waited < wait + Duration::from_millis(100), "{waited:?}");
}

#[tokio::test]
async fn a_place_that_is_dropped_or_too_large_lets_those_who_wait_go() {
    let mut small = settings();
    small.entry_bytes_max = 3;
    let cache = cache(small);
    let stack = stack(&cache);
    let mut first = admission(send(&stack, request(BODY, &[])).await.unwrap());
    let other = stack.clone();
    let waiting = tokio::spawn(async move { send(&other, request(BODY, &[])).await.unwrap() });
    tokio::time::sleep(Duration::from_millis(20)).await;
    first.record(&Bytes::from_static(b"1234"), Instant::now());
    let verdict = timeout(Duration::from_secs(60), waiting).await.unwrap().unwrap();
    assert_eq!(said(&verdict), (Status::Miss, true), "before the first one ended");
    first.admit(false, crate::cache::Told::default());
    assert_eq!((cache.size().0, cache.counts.too_large.get()), (0, 1));
    let second = admission(send(&stack, request(BODY, &[])).await.unwrap());
    let other = stack.clone();
    let waiting = tokio::spawn(async move { send(&other, request(BODY, &[])).await.unwrap() });
    tokio::time::sleep(Duration::from_millis(20)).await;
    drop(second);
    assert!(timeout(Duration::from_secs(60), waiting).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_five_hundred_equal_requests_at_once_one_goes_upstream() {
    let cache = cache(settings());
    let stack = stack(&cache);
    let barrier = Arc::new(tokio::sync::Barrier::new(500));
    let all: Vec<_> = (0..500)
        .map(|_| {
            let (stack, barrier) = (stack.clone(), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                let verdict = send(&stack, request(BODY, &[])).await.unwrap();
                if told(&verdict).is_some() {
                    return 0;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
                admit(admission(verdict), "told");
                1
            })
        })
        .collect();
    let mut upstream = 0;
    for one in all {
        upstream += one.await.unwrap();
    }
    assert_eq!(upstream, 1);
}
