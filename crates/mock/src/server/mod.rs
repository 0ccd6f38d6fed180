//! The provider: accepts, reads, asks what to answer, and answers.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::answer::{Answer, Outcome, Request as Asked, Shelf, answer};
use crate::choosing::{Chosen, Scenarios};
use crate::log::{Ended, LOG_BODY_BYTES_MAX, Log, Received, Witness};
use crate::reading::{Ask, Target};
use crate::scenario::Scenario;

mod body;
mod wire;

use body::{PacedBody, Served};
use wire::{Fuse, Wire, arm_tcp_reset};

/// The largest request body that is read; larger ones are answered with 413.
pub const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How much an h2 peer may send ahead, so that large bodies arrive in few round trips.
const H2_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// Streams of one h2 connection at a time.
const H2_STREAMS_MAX: u32 = 1024;
/// Pause after a failed accept (out of descriptors, for example).
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// A provider on a port of its own, on the current tokio runtime. Dropping it stops it.
#[derive(Debug)]
pub struct Mock {
    addr: SocketAddr,
    provider: Arc<Provider>,
    stop: watch::Sender<bool>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

/// What the connections share.
#[derive(Debug)]
struct Provider {
    scenarios: Scenarios,
    log: Arc<Log>,
    shelf: Shelf,
    connections: AtomicU64,
    requests: AtomicU64,
}

// === impl Mock ===

impl Mock {
    /// Listens on `addr` (port 0 picks one) and serves h1 and h2c until stopped.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(addr: SocketAddr) -> io::Result<Self> {
        Self::from_listener(TcpListener::bind(addr).await?)
    }

    /// Serves on a listener that is bound already; must be called on a tokio runtime.
    ///
    /// # Errors
    /// When the listener cannot be made non-blocking, or has no address.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Self::from_listener(TcpListener::from_std(listener)?)
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://host:port` and the path given, for example `/v1` or `/@name/v1`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Answers one request whose path, as sent, starts with `path_prefix`; several are served in
    /// the order pushed, before any other way of choosing.
    pub fn push(&self, path_prefix: &str, scenario: Scenario) {
        self.provider.scenarios.push(path_prefix, scenario);
    }

    /// Answers one request of the trace with this id (32 hexadecimal digits in lower case, as in
    /// `traceparent`); several are served in the order pushed, before any other way of choosing.
    pub fn push_trace(&self, trace_id: &str, scenario: Scenario) {
        self.provider.scenarios.push_trace(trace_id, scenario);
    }

    /// Answers `/@name/...`, `x-mock-scenario: name` and the model `mock-name` from now on.
    pub fn set(&self, name: &str, scenario: Scenario) {
        self.provider.scenarios.set(name, scenario);
    }

    /// How many pushed scenarios have not been served.
    pub fn unserved(&self) -> usize {
        self.provider.scenarios.scripted()
    }

    /// Every request so far, oldest first, with the answers as far as they got.
    pub fn log(&self) -> Vec<Received> {
        self.provider.log.snapshot()
    }

    /// Waits until `count` logged requests have ended, or `limit` is over; the log either way.
    pub async fn ended(&self, count: usize, limit: Duration) -> Vec<Received> {
        self.provider.log.ended(count, limit).await
    }

    /// Forgets the log so far.
    pub fn clear_log(&self) {
        self.provider.log.clear();
    }

    /// Keeps so many requests in the log (default [`crate::LOG_REQUESTS_MAX`]); 0 for load.
    pub fn keep_log(&self, requests_max: usize) {
        self.provider.log.keep(requests_max);
    }

    /// Requests that had to leave the log.
    pub fn log_dropped(&self) -> u64 {
        self.provider.log.dropped()
    }

    /// Connections so far.
    pub fn connections(&self) -> u64 {
        self.provider.connections.load(Ordering::Relaxed)
    }

    /// Serves one connection accepted elsewhere, over TLS for example, until it ends or the
    /// provider stops. Where the transport is not TCP itself, a reset is a plain close.
    pub fn serve_connection<S>(&self, stream: S) -> impl Future<Output = ()> + Send + use<S>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let provider = Arc::clone(&self.provider);
        let stop = self.stop.subscribe();
        async move { provider.serve(stream, |_| (), stop).await }
    }

    /// Closes the port and every connection; the log stays.
    pub async fn stop(&self) {
        self.provider.log.stop();
        self.stop.send_replace(true);
        let accepting = self.accepting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(accepting) = accepting
            && let Err(error) = accepting.await
        {
            tracing::debug!(%error, "the accepting task did not end by itself");
        }
    }

    fn from_listener(listener: TcpListener) -> io::Result<Self> {
        let addr = listener.local_addr()?;
        let provider = Arc::new(Provider {
            scenarios: Scenarios::default(),
            log: Arc::new(Log::new(LOG_BODY_BYTES_MAX)),
            shelf: Shelf::default(),
            connections: AtomicU64::new(0),
            requests: AtomicU64::new(0),
        });
        let (stop, stopped) = watch::channel(false);
        let accepting = tokio::spawn(accept(Arc::clone(&provider), listener, stopped));
        Ok(Self { addr, provider, stop, accepting: Mutex::new(Some(accepting)) })
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.provider.log.stop();
        self.stop.send_replace(true);
    }
}

