//! The response phase: what leaves, when things arrive, what is seen.

mod mask;
mod meter;
mod pipeline;
mod tool_calls;
mod translate;
mod withhold;
