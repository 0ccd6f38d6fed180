//! Chunks of a stream through every body filter of a response, as the gateway's hook hands them over.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::time::Instant;
use tollgate_filters::detect::Kind;
use tollgate_filters::guard::{
    self, Action, DetectorSettings, Direction, Directions, Policy, Rules,
};
use tollgate_filters::response::{Body, Flow, Pipeline, Settings, Translation};
use tollgate_providers::Dialect;
use tollgate_providers::translate::Reply;

use crate::streams::Stream;

/// Between two chunks of a paced stream.
const PACE: Duration = Duration::from_millis(10);

/// What happens to a stream beside being read.
#[derive(Clone, Debug)]
pub enum Way {
    /// The upstream's bytes are the caller's.
    Pass,
    /// Usage that we asked for is taken out.
    Swallow,
    /// Output guardrails look through it.
    Guard(Arc<Rules>),
    /// The caller speaks this dialect.
    Translate(Dialect),
}

/// One stream on its way.
#[derive(Debug)]
pub struct Passage {
    pipeline: Pipeline,
    now: Instant,
}

/// Rules that redact whatever they find, every detector on; `None` if they cannot be built.
pub fn rules() -> Option<Arc<Rules>> {
    let settings = guard::Settings {
        blocklist: vec!["internal only".to_owned(), "project nightjar".to_owned()],
        detectors: vec![DetectorSettings {
            kinds: Kind::ALL.to_vec(),
            action: Action::Redact,
            directions: Directions::Both,
        }],
    };
    Policy::new(&settings).ok()?.rules(Direction::Output).cloned()
}

// === impl Passage ===

impl Passage {
    /// At the beginning of a response.
    pub fn new(dialect: Dialect, way: Way) -> Self {
        let now = Instant::now();
        let mut settings = Settings {
            status: StatusCode::OK,
            swallow_usage: matches!(way, Way::Swallow),
            hold: true,
            content_bytes_max: 0,
            started: now,
            translation: None,
            secret: None,
            guard: None,
            encoded: false,
        };
        match way {
            Way::Pass | Way::Swallow => {}
            Way::Guard(rules) => settings.guard = Some(rules),
            Way::Translate(caller) => {
                let reply = Reply {
                    request_id: "req_1".to_owned(),
                    model: "some-model".to_owned(),
                    created: 1_700_000_000,
                    include_usage: true,
                };
                settings.translation = Some(Translation { caller, stream: true, reply });
            }
        }
        Self { pipeline: Pipeline::new(Body::Stream(dialect), settings), now }
    }

    /// The same after the opening of `stream` and its first `pieces` pieces.
    pub fn into_stream(stream: &Stream, way: Way, pieces: usize) -> Self {
        let mut passage = Self::new(stream.dialect, way);
        for chunk in stream.head().iter().chain(stream.body().iter().take(pieces)) {
            passage.on_chunk(chunk.clone());
        }
        passage
    }

    /// How many bytes leave once this chunk has come, a pace after the last one.
    pub fn on_chunk(&mut self, chunk: Bytes) -> usize {
        self.now += PACE;
        left(&self.pipeline.on_chunk(chunk, self.now))
    }

    /// How many bytes leave at the end.
    pub fn on_end(&mut self) -> usize {
        left(&self.pipeline.on_end(self.now))
    }
}

/// How many bytes of a whole stream leave.
pub fn pass(dialect: Dialect, chunks: &[Bytes], way: &Way) -> usize {
    let mut passage = Passage::new(dialect, way.clone());
    let left: usize = chunks.iter().map(|chunk| passage.on_chunk(chunk.clone())).sum();
    left + passage.on_end()
}

fn left(flow: &Flow) -> usize {
    match flow {
        Flow::Forward(bytes) => bytes.len(),
        Flow::Failed(_) | Flow::Unwritable(_) | Flow::Blocked(_) => 0,
    }
}
