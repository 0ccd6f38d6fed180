//! Runs against a server that answers as told.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::{Load, Plan, run};
use crate::{Arrivals, Target};

/// A server whose every answer takes `delay`.
async fn server(status: u16, delay: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = move |_: Request<Incoming>| async move {
                tokio::time::sleep(delay).await;
                let mut response = Response::new(Full::new(Bytes::from_static(b"data: x\n\n")));
                *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
                Ok::<_, Infallible>(response)
            };
            tokio::spawn(
                http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)),
            );
        }
    });
    addr
}

async fn load(addr: SocketAddr, arrivals: Arrivals, connections: usize) -> Load {
    let target = Target::new(&format!("http://{addr}/v1"), "{}").await.unwrap();
    let plan = Plan {
        arrivals,
        connections,
        warm_up: Duration::from_millis(100),
        duration: Duration::from_millis(1_000),
        seed: 1,
    };
    Load { target, plan }
}

#[tokio::test]
async fn a_closed_loop_sends_as_much_as_the_other_side_takes() {
    let addr = server(200, Duration::from_millis(20)).await;
    let measured = run(&load(addr, Arrivals::Closed, 4).await).await;
    assert_eq!(measured.failed(), 0);
    assert!((20..=205).contains(&measured.requests), "{}", measured.requests);
    assert_eq!(measured.events, measured.requests);
    assert!(measured.latency().p50 >= 20_000.0);
    assert_eq!(measured.at_once_max, 4);
}

#[tokio::test]
async fn a_slow_server_shows_in_the_latency_of_an_open_loop() {
    // One connection takes at most ten in a second, and fifty are sent: they wait for each other.
    let addr = server(200, Duration::from_millis(100)).await;
    let measured = run(&load(addr, Arrivals::Constant { per_second: 50.0 }, 1).await).await;
    assert_eq!(measured.requests, 50, "none is left out");
    assert!(measured.latency().max > 3_000_000.0, "{:?}", measured.latency());
}

#[tokio::test]
async fn failures_have_names() {
    let addr = server(503, Duration::ZERO).await;
    let measured = run(&load(addr, Arrivals::Poisson { per_second: 100.0 }, 8).await).await;
    assert!(measured.requests == 0 && measured.failures["503"] > 50, "{:?}", measured.failures);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let measured = run(&load(nobody, Arrivals::Closed, 2).await).await;
    assert!(measured.failures["cannot connect"] > 0, "{:?}", measured.failures);
}
