//! Streams over plain HTTP/1.1, whose attempts are not Pingora's: framing, connections, odd upstreams.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::client::{connect, post, read, request};
use crate::harness::World;

const PATH: &str = "/v1/chat/completions";
const BODY: &str = r#"{"model":"raw-one","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}"#;
const EVENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word \"}}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";
const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// An upstream that answers with bytes, and keeps what it was asked.
struct Upstream {
    addr: SocketAddr,
    connections: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    /// Answers each request with `answer`; `closes`: and then closes the connection.
    fn start(answer: Vec<u8>, closes: bool) -> Self {
        Self::with(move |stream, heads| serve(stream, &answer, closes, heads))
    }

    /// Does so with each connection.
    fn with(serve: impl Fn(TcpStream, &Mutex<Vec<String>>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let (connections, heads) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<Vec<_>>>::default());
        let upstream = Self { addr, connections, heads };
        let (connections, heads) = (Arc::clone(&upstream.connections), Arc::clone(&upstream.heads));
        let serve = Arc::new(serve);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                connections.fetch_add(1, Ordering::Relaxed);
                let (serve, heads) = (Arc::clone(&serve), Arc::clone(&heads));
                std::thread::spawn(move || serve(stream, &heads));
            }
        });
        upstream
    }

    fn world(&self) -> World {
        World::new(&format!(
            "providers: {{ raw: {{ base_url: \"http://{}/v1\", models: [raw-one], auth_type: none }} }}\n",
            self.addr
        ))
    }

    fn head(&self) -> String {
        self.heads.lock().unwrap().first().unwrap().to_lowercase()
    }
}

fn serve(mut stream: TcpStream, answer: &[u8], closes: bool, heads: &Mutex<Vec<String>>) {
    let mut bytes = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let whole = end.and_then(|end| {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head.lines().find_map(|line| {
                line.to_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok()
            });
            (bytes.len() >= end + 4 + length.unwrap_or(0)).then_some(head)
        });
        if let Some(head) = whole {
            heads.lock().unwrap().push(head);
            bytes.clear();
            if stream.write_all(answer).is_err() || closes {
                return;
            }
        } else {
            match stream.read(&mut piece) {
                Ok(0) | Err(_) => return,
                Ok(read) => bytes.extend_from_slice(&piece[..read]),
            }
        }
    }
}

fn chunks<'a>(pieces: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut answer = CHUNKED.as_bytes().to_vec();
    for piece in pieces {
        answer.extend_from_slice(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes());
    }
    answer.extend_from_slice(b"0\r\n\r\n");
    answer
}

#[test]
fn streams_one_after_another_use_one_upstream_connection() {
    let upstream = Upstream::start(chunks([EVENT, DONE]), false);
    let world = upstream.world();
    for _ in 0..3 {
        let answer = post(world.gateway, PATH, &[], BODY);
        assert!(answer.complete);
        assert_eq!(answer.text(), format!("{EVENT}{DONE}"));
        // The connection is free again a moment after the answer's end has reached its caller.
        world.until_idle();
    }
    assert_eq!(upstream.connections.load(Ordering::Relaxed), 1);
}

#[test]
fn a_stream_that_ends_with_its_connection_leaves_the_callers_open() {
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{EVENT}{DONE}");
    let upstream = Upstream::start(answer.into_bytes(), true);
    let world = upstream.world();
    let mut caller = connect(world.gateway);
    for _ in 0..2 {
        caller.write_all(&request("POST", PATH, &[], BODY.as_bytes())).unwrap();
        let answer = read(&mut caller, usize::MAX).unwrap();
        assert!(answer.complete, "in chunks, so that its end is known");
        assert_eq!(answer.text(), format!("{EVENT}{DONE}"));
    }
    assert_eq!(upstream.connections.load(Ordering::Relaxed), 2);
}

#[test]
fn hundreds_of_chunks_in_one_write_arrive_whole() {
    // Pieces of all lengths, also such as cut events and characters.
    let text = format!("{}{DONE}", EVENT.replace("word", "Wörter").repeat(900));
    let mut pieces = Vec::new();
    let (mut rest, mut length) = (text.as_str(), 1);
    while !rest.is_empty() {
        let mut cut = length.min(rest.len());
        while !rest.is_char_boundary(cut) {
            cut += 1;
        }
        let (piece, more) = rest.split_at(cut);
        pieces.push(piece);
        (rest, length) = (more, length % 377 + 1);
    }
    let upstream = Upstream::start(chunks(pieces), false);
    let world = upstream.world();
    let answer = post(world.gateway, PATH, &[], BODY);
    assert!(answer.complete);
    assert!(answer.text() == text, "{} of {} bytes", answer.body.len(), text.len());
    // It was the stream's end, so the connection may be used again.
    world.until_idle();
    assert!(post(world.gateway, PATH, &[], BODY).complete);
    assert_eq!(upstream.connections.load(Ordering::Relaxed), 1);
}

#[test]
fn a_stream_that_breaks_off_ends_with_an_error_and_its_connection_is_not_used_again() {
    let mut answer = CHUNKED.as_bytes().to_vec();
    answer.extend_from_slice(format!("{:x}\r\n{EVENT}\r\nff\r\ndata: {{", EVENT.len()).as_bytes());
    let upstream = Upstream::start(answer, true);
    let world = upstream.world();
    for connections in 1..3 {
        let answer = post(world.gateway, PATH, &[], BODY);
        assert!(answer.text().starts_with(EVENT), "what came leaves: {}", answer.text());
        assert!(answer.text().contains("\"error\""), "{}", answer.text());
        assert_eq!(upstream.connections.load(Ordering::Relaxed), connections);
    }
}

