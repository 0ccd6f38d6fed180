//! At the limit, beyond it, and back.

use super::{Full, MemoryLimiter};

#[test]
fn the_limit_holds_to_the_byte_and_over_all_requests() {
    let limiter = MemoryLimiter::new(10);
    let (mut first, mut second) = (limiter.reserve(), limiter.reserve());
    assert_eq!(first.grow(4), Ok(()));
    assert_eq!(second.grow(6), Ok(()));
    assert_eq!(first.grow(1), Err(Full::Now));
    assert_eq!(first.grow(6), Err(Full::Now));
    assert_eq!(first.grow(7), Err(Full::Always));
    assert_eq!(limiter.refused(), 3);
    drop(second);
    assert_eq!(first.grow(6), Ok(()));
    assert_eq!(first.grow(usize::MAX), Err(Full::Always));
    drop(first);
    assert_eq!(limiter.reserve().grow(10), Ok(()));
    assert_eq!(limiter.reserve().grow(11), Err(Full::Always));
    assert_eq!(limiter.refused(), 5);
}
