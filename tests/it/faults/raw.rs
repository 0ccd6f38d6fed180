//! An upstream that says exactly these bytes, and closes when it likes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A plain answer of chat completions.
pub(super) const WHOLE: &str = r#"{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"raw"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;
/// An event without content, but for its end.
pub(super) const ROLE: &str =
    "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n";
/// An event with content.
pub(super) const TEXT: &str =
    "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"raw\"}}]}\n\n";

/// How many connections and requests there were.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) connections: AtomicUsize,
    pub(super) requests: AtomicUsize,
}

/// Serves each connection by `serve`, which gets its number, from 0.
pub(super) fn upstream(
    serve: impl Fn(usize, &mut TcpStream, &Counts) + Send + Sync + 'static,
) -> (SocketAddr, Arc<Counts>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let counts = Arc::new(Counts::default());
    let serve = Arc::new(serve);
    let shared = Arc::clone(&counts);
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let number = shared.connections.fetch_add(1, Ordering::SeqCst);
            let (serve, shared) = (Arc::clone(&serve), Arc::clone(&shared));
            std::thread::spawn(move || serve(number, &mut stream, &shared));
        }
    });
    (address, counts)
}

/// Reads one request, pausing before each read; `false` when there is none.
pub(super) fn take_request(
    stream: &mut TcpStream,
    counts: &Counts,
    mut pause: impl FnMut(usize),
) -> bool {
    let mut raw = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut length = None;
    loop {
        if let Some(all) = length
            && raw.len() >= all
        {
            counts.requests.fetch_add(1, Ordering::SeqCst);
            return true;
        }
        pause(raw.len());
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return false,
            Ok(read) => raw.extend_from_slice(&buffer[..read]),
        }
        if length.is_none()
            && let Some(end) = raw.windows(4).position(|window| window == b"\r\n\r\n")
        {
            let head = String::from_utf8_lossy(&raw[..end]).to_lowercase();
            let body = head.split("content-length: ").nth(1).unwrap();
            let body: usize = body.lines().next().unwrap().parse().unwrap();
            length = Some(end + 4 + body);
        }
    }
}

pub(super) fn answer_whole(stream: &mut TcpStream) {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        WHOLE.len()
    );
    let _gone = stream.write_all((head + WHOLE).as_bytes());
}

pub(super) fn begin_stream(stream: &mut TcpStream) {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let _gone = stream.write_all(head.as_bytes());
}

/// One piece of a chunked body; `false` when nobody reads it any more.
pub(super) fn chunk(stream: &mut TcpStream, text: &str) -> bool {
    stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).is_ok()
}
