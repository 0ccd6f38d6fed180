//! The plainest of HTTP/1.1 clients: sends bytes, reads one answer or leaves in its middle.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(40);
const BUFFER_BYTES: usize = 64 * 1024;

/// When a caller leaves before its answer has come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Leave {
    /// So long after the request was sent.
    After(Duration),
    /// Once so many blank lines between events have come.
    Events(usize),
}

/// What a caller saw of its answer.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The status; `None` for a caller that left before.
    pub(crate) status: Option<u16>,
    /// Whether the answer came whole.
    pub(crate) complete: bool,
    /// Whether the connection ends with it.
    pub(crate) closes: bool,
}

/// One caller with one connection, kept as long as it can be.
pub(crate) struct Caller {
    to: SocketAddr,
    stream: Option<TcpStream>,
}

/// How far an answer has come.
enum Framing {
    Chunked,
    Length(usize),
    UntilClose,
}

// === impl Caller ===

impl Caller {
    pub(crate) const fn new(to: SocketAddr) -> Self {
        Self { to, stream: None }
    }

    /// The next call gets a connection of its own.
    pub(crate) fn hang_up(&mut self) {
        self.stream = None;
    }

    /// Sends a request and reads its answer, or leaves as told.
    ///
    /// # Errors
    /// Of the socket, where no answer began.
    pub(crate) fn exchange(&mut self, bytes: &[u8], leave: Option<Leave>) -> io::Result<Seen> {
        let mut stream = match self.stream.take().filter(is_open) {
            Some(stream) => stream,
            None => connect(self.to)?,
        };
        stream.write_all(bytes)?;
        if let Some(Leave::After(after)) = leave {
            std::thread::sleep(after);
            // It may be gone already, which is what was wanted.
            let _gone = stream.shutdown(Shutdown::Both);
            return Ok(Seen { status: None, complete: false, closes: true });
        }
        let events = match leave {
            Some(Leave::Events(events)) => events,
            _ => usize::MAX,
        };
        let seen = read(&mut stream, events)?;
        if seen.complete && !seen.closes {
            self.stream = Some(stream);
        } else {
            let _gone = stream.shutdown(Shutdown::Both);
        }
        Ok(seen)
    }
}

/// Whether the other side has left a kept connection open. Asked before anything is sent: a request
/// that were sent twice would be two calls.
fn is_open(stream: &TcpStream) -> bool {
    let peek = || {
        stream.set_nonblocking(true)?;
        let peeked = stream.peek(&mut [0]);
        stream.set_nonblocking(false)?;
        peeked
    };
    peek().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn read(stream: &mut TcpStream, events: usize) -> io::Result<Seen> {
    let mut raw = Vec::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let head_end = loop {
        if let Some(at) = find(&raw, b"\r\n\r\n") {
            break at + 4;
        }
        match stream.read(&mut buffer)? {
            0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "no answer")),
            read => raw.extend_from_slice(buffer.get(..read).unwrap_or_default()),
        }
    };
    let body = raw.split_off(head_end);
    let text = String::from_utf8_lossy(&raw).to_ascii_lowercase();
    let (status, framing) = head(&text);
    let (status, closes) = (Some(status), text.contains("connection: close"));
    let mut body = body;
    loop {
        let complete = match framing {
            Framing::Chunked => body.ends_with(b"\r\n0\r\n\r\n") || body == b"0\r\n\r\n",
            Framing::Length(bytes) => body.len() >= bytes,
            Framing::UntilClose => false,
        };
        if complete {
            return Ok(Seen { status, complete, closes });
        }
        if events != usize::MAX && count(&body, b"\n\n") >= events {
            return Ok(Seen { status, complete: false, closes: true });
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return Ok(Seen { status, complete: false, closes: true }),
            Ok(read) => body.extend_from_slice(buffer.get(..read).unwrap_or_default()),
        }
    }
}

fn head(text: &str) -> (u16, Framing) {
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let framing = match length.and_then(|length| length.trim().parse().ok()) {
        _ if text.contains("transfer-encoding: chunked") => Framing::Chunked,
        Some(bytes) => Framing::Length(bytes),
        None => Framing::UntilClose,
    };
    (status, framing)
}

pub(crate) fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    within.windows(what.len()).position(|window| window == what)
}

fn count(within: &[u8], what: &[u8]) -> usize {
    within.windows(what.len()).filter(|window| *window == what).count()
}
