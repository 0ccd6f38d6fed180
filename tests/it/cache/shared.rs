//! Answers that several gateways share through a real Redis, and one that is away.

use std::time::{Duration, Instant};

use tollgate_mock::Scenario;

use super::{CHAT, ask, ask_until_hit, body, calls, said, sections};
use crate::harness::{World, attribute};
use crate::redis_server::RedisServer;

const STREAM: &str = r#""stream":true,"#;

/// A gateway whose cache is in `redis`.
fn world(redis: &RedisServer, cache: &str) -> World {
    World::new(&(sections(&format!("kind: redis, streams: true, {cache}")) + &redis.section()))
}

#[test]
fn an_answer_comes_back_from_redis_byte_for_byte_with_its_span() {
    let Some(redis) = RedisServer::start() else { return };
    let world = world(&redis, "");
    world.mock.set("usual", Scenario { unique: true, ..Scenario::default() });
    for more in ["", STREAM] {
        let body = body("gpt-4o", more);
        let before = calls(&world);
        let (first, miss) = ask(&world, CHAT, &body, &[]);
        assert_eq!(said(&first), (200, Some("miss")));
        let (again, hit) = ask_until_hit(&world, CHAT, &body);
        assert_eq!(again.text(), first.text());
        assert_eq!(again.header("content-type"), first.header("content-type"));
        let (miss, hit) = (world.genai(&miss), world.genai(&hit));
        for name in
            ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.response.id"]
        {
            assert_eq!(attribute(&hit, name), attribute(&miss, name), "{name}");
        }
        assert!(attribute(&hit, "gateway.cache.saved_cost").is_some());
        assert_eq!(calls(&world), before + 1);
    }
}

#[test]
fn an_answer_outlives_its_process_and_reaches_another_of_the_same_configuration() {
    let Some(redis) = RedisServer::start() else { return };
    let mut world = world(&redis, "");
    let body = body("gpt-4o", "");
    let (first, _) = ask(&world, CHAT, &body, &[]);
    ask_until_hit(&world, CHAT, &body);
    world.stop();
    world.start_again();
    let (again, _) = ask(&world, CHAT, &body, &["x-to11-cache: only"]);
    assert_eq!(said(&again), (200, Some("hit")), "{}", again.text());
    assert_eq!(again.text(), first.text());
    let (other, _) =
        ask(&world, CHAT, &body, &["authorization: Bearer other", "x-to11-cache: only"]);
    assert_eq!(other.status, 504, "another caller's");
}

#[test]
fn an_answer_in_redis_lives_as_long_as_it_may() {
    let Some(redis) = RedisServer::start() else { return };
    let world = world(&redis, "ttl_secs: 1");
    let body = body("gpt-4o", "");
    super::ask_in_time(&world, CHAT, &body);
    std::thread::sleep(Duration::from_millis(1_200));
    let (answer, _) = ask(&world, CHAT, &body, &["x-to11-cache: only"]);
    assert_eq!(said(&answer), (504, Some("miss")));
}

#[test]
fn with_redis_away_every_look_is_a_miss_and_nobody_waits_for_long() {
    let Some(mut redis) = RedisServer::start() else { return };
    let world = world(&redis, "");
    let body = body("gpt-4o", "");
    ask(&world, CHAT, &body, &[]);
    ask_until_hit(&world, CHAT, &body);
    let looks = |more: &str| {
        let began = Instant::now();
        for number in 0..20 {
            let body = super::body("gpt-4o", &more.replace("N", &number.to_string()));
            let (answer, _) = ask(&world, CHAT, &body, &[]);
            assert_eq!(said(&answer), (200, Some("miss")), "{}", answer.text());
        }
        began.elapsed()
    };
    // As many that find nothing while it is there.
    let usual = looks(r#""seed":N,"#);
    redis.kill();
    let took = looks("");
    assert!(took < 3 * usual + Duration::from_secs(5), "{took:?}, and {usual:?} before");
    let text = world.running().metrics();
    let above_zero =
        |name: &str| text.lines().any(|line| line.starts_with(name) && !line.ends_with(" 0"));
    assert!(above_zero("gateway_redis_failures_total"), "{text}");
    assert!(above_zero(r#"gateway_cache_answers_total{result="unwritten""#), "{text}");
}
