//! The plainest of HTTP/1.1 clients: it shows the bytes as they come, and when.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Instant;

use crate::harness::PATIENCE;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// The body without its framing.
    pub(crate) body: Vec<u8>,
    /// When each piece arrived.
    pub(crate) arrivals: Vec<Instant>,
    /// Whether the framing says that this is all of it.
    pub(crate) complete: bool,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }
}

/// A request's bytes with a JSON body and a length.
pub(crate) fn request(method: &str, path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut out = format!("{method} {path} HTTP/1.1\r\nhost: gateway.test\r\n");
    for header in headers {
        out.push_str(header);
        out.push_str("\r\n");
    }
    if !body.is_empty() {
        out.push_str(&format!(
            "content-type: application/json\r\ncontent-length: {}\r\n",
            body.len()
        ));
    }
    out.push_str("\r\n");
    [out.as_bytes(), body].concat()
}

/// Sends a JSON body and reads the whole answer.
pub(crate) fn post(to: SocketAddr, path: &str, headers: &[&str], body: &str) -> Answer {
    exchange(to, &request("POST", path, headers, body.as_bytes()))
}

/// Sends bytes and reads one answer.
pub(crate) fn exchange(to: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = connect(to);
    stream.write_all(bytes).unwrap();
    read(&mut stream, usize::MAX).unwrap()
}

pub(crate) fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Leaves after `pieces` pieces of the answer have arrived; says when.
pub(crate) fn leave_after(to: SocketAddr, bytes: &[u8], pieces: usize) -> (Answer, Instant) {
    let mut stream = connect(to);
    stream.write_all(bytes).unwrap();
    let answer = read(&mut stream, pieces).unwrap();
    stream.shutdown(Shutdown::Both).unwrap();
    (answer, Instant::now())
}

/// Reads one answer, or as much as came in `pieces` reads of its body.
pub(crate) fn read(stream: &mut TcpStream, pieces: usize) -> io::Result<Answer> {
    let mut raw = Vec::new();
    let mut buffer = vec![0; 256 * 1024];
    let head_end = loop {
        if let Some(at) = raw.windows(4).position(|window| window == b"\r\n\r\n") {
            // An interim answer is followed by the real one.
            if raw.starts_with(b"HTTP/1.1 10") {
                raw.drain(..at + 4);
                continue;
            }
            break at + 4;
        }
        match uninterrupted(stream, &mut buffer)? {
            0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "no answer")),
            read => raw.extend_from_slice(&buffer[..read]),
        }
    };
    let (status, headers) = parse_head(&raw[..head_end]);
    let mut answer =
        Answer { status, headers, body: Vec::new(), arrivals: Vec::new(), complete: false };
    let mut rest = raw.split_off(head_end);
    let chunked = answer.header("transfer-encoding").is_some_and(|te| te.contains("chunked"));
    let length = answer.header("content-length").and_then(|length| length.parse::<usize>().ok());
    if !rest.is_empty() {
        answer.arrivals.push(Instant::now());
    }
    loop {
        let (body, complete) =
            if chunked { dechunk(&rest) } else { (rest.clone(), Some(rest.len()) == length) };
        (answer.body, answer.complete) = (body, complete);
        if complete || answer.arrivals.len() >= pieces {
            return Ok(answer);
        }
        match uninterrupted(stream, &mut buffer) {
            Ok(0) => return Ok(Answer { complete: !chunked && length.is_none(), ..answer }),
            Ok(read) => rest.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(answer),
            Err(error) => return Err(error),
        }
        answer.arrivals.push(Instant::now());
    }
}

/// Reads until `end` has come.
pub(crate) fn read_until(stream: &mut TcpStream, end: &str) {
    let (mut raw, mut buffer) = (Vec::new(), vec![0; 16 * 1024]);
    while !String::from_utf8_lossy(&raw).contains(end) {
        let read = uninterrupted(stream, &mut buffer).unwrap();
        assert!(read > 0, "it ended without: {}", String::from_utf8_lossy(&raw));
        raw.extend_from_slice(&buffer[..read]);
    }
}

/// Reads what there is. A machine that was halted and goes on ends a read that has a time limit.
fn uninterrupted(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

fn parse_head(head: &[u8]) -> (u16, Vec<(String, String)>) {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    (status, headers)
}

/// The content of chunks, and whether the last one was seen.
fn dechunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(line) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&rest[..line]).unwrap();
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let content = &rest[line + 2..];
        if size == 0 {
            return (body, true);
        }
        body.extend_from_slice(&content[..size.min(content.len())]);
        if content.len() < size + 2 {
            break;
        }
        rest = &content[size + 2..];
    }
    (body, false)
}
