//! At the limits, beyond them, and back.

use std::time::Duration;

use super::{Full, MemoryLimiter, MemoryUse};
use crate::MemoryLimits;

fn limiter(soft_bytes: usize, hard_bytes: usize) -> MemoryLimiter {
    MemoryLimiter::new(MemoryLimits { soft_bytes, hard_bytes, ..MemoryLimits::default() })
}

fn refused(limiter: &MemoryLimiter) -> (u64, u64) {
    let MemoryUse { refused_soft, refused_hard, .. } = limiter.usage();
    (refused_soft, refused_hard)
}

#[test]
fn the_hard_limit_holds_to_the_byte_and_over_all_requests() {
    let limiter = limiter(10, 10);
    let (mut first, mut second) = (limiter.admit().unwrap(), limiter.admit().unwrap());
    assert_eq!(first.grow(4), Ok(()));
    assert_eq!(second.grow(6), Ok(()));
    assert_eq!(first.grow(1), Err(Full::Now));
    assert_eq!(first.grow(6), Err(Full::Now));
    assert_eq!(first.grow(7), Err(Full::Always));
    assert_eq!(refused(&limiter), (0, 3));
    drop(second);
    assert_eq!(first.grow(6), Ok(()));
    assert_eq!(first.grow(usize::MAX), Err(Full::Always));
    first.shrink(3);
    assert_eq!(limiter.usage().in_work_bytes, 7);
    assert_eq!(limiter.reserve().grow(4), Err(Full::Now));
    assert_eq!(limiter.reserve().grow(3), Ok(()), "others may take what was given back");
    first.shrink(usize::MAX);
    drop(first);
    assert_eq!(limiter.usage().in_work_bytes, 0);
    assert_eq!(limiter.reserve().grow(10), Ok(()));
    assert_eq!(limiter.reserve().grow(11), Err(Full::Always));
    assert_eq!(refused(&limiter), (0, 6));
}

#[test]
fn at_the_soft_limit_nothing_new_is_begun_and_what_was_begun_goes_on() {
    let limiter = limiter(8, 10);
    let mut first = limiter.admit().unwrap();
    first.grow(7).unwrap();
    let mut second = limiter.admit().unwrap();
    first.grow(1).unwrap();
    assert_eq!(limiter.admit().err(), Some(Full::Now));
    assert_eq!(second.grow(2), Ok(()), "it was begun before");
    assert_eq!(refused(&limiter), (1, 0));
    drop(first);
    assert!(limiter.admit().is_ok());
}

#[test]
fn what_the_process_holds_counts_and_what_came_since_is_added() {
    let limiter = limiter(80, 100);
    limiter.observe(79);
    let mut first = limiter.admit().unwrap();
    first.grow(1).unwrap();
    assert_eq!(limiter.admit().err(), Some(Full::Now), "79 and one more");
    assert_eq!(first.grow(20), Ok(()));
    assert_eq!(first.grow(1), Err(Full::Now));
    limiter.observe(60);
    assert!(limiter.admit().is_ok());
    assert_eq!(first.grow(40), Ok(()), "what is in use was among the 60");
    assert_eq!(first.grow(1), Err(Full::Now));
    assert_eq!(refused(&limiter), (1, 2));
}

#[test]
fn memory_that_is_only_kept_refuses_nobody_who_comes_alone() {
    let limiter = limiter(80, 100);
    limiter.observe(99);
    let mut alone = limiter.admit().unwrap();
    alone.grow(1).unwrap();
    assert_eq!(limiter.admit().err(), Some(Full::Now));
    drop(alone);
    assert!(limiter.admit().is_ok());
    limiter.observe(100);
    assert_eq!(limiter.admit().err(), Some(Full::Now), "the hard limit is one");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_process_is_looked_at() {
    let limiter = limiter(1 << 40, 1 << 41);
    let watching = limiter.clone();
    let watch = tokio::spawn(async move { watching.watch().await });
    while limiter.usage().process_bytes == 0 {
        tokio::task::yield_now().await;
    }
    watch.abort();
    let _aborted = watch.await;
    let unwatched = MemoryLimits { poll_every: None, ..MemoryLimits::default() };
    let unwatched = MemoryLimiter::new(unwatched);
    let never = tokio::time::timeout(Duration::from_millis(20), unwatched.watch()).await;
    assert!(never.is_err() && unwatched.usage().process_bytes == 0);
    assert!(limiter.usage().process_bytes > 1 << 20);
}
