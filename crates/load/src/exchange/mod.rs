//! One connection: a request goes out, an answer comes in, and when.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderName, HeaderValue, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use tokio::net::{TcpStream, lookup_host};

use crate::record::Measured;
use crate::{STAMP, STAMP_DIGITS};

#[cfg(test)]
mod tests;

/// How long a connection may take to open, and an answer to get on.
const PATIENCE: Duration = Duration::from_secs(30);
/// Delays of one answer's events that are kept; streams of load are shorter.
const DELAYS_MAX: usize = 100_000;

/// Where requests go, and what each of them says.
#[derive(Clone, Debug)]
pub struct Target {
    addr: SocketAddr,
    authority: Authority,
    path: PathAndQuery,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

/// A URL that cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// No URL, or one without a host.
    #[error("not a URL of the form http://HOST:PORT/PATH")]
    Form,
    /// Certificates cost CPU of the generator's that nobody asked about.
    #[error("only plain http is measured; put the gateway's own listener without TLS here")]
    Scheme,
    /// No address has that name.
    #[error("the host has no address")]
    Host,
}

/// A connection that is kept.
pub(crate) struct Connection {
    send: SendRequest<Full<Bytes>>,
}

/// What one answer showed.
pub(crate) struct Seen {
    pub(crate) status: u16,
    /// The answer says when to come back.
    retry_after: bool,
    pub(crate) ended: Instant,
    first_byte: Option<Duration>,
    first_content: Option<Duration>,
    delays: Vec<Duration>,
    events: u64,
    bytes: u64,
    /// The end of the piece before, in case an event ends across two.
    last: u8,
}

/// Why there was no whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    #[error("cannot connect")]
    Connect,
    #[error("connection lost")]
    Lost,
    #[error("timed out")]
    TimedOut,
}

// === impl Target ===

impl Target {
    /// POSTs `body` to `url`, whose host is looked up once.
    ///
    /// # Errors
    /// [`BadUrl`].
    pub async fn new(url: &str, body: impl Into<Bytes>) -> Result<Self, BadUrl> {
        let uri: Uri = url.parse().map_err(|_| BadUrl::Form)?;
        if uri.scheme().is_some_and(|scheme| *scheme != Scheme::HTTP) {
            return Err(BadUrl::Scheme);
        }
        let (Some(_), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(BadUrl::Form);
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let found = lookup_host((host, authority.port_u16().unwrap_or(80))).await;
        let addr = found.ok().and_then(|mut found| found.next()).ok_or(BadUrl::Host)?;
        let path = uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
        let json = HeaderValue::from_static("application/json");
        Ok(Self {
            addr,
            authority: authority.clone(),
            path,
            headers: vec![(header::CONTENT_TYPE, json)],
            body: body.into(),
        })
    }

    /// Sends a header more with each request.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = Uri::from(self.path.clone());
        let headers = request.headers_mut();
        if let Ok(host) = HeaderValue::from_str(self.authority.as_str()) {
            headers.insert(header::HOST, host);
        }
        headers.extend(self.headers.iter().cloned());
        request
    }
}

// === impl Connection ===

impl Connection {
    pub(crate) async fn open(target: &Target) -> Result<Self, Broken> {
        let opening = async {
            let stream = TcpStream::connect(target.addr).await.ok()?;
            stream.set_nodelay(true).ok()?;
            let (send, connection) = handshake(TokioIo::new(stream)).await.ok()?;
            tokio::spawn(connection);
            Some(Self { send })
        };
        let opened = tokio::time::timeout(PATIENCE, opening).await;
        opened.map_err(|_| Broken::TimedOut)?.ok_or(Broken::Connect)
    }

    /// Whether another request can go out on it.
    pub(crate) fn is_open(&self) -> bool {
        !self.send.is_closed()
    }

    /// Sends a request and reads its answer to the end.
    pub(crate) async fn exchange(&mut self, target: &Target) -> Result<Seen, Broken> {
        let patient = |_| Broken::TimedOut;
        let ready = tokio::time::timeout(PATIENCE, self.send.ready()).await.map_err(patient)?;
        ready.map_err(|_| Broken::Lost)?;
        let sent = Instant::now();
        let answer = self.send.send_request(target.request());
        let answer = tokio::time::timeout(PATIENCE, answer).await.map_err(patient)?;
        let (head, mut body) = answer.map_err(|_| Broken::Lost)?.into_parts();
        let mut seen = Seen::new(head.status.as_u16());
        seen.retry_after = head.headers.contains_key(header::RETRY_AFTER);
        while let Some(frame) =
            tokio::time::timeout(PATIENCE, body.frame()).await.map_err(patient)?
        {
            let frame = frame.map_err(|_| Broken::Lost)?;
            if let Some(data) = frame.data_ref() {
                seen.on_data(data, sent);
            }
        }
        seen.ended = Instant::now();
        Ok(seen)
    }
}

// === impl Seen ===

impl Seen {
    fn new(status: u16) -> Self {
        Self {
            status,
            retry_after: false,
            ended: Instant::now(),
            first_byte: None,
            first_content: None,
            delays: Vec::new(),
            events: 0,
            bytes: 0,
            last: 0,
        }
    }

    fn on_data(&mut self, data: &[u8], sent: Instant) {
        let Some(last) = data.last() else { return };
        self.first_byte.get_or_insert_with(|| sent.elapsed());
        self.bytes += data.len() as u64;
        self.events += memmem::find_iter(data, b"\n\n").count() as u64;
        if self.last == b'\n' && data.first() == Some(&b'\n') {
            self.events += 1;
        }
        self.last = *last;
        let mut now = None;
        for at in memmem::find_iter(data, STAMP.as_bytes()) {
            let digits = data.get(at + STAMP.len()..).and_then(|rest| rest.get(..STAMP_DIGITS));
            let stamp = digits.and_then(|digits| str::from_utf8(digits).ok()?.parse::<u64>().ok());
            // One that is cut in two is not counted: it is rare and of no particular length.
            let Some(stamp) = stamp else { continue };
            let now = *now.get_or_insert_with(since_epoch);
            self.first_content.get_or_insert_with(|| sent.elapsed());
            if self.delays.len() < DELAYS_MAX {
                self.delays.push(now.saturating_sub(Duration::from_nanos(stamp)));
            }
        }
    }

    /// Adds this answer, which was meant to begin at `due`.
    pub(crate) fn record(self, due: Instant, measured: &mut Measured) {
        if !(200..300).contains(&self.status) {
            if self.status == 503 && self.retry_after {
                measured.refusals += 1;
                measured.refusal.record(self.ended.saturating_duration_since(due));
            }
            measured.fail(self.status.to_string());
            return;
        }
        measured.requests += 1;
        measured.events += self.events;
        measured.bytes += self.bytes;
        measured.latency.record(self.ended.saturating_duration_since(due));
        for (times, time) in [
            (&mut measured.first_byte, self.first_byte),
            (&mut measured.first_content, self.first_content),
        ] {
            if let Some(time) = time {
                times.record(time);
            }
        }
        for delay in self.delays {
            measured.event_delay.record(delay);
        }
    }
}

/// The wall clock, as stamps have it.
fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
