//! A server that is away costs little.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tollgate_config::Redis as Settings;

use super::{REST, Redis, RedisError};

fn redis(port: u16) -> Redis {
    let settings = Settings {
        host: "127.0.0.1".to_owned(),
        port,
        database: 0,
        tls: false,
        ca_file: None,
        user: None,
        password: None,
        timeout: Duration::from_millis(50),
        prefix: "test:".to_owned(),
    };
    Redis::new(&settings, &Handle::current()).unwrap()
}

async fn ping(redis: &Redis) -> Result<String, RedisError> {
    redis.ask(async |manager| redis::cmd("PING").query_async(manager).await).await
}

#[tokio::test]
async fn one_request_in_a_second_waits_for_a_server_that_says_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let redis = redis(silent.local_addr().unwrap().port());
    let started = Instant::now();
    assert_eq!(ping(&redis).await, Err(RedisError::TimedOut));
    assert!(started.elapsed() < Duration::from_secs(1));
    for _ in 0..100 {
        assert_eq!(ping(&redis).await, Err(RedisError::Resting));
    }
    assert_eq!(redis.failures(), 1, "those who did not ask are not counted");
    tokio::time::sleep(REST + Duration::from_millis(50)).await;
    assert_eq!(ping(&redis).await, Err(RedisError::TimedOut));
    assert_eq!(redis.failures(), 2);
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_fails() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let redis = redis(port);
    assert!(matches!(ping(&redis).await, Err(RedisError::Failed | RedisError::TimedOut)));
    assert_eq!(ping(&redis).await, Err(RedisError::Resting));
}
