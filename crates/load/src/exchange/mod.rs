//! A request goes out, an answer comes in, and when.

mod connection;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::uri::{Scheme, Uri};
use http::{HeaderName, HeaderValue};
use memchr::memmem;
use tokio::net::lookup_host;

pub(crate) use self::connection::Connection;
use crate::record::Measured;
use crate::{STAMP, STAMP_DIGITS};

/// Delays of one answer's events that are kept; streams of load are shorter.
const DELAYS_MAX: usize = 100_000;

/// Where requests go, and what each of them says.
#[derive(Clone, Debug)]
pub struct Target {
    addr: SocketAddr,
    /// The request line and the host.
    head: Bytes,
    body: Bytes,
    /// The whole request.
    wire: Bytes,
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
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let head = format!("POST {path} HTTP/1.1\r\nhost: {authority}\r\n").into();
        let target = Self { addr, head, body: body.into(), wire: Bytes::new() };
        let json = HeaderValue::from_static("application/json");
        Ok(target.with_header(&http::header::CONTENT_TYPE, &json))
    }

    /// Sends a header more with each request.
    #[must_use]
    pub fn with_header(mut self, name: &HeaderName, value: &HeaderValue) -> Self {
        let line = [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat();
        self.head = [&self.head[..], &line].concat().into();
        let length = format!("content-length: {}\r\n\r\n", self.body.len());
        self.wire = [&self.head[..], length.as_bytes(), &self.body].concat().into();
        self
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
