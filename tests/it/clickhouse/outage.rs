//! ClickHouse is away, slow, refuses, or forgets to answer while spans come in: nothing that was
//! acknowledged is lost, nothing is twice, and calls do not notice.
//!
//! Away for ten seconds; with `TOLLGATE_LONG` for two minutes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::shim::Shim;
use super::{call, ready, store};
use crate::acknowledged::{CLIENTS, Clients, Told};
use crate::harness::{PATIENCE, USUAL, World, free_port, until};

const AWAY: Duration = Duration::from_secs(10);
const AWAY_LONG: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(20);
/// How much slower than through another gateway at the same time the slowest of a hundred calls may
/// be: far above the noise of a busy machine, and far below any time-out of the store's.
const P99_SLACK: Duration = Duration::from_millis(250);

/// A gateway with a collector, and the collector's HTTP port.
pub(super) fn world(shim: &Shim, queue: &str) -> (World, u16) {
    let (grpc, http) = (free_port(), free_port());
    let collector = format!("collector: {{ grpc_port: {grpc}, http_port: {http} }}\n");
    let queue = format!("path: \"{{folder}}/queue\"{queue}");
    (World::new(&format!("{USUAL}{collector}{}", store(shim, &queue))), http)
}

/// Median, and the slowest of a hundred.
type Times = (Duration, Duration);

/// Calls for this long, in turn through a gateway that nothing happens to, so that a busy machine
/// slows both; how long each took.
fn times_of_calls(world: &World, other: &World, lasting: Duration) -> [Times; 2] {
    let until = Instant::now() + lasting;
    let mut took = [Vec::new(), Vec::new()];
    while Instant::now() < until {
        for (world, took) in [world, other].into_iter().zip(&mut took) {
            let began = Instant::now();
            call(world);
            took.push(began.elapsed());
        }
        std::thread::sleep(PAUSE);
    }
    took.map(|mut took| {
        took.sort_unstable();
        (took[took.len() / 2], took[took.len() * 99 / 100])
    })
}

/// The same of a gateway whose store is in trouble: calls do not notice.
fn calls_do_not_notice(about: &str, world: &World, other: &World, lasting: Duration) -> Times {
    let [during, usual] = times_of_calls(world, other, lasting);
    let most = 2 * usual.1 + P99_SLACK;
    assert!(during.1 < most, "{about}: {during:?}, and {usual:?} through another gateway");
    during
}

/// What `/metrics` says of one signal in the queue: the value of the first line of this name with
/// this label.
pub(super) fn of_queue(world: &World, signal: &str, name: &str, label: &str) -> f64 {
    let text = world.running().metrics();
    let (name, signal) = (format!("gateway_store_queue_{name}{{"), format!("signal=\"{signal}\""));
    let is_it = |it: &&str| it.starts_with(&name) && it.contains(&signal) && it.contains(label);
    let found = text.lines().find(is_it).and_then(|line| line.rsplit_once(' '));
    found.unwrap_or_else(|| panic!("{name} {signal} {label} is not in {text}")).1.parse().unwrap()
}

fn metric(world: &World, name: &str, label: &str) -> f64 {
    of_queue(world, "traces", name, label)
}

