//! What is written when, with a store that takes as long as the test says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::*;
use crate::MemoryLimits;
use crate::memory_limiter::MemoryLimiter;

/// A batch over a store that finishes one write for each permit, and what it was given.
struct Slow {
    batch: Arc<Batch<u32>>,
    limiter: MemoryLimiter,
    permits: Arc<Semaphore>,
    written: Arc<Mutex<Vec<Vec<u32>>>>,
    fails: Arc<Mutex<Option<StoreError>>>,
}

impl Slow {
    fn new(permits: usize) -> Self {
        let settings = BatchSettings { items_max: 10, wait_max: Duration::from_secs(1) };
        let slow = Self {
            batch: Arc::new(Batch::new(settings)),
            limiter: MemoryLimiter::new(MemoryLimits::default()),
            permits: Arc::new(Semaphore::new(permits)),
            written: Arc::default(),
            fails: Arc::default(),
        };
        let (batch, permits) = (Arc::clone(&slow.batch), Arc::clone(&slow.permits));
        let (written, fails) = (Arc::clone(&slow.written), Arc::clone(&slow.fails));
        tokio::spawn(async move {
            let insert = |rows| {
                let (permits, written) = (Arc::clone(&permits), Arc::clone(&written));
                let fails = Arc::clone(&fails);
                async move {
                    written.lock().unwrap().push(rows);
                    permits.acquire().await.unwrap().forget();
                    fails.lock().unwrap().clone().map_or(Ok(()), Err)
                }
            };
            batch.run(|row| *row != 0, insert).await;
        });
        slow
    }

    /// Rows that are on their way.
    async fn add(&self, rows: Vec<u32>) -> tokio::task::JoinHandle<Result<usize, Refusal>> {
        let mut reserved = self.limiter.reserve();
        reserved.grow(100).unwrap();
        let batch = Arc::clone(&self.batch);
        let added = tokio::spawn(async move { batch.add(rows, reserved).await });
        settle().await;
        added
    }

    fn written(&self) -> Vec<Vec<u32>> {
        self.written.lock().unwrap().clone()
    }

    fn causes(&self) -> [u64; 3] {
        self.batch.writes().map(|(_, count)| count)
    }
}

/// Lets everybody do what can be done now.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_store_gets_everything_at_once() {
    let slow = Slow::new(10);
    for row in 1..=3 {
        assert_eq!(slow.add(vec![row]).await.await.unwrap(), Ok(0));
    }
    assert_eq!((slow.written(), slow.causes()), (vec![vec![1], vec![2], vec![3]], [3, 0, 0]));
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_busy_store_goes_together_once_it_is_free() {
    let slow = Slow::new(0);
    let first = slow.add(vec![1]).await;
    let (second, third) = (slow.add(vec![2, 3]).await, slow.add(vec![4]).await);
    assert_eq!(slow.written(), [vec![1]]);
    assert!(!first.is_finished() && !second.is_finished());
    slow.permits.add_permits(1);
    assert_eq!(first.await.unwrap(), Ok(0));
    settle().await;
    assert_eq!(slow.written(), [vec![1], vec![2, 3, 4]]);
    assert!(!second.is_finished(), "nothing is acknowledged before it is written");
    slow.permits.add_permits(1);
    assert_eq!((second.await.unwrap(), third.await.unwrap()), (Ok(0), Ok(0)));
    assert_eq!(slow.limiter.usage().in_work_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn enough_rows_do_not_wait_and_one_less_does() {
    let slow = Slow::new(0);
    let _first = slow.add(vec![1]).await;
    let _second = slow.add((2..11).collect()).await;
    assert_eq!((slow.written().len(), slow.causes()), (1, [1, 0, 0]), "nine wait");
    let _third = slow.add(vec![11]).await;
    assert_eq!((slow.written().len(), slow.causes()), (2, [1, 1, 0]), "ten do not");
    assert_eq!(slow.written()[1], (2..=11).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_the_longest_wait() {
    let slow = Slow::new(0);
    let _first = slow.add(vec![1]).await;
    let _second = slow.add(vec![2]).await;
    tokio::time::advance(Duration::from_millis(990)).await;
    settle().await;
    assert_eq!(slow.written().len(), 1);
    // The clock of the deadline is the system's, the timer's is the test's: both are passed.
    std::thread::sleep(Duration::from_millis(1_010));
    tokio::time::advance(Duration::from_millis(20)).await;
    settle().await;
    assert_eq!((slow.written().len(), slow.causes()), (2, [1, 0, 1]));
}

#[tokio::test(start_paused = true)]
async fn there_are_only_so_many_writes_at_once() {
    let slow = Slow::new(0);
    let mut waiting = Vec::new();
    for _ in 0..=WRITES_MAX {
        waiting.push(slow.add(vec![1; 10]).await);
    }
    assert_eq!(slow.written().len(), WRITES_MAX);
    slow.permits.add_permits(1);
    settle().await;
    assert_eq!(slow.written().len(), WRITES_MAX + 1);
}

#[tokio::test(start_paused = true)]
async fn the_filter_tells_each_request_how_many_of_its_rows_it_dropped() {
    let slow = Slow::new(0);
    let _first = slow.add(vec![1]).await;
    let (second, third) = (slow.add(vec![0, 2, 0]).await, slow.add(vec![3]).await);
    slow.permits.add_permits(2);
    assert_eq!((second.await.unwrap(), third.await.unwrap()), (Ok(2), Ok(0)));
    assert_eq!(slow.written()[1], [2, 3]);
    assert_eq!(slow.add(vec![0]).await.await.unwrap(), Ok(1));
    assert_eq!(slow.written().len(), 2, "there was nothing to write");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_to_all_and_blames_only_whom_it_can() {
    let bad_row = || StoreError::BadRow { reason: "odd".to_owned() };
    let schema = || StoreError::Schema { reason: "odd".to_owned() };
    for (error, alone, together) in [
        (bad_row(), Refusal::StoreRefused, Refusal::StoreUnavailable),
        (schema(), Refusal::StoreFailed, Refusal::StoreFailed),
        (StoreError::Closed, Refusal::StoreUnavailable, Refusal::StoreUnavailable),
    ] {
        let slow = Slow::new(0);
        *slow.fails.lock().unwrap() = Some(error);
        let first = slow.add(vec![1]).await;
        let (second, third) = (slow.add(vec![2]).await, slow.add(vec![3]).await);
        slow.permits.add_permits(2);
        assert_eq!(first.await.unwrap(), Err(alone));
        assert_eq!((second.await.unwrap(), third.await.unwrap()), (Err(together), Err(together)));
    }
}

#[tokio::test(start_paused = true)]
async fn memory_is_given_back_when_the_rows_are_gone_and_not_when_their_sender_is() {
    let slow = Slow::new(0);
    let first = slow.add(vec![1]).await;
    first.abort();
    settle().await;
    assert_eq!(slow.limiter.usage().in_work_bytes, 100);
    slow.permits.add_permits(1);
    settle().await;
    assert_eq!(slow.limiter.usage().in_work_bytes, 0);
}