async fn accept(
    provider: Arc<Provider>,
    listener: TcpListener,
    mut stopped: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let stop = stopped.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        match accepted {
            Ok((stream, _)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "no TCP_NODELAY");
                }
                let (provider, stop) = (Arc::clone(&provider), stop.clone());
                connections.spawn(async move {
                    provider.serve::<TcpStream>(stream, arm_tcp_reset, stop).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}

// === impl Provider ===

impl Provider {
    async fn serve<S>(
        self: Arc<Self>,
        stream: S,
        arm_reset: fn(&S),
        mut stop: watch::Receiver<bool>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connection = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let fuse = Arc::new(Fuse::default());
        let io = TokioIo::new(Wire::new(stream, Arc::clone(&fuse), arm_reset));
        let service = {
            let fuse = Arc::clone(&fuse);
            service_fn(move |request| {
                Arc::clone(&self).respond(request, connection, Arc::clone(&fuse))
            })
        };
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http2()
            .initial_stream_window_size(H2_WINDOW_BYTES)
            .initial_connection_window_size(H2_WINDOW_BYTES)
            .max_concurrent_streams(H2_STREAMS_MAX);
        let serving = builder.serve_connection(io, service);
        tokio::select! {
            result = serving => if let Err(error) = result {
                tracing::debug!(connection, error = %error, "a connection ended early");
            },
            () = fuse.blown() => tracing::debug!(connection, "a connection was broken on purpose"),
            _ = stop.wait_for(|stopped| *stopped) => {}
        }
    }

    async fn respond(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: u64,
        fuse: Arc<Fuse>,
    ) -> Served {
        let (head, body) = request.into_parts();
        let mut witness = self.log.enter(&head, connection);
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let (outcome, delay_ms) = match Limited::new(body, BODY_BYTES_MAX).collect().await {
            Ok(body) => self.outcome(&head, &body.to_bytes(), number, &witness),
            Err(error) if error.is::<LengthLimitError>() => {
                (Outcome::Answer(refuse(&head, StatusCode::PAYLOAD_TOO_LARGE)), 0)
            }
            Err(_) => {
                witness.end(Ended::PeerClosed);
                (Outcome::Answer(refuse(&head, StatusCode::BAD_REQUEST)), 0)
            }
        };
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        match outcome {
            Outcome::Answer(answer) => Ok(send(answer, witness, fuse).await),
            // Only the peer's leaving ends these two, by dropping what waits here.
            Outcome::Hang => std::future::pending().await,
            Outcome::Close { reset } => {
                witness.end(Ended::Faulted);
                fuse.blow(reset);
                std::future::pending().await
            }
        }
    }

    /// What to answer, and the wait before it in milliseconds.
    fn outcome(
        &self,
        head: &Parts,
        body: &Bytes,
        number: u64,
        witness: &Witness,
    ) -> (Outcome, u64) {
        witness.body(body.clone());
        let target = Target::read(head.uri.path());
        let ask = Ask::of(&target, &head.headers, body);
        let nothing = Ask::default();
        let asked = Asked {
            method: &head.method,
            target: &target,
            headers: &head.headers,
            ask: ask.as_ref().map_err(String::as_str),
            body,
            shelf: &self.shelf,
            number,
        };
        let known = ask.as_ref().unwrap_or(&nothing);
        match self.scenarios.choose(head.uri.path(), &target, &head.headers, known) {
            Ok(Chosen { scenario, label }) => {
                witness.scenario(&label);
                (answer(&scenario, &asked), scenario.head_delay_ms)
            }
            Err(problem) => {
                let answer = asked.refusal(StatusCode::BAD_REQUEST, Some(&problem));
                (Outcome::Answer(answer), 0)
            }
        }
    }
}

/// Refuses a request whose body was not read.
fn refuse(head: &Parts, status: StatusCode) -> Answer {
    let target = Target::read(head.uri.path());
    let asked = Asked {
        method: &head.method,
        target: &target,
        headers: &head.headers,
        ask: Err("the body was not read"),
        body: &Bytes::new(),
        shelf: &Shelf::default(),
        number: 0,
    };
    asked.refusal(status, None)
}

async fn send(mut answer: Answer, witness: Witness, fuse: Arc<Fuse>) -> Response<PacedBody> {
    if !answer.wait.is_zero() {
        tokio::time::sleep(answer.wait).await;
    }
    witness.status(answer.status);
    let body = PacedBody::new(&mut answer, witness, fuse);
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    if let Some(bytes) = answer.content_length {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    }
    response
}
