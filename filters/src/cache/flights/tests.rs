//! Who leads, who follows, and that nobody is left behind.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;
use tollgate_providers::Endpoint;

use super::{Flights, Heard, Joined, Landing, Ticket, Wait};
use crate::cache::{Key, KeyMaker, Tenant};

fn key(body: &str) -> Key {
    let endpoint = Endpoint::ChatCompletions;
    let maker = KeyMaker::new(&Tenant::Anonymous, &[0; 32], &endpoint, &HeaderMap::new(), None);
    maker.finish("m", body.as_bytes(), false)
}

fn leader(flights: &Arc<Flights>, body: &str) -> Ticket {
    match flights.join(key(body)) {
        Joined::Leader(ticket) => ticket,
        Joined::Follower(_) => panic!("somebody flies"),
    }
}

fn follower(flights: &Arc<Flights>, body: &str) -> Wait {
    match flights.join(key(body)) {
        Joined::Follower(wait) => wait,
        Joined::Leader(_) => panic!("nobody flies"),
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

#[tokio::test]
async fn the_first_leads_and_those_of_the_same_key_follow() {
    let flights = Arc::new(Flights::default());
    let first = leader(&flights, "a");
    let _other = leader(&flights, "b");
    let waits: Vec<_> = (0..3).map(|_| follower(&flights, "a")).collect();
    assert_eq!(flights.count(), 2);
    first.land(Landing::Abandoned);
    for wait in waits {
        assert!(matches!(wait.until(soon()).await, Heard::Abandoned));
    }
    assert_eq!(flights.count(), 1);
    drop(leader(&flights, "a"));
}

#[tokio::test]
async fn a_ticket_that_is_dropped_tells_that_it_failed() {
    let flights = Arc::new(Flights::default());
    let first = leader(&flights, "a");
    let wait = follower(&flights, "a");
    drop(first);
    assert!(matches!(wait.until(soon()).await, Heard::Failed));
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_in_time() {
    let flights = Arc::new(Flights::default());
    let _first = leader(&flights, "a");
    let until = Instant::now() + Duration::from_millis(200);
    assert!(matches!(follower(&flights, "a").until(until).await, Heard::TooLate));
    assert!(Instant::now() < until + Duration::from_millis(50));
}
