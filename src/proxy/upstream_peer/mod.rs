//! Once per attempt: which target is next, when, and at which address.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use pingora::proxy::Session;
use pingora::upstreams::peer::{ALPN, HttpPeer};
use pingora::{Error, ErrorType, Result};
use tokio::time::{Instant, sleep_until};
use tollgate_filters::request::Quotas;
use tollgate_routing::live::At;
use tollgate_routing::{Attempt, Failure, FailureKind, Target};

use crate::proxy::Gateway;
use crate::proxy::attempt;
use crate::proxy::ctx::{AttemptError, Ctx, Routed};
use crate::proxy::quota::{self, Limited};

#[cfg(test)]
mod tests;

/// The error of a request that no target can take.
pub(crate) const UNSUITED: &str = "Unsuited";

/// The slowest upstream that may still read a request body, in bytes per second.
const UPLOAD_RATE_MIN: u64 = 64 * 1024;
/// How long an idle upstream connection is kept.
const POOL_IDLE: Duration = Duration::from_secs(60);
/// The same of a connection that was wanted while more than these requests were in flight: so many idle ones are not
/// wanted again, and hold memory and files here and there.
const CROWD_REQUESTS: usize = 128;
const CROWD_POOL_IDLE: Duration = Duration::from_secs(5);

/// Waits out the backoff unless the caller leaves, then names the peer.
pub(crate) async fn run(
    gateway: &Gateway,
    session: &mut Session,
    ctx: &mut Ctx,
) -> Result<Box<HttpPeer>> {
    let Ctx { routed: Some(routed), endpoint: Some(endpoint), started, snapshot, .. } = ctx else {
        return Error::e_explain(ErrorType::InternalError, "no plan");
    };
    loop {
        let quotas = &snapshot.quotas;
        let Some(attempt) = next_attempt(routed, quotas) else {
            return Err(no_attempt_left(routed));
        };
        // The last attempt's deadline is over, and must not end the pause.
        routed.watch.disarm();
        if !attempt.wait.is_zero() {
            pause(session, Instant::now() + attempt.wait).await?;
        }
        let target = Arc::clone(&attempt.target);
        if let Err(reason) = attempt::begin(routed, attempt, endpoint) {
            let message = format!("target {} cannot take this request: {reason}", target.name);
            let error = AttemptError { kind: "request_error", message, status: None };
            if routed.fail(Failure { kind: FailureKind::Unsuited, retry_after: None }, error) {
                continue;
            }
            routed.unsuited = Some(reason);
            return Error::e_explain(ErrorType::new(UNSUITED), "no target can take this request");
        }
        let taken = routed.holds.take_target(quotas, &target, endpoint, &routed.facts).await;
        if let Err(rejection) = taken {
            let message = rejection.to_string();
            let error = AttemptError { kind: "request_error", message, status: None };
            if routed.fail(Failure { kind: FailureKind::Full, retry_after: None }, error) {
                continue;
            }
            routed.holds.refuse(rejection);
            return Err(quota::end());
        }
        routed.arm(*started);
        let upload = upload_time(routed.current.as_ref().map_or(0, |current| current.body.len()));
        if !upload.is_zero() {
            routed.watch.upload(target.deadlines.patience(routed.facts.stream), upload);
        }
        let url = &target.provider.base_url;
        match gateway.shared.resolver.resolve(&url.host, url.port).await {
            Ok(address) => {
                let left = target.deadlines.total.saturating_sub(started.at.elapsed());
                let in_flight = gateway.shared.lasting.in_flight.count();
                return peer(snapshot, &target, address, routed.body.len(), left, in_flight);
            }
            Err(error) => {
                let error = AttemptError {
                    kind: "connection_error",
                    message: format!("cannot resolve {}: {error}", url.host),
                    status: None,
                };
                if !routed.fail(Failure { kind: FailureKind::Connect, retry_after: None }, error) {
                    return Error::e_explain(ErrorType::ConnectError, "name look-up failed");
                }
            }
        }
    }
}

/// The next attempt, or the running one once more.
fn next_attempt(routed: &mut Routed, quotas: &Quotas) -> Option<Attempt> {
    if std::mem::take(&mut routed.repeat) {
        let mut attempt = routed.current.as_ref()?.attempt.clone();
        attempt.wait = Duration::ZERO;
        return Some(attempt);
    }
    // What this request itself holds there must not make the target look full.
    routed.holds.leave_target();
    let (at, random) = (At(Instant::now().into_std()), fastrand::f64());
    if quotas.limits_targets() {
        routed.attempts.next_seeing(random, &Limited { at, quotas })
    } else {
        routed.attempts.next_seeing(random, &at)
    }
}

/// Sleeps, unless the caller leaves first: a retry for nobody would only cost money.
pub(crate) async fn pause(session: &mut Session, until: Instant) -> Result<()> {
    tokio::select! {
        () = sleep_until(until) => Ok(()),
        result = session.as_downstream_mut().read_body_or_idle(true) => {
            match result {
                Err(error) => Err(error.into_down()),
                Ok(_) => Error::e_explain(ErrorType::ConnectionClosed, "the caller left").map_err(|e: Box<Error>| e.into_down()),
            }
        }
    }
}

fn no_attempt_left(routed: &Routed) -> Box<Error> {
    let cause = routed.current.as_ref().and_then(|c| c.error.as_ref()).map(|e| e.message.clone());
    Error::explain(ErrorType::ConnectError, cause.unwrap_or_else(|| "no target is left".to_owned()))
}

/// Everything Pingora needs to know to connect, or to find a pooled connection.
fn peer(
    snapshot: &crate::snapshot::Snapshot,
    target: &Target,
    address: std::net::SocketAddr,
    body_bytes: usize,
    left: Duration,
    in_flight: usize,
) -> Result<Box<HttpPeer>> {
    let provider = &target.provider;
    let url = &provider.base_url;
    let mut peer = HttpPeer::new(address, url.tls, url.host.to_string());
    // Pingora's pool key leaves the certificate authority out: a connection that was verified
    // under one must not be found under another, nor under what its file said before.
    let mut group = DefaultHasher::new();
    provider.name.hash(&mut group);
    let authority = match &provider.ca_file {
        Some(path) if url.tls => Some(snapshot.certificate_authority(path)?),
        _ => None,
    };
    authority.map(|authority| authority.fingerprint).hash(&mut group);
    peer.group_key = group.finish();
    let options = &mut peer.options;
    let deadlines = target.deadlines;
    let connect = deadlines.connect.min(left);
    options.connection_timeout = Some(connect);
    options.total_connection_timeout = Some(connect);
    options.idle_timeout = Some(idle_max(in_flight));
    // Reading is watched by our own deadlines, which know what kind of silence it is.
    options.read_timeout = None;
    options.write_timeout = Some(deadlines.head + upload_time(body_bytes));
    options.max_h2_streams = 64;
    if url.tls {
        options.alpn = ALPN::H2H1;
        options.ca = authority.map(|authority| Arc::clone(&authority.certificates));
    }
    Ok(Box::new(peer))
}

/// How long a connection is kept that was wanted while so many requests were in flight.
const fn idle_max(in_flight: usize) -> Duration {
    if in_flight > CROWD_REQUESTS { CROWD_POOL_IDLE } else { POOL_IDLE }
}

/// How long the slowest upstream that is put up with takes to read a body.
fn upload_time(body_bytes: usize) -> Duration {
    Duration::from_secs(u64::try_from(body_bytes).unwrap_or(u64::MAX) / UPLOAD_RATE_MIN)
}