#[test]
fn real_engine_fake_server_an_outage_loses_nothing_and_calls_do_not_notice() {
    let Some(mut shim) = Shim::start() else { return };
    let (world, http) = world(&shim, "");
    let away = std::env::var_os("TOLLGATE_LONG").map_or(AWAY, |_| AWAY_LONG);
    let told = Arc::new(Told::default());
    let clients = Clients::start(http, fastrand::u64(..1 << 40), PAUSE, &told);
    let other = World::usual();
    let [before, _] = times_of_calls(&world, &other, away / 4);
    shim.kill();
    let during = calls_do_not_notice("away", &world, &other, away);
    assert_eq!(ready(&world), (200, "ready".to_owned()));
    assert!(metric(&world, "oldest_age_seconds", "") > away.as_secs_f64() / 2.0);
    assert!(metric(&world, "waiting", "") > 0.0);
    until("it is tried again", || metric(&world, "retries_total", "") > 0.0);
    let waiting = told.len();
    shim.revive();
    let back = Instant::now();
    while metric(&world, "oldest_age_seconds", "") > 2.0 {
        assert!(back.elapsed() < PATIENCE, "rows still wait");
        std::thread::sleep(PAUSE);
    }
    let drained = back.elapsed();
    let [after, _] = times_of_calls(&world, &other, away / 4);
    clients.stop();
    assert!(world.running().flush(PATIENCE), "rows still wait");
    let acknowledged = told.judge(&shim, "away");
    assert_eq!(told.refused.load(Ordering::Relaxed), 0, "there was room");
    let mut acks = std::mem::take(&mut *told.took.lock().unwrap());
    acks.sort_unstable();
    let ack = acks[acks.len() * 99 / 100];
    eprintln!(
        "away for {away:?}: {waiting} spans acknowledged by then, {acknowledged} in all, p99 of an \
         acknowledgement {ack:?}, sent {drained:?} after the server was back; p50 and p99 of calls \
         {before:?} before, {during:?} during, {after:?} after"
    );
}

#[test]
fn real_engine_fake_server_slow_refusing_and_forgetful_servers_lose_and_double_nothing() {
    let Some(shim) = Shim::start() else { return };
    let (world, http) = world(&shim, "");
    let told = Arc::new(Told::default());
    let other = World::usual();
    for fault in [
        "commit_reset&n=3",
        "error&status=500&code=252&n=3",
        "slow&ms=2500&n=1",
        "commit_error&status=500&code=241&n=2",
        "reset&n=2",
        // Somebody has taken the rights away, and gives them back.
        "error&status=403&code=516&n=3",
    ] {
        shim.fail(&format!("kind={fault}&on=insert"));
        let clients = Clients::start(http, fastrand::u64(..1 << 40), PAUSE, &told);
        calls_do_not_notice(fault, &world, &other, Duration::from_secs(1));
        clients.stop();
        assert!(world.running().flush(PATIENCE), "{fault}: rows still wait");
        told.judge(&shim, fault);
    }
    let sent = metric(&world, "rows_total", "result=\"sent\"");
    assert!(sent > told.len() as f64, "the calls' own spans are there, too");
    assert!(metric(&world, "retries_total", "") >= 13.0);
    assert_eq!(metric(&world, "rows_total", "result=\"dropped\""), 0.0);
}

#[test]
fn real_engine_fake_server_a_full_queue_refuses_for_a_while_and_never_acknowledges() {
    let Some(mut shim) = Shim::start() else { return };
    let (world, http) = world(&shim, ", bytes_max: 1048576");
    shim.kill();
    let told = Arc::new(Told::default());
    let clients = Clients::start(http, fastrand::u64(..1 << 40), Duration::ZERO, &told);
    until("full", || told.refused.load(Ordering::Relaxed) >= 20);
    clients.stop();
    assert!(metric(&world, "bytes", "") <= 524_288.0);
    // One refusal of the queue's is told to everyone whose spans were to be written together.
    assert!(metric(&world, "refusals_total", "reason=\"full\"") >= 20.0 / CLIENTS as f64);
    // Calls are taken as ever; their spans wait in memory.
    call(&world);
    shim.revive();
    assert!(world.running().flush(PATIENCE), "rows still wait");
    told.judge(&shim, "full");
    until("it is ready again", || ready(&world) == (200, "ready".to_owned()));
    let clients = Clients::start(http, fastrand::u64(..1 << 40), PAUSE, &told);
    let before = told.len();
    until("there is room", || told.len() > before);
    clients.stop();
    assert!(world.running().flush(PATIENCE), "rows still wait");
    assert!(told.judge(&shim, "after") > 0);
}
