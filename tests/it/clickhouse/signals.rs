//! Metrics and logs while ClickHouse is away, forgetful, or lacks their tables: nothing acknowledged
//! is lost or twice, and no signal waits for another.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::outage::{of_queue, world};
use super::shim::Shim;
use super::{call, ready};
use crate::acknowledged::signals::{Client, Of, Told};
use crate::acknowledged::{Clients, Told as SpansTold};
use crate::harness::{PATIENCE, World, until};

const PAUSE: Duration = Duration::from_millis(20);
const AWAY: Duration = Duration::from_secs(3);

/// Clients of both signals, and what they were told.
#[derive(Default)]
struct Both {
    metrics: Arc<Told>,
    logs: Arc<Told>,
}

impl Both {
    /// Hands over for this long.
    fn run(&self, http: u16, lasting: Duration) {
        let clients = [(Of::Metrics, &self.metrics), (Of::Logs, &self.logs)]
            .map(|(of, told)| Client::start(of, http, fastrand::u64(..1 << 40), PAUSE, told));
        std::thread::sleep(lasting);
        // On a busy machine nobody may have been served yet.
        until("something is acknowledged", || {
            [&self.metrics, &self.logs].iter().all(|told| told.len() > 0)
        });
        clients.into_iter().for_each(Client::stop);
    }

    fn judge(&self, shim: &Shim, about: &str) -> (usize, usize) {
        (self.metrics.judge(Of::Metrics, shim, about), self.logs.judge(Of::Logs, shim, about))
    }

    fn refused(&self) -> u64 {
        [&self.metrics, &self.logs].iter().map(|told| told.refused.load(Ordering::Relaxed)).sum()
    }
}

fn rows(world: &World, signal: &str, result: &str) -> f64 {
    of_queue(world, signal, "rows_total", &format!("result=\"{result}\""))
}

#[test]
fn real_engine_fake_server_metrics_and_logs_of_an_outage_are_all_there_once() {
    let Some(mut shim) = Shim::start() else { return };
    shim.kill();
    // Nothing knows yet what the server's tables have.
    let (world, http) = world(&shim, "");
    let told = Both::default();
    told.run(http, AWAY);
    assert_eq!(told.refused(), 0, "there was room");
    for (signal, told) in [("metrics", &told.metrics), ("logs", &told.logs)] {
        assert!(told.len() > 0, "{signal}: nothing was acknowledged, this shows nothing");
        assert!(of_queue(&world, signal, "waiting", "") >= told.len() as f64, "{signal}");
        until(signal, || of_queue(&world, signal, "oldest_age_seconds", "") > 1.0);
        until(signal, || of_queue(&world, signal, "retries_total", "") > 0.0);
    }
    shim.revive();
    assert!(world.running().flush(PATIENCE), "rows still wait");
    let (points, records) = told.judge(&shim, "away");
    eprintln!("away for {AWAY:?}: {points} pairs of points and {records} log records, once each");
    for fault in [
        "commit_reset&n=3",
        "error&status=500&code=252&n=3",
        "commit_error&status=500&code=241&n=2",
        "reset&n=2",
        // Somebody has taken the rights away, and gives them back.
        "error&status=403&code=497&n=3",
    ] {
        shim.fail(&format!("kind={fault}&on=insert"));
        told.run(http, Duration::from_secs(1));
        assert!(world.running().flush(PATIENCE), "{fault}: rows still wait");
        told.judge(&shim, fault);
    }
    assert_eq!(told.refused(), 0);
    for signal in ["metrics", "logs"] {
        assert_eq!(rows(&world, signal, "sent"), rows(&world, signal, "appended"), "{signal}");
        assert_eq!(rows(&world, signal, "dropped"), 0.0, "{signal}");
    }
}

#[test]
fn real_engine_fake_server_a_missing_table_of_metrics_holds_up_no_span_and_no_log_record() {
    let Some(shim) = Shim::start() else { return };
    let (world, http) = world(&shim, "");
    let create = shim.sql("SHOW CREATE TABLE otel.otel_metrics_sum FORMAT TabSeparatedRaw");
    shim.sql("DROP TABLE otel.otel_metrics_sum");
    let (told, spans) = (Both::default(), Arc::new(SpansTold::default()));
    let clients = Clients::start(http, fastrand::u64(..1 << 40), PAUSE, &spans);
    told.run(http, AWAY);
    clients.stop();
    call(&world);
    assert_eq!(told.refused() + spans.refused.load(Ordering::Relaxed), 0, "there was room");
    until("the metrics' table was asked for", || {
        of_queue(&world, "metrics", "retries_total", "") > 0.0
    });
    until("spans and log records were sent", || {
        ["traces", "logs"].iter().all(|it| of_queue(&world, it, "waiting", "") == 0.0)
    });
    assert!(spans.judge(&shim, "no table of sums") > 0);
    assert!(told.logs.judge(Of::Logs, &shim, "no table of sums") > 0);
    assert!(of_queue(&world, "metrics", "waiting", "") >= told.metrics.len() as f64);
    assert_eq!(ready(&world), (200, "ready".to_owned()));
    // Somebody repairs it: nobody needs to start anew.
    shim.sql(&create);
    assert!(world.running().flush(PATIENCE), "points still wait");
    assert!(told.metrics.judge(Of::Metrics, &shim, "repaired") > 0);
    assert_eq!(rows(&world, "metrics", "dropped"), 0.0);
}

#[test]
fn real_engine_fake_server_a_full_lane_of_logs_refuses_for_a_while_and_no_other_signal() {
    let Some(mut shim) = Shim::start() else { return };
    let (world, http) = world(&shim, ", bytes_max: 1048576");
    shim.kill();
    let told = Both::default();
    let client =
        Client::start(Of::Logs, http, fastrand::u64(..1 << 40), Duration::ZERO, &told.logs);
    until("full", || told.logs.refused.load(Ordering::Relaxed) >= 20);
    client.stop();
    assert!(of_queue(&world, "logs", "bytes", "") <= 262_144.0);
    assert!(of_queue(&world, "logs", "refusals_total", "reason=\"full\"") >= 20.0);
    // The gateway is as ready as ever, and the others have their room.
    assert_eq!(ready(&world), (200, "ready".to_owned()));
    call(&world);
    let client = Client::start(Of::Metrics, http, fastrand::u64(..1 << 40), PAUSE, &told.metrics);
    until("points were acknowledged", || told.metrics.len() > 0);
    client.stop();
    assert_eq!(told.metrics.refused.load(Ordering::Relaxed), 0);
    assert_eq!(of_queue(&world, "traces", "refusals_total", "reason=\"full\""), 0.0);
    shim.revive();
    assert!(world.running().flush(PATIENCE), "rows still wait");
    let (points, records) = told.judge(&shim, "full");
    assert!(points > 0 && records > 0);
    // And there is room again.
    let refused = told.refused();
    told.run(http, Duration::from_millis(500));
    assert_eq!(told.refused(), refused);
    assert!(world.running().flush(PATIENCE), "rows still wait");
    told.judge(&shim, "after");
}
