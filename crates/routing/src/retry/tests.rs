//! Which failures are retried, after which pause.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::{
    Blame, Failure, FailureKind, RetryPolicy, StatusSet, WAIT_MAX, parse_limit_reset,
    parse_retry_after,
};

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    });
    pairs.collect()
}

fn asked(pairs: &[(&'static str, &str)]) -> Option<Duration> {
    parse_retry_after(&headers(pairs), SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777))
}

#[test]
fn the_default_statuses_are_those_of_overload_and_of_server_faults() {
    let expected: Vec<u16> = [408, 409, 425, 429].into_iter().chain(500..=599).collect();
    assert_eq!(StatusSet::default().iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_set_holds_100_to_599_and_nothing_beyond() {
    let set: StatusSet = (0..=u16::MAX).collect();
    assert!(set.contains(100) && set.contains(599));
    assert!(!set.contains(99) && !set.contains(600) && !set.contains(u16::MAX));
    assert_eq!(set.iter().count(), 500);
}

#[test]
fn what_a_second_try_can_mend_is_retryable_and_nothing_else() {
    let policy = RetryPolicy::default();
    let retryable = |kind| policy.is_retryable(&Failure::new(kind));
    for kind in
        [FailureKind::Connect, FailureKind::Timeout, FailureKind::Reset, FailureKind::ErrorEvent]
    {
        assert!(retryable(kind), "{kind:?}");
    }
    assert!(retryable(FailureKind::Status(529)));
    for status in [200, 301, 400, 401, 403, 404, 413, 422, 499, 600] {
        assert!(!retryable(FailureKind::Status(status)), "{status}");
    }
    assert!(!retryable(FailureKind::Credential) && !retryable(FailureKind::Final));
}

#[test]
fn a_configured_list_replaces_the_default_one() {
    let policy = RetryPolicy {
        retryable_status: [404, 401].into_iter().collect(),
        ..RetryPolicy::default()
    };
    assert!(policy.is_retryable(&FailureKind::Status(404).into()));
    assert!(!policy.is_retryable(&FailureKind::Status(503).into()));
    assert!(!policy.is_retryable(&FailureKind::Status(401).into()), "a bad key stays bad");
}

#[test]
fn the_pause_doubles_up_to_the_cap() {
    let policy = RetryPolicy::default();
    let pauses: Vec<u128> = (0..7).map(|retry| policy.backoff(retry, 1.0).as_millis()).collect();
    assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
    assert_eq!(policy.backoff(u32::MAX, 1.0), WAIT_MAX);
    assert_eq!(policy.backoff(3, f64::NAN), Duration::ZERO);
}

#[test]
fn retry_after_is_honoured_at_the_cap_and_refused_one_millisecond_above_it() {
    let policy = RetryPolicy::default();
    let wait = |asked| {
        let kind = FailureKind::Status(429);
        policy.wait(&Failure { kind, retry_after: Some(asked) }, 0, 1.0)
    };
    assert_eq!(wait(WAIT_MAX), Some(WAIT_MAX));
    assert_eq!(wait(WAIT_MAX + Duration::from_millis(1)), None);
    assert_eq!(wait(Duration::ZERO), Some(Duration::from_millis(500)), "backoff still applies");
}

#[test]
fn all_three_spellings_of_retry_after_are_read() {
    assert_eq!(asked(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
    assert_eq!(asked(&[("retry-after", " 0.5 ")]), Some(Duration::from_millis(500)));
    assert_eq!(
        asked(&[("retry-after", "Sun, 06 Nov 1994 08:50:00 GMT")]),
        Some(Duration::from_secs(23))
    );
    assert_eq!(asked(&[("retry-after-ms", "250")]), Some(Duration::from_millis(250)));
    assert_eq!(
        asked(&[("retry-after", "9"), ("retry-after-ms", "250")]),
        Some(Duration::from_millis(250))
    );
    assert_eq!(
        asked(&[("retry-after", "9"), ("retry-after-ms", "soon")]),
        Some(Duration::from_secs(9))
    );
}

#[test]
fn a_date_in_the_past_is_no_wait() {
    assert_eq!(asked(&[("retry-after", "Sun, 06 Nov 1994 08:49:36 GMT")]), Some(Duration::ZERO));
}

#[test]
fn nonsense_in_retry_after_is_ignored() {
    for text in ["", "soon", "-1", "+1", "inf", "NaN", "1e3", "1.2.3", "."] {
        assert_eq!(asked(&[("retry-after", text)]), None, "{text:?}");
    }
    assert_eq!(asked(&[]), None);
    let mut binary = HeaderMap::new();
    binary.insert("retry-after", HeaderValue::from_bytes(b"\xff").unwrap());
    assert_eq!(parse_retry_after(&binary, SystemTime::UNIX_EPOCH), None);
}

proptest! {
    #[test]
    fn the_pause_is_never_above_its_bound_nor_the_cap(
        retry in 0_u32..100, base_ms in 0_u64..1_000_000, random in 0.0..1.0_f64,
    ) {
        let backoff_base = Duration::from_millis(base_ms);
        let policy = RetryPolicy { backoff_base, ..RetryPolicy::default() };
        let pause = policy.backoff(retry, random);
        prop_assert!(pause <= WAIT_MAX);
        prop_assert!(pause <= backoff_base.saturating_mul(2_u32.saturating_pow(retry)));
    }

    #[test]
    fn no_header_value_panics(value in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            for name in ["retry-after", "retry-after-ms"] {
                let mut headers = HeaderMap::new();
                headers.insert(name, value.clone());
                let _ = parse_retry_after(&headers, SystemTime::UNIX_EPOCH);
            }
        }
    }

    #[test]
    fn any_number_of_digits_is_a_wait(digits in "[0-9]{1,400}") {
        prop_assert!(asked(&[("retry-after", &digits)]).is_some());
    }
}

#[test]
fn faults_are_booked_to_what_failed() {
    let blame = |kind, callers_key| Failure::new(kind).blame(callers_key);
    for kind in [
        FailureKind::Connect,
        FailureKind::Timeout,
        FailureKind::Reset,
        FailureKind::ErrorEvent,
        FailureKind::Status(408),
        FailureKind::Status(500),
        FailureKind::Status(529),
    ] {
        assert_eq!((blame(kind, false), blame(kind, true)), (Blame::Target, Blame::Target));
    }
    for kind in
        [401, 402, 403, 429].map(FailureKind::Status).into_iter().chain([FailureKind::Credential])
    {
        assert_eq!((blame(kind, false), blame(kind, true)), (Blame::Credential, Blame::Client));
    }
    for kind in [400, 404, 409, 413, 422, 425, 499].map(FailureKind::Status) {
        assert_eq!(blame(kind, false), Blame::Client);
    }
    for kind in [FailureKind::Unsuited, FailureKind::Full, FailureKind::Final] {
        assert_eq!(blame(kind, false), Blame::Client);
    }
}

#[test]
fn what_a_provider_says_of_its_limits_is_read_where_nothing_is_left_of_them() {
    let reset = |pairs: &[(&str, &str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name = http::HeaderName::try_from(*name).unwrap();
            headers.insert(name, value.parse().unwrap());
        }
        parse_limit_reset(&headers)
    };
    let requests = |value| reset(&[("x-ratelimit-reset-requests", value)]);
    assert_eq!(requests("20ms"), Some(Duration::from_millis(20)));
    assert_eq!(requests("6m0s"), Some(Duration::from_secs(360)));
    assert_eq!(requests("1h2m3.5s"), Some(Duration::from_millis(3_723_500)));
    assert_eq!(requests("7"), Some(Duration::from_secs(7)));
    let absurd = "9".repeat(400);
    assert_eq!(requests(&absurd), Some(Duration::MAX));
    for nonsense in ["", "soon", "1y", "-1s", "s", "1e3", "."] {
        assert_eq!(requests(nonsense), None, "{nonsense:?}");
    }
    let both = |left_requests, left_tokens| {
        reset(&[
            ("x-ratelimit-reset-requests", "2s"),
            ("x-ratelimit-remaining-requests", left_requests),
            ("x-ratelimit-reset-tokens", "6m0s"),
            ("x-ratelimit-remaining-tokens", left_tokens),
        ])
    };
    assert_eq!(both("0", "9000"), Some(Duration::from_secs(2)));
    assert_eq!(both("0", "0"), Some(Duration::from_secs(360)));
    assert_eq!(both("1", "1"), None);
}
