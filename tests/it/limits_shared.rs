//! Show: N clients of two gateways on one real Redis never get more than one of them would give.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tollgate_mock::{Scenario, Tokens};

use crate::client::{Answer, post};
use crate::harness::{PATIENCE, World};
use crate::redis_server::RedisServer;

const PROVIDERS: &str = r#"
providers:
  openai: { base_url: "{mock}/v1", models: [gpt-4o-mini], auth_type: none }
pricing: { gpt-4o-mini: { input: 1.0, output: 1.0 } }
"#;
const CHAT: &str = "/v1/chat/completions";
const CLIENTS: usize = 12;
/// Requests of each client.
const EACH: usize = 8;

fn worlds(redis: &RedisServer, limits: &str) -> [World; 2] {
    let section = redis.section();
    let world =
        || World::new(&format!("{PROVIDERS}{section}limits: {{ shared: true, {limits} }}\n"));
    [world(), world()]
}

fn chat(world: &World, max_tokens: u64) -> Answer {
    let body = format!(r#"{{"model":"gpt-4o-mini","max_tokens":{max_tokens},"messages":[]}}"#);
    post(world.gateway, CHAT, &[], &body)
}

/// How many of all clients' requests were admitted; the rest was refused.
fn admitted(worlds: &[World; 2], max_tokens: u64) -> usize {
    let admitted = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (world, admitted) = (&worlds[client % 2], &admitted);
            scope.spawn(move || {
                for _ in 0..EACH {
                    match chat(world, max_tokens).status {
                        200 => drop(admitted.fetch_add(1, Ordering::Relaxed)),
                        429 => {}
                        status => panic!("{status}"),
                    }
                }
            });
        }
    });
    admitted.into_inner()
}

fn answer(output: u64, delay_ms: u64) -> Scenario {
    let usage = Some(Tokens { input: 0, output: Some(output), ..Tokens::default() });
    Scenario { usage, head_delay_ms: delay_ms, ..Scenario::text("yes") }
}

fn script(worlds: &[World; 2], output: u64, delay_ms: u64) {
    for world in worlds {
        (0..CLIENTS * EACH).for_each(|_| world.mock.push("/v1", answer(output, delay_ms)));
    }
}

#[test]
fn trap_44_requests_tokens_and_money_are_never_exceeded_by_two_gateways_together() {
    let Some(redis) = RedisServer::start() else { return };
    for round in 0..8_u64 {
        let (most, each) = (fastrand::u64(5..400), fastrand::u64(1..20));
        let millionths = most as f64 * 1e-6;
        let (limit, need) = match round % 4 {
            0 => (format!("requests_per_minute: {most}"), 1),
            1 => (format!("tokens_per_minute: {most}"), each),
            2 => (format!("budget: {{ day: {millionths} }}"), each),
            _ => (format!("budget: {{ month: {millionths}, currency: USD }}"), each),
        };
        let worlds = worlds(&redis, &format!("rules: {{ r{round}: {{ per: all, {limit} }} }}"));
        // Each uses all that it reserves.
        script(&worlds, each, 0);
        let count = admitted(&worlds, each) as u64;
        let asked = (CLIENTS * EACH) as u64;
        let expected = (most / need).min(asked);
        assert!(count <= expected, "{limit}, {each} each: {count} of {expected}");
        // What the one has leased and not used when the other asks: a twentieth, or less than a request.
        let leased = 2 * (most / 20 / need + 1);
        assert!(count + leased >= expected, "{limit}, {each} each: {count} of {expected}");
        let reached: usize = worlds.iter().map(|world| world.upstream().len()).sum();
        assert_eq!(reached as u64, count, "{limit}: what is refused costs nothing");
    }
}

#[test]
fn what_requests_use_beyond_their_reservation_is_theirs_alone() {
    let Some(redis) = RedisServer::start() else { return };
    let worlds = worlds(&redis, "rules: { beyond: { per: all, tokens_per_minute: 1200 } }");
    // Ten are reserved, and 120 used: of those who were let in before that was known.
    script(&worlds, 120, 0);
    let count = admitted(&worlds, 10);
    // An answer's end is told a moment before what it used is known.
    assert!(
        (10..=10 + 2 * CLIENTS).contains(&count),
        "1200 are ten answers, and one or two more a client: {count}"
    );
    let until = Instant::now() + PATIENCE;
    while worlds.iter().any(|world| chat(world, 1).status != 429) {
        assert!(Instant::now() < until, "both know of it");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn places_are_shared_and_come_back() {
    let Some(redis) = RedisServer::start() else { return };
    let worlds = worlds(&redis, "rules: { places: { per: all, concurrency_max: 5 } }");
    script(&worlds, 1, 150);
    let count = admitted(&worlds, 1);
    assert!(count >= 5, "{count}");
    // What waited at the providers at each moment: from a request's arrival to its answer.
    let mut moments = Vec::new();
    for received in worlds.iter().flat_map(World::upstream) {
        let (answered, _) = *received.response.sent.last().unwrap();
        moments.extend([(received.at, 1), (answered, -1)]);
    }
    moments.sort_unstable();
    let running = moments.iter().scan(0, |running, (_, change)| {
        *running += change;
        Some(*running)
    });
    let most = running.max().unwrap();
    assert!((1..=5).contains(&most), "{most} at a time");
    // What one gateway borrowed comes back to the other when its lease is over.
    let until = Instant::now() + PATIENCE;
    while !worlds.iter().all(|world| chat(world, 1).status == 200) {
        assert!(Instant::now() < until, "all places are free");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn without_redis_each_gateway_counts_for_itself_or_refuses_as_configured() {
    for (on_redis_down, statuses) in [("open", [200, 200, 429]), ("closed", [503, 503, 503])] {
        let Some(mut redis) = RedisServer::start() else { return };
        let limits = format!(
            "on_redis_down: {on_redis_down}, rules: {{ r: {{ per: all, requests_per_minute: 2 }} }}"
        );
        let worlds = worlds(&redis, &limits);
        redis.kill();
        for world in &worlds {
            for status in statuses {
                let answer = chat(world, 1);
                assert_eq!(answer.status, status, "{on_redis_down}: {}", answer.text());
                if status == 503 {
                    assert_eq!(answer.header("x-to11-error-code"), Some("overloaded"));
                    assert!(answer.header("retry-after").is_some());
                }
            }
            let metrics = world.running().metrics();
            let failures =
                metrics.lines().find(|it| it.starts_with("gateway_limits_redis_failures_total"));
            assert!(failures.is_some_and(|line| !line.ends_with(" 0")), "{failures:?}");
        }
    }
}
