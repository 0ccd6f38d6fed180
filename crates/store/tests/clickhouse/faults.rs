//! A server that is away, slow, full, or forgets to answer: nothing is lost, nothing is twice, as
//! long as whoever inserts sends the same rows again.

use std::time::{Duration, Instant};

use tollgate_store::{ClickHouse, ClickHouseSettings, SpanRow, SpanStore, StoreError};

use crate::rows::{row, start_ns, trace_id};
use crate::shim::{PASSWORD, Shim};

const COUNT: &str = "SELECT count() FROM otel.otel_traces";

fn batch(trace: u64) -> Vec<SpanRow> {
    (0..10).map(|span| row(start_ns(), trace, span)).collect()
}

/// Sends `rows` until they are taken; how often.
async fn until_taken(store: &ClickHouse, rows: &[SpanRow]) -> u32 {
    for attempt in 1..50 {
        match store.insert(rows.to_vec()).await {
            Ok(_) => return attempt,
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
    }
    panic!("never taken");
}

#[tokio::test]
async fn real_engine_fake_server_an_answer_lost_after_the_commit_stores_nothing_twice() {
    let Some(shim) = Shim::start() else { return };
    let store = shim.store();
    for (trace, kind) in (0..).zip(["commit_reset", "commit_error", "reset", "error"]) {
        shim.fail(&format!("kind={kind}&on=insert&n=2"));
        let rows = batch(trace);
        assert_eq!(until_taken(&store, &rows).await, 3, "{kind}");
        assert_eq!(shim.sql(COUNT), ((trace + 1) * 10).to_string(), "{kind}");
        assert_eq!(store.trace(&trace_id(trace)).await.unwrap().len(), 10);
    }
    // The look-up table too.
    assert_eq!(shim.sql("SELECT count() FROM otel.otel_traces_trace_id_ts"), "4");
}

#[tokio::test]
async fn real_engine_fake_server_without_the_window_a_lost_answer_would_store_twice() {
    // The negative control of the test above: the exporter's own table, without our settings.
    let Some(shim) = Shim::start() else { return };
    shim.store().prepare().await.unwrap();
    shim.sql("ALTER TABLE otel.otel_traces MODIFY SETTING non_replicated_deduplication_window = 0");
    let store = shim.store();
    shim.fail("kind=commit_reset&on=insert");
    until_taken(&store, &batch(1)).await;
    assert_eq!(shim.sql(COUNT), "20");
    assert_eq!(store.trace(&trace_id(1)).await.unwrap().len(), 10);
}

#[tokio::test]
async fn real_engine_fake_server_other_rows_are_other_batches() {
    let Some(shim) = Shim::start() else { return };
    let store = shim.store();
    let rows = batch(1);
    store.insert(rows[..5].to_vec()).await.unwrap();
    store.insert(rows[5..].to_vec()).await.unwrap();
    // One letter, one order: not the same batch.
    let mut other = rows[..5].to_vec();
    other[0].name.push('x');
    store.insert(other).await.unwrap();
    assert_eq!(shim.sql(COUNT), "15");
}

#[tokio::test]
async fn real_engine_fake_server_a_server_that_is_gone_is_found_again() {
    let Some(mut shim) = Shim::start() else { return };
    let store = shim.store();
    store.insert(batch(1)).await.unwrap();
    shim.kill();
    // The first one may still find the old connection.
    let _lost = store.insert(batch(2)).await.unwrap_err();
    let error = store.insert(batch(2)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    assert!(error.is_retryable());
    let port = shim.port.to_string();
    assert!(error.to_string().contains(&port) && error.to_string().contains("refused"), "{error}");
    shim.revive();
    store.insert(batch(2)).await.unwrap();
    // What was acknowledged before is there, and known as such.
    store.insert(batch(1)).await.unwrap();
    assert_eq!(shim.sql(COUNT), "20");
}

#[tokio::test]
async fn real_engine_fake_server_a_store_may_start_before_its_server() {
    let Some(mut shim) = Shim::start() else { return };
    shim.kill();
    let store = shim.store();
    assert!(store.prepare().await.unwrap_err().is_retryable());
    assert!(!store.is_prepared());
    shim.revive();
    store.insert(batch(1)).await.unwrap();
    assert!(store.is_prepared());
    assert_eq!(shim.sql(COUNT), "10");
}

#[tokio::test]
async fn real_engine_fake_server_a_slow_server_is_waited_for_so_long() {
    let Some(shim) = Shim::start() else { return };
    let settings = ClickHouseSettings { timeout: Duration::from_millis(1_500), ..shim.settings() };
    let store = ClickHouse::new(settings).unwrap();
    // The first contact creates tables, which takes its time.
    shim.store().prepare().await.unwrap();
    store.prepare().await.unwrap();
    shim.fail("kind=slow&ms=6000&on=insert");
    let began = Instant::now();
    let error = store.insert(batch(1)).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_millis(5_500), "{:?}", began.elapsed());
    assert!(error.to_string().ends_with("no answer within 1500 ms"), "{error}");
    assert!(error.is_retryable());
    // It did happen, later; the same rows again change nothing.
    let until = began + Duration::from_secs(60);
    while shim.sql(COUNT) != "10" {
        assert!(Instant::now() < until, "it never happened");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let patient = shim.store();
    patient.insert(batch(1)).await.unwrap();
    assert_eq!(shim.sql(COUNT), "10");
}

#[tokio::test]
async fn real_engine_fake_server_a_storm_of_faults_loses_and_doubles_nothing() {
    let Some(shim) = Shim::start() else { return };
    let store = shim.store();
    store.prepare().await.unwrap();
    let kinds = ["error", "commit_reset", "reset", "commit_error", "slow&ms=50"];
    let mut seed = 11_u64;
    for trace in 0..25 {
        for _ in 0..2 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let kind = kinds[(seed >> 33) as usize % kinds.len()];
            shim.fail(&format!("kind={kind}&on=insert&code=252"));
        }
        until_taken(&store, &batch(trace)).await;
    }
    assert_eq!(shim.sql(COUNT), "250");
    assert_eq!(shim.sql("SELECT uniqExact(TraceId, SpanId) FROM otel.otel_traces"), "250");
    assert!(shim.count("insert") >= 50, "the faults were not met");
}

#[tokio::test]
async fn real_engine_fake_server_a_wrong_password_is_told_and_not_shown() {
    let Some(shim) = Shim::start() else { return };
    let password = Some(format!("{PASSWORD}x").into());
    let store = ClickHouse::new(ClickHouseSettings { password, ..shim.settings() }).unwrap();
    let error = store.insert(batch(1)).await.unwrap_err();
    assert!(error.to_string().contains("Authentication failed"), "{error}");
    assert!(!error.is_retryable());
    assert!(!format!("{error:?} {error} {store:?}").contains(PASSWORD));
}

#[tokio::test]
async fn real_engine_fake_server_spans_of_many_days_are_one_batch() {
    let Some(shim) = Shim::start() else { return };
    let store = shim.store();
    // More than the hundred partitions that an insert may have by default.
    let settings = ClickHouseSettings { retention_days: 0, ..shim.settings() };
    let forever = ClickHouse::new(settings).unwrap();
    forever.prepare().await.unwrap();
    let day = 86_400_000_000_000;
    let rows: Vec<_> = (0..101).map(|at| row(start_ns() - at * day, 1, at as u64)).collect();
    shim.fail("kind=commit_reset&on=insert");
    until_taken(&store, &rows).await;
    assert_eq!(shim.sql(COUNT), "101");
}
