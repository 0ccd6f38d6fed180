//! `rotel`: an OTLP backend that nobody here wrote. It prints what it gets.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

use crate::harness::{PATIENCE, helper_is_installed, sdk_folder};

pub(crate) struct Rotel {
    child: Child,
    lines: Receiver<String>,
}

/// A span as rotel prints it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Printed {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) parent_span_id: String,
    pub(crate) name: String,
    pub(crate) start_ns: i64,
    pub(crate) end_ns: i64,
    /// Values with their types: `Str(pinecone)`.
    pub(crate) attributes: BTreeMap<String, String>,
    /// Of the resource.
    pub(crate) resource: BTreeMap<String, String>,
}

// === impl Rotel ===

impl Rotel {
    /// `None` where it is not installed.
    pub(crate) fn start(grpc: u16, http: u16) -> Option<Self> {
        let binary = sdk_folder().join("rotel");
        if !helper_is_installed(&binary) {
            return None;
        }
        let mut child = Command::new(binary)
            .args([
                "start",
                "--exporter",
                "blackhole",
                "--debug-log",
                "traces",
                "--debug-log-verbosity",
                "detailed",
            ])
            .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}")])
            .args(["--otlp-http-endpoint", &format!("127.0.0.1:{http}")])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, lines) = sync_channel(100_000);
        for mut pipe in [
            Box::new(child.stdout.take().unwrap()) as Box<dyn Read + Send>,
            Box::new(child.stderr.take().unwrap()),
        ] {
            let send = send.clone();
            std::thread::spawn(move || {
                let mut buffer = [0; 65_536];
                while let Ok(read @ 1..) = pipe.read(&mut buffer) {
                    // The test may have seen enough.
                    let _done =
                        send.try_send(String::from_utf8_lossy(&buffer[..read]).into_owned());
                }
            });
        }
        Some(Self { child, lines })
    }

    /// Waits until all of `expected` was printed.
    pub(crate) fn wait_for(&self, expected: &[&str]) {
        let is_there = |seen: &str| expected.iter().all(|part| seen.contains(part));
        self.read_until(is_there, &format!("all of {expected:?}"));
    }

    /// The spans of a trace, once there are `count`. Reads what was not read before.
    pub(crate) fn spans(&self, trace_id: &str, count: usize) -> Vec<Printed> {
        // Attributes come after the end of a span's own lines: the next span or a pause is its end.
        let all_begun = |seen: &str| of_trace(&parse(seen), trace_id).len() >= count;
        let seen = self.read_until(all_begun, &format!("{count} spans of {trace_id}"));
        of_trace(&parse(&seen), trace_id)
    }

    fn read_until(&self, is_enough: impl Fn(&str) -> bool, what: &str) -> String {
        let until = Instant::now() + PATIENCE;
        let mut seen = String::new();
        let quiet = std::time::Duration::from_millis(1_500);
        loop {
            let enough = is_enough(&seen);
            let left = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(if enough { quiet.min(left) } else { left }) {
                Ok(text) => seen.push_str(&text),
                Err(_) if enough => return seen,
                Err(_) => panic!("rotel did not print {what}:\n{seen}"),
            }
        }
    }
}

impl Drop for Rotel {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

fn of_trace(spans: &[Printed], trace_id: &str) -> Vec<Printed> {
    spans.iter().filter(|span| span.trace_id == trace_id).cloned().collect()
}

/// The spans in what was printed.
fn parse(text: &str) -> Vec<Printed> {
    let mut spans: Vec<Printed> = Vec::new();
    let mut resource = BTreeMap::new();
    let mut in_resource = false;
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with("ResourceSpans #") {
            (in_resource, resource) = (true, BTreeMap::new());
        } else if line.starts_with("ScopeSpans #") {
            in_resource = false;
        } else if line.starts_with("Span #") {
            spans.push(Printed { resource: resource.clone(), ..Printed::default() });
        }
        let attribute = line.strip_prefix("-> ").and_then(|line| line.split_once(": "));
        let field = line.split_once(':').map(|(name, value)| (name.trim(), value.trim()));
        match (spans.last_mut(), attribute, field) {
            (_, Some((name, value)), _) if in_resource => {
                resource.insert(name.to_owned(), value.to_owned());
            }
            (Some(span), Some((name, value)), _) => {
                span.attributes.insert(name.to_owned(), value.to_owned());
            }
            // A link has the same fields; a span's own come first.
            (Some(span), None, Some((name, value))) if !in_resource => {
                let take = |field: &mut String| {
                    if field.is_empty() {
                        value.clone_into(field);
                    }
                };
                match name {
                    "Trace ID" => take(&mut span.trace_id),
                    "ID" => take(&mut span.span_id),
                    "Parent ID" => take(&mut span.parent_span_id),
                    "Name" => take(&mut span.name),
                    "Start time" => span.start_ns = value.parse().unwrap_or_default(),
                    "End time" => span.end_ns = value.parse().unwrap_or_default(),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    spans
}