#[test]
fn heads_that_are_not_final_do_not_end_the_wait_for_one_that_is() {
    let mut answer = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".to_vec();
    answer.extend_from_slice(&chunks([EVENT, DONE]));
    let upstream = Upstream::start(answer, false);
    let world = upstream.world();
    let answer = post(world.gateway, PATH, &[], BODY);
    assert_eq!((answer.status, answer.complete), (200, true));
    assert_eq!(answer.text(), format!("{EVENT}{DONE}"));
}

#[test]
fn what_the_caller_says_of_its_connection_stays_here() {
    let upstream = Upstream::start(chunks([EVENT, DONE]), false);
    let world = upstream.world();
    let headers = ["keep-alive: timeout=5", "te: trailers", "proxy-connection: keep-alive"];
    assert!(post(world.gateway, PATH, &headers, BODY).complete);
    let head = upstream.head();
    for name in ["\r\nkeep-alive:", "\r\nte:", "\r\nproxy-connection:", "\r\nconnection:"] {
        assert!(!head.contains(name), "{name:?} went up: {head}");
    }
}

#[test]
fn a_header_that_connection_names_stays_here() {
    let upstream = Upstream::start(chunks([EVENT, DONE]), false);
    let world = upstream.world();
    let headers = ["connection: x-hop, keep-alive", "x-hop: 1", "x-end: 2"];
    assert!(post(world.gateway, PATH, &headers, BODY).complete);
    let head = upstream.head();
    assert!(!head.contains("x-hop") && head.contains("x-end: 2"), "{head}");
}

#[test]
fn an_answer_that_comes_byte_by_byte_is_the_same_answer() {
    let answer = chunks([EVENT, "data: {\"choi", "ces\":[]}\n\n", DONE]);
    let text = format!("{EVENT}data: {{\"choices\":[]}}\n\n{DONE}");
    let upstream = Upstream::with(move |mut stream, _| {
        stream.set_nodelay(true).unwrap();
        let mut piece = [0; 16 * 1024];
        while stream.read(&mut piece).is_ok_and(|read| read > 0) {
            answer.iter().for_each(|byte| stream.write_all(&[*byte]).unwrap());
        }
    });
    let world = upstream.world();
    for _ in 0..2 {
        let answer = post(world.gateway, PATH, &[], BODY);
        assert!(answer.complete);
        assert_eq!(answer.text(), text);
    }
    assert_eq!(upstream.connections.load(Ordering::Relaxed), 1);
}

#[test]
fn an_upstream_may_answer_before_it_took_the_request_and_take_no_more_of_it() {
    const REFUSAL: &str = r#"{"error":{"message":"too much","type":"invalid_request_error"}}"#;
    let answer =
        format!("HTTP/1.1 413 Too Large\r\ncontent-length: {}\r\n\r\n{REFUSAL}", REFUSAL.len());
    // Each connection stays open, and unread beyond its first bytes.
    let open = Mutex::new(Vec::new());
    let upstream = Upstream::with(move |mut stream, _| {
        let read = stream.read(&mut [0; 1024]).unwrap();
        assert!(read > 0);
        stream.write_all(answer.as_bytes()).unwrap();
        open.lock().unwrap().push(stream);
    });
    let world = upstream.world();
    // More than all the buffers between have room for.
    let body = BODY.replace("hi", &"long ".repeat(4 << 20));
    for connections in 1..3 {
        let answer = post(world.gateway, PATH, &[], &body);
        assert_eq!((answer.status, answer.text().as_ref()), (413, REFUSAL));
        assert_eq!(upstream.connections.load(Ordering::Relaxed), connections);
    }
}

#[test]
fn a_connection_with_more_in_it_than_the_answer_is_not_used_again() {
    let plain = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let whole = chunks([EVENT, DONE]);
    for answer in [format!("{plain}{{}}").into_bytes(), [&whole[..], b"\r\n"].concat()] {
        let upstream = Upstream::start(answer, false);
        let world = upstream.world();
        for connections in 1..3 {
            let answer = post(world.gateway, PATH, &[], BODY);
            assert_eq!((answer.status, answer.complete), (200, true));
            assert_eq!(upstream.connections.load(Ordering::Relaxed), connections);
        }
    }
}

#[test]
fn an_answer_whose_framing_is_broken_is_the_upstreams_fault() {
    let json = CHUNKED.replace("text/event-stream", "application/json");
    for answer in [
        "SSH-2.0-OpenSSH_9.6\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{".to_owned(),
        format!("{json}xyz\r\n"),
        format!("{json}2\r\n{{}}{{}}\r\n0\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(64 * 1024)),
    ] {
        let upstream = Upstream::start(answer.clone().into_bytes(), true);
        let world = upstream.world();
        let body = BODY.replace("true", "false");
        let told = post(world.gateway, PATH, &[], &body);
        let about = &answer[..answer.len().min(80)];
        assert_eq!((told.status, told.complete), (502, true), "{about:?}: {}", told.text());
        assert!(told.text().contains("\"error\""), "{about:?}: {}", told.text());
    }
}
