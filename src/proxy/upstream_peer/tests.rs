//! How long connections are kept.

use super::{CROWD_POOL_IDLE, CROWD_REQUESTS, POOL_IDLE, idle_max};

#[test]
fn connections_of_a_crowd_are_kept_for_less() {
    assert_eq!([1, CROWD_REQUESTS].map(idle_max), [POOL_IDLE; 2]);
    assert_eq!(idle_max(CROWD_REQUESTS + 1), CROWD_POOL_IDLE);
}
