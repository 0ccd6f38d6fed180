//! Prompts and answers: kept where the operator says so, nowhere else, and never longer than told.

mod kept;
pub(crate) mod nowhere;

use tollgate_mock::{Piece, Scenario};

/// Content is kept.
const ON: &str = "genai_telemetry: { capture_content: true }\n";

fn says(pieces: Vec<Piece>) -> Scenario {
    Scenario { content: pieces, ..Scenario::default() }
}
