//! What is counted: each case does the same work on every run, so that its instructions are one number.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tollgate_providers::{Capabilities, Dialect, translate};
use tollgate_store::{SpanStore, Sqlite, SqliteSettings};
use tollgate_telemetry::metrics::Retries;
use tower::ServiceExt;

use crate::chunks::{Passage, Way, rules};
use crate::rows::rows;
use crate::span::{Telling, call};
use crate::streams::{READ_BYTES, Stream, all, cut};
use crate::{routing, stack};

#[cfg(test)]
mod tests;

/// Chunks that pass before those that are counted: buffers have their size, and the caller its head.
const WARM: usize = 50;
/// Chunks, requests, decisions and calls that are counted.
const TIMES: usize = 200;
/// Pieces of a stream that is read in full reads: several of them, the last one whole.
const READ_PIECES: usize = 1_000;
/// Requests whose spans are stored at once: what a busy gateway gathers between two writes.
const STORED: u64 = 512;

/// Work, ready to be done; says of how many units it was.
pub type Work = Box<dyn FnOnce() -> usize>;

/// One thing that is counted.
pub struct Case {
    /// What it is called in the table.
    pub name: String,
    /// What the count is divided by.
    pub unit: &'static str,
    /// Makes the work, without doing any of it.
    ready: Box<dyn FnMut() -> Option<Work>>,
}

/// Every case; `folder` is for databases.
///
/// # Errors
/// What cannot be built.
pub fn every(folder: &Path) -> Result<Vec<Case>, String> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = Arc::new(runtime.map_err(|error| error.to_string())?);
    let mut cases: Vec<Case> = all(WARM + TIMES).into_iter().map(passed).collect();
    cases.push(burst());
    cases.push(swallowed());
    cases.push(guarded()?);
    cases.extend(translated());
    cases.push(request_translated());
    cases.extend(requests(&runtime));
    cases.push(decision());
    cases.push(spans());
    cases.push(stored(&runtime, folder));
    Ok(cases)
}

/// The pieces of a stream behind the first ones, a chunk each.
fn chunks(name: String, unit: &'static str, stream: Stream, way: Way) -> Case {
    let ready = move || -> Option<Work> {
        let mut passage = Passage::into_stream(&stream, way.clone(), WARM);
        let chunks = stream.body().get(WARM..)?.to_vec();
        Some(Box::new(move || {
            let count = chunks.len();
            let left: usize = chunks.into_iter().map(|chunk| passage.on_chunk(chunk)).sum();
            if left > 0 { count } else { 0 }
        }))
    };
    Case { name, unit, ready: Box::new(ready) }
}

fn passed(stream: Stream) -> Case {
    chunks(format!("stream, {}", stream.name), "chunk of one event", stream, Way::Pass)
}

fn swallowed() -> Case {
    let stream = Stream::chat_usage(WARM + TIMES);
    chunks("stream, chat, usage taken out".to_owned(), "chunk of one event", stream, Way::Swallow)
}

fn guarded() -> Result<Case, String> {
    let rules = rules().ok_or("no rules")?;
    let name = "stream, chat, guardrails that redact".to_owned();
    Ok(chunks(name, "chunk of one event", Stream::chat(WARM + TIMES), Way::Guard(rules)))
}

/// Full reads, as of an upstream that is faster than its caller.
fn burst() -> Case {
    let stream = Stream::chat(READ_PIECES);
    let body: Bytes = stream.body().concat().into();
    let ready = move || -> Option<Work> {
        let mut passage = Passage::into_stream(&stream, Way::Pass, 1);
        let reads = cut(&body, READ_BYTES);
        Some(Box::new(move || {
            let left: usize = reads.into_iter().map(|read| passage.on_chunk(read)).sum();
            if left > 0 { READ_PIECES } else { 0 }
        }))
    };
    let name = "stream, chat, reads of 16 KiB".to_owned();
    Case { name, unit: "event", ready: Box::new(ready) }
}

/// Every upstream's dialect for a caller of another.
fn translated() -> impl Iterator<Item = Case> {
    let plain = all(WARM + TIMES).into_iter().filter(|stream| !stream.name.contains(','));
    plain.map(|stream| {
        let (caller, name) = match stream.dialect {
            Dialect::Chat => (Dialect::Messages, "messages"),
            _ => (Dialect::Chat, "chat"),
        };
        let name = format!("translate, {} to {name}", stream.name);
        chunks(name, "event", stream, Way::Translate(caller))
    })
}

