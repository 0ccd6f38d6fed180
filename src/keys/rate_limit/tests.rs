//! Ten tries a second from one address, whoever else tries.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{ADDRESSES_MAX, RateLimit};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn ten_tries_pass_and_the_eleventh_waits_a_tenth_of_a_second() {
    let (limit, now) = (RateLimit::default(), Instant::now());
    let passed = (0..20).filter(|_| limit.admits(ip("192.0.2.1"), now)).count();
    assert_eq!(passed, 10);
    assert!(limit.admits(ip("192.0.2.2"), now), "others are not held up");
    assert!(!limit.admits(ip("192.0.2.1"), now + Duration::from_millis(90)));
    assert!(limit.admits(ip("192.0.2.1"), now + Duration::from_millis(110)));
    let later = now + Duration::from_secs(60);
    let passed = (0..20).filter(|_| limit.admits(ip("192.0.2.1"), later)).count();
    assert_eq!(passed, 10, "waiting longer saves nothing up");
}

#[test]
fn asking_whether_there_are_tries_takes_none() {
    let (limit, now) = (RateLimit::default(), Instant::now());
    assert!((0..20).all(|_| limit.has_tries(ip("192.0.2.1"), now)));
    assert_eq!((0..20).filter(|_| limit.admits(ip("192.0.2.1"), now)).count(), 10);
    assert!(!limit.has_tries(ip("192.0.2.1"), now));
    assert!(limit.has_tries(ip("192.0.2.1"), now + Duration::from_millis(110)));
}

#[test]
fn one_customers_many_addresses_count_as_one() {
    let (limit, now) = (RateLimit::default(), Instant::now());
    let tries = |prefix: &str| {
        let address = |at| ip(&format!("{prefix}:{at:x}"));
        (0..20).filter(|at| limit.admits(address(*at), now)).count()
    };
    assert_eq!((tries("2001:db8:0:1:"), tries("2001:db8:0:2:")), (10, 10));
    let mapped = (0..20).filter(|_| limit.admits(ip("::ffff:192.0.2.9"), now)).count();
    assert_eq!((mapped, limit.admits(ip("192.0.2.9"), now)), (10, false));
}

#[test]
fn memory_is_bounded_and_idle_addresses_make_room() {
    let (limit, now) = (RateLimit::default(), Instant::now());
    let address = |at: usize| IpAddr::from(u32::try_from(at).unwrap().to_be_bytes());
    assert!((0..ADDRESSES_MAX).all(|at| limit.admits(address(at), now)));
    assert!(!limit.admits(address(ADDRESSES_MAX), now), "all are busy");
    assert!(limit.admits(address(0), now), "those that are known are served");
    let later = now + Duration::from_secs(1);
    assert!(limit.admits(address(ADDRESSES_MAX), later));
    assert!(limit.buckets.lock().unwrap().len() <= ADDRESSES_MAX);
}