fn request_translated() -> Case {
    let body = stack::body("0.7", "");
    let ready = move || -> Option<Work> {
        let body = body.clone();
        Some(Box::new(move || {
            let target = translate::Target {
                model: "some-model",
                capabilities: Capabilities::assumed(Dialect::Messages),
                temperature: None,
                max_tokens: Some(256),
            };
            let (from, to) = (Dialect::Chat, Dialect::Messages);
            let translate = || translate::translate_request(from, to, &body, &target);
            (0..TIMES).filter(|_| translate().is_ok()).count()
        }))
    };
    let name = "translate, request, chat to messages".to_owned();
    Case { name, unit: "request", ready: Box::new(ready) }
}

/// The request stack without and with every layer.
fn requests(runtime: &Arc<Runtime>) -> Vec<Case> {
    let (sure, unsure) = (stack::body("0", ""), stack::body("0.7", ""));
    let warm = stack::stack(true);
    stack::admit(runtime, &warm, &sure);
    let cases = [
        ("request, nothing configured", stack::stack(false), sure.clone()),
        ("request, every layer", stack::stack(true), unsure),
        ("request, every layer, cache hit", warm, sure),
    ];
    let case = |(name, stack, body): (&str, tollgate_filters::request::Stack, Bytes)| {
        let runtime = Arc::clone(runtime);
        let ready = move || -> Option<Work> {
            let requests: Vec<_> = (0..TIMES).map(|_| stack::request(&body)).collect();
            let (runtime, stack) = (Arc::clone(&runtime), stack.clone());
            Some(Box::new(move || {
                let pass = |request| runtime.block_on(stack.clone().oneshot(request));
                requests.into_iter().filter_map(|request| pass(request).ok()).count()
            }))
        };
        Case { name: name.to_owned(), unit: "request", ready: Box::new(ready) }
    };
    cases.into_iter().map(case).collect()
}

fn decision() -> Case {
    let table = Arc::new(routing::table());
    let ready = move || -> Option<Work> {
        let table = Arc::clone(&table);
        let models: Vec<String> = (0..TIMES).map(routing::model).collect();
        Some(Box::new(move || {
            models.iter().filter_map(|model| routing::first(&table, model)).count()
        }))
    };
    Case { name: "routing, 1,000 routes".to_owned(), unit: "decision", ready: Box::new(ready) }
}

fn spans() -> Case {
    let ready = || -> Option<Work> {
        let (telling, call, retries) = (Telling::new().ok()?, call(), Retries::default());
        // Its series are there from the first call on.
        telling.tell(&call, &retries);
        Some(Box::new(move || (0..TIMES).filter(|_| telling.tell(&call, &retries) == 3).count()))
    };
    let name = "telemetry, three spans and metrics".to_owned();
    Case { name, unit: "call", ready: Box::new(ready) }
}

fn stored(runtime: &Arc<Runtime>, folder: &Path) -> Case {
    let (runtime, folder) = (Arc::clone(runtime), folder.to_path_buf());
    let ready = move || -> Option<Work> {
        let folder = TempDir::new_in(&folder).ok()?;
        let path = folder.path().join("spans.db");
        let store = Sqlite::open(&path, SqliteSettings::default()).ok()?;
        // Texts that many rows share are known from now on.
        runtime.block_on(store.insert(rows(0, STORED))).ok()?;
        let (runtime, more) = (Arc::clone(&runtime), rows(STORED, STORED));
        Some(Box::new(move || {
            let new = runtime.block_on(store.insert(more)).unwrap_or_default();
            drop(folder);
            usize::try_from(new).unwrap_or_default()
        }))
    };
    Case { name: "store, embedded".to_owned(), unit: "row", ready: Box::new(ready) }
}

// === impl Case ===

impl Case {
    /// Work that is still to be done, of the same units and instructions each time.
    pub fn ready(&mut self) -> Option<Work> {
        (self.ready)()
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Case").field("name", &self.name).finish_non_exhaustive()
    }
}
